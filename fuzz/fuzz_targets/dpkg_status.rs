//! dpkg's status, lists and copyright files, from an image anybody may have made.
//!
//! Holds: no panic; every package has a name, a version and a source.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::{ALL, FileFacts, FileMeta, dpkg};

fuzz_target!(|bytes: &[u8]| {
    for package in dpkg::parse(bytes).packages {
        assert!(!package.name.is_empty() && !package.version.is_empty());
        assert!(package.source.is_some_and(|source| !source.name.is_empty()));
    }
    assert!(dpkg::licenses(bytes).is_sorted());
    let Some(analyzer) = ALL.iter().find(|analyzer| analyzer.name() == "dpkg") else {
        return;
    };
    for path in [
        "var/lib/dpkg/info/a:amd64.list",
        "var/lib/dpkg/status.d/YQ==.md5sums",
    ] {
        let meta = FileMeta {
            path: path.to_owned(),
            ..FileMeta::default()
        };
        let mut facts = FileFacts::default();
        if let Some(mut sink) = analyzer.open(&meta, bytes) {
            sink.chunk(bytes);
            sink.finish(false, &mut facts);
        }
        assert!(facts.owned_paths.is_sorted());
    }
});
