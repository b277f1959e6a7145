//! The kernel side against the real kernel: needs root and BTF, and says so where they are missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests"
)]

mod call;
mod container;
mod cost;
mod detect;
mod docker;
mod exec;
mod file;
mod guard;
mod hostile;
mod network;
mod profile;
mod rig;
mod ring;
mod room;
mod route;
mod survival;
mod watchdog;
