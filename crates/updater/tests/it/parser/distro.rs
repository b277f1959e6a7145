//! Debian, Ubuntu, Alpine and its kin, and the RPM distributions.

use super::{broken, rows};
use crate::support::read;
use rampart_model::scan::Severity;

#[test]
fn debian_tracker_statuses() {
    let text = r#"{"curl":{
      "CVE-2026-0001":{"description":"A flaw","releases":{
        "bookworm":{"status":"resolved","fixed_version":"7.88.1-10+deb12u5","urgency":"medium**"},
        "trixie":{"status":"resolved","fixed_version":"0","urgency":"unimportant"},
        "bullseye":{"status":"open","urgency":"low","nodsa":"Minor issue","nodsa_reason":""},
        "sid":{"status":"undetermined","urgency":"not yet assigned"}}},
      "CVE-2026-0002":{"releases":{
        "bookworm":{"status":"open","urgency":"unimportant"},
        "bullseye":{"status":"open","urgency":"low","nodsa":"No","nodsa_reason":"ignored"},
        "trixie":{"status":"open","urgency":"low","nodsa":"Later","nodsa_reason":"postponed"},
        "buster":{"status":"open","urgency":"end-of-life"}}},
      "TEMP-0000000-ABCDEF":{"releases":{"bookworm":{"status":"open","urgency":"high"}}}}}"#;
    let read = read("debian", &[("debian.json", text)]);
    let mut lines = read.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "os/debian/10 curl CVE-2026-0002 end_of_life",
            "os/debian/11 curl CVE-2026-0001 affected",
            "os/debian/11 curl CVE-2026-0002 will_not_fix",
            "os/debian/12 curl CVE-2026-0001 fixed ..7.88.1-10+deb12u5",
            "os/debian/12 curl CVE-2026-0002 affected",
            "os/debian/12 curl TEMP-0000000-ABCDEF affected",
            "os/debian/13 curl CVE-2026-0001 not_affected",
            "os/debian/13 curl CVE-2026-0002 fix_deferred",
        ]
    );
    let severity = |id: &str, release: &str| {
        read.rows
            .iter()
            .find(|row| row.id == id && row.bucket.to_string().ends_with(release))
            .and_then(|row| row.severity)
    };
    assert_eq!(severity("CVE-2026-0001", "/12"), Some(Severity::Medium));
    assert_eq!(severity("CVE-2026-0002", "/12"), Some(Severity::Negligible));
    assert_eq!(read.stats.skipped.get("undetermined"), Some(&1));
    assert_eq!(read.record("CVE-2026-0001").description, "A flaw");
}

