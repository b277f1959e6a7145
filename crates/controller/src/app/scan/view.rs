//! How far scans are and what they found, counted with what is accepted left out.

use super::{
    Scans,
    accept::{Acceptance, Place},
};
use crate::{
    App, AppError,
    app::{WorkloadView, lock},
};
use rampart_model::{
    Registry, RegistryImage, ScanReport, Severity, WorkloadId,
    registry::RegistryListing,
    scan::{DatabaseInfo, Suppression},
    scan_job::{JobTarget, Priority, ScanStatus, ScanSummary},
};
use std::{collections::BTreeMap, sync::Arc};

/// NeuVector's words for how far a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScanProgress {
    /// Never asked for.
    #[default]
    None,
    Scheduled,
    Scanning,
    Finished,
    Failed,
    Unsupported,
}

impl ScanProgress {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Scheduled => "scheduled",
            Self::Scanning => "scanning",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Findings that count, by severity, and among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub critical: u32,
    pub high: u32,
    pub medium: u32,
    pub low: u32,
    /// Negligible or without a severity.
    pub other: u32,
    pub fixable: u32,
    pub exploited: u32,
    pub in_use: u32,
    /// Not counted above: accepted by the profile, or by VEX or an ignore file.
    pub accepted: u32,
}

/// The last scan of one thing.
#[derive(Clone, Debug, Default)]
pub struct ScanView {
    /// Where the result is kept; empty if there is none.
    pub key: String,
    pub progress: ScanProgress,
    pub summary: Option<Arc<ScanSummary>>,
    pub counts: Counts,
}

/// An image of a registry.
#[derive(Clone, Debug)]
pub struct ImageRow {
    pub image: RegistryImage,
    pub scan: ScanView,
}

#[derive(Clone, Debug)]
pub struct RegistryView {
    pub registry: Arc<Registry>,
    pub listing: Arc<RegistryListing>,
    pub scheduled: usize,
    pub scanning: usize,
    pub scanned: usize,
    pub failed: usize,
    /// Being listed, or images of it are queued.
    pub busy: bool,
    pub database: DatabaseInfo,
}

/// Counts of the whole.
#[derive(Clone, Debug, Default)]
pub struct ScanTotals {
    pub scanned: usize,
    pub scheduled: usize,
    pub scanning: usize,
    pub failed: usize,
    pub database: DatabaseInfo,
}

pub(crate) fn count(summary: &ScanSummary, accepted: &Acceptance<'_>, place: Place<'_>) -> Counts {
    let mut counts = Counts::default();
    for finding in &summary.findings {
        if finding.suppressed || accepted.of(finding, place).is_some() {
            counts.accepted += 1;
            continue;
        }
        match finding.severity {
            Severity::Critical => counts.critical += 1,
            Severity::High => counts.high += 1,
            Severity::Medium => counts.medium += 1,
            Severity::Low => counts.low += 1,
            Severity::Negligible | Severity::Unknown => counts.other += 1,
        }
        counts.fixable += u32::from(!finding.fixed.is_empty());
        counts.exploited += u32::from(finding.exploited);
        counts.in_use += u32::from(finding.in_use);
    }
    counts
}

fn progress(scans: &Scans, job: &str, summary: Option<&Arc<ScanSummary>>) -> ScanProgress {
    if let Some(job) = scans.jobs.get(job)
        && !job.rematch
    {
        return if job.lease.is_some() {
            ScanProgress::Scanning
        } else {
            ScanProgress::Scheduled
        };
    }
    match summary.map(|s| s.status) {
        None => ScanProgress::None,
        Some(ScanStatus::Finished) => ScanProgress::Finished,
        Some(ScanStatus::Failed) => ScanProgress::Failed,
        Some(ScanStatus::Unsupported) => ScanProgress::Unsupported,
    }
}

