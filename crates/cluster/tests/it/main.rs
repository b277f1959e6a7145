//! Discovery on real containers, each daemon started by its test with folders and a socket of its
//! own, and on a made-up Docker where a real one cannot be made to misbehave.

#![allow(
    clippy::expect_used,
    reason = "a test that cannot set up its world has failed"
)]

mod containerd;
mod cri;
mod daemon;
mod docker;
mod fake_docker;
mod follow;
mod podman;
mod runc;
