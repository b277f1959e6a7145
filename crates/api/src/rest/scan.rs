//! Scans: what is scanned by itself, scanners, reports, scans on demand.

use super::{Secret, envelope, workload::ScanBrief};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanConfig {
    /// Both of the others.
    pub auto_scan: bool,
    pub enable_auto_scan_workload: bool,
    pub enable_auto_scan_host: bool,
}

/// What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanConfigPatch {
    pub auto_scan: Option<bool>,
    pub enable_auto_scan_workload: Option<bool>,
    pub enable_auto_scan_host: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanStatus {
    pub scanned: u32,
    pub scheduled: u32,
    pub scanning: u32,
    pub failed: u32,
    pub cvedb_version: String,
    pub cvedb_create_time: String,
    /// Rampart: scanners there are, and that there should be for what is queued.
    pub scanners: u32,
    pub desired_scanners: u32,
    /// Rampart: hours since the newest database was built; 0 without one.
    pub cvedb_age_hours: u32,
    /// Rampart: the newest database is older than two days, or there is none.
    pub cvedb_stale: bool,
    /// Rampart: why a scanner has no database, if one has none.
    pub cvedb_error: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scanner {
    pub id: String,
    pub cvedb_version: String,
    pub cvedb_create_time: String,
    pub joined_timestamp: i64,
    pub server: String,
    pub port: u16,
    pub scanned_containers: u64,
    pub scanned_hosts: u64,
    pub scanned_images: u64,
    pub scanned_serverless: u64,
    /// Rampart.
    pub name: String,
    pub version: String,
    /// Rampart: the node whose containers it reads; empty if none.
    pub host_id: String,
    pub capacity: u32,
    pub failed: u64,
    pub last_seen_at: String,
    pub cvedb_error: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanCacheStat {
    pub record_count: u64,
    pub record_total_size: u64,
    pub cache_misses: u64,
    pub cache_hits: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanCacheRecord {
    pub layer_id: String,
    pub size: u64,
    pub reference_count: u32,
    pub last_referred: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanCacheData {
    pub cache_records: Vec<ScanCacheRecord>,
    pub record_total_size: u64,
    pub cache_misses: u64,
    pub cache_hits: u64,
}

/// Rampart: a bill of materials, CycloneDX or SPDX as was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub struct SbomDocument(pub serde_json::Value);

/// One vulnerability in one package.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Vulnerability {
    pub name: String,
    pub score: f32,
    /// `Critical`, `High`, `Medium`, `Low`, `Negligible` or `Unknown`.
    pub severity: String,
    pub vectors: String,
    pub description: String,
    pub file_name: String,
    pub package_name: String,
    pub package_version: String,
    pub fixed_version: String,
    pub link: String,
    pub score_v3: f32,
    pub vectors_v3: String,
    pub published_timestamp: i64,
    pub last_modified_timestamp: i64,
    pub cpes: Vec<String>,
    pub cves: Vec<String>,
    pub feed_rating: String,
    pub in_base_image: bool,
    /// `accepted` where a profile, VEX or an ignore file says it does not count.
    pub tags: Vec<String>,
    /// Rampart: `deb`, `npm`, ….
    pub package_type: String,
    /// Rampart: `fixed`, `affected`, `will_not_fix`, ….
    pub status: String,
    /// Rampart: whose severity it is.
    pub severity_source: String,
    /// Rampart: known to be exploited, since `YYYY-MM-DD`; empty if not.
    pub exploited_since: String,
    /// Rampart: used in ransomware.
    pub ransomware: bool,
    /// Rampart: chance of exploitation within 30 days, 0 to 1.
    pub epss: f64,
    /// Rampart: a file of the package was executed or mapped by the container that was scanned.
    pub in_use: bool,
    /// Rampart: place in `layers` of the layer that brought the package; absent if not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// Rampart: why it does not count, and who says so.
    pub accepted_by: String,
    pub accepted_reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanModuleCve {
    pub name: String,
    pub status: String,
}

/// A package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanModule {
    pub name: String,
    pub file: String,
    pub version: String,
    pub source: String,
    pub cves: Vec<ScanModuleCve>,
    pub cpes: Vec<String>,
    /// Rampart: `deb`, `npm`, ….
    #[serde(rename = "type")]
    pub kind: String,
    pub licenses: Vec<String>,
    pub in_use: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanSecret {
    #[serde(rename = "type")]
    pub kind: String,
    /// The line with the secret masked.
    pub evidence: String,
    pub path: String,
    pub suggestion: String,
    /// Rampart.
    pub severity: String,
    pub line: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// Rampart: a later layer deletes it; the image still carries it.
    pub deleted_later: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanSetIdPerm {
    /// `setuid`, `setgid` or both.
    #[serde(rename = "type")]
    pub kind: String,
    pub evidence: String,
    pub path: String,
}

/// Rampart: a weakness of the image's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanConfigIssue {
    pub id: String,
    pub title: String,
    pub severity: String,
    pub detail: String,
    pub remediation: String,
}

/// Rampart: something that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanProblem {
    pub path: String,
    pub reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanSignatureData {
    pub verifiers: Vec<String>,
    pub verification_timestamp: String,
}

/// A layer with what it brought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanLayer {
    pub digest: String,
    /// The build command.
    pub cmds: String,
    pub vulnerabilities: Vec<Vulnerability>,
    pub secrets: Vec<ScanSecret>,
    pub size: u64,
    /// Rampart: packages it brought.
    pub packages: u32,
}

/// A scan of anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanReport {
    pub vulnerabilities: Vec<Vulnerability>,
    pub modules: Vec<ScanModule>,
    /// NeuVector's image checks; ours are in `config_issues`.
    #[schema(value_type = Vec<Object>)]
    pub checks: Vec<serde_json::Value>,
    pub secrets: Vec<ScanSecret>,
    pub setid_perms: Vec<ScanSetIdPerm>,
    pub envs: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub cmds: Vec<String>,
    pub signature_data: ScanSignatureData,
    /// Rampart.
    pub config_issues: Vec<ScanConfigIssue>,
    pub problems: Vec<ScanProblem>,
    pub base_os: String,
    /// Rampart: the distribution gets no security updates any more, since `YYYY-MM-DD`.
    pub end_of_life: String,
    pub scanned_at: String,
    pub cvedb_version: String,
    pub cvedb_create_time: String,
    /// Rampart: what was scanned.
    pub name: String,
    pub digest: String,
    pub image_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanLayersReport {
    pub layers: Vec<ScanLayer>,
}

/// A scan of an image asked for by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanRepoReport {
    pub verdict: String,
    pub image_id: String,
    pub registry: String,
    pub repository: String,
    pub tag: String,
    pub digest: String,
    pub size: u64,
    pub author: String,
    pub base_os: String,
    pub created_at: String,
    pub cvedb_version: String,
    pub cvedb_create_time: String,
    pub layers: Vec<ScanLayer>,
    pub vulnerabilities: Vec<Vulnerability>,
    pub modules: Vec<ScanModule>,
    pub secrets: Vec<ScanSecret>,
    pub setid_perms: Vec<ScanSetIdPerm>,
    #[schema(value_type = Vec<Object>)]
    pub checks: Vec<serde_json::Value>,
    pub envs: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub cmds: Vec<String>,
    /// Rampart.
    pub config_issues: Vec<ScanConfigIssue>,
    pub problems: Vec<ScanProblem>,
}

/// What NeuVector's stand-alone scanner leaves in `scan_result.json`: a report, or why not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanResultFile {
    /// Empty when the scan went well.
    pub error_message: String,
    pub report: Option<ScanRepoReport>,
}

/// Where a pipeline's scan comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanMeta {
    pub source: String,
    pub user: String,
    pub job: String,
    pub workspace: String,
    pub function: String,
    pub region: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanRepoRequest {
    pub metadata: ScanMeta,
    pub registry: String,
    pub username: String,
    pub password: Secret,
    pub repository: String,
    pub tag: String,
    pub scan_layers: bool,
    pub base_image: String,
    pub ignore_proxy: bool,
}

/// Body of `POST /v1/scan/result/repository`: a report a scanner made elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanResultSubmission {
    pub image_id: String,
    pub registry: String,
    pub repository: String,
    pub tag: String,
    pub digest: String,
    pub size: u64,
    pub author: String,
    pub base_os: String,
    pub created_at: String,
    pub cvedb_version: String,
    pub cvedb_create_time: String,
    pub vulnerabilities: Vec<SubmittedVulnerability>,
    pub modules: Vec<SubmittedModule>,
    pub envs: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SubmittedVulnerability {
    pub name: String,
    pub score: f32,
    pub score_v3: f32,
    pub severity: String,
    pub vectors: String,
    pub vectors_v3: String,
    pub description: String,
    pub file_name: String,
    pub package_name: String,
    pub package_version: String,
    pub fixed_version: String,
    pub link: String,
    pub published_timestamp: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SubmittedModule {
    pub name: String,
    pub file: String,
    pub version: String,
    pub source: String,
}

/// An image that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanImageSummary {
    pub id: String,
    pub image: String,
    pub image_id: String,
    pub author: String,
    pub created_at: String,
    #[serde(flatten)]
    pub brief: ScanBrief,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanPlatformSummary {
    pub id: String,
    pub platform: String,
    pub kube_version: String,
    pub openshift_version: String,
    #[serde(flatten)]
    pub brief: ScanBrief,
}

/// Where a page of `scan_report` ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanReportCursor {
    pub name: String,
    pub host_name: String,
    pub domain: String,
    pub cve_name: String,
    pub cve_package: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanScoreFilter {
    /// `v2` or `v3`.
    pub score_version: String,
    pub score_bottom: f32,
    pub score_top: f32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanReportFilter {
    pub name: String,
    pub op: String,
    pub value: Vec<String>,
}

/// Body of `POST /v1/scan/workloads/scan_report` and of the hosts'.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanReportQuery {
    pub show_accepted: bool,
    /// Rows of a page; 0 is 5000.
    pub max_cve_records: u32,
    pub cursor: ScanReportCursor,
    pub view_pod: String,
    pub vul_score_filter: Option<ScanScoreFilter>,
    pub filters: Vec<ScanReportFilter>,
}

/// A vulnerability of a workload or a host, side by side with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AssetScanRow {
    pub workload_id: String,
    pub workload_name: String,
    pub workload_domain: String,
    pub workload_host_name: String,
    pub workload_image: String,
    pub workload_image_id: String,
    pub workload_image_digest: String,
    pub workload_image_repo_digests: Vec<String>,
    pub host_name: String,
    #[serde(flatten)]
    pub vulnerability: Vulnerability,
}

/// What the scanner link carries. It is between controller and scanner of one version, and not for
/// other clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct ScannerMessage(pub serde_json::Value);

envelope! {
    ScanConfigData { config: ScanConfig }
    ScanConfigPatchData { config: ScanConfigPatch }
    ScanStatusData { status: ScanStatus }
    ScannersData { scanners: Vec<Scanner> }
    ScanReportData { report: ScanReport }
    ScanLayersReportData { report: ScanLayersReport }
    ScanRepoReportData { report: ScanRepoReport }
    ScanRepoRequestData { request: ScanRepoRequest }
    ScanResultSubmissionData { result: ScanResultSubmission }
    ScanImagesData { images: Vec<ScanImageSummary> }
    ScanPlatformsData { platforms: Vec<ScanPlatformSummary> }
    AssetScanReportData { cursor: ScanReportCursor, scan_data: Vec<AssetScanRow> }
}
