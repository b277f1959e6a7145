//! A node: inventory, learning, verdicts and enforcement.
//!
//! [`serve`] runs it; [`Enforcer`] does too and gives a [`Handle`] to ask. It joins the kernel side
//! (`rampart-probe`), the containers (`rampart-cluster`) and the policy (`rampart-policy`) behind
//! the ports [`Kernel`], [`Inventory`] and [`link::Uplink`].
//!
//! Without permission or kernel support it still inventories and says what is missing: the node's
//! tier is `none`, with the reason among its capabilities and as an `Agent.Enforcement.Degraded`
//! record. Nothing that is lost is lost silently: see `stats`.

mod config;
mod error;
mod inventory;
mod kernel;
pub mod link;
mod network;
mod outbox;
mod runtime;
mod serve;
mod stats;

pub use config::Config;
pub use error::EnforcerError;
pub use inventory::Inventory;
pub use kernel::{Kernel, NoKernel};
pub use serve::{Enforcer, Handle, Sink, Started, World, serve};
