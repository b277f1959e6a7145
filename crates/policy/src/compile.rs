//! The policy of one workload, compiled from a snapshot.
//!
//! [`Engine`] indexes the snapshot once; compiling is then a matter of the groups, endpoints and
//! rules that concern the workload. Peers with the same groups and mode share one table of ports.

use crate::{
    file::{self, FileAsk, FileVerdict},
    network::{self, Direction, NetCell, NetPolicy, NetVerdict, Table},
    process::{self, ProcessAsk, ProcessVerdict},
    selector::{self, Membership},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rampart_model::{
    Act, Baseline, Endpoint, FileRule, Group, GroupKind, GroupName, Mode, NetworkRule, NodeId,
    PolicySnapshot, ProcessRule, Protocol, Verdict, Workload, WorkloadId,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// All an enforcer needs to judge one workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadPolicy {
    pub workload: WorkloadId,
    /// Of the snapshot it was compiled from.
    pub revision: u64,
    /// Its learned group.
    pub group: GroupName,
    /// Every group it is a member of, the learned one first: where the rules came from.
    pub groups: Vec<GroupName>,
    /// The snapshot has the learned group; if not, modes are those for new services.
    pub known: bool,
    pub profile_mode: Mode,
    pub policy_mode: Mode,
    pub baseline: Baseline,
    pub hash_enabled: bool,
    /// In matching order, each with its group.
    pub process: Vec<ProcessRule>,
    /// Each with its group.
    pub files: Vec<FileRule>,
    /// Seen while the learned group learned.
    pub acts: BTreeSet<Act>,
    pub network: NetPolicy,
    pub quarantined: bool,
    /// Shares the host's network, which is never blocked.
    pub host_network: bool,
}

impl WorkloadPolicy {
    pub fn judge_process(&self, ask: &ProcessAsk<'_>) -> ProcessVerdict {
        process::judge(&self.process, self.profile_mode, self.baseline, ask)
    }

    pub fn judge_file(&self, ask: &FileAsk<'_>) -> FileVerdict {
        file::judge(&self.files, self.profile_mode, ask)
    }

    /// Judges a connection as the kernel does, from the compiled cells.
    pub fn judge_connection(
        &self,
        direction: Direction,
        protocol: Protocol,
        port: u16,
        peer: IpAddr,
    ) -> NetVerdict {
        self.network.lookup(direction, Some(protocol), port, peer)
    }
}

/// Compiles one workload's policy. For many, make an [`Engine`] once.
pub fn compile(workload: &Workload, snapshot: &PolicySnapshot) -> WorkloadPolicy {
    Engine::new(Arc::new(snapshot.clone())).compile(workload)
}

/// Who an address belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer {
    /// Sorted; what nobody claims is in `external`.
    pub groups: Vec<GroupName>,
    /// Network mode of its learned group; `None` outside the workloads.
    pub mode: Option<Mode>,
    /// A node's own address.
    pub node: bool,
}

/// One end of a conversation: its id in the network map, and the group it is learned for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Workload id, `Host:<node>:<ip>`, the name of an address group, or `external`.
    pub id: String,
    /// The learned group, `nodes`, or `external`.
    pub group: GroupName,
    pub workload: Option<WorkloadId>,
    /// The node whose own address it is.
    pub node: Option<NodeId>,
    pub address_group: Option<GroupName>,
}

impl Identity {
    fn of_endpoint(endpoint: &Endpoint) -> Self {
        let group = endpoint.groups.first().cloned().unwrap_or_default();
        if endpoint.workload.is_empty() {
            let id = format!("Host:{}:{}", endpoint.node, endpoint.address);
            return Self {
                id,
                group,
                node: Some(endpoint.node.clone()),
                ..Self::default()
            };
        }
        let workload = endpoint.workload.clone();
        Self {
            id: workload.to_string(),
            group,
            workload: Some(workload),
            ..Self::default()
        }
    }
}

