//! The cluster at a glance, and requests that concern all of it.

use super::{
    Rest,
    answer::{Answer, done},
    call::{Body, Who},
    error::Failure,
};
use crate::{
    app::{NodeView, ServiceChange, ServiceView, Summary},
    auth::Permission,
};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{baseline_of, database_time, database_version, mode_of, rfc3339},
    rest::{
        Empty,
        system::{
            AcceptableAlerts, SystemAlert, SystemAlertGroup, SystemAlertsData, SystemRequestData,
            SystemSummary, SystemSummaryData, SystemUsage, SystemUsageData, TelemetryStatus,
            Unquarantine,
        },
    },
};
use rampart_model::{Mode, Tier, node::Counter};

pub(super) fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What somebody with single domains may count.
fn visible(rest: &Rest, who: &Who) -> Summary {
    let summary = rest.app().summary();
    if who.sees_all(Permission::RtPolicy) {
        return summary;
    }
    let domains = rest.app().domains();
    let seen: Vec<_> = domains
        .iter()
        .filter(|d| who.sees(Permission::RtPolicy, &d.name))
        .collect();
    Summary {
        workloads: seen.iter().map(|d| d.workloads).sum(),
        running_workloads: seen.iter().map(|d| d.running_workloads).sum(),
        running_pods: seen.iter().map(|d| d.running_pods).sum(),
        services: seen.iter().map(|d| d.services).sum(),
        groups: seen.iter().map(|d| d.services).sum(),
        domains: seen.len(),
        platform: summary.platform,
        ..Summary::default()
    }
}

pub(super) async fn summary(State(rest): State<Rest>, who: Who) -> Answer<SystemSummaryData> {
    let s = visible(&rest, &who);
    let services = rest.app().services();
    let in_mode = |mode: Mode| {
        let seen =
            |s: &&ServiceView| s.policy_mode == mode && who.sees(Permission::RtPolicy, &s.domain);
        small(services.iter().map(AsRef::as_ref).filter(seen).count())
    };
    let totals = rest.app().scan_totals();
    let database = (totals.database.version > 0).then_some(&totals.database);
    let summary = SystemSummary {
        hosts: small(s.hosts),
        controllers: small(s.controllers),
        enforcers: small(s.enforcers),
        disconnected_enforcers: small(s.disconnected_enforcers),
        domains: small(s.domains),
        workloads: small(s.workloads),
        running_workloads: small(s.running_workloads),
        running_pods: small(s.running_pods),
        services: small(s.services),
        policy_rules: small(s.policy_rules),
        scanners: small(rest.app().scanner_count()),
        platform: s.platform,
        kube_version: String::new(),
        openshift_version: String::new(),
        cvedb_version: database_version(database),
        cvedb_create_time: database_time(database),
        component_versions: vec![rest.app().controller().version.clone()],
        groups: small(s.groups),
        discover_services: in_mode(Mode::Discover),
        monitor_services: in_mode(Mode::Monitor),
        protect_services: in_mode(Mode::Protect),
    };
    Ok(Json(SystemSummaryData { summary }))
}

pub(super) async fn usage(State(rest): State<Rest>) -> Answer<SystemUsageData> {
    let s = rest.app().summary();
    let now = rest.app().now();
    let totals = rest.app().scan_totals();
    let database = (totals.database.version > 0).then_some(&totals.database);
    let usage = SystemUsage {
        reported_at: rfc3339(now),
        reported_timestamp: now.secs(),
        platform: s.platform,
        hosts: small(s.hosts),
        cores: rest.app().nodes().iter().map(|n| n.node.cpus).sum(),
        cvedb_version: database_version(database),
        domains: small(s.domains),
        running_pods: small(s.running_pods),
        running_containers: small(s.running_workloads),
        registries: small(rest.app().registries().len()),
        policy_rules: small(s.policy_rules),
    };
    let telemetry_status = TelemetryStatus {
        current_version: rest.app().controller().version.clone(),
        ..TelemetryStatus::default()
    };
    Ok(Json(SystemUsageData {
        usage: vec![usage],
        telemetry_status,
    }))
}

