//! OSV documents, JSON or YAML: one advisory a file, or a JSON list of them.
//!
//! Format: <https://ossf.github.io/osv-schema/>. A version is affected when it is in `versions` or in
//! a range. Ranges of commits (`GIT`) say nothing about packages: an entry with nothing else is left
//! out, never taken for "every version". `withdrawn` gives no rows, only a record that says so.

use super::{
    Each, Feed, Parser, Remote,
    common::{cvss, embedded_cve, is_cve, module_of_title, nullable, severity_of_title},
    osv_ecosystem::bucket,
    ubuntu,
};
use crate::output::Output;
use rampart_model::scan::{FixStatus, Severity};
use rampart_vuln::{
    advisory::{Advisory, Bucket, End, Interval, Record},
    version::{Scheme, is_affected, normalise_name},
};
use serde::Deserialize;
use serde_json::Value;
use std::str::FromStr;

/// Longest list of affected entries, versions or events that one document may have.
const MAX_LIST: usize = 200_000;

pub(super) static OSV: Feed = Feed {
    name: "osv",
    title: "OSV.dev, every ecosystem",
    format: "OSV JSON, one zip an ecosystem",
    licence: "that of each source; CC-BY-4.0 for most",
    families: "every language; os/debian os/ubuntu os/alpine os/almalinux os/rocky os/rhel os/sles …",
    refresh_hours: 6,
    default: true,
    remotes: osv_remotes,
    parser: each,
};

pub(super) static GHSA: Feed = Feed {
    name: "ghsa",
    title: "GitHub advisory database",
    format: "OSV JSON, repository archive",
    licence: "CC-BY-4.0",
    families: "npm maven pypi golang nuget gem composer cargo pub hex swift",
    refresh_hours: 6,
    default: false,
    remotes: || {
        vec![Remote::new(
            "advisory-database.tar.gz",
            "https://codeload.github.com/github/advisory-database/tar.gz/refs/heads/main",
        )]
    },
    parser: each,
};

pub(super) static GO: Feed = Feed {
    name: "go",
    title: "Go vulnerability database",
    format: "OSV JSON",
    licence: "CC-BY-4.0",
    families: "golang, with stdlib and toolchain",
    refresh_hours: 6,
    default: true,
    remotes: || vec![Remote::new("vulndb.zip", "https://vuln.go.dev/vulndb.zip")],
    parser: each,
};

pub(super) static PYPA: Feed = Feed {
    name: "pypa",
    title: "Python packaging advisory database",
    format: "OSV YAML, repository archive",
    licence: "CC-BY-4.0",
    families: "pypi",
    refresh_hours: 12,
    default: false,
    remotes: || {
        vec![Remote::new(
            "advisory-database.tar.gz",
            "https://codeload.github.com/pypa/advisory-database/tar.gz/refs/heads/main",
        )]
    },
    parser: each,
};

/// What is asked of OSV.dev by default: what the more direct feeds do not have.
const OSV_ECOSYSTEMS: &[&str] = &[
    "npm",
    "PyPI",
    "RubyGems",
    "crates.io",
    "Go",
    "Maven",
    "Packagist",
    "NuGet",
    "Pub",
    "Hex",
    "ConanCenter",
    "CRAN",
    "Hackage",
    "SwiftURL",
];

fn osv_remotes() -> Vec<Remote> {
    OSV_ECOSYSTEMS
        .iter()
        .map(|ecosystem| {
            Remote::new(
                format!("{ecosystem}.zip"),
                format!("https://osv-vulnerabilities.storage.googleapis.com/{ecosystem}/all.zip"),
            )
        })
        .collect()
}

pub(super) fn each() -> Box<dyn Parser> {
    Box::new(Each { wants, file })
}

pub(super) fn wants(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    // The Go database's zip has an index beside the advisories.
    !base.starts_with('.')
        && !name.contains("/index/")
        && !name.starts_with("index/")
        && (base.ends_with(".json") || base.ends_with(".yaml") || base.ends_with(".yml"))
}

