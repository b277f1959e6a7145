//! Ignore files of each kind, and NeuVector's profiles.

use rampart_model::{Package, PackageKind, Timestamp, Vulnerability, scan::FixStatus};
use rampart_vuln::ignore::{
    Profile, ProfileEntry, RECENT, RECENT_WITHOUT_FIX, Scope, apply, ignores_config,
    ignores_secret, parse,
};

/// 2024-06-15T12:00:00Z.
const NOW: Timestamp = Timestamp(1_718_452_800_000);

fn packages() -> Vec<Package> {
    let at = |package: Package, path: &str| Package {
        path: path.into(),
        ..package
    };
    vec![
        at(
            Package::new(PackageKind::Npm, "lodash", "4.17.20"),
            "app/node_modules/lodash/package.json",
        ),
        at(
            Package::new(PackageKind::Deb, "libssl3", "3.0.11-1"),
            "var/lib/dpkg/status",
        ),
    ]
}

fn findings() -> Vec<Vulnerability> {
    let finding = |id: &str, package, status| Vulnerability {
        id: id.into(),
        package,
        status,
        published: "2024-06-10T08:00:00Z".into(),
        ..Vulnerability::default()
    };
    vec![
        Vulnerability {
            aliases: vec!["GHSA-1111-2222-3333".into()],
            ..finding("CVE-2024-0001", 0, FixStatus::Fixed)
        },
        finding("CVE-2024-0002", 1, FixStatus::WillNotFix),
        Vulnerability {
            published: "2023-01-01T00:00:00Z".into(),
            ..finding("CVE-2024-0003", 1, FixStatus::Affected)
        },
    ]
}

/// Which findings a file takes away, how many rules it complains of, and what it says of them.
fn check(name: &str, text: &str, expect: &str, complaints: usize) -> Vec<String> {
    let (file, diagnostics) = parse(name, text.as_bytes());
    assert_eq!(diagnostics.len(), complaints, "{text}: {diagnostics:?}");
    let mut found = findings();
    let notes = apply(&[file], &mut found, &packages(), None, NOW);
    let hidden: Vec<_> = found
        .iter()
        .filter(|v| v.suppressed.is_some())
        .map(|v| &v.id[12..])
        .collect();
    assert_eq!(hidden.join(" "), expect, "{text}");
    let why = found
        .iter()
        .filter_map(|v| v.suppressed.as_ref())
        .map(|s| format!("{}: {}", s.source, s.reason));
    why.chain(notes).collect()
}

