//! Controllers, enforcers and hosts.

use super::{
    Rest,
    answer::{Answer, pick},
    call::{Ask, Name},
    error::Failure,
    system::small,
};
use crate::app::NodeView;
use axum::{Json, extract::State};
use rampart_api::{
    convert::{addresses, process_entry, protection, rfc3339},
    rest::{
        node::{self as api, *},
        process::ProcessListData,
        stats::{Metric, Stats, StatsData},
    },
};
use rampart_model::NodeStats;

/// Seconds between two reports of a node.
const INTERVAL_SECS: u32 = 5;

fn state(view: &NodeView) -> String {
    if view.connected {
        "connected"
    } else {
        "disconnected"
    }
    .to_owned()
}

fn address(view: &NodeView) -> String {
    let interfaces = &view.node.interfaces;
    let usable = interfaces
        .iter()
        .filter(|(name, _)| *name != "lo")
        .flat_map(|(_, all)| all);
    usable
        .map(|a| a.ip)
        .find(|ip| !ip.is_loopback())
        .map(|ip| ip.to_string())
        .unwrap_or_default()
}

fn enforcer_wire(view: &NodeView) -> Enforcer {
    let node = &view.node;
    Enforcer {
        id: node.id.to_string(),
        name: node.name.clone(),
        display_name: node.name.clone(),
        host_name: node.name.clone(),
        host_id: node.id.to_string(),
        version: node.version.clone(),
        pid_mode: "host".to_owned(),
        network_mode: "host".to_owned(),
        created_at: rfc3339(node.started_at),
        started_at: rfc3339(node.started_at),
        joined_at: rfc3339(node.joined_at),
        cpus: node.cpus.to_string(),
        cluster_ip: address(view),
        connection_state: state(view),
        disconnected_at: if view.connected {
            String::new()
        } else {
            rfc3339(view.lost_at)
        },
        protection: protection(node, &view.stats),
        ..Enforcer::default()
    }
}

fn host_wire(rest: &Rest, view: &NodeView) -> Host {
    let node = &view.node;
    Host {
        name: node.name.clone(),
        id: node.id.to_string(),
        runtime: node.runtime.clone(),
        runtime_version: node.runtime_version.clone(),
        os: node.os.clone(),
        kernel: node.kernel.clone(),
        cpus: i64::from(node.cpus),
        memory: node.memory_bytes,
        cgroup_version: 2,
        containers: small(view.workloads.len()),
        interfaces: addresses(&node.interfaces),
        state: state(view),
        policy_mode: view.policy_mode.to_string(),
        profile_mode: view.profile_mode.to_string(),
        scan_summary: Some(super::scan::brief(&rest.app().host_scan(node.id.as_str()))),
        protection: protection(node, &view.stats),
        arch: node.arch.clone(),
        last_seen_at: rfc3339(node.last_seen),
        ..Host::default()
    }
}

/// One report is all there is: every span shows it.
fn stats_wire(id: &str, stats: &NodeStats) -> StatsData {
    let now = Metric {
        cpu: stats.cpu,
        memory: stats.memory_bytes,
        ..Metric::default()
    };
    StatsData {
        id: id.to_owned(),
        read_at: rfc3339(stats.at),
        stats: Stats {
            interval: INTERVAL_SECS,
            total: now.clone(),
            span_1: now.clone(),
            span_12: now.clone(),
            span_60: now,
        },
    }
}

fn quiet() -> ComponentConfigData {
    ComponentConfigData {
        config: ComponentConfig {
            debug: Vec::new(),
            log_level: "info".to_owned(),
        },
    }
}

fn this_controller(rest: &Rest) -> api::Controller {
    let info = rest.app().controller();
    api::Controller {
        id: info.id.clone(),
        name: info.name.clone(),
        display_name: info.name.clone(),
        host_name: info.host_name.clone(),
        version: info.version.clone(),
        created_at: rfc3339(info.started_at),
        started_at: rfc3339(info.started_at),
        joined_at: rfc3339(info.started_at),
        cluster_ip: info.cluster_ip.clone(),
        leader: true,
        connection_state: "connected".to_owned(),
        ..api::Controller::default()
    }
}

fn known_controller(rest: &Rest, id: &str) -> Result<(), Failure> {
    if rest.app().controller().id == id {
        Ok(())
    } else {
        Err(Failure::not_found("controller", id))
    }
}

pub(super) async fn controllers(
    State(rest): State<Rest>,
    Ask(query): Ask,
) -> Answer<ControllersData> {
    Ok(Json(ControllersData {
        controllers: pick(vec![this_controller(&rest)], &query)?,
    }))
}

