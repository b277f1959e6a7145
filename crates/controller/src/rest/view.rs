//! Views of the read model as wire types.

use super::call::Who;
use crate::{
    App,
    app::{GroupView, MapNode, ScanView, WorkloadView},
    auth::Permission,
};
use rampart_api::{
    convert::{addresses, rfc3339, rule},
    rest::{
        conversation::ConversationEndpoint,
        policy::PolicyRule,
        workload::{
            self as api, Workload, WorkloadBrief, WorkloadBriefV2, WorkloadDetail,
            WorkloadDetailV2, WorkloadMiscV2, WorkloadMount, WorkloadPort, WorkloadRuntimeV2,
            WorkloadSecurityV2, WorkloadV2,
        },
    },
};
use rampart_model::{RuleId, WorkloadId};
use std::collections::BTreeMap;

/// Namespaces of the platform itself.
const PLATFORM: &[&str] = &["kube-system", "kube-public", "kube-node-lease"];

pub(super) fn platform_role(domain: &str) -> String {
    if PLATFORM.contains(&domain) {
        "core".to_owned()
    } else {
        String::new()
    }
}

fn digests(view: &WorkloadView) -> Vec<String> {
    let digest = &view.workload.image_digest;
    if digest.is_empty() {
        Vec::new()
    } else {
        vec![digest.clone()]
    }
}

fn pod_name(view: &WorkloadView) -> String {
    view.workload
        .pod
        .as_ref()
        .map(|pod| pod.name.clone())
        .unwrap_or_default()
}

fn shares_with(view: &WorkloadView) -> String {
    view.workload
        .pod
        .as_ref()
        .map(|pod| pod.sandbox_id.clone())
        .unwrap_or_default()
}

pub(super) fn brief(view: &WorkloadView, scan: &ScanView) -> WorkloadBrief {
    let workload = &view.workload;
    let known = scan.summary.as_deref();
    WorkloadBrief {
        id: workload.id.to_string(),
        name: workload.name.clone(),
        display_name: workload.display_name().to_owned(),
        pod_name: pod_name(view),
        host_name: workload.node_name.clone(),
        host_id: workload.node.to_string(),
        image: workload.image.clone(),
        image_id: workload.image_digest.clone(),
        image_digest: digests(view),
        image_created_at: known.map(|s| s.created_at.clone()).unwrap_or_default(),
        image_reg_scanned: scan.key.starts_with("image/"),
        platform_role: platform_role(&workload.domain),
        domain: workload.domain.clone(),
        state: view.state.name().to_owned(),
        service: view.service_name.clone(),
        author: known.map(|s| s.author.clone()).unwrap_or_default(),
        service_group: view.group.to_string(),
        share_ns_with: shares_with(view),
        cap_sniff: false,
        cap_quarantine: workload.running && !workload.host_network,
        cap_change_mode: true,
        policy_mode: view.policy_mode.to_string(),
        profile_mode: view.profile_mode.to_string(),
        baseline_profile: view.baseline.to_string(),
        scan_summary: Some(super::scan::brief(scan)),
        quarantine_reason: view.quarantine.clone().unwrap_or_default(),
        service_mesh: false,
        service_mesh_sidecar: false,
        privileged: workload.privileged,
        run_as_root: workload.run_as_root,
        children: Vec::new(),
    }
}

fn port_list(view: &WorkloadView) -> Vec<WorkloadPort> {
    let port = |p: &rampart_model::workload::PublishedPort| WorkloadPort {
        ip_proto: p.protocol.number(),
        port: p.port,
        host_ip: p.host_ip.map(|ip| ip.to_string()).unwrap_or_default(),
        host_port: p.host_port,
    };
    view.workload.ports.iter().map(port).collect()
}

pub(super) fn workload(view: &WorkloadView, scan: &ScanView) -> Workload {
    let it = &view.workload;
    let mount = |m: &rampart_model::workload::Mount| WorkloadMount {
        source: m.source.clone(),
        destination: m.destination.clone(),
        read_only: m.read_only,
    };
    Workload {
        brief: brief(view, scan),
        enforcer_id: it.node.to_string(),
        enforcer_name: it.node_name.clone(),
        network_mode: it.network_mode.clone(),
        created_at: rfc3339(it.created_at),
        started_at: rfc3339(it.started_at),
        finished_at: rfc3339(it.finished_at),
        running: it.running,
        secured_at: rfc3339(it.secured_at),
        exit_code: it.exit_code,
        interfaces: addresses(&it.interfaces),
        ports: port_list(view),
        labels: it.labels.clone(),
        applications: view.applications.clone(),
        memory_limit: it.memory_limit_bytes,
        cpus: it.cpus.clone(),
        service_account: String::new(),
        runtime: it.runtime.clone(),
        pid: it.pid,
        mounts: it.mounts.iter().map(mount).collect(),
    }
}

fn groups(view: &WorkloadView) -> Vec<String> {
    view.groups.iter().map(ToString::to_string).collect()
}

