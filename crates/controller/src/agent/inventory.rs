//! Nodes and workloads as they come, change and go; and what they learn.

use super::learning::{self, Learnt};
use crate::{
    App,
    app::{Draft, State, activity, cut, group, key, name},
};
use rampart_model::{
    GroupName, LogLevel, LogRecord, Node, NodeId, Report, Timestamp, Workload, WorkloadId,
    event::WorkloadRef,
};
use rampart_policy::group::learned_group_of;
use std::collections::HashSet;

/// An event to be kept once the change behind it is.
pub(super) struct Event {
    /// Made from what happened, so that a report sent twice is kept once.
    uid: String,
    at: Timestamp,
    name: &'static str,
    category: &'static str,
    level: LogLevel,
    message: String,
    node_name: String,
    workload: Option<WorkloadRef>,
}

impl Event {
    pub(super) fn into_record(self, app: &App, node: &NodeId) -> LogRecord {
        let mut record = activity(app, self.name, self.category, self.level, self.message);
        record.uid = super::record::uid(&self.uid);
        if self.at.is_known() {
            record.at = self.at;
        }
        record.node = node.clone();
        record.node_name = self.node_name;
        record.workload = self.workload;
        record
    }
}

/// What a batch did beside the change itself.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) events: Vec<Event>,
    /// Groups that learned something.
    pub(super) learned: HashSet<GroupName>,
}

/// Reports drafted on a state.
pub(super) struct Batch<'a> {
    state: &'a State,
    node: &'a NodeId,
    now: Timestamp,
    draft: Draft,
    outcome: Outcome,
}

impl<'a> Batch<'a> {
    pub(super) fn new(state: &'a State, node: &'a NodeId, now: Timestamp) -> Self {
        Self {
            state,
            node,
            now,
            draft: Draft::default(),
            outcome: Outcome::default(),
        }
    }

    pub(super) fn finish(self) -> (Draft, Outcome) {
        (self.draft, self.outcome)
    }

    pub(super) fn take(&mut self, report: &Report) {
        match report {
            Report::Node(node) => self.node(node),
            Report::Workload(workload) => self.workload(workload),
            Report::Stopped {
                workload,
                at,
                exit_code,
            } => self.stopped(workload, *at, *exit_code),
            Report::Inventory(running) => self.inventory(running),
            Report::LearnedProcess {
                group,
                name,
                path,
                user: _,
            } => {
                let learnt = self.ensure(group).then(|| {
                    learning::process(self.state, &mut self.draft, group, name, path, self.now)
                });
                self.learnt(group, learnt);
            }
            Report::LearnedFile {
                group,
                filter,
                behavior,
                application,
            } => {
                let learnt = learning::file(
                    self.state,
                    &mut self.draft,
                    group,
                    filter,
                    *behavior,
                    application,
                    self.now,
                );
                self.learnt(group, Some(learnt));
            }
            Report::LearnedAct { group, act } => {
                let learnt = self
                    .ensure(group)
                    .then(|| learning::act(self.state, &mut self.draft, group, *act, self.now));
                self.learnt(group, learnt);
            }
            // Taken elsewhere.
            Report::Stats(_)
            | Report::DetectionRules(_)
            | Report::Conversations(_)
            | Report::Record(_) => {}
        }
    }

    fn node(&mut self, reported: &Node) {
        let known = self
            .state
            .nodes
            .get(self.node)
            .map(|entry| entry.node.clone());
        let joined_at = known
            .as_ref()
            .map(|n| n.joined_at)
            .filter(|at| at.is_known());
        let node = Node {
            id: self.node.clone(),
            joined_at: joined_at.unwrap_or(self.now),
            last_seen: self.now,
            ..reported.clone()
        };
        if joined_at.is_none() {
            self.event(Event {
                uid: format!("join:{}:{}", node.id, node.joined_at.ms()),
                at: self.now,
                name: name::ENFORCER_JOIN,
                category: "ENFORCER",
                level: LogLevel::Info,
                message: format!(
                    "enforcer on {} joined, prevention tier {}",
                    node.name, node.tier
                ),
                node_name: node.name.clone(),
                workload: None,
            });
        }
        self.draft.nodes.insert(node.id.clone(), Some(node.into()));
    }

    fn workload(&mut self, reported: &Workload) {
        if !fits(&reported.id) {
            return;
        }
        let before = self.draft.workload(self.state, &reported.id).cloned();
        let mut workload = bounded(Workload {
            node: self.node.clone(),
            ..reported.clone()
        });
        if workload.node_name.is_empty() {
            workload.node_name = self.node_name();
        }
        let group = learned_group_of(&workload);
        group::ensure(
            self.state,
            &mut self.draft,
            &group,
            &workload.domain,
            self.now,
        );
        if workload.running && before.as_ref().is_none_or(|b| !b.running) {
            self.started(&workload, &group);
        }
        if !workload.running && before.as_ref().is_some_and(|b| b.running) {
            self.ended(&workload, &group);
        }
        let secured = before.as_ref().map_or(Timestamp::UNKNOWN, |b| b.secured_at);
        if workload.secured_at.is_known() && workload.secured_at != secured {
            self.workload_event(
                &workload,
                &group,
                name::CONTAINER_SECURED,
                workload.secured_at,
                format!(
                    "policy of container {} is in force",
                    workload.display_name()
                ),
            );
        }
        if before.is_none_or(|before| *before != workload) {
            self.draft.put_workload(workload);
        }
    }

