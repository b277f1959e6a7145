//! OSV, GHSA, Go, PyPA, RustSec.

use super::{broken, rows};
use crate::support::read;
use rampart_model::scan::{FixStatus, Severity};

/// An OSV document about one package, with the given affected part.
fn osv(id: &str, ecosystem: &str, package: &str, affected: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2026-01-02T03:04:05.678Z","aliases":["CVE-2026-1111"],
            "summary":"It breaks","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}},{affected}}}]}}"#
    )
}

#[test]
fn ranges_become_intervals() {
    for (what, affected, expected) in [
        (
            "from the first",
            r#""ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.3"}]}]"#,
            "fixed ..1.2.3",
        ),
        (
            "two branches in one range",
            r#""ranges":[{"type":"SEMVER","events":[{"introduced":"1.0.0"},{"fixed":"1.2.3"},{"introduced":"2.0.0"},{"fixed":"2.0.1"}]}]"#,
            "fixed 1.0.0..1.2.3,2.0.0..2.0.1",
        ),
        (
            "several ranges, the last open",
            r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.1"}]},{"type":"ECOSYSTEM","events":[{"introduced":"2.0"}]}]"#,
            "fixed ..1.1,2.0..",
        ),
        (
            "last affected is no fix",
            r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"1.11.0"}]}]"#,
            "affected ..=1.11.0",
        ),
        (
            "last known affected, by GitHub",
            r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.0"}]}],"database_specific":{"last_known_affected_version_range":"<= 1.4.9"}"#,
            "affected 1.0..=1.4.9",
        ),
        (
            "commits beside versions",
            r#""ranges":[{"type":"GIT","repo":"https://example.org/r","events":[{"introduced":"0"},{"fixed":"abcdef"}]},{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3"}]}]"#,
            "fixed ..3",
        ),
        (
            "versions by name only",
            r#""versions":["1.0","1.1"]"#,
            "affected =1.0,=1.1",
        ),
        (
            "end before its beginning",
            r#""ranges":[{"type":"ECOSYSTEM","events":[{"fixed":"2"},{"introduced":"0"}]}]"#,
            "fixed ..2",
        ),
        (
            "everything is affected: versions by name add nothing",
            r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}],"versions":["1","2"]"#,
            "affected ..",
        ),
        (
            "null lists",
            r#""ranges":null,"versions":["4.2"]"#,
            "affected =4.2",
        ),
    ] {
        let text = osv("GHSA-aaaa-bbbb-cccc", "npm", "left", affected);
        let expected = format!("npm left CVE-2026-1111 {expected}");
        assert_eq!(rows("osv", "a.json", &text), [expected], "{what}");
    }
}

#[test]
fn an_entry_without_versions_is_not_every_version() {
    let only_commits = r#""ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]"#;
    for affected in [only_commits, r#""ranges":[]"#, r#""versions":[]"#] {
        let read = read(
            "osv",
            &[("a.json", &osv("GHSA-1", "npm", "left", affected))],
        );
        assert_eq!(read.lines(), [""; 0]);
        assert_eq!(read.stats.skipped.get("only commit ranges"), Some(&1));
        assert_eq!(read.stats.errors, 0);
    }
}

