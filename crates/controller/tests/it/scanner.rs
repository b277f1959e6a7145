//! A scanner that finds what it is told to find.

use crate::world::{HOUR, NODE, START};
use rampart_controller::App;
use rampart_model::{
    Hidden, Package, PackageKind, Registry, RegistryImage, ScanReport, ScheduleKind, Severity,
    Timestamp, Vulnerability,
    package::Distro,
    registry::RegistryAuth,
    scan::{
        Cvss, DatabaseInfo, FixStatus, KnownExploited, Layer, PrivilegedFile, ScanTarget, Secret,
    },
    scan_job::{
        CacheRecord, CacheStat, Listed, Order, Outcome, ScanFailure, ScannerInfo, TestStep, Work,
    },
};
use std::time::Duration;

pub(crate) fn database(version: u64) -> DatabaseInfo {
    DatabaseInfo {
        version,
        built_at: Timestamp(START - HOUR),
        digest: "d".repeat(64),
    }
}

/// On the node `n1`, with database 7.
pub(crate) fn info(id: &str) -> ScannerInfo {
    ScannerInfo {
        id: id.into(),
        name: format!("{id}.example"),
        version: "0.1.0".into(),
        node: NODE.into(),
        database: Some(database(7)),
        capacity: 2,
        cache: CacheStat {
            records: 1,
            size_bytes: 10,
            hits: 3,
            misses: 1,
            layers: vec![CacheRecord {
                layer: "sha256:aa".into(),
                size_bytes: 10,
                references: 2,
                last_used: Timestamp(START),
            }],
        },
        ..ScannerInfo::default()
    }
}

