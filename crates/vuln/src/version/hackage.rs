//! Haskell packages: numbers between dots; fewer come first. Tags after a hyphen do not count.

use super::part::{is_number, listed};
use std::cmp::Ordering;

fn numbers(version: &str) -> &str {
    version
        .split_once('-')
        .map_or(version, |(numbers, _)| numbers)
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    if numbers(version).split('.').all(|n| is_number(n.as_bytes())) {
        Ok(())
    } else {
        Err("it is not numbers between dots")
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    listed(numbers(a), numbers(b), &['.'])
}
