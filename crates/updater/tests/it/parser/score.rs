//! KEV, EPSS, NVD: what is known of a CVE whatever the package.

use super::broken;
use crate::support::read;

#[test]
fn kev_marks_cves() {
    let text = r#"{"catalogVersion":"2026.01.02","dateReleased":"2026-01-02T17:04:19.9796Z","count":3,"vulnerabilities":[
        {"cveID":"CVE-2026-1111","dateAdded":"2026-01-01","dueDate":"2026-01-22","knownRansomwareCampaignUse":"Known"},
        {"cveID":"CVE-2026-2222","dateAdded":"2026-01-02","dueDate":null,"knownRansomwareCampaignUse":"Unknown"},
        {"cveID":"soon","dateAdded":"2026-01-02"}]}"#;
    let read = read("kev", &[("kev.json", text)]);
    let known = read
        .record("CVE-2026-1111")
        .known_exploited
        .as_ref()
        .unwrap();
    assert_eq!(
        (known.added.as_str(), known.due.as_str(), known.ransomware),
        ("2026-01-01", "2026-01-22", true)
    );
    assert!(
        !read
            .record("CVE-2026-2222")
            .known_exploited
            .as_ref()
            .unwrap()
            .ransomware
    );
    assert_eq!(read.stats.newest, "2026-01-02T17:04:19Z");
    let (errors, _) = broken("kev", "kev.json", text);
    assert_eq!(errors, ["kev.json:2: 'soon' is no CVE"]);
    let (errors, _) = broken(
        "kev",
        "kev.json",
        &text.replace(r#""count":3"#, r#""count":9"#),
    );
    assert_eq!(
        errors[0],
        "kev.json:count: the catalogue says 9, and holds 3"
    );
}

#[test]
fn epss_scores_in_millionths() {
    let text = "#model_version:v2026.01.01,score_date:2026-01-02T00:00:00+0000\ncve,epss,percentile\n\
        CVE-2026-1111,0.97450,0.99987\nCVE-2026-2222,1.5,0.1\nCVE-2026-3333,0.00043,0.1\n";
    let read = read("epss", &[("epss.csv", text)]);
    let epss = read.record("CVE-2026-1111").epss.unwrap();
    assert_eq!(
        (epss.probability_ppm, epss.percentile_ppm),
        (974_500, 999_870)
    );
    assert_eq!((read.stats.entries, read.stats.errors), (2, 1));
    assert_eq!(read.stats.newest, "2026-01-02T00:00:00Z");
    let (errors, _) = broken("epss", "epss.csv", "<html>\n<body>");
    assert_eq!(
        errors,
        ["epss.csv:1: not the scores' CSV: no 'cve,epss,percentile' line"]
    );
}

#[test]
fn nvd_gives_scores_and_text() {
    let text = r#"{"format":"NVD_CVE","version":"2.0","vulnerabilities":[
      {"cve":{"id":"CVE-2026-1111","published":"2026-01-01T10:15:08.500","lastModified":"2026-01-02T00:00:00.000","vulnStatus":"Analyzed",
        "descriptions":[{"lang":"es","value":"Un fallo"},{"lang":"en","value":"A flaw"}],
        "metrics":{"cvssMetricV31":[{"source":"nvd@nist.gov","type":"Primary","cvssData":{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":9.8}},
                                    {"source":"security@example.org","type":"Secondary","cvssData":{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":8.1}}],
                   "cvssMetricV2":[{"source":"nvd@nist.gov","type":"Primary","cvssData":{"version":"2.0","vectorString":"AV:N/AC:L/Au:N/C:P/I:P/A:P","baseScore":7.5}}]},
        "weaknesses":[{"description":[{"lang":"en","value":"CWE-79"},{"lang":"en","value":"NVD-CWE-noinfo"}]}],
        "references":[{"url":"https://example.org/x"}]}},
      {"cve":{"id":"CVE-2026-2222","vulnStatus":"Rejected","descriptions":[]}},
      {"cve":{"id":5}}]}"#;
    let read = read("nvd", &[("nvdcve-2.0-2026.json", text)]);
    let record = read.record("CVE-2026-1111");
    assert_eq!(record.description, "A flaw");
    let scores: Vec<_> = record
        .cvss
        .iter()
        .map(|cvss| {
            (
                cvss.source.as_str(),
                cvss.version.as_str(),
                cvss.score_tenths,
            )
        })
        .collect();
    assert_eq!(
        scores,
        [
            ("nvd", "2.0", 75),
            ("nvd", "3.1", 98),
            ("example.org", "3.1", 81)
        ]
    );
    assert_eq!(record.cwes, ["CWE-79"]);
    assert_eq!(record.published, "2026-01-01T10:15:08Z");
    assert!(read.record("CVE-2026-2222").withdrawn);
    assert_eq!(read.rows, []);
    assert_eq!(read.stats.errors, 1);
}
