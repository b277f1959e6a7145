//! The enforcer as a whole: with a kernel of the test's own, and on real containers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "a failed test should panic, and a skipped one say so"
)]

mod called;
mod detection;
mod fake;
mod files;
mod first_exec;
mod hostile;
mod network;
mod process;
mod real;
mod real_rules;
mod uplink;
