//! RustSec: a TOML head in a Markdown file, one advisory each.
//!
//! `patched` and `unaffected` are lists of requirements, any of which clears a version; what none of
//! them clears is affected. Informational advisories (unmaintained, unsound, notice) are no
//! vulnerabilities: they are counted, not taken.

use super::{
    Each, Feed, Remote,
    common::{cvss, is_cve, nullable},
};
use crate::output::Output;
use rampart_model::{package::PackageKind, scan::FixStatus};
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval, Record};
use requirement::{Cleared, affected};
use serde::Deserialize;

mod requirement;

pub(super) static RUSTSEC: Feed = Feed {
    name: "rustsec",
    title: "RustSec advisory database",
    format: "TOML in Markdown, repository archive",
    licence: "CC0-1.0",
    families: "cargo",
    refresh_hours: 6,
    default: true,
    remotes: || {
        vec![Remote::new(
            "advisory-db.tar.gz",
            "https://codeload.github.com/rustsec/advisory-db/tar.gz/refs/heads/main",
        )]
    },
    parser: || {
        Box::new(Each {
            wants: |name| {
                let base = name.rsplit('/').next().unwrap_or(name);
                base.starts_with("RUSTSEC-") || (base.starts_with("CVE-") && base.ends_with(".md"))
            },
            file,
        })
    },
};

#[derive(Deserialize)]
struct Head {
    advisory: Fields,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct Fields {
    id: String,
    package: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    date: String,
    #[serde(default)]
    withdrawn: String,
    #[serde(default)]
    informational: String,
    #[serde(default)]
    cvss: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    references: Vec<String>,
    /// Old files put them here.
    #[serde(default)]
    patched_versions: Vec<String>,
    #[serde(default)]
    unaffected_versions: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default, deserialize_with = "nullable")]
    patched: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    unaffected: Vec<String>,
}

fn file(_: &str, bytes: &[u8], out: &mut Output<'_>) {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = split(&text) else {
        out.error("no ```toml head");
        return;
    };
    let head: Head = match toml::from_str(head) {
        Ok(head) => head,
        Err(error) => {
            out.error(error.message());
            return;
        }
    };
    out.entry_read();
    let fields = &head.advisory;
    let mut record = record(fields, body, out.feed());
    if !fields.withdrawn.is_empty() {
        out.skip("withdrawn");
        record.id.clone_from(&fields.id);
        record.withdrawn = true;
        out.record(record);
        return;
    }
    if !fields.informational.is_empty() {
        out.skip("informational");
        return;
    }
    match row(&head, &record.id, out.feed()) {
        Ok(Some(row)) => {
            out.advisory(row);
            out.record(record);
        }
        Ok(None) => out.skip("no version is affected"),
        Err(reason) => out.error(reason),
    }
}

/// The TOML head and the Markdown after it. Older files begin with the TOML itself.
fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let Some(rest) = text.strip_prefix("```toml") else {
        return text.starts_with('[').then_some((text, ""));
    };
    let end = rest.find("\n```")?;
    Some((rest.get(..end)?, rest.get(end + 4..)?))
}

fn record(fields: &Fields, body: &str, feed: &str) -> Record {
    let id = fields
        .aliases
        .iter()
        .find(|alias| is_cve(alias))
        .unwrap_or(&fields.id);
    let body = body.trim();
    let (title, description) = match body.strip_prefix("# ") {
        Some(rest) => rest.split_once('\n').unwrap_or((rest, "")),
        None => ("", body),
    };
    let mut aliases = fields.aliases.clone();
    aliases.push(fields.id.clone());
    let mut references = vec![format!("https://rustsec.org/advisories/{}.html", fields.id)];
    references.push(fields.url.clone());
    references.extend(fields.references.iter().cloned());
    Record {
        id: id.clone(),
        aliases,
        title: title.to_owned(),
        description: description.trim().to_owned(),
        cvss: cvss(feed, &fields.cvss).into_iter().collect(),
        references,
        published: format!("{}T00:00:00Z", fields.date),
        feed: feed.to_owned(),
        ..Record::default()
    }
}

fn row(head: &Head, id: &str, feed: &str) -> Result<Option<Advisory>, String> {
    let patched = Cleared::parse(
        head.versions
            .patched
            .iter()
            .chain(&head.advisory.patched_versions),
    )?;
    let unaffected = Cleared::parse(
        head.versions
            .unaffected
            .iter()
            .chain(&head.advisory.unaffected_versions),
    )?;
    let fixed_versions = patched.lowest();
    let intervals: Vec<Interval> = affected(patched, unaffected);
    if intervals.is_empty() {
        return Ok(None);
    }
    let mut row = Advisory::new(
        Bucket::Language(PackageKind::Cargo),
        head.advisory.package.as_str(),
        id,
        feed,
    );
    row.aliases.clone_from(&head.advisory.aliases);
    row.aliases.push(head.advisory.id.clone());
    if !fixed_versions.is_empty() {
        row.status = FixStatus::Fixed;
    }
    // An interval that ends where an unaffected range begins has a version without the flaw too,
    // but the fixed ones are what to go to.
    let ends_fixed = intervals
        .iter()
        .all(|interval| matches!(&interval.end, End::Fixed(end) if fixed_versions.contains(end)));
    if !ends_fixed {
        row.fixed_versions = fixed_versions;
    }
    row.intervals = intervals;
    Ok(Some(row))
}
