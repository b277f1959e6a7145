//! Nodes and processes.

use super::rfc3339;
use crate::rest::{
    node::{Capability, Protection},
    process::Process,
    workload::IpAddress,
};
use rampart_model::{Node, NodeStats, ProcessInfo, workload::InterfaceAddress};
use std::collections::BTreeMap;

pub fn protection(node: &Node, stats: &NodeStats) -> Protection {
    let capability = |c: &rampart_model::node::Capability| Capability {
        name: c.name.clone(),
        mechanism: c.mechanism.map(|m| m.to_string()).unwrap_or_default(),
        strength: c.strength.clone(),
        note: c.note.clone(),
    };
    Protection {
        tier: node.tier.to_string(),
        capabilities: node.capabilities.iter().map(capability).collect(),
        reasons: node.reasons.clone(),
        counters: stats.counters.clone(),
    }
}

pub fn addresses(
    interfaces: &BTreeMap<String, Vec<InterfaceAddress>>,
) -> BTreeMap<String, Vec<IpAddress>> {
    let address = |a: &InterfaceAddress| IpAddress {
        ip: a.ip.to_string(),
        ip_prefix: a.prefix,
        gateway: a.gateway.map(|g| g.to_string()).unwrap_or_default(),
    };
    interfaces
        .iter()
        .map(|(name, all)| (name.clone(), all.iter().map(address).collect()))
        .collect()
}

pub fn process(info: &ProcessInfo) -> Process {
    Process {
        name: info.name.clone(),
        pid: info.pid,
        parent: info.parent,
        group: 0,
        session: 0,
        cmdline: info.cmdline.clone(),
        root: info.from_exec || info.parent == 0,
        user: info.user.clone(),
        status: info.status.clone(),
        start_timestamp: info.started_at.secs(),
        action: info.action.to_string(),
        path: info.path.clone(),
        cwd: info.cwd.clone(),
        started_at: rfc3339(info.started_at),
        uid: info.uid,
        euid: info.euid,
        tty: info.tty,
    }
}
