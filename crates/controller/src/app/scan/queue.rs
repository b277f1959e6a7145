//! The durable queue. A job is in the store until its result is, in one transaction with it; who
//! holds its lease may report.
//!
//! Crashes: a scanner that dies loses its lease, and the job is taken again: when the lease ends, or
//! as soon as the scanner is back and asks for work. A controller that
//! dies has committed the result or not; if not, the job is still there. A report that comes twice
//! is known by the job's id in the result. Events are kept first, under an id made from the job's,
//! so that they are neither missing nor double.

use super::{JOB, LISTING, RESULT, ScanDraft, Scans};
use crate::{App, AppError};
use rampart_model::{
    Timestamp,
    registry::RegistryListing,
    scan_job::{
        JobTarget, Lease, Order, Outcome, Priority, ScanFailure, ScanJob, ScanStatus, ScanSummary,
        ScannerInfo, Work,
    },
};
use std::{sync::Arc, time::Duration};

pub(crate) const MAX_JOBS: usize = 50_000;
/// A job that was taken so often without a result has failed.
pub const MAX_ATTEMPTS: u32 = 5;
/// A lease that is not renewed ends then.
pub(crate) const LEASE_MS: i64 = 60_000;
/// Pause after the first failure; it doubles with each further one.
const PAUSE_MS: i64 = 30_000;
const MAX_PAUSE_MS: i64 = 3_600_000;
/// How long a scanner that asks for work may wait for it.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// Leases and pauses end by the clock, which no change announces.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A wish to scan something.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub target: JobTarget,
    pub priority: Priority,
    pub rematch: bool,
}

impl Asked {
    pub fn new(target: JobTarget, priority: Priority) -> Self {
        Self {
            target,
            priority,
            rematch: false,
        }
    }
}

/// How a wish changes the queue.
pub(super) fn enqueue(
    scans: &Scans,
    draft: &mut ScanDraft,
    asked: &[Asked],
    now: Timestamp,
) -> Result<usize, AppError> {
    let mut added = 0;
    for wish in asked {
        let key = wish.target.key();
        let known = scans.jobs.get(&key);
        if known.is_some_and(|job| !improves(job, wish)) {
            continue;
        }
        if known.is_none() && scans.jobs.len() + added >= MAX_JOBS {
            return Err(AppError::TooMany { what: "scan jobs" });
        }
        added += usize::from(known.is_none());
        let job = ScanJob {
            id: known.map_or_else(|| uuid::Uuid::now_v7().to_string(), |job| job.id.clone()),
            target: wish.target.clone(),
            rematch: wish.rematch && known.is_none_or(|job| job.rematch),
            priority: known.map_or(wish.priority, |job| job.priority.max(wish.priority)),
            attempts: 0,
            queued_at: known.map_or(now, |job| job.queued_at),
            not_before: Timestamp::UNKNOWN,
            lease: None,
            error: String::new(),
        };
        draft.put(JOB, &key, &job)?;
    }
    Ok(added)
}

/// Whether a wish asks for more than the job that waits already. One that is being worked on is
/// left alone.
fn improves(job: &ScanJob, wish: &Asked) -> bool {
    job.lease.is_none() && (wish.priority > job.priority || (job.rematch && !wish.rematch))
}

fn takeable(job: &ScanJob, scanner: &ScannerInfo, now: Timestamp) -> bool {
    let free = job
        .lease
        .as_ref()
        .is_none_or(|lease| lease.until <= now || is_left_over(lease, scanner));
    let here = job.rematch || job.target.node().is_none_or(|node| *node == scanner.node);
    let able = !job.rematch || scanner.database.is_some();
    free && here && able && job.not_before <= now
}

/// Whether an earlier process of this scanner took it: that one ended, and will not report.
fn is_left_over(lease: &Lease, scanner: &ScannerInfo) -> bool {
    lease.scanner == scanner.id && lease.session != scanner.session && !scanner.session.is_empty()
}

fn next<'a>(scans: &'a Scans, scanner: &ScannerInfo, now: Timestamp) -> Option<&'a Arc<ScanJob>> {
    let fit = scans
        .jobs
        .values()
        .filter(|job| takeable(job, scanner, now));
    fit.min_by_key(|job| (std::cmp::Reverse(job.priority), job.queued_at, &job.id))
}

fn holds(scans: &Scans, lease: &str) -> Option<Arc<ScanJob>> {
    let held = |job: &&Arc<ScanJob>| job.lease.as_ref().is_some_and(|l| l.id == lease);
    scans.jobs.values().find(held).cloned()
}

