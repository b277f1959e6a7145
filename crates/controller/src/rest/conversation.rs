//! The network map.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Pair, Who},
    error::Failure,
    view,
};
use crate::{
    app::{ConversationFilter, ConversationGraph, MapEdge, MapEntry, MapNode},
    auth::Permission,
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use rampart_api::{
    convert::rfc3339,
    query::ListQuery,
    rest::{Empty, conversation::*, session::*},
};
use rampart_model::{GroupName, Protocol};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

const MAX_ALIAS_BYTES: usize = 256;

fn filter(who: &Who, query: &ListQuery) -> ConversationFilter {
    let given = |key: &str| query.other(key).filter(|v| !v.is_empty());
    ConversationFilter {
        group: given("group").map(GroupName::from),
        domain: given("domain").map(str::to_owned),
        visible_domains: who.access().readable(Permission::RtPolicy),
        ..ConversationFilter::default()
    }
}

fn report(
    rest: &Rest,
    edge: &MapEdge,
    ends: [&ConversationEndpoint; 2],
    entries: bool,
) -> ConversationReport {
    let mut protocols: Vec<String> = edge
        .ports
        .iter()
        .filter_map(|port| port.split('/').next())
        .map(str::to_owned)
        .collect();
    protocols.dedup();
    let entries = if entries {
        rest.app()
            .conversation(&edge.from, &edge.to)
            .unwrap_or_default()
    } else {
        Vec::new()
    };
    let [from, to] = ends;
    ConversationReport {
        bytes: edge.bytes,
        sessions: edge.sessions,
        severity: edge
            .severity
            .map(|level| level.to_string())
            .unwrap_or_default(),
        policy_action: edge.action.to_string(),
        protocols,
        applications: edge.applications.clone(),
        ports: edge.ports.clone(),
        sidecar_proxy: false,
        event_type: Vec::new(),
        xff_entry: false,
        entries: entries.iter().map(report_entry).collect(),
        nbe: !from.domain.is_empty() && !to.domain.is_empty() && from.domain != to.domain,
        last_seen_at: rfc3339(edge.last_seen),
    }
}

fn port(entry: &MapEntry) -> String {
    if entry.protocol == Protocol::Icmp {
        "icmp".to_owned()
    } else {
        format!("{}/{}", entry.protocol, entry.port)
    }
}

fn report_entry(entry: &MapEntry) -> ConversationReportEntry {
    ConversationReportEntry {
        bytes: entry.bytes(),
        sessions: entry.sessions,
        port: port(entry),
        application: entry.application.clone(),
        policy_action: entry.verdict.to_string(),
        client_ip: entry.client_ip.to_string(),
        server_ip: entry.server_ip.to_string(),
        fqdn: String::new(),
    }
}

/// The graph asked for, and its points by id.
struct Map {
    graph: ConversationGraph,
    points: HashMap<String, ConversationEndpoint>,
}

impl Map {
    fn of(rest: &Rest, who: &Who, query: &ListQuery) -> Self {
        let graph = rest.app().conversations(&filter(who, query));
        let points = graph
            .endpoints
            .iter()
            .map(|n| (n.id.clone(), view::endpoint(n)))
            .collect();
        Self { graph, points }
    }

    /// A point that is gone meanwhile is named by its id.
    fn point(&self, id: &str) -> ConversationEndpoint {
        let gone = || ConversationEndpoint {
            id: id.to_owned(),
            name: id.to_owned(),
            ..ConversationEndpoint::default()
        };
        self.points.get(id).cloned().unwrap_or_else(gone)
    }
}

pub(super) async fn list(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Result<Response, Failure> {
    let map = Map::of(&rest, &who, &query);
    let endpoints: Vec<_> = map.graph.endpoints.iter().map(view::endpoint).collect();
    let rows = map.graph.edges.iter().map(|edge| {
        let (from, to) = (map.point(&edge.from), map.point(&edge.to));
        let report = report(&rest, edge, [&from, &to], query.verbose);
        (from, to, report)
    });
    if query.verbose {
        let rows = rows
            .map(|(from, to, report)| ConversationVerbose { from, to, report })
            .collect();
        let conversations = pick(rows, &query)?;
        let body = serde_json::json!({ "endpoints": endpoints, "conversations": conversations });
        return Ok(Json(body).into_response());
    }
    let rows = rows
        .map(|(from, to, report)| Conversation {
            from: from.id,
            to: to.id,
            report,
        })
        .collect();
    Ok(Json(ConversationsData {
        endpoints,
        conversations: pick(rows, &query)?,
    })
    .into_response())
}

/// A pair is seen by who sees either end.
fn find(
    rest: &Rest,
    who: &Who,
    from: &str,
    to: &str,
) -> Result<(MapNode, MapNode, Vec<MapEntry>), Failure> {
    let entries = rest.app().conversation(from, to)?;
    let points = rest.app().conversation_endpoints();
    let point = |id: &str| {
        points
            .iter()
            .find(|n| n.id == id)
            .cloned()
            .unwrap_or_else(|| MapNode {
                id: id.to_owned(),
                name: id.to_owned(),
                ..MapNode::default()
            })
    };
    let (from, to) = (point(from), point(to));
    if who.sees(Permission::RtPolicy, &from.domain) || who.sees(Permission::RtPolicy, &to.domain) {
        return Ok((from, to, entries));
    }
    Err(Failure::denied("see traffic between other domains"))
}

pub(super) async fn show(
    State(rest): State<Rest>,
    who: Who,
    Pair(from, to): Pair,
) -> Answer<ConversationDetailData> {
    let (from, to, entries) = find(&rest, &who, &from, &to)?;
    let mut conversation = ConversationDetail {
        from: view::endpoint(&from),
        to: view::endpoint(&to),
        bytes: entries
            .iter()
            .map(MapEntry::bytes)
            .fold(0, u64::saturating_add),
        sessions: entries
            .iter()
            .map(|e| e.sessions)
            .fold(0, u64::saturating_add),
        policy_action: entries
            .iter()
            .map(|e| e.verdict)
            .max()
            .unwrap_or_default()
            .to_string(),
        ..ConversationDetail::default()
    };
    for entry in &entries {
        add(&mut conversation.protocols, entry.protocol.to_string());
        add(&mut conversation.applications, entry.application.clone());
        add(&mut conversation.ports, port(entry));
    }
    conversation.entries = entries.iter().map(entry_wire).collect();
    Ok(Json(ConversationDetailData { conversation }))
}

fn add(list: &mut Vec<String>, value: String) {
    if !value.is_empty() && !list.contains(&value) {
        list.push(value);
    }
}

fn entry_wire(entry: &MapEntry) -> ConversationEntry {
    ConversationEntry {
        bytes: entry.bytes(),
        sessions: entry.sessions,
        port: port(entry),
        mapped_port: if entry.mapped_port == 0 {
            String::new()
        } else {
            format!("{}/{}", entry.protocol, entry.mapped_port)
        },
        application: entry.application.clone(),
        policy_action: entry.verdict.to_string(),
        policy_id: entry.rule.0,
        last_seen_at: rfc3339(entry.last_seen),
        client_ip: entry.client_ip.to_string(),
        server_ip: entry.server_ip.to_string(),
        process: entry
            .process
            .as_ref()
            .map(|p| p.path.clone())
            .unwrap_or_default(),
        mechanism: entry.mechanism.map(|m| m.to_string()).unwrap_or_default(),
        ..ConversationEntry::default()
    }
}

pub(super) async fn clear(State(rest): State<Rest>) -> Answer<Empty> {
    rest.app().delete_conversation(None, None).await?;
    done()
}

pub(super) async fn delete(State(rest): State<Rest>, Pair(from, to): Pair) -> Answer<Empty> {
    rest.app()
        .delete_conversation(Some(&from), Some(&to))
        .await?;
    done()
}

pub(super) async fn endpoints(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<ConversationEndpointsData> {
    let all = rest.app().conversation_endpoints();
    let seen = all
        .iter()
        .filter(|n| n.domain.is_empty() || who.sees(Permission::RtPolicy, &n.domain));
    Ok(Json(ConversationEndpointsData {
        endpoints: pick(seen.map(view::endpoint).collect(), &query)?,
    }))
}

pub(super) async fn rename(
    State(rest): State<Rest>,
    Name(id): Name,
    Body(body): Body<ConversationEndpointConfigData>,
) -> Answer<Empty> {
    if !body.config.id.is_empty() && body.config.id != id {
        return Err(Failure::invalid(
            "the path and the body name different points",
        ));
    }
    let Some(alias) = body.config.display_name else {
        return done();
    };
    if alias.len() > MAX_ALIAS_BYTES || alias.chars().any(char::is_control) {
        return Err(Failure::invalid(
            "an alias has 256 bytes at the most and no control characters",
        ));
    }
    rest.app().rename_endpoint(&id, &alias).await?;
    done()
}

pub(super) async fn delete_endpoint(State(rest): State<Rest>, Name(id): Name) -> Answer<Empty> {
    rest.app().delete_endpoint(&id).await?;
    done()
}

/// Sessions as the map knows them: one row an entry, of the workload given if any.
fn session_rows(rest: &Rest, workload: Option<&str>) -> Vec<Session> {
    let now = rest.app().now();
    let mut rows = Vec::new();
    for edge in rest
        .app()
        .conversations(&ConversationFilter::default())
        .edges
    {
        if workload.is_some_and(|id| id != edge.from && id != edge.to) {
            continue;
        }
        for entry in rest
            .app()
            .conversation(&edge.from, &edge.to)
            .unwrap_or_default()
        {
            let mut hasher = DefaultHasher::new();
            (
                &edge.from,
                &edge.to,
                entry.protocol,
                entry.port,
                entry.client_ip,
            )
                .hash(&mut hasher);
            let ingress = workload.is_none_or(|id| id == edge.to);
            rows.push(Session {
                id: hasher.finish(),
                workload_id: if ingress {
                    edge.to.clone()
                } else {
                    edge.from.clone()
                },
                ether_type: if entry.client_ip.is_ipv4() {
                    0x0800
                } else {
                    0x86dd
                },
                application: entry.application.clone(),
                client_ip: entry.client_ip.to_string(),
                server_ip: entry.server_ip.to_string(),
                client_port: entry.client_port,
                server_port: entry.port,
                ip_proto: entry.protocol.number(),
                client_bytes: entry.bytes_in,
                server_bytes: entry.bytes_out,
                age: seconds(now.since(entry.first_seen)),
                idle: seconds(now.since(entry.last_seen)),
                ingress,
                policy_id: entry.rule.0,
                policy_action: entry.verdict.to_string(),
                ..Session::default()
            });
        }
    }
    rows
}

fn seconds(ms: i64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}

pub(super) async fn sessions(
    State(rest): State<Rest>,
    Ask(mut query): Ask,
) -> Answer<SessionsData> {
    let workload = query.take_filter("workload").map(|filter| filter.value);
    if let Some(node) = query.take_filter("enforcer") {
        rest.app().node(&node.value)?;
    }
    Ok(Json(SessionsData {
        sessions: pick(session_rows(&rest, workload.as_deref()), &query)?,
    }))
}

pub(super) async fn session_summary(State(rest): State<Rest>) -> Answer<SessionSummaryData> {
    let mut summary = SessionSummary::default();
    for row in session_rows(&rest, None) {
        summary.cur_sessions += 1;
        match Protocol::from_number(row.ip_proto) {
            Some(Protocol::Tcp) => summary.cur_tcp_sessions += 1,
            Some(Protocol::Udp) => summary.cur_udp_sessions += 1,
            Some(Protocol::Icmp) => summary.cur_icmp_sessions += 1,
            _ => summary.cur_ip_sessions += 1,
        }
    }
    Ok(Json(SessionSummaryData { summary }))
}