fn file(name: &str, bytes: &[u8], out: &mut Output<'_>) {
    for (at, document) in documents(name, bytes).into_iter().enumerate() {
        match document {
            Ok(document) => emit(document, out),
            Err(reason) if at == 0 => out.error(reason),
            Err(reason) => out.error_at(at, reason),
        }
    }
}

/// The documents of a file: one, or a list.
pub(super) fn documents(name: &str, bytes: &[u8]) -> Vec<Result<Document, String>> {
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        let document = std::str::from_utf8(bytes)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                serde_saphyr::from_str::<Document>(text).map_err(|error| error.to_string())
            });
        return vec![document];
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return vec![serde_json::from_slice(bytes).map_err(|error| error.to_string())];
    }
    match serde_json::from_slice::<Vec<Value>>(bytes) {
        Ok(list) => list
            .into_iter()
            .map(|item| serde_json::from_value(item).map_err(|error| error.to_string()))
            .collect(),
        Err(error) => vec![Err(error.to_string())],
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Document {
    pub(super) id: String,
    #[serde(default, deserialize_with = "nullable")]
    modified: String,
    #[serde(default, deserialize_with = "nullable")]
    published: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) withdrawn: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) aliases: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) related: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) upstream: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) summary: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) details: String,
    #[serde(default, deserialize_with = "nullable")]
    severity: Vec<Score>,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) affected: Vec<Affected>,
    #[serde(default, deserialize_with = "nullable")]
    references: Vec<Reference>,
    #[serde(default, deserialize_with = "nullable")]
    database_specific: Specific,
    /// Module stream learnt from other advisories, where the title names none.
    #[serde(skip)]
    pub(super) stream: String,
}

#[derive(Debug, Default, Deserialize)]
struct Score {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    score: String,
}

