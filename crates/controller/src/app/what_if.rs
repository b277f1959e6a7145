//! What if: what was recorded of a group, judged by a changed policy. Nothing is changed.
//!
//! Recorded are processes that run or ran on the nodes, processes and file changes that were
//! learned, incidents in the log, and conversations. Limits: [`MAX_ASKED`] members are asked for
//! their processes, the newest [`MAX_RECORDS`] incidents and [`MAX_ACTS`] different acts are
//! judged; the answer says when there was more, and which nodes did not answer.

use super::{App, WorkloadView};
use crate::AppError;
use rampart_model::{
    Action, ConfigSource, FileBehavior, GroupKind, GroupName, LogBody, LogKind, ProcessInfo,
    Verdict,
};
use rampart_policy::{
    Engine,
    process::reserved,
    what_if::{self, Act, Change, Outcome},
};
use rampart_store::LogQuery;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

const MAX_ASKED: usize = 256;
const MAX_RECORDS: u32 = 5_000;
const MAX_ACTS: usize = 50_000;

/// An act, what it is now and what it would be.
#[derive(Clone, Debug)]
pub struct WhatIfAct {
    pub act: Act,
    /// Containers that did it.
    pub workloads: Vec<String>,
    pub count: u64,
    pub before: Verdict,
    pub after: Outcome,
}

#[derive(Clone, Debug, Default)]
pub struct WhatIf {
    pub members: usize,
    /// Worst first, then as they sort.
    pub acts: Vec<WhatIfAct>,
    /// Nodes whose processes could not be asked for.
    pub not_asked: Vec<String>,
    /// Nothing was left out for its number.
    pub complete: bool,
}

/// How often an act was seen, by the place of the member that did it.
#[derive(Default)]
struct Recorded {
    acts: BTreeMap<(usize, Act), u64>,
    cut: bool,
}

impl Recorded {
    fn add(&mut self, member: usize, act: Act, count: u64) {
        if self.acts.len() >= MAX_ACTS && !self.acts.contains_key(&(member, act.clone())) {
            self.cut = true;
            return;
        }
        let seen = self.acts.entry((member, act)).or_default();
        *seen = seen.saturating_add(count);
    }
}

impl App {
    pub async fn what_if(&self, change: &Change) -> Result<WhatIf, AppError> {
        let group = self.group(change.group.as_str())?;
        if group.group.kind != GroupKind::Container {
            return Err(AppError::invalid(format!(
                "group {} has no containers; what-if replays what containers did",
                change.group
            )));
        }
        let before = self.engine();
        let next = what_if::changed(before.snapshot(), change).map_err(AppError::invalid)?;
        let after = Engine::new(Arc::new(next));
        let members: Vec<Arc<WorkloadView>> = self
            .workloads()
            .into_iter()
            .filter(|v| !v.workload.sandbox && v.groups.contains(&change.group))
            .collect();
        let mut recorded = Recorded::default();
        let mut not_asked = BTreeSet::new();
        self.add_processes(&members, &mut recorded, &mut not_asked)
            .await;
        self.add_learned(&members, &mut recorded);
        self.add_incidents(&change.group, &members, &mut recorded)
            .await?;
        self.add_conversations(&members, &mut recorded);
        Ok(WhatIf {
            members: members.len(),
            acts: judged(&before, &after, &members, recorded.acts),
            not_asked: not_asked.into_iter().collect(),
            complete: !recorded.cut,
        })
    }

    async fn add_processes(
        &self,
        members: &[Arc<WorkloadView>],
        recorded: &mut Recorded,
        not_asked: &mut BTreeSet<String>,
    ) {
        recorded.cut |= members.len() > MAX_ASKED;
        for (member, view) in members.iter().enumerate().take(MAX_ASKED) {
            for history in [false, true] {
                match self.processes(view.workload.id.as_str(), history).await {
                    Ok(processes) => add_all(&processes, member, recorded),
                    Err(_) => {
                        not_asked.insert(view.workload.node_name.clone());
                    }
                }
            }
        }
    }

    /// What a profile was taught was done at least once.
    fn add_learned(&self, members: &[Arc<WorkloadView>], recorded: &mut Recorded) {
        for (member, view) in members.iter().enumerate() {
            let Ok(group) = self.group(view.group.as_str()) else {
                continue;
            };
            let learned = |source| source == ConfigSource::Learned;
            let rules = group.group.profile.rules.iter();
            for rule in rules.filter(|r| learned(r.source) && r.action == Action::Allow) {
                if rule.path.starts_with('/') && !rule.path.contains('*') && rule.name != "*" {
                    let act = Act::Process {
                        name: rule.name.clone(),
                        path: rule.path.clone(),
                        user: rule.user.clone(),
                        parents: Vec::new(),
                        from_exec: false,
                        drift: false,
                    };
                    recorded.add(member, act, 1);
                }
            }
            for rule in group.group.files.iter().filter(|r| !r.filter.contains('*')) {
                for application in &rule.applications {
                    let act = Act::File {
                        path: rule.filter.clone(),
                        write: rule.behavior == FileBehavior::MonitorChange,
                        application: application.clone(),
                    };
                    recorded.add(member, act, 1);
                }
            }
        }
    }

