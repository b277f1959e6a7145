//! Resource use of a node, a workload or a group.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    /// Share of the machine's processors, in percent.
    pub cpu: f64,
    /// Bytes.
    pub memory: u64,
    pub session_in: u32,
    pub session_out: u32,
    pub packet_in: u64,
    pub packet_out: u64,
    pub byte_in: u64,
    pub byte_out: u64,
}

/// The same over all time, and over the last 1, 12 and 60 intervals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// Seconds.
    pub interval: u32,
    pub total: Metric,
    pub span_1: Metric,
    pub span_12: Metric,
    pub span_60: Metric,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsData {
    pub id: String,
    pub read_at: String,
    pub stats: Stats,
}
