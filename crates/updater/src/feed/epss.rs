//! EPSS: the probability that a CVE is exploited in the next 30 days. CSV with a comment line.

use super::{Each, Feed, Remote, common::is_cve};
use crate::output::Output;
use rampart_model::scan::Epss;
use rampart_vuln::advisory::Record;

pub(super) static EPSS: Feed = Feed {
    name: "epss",
    title: "FIRST exploit prediction scores",
    format: "CSV, gzip",
    licence: "free to use",
    families: "none: scores CVEs",
    refresh_hours: 24,
    default: true,
    remotes: || {
        vec![Remote {
            file: "epss_scores-current.csv.gz".to_owned(),
            mirrors: vec![
                "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz".to_owned(),
                "https://epss.cyentia.com/epss_scores-current.csv.gz".to_owned(),
            ],
            checksum_suffix: "",
            pointer: false,
        }]
    },
    parser: || {
        Box::new(Each {
            wants: |name| name.ends_with(".csv"),
            file,
        })
    },
};

fn file(_: &str, bytes: &[u8], out: &mut Output<'_>) {
    let text = String::from_utf8_lossy(bytes);
    let mut header = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            // `#model_version:v2025.03.14,score_date:2026-08-21T00:00:00+0000`
            if let Some((_, day)) = line.split_once("score_date:") {
                out.dated(&format!("{}T00:00:00Z", day.get(..10).unwrap_or_default()));
            }
            continue;
        }
        if !header {
            header = true;
            if line.starts_with("cve,") {
                continue;
            }
            if !line.starts_with("CVE-") {
                out.error_at(at + 1, "not the scores' CSV: no 'cve,epss,percentile' line");
                return;
            }
        }
        match row(line) {
            Some((cve, epss)) => {
                out.entry_read();
                out.record(Record {
                    id: cve.to_owned(),
                    epss: Some(epss),
                    feed: out.feed().to_owned(),
                    ..Record::default()
                });
            }
            None => out.error_at(at + 1, format!("not 'CVE,probability,percentile': {line}")),
        }
    }
}

fn row(line: &str) -> Option<(&str, Epss)> {
    let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
    let cve = fields.next().filter(|cve| is_cve(cve))?;
    let probability_ppm = ppm(fields.next()?)?;
    let percentile_ppm = ppm(fields.next()?)?;
    let epss = Epss {
        probability_ppm,
        percentile_ppm,
    };
    Some((cve, epss))
}

/// `0.97450` as millionths.
fn ppm(text: &str) -> Option<u32> {
    let value: f64 = text.parse().ok()?;
    if !(0.0..=1.0).contains(&value) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to a million"
    )]
    let ppm = (value * 1_000_000.0).round() as u32;
    Some(ppm)
}