#[test]
fn debian_lists_complete_each_other() {
    let cve = "CVE-2026-0001 (A flaw in curl ...)\n\t{DSA-9001-1}\n\t- curl 8.5.0-1 (bug #1; medium)\n\
        \t[trixie] - curl <not-affected> (Vulnerable code not present)\n\tNOTE: https://example.org\n\
        CVE-2026-0002 [embedded copy]\n\t- curl <unfixed> (unimportant)\n\t[bookworm] - curl <no-dsa> (Minor issue)\n\
        \t[bullseye] - curl <end-of-life> (EOL)\n\t[trixie] - curl <ignored> (No)\n\t[forky] - curl <postponed> (Later)\n\
        CVE-2026-0003\n\tNOT-FOR-US: Something\nCVE-2026-0004\n\tREJECTED\nCVE-2026-0005\n\tRESERVED\n\
        CVE-2026-0006 (New)\n\t- newthing <itp> (bug #2)\n\t- odd <undetermined>\n\t- gone <removed>\n";
    let dsa = "[29 Mar 2026] DSA-9001-1 curl - security update\n\t{CVE-2026-0001}\n\t[bookworm] - curl 7.88.1-10+deb12u5\n\
        [28 Mar 2026] DSA-9000-2 tzdata - regression update\n\t[bookworm] - tzdata 2026a-0+deb12u1 \n\
        [27 Mar 2026] DSA-8999-1 xen - security update\n        NOTE: end of life\n\t{CVE-2026-0009}\n\t[woody] - xen <unfixed> (high)\n";
    let read = read(
        "debian-list",
        &[("data/CVE/list", cve), ("data/DSA/list", dsa)],
    );
    assert_eq!(read.stats.diagnostics, []);
    let expected: &[&str] = &[
        "os/debian/11 curl CVE-2026-0001 affected ..8.5.0-1",
        "os/debian/11 curl CVE-2026-0002 end_of_life",
        "os/debian/11 gone CVE-2026-0006 affected",
        "os/debian/12 curl CVE-2026-0001 fixed ..7.88.1-10+deb12u5",
        "os/debian/12 curl CVE-2026-0002 affected",
        "os/debian/12 gone CVE-2026-0006 affected",
        "os/debian/12 tzdata DSA-9000 fixed ..2026a-0+deb12u1",
        "os/debian/13 curl CVE-2026-0001 not_affected",
        "os/debian/13 curl CVE-2026-0002 will_not_fix",
        "os/debian/13 gone CVE-2026-0006 affected",
        "os/debian/14 curl CVE-2026-0001 affected ..8.5.0-1",
        "os/debian/14 curl CVE-2026-0002 fix_deferred",
        "os/debian/14 gone CVE-2026-0006 affected",
        "os/debian/3.0 xen CVE-2026-0009 affected",
        "os/debian/sid curl CVE-2026-0001 fixed ..8.5.0-1",
        "os/debian/sid curl CVE-2026-0002 affected",
        "os/debian/sid gone CVE-2026-0006 affected",
    ];
    assert_eq!(read.lines(), expected);
    let fixed = read
        .rows
        .iter()
        .find(|row| row.bucket.to_string() == "os/debian/12" && row.id == "CVE-2026-0001")
        .unwrap();
    assert_eq!(fixed.aliases, ["DSA-9001"]);
    // The release's own line has no urgency: unstable's stands.
    assert_eq!(fixed.severity, Some(Severity::Medium));
    assert_eq!(
        read.record("CVE-2026-0001").description,
        "A flaw in curl ..."
    );
}

#[test]
fn debian_lists_name_the_line_that_is_wrong() {
    let (errors, rows) = broken(
        "debian-list",
        "DSA-list",
        "[1 Jan 2026] DSA-1-1 a - x\n\t{CVE-2026-0001}\n\t[potato] - a 1\n\t[bookworm] a 1\n\t[bookworm] - a 1\nnonsense\n\t[bookworm] - b <maybe>\n",
    );
    assert_eq!(rows, ["os/debian/12 a CVE-2026-0001 fixed ..1"]);
    assert_eq!(
        errors,
        [
            "DSA-list:3: unknown release 'potato'",
            "DSA-list:4: not '[release] - package version': [bookworm] a 1",
            "DSA-list:6: cannot be read: nonsense",
            "DSA-list:b: unknown mark <maybe>",
        ]
    );
}

#[test]
fn changelogs_tell_their_release() {
    let text = r#"{"curl":{"entries":2,"cves":{
        "CVE-2026-0001":{"fixed":"7.74.0-1.3+deb11u8","dist":"bullseye-security","all":["7.74.0-1.3+deb11u8"]},
        "CVE-2026-0002":{"fixed":"7.70.0-1","dist":"unstable","all":["7.70.0-1"]},
        "CVE-2":{"fixed":"1","dist":"unstable"}}}}"#;
    let (errors, rows) = broken("debian-changelog", "adv.json", text);
    assert_eq!(
        rows,
        [
            "os/debian/11 curl CVE-2026-0001 fixed ..7.74.0-1.3+deb11u8",
            "os/debian/11 curl CVE-2026-0002 fixed ..7.70.0-1",
        ]
    );
    assert_eq!(errors, ["adv.json:curl: 'CVE-2' fixed in '1'"]);
}

