//! Which addresses belong to whom.

use crate::{GroupName, NodeId, WorkloadId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One address and the groups behind it. What no endpoint claims is `external`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub address: IpAddr,
    /// Empty for a node's own address.
    pub workload: WorkloadId,
    pub node: NodeId,
    /// Every group it is a member of, the learned one first.
    pub groups: Vec<GroupName>,
}
