//! The way to the controller: what goes up is spooled until acknowledged, what comes down is kept.

mod cache;
mod segment;
mod sender;
mod spool;

pub use cache::{CacheError, PolicyCache};
pub use sender::{Introduction, Latest, Sender};
pub use spool::{Batch, Lost, Priority, Spool, SpoolError, SpoolLimits};

use rampart_model::{PolicySnapshot, Report};
use std::sync::Arc;
use tokio::sync::watch;

/// The controller, however it is reached.
#[async_trait::async_trait]
pub trait Uplink: Send + Sync + 'static {
    /// `Ok` is the acknowledgement: the controller has stored every report. After an error the
    /// same batch is sent again, so a report may come twice.
    async fn send(&self, reports: Vec<Report>) -> Result<(), LinkError>;

    /// The policy as it changes. Revision 0 is "not heard yet": the cached one stays in force.
    fn policy(&self) -> watch::Receiver<Arc<PolicySnapshot>>;
}

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody answers; tried again with growing pauses.
    #[error("controller is not reachable: {0}")]
    Unreachable(String),
    /// It answered with a refusal; tried again too, since the operator can repair it.
    #[error("controller refused the reports: {0}")]
    Refused(String),
}
