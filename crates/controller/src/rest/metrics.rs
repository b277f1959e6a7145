//! OpenMetrics of the controller and, as they report them, of the nodes.

use super::{endpoint::Endpoint, error::Failure};
use crate::{App, app::NodeView, auth::Auth};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use rampart_api::error::ErrorKind;
use rampart_model::RuleState;
use std::{fmt, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    path: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    method: &'static str,
    path: &'static str,
}

type Durations = Family<Operation, Histogram, fn() -> Histogram>;

pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Durations,
}

impl Metrics {
    pub(super) fn new(app: &App, auth: &Auth) -> Self {
        let mut registry = Registry::with_prefix("rampart");
        let requests = Family::<Request, Counter>::default();
        registry.register(
            "http_requests",
            "Requests by path and status",
            requests.clone(),
        );
        let durations =
            Durations::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 7)));
        registry.register(
            "http_request_duration_seconds",
            "Time to answer",
            durations.clone(),
        );
        registry.register_collector(Box::new(State {
            app: app.clone(),
            auth: auth.clone(),
        }));
        Self {
            registry,
            requests,
            durations,
        }
    }

    pub(super) fn request(&self, endpoint: &Endpoint, status: u16, took: Duration) {
        let (method, path) = (method_name(endpoint), endpoint.path);
        self.requests
            .get_or_create(&Request {
                method,
                path,
                status,
            })
            .inc();
        self.durations
            .get_or_create(&Operation { method, path })
            .observe(took.as_secs_f64());
    }

    pub(super) fn encode(&self) -> Result<String, Failure> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)
            .map_err(|_| Failure::new(ErrorKind::Internal, "the metrics could not be written"))?;
        Ok(out)
    }
}

fn method_name(endpoint: &Endpoint) -> &'static str {
    use super::endpoint::Verb;
    match endpoint.verb {
        Verb::Get => "GET",
        Verb::Post => "POST",
        Verb::Patch => "PATCH",
        Verb::Delete => "DELETE",
    }
}

/// What is read from the state at each scrape.
struct State {
    app: App,
    auth: Auth,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let summary = self.app.summary();
        let totals = self.app.scan_totals();
        for (name, help, value) in [
            (
                "workloads",
                "Workloads known, running or not",
                summary.workloads,
            ),
            (
                "workloads_running",
                "Workloads that run",
                summary.running_workloads,
            ),
            ("groups", "Groups", summary.groups),
            ("services", "Services", summary.services),
            ("policy_rules", "Network rules", summary.policy_rules),
            ("nodes", "Nodes", summary.hosts),
            (
                "nodes_disconnected",
                "Nodes whose enforcer is not connected",
                summary.disconnected_enforcers,
            ),
            ("sessions", "Sessions of users", self.auth.session_count()),
            ("scan_jobs_waiting", "Scans that wait", totals.scheduled),
            (
                "scan_jobs_running",
                "Scans a scanner works on",
                totals.scanning,
            ),
            ("scan_results", "Results that are kept", totals.scanned),
            ("scan_results_failed", "Scans that failed", totals.failed),
            (
                "scanners",
                "Scanners heard of lately",
                self.app.scanner_count(),
            ),
            (
                "scanners_desired",
                "Scanners there should be for what is queued",
                usize::try_from(self.app.desired_scanners()).unwrap_or(usize::MAX),
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let built = ConstGauge::new(totals.database.built_at.secs());
        built.encode(encoder.encode_descriptor(
            "vulnerability_database_built_seconds",
            "When the newest database was built, since the epoch; 0 without one",
            None,
            built.metric_type(),
        )?)?;
        let hashes = ConstCounter::new(self.auth.hashes());
        hashes.encode(encoder.encode_descriptor(
            "password_hashes",
            "Passwords hashed",
            None,
            hashes.metric_type(),
        )?)?;
        let revision = ConstGauge::new(i64::try_from(summary.policy_revision).unwrap_or(i64::MAX));
        revision.encode(encoder.encode_descriptor(
            "policy_revision",
            "Policy last pushed",
            None,
            revision.metric_type(),
        )?)?;
        self.responses(&mut encoder)?;
        self.nodes(&mut encoder)
    }
}

impl State {
    fn responses(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let totals = self.app.response_totals();
        let matched = ConstCounter::new(totals.matched);
        matched.encode(encoder.encode_descriptor(
            "response_matches",
            "Records response rules matched, once for each rule",
            None,
            matched.metric_type(),
        )?)?;
        let mut family = encoder.encode_descriptor(
            "response_actions",
            "What response rules did; failed is a quarantine that could not be",
            None,
            matched.metric_type(),
        )?;
        for (action, count) in [
            ("quarantine", totals.quarantined),
            ("suppress-log", totals.suppressed),
            ("failed", totals.failed),
        ] {
            ConstCounter::new(count).encode(family.encode_family(&[("action", action)])?)?;
        }
        Ok(())
    }

