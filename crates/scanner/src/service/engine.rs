//! The engine of a scanner: this crate's scans, judged by a database that may be renewed meanwhile.
//!
//! Limits are those of the scan; besides, a container is scanned only while its process is the one
//! that was named: process ids are used again.

use super::{EngineStatus, ScanEngine, listing};
use crate::{
    cache::LayerCache,
    image::Platform,
    registry::{Reference, Settings},
    scan::{self, Options, ScanError, Silent, chain},
    source::{Source, SourceError, filesystem::Tree},
    stop::Stop,
};
use async_trait::async_trait;
use rampart_model::{
    Package, PackageKind, RegistryImage, ScanReport,
    scan::{ScanTarget, TargetKind},
    scan_job::{CacheStat, Order, Outcome, RegistryAccess, ScanFailure},
};
use rampart_vuln::{db::Database, layer::Selection};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::runtime::Handle;

/// Where the database is; the newest there is, whenever asked. Opening is the rim's.
pub trait DatabaseSource: Send + Sync + 'static {
    /// # Errors
    /// For an operator: why there is none, and what to do.
    fn database(&self) -> Result<Arc<Database>, String>;
}

pub struct Engine {
    pub database: Arc<dyn DatabaseSource>,
    pub selection: Arc<Selection>,
    pub cache: Option<Arc<LayerCache>>,
    pub registry: Settings,
    /// Of images of several platforms; that of this machine if there is none.
    pub platform: Option<Platform>,
    /// Layers read at the same time.
    pub concurrency: usize,
    pub counts: Counts,
}

/// What came from the cache of layers, and what did not.
#[derive(Debug, Default)]
pub struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
}

fn permanent(reason: impl Into<String>) -> ScanFailure {
    ScanFailure {
        reason: reason.into(),
        retry: false,
    }
}

fn later(reason: impl Into<String>) -> ScanFailure {
    ScanFailure {
        reason: reason.into(),
        retry: true,
    }
}

fn failure(error: &ScanError) -> ScanFailure {
    match error {
        ScanError::Source(SourceError::Registry(error)) => listing::failure(error),
        ScanError::Layer { .. } | ScanError::WrongDigest { .. } | ScanError::Cancelled => {
            later(chain(error))
        }
        _ => permanent(chain(error)),
    }
}

#[async_trait]
impl ScanEngine for Engine {
    async fn run(&self, order: Order, stop: Stop) -> Result<Outcome, ScanFailure> {
        let report = match order {
            Order::List {
                access,
                filters,
                repo_limit,
                tag_limit,
            } => {
                let client = self.client(&access, &stop)?;
                let wanted = listing::Wanted {
                    filters: &filters,
                    repo_limit,
                    tag_limit,
                };
                let listed = listing::list(&client, &access, &wanted).await?;
                return Ok(Outcome::Listing(listed));
            }
            Order::Test { access, filters } => {
                let client = self.client(&access, &stop)?;
                let steps = listing::try_out(&client, &access, &filters).await;
                return Ok(Outcome::Tested(steps));
            }
            Order::Image { access, image, .. } => self.image(access, image, stop).await?,
            Order::Workload {
                workload,
                pid,
                cgroup_path,
                image,
                image_digest,
                executed,
            } => {
                let selection = self.selection.clone();
                let name = if image.is_empty() {
                    workload.to_string()
                } else {
                    image
                };
                let mut report =
                    aside(move || container(pid, &cgroup_path, &selection, executed, &stop))
                        .await?;
                report.target.name = name;
                report.target.digest = image_digest;
                report
            }
            Order::Host { executed, .. } => {
                let selection = self.selection.clone();
                aside(move || tree(Tree::host(), &selection, executed, &stop)).await?
            }
            Order::Platform { name, version } => platform(&name, &version),
            Order::Rematch { previous } => *previous,
        };
        self.judged(report)
            .await
            .map(|report| Outcome::Report(Box::new(report)))
    }

    async fn status(&self) -> EngineStatus {
        let (database, database_error) = match self.database.database() {
            Ok(database) => (Some(database.info().summary()), String::new()),
            Err(reason) => (None, reason),
        };
        EngineStatus {
            database,
            database_error,
            cache: CacheStat {
                hits: self.counts.hits.load(Ordering::Relaxed),
                misses: self.counts.misses.load(Ordering::Relaxed),
                ..CacheStat::default()
            },
        }
    }
}

/// Work that blocks, off the threads that serve.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ScanFailure> + Send + 'static,
) -> Result<T, ScanFailure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(later("the scanner broke over it; its log says where")),
    }
}

