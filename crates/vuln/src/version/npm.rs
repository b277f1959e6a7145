//! npm's order: semantic versions, which it also takes with a `=` or `v` in front.

use super::semver;
use std::cmp::Ordering;

fn bare(version: &str) -> &str {
    version.trim().trim_start_matches(['=', ' '])
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    semver::check(bare(version))
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    semver::compare(bare(a), bare(b))
}
