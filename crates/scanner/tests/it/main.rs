//! The scanner against images, registries and folders made here, and as a service.
// Helpers of tests fail as tests do, and say what they skip.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

mod attach;
mod build;
mod cache;
mod engine;
mod filesystem;
mod hostile;
mod local;
mod real;
mod registry;
mod server;
mod service;
mod storage;
mod store;