impl Engine {
    fn client(
        &self,
        access: &RegistryAccess,
        stop: &Stop,
    ) -> Result<crate::registry::Client, ScanFailure> {
        listing::client(&self.registry, access, stop).map_err(|error| listing::failure(&error))
    }

    async fn image(
        &self,
        access: RegistryAccess,
        image: RegistryImage,
        stop: Stop,
    ) -> Result<ScanReport, ScanFailure> {
        let client = Arc::new(self.client(&access, &stop)?);
        let host = listing::host_of(&access.url);
        let reference = Reference {
            repository: listing::repository_of(&host, &image.repository),
            registry: host,
            tag: if image.tag.is_empty() && image.digest.is_empty() {
                "latest".to_owned()
            } else {
                image.tag
            },
            digest: image.digest,
        };
        let options = Options {
            selection: self.selection.clone(),
            concurrency: self.concurrency,
            cache: self.cache.clone(),
            stop,
            ..Options::default()
        };
        let (runtime, platform) = (Handle::current(), self.platform.clone());
        let inspected = aside(move || {
            let source =
                crate::source::registry::open(client, &runtime, &reference, platform.as_ref())
                    .map_err(|error| failure(&ScanError::Source(error)))?;
            scan::inspect(source, &options, &Silent).map_err(|error| failure(&error))
        })
        .await?;
        let layers = inspected.report.target.layers.len();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.counts
            .hits
            .fetch_add(count(inspected.cached_layers), Ordering::Relaxed);
        let read = layers.saturating_sub(inspected.cached_layers);
        self.counts.misses.fetch_add(count(read), Ordering::Relaxed);
        Ok(inspected.report)
    }

    /// With what the database says; without one, packages alone and a problem that says so.
    async fn judged(&self, mut report: ScanReport) -> Result<ScanReport, ScanFailure> {
        report.scanned_at = scan::now();
        let database = match self.database.database() {
            Ok(database) => database,
            Err(reason) => {
                scan::leave_unjudged(&mut report, reason);
                return Ok(report);
            }
        };
        let options = scan::match_options(report.target.kind);
        aside(move || {
            scan::judge(&mut report, &database, &options)
                .map_err(|error| later(format!("the vulnerability database: {}", chain(&error))))?;
            Ok(report)
        })
        .await
    }
}

/// A container that runs here, while its first process is the one that was named.
fn container(
    pid: u32,
    cgroup_path: &str,
    selection: &Arc<Selection>,
    executed: Vec<String>,
    stop: &Stop,
) -> Result<ScanReport, ScanFailure> {
    let here = || is_in(pid, cgroup_path);
    if !here() {
        return Err(permanent("the container does not run any more"));
    }
    let report = tree(Tree::of_process(pid), selection, executed, stop)?;
    if here() {
        Ok(report)
    } else {
        Err(permanent("the container ended while it was scanned"))
    }
}

/// Whether a process belongs to a cgroup. Without a path nothing can be compared.
fn is_in(pid: u32, cgroup_path: &str) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
        return false;
    };
    let wanted = cgroup_path.trim_end_matches('/');
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    wanted.is_empty()
        || paths.into_iter().any(|path| {
            // Seen from another cgroup namespace it begins elsewhere.
            path == wanted
                || path
                    .strip_prefix(wanted)
                    .is_some_and(|rest| rest.starts_with('/'))
                || path.ends_with(wanted)
        })
}

fn tree(
    tree: Tree,
    selection: &Arc<Selection>,
    executed: Vec<String>,
    stop: &Stop,
) -> Result<ScanReport, ScanFailure> {
    let options = Options {
        selection: Arc::clone(selection),
        executed,
        stop: stop.clone(),
        ..Options::default()
    };
    match scan::inspect(Source::Tree(tree), &options, &Silent) {
        Ok(inspected) => Ok(inspected.report),
        Err(ScanError::TimedOut) => Err(permanent("the scan took longer than it may")),
        Err(error) => Err(failure(&error)),
    }
}

/// The orchestrator as the packages it is made of, where its version is known.
fn platform(name: &str, version: &str) -> ScanReport {
    let mut report = ScanReport {
        target: ScanTarget {
            kind: TargetKind::Host,
            name: name.to_owned(),
            tag: version.to_owned(),
            ..ScanTarget::default()
        },
        ..ScanReport::default()
    };
    if name == "Kubernetes" && !version.is_empty() {
        let version = format!("v{}", version.trim_start_matches('v'));
        report.packages.push(Package::new(
            PackageKind::Golang,
            "k8s.io/kubernetes",
            version,
        ));
    }
    report
}