#[test]
fn ubuntu_tracker_pockets_and_statuses() {
    let text = "Candidate: CVE-2026-0001\nPublicDate: 2026-03-10 17:44:00 UTC\nReferences:\n https://example.org/a\n\
        Description:\n A flaw\n in two lines.\nPriority: medium\n because\nPriority_curl_xenial: low\nCVSS:\n \
        nvd: CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H [7.5 HIGH]\n\nPatches_curl:\nupstream_curl: released (8.5)\n\
        jammy_curl: released (7.81.0-1ubuntu1.16)\nnoble_curl: not-affected (8.5.0-2ubuntu10)\nfocal_curl: needed\n\
        xenial_curl: ignored (end of standard support, was needed)\nesm-infra/xenial_curl: needs-triage\n\
        esm-apps/focal_curl: deferred (2026-01-01)\ntrusty/esm_curl: ignored (changes too intrusive)\n\
        fips-updates/focal_curl: released (7.68.0-1fips2)\nbionic_curl: DNE\nmantic_curl: pending (8.2)\ndevel_curl: odd (x)\n";
    let read = read("ubuntu", &[("active/CVE-2026-0001", text)]);
    assert_eq!(read.stats.diagnostics, []);
    assert_eq!(
        read.lines(),
        [
            "os/ubuntu/22.04 curl CVE-2026-0001 fixed ..7.81.0-1ubuntu1.16",
            "os/ubuntu/24.04 curl CVE-2026-0001 not_affected",
            "os/ubuntu/20.04 curl CVE-2026-0001 affected",
            "os/ubuntu/16.04 curl CVE-2026-0001 end_of_life",
            "os/ubuntu/16.04/esm-infra curl CVE-2026-0001 under_investigation",
            "os/ubuntu/20.04/esm-apps curl CVE-2026-0001 fix_deferred",
            "os/ubuntu/14.04/esm-infra curl CVE-2026-0001 will_not_fix",
            "os/ubuntu/20.04/fips-updates curl CVE-2026-0001 fixed ..7.68.0-1fips2",
            "os/ubuntu/23.10 curl CVE-2026-0001 affected",
        ]
    );
    let severity = |at: usize| read.rows[at].severity;
    assert_eq!(
        (severity(0), severity(3)),
        (Some(Severity::Medium), Some(Severity::Low))
    );
    let record = read.record("CVE-2026-0001");
    assert_eq!(record.description, "A flaw in two lines.");
    assert_eq!(record.published, "2026-03-10T17:44:00Z");
    assert_eq!(
        (record.cvss[0].source.as_str(), record.cvss[0].score_tenths),
        ("nvd", 75)
    );
    let (errors, _) = broken(
        "ubuntu",
        "CVE-2026-0002",
        "Candidate: CVE-2026-0002\njammy_a: perhaps\n",
    );
    assert_eq!(errors, ["CVE-2026-0002:jammy_a: unknown status 'perhaps'"]);
}

