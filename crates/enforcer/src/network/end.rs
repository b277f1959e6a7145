//! Who is at an address: a container of this node, one the policy tells of, a node, or outside.

use crate::{
    inventory::Registry,
    runtime::{Member, MemberRef, Runtime},
};
use rampart_model::{Endpoint, Group, NodeId, event::End};
use rampart_policy::{Engine, group};
use std::{net::IpAddr, sync::Arc};

pub(super) struct Ends {
    local: Vec<MemberRef>,
    engine: Arc<Engine>,
    node: NodeId,
    node_name: String,
}

impl Ends {
    pub(super) fn new(runtime: &Runtime, registry: &Registry) -> Self {
        let local = runtime.members().values().cloned().collect();
        Self {
            local,
            engine: registry.engine(),
            node: registry.node().clone(),
            node_name: runtime.out().node_name.clone(),
        }
    }

    pub(super) fn own(&self, member: &Member, address: IpAddr) -> End {
        let workload = member.reference();
        let address = match address.is_unspecified() {
            // Refused before the kernel chose an address: the one it would have chosen from.
            true => first_address(member, address).unwrap_or(address),
            false => address,
        };
        End {
            id: workload.id.to_string(),
            name: workload.name,
            address: address.to_canonical(),
            domain: workload.domain,
            service: workload.service,
            image: workload.image,
            group: workload.group,
        }
    }

    pub(super) fn peer(&self, address: IpAddr) -> End {
        let address = address.to_canonical();
        let local = self.local.iter().find(|m| {
            let workload = m.workload.load();
            !workload.host_network && workload.addresses().any(|a| a == address)
        });
        if let Some(member) = local {
            return self.own(member, address);
        }
        let endpoints = &self.engine.snapshot().endpoints;
        let at = || {
            endpoints
                .iter()
                .filter(|e| e.address.to_canonical() == address)
        };
        match at().find(|e| e.node == self.node).or_else(|| at().next()) {
            Some(endpoint) if endpoint.node == self.node && endpoint.workload.is_empty() => End {
                name: self.node_name.clone(),
                ..remote(endpoint, address)
            },
            Some(endpoint) => remote(endpoint, address),
            None => End {
                id: Group::EXTERNAL.to_owned(),
                name: Group::EXTERNAL.to_owned(),
                address,
                domain: String::new(),
                service: String::new(),
                image: String::new(),
                group: Group::EXTERNAL.into(),
            },
        }
    }
}

fn first_address(member: &Member, like: IpAddr) -> Option<IpAddr> {
    let workload = member.workload.load();
    let found = workload
        .addresses()
        .find(|a| a.is_ipv4() == like.is_ipv4() && !a.is_loopback());
    found.or_else(|| workload.addresses().find(|a| !a.is_loopback()))
}

fn remote(endpoint: &Endpoint, address: IpAddr) -> End {
    let group = endpoint.groups.first().cloned().unwrap_or_default();
    let service = group::service_of_group(&group)
        .unwrap_or_default()
        .to_owned();
    let (id, name) = match endpoint.workload.is_empty() {
        true => (
            format!("Host:{}:{address}", endpoint.node),
            format!("host {}", endpoint.node),
        ),
        false => (
            endpoint.workload.to_string(),
            match service.is_empty() {
                true => endpoint.workload.short().to_owned(),
                false => service.clone(),
            },
        ),
    };
    End {
        id,
        name,
        address,
        domain: String::new(),
        service,
        image: String::new(),
        group,
    }
}