pub(super) async fn alerts(State(rest): State<Rest>, who: Who) -> Answer<SystemAlertsData> {
    let mut data = Vec::new();
    if who.access().can(Permission::NvResource, false, None) {
        rest.app()
            .nodes()
            .iter()
            .for_each(|node| node_alerts(node, &mut data));
    }
    let other_alerts = SystemAlertGroup {
        kind: "other".to_owned(),
        data,
    };
    Ok(Json(SystemAlertsData {
        acceptable_alerts: AcceptableAlerts { other_alerts },
        accepted_alerts: Vec::new(),
    }))
}

fn node_alerts(view: &NodeView, alerts: &mut Vec<SystemAlert>) {
    let name = &view.node.name;
    let mut alert = |kind: &str, message: String| {
        alerts.push(SystemAlert {
            id: format!("{kind}/{}", view.node.id),
            message,
        });
    };
    if !view.connected {
        let since = rfc3339(view.lost_at);
        alert(
            "disconnected",
            format!("the enforcer on {name} is not connected since {since}"),
        );
    }
    match view.node.tier {
        Tier::None => alert(
            "tier",
            format!("{name} sees and prevents nothing; its node page says why"),
        ),
        Tier::Detect => alert(
            "tier",
            format!("{name} detects but cannot prevent; its node page says why"),
        ),
        Tier::Fanotify | Tier::Lsm => {}
    }
    for counter in [
        Counter::EventsDropped,
        Counter::CriticalDropped,
        Counter::FailedOpen,
    ] {
        let count = view
            .stats
            .counters
            .get(counter.name())
            .copied()
            .unwrap_or_default();
        if count > 0 {
            alert(
                counter.name(),
                format!("{name} counts {count} of {}", counter.name()),
            );
        }
    }
}

pub(super) async fn request(
    State(rest): State<Rest>,
    Body(body): Body<SystemRequestData>,
) -> Answer<Empty> {
    let request = body.request;
    let both = request
        .policy_mode
        .as_deref()
        .map(|m| mode_of("policy_mode", m))
        .transpose()?;
    let profile = request
        .profile_mode
        .as_deref()
        .map(|m| mode_of("profile_mode", m))
        .transpose()?;
    let baseline = request
        .baseline_profile
        .as_deref()
        .map(|b| baseline_of("baseline_profile", b))
        .transpose()?;
    if both.is_none() && profile.is_none() && baseline.is_none() && request.unquarantine.is_none() {
        return Err(Failure::invalid(
            "one of policy_mode, profile_mode, baseline_profile and unquarantine is needed",
        ));
    }
    if both.is_some() || profile.is_some() || baseline.is_some() {
        let change = ServiceChange {
            policy_mode: both,
            profile_mode: profile.or(both),
            baseline,
            not_scored: None,
        };
        rest.app().configure_services(&[], change).await?;
    }
    if let Some(which) = &request.unquarantine {
        unquarantine(&rest, which).await?;
    }
    done()
}

/// Releases what is cut off: all, of a group, or by a response rule.
async fn unquarantine(rest: &Rest, which: &Unquarantine) -> Result<(), Failure> {
    let rule = which.response_rule.filter(|id| *id != 0);
    let group = which.group.as_deref().filter(|group| !group.is_empty());
    if let Some(group) = group {
        rest.app().group(group)?;
    }
    for view in rest.app().workloads() {
        let meant = group.is_none_or(|group| view.groups.iter().any(|g| g.as_str() == group));
        let by = |reason: &String| rule.is_none_or(|id| super::response::is_by(reason, id));
        if view.quarantine.as_ref().is_some_and(by) && meant {
            rest.app()
                .quarantine(view.workload.id.as_str(), false, "")
                .await?;
        }
    }
    Ok(())
}
