//! Kept records. Filters, order and pages are the store's work: a page of a million records costs
//! no more than its rows.
//!
//! Limits: 1,000 records a page unless `limit` says otherwise, 10,000 at the most; a histogram has
//! 2,000 buckets at the most.

use super::{
    Rest,
    answer::Answer,
    call::{Ask, Name, Who},
    error::Failure,
    view,
};
use crate::auth::Permission;
use axum::{Json, extract::State};
use rampart_api::{
    convert,
    query::{Filter, ListQuery, Op},
    rest::log::*,
};
use rampart_model::{LogBody, LogKind, LogLevel, LogRecord, Timestamp, WorkloadId};
use rampart_store::{Cursor, FieldFilter, FilterOp, LogPage, LogQuery, SortKey};
use std::collections::HashMap;

const PAGE: u32 = 1000;
const MAX_PAGE: u64 = 10_000;
const MAX_BUCKETS: i64 = 2000;
/// Violations looked at for the list of workloads with most of them.
const VIOLATIONS_COUNTED: u32 = 10_000;

/// Names on the wire, and where the store has them. A record without the field is one where it is
/// absent: only `neq` and `notin` find it.
const FIELDS: &[(&str, &str)] = &[
    ("id", "uid"),
    ("name", "name"),
    ("level", "level"),
    ("message", "message"),
    ("host_id", "node"),
    ("host_name", "node_name"),
    ("enforcer_id", "node"),
    ("enforcer_name", "node_name"),
    ("workload_id", "workload.id"),
    ("workload_name", "workload.name"),
    ("workload_domain", "workload.domain"),
    ("workload_image", "workload.image"),
    ("workload_service", "workload.service"),
    ("category", "category"),
    ("user", "user"),
    ("user_addr", "user_addr"),
    ("user_session", "user_session"),
    ("rest_method", "rest_method"),
    ("rest_request", "rest_request"),
    ("group", "group"),
    ("rule_id", "rule_id"),
    ("action", "action"),
    ("verdict", "verdict"),
    ("mechanism", "mechanism"),
    ("operation", "operation"),
    ("count", "count"),
    ("file_path", "file_path"),
    ("proc_name", "process.name"),
    ("proc_path", "process.path"),
    ("proc_cmd", "process.cmdline"),
    ("proc_pid", "process.pid"),
    ("proc_real_uid", "process.uid"),
    ("proc_effective_uid", "process.euid"),
    ("proc_real_user", "process.user"),
    ("proc_parent_name", "parent.name"),
    ("proc_parent_path", "parent.path"),
    ("client_id", "client.id"),
    ("client_name", "client.name"),
    ("client_domain", "client.domain"),
    ("client_image", "client.image"),
    ("client_service", "client.service"),
    ("client_group", "client.group"),
    ("client_ip", "client.address"),
    ("client_port", "client_port"),
    ("server_id", "server.id"),
    ("server_name", "server.name"),
    ("server_domain", "server.domain"),
    ("server_image", "server.image"),
    ("server_service", "server.service"),
    ("server_group", "server.group"),
    ("server_ip", "server.address"),
    ("server_port", "server_port"),
    ("client_workload_id", "client.id"),
    ("client_workload_name", "client.name"),
    ("client_workload_domain", "client.domain"),
    ("server_workload_id", "server.id"),
    ("server_workload_name", "server.name"),
    ("server_workload_domain", "server.domain"),
    ("applications", "applications"),
    ("application", "application"),
    ("sessions", "sessions"),
    ("bytes", "bytes"),
    ("policy_id", "rule"),
    ("policy_action", "verdict"),
    ("fqdn", "fqdn"),
    ("threat_id", "threat_id"),
    ("severity", "severity"),
    ("target", "target"),
    ("image", "image"),
    ("registry", "registry"),
    ("items", "items"),
    ("high_vul_cnt", "high"),
    ("medium_vul_cnt", "medium"),
];

fn stored(field: &str) -> Result<&'static str, Failure> {
    FIELDS
        .iter()
        .find(|(wire, _)| *wire == field)
        .map(|(_, stored)| *stored)
        .ok_or_else(|| {
            let known: Vec<&str> = FIELDS.iter().map(|(wire, _)| *wire).collect();
            Failure::invalid(format!(
                "no field `{field}` to filter or sort by; there are: {}",
                known.join(", ")
            ))
        })
}

