//! Where parsers put what they read: rows and records to a sink, everything else to the statistics.
//!
//! Nothing is dropped in silence: an entry that cannot be read is an error with its name, an entry
//! that is left out on purpose counts under a reason. Both lists are bounded ([`MAX_DIAGNOSTICS`]).

use rampart_vuln::advisory::{Advisory, Record};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Errors kept with their text; the rest is only counted.
pub const MAX_DIAGNOSTICS: usize = 50;
/// Longest text of one diagnostic, in bytes.
const MAX_REASON: usize = 300;
/// Longest description kept, in bytes: the few longer ones are whole changelogs.
const MAX_DESCRIPTION: usize = 8 * 1024;
const MAX_TITLE: usize = 512;
const MAX_REFERENCES: usize = 30;
const MAX_ALIASES: usize = 64;

/// Takes what parsers make.
pub trait Sink {
    fn advisory(&mut self, advisory: Advisory);
    fn record(&mut self, record: Record);
}

/// Keeps everything, in order.
#[derive(Debug, Default)]
pub struct Collected {
    pub advisories: Vec<Advisory>,
    pub records: Vec<Record>,
}

impl Sink for Collected {
    fn advisory(&mut self, advisory: Advisory) {
        self.advisories.push(advisory);
    }

    fn record(&mut self, record: Record) {
        self.records.push(record);
    }
}

/// One entry that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Feed input and entry inside it: `all.zip/GHSA-….json`, `CVE/list:812`.
    pub entry: String,
    pub reason: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.entry, self.reason)
    }
}

/// What came of one feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Files offered to the parser.
    pub files: u64,
    /// Advisories read: a document, a list entry, a catalogue line.
    pub entries: u64,
    /// Advisory rows made of them.
    pub rows: u64,
    pub records: u64,
    /// Entries left out on purpose, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Entries that could not be read.
    pub errors: u64,
    pub diagnostics: Vec<Diagnostic>,
    /// The newest date the feed's own entries carry, RFC 3339; empty if none does.
    pub newest: String,
}

impl Stats {
    /// Of everything read, the part that failed, in percent.
    pub fn error_percent(&self) -> f64 {
        let all = self.entries.saturating_add(self.errors);
        if all == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let percent = self.errors as f64 * 100.0 / all as f64;
        percent
    }
}

/// A parser's way out.
pub struct Output<'a> {
    feed: &'static str,
    entry: String,
    sink: &'a mut dyn Sink,
    stats: &'a mut Stats,
}

impl<'a> Output<'a> {
    pub fn new(feed: &'static str, sink: &'a mut dyn Sink, stats: &'a mut Stats) -> Self {
        Self {
            feed,
            entry: String::new(),
            sink,
            stats,
        }
    }

    /// The feed's name in the table.
    pub fn feed(&self) -> &'static str {
        self.feed
    }

    /// A new file begins: diagnostics name it from here on.
    pub fn begin(&mut self, entry: &str) {
        self.stats.files += 1;
        entry.clone_into(&mut self.entry);
    }

    /// Diagnostics name this file again, which was given before.
    pub fn at(&mut self, entry: &str) {
        entry.clone_into(&mut self.entry);
    }

    /// One more advisory was read whole.
    pub fn entry_read(&mut self) {
        self.stats.entries += 1;
    }

    /// The feed's own date, where it says one for the whole.
    pub fn dated(&mut self, text: &str) {
        let at = date(text);
        if at > self.stats.newest {
            self.stats.newest = at;
        }
    }

    /// Left out on purpose.
    pub fn skip(&mut self, reason: &str) {
        *self.stats.skipped.entry(reason.to_owned()).or_default() += 1;
    }

    /// The whole file could not be read.
    pub fn error(&mut self, reason: impl fmt::Display) {
        let entry = self.entry.clone();
        self.note(entry, &reason);
    }

    /// One entry of the file could not be read; `part` names it (an id, a line number).
    pub fn error_at(&mut self, part: impl fmt::Display, reason: impl fmt::Display) {
        let entry = format!("{}:{part}", self.entry);
        self.note(entry, &reason);
    }

    fn note(&mut self, mut entry: String, reason: &dyn fmt::Display) {
        self.stats.errors += 1;
        if self.stats.diagnostics.len() < MAX_DIAGNOSTICS {
            let mut reason = one_line(&reason.to_string());
            truncate(&mut reason, MAX_REASON);
            truncate(&mut entry, MAX_REASON);
            self.stats.diagnostics.push(Diagnostic { entry, reason });
        }
    }

    /// A row. Its lists are put in order, so that the same feed always gives the same bytes.
    /// One without a package or an id is an error instead.
    pub fn advisory(&mut self, mut advisory: Advisory) {
        if advisory.package.trim().is_empty() || advisory.id.trim().is_empty() {
            self.error(format!(
                "a row without a package or an id ({})",
                advisory.bucket
            ));
            return;
        }
        advisory.aliases.retain(|alias| alias != &advisory.id);
        tidy(&mut advisory.aliases, MAX_ALIASES);
        advisory.arches.sort_unstable();
        advisory.arches.dedup();
        self.stats.rows += 1;
        self.sink.advisory(advisory);
    }

    pub fn record(&mut self, mut record: Record) {
        record.aliases.retain(|alias| alias != &record.id);
        tidy(&mut record.aliases, MAX_ALIASES);
        tidy(&mut record.cwes, MAX_ALIASES);
        let mut seen = std::collections::HashSet::new();
        record
            .references
            .retain(|url| !url.is_empty() && seen.insert(url.clone()));
        record.references.truncate(MAX_REFERENCES);
        record.title = one_line(&record.title);
        truncate(&mut record.title, MAX_TITLE);
        truncate(&mut record.description, MAX_DESCRIPTION);
        record.published = date(&record.published);
        record.modified = date(&record.modified);
        for at in [&record.modified, &record.published] {
            if *at > self.stats.newest {
                self.stats.newest.clone_from(at);
            }
        }
        self.stats.records += 1;
        self.sink.record(record);
    }
}

fn tidy(list: &mut Vec<String>, limit: usize) {
    list.retain(|item| !item.is_empty());
    list.sort_unstable();
    list.dedup();
    list.truncate(limit);
}

/// Whole and on one line: runs of white space become one space.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}

/// A feed's date as `YYYY-MM-DDTHH:MM:SSZ`. Empty for what is no date, and for the year 1, which
/// stands for "never" in the Go database.
pub(crate) fn date(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.starts_with("0001-") {
        return String::new();
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return seconds(at);
    }
    // NVD gives times without a zone; it means UTC.
    match format!("{text}Z").parse::<jiff::Timestamp>() {
        Ok(at) => seconds(at),
        Err(_) => String::new(),
    }
}

fn seconds(at: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_second())
        .map(|at| at.to_string())
        .unwrap_or_default()
}
