//! Parsers, case by case, in our own words: what a real file holds that trips a reader.

mod distro;
mod language;
mod score;

use crate::support::{Read, read};

/// Rows of one file, as lines.
fn rows(feed: &str, name: &str, text: &str) -> Vec<String> {
    let read = read(feed, &[(name, text)]);
    assert_eq!(read.stats.diagnostics, [], "{feed}");
    read.lines()
}

/// Reads what is broken in places: the errors' texts, and the rows of the rest.
fn broken(feed: &str, name: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let Read { stats, rows, .. } = read(feed, &[(name, text)]);
    let errors = stats.diagnostics.iter().map(ToString::to_string).collect();
    (errors, rows.iter().map(crate::support::line).collect())
}