    fn nodes(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let nodes = self.app.nodes();
        let kind = ConstCounter::new(0u64).metric_type();
        let mut family =
            encoder.encode_descriptor("node_events", "Counters of a node by name", None, kind)?;
        for view in &nodes {
            for (counter, value) in &view.stats.counters {
                let labels = [
                    ("node", view.node.name.as_str()),
                    ("counter", counter.as_str()),
                ];
                ConstCounter::new(*value).encode(family.encode_family(&labels)?)?;
            }
        }
        let kind = ConstGauge::new(0i64).metric_type();
        let mut family = encoder.encode_descriptor(
            "node_memory_bytes",
            "Memory Rampart uses on a node",
            None,
            kind,
        )?;
        for view in &nodes {
            let value = i64::try_from(view.stats.memory_bytes).unwrap_or(i64::MAX);
            ConstGauge::new(value)
                .encode(family.encode_family(&[("node", view.node.name.as_str())])?)?;
        }
        let mut family = encoder.encode_descriptor("node_info", "Tier of a node", None, kind)?;
        for view in &nodes {
            let labels = [
                ("node", view.node.name.as_str()),
                ("tier", view.node.tier.name()),
            ];
            ConstGauge::new(1i64).encode(family.encode_family(&labels)?)?;
        }
        detection(encoder, &nodes)
    }
}

/// What detection rules did on the nodes.
fn detection(encoder: &mut DescriptorEncoder, nodes: &[NodeView]) -> Result<(), fmt::Error> {
    let kind = ConstCounter::new(0u64).metric_type();
    let help = "Events that detection rules were evaluated on";
    let mut family = encoder.encode_descriptor("detection_events", help, None, kind)?;
    for view in nodes {
        let labels = [("node", view.node.name.as_str())];
        ConstCounter::new(view.stats.detection.events).encode(family.encode_family(&labels)?)?;
    }
    let help = "Events that detection rules were evaluated on, by type";
    let mut family = encoder.encode_descriptor("detection_events_by_type", help, None, kind)?;
    for view in nodes {
        for (kind, count) in &view.stats.detection.kinds {
            let labels = [("node", view.node.name.as_str()), ("type", kind.as_str())];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "Matches of detection rules by priority";
    let mut family = encoder.encode_descriptor("detection_matches", help, None, kind)?;
    for view in nodes {
        for (priority, matched) in &view.stats.detection.matched {
            let labels = [
                ("node", view.node.name.as_str()),
                ("priority", priority.as_str()),
            ];
            ConstCounter::new(*matched).encode(family.encode_family(&labels)?)?;
        }
    }
    let kind = ConstGauge::new(0i64).metric_type();
    let help = "Detection rules loaded, by whether they can match";
    let mut family = encoder.encode_descriptor("detection_rules", help, None, kind)?;
    for view in nodes {
        for state in RuleState::ALL {
            let rules = view.rules.iter().filter(|rule| rule.state == *state);
            let labels = [("node", view.node.name.as_str()), ("state", state.name())];
            let loaded = i64::try_from(rules.count()).unwrap_or(i64::MAX);
            ConstGauge::new(loaded).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
