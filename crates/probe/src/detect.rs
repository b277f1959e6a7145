//! What this node can do, found by trying.

use rampart_model::{Tier, node::Capability};
use std::path::PathBuf;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub tier: Tier,
    pub capabilities: Vec<Capability>,
    /// What is missing and who can change it; empty when nothing is.
    pub reasons: Vec<String>,
    pub cgroup2: Option<PathBuf>,
    pub kernel: String,
}

/// Tries every mechanism; never panics, leaves nothing behind.
pub fn detect() -> Capabilities {
    Capabilities::default()
}
