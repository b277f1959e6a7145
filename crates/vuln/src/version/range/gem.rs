//! RubyGems' requirements: comparisons between commas, and `~>`.

use super::{RangeError, VersionSet, all_of, comparison, from_until, incremented, operator};
use crate::version::Scheme;

const SCHEME: Scheme = Scheme::Gem;
const SIGNS: [&str; 7] = ["~>", "<=", ">=", "!=", "<", ">", "="];

pub(super) fn parse(text: &str) -> Result<VersionSet, RangeError> {
    all_of(SCHEME, text.split(','), |part| {
        let (sign, version) = operator(part, &SIGNS);
        if sign != "~>" {
            return comparison(SCHEME, sign, version);
        }
        SCHEME.check(version)?;
        from_until(SCHEME, version.to_owned(), bumped(version))
    })
}

/// The last number before any letters goes, and the one before it grows: `1.2.3` to `1.3`. Nothing
/// of what it leads to belongs in, its pre-releases neither, and `A` is the first of those.
fn bumped(version: &str) -> String {
    let release = version.split('-').next().unwrap_or(version);
    let end = release
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(release.len());
    let mut numbers: Vec<&str> = release[..end]
        .split('.')
        .filter(|n| !n.is_empty())
        .collect();
    if numbers.len() > 1 {
        numbers.pop();
    }
    let last = incremented(numbers.pop().unwrap_or("0"));
    numbers.push(&last);
    numbers.join(".") + ".A"
}
