//! Archives as feeds are given: gzip, xz, zstd, bzip2, tar, zip, and each in each.
//!
//! Holds: no panic, and never more unpacked than the limits say.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_updater::{
    feed::Parser,
    input::{Limits, Reading},
    output::{Collected, Output, Stats},
};

const LIMITS: Limits = Limits {
    file_bytes: 64 << 10,
    total_bytes: 256 << 10,
    files: 50,
    depth: 4,
};

#[derive(Default)]
struct Count {
    bytes: u64,
    files: u64,
}

impl Parser for Count {
    fn wants(&self, name: &str) -> bool {
        !name.ends_with(".no")
    }

    fn file(&mut self, _: &str, bytes: &[u8], _: &mut Output<'_>) {
        self.bytes += bytes.len() as u64;
        self.files += 1;
        assert!(bytes.len() as u64 <= LIMITS.file_bytes);
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
        return;
    };
    let path = folder.path().join("feed");
    if std::fs::write(&path, data).is_err() {
        return;
    }
    let (mut sink, mut stats) = (Collected::default(), Stats::default());
    let mut out = Output::new("osv", &mut sink, &mut stats);
    let mut parser = Count::default();
    let _ = Reading::new(&mut parser, &mut out, LIMITS).path(&path);
    assert!(parser.bytes <= LIMITS.total_bytes);
    assert!(parser.files <= LIMITS.files);
});
