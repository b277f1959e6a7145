//! Enforcer and controller in one process: the link is a function call.

use async_trait::async_trait;
use rampart_controller::app::{AgentError, Agents, App};
use rampart_enforcer::{
    Handle,
    link::{LinkError, Uplink},
};
use rampart_model::{NodeId, PolicySnapshot, Query, Reply, Report};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// What the enforcer reports to.
pub(crate) struct LocalUplink {
    pub(crate) app: App,
    pub(crate) node: NodeId,
}

#[async_trait]
impl Uplink for LocalUplink {
    async fn send(&self, reports: Vec<Report>) -> Result<(), LinkError> {
        self.app.ingest(&self.node, reports).await.map_err(|error| {
            LinkError::Refused(match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            })
        })
    }

    fn policy(&self) -> watch::Receiver<Arc<PolicySnapshot>> {
        self.app.policy()
    }
}

/// What the controller asks. The enforcer is put in once it has started.
#[derive(Clone, Default)]
pub(crate) struct LocalAgents(Arc<OnceLock<(NodeId, Handle)>>);

impl LocalAgents {
    pub(crate) fn put(&self, node: NodeId, enforcer: Handle) {
        let _ = self.0.set((node, enforcer));
    }

    fn of(&self, node: &NodeId) -> Option<&Handle> {
        self.0
            .get()
            .filter(|(id, _)| id == node)
            .map(|(_, enforcer)| enforcer)
    }
}

#[async_trait]
impl Agents for LocalAgents {
    async fn query(&self, node: &NodeId, query: Query) -> Result<Reply, AgentError> {
        match self.of(node) {
            Some(enforcer) => Ok(enforcer.query(&query)),
            None => Err(AgentError::Disconnected(node.clone())),
        }
    }

    fn connected(&self, node: &NodeId) -> bool {
        self.of(node).is_some()
    }
}