/// The result of a workload: its own, else that of its image.
pub(crate) fn of_workload<'a>(
    scans: &'a Scans,
    id: &WorkloadId,
    digest: &str,
) -> Option<(String, &'a Arc<ScanSummary>)> {
    let key = format!("workload/{id}");
    if let Some(summary) = scans.results.get(&key) {
        return Some((key, summary));
    }
    let (key, summary) = scans.by_digest(digest)?;
    Some((key.to_owned(), summary))
}

/// Views made one after another under the same profile.
pub(crate) struct Viewer<'a> {
    pub(crate) scans: &'a Scans,
    accepted: Acceptance<'a>,
}

impl<'a> Viewer<'a> {
    pub(crate) fn new(scans: &'a Scans, now: rampart_model::Timestamp) -> Self {
        Self {
            scans,
            accepted: Acceptance::new(&scans.profile.value, now),
        }
    }

    fn view(
        &self,
        job: &str,
        found: Option<(String, &Arc<ScanSummary>)>,
        place: Place<'_>,
    ) -> ScanView {
        let summary = found.as_ref().map(|(_, summary)| Arc::clone(summary));
        ScanView {
            progress: progress(self.scans, job, summary.as_ref()),
            counts: summary
                .as_ref()
                .map(|s| count(s, &self.accepted, place))
                .unwrap_or_default(),
            key: found.map(|(key, _)| key).unwrap_or_default(),
            summary,
        }
    }

    pub(crate) fn workload(&self, view: &WorkloadView) -> ScanView {
        let it = &view.workload;
        let found = of_workload(self.scans, &it.id, &it.image_digest);
        let place = Place {
            domain: &it.domain,
            image: &it.image,
        };
        self.view(&format!("workload/{}", it.id), found, place)
    }

    pub(crate) fn named(&self, key: &str, place: Place<'_>) -> ScanView {
        let found = self.scans.results.get_key_value(key);
        self.view(key, found.map(|(k, s)| (k.clone(), s)), place)
    }

    pub(crate) fn image(&self, registry: &Registry, image: &RegistryImage) -> ScanView {
        let name = format!("{}{}:{}", registry.url, image.repository, image.tag);
        let found = self.scans.by_digest(&image.digest);
        let found = found.map(|(key, summary)| (key.to_owned(), summary));
        let place = Place {
            domain: "",
            image: &name,
        };
        self.view(&format!("image/{}", image.digest), found, place)
    }
}

