//! Builders and real-container fixtures for tests: dev-dependency only.
//!
//! Containers are made without a registry, from the busybox of Debian's `busybox-static`, and run
//! by `runc`. Everything made here is undone on drop, by its own name or pid, so tests may run
//! side by side. Real containers need root: call [`require`] first and return when it says no.

pub mod bundle;
pub mod command;
pub mod network;
pub mod require;
pub mod rootfs;
pub mod runc;
pub mod unique;
pub mod wait;

pub use command::{CommandError, run};
pub use network::{Bridge, NetNs};
pub use require::require;
pub use rootfs::Rootfs;
pub use runc::{RuncBuilder, RuncContainer};
pub use unique::unique_name;
pub use wait::{wait_for, wait_until};
