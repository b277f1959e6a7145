//! Discovery on real containers, each daemon started by its test with folders and a socket of its
//! own, and on a made-up Docker where a real one cannot be made to misbehave.

mod fake_docker;
mod follow;
mod runc;
