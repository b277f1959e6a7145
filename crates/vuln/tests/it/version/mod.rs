//! Orders of versions: against recorded vectors, against the real tools, and as orders.

mod order;
mod range;
mod tool;
mod vector;

use std::{cmp::Ordering, path::PathBuf};

/// An environment variable, read as the process was given it.
fn setting(name: &str) -> Option<String> {
    std::env::vars()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value)
}

fn vectors() -> Option<PathBuf> {
    let root = setting("RAMPART_REFERENCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference"),
        PathBuf::from,
    );
    let path = root.join("data/vuln/versions");
    path.is_dir().then_some(path)
}

fn sign(text: &str) -> Option<Ordering> {
    Some(match text.trim() {
        "<" | "-1" => Ordering::Less,
        "=" | "0" => Ordering::Equal,
        ">" | "1" => Ordering::Greater,
        _ => return None,
    })
}
