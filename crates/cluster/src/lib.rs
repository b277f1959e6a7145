//! What runs on this node: container runtimes and cgroups.
//!
//! [`Discovery`] follows every runtime of the node (containerd, its CRI, CRI-O, Docker, Podman)
//! through its socket, and the containers no socket tells of through runc's state folders and the
//! kernel's namespaces. What several sources say of one container is merged into one
//! [`rampart_model::Workload`], and told as a stream of [`Change`]s. [`Discovery::lookup_pid`] and
//! [`Discovery::lookup_cgroup`] answer at the first exec of a container nobody has told of yet,
//! from the files its runtime has written before that exec.
//!
//! Everything read is written by others and may be hostile: sizes are bounded, text that is not
//! UTF-8 is taken lossily, and what cannot be understood is counted and reported in [`Stats`].

mod cgroup;
mod diagnostics;
mod discovery;
#[doc(hidden)]
pub mod fuzz;
mod inventory;
mod json;
mod local;
mod node;
mod procfs;
mod read;
mod runtime;
mod service;
mod time;

pub use cgroup::{CgroupRef, container_of};
pub use diagnostics::Stats;
pub use discovery::{Config, Discovery, DiscoveryError, Socket};
pub use inventory::{Change, EXIT_UNKNOWN};
pub use node::node_facts;
pub use runtime::RuntimeKind;
pub use service::{Identity, identity};
