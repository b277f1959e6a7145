//! The engine from outside: files and facts in, findings out; a module an area.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "helpers of tests fail as tests do, and say what they skip"
)]

mod db;
mod ignore;
mod image_config;
mod java;
mod lang;
mod license;
mod matching;
mod os;
mod program;
mod purl;
mod report;
mod sbom;
mod secret;
mod streaming;
mod version;
mod vex;