/// The store's query for what a client asked, of what the caller may see.
fn query_of(
    who: &Who,
    permission: Permission,
    kinds: &[LogKind],
    query: &ListQuery,
) -> Result<LogQuery, Failure> {
    let mut out = LogQuery {
        kinds: kinds.to_vec(),
        domains: who.access().readable(permission),
        limit: PAGE,
        ..LogQuery::default()
    };
    if query.limit > 0 {
        out.limit = u32::try_from(query.limit.min(MAX_PAGE)).unwrap_or(PAGE);
    }
    page(&mut out, query)?;
    for filter in &query.filters {
        add_filter(&mut out, filter)?;
    }
    for sort in &query.sorts {
        let key = match sort.field.as_str() {
            "reported_timestamp" | "reported_at" | "reported_ms" => SortKey::At,
            field => SortKey::Field(stored(field)?.to_owned()),
        };
        out.sort.push((key, sort.ascending));
    }
    for (key, value) in &query.other {
        other(&mut out, key, value)?;
    }
    Ok(out)
}

/// A negative start turns the order round: page one of it is the last page of the other.
fn page(out: &mut LogQuery, query: &ListQuery) -> Result<(), Failure> {
    if query.start >= 0 {
        out.start = query.start.unsigned_abs();
        return Ok(());
    }
    if !query.sorts.is_empty() {
        return Err(Failure::invalid(
            "a negative `start` and a sort do not go together; turn the sort round",
        ));
    }
    out.start = query.start.unsigned_abs() - 1;
    out.sort.push((SortKey::At, true));
    Ok(())
}

fn other(out: &mut LogQuery, key: &str, value: &str) -> Result<(), Failure> {
    match key {
        "cursor" => {
            out.cursor = Some(
                value
                    .parse::<Cursor>()
                    .map_err(|_| Failure::invalid("`cursor` is not one this API gave"))?,
            )
        }
        "total" => out.with_total = value == "true",
        "text" => out.text = Some(value.to_owned()),
        "workload" => out.workload = Some(WorkloadId::from(value)),
        "group" => out.group = Some(value.into()),
        // Views of the console that make no difference here.
        "scope" | "view" | "show" => {}
        _ => {
            return Err(Failure::invalid(format!(
                "no parameter `{key}`; there are: cursor, total, text, workload, group"
            )));
        }
    }
    Ok(())
}

fn add_filter(out: &mut LogQuery, filter: &Filter) -> Result<(), Failure> {
    match (filter.field.as_str(), filter.op) {
        ("reported_timestamp", _) => time(out, filter, 1000),
        ("reported_ms", _) => time(out, filter, 1),
        ("name", Op::Eq) => {
            out.names.push(filter.value.clone());
            Ok(())
        }
        ("level", Op::Eq) => {
            let level = LogLevel::parse(&filter.value);
            out.levels.push(
                level.ok_or_else(|| {
                    Failure::invalid(format!("`{}` is not a level", filter.value))
                })?,
            );
            Ok(())
        }
        ("workload_id", Op::Eq) => {
            out.workload = Some(WorkloadId::from(filter.value.as_str()));
            Ok(())
        }
        (field, op) => {
            out.filters.push(FieldFilter {
                field: stored(field)?.to_owned(),
                op: op_of(op),
                value: filter.value.clone(),
            });
            Ok(())
        }
    }
}

fn op_of(op: Op) -> FilterOp {
    match op {
        Op::Eq => FilterOp::Eq,
        Op::Neq => FilterOp::Neq,
        Op::In => FilterOp::In,
        Op::NotIn => FilterOp::NotIn,
        Op::Gt => FilterOp::Gt,
        Op::Gte => FilterOp::Gte,
        Op::Lt => FilterOp::Lt,
        Op::Lte => FilterOp::Lte,
        Op::Prefix => FilterOp::Prefix,
    }
}

/// A bound in units of `unit` milliseconds; a whole unit counts, as it does when it is shown.
fn time(out: &mut LogQuery, filter: &Filter, unit: i64) -> Result<(), Failure> {
    let wrong = || {
        Failure::invalid(format!(
            "`f_{}` takes a whole number with gt, gte, lt, lte or eq",
            filter.field
        ))
    };
    let value: i64 = filter.value.parse().map_err(|_| wrong())?;
    let first = Timestamp(value.saturating_mul(unit));
    let last = Timestamp(first.ms().saturating_add(unit - 1));
    let later = |current: Option<Timestamp>, at: Timestamp| Some(current.map_or(at, |c| c.max(at)));
    let earlier =
        |current: Option<Timestamp>, at: Timestamp| Some(current.map_or(at, |c| c.min(at)));
    match filter.op {
        Op::Gte => out.from = later(out.from, first),
        Op::Gt => out.from = later(out.from, Timestamp(last.ms().saturating_add(1))),
        Op::Lte => out.to = earlier(out.to, last),
        Op::Lt => out.to = earlier(out.to, Timestamp(first.ms().saturating_sub(1))),
        Op::Eq => {
            out.from = later(out.from, first);
            out.to = earlier(out.to, last);
        }
        Op::Neq | Op::In | Op::NotIn | Op::Prefix => return Err(wrong()),
    }
    Ok(())
}

