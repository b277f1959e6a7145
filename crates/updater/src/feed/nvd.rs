//! NVD's CVE records, format 2.0: scores, weaknesses and text. Never used for matching.

use super::{
    Each, Feed, Remote,
    common::{is_cve, nullable, tenths},
};
use crate::output::Output;
use rampart_model::scan::Cvss;
use rampart_vuln::advisory::Record;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// First and last year of the yearly files; what is newer comes with `modified`.
const YEARS: std::ops::RangeInclusive<u32> = 2002..=2026;

pub(super) static NVD: Feed = Feed {
    name: "nvd",
    title: "NIST national vulnerability database",
    format: "JSON 2.0, gzip, one file a year",
    licence: "public domain",
    families: "none: scores, weaknesses and texts of CVEs",
    refresh_hours: 6,
    default: true,
    remotes: || {
        YEARS
            .map(|year| year.to_string())
            .chain(["modified".to_owned()])
            .map(|part| {
                Remote::new(
                    format!("nvdcve-2.0-{part}.json.gz"),
                    format!("https://nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-{part}.json.gz"),
                )
            })
            .collect()
    },
    parser: || {
        Box::new(Each {
            wants: |name| name.ends_with(".json"),
            file,
        })
    },
};

#[derive(Deserialize)]
struct Answer {
    vulnerabilities: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    cve: Cve,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    published: String,
    #[serde(default, deserialize_with = "nullable")]
    last_modified: String,
    #[serde(default, deserialize_with = "nullable")]
    vuln_status: String,
    #[serde(default, deserialize_with = "nullable")]
    descriptions: Vec<Text>,
    #[serde(default, deserialize_with = "nullable")]
    metrics: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "nullable")]
    weaknesses: Vec<Weakness>,
    #[serde(default, deserialize_with = "nullable")]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Text {
    lang: String,
    value: String,
}

#[derive(Deserialize)]
struct Weakness {
    #[serde(default, deserialize_with = "nullable")]
    description: Vec<Text>,
}

#[derive(Deserialize)]
struct Reference {
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    #[serde(default, deserialize_with = "nullable")]
    source: String,
    #[serde(default, rename = "type", deserialize_with = "nullable")]
    kind: String,
    cvss_data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    version: String,
    vector_string: String,
    base_score: f64,
}

fn file(_: &str, bytes: &[u8], out: &mut Output<'_>) {
    let answer: Answer = match serde_json::from_slice(bytes) {
        Ok(answer) => answer,
        Err(error) => {
            out.error(error);
            return;
        }
    };
    for (at, value) in answer.vulnerabilities.into_iter().enumerate() {
        match serde_json::from_value::<Entry>(value) {
            Ok(entry) if is_cve(&entry.cve.id) => emit(entry.cve, out),
            Ok(entry) => out.error_at(at, format!("'{}' is no CVE", entry.cve.id)),
            Err(error) => out.error_at(at, error),
        }
    }
}

fn emit(cve: Cve, out: &mut Output<'_>) {
    out.entry_read();
    if cve.vuln_status == "Rejected" {
        // Its numbering authority took the id back.
        out.skip("rejected");
        out.record(Record {
            id: cve.id,
            modified: cve.last_modified,
            withdrawn: true,
            feed: out.feed().to_owned(),
            ..Record::default()
        });
        return;
    }
    let description = cve
        .descriptions
        .into_iter()
        .find(|text| text.lang == "en")
        .map(|text| text.value)
        .unwrap_or_default();
    let cwes = cve
        .weaknesses
        .into_iter()
        .flat_map(|weakness| weakness.description)
        .map(|text| text.value)
        .filter(|value| value.starts_with("CWE-"))
        .collect();
    let cvss = scores(cve.metrics, &cve.id, out);
    out.record(Record {
        id: cve.id,
        description,
        cvss,
        cwes,
        references: cve.references.into_iter().map(|r| r.url).collect(),
        published: cve.published,
        modified: cve.last_modified,
        feed: out.feed().to_owned(),
        ..Record::default()
    });
}

/// One score a version and source: NVD's own as `nvd`, others by their domain.
fn scores(metrics: BTreeMap<String, Value>, id: &str, out: &mut Output<'_>) -> Vec<Cvss> {
    let mut scores: Vec<Cvss> = Vec::new();
    for (name, value) in metrics {
        if !name.starts_with("cvssMetric") {
            continue;
        }
        let list: Vec<Metric> = match serde_json::from_value(value) {
            Ok(list) => list,
            Err(error) => {
                out.error_at(id, format!("{name}: {error}"));
                continue;
            }
        };
        for metric in list {
            let source = match metric.source.split_once('@') {
                Some((_, "nist.gov")) => "nvd".to_owned(),
                Some((_, domain)) => domain.to_owned(),
                None if metric.kind == "Primary" || metric.source.is_empty() => "nvd".to_owned(),
                None => metric.source,
            };
            let Some(score_tenths) = tenths(metric.cvss_data.base_score) else {
                out.error_at(id, format!("score {}", metric.cvss_data.base_score));
                continue;
            };
            scores.push(Cvss {
                source,
                version: metric.cvss_data.version,
                vector: metric.cvss_data.vector_string,
                score_tenths,
            });
        }
    }
    scores
}
