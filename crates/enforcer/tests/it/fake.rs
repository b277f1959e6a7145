//! A node whose kernel, containers and controller are the test's own.

use rampart_cluster::Change;
use rampart_enforcer::{
    Config, Enforcer, Handle, Inventory, Kernel, Sink, Started, World,
    link::{LinkError, Uplink},
};
use rampart_model::{
    Baseline, Group, GroupKind, GroupName, LogBody, LogRecord, Mode, Node, PolicySnapshot,
    ProcessRule, Report, Tier, Timestamp, Workload, WorkloadId,
    event::{Incident, Violation},
    group::ProcessProfile,
    node::Counter,
};
use rampart_probe::{
    Ask, AskKind, Attach, CallFilter, Capabilities, Decision, Error, Event, Exec, FirstExec, Flow,
    Judge, KernelPolicy, Task,
};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Waits until `look` finds something.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Every call, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Call {
    Attach(u32),
    Detach(u32),
    Policy(u32),
    Ignore(u64),
    Release(u32),
    Kill(u32),
    FailClosed(bool),
}

#[derive(Default)]
pub(crate) struct FakeKernel {
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) policies: Mutex<HashMap<u32, KernelPolicy>>,
    pub(crate) flows: Mutex<Vec<Flow>>,
    pub(crate) counters: Mutex<BTreeMap<Counter, u64>>,
    /// System calls that are asked for; `None` refuses to tell them.
    pub(crate) watched: Mutex<Option<CallFilter>>,
    pub(crate) tells_calls: AtomicBool,
}

impl FakeKernel {
    fn call(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    /// What was done about containers, in order; the fail mode is of the node.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let calls = self.calls.lock().unwrap();
        let of_containers = |call: &&Call| !matches!(call, Call::FailClosed(_));
        calls.iter().filter(of_containers).cloned().collect()
    }

    pub(crate) fn did(&self, call: &Call) -> bool {
        self.calls.lock().unwrap().contains(call)
    }
}

struct KernelRef(Arc<FakeKernel>);

impl Kernel for KernelRef {
    fn attach(&self, attach: &Attach) -> Result<(), Error> {
        self.0.call(Call::Attach(attach.label));
        Ok(())
    }

    fn detach(&self, label: u32) {
        self.0.call(Call::Detach(label));
    }

    fn ignore_cgroup(&self, cgroup_id: u64) -> Result<(), Error> {
        self.0.call(Call::Ignore(cgroup_id));
        Ok(())
    }

    fn set_policy(&self, label: u32, policy: &KernelPolicy) -> Result<(), Error> {
        self.0
            .policies
            .lock()
            .unwrap()
            .insert(label, policy.clone());
        self.0.call(Call::Policy(label));
        Ok(())
    }

    fn release(&self, pid: u32) -> bool {
        self.0.call(Call::Release(pid));
        true
    }

    fn kill(&self, pid: u32) -> bool {
        self.0.call(Call::Kill(pid));
        true
    }

    fn watch_calls(&self, filter: &CallFilter) -> Result<(), Error> {
        if !self.0.tells_calls.load(Ordering::Relaxed) {
            return Err(Error::NoPrograms);
        }
        *self.0.watched.lock().unwrap() = Some(filter.clone());
        Ok(())
    }

    fn set_fail_closed(&self, fail_closed: bool) {
        self.0.call(Call::FailClosed(fail_closed));
    }

    fn drain_flows(&self) -> Result<Vec<Flow>, Error> {
        Ok(std::mem::take(&mut *self.0.flows.lock().unwrap()))
    }

    fn counters(&self) -> BTreeMap<Counter, u64> {
        self.0.counters.lock().unwrap().clone()
    }
}

/// Containers that discovery does not know of until it is asked.
#[derive(Default)]
pub(crate) struct FakeInventory(pub(crate) Mutex<HashMap<u64, Workload>>);

impl Inventory for FakeInventory {
    fn lookup(&self, cgroup_id: u64, _: u32) -> Option<Workload> {
        self.0.lock().unwrap().get(&cgroup_id).cloned()
    }

    fn workloads(&self) -> Vec<Workload> {
        self.0.lock().unwrap().values().cloned().collect()
    }
}

pub(crate) struct FakeUplink {
    pub(crate) got: Mutex<Vec<Report>>,
    pub(crate) down: AtomicBool,
    pub(crate) refused: AtomicU32,
    pub(crate) policy: watch::Sender<Arc<PolicySnapshot>>,
}

impl FakeUplink {
    pub(crate) fn new(snapshot: PolicySnapshot) -> Arc<Self> {
        let policy = watch::Sender::new(Arc::new(snapshot));
        Arc::new(Self {
            got: Mutex::default(),
            down: AtomicBool::new(false),
            refused: AtomicU32::new(0),
            policy,
        })
    }

    pub(crate) fn reports(&self) -> Vec<Report> {
        self.got.lock().unwrap().clone()
    }

