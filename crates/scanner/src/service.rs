//! Scanning as a service: take work, do it, report.
//!
//! [`serve`] knows neither how a scan is done ([`ScanEngine`]) nor where work comes from ([`Jobs`]):
//! the controller in the same process, or one far away. Whatever happens to the engine, to the way
//! to the controller or to this process, work is given back, or its lease ends and another scanner
//! takes it: nothing is lost, and a late report is refused there.

pub mod engine;
mod filter;
mod listing;

use crate::stop::Stop;
use async_trait::async_trait;
use rampart_model::{
    NodeId,
    scan::DatabaseInfo,
    scan_job::{CacheStat, Order, Outcome, ScanFailure, ScannerInfo, Work},
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long to ask for work before asking again.
const WAIT: Duration = Duration::from_secs(20);
/// Pauses while the controller cannot be reached.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A finished report is kept for so long while the controller cannot be reached.
const KEEP_REPORT: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum JobsError {
    /// Try again.
    #[error("the controller cannot be reached: {0}")]
    Unreachable(String),
    /// Somebody else has the work now, or it was taken back.
    #[error("the work was given to another scanner or taken back")]
    Lost,
    /// It will not work the next time either.
    #[error("the controller refuses: {0}")]
    Refused(String),
}

/// Where work comes from and goes back to.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    async fn take(&self, scanner: ScannerInfo, wait: Duration) -> Result<Option<Work>, JobsError>;
    async fn renew(&self, lease: &str) -> Result<(), JobsError>;
    async fn finish(&self, lease: &str, scanner: &str, outcome: Outcome) -> Result<(), JobsError>;
    async fn fail(&self, lease: &str, scanner: &str, failure: ScanFailure)
    -> Result<(), JobsError>;
}

/// What a scanner can say of itself at any time.
#[derive(Clone, Debug, Default)]
pub struct EngineStatus {
    pub database: Option<DatabaseInfo>,
    pub database_error: String,
    pub cache: CacheStat,
}

/// Does the work.
#[async_trait]
pub trait ScanEngine: Send + Sync + 'static {
    /// Ends soon after `stop` says so.
    async fn run(&self, order: Order, stop: Stop) -> Result<Outcome, ScanFailure>;

    async fn status(&self) -> EngineStatus;
}

/// Who this scanner is.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    pub id: String,
    /// Made anew each time the process starts, so that what it left is given to it again at once.
    pub session: String,
    pub name: String,
    pub version: String,
    /// The node whose containers and file system it reads; empty if none.
    pub node: NodeId,
    /// Jobs worked on at a time.
    pub capacity: u32,
    /// The longest a scan may take.
    pub timeout: Duration,
}

/// Works until `stop`; what is under way then is given back.
pub async fn serve(
    config: ServiceConfig,
    jobs: Arc<dyn Jobs>,
    engine: Arc<dyn ScanEngine>,
    stop: CancellationToken,
) {
    let config = Arc::new(config);
    let mut workers = JoinSet::new();
    for _ in 0..config.capacity.max(1) {
        let worker = Worker {
            config: config.clone(),
            jobs: jobs.clone(),
            engine: engine.clone(),
            stop: stop.clone(),
        };
        workers.spawn(worker.run());
    }
    while workers.join_next().await.is_some() {}
}

struct Worker {
    config: Arc<ServiceConfig>,
    jobs: Arc<dyn Jobs>,
    engine: Arc<dyn ScanEngine>,
    stop: CancellationToken,
}

impl Worker {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        while !self.stop.is_cancelled() {
            let info = self.info().await;
            let taken = tokio::select! {
                () = self.stop.cancelled() => return,
                taken = self.jobs.take(info, WAIT) => taken,
            };
            match taken {
                Ok(Some(work)) => {
                    pause = FIRST_PAUSE;
                    self.work(work).await;
                }
                Ok(None) => pause = FIRST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "no work can be had");
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn info(&self) -> ScannerInfo {
        let status = self.engine.status().await;
        let config = &self.config;
        ScannerInfo {
            id: config.id.clone(),
            session: config.session.clone(),
            name: config.name.clone(),
            version: config.version.clone(),
            node: config.node.clone(),
            database: status.database,
            database_error: status.database_error,
            capacity: config.capacity,
            cache: status.cache,
            ..ScannerInfo::default()
        }
    }

    async fn work(&self, work: Work) {
        let stop = Stop::after(self.config.timeout);
        let engine = self.engine.clone();
        let (order, scan_stop) = (work.order, stop.clone());
        // In a task of its own, so that a fault of the engine ends this job and not the worker.
        let running = tokio::spawn(async move { engine.run(order, scan_stop).await });
        let period = Duration::from_millis(u64::try_from(work.lease_ms).unwrap_or(30_000) / 3);
        let ended = self.watch(&work.lease, period, running, &stop).await;
        let lease = work.lease.as_str();
        match ended {
            Ended::Lost => {}
            Ended::Done(Ok(outcome)) => {
                let report = || self.jobs.finish(lease, &self.config.id, outcome.clone());
                if let Err(JobsError::Refused(reason)) = self.insist(report).await {
                    tracing::warn!(reason, "a report was refused");
                    let failure = ScanFailure {
                        reason: format!("the controller refused the report: {reason}"),
                        retry: false,
                    };
                    self.give_up(lease, failure).await;
                }
            }
            Ended::Done(Err(failure)) => self.give_up(lease, failure).await,
        }
    }

    async fn give_up(&self, lease: &str, failure: ScanFailure) {
        let tell = || self.jobs.fail(lease, &self.config.id, failure.clone());
        let _ = self.insist(tell).await;
    }

    /// Keeps the lease while the engine works.
    async fn watch(
        &self,
        lease: &str,
        period: Duration,
        mut running: tokio::task::JoinHandle<Result<Outcome, ScanFailure>>,
        stop: &Stop,
    ) -> Ended {
        let mut beat = tokio::time::interval_at(Instant::now() + period, period);
        loop {
            tokio::select! {
                ended = &mut running => return Ended::Done(ended.unwrap_or_else(|_| Err(broke()))),
                () = self.stop.cancelled() => {
                    stop.cancel();
                    running.abort();
                    return Ended::Done(Err(stopping()));
                }
                _ = beat.tick() => if self.jobs.renew(lease).await == Err(JobsError::Lost) {
                    stop.cancel();
                    running.abort();
                    return Ended::Lost;
                },
            }
        }
    }

    /// Says something until it was heard, refused, or too late.
    async fn insist<F>(&self, say: impl Fn() -> F) -> Result<(), JobsError>
    where
        F: Future<Output = Result<(), JobsError>>,
    {
        let until = Instant::now() + KEEP_REPORT;
        let mut pause = FIRST_PAUSE;
        loop {
            match say().await {
                Err(JobsError::Unreachable(reason))
                    if Instant::now() < until && !self.stop.is_cancelled() =>
                {
                    tracing::warn!(reason, "a report waits");
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = tokio::time::sleep(pause) => {}
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                other => return other,
            }
        }
    }
}

enum Ended {
    Done(Result<Outcome, ScanFailure>),
    /// The lease is another's: whatever was found is dropped.
    Lost,
}

fn broke() -> ScanFailure {
    ScanFailure {
        reason: "the scanner broke over it; its log says where".to_owned(),
        retry: true,
    }
}

fn stopping() -> ScanFailure {
    ScanFailure {
        reason: "the scanner was stopped".to_owned(),
        retry: true,
    }
}
