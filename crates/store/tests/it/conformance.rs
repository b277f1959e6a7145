//! Every implementation passes the shared tests.

use rampart_store::{
    memory::Memory,
    sqlite::{Options, Sqlite},
};
use std::sync::Arc;
use tempfile::TempDir;

fn memory(history: u64) -> (Arc<Memory>, ()) {
    (
        Arc::new(Memory::with_history(usize::try_from(history).unwrap())),
        (),
    )
}

fn sqlite(history: u64) -> (Arc<Sqlite>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { history };
    (
        Arc::new(Sqlite::open_with(&folder.path().join("store.db"), options).unwrap()),
        folder,
    )
}

mod memory_store {
    rampart_store::store_conformance!(super::memory);
}

mod memory_log {
    rampart_store::log_conformance!(super::memory);
}

mod sqlite_store {
    rampart_store::store_conformance!(super::sqlite);
}

mod sqlite_log {
    rampart_store::log_conformance!(super::sqlite);
}
