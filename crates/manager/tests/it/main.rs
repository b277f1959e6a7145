//! The manager against a fake controller over TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod fake;
mod files;
mod limits;
mod session;
mod stream;
