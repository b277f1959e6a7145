//! Wiring, start and stop of the component.
//!
//! Events flow: kernel ring → one thread → process table, verdicts, records → spool → uplink.
//! First execs have a thread of their own, so that a flood of events delays no container. When the
//! spool or the process table is slow, the ring fills and the kernel counts what it drops.

use crate::{
    config::Config,
    error::EnforcerError,
    inventory::{Inventory, Registry, with_causes},
    kernel::{Kernel, NoKernel},
    link::{Latest, PolicyCache, Sender, Spool, Uplink},
    network::Network,
    outbox::{Outbox, now},
    runtime::{Runtime, TableLimits},
    stats::Stats,
};
use rampart_cluster::{Change, Discovery};
use rampart_model::{
    LogLevel, Node, PolicySnapshot, Query, Reply, Report, Tier, link::ProbeSummary,
    node::Capability,
};
use rampart_probe::{Capabilities, Event, FirstExec, Judge, LastEnd, Probe, procfs};
use std::{
    any::Any,
    fs,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

const EVENT_QUEUE: usize = 16_384;
const HOLD_QUEUE: usize = 4096;
const SYNC_INTERVAL: Duration = Duration::from_millis(200);
/// How soon events are looked at then.
const PROMPT: Duration = Duration::from_millis(4);
const SECOND: Duration = Duration::from_secs(1);
const RECONCILE_INTERVAL: Duration = Duration::from_secs(5);
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// Takes events from the kernel side.
pub type Sink = Box<dyn FnMut(Event) + Send>;

/// The kernel side once it runs; dropping `guard` takes it away.
pub struct Started {
    pub kernel: Arc<dyn Kernel>,
    pub guard: Box<dyn Any + Send>,
}

/// What the enforcer needs of the node. Tests bring their own.
pub struct World {
    pub capabilities: Capabilities,
    pub inventory: Arc<dyn Inventory>,
    pub changes: mpsc::Receiver<Change>,
    #[allow(clippy::type_complexity)]
    pub start:
        Box<dyn FnOnce(Arc<dyn Judge>, Sink) -> Result<Started, rampart_probe::Error> + Send>,
}

impl World {
    /// The node itself. Must be called in a tokio runtime.
    pub fn of_node(config: &Config) -> Result<Self, EnforcerError> {
        let (discovery, changes) = Discovery::start(config.discovery.clone())?;
        let probe = config.probe.clone();
        Ok(Self {
            capabilities: rampart_probe::detect(),
            inventory: Arc::new(discovery),
            changes,
            start: Box::new(move |judge, sink| {
                let probe = Probe::start(probe, judge, sink)?;
                Ok(Started {
                    kernel: Arc::new(probe.control()),
                    guard: Box::new(probe),
                })
            }),
        })
    }
}

/// An enforcer that is set up and not yet running.
pub struct Enforcer {
    config: Config,
    uplink: Arc<dyn Uplink>,
    world: World,
    cache: PolicyCache,
    parts: Parts,
}

#[derive(Clone)]
struct Parts {
    runtime: Arc<Runtime>,
    registry: Arc<Registry>,
    network: Arc<Network>,
    stats: Arc<Stats>,
}

/// Asks a running enforcer. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    parts: Parts,
}

impl Handle {
    /// Answers at once; a container with many processes takes a few milliseconds of this thread.
    pub fn query(&self, query: &Query) -> Reply {
        match query {
            Query::Processes(workload) => Reply::Processes(self.parts.runtime.processes(workload)),
            Query::ProcessHistory(workload) => {
                Reply::Processes(self.parts.runtime.history(workload))
            }
            Query::Executed(workload) => Reply::Executed(self.parts.runtime.executed(workload)),
            Query::Stats => Reply::Stats(self.parts.stats.latest()),
            Query::ProbeSummary => {
                let (processes, _, _) = self.parts.runtime.counts();
                let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                Reply::ProbeSummary(ProbeSummary {
                    containers: count(self.parts.runtime.members().len()),
                    processes: count(processes),
                    policy_revision: self.parts.registry.applied_revision(),
                })
            }
        }
    }
}

/// Runs an enforcer on this node until `shutdown` is cancelled.
pub async fn serve(
    config: Config,
    uplink: Arc<dyn Uplink>,
    shutdown: CancellationToken,
) -> Result<(), EnforcerError> {
    Enforcer::open(config, uplink)?.run(shutdown).await
}

