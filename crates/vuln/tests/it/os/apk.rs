//! Alpine's database.

use super::layer::{LayerBuilder, analyze};
use rampart_vuln::{analyze::path_hash, merge::merge};

const INSTALLED: &str = "\
C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
S:383152
T:the musl c library
U:https://musl.libc.org/
L:MIT
o:musl
m:Timo Teras <timo.teras@iki.fi>
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1x=
F:

P:ssl_client
V:1.36.1-r15
A:x86_64
L:GPL-2.0-only
o:busybox
F:usr
F:usr/bin
R:ssl_client

P:broken
A:x86_64

P:last
V:1
o:last";

#[test]
fn fields_origins_owned_files_and_broken_entries() {
    for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        let facts = analyze(path, 0o644, INSTALLED.as_bytes());
        let told: Vec<_> = facts
            .packages
            .iter()
            .map(|p| {
                (
                    p.name.as_str(),
                    p.version.as_str(),
                    p.source.clone().unwrap().name,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("musl", "1.2.4-r2", "musl".to_owned()),
                ("ssl_client", "1.36.1-r15", "busybox".to_owned()),
                ("last", "1", "last".to_owned()),
            ]
        );
        assert_eq!(facts.packages[0].licenses, ["MIT"]);
        assert_eq!(facts.packages[0].arch, "x86_64");
        assert_eq!(facts.packages[0].supplier, "Timo Teras <timo.teras@iki.fi>");
        for owned in [
            "lib/ld-musl-x86_64.so.1",
            "usr/lib/ld-musl-x86_64.so.1",
            "usr/bin/ssl_client",
        ] {
            assert!(
                facts.owned_paths.binary_search(&path_hash(owned)).is_ok(),
                "{owned}"
            );
        }
        assert_eq!(facts.problems.len(), 1);
        assert!(
            facts.problems[0].reason.contains("the first at line 26"),
            "{facts:?}"
        );
    }
}

#[test]
fn programs_lead_to_packages() {
    let layer = LayerBuilder::default().file("lib/apk/db/installed", INSTALLED);
    let artifact = merge(vec![layer.build()]);
    let mut packages = artifact.packages;
    let marked = rampart_vuln::in_use::mark(
        &mut packages,
        &artifact.programs,
        ["/usr/bin/ssl_client", "/usr/bin/other"],
    );
    assert_eq!(marked, 1);
    let used: Vec<&str> = packages
        .iter()
        .filter(|p| p.in_use)
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(used, ["ssl_client"]);
}

#[test]
fn nonsense_is_empty_not_a_panic() {
    for text in [
        "",
        "\n\n\n",
        ":",
        "P:",
        "P:a\nV: \u{c} \n",
        "P",
        "R:file-without-folder",
        "\u{0}:\u{0}",
    ] {
        assert!(
            analyze("lib/apk/db/installed", 0o644, text.as_bytes())
                .packages
                .is_empty()
        );
    }
}