pub(super) async fn controller(State(rest): State<Rest>, Name(id): Name) -> Answer<ControllerData> {
    known_controller(&rest, &id)?;
    Ok(Json(ControllerData {
        controller: this_controller(&rest),
    }))
}

pub(super) async fn controller_stats(
    State(rest): State<Rest>,
    Name(id): Name,
) -> Answer<StatsData> {
    known_controller(&rest, &id)?;
    let (cpu, memory_bytes) = own_use(&rest).await;
    let stats = NodeStats {
        at: rest.app().now(),
        cpu,
        memory_bytes,
        ..NodeStats::default()
    };
    Ok(Json(stats_wire(&id, &stats)))
}

/// Average share of a core since the process began, and its resident memory now. Zero where the
/// system does not tell.
async fn own_use(rest: &Rest) -> (f64, u64) {
    let status = tokio::fs::read_to_string("/proc/self/status")
        .await
        .unwrap_or_default();
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
    });
    let stat = tokio::fs::read_to_string("/proc/self/schedstat")
        .await
        .unwrap_or_default();
    let busy_ns = stat
        .split_whitespace()
        .next()
        .and_then(|ns| ns.parse::<f64>().ok())
        .unwrap_or_default();
    let alive = rest
        .app()
        .now()
        .since(rest.app().controller().started_at)
        .max(1);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share of a core needs no more than 53 bits"
    )]
    let cpu = busy_ns / (alive as f64 * 1e6);
    (cpu, kib.unwrap_or_default() * 1024)
}

pub(super) async fn controller_config(
    State(rest): State<Rest>,
    Name(id): Name,
) -> Answer<ComponentConfigData> {
    known_controller(&rest, &id)?;
    Ok(Json(quiet()))
}

pub(super) async fn enforcers(State(rest): State<Rest>, Ask(query): Ask) -> Answer<EnforcersData> {
    let all = rest.app().nodes().iter().map(enforcer_wire).collect();
    Ok(Json(EnforcersData {
        enforcers: pick(all, &query)?,
    }))
}

pub(super) async fn enforcer(State(rest): State<Rest>, Name(id): Name) -> Answer<EnforcerData> {
    Ok(Json(EnforcerData {
        enforcer: enforcer_wire(&rest.app().node(&id)?),
    }))
}

pub(super) async fn enforcer_stats(State(rest): State<Rest>, Name(id): Name) -> Answer<StatsData> {
    Ok(Json(stats_wire(&id, &rest.app().node(&id)?.stats)))
}

pub(super) async fn enforcer_config(
    State(rest): State<Rest>,
    Name(id): Name,
) -> Answer<ComponentConfigData> {
    rest.app().node(&id)?;
    Ok(Json(quiet()))
}

pub(super) async fn probe_summary(
    State(rest): State<Rest>,
    Name(id): Name,
) -> Answer<ProbeSummaryData> {
    // Changes are gathered for some milliseconds before they are published: without this, what was
    // changed just now would be reported as in force.
    rest.app().publish_policy().await?;
    let newest = rest.app().policy().borrow().revision;
    let found = rest.app().probe_summary(&id).await?;
    let summary = ProbeSummary {
        containers: found.containers,
        pids: found.processes,
        policy_revision: found.policy_revision,
        policy_newest: newest,
        policy_in_force: found.policy_revision >= newest,
    };
    Ok(Json(ProbeSummaryData { summary }))
}

pub(super) async fn hosts(State(rest): State<Rest>, Ask(query): Ask) -> Answer<HostsData> {
    let nodes = rest.app().nodes();
    let all = nodes.iter().map(|view| host_wire(&rest, view)).collect();
    Ok(Json(HostsData {
        hosts: pick(all, &query)?,
    }))
}

pub(super) async fn host(State(rest): State<Rest>, Name(id): Name) -> Answer<HostData> {
    Ok(Json(HostData {
        host: host_wire(&rest, &rest.app().node(&id)?),
    }))
}

/// The rules of the group `nodes`, which every node is a member of.
pub(super) async fn host_profile(
    State(rest): State<Rest>,
    Name(id): Name,
) -> Answer<ProcessListData> {
    rest.app().node(&id)?;
    let group = rest.app().group(rampart_model::Group::NODES)?;
    let with_group = |rule: &rampart_model::ProcessRule| {
        let mut entry = process_entry(rule);
        entry.group = group.group.name.to_string();
        entry
    };
    Ok(Json(ProcessListData {
        process_list: group.group.profile.rules.iter().map(with_group).collect(),
    }))
}
