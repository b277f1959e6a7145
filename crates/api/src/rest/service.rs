//! Services: learned groups under the name people know.

use super::{envelope, policy::PolicyRule, workload::WorkloadBrief};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    pub name: String,
    pub comment: String,
    pub policy_mode: String,
    pub profile_mode: String,
    pub not_scored: bool,
    pub domain: String,
    pub platform_role: String,
    pub members: Vec<WorkloadBrief>,
    pub policy_rules: Vec<PolicyRule>,
    pub response_rules: Vec<u32>,
    /// Reached from outside the cluster.
    pub ingress_exposure: bool,
    /// Reaches outside the cluster.
    pub egress_exposure: bool,
    pub baseline_profile: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_change_mode: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap_scorable: Option<bool>,
}

/// Body of `POST /v1/service`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ServiceConfig {
    pub name: String,
    pub domain: String,
    pub comment: Option<String>,
    pub policy_mode: Option<String>,
    pub profile_mode: Option<String>,
    pub baseline_profile: Option<String>,
    pub not_scored: Option<bool>,
}

/// Modes of several services at once. No services means every one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ServiceBatchConfig {
    pub services: Option<Vec<String>>,
    pub policy_mode: Option<String>,
    pub profile_mode: Option<String>,
    pub baseline_profile: Option<String>,
    pub not_scored: Option<bool>,
}

envelope! {
    ServicesData { services: Vec<Service> }
    ServiceData { service: Service }
    ServiceConfigData { config: ServiceConfig }
    ServiceBatchConfigData { config: ServiceBatchConfig }
}