impl Enforcer {
    /// Opens the data folder and starts looking for containers. Must be called in a tokio runtime.
    pub fn open(mut config: Config, uplink: Arc<dyn Uplink>) -> Result<Self, EnforcerError> {
        // What rules ask of a process is read while it lives, which may not be long.
        if config
            .rules
            .as_deref()
            .is_some_and(crate::runtime::asks_of_processes)
        {
            config.probe.flush_interval = config.probe.flush_interval.min(PROMPT);
        }
        let world = World::of_node(&config)?;
        Self::open_in(config, uplink, world)
    }

    /// The same, in a world of the caller's.
    pub fn open_in(
        config: Config,
        uplink: Arc<dyn Uplink>,
        world: World,
    ) -> Result<Self, EnforcerError> {
        for folder in std::iter::once(&config.data).chain(&config.probe.state_dir) {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|source| EnforcerError::Data {
                    path: folder.clone(),
                    source,
                })?;
        }
        let out = Outbox {
            spool: Arc::new(open_spool(&config)),
            node: config.node.id.clone(),
            node_name: config.node.name.clone(),
        };
        let runtime = Arc::new(Runtime::new(
            out,
            TableLimits::default(),
            host_mount_namespaces(),
        ));
        if let Some(rules) = &config.rules {
            runtime.set_rules(rules.clone());
        }
        let registry = Arc::new(Registry::new(
            runtime.clone(),
            world.inventory.clone(),
            config.node.id.clone(),
            world.capabilities.cgroup2.clone(),
            config.probe.fail_closed,
        ));
        let network = Arc::new(Network::new(runtime.clone(), registry.clone()));
        let stats = Arc::new(Stats::new(runtime.clone(), registry.clone()));
        let cache = PolicyCache::new(&config.data);
        let parts = Parts {
            runtime,
            registry,
            network,
            stats,
        };
        Ok(Self {
            config,
            uplink,
            world,
            cache,
            parts,
        })
    }

    pub fn handle(&self) -> Handle {
        Handle {
            parts: self.parts.clone(),
        }
    }

    /// Runs until cancelled; then detaches everything and sends what is left.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), EnforcerError> {
        let Self {
            config,
            uplink,
            world,
            cache,
            parts,
        } = self;
        load_policy(&cache, &parts);
        let World {
            capabilities,
            changes,
            start,
            ..
        } = world;
        let queues = Queues::new();
        let (guard, node) = start_kernel(&parts, &config.node, capabilities, start, queues.sink());
        parts.registry.set_fail_mode();
        // Events wait in the queues until the kernel can be answered.
        let threads = queues.work(&parts)?;
        seed(&parts).await;

        let latest = Arc::new(Latest::default());
        let sender = Sender {
            uplink: uplink.clone(),
            spool: parts.runtime.out().spool.clone(),
            introduction: introduction(&parts, node),
            latest: latest.clone(),
        };
        let sending = CancellationToken::new();
        let sender = tokio::spawn(sender.run(sending.clone()));
        let mut tasks = JoinSet::new();
        tasks.spawn(follow_changes(parts.clone(), changes));
        tasks.spawn(follow_policy(parts.clone(), uplink, cache));
        spawn_timers(&mut tasks, &parts, &config, latest);

        shutdown.cancelled().await;
        tasks.shutdown().await;
        stop(parts, guard, threads).await;
        sending.cancel();
        if let Err(error) = sender.await {
            tracing::error!(%error, "the sender ended badly");
        }
        Ok(())
    }
}

async fn stop(parts: Parts, guard: Option<Box<dyn Any + Send>>, threads: Vec<JoinHandle<()>>) {
    let stopped = tokio::task::spawn_blocking(move || {
        // The kernel side first: its sink feeds the threads.
        drop(guard);
        threads.into_iter().for_each(join);
        parts.runtime.finish();
        parts.network.finish();
        parts
            .runtime
            .out()
            .activity(LogLevel::Info, "Agent.Stop", "enforcer stopped".to_owned());
    });
    if let Err(error) = stopped.await {
        tracing::error!(%error, "the enforcer ended badly");
    }
}

fn open_spool(config: &Config) -> Spool {
    match Spool::open(&config.data.join("spool"), config.spool) {
        Ok(spool) => spool,
        Err(error) => {
            tracing::error!(
                error = with_causes(&error),
                "records are kept in memory only"
            );
            Spool::in_memory(config.spool)
        }
    }
}

