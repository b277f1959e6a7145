//! Dart's pub: semantic versions where the build counts too, after everything else.

use super::part::{Semantic, identifiers, semantic};
use std::cmp::Ordering;

pub(super) use super::semver::check;

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Semantic::split(a), Semantic::split(b));
    semantic(a, b, false).then_with(|| match (a.build, b.build) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => identifiers(a, b, false),
    })
}
