//! Reading connections, and the way to them from async code.

use super::{fault::Faults, schema};
use crate::StoreError;
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// A query that runs longer is stopped.
const DEADLINE: Duration = Duration::from_secs(30);
/// Engine steps between looks at the clock.
const STEPS: i32 = 100_000;

/// A few connections, opened when first needed.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    cache_kib: i64,
    faults: Faults,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(crate) fn new(path: &Path, size: usize, cache_kib: i64, faults: Faults) -> Self {
        let shared = Shared {
            path: path.to_owned(),
            cache_kib,
            faults,
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Runs `read` on a blocking thread with a connection, inside one snapshot.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Faults) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Unavailable {
            what: "it was closed",
        };
        let permit = self
            .shared
            .permits
            .clone()
            .acquire_owned()
            .await
            .map_err(closed)?;
        let shared = self.shared.clone();
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            shared.read(read)
        });
        work.await.map_err(|e| StoreError::io("run a query", e))?
    }

    /// Runs `copy` on a blocking thread with a connection of its own, outside a transaction and
    /// without a deadline.
    pub(crate) async fn copy<T: Send + 'static>(
        &self,
        copy: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        let work = tokio::task::spawn_blocking(move || {
            let explain = |e| shared.faults.explain("open its file", e);
            let connection = schema::open_copier(&shared.path).map_err(explain)?;
            copy(&connection)
        });
        work.await.map_err(|e| StoreError::io("copy its file", e))?
    }

    /// Closes the idle connections and refuses further reads.
    pub(crate) fn close(&self) {
        self.shared.permits.close();
        self.shared.idle().clear();
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection, &Faults) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let explain = |e| self.faults.explain("read", e);
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.path, self.cache_kib).map_err(explain)?,
        };
        let deadline = Instant::now() + DEADLINE;
        let late = move || Instant::now() > deadline;
        connection
            .progress_handler(STEPS, Some(late))
            .map_err(explain)?;
        let result = {
            let snapshot = connection.unchecked_transaction().map_err(explain)?;
            read(&snapshot, &self.faults)
        };
        if !self.permits.is_closed() {
            self.idle().push(connection);
        }
        result
    }
}
