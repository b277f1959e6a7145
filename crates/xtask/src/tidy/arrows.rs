//! Which crate may depend on which. The table is the one in ARCHITECTURE.md.

use super::Finding;
use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};
use std::path::Path;

const PREFIX: &str = "rampart-";

/// Crate, and what it may depend on in normal builds. Tests may also use `testkit`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("policy", &["model"]),
    ("detect", &["model"]),
    ("vuln", &["model"]),
    ("api", &["model"]),
    ("store", &["model"]),
    ("cluster", &["model"]),
    ("probe", &["model"]),
    ("controller", &["model", "policy", "vuln", "api", "store"]),
    (
        "enforcer",
        &["model", "policy", "detect", "cluster", "probe"],
    ),
    ("scanner", &["model", "vuln", "api"]),
    ("updater", &["model", "vuln"]),
    ("manager", &["model", "api"]),
    ("testkit", &["model"]),
];

/// Crates that may be used in tests only.
const TEST_ONLY: &[&str] = &["testkit"];

pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let Some(name) = package.name.strip_prefix(PREFIX) else {
            continue;
        };
        let Some((_, allowed)) = ALLOWED.iter().find(|(krate, _)| *krate == name) else {
            findings.push(Finding {
                place: package.manifest_path.to_string(),
                what: format!(
                    "crate {name} has no row in the arrow table (xtask/src/tidy/arrows.rs)"
                ),
            });
            continue;
        };
        for dependency in &package.dependencies {
            let Some(target) = dependency.name.strip_prefix(PREFIX) else {
                continue;
            };
            let test = dependency.kind == DependencyKind::Development;
            let fine = if TEST_ONLY.contains(&target) {
                test
            } else {
                test || allowed.contains(&target)
            };
            if !fine {
                findings.push(Finding {
                    place: package.manifest_path.to_string(),
                    what: format!(
                        "{name} must not depend on {target}: see the arrows in ARCHITECTURE.md"
                    ),
                });
            }
        }
    }
    Ok(findings)
}