impl App {
    pub(crate) fn viewing<T>(&self, look: impl FnOnce(&Viewer<'_>) -> T) -> T {
        let now = self.now();
        self.scans(|scans| look(&Viewer::new(scans, now)))
    }

    pub fn scan_totals(&self) -> ScanTotals {
        self.scans(|scans| {
            let leased = scans
                .jobs
                .values()
                .filter(|job| job.lease.is_some())
                .count();
            let of = |wanted: ScanStatus| {
                let kept = scans
                    .results
                    .iter()
                    .filter(|(k, _)| !k.starts_with("repository/"));
                kept.filter(|(_, s)| s.status == wanted).count()
            };
            ScanTotals {
                scanned: of(ScanStatus::Finished) + of(ScanStatus::Unsupported),
                failed: of(ScanStatus::Failed),
                scanning: leased,
                scheduled: scans.jobs.len() - leased,
                database: scans.database.value.clone(),
            }
        })
    }

    pub fn workload_scan(&self, id: &str) -> Result<ScanView, AppError> {
        let view = self.workload(id)?;
        Ok(self.viewing(|viewer| viewer.workload(&view)))
    }

    /// Scans of many workloads, in their order.
    pub fn workload_scans(&self, views: &[Arc<WorkloadView>]) -> Vec<ScanView> {
        self.viewing(|viewer| views.iter().map(|view| viewer.workload(view)).collect())
    }

    pub fn host_scan(&self, id: &str) -> ScanView {
        self.viewing(|viewer| viewer.named(&format!("host/{id}"), Place::default()))
    }

    pub fn platform_scan(&self) -> ScanView {
        self.viewing(|viewer| viewer.named("platform/platform", Place::default()))
    }

    /// Asks for a scan of a running container, now.
    pub async fn scan_workload(&self, id: &str) -> Result<(), AppError> {
        let view = self.workload(id)?;
        if !view.workload.running {
            return Err(AppError::invalid("the container does not run"));
        }
        let target = JobTarget::Workload {
            workload: view.workload.id.clone(),
            node: view.workload.node.clone(),
        };
        self.ask_scan(target).await
    }

    pub async fn scan_host(&self, id: &str) -> Result<(), AppError> {
        let view = self.node(id)?;
        self.ask_scan(JobTarget::Host { node: view.node.id }).await
    }

    pub async fn scan_platform(&self) -> Result<(), AppError> {
        let name = self.summary().platform;
        self.ask_scan(JobTarget::Platform {
            name,
            version: String::new(),
        })
        .await
    }

    pub(crate) async fn ask_scan(&self, target: JobTarget) -> Result<(), AppError> {
        self.enqueue_scans(vec![super::Asked::new(target, Priority::Asked)])
            .await
            .map(drop)
    }

    /// The whole report of a result, with what the profile accepts marked.
    pub async fn scan_report(
        &self,
        key: &str,
        place: Place<'_>,
    ) -> Result<(Arc<ScanSummary>, ScanReport), AppError> {
        let missing = || AppError::not_found("scan report of", key);
        let summary = self
            .scans(|scans| scans.results.get(key).cloned())
            .filter(|summary| !summary.artifact.is_empty())
            .ok_or_else(missing)?;
        let mut report = self
            .artifact(&summary.artifact)
            .await?
            .ok_or_else(missing)?;
        let now = self.now();
        self.scans(|scans| {
            let accepted = Acceptance::new(&scans.profile.value, now);
            mark_accepted(&mut report, &accepted, place);
        });
        Ok((summary, report))
    }

    /// Finds an image's result by digest, image id, or result key.
    pub fn image_result(&self, id: &str) -> Option<(String, Arc<ScanSummary>)> {
        self.scans(|scans| {
            let found = scans.by_digest(id);
            found.map(|(key, summary)| (key.to_owned(), summary.clone()))
        })
    }

    /// Images that run, by digest or name, each with a workload that runs it.
    pub fn running_images(&self) -> Vec<(Arc<WorkloadView>, ScanView)> {
        let mut images: BTreeMap<String, Arc<WorkloadView>> = BTreeMap::new();
        for view in self.workloads() {
            let it = &view.workload;
            if !it.running || it.sandbox {
                continue;
            }
            let name = if it.image_digest.is_empty() {
                &it.image
            } else {
                &it.image_digest
            };
            images.entry(name.clone()).or_insert_with(|| view.clone());
        }
        self.viewing(|viewer| {
            images
                .into_values()
                .map(|view| {
                    let scan = viewer.workload(&view);
                    (view, scan)
                })
                .collect()
        })
    }

    /// How many scanners are known.
    pub fn scanner_count(&self) -> usize {
        lock(&self.0.scanning.scanners).count()
    }
}

fn mark_accepted(report: &mut ScanReport, accepted: &Acceptance<'_>, place: Place<'_>) {
    for vulnerability in &mut report.vulnerabilities {
        if vulnerability.suppressed.is_some() {
            continue;
        }
        let finding = rampart_model::scan_job::Finding {
            id: vulnerability.id.clone(),
            fixed: vulnerability
                .fixed_versions
                .first()
                .cloned()
                .unwrap_or_default(),
            published_secs: rampart_api::convert::secs_of(&vulnerability.published),
            ..Default::default()
        };
        if let Some(entry) = accepted.of(&finding, place) {
            vulnerability.suppressed = Some(Suppression {
                by: "profile".to_owned(),
                reason: entry.comment.clone(),
                source: super::profile::DEFAULT.to_owned(),
            });
        }
    }
}
