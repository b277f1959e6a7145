//! Workloads as they are shown.

use super::{
    App, Draft, EffectiveProfile, GroupView, List, State, WorkloadState, WorkloadView, activity,
    lock, name,
};
use crate::AppError;
use rampart_model::{
    Group, GroupName, LogLevel, Mode, ProcessInfo, Query, Reply, Workload, WorkloadId,
};
use rampart_policy::{group::service_of_group, selector::Membership};
use std::{collections::HashMap, sync::Arc};

/// Views of one version of the state, made when they are first asked for.
#[derive(Default)]
pub(crate) struct Views {
    version: u64,
    workloads: List<WorkloadView>,
    by_id: HashMap<WorkloadId, Arc<WorkloadView>>,
    groups: List<GroupView>,
}

impl State {
    pub(crate) fn membership(&self) -> Membership {
        Membership::new(self.groups.values().map(|g| g.value.as_ref()))
    }

    pub(crate) fn groups_of(&self, membership: &Membership, workload: &Workload) -> Vec<GroupName> {
        let applications = self.applications.get(&workload.id).map(Vec::as_slice);
        membership.groups_of(workload, applications.unwrap_or_default())
    }

    /// Network mode in force for a group.
    pub(crate) fn policy_mode(&self, group: Option<&Group>) -> Mode {
        let settings = &self.settings.value;
        settings
            .network_mode_override
            .or(group.and_then(|g| g.policy_mode))
            .unwrap_or(settings.new_service_policy_mode)
    }

    fn workload_view(&self, membership: &Membership, workload: &Arc<Workload>) -> WorkloadView {
        let groups = self.groups_of(membership, workload);
        let group = groups.first().cloned().unwrap_or_default();
        let learned = self.group(&group);
        let settings = &self.settings.value;
        let policy_mode = self.policy_mode(learned.map(Arc::as_ref));
        let profile_mode = learned
            .and_then(|g| g.profile_mode)
            .unwrap_or(settings.new_service_profile_mode);
        let quarantine = self.quarantined.get(&workload.id).cloned();
        WorkloadView {
            state: workload_state(
                workload,
                quarantine.is_some(),
                policy_mode.min(profile_mode),
            ),
            service_name: service_of_group(&group).unwrap_or_default().to_owned(),
            baseline: learned.map_or(settings.new_service_baseline, |g| g.profile.baseline),
            applications: self
                .applications
                .get(&workload.id)
                .cloned()
                .unwrap_or_default(),
            workload: Workload::clone(workload),
            group,
            groups,
            policy_mode,
            profile_mode,
            quarantine,
        }
    }
}

/// What is shown as one word is the laxer of both modes.
fn workload_state(workload: &Workload, quarantined: bool, mode: Mode) -> WorkloadState {
    if !workload.running {
        return WorkloadState::Exit;
    }
    if quarantined {
        return WorkloadState::Quarantined;
    }
    match mode {
        Mode::Discover => WorkloadState::Discover,
        Mode::Monitor => WorkloadState::Monitor,
        Mode::Protect => WorkloadState::Protect,
    }
}

impl Views {
    fn new(state: &State) -> Self {
        let membership = state.membership();
        let workloads: List<WorkloadView> = state
            .workloads
            .values()
            .map(|workload| Arc::new(state.workload_view(&membership, workload)))
            .collect();
        Self {
            version: state.version,
            by_id: workloads
                .iter()
                .map(|v| (v.workload.id.clone(), v.clone()))
                .collect(),
            groups: super::group::views(state, &workloads),
            workloads,
        }
    }
}

impl App {
    fn views<T>(&self, look: impl FnOnce(&Views) -> T) -> T {
        let mut views = lock(&self.0.views);
        self.read(|state| {
            if views.version != state.version {
                *views = Views::new(state);
            }
        });
        look(&views)
    }

    /// Running and recently stopped workloads, by id.
    pub fn workloads(&self) -> List<WorkloadView> {
        self.views(|views| views.workloads.clone())
    }

    pub fn workload(&self, id: &str) -> Result<Arc<WorkloadView>, AppError> {
        self.views(|views| views.by_id.get(id).cloned())
            .ok_or_else(|| AppError::not_found("workload", id))
    }

    pub(crate) fn group_views(&self) -> List<GroupView> {
        self.views(|views| views.groups.clone())
    }

    /// Cuts a workload off from the network, or joins it again.
    pub async fn quarantine(&self, id: &str, on: bool, reason: &str) -> Result<(), AppError> {
        let view = self.workload(id)?;
        if on && view.workload.host_network {
            return Err(AppError::invalid(
                "the container shares the host's network and cannot be cut off from it",
            ));
        }
        if reason.len() > 1024 {
            return Err(AppError::invalid("a reason has at most 1024 bytes"));
        }
        if on == view.quarantine.is_some() {
            return Ok(());
        }
        let mut draft = Draft::default();
        draft
            .quarantined
            .insert(view.workload.id.clone(), on.then(|| reason.to_owned()));
        self.writer().await.commit(draft).await?;
        let (event, verb) = if on {
            (name::QUARANTINED, "cut off from the network")
        } else {
            (name::UNQUARANTINED, "joined to the network again")
        };
        let message = format!(
            "{} was {verb}{}",
            view.workload.display_name(),
            because(reason)
        );
        let mut record = activity(self, event, "WORKLOAD", LogLevel::Warning, message);
        record.node = view.workload.node.clone();
        record.node_name = view.workload.node_name.clone();
        record.workload = Some(super::log::workload_ref(&view.workload, &view.group));
        self.record(vec![record]).await
    }

    /// Processes of a workload as its node sees them now, or those that ended.
    pub async fn processes(&self, id: &str, history: bool) -> Result<Vec<ProcessInfo>, AppError> {
        let view = self.workload(id)?;
        let id = view.workload.id.clone();
        let query = if history {
            Query::ProcessHistory(id)
        } else {
            Query::Processes(id)
        };
        match self.0.deps.agents.query(&view.workload.node, query).await? {
            Reply::Processes(processes) => Ok(processes),
            _ => Err(AppError::Unavailable {
                what: "the answer of the node".into(),
            }),
        }
    }

    /// Rules in force for a workload, from all its groups.
    pub fn workload_profile(&self, id: &str) -> Result<EffectiveProfile, AppError> {
        let view = self.workload(id)?;
        let policy = self.engine().compile(&view.workload);
        Ok(EffectiveProfile {
            group: policy.group,
            mode: policy.profile_mode,
            baseline: policy.baseline,
            rules: policy.process,
            files: policy.files,
        })
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}
