//! What is kept of a report for lists: its summary, and the records of it in the event log.

use super::MAX_FINDINGS;
use crate::{App, agent};
use rampart_model::{
    LogBody, LogLevel, LogRecord, ScanReport, Severity, Vulnerability,
    event::Audit,
    package::Distro,
    scan::ScanTarget,
    scan_job::{Finding, JobTarget, ScanJob, ScanStatus, ScanSummary},
};

/// Names in an audit record.
const MAX_ITEMS: usize = 64;
/// Of lists an image carries: environment, labels, layers.
const MAX_LIST: usize = 512;
const MAX_TEXT: usize = 4096;

/// What is known of a target before its first scan.
pub(crate) fn unscanned(target: &JobTarget) -> ScanSummary {
    let mut summary = ScanSummary {
        kind: target.kind(),
        ..ScanSummary::default()
    };
    match target {
        JobTarget::Listing { registry } => summary.registry.clone_from(registry),
        JobTarget::Image { registry, image } => {
            summary.registry.clone_from(registry);
            summary.repository.clone_from(&image.repository);
            summary.tag.clone_from(&image.tag);
            summary.asked_digest.clone_from(&image.digest);
            summary.name = image_name(&image.repository, &image.tag);
        }
        JobTarget::Repository(request) => {
            summary.registry.clone_from(&request.access.url);
            summary.repository.clone_from(&request.repository);
            summary.tag.clone_from(&request.tag);
            summary.name = image_name(&request.repository, &request.tag);
        }
        JobTarget::Workload { workload, .. } => summary.name = workload.to_string(),
        JobTarget::Host { node } => summary.name = node.to_string(),
        JobTarget::Platform { name, version } => {
            summary.name.clone_from(name);
            summary.tag.clone_from(version);
        }
    }
    summary
}

fn image_name(repository: &str, tag: &str) -> String {
    if tag.is_empty() {
        repository.to_owned()
    } else {
        format!("{repository}:{tag}")
    }
}

fn count<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

fn shortened(list: &[String]) -> Vec<String> {
    let cut = |text: &String| super::super::cut(text, MAX_TEXT).to_owned();
    list.iter().take(MAX_LIST).map(cut).collect()
}

fn base_os(distro: Option<&Distro>) -> String {
    let Some(distro) = distro.filter(|d| !d.id.is_empty()) else {
        return String::new();
    };
    let version = if distro.full_version.is_empty() {
        &distro.version
    } else {
        &distro.full_version
    };
    if version.is_empty() {
        distro.id.clone()
    } else {
        format!("{}:{version}", distro.id)
    }
}

/// Root by name, by number, or because nobody is named.
fn runs_as_root(target: &ScanTarget) -> bool {
    let user = target.user.split(':').next().unwrap_or_default();
    matches!(user, "" | "0" | "root")
}

pub(crate) fn summarise(job: &ScanJob, report: &ScanReport) -> ScanSummary {
    let target = &report.target;
    let mut summary = ScanSummary {
        job: job.id.clone(),
        digest: target.digest.clone(),
        image_id: target.image_id.clone(),
        size_bytes: target.size_bytes,
        author: target.author.clone(),
        created_at: target.created_at.clone(),
        run_as_root: runs_as_root(target),
        env: shortened(&target.env),
        labels: target
            .labels
            .iter()
            .take(MAX_LIST)
            .map(|(k, v)| (k.clone(), super::super::cut(v, MAX_TEXT).to_owned()))
            .collect(),
        layers: target
            .layers
            .iter()
            .take(MAX_LIST)
            .map(|l| l.digest.clone())
            .collect(),
        base_os: base_os(report.distro.as_ref()),
        base_os_end_of_life: report.distro.as_ref().is_some_and(|d| d.end_of_life),
        packages: count(&report.packages),
        secrets: count(&report.secrets),
        privileged: count(&report.privileged),
        config_issues: count(&report.config_issues),
        problems: count(&report.problems),
        findings: findings(report),
        database: report.database.clone(),
        scanned_at: report.scanned_at,
        ..unscanned(&job.target)
    };
    if report.vulnerabilities.len() > MAX_FINDINGS {
        summary.error = format!(
            "{} findings; the worst {MAX_FINDINGS} are listed, the report has them all",
            report.vulnerabilities.len()
        );
    }
    if report.packages.is_empty() && report.distro.is_none() {
        summary.status = ScanStatus::Unsupported;
    }
    summary
}

fn findings(report: &ScanReport) -> Vec<Finding> {
    let mut findings: Vec<Finding> = report
        .vulnerabilities
        .iter()
        .map(|vulnerability| finding(report, vulnerability))
        .collect();
    if findings.len() > MAX_FINDINGS {
        findings.sort_by_key(|f| std::cmp::Reverse((f.severity, f.score_tenths)));
        findings.truncate(MAX_FINDINGS);
    }
    findings
}