/// Of the first process and of ours: the host's, unless this runs in a container itself.
fn host_mount_namespaces() -> Vec<u32> {
    ["1", "self"]
        .iter()
        .filter_map(|pid| fs::metadata(format!("/proc/{pid}/ns/mnt")).ok())
        .filter_map(|ns| u32::try_from(ns.ino()).ok())
        .collect()
}

/// Enforcement starts from the last policy heard, before the controller answers.
fn load_policy(cache: &PolicyCache, parts: &Parts) {
    let snapshot = match cache.load() {
        Ok(Some(snapshot)) => Arc::new(snapshot),
        Ok(None) => return,
        Err(error) => {
            let text = with_causes(&error);
            parts
                .runtime
                .out()
                .activity(LogLevel::Error, "Agent.Policy.Damaged", text);
            return;
        }
    };
    tracing::info!(
        revision = snapshot.revision,
        "starting from the kept policy"
    );
    parts.registry.set_policy(snapshot);
}

#[allow(clippy::type_complexity)]
fn start_kernel(
    parts: &Parts,
    node: &Node,
    capabilities: Capabilities,
    start: Box<dyn FnOnce(Arc<dyn Judge>, Sink) -> Result<Started, rampart_probe::Error> + Send>,
    sink: Sink,
) -> (Option<Box<dyn Any + Send>>, Node) {
    let out = parts.runtime.out();
    let mut node = Node {
        tier: capabilities.tier,
        capabilities: capabilities.capabilities,
        reasons: capabilities.reasons,
        ..node.clone()
    };
    match start(parts.runtime.clone(), sink) {
        Ok(started) => {
            let last_end = started.kernel.last_end();
            parts.runtime.set_kernel(started.kernel);
            if let Some(end) = last_end {
                out.alarm(
                    LogLevel::Critical,
                    "Agent.Enforcement.Stopped",
                    obituary(&end),
                );
            }
            parts.runtime.watch_calls();
            let text = format!("enforcer started, tier {}", node.tier);
            out.activity(LogLevel::Info, "Agent.Start", text);
            for reason in &node.reasons {
                out.activity(
                    LogLevel::Warning,
                    "Agent.Enforcement.Degraded",
                    reason.clone(),
                );
            }
            (Some(started.guard), node)
        }
        Err(error) => {
            parts.runtime.set_kernel(Arc::new(NoKernel));
            let why = with_causes(&error);
            tracing::error!(error = %why, "nothing is enforced on this node");
            let text = format!("nothing is seen or stopped on this node: {why}");
            out.activity(LogLevel::Critical, "Agent.Enforcement.Degraded", text);
            node.tier = Tier::None;
            node.reasons.insert(0, why.clone());
            for capability in &mut node.capabilities {
                (capability.mechanism, capability.strength) = (None, "none".to_owned());
            }
            node.capabilities.push(Capability {
                name: "kernel".to_owned(),
                mechanism: None,
                strength: "none".to_owned(),
                note: why,
            });
            (None, node)
        }
    }
}

fn obituary(end: &LastEnd) -> String {
    let (mode, held) = match end.fail_closed {
        true => ("refused", "killed"),
        false => ("let through", "let go"),
    };
    format!(
        "the agent before this one was killed or crashed {} s ago: {} waiting questions were \
         {mode}, {} held programs {held}; nothing was enforced from then until now",
        now().since(end.at) / 1000,
        end.questions,
        end.held
    )
}

/// Every process there is, as the host's; containers claim theirs when they are attached.
async fn seed(parts: &Parts) {
    let runtime = parts.runtime.clone();
    let seeded = tokio::task::spawn_blocking(move || match procfs::processes(None) {
        Ok(found) => runtime.seed(&found, |_| 0),
        Err(error) => tracing::warn!(%error, "processes that run already are not known"),
    });
    if let Err(error) = seeded.await {
        tracing::error!(%error, "reading /proc ended badly");
    }
}

fn introduction(parts: &Parts, node: Node) -> crate::link::Introduction {
    let (registry, runtime) = (parts.registry.clone(), parts.runtime.clone());
    Arc::new(move || {
        let seen = node.tier != Tier::None;
        let node = Node {
            last_seen: now(),
            ..node.clone()
        };
        let mut reports = vec![
            Report::Node(Box::new(node)),
            Report::DetectionRules(runtime.detection_rules(seen)),
        ];
        reports.extend(registry.introduction());
        reports
    })
}

async fn follow_changes(parts: Parts, mut changes: mpsc::Receiver<Change>) {
    while let Some(change) = changes.recv().await {
        let registry = parts.registry.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || registry.change(change)).await {
            tracing::error!(%error, "a change of the inventory ended badly");
        }
    }
}

