//! The smaller ecosystems: Dart, Elixir, Conan, Swift, CocoaPods, R, Haskell.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "support/analyze.rs"]
mod analyze;

const PATHS: &[&str] = &[
    "pubspec.lock",
    "mix.lock",
    "conan.lock",
    "Package.resolved",
    "Podfile.lock",
    "lib/R/DESCRIPTION",
    "renv.lock",
    "cabal.project.freeze",
    "stack.yaml.lock",
];

fuzz_target!(|data: &[u8]| analyze::feed(PATHS, data));
