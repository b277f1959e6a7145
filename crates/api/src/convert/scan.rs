//! Reports of scans.

use super::{Mistake, rfc3339, secs_of};
use crate::rest::scan::{self as wire, ScanResultSubmission, SubmittedVulnerability};
use rampart_model::{
    Package, PackageKind, ScanReport, Severity, Timestamp, Vulnerability,
    scan::{Cvss, DatabaseInfo, ScanTarget, Secret},
};
use std::collections::HashMap;

/// Findings a submitted report may have.
const MAX_SUBMITTED: usize = 100_000;

/// With a capital, as NeuVector writes it.
pub fn severity(severity: Severity) -> String {
    match severity {
        Severity::Unknown => "Unknown",
        Severity::Negligible => "Negligible",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
    .to_owned()
}

pub fn score(tenths: u8) -> f32 {
    f32::from(tenths) / 10.0
}

pub fn probability(ppm: u32) -> f64 {
    f64::from(ppm) / 1_000_000.0
}

/// A number in text, as clients parse it; `0.000` without a database.
pub fn database_version(database: Option<&DatabaseInfo>) -> String {
    match database.map(|d| d.version) {
        None | Some(0) => "0.000".to_owned(),
        Some(version) => version.to_string(),
    }
}

pub fn database_time(database: Option<&DatabaseInfo>) -> String {
    rfc3339(database.map_or(Timestamp::UNKNOWN, |d| d.built_at))
}

/// The highest score of the versions wanted.
fn best(all: &[Cvss], wanted: impl Fn(&str) -> bool) -> Option<&Cvss> {
    all.iter()
        .filter(|c| wanted(&c.version))
        .max_by_key(|c| c.score_tenths)
}

pub fn vulnerability(report: &ScanReport, found: &Vulnerability) -> wire::Vulnerability {
    let package = report.package_of(found);
    let v2 = best(&found.cvss, |v| v.starts_with('2'));
    let v3 = best(&found.cvss, |v| !v.starts_with('2'));
    let text = |cvss: Option<&Cvss>| cvss.map(|c| c.vector.clone()).unwrap_or_default();
    let number = |cvss: Option<&Cvss>| score(cvss.map_or(0, |c| c.score_tenths));
    let exploited = found.known_exploited.as_ref();
    let suppressed = found.suppressed.as_ref();
    wire::Vulnerability {
        name: found.id.clone(),
        score: number(v2),
        severity: severity(found.severity),
        vectors: text(v2),
        description: if found.description.is_empty() {
            found.title.clone()
        } else {
            found.description.clone()
        },
        file_name: package.map(path).unwrap_or_default(),
        package_name: package.map(|p| p.name.clone()).unwrap_or_default(),
        package_version: package.map(|p| p.version.clone()).unwrap_or_default(),
        fixed_version: found.fixed_versions.join(", "),
        link: found.references.first().cloned().unwrap_or_default(),
        score_v3: number(v3),
        vectors_v3: text(v3),
        published_timestamp: secs_of(&found.published),
        last_modified_timestamp: secs_of(&found.modified),
        cpes: Vec::new(),
        cves: found.aliases.clone(),
        feed_rating: found.feed.clone(),
        in_base_image: false,
        tags: suppressed
            .map(|_| "accepted".to_owned())
            .into_iter()
            .collect(),
        package_type: package.map(|p| p.kind.to_string()).unwrap_or_default(),
        status: found.status.name().to_owned(),
        severity_source: found.severity_source.clone(),
        exploited_since: exploited.map(|k| k.added.clone()).unwrap_or_default(),
        ransomware: exploited.is_some_and(|k| k.ransomware),
        epss: probability(found.epss.map_or(0, |e| e.probability_ppm)),
        in_use: package.is_some_and(|p| p.in_use),
        layer: package.and_then(|p| p.layer),
        accepted_by: suppressed.map(|s| s.by.clone()).unwrap_or_default(),
        accepted_reason: suppressed.map(|s| s.reason.clone()).unwrap_or_default(),
    }
}

fn path(package: &Package) -> String {
    if package.inner_path.is_empty() {
        package.path.clone()
    } else {
        format!("{}/{}", package.path, package.inner_path)
    }
}

fn secret(found: &Secret) -> wire::ScanSecret {
    wire::ScanSecret {
        kind: if found.title.is_empty() {
            found.rule.clone()
        } else {
            found.title.clone()
        },
        evidence: found.excerpt.clone(),
        path: found.path.clone(),
        suggestion: "Take it out of the image, and revoke it: it stays in the layer.".to_owned(),
        severity: severity(found.severity),
        line: found.line,
        layer: found.layer,
        deleted_later: found.deleted_later,
    }
}

fn shown(report: &ScanReport, accepted: bool) -> Vec<wire::Vulnerability> {
    let mut all: Vec<_> = report
        .vulnerabilities
        .iter()
        .filter(|v| accepted || v.suppressed.is_none())
        .collect();
    all.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    all.into_iter().map(|v| vulnerability(report, v)).collect()
}

fn modules(report: &ScanReport) -> Vec<wire::ScanModule> {
    let mut found: HashMap<u32, Vec<wire::ScanModuleCve>> = HashMap::new();
    for vulnerability in &report.vulnerabilities {
        found
            .entry(vulnerability.package)
            .or_default()
            .push(wire::ScanModuleCve {
                name: vulnerability.id.clone(),
                status: vulnerability.status.name().to_owned(),
            });
    }
    (0u32..)
        .zip(&report.packages)
        .map(|(place, package)| wire::ScanModule {
            name: package.name.clone(),
            file: path(package),
            version: package.version.clone(),
            source: package
                .source
                .as_ref()
                .map(|s| s.name.clone())
                .unwrap_or_default(),
            cves: found.remove(&place).unwrap_or_default(),
            cpes: Vec::new(),
            kind: package.kind.to_string(),
            licenses: package.licenses.clone(),
            in_use: package.in_use,
            layer: package.layer,
        })
        .collect()
}

fn set_id(report: &ScanReport) -> Vec<wire::ScanSetIdPerm> {
    let kind = |mode: u32| match (mode & 0o4000 != 0, mode & 0o2000 != 0) {
        (true, true) => "setuid,setgid",
        (false, true) => "setgid",
        _ => "setuid",
    };
    let all = report.privileged.iter();
    all.map(|file| wire::ScanSetIdPerm {
        kind: kind(file.mode).to_owned(),
        evidence: format!("mode {:o}, owner {}:{}", file.mode, file.uid, file.gid),
        path: file.path.clone(),
    })
    .collect()
}

fn issues(report: &ScanReport) -> Vec<wire::ScanConfigIssue> {
    let all = report.config_issues.iter();
    all.map(|issue| wire::ScanConfigIssue {
        id: issue.id.clone(),
        title: issue.title.clone(),
        severity: severity(issue.severity),
        detail: issue.detail.clone(),
        remediation: issue.remediation.clone(),
    })
    .collect()
}

fn problems(report: &ScanReport) -> Vec<wire::ScanProblem> {
    let all = report.problems.iter();
    all.map(|problem| wire::ScanProblem {
        path: problem.path.clone(),
        reason: problem.reason.clone(),
    })
    .collect()
}

fn commands(report: &ScanReport) -> Vec<String> {
    let all = report.target.layers.iter().map(|l| l.created_by.clone());
    all.filter(|command| !command.is_empty()).collect()
}

pub fn base_os(report: &ScanReport) -> String {
    match &report.distro {
        Some(distro) if !distro.id.is_empty() => {
            let finest = [&distro.full_version, &distro.version];
            let version = finest.into_iter().find(|v| !v.is_empty());
            version.map_or(distro.id.clone(), |v| format!("{}:{v}", distro.id))
        }
        _ => String::new(),
    }
}

/// `accepted` shows findings that do not count, too.
pub fn report(report: &ScanReport, accepted: bool) -> wire::ScanReport {
    let target = &report.target;
    let database = report.database.as_ref();
    wire::ScanReport {
        vulnerabilities: shown(report, accepted),
        modules: modules(report),
        checks: Vec::new(),
        secrets: report.secrets.iter().map(secret).collect(),
        setid_perms: set_id(report),
        envs: target.env.clone(),
        labels: target.labels.clone(),
        cmds: commands(report),
        signature_data: wire::ScanSignatureData::default(),
        config_issues: issues(report),
        problems: problems(report),
        base_os: base_os(report),
        end_of_life: report
            .distro
            .as_ref()
            .filter(|d| d.end_of_life)
            .map(|d| d.end_of_life_date.clone())
            .unwrap_or_default(),
        scanned_at: rfc3339(report.scanned_at),
        cvedb_version: database_version(database),
        cvedb_create_time: database_time(database),
        name: target.name.clone(),
        digest: target.digest.clone(),
        image_id: target.image_id.clone(),
    }
}

/// Each layer with what it brought; what no layer is known of is in the first.
pub fn layers(report: &ScanReport, accepted: bool) -> Vec<wire::ScanLayer> {
    let mut layers: Vec<_> = report
        .target
        .layers
        .iter()
        .map(|layer| wire::ScanLayer {
            digest: if layer.digest.is_empty() {
                layer.diff_id.clone()
            } else {
                layer.digest.clone()
            },
            cmds: layer.created_by.clone(),
            size: layer.size_bytes,
            ..wire::ScanLayer::default()
        })
        .collect();
    let place = |layer: Option<u32>| usize::try_from(layer.unwrap_or_default()).unwrap_or(0);
    for vulnerability in shown(report, accepted) {
        if let Some(layer) = layers.get_mut(place(vulnerability.layer)) {
            layer.vulnerabilities.push(vulnerability);
        }
    }
    for found in &report.secrets {
        if let Some(layer) = layers.get_mut(place(found.layer)) {
            layer.secrets.push(secret(found));
        }
    }
    for package in &report.packages {
        if let Some(layer) = layers.get_mut(place(package.layer)) {
            layer.packages += 1;
        }
    }
    layers
}

pub fn repository_report(
    found: &ScanReport,
    with_layers: bool,
    accepted: bool,
) -> wire::ScanRepoReport {
    let wire::ScanReport {
        vulnerabilities,
        modules,
        secrets,
        setid_perms,
        checks,
        envs,
        labels,
        cmds,
        config_issues,
        problems,
        base_os,
        cvedb_version,
        cvedb_create_time,
        ..
    } = report(found, accepted);
    let target = &found.target;
    wire::ScanRepoReport {
        verdict: String::new(),
        image_id: target.image_id.clone(),
        registry: target.registry.clone(),
        repository: target.repository.clone(),
        tag: target.tag.clone(),
        digest: target.digest.clone(),
        size: target.size_bytes,
        author: target.author.clone(),
        base_os,
        created_at: target.created_at.clone(),
        cvedb_version,
        cvedb_create_time,
        layers: if with_layers {
            layers(found, accepted)
        } else {
            Vec::new()
        },
        vulnerabilities,
        modules,
        secrets,
        setid_perms,
        checks,
        envs,
        labels,
        cmds,
        config_issues,
        problems,
    }
}

/// A report another scanner made, in our words.
pub fn submitted(wire: ScanResultSubmission) -> Result<ScanReport, Mistake> {
    if wire.vulnerabilities.len() > MAX_SUBMITTED || wire.modules.len() > MAX_SUBMITTED {
        let count = wire.vulnerabilities.len().max(wire.modules.len());
        return Err(Mistake::new(
            "vulnerabilities",
            &count.to_string(),
            "100000 at the most",
        ));
    }
    let mut report = ScanReport {
        target: ScanTarget {
            name: format!("{}:{}", wire.repository, wire.tag),
            registry: wire.registry,
            repository: wire.repository,
            tag: wire.tag,
            digest: wire.digest,
            image_id: wire.image_id,
            size_bytes: wire.size,
            author: wire.author,
            created_at: wire.created_at,
            env: wire.envs,
            labels: wire.labels,
            ..ScanTarget::default()
        },
        ..ScanReport::default()
    };
    let mut places: HashMap<(String, String), u32> = HashMap::new();
    for module in wire.modules {
        place(
            &mut report,
            &mut places,
            &module.name,
            &module.version,
            &module.file,
        );
    }
    for found in wire.vulnerabilities {
        let at = place(
            &mut report,
            &mut places,
            &found.package_name,
            &found.package_version,
            &found.file_name,
        );
        report.vulnerabilities.push(submitted_one(found, at)?);
    }
    Ok(report)
}

fn place(
    report: &mut ScanReport,
    places: &mut HashMap<(String, String), u32>,
    name: &str,
    version: &str,
    file: &str,
) -> u32 {
    *places
        .entry((name.to_owned(), version.to_owned()))
        .or_insert_with(|| {
            let mut package = Package::new(PackageKind::Binary, name, version);
            file.clone_into(&mut package.path);
            report.packages.push(package);
            u32::try_from(report.packages.len() - 1).unwrap_or(u32::MAX)
        })
}

fn submitted_one(found: SubmittedVulnerability, package: u32) -> Result<Vulnerability, Mistake> {
    let severity = found
        .severity
        .parse()
        .map_err(|_| Mistake::new("severity", &found.severity, "Critical, High, Medium or Low"))?;
    let cvss = |version: &str, score: f32, vector: String| Cvss {
        source: "submitted".to_owned(),
        version: version.to_owned(),
        vector,
        score_tenths: tenths(score),
    };
    let mut scores = Vec::new();
    if found.score > 0.0 {
        scores.push(cvss("2.0", found.score, found.vectors));
    }
    if found.score_v3 > 0.0 {
        scores.push(cvss("3.1", found.score_v3, found.vectors_v3));
    }
    let fixed: Vec<String> = [found.fixed_version]
        .into_iter()
        .filter(|v| !v.is_empty())
        .collect();
    Ok(Vulnerability {
        id: found.name,
        package,
        status: if fixed.is_empty() {
            rampart_model::scan::FixStatus::Affected
        } else {
            rampart_model::scan::FixStatus::Fixed
        },
        fixed_versions: fixed,
        severity,
        severity_source: "submitted".to_owned(),
        cvss: scores,
        description: found.description,
        references: [found.link].into_iter().filter(|l| !l.is_empty()).collect(),
        published: rfc3339(Timestamp(found.published_timestamp.saturating_mul(1000))),
        feed: "submitted".to_owned(),
        ..Vulnerability::default()
    })
}

/// The nearest of 0 to 100 tenths.
fn tenths(score: f32) -> u8 {
    (0..=100u8)
        .min_by(|a, b| {
            let far = |tenths: u8| (f32::from(tenths) / 10.0 - score).abs();
            far(*a).total_cmp(&far(*b))
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_rounded_and_bounded() {
        for (score, expected) in [(0.0, 0), (7.5, 75), (9.84, 98), (99.0, 100), (-1.0, 0)] {
            assert_eq!(tenths(score), expected, "{score}");
        }
        assert_eq!(database_version(None), "0.000");
    }

    #[test]
    fn a_layer_has_what_it_brought() {
        let mut package = Package::new(PackageKind::Deb, "openssl", "3.0.1-1");
        package.layer = Some(1);
        let layer = |digest: &str, command: &str| rampart_model::scan::Layer {
            digest: digest.into(),
            created_by: command.into(),
            ..Default::default()
        };
        let found = |id: &str, severity| Vulnerability {
            id: id.into(),
            severity,
            ..Vulnerability::default()
        };
        let report = ScanReport {
            target: ScanTarget {
                layers: vec![layer("sha256:a", "FROM"), layer("sha256:b", "RUN apt")],
                ..ScanTarget::default()
            },
            packages: vec![package],
            vulnerabilities: vec![
                found("CVE-1", Severity::Low),
                found("CVE-2", Severity::High),
            ],
            ..ScanReport::default()
        };
        let layers = layers(&report, false);
        assert_eq!((layers[0].packages, layers[1].packages), (0, 1));
        let names: Vec<_> = layers[1]
            .vulnerabilities
            .iter()
            .map(|v| v.name.as_str())
            .collect();
        assert_eq!(names, ["CVE-2", "CVE-1"], "the worst first");
        assert_eq!(layers[1].cmds, "RUN apt");
    }
}
