//! The JSON that Trivy's users read (schema version 2), so that their scripts go on.
//!
//! One result a package database or lock file, as Trivy groups them; the names of types, classes
//! and statuses are Trivy's. What Trivy has no word for (in use, owned by the distribution) is left
//! out: our own JSON has it.

use super::Shown;
use crate::purl::to_purl;
use rampart_model::{
    package::{Distro, Package, PackageKind},
    scan::{FixStatus, Layer, ScanReport, Severity, TargetKind, Vulnerability},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// `created_at` is RFC 3339.
pub fn write(report: &ScanReport, shown: &Shown, created_at: &str) -> String {
    let mut document = Map::new();
    document.insert("SchemaVersion".into(), json!(2));
    document.insert("CreatedAt".into(), json!(created_at));
    document.insert("ArtifactName".into(), json!(report.target.name));
    document.insert(
        "ArtifactType".into(),
        json!(artifact_type(report.target.kind)),
    );
    document.insert("Metadata".into(), metadata(report));
    let results = results(report, shown);
    if !results.is_empty() {
        document.insert("Results".into(), Value::Array(results));
    }
    serde_json::to_string_pretty(&Value::Object(document)).unwrap_or_default()
}

fn artifact_type(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Image => "container_image",
        TargetKind::Sbom => "cyclonedx",
        TargetKind::Filesystem | TargetKind::Rootfs | TargetKind::Container | TargetKind::Host => {
            "filesystem"
        }
    }
}

fn metadata(report: &ScanReport) -> Value {
    let target = &report.target;
    let mut metadata = Map::new();
    if let Some(distro) = &report.distro {
        let mut os = Map::new();
        os.insert("Family".into(), json!(family(distro)));
        os.insert("Name".into(), json!(distro.full_version));
        if distro.end_of_life {
            os.insert("EOSL".into(), json!(true));
        }
        metadata.insert("OS".into(), Value::Object(os));
    }
    if target.kind == TargetKind::Image {
        if target.size_bytes > 0 {
            metadata.insert("Size".into(), json!(target.size_bytes));
        }
        metadata.insert("ImageID".into(), json!(target.image_id));
        let diffs: Vec<&str> = target.layers.iter().map(|l| l.diff_id.as_str()).collect();
        metadata.insert("DiffIDs".into(), json!(diffs));
        if !target.tag.is_empty() {
            metadata.insert("RepoTags".into(), json!([target.name]));
        }
        if !target.digest.is_empty() && !target.repository.is_empty() {
            let slash = if target.registry.is_empty() { "" } else { "/" };
            let digest = format!(
                "{}{slash}{}@{}",
                target.registry, target.repository, target.digest
            );
            metadata.insert("RepoDigests".into(), json!([digest]));
        }
        metadata.insert("ImageConfig".into(), image_config(report));
    }
    Value::Object(metadata)
}

fn image_config(report: &ScanReport) -> Value {
    let target = &report.target;
    let history: Vec<Value> = target
        .layers
        .iter()
        .map(|l| json!({"created": l.created_at, "created_by": l.created_by, "comment": l.comment}))
        .collect();
    json!({
        "architecture": target.arch,
        "created": target.created_at,
        "os": target.os,
        "history": history,
        "rootfs": {
            "type": "layers",
            "diff_ids": target.layers.iter().map(|l| &l.diff_id).collect::<Vec<_>>(),
        },
        "config": {
            "Cmd": target.cmd,
            "Entrypoint": target.entrypoint,
            "Env": target.env,
            "Labels": target.labels,
            "User": target.user,
        },
    })
}

fn family(distro: &Distro) -> &str {
    match distro.id.as_str() {
        "almalinux" => "alma",
        "rhel" => "redhat",
        "ol" | "oraclelinux" => "oracle",
        "amzn" => "amazon",
        "opensuse-leap" => "opensuse.leap",
        "opensuse-tumbleweed" => "opensuse.tumbleweed",
        "sles" | "suse" => "suse linux enterprise server",
        "mariner" => "cbl-mariner",
        id => id,
    }
}

