//! A controller over a store in memory, with a clock and agents turned by hand.
#![allow(clippy::unwrap_used, reason = "a fixture that fails fails the test")]

use async_trait::async_trait;
use rampart_controller::{
    App, Deps,
    app::{AgentError, Agents, Clock, ControllerInfo},
};
use rampart_model::{
    Conversation, LogRecord, Mode, Node, NodeId, PolicySnapshot, ProcessInfo, Protocol, Query,
    Reply, Report, RuleId, Timestamp, Verdict, Workload, link::ProbeSummary,
    workload::InterfaceAddress,
};
use rampart_policy::Engine;
use rampart_store::{Artifacts, EventLog, LogQuery, Store, artifact, memory::Memory};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

pub(crate) const NODE: &str = "n1";
/// 2026-01-01.
pub(crate) const START: i64 = 1_767_225_600_000;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;

pub(crate) struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(START))
    }
}

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Answers with one process, from the node `n1` only. It says that it enforces `holds`.
#[derive(Default)]
pub(crate) struct OneNode {
    pub(crate) holds: AtomicU64,
}

#[async_trait]
impl Agents for OneNode {
    async fn query(&self, node: &NodeId, query: Query) -> Result<Reply, AgentError> {
        if !self.connected(node) {
            return Err(AgentError::Disconnected(node.clone()));
        }
        match query {
            Query::Processes(_) => Ok(Reply::Processes(vec![ProcessInfo {
                pid: 7,
                name: "nginx".into(),
                ..ProcessInfo::default()
            }])),
            Query::ProbeSummary => Ok(Reply::ProbeSummary(ProbeSummary {
                policy_revision: self.holds.load(Ordering::SeqCst),
                ..ProbeSummary::default()
            })),
            Query::Executed(_) => Ok(Reply::Executed(vec!["/usr/sbin/nginx".into()])),
            _ => Ok(Reply::Processes(Vec::new())),
        }
    }

    fn connected(&self, node: &NodeId) -> bool {
        node.as_str() == NODE
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) events: Arc<dyn EventLog>,
    pub(crate) artifacts: Arc<dyn Artifacts>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) node: Arc<OneNode>,
    pub(crate) app: App,
}

impl World {
    pub(crate) async fn new() -> Self {
        let memory = Arc::new(Memory::default());
        Self::over(memory.clone(), memory, Arc::default()).await
    }

    pub(crate) async fn over(
        store: Arc<dyn Store>,
        events: Arc<dyn EventLog>,
        clock: Arc<TestClock>,
    ) -> Self {
        Self::with_artifacts(store, events, Arc::<artifact::Memory>::default(), clock).await
    }

    pub(crate) async fn with_artifacts(
        store: Arc<dyn Store>,
        events: Arc<dyn EventLog>,
        artifacts: Arc<dyn Artifacts>,
        clock: Arc<TestClock>,
    ) -> Self {
        Self::try_over(store, events, artifacts, clock)
            .await
            .unwrap()
    }

    /// The same, where the store may refuse.
    pub(crate) async fn try_over(
        store: Arc<dyn Store>,
        events: Arc<dyn EventLog>,
        artifacts: Arc<dyn Artifacts>,
        clock: Arc<TestClock>,
    ) -> Result<Self, rampart_controller::AppError> {
        let node = Arc::<OneNode>::default();
        let deps = Deps {
            store: store.clone(),
            events: events.clone(),
            artifacts: artifacts.clone(),
            agents: node.clone(),
            clock: clock.clone(),
            controller: ControllerInfo {
                id: "c1".into(),
                name: "controller".into(),
                ..ControllerInfo::default()
            },
        };
        let app = App::open(deps).await?;
        Ok(Self {
            store,
            events,
            artifacts,
            clock,
            node,
            app,
        })
    }