#[test]
fn secdb_json_and_yaml_say_the_same() {
    let json = r#"{"distroversion":"v3.19","reponame":"main","packages":[
        {"pkg":{"name":"xen","secfixes":{"4.8.1-r2":["CVE-2017-1001 XSA-214"],"0":["CVE-2026-0003"],
            "4.9.0-r0":["CVE-2019-1002 (+ regression)","CVE-2026-0004"],"4.9.1-r0":["CVE-2026-0004","CVE_2026-0005"]}}},
        {"pkg":{"name":"heimdal","secfixes":{"7.4.0-r0":{},"7.4.1-r0":null,"7.5.0-r0":["XSA-9","GHSA-aaaa-bbbb-cccc"]}}},
        {"pkg":{"name":"none","secfixes":null}}]}"#;
    let yaml = "distroversion: v3.19\nreponame: main\npackages:\n  - pkg:\n      name: xen\n      secfixes:\n        4.8.1-r2:\n          - CVE-2017-1001 XSA-214\n        \"0\":\n          - CVE-2026-0003\n        4.9.0-r0:\n          - CVE-2019-1002 (+ regression)\n          - CVE-2026-0004\n        4.9.1-r0:\n          - CVE-2026-0004\n          - CVE_2026-0005\n  - pkg:\n      name: heimdal\n      secfixes:\n        7.4.0-r0: {}\n        7.4.1-r0:\n        7.5.0-r0:\n          - XSA-9\n          - GHSA-aaaa-bbbb-cccc\n  - pkg:\n      name: none\n      secfixes:\n";
    let expected: &[&str] = &[
        "os/alpine/3.19 xen CVE-2017-1001 fixed ..4.8.1-r2",
        "os/alpine/3.19 xen CVE-2026-0003 not_affected",
        "os/alpine/3.19 xen CVE-2019-1002 fixed ..4.9.0-r0",
        // Fixed in part, and then wholly.
        "os/alpine/3.19 xen CVE-2026-0004 fixed ..4.9.0-r0,..4.9.1-r0",
        "os/alpine/3.19 xen CVE-2026-0005 fixed ..4.9.1-r0",
        "os/alpine/3.19 heimdal XSA-9 fixed ..7.5.0-r0",
        "os/alpine/3.19 heimdal GHSA-aaaa-bbbb-cccc fixed ..7.5.0-r0",
    ];
    assert_eq!(rows("alpine", "v3.19/main.json", json), expected);
    assert_eq!(rows("alpine", "v3.19/main.yaml", yaml), expected);
    assert_eq!(
        read("alpine", &[("main.json", json)]).rows[0].aliases,
        ["XSA-214"]
    );
    let wolfi = json.replace("\"distroversion\":\"v3.19\",", "");
    assert_eq!(
        rows("wolfi", "security.json", &wolfi)[0],
        "os/wolfi/ xen CVE-2017-1001 fixed ..4.8.1-r2"
    );
    let (errors, _) = broken("alpine", "main.json", &wolfi);
    assert_eq!(errors, ["main.json: no distroversion"]);
}

#[test]
fn secdb_keeps_what_is_right() {
    let (errors, rows) = broken(
        "alpine",
        "main.json",
        r#"{"distroversion":"edge","packages":[{"pkg":{"name":"a","secfixes":{"1-r0":["CVE-2026-0001",7],"2-r0":"CVE-2026-0002","3-r0":["???"]}}},
            {"pkg":{"name":"b","secfixes":["CVE-2026-0003"]}},{"pkg":{"secfixes":{}}}]}"#,
    );
    assert_eq!(
        rows,
        [
            "os/alpine/edge a CVE-2026-0001 fixed ..1-r0",
            "os/alpine/edge a CVE-2026-0002 fixed ..2-r0",
        ]
    );
    assert_eq!(
        errors,
        [
            "main.json:a: secfixes of 1-r0: not a list of ids",
            "main.json:a: secfixes of 3-r0: no id in '???'",
            "main.json:b: secfixes of : not a list of ids",
            "main.json:packages: a package without a name",
        ]
    );
}

/// Both stand in Alpine's own files: a flaw fixed in two parts, a revision without its `r`. Compared
/// with Trivy, the first was a CVE that there is not, and the second hid python2's flaws.
#[test]
fn secdb_slips_of_the_pen_are_read_as_meant() {
    let json = r#"{"distroversion":"v3.11","packages":[
        {"pkg":{"name":"rsync","secfixes":{"3.1.2-r7":["CVE-2017-17434-1","CVE-2017-17434-2"]}}},
        {"pkg":{"name":"python2","secfixes":{"2.7.16-33":["CVE-2019-16056"]}}}]}"#;
    assert_eq!(
        rows("alpine", "main.json", json),
        [
            "os/alpine/3.11 rsync CVE-2017-17434 fixed ..3.1.2-r7",
            "os/alpine/3.11 python2 CVE-2019-16056 fixed ..2.7.16-r33",
        ]
    );
}

/// Builds of one erratum for several architectures: who has the first of them has the fix.
#[test]
fn alma_takes_the_lowest_build_of_an_erratum() {
    let entry = |fixed: &str| {
        format!(
            r#"{{"package":{{"ecosystem":"AlmaLinux:8","name":"parfait"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}"#
        )
    };
    let document = format!(
        r#"{{"id":"ALSA-2022:0290","summary":"Important: parfait:0.5 security update","related":["CVE-2021-4104"],
        "modified":"2026-01-01T00:00:00Z","affected":[{},{}]}}"#,
        entry("0.5.4-4.module_el8.5.0+2610+de2b8c0b"),
        entry("0.5.4-4.module_el8.5.0+235+62ea7738"),
    );
    assert_eq!(
        rows("alma", "a.json", &document),
        [
            "os/almalinux/8 parfait CVE-2021-4104 fixed [parfait:0.5] ..0.5.4-4.module_el8.5.0+235+62ea7738"
        ]
    );
}