#[test]
fn plain_lists() {
    let plain =
        |text: &str, expect: &str, complaints| check(".trivyignore", text, expect, complaints);
    assert_eq!(
        plain(
            "# Not reachable:\n# only in tests\nCVE-2024-0001\n\n",
            "1",
            0
        ),
        [".trivyignore:3: Not reachable: only in tests"]
    );
    assert_eq!(
        plain("\n# x\n\ncve-2024-0002 # accepted", "2", 0),
        [".trivyignore:4: accepted"]
    );
    plain("GHSA-1111-2222-3333", "1", 0);
    plain("CVE-2024-0001 exp:2024-06-16\r\nCVE-2024-0002", "1 2", 0);
    assert_eq!(
        plain("CVE-2024-0001 exp:2024-06-15", "", 0),
        [".trivyignore:1: the rule for CVE-2024-0001 has expired: it is not applied"]
    );
    plain(
        "CVE-2024-0001 exp:2024-13-40\nCVE-2024-0002 until:tomorrow",
        "",
        2,
    );
    plain("", "", 0);
    check(".trivyignore", "\u{feff}CVE-2024-0001", "1", 0);
    let (_, diagnostics) = parse(".trivyignore", b"\xff\xfe");
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn trivys_yaml() {
    let yaml =
        |text: &str, expect: &str, complaints| check(".trivyignore.yaml", text, expect, complaints);
    assert_eq!(
        yaml(
            "vulnerabilities:\n  - id: CVE-2024-0001\n    statement: Fine\n",
            "1",
            0
        ),
        [".trivyignore.yaml: Fine"]
    );
    yaml(
        "vulnerabilities:\n  - id: CVE-2024-0001\n    paths: [\"app/**/package.json\"]\n  - id: CVE-2024-0002\n    paths: [other]\n",
        "1",
        0,
    );
    yaml(
        "vulnerabilities:\n  - id: CVE-2024-0001\n    purls: [\"pkg:npm/lodash\"]\n  - id: CVE-2024-0002\n    purls: [\"pkg:npm/lodash\"]\n",
        "1",
        0,
    );
    yaml(
        "vulnerabilities:\n  - id: CVE-2024-0001\n    expired_at: 2024-06-16\n  - id: CVE-2024-0002\n    expired_at: 2024-06-01\n",
        "1",
        0,
    );
    yaml(
        "vulnerabilities:\n  - id: CVE-2024-0001\n    purls: [nonsense]\n",
        "",
        1,
    );
    yaml(
        "vulnerabilities:\n  - id: CVE-2024-0001\n    until: now\n",
        "",
        1,
    );
    yaml("secrets:\n  - id: CVE-2024-0001\n", "", 0);
    yaml("vulnerabilities:\n", "", 0);
    yaml("# nothing\n", "", 0);
    yaml("vulnerabilities: [", "", 1);
    yaml("vulnerabilities:\n  - id: \"\"\n", "", 1);
    let (file, _) = parse(".trivyignore.yaml", b"secrets:\n  - id: aws-key\n    paths: [\"test/**\"]\nmisconfigurations:\n  - id: RMP-IMG-001\n");
    let files = [file];
    assert!(ignores_secret(&files, "aws-key", "test/a/key", NOW).is_some());
    assert!(ignores_secret(&files, "aws-key", "src/key", NOW).is_none());
    assert!(ignores_config(&files, "RMP-IMG-001", "", NOW).is_some());
    assert!(ignores_config(&files, "aws-key", "test/a", NOW).is_none());
}

#[test]
fn grypes_rules() {
    let grype =
        |text: &str, expect: &str, complaints| check(".grype.yaml", text, expect, complaints);
    grype(
        "output: json\nignore:\n  - vulnerability: CVE-2024-0001\n    reason: fine\n",
        "1",
        0,
    );
    grype("ignore:\n  - fix-state: wont-fix\n", "2", 0);
    grype("ignore:\n  - fix-state: not-fixed\n", "3", 0);
    grype(
        "ignore:\n  - package:\n      name: lib.*\n      version: 3.0.11-1\n      type: deb\n",
        "2 3",
        0,
    );
    grype("ignore:\n  - package:\n      name: ssl\n", "", 0);
    grype(
        "ignore:\n  - package:\n      type: npm\n      location: \"app/**\"\n",
        "1",
        0,
    );
    grype(
        "ignore:\n  - vulnerability: CVE-2024-0001\n    namespace: debian:distro:debian:12\n",
        "",
        1,
    );
    grype("ignore:\n  - package:\n      name: \"(\"\n", "", 1);
    grype("ignore:\n  - fix-state: soon\n", "", 1);
    grype("ignore:\n  - reason: everything\n", "", 1);
    grype("output: json\n", "", 0);
}

#[test]
fn neuvectors_profiles() {
    let entry = |name: &str, days, domains: &[&str], images: &[&str]| ProfileEntry {
        id: 7,
        name: name.into(),
        comment: "ok".into(),
        days,
        domains: domains.iter().map(|&text| text.to_owned()).collect(),
        images: images.iter().map(|&text| text.to_owned()).collect(),
        added_at: Timestamp::UNKNOWN,
    };
    let check = |entry: ProfileEntry, domain: &str, image: &str, expect: &str| {
        let mut found = findings();
        let shown = format!("{entry:?} in '{domain}' '{image}'");
        Profile {
            name: "default".into(),
            entries: vec![entry],
        }
        .apply(&mut found, Scope { domain, image }, NOW);
        let hidden: Vec<_> = found
            .iter()
            .filter(|v| v.suppressed.is_some())
            .map(|v| &v.id[12..])
            .collect();
        assert_eq!(hidden.join(" "), expect, "{shown}");
    };
    check(entry("CVE-2024-0001", 0, &[], &[]), "", "", "1");
    check(entry("ghsa-1111-2222-3333", 0, &[], &[]), "", "", "1");
    check(
        entry("CVE-2024-0001", 0, &["team-*"], &[]),
        "team-a",
        "",
        "1",
    );
    check(entry("CVE-2024-0001", 0, &["team-*"], &[]), "other", "", "");
    check(entry("CVE-2024-0001", 0, &["team-*"], &[]), "", "", "");
    check(
        entry("CVE-2024-0001", 0, &[], &["registry/*/nginx:1.*"]),
        "",
        "registry/a/nginx:1.25",
        "1",
    );
    check(
        entry("CVE-2024-0001", 0, &[], &["registry/*/nginx:1.*"]),
        "",
        "registry/a/nginx:2.0",
        "",
    );
    check(entry(RECENT, 7, &[], &[]), "", "", "1 2");
    check(entry(RECENT, 5, &[], &[]), "", "", "");
    check(entry(RECENT_WITHOUT_FIX, 7, &[], &[]), "", "", "2");
    let until = |days| ProfileEntry {
        added_at: Timestamp(NOW.ms() - 3 * 86_400_000),
        ..entry("CVE-2024-0001", days, &[], &[])
    };
    check(until(4), "", "", "1");
    check(until(3), "", "", "");
    assert!(until(3).is_expired(NOW) && !until(0).is_expired(NOW));
}
