//! `gradle.lockfile` and `build.sbt.lock`.
//!
//! Holds: no panic, names have a group and an artifact.

#![no_main]

#[path = "support/program.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use rampart_vuln::analyze::java;

fuzz_target!(|data: &[u8]| {
    let (packages, _) = java::read_gradle_lock(data, "app/gradle.lockfile");
    for package in &packages {
        assert!(package.name.contains(':') && !package.version.is_empty());
    }
    let _ = java::read_sbt_lock(data, "build.sbt.lock");
    let _ = support::facts("app/gradle.lockfile", data, 4096);
});
