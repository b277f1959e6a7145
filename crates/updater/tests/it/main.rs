//! The updater's tests, one module an area.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and say what they skip"
)]

mod fetch;
mod parser;
mod reference;
mod server;
mod support;
mod update;