#[test]
fn one_package_named_twice_is_one_row() {
    let text = r#"{"id":"GHSA-1","modified":"2026-01-01T00:00:00Z","affected":[
        {"package":{"ecosystem":"Maven","name":"org.example:core"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.0"},{"fixed":"1.5"}]}]},
        {"package":{"ecosystem":"Maven","name":"org.example:core"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.0"},{"fixed":"2.1"}]}]}]}"#;
    assert_eq!(
        rows("ghsa", "a.json", text),
        ["maven org.example:core GHSA-1 fixed 1.0..1.5,2.0..2.1"]
    );
}

#[test]
fn names_are_normalised() {
    let fixed = r#""ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2"}]}]"#;
    for (ecosystem, name, expected) in [
        ("PyPI", "Foo.Bar_Baz", "pypi foo-bar-baz"),
        ("NuGet", "Newtonsoft.Json", "nuget newtonsoft.json"),
        ("Packagist", "Vendor/Name", "composer vendor/name"),
        ("npm", "@scope/Name", "npm @scope/Name"),
        ("Go", "github.com/Azure/x", "golang github.com/Azure/x"),
        ("Debian:12", "curl", "os/debian/12 curl"),
    ] {
        let line = &rows("osv", "a.json", &osv("X-1", ecosystem, name, fixed))[0];
        assert_eq!(*line, format!("{expected} CVE-2026-1111 fixed ..2"));
    }
}

#[test]
fn what_was_taken_back_has_no_rows() {
    let text = osv("GHSA-1", "npm", "left", r#""versions":["1"]"#).replace(
        r#""summary""#,
        r#""withdrawn":"2026-02-01T00:00:00Z","summary""#,
    );
    let read = read("ghsa", &[("a.json", &text)]);
    assert_eq!(read.lines(), [""; 0]);
    // Its own id and not the CVE's: other feeds may still stand by that.
    assert!(read.record("GHSA-1").withdrawn);
    assert_eq!(read.records.len(), 1);
}

#[test]
fn records_tell_of_the_flaw() {
    let text = r#"{"id":"GHSA-aaaa-bbbb-cccc","modified":"2026-01-02T03:04:05.678Z","published":"2025-12-31T00:00:00Z",
        "aliases":["CVE-2026-1111"],"summary":"It  breaks\n badly","details":"Long text","severity":[
        {"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected":[{"package":{"ecosystem":"npm","name":"left"},"versions":["1"]}],
        "references":[{"type":"WEB","url":"https://example.org/a"},{"type":"WEB","url":"https://example.org/a"}],
        "database_specific":{"severity":"MODERATE","cwe_ids":["CWE-79"],"github_reviewed":true}}"#;
    let read = read("osv", &[("a.json", text)]);
    let record = read.record("CVE-2026-1111");
    assert_eq!(record.aliases, ["GHSA-aaaa-bbbb-cccc"]);
    assert_eq!(record.title, "It breaks badly");
    assert_eq!(record.severities, [("ghsa".to_owned(), Severity::Medium)]);
    assert_eq!(record.cvss[0].score_tenths, 98);
    assert_eq!(record.cwes, ["CWE-79"]);
    assert_eq!(record.references, ["https://example.org/a"]);
    assert_eq!(record.modified, "2026-01-02T03:04:05Z");
    assert_eq!(read.stats.newest, "2026-01-02T03:04:05Z");
    assert_eq!(read.rows[0].feed, "ghsa");
}

#[test]
fn go_has_modules_that_are_no_modules() {
    let text = r#"{"schema_version":"1.3.1","id":"GO-2026-0001","modified":"0001-01-01T00:00:00Z","published":"0001-01-01T00:00:00Z",
        "aliases":["CVE-2026-2222","GHSA-x"],"affected":[
        {"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.21.8"},{"introduced":"1.22.0-0"},{"fixed":"1.22.1"}]}],"ecosystem_specific":{"imports":[{"path":"net/http","symbols":["Get"]}]}},
        {"package":{"name":"toolchain","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.21.8"}]}],"ecosystem_specific":{}},
        {"package":{"name":"example.org/beats","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],
         "ecosystem_specific":{"custom_ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"8.19.9"}]}]}}]}"#;
    let read = read("go", &[("data/osv/GO-2026-0001.json", text)]);
    assert_eq!(
        read.lines(),
        [
            "golang stdlib CVE-2026-2222 fixed ..1.21.8,1.22.0-0..1.22.1",
            "golang toolchain CVE-2026-2222 fixed ..1.21.8",
            "golang example.org/beats CVE-2026-2222 affected ..",
        ]
    );
    // The product's own number is shown, not compared.
    assert_eq!(read.rows[2].fixed_versions, ["8.19.9"]);
    // The year 1 stands for "never".
    assert_eq!(read.record("CVE-2026-2222").published, "");
}

#[test]
fn yaml_numbers_are_versions() {
    let text = "id: PYSEC-2026-1\nmodified: 2026-07-25T16:31:58.309647Z\naliases:\n- CVE-2026-3333\n\
        details: A flaw\naffected:\n- package:\n    ecosystem: PyPI\n    name: Zope_X\n  ranges:\n\
        \x20 - type: GIT\n    repo: https://example.org/r\n    events:\n    - introduced: \"0\"\n    - fixed: abc\n\
        \x20 - type: ECOSYSTEM\n    events:\n    - introduced: 4.0\n    - fixed: 4.10\n  versions:\n  - 4.0\n  - '4.1'\n  - 1e3\nwithdrawn: null\n";
    assert_eq!(
        rows("pypa", "vulns/zope/PYSEC-2026-1.yaml", text),
        // The interval holds 4.0 and 4.1 anyway.
        ["pypi zope-x CVE-2026-3333 fixed 4.0..4.10,=1e3"]
    );
}

#[test]
fn rustsec_requirements_are_any_match() {
    let file = |head: &str| {
        format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"left\"\ndate = \"2026-01-01\"\naliases = [\"CVE-2026-4444\"]\n{head}\n```\n\n# It breaks\n\nLong text.\n"
        )
    };
    for (head, expected) in [
        (
            "[versions]\npatched = [\">= 0.9.1\"]",
            "cargo left CVE-2026-4444 fixed ..0.9.1",
        ),
        (
            "[versions]\npatched = [\"^0.7.1\", \">= 0.8.1\"]\nunaffected = [\"< 0.3\"]",
            "cargo left CVE-2026-4444 fixed 0.3.0..0.7.1,0.8.0-0..0.8.1",
        ),
        (
            "[versions]\npatched = []",
            "cargo left CVE-2026-4444 affected ..",
        ),
        (
            "[versions]\npatched = []\nunaffected = [\"> 1.0\"]",
            "cargo left CVE-2026-4444 affected ..1.0.1-0",
        ),
    ] {
        assert_eq!(
            rows("rustsec", "crates/left/RUSTSEC-2026-0001.md", &file(head)),
            [expected]
        );
    }
    for (head, reason) in [
        (
            "informational = \"unmaintained\"\n[versions]\npatched = []",
            "informational",
        ),
        (
            "informational = \"unsound\"\n[versions]\npatched = []",
            "informational",
        ),
        (
            "withdrawn = \"2026-02-02\"\n[versions]\npatched = []",
            "withdrawn",
        ),
        ("[versions]\npatched = [\"*\"]", "no version is affected"),
    ] {
        let read = read(
            "rustsec",
            &[("crates/left/RUSTSEC-2026-0001.md", &file(head))],
        );
        assert_eq!(read.lines(), [""; 0], "{head}");
        assert_eq!(read.stats.skipped.get(reason), Some(&1), "{head}");
    }
    let (errors, _) = broken(
        "rustsec",
        "RUSTSEC-1.md",
        &file("[versions]\npatched = [\"newest\"]"),
    );
    assert_eq!(errors, ["RUSTSEC-1.md: 'newest' is no version requirement"]);
}

#[test]
fn one_broken_entry_leaves_the_rest() {
    let good = osv("GHSA-1", "npm", "left", r#""versions":["1"]"#);
    let list = format!(r#"[{good}, {{"id": 7}}, {{"aliases": []}}, {good}]"#);
    let (errors, rows) = broken("osv", "all.json", &list);
    assert_eq!(rows.len(), 2);
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].starts_with("all.json:1: invalid type"),
        "{errors:?}"
    );
    assert!(
        errors[1].starts_with("all.json:2: missing field `id`"),
        "{errors:?}"
    );

    let (errors, rows) = broken("osv", "cut.json", &good[..good.len() / 2]);
    assert_eq!((errors.len(), rows.len()), (1, 0));
    assert!(errors[0].starts_with("cut.json: EOF"), "{errors:?}");
}

#[test]
fn distributions_speak_of_each_cve() {
    let text = r#"{"id":"USN-1-1","modified":"2026-01-01T00:00:00Z","upstream":["CVE-2026-1000","CVE-2026-1001"],
        "severity":[{"type":"Ubuntu","score":"low"}],"affected":[
        {"package":{"ecosystem":"Ubuntu:22.04:LTS","name":"curl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"7.81.0-1ubuntu1.1"}]}]},
        {"package":{"ecosystem":"Ubuntu:Pro:16.04:LTS","name":"curl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"7.47.0-1esm1"}]}],
         "ecosystem_specific":{"availability":"Available with Ubuntu Pro (Infra-only): https://ubuntu.com/pro"}}]}"#;
    let read = read("ubuntu", &[("USN-1-1.json", text)]);
    assert_eq!(
        read.lines(),
        [
            "os/ubuntu/22.04 curl CVE-2026-1000 fixed ..7.81.0-1ubuntu1.1",
            "os/ubuntu/22.04 curl CVE-2026-1001 fixed ..7.81.0-1ubuntu1.1",
            "os/ubuntu/16.04/esm-infra curl CVE-2026-1000 fixed ..7.47.0-1esm1",
            "os/ubuntu/16.04/esm-infra curl CVE-2026-1001 fixed ..7.47.0-1esm1",
        ]
    );
    assert_eq!(read.rows[0].severity, Some(Severity::Low));
    assert_eq!(read.rows[0].aliases, ["USN-1-1"]);
    assert_eq!(read.rows[0].status, FixStatus::Fixed);
}
