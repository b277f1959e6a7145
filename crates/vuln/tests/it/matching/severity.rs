//! Whose severity a finding has, and what is told of it.

use super::{d12, deb, distro};
use crate::db::{fixed, open};
use rampart_model::{
    Severity,
    scan::{Cvss, Epss, FixStatus},
};
use rampart_vuln::{
    advisory::{Advisory, Record},
    matching::{MatchOptions, match_packages},
};

#[test]
#[rustfmt::skip]
fn severities_and_details() {
    let row = |id: &str, severity| Advisory {
        severity,
        ..fixed(d12(), "p", id, "9", "debian")
    };
    let cvss = |source: &str, version: &str, score| Cvss {
        source: source.into(),
        version: version.into(),
        vector: String::new(),
        score_tenths: score,
    };
    let record = |id: &str, severities: &[(&str, Severity)], cvss: Vec<Cvss>| Record {
        id: id.into(),
        title: format!("Title of {id}"),
        severities: severities
            .iter()
            .map(|&(source, severity)| (source.to_owned(), severity))
            .collect(),
        cvss,
        epss: Some(Epss {
            probability_ppm: 5,
            percentile_ppm: 6,
        }),
        feed: "nvd".into(),
        ..Record::default()
    };
    let db = open(
        &[
            row("CVE-2024-0001", Some(Severity::Low)),
            row("CVE-2024-0002", None),
            row("CVE-2024-0003", Some(Severity::Unknown)),
            row("CVE-2024-0004", None),
            row("CVE-2024-0005", None),
            row("CVE-2024-0006", None),
        ],
        &[
            record("CVE-2024-0001", &[("nvd", Severity::Critical)], vec![]),
            record(
                "CVE-2024-0002",
                &[
                    ("nvd", Severity::Critical),
                    ("debian", Severity::Negligible),
                ],
                vec![],
            ),
            record("CVE-2024-0003", &[("suse", Severity::Low), ("ghsa", Severity::High), ("nvd", Severity::Critical)], vec![]),
            record("CVE-2024-0004", &[], vec![cvss("nvd", "3.1", 98), cvss("cna", "4.0", 55), cvss("nvd", "2.0", 100)]),
            record("CVE-2024-0005", &[], vec![cvss("nvd", "2.0", 100)]),
        ],
    );
    let packages = [deb("p", "1", "")];
    let found = match_packages(
        &db,
        Some(&distro("debian", "12")),
        &packages,
        &MatchOptions::default(),
    )
    .unwrap();
    let mut seen: Vec<_> = found
        .iter()
        .map(|v| (v.id.as_str(), v.severity, v.severity_source.as_str()))
        .collect();
    let order: Vec<_> = seen.iter().map(|(_, severity, _)| *severity).collect();
    assert!(order.is_sorted_by(|a, b| a >= b), "worst first: {order:?}");
    seen.sort();
    assert_eq!(
        seen,
        [
            ("CVE-2024-0001", Severity::Low, "debian"),
            ("CVE-2024-0002", Severity::Negligible, "debian"),
            ("CVE-2024-0003", Severity::High, "ghsa"),
            ("CVE-2024-0004", Severity::Medium, "cna"),
            ("CVE-2024-0005", Severity::High, "nvd"),
            ("CVE-2024-0006", Severity::Unknown, ""),
        ]
    );
    let first = found.iter().find(|v| v.id == "CVE-2024-0001").unwrap();
    assert_eq!(first.title, "Title of CVE-2024-0001");
    assert_eq!(first.epss.unwrap().probability_ppm, 5);
    let ask = |options: MatchOptions| match_packages(&db, Some(&distro("debian", "12")), &packages, &options).unwrap();
    let brief = ask(MatchOptions { details: false, ..MatchOptions::default() });
    assert!(brief.len() == 6 && brief.iter().all(|v| v.title.is_empty() && v.epss.is_some() == (v.id != "CVE-2024-0006")));
    let ignore_statuses = vec![FixStatus::Fixed];
    assert_eq!(ask(MatchOptions { ignore_statuses, ..MatchOptions::default() }), []);
}
