//! Containers.

use super::{
    Rest,
    answer::{Answer, done, either, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
    view,
};
use crate::{
    app::{ConversationFilter, ScanView, WorkloadView},
    auth::Permission,
};
use axum::{Json, extract::State, response::Response};
use rampart_api::{
    convert::{file_filter, process, process_entry, rfc3339},
    error::ErrorKind,
    rest::{
        Empty,
        file::FileFiltersData,
        process::{ProcessListData, ProcessesData},
        stats::{Metric, Stats, StatsData},
        workload::*,
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Ids one request may ask for.
const MAX_IDS: usize = 10_000;
const MAX_REASON_BYTES: usize = 256;

/// Containers the caller may see. A pod's pause container runs nothing of anybody's: it is not
/// listed, but can be looked at by id.
fn seen(rest: &Rest, who: &Who) -> impl Iterator<Item = Arc<WorkloadView>> {
    let views = rest
        .app()
        .workloads()
        .into_iter()
        .filter(|view| !view.workload.sandbox);
    views.filter(|view| who.sees(Permission::RtPolicy, &view.workload.domain))
}

/// Each container with its last scan, as wire types.
fn rows<T>(
    rest: &Rest,
    views: impl Iterator<Item = Arc<WorkloadView>>,
    wire: impl Fn(&WorkloadView, &ScanView) -> T,
) -> Vec<T> {
    let views: Vec<_> = views.collect();
    let scans = rest.app().workload_scans(&views);
    views
        .iter()
        .zip(&scans)
        .map(|(view, scan)| wire(view, scan))
        .collect()
}

fn find(rest: &Rest, who: &Who, id: &str, write: bool) -> Result<Arc<WorkloadView>, Failure> {
    let view = rest.app().workload(id)?;
    who.must(
        Permission::RtPolicy,
        write,
        &view.workload.domain,
        "use a container of this domain",
    )?;
    Ok(view)
}

pub(super) async fn list(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Result<Response, Failure> {
    let brief = || -> Result<_, Failure> {
        let rows = pick(rows(&rest, seen(&rest, &who), view::brief), &query)?;
        Ok(serde_json::json!({ "workloads": rows }))
    };
    let full = || -> Result<_, Failure> {
        let workloads = pick(rows(&rest, seen(&rest, &who), view::workload), &query)?;
        Ok(WorkloadsData { workloads })
    };
    either(query.brief, brief, full)
}

pub(super) async fn list_v2(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<WorkloadsDataV2> {
    let workloads = pick(rows(&rest, seen(&rest, &who), view::workload_v2), &query)?;
    Ok(Json(WorkloadsDataV2 { workloads }))
}

pub(super) async fn query_v2(
    State(rest): State<Rest>,
    who: Who,
    Body(body): Body<WorkloadIds>,
) -> Answer<WorkloadsDataV2> {
    if body.ids.len() > MAX_IDS {
        return Err(Failure::invalid(format!("more than {MAX_IDS} ids")));
    }
    let ids: HashSet<&str> = body.ids.iter().map(String::as_str).collect();
    let asked = seen(&rest, &who).filter(|v| ids.contains(v.workload.id.as_str()));
    Ok(Json(WorkloadsDataV2 {
        workloads: rows(&rest, asked, view::workload_v2),
    }))
}

pub(super) async fn show(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<WorkloadDetailData> {
    let found = find(&rest, &who, &id, false)?;
    Ok(Json(WorkloadDetailData {
        workload: view::detail(
            &found,
            &rest.app().workload_scan(&id)?,
            app_ports(&rest, &id),
        ),
    }))
}

pub(super) async fn show_v2(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<WorkloadDetailDataV2> {
    let found = find(&rest, &who, &id, false)?;
    Ok(Json(WorkloadDetailDataV2 {
        workload: view::detail_v2(
            &found,
            &rest.app().workload_scan(&id)?,
            app_ports(&rest, &id),
        ),
    }))
}

/// Ports it was seen serving on, with what spoke there.
fn app_ports(rest: &Rest, id: &str) -> BTreeMap<String, String> {
    let graph = rest.app().conversations(&ConversationFilter::default());
    let mut ports = BTreeMap::new();
    for edge in graph.edges.iter().filter(|edge| edge.to == id) {
        for entry in rest
            .app()
            .conversation(&edge.from, &edge.to)
            .unwrap_or_default()
        {
            ports.insert(
                format!("{}/{}", entry.protocol, entry.port),
                entry.application,
            );
        }
    }
    ports
}

pub(super) async fn update(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
    Body(body): Body<WorkloadConfigPatchData>,
) -> Answer<Empty> {
    let found = find(&rest, &who, &id, true)?;
    let config = body.config;
    if config.wire.as_deref().is_some_and(|wire| wire != "default") {
        return Err(Failure::unsupported(
            "`wire` is always default: traffic is judged where it passes, without rewiring",
        ));
    }
    let reason = config
        .quarantine_reason
        .as_deref()
        .unwrap_or("user-configured");
    if reason.len() > MAX_REASON_BYTES {
        return Err(Failure::invalid(
            "`quarantine_reason` has 256 bytes at the most",
        ));
    }
    if let Some(on) = config.quarantine {
        if on && !found.workload.running {
            return Err(Failure::new(
                ErrorKind::NotRunning,
                "only a running container can be quarantined",
            ));
        }
        rest.app().quarantine(&id, on, reason).await?;
    }
    done()
}

pub(super) async fn config(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<WorkloadConfigData> {
    let found = find(&rest, &who, &id, false)?;
    let config = WorkloadConfig {
        wire: "default".to_owned(),
        quarantine: found.quarantine.is_some(),
        quarantine_reason: found.quarantine.clone().unwrap_or_default(),
    };
    Ok(Json(WorkloadConfigData { config }))
}

/// Sessions and bytes of all time; what a node does not measure is 0.
pub(super) async fn stats(State(rest): State<Rest>, who: Who, Name(id): Name) -> Answer<StatsData> {
    find(&rest, &who, &id, false)?;
    let total = traffic(&rest, |end| end == id);
    Ok(Json(StatsData {
        id,
        read_at: rfc3339(rest.app().now()),
        stats: Stats {
            interval: 5,
            total,
            ..Stats::default()
        },
    }))
}

/// Traffic of the points picked, seen from them.
pub(super) fn traffic(rest: &Rest, picked: impl Fn(&str) -> bool) -> Metric {
    let mut total = Metric::default();
    for edge in rest
        .app()
        .conversations(&ConversationFilter::default())
        .edges
    {
        let sessions = u32::try_from(edge.sessions).unwrap_or(u32::MAX);
        let (mut to_server, mut to_client) = (0u64, 0u64);
        let (serves, calls) = (picked(&edge.to), picked(&edge.from));
        if serves || calls {
            for entry in rest
                .app()
                .conversation(&edge.from, &edge.to)
                .unwrap_or_default()
            {
                to_server = to_server.saturating_add(entry.bytes_in);
                to_client = to_client.saturating_add(entry.bytes_out);
            }
        }
        if serves {
            total.session_in = total.session_in.saturating_add(sessions);
            total.byte_in = total.byte_in.saturating_add(to_server);
            total.byte_out = total.byte_out.saturating_add(to_client);
        }
        if calls {
            total.session_out = total.session_out.saturating_add(sessions);
            total.byte_in = total.byte_in.saturating_add(to_client);
            total.byte_out = total.byte_out.saturating_add(to_server);
        }
    }
    total
}

pub(super) async fn processes(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<ProcessesData> {
    process_list(&rest, &who, &id, false).await
}

pub(super) async fn process_history(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<ProcessesData> {
    process_list(&rest, &who, &id, true).await
}

async fn process_list(rest: &Rest, who: &Who, id: &str, history: bool) -> Answer<ProcessesData> {
    let found = find(rest, who, id, false)?;
    if !history && !found.workload.running {
        return Err(Failure::new(
            ErrorKind::NotRunning,
            "the container does not run; its process history may be there",
        ));
    }
    let processes = rest.app().processes(id, history).await?;
    Ok(Json(ProcessesData {
        processes: processes.iter().map(process).collect(),
    }))
}

pub(super) async fn process_profile(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<ProcessListData> {
    find(&rest, &who, &id, false)?;
    let profile = rest.app().workload_profile(&id)?;
    Ok(Json(ProcessListData {
        process_list: profile.rules.iter().map(process_entry).collect(),
    }))
}

pub(super) async fn file_profile(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<FileFiltersData> {
    find(&rest, &who, &id, false)?;
    let profile = rest.app().workload_profile(&id)?;
    Ok(Json(FileFiltersData {
        filters: profile.files.iter().map(file_filter).collect(),
    }))
}
