//! Why an enforcer cannot run at all. What it can do without is reported, not an error.

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum EnforcerError {
    #[error("cannot use the data folder {path}; check that it exists and is writable")]
    Data {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("containers cannot be found")]
    Discovery(#[from] rampart_cluster::DiscoveryError),
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}
