//! How bad a finding is, and who says so.

use crate::advisory::Record;
use rampart_model::scan::{Cvss, Severity};

/// Sources of severities, best first; those not listed follow by name.
const RANK: &[&str] = &["ghsa", "redhat", "nvd", "cna"];

/// The vendor's own word for this package first, then the same feed's on the vulnerability, then
/// others', then what CVSS makes of it: the newest version, the same source before others.
pub(crate) fn of(
    vendor: Option<Severity>,
    feed: &str,
    record: Option<&Record>,
) -> (Severity, String) {
    if let Some(severity) = vendor.filter(|&severity| severity != Severity::Unknown) {
        return (severity, feed.to_owned());
    }
    let Some(record) = record else {
        return (Severity::Unknown, String::new());
    };
    let order = |source: &str| {
        let rank = RANK
            .iter()
            .position(|&name| name == source)
            .unwrap_or(RANK.len());
        (source != feed, rank)
    };
    let said = record
        .severities
        .iter()
        .filter(|(_, severity)| *severity != Severity::Unknown);
    let first = |a: &str, b: &str| order(a).cmp(&order(b)).then_with(|| a.cmp(b));
    if let Some((source, severity)) = said.min_by(|(a, _), (b, _)| first(a, b)) {
        return (*severity, source.clone());
    }
    let scored = record.cvss.iter().filter(|cvss| cvss.score_tenths > 0);
    let best = scored.min_by(|a, b| {
        version_rank(&a.version)
            .cmp(&version_rank(&b.version))
            .then_with(|| first(&a.source, &b.source))
    });
    best.map_or((Severity::Unknown, String::new()), |cvss| {
        (of_score(cvss), cvss.source.clone())
    })
}

fn version_rank(version: &str) -> u8 {
    match version {
        "4.0" => 0,
        "3.1" => 1,
        "3.0" => 2,
        _ => 3,
    }
}

/// The bands of CVSS v3 and v4; v2 has no critical.
pub(crate) fn of_score(cvss: &Cvss) -> Severity {
    match cvss.score_tenths {
        0 => Severity::Unknown,
        1..=39 => Severity::Low,
        40..=69 => Severity::Medium,
        70..=89 => Severity::High,
        _ if cvss.version.starts_with('2') => Severity::High,
        _ => Severity::Critical,
    }
}