/// Address blocks as one node sees them. A block's parent is the next wider one.
#[derive(Debug, Default)]
struct Blocks {
    list: Vec<Block>,
    /// Different peers; blocks share them.
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Block {
    net: IpNet,
    peer: usize,
    parent: Option<usize>,
}

/// An indexed snapshot.
#[derive(Clone, Debug)]
pub struct Engine {
    snapshot: Arc<PolicySnapshot>,
    by_name: HashMap<GroupName, usize>,
    membership: Membership,
    /// Blocks of address groups.
    blocks: Vec<(IpNet, GroupName)>,
    endpoints: HashMap<IpAddr, Vec<usize>>,
    /// Groups a workload is in by what only the controller knows.
    extra: HashMap<WorkloadId, Vec<GroupName>>,
    quarantined: HashSet<WorkloadId>,
    /// Made when a node's first workload is compiled.
    seen_from: Arc<Mutex<HashMap<NodeId, Arc<Blocks>>>>,
}

impl Engine {
    pub fn new(snapshot: Arc<PolicySnapshot>) -> Self {
        let mut engine = Self {
            by_name: HashMap::new(),
            membership: Membership::new(&snapshot.groups),
            blocks: Vec::new(),
            endpoints: HashMap::new(),
            extra: HashMap::new(),
            quarantined: snapshot.quarantined.iter().cloned().collect(),
            seen_from: Arc::default(),
            snapshot: snapshot.clone(),
        };
        for (index, group) in snapshot.groups.iter().enumerate() {
            engine.by_name.insert(group.name.clone(), index);
            engine.index_group(group);
        }
        for (index, endpoint) in snapshot.endpoints.iter().enumerate() {
            engine
                .endpoints
                .entry(endpoint.address.to_canonical())
                .or_default()
                .push(index);
            if !endpoint.workload.is_empty() {
                engine
                    .extra
                    .entry(endpoint.workload.clone())
                    .or_insert_with(|| endpoint.groups.clone());
            }
        }
        engine
    }

    fn index_group(&mut self, group: &Group) {
        if group.kind != GroupKind::Address {
            return;
        }
        let blocks = group.criteria.iter().filter(|c| c.key == "address");
        for block in blocks
            .filter_map(|c| selector::addresses(&c.value))
            .flatten()
        {
            self.blocks.push((block, group.name.clone()));
        }
    }

    pub fn snapshot(&self) -> &Arc<PolicySnapshot> {
        &self.snapshot
    }

    pub fn group(&self, name: &GroupName) -> Option<&Group> {
        self.by_name
            .get(name)
            .and_then(|index| self.snapshot.groups.get(*index))
    }

    /// Compiles a container's policy.
    pub fn compile(&self, workload: &Workload) -> WorkloadPolicy {
        let mut groups = self.membership.groups_of(workload, &[]);
        if let Some(extra) = self.extra.get(&workload.id) {
            let missing: Vec<_> = extra
                .iter()
                .filter(|name| !groups.contains(name))
                .cloned()
                .collect();
            groups.extend(missing);
        }
        let group = groups.first().cloned().unwrap_or_default();
        let mut policy = self.profile(&group, groups);
        policy.workload = workload.id.clone();
        policy.quarantined = self.quarantined.contains(&workload.id);
        policy.host_network = workload.host_network;
        policy.network = self.network(&policy, &workload.node, workload.addresses());
        policy
    }

    /// The policy of a node's own processes. Its network is never blocked.
    pub fn compile_host(&self, node: &NodeId) -> WorkloadPolicy {
        let name = GroupName::from(Group::NODES);
        let mut policy = self.profile(&name, vec![name.clone()]);
        policy.host_network = true;
        policy.network = self.network(&policy, node, std::iter::empty());
        policy
    }

