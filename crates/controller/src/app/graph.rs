//! The network map: conversations with what is known about their ends.

use super::{
    App, ConversationFilter, ConversationGraph, Draft, EndpointKind, MapEdge, MapEntry, MapNode,
    State, WorkloadState, WorkloadView,
    conversation::{Edge, Pair},
};
use crate::AppError;
use rampart_model::{Group, GroupKind, GroupName, LogLevel, Verdict};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// What the ends of conversations are looked up in.
struct Ends {
    workloads: HashMap<String, Arc<WorkloadView>>,
    names: BTreeMap<String, String>,
    /// Names of nodes, by id.
    nodes: HashMap<String, String>,
    address_groups: BTreeSet<GroupName>,
}

impl Ends {
    fn new(app: &App) -> Self {
        let workloads = app
            .workloads()
            .into_iter()
            .map(|view| (view.workload.id.to_string(), view))
            .collect();
        app.read(|state| Self {
            workloads,
            names: state.endpoints.clone(),
            nodes: state
                .nodes
                .iter()
                .map(|(id, n)| (id.to_string(), n.node.name.clone()))
                .collect(),
            address_groups: address_groups(state),
        })
    }

    fn node(&self, id: &str) -> MapNode {
        let mut node = self.bare(id);
        node.display_name = self.names.get(id).unwrap_or(&node.name).clone();
        node.id = id.to_owned();
        node
    }

    fn bare(&self, id: &str) -> MapNode {
        if id == Group::EXTERNAL {
            return MapNode {
                kind: EndpointKind::External,
                name: id.to_owned(),
                group: Group::EXTERNAL.into(),
                state: WorkloadState::Unmanaged,
                running: true,
                ..MapNode::default()
            };
        }
        if let Some(rest) = id.strip_prefix("Host:") {
            return self.host(rest);
        }
        if self.address_groups.contains(id) {
            return MapNode {
                kind: EndpointKind::Address,
                name: id.to_owned(),
                group: id.into(),
                state: WorkloadState::Unmanaged,
                running: true,
                ..MapNode::default()
            };
        }
        match self.workloads.get(id) {
            Some(view) => container(view),
            // Gone since.
            None => MapNode {
                name: rampart_model::WorkloadId::from(id).short().to_owned(),
                state: WorkloadState::Exit,
                ..MapNode::default()
            },
        }
    }

    fn host(&self, rest: &str) -> MapNode {
        // A node's id holds no colon, an address may.
        let (node, address) = rest.split_once(':').unwrap_or((rest, ""));
        let name = self.nodes.get(node).filter(|name| !name.is_empty());
        let name = name.map_or(node, String::as_str);
        MapNode {
            kind: EndpointKind::Host,
            name: if address.is_empty() {
                name.to_owned()
            } else {
                format!("{name} ({address})")
            },
            group: Group::NODES.into(),
            state: WorkloadState::Unmanaged,
            node: node.into(),
            running: true,
            ..MapNode::default()
        }
    }
}

fn address_groups(state: &State) -> BTreeSet<GroupName> {
    let groups = state
        .groups
        .values()
        .filter(|g| g.value.kind == GroupKind::Address);
    groups.map(|g| g.value.name.clone()).collect()
}

fn container(view: &WorkloadView) -> MapNode {
    MapNode {
        kind: EndpointKind::Container,
        name: view.workload.display_name().to_owned(),
        domain: view.workload.domain.clone(),
        service: view.service_name.clone(),
        group: view.group.clone(),
        state: view.state,
        policy_mode: Some(view.policy_mode),
        applications: view.applications.clone(),
        node: view.workload.node.clone(),
        running: view.workload.running,
        ..MapNode::default()
    }
}

