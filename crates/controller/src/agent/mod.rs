//! What enforcers report, and what they are told.
use crate::{App, AppError};
use rampart_model::{NodeId, PolicySnapshot, Report};
use std::sync::Arc;
use tokio::sync::watch;

impl App {
    /// Takes a batch in order. `Ok` acknowledges it: records are durable, learned rules stored.
    /// A batch may come twice; the second time changes nothing.
    pub async fn ingest(&self, node: &NodeId, reports: Vec<Report>) -> Result<(), AppError> {
        let _ = (node, reports);
        unimplemented!()
    }

    /// The policy in force; every change is a new snapshot with a higher revision.
    pub fn policy(&self) -> watch::Receiver<Arc<PolicySnapshot>> {
        unimplemented!()
    }

    pub fn agent_connected(&self, node: &NodeId) {
        let _ = node;
        unimplemented!()
    }

    pub fn agent_lost(&self, node: &NodeId) {
        let _ = node;
        unimplemented!()
    }
}