    /// Modes and profile of a learned group, with the rules of every group given.
    fn profile(&self, name: &GroupName, groups: Vec<GroupName>) -> WorkloadPolicy {
        let settings = &self.snapshot.settings;
        let own = self.group(name);
        let (process, files) = self.rules_of(&groups);
        WorkloadPolicy {
            revision: self.snapshot.revision,
            known: own.is_some(),
            profile_mode: own
                .and_then(|g| g.profile_mode)
                .unwrap_or(settings.new_service_profile_mode),
            policy_mode: self.network_mode(own),
            baseline: own.map_or(settings.new_service_baseline, |g| g.profile.baseline),
            hash_enabled: own.is_some_and(|g| g.profile.hash_enabled),
            acts: own.map(|g| g.profile.acts.clone()).unwrap_or_default(),
            group: name.clone(),
            groups,
            process,
            files,
            ..WorkloadPolicy::default()
        }
    }

    pub(crate) fn network_mode(&self, group: Option<&Group>) -> Mode {
        let settings = &self.snapshot.settings;
        settings
            .network_mode_override
            .or(group.and_then(|g| g.policy_mode))
            .unwrap_or(settings.new_service_policy_mode)
    }

    /// Rules of several groups: by source, then in the order of the groups with the learned one
    /// last, so that what an operator said about a wider group holds.
    fn rules_of(&self, groups: &[GroupName]) -> (Vec<ProcessRule>, Vec<FileRule>) {
        let in_order = groups.iter().skip(1).chain(groups.first());
        let (mut process, mut files) = (Vec::new(), Vec::new());
        for group in in_order.filter_map(|name| self.group(name)) {
            let name = &group.name;
            let with_group = |rule: &ProcessRule| ProcessRule {
                group: name.clone(),
                ..rule.clone()
            };
            process.extend(group.profile.rules.iter().map(with_group));
            files.extend(group.files.iter().map(|r| FileRule {
                group: name.clone(),
                ..r.clone()
            }));
        }
        process.sort_by_key(|rule| rule.source.rank());
        files.sort_by_key(|rule| rule.source.rank());
        (process, files)
    }

    /// Who answers at an address, as seen from a node: the same private address may exist on
    /// several nodes, and the own node's is meant.
    pub fn peer(&self, node: &NodeId, address: IpAddr) -> Peer {
        let address = address.to_canonical();
        self.peer_of(IpNet::from(address), self.endpoint(node, address))
    }

    /// The end of a conversation at an address, as the network map names it.
    pub fn identify(&self, node: &NodeId, address: IpAddr) -> Identity {
        let address = address.to_canonical();
        if let Some(endpoint) = self.endpoint(node, address) {
            return Identity::of_endpoint(endpoint);
        }
        let block = IpNet::from(address);
        let narrowest = self
            .blocks
            .iter()
            .filter(|(wider, _)| wider.contains(&block))
            .max_by_key(|(wider, _)| wider.prefix_len());
        match narrowest {
            Some((_, group)) => Identity {
                id: group.to_string(),
                group: Group::EXTERNAL.into(),
                address_group: Some(group.clone()),
                ..Identity::default()
            },
            None => Identity {
                id: Group::EXTERNAL.into(),
                group: Group::EXTERNAL.into(),
                ..Identity::default()
            },
        }
    }

    fn endpoint(&self, node: &NodeId, address: IpAddr) -> Option<&Endpoint> {
        let found = self.endpoints.get(&address)?;
        let all = || {
            found
                .iter()
                .filter_map(|index| self.snapshot.endpoints.get(*index))
        };
        all()
            .find(|endpoint| endpoint.node == *node)
            .or_else(|| all().next())
    }

    fn peer_of(&self, block: IpNet, endpoint: Option<&Endpoint>) -> Peer {
        let mut groups: Vec<GroupName> = self
            .blocks
            .iter()
            .filter(|(wider, _)| wider.contains(&block))
            .map(|(_, name)| name.clone())
            .collect();
        let mut peer = Peer::default();
        match endpoint {
            Some(endpoint) => {
                groups.extend(endpoint.groups.iter().cloned());
                peer.node = endpoint.workload.is_empty();
                if !peer.node {
                    peer.mode = endpoint
                        .groups
                        .first()
                        .map(|name| self.network_mode(self.group(name)));
                }
            }
            None => groups.push(Group::EXTERNAL.into()),
        }
        groups.sort();
        groups.dedup();
        peer.groups = groups;
        peer
    }