fn alma(id: &str, summary: &str, fixed: &str) -> String {
    format!(
        r#"{{"id":"{id}","summary":"{summary}","related":["CVE-2026-0001","CVE-2026-0002"],"modified":"2026-01-01T00:00:00Z",
        "details":"Fixes:\n\n* ruby: header injection (CVE-2026-0001)\n",
        "affected":[{{"package":{{"ecosystem":"AlmaLinux:8","name":"ruby"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

#[test]
fn alma_fixes_stay_in_their_stream() {
    let stream = alma(
        "ALSA-2026:1",
        "Important: ruby:2.6 security update",
        "2.6.9-107.module_el8.5.0+119+b9b0e5ef",
    );
    let nameless = alma(
        "ALSA-2026:2",
        "Moderate: ruby security update",
        "2.6.10-109.module_el8.6.0+120+a9b0e5ef",
    );
    let plain = alma("ALSA-2026:3", "Low: ruby security update", "2:3.0.1-1.el8");
    let bugfix = plain
        .replace("ALSA-2026:3", "ALBA-2026:4")
        .replace("\"CVE-2026-0001\",\"CVE-2026-0002\"", "");
    let read = read(
        "alma",
        &[
            ("a.json", &stream),
            ("b.json", &nameless),
            ("c.json", &plain),
            ("d.json", &bugfix),
        ],
    );
    assert_eq!(
        read.lines(),
        [
            "os/almalinux/8 ruby CVE-2026-0001 fixed [ruby:2.6] ..2.6.9-107.module_el8.5.0+119+b9b0e5ef",
            "os/almalinux/8 ruby CVE-2026-0002 fixed [ruby:2.6] ..2.6.9-107.module_el8.5.0+119+b9b0e5ef",
            "os/almalinux/8 ruby CVE-2026-0001 fixed ..2:3.0.1-1.el8",
            "os/almalinux/8 ruby CVE-2026-0002 fixed ..2:3.0.1-1.el8",
            "os/almalinux/8 ruby CVE-2026-0001 fixed [ruby:2.6] ..2.6.10-109.module_el8.6.0+120+a9b0e5ef",
            "os/almalinux/8 ruby CVE-2026-0002 fixed [ruby:2.6] ..2.6.10-109.module_el8.6.0+120+a9b0e5ef",
        ]
    );
    assert_eq!(read.rows[0].severity, Some(Severity::High));
    assert_eq!(read.rows[0].aliases, ["ALSA-2026:1"]);
    assert_eq!(read.stats.skipped.get("no security erratum"), Some(&1));
}

#[test]
fn csaf_products_are_packages_in_platforms() {
    let text = include_str!("vex.json");
    let read = read("redhat", &[("2026/cve-2026-0001.json", text)]);
    assert_eq!(read.stats.diagnostics, []);
    assert_eq!(
        read.lines(),
        [
            "os/rhel/10 curl CVE-2026-0001 under_investigation",
            "os/rhel/8 nodejs CVE-2026-0001 fixed [nodejs:18] ..1:18.19.1-1.module+el8.9.0+21364+1",
            "os/rhel/9 curl CVE-2026-0001 fixed ..7.76.1-29.el9_4",
            "os/rhel/9 libcurl CVE-2026-0001 not_affected",
            "os/rhel/9 wget CVE-2026-0001 will_not_fix",
            "os/rhel/9/eus-9.2 curl CVE-2026-0001 affected",
        ]
    );
    let curl = &read.rows[2];
    assert_eq!(curl.arches, ["aarch64", "x86_64"]);
    assert_eq!(curl.severity, Some(Severity::High));
    let record = read.record("CVE-2026-0001");
    assert_eq!(record.cvss[0].score_tenths, 75);
    assert_eq!(record.cwes, ["CWE-400"]);
    assert_eq!(record.title, "curl: a flaw");
    // A middleware product without a release, and the source packages of fixes.
    assert_eq!(read.stats.skipped.get("another product"), Some(&1));
    assert_eq!(
        read.stats
            .skipped
            .get("a source package or a special build"),
        Some(&1)
    );
}

#[test]
fn suse_names_its_platforms() {
    let text = r#"{"document":{"title":"Security update","aggregate_severity":{"text":"important"},"tracking":{"id":"SUSE-SU-2026:1-1","status":"final","initial_release_date":"2026-01-01T00:00:00Z","current_release_date":"2026-01-02T00:00:00Z"}},
      "product_tree":{"branches":[{"branches":[
         {"product":{"product_id":"SUSE Linux Enterprise Server 15 SP5","product_identification_helper":{"cpe":"cpe:/o:suse:sles:15:sp5"}}},
         {"product":{"product_id":"openSUSE Leap 15.5","product_identification_helper":{"cpe":"cpe:/o:opensuse:leap:15.5"}}},
         {"product":{"product_id":"curl-8.0.1-150400.5.41.1.x86_64"}}]}],
       "relationships":[
         {"category":"default_component_of","full_product_name":{"product_id":"SUSE Linux Enterprise Server 15 SP5:curl-8.0.1-150400.5.41.1.x86_64"},"product_reference":"curl-8.0.1-150400.5.41.1.x86_64","relates_to_product_reference":"SUSE Linux Enterprise Server 15 SP5"},
         {"category":"default_component_of","full_product_name":{"product_id":"openSUSE Leap 15.5:curl-8.0.1-150400.5.41.1.x86_64"},"product_reference":"curl-8.0.1-150400.5.41.1.x86_64","relates_to_product_reference":"openSUSE Leap 15.5"}]},
      "vulnerabilities":[{"cve":"CVE-2026-0001","product_status":{"recommended":["SUSE Linux Enterprise Server 15 SP5:curl-8.0.1-150400.5.41.1.x86_64","openSUSE Leap 15.5:curl-8.0.1-150400.5.41.1.x86_64"]}}]}"#;
    let read = read("suse", &[("suse-su-2026_1-1.json", text)]);
    assert_eq!(
        read.lines(),
        [
            "os/opensuse-leap/15.5 curl CVE-2026-0001 fixed ..8.0.1-150400.5.41.1",
            "os/sles/15.5 curl CVE-2026-0001 fixed ..8.0.1-150400.5.41.1",
        ]
    );
    assert_eq!(read.rows[0].aliases, ["SUSE-SU-2026:1-1"]);
    assert_eq!(read.rows[0].severity, Some(Severity::High));
}

#[test]
fn rocky_errata_in_their_own_form() {
    let text = r#"{"advisories":[{"name":"RLSA-2026:1","type":"TYPE_SECURITY","severity":"SEVERITY_IMPORTANT","synopsis":"Important: nodejs:18 security update",
        "cves":[{"name":"CVE-2026-0001"},"MITRE:::https://example.org::CVE-2026-0002"],
        "rpms":{"Rocky Linux 8":{"nvras":["nodejs-1:18.19.1-1.module+el8.9.0+1+a.x86_64.rpm","nodejs-1:18.19.1-1.module+el8.9.0+1+a.aarch64.rpm","nodejs-1:18.19.1-1.module+el8.9.0+1+a.src.rpm","odd"]}}},
        {"name":"RLBA-2026:2","type":"TYPE_BUGFIX"}]}"#;
    let (errors, rows) = broken("rocky", "errata.json", text);
    assert_eq!(
        rows,
        [
            "os/rocky/8 nodejs CVE-2026-0001 fixed [nodejs:18] ..1:18.19.1-1.module+el8.9.0+1+a",
            "os/rocky/8 nodejs CVE-2026-0002 fixed [nodejs:18] ..1:18.19.1-1.module+el8.9.0+1+a",
        ]
    );
    assert_eq!(
        errors,
        ["errata.json:RLSA-2026:1: 'odd' is no package name"]
    );
}

#[test]
fn amazon_updateinfo() {
    let text = r#"<?xml version="1.0"?><updates><update status="final"><id>ALAS2-2026-1</id><title>Amazon Linux 2 - ALAS2-2026-1: important update for curl</title>
        <issued date="2026-01-02 10:00:00"/><severity>important</severity><description>A &lt;flaw&gt; &amp; more</description>
        <references><reference href="https://example.org/x" id="CVE-2026-0001" type="cve"/></references>
        <pkglist><collection short="amazon-linux-2---core"><name>Amazon Linux 2</name>
        <package name="curl" version="8.3.0" release="1.amzn2" epoch="0" arch="x86_64"><filename>a</filename></package>
        <package name="curl" version="8.3.0" release="1.amzn2" epoch="0" arch="aarch64"/>
        <package name="libcurl" version="8.3.0" release="1.amzn2" epoch="2" arch="x86_64"/></collection></pkglist></update></updates>"#;
    let read = read("amazon", &[("updateinfo.xml", text)]);
    assert_eq!(read.stats.diagnostics, []);
    assert_eq!(
        read.lines(),
        [
            "os/amzn/2 curl CVE-2026-0001 fixed ..8.3.0-1.amzn2",
            "os/amzn/2 libcurl CVE-2026-0001 fixed ..2:8.3.0-1.amzn2",
        ]
    );
    assert_eq!(read.rows[0].arches, ["aarch64", "x86_64"]);
    assert_eq!(read.record("CVE-2026-0001").description, "A <flaw> & more");
    for (cut, reason) in [
        (
            text.find("<references>").unwrap(),
            "updateinfo.xml: the XML breaks off",
        ),
        (text.find("href=").unwrap(), "updateinfo.xml: at byte "),
    ] {
        let (errors, rows) = broken("amazon", "updateinfo.xml", &text[..cut]);
        assert!(errors[0].starts_with(reason), "{errors:?}");
        assert_eq!(rows, [""; 0]);
    }
}

#[test]
fn oracle_oval() {
    let criteria = |package: &str, version: &str| {
        format!(
            r#"<criterion test_ref="t" comment="{package} is earlier than {version}"/><criterion comment="{package} is signed with the Oracle Linux key"/>"#
        )
    };
    let text = format!(
        r#"<oval_definitions xmlns="urn:x"><definitions><definition id="o" class="patch"><metadata><title>ELSA-2026-1:  nodejs:18 security update (IMPORTANT)</title>
        <reference source="elsa" ref_id="ELSA-2026-1" ref_url="https://example.org/e"/><reference source="CVE" ref_id="CVE-2026-0001" ref_url="https://example.org/c"/>
        <advisory><severity>IMPORTANT</severity><issued date="2026-01-02"/><cve href="x">CVE-2026-0001</cve></advisory></metadata>
        <criteria operator="AND"><criterion comment="Oracle Linux 8 is installed"/><criteria operator="OR"><criterion comment="Oracle Linux arch is x86_64"/>{bash}{fips}</criteria>
        <criterion comment="Module nodejs:18 is enabled"/><criteria><criterion comment="Oracle Linux arch is aarch64"/>{node}</criteria></criteria></definition></definitions></oval_definitions>"#,
        bash = criteria("bash", "0:4.4.20-1.el8"),
        fips = criteria("gnutls", "10:3.6.16-4_fips.el8"),
        node = criteria("nodejs", "1:18.19.1-1.module+el8.9.0+1"),
    );
    let read = read("oracle", &[("elsa.xml", &text)]);
    assert_eq!(read.stats.diagnostics, []);
    assert_eq!(
        read.lines(),
        [
            "os/ol/8 bash CVE-2026-0001 fixed ..4.4.20-1.el8",
            "os/ol/8 nodejs CVE-2026-0001 fixed [nodejs:18] ..1:18.19.1-1.module+el8.9.0+1",
        ]
    );
    assert_eq!(read.rows[0].aliases, ["ELSA-2026-1"]);
    assert_eq!(read.rows[0].severity, Some(Severity::High));
}
