//! Tidy: each check is one file-free function in one visible table.

mod arrows;
mod files;

use anyhow::{Result, bail};
use std::path::Path;

/// A broken rule: where, and what to do.
pub(crate) struct Finding {
    pub(crate) place: String,
    pub(crate) what: String,
}

type Check = fn(&Path) -> Result<Vec<Finding>>;

const ALL: &[(&str, Check)] = &[
    ("arrows", arrows::check),
    ("headers", files::headers),
    ("file size", files::sizes),
    ("function size", files::functions),
    ("conformance skips", files::skips),
    ("stray paths", files::stray_paths),
];

pub(crate) fn run(root: &Path) -> Result<()> {
    let mut broken = 0;
    for (name, check) in ALL {
        let findings = check(root)?;
        let state = if findings.is_empty() { "ok" } else { "BROKEN" };
        println!("tidy: {name:<18} {state}");
        for finding in &findings {
            println!("  {}: {}", finding.place, finding.what);
        }
        broken += findings.len();
    }
    if broken > 0 {
        bail!("tidy: {broken} rule(s) broken; CONTRIBUTING.md says why each is there");
    }
    Ok(())
}
