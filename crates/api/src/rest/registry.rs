//! Registries and the images they hold.

use super::{Secret, envelope, workload::ScanBrief};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ScanSchedule {
    /// `manual`, `auto` or `periodical`.
    pub schedule: String,
    /// Seconds.
    pub interval: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AwsKeyConfig {
    pub id: Option<String>,
    pub access_key_id: Option<Secret>,
    pub secret_access_key: Option<Secret>,
    pub region: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct GcrKeyConfig {
    pub json_key: Option<Secret>,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RegistryConfig {
    pub name: String,
    pub registry_type: Option<String>,
    pub registry: Option<String>,
    pub domains: Option<Vec<String>>,
    /// `repository:tag`, with `*`.
    pub filters: Option<Vec<String>>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub auth_token: Option<Secret>,
    pub auth_with_token: Option<bool>,
    pub rescan_after_db_update: Option<bool>,
    pub scan_layers: Option<bool>,
    pub repo_limit: Option<u32>,
    pub tag_limit: Option<u32>,
    pub schedule: Option<ScanSchedule>,
    pub aws_key: Option<AwsKeyConfig>,
    pub gcr_key: Option<GcrKeyConfig>,
    pub jfrog_mode: Option<String>,
    pub jfrog_aql: Option<bool>,
    pub gitlab_external_url: Option<String>,
    pub gitlab_private_token: Option<Secret>,
    pub ibm_cloud_token_url: Option<String>,
    pub ibm_cloud_account: Option<String>,
    pub ignore_proxy: Option<bool>,
    pub cfg_type: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RegistryAuthV2 {
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub auth_token: Option<Secret>,
    pub auth_with_token: Option<bool>,
    pub aws_key: Option<AwsKeyConfig>,
    pub gcr_key: Option<GcrKeyConfig>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RegistryScanV2 {
    pub rescan_after_db_update: Option<bool>,
    pub scan_layers: Option<bool>,
    pub repo_limit: Option<u32>,
    pub tag_limit: Option<u32>,
    pub schedule: Option<ScanSchedule>,
    pub ignore_proxy: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RegistryIntegrationsV2 {
    pub jfrog_mode: Option<String>,
    pub jfrog_aql: Option<bool>,
    pub gitlab_external_url: Option<String>,
    pub gitlab_private_token: Option<Secret>,
    pub ibm_cloud_token_url: Option<String>,
    pub ibm_cloud_account: Option<String>,
}

/// The same in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RegistryConfigV2 {
    pub name: String,
    pub registry_type: Option<String>,
    pub registry: Option<String>,
    pub domains: Option<Vec<String>>,
    pub filters: Option<Vec<String>>,
    pub cfg_type: Option<String>,
    pub auth: Option<RegistryAuthV2>,
    pub scan: Option<RegistryScanV2>,
    pub integrations: Option<RegistryIntegrationsV2>,
}

impl RegistryConfigV2 {
    pub fn flat(self) -> RegistryConfig {
        let auth = self.auth.unwrap_or_default();
        let scan = self.scan.unwrap_or_default();
        let other = self.integrations.unwrap_or_default();
        RegistryConfig {
            name: self.name,
            registry_type: self.registry_type,
            registry: self.registry,
            domains: self.domains,
            filters: self.filters,
            username: auth.username,
            password: auth.password,
            auth_token: auth.auth_token,
            auth_with_token: auth.auth_with_token,
            rescan_after_db_update: scan.rescan_after_db_update,
            scan_layers: scan.scan_layers,
            repo_limit: scan.repo_limit,
            tag_limit: scan.tag_limit,
            schedule: scan.schedule,
            aws_key: auth.aws_key,
            gcr_key: auth.gcr_key,
            jfrog_mode: other.jfrog_mode,
            jfrog_aql: other.jfrog_aql,
            gitlab_external_url: other.gitlab_external_url,
            gitlab_private_token: other.gitlab_private_token,
            ibm_cloud_token_url: other.ibm_cloud_token_url,
            ibm_cloud_account: other.ibm_cloud_account,
            ignore_proxy: scan.ignore_proxy,
            cfg_type: self.cfg_type,
        }
    }
}

/// Keys are never shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AwsKey {
    pub id: String,
    pub region: String,
}

/// A registry and how far its scan is. Passwords, tokens and keys are never shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistrySummary {
    pub name: String,
    pub registry_type: String,
    pub registry: String,
    pub username: String,
    pub auth_with_token: bool,
    pub domains: Vec<String>,
    pub filters: Vec<String>,
    pub rescan_after_db_update: bool,
    pub scan_layers: bool,
    pub repo_limit: u32,
    pub tag_limit: u32,
    pub schedule: ScanSchedule,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_key: Option<AwsKey>,
    pub jfrog_mode: String,
    pub jfrog_aql: bool,
    pub gitlab_external_url: String,
    pub ibm_cloud_token_url: String,
    pub ibm_cloud_account: String,
    pub ignore_proxy: bool,
    /// `idle` or `scanning`.
    pub status: String,
    pub error_message: String,
    pub error_detail: String,
    pub started_at: String,
    pub scanned: u32,
    pub scheduled: u32,
    pub scanning: u32,
    pub failed: u32,
    pub cvedb_version: String,
    pub cvedb_create_time: String,
    pub cfg_type: String,
    /// Rampart: images found, and when.
    pub images: u32,
    pub listed_at: String,
    /// Rampart: a password, token or key is kept.
    pub has_secret: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryImageSummary {
    pub domain: String,
    pub repository: String,
    pub tag: String,
    /// `repository:tag`.
    pub image: String,
    /// Before the first scan, the digest.
    pub image_id: String,
    pub digest: String,
    pub size: u64,
    pub author: String,
    pub run_as_root: bool,
    pub envs: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub layers: Vec<String>,
    pub created_at: String,
    #[serde(flatten)]
    pub brief: ScanBrief,
    /// Rampart: counts of the report.
    pub packages: u32,
    pub secrets: u32,
    pub config_issues: u32,
}

/// A step of trying a registry out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryTestStep {
    pub step_type: String,
    pub step_content: String,
}

/// The answer to a test: 206 while it runs, with an `X-Transaction-ID` to ask again with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryTestData {
    pub steps: Vec<RegistryTestStep>,
    /// Rampart: what the header says; may also be sent as `?transaction=`.
    pub transaction_id: String,
    /// Rampart: there is no more to come.
    pub done: bool,
}

envelope! {
    RegistryConfigData { config: RegistryConfig }
    RegistryConfigDataV2 { config: RegistryConfigV2 }
    RegistrySummaryData { summary: RegistrySummary }
    RegistrySummariesData { summarys: Vec<RegistrySummary> }
    RegistryImagesData { images: Vec<RegistryImageSummary> }
}