    fn started(&mut self, workload: &Workload, group: &GroupName) {
        let message = format!(
            "container {} started, image {}",
            workload.display_name(),
            workload.image
        );
        self.workload_event(
            workload,
            group,
            name::CONTAINER_START,
            workload.started_at,
            message,
        );
    }

    fn ended(&mut self, workload: &Workload, group: &GroupName) {
        let message = format!(
            "container {} stopped, exit code {}",
            workload.display_name(),
            workload.exit_code
        );
        self.workload_event(
            workload,
            group,
            name::CONTAINER_STOP,
            workload.finished_at,
            message,
        );
    }

    fn stopped(&mut self, id: &WorkloadId, at: Timestamp, exit_code: i32) {
        let Some(known) = self.draft.workload(self.state, id) else {
            return;
        };
        if !known.running || known.node != *self.node {
            return;
        }
        let mut workload = Workload::clone(known);
        workload.running = false;
        workload.pid = 0;
        workload.finished_at = if at.is_known() { at } else { self.now };
        workload.exit_code = exit_code;
        let group = learned_group_of(&workload);
        self.ended(&workload, &group);
        self.draft.put_workload(workload);
    }

    /// Workloads of the node that are not listed have stopped while nobody looked.
    fn inventory(&mut self, running: &[WorkloadId]) {
        let running: HashSet<&WorkloadId> = running.iter().collect();
        let ids = self
            .state
            .workloads
            .keys()
            .chain(self.draft.workloads.keys());
        let gone: HashSet<WorkloadId> = ids
            .filter(|id| !running.contains(id))
            .filter(|id| {
                let known = self.draft.workload(self.state, id);
                known.is_some_and(|w| w.running && w.node == *self.node)
            })
            .cloned()
            .collect();
        for id in gone {
            self.stopped(&id, Timestamp::UNKNOWN, 0);
        }
    }

    /// Makes sure the group a report names exists, if it can be one that was learned.
    fn ensure(&mut self, name: &GroupName) -> bool {
        let of_group = |w: &&std::sync::Arc<Workload>| learned_group_of(w) == *name;
        let domain = match self.state.group(name) {
            Some(_) => String::new(),
            None => self
                .state
                .workloads
                .values()
                .find(of_group)
                .map(|w| w.domain.clone())
                .unwrap_or_default(),
        };
        group::ensure(self.state, &mut self.draft, name, &domain, self.now)
    }

    fn learnt(&mut self, group: &GroupName, learnt: Option<Learnt>) {
        match learnt {
            Some(Learnt::Added) => {
                self.outcome.learned.insert(group.clone());
            }
            Some(Learnt::Full) => self.event(Event {
                // Once a day and group.
                uid: format!("full:{group}:{}", self.now.secs() / 86_400),
                at: self.now,
                name: name::GROUP_PROFILE_FULL,
                category: "GROUP",
                level: LogLevel::Warning,
                message: format!(
                    "the profile of group {group} is full; further behaviour is not learned"
                ),
                node_name: self.node_name(),
                workload: Some(WorkloadRef {
                    group: group.clone(),
                    ..WorkloadRef::default()
                }),
            }),
            Some(Learnt::Known) | None => {}
        }
    }

    fn workload_event(
        &mut self,
        workload: &Workload,
        group: &GroupName,
        name: &'static str,
        at: Timestamp,
        message: String,
    ) {
        // Where the runtime does not say when, the state before tells that it is news.
        let when = if at.is_known() { at } else { self.now };
        let event = Event {
            uid: format!("{name}:{}:{}", workload.id, when.ms()),
            at: when,
            name,
            category: "WORKLOAD",
            level: LogLevel::Info,
            message,
            node_name: workload.node_name.clone(),
            workload: Some(crate::app::workload_ref(workload, group)),
        };
        self.event(event);
    }

    fn event(&mut self, event: Event) {
        self.outcome.events.push(event);
    }

    fn node_name(&self) -> String {
        match self.draft.nodes.get(self.node) {
            Some(Some(node)) => node.name.clone(),
            _ => self
                .state
                .nodes
                .get(self.node)
                .map(|e| e.node.name.clone())
                .unwrap_or_default(),
        }
    }
}

/// Lists of a workload, and bytes of one text in them, that are kept.
const MAX_LIST: usize = 256;
const MAX_TEXT: usize = 4096;

/// What a container says of itself may be of any length; what is kept of it may not.
fn bounded(mut workload: Workload) -> Workload {
    for text in [
        &mut workload.name,
        &mut workload.image,
        &mut workload.image_digest,
        &mut workload.service,
        &mut workload.domain,
        &mut workload.node_name,
        &mut workload.cgroup_path,
    ] {
        shorten(text);
    }
    workload.env.truncate(MAX_LIST);
    workload.env.iter_mut().for_each(shorten);
    workload.mounts.truncate(MAX_LIST);
    for mount in &mut workload.mounts {
        shorten(&mut mount.source);
        shorten(&mut mount.destination);
    }
    workload.ports.truncate(MAX_LIST);
    let keep = |(name, value): (String, String)| {
        (
            cut(&name, MAX_TEXT).to_owned(),
            cut(&value, MAX_TEXT).to_owned(),
        )
    };
    let labels = std::mem::take(&mut workload.labels);
    workload.labels = labels.into_iter().take(MAX_LIST).map(keep).collect();
    workload
}

fn shorten(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
}

fn fits(id: &WorkloadId) -> bool {
    let fits = (1..=key::MAX_ID).contains(&id.as_str().len());
    if !fits {
        tracing::warn!(
            bytes = id.as_str().len(),
            "a workload with an id of this length is refused"
        );
    }
    fits
}
