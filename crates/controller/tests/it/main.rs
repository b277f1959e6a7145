//! The controller, driven from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod app;
mod rest;
mod scanner;
mod world;
