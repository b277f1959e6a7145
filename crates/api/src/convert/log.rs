//! Kept records.

use super::rfc3339;
use crate::rest::log::{self, LogHeader, LogWorkload};
use rampart_model::{
    LogRecord,
    event::{Activity, Audit, End, Incident, Threat, Violation, WorkloadRef},
    mode::Verdict,
};
use std::{collections::BTreeMap, net::IpAddr};

fn header(record: &LogRecord, cluster: &str) -> LogHeader {
    LogHeader {
        id: record.uid.clone(),
        name: record.name.clone(),
        level: record.level.to_string(),
        reported_timestamp: record.at.secs(),
        reported_at: rfc3339(record.at),
        reported_ms: record.at.ms(),
        cluster_name: cluster.to_owned(),
        response_rule_id: 0,
        host_id: record.node.to_string(),
        host_name: record.node_name.clone(),
        enforcer_id: record.node.to_string(),
        enforcer_name: record.node_name.clone(),
        message: record.message.clone(),
    }
}

/// The workload a record is about; empty for one about a host or the system.
pub fn workload_header(workload: Option<&WorkloadRef>) -> LogWorkload {
    let Some(workload) = workload else {
        return LogWorkload::default();
    };
    LogWorkload {
        workload_id: workload.id.to_string(),
        workload_name: workload.name.clone(),
        workload_domain: workload.domain.clone(),
        workload_image: workload.image.clone(),
        workload_service: workload.service.clone(),
    }
}

/// Roles are kept as `domain=role`; a role alone holds everywhere, which the wire names "".
fn roles(roles: &[String]) -> BTreeMap<String, String> {
    let split = |text: &String| match text.split_once('=') {
        Some((domain, role)) => (domain.to_owned(), role.to_owned()),
        None => (String::new(), text.clone()),
    };
    roles.iter().map(split).collect()
}

fn ether_type(ip: IpAddr) -> u16 {
    if ip.is_ipv4() { 0x0800 } else { 0x86dd }
}

pub fn event(record: &LogRecord, body: &Activity, cluster: &str) -> log::Event {
    log::Event {
        header: header(record, cluster),
        workload: workload_header(record.workload.as_ref()),
        controller_id: String::new(),
        controller_name: String::new(),
        category: body.category.clone(),
        user: body.user.clone(),
        user_roles: roles(&body.user_roles),
        user_addr: body.user_addr.clone(),
        user_session: body.user_session.clone(),
        rest_method: body.rest_method.clone(),
        rest_request: body.rest_request.clone(),
        rest_body: body.rest_body.clone(),
    }
}

pub fn incident(record: &LogRecord, body: &Incident, cluster: &str) -> log::Incident {
    let mut wire = log::Incident {
        header: header(record, cluster),
        workload: workload_header(record.workload.as_ref()),
        proc_name: body.process.name.clone(),
        proc_path: body.process.path.clone(),
        proc_cmd: body.process.cmdline.clone(),
        proc_real_uid: body.process.uid,
        proc_effective_uid: body.process.euid,
        proc_real_user: body.process.user.clone(),
        proc_effective_user: if body.process.uid == body.process.euid {
            body.process.user.clone()
        } else {
            body.process.euid.to_string()
        },
        file_path: body.file_path.clone(),
        proc_parent_name: body.parent.name.clone(),
        proc_parent_path: body.parent.path.clone(),
        action: body.action.clone(),
        group: body.group.to_string(),
        rule_id: body.rule_id.clone(),
        aggregation_from: body.aggregation_from.secs(),
        count: body.count,
        verdict: body.verdict.to_string(),
        mechanism: body.mechanism.map(|m| m.to_string()).unwrap_or_default(),
        operation: body.operation.clone(),
        proc_pid: body.process.pid,
        proc_cwd: body.process.cwd.clone(),
        proc_cmd_truncated: body.process.truncated,
        proc_ancestors: body.process.ancestors.clone(),
        ..log::Incident::default()
    };
    if let Some(peer) = &body.remote {
        wire.ether_type = ether_type(peer.address);
        wire.ip_proto = peer.protocol.number();
        wire.conn_ingress = peer.ingress;
        wire.remote_workload_id = peer.address.to_string();
        wire.remote_workload_name = peer.address.to_string();
        let (ip, local, remote) = (peer.address.to_string(), peer.local_port, peer.port);
        if peer.ingress {
            (wire.client_ip, wire.client_port, wire.server_port) = (ip, remote, local);
        } else {
            (wire.server_ip, wire.server_port, wire.client_port) = (ip, remote, local);
        }
        wire.server_conn_port = wire.server_port;
    }
    wire
}

