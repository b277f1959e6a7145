//! The controller's ports: the clock and the agents. The store's are in `rampart_store`.

use async_trait::async_trait;
use rampart_model::{NodeId, Query, Reply, Timestamp};

/// Tells the time. Tests turn it by hand.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_ms(since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Asks enforcers. An enforcer in the same process answers directly, others over their link.
#[async_trait]
pub trait Agents: Send + Sync + 'static {
    async fn query(&self, node: &NodeId, query: Query) -> Result<Reply, AgentError>;

    fn connected(&self, node: &NodeId) -> bool;
}

#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub enum AgentError {
    #[error("node {0} is not connected")]
    Disconnected(NodeId),
    #[error("node {0} did not answer in time")]
    Timeout(NodeId),
    #[error("node answered: {0}")]
    Refused(String),
}
