//! What changes while one looks: the events of `GET /v1/live`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One server-sent event; the reader fetches what it shows of that kind again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveEvent {
    /// `workload`, `group`, `policy`, `conversation`, `log`, `node`, `system`, or `resync` when
    /// the reader was too slow and should fetch everything.
    pub kind: String,
    /// Which one; empty when the caller may not know or it concerns all.
    pub id: String,
}