async fn fetch(rest: &Rest, query: &LogQuery) -> Result<LogPage, Failure> {
    Ok(rest.app().log(query).await?)
}

fn more(page: &LogPage) -> LogMore {
    LogMore {
        total: page.total,
        next: page.next.as_ref().map(ToString::to_string),
    }
}

/// Answers a list of one kind.
macro_rules! lists {
    ($($name:ident $permission:ident $kind:ident $body:ident $data:ident $key:ident |$record:ident, $inner:ident, $cluster:ident| $wire:expr;)+) => {$(
        pub(super) async fn $name(State(rest): State<Rest>, who: Who, Ask(query): Ask) -> Answer<$data> {
            let query = query_of(&who, Permission::$permission, &[LogKind::$kind], &query)?;
            let page = fetch(&rest, &query).await?;
            let cluster = rest.app().settings().cluster_name;
            let wire = |record: &LogRecord| match (record, &record.body, cluster.as_str()) {
                ($record, LogBody::$body($inner), $cluster) => Some($wire),
                _ => None,
            };
            let $key = page.records.iter().filter_map(wire).collect();
            Ok(Json($data { $key, more: more(&page) }))
        }
    )+};
}

lists! {
    events     Events         Event     Event     EventsData     events     |r, b, c| convert::event(r, b, c);
    incidents  SecurityEvents Incident  Incident  IncidentsData  incidents  |r, b, c| convert::incident(r, b, c);
    violations SecurityEvents Violation Violation ViolationsData violations |r, b, c| convert::violation(r, b, c);
    threats    SecurityEvents Threat    Threat    ThreatsData    threats    |r, b, c| convert::threat(r, b, c, false);
    audits     AuditEvents    Audit     Audit     AuditsData     audits     |r, b, c| convert::audit(r, b, c);
}

/// What users did is what NeuVector calls activity; the system's own events are beside them.
pub(super) async fn activities(state: State<Rest>, who: Who, ask: Ask) -> Answer<EventsData> {
    events(state, who, ask).await
}

pub(super) async fn security(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<SecurityData> {
    let kinds = [LogKind::Incident, LogKind::Violation, LogKind::Threat];
    let page = fetch(
        &rest,
        &query_of(&who, Permission::SecurityEvents, &kinds, &query)?,
    )
    .await?;
    let cluster = rest.app().settings().cluster_name;
    let mut data = SecurityData {
        more: more(&page),
        ..SecurityData::default()
    };
    for record in &page.records {
        match &record.body {
            LogBody::Incident(body) => data
                .incidents
                .push(convert::incident(record, body, &cluster)),
            LogBody::Violation(body) => data
                .violations
                .push(convert::violation(record, body, &cluster)),
            LogBody::Threat(body) => data
                .threats
                .push(convert::threat(record, body, &cluster, false)),
            LogBody::Event(_) | LogBody::Audit(_) => {}
        }
    }
    Ok(Json(data))
}

/// One record, if the caller may see it: an incident by its workload's domain, traffic by either
/// end's.
async fn find(rest: &Rest, who: &Who, id: &str) -> Result<LogRecord, Failure> {
    let record = rest.app().log_record(id).await?;
    let domains: Vec<&str> = match &record.body {
        LogBody::Violation(body) => vec![&body.client.domain, &body.server.domain],
        LogBody::Threat(body) => vec![&body.client.domain, &body.server.domain],
        _ => vec![record.workload.as_ref().map_or("", |w| w.domain.as_str())],
    };
    if domains
        .iter()
        .any(|domain| who.sees(Permission::SecurityEvents, domain))
    {
        return Ok(record);
    }
    Err(Failure::denied("see a record of this domain"))
}

pub(super) async fn incident(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<IncidentData> {
    let record = find(&rest, &who, &id).await?;
    let LogBody::Incident(body) = &record.body else {
        return Err(Failure::not_found("incident", &id));
    };
    let cluster = rest.app().settings().cluster_name;
    Ok(Json(IncidentData {
        incident: convert::incident(&record, body, &cluster),
    }))
}

pub(super) async fn threat(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<ThreatData> {
    let record = find(&rest, &who, &id).await?;
    let LogBody::Threat(body) = &record.body else {
        return Err(Failure::not_found("threat", &id));
    };
    let cluster = rest.app().settings().cluster_name;
    Ok(Json(ThreatData {
        threat: convert::threat(&record, body, &cluster, true),
    }))
}

/// Client workloads by the number of their violations, among the newest 10,000.
pub(super) async fn violation_workloads(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
) -> Answer<ViolationWorkloadsData> {
    // Its own order is the only one; the command line asks for it by a column it makes up.
    if let Some(filter) = query.filters.first() {
        return Err(Failure::invalid(format!(
            "this list has no filters, and `f_{}` is one",
            filter.field
        )));
    }
    let log = LogQuery {
        kinds: vec![LogKind::Violation],
        domains: who.access().readable(Permission::SecurityEvents),
        limit: VIOLATIONS_COUNTED,
        ..LogQuery::default()
    };
    let mut counts: HashMap<String, u64> = HashMap::new();
    for record in fetch(&rest, &log).await?.records {
        if let LogBody::Violation(body) = &record.body {
            *counts.entry(body.client.id.clone()).or_default() += 1;
        }
    }
    let mut rows: Vec<ViolationWorkload> = counts
        .into_iter()
        .filter_map(|(id, count)| {
            let found = rest.app().workload(&id).ok()?;
            Some(ViolationWorkload {
                workload: view::brief(
                    &found,
                    &rest
                        .app()
                        .workload_scan(found.workload.id.as_str())
                        .unwrap_or_default(),
                ),
                count,
            })
        })
        .collect();
    rows.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| a.workload.id.cmp(&b.workload.id))
    });
    let page = query.page(rows.len());
    Ok(Json(ViolationWorkloadsData {
        violation_workloads: rows.drain(page).collect(),
    }))
}

