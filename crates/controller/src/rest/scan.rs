//! Scans: what is scanned by itself, scanners, reports, scans on demand.

use super::{
    Rest,
    answer::{Answer, done, pick},
    call::{Ask, Body, Name, Who},
    error::Failure,
    system::small,
};
use crate::{
    app::{Place, Requested, ScanView, WorkloadView},
    auth::Permission,
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rampart_api::{
    convert::{self, database_time, database_version, rfc3339},
    error::ErrorKind,
    query::ListQuery,
    rest::{Empty, scan::*, workload::ScanBrief},
};
use rampart_model::{
    RegistryKind, ScanReport as Report,
    registry::RegistryAuth,
    scan_job::{RegistryAccess, RepositoryRequest, ScanKind, ScannerInfo},
};
use std::{sync::Arc, time::Duration};

/// A client is told to ask again after so long; well below the limit of a request.
const LONG_POLL: Duration = Duration::from_secs(25);
/// A database older than this is called stale.
const STALE_HOURS: i64 = 48;
/// Rows of `scan_report`, where the client does not say.
const ROWS: usize = 5000;
const MAX_ROWS: usize = 100_000;

/// NeuVector's few words on the last scan of something.
pub(super) fn brief(view: &ScanView) -> ScanBrief {
    let counts = &view.counts;
    let mut brief = ScanBrief {
        status: view.progress.name().to_owned(),
        critical: counts.critical,
        high: counts.high,
        medium: counts.medium,
        low: counts.low + counts.other,
        fixable: counts.fixable,
        exploited: counts.exploited,
        in_use: counts.in_use,
        accepted: counts.accepted,
        ..ScanBrief::default()
    };
    if let Some(summary) = &view.summary {
        brief.result = if summary.error.is_empty() {
            "succeeded".to_owned()
        } else {
            summary.error.clone()
        };
        brief.scanned_timestamp = summary.scanned_at.secs();
        brief.scanned_at = rfc3339(summary.scanned_at);
        brief.base_os.clone_from(&summary.base_os);
        brief.scanner_version = database_version(summary.database.as_ref());
        brief.cvedb_create_time = database_time(summary.database.as_ref());
    }
    brief
}

/// `?show=accepted` shows findings that do not count, too.
pub(super) fn shows_accepted(query: &ListQuery) -> bool {
    query.other("show").is_some_and(|show| show == "accepted")
}

pub(super) async fn show_config(State(rest): State<Rest>) -> Answer<ScanConfigData> {
    let config = rest.app().scan_config();
    Ok(Json(ScanConfigData {
        config: ScanConfig {
            auto_scan: config.auto_workloads && config.auto_hosts,
            enable_auto_scan_workload: config.auto_workloads,
            enable_auto_scan_host: config.auto_hosts,
        },
    }))
}

pub(super) async fn update_config(
    State(rest): State<Rest>,
    Body(body): Body<ScanConfigPatchData>,
) -> Answer<Empty> {
    let patch = body.config;
    if patch == ScanConfigPatch::default() {
        return Err(Failure::invalid(
            "one of auto_scan, enable_auto_scan_workload and enable_auto_scan_host is needed",
        ));
    }
    rest.app()
        .update_scan_config(move |config| {
            if let Some(both) = patch.auto_scan {
                config.auto_workloads = both;
                config.auto_hosts = both;
            }
            config.auto_workloads = patch
                .enable_auto_scan_workload
                .unwrap_or(config.auto_workloads);
            config.auto_hosts = patch.enable_auto_scan_host.unwrap_or(config.auto_hosts);
        })
        .await?;
    done()
}

pub(super) async fn status(State(rest): State<Rest>) -> Answer<ScanStatusData> {
    let app = rest.app();
    let totals = app.scan_totals();
    let database = (totals.database.version > 0).then_some(&totals.database);
    let hours = database.map_or(0, |d| app.now().since(d.built_at) / 3_600_000);
    let scanners = app.scanners();
    let error = scanners
        .iter()
        .map(|s| &s.database_error)
        .find(|e| !e.is_empty());
    let status = ScanStatus {
        scanned: small(totals.scanned),
        scheduled: small(totals.scheduled),
        scanning: small(totals.scanning),
        failed: small(totals.failed),
        cvedb_version: database_version(database),
        cvedb_create_time: database_time(database),
        scanners: small(scanners.len()),
        desired_scanners: app.desired_scanners(),
        cvedb_age_hours: u32::try_from(hours).unwrap_or(u32::MAX),
        cvedb_stale: database.is_none() || hours > STALE_HOURS,
        cvedb_error: error.cloned().unwrap_or_default(),
    };
    Ok(Json(ScanStatusData { status }))
}

fn scanner_wire(info: &ScannerInfo) -> Scanner {
    let scanned = |kinds: &[ScanKind]| {
        let counts = kinds.iter().filter_map(|kind| info.scanned.get(kind));
        counts.sum::<u64>()
    };
    Scanner {
        id: info.id.clone(),
        cvedb_version: database_version(info.database.as_ref()),
        cvedb_create_time: database_time(info.database.as_ref()),
        joined_timestamp: info.joined_at.secs(),
        server: info.name.clone(),
        port: 0,
        scanned_containers: scanned(&[ScanKind::Workload]),
        scanned_hosts: scanned(&[ScanKind::Host]),
        scanned_images: scanned(&[ScanKind::Image, ScanKind::Repository]),
        scanned_serverless: 0,
        name: info.name.clone(),
        version: info.version.clone(),
        host_id: info.node.to_string(),
        capacity: info.capacity,
        failed: info.failed,
        last_seen_at: rfc3339(info.last_seen),
        cvedb_error: info.database_error.clone(),
    }
}

pub(super) async fn scanners(State(rest): State<Rest>, Ask(query): Ask) -> Answer<ScannersData> {
    let all = rest.app().scanners().iter().map(scanner_wire).collect();
    Ok(Json(ScannersData {
        scanners: pick(all, &query)?,
    }))
}

fn scanner(rest: &Rest, id: &str) -> Result<ScannerInfo, Failure> {
    let all = rest.app().scanners();
    all.into_iter()
        .find(|scanner| scanner.id == id)
        .ok_or_else(|| Failure::not_found("scanner", id))
}

pub(super) async fn cache_stat(State(rest): State<Rest>, Name(id): Name) -> Answer<ScanCacheStat> {
    let cache = scanner(&rest, &id)?.cache;
    Ok(Json(ScanCacheStat {
        record_count: cache.records,
        record_total_size: cache.size_bytes,
        cache_misses: cache.misses,
        cache_hits: cache.hits,
    }))
}

pub(super) async fn cache_data(State(rest): State<Rest>, Name(id): Name) -> Answer<ScanCacheData> {
    let cache = scanner(&rest, &id)?.cache;
    let records = cache.layers.iter();
    Ok(Json(ScanCacheData {
        cache_records: records
            .map(|record| ScanCacheRecord {
                layer_id: record.layer.clone(),
                size: record.size_bytes,
                reference_count: record.references,
                last_referred: rfc3339(record.last_used),
            })
            .collect(),
        record_total_size: cache.size_bytes,
        cache_misses: cache.misses,
        cache_hits: cache.hits,
    }))
}

fn workload(rest: &Rest, who: &Who, id: &str, write: bool) -> Result<Arc<WorkloadView>, Failure> {
    let view = rest.app().workload(id)?;
    let domain = &view.workload.domain;
    who.must(
        Permission::RtScan,
        write,
        domain,
        "scan a container of this domain",
    )?;
    Ok(view)
}

pub(super) async fn scan_workload(
    State(rest): State<Rest>,
    who: Who,
    Name(id): Name,
) -> Answer<Empty> {
    let view = workload(&rest, &who, &id, true)?;
    if !view.workload.running {
        return Err(Failure::new(
            ErrorKind::NotRunning,
            "only a running container can be scanned",
        ));
    }
    rest.app().scan_workload(&id).await?;
    done()
}

/// A container's last scan, for those who may see the container.
pub(super) async fn workload_scan(
    rest: &Rest,
    who: &Who,
    id: &str,
) -> Result<(Arc<WorkloadView>, Report), Failure> {
    let view = workload(rest, who, id, false)?;
    let scan = rest.app().workload_scan(id)?;
    if scan.key.is_empty() {
        return Err(Failure::not_found("scan of container", id));
    }
    let place = Place {
        domain: &view.workload.domain,
        image: &view.workload.image,
    };
    let (_, report) = rest.app().scan_report(&scan.key, place).await?;
    Ok((view, report))
}

pub(super) async fn workload_report(
    State(rest): State<Rest>,
    who: Who,
    Ask(query): Ask,
    Name(id): Name,
) -> Answer<ScanReportData> {
    let (_, report) = workload_scan(&rest, &who, &id).await?;
    Ok(Json(ScanReportData {
        report: convert::report(&report, shows_accepted(&query)),
    }))
}

pub(super) async fn images(State(rest): State<Rest>, Ask(query): Ask) -> Answer<ScanImagesData> {
    let rows = rest.app().running_images();
    let rows = rows
        .iter()
        .map(|(view, scan)| {
            let it = &view.workload;
            let summary = scan.summary.as_deref();
            ScanImageSummary {
                id: image_id(view),
                image: it.image.clone(),
                image_id: it.image_digest.clone(),
                author: summary.map(|s| s.author.clone()).unwrap_or_default(),
                created_at: summary.map(|s| s.created_at.clone()).unwrap_or_default(),
                brief: brief(scan),
            }
        })
        .collect();
    Ok(Json(ScanImagesData {
        images: pick(rows, &query)?,
    }))
}

/// The digest in hexadecimal; a container that runs it where the digest is not known.
fn image_id(view: &WorkloadView) -> String {
    let digest = &view.workload.image_digest;
    if digest.is_empty() {
        return view.workload.id.to_string();
    }
    digest.strip_prefix("sha256:").unwrap_or(digest).to_owned()
}

/// An image's name and its last scan, by digest, image id or name.
pub(super) async fn image_scan(rest: &Rest, id: &str) -> Result<(String, Report), Failure> {
    let running = rest.app().running_images();
    let found = running.into_iter().find(|(view, _)| {
        image_id(view) == id || view.workload.image_digest == id || view.workload.image == id
    });
    let (key, image) = match found {
        Some((view, scan)) => (scan.key, view.workload.image.clone()),
        None => match rest.app().image_result(id) {
            Some((key, summary)) => (key, summary.name.clone()),
            None => return Err(Failure::not_found("image", id)),
        },
    };
    if key.is_empty() {
        return Err(Failure::not_found("scan of image", id));
    }
    let place = Place {
        domain: "",
        image: &image,
    };
    let (_, report) = rest.app().scan_report(&key, place).await?;
    Ok((image, report))
}

pub(super) async fn image_report(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Name(id): Name,
) -> Answer<ScanReportData> {
    let (_, report) = image_scan(&rest, &id).await?;
    Ok(Json(ScanReportData {
        report: convert::report(&report, shows_accepted(&query)),
    }))
}

pub(super) async fn scan_host(State(rest): State<Rest>, Name(id): Name) -> Answer<Empty> {
    rest.app().scan_host(&id).await?;
    done()
}

/// A node's name and its last scan.
pub(super) async fn host_scan(rest: &Rest, id: &str) -> Result<(String, Report), Failure> {
    let node = rest.app().node(id)?;
    let key = format!("host/{id}");
    let (_, report) = rest.app().scan_report(&key, Place::default()).await?;
    Ok((node.node.name.clone(), report))
}

pub(super) async fn host_report(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Name(id): Name,
) -> Answer<ScanReportData> {
    let (_, report) = host_scan(&rest, &id).await?;
    Ok(Json(ScanReportData {
        report: convert::report(&report, shows_accepted(&query)),
    }))
}

async fn named_report(rest: &Rest, key: &str, query: &ListQuery) -> Answer<ScanReportData> {
    let (_, report) = rest.app().scan_report(key, Place::default()).await?;
    Ok(Json(ScanReportData {
        report: convert::report(&report, shows_accepted(query)),
    }))
}

pub(super) async fn platforms(
    State(rest): State<Rest>,
    Ask(query): Ask,
) -> Answer<ScanPlatformsData> {
    let row = ScanPlatformSummary {
        id: "platform".to_owned(),
        platform: rest.app().summary().platform,
        brief: brief(&rest.app().platform_scan()),
        ..ScanPlatformSummary::default()
    };
    Ok(Json(ScanPlatformsData {
        platforms: pick(vec![row], &query)?,
    }))
}

pub(super) async fn scan_platform(State(rest): State<Rest>) -> Answer<Empty> {
    rest.app().scan_platform().await?;
    done()
}

pub(super) async fn platform_report(
    State(rest): State<Rest>,
    Ask(query): Ask,
) -> Answer<ScanReportData> {
    if rest.app().platform_scan().key.is_empty() {
        // NeuVector's clients take an empty report for "not scanned yet".
        return Ok(Json(ScanReportData::default()));
    }
    named_report(&rest, "platform/platform", &query).await
}

/// Answers when the scan is done; 304 asks the client to send the same again.
pub(super) async fn repository(
    State(rest): State<Rest>,
    Ask(query): Ask,
    Body(body): Body<ScanRepoRequestData>,
) -> Result<Response, Failure> {
    let wire = body.request;
    let request = RepositoryRequest {
        access: RegistryAccess {
            kind: RegistryKind::Docker,
            url: registry_url(&wire.registry),
            auth: RegistryAuth {
                username: wire.username,
                password: rampart_model::Hidden::new(wire.password.0),
                ..RegistryAuth::default()
            },
            ignore_proxy: wire.ignore_proxy,
        },
        repository: wire.repository,
        tag: wire.tag,
        base_image: wire.base_image,
        scan_layers: wire.scan_layers,
        id: String::new(),
    };
    let with_layers = request.scan_layers;
    match rest.app().scan_repository(request, LONG_POLL).await? {
        Requested::Waiting => Ok(StatusCode::NOT_MODIFIED.into_response()),
        Requested::Failed(reason) => Err(Failure::new(ErrorKind::ScanFailed, reason)),
        Requested::Done(_, report) => {
            let report = convert::repository_report(&report, with_layers, shows_accepted(&query));
            Ok(Json(ScanRepoReportData { report }).into_response())
        }
    }
}

/// Clients leave the registry out for the public one, and the scheme out for https.
fn registry_url(text: &str) -> String {
    match text.trim() {
        "" => "https://registry.hub.docker.com/".to_owned(),
        url if url.contains("://") => url.to_owned(),
        host => format!("https://{host}"),
    }
}

pub(super) async fn submit(
    State(rest): State<Rest>,
    Body(body): Body<ScanResultSubmissionData>,
) -> Answer<Empty> {
    let registry = body.result.registry.clone();
    let report = convert::submitted(body.result)?;
    rest.app().submit_report(&registry, report).await?;
    done()
}

/// What of the rows of a report a client wants.
struct Wanted {
    query: ScanReportQuery,
    limit: usize,
}

impl Wanted {
    fn new(query: ScanReportQuery) -> Result<Self, Failure> {
        const NAMES: &[&str] = &["name", "severity", "package", "domain", "host", "image"];
        const OPS: &[&str] = &["", "in", "eq", "equals", "contains"];
        for filter in &query.filters {
            if !NAMES.contains(&filter.name.as_str()) || !OPS.contains(&filter.op.as_str()) {
                return Err(Failure::invalid(format!(
                    "filters are on {} with equals or contains, not `{} {}`",
                    NAMES.join(", "),
                    filter.name,
                    filter.op
                )));
            }
        }
        let limit = usize::try_from(query.max_cve_records).unwrap_or(MAX_ROWS);
        let limit = if limit == 0 {
            ROWS
        } else {
            limit.min(MAX_ROWS)
        };
        Ok(Self { query, limit })
    }

    fn fits(&self, row: &AssetScanRow) -> bool {
        let score = self.query.vul_score_filter.as_ref().is_none_or(|filter| {
            let score = if filter.score_version.eq_ignore_ascii_case("v2") {
                row.vulnerability.score
            } else {
                row.vulnerability.score_v3
            };
            (filter.score_bottom..=filter.score_top).contains(&score)
        });
        score
            && self.query.filters.iter().all(|filter| {
                let text = match filter.name.as_str() {
                    "severity" => &row.vulnerability.severity,
                    "package" => &row.vulnerability.package_name,
                    "domain" => &row.workload_domain,
                    "host" => &row.host_name,
                    "image" => &row.workload_image,
                    _ => &row.vulnerability.name,
                };
                let contains = filter.op == "contains";
                filter.value.is_empty()
                    || filter.value.iter().any(|wanted| {
                        text.eq_ignore_ascii_case(wanted) || (contains && text.contains(wanted))
                    })
            })
    }

    /// Rows up to the cursor were sent before.
    fn sent(&self, row: &AssetScanRow) -> bool {
        let at = &self.query.cursor;
        let begun = !at.cve_name.is_empty();
        let name = |row: &AssetScanRow| {
            if row.workload_name.is_empty() {
                row.host_name.clone()
            } else {
                row.workload_name.clone()
            }
        };
        let row = (
            name(row),
            &row.host_name,
            &row.workload_domain,
            &row.vulnerability.name,
            &row.vulnerability.package_name,
        );
        begun
            && row
                <= (
                    at.name.clone(),
                    &at.host_name,
                    &at.domain,
                    &at.cve_name,
                    &at.cve_package,
                )
    }
}

fn cursor(row: &AssetScanRow) -> ScanReportCursor {
    ScanReportCursor {
        name: if row.workload_name.is_empty() {
            row.host_name.clone()
        } else {
            row.workload_name.clone()
        },
        host_name: row.host_name.clone(),
        domain: row.workload_domain.clone(),
        cve_name: row.vulnerability.name.clone(),
        cve_package: row.vulnerability.package_name.clone(),
    }
}

/// Rows of one report, in the order of the cursor.
fn rows(report: &Report, accepted: bool, like: &AssetScanRow) -> Vec<AssetScanRow> {
    let mut rows: Vec<AssetScanRow> = report
        .vulnerabilities
        .iter()
        .filter(|v| accepted || v.suppressed.is_none())
        .map(|v| AssetScanRow {
            vulnerability: convert::vulnerability(report, v),
            ..like.clone()
        })
        .collect();
    rows.sort_by(|a, b| {
        let key = |row: &AssetScanRow| {
            (
                row.vulnerability.name.clone(),
                row.vulnerability.package_name.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    rows.dedup_by(|a, b| {
        (&a.vulnerability.name, &a.vulnerability.package_name)
            == (&b.vulnerability.name, &b.vulnerability.package_name)
    });
    rows
}

fn page(mut data: Vec<AssetScanRow>, wanted: &Wanted) -> AssetScanReportData {
    let more = data.len() > wanted.limit;
    data.truncate(wanted.limit);
    AssetScanReportData {
        cursor: data.last().filter(|_| more).map(cursor).unwrap_or_default(),
        scan_data: data,
    }
}

pub(super) async fn workloads_report(
    State(rest): State<Rest>,
    who: Who,
    Body(query): Body<ScanReportQuery>,
) -> Answer<AssetScanReportData> {
    let wanted = Wanted::new(query)?;
    let mut views: Vec<_> = rest
        .app()
        .workloads()
        .into_iter()
        .filter(|v| v.workload.running && !v.workload.sandbox)
        .filter(|v| who.sees(Permission::RtScan, &v.workload.domain))
        .collect();
    views.sort_by(|a, b| {
        let key = |v: &WorkloadView| {
            let it = &v.workload;
            (
                it.display_name().to_owned(),
                it.node_name.clone(),
                it.domain.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let mut data = Vec::new();
    for view in views {
        if data.len() > wanted.limit {
            break;
        }
        let it = &view.workload;
        let scan = rest.app().workload_scan(it.id.as_str())?;
        if scan.summary.as_ref().is_none_or(|s| s.artifact.is_empty()) {
            continue;
        }
        let place = Place {
            domain: &it.domain,
            image: &it.image,
        };
        let (_, report) = rest.app().scan_report(&scan.key, place).await?;
        let like = AssetScanRow {
            workload_id: it.id.to_string(),
            workload_name: it.display_name().to_owned(),
            workload_domain: it.domain.clone(),
            workload_host_name: it.node_name.clone(),
            workload_image: it.image.clone(),
            workload_image_id: report.target.image_id.clone(),
            workload_image_digest: it.image_digest.clone(),
            workload_image_repo_digests: Vec::new(),
            host_name: it.node_name.clone(),
            ..AssetScanRow::default()
        };
        let all = rows(&report, wanted.query.show_accepted, &like);
        data.extend(
            all.into_iter()
                .filter(|r| wanted.fits(r) && !wanted.sent(r)),
        );
    }
    Ok(Json(page(data, &wanted)))
}

pub(super) async fn hosts_report(
    State(rest): State<Rest>,
    Body(query): Body<ScanReportQuery>,
) -> Answer<AssetScanReportData> {
    let wanted = Wanted::new(query)?;
    let mut nodes = rest.app().nodes();
    nodes.sort_by(|a, b| a.node.name.cmp(&b.node.name));
    let mut data = Vec::new();
    for view in nodes {
        let scan = rest.app().host_scan(view.node.id.as_str());
        if data.len() > wanted.limit || scan.summary.is_none_or(|s| s.artifact.is_empty()) {
            continue;
        }
        let (_, report) = rest.app().scan_report(&scan.key, Place::default()).await?;
        let like = AssetScanRow {
            host_name: view.node.name.clone(),
            ..AssetScanRow::default()
        };
        let all = rows(&report, wanted.query.show_accepted, &like);
        data.extend(
            all.into_iter()
                .filter(|r| wanted.fits(r) && !wanted.sent(r)),
        );
    }
    Ok(Json(page(data, &wanted)))
}
