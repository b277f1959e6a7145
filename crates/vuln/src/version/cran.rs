//! R packages: numbers between dots or hyphens; fewer come first.

use super::part::{is_number, listed};
use std::cmp::Ordering;

const SEPARATORS: &[char] = &['.', '-'];

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    if version.split(SEPARATORS).all(|n| is_number(n.as_bytes())) {
        Ok(())
    } else {
        Err("it is not numbers between dots or hyphens")
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    listed(a, b, SEPARATORS)
}