fn finding(report: &ScanReport, vulnerability: &Vulnerability) -> Finding {
    let package = report.package_of(vulnerability);
    let best = |wanted: &dyn Fn(&str) -> bool| {
        let scores = vulnerability.cvss.iter().filter(|c| wanted(&c.version));
        scores.map(|c| c.score_tenths).max().unwrap_or_default()
    };
    Finding {
        id: vulnerability.id.clone(),
        package: package.map(|p| p.name.clone()).unwrap_or_default(),
        version: package.map(|p| p.version.clone()).unwrap_or_default(),
        fixed: vulnerability
            .fixed_versions
            .first()
            .cloned()
            .unwrap_or_default(),
        severity: vulnerability.severity,
        score_tenths: best(&|version| !version.starts_with('2')),
        score_v2_tenths: best(&|version| version.starts_with('2')),
        exploited: vulnerability.known_exploited.is_some(),
        epss_ppm: vulnerability.epss.map_or(0, |epss| epss.probability_ppm),
        published_secs: rampart_api::convert::secs_of(&vulnerability.published),
        in_use: package.is_some_and(|p| p.in_use),
        suppressed: vulnerability.suppressed.is_some(),
    }
}

impl App {
    /// Puts in names only the controller knows: of containers, nodes, their images.
    pub(super) fn name_result(&self, job: &ScanJob, summary: &mut ScanSummary) {
        match &job.target {
            JobTarget::Workload { workload, .. } => {
                if let Ok(view) = self.workload(workload.as_str()) {
                    summary.name = view.workload.display_name().to_owned();
                    let (repository, tag) = split(&view.workload.image);
                    summary.repository = repository.to_owned();
                    summary.tag = tag.to_owned();
                    summary.asked_digest.clone_from(&view.workload.image_digest);
                }
            }
            JobTarget::Host { node } => {
                if let Ok(view) = self.node(node.as_str()) {
                    summary.name = view.node.name;
                }
            }
            _ => {}
        }
    }

    pub(super) fn report_record(&self, job: &ScanJob, summary: &ScanSummary) -> LogRecord {
        let of = |severity: Severity| {
            summary
                .findings
                .iter()
                .filter(move |f| !f.suppressed && f.severity == severity)
        };
        let number = |severity| u32::try_from(of(severity).count()).unwrap_or(u32::MAX);
        let (critical, high, medium) = (
            number(Severity::Critical),
            number(Severity::High),
            number(Severity::Medium),
        );
        let mut items: Vec<String> = of(Severity::Critical)
            .chain(of(Severity::High))
            .map(|f| f.id.clone())
            .collect();
        items.dedup();
        items.truncate(MAX_ITEMS);
        let message = format!(
            "scan of {}: {critical} critical, {high} high, {medium} medium vulnerabilities in {} packages",
            summary.name, summary.packages
        );
        let level = match (critical, high) {
            (0, 0) => LogLevel::Info,
            _ => LogLevel::Warning,
        };
        let body = Audit {
            items,
            image: image_name(&summary.repository, &summary.tag),
            registry: summary.registry.clone(),
            critical,
            high,
            medium,
            count: 1,
            ..Audit::default()
        };
        self.scan_record(job, level, message, body)
    }

    pub(super) fn failed_record(&self, job: &ScanJob, reason: &str) -> LogRecord {
        let summary = unscanned(&job.target);
        let message = match &job.target {
            JobTarget::Listing { registry } => {
                format!("the images of registry {registry} could not be listed: {reason}")
            }
            _ => format!("scan of {} failed: {reason}", summary.name),
        };
        let body = Audit {
            image: image_name(&summary.repository, &summary.tag),
            registry: summary.registry,
            count: 1,
            ..Audit::default()
        };
        self.scan_record(job, LogLevel::Error, message, body)
    }

    /// One record a job and outcome: its uid is made of the job's.
    fn scan_record(
        &self,
        job: &ScanJob,
        level: LogLevel,
        message: String,
        body: Audit,
    ) -> LogRecord {
        let name = match &job.target {
            JobTarget::Workload { .. } => "Container.Scan.Report",
            JobTarget::Host { .. } => "Host.Scan.Report",
            JobTarget::Platform { .. } => "Platform.Scan.Report",
            _ => "Registry.Scan.Report",
        };
        let mut record = LogRecord {
            uid: agent::uid(&format!("scan:{}", job.id)),
            at: self.now(),
            level,
            name: name.to_owned(),
            message,
            node: Default::default(),
            node_name: String::new(),
            workload: None,
            body: LogBody::Audit(body),
        };
        match &job.target {
            JobTarget::Workload { workload, .. } => {
                if let Ok(view) = self.workload(workload.as_str()) {
                    record.node = view.workload.node.clone();
                    record.node_name.clone_from(&view.workload.node_name);
                    record.workload = Some(super::super::workload_ref(&view.workload, &view.group));
                }
            }
            JobTarget::Host { node } => record.node = node.clone(),
            _ => {}
        }
        record
    }
}

/// `repository` and `tag` of an image's name; a digest is not a tag.
pub(crate) fn split(image: &str) -> (&str, &str) {
    let image = image.split('@').next().unwrap_or_default();
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        for (image, repository, tag) in [
            ("nginx:1.25", "nginx", "1.25"),
            ("localhost:5000/a/b", "localhost:5000/a/b", ""),
            ("localhost:5000/a/b:c", "localhost:5000/a/b", "c"),
            ("a@sha256:00", "a", ""),
        ] {
            assert_eq!(split(image), (repository, tag));
        }
    }
}
