//! Scans of an image somebody names, such as a build pipeline: asked for, waited for, delivered.
//!
//! Equal requests are one job. A result is delivered to whoever asks for the same within
//! [`FRESH_MS`] of it, so that a client whose connection broke gets it; later the image is looked
//! at again, since a tag may have moved.

use super::RESULT;
use crate::{App, AppError};
use rampart_model::{
    ScanReport,
    scan_job::{JobTarget, RepositoryRequest, ScanStatus, ScanSummary},
};
use std::{sync::Arc, time::Duration};

const FRESH_MS: i64 = 60_000;

/// How a request stands.
#[derive(Debug)]
pub enum Requested {
    /// Ask again.
    Waiting,
    Done(Arc<ScanSummary>, Box<ScanReport>),
    Failed(String),
}

impl App {
    /// Asks for a scan, and waits for it for a while.
    pub async fn scan_repository(
        &self,
        mut request: RepositoryRequest,
        wait: Duration,
    ) -> Result<Requested, AppError> {
        request.access.url = super::super::registry::check_url(&request.access.url)?;
        if request.repository.is_empty()
            || request.repository.len() > 450
            || request.tag.len() > 256
        {
            return Err(AppError::invalid(
                "a repository has a name of 1 to 450 bytes",
            ));
        }
        request.id = id(&request)?;
        let target = JobTarget::Repository(Box::new(request));
        let key = target.key();
        let deadline = tokio::time::Instant::now() + wait;
        let mut changes = self.scan_changes();
        loop {
            changes.mark_unchanged();
            if let Some(done) = self.requested(&key).await? {
                return Ok(done);
            }
            if self.scans(|scans| !scans.jobs.contains_key(&key)) {
                self.ask_scan(target.clone()).await?;
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return Ok(Requested::Waiting);
            }
            let _ = tokio::time::timeout(left, changes.changed()).await;
        }
    }

    async fn requested(&self, key: &str) -> Result<Option<Requested>, AppError> {
        let now = self.now();
        let found = self.scans(|scans| {
            let waits = scans.jobs.contains_key(key);
            scans.results.get(key).filter(|_| !waits).cloned()
        });
        let Some(summary) = found.filter(|s| now.since(s.scanned_at) < FRESH_MS) else {
            return Ok(None);
        };
        if summary.status == ScanStatus::Failed {
            return Ok(Some(Requested::Failed(summary.error.clone())));
        }
        let place = super::Place {
            domain: "",
            image: &summary.name,
        };
        let (summary, report) = self.scan_report(key, place).await?;
        Ok(Some(Requested::Done(summary, Box::new(report))))
    }

    /// Takes in a report another scanner made, such as one in a build pipeline.
    pub async fn submit_report(&self, registry: &str, report: ScanReport) -> Result<(), AppError> {
        if report.target.digest.is_empty() {
            return Err(AppError::invalid("the report names no digest of the image"));
        }
        let image = rampart_model::RegistryImage {
            repository: report.target.repository.clone(),
            tag: report.target.tag.clone(),
            digest: report.target.digest.clone(),
        };
        let target = JobTarget::Image {
            registry: registry.to_owned(),
            image,
        };
        let key = target.key();
        if key.len() > 900 {
            return Err(AppError::invalid("the digest is too long"));
        }
        let job = rampart_model::scan_job::ScanJob {
            id: uuid::Uuid::now_v7().to_string(),
            target,
            rematch: false,
            priority: Default::default(),
            attempts: 0,
            queued_at: self.now(),
            not_before: Default::default(),
            lease: None,
            error: String::new(),
        };
        let mut summary = super::result::summarise(&job, &report);
        summary.artifact = self.keep_artifact(&report).await?;
        summary.scanned_at = self.now();
        self.record(vec![self.report_record(&job, &summary)])
            .await?;
        self.change_scans(|_, draft| draft.put(RESULT, &key, &summary))
            .await
    }
}

/// A digest of all that tells requests apart. Two people with different passwords are two.
fn id(request: &RepositoryRequest) -> Result<String, AppError> {
    let text = crate::app::key::encode(request)?;
    Ok(super::report::name(&text))
}
