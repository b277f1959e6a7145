//! Package URLs: what is written is read again; the specification's own suite where it is at hand.

use proptest::prelude::*;
use rampart_model::package::{Distro, Package, PackageKind};
use rampart_vuln::purl::{parse, to_purl};
use serde_json::Value;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_reads_the_same(
        kind in prop::sample::select(PackageKind::ALL),
        name in "[a-z@][a-z0-9@/:._ %?#&=-]{0,12}",
        version in "\\PC{1,8}",
        arch in "[a-z0-9_]{0,6}",
        id in "[a-z]{0,6}",
    ) {
        let mut package = Package::new(kind, name, version);
        package.arch = arch;
        let distro = Distro { id, version: "1".into(), ..Distro::default() };
        let text = to_purl(&package, Some(&distro));
        if let Ok(purl) = parse(&text) {
            prop_assert_eq!(purl.to_string(), text);
            let read = purl.to_package().unwrap();
            prop_assert_eq!(read.kind, kind);
            prop_assert_eq!(read.arch, package.arch);
        }
    }

    #[test]
    fn reading_is_stable(text in "pkg:[a-z/@:%0-9?&=#.-]{0,40}") {
        if let Ok(purl) = parse(&text) {
            let canonical = purl.to_string();
            prop_assert_eq!(parse(&canonical), Ok(purl));
        }
    }
}

/// `test-suite-data.json` of the specification, where `RAMPART_PURL_SUITE` says
/// (`scripts/sbom-conformance.sh` fetches it).
#[test]
fn the_specifications_suite_passes() {
    let named = std::env::vars().find(|(name, _)| name == "RAMPART_PURL_SUITE");
    let Some((_, path)) = named else {
        println!("skipped: RAMPART_PURL_SUITE is not set");
        return;
    };
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for case in &cases {
        let text = case["purl"].as_str().unwrap();
        let read = parse(text);
        if case["is_invalid"] == true {
            assert!(read.is_err(), "{text} is taken");
            continue;
        }
        let purl = read.unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            purl.to_string(),
            case["canonical_purl"].as_str().unwrap(),
            "{text}"
        );
        for (part, key) in [
            (&purl.kind, "type"),
            (&purl.namespace, "namespace"),
            (&purl.name, "name"),
            (&purl.version, "version"),
            (&purl.subpath, "subpath"),
        ] {
            // One case of the suite has a slash at the end of its namespace.
            let expected = case[key].as_str().unwrap_or_default().trim_end_matches('/');
            assert_eq!(part, expected, "{text}: {key}");
        }
    }
    println!("{} cases of the specification's suite pass", cases.len());
}