pub(crate) fn digest(name: &str) -> String {
    let hex: String = name
        .bytes()
        .cycle()
        .take(32)
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

pub(crate) fn image(repository: &str, tag: &str) -> RegistryImage {
    RegistryImage {
        repository: repository.into(),
        tag: tag.into(),
        digest: digest(&format!("{repository}:{tag}")),
    }
}

pub(crate) fn registry(name: &str) -> Registry {
    Registry {
        name: name.into(),
        url: "https://registry.example/".into(),
        auth: RegistryAuth {
            username: "ci".into(),
            password: Hidden::new("hunter2-of-the-registry"),
            ..RegistryAuth::default()
        },
        filters: vec!["shop/*:*".into()],
        schedule: ScheduleKind::Manual,
        rescan_after_db_update: true,
        scan_layers: true,
        ..Registry::default()
    }
}

fn package(name: &str, version: &str, layer: u32) -> Package {
    let mut package = Package::new(PackageKind::Deb, name, version);
    package.path = "var/lib/dpkg/status".into();
    package.layer = Some(layer);
    package
}

fn vulnerability(id: &str, package: u32, severity: Severity, fixed: &str) -> Vulnerability {
    Vulnerability {
        id: id.into(),
        aliases: vec![format!("DSA-{}", &id[4..])],
        package,
        fixed_versions: [fixed]
            .iter()
            .filter(|f| !f.is_empty())
            .map(|f| (*f).into())
            .collect(),
        status: if fixed.is_empty() {
            FixStatus::Affected
        } else {
            FixStatus::Fixed
        },
        severity,
        severity_source: "debian".into(),
        cvss: vec![Cvss {
            source: "nvd".into(),
            version: "3.1".into(),
            vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into(),
            score_tenths: 98,
        }],
        title: format!("what {id} is"),
        description: format!("{id} lets somebody in"),
        references: vec![format!("https://tracker.example/{id}")],
        published: "2025-12-01T00:00:00Z".into(),
        feed: "debian".into(),
        ..Vulnerability::default()
    }
}

/// One critical that is exploited, one high without a fix, one medium.
pub(crate) fn report(name: &str) -> ScanReport {
    let layer = |digest: &str, command: &str| Layer {
        digest: digest.into(),
        size_bytes: 1000,
        created_by: command.into(),
        ..Layer::default()
    };
    let mut openssl = package("openssl", "3.0.11-1", 1);
    openssl.in_use = true;
    let mut exploited = vulnerability("CVE-2025-1001", 0, Severity::Critical, "3.0.13-1");
    exploited.known_exploited = Some(KnownExploited {
        added: "2025-12-02".into(),
        ..KnownExploited::default()
    });
    let (repository, tag) = name.rsplit_once(':').unwrap_or((name, ""));
    ScanReport {
        target: ScanTarget {
            name: name.into(),
            registry: "https://registry.example/".into(),
            repository: repository.into(),
            tag: tag.into(),
            digest: digest(name),
            image_id: digest(&format!("id of {name}")),
            created_at: "2025-11-30T10:00:00Z".into(),
            author: "shop team".into(),
            size_bytes: 2000,
            env: vec!["PATH=/usr/bin".into()],
            labels: [("tier".into(), "web".into())].into(),
            layers: vec![
                layer("sha256:aa", "ADD rootfs"),
                layer("sha256:bb", "RUN apt-get install"),
            ],
            ..ScanTarget::default()
        },
        distro: Some(Distro {
            id: "debian".into(),
            version: "12".into(),
            ..Distro::default()
        }),
        packages: vec![openssl, package("zlib1g", "1:1.2.13", 0)],
        vulnerabilities: vec![
            exploited,
            vulnerability("CVE-2025-1002", 1, Severity::High, ""),
            vulnerability("CVE-2025-1003", 1, Severity::Medium, "1:1.3"),
        ],
        secrets: vec![Secret {
            rule: "private-key".into(),
            title: "Private key".into(),
            severity: Severity::High,
            path: "root/.ssh/id_ed25519".into(),
            line: 1,
            excerpt: "-----BEGIN ***".into(),
            layer: Some(1),
            deleted_later: true,
        }],
        privileged: vec![PrivilegedFile {
            path: "usr/bin/su".into(),
            mode: 0o104_755,
            ..PrivilegedFile::default()
        }],
        database: Some(database(7)),
        ..ScanReport::default()
    }
}

pub(crate) fn images() -> Vec<RegistryImage> {
    vec![
        image("shop/web", "1"),
        image("shop/api", "1"),
        image("shop/db", "1"),
    ]
}

/// What a scanner that works well gives back.
pub(crate) fn outcome(order: &Order) -> Outcome {
    let found = |name: String| Outcome::Report(Box::new(report(&name)));
    match order {
        Order::List { .. } => Outcome::Listing(Listed {
            images: images(),
            problems: Vec::new(),
        }),
        Order::Test { .. } => Outcome::Tested(vec![TestStep {
            kind: "message".into(),
            text: "3 images match".into(),
        }]),
        Order::Image { image, .. } => found(format!("{}:{}", image.repository, image.tag)),
        Order::Workload { image, .. } => found(image.clone()),
        Order::Host { .. } => found("node-1".into()),
        Order::Platform { name, .. } => found(name.clone()),
        Order::Rematch { previous } => {
            let mut report = ScanReport::clone(previous);
            report.database = Some(database(8));
            report.vulnerabilities.truncate(1);
            Outcome::Report(Box::new(report))
        }
    }
}

pub(crate) async fn take(app: &App, scanner: &ScannerInfo) -> Option<Work> {
    app.take_work(scanner.clone(), Duration::ZERO)
        .await
        .unwrap()
}

/// Works off all there is and says how much that was.
pub(crate) async fn work_off(app: &App, scanner: &ScannerInfo) -> usize {
    let mut count = 0;
    while let Some(work) = take(app, scanner).await {
        app.finish_work(&work.lease, &scanner.id, outcome(&work.order))
            .await
            .unwrap();
        count += 1;
    }
    count
}

pub(crate) fn failure(reason: &str, retry: bool) -> ScanFailure {
    ScanFailure {
        reason: reason.into(),
        retry,
    }
}
