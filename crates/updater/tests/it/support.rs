//! Reads feeds in memory, and finds the reference data.

use rampart_updater::{
    feed,
    output::{Collected, Output, Stats},
};
use rampart_vuln::advisory::{Advisory, End};
use std::path::PathBuf;

/// What one feed gave.
pub(crate) struct Read {
    pub(crate) rows: Vec<Advisory>,
    pub(crate) records: Vec<rampart_vuln::advisory::Record>,
    pub(crate) stats: Stats,
}

impl Read {
    /// `bucket package id status introduced..end,…` of each row, in order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.rows.iter().map(line).collect()
    }

    pub(crate) fn record(&self, id: &str) -> &rampart_vuln::advisory::Record {
        self.records
            .iter()
            .find(|record| record.id == id)
            .unwrap_or_else(|| panic!("no record {id}"))
    }
}

pub(crate) fn line(row: &Advisory) -> String {
    let mut parts: Vec<String> = row
        .intervals
        .iter()
        .map(|interval| {
            let end = match &interval.end {
                End::Open => String::new(),
                End::Fixed(version) => version.clone(),
                End::LastAffected(version) => format!("={version}"),
            };
            format!("{}..{end}", interval.introduced)
        })
        .collect();
    parts.extend(row.versions.iter().map(|version| format!("={version}")));
    let mut line = format!(
        "{} {} {} {}",
        row.bucket,
        row.package,
        row.id,
        row.status.name()
    );
    if !row.module.is_empty() {
        line.push_str(&format!(" [{}]", row.module));
    }
    if !parts.is_empty() {
        line.push_str(&format!(" {}", parts.join(",")));
    }
    line
}

/// Files given by name and content, as a feed would have them.
pub(crate) fn read(feed: &str, files: &[(&str, &str)]) -> Read {
    let feed = feed::by_name(feed).expect("a feed of that name");
    let mut parser = (feed.parser)();
    let (mut sink, mut stats) = (Collected::default(), Stats::default());
    let mut out = Output::new(feed.name, &mut sink, &mut stats);
    for (name, text) in files {
        assert!(parser.wants(name), "{} does not want {name}", feed.name);
        out.begin(name);
        parser.file(name, text.as_bytes(), &mut out);
    }
    parser.finish(&mut out);
    Read {
        rows: sink.advisories,
        records: sink.records,
        stats,
    }
}

/// A file of the reference data; `None`, said aloud, where it is not there.
pub(crate) fn reference(name: &str) -> Option<PathBuf> {
    let given = std::env::vars()
        .find(|(key, _)| key == "RAMPART_REFERENCE")
        .map(|(_, value)| PathBuf::from(value));
    let root = given.unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference")
    });
    let path = root.join("data/vuln").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no reference data at {}", path.display());
    None
}
