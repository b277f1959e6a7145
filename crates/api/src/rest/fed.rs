//! Federation: this cluster stands alone, and says so.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestInfo {
    pub server: String,
    pub port: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FedMaster {
    pub name: String,
    pub id: String,
    pub rest_info: RestInfo,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FedMember {
    /// Empty: neither a primary nor a managed cluster.
    pub fed_role: String,
    pub local_rest_info: RestInfo,
    pub use_proxy: String,
    /// Absent while there is no federation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_cluster: Option<FedMaster>,
}
