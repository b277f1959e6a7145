//! Tests of the store's implementations.
// Helpers of tests fail as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod artifact;
mod conformance;
mod crash;
mod file;
mod property;
mod sealed;