/// Type and class of the result a package belongs to.
fn result_kind<'a>(package: &Package, distro: Option<&'a Distro>) -> (&'static str, &'a str) {
    let file = package.path.rsplit('/').next().unwrap_or("");
    match package.kind {
        PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm | PackageKind::Alpm => {
            ("os-pkgs", distro.map_or("linux", family))
        }
        kind => ("lang-pkgs", language_type(kind, file)),
    }
}

fn language_type(kind: PackageKind, file: &str) -> &'static str {
    match kind {
        PackageKind::Npm => match file {
            "package-lock.json" | "npm-shrinkwrap.json" => "npm",
            "yarn.lock" => "yarn",
            "pnpm-lock.yaml" => "pnpm",
            "bun.lock" => "bun",
            _ => "node-pkg",
        },
        PackageKind::Pypi => match file {
            "poetry.lock" => "poetry",
            "Pipfile.lock" => "pipenv",
            "uv.lock" => "uv",
            "pylock.toml" => "pylock",
            name if name.starts_with("requirements") => "pip",
            _ => "python-pkg",
        },
        PackageKind::Gem if file == "Gemfile.lock" => "bundler",
        PackageKind::Gem => "gemspec",
        PackageKind::Cargo if file == "Cargo.lock" => "cargo",
        PackageKind::Cargo => "rustbinary",
        PackageKind::Golang if file == "go.mod" => "gomod",
        PackageKind::Golang => "gobinary",
        PackageKind::Maven => match file {
            "pom.xml" => "pom",
            name if name.ends_with("gradle.lockfile") => "gradle-lockfile",
            name if name.ends_with("sbt.lock") => "sbt-lockfile",
            _ => "jar",
        },
        PackageKind::Composer if file == "installed.json" => "composer-vendor",
        PackageKind::Composer => "composer",
        PackageKind::Nuget if file.ends_with(".deps.json") => "dotnet-core",
        PackageKind::Nuget if file.ends_with(".props") => "packages-props",
        PackageKind::Nuget => "nuget",
        PackageKind::Pub => "pub",
        PackageKind::Hex => "hex",
        PackageKind::Conan => "conan",
        PackageKind::Conda => "conda-pkg",
        PackageKind::Swift if file == "Podfile.lock" => "cocoapods",
        PackageKind::Swift => "swift",
        PackageKind::Cran => "r",
        PackageKind::Hackage => "haskell",
        _ => "binary",
    }
}

/// Files that hold one package each are put together under these names.
fn target(kind: &str, class: &str, package: &Package, report: &ScanReport) -> String {
    if class == "os-pkgs" {
        let distro = report.distro.as_ref();
        return distro.map_or_else(
            || report.target.name.clone(),
            |d| format!("{} ({} {})", report.target.name, family(d), d.full_version),
        );
    }
    match kind {
        "node-pkg" => "Node.js".to_owned(),
        "python-pkg" => "Python".to_owned(),
        "gemspec" => "Ruby".to_owned(),
        "jar" => "Java".to_owned(),
        "conda-pkg" => "Conda".to_owned(),
        _ => package.path.clone(),
    }
}

#[derive(Default)]
struct Group<'a> {
    packages: Vec<&'a Package>,
    vulnerabilities: Vec<(&'a Vulnerability, &'a Package)>,
}

fn results(report: &ScanReport, shown: &Shown) -> Vec<Value> {
    // OS packages first, then by type and target: the order is the same for the same report.
    let mut groups: BTreeMap<(bool, String, String), Group<'_>> = BTreeMap::new();
    let distro = report.distro.as_ref();
    let key = |package: &Package| {
        let (class, kind) = result_kind(package, distro);
        (
            class != "os-pkgs",
            kind.to_owned(),
            target(kind, class, package, report),
        )
    };
    for package in &report.packages {
        groups
            .entry(key(package))
            .or_default()
            .packages
            .push(package);
    }
    for found in report
        .vulnerabilities
        .iter()
        .filter(|v| shown.vulnerability(v))
    {
        if let Some(package) = report.package_of(found) {
            groups
                .entry(key(package))
                .or_default()
                .vulnerabilities
                .push((found, package));
        }
    }
    let mut results: Vec<Value> = groups
        .into_iter()
        .filter(|(_, group)| shown.all_packages || !group.vulnerabilities.is_empty())
        .map(|((language, kind, target), group)| {
            let class = if language { "lang-pkgs" } else { "os-pkgs" };
            package_result(&target, class, &kind, &group, report, shown)
        })
        .collect();
    results.extend(secret_results(report, shown));
    results.extend(license_results(report, shown));
    results
}

