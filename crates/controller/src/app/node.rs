//! Nodes as they are shown.

use super::{App, NodeView, State};
use crate::AppError;
use rampart_model::{Group, GroupName, Mode, NodeId, Query, Reply, link::ProbeSummary};
use std::collections::{BTreeMap, HashMap, HashSet};

impl App {
    /// Every node, by id.
    pub fn nodes(&self) -> Vec<NodeView> {
        let mut on_nodes = self.by_node();
        let groups = self.modes_by_group();
        self.read(|state| {
            state
                .nodes
                .keys()
                .map(|id| node_view(state, id, on_nodes.remove(id).unwrap_or_default(), &groups))
                .collect()
        })
    }

    pub fn node(&self, id: &str) -> Result<NodeView, AppError> {
        self.nodes()
            .into_iter()
            .find(|view| view.node.id.as_str() == id)
            .ok_or_else(|| AppError::not_found("node", id))
    }

    /// What a node holds now, asked of it.
    pub async fn probe_summary(&self, id: &str) -> Result<ProbeSummary, AppError> {
        let view = self.node(id)?;
        match self
            .0
            .deps
            .agents
            .query(&view.node.id, Query::ProbeSummary)
            .await?
        {
            Reply::ProbeSummary(summary) => Ok(summary),
            _ => Err(AppError::Unavailable {
                what: "the answer of the node".into(),
            }),
        }
    }

    fn by_node(&self) -> HashMap<NodeId, Running> {
        let mut nodes: HashMap<NodeId, Running> = HashMap::new();
        for view in self.workloads().iter().filter(|view| view.workload.running) {
            let running = nodes.entry(view.workload.node.clone()).or_default();
            running.workloads.push(view.workload.id.clone());
            running.groups.insert(view.group.clone());
            if let Some(pod) = &view.workload.pod {
                running
                    .pods
                    .insert(format!("{}/{}", pod.namespace, pod.name));
            }
        }
        nodes
    }

    fn modes_by_group(&self) -> HashMap<GroupName, Mode> {
        self.read(|state| {
            let mode = |g: &Group| state.policy_mode(Some(g));
            state
                .groups
                .values()
                .map(|g| (g.value.name.clone(), mode(&g.value)))
                .collect()
        })
    }
}

/// What runs on one node.
#[derive(Default)]
struct Running {
    workloads: Vec<rampart_model::WorkloadId>,
    groups: HashSet<GroupName>,
    pods: HashSet<String>,
}

fn node_view(
    state: &State,
    id: &NodeId,
    running: Running,
    modes: &HashMap<GroupName, Mode>,
) -> NodeView {
    let entry = state.nodes.get(id).cloned().unwrap_or_default();
    let mut groups_by_mode: BTreeMap<Mode, usize> = BTreeMap::new();
    for mode in running.groups.iter().filter_map(|name| modes.get(name)) {
        *groups_by_mode.entry(*mode).or_default() += 1;
    }
    let hosts = state.groups.get(Group::NODES).map(|g| g.value.as_ref());
    NodeView {
        node: rampart_model::Node::clone(&entry.node),
        stats: entry.stats,
        rules: entry.rules,
        connected: entry.connected,
        lost_at: if entry.connected {
            Default::default()
        } else {
            entry.lost_at
        },
        workloads: running.workloads,
        pods: running.pods.len(),
        groups_by_mode,
        policy_mode: state.policy_mode(hosts),
        profile_mode: hosts.and_then(|g| g.profile_mode).unwrap_or_default(),
    }
}