fn map_edge(pair: &Pair, edge: &Edge) -> MapEdge {
    let mut out = MapEdge {
        from: pair.0.clone(),
        to: pair.1.clone(),
        action: edge.verdict(),
        entries: edge.len(),
        last_seen: edge.last_seen,
        ..MapEdge::default()
    };
    let (mut applications, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for entry in edge.entries() {
        out.bytes = out.bytes.saturating_add(entry.bytes());
        out.sessions = out.sessions.saturating_add(entry.sessions);
        if !out.first_seen.is_known() || entry.first_seen < out.first_seen {
            out.first_seen = entry.first_seen;
        }
        ports.insert((entry.protocol, entry.port));
        if !entry.application.is_empty() {
            applications.insert(entry.application);
        }
    }
    out.applications = applications.into_iter().collect();
    out.ports = ports
        .into_iter()
        .map(|(protocol, port)| format!("{protocol}/{port}"))
        .collect();
    let violates = matches!(out.action, Verdict::Violate | Verdict::Deny);
    out.severity = edge.severity.or(violates.then_some(LogLevel::Warning));
    out
}

impl App {
    /// The map. Edges stay if either end fits the filter, and bring both their ends.
    pub fn conversations(&self, filter: &ConversationFilter) -> ConversationGraph {
        let ends = Ends::new(self);
        let mut nodes: BTreeMap<String, MapNode> = BTreeMap::new();
        let mut graph = ConversationGraph::default();
        for (pair, edge) in self.talk().edges() {
            let wanted = filter.since.is_none_or(|since| edge.last_seen >= since)
                && (filter.verdicts.is_empty() || filter.verdicts.contains(&edge.verdict()));
            if !wanted {
                continue;
            }
            let (from, to) = (ends.node(&pair.0), ends.node(&pair.1));
            if !(fits(filter, &from) || fits(filter, &to)) || !visible(filter, [&from, &to]) {
                continue;
            }
            graph.edges.push(map_edge(pair, edge));
            nodes.insert(from.id.clone(), from);
            nodes.insert(to.id.clone(), to);
        }
        if !filter.connected_only {
            for id in ends
                .workloads
                .iter()
                .filter(|(_, v)| v.workload.running && !v.workload.sandbox)
                .map(|(id, _)| id)
            {
                let node = ends.node(id);
                if fits(filter, &node) && visible(filter, [&node, &node]) {
                    nodes.entry(id.clone()).or_insert(node);
                }
            }
        }
        graph.endpoints = nodes.into_values().collect();
        graph
    }

    /// Ports and applications between two ends, the latest first.
    pub fn conversation(&self, from: &str, to: &str) -> Result<Vec<MapEntry>, AppError> {
        let talk = self.talk();
        let edge = talk
            .edge(from, to)
            .ok_or_else(|| AppError::not_found("conversation", format!("{from} to {to}")))?;
        let mut entries: Vec<MapEntry> = edge.entries().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.last_seen));
        Ok(entries)
    }

    /// Forgets conversations; no end given is any.
    pub async fn delete_conversation(
        &self,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), AppError> {
        let fits = |wanted: Option<&str>, id: &str| wanted.is_none_or(|wanted| wanted == id);
        let count = self
            .talk()
            .forget(|pair, _| fits(from, &pair.0) && fits(to, &pair.1));
        if let (0, Some(from), Some(to)) = (count, from, to) {
            return Err(AppError::not_found(
                "conversation",
                format!("{from} to {to}"),
            ));
        }
        self.refresh_applications();
        self.live("conversation", "");
        self.save_conversations().await
    }

    /// Every end there is something to say about.
    pub fn conversation_endpoints(&self) -> Vec<MapNode> {
        self.conversations(&ConversationFilter::default()).endpoints
    }

    /// Gives an end the name an operator calls it by; an empty one takes it away.
    pub async fn rename_endpoint(&self, id: &str, name: &str) -> Result<(), AppError> {
        if name.len() > 256 {
            return Err(AppError::invalid("a name has at most 256 bytes"));
        }
        self.known_endpoint(id)?;
        let mut draft = Draft::default();
        draft
            .endpoints
            .insert(id.to_owned(), (!name.is_empty()).then(|| name.to_owned()));
        self.writer().await.commit(draft).await
    }

    /// Forgets an end with its conversations and its name.
    pub async fn delete_endpoint(&self, id: &str) -> Result<(), AppError> {
        self.known_endpoint(id)?;
        if self.read(|state| state.endpoints.contains_key(id)) {
            let mut draft = Draft::default();
            draft.endpoints.insert(id.to_owned(), None);
            self.writer().await.commit(draft).await?;
        }
        self.talk().forget(|pair, _| pair.0 == id || pair.1 == id);
        self.refresh_applications();
        self.live("conversation", "");
        self.save_conversations().await
    }

    fn known_endpoint(&self, id: &str) -> Result<(), AppError> {
        let known = self
            .conversation_endpoints()
            .iter()
            .any(|node| node.id == id)
            || self.read(|state| state.endpoints.contains_key(id));
        if known {
            Ok(())
        } else {
            Err(AppError::not_found("endpoint", id))
        }
    }

    /// Takes over where applications were seen; views follow only if something changed.
    pub(crate) fn refresh_applications(&self) {
        let found = self.talk().applications();
        self.write(|state| {
            if state.applications != found {
                state.applications = found;
                state.version += 1;
            }
        });
    }

    /// Saves conversations that changed.
    pub(crate) async fn save_conversations(&self) -> Result<(), AppError> {
        loop {
            let (pairs, txn) = {
                let mut talk = self.talk();
                let pairs = talk.unsaved();
                let txn = talk.txn(&pairs)?;
                (pairs, txn)
            };
            if pairs.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.store().commit(txn).await {
                self.talk().give_back(pairs);
                return Err(error.into());
            }
        }
    }
}

fn fits(filter: &ConversationFilter, node: &MapNode) -> bool {
    filter
        .group
        .as_ref()
        .is_none_or(|group| *group == node.group)
        && filter
            .domain
            .as_ref()
            .is_none_or(|domain| *domain == node.domain)
}

/// What has no domain shows nothing of its own: it is seen through the other end.
fn visible(filter: &ConversationFilter, ends: [&MapNode; 2]) -> bool {
    filter.visible_domains.as_ref().is_none_or(|domains| {
        ends.iter()
            .any(|end| end.kind == EndpointKind::Container && domains.contains(&end.domain))
    })
}
