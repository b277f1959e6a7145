//! File rules.

use crate::{ConfigSource, GroupName, Timestamp, mode::names};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A watched or protected set of paths inside a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileRule {
    /// Absolute path; the last component may hold `*`.
    pub filter: String,
    pub recursive: bool,
    pub behavior: FileBehavior,
    /// Executables (paths) that may change the files.
    pub applications: Vec<String>,
    pub source: ConfigSource,
    pub group: GroupName,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileBehavior {
    /// Report changes; in Protect, deny writes by applications not listed.
    #[default]
    MonitorChange,
    /// Any access by an application not listed is a violation; denied in Protect.
    BlockAccess,
}

names!(FileBehavior { MonitorChange = "monitor_change", BlockAccess = "block_access" });