/// One result a package database or lock file, named as Trivy names those of licences.
fn license_results(report: &ScanReport, shown: &Shown) -> Vec<Value> {
    let mut groups: BTreeMap<(bool, String), Vec<Value>> = BTreeMap::new();
    let distro = report.distro.as_ref();
    for found in report
        .licenses
        .iter()
        .filter(|l| shown.severity(l.severity))
    {
        let at = usize::try_from(found.package).ok();
        let Some(package) = at.and_then(|at| report.packages.get(at)) else {
            continue;
        };
        let (class, kind) = result_kind(package, distro);
        let os = class == "os-pkgs";
        let target = match os {
            true => "OS Packages".to_owned(),
            false => target(kind, class, package, report),
        };
        groups.entry((!os, target)).or_default().push(json!({
            "Severity": severity(found.severity),
            "Category": found.category.name(),
            "PkgName": package.name,
            "FilePath": if os { String::new() } else { file_path(package) },
            "Name": found.license,
            "Confidence": 1,
            "Link": "",
        }));
    }
    groups
        .into_iter()
        .map(
            |((_, target), found)| json!({"Target": target, "Class": "license", "Licenses": found}),
        )
        .collect()
}

fn package_result(
    target: &str,
    class: &str,
    kind: &str,
    group: &Group<'_>,
    report: &ScanReport,
    shown: &Shown,
) -> Value {
    let mut result = Map::new();
    result.insert("Target".into(), json!(target));
    result.insert("Class".into(), json!(class));
    result.insert("Type".into(), json!(kind));
    if shown.all_packages {
        let all = group.packages.iter().map(|p| package_value(p, report));
        result.insert("Packages".into(), Value::Array(all.collect()));
    }
    if !group.vulnerabilities.is_empty() {
        let all = group
            .vulnerabilities
            .iter()
            .map(|(v, p)| vulnerability_value(v, p, report));
        result.insert("Vulnerabilities".into(), Value::Array(all.collect()));
    }
    Value::Object(result)
}

fn package_id(package: &Package) -> String {
    if package.kind == PackageKind::Maven {
        format!("{}:{}", package.name, package.version)
    } else {
        format!("{}@{}", package.name, package.version)
    }
}

fn layer_value(package: &Package, report: &ScanReport) -> Value {
    let layer: Option<&Layer> = package
        .layer
        .and_then(|index| report.target.layers.get(usize::try_from(index).ok()?));
    layer.map_or_else(
        || json!({}),
        |layer| {
            let mut value = Map::new();
            if !layer.digest.is_empty() {
                value.insert("Digest".into(), json!(layer.digest));
            }
            value.insert("DiffID".into(), json!(layer.diff_id));
            Value::Object(value)
        },
    )
}

fn package_value(package: &Package, report: &ScanReport) -> Value {
    let mut value = Map::new();
    value.insert("ID".into(), json!(package_id(package)));
    value.insert("Name".into(), json!(package.name));
    value.insert(
        "Identifier".into(),
        json!({"PURL": to_purl(package, report.distro.as_ref())}),
    );
    value.insert("Version".into(), json!(package.version));
    if !package.arch.is_empty() {
        value.insert("Arch".into(), json!(package.arch));
    }
    if let Some(source) = &package.source {
        value.insert("SrcName".into(), json!(source.name));
        value.insert("SrcVersion".into(), json!(source.version));
    }
    if !package.licenses.is_empty() {
        value.insert("Licenses".into(), json!(package.licenses));
    }
    if !package.supplier.is_empty() && package.kind.is_os() {
        value.insert("Maintainer".into(), json!(package.supplier));
    }
    if package.dev {
        value.insert("Dev".into(), json!(true));
    }
    if !package.depends_on.is_empty() {
        value.insert("DependsOn".into(), json!(package.depends_on));
    }
    value.insert("Layer".into(), layer_value(package, report));
    if !package.kind.is_os() {
        value.insert("FilePath".into(), json!(file_path(package)));
    }
    Value::Object(value)
}