    /// Judges a conversation between a workload and a peer by walking the rules, which is what the
    /// compiled cells must equal. `application` is what a protocol parser found.
    pub fn judge_conversation(
        &self,
        policy: &WorkloadPolicy,
        direction: Direction,
        peer: &Peer,
        protocol: Option<Protocol>,
        port: u16,
        application: Option<&str>,
    ) -> NetVerdict {
        let (from, to) = match direction {
            Direction::Egress => (&policy.groups, &peer.groups),
            Direction::Ingress => (&peer.groups, &policy.groups),
        };
        let rule =
            network::first_match(&self.snapshot.rules, from, to, protocol, port, application);
        if protocol == Some(Protocol::Icmp) && rule.is_none() {
            return NetVerdict::ALLOW;
        }
        self.verdict(policy, direction, peer, rule)
    }

    fn verdict(
        &self,
        policy: &WorkloadPolicy,
        direction: Direction,
        peer: &Peer,
        rule: Option<&NetworkRule>,
    ) -> NetVerdict {
        let strict = self.snapshot.settings.strict_group_mode;
        let mode = network::effective_mode(policy.policy_mode, peer.mode, strict);
        let verdict = network::verdict(rule, mode);
        // Probes and proxies of the node must reach the workload.
        let spared = policy.host_network || (peer.node && direction == Direction::Ingress);
        if spared {
            network::alert_only(verdict)
        } else {
            verdict
        }
    }

    fn network(
        &self,
        policy: &WorkloadPolicy,
        node: &NodeId,
        own: impl Iterator<Item = IpAddr>,
    ) -> NetPolicy {
        if self.snapshot.settings.network_policy_disabled && !policy.quarantined {
            return NetPolicy::default();
        }
        let mut out = NetPolicy::default();
        let own: Vec<IpNet> = own
            .map(|address| IpNet::from(address.to_canonical()))
            .collect();
        for prefix in local_blocks().into_iter().chain(own.iter().copied()) {
            out.cells.extend(
                Direction::ALL
                    .map(|direction| cell(direction, None, None, prefix, NetVerdict::ALLOW)),
            );
        }
        if policy.quarantined {
            out.default = NetVerdict {
                verdict: Verdict::Deny,
                ..NetVerdict::ALLOW
            };
            if policy.host_network {
                out.default = network::alert_only(out.default);
            }
        } else {
            let blocks = self.seen_from(node);
            for direction in Direction::ALL {
                self.place(policy, direction, &blocks, &own, &mut out);
            }
            out.default = self.verdict(policy, Direction::Egress, &Peer::default(), None);
        }
        out.sort();
        out
    }

    fn seen_from(&self, node: &NodeId) -> Arc<Blocks> {
        let mut cache = self
            .seen_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(blocks) = cache.get(node) {
            return blocks.clone();
        }
        let blocks = Arc::new(self.address_blocks(node));
        cache.insert(node.clone(), blocks.clone());
        blocks
    }

    /// Every block with a peer of its own, shortest first; the two empty ones are the outside.
    fn address_blocks(&self, node: &NodeId) -> Blocks {
        let mut nets: BTreeSet<(u8, IpNet)> = BTreeSet::new();
        let of_groups = self.blocks.iter().map(|(block, _)| *block);
        let of_endpoints = self.endpoints.keys().map(|address| IpNet::from(*address));
        for net in everywhere()
            .into_iter()
            .chain(of_groups)
            .chain(of_endpoints)
        {
            nets.insert((net.prefix_len(), net));
        }
        let lengths: BTreeSet<u8> = nets.iter().map(|(length, _)| *length).collect();
        let mut blocks = Blocks::default();
        let mut at: HashMap<IpNet, usize> = HashMap::new();
        let mut known: HashMap<Peer, usize> = HashMap::new();
        for (_, net) in nets {
            let single = net.prefix_len() == net.max_prefix_len();
            let endpoint = if single {
                self.endpoint(node, net.addr())
            } else {
                None
            };
            let peer = self.peer_of(net, endpoint);
            let peer = *known.entry(peer).or_insert_with_key(|peer| {
                blocks.peers.push(peer.clone());
                blocks.peers.len() - 1
            });
            let parent = wider(net, &lengths).find_map(|wider| at.get(&wider).copied());
            at.insert(net, blocks.list.len());
            blocks.list.push(Block { net, peer, parent });
        }
        blocks
    }

