//! Go modules and the standard library.
//!
//! Module versions are semantic versions: pseudo-versions are pre-releases by their form, builds
//! such as `+incompatible` do not count. The toolchain writes `go1.21rc2`, `go1.20` for `1.20.0`,
//! and may carry a vendor's tail (`go1.21.3-vendor`, `go1.17.2b7`, `go1.22.1 X:exp`) that does not
//! count. A build from a work tree, `(devel)` or `devel go1.23-…`, has no place in the order.

use super::part::{Semantic, semantic};
use std::cmp::Ordering;

fn parts(version: &str) -> Semantic<'_> {
    let version = version.trim();
    match version.strip_prefix("go") {
        Some(toolchain) => released(toolchain),
        None => Semantic::split(version),
    }
}

fn released(toolchain: &str) -> Semantic<'_> {
    let end = toolchain.find(['-', ' ', '+']).unwrap_or(toolchain.len());
    let mut parts = Semantic::split(&toolchain[..end]);
    // `b7` marks a build with another cryptography, not a beta: that is spelt out.
    if parts
        .pre
        .strip_prefix('b')
        .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
    {
        parts.pre = "";
    }
    parts
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    if version.contains("devel") {
        return Err("it was built from a work tree");
    }
    parts(version).check()
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    match word_and_number(a.pre, b.pre) {
        Some(order) if super::part::dotted(a.core, b.core).is_eq() => order,
        _ => semantic(a, b, false),
    }
}

/// `rc2` against `rc10`, as the toolchain writes them: the word, then the number.
fn word_and_number(a: &str, b: &str) -> Option<Ordering> {
    let split = |text| {
        ["beta", "rc"].into_iter().find_map(|word| {
            let number = str::strip_prefix(text, word)?.as_bytes();
            super::part::is_number(number).then_some((word, number))
        })
    };
    let ((a, a_number), (b, b_number)) = (split(a)?, split(b)?);
    Some(
        a.cmp(b)
            .then_with(|| super::part::number(a_number, b_number)),
    )
}
