//! Ubuntu: the CVE tracker's text files, one a CVE, and OSV documents beside them.
//!
//! `PACKAGE` lines read `pocket/release_package: status (detail)`. Each pocket that needs a
//! subscription or another build (`esm-infra`, `esm-apps`, `fips`, `realtime` …) is a channel of its
//! own and never folded into the base release.

use super::{
    Feed, Parser, Remote,
    common::{cvss, is_cve},
    osv,
};
use crate::output::{Output, one_line};
use rampart_model::scan::{FixStatus, Severity};
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval, Record};
use std::{collections::BTreeMap, str::FromStr};

pub(super) static UBUNTU: Feed = Feed {
    name: "ubuntu",
    title: "Ubuntu security tracker",
    format: "OSV JSON, or the CVE tracker's text files",
    licence: "Canonical's terms",
    families: "os/ubuntu/NN.NN and its channels",
    refresh_hours: 6,
    default: true,
    remotes: || {
        vec![Remote::new(
            "Ubuntu.zip",
            "https://osv-vulnerabilities.storage.googleapis.com/Ubuntu/all.zip",
        )]
    },
    parser: || Box::new(Ubuntu),
};

const RELEASES: &[(&str, &str)] = &[
    ("precise", "12.04"),
    ("trusty", "14.04"),
    ("vivid", "15.04"),
    ("wily", "15.10"),
    ("xenial", "16.04"),
    ("yakkety", "16.10"),
    ("zesty", "17.04"),
    ("artful", "17.10"),
    ("bionic", "18.04"),
    ("cosmic", "18.10"),
    ("disco", "19.04"),
    ("eoan", "19.10"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
];

fn release(codename: &str) -> Option<&'static str> {
    RELEASES
        .iter()
        .find(|(name, _)| *name == codename)
        .map(|(_, release)| *release)
}

fn bucket(release: &str, channel: &str) -> Bucket {
    Bucket::Os {
        family: "ubuntu".to_owned(),
        release: release.to_owned(),
        channel: channel.to_owned(),
    }
}

/// `22.04:LTS`, `Pro:16.04:LTS`, `Pro:FIPS-updates:20.04:LTS`, `22.04:LTS:for:NVIDIA:BlueField`.
pub(super) fn osv_bucket(rest: &str) -> Option<Bucket> {
    let parts: Vec<&str> = rest.split(':').collect();
    let at = parts
        .iter()
        .position(|part| part.contains('.') && part.starts_with(|c: char| c.is_ascii_digit()))?;
    let release = parts.get(at)?;
    let (before, after) = (parts.get(..at)?, parts.get(at + 1..)?);
    let mut words: Vec<String> = before
        .iter()
        .chain(after.iter().filter(|part| **part != "LTS"))
        .map(|part| part.to_lowercase())
        .collect();
    if words.first().is_some_and(|word| word == "pro") {
        words.remove(0);
        if words.is_empty() {
            words.push("esm-apps".to_owned());
        }
    }
    Some(bucket(release, &words.join("-")))
}

/// OSV says `Ubuntu:Pro` for both parts of the subscription; the availability tells which.
pub(super) fn narrow(bucket: &mut Bucket, availability: &str) {
    if let Bucket::Os {
        family, channel, ..
    } = bucket
        && family == "ubuntu"
        && channel == "esm-apps"
        && availability.to_ascii_lowercase().contains("infra")
    {
        "esm-infra".clone_into(channel);
    }
}

struct Ubuntu;

impl Parser for Ubuntu {
    fn wants(&self, name: &str) -> bool {
        is_tracker_file(name) || osv::wants(name)
    }

    fn file(&mut self, name: &str, bytes: &[u8], out: &mut Output<'_>) {
        if is_tracker_file(name) {
            tracker_file(&String::from_utf8_lossy(bytes), out);
            return;
        }
        for document in osv::documents(name, bytes) {
            match document {
                Ok(document) => osv::emit(document, out),
                Err(reason) => out.error(reason),
            }
        }
    }
}

fn is_tracker_file(name: &str) -> bool {
    is_cve(name.rsplit('/').next().unwrap_or(name))
}

/// `Name: value` fields, with the indented lines below each.
fn fields(text: &str) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim(), value.trim().to_owned()));
        }
    }
    fields
}