    /// Adds the cells of one direction. A block with the table of the next wider one adds none.
    fn place(
        &self,
        policy: &WorkloadPolicy,
        direction: Direction,
        blocks: &Blocks,
        own: &[IpNet],
        out: &mut NetPolicy,
    ) {
        let concerned = self.concerning(policy, direction);
        let tables: Vec<Table> = blocks
            .peers
            .iter()
            .map(|peer| self.table(policy, direction, peer, &concerned))
            .collect();
        let local = local_blocks();
        for block in &blocks.list {
            let Some(table) = tables.get(block.peer) else {
                continue;
            };
            let parent = block.parent.and_then(|at| blocks.list.get(at));
            let same = parent.is_some_and(|parent| {
                parent.peer == block.peer || tables.get(parent.peer) == Some(table)
            });
            let itself = own.contains(&block.net) || local.iter().any(|l| l.contains(&block.net));
            if !same && !itself {
                emit(direction, block.net, table, out);
            }
        }
    }

    /// Enabled rules with the workload at its end of the direction, in order.
    fn concerning(&self, policy: &WorkloadPolicy, direction: Direction) -> Vec<&NetworkRule> {
        self.snapshot
            .rules
            .iter()
            .filter(|rule| {
                let end = if direction == Direction::Egress {
                    &rule.from
                } else {
                    &rule.to
                };
                !rule.disabled && policy.groups.contains(end)
            })
            .collect()
    }

    fn table(
        &self,
        policy: &WorkloadPolicy,
        direction: Direction,
        peer: &Peer,
        concerned: &[&NetworkRule],
    ) -> Table {
        let rules: Vec<&NetworkRule> = concerned
            .iter()
            .copied()
            .filter(|rule| {
                let end = if direction == Direction::Egress {
                    &rule.to
                } else {
                    &rule.from
                };
                peer.groups.binary_search(end).is_ok()
            })
            .collect();
        network::table(&rules, |rule| self.verdict(policy, direction, peer, rule))
    }
}

fn everywhere() -> [IpNet; 2] {
    [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())]
}

/// A workload talking to itself.
fn local_blocks() -> [IpNet; 4] {
    [
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 32)),
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128)),
    ]
}

/// The blocks around a block with one of the lengths, narrowest first.
fn wider(block: IpNet, lengths: &BTreeSet<u8>) -> impl Iterator<Item = IpNet> {
    lengths
        .range(..block.prefix_len())
        .rev()
        .filter_map(move |length| {
            IpNet::new(block.addr(), *length)
                .ok()
                .map(|wider| wider.trunc())
        })
}

fn cell(
    direction: Direction,
    protocol: Option<Protocol>,
    ports: Option<(u16, u16)>,
    prefix: IpNet,
    verdict: NetVerdict,
) -> NetCell {
    NetCell {
        direction,
        protocol,
        ports,
        prefix,
        verdict,
    }
}

fn emit(direction: Direction, prefix: IpNet, table: &Table, out: &mut NetPolicy) {
    for own in &table.protocols {
        let protocol = Some(own.protocol);
        for (low, high, verdict) in &own.segments {
            out.cells.push(cell(
                direction,
                protocol,
                Some((*low, *high)),
                prefix,
                *verdict,
            ));
        }
        if own.any != table.other {
            out.cells
                .push(cell(direction, protocol, None, prefix, own.any));
        }
    }
    out.cells
        .push(cell(direction, None, None, prefix, table.other));
}

#[cfg(test)]
#[path = "compile_test.rs"]
mod tests;
