//! Forgets what is gone: stopped workloads, lost nodes, old conversations, unused learned groups.

use crate::{
    App, AppError,
    app::{Draft, activity, group, name, workload_ref},
};
use rampart_model::{
    GroupName, LogLevel, LogRecord, NodeId, Timestamp, Workload, WorkloadId, event::WorkloadRef,
};
use rampart_policy::group::learned_group_of;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Stopped workloads are shown so long, …
const STOPPED_MS: i64 = 30 * 60_000;
/// … and no more than these, the latest.
const STOPPED_MAX: usize = 2000;
/// A node that stays away so long is forgotten with its workloads.
const LOST_MS: i64 = 24 * 3_600_000;
/// Conversations nobody had for so long are forgotten.
const CONVERSATION_MS: i64 = 7 * 24 * 3_600_000;

impl App {
    /// Does all of it once.
    pub async fn age(&self) -> Result<(), AppError> {
        self.age_nodes().await?;
        self.age_workloads().await?;
        self.age_conversations();
        self.age_groups().await
    }

    async fn age_nodes(&self) -> Result<(), AppError> {
        let now = self.now();
        let writer = self.writer().await;
        let (draft, lost) = self.read(|state| {
            let mut draft = Draft::default();
            let lost: Vec<(NodeId, String)> = state
                .nodes
                .iter()
                .filter(|(_, entry)| !entry.connected && now.since(entry.lost_at) > LOST_MS)
                .map(|(id, entry)| (id.clone(), entry.node.name.clone()))
                .collect();
            for (id, _) in &lost {
                draft.nodes.insert(id.clone(), None);
                for workload in state.workloads.values().filter(|w| w.node == *id) {
                    draft.workloads.insert(workload.id.clone(), None);
                }
            }
            (draft, lost)
        });
        writer.commit(draft).await?;
        drop(writer);
        let records = lost.into_iter().map(|(id, name)| {
            let message = format!("node {name} stayed away and was forgotten");
            let mut record = activity(
                self,
                name::ENFORCER_STOP,
                "ENFORCER",
                LogLevel::Warning,
                message,
            );
            record.node = id;
            record.node_name = name;
            record
        });
        self.record(records.collect()).await
    }

    async fn age_workloads(&self) -> Result<(), AppError> {
        let now = self.now();
        let writer = self.writer().await;
        let gone = self.read(|state| {
            let mut stopped: Vec<Arc<Workload>> = state
                .workloads
                .values()
                .filter(|w| !w.running)
                .cloned()
                .collect();
            stopped.sort_by_key(|w| std::cmp::Reverse(w.finished_at));
            let keep = |(at, w): &(usize, Arc<Workload>)| {
                *at < STOPPED_MAX && now.since(w.finished_at) <= STOPPED_MS
            };
            let gone = stopped.into_iter().enumerate().filter(|entry| !keep(entry));
            gone.map(|(_, w)| w).collect::<Vec<_>>()
        });
        if gone.is_empty() {
            return Ok(());
        }
        let mut draft = Draft::default();
        for workload in &gone {
            draft.workloads.insert(workload.id.clone(), None);
            draft.quarantined.insert(workload.id.clone(), None);
        }
        writer.commit(draft).await?;
        drop(writer);
        let ids: HashSet<&str> = gone.iter().map(|w| w.id.as_str()).collect();
        self.talk()
            .forget(|pair, _| ids.contains(pair.0.as_str()) || ids.contains(pair.1.as_str()));
        self.record(gone.iter().map(|workload| self.removed(workload)).collect())
            .await
    }

    fn removed(&self, workload: &Workload) -> LogRecord {
        let message = format!("container {} was removed", workload.display_name());
        let mut record = activity(
            self,
            name::CONTAINER_REMOVE,
            "WORKLOAD",
            LogLevel::Info,
            message,
        );
        record.node = workload.node.clone();
        record.node_name = workload.node_name.clone();
        record.workload = Some(workload_ref(workload, &learned_group_of(workload)));
        record
    }

    fn age_conversations(&self) {
        let now = self.now();
        let count = self
            .talk()
            .forget(|_, edge| now.since(edge.last_seen) > CONVERSATION_MS);
        if count > 0 {
            self.live("conversation", "");
        }
        self.refresh_applications();
    }

    /// Removes learned groups that had no member for the time the settings give.
    pub async fn age_groups(&self) -> Result<(), AppError> {
        let now = self.now();
        let workloads = self.workloads();
        let running = group::running(&workloads);
        let shown: HashSet<GroupName> = workloads.iter().map(|view| view.group.clone()).collect();
        self.note_used(&running, now);
        let hours = self.settings().unused_group_aging_hours;
        if hours == 0 {
            return Ok(());
        }
        let unused_ms = i64::from(hours) * 3_600_000;
        let old: Vec<GroupName> = self.read(|state| {
            let learned = state
                .groups
                .values()
                .map(|g| &g.value)
                .filter(|g| g.is_learned() && !g.reserved);
            learned
                .filter(|g| !shown.contains(&g.name))
                .filter(|g| {
                    let used = state
                        .activity
                        .get(&g.name)
                        .map_or(Timestamp::UNKNOWN, |a| a.used);
                    now.since(used.max(g.updated_at)) > unused_ms
                })
                .map(|g| g.name.clone())
                .collect()
        });
        for name in old {
            self.age_group(&name).await?;
        }
        Ok(())
    }

    fn note_used(&self, running: &HashMap<GroupName, Vec<WorkloadId>>, now: Timestamp) {
        self.write(|state| {
            for name in running
                .keys()
                .filter(|name| state.groups.contains_key(*name))
                .cloned()
                .collect::<Vec<_>>()
            {
                state.touch(&name).used = now;
            }
        });
    }

    async fn age_group(&self, name: &GroupName) -> Result<(), AppError> {
        let writer = self.writer().await;
        let draft = match self.read(|state| group::removal(state, name)) {
            Ok(draft) => draft,
            // A rule of an operator's needs it.
            Err(AppError::InUse { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        writer.commit(draft).await?;
        drop(writer);
        let message = format!("group {name} had no member for long and was removed");
        let mut record = activity(self, name::GROUP_REMOVE, "GROUP", LogLevel::Info, message);
        record.workload = Some(WorkloadRef {
            group: name.clone(),
            ..WorkloadRef::default()
        });
        self.record(vec![record]).await
    }
}