/// `bucket` in seconds (an hour if not given), filters as in the lists, a day if no time is given.
pub(super) async fn histogram(
    State(rest): State<Rest>,
    who: Who,
    Ask(mut query): Ask,
) -> Answer<HistogramData> {
    let mut take = |key: &str| {
        let at = query.other.iter().position(|(k, _)| k == key)?;
        Some(query.other.remove(at).1)
    };
    let bucket = match take("bucket").as_deref() {
        None | Some("") => 3600,
        Some(text) => text
            .parse::<u32>()
            .ok()
            .filter(|b| (1..=31 * 86_400).contains(b))
            .ok_or_else(|| Failure::invalid("`bucket` is 1 second to 31 days, in seconds"))?,
    };
    let kinds = match take("kind").as_deref() {
        None | Some("") => vec![LogKind::Incident, LogKind::Violation, LogKind::Threat],
        Some(text) => kinds_of(&who, text)?,
    };
    let mut log = query_of(&who, Permission::SecurityEvents, &kinds, &query)?;
    let bucket_ms = i64::from(bucket) * 1000;
    let to = log.to.unwrap_or(rest.app().now());
    let from = log.from.unwrap_or(Timestamp(to.ms() - 86_400_000));
    if to.since(from) / bucket_ms > MAX_BUCKETS {
        return Err(Failure::invalid(format!(
            "more than {MAX_BUCKETS} buckets: take a longer bucket or a shorter time"
        )));
    }
    (log.from, log.to) = (Some(from), Some(to));
    let bars = rest
        .app()
        .events()
        .histogram(&log, bucket_ms)
        .await
        .map_err(crate::AppError::from)?;
    let bar = |(at, kind, level, count): (Timestamp, LogKind, LogLevel, u64)| HistogramBar {
        timestamp: at.secs(),
        kind: kind.to_string(),
        level: level.to_string(),
        count,
    };
    Ok(Json(HistogramData {
        bucket,
        bars: bars.into_iter().map(bar).collect(),
    }))
}

fn kinds_of(who: &Who, text: &str) -> Result<Vec<LogKind>, Failure> {
    let kind = |name: &str| {
        let kind = LogKind::parse(name)
            .ok_or_else(|| Failure::invalid(format!("`{name}` is not a kind of record")))?;
        let permission = match kind {
            LogKind::Event => Permission::Events,
            LogKind::Audit => Permission::AuditEvents,
            LogKind::Incident | LogKind::Violation | LogKind::Threat => Permission::SecurityEvents,
        };
        if who.access().can_somewhere(permission, false) {
            Ok(kind)
        } else {
            Err(Failure::denied("count these records"))
        }
    };
    text.split('|').map(kind).collect()
}
