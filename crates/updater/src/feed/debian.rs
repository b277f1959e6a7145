//! The Debian security tracker's JSON: package → CVE → release → status.
//!
//! Names are source packages. `resolved` with version `0` means the release never had the flaw;
//! `undetermined` says nothing; `open` may carry `nodsa` with the reason why no update comes.

use super::{Each, Feed, Remote, common::nullable};
use crate::output::Output;
use rampart_model::scan::{FixStatus, Severity};
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval, Record};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, str::FromStr};

pub(super) static DEBIAN: Feed = Feed {
    name: "debian",
    title: "Debian security tracker",
    format: "JSON",
    licence: "free to use",
    families: "os/debian/10 … 14, sid",
    refresh_hours: 2,
    default: true,
    remotes: || {
        vec![Remote::new(
            "debian.json",
            "https://security-tracker.debian.org/tracker/data/json",
        )]
    },
    parser: || {
        Box::new(Each {
            wants: |name| name.ends_with(".json"),
            file,
        })
    },
};

/// Codename, release, and whether fixes of unstable are still looked at for it.
pub(super) const RELEASES: &[(&str, &str, bool)] = &[
    ("woody", "3.0", false),
    ("sarge", "3.1", false),
    ("etch", "4", false),
    ("lenny", "5", false),
    ("squeeze", "6", false),
    ("wheezy", "7", false),
    ("jessie", "8", false),
    ("stretch", "9", false),
    ("buster", "10", false),
    ("bullseye", "11", true),
    ("bookworm", "12", true),
    ("trixie", "13", true),
    ("forky", "14", true),
    ("duke", "15", false),
    ("sid", "sid", true),
];

/// The release of a codename, with or without `-security`, `-lts` or `-backports`.
pub(super) fn release(codename: &str) -> Option<&'static str> {
    let base = codename.split('-').next().unwrap_or(codename);
    RELEASES
        .iter()
        .find(|(name, _, _)| *name == base)
        .map(|(_, release, _)| *release)
}

/// The tracker's urgency as a severity; `None` where nobody has judged yet.
pub(super) fn urgency(text: &str) -> Option<Severity> {
    match text.trim().trim_end_matches('*') {
        "" | "not yet assigned" | "end-of-life" | "undetermined" => None,
        word => Severity::from_str(word).ok(),
    }
}

#[derive(Deserialize)]
struct Issue {
    #[serde(default, deserialize_with = "nullable")]
    description: String,
    #[serde(default, deserialize_with = "nullable")]
    releases: BTreeMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    status: String,
    #[serde(default, deserialize_with = "nullable")]
    fixed_version: String,
    #[serde(default, deserialize_with = "nullable")]
    urgency: String,
    nodsa: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    nodsa_reason: String,
}

fn file(_: &str, bytes: &[u8], out: &mut Output<'_>) {
    let packages: BTreeMap<String, BTreeMap<String, Value>> = match serde_json::from_slice(bytes) {
        Ok(packages) => packages,
        Err(error) => {
            out.error(error);
            return;
        }
    };
    let mut described: BTreeMap<String, String> = BTreeMap::new();
    for (package, issues) in packages {
        for (id, value) in issues {
            match serde_json::from_value::<Issue>(value) {
                Ok(issue) => {
                    issue_rows(&package, &id, &issue, out);
                    described.entry(id).or_insert(issue.description);
                }
                Err(error) => out.error_at(format!("{package}/{id}"), error),
            }
        }
    }
    for (id, description) in described {
        if !description.is_empty() {
            out.record(Record {
                id,
                description,
                feed: out.feed().to_owned(),
                ..Record::default()
            });
        }
    }
}

fn issue_rows(package: &str, id: &str, issue: &Issue, out: &mut Output<'_>) {
    out.entry_read();
    for (codename, state) in &issue.releases {
        let Some(release) = release(codename) else {
            out.error_at(
                format!("{package}/{id}"),
                format!("unknown release '{codename}'"),
            );
            continue;
        };
        let mut row = Advisory::new(Bucket::os("debian", release), package, id, out.feed());
        row.severity = urgency(&state.urgency);
        match state.status.as_str() {
            "resolved" if state.fixed_version == "0" => row.status = FixStatus::NotAffected,
            "resolved" if !state.fixed_version.is_empty() => {
                row.status = FixStatus::Fixed;
                row.intervals.push(Interval {
                    introduced: String::new(),
                    end: End::Fixed(state.fixed_version.clone()),
                });
            }
            "open" => row.status = open_status(state),
            "undetermined" => {
                out.skip("undetermined");
                continue;
            }
            other => {
                out.error_at(
                    format!("{package}/{id}"),
                    format!(
                        "{codename}: status '{other}' with version '{}'",
                        state.fixed_version
                    ),
                );
                continue;
            }
        }
        out.advisory(row);
    }
}

fn open_status(state: &State) -> FixStatus {
    if state.urgency == "end-of-life" {
        return FixStatus::EndOfLife;
    }
    match (&state.nodsa, state.nodsa_reason.as_str()) {
        (None, _) => FixStatus::Affected,
        (Some(_), "ignored") => FixStatus::WillNotFix,
        (Some(_), "postponed") => FixStatus::FixDeferred,
        (Some(_), _) => FixStatus::Affected,
    }
}
