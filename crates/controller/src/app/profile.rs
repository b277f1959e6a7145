//! Process and file rules of a group.

use super::{App, Draft, FilePatch, ProfilePatch};
use crate::AppError;
use rampart_model::{ConfigSource, FileRule, Group, GroupKind, GroupName, ProcessRule, Timestamp};
use rampart_policy::{file, learn, process};

/// Rules of one group an operator may write, of a kind.
const MAX_RULES: usize = learn::MAX_PROCESS_RULES;

impl App {
    /// Changes a process profile, and the process mode with it.
    pub async fn patch_profile(&self, group: &str, patch: ProfilePatch) -> Result<(), AppError> {
        for rule in &patch.change {
            process::validate(rule).map_err(AppError::invalid)?;
        }
        let now = self.now();
        let writer = self.writer().await;
        let mut group = Group::clone(self.editable(group)?.as_ref());
        if let Some(mode) = patch.mode {
            if group.profile_mode.is_none() {
                return Err(AppError::invalid(format!(
                    "group {} has no mode",
                    group.name
                )));
            }
            group.profile_mode = Some(mode);
        }
        let profile = &mut group.profile;
        profile.baseline = patch.baseline.unwrap_or(profile.baseline);
        profile.hash_enabled = patch.hash_enabled.unwrap_or(profile.hash_enabled);
        profile
            .rules
            .retain(|rule| !patch.delete.iter().any(|gone| same_process(gone, rule)));
        for rule in patch.change.into_iter().rev() {
            put_process(&mut profile.rules, rule, now);
        }
        if profile.rules.len() > MAX_RULES * 2 {
            return Err(AppError::invalid(format!(
                "a profile has at most {MAX_RULES} rules"
            )));
        }
        group.updated_at = now;
        let mut draft = Draft::default();
        draft.put_group(group);
        let modes = self.mode_changes(&draft);
        writer.commit(draft).await?;
        drop(writer);
        self.record(self.note_modes(&modes)).await
    }

    /// Changes file rules.
    pub async fn patch_files(&self, group: &str, patch: FilePatch) -> Result<(), AppError> {
        for rule in patch.add.iter().chain(&patch.update) {
            file::validate(rule).map_err(AppError::invalid)?;
        }
        let now = self.now();
        let writer = self.writer().await;
        let mut group = Group::clone(self.editable(group)?.as_ref());
        group
            .files
            .retain(|rule| !patch.delete.iter().any(|gone| gone.filter == rule.filter));
        for rule in patch.update {
            let Some(known) = group
                .files
                .iter_mut()
                .find(|known| known.filter == rule.filter)
            else {
                return Err(AppError::not_found("file rule", rule.filter));
            };
            *known = FileRule {
                created_at: known.created_at,
                updated_at: now,
                source: ConfigSource::User,
                group: GroupName::default(),
                ..rule
            };
        }
        for rule in patch.add {
            put_file(&mut group.files, rule, now)?;
        }
        if group.files.len() > MAX_RULES {
            return Err(AppError::invalid(format!(
                "a group has at most {MAX_RULES} file rules"
            )));
        }
        group.updated_at = now;
        let mut draft = Draft::default();
        draft.put_group(group);
        writer.commit(draft).await
    }

    fn editable(&self, name: &str) -> Result<std::sync::Arc<Group>, AppError> {
        let group = self.existing(&name.into())?;
        if matches!(group.source, ConfigSource::Crd | ConfigSource::Federal) {
            return Err(AppError::read_only("group", name));
        }
        if !matches!(group.kind, GroupKind::Container | GroupKind::Node) {
            return Err(AppError::invalid(format!(
                "group {name} holds addresses and has no profile"
            )));
        }
        Ok(group)
    }

    /// The process rules with a uuid, and their groups.
    pub fn process_rule(&self, uuid: &str) -> Vec<(GroupName, ProcessRule)> {
        self.read(|state| {
            state
                .groups
                .values()
                .flat_map(|group| {
                    group
                        .value
                        .profile
                        .rules
                        .iter()
                        .map(|rule| (&group.value.name, rule))
                })
                .filter(|(_, rule)| rule.uuid == uuid)
                .map(|(name, rule)| (name.clone(), rule.clone()))
                .collect()
        })
    }
}

fn same_process(wanted: &ProcessRule, rule: &ProcessRule) -> bool {
    if !wanted.uuid.is_empty() {
        return wanted.uuid == rule.uuid;
    }
    wanted.name == rule.name
        && wanted.path == rule.path
        && (wanted.user.is_empty() || wanted.user == rule.user)
}

/// Puts an operator's rule in place of its equal, else first.
fn put_process(rules: &mut Vec<ProcessRule>, rule: ProcessRule, now: Timestamp) {
    let place = |known: &&mut ProcessRule| {
        known.name == rule.name && known.path == rule.path && known.user == rule.user
    };
    let known = rules.iter_mut().find(place);
    let new = ProcessRule {
        source: ConfigSource::User,
        group: GroupName::default(),
        uuid: known
            .as_ref()
            .map_or_else(|| uuid::Uuid::new_v4().to_string(), |k| k.uuid.clone()),
        created_at: known.as_ref().map_or(now, |k| k.created_at),
        updated_at: now,
        ..rule
    };
    match known {
        Some(known) => *known = new,
        None => rules.insert(0, new),
    }
}

fn put_file(rules: &mut Vec<FileRule>, rule: FileRule, now: Timestamp) -> Result<(), AppError> {
    if rules.iter().any(|known| known.filter == rule.filter) {
        return Err(AppError::exists("file rule", rule.filter));
    }
    rules.push(FileRule {
        source: ConfigSource::User,
        group: GroupName::default(),
        created_at: now,
        updated_at: now,
        ..rule
    });
    Ok(())
}
