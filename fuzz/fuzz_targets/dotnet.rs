//! NuGet's lock files and MSBuild's project files.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &[
    "a.deps.json",
    "packages.lock.json",
    "project.assets.json",
    "packages.config",
    "a.csproj",
    "Directory.Packages.props",
];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