#[derive(Debug, Default, Deserialize)]
struct Reference {
    #[serde(default, deserialize_with = "nullable")]
    url: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Affected {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) package: Package,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) ranges: Vec<Range>,
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    severity: Vec<Score>,
    #[serde(default, deserialize_with = "nullable")]
    ecosystem_specific: Specific,
    #[serde(default, deserialize_with = "nullable")]
    database_specific: Specific,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Package {
    #[serde(default)]
    pub(super) ecosystem: String,
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Range {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Event {
    introduced: Option<String>,
    pub(super) fixed: Option<String>,
    last_affected: Option<String>,
}

/// What is used of the free-form parts.
#[derive(Debug, Default, Deserialize)]
struct Specific {
    severity: Option<Value>,
    cwe_ids: Option<Value>,
    /// Debian's and Ubuntu's own word.
    urgency: Option<Value>,
    ubuntu_priority: Option<Value>,
    /// Ubuntu: where a fix can be had.
    availability: Option<Value>,
    /// GHSA: `<= 1.2.3` where no fixed version exists.
    last_known_affected_version_range: Option<Value>,
    /// Go: ranges in the product's own numbers, which are no module versions.
    #[serde(default, deserialize_with = "lenient_ranges")]
    custom_ranges: Vec<Range>,
    /// RustSec's export: `unmaintained`, `unsound`, `notice`.
    informational: Option<Value>,
}

fn lenient_ranges<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Range>, D::Error> {
    let value = Option::<Value>::deserialize(from)?.unwrap_or_default();
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Whose id it is, for the name that rows and severities carry.
fn source_of<'a>(id: &str, feed: &'a str) -> &'a str {
    const PREFIXES: &[(&str, &str)] = &[
        ("GHSA-", "ghsa"),
        ("PYSEC-", "pypa"),
        ("GO-", "go"),
        ("RUSTSEC-", "rustsec"),
        ("ALSA-", "alma"),
        ("ALBA-", "alma"),
        ("ALEA-", "alma"),
        ("RLSA-", "rocky"),
        ("RXSA-", "rocky"),
        ("UBUNTU-", "ubuntu"),
        ("USN-", "ubuntu"),
        ("DSA-", "debian"),
        ("DLA-", "debian"),
        ("DEBIAN-", "debian"),
        ("ALPINE-", "alpine"),
        ("RHSA-", "redhat"),
        ("SUSE-", "suse"),
        ("openSUSE-", "suse"),
        ("CGA-", "chainguard"),
    ];
    PREFIXES
        .iter()
        .find(|(prefix, _)| id.starts_with(prefix))
        .map_or(feed, |(_, source)| source)
}

/// Rows and records of one document.
pub(super) fn emit(document: Document, out: &mut Output<'_>) {
    if document.id.trim().is_empty() {
        out.error("no id");
        return;
    }
    out.entry_read();
    if !document.withdrawn.trim().is_empty() {
        out.skip("withdrawn");
        out.record(Record {
            id: document.id.clone(),
            withdrawn: true,
            modified: document.withdrawn,
            feed: source_of(&document.id, out.feed()).to_owned(),
            ..Record::default()
        });
        return;
    }
    let mut rows: Vec<Advisory> = Vec::new();
    let mut os = false;
    for affected in &document.affected {
        if let Some(row) = row_of(&document, affected, out) {
            os |= matches!(row.bucket, Bucket::Os { .. });
            join(&mut rows, row);
        }
    }
    if rows.is_empty() {
        return;
    }
    let ids = ids(&document, os);
    for mut row in rows {
        prune(&mut row);
        for id in &ids {
            let mut row = row.clone();
            row.aliases = other_ids(&document, id, ids.len() > 1);
            row.id.clone_from(id);
            out.advisory(row);
        }
    }
    for id in &ids {
        let record = record(&document, id, ids.len() > 1, out.feed());
        out.record(record);
    }
}

/// Several entries of one document for the same package and stream are one row.
fn join(rows: &mut Vec<Advisory>, row: Advisory) {
    let same = rows.iter_mut().find(|other| {
        other.package == row.package && other.bucket == row.bucket && other.module == row.module
    });
    match same {
        // "Every version" stays that.
        Some(other) if other.intervals.is_empty() && other.versions.is_empty() => {}
        Some(other) => {
            other.intervals.extend(row.intervals);
            other.intervals.dedup();
            other.versions.extend(row.versions);
            other.fixed_versions.extend(row.fixed_versions);
            other.severity = other.severity.max(row.severity);
            if row.status == FixStatus::Fixed {
                other.status = FixStatus::Fixed;
            }
        }
        None => rows.push(row),
    }
}

fn row_of(document: &Document, affected: &Affected, out: &mut Output<'_>) -> Option<Advisory> {
    let name = affected.package.name.trim();
    if name.is_empty() {
        out.skip("no package, only a repository");
        return None;
    }
    let mut bucket = match bucket(&affected.package.ecosystem) {
        Ok(bucket) => bucket,
        Err(none) => {
            out.skip(none.reason());
            return None;
        }
    };
    if affected.ecosystem_specific.informational.is_some()
        || text(affected.database_specific.informational.as_ref()).is_some()
    {
        out.skip("informational");
        return None;
    }
    if affected.versions.len() > MAX_LIST || affected.ranges.len() > MAX_LIST {
        out.error_at(
            &document.id,
            format!("more than {MAX_LIST} ranges or versions"),
        );
        return None;
    }
    if let Some(availability) = text(affected.ecosystem_specific.availability.as_ref()) {
        ubuntu::narrow(&mut bucket, availability);
    }
    let mut row = Advisory::new(
        bucket,
        name,
        document.id.as_str(),
        source_of(&document.id, out.feed()),
    );
    row.package = normalised(&row.bucket, name);
    if !fill(&mut row, affected) {
        out.skip("only commit ranges");
        return None;
    }
    row.severity = own_severity(affected).or_else(|| match row.bucket {
        Bucket::Os { .. } => document_severity(document),
        Bucket::Language(_) => None,
    });
    if has_module(&row) {
        row.module = module_of_title(&document.summary)
            .unwrap_or(&document.stream)
            .to_owned();
    }
    Some(row)
}

/// Intervals, versions and status. `false`: the entry names no version at all.
fn fill(row: &mut Advisory, affected: &Affected) -> bool {
    let mut usable = false;
    for range in affected.ranges.iter().filter(|range| range.kind != "GIT") {
        usable |= !range.events.is_empty();
        intervals(&range.events, row);
    }
    if row
        .intervals
        .iter()
        .any(|interval| matches!(interval.end, End::Fixed(_)))
    {
        row.status = FixStatus::Fixed;
    }
    let last_known = text(
        affected
            .database_specific
            .last_known_affected_version_range
            .as_ref(),
    );
    if let Some(range) = last_known {
        last_affected(range, row);
    }
    row.versions.extend(affected.versions.iter().cloned());
    usable |= !row.versions.is_empty();
    let every = row
        .intervals
        .iter()
        .any(|interval| interval.introduced.is_empty() && interval.end == End::Open);
    if every {
        row.intervals = vec![Interval::default()];
        row.versions.clear();
    }
    for range in &affected.ecosystem_specific.custom_ranges {
        row.fixed_versions
            .extend(range.events.iter().filter_map(|event| event.fixed.clone()));
    }
    usable
}

/// Events in order, as feeds write them: each `introduced` opens an interval, the next end closes it.
fn intervals(events: &[Event], row: &mut Advisory) {
    let mut open: Option<String> = None;
    let mut ends: Vec<End> = Vec::new();
    for event in events {
        if let Some(introduced) = &event.introduced {
            if let Some(earlier) = open.replace(first(introduced)) {
                push(row, earlier, End::Open);
            }
            continue;
        }
        let end = match (&event.fixed, &event.last_affected) {
            (Some(fixed), _) => End::Fixed(fixed.clone()),
            (None, Some(last)) => End::LastAffected(last.clone()),
            (None, None) => continue,
        };
        match open.take() {
            Some(introduced) => push(row, introduced, end),
            None => ends.push(end),
        }
    }
    match (open, ends.is_empty()) {
        // Written the other way round: the end stands before its beginning.
        (Some(introduced), false) => push(row, introduced, ends.swap_remove(0)),
        (Some(introduced), true) => push(row, introduced, End::Open),
        (None, _) => {}
    }
    for end in ends {
        if let End::Fixed(fixed) = end {
            row.fixed_versions.push(fixed);
        }
    }
}

fn push(row: &mut Advisory, introduced: String, end: End) {
    let interval = Interval { introduced, end };
    if !row.intervals.contains(&interval) {
        row.intervals.push(interval);
    }
}

/// `"0"` means from the first version.
fn first(introduced: &str) -> String {
    match introduced.trim() {
        "0" => String::new(),
        other => other.to_owned(),
    }
}

/// Closes the one open interval by GHSA's `<= 1.2.3` or `< 1.2.3`.
fn last_affected(range: &str, row: &mut Advisory) {
    let end = if let Some(version) = range.trim().strip_prefix("<=") {
        End::LastAffected(version.trim().to_owned())
    } else if let Some(version) = range.trim().strip_prefix('<') {
        // The first version without it, but no release is known to be fixed: still exclusive.
        End::Fixed(version.trim().to_owned())
    } else {
        return;
    };
    let mut open = row
        .intervals
        .iter_mut()
        .filter(|interval| interval.end == End::Open);
    if let (Some(interval), None) = (open.next(), open.next()) {
        interval.end = end;
    }
}

fn has_module(row: &Advisory) -> bool {
    row.intervals.iter().any(|interval| {
        matches!(&interval.end, End::Fixed(version) | End::LastAffected(version)
            if version.contains(".module_el") || version.contains(".module+el"))
    })
}

/// CVEs where there are any, else the document's own id. A distribution's erratum about several
/// CVEs is one row for each; in a language's feed all ids are names of the one flaw.
fn ids(document: &Document, os: bool) -> Vec<String> {
    if is_cve(&document.id) {
        return vec![document.id.clone()];
    }
    if let Some(cve) = embedded_cve(&document.id) {
        return vec![cve.to_owned()];
    }
    let mut cves: Vec<&String> = document.aliases.iter().filter(|id| is_cve(id)).collect();
    if os {
        let others = document.upstream.iter().chain(&document.related);
        cves.extend(others.filter(|id| is_cve(id)));
        cves.sort_unstable();
        cves.dedup();
    } else {
        cves.truncate(1);
    }
    if cves.is_empty() {
        vec![document.id.clone()]
    } else {
        cves.into_iter().cloned().collect()
    }
}

/// Everything else the flaw is called. For an erratum about several CVEs, only the erratum.
fn other_ids(document: &Document, id: &str, several: bool) -> Vec<String> {
    let mut others = vec![document.id.clone()];
    if !several {
        others.extend(document.aliases.iter().cloned());
    }
    others.retain(|other| other != id);
    others
}

fn record(document: &Document, id: &str, several: bool, feed: &str) -> Record {
    let source = source_of(&document.id, feed);
    let mut record = Record {
        id: id.to_owned(),
        aliases: other_ids(document, id, several),
        title: document.summary.clone(),
        description: document.details.clone(),
        references: document.references.iter().map(|r| r.url.clone()).collect(),
        cwes: cwes(document.database_specific.cwe_ids.as_ref()),
        published: document.published.clone(),
        modified: document.modified.clone(),
        feed: source.to_owned(),
        ..Record::default()
    };
    if let Some(severity) = document_severity(document) {
        record.severities.push((source.to_owned(), severity));
    }
    let scores = document
        .severity
        .iter()
        .chain(document.affected.iter().take(1).flat_map(|a| &a.severity));
    for score in scores {
        if score.kind.starts_with("CVSS")
            && let Some(cvss) = cvss(source, &score.score)
            && !record.cvss.contains(&cvss)
        {
            record.cvss.push(cvss);
        }
    }
    record
}

fn cwes(value: Option<&Value>) -> Vec<String> {
    let Some(Value::Array(list)) = value else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn document_severity(document: &Document) -> Option<Severity> {
    text(document.database_specific.severity.as_ref())
        .and_then(|word| Severity::from_str(word).ok())
        .or_else(|| words(&document.severity))
        .or_else(|| severity_of_title(&document.summary))
        .or_else(|| {
            document
                .id
                .starts_with("MAL-")
                .then_some(Severity::Critical)
        })
}

/// A severity in words, where a vendor puts one among the vectors.
fn words(scores: &[Score]) -> Option<Severity> {
    scores
        .iter()
        .filter(|score| !score.kind.starts_with("CVSS"))
        .find_map(|score| Severity::from_str(&score.score).ok())
}

fn own_severity(affected: &Affected) -> Option<Severity> {
    let specific = &affected.ecosystem_specific;
    [
        specific.urgency.as_ref(),
        specific.ubuntu_priority.as_ref(),
        specific.severity.as_ref(),
        affected.database_specific.severity.as_ref(),
    ]
    .into_iter()
    .find_map(|value| text(value).and_then(|word| Severity::from_str(word).ok()))
    .filter(|severity| *severity != Severity::Unknown)
    .or_else(|| words(&affected.severity))
}

fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str()
}

/// The name as its ecosystem compares it.
fn normalised(bucket: &Bucket, name: &str) -> String {
    match bucket {
        Bucket::Language(kind) => normalise_name(*kind, name).into_owned(),
        Bucket::Os { .. } => name.to_owned(),
    }
}

/// Versions by name that an interval holds anyway say nothing more.
fn prune(row: &mut Advisory) {
    let Bucket::Language(kind) = row.bucket else {
        return;
    };
    let (scheme, intervals) = (Scheme::of(kind), &row.intervals);
    row.versions.retain(|version| {
        !intervals
            .iter()
            .any(|interval| is_affected(scheme, interval, version).unwrap_or(false))
    });
}