    /// Another controller on the same store.
    pub(crate) async fn again(&self) -> Self {
        Self::with_artifacts(
            self.store.clone(),
            self.events.clone(),
            self.artifacts.clone(),
            self.clock.clone(),
        )
        .await
    }

    pub(crate) async fn ingest(&self, reports: Vec<Report>) {
        self.app.ingest(&NODE.into(), reports).await.unwrap();
    }

    /// A node with `web` (10.0.0.2), `api` (10.0.0.3) and `db` (10.0.0.4) of the domain `shop`.
    pub(crate) async fn shop(&self) {
        let node = Node {
            name: "node-1".into(),
            ..Node::default()
        };
        self.app.agent_connected(&NODE.into());
        let mut reports = vec![Report::Node(Box::new(node))];
        reports.extend(["web", "api", "db"].map(|name| Report::Workload(Box::new(workload(name)))));
        self.ingest(reports).await;
    }

    pub(crate) async fn set_mode(&self, service: &str, mode: Mode) {
        let change = rampart_controller::app::ServiceChange {
            policy_mode: Some(mode),
            profile_mode: Some(mode),
            ..Default::default()
        };
        self.app
            .configure_services(&[service.to_owned()], change)
            .await
            .unwrap();
    }

    pub(crate) async fn records(&self) -> Vec<LogRecord> {
        let query = LogQuery {
            sort: vec![(rampart_store::SortKey::At, true)],
            ..LogQuery::default()
        };
        self.app.log(&query).await.unwrap().records
    }

    /// Names of events so far, without the controller's own start.
    pub(crate) async fn event_names(&self) -> Vec<String> {
        let names = self.records().await.into_iter().map(|record| record.name);
        names.filter(|name| name != "Controller.Start").collect()
    }

    /// The policy an enforcer has now.
    pub(crate) async fn policy(&self) -> Arc<PolicySnapshot> {
        self.app.publish_policy().await.unwrap();
        self.app.policy().borrow().clone()
    }

    pub(crate) async fn engine(&self) -> Engine {
        Engine::new(self.policy().await)
    }
}

/// `web`, `api` or `db`, or another with the address 10.0.1.1.
pub(crate) fn workload(service: &str) -> Workload {
    let ip = match service {
        "web" => "10.0.0.2",
        "api" => "10.0.0.3",
        "db" => "10.0.0.4",
        _ => "10.0.1.1",
    };
    let address = InterfaceAddress {
        ip: ip.parse().unwrap(),
        prefix: 24,
        gateway: None,
    };
    Workload {
        id: format!("{service}-id").into(),
        name: format!("{service}-1"),
        image: format!("{service}:1"),
        service: service.into(),
        domain: "shop".into(),
        runtime: "docker".into(),
        running: true,
        pid: 100,
        started_at: Timestamp(START - 1000),
        interfaces: [("eth0".into(), vec![address])].into(),
        labels: [("tier".into(), service.to_owned())].into(),
        ..Workload::default()
    }
}

/// What `from` tells of talking to an address at a time after the start.
pub(crate) fn talk(from: &str, to: &str, port: u16, verdict: Verdict, at: i64) -> Conversation {
    let from = workload(from);
    Conversation {
        local: from.addresses().next().unwrap(),
        workload: from.id.clone(),
        ingress: false,
        peer: to.parse().unwrap(),
        protocol: Protocol::Tcp,
        port,
        client_port: 40_000,
        application: String::new(),
        sessions: 1,
        bytes_in: 10,
        bytes_out: 20,
        verdict,
        rule: RuleId::IMPLICIT,
        first_seen: Timestamp(START + at),
        last_seen: Timestamp(START + at),
        mechanism: None,
        process: None,
    }
}

pub(crate) fn learned_process(group: &str, name: &str, path: &str) -> Report {
    Report::LearnedProcess {
        group: group.into(),
        name: name.into(),
        path: path.into(),
        user: "root".into(),
    }
}

/// Waits for a condition, at most ten seconds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited too long for {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