pub(super) fn detail(
    view: &WorkloadView,
    scan: &ScanView,
    app_ports: BTreeMap<String, String>,
) -> WorkloadDetail {
    WorkloadDetail {
        workload: workload(view, scan),
        groups: groups(view),
        app_ports,
    }
}

pub(super) fn workload_v2(view: &WorkloadView, scan: &ScanView) -> WorkloadV2 {
    let Workload {
        brief,
        interfaces,
        ports,
        labels,
        applications,
        cpus,
        ..
    } = workload(view, scan);
    let it = &view.workload;
    WorkloadV2 {
        brief: WorkloadBriefV2 {
            id: brief.id,
            name: brief.name,
            display_name: brief.display_name,
            host_name: brief.host_name,
            host_id: brief.host_id,
            image: brief.image,
            image_id: brief.image_id,
            image_digest: brief.image_digest,
            image_created_at: brief.image_created_at,
            image_reg_scanned: brief.image_reg_scanned,
            domain: brief.domain,
            state: brief.state,
            service: brief.service,
            author: brief.author,
            service_group: brief.service_group,
        },
        security: WorkloadSecurityV2 {
            cap_sniff: brief.cap_sniff,
            cap_quarantine: brief.cap_quarantine,
            cap_change_mode: brief.cap_change_mode,
            service_mesh: brief.service_mesh,
            service_mesh_sidecar: brief.service_mesh_sidecar,
            policy_mode: brief.policy_mode,
            profile_mode: brief.profile_mode,
            baseline_profile: brief.baseline_profile,
            quarantine_reason: brief.quarantine_reason,
            scan_summary: brief.scan_summary,
        },
        rt_attributes: WorkloadRuntimeV2 {
            pod_name: brief.pod_name,
            share_ns_with: brief.share_ns_with,
            privileged: brief.privileged,
            run_as_root: brief.run_as_root,
            labels,
            memory_limit: it.memory_limit_bytes,
            cpus,
            service_account: String::new(),
            network_mode: it.network_mode.clone(),
            interfaces,
            ports,
            applications,
        },
        children: Vec::new(),
        enforcer_id: it.node.to_string(),
        enforcer_name: it.node_name.clone(),
        platform_role: platform_role(&it.domain),
        created_at: rfc3339(it.created_at),
        started_at: rfc3339(it.started_at),
        finished_at: rfc3339(it.finished_at),
        running: it.running,
        secured_at: rfc3339(it.secured_at),
        exit_code: it.exit_code,
    }
}

pub(super) fn detail_v2(
    view: &WorkloadView,
    scan: &ScanView,
    app_ports: BTreeMap<String, String>,
) -> WorkloadDetailV2 {
    WorkloadDetailV2 {
        workload: workload_v2(view, scan),
        misc: WorkloadMiscV2 {
            groups: groups(view),
            app_ports,
        },
    }
}

/// Members the caller may see; ids of workloads that are gone meanwhile are left out.
pub(super) fn members(app: &App, who: &Who, ids: &[WorkloadId]) -> Vec<api::WorkloadBrief> {
    let seen = |view: &WorkloadView| who.sees(Permission::RtPolicy, &view.workload.domain);
    let views = ids.iter().filter_map(|id| app.workload(id.as_str()).ok());
    let views: Vec<_> = views.filter(|view| seen(view)).collect();
    let scans = app.workload_scans(&views);
    views
        .iter()
        .zip(&scans)
        .map(|(view, scan)| brief(view, scan))
        .collect()
}

pub(super) fn rules(app: &App, ids: &[RuleId]) -> Vec<PolicyRule> {
    ids.iter()
        .filter_map(|id| app.rule(*id).ok())
        .map(|r| rule(&r))
        .collect()
}

/// Whether the caller may see a group: one of a domain of theirs, or everything.
pub(super) fn sees_group(who: &Who, view: &GroupView) -> bool {
    who.sees(Permission::RtPolicy, &view.group.domain)
}

pub(super) fn endpoint(node: &MapNode) -> ConversationEndpoint {
    use crate::app::EndpointKind as K;
    let kind = match node.kind {
        K::Container => "container",
        K::Host => "node_ip",
        K::External => "external",
        K::Address => "address",
    };
    let contained = node.kind == K::Container;
    ConversationEndpoint {
        kind: kind.to_owned(),
        id: node.id.clone(),
        name: node.name.clone(),
        display_name: if node.display_name.is_empty() {
            node.name.clone()
        } else {
            node.display_name.clone()
        },
        domain: node.domain.clone(),
        state: if contained {
            node.state.name().to_owned()
        } else {
            String::new()
        },
        service: node.service.clone(),
        service_group: node.group.to_string(),
        policy_mode: node
            .policy_mode
            .map(|mode| mode.to_string())
            .unwrap_or_default(),
        platform_role: platform_role(&node.domain),
        service_mesh: false,
        service_mesh_sidecar: false,
        applications: node.applications.clone(),
    }
}