    pub(crate) fn records(&self) -> Vec<LogRecord> {
        let got = self.got.lock().unwrap();
        got.iter()
            .filter_map(|r| match r {
                Report::Record(record) => Some(LogRecord::clone(record)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn incidents(&self) -> Vec<(LogRecord, Incident)> {
        let records = self.records().into_iter();
        records
            .filter_map(|r| match r.body.clone() {
                LogBody::Incident(incident) => Some((r, *incident)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn violations(&self) -> Vec<Violation> {
        let records = self.records().into_iter();
        records
            .filter_map(|r| match r.body {
                LogBody::Violation(violation) => Some(*violation),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(crate) async fn incident(&self, name: &str) -> Incident {
        until(name, || {
            self.incidents()
                .into_iter()
                .find(|(r, _)| r.name == name)
                .map(|(_, i)| i)
        })
        .await
    }
}

#[async_trait::async_trait]
impl Uplink for FakeUplink {
    async fn send(&self, reports: Vec<Report>) -> Result<(), LinkError> {
        if self.down.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(LinkError::Unreachable("the test says so".to_owned()));
        }
        self.got.lock().unwrap().extend(reports);
        Ok(())
    }

    fn policy(&self) -> watch::Receiver<Arc<PolicySnapshot>> {
        self.policy.subscribe()
    }
}

/// A running enforcer and all its surroundings.
pub(crate) struct Bed {
    pub(crate) kernel: Arc<FakeKernel>,
    pub(crate) inventory: Arc<FakeInventory>,
    pub(crate) uplink: Arc<FakeUplink>,
    pub(crate) handle: Handle,
    pub(crate) judge: Arc<dyn Judge>,
    pub(crate) dir: Arc<TempDir>,
    sink: Arc<Mutex<Option<Sink>>>,
    changes: mpsc::Sender<Change>,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Bed {
    pub(crate) async fn new(snapshot: PolicySnapshot) -> Self {
        Self::in_dir(
            Arc::new(tempfile::tempdir().unwrap()),
            FakeUplink::new(snapshot),
        )
        .await
    }

    pub(crate) async fn in_dir(dir: Arc<TempDir>, uplink: Arc<FakeUplink>) -> Self {
        let config = config(dir.path());
        Self::configured(dir, uplink, config).await
    }

    pub(crate) async fn configured(
        dir: Arc<TempDir>,
        uplink: Arc<FakeUplink>,
        config: Config,
    ) -> Self {
        Self::with_kernel(FakeKernel::default(), dir, uplink, config).await
    }

    pub(crate) async fn with_kernel(
        kernel: FakeKernel,
        dir: Arc<TempDir>,
        uplink: Arc<FakeUplink>,
        config: Config,
    ) -> Self {
        let kernel = Arc::new(kernel);
        let inventory = Arc::new(FakeInventory::default());
        let (changes, receiver) = mpsc::channel(64);
        let sink: Arc<Mutex<Option<Sink>>> = Arc::default();
        let judge: Arc<Mutex<Option<Arc<dyn Judge>>>> = Arc::default();
        let (their_kernel, their_sink, their_judge) = (kernel.clone(), sink.clone(), judge.clone());
        let world = World {
            capabilities: Capabilities {
                tier: Tier::Fanotify,
                ..Capabilities::default()
            },
            inventory: inventory.clone(),
            changes: receiver,
            start: Box::new(move |judge, sink| {
                *their_judge.lock().unwrap() = Some(judge);
                *their_sink.lock().unwrap() = Some(sink);
                let guard = Box::new(SinkGuard(their_sink));
                Ok(Started {
                    kernel: Arc::new(KernelRef(their_kernel)),
                    guard,
                })
            }),
        };
        let enforcer = Enforcer::open_in(config, uplink.clone(), world).unwrap();
        let handle = enforcer.handle();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let running = tokio::spawn(async move { enforcer.run(stop).await.unwrap() });
        let judge = until("the judge", || judge.lock().unwrap().clone()).await;
        let bed = Self {
            kernel,
            inventory,
            uplink,
            handle,
            judge,
            dir,
            sink,
            changes,
            shutdown,
            running,
        };
        let revision = bed.uplink.policy.borrow().revision;
        until("the policy", || (bed.revision() >= revision).then_some(())).await;
        bed
    }

    pub(crate) fn revision(&self) -> u64 {
        match self.handle.query(&rampart_model::Query::ProbeSummary) {
            rampart_model::Reply::ProbeSummary(summary) => summary.policy_revision,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn emit(&self, event: Event) {
        self.sink.lock().unwrap().as_mut().unwrap()(event);
    }

    pub(crate) async fn change(&self, change: Change) {
        self.changes.send(change).await.unwrap();
    }

    /// Starts a container by its first exec; gives its label.
    pub(crate) async fn start(&self, name: &str, pid: u32, path: &str) -> u32 {
        let attached = self.attached();
        self.first_exec(name, pid, path);
        until("the release", || {
            let done = [Call::Release(pid), Call::Kill(pid)];
            done.iter().any(|c| self.kernel.did(c)).then_some(())
        })
        .await;
        attached + 1
    }

    fn attached(&self) -> u32 {
        let calls = self.kernel.calls();
        calls
            .iter()
            .filter_map(|c| match c {
                Call::Attach(l) => Some(*l),
                _ => None,
            })
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn first_exec(&self, name: &str, pid: u32, path: &str) {
        let cgroup_id = u64::from(pid) + 1_000_000;
        self.inventory
            .0
            .lock()
            .unwrap()
            .insert(cgroup_id, workload(name, cgroup_id));
        let mut exec = exec(0, pid, 1, path, &[path]);
        exec.task.cgroup_id = cgroup_id;
        self.emit(Event::FirstExec(Box::new(FirstExec { held: true, exec })));
    }

    pub(crate) fn exec(&self, label: u32, pid: u32, ppid: u32, path: &str) {
        self.emit(Event::Exec(Box::new(exec(label, pid, ppid, path, &[path]))));
    }

    pub(crate) fn set_policy(&self, snapshot: PolicySnapshot) {
        self.uplink.policy.send_replace(Arc::new(snapshot));
    }

    pub(crate) async fn apply(&self, snapshot: PolicySnapshot) {
        let revision = snapshot.revision;
        self.set_policy(snapshot);
        until("the policy", || (self.revision() == revision).then_some(())).await;
    }

    pub(crate) fn ask(&self, label: u32, pid: u32, path: &str) -> Decision {
        self.judge.judge(&ask(label, pid, path, AskKind::Exec))
    }

    /// Stops it; what is left is sent first.
    pub(crate) async fn stop(self) -> (Arc<TempDir>, Arc<FakeUplink>) {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.running)
            .await
            .unwrap()
            .unwrap();
        (self.dir, self.uplink)
    }

    /// As a killed process ends: nothing is said any more.
    pub(crate) async fn kill(self) -> (Arc<TempDir>, Arc<FakeUplink>) {
        self.running.abort();
        let _ = self.running.await;
        (self.dir, self.uplink)
    }
}

/// Takes the sink away when the kernel side is dropped, as the probe does.
struct SinkGuard(Arc<Mutex<Option<Sink>>>);

impl Drop for SinkGuard {
    fn drop(&mut self) {
        self.0.lock().unwrap().take();
    }
}

pub(crate) fn config(dir: &Path) -> Config {
    let node = Node {
        id: "node-1".into(),
        name: "one".to_owned(),
        ..Node::default()
    };
    let mut config = Config::new(node, dir.join("data"));
    config.flow_interval = Duration::from_millis(20);
    config.stats_interval = Duration::from_millis(50);
    config
}

pub(crate) fn workload(name: &str, cgroup_id: u64) -> Workload {
    Workload {
        id: WorkloadId::new(format!("{name}-{cgroup_id}")),
        name: name.to_owned(),
        service: name.to_owned(),
        image: format!("{name}:1"),
        node: "node-1".into(),
        cgroup_id,
        running: true,
        ..Workload::default()
    }
}

pub(crate) fn exec(label: u32, pid: u32, ppid: u32, path: &str, argv: &[&str]) -> Exec {
    Exec {
        at: Timestamp::from_ms(1_700_000_000_000),
        task: Task {
            pid,
            tid: pid,
            ppid,
            label,
            start_ns: u64::from(pid) * 1_000_000_000,
            mount_ns: 42,
            ..Task::default()
        },
        path: path.to_owned(),
        argv: argv.iter().map(|&a| a.to_owned()).collect(),
        ..Exec::default()
    }
}

pub(crate) fn ask(label: u32, pid: u32, path: &str, kind: AskKind) -> Ask {
    Ask {
        label,
        pid,
        tid: pid,
        kind,
        path: path.into(),
        dev: 1,
        ino: u64::from(pid),
        upper: Some(false),
        foreign: false,
        unlinked: false,
    }
}

/// A policy of one learned group, `nv.web`.
pub(crate) fn policy(revision: u64, mode: Mode, allowed: &[&str]) -> PolicySnapshot {
    let rules = allowed
        .iter()
        .map(|path| ProcessRule {
            name: path.rsplit('/').next().unwrap().to_owned(),
            path: (*path).to_owned(),
            uuid: format!("rule-{path}"),
            ..ProcessRule::default()
        })
        .collect();
    PolicySnapshot {
        revision,
        groups: vec![Group {
            name: GroupName::from("nv.web"),
            kind: GroupKind::Container,
            profile_mode: Some(mode),
            policy_mode: Some(mode),
            profile: ProcessProfile {
                baseline: Baseline::Basic,
                rules,
                ..ProcessProfile::default()
            },
            ..Group::default()
        }],
        ..PolicySnapshot::default()
    }
}