    async fn add_incidents(
        &self,
        group: &GroupName,
        members: &[Arc<WorkloadView>],
        recorded: &mut Recorded,
    ) -> Result<(), AppError> {
        let place: HashMap<&str, usize> = members
            .iter()
            .enumerate()
            .map(|(at, view)| (view.workload.id.as_str(), at))
            .collect();
        // An operator's group is not named in records: its members' learned groups are.
        let learned: BTreeSet<&GroupName> = members.iter().map(|v| &v.group).collect();
        for name in learned.into_iter().chain([group]).collect::<BTreeSet<_>>() {
            let query = LogQuery {
                kinds: vec![LogKind::Incident],
                group: Some(name.clone()),
                limit: MAX_RECORDS,
                ..LogQuery::default()
            };
            let page = self.log(&query).await?;
            recorded.cut |= page.next.is_some();
            for record in &page.records {
                let LogBody::Incident(incident) = &record.body else {
                    continue;
                };
                let id = record.workload.as_ref().map_or("", |w| w.id.as_str());
                if let Some(member) = place.get(id) {
                    let count = u64::from(incident.count.max(1));
                    recorded.add(*member, of_incident(incident), count);
                }
            }
        }
        Ok(())
    }

    fn add_conversations(&self, members: &[Arc<WorkloadView>], recorded: &mut Recorded) {
        let place: HashMap<String, usize> = members
            .iter()
            .enumerate()
            .map(|(at, view)| (view.workload.id.to_string(), at))
            .collect();
        let mut found = Vec::new();
        for ((from, to), edge) in self.talk().edges() {
            for (own, peer, ingress) in [(from, to, false), (to, from, true)] {
                if let Some(member) = place.get(own) {
                    found.push((
                        *member,
                        peer.clone(),
                        ingress,
                        edge.entries().collect::<Vec<_>>(),
                    ));
                }
            }
        }
        for (member, peer, ingress, entries) in found {
            let groups = self
                .workload(&peer)
                .map(|view| view.groups.clone())
                .unwrap_or_default();
            for entry in entries {
                let act = Act::Connection {
                    ingress,
                    protocol: entry.protocol,
                    port: entry.port,
                    application: entry.application.clone(),
                    peer: if ingress {
                        entry.client_ip
                    } else {
                        entry.server_ip
                    },
                    peer_groups: groups.clone(),
                };
                recorded.add(member, act, entry.sessions.max(1));
            }
        }
    }
}

fn add_all(processes: &[ProcessInfo], member: usize, recorded: &mut Recorded) {
    let by_pid: HashMap<u32, &ProcessInfo> = processes.iter().map(|p| (p.pid, p)).collect();
    for process in processes.iter().filter(|p| !p.path.is_empty()) {
        let mut parents = Vec::new();
        let mut at = process.parent;
        while let Some(parent) = by_pid.get(&at).filter(|_| parents.len() < 8) {
            parents.push((parent.name.clone(), parent.path.clone()));
            at = parent.parent;
        }
        let act = Act::Process {
            name: process.name.clone(),
            path: process.path.clone(),
            user: process.user.clone(),
            parents,
            from_exec: process.from_exec,
            drift: false,
        };
        recorded.add(member, act, 1);
    }
}

fn of_incident(incident: &rampart_model::event::Incident) -> Act {
    if !incident.file_path.is_empty() && incident.operation != "exec" {
        return Act::File {
            path: incident.file_path.clone(),
            write: incident.operation != "open-read",
            application: incident.process.path.clone(),
        };
    }
    let mut parents: Vec<(String, String)> = incident
        .process
        .ancestors
        .iter()
        .map(|name| (name.clone(), String::new()))
        .collect();
    if let Some(nearest) = parents.first_mut() {
        nearest.1.clone_from(&incident.parent.path);
    }
    Act::Process {
        name: incident.process.name.clone(),
        path: incident.process.path.clone(),
        user: incident.process.user.clone(),
        parents,
        from_exec: incident.rule_id == reserved::FAMILY,
        drift: incident.rule_id == reserved::DRIFT,
    }
}

/// Both policies' verdicts, with equal acts of several members in one.
fn judged(
    before: &Engine,
    after: &Engine,
    members: &[Arc<WorkloadView>],
    acts: BTreeMap<(usize, Act), u64>,
) -> Vec<WhatIfAct> {
    let mut by_member: BTreeMap<usize, Vec<(Act, u64)>> = BTreeMap::new();
    for ((member, act), count) in acts {
        by_member.entry(member).or_default().push((act, count));
    }
    let mut rows: BTreeMap<(Act, Verdict, Verdict), WhatIfAct> = BTreeMap::new();
    for (member, counted) in by_member {
        let workload = &members[member].workload;
        let (acts, counts): (Vec<Act>, Vec<u64>) = counted.into_iter().unzip();
        let old = what_if::judge(before, workload, &acts);
        let new = what_if::judge(after, workload, &acts);
        for (((act, count), old), new) in acts.into_iter().zip(counts).zip(old).zip(new) {
            let row = rows
                .entry((act.clone(), old.verdict, new.verdict))
                .or_insert_with(|| WhatIfAct {
                    act,
                    workloads: Vec::new(),
                    count: 0,
                    before: old.verdict,
                    after: new,
                });
            row.count = row.count.saturating_add(count);
            row.workloads.push(workload.display_name().to_owned());
        }
    }
    let mut rows: Vec<WhatIfAct> = rows.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.after.verdict));
    rows
}