/// The word NeuVector uses: what a rule let pass is `allow`, what was stopped `deny`.
fn policy_action(verdict: Verdict) -> String {
    verdict.name().to_owned()
}

pub fn violation(record: &LogRecord, body: &Violation, cluster: &str) -> log::Violation {
    let process = body.process.clone().unwrap_or_default();
    log::Violation {
        header: header(record, cluster),
        client_id: body.client.id.clone(),
        client_name: body.client.name.clone(),
        client_domain: body.client.domain.clone(),
        client_image: body.client.image.clone(),
        client_service: body.client.service.clone(),
        server_id: body.server.id.clone(),
        server_name: body.server.name.clone(),
        server_domain: body.server.domain.clone(),
        server_image: body.server.image.clone(),
        server_service: body.server.service.clone(),
        server_port: body.server_port,
        ip_proto: body.protocol.number(),
        applications: body.applications.clone(),
        servers: Vec::new(),
        sessions: body.sessions,
        policy_action: policy_action(body.verdict),
        policy_id: body.rule.0,
        client_ip: body.client.address.to_string(),
        server_ip: body.server.address.to_string(),
        fqdn: body.fqdn.clone(),
        xff: false,
        bytes: body.bytes,
        client_port: body.client_port,
        client_group: body.client.group.to_string(),
        server_group: body.server.group.to_string(),
        mechanism: body.mechanism.map(|m| m.to_string()).unwrap_or_default(),
        proc_name: process.name,
        proc_path: process.path,
        proc_cmd: process.cmdline,
    }
}

/// The captured packet is shown for one threat, not in a list.
pub fn threat(record: &LogRecord, body: &Threat, cluster: &str, with_packet: bool) -> log::Threat {
    let target: &End = if body.target == "client" {
        &body.client
    } else {
        &body.server
    };
    log::Threat {
        header: header(record, cluster),
        threat_id: body.threat_id,
        client_workload_id: body.client.id.clone(),
        client_workload_name: body.client.name.clone(),
        client_workload_domain: body.client.domain.clone(),
        client_workload_image: body.client.image.clone(),
        client_workload_service: body.client.service.clone(),
        server_workload_id: body.server.id.clone(),
        server_workload_name: body.server.name.clone(),
        server_workload_domain: body.server.domain.clone(),
        server_workload_image: body.server.image.clone(),
        server_workload_service: body.server.service.clone(),
        severity: body.severity.to_string(),
        action: body.action.clone(),
        count: body.count,
        ether_type: ether_type(body.client.address),
        client_port: body.client_port,
        server_port: body.server_port,
        server_conn_port: body.server_port,
        icmp_code: 0,
        icmp_type: 0,
        ip_proto: body.protocol.number(),
        client_ip: body.client.address.to_string(),
        server_ip: body.server.address.to_string(),
        application: body.application.clone(),
        sensor: String::new(),
        group: target.group.to_string(),
        target: body.target.clone(),
        monitor: body.action != "deny",
        // Three bytes in four characters of base64.
        cap_len: u16::try_from(body.packet.trim_end_matches('=').len() * 3 / 4).unwrap_or(u16::MAX),
        packet: if with_packet {
            body.packet.clone()
        } else {
            String::new()
        },
    }
}

pub fn audit(record: &LogRecord, body: &Audit, cluster: &str) -> log::Audit {
    log::Audit {
        header: header(record, cluster),
        workload: workload_header(record.workload.as_ref()),
        image: body.image.clone(),
        registry: body.registry.clone(),
        high_vul_cnt: body.high,
        medium_vul_cnt: body.medium,
        user: body.user.clone(),
        aggregation_from: record.at.secs(),
        count: body.count,
        items: body.items.clone(),
        ..log::Audit::default()
    }
}
