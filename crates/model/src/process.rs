//! Process rules, and processes as they are seen.

use crate::{Action, ConfigSource, GroupName, Timestamp};
use serde::{Deserialize, Serialize};

/// One line of a process profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessRule {
    /// Base name of the executable; `*` is any.
    pub name: String,
    /// Absolute path; empty or `*` is any; `dir/*` is everything below; `/usr/*/x` is a prefix
    /// and a base name.
    pub path: String,
    /// User name the rule holds for; empty is any.
    pub user: String,
    pub action: Action,
    pub source: ConfigSource,
    pub uuid: String,
    /// The file may change (a package update) without being a drift.
    pub allow_update: bool,
    /// The group the rule came from, when listed for a workload.
    pub group: GroupName,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One live process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessInfo {
    pub pid: u32,
    pub parent: u32,
    pub name: String,
    /// Real path of the executable, inside the container.
    pub path: String,
    pub cmdline: String,
    pub cwd: String,
    pub user: String,
    pub uid: u32,
    pub euid: u32,
    pub tty: bool,
    /// `R`, `S`, `D`, `Z`, `T`; empty when not known.
    pub status: String,
    pub started_at: Timestamp,
    /// Not in the profile, so shown in red.
    pub action: Action,
    /// Children of a root started by the runtime (`exec`) rather than the entrypoint.
    pub from_exec: bool,
}
