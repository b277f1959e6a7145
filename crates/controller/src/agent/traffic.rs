//! Conversations: into the map, and in Discover into rules.

use super::{
    ATTEMPTS,
    learning::{Learnt, NetworkLearner},
};
use crate::{
    App, AppError,
    app::{Added, Draft, Pair, State, key},
};
use rampart_model::{Conversation, GroupName, NodeId, RuleId, Timestamp, Verdict, WorkloadId};
use rampart_policy::{Engine, Identity, group::learned_group_of};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

/// An address stays its workload's so long after it stopped: its last conversations are reported
/// after it is gone.
const LINGER_MS: i64 = 60_000;

/// A conversation with both its ends known.
struct Talk<'a> {
    report: &'a Conversation,
    client: Identity,
    server: Identity,
}

impl App {
    pub(super) async fn take_conversations(
        &self,
        node: &NodeId,
        reports: &[Conversation],
    ) -> Result<(), AppError> {
        let now = self.now();
        let resolver = self.resolver(node, now);
        let talks: Vec<Talk<'_>> = reports
            .iter()
            .filter_map(|report| resolver.resolve(report))
            .collect();
        self.learn_conversations(&talks).await?;
        self.count_conversations(&talks);
        Ok(())
    }

    fn resolver(&self, node: &NodeId, now: Timestamp) -> Resolver {
        let engine = self.engine();
        self.read(|state| Resolver::new(engine, state, node, now))
    }

    /// Learned rules are stored before the conversations are counted, so that a batch that fails
    /// here is learned when it comes again.
    async fn learn_conversations(&self, talks: &[Talk<'_>]) -> Result<(), AppError> {
        let new: Vec<&Talk<'_>> = talks
            .iter()
            .filter(|t| t.report.verdict == Verdict::Learn)
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        for attempt in 1.. {
            let writer = self.writer().await;
            let now = self.now();
            let (draft, groups) = self.read(|state| draft_rules(state, &new, now));
            match writer.commit(draft).await {
                Err(AppError::Conflict) if attempt < ATTEMPTS => continue,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            self.write(|state| {
                for group in &groups {
                    state.touch(group).policy_act = now;
                }
            });
            return Ok(());
        }
        Err(AppError::Conflict)
    }

    fn count_conversations(&self, talks: &[Talk<'_>]) {
        let mut hits: HashMap<RuleId, (u64, Timestamp)> = HashMap::new();
        let mut violators: HashSet<GroupName> = HashSet::new();
        let mut any_new = false;
        {
            let mut all = self.talk();
            for talk in talks {
                let pair: Pair = (talk.client.id.clone(), talk.server.id.clone());
                let added = all.add(&pair, talk.report);
                any_new |= added == Added::New;
                if added == Added::Repeated {
                    continue;
                }
                let hit = hits.entry(talk.report.rule).or_default();
                hit.0 += u64::from(talk.report.sessions.max(1));
                hit.1 = hit.1.max(talk.report.last_seen);
                if matches!(talk.report.verdict, Verdict::Violate | Verdict::Deny) {
                    violators.extend([talk.client.group.clone(), talk.server.group.clone()]);
                }
            }
        }
        let now = self.now();
        self.write(|state| {
            for (rule, (count, last)) in hits
                .into_iter()
                .filter(|(rule, _)| *rule != RuleId::IMPLICIT)
            {
                let known = state.hits.entry(rule).or_default();
                known.count = known.count.saturating_add(count);
                known.last = known.last.max(last);
            }
            for group in violators
                .iter()
                .filter(|name| state.groups.contains_key(*name))
                .cloned()
                .collect::<Vec<_>>()
            {
                state.touch(&group).policy_act = now;
            }
        });
        if any_new {
            self.refresh_applications();
        }
        self.live("conversation", "");
    }
}

fn draft_rules(state: &State, talks: &[&Talk<'_>], now: Timestamp) -> (Draft, HashSet<GroupName>) {
    let mut draft = Draft::default();
    let mut groups = HashSet::new();
    let mut seen = HashSet::new();
    let mut learner = NetworkLearner::new(state, now);
    for talk in talks {
        let (from, to) = (&talk.client.group, &talk.server.group);
        if !seen.insert((from, to, talk.report.protocol, talk.report.port)) {
            continue;
        }
        let learns = [from, to].iter().any(|name| {
            state
                .group(name)
                .is_some_and(|group| App::learns_network(state, group, now))
        });
        if !learns {
            continue;
        }
        let (protocol, port) = (talk.report.protocol, talk.report.port);
        if learner.learn(&mut draft, from, to, protocol, port) == Learnt::Added {
            groups.extend([from.clone(), to.clone()]);
        }
    }
    (draft, groups)
}

/// Names the ends of conversations one node reports.
struct Resolver {
    engine: Arc<Engine>,
    node: NodeId,
    /// Own workloads, with their groups.
    workloads: HashMap<WorkloadId, GroupName>,
    /// Addresses of workloads that stopped a moment ago.
    stopped: HashMap<IpAddr, WorkloadId>,
}

impl Resolver {
    fn new(engine: Arc<Engine>, state: &State, node: &NodeId, now: Timestamp) -> Self {
        let own = || state.workloads.values().filter(|w| w.node == *node);
        let lingers = |w: &&Arc<rampart_model::Workload>| {
            !w.running && !w.host_network && now.since(w.finished_at) <= LINGER_MS
        };
        let stopped = own().filter(lingers);
        Self {
            engine,
            node: node.clone(),
            workloads: own().map(|w| (w.id.clone(), learned_group_of(w))).collect(),
            stopped: stopped
                .flat_map(|w| w.addresses().map(|a| (a.to_canonical(), w.id.clone())))
                .collect(),
        }
    }

    /// `None` for a workload this node never told of.
    fn resolve<'a>(&self, report: &'a Conversation) -> Option<Talk<'a>> {
        let own = self.own(report)?;
        let peer = self.peer(report.peer);
        let (client, server) = if report.ingress {
            (peer, own)
        } else {
            (own, peer)
        };
        Some(Talk {
            report,
            client,
            server,
        })
    }

    fn own(&self, report: &Conversation) -> Option<Identity> {
        if report.workload.is_empty() {
            // The node itself.
            let id = format!("Host:{}:{}", self.node, report.local.to_canonical());
            let group = rampart_model::Group::NODES.into();
            return Some(Identity {
                id,
                group,
                node: Some(self.node.clone()),
                ..Identity::default()
            });
        }
        let group = self.workloads.get(&report.workload)?.clone();
        let id = report.workload.to_string();
        debug_assert!(id.len() <= key::MAX_ID);
        Some(Identity {
            id,
            group,
            workload: Some(report.workload.clone()),
            ..Identity::default()
        })
    }

    fn peer(&self, address: IpAddr) -> Identity {
        let found = self.engine.identify(&self.node, address);
        if found.workload.is_some() || found.node.is_some() {
            return found;
        }
        match self.stopped.get(&address.to_canonical()) {
            Some(id) => Identity {
                id: id.to_string(),
                group: self.workloads.get(id).cloned().unwrap_or_default(),
                workload: Some(id.clone()),
                ..Identity::default()
            },
            None => found,
        }
    }
}
