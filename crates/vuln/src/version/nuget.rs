//! NuGet: semantic versions with up to four numbers, case of letters does not count.

use super::part::{Semantic, semantic};
use std::cmp::Ordering;

pub(super) use super::semver::check;

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    semantic(Semantic::split(a), Semantic::split(b), true)
}