fn tracker_file(text: &str, out: &mut Output<'_>) {
    let fields = fields(text);
    let value = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value.as_str())
    };
    let Some(id) = value("Candidate")
        .filter(|id| is_cve(id))
        .map(str::to_owned)
    else {
        out.error("no 'Candidate: CVE-…' line");
        return;
    };
    out.entry_read();
    let priority = |name: &str| value(name).and_then(first_word).and_then(severity);
    let general = priority("Priority");
    let mut record = Record {
        id: id.clone(),
        description: one_line(value("Description").unwrap_or_default()),
        references: lines(value("References")),
        published: date(value("PublicDate").unwrap_or_default()),
        feed: "ubuntu".to_owned(),
        ..Record::default()
    };
    record
        .severities
        .extend(general.map(|severity| ("ubuntu".to_owned(), severity)));
    for line in lines(value("CVSS")) {
        if let Some((source, vector)) = line.split_once(':') {
            record.cvss.extend(cvss(
                source.trim(),
                vector.split(" [").next().unwrap_or(vector),
            ));
        }
    }
    let mut own: BTreeMap<&str, Option<Severity>> = BTreeMap::new();
    for (name, value) in &fields {
        if let Some(package) = name.strip_prefix("Priority_") {
            own.insert(package, first_word(value).and_then(severity));
        }
    }
    for (name, status) in &fields {
        let Some((place, package)) = name.split_once('_') else {
            continue;
        };
        let Some(bucket) = place_bucket(place) else {
            continue;
        };
        let codename = place.rsplit('/').next().unwrap_or(place);
        let severity = own
            .get(format!("{package}_{codename}").as_str())
            .or_else(|| own.get(package))
            .copied()
            .flatten()
            .or(general);
        match row(bucket, package, &id, status, out) {
            Ok(Some(mut row)) => {
                row.severity = severity;
                out.advisory(row);
            }
            Ok(None) => {}
            Err(reason) => out.error_at(name, reason),
        }
    }
    out.record(record);
}

fn first_word(text: &str) -> Option<&str> {
    text.split_whitespace().next()
}

fn severity(word: &str) -> Option<Severity> {
    Severity::from_str(word)
        .ok()
        .filter(|severity| *severity != Severity::Unknown)
}

fn lines(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// `2022-03-10 17:44:00 UTC`, `2022-03-10`.
fn date(text: &str) -> String {
    let mut words = text.split_whitespace();
    let day = words.next().unwrap_or_default();
    let time = words.next().filter(|time| time.contains(':'));
    if day.is_empty() || day == "unknown" {
        return String::new();
    }
    format!("{day}T{}Z", time.unwrap_or("00:00:00"))
}

/// The bucket of `jammy`, `esm-infra/xenial`, `trusty/esm`, `fips-updates/focal`. `None` for what is
/// no release: `upstream`, `devel`, `Patches`, products outside the archive (`snap`).
fn place_bucket(place: &str) -> Option<Bucket> {
    if let Some(release) = release(place) {
        return Some(bucket(release, ""));
    }
    let (first, rest) = place.split_once('/')?;
    if rest == "esm" {
        return Some(bucket(release(first)?, "esm-infra"));
    }
    let (channel, codename) = match rest.rsplit_once('/') {
        Some((middle, codename)) => (format!("{first}-{middle}"), codename),
        None => (first.to_owned(), rest),
    };
    let release = release(codename)?;
    let channel = match channel.as_str() {
        // What support there was before subscriptions had names.
        "esm" | "esm-infra-legacy" => "esm-infra",
        other => other,
    };
    Some(bucket(release, channel))
}

fn row(
    bucket: Bucket,
    package: &str,
    id: &str,
    status: &str,
    out: &mut Output<'_>,
) -> Result<Option<Advisory>, String> {
    let line = status.lines().next().unwrap_or_default();
    let (word, detail) = match line.split_once('(') {
        Some((word, detail)) => (word.trim(), detail.trim_end().trim_end_matches(')').trim()),
        None => (line.trim(), ""),
    };
    let mut row = Advisory::new(bucket, package, id, "ubuntu");
    row.status = match word {
        // An update that is on its way, with its version: not fixed for anybody yet.
        "needed" | "active" | "in-progress" | "pending" => FixStatus::Affected,
        "needs-triage" => FixStatus::UnderInvestigation,
        "deferred" => FixStatus::FixDeferred,
        "ignored" if is_end_of_life(detail) => FixStatus::EndOfLife,
        "ignored" => FixStatus::WillNotFix,
        "not-affected" => FixStatus::NotAffected,
        "released" | "released-esm" if !detail.is_empty() => {
            row.intervals.push(Interval {
                introduced: String::new(),
                end: End::Fixed(detail.to_owned()),
            });
            FixStatus::Fixed
        }
        // Older than the tracker's versions: whatever the release has is fixed.
        "released" | "released-esm" => FixStatus::NotAffected,
        "DNE" => return Ok(None),
        "" => {
            out.skip("no status");
            return Ok(None);
        }
        other => return Err(format!("unknown status '{other}'")),
    };
    Ok(Some(row))
}

fn is_end_of_life(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase();
    [
        "end of life",
        "end-of-life",
        "out of standard support",
        "end of standard support",
        "eol",
    ]
    .iter()
    .any(|words| detail.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (place, expected) in [
            ("jammy", Some("os/ubuntu/22.04")),
            ("esm-infra/xenial", Some("os/ubuntu/16.04/esm-infra")),
            ("esm-apps/jammy", Some("os/ubuntu/22.04/esm-apps")),
            ("trusty/esm", Some("os/ubuntu/14.04/esm-infra")),
            ("esm-infra-legacy/trusty", Some("os/ubuntu/14.04/esm-infra")),
            ("fips-updates/focal", Some("os/ubuntu/20.04/fips-updates")),
            ("upstream", None),
            ("devel", None),
            ("Patches", None),
            ("product/snap", None),
        ] {
            let bucket = place_bucket(place).map(|bucket| bucket.to_string());
            assert_eq!(bucket.as_deref(), expected, "{place}");
        }
    }
}