fn pause(attempts: u32) -> i64 {
    PAUSE_MS
        .saturating_mul(1 << attempts.saturating_sub(1).min(20))
        .min(MAX_PAUSE_MS)
}

impl App {
    /// Queues scans; what is queued already is not queued twice.
    pub async fn enqueue_scans(&self, asked: Vec<Asked>) -> Result<usize, AppError> {
        let now = self.now();
        self.change_scans(|scans, draft| enqueue(scans, draft, &asked, now))
            .await
    }

    /// Work for a scanner, waited for if there is none. The scanner holds its lease until it
    /// reports, gives up, or the lease ends without being renewed.
    pub async fn take_work(
        &self,
        scanner: ScannerInfo,
        wait: Duration,
    ) -> Result<Option<Work>, AppError> {
        self.note_scanner(&scanner).await?;
        let deadline = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        let mut changes = self.scan_changes();
        loop {
            changes.mark_unchanged();
            if let Some(work) = self.take_trial(&scanner) {
                return Ok(Some(work));
            }
            match self.try_take(&scanner).await {
                // Another controller gave it away first.
                Err(AppError::Conflict) => continue,
                Ok(None) => {}
                other => return other,
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let _ = tokio::time::timeout(left.min(LOOK_AGAIN), changes.changed()).await;
        }
    }

    async fn try_take(&self, scanner: &ScannerInfo) -> Result<Option<Work>, AppError> {
        loop {
            let Some(job) = self.lease_next(scanner).await? else {
                return Ok(None);
            };
            if job.attempts > MAX_ATTEMPTS {
                let reason = if job.error.is_empty() {
                    format!("{MAX_ATTEMPTS} scanners took it and none came back with a result")
                } else {
                    job.error.clone()
                };
                self.conclude_failed(&job, &reason, scanner).await?;
                continue;
            }
            let lease = job.lease.clone().unwrap_or_default();
            if let Some(order) = self.order(&job).await? {
                return Ok(Some(Work {
                    lease: lease.id,
                    order,
                    lease_ms: LEASE_MS,
                }));
            }
            // What it was about is gone.
            self.drop_job(&job).await?;
        }
    }

    /// Leases the most urgent job this scanner can do.
    async fn lease_next(&self, scanner: &ScannerInfo) -> Result<Option<ScanJob>, AppError> {
        let now = self.now();
        self.change_scans(|scans, draft| {
            let Some(job) = next(scans, scanner, now) else {
                return Ok(None);
            };
            let mut job = ScanJob::clone(job);
            job.attempts += 1;
            job.lease = Some(Lease {
                // The job's id is in it, so that a report whose answer was lost is known again.
                id: format!("{}.{}", job.id, uuid::Uuid::new_v4()),
                scanner: scanner.id.clone(),
                session: scanner.session.clone(),
                until: Timestamp(now.ms().saturating_add(LEASE_MS)),
            });
            draft.put(JOB, &job.target.key(), &job)?;
            Ok(Some(job))
        })
        .await
    }

    async fn drop_job(&self, job: &ScanJob) -> Result<(), AppError> {
        self.change_scans(|scans, draft| {
            let key = job.target.key();
            if scans.jobs.get(&key).is_some_and(|known| known.id == job.id) {
                draft.delete(JOB, &key);
            }
            Ok(())
        })
        .await
    }

    /// Keeps a lease for another while.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if the lease is no longer held: stop working on it.
    pub async fn renew_lease(&self, lease: &str) -> Result<(), AppError> {
        if self.has_trial(lease) {
            return Ok(());
        }
        let until = Timestamp(self.now().ms().saturating_add(LEASE_MS));
        let scanner = self
            .change_scans(|scans, draft| {
                let mut job = ScanJob::clone(&*holds(scans, lease).ok_or(AppError::Conflict)?);
                let mut scanner = String::new();
                if let Some(lease) = &mut job.lease {
                    lease.until = until;
                    scanner.clone_from(&lease.scanner);
                }
                draft.put(JOB, &job.target.key(), &job)?;
                Ok(scanner)
            })
            .await?;
        self.note_seen(&scanner);
        Ok(())
    }

    /// Takes a result in. Coming twice, the second is acknowledged and changes nothing.
    ///
    /// # Errors
    /// [`AppError::Conflict`] if the lease was lost and the work is not known as done.
    pub async fn finish_work(
        &self,
        lease: &str,
        scanner: &str,
        outcome: Outcome,
    ) -> Result<(), AppError> {
        if self.finish_trial(lease, &outcome) {
            return Ok(());
        }
        let Some(job) = self.scans(|scans| holds(scans, lease)) else {
            return if self.is_done(lease) {
                Ok(())
            } else {
                Err(AppError::Conflict)
            };
        };
        match (outcome, &job.target) {
            (Outcome::Listing(listed), JobTarget::Listing { registry }) => {
                self.take_listing(&job, registry, listed).await?;
            }
            (Outcome::Report(report), target) if !matches!(target, JobTarget::Listing { .. }) => {
                self.take_report(&job, scanner, *report).await?;
            }
            _ => {
                return Err(AppError::invalid(
                    "the outcome is not of the kind that was ordered",
                ));
            }
        }
        self.note_done(lease, scanner, &job);
        Ok(())
    }

    /// Notes that it could not be done: tried again after a pause, or over.
    pub async fn fail_work(
        &self,
        lease: &str,
        scanner: &str,
        failure: ScanFailure,
    ) -> Result<(), AppError> {
        if self.fail_trial(lease, &failure) {
            return Ok(());
        }
        let Some(job) = self.scans(|scans| holds(scans, lease)) else {
            return if self.is_done(lease) {
                Ok(())
            } else {
                Err(AppError::Conflict)
            };
        };
        let reason: String = failure.reason.chars().take(2000).collect();
        if failure.retry && job.attempts < MAX_ATTEMPTS {
            let not_before = Timestamp(self.now().ms().saturating_add(pause(job.attempts)));
            self.change_scans(|scans, draft| {
                let mut job = ScanJob::clone(&*holds(scans, lease).ok_or(AppError::Conflict)?);
                job.lease = None;
                job.not_before = not_before;
                job.error.clone_from(&reason);
                draft.put(JOB, &job.target.key(), &job)
            })
            .await?;
        } else {
            let info = self.scanner(scanner).unwrap_or_else(|| ScannerInfo {
                id: scanner.to_owned(),
                ..ScannerInfo::default()
            });
            self.conclude_failed(&job, &reason, &info).await?;
        }
        self.note_failed(lease, scanner);
        Ok(())
    }

    /// Ends a job that failed. What an earlier scan found stays, marked as failed since.
    async fn conclude_failed(
        &self,
        job: &ScanJob,
        reason: &str,
        scanner: &ScannerInfo,
    ) -> Result<(), AppError> {
        self.record(vec![self.failed_record(job, reason)]).await?;
        let now = self.now();
        self.change_scans(|scans, draft| {
            let key = job.target.key();
            match scans.jobs.get(&key) {
                Some(known) if known.id == job.id => draft.delete(JOB, &key),
                _ => return Ok(()),
            }
            if let JobTarget::Listing { registry } = &job.target {
                let known = scans
                    .listings
                    .get(registry)
                    .map(|l| RegistryListing::clone(l));
                let listing = RegistryListing {
                    error: reason.to_owned(),
                    listed_at: now,
                    ..known.unwrap_or_default()
                };
                return draft.put(LISTING, registry, &listing);
            }
            let before = scans.results.get(&key).map(|s| ScanSummary::clone(s));
            let summary = ScanSummary {
                job: job.id.clone(),
                status: ScanStatus::Failed,
                error: reason.to_owned(),
                scanned_at: now,
                scanner: scanner.id.clone(),
                scanner_version: scanner.version.clone(),
                ..before.unwrap_or_else(|| super::result::unscanned(&job.target))
            };
            draft.put(RESULT, &key, &summary)
        })
        .await
    }

    /// All a scanner needs; `None` if what the job is about is gone.
    async fn order(&self, job: &ScanJob) -> Result<Option<Order>, AppError> {
        if job.rematch {
            return self.rematch_order(job).await;
        }
        Ok(match &job.target {
            JobTarget::Listing { registry } => self.scans(|scans| {
                let registry = scans.registries.get(registry)?;
                Some(Order::List {
                    access: super::super::registry::access(registry),
                    filters: registry.filters.clone(),
                    repo_limit: registry.repo_limit,
                    tag_limit: registry.tag_limit,
                })
            }),
            JobTarget::Image { registry, image } => self.scans(|scans| {
                let registry = scans.registries.get(registry)?;
                Some(Order::Image {
                    access: super::super::registry::access(registry),
                    image: image.clone(),
                    scan_layers: registry.scan_layers,
                })
            }),
            JobTarget::Repository(request) => Some(Order::Image {
                access: request.access.clone(),
                image: rampart_model::RegistryImage {
                    repository: request.repository.clone(),
                    tag: request.tag.clone(),
                    digest: String::new(),
                },
                scan_layers: request.scan_layers,
            }),
            JobTarget::Workload { workload, node } => self.workload_order(workload, node).await,
            JobTarget::Host { node } => Some(Order::Host {
                node: node.clone(),
                executed: self.executed(node, &"".into()).await,
            }),
            JobTarget::Platform { name, version } => Some(Order::Platform {
                name: name.clone(),
                version: version.clone(),
            }),
        })
    }

    async fn rematch_order(&self, job: &ScanJob) -> Result<Option<Order>, AppError> {
        let key = job.target.key();
        let known = self.scans(|scans| scans.results.get(&key).cloned());
        let Some(summary) = known.filter(|summary| !summary.artifact.is_empty()) else {
            return Ok(None);
        };
        Ok(self
            .artifact(&summary.artifact)
            .await?
            .map(|previous| Order::Rematch {
                previous: Box::new(previous),
            }))
    }

    async fn workload_order(
        &self,
        id: &rampart_model::WorkloadId,
        node: &rampart_model::NodeId,
    ) -> Option<Order> {
        let view = self.workload(id.as_str()).ok()?;
        let workload = &view.workload;
        if !workload.running || workload.pid == 0 {
            return None;
        }
        Some(Order::Workload {
            workload: id.clone(),
            pid: workload.pid,
            cgroup_path: workload.cgroup_path.clone(),
            image: workload.image.clone(),
            image_digest: workload.image_digest.clone(),
            executed: self.executed(node, id).await,
        })
    }

    /// Files a container was seen executing; none where the node does not say, which marks nothing
    /// as in use but does not stop the scan.
    async fn executed(
        &self,
        node: &rampart_model::NodeId,
        id: &rampart_model::WorkloadId,
    ) -> Vec<String> {
        let query = rampart_model::Query::Executed(id.clone());
        match self.0.deps.agents.query(node, query).await {
            Ok(rampart_model::Reply::Executed(paths)) => paths,
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// Takes a registry's list of images and queues those without a result, in one transaction.
    async fn take_listing(
        &self,
        job: &ScanJob,
        registry: &str,
        listed: rampart_model::scan_job::Listed,
    ) -> Result<(), AppError> {
        let now = self.now();
        self.change_scans(|scans, draft| {
            let key = job.target.key();
            if scans.jobs.get(&key).is_none_or(|known| known.id != job.id) {
                return Ok(());
            }
            draft.delete(JOB, &key);
            let Some(known) = scans.registries.get(registry) else {
                return Ok(());
            };
            let listing = super::super::registry::listing(known, &listed, job.queued_at, now);
            let wishes = super::super::registry::unscanned(scans, known, &listing);
            draft.put(LISTING, registry, &listing)?;
            match enqueue(scans, draft, &wishes, now) {
                // The rest comes with the next listing.
                Err(AppError::TooMany { .. }) | Ok(_) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Takes a report: artifact, event, then job and result in one transaction.
    async fn take_report(
        &self,
        job: &ScanJob,
        scanner: &str,
        report: rampart_model::ScanReport,
    ) -> Result<(), AppError> {
        let artifact = self.keep_artifact(&report).await?;
        let info = self.scanner(scanner).unwrap_or_else(|| ScannerInfo {
            id: scanner.to_owned(),
            ..ScannerInfo::default()
        });
        let mut summary = super::result::summarise(job, &report);
        summary.artifact = artifact;
        summary.scanner = info.id;
        summary.scanner_version = info.version;
        if !summary.scanned_at.is_known() {
            summary.scanned_at = self.now();
        }
        self.name_result(job, &mut summary);
        self.record(vec![self.report_record(job, &summary)]).await?;
        let replaced = self
            .change_scans(|scans, draft| {
                let key = job.target.key();
                if scans.jobs.get(&key).is_none_or(|known| known.id != job.id) {
                    return Ok(None);
                }
                draft.delete(JOB, &key);
                draft.put(RESULT, &key, &summary)?;
                // An image that was asked for by name is known by its digest too.
                if matches!(job.target, JobTarget::Repository(_)) && !summary.digest.is_empty() {
                    let name = format!("image/{}", summary.digest);
                    let mut image = summary.clone();
                    image.kind = rampart_model::scan_job::ScanKind::Image;
                    if scans
                        .by_digest(&summary.digest)
                        .is_none_or(|(n, _)| n == name)
                    {
                        draft.put(RESULT, &name, &image)?;
                    }
                }
                Ok(scans
                    .results
                    .get(&key)
                    .map(|before| before.artifact.clone()))
            })
            .await?;
        if let Some(name) = replaced {
            self.drop_artifact_unless_used(&name).await;
        }
        Ok(())
    }
}