fn file_path(package: &Package) -> String {
    if package.inner_path.is_empty() {
        package.path.clone()
    } else {
        format!("{}/{}", package.path, package.inner_path)
    }
}

fn vulnerability_value(found: &Vulnerability, package: &Package, report: &ScanReport) -> Value {
    let mut value = Map::new();
    value.insert("VulnerabilityID".into(), json!(found.id));
    value.insert("PkgID".into(), json!(package_id(package)));
    value.insert("PkgName".into(), json!(package.name));
    if !package.kind.is_os() {
        value.insert("PkgPath".into(), json!(file_path(package)));
    }
    value.insert(
        "PkgIdentifier".into(),
        json!({"PURL": to_purl(package, report.distro.as_ref())}),
    );
    value.insert("InstalledVersion".into(), json!(package.version));
    if !found.fixed_versions.is_empty() {
        value.insert(
            "FixedVersion".into(),
            json!(found.fixed_versions.join(", ")),
        );
    }
    value.insert("Status".into(), json!(status(found)));
    value.insert("Layer".into(), layer_value(package, report));
    value.insert("SeveritySource".into(), json!(found.severity_source));
    if let Some(url) = found.references.first() {
        value.insert("PrimaryURL".into(), json!(url));
    }
    value.insert(
        "DataSource".into(),
        json!({"ID": found.feed, "Name": found.feed}),
    );
    for (name, text) in [("Title", &found.title), ("Description", &found.description)] {
        if !text.is_empty() {
            value.insert(name.into(), json!(text));
        }
    }
    value.insert("Severity".into(), json!(severity(found.severity)));
    if !found.cwes.is_empty() {
        value.insert("CweIDs".into(), json!(found.cwes));
    }
    if !found.aliases.is_empty() {
        value.insert("VendorIDs".into(), json!(found.aliases));
    }
    if !found.cvss.is_empty() {
        value.insert("CVSS".into(), cvss(found));
    }
    if !found.references.is_empty() {
        value.insert("References".into(), json!(found.references));
    }
    for (name, text) in [
        ("PublishedDate", &found.published),
        ("LastModifiedDate", &found.modified),
    ] {
        if !text.is_empty() {
            value.insert(name.into(), json!(text));
        }
    }
    Value::Object(value)
}

fn cvss(found: &Vulnerability) -> Value {
    let mut by_source: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for cvss in &found.cvss {
        let (vector, score) = match cvss.version.as_bytes().first() {
            Some(b'2') => ("V2Vector", "V2Score"),
            Some(b'4') => ("V40Vector", "V40Score"),
            _ => ("V3Vector", "V3Score"),
        };
        let entry = by_source.entry(&cvss.source).or_default();
        entry.insert(vector.into(), json!(cvss.vector));
        entry.insert(score.into(), json!(f64::from(cvss.score_tenths) / 10.0));
    }
    json!(by_source)
}

fn status(found: &Vulnerability) -> &'static str {
    match found.status {
        FixStatus::Affected if !found.fixed_versions.is_empty() => "fixed",
        status => status.name(),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low | Severity::Negligible => "LOW",
        Severity::Unknown => "UNKNOWN",
    }
}

fn secret_results(report: &ScanReport, shown: &Shown) -> Vec<Value> {
    let mut by_path: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for secret in report.secrets.iter().filter(|s| shown.severity(s.severity)) {
        by_path.entry(&secret.path).or_default().push(json!({
            "RuleID": secret.rule,
            "Category": "secret",
            "Severity": severity(secret.severity),
            "Title": secret.title,
            "StartLine": secret.line,
            "EndLine": secret.line,
            "Match": secret.excerpt,
        }));
    }
    by_path
        .into_iter()
        .map(|(path, secrets)| json!({"Target": path, "Class": "secret", "Secrets": secrets}))
        .collect()
}
