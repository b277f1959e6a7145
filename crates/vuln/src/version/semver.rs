//! Semantic versions (semver.org 2.0) as Cargo, npm, Swift and Hex order them: numbers, then
//! pre-releases, builds do not count. Read leniently: a `v` in front, fewer or more than three
//! numbers, numbers of any size.

use super::part::{Semantic, semantic};
use std::cmp::Ordering;

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    Semantic::split(version).check()
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    semantic(Semantic::split(a), Semantic::split(b), false)
}