async fn follow_policy(parts: Parts, uplink: Arc<dyn Uplink>, cache: PolicyCache) {
    let mut policy = uplink.policy();
    loop {
        let snapshot: Arc<PolicySnapshot> = policy.borrow_and_update().clone();
        if snapshot.revision != 0 {
            let (registry, out, cache) = (
                parts.registry.clone(),
                parts.runtime.out().clone(),
                cache.clone(),
            );
            let done = tokio::task::spawn_blocking(move || {
                registry.set_policy(snapshot.clone());
                if let Err(error) = cache.persist(&snapshot) {
                    out.activity(LogLevel::Error, "Agent.Policy.NotKept", with_causes(&error));
                }
            });
            if let Err(error) = done.await {
                tracing::error!(%error, "a policy ended badly");
            }
        }
        if policy.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn spawn_timers(tasks: &mut JoinSet<()>, parts: &Parts, config: &Config, latest: Arc<Latest>) {
    let (network, runtime, registry) = (
        parts.network.clone(),
        parts.runtime.clone(),
        parts.registry.clone(),
    );
    let spool = runtime.out().spool.clone();
    every(tasks, SYNC_INTERVAL, move || spool.sync());
    let flows = network.clone();
    every(tasks, config.flow_interval, move || flows.collect());
    let ticking = runtime.clone();
    every(tasks, SECOND, move || {
        ticking.tick();
        network.tick();
    });
    every(tasks, SWEEP_INTERVAL, move || runtime.sweep());
    every(tasks, RECONCILE_INTERVAL, move || registry.reconcile());
    let stats = parts.stats.clone();
    every(tasks, config.stats_interval, move || {
        latest.put(Report::Stats(stats.round()))
    });
}

fn every(tasks: &mut JoinSet<()>, period: Duration, work: impl Fn() + Send + Sync + 'static) {
    let work = Arc::new(work);
    tasks.spawn(async move {
        let mut interval = tokio::time::interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let work = work.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || work()).await {
                tracing::error!(%error, "periodic work ended badly");
            }
        }
    });
}

/// From the kernel side to the two threads that work events off.
struct Queues {
    events: (SyncSender<Event>, Receiver<Event>),
    first: (SyncSender<Box<FirstExec>>, Receiver<Box<FirstExec>>),
    overflowed: Arc<AtomicU64>,
}

impl Queues {
    fn new() -> Self {
        Self {
            events: sync_channel(EVENT_QUEUE),
            first: sync_channel(HOLD_QUEUE),
            overflowed: Arc::default(),
        }
    }

    fn sink(&self) -> Sink {
        let (events, first, overflowed) = (
            self.events.0.clone(),
            self.first.0.clone(),
            self.overflowed.clone(),
        );
        Box::new(move |event| match event {
            Event::FirstExec(exec) => {
                if let Err(TrySendError::Full(_)) = first.try_send(exec) {
                    overflowed.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Waiting here fills the ring, and the kernel counts what it cannot place there.
            event => drop(events.send(event)),
        })
    }

    /// The threads end once every sink is gone and the queues are empty.
    fn work(self, parts: &Parts) -> Result<Vec<JoinHandle<()>>, EnforcerError> {
        let (events, first, overflowed) = (self.events.1, self.first.1, self.overflowed);
        let (a, b) = (parts.clone(), parts.clone());
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(work)
                .map_err(EnforcerError::Thread)
        };
        Ok(vec![
            spawn(
                "enforcer-events",
                Box::new(move || work_events(&a, &events)),
            )?,
            spawn(
                "enforcer-first",
                Box::new(move || work_first(&b, &first, &overflowed)),
            )?,
        ])
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("an event thread ended badly");
    }
}

fn work_events(parts: &Parts, queue: &Receiver<Event>) {
    while let Ok(event) = queue.recv() {
        match &event {
            Event::Socket(socket) => {
                parts.network.socket(socket);
                parts.runtime.handle(&event);
            }
            Event::Verdict(verdict) => parts.network.verdict(verdict),
            event => parts.runtime.handle(event),
        }
    }
}

fn work_first(parts: &Parts, queue: &Receiver<Box<FirstExec>>, overflowed: &AtomicU64) {
    while let Ok(first) = queue.recv() {
        parts.registry.first_exec(&first);
        let lost = overflowed.swap(0, Ordering::Relaxed);
        if lost > 0 {
            parts.registry.hold_overflow(lost);
        }
    }
}
