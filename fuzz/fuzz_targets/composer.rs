//! Composer's lock file and list of what is installed.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &["composer.lock", "vendor/composer/installed.json"];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
