//! Process and file rules.

use super::{Mistake, cfg_type};
use crate::rest::{
    file::{FileFilter, FileFilterConfig},
    process::{ProcessProfileEntry, ProcessProfileEntryConfig},
};
use rampart_model::{Action, ConfigSource, FileBehavior, FileRule, ProcessRule};

const MAX_PATH_BYTES: usize = 4096;
const MAX_APPLICATIONS: usize = 64;

pub fn process_entry(rule: &ProcessRule) -> ProcessProfileEntry {
    ProcessProfileEntry {
        name: rule.name.clone(),
        path: rule.path.clone(),
        user: rule.user.clone(),
        uid: 0,
        action: rule.action.to_string(),
        cfg_type: cfg_type(rule.source),
        uuid: rule.uuid.clone(),
        group: rule.group.to_string(),
        allow_update: rule.allow_update,
        created_timestamp: rule.created_at.secs(),
        last_modified_timestamp: rule.updated_at.secs(),
    }
}

/// A rule a user writes: absolute or empty path, a name, allow unless it says deny.
pub fn process_rule_of(config: &ProcessProfileEntryConfig) -> Result<ProcessRule, Mistake> {
    if config.name.is_empty() || config.name.len() > 255 || config.name.contains('\0') {
        return Err(Mistake::new(
            "name",
            &config.name,
            "an executable's name of 1 to 255 bytes, or *",
        ));
    }
    let path_fits = config.path.is_empty() || config.path == "*" || config.path.starts_with('/');
    if !path_fits || config.path.len() > MAX_PATH_BYTES || config.path.contains('\0') {
        return Err(Mistake::new(
            "path",
            &config.path,
            "empty, *, or an absolute path of 4096 bytes at the most",
        ));
    }
    let action = match config.action.as_str() {
        "" => Action::Allow,
        name => Action::parse(name).ok_or_else(|| Mistake::new("action", name, "allow or deny"))?,
    };
    let user = config.user.clone().unwrap_or_default();
    if user.len() > 255 {
        return Err(Mistake::new(
            "user",
            &user,
            "a user name of 255 bytes at the most",
        ));
    }
    Ok(ProcessRule {
        name: config.name.clone(),
        path: config.path.clone(),
        user,
        action,
        source: ConfigSource::User,
        allow_update: config.allow_update.unwrap_or_default(),
        ..ProcessRule::default()
    })
}

pub fn file_filter(rule: &FileRule) -> FileFilter {
    FileFilter {
        filter: rule.filter.clone(),
        recursive: rule.recursive,
        behavior: rule.behavior.to_string(),
        applications: rule.applications.clone(),
        cfg_type: cfg_type(rule.source),
        group: rule.group.to_string(),
        created_timestamp: rule.created_at.secs(),
        last_modified_timestamp: rule.updated_at.secs(),
    }
}

/// A filter a user writes.
pub fn file_rule_of(config: &FileFilterConfig) -> Result<FileRule, Mistake> {
    let filter = config.filter.as_str();
    if !filter.starts_with('/') || filter.len() > MAX_PATH_BYTES || filter.contains('\0') {
        return Err(Mistake::new(
            "filter",
            filter,
            "an absolute path of 4096 bytes at the most",
        ));
    }
    if filter.split('/').any(|part| part == "..") {
        return Err(Mistake::new("filter", filter, "a path without `..`"));
    }
    let behavior = match config.behavior.as_deref() {
        None | Some("") => FileBehavior::MonitorChange,
        Some(name) => FileBehavior::parse(name)
            .ok_or_else(|| Mistake::new("behavior", name, "monitor_change or block_access"))?,
    };
    let applications = config.applications.clone().unwrap_or_default();
    if applications.len() > MAX_APPLICATIONS {
        return Err(Mistake::new(
            "applications",
            &applications.len().to_string(),
            "64 at the most",
        ));
    }
    if let Some(bad) = applications
        .iter()
        .find(|a| !a.starts_with('/') || a.len() > MAX_PATH_BYTES)
    {
        return Err(Mistake::new(
            "applications",
            bad,
            "absolute paths of executables",
        ));
    }
    Ok(FileRule {
        filter: filter.to_owned(),
        recursive: config.recursive,
        behavior,
        applications,
        source: ConfigSource::User,
        ..FileRule::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_a_node_could_not_match_are_refused() {
        let process = |name: &str, path: &str, action: &str| {
            process_rule_of(&ProcessProfileEntryConfig {
                name: name.into(),
                path: path.into(),
                action: action.into(),
                ..Default::default()
            })
        };
        assert!(process("nginx", "/usr/sbin/nginx", "allow").is_ok());
        assert!(process("*", "*", "deny").is_ok());
        assert_eq!(process("nginx", "", "").unwrap().action, Action::Allow);
        assert!(process("", "/bin/sh", "allow").is_err());
        assert!(process("sh", "bin/sh", "allow").is_err());
        assert!(process("sh", "/bin/sh\0", "allow").is_err());
        assert!(process("sh", "/bin/sh", "permit").is_err());

        let file = |filter: &str, behavior: &str| {
            file_rule_of(&FileFilterConfig {
                filter: filter.into(),
                behavior: Some(behavior.into()),
                ..Default::default()
            })
        };
        assert!(file("/etc/passwd", "block_access").is_ok());
        assert!(file("etc/passwd", "block_access").is_err());
        assert!(file("/etc/../root", "block_access").is_err());
        assert!(file("/etc/passwd", "explode").is_err());
    }
}
