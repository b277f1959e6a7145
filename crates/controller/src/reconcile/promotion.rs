//! Promotes groups by quiet time.

use crate::{
    App, AppError,
    app::{Activity, Draft, activity, group, name},
};
use rampart_model::{Group, GroupName, LogLevel, LogRecord, Mode, Timestamp, event::WorkloadRef};
use rampart_policy::promotion::{Quiet, decide};
use std::collections::HashMap;

/// Modes a group is promoted to.
struct Promotion {
    group: GroupName,
    policy: Option<Mode>,
    profile: Option<Mode>,
}

impl App {
    /// Promotes every learned group that was quiet for the time the settings ask for.
    pub async fn promote(&self) -> Result<(), AppError> {
        let settings = self.settings();
        if settings.auto_monitor_after_secs == 0 && settings.auto_protect_after_secs == 0 {
            return Ok(());
        }
        let running = group::running(&self.workloads());
        let writer = self.writer().await;
        let promotions = self.promotions(&running);
        let mut draft = Draft::default();
        for promotion in &promotions {
            let mut group = Group::clone(self.existing(&promotion.group)?.as_ref());
            group.policy_mode = promotion.policy.or(group.policy_mode);
            group.profile_mode = promotion.profile.or(group.profile_mode);
            group.updated_at = self.now();
            draft.put_group(group);
        }
        let changes = self.mode_changes(&draft);
        writer.commit(draft).await?;
        drop(writer);
        self.note_modes(&changes);
        self.record(promotions.iter().map(|p| self.promoted(p)).collect())
            .await
    }

    fn promotions<T>(&self, running: &HashMap<GroupName, Vec<T>>) -> Vec<Promotion> {
        let now = self.now();
        self.read(|state| {
            let learned = state
                .groups
                .values()
                .map(|g| &g.value)
                .filter(|g| g.is_learned());
            learned
                .filter_map(|group| {
                    let quiet = QuietGroup {
                        group,
                        activity: state.activity.get(&group.name).cloned().unwrap_or_default(),
                        has_members: running.contains_key(&group.name),
                    };
                    let policy = decide(quiet.policy(), &state.settings.value, now);
                    let profile = decide(quiet.profile(), &state.settings.value, now);
                    let any = policy.is_some() || profile.is_some();
                    any.then(|| Promotion {
                        group: group.name.clone(),
                        policy,
                        profile,
                    })
                })
                .collect()
        })
    }

    fn promoted(&self, promotion: &Promotion) -> LogRecord {
        let part = |what: &str, mode: Option<Mode>| mode.map(|mode| format!("{what} to {mode}"));
        let parts: Vec<String> = [
            part("network", promotion.policy),
            part("process", promotion.profile),
        ]
        .into_iter()
        .flatten()
        .collect();
        let message = format!(
            "group {} was promoted after quiet time: {}",
            promotion.group,
            parts.join(", ")
        );
        let mut record = activity(self, name::GROUP_PROMOTE, "GROUP", LogLevel::Info, message);
        record.workload = Some(WorkloadRef {
            group: promotion.group.clone(),
            ..WorkloadRef::default()
        });
        record
    }
}

struct QuietGroup<'a> {
    group: &'a Group,
    activity: Activity,
    has_members: bool,
}

impl QuietGroup<'_> {
    fn policy(&self) -> Quiet {
        let mode = self.group.policy_mode.unwrap_or(Mode::Protect);
        self.quiet(mode, self.activity.policy_since, self.activity.policy_act)
    }

    fn profile(&self) -> Quiet {
        let mode = self.group.profile_mode.unwrap_or(Mode::Protect);
        self.quiet(mode, self.activity.profile_since, self.activity.profile_act)
    }

    fn quiet(&self, mode: Mode, since: Timestamp, last_act: Timestamp) -> Quiet {
        let since = if since.is_known() {
            since
        } else {
            self.group.created_at
        };
        Quiet {
            mode,
            since,
            last_act,
            has_members: self.has_members,
        }
    }
}
