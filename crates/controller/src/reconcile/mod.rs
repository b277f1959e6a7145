//! Work that repeats: retention, ageing, promotion, offline nodes, saving conversations.
use crate::App;
use tokio::task::JoinSet;

impl App {
    /// Starts the periodic work. Dropping the set ends it.
    pub fn spawn_tasks(&self) -> JoinSet<()> {
        unimplemented!()
    }
}
