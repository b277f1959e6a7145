//! Domains: namespaces in Kubernetes, projects elsewhere.

use super::envelope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Domain {
    pub name: String,
    pub workloads: u32,
    pub running_workloads: u32,
    pub running_pods: u32,
    pub services: u32,
    pub tags: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DomainConfig {
    pub tag_per_domain: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct DomainEntryConfig {
    pub name: String,
    pub tags: Option<Vec<String>>,
}

envelope! {
    DomainsData { domains: Vec<Domain>, tag_per_domain: bool }
    DomainConfigData { config: DomainConfig }
    DomainEntryConfigData { config: DomainEntryConfig }
}
