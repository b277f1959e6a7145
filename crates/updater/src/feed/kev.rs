//! CISA's catalogue of known exploited vulnerabilities: JSON, joined by CVE.

use super::{Each, Feed, Remote, common::is_cve, common::nullable};
use crate::output::Output;
use rampart_model::scan::KnownExploited;
use rampart_vuln::advisory::Record;
use serde::Deserialize;
use serde_json::Value;

pub(super) static KEV: Feed = Feed {
    name: "kev",
    title: "CISA known exploited vulnerabilities",
    format: "JSON catalogue",
    licence: "CC0-1.0",
    families: "none: marks CVEs as exploited",
    refresh_hours: 6,
    default: true,
    remotes: || {
        vec![Remote {
            file: "known_exploited_vulnerabilities.json".to_owned(),
            mirrors: vec![
                "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
                    .to_owned(),
                "https://raw.githubusercontent.com/cisagov/kev-data/develop/known_exploited_vulnerabilities.json"
                    .to_owned(),
            ],
            checksum_suffix: "",
            pointer: false,
        }]
    },
    parser: || {
        Box::new(Each {
            wants: |name| name.ends_with(".json"),
            file,
        })
    },
};

#[derive(Deserialize)]
struct Catalogue {
    count: Option<u64>,
    #[serde(default, rename = "dateReleased", deserialize_with = "nullable")]
    released: String,
    vulnerabilities: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: String,
    #[serde(default, deserialize_with = "nullable")]
    due_date: String,
    #[serde(default, deserialize_with = "nullable")]
    known_ransomware_campaign_use: String,
}

fn file(_: &str, bytes: &[u8], out: &mut Output<'_>) {
    let catalogue: Catalogue = match serde_json::from_slice(bytes) {
        Ok(catalogue) => catalogue,
        Err(error) => {
            out.error(error);
            return;
        }
    };
    out.dated(&catalogue.released);
    let found = catalogue.vulnerabilities.len() as u64;
    if let Some(count) = catalogue.count
        && count != found
    {
        out.error_at(
            "count",
            format!("the catalogue says {count}, and holds {found}"),
        );
    }
    for (at, value) in catalogue.vulnerabilities.into_iter().enumerate() {
        match serde_json::from_value::<Entry>(value) {
            Ok(entry) if is_cve(&entry.cve) => emit(entry, out),
            Ok(entry) => out.error_at(at, format!("'{}' is no CVE", entry.cve)),
            Err(error) => out.error_at(at, error),
        }
    }
}

fn emit(entry: Entry, out: &mut Output<'_>) {
    out.entry_read();
    out.record(Record {
        id: entry.cve,
        known_exploited: Some(KnownExploited {
            added: entry.date_added,
            due: entry.due_date,
            ransomware: entry
                .known_ransomware_campaign_use
                .eq_ignore_ascii_case("known"),
        }),
        feed: out.feed().to_owned(),
        ..Record::default()
    });
}
