//! Cargo's requirements, which RustSec's advisories use: comparisons between commas; a bare version
//! means `^`.

use super::{RangeError, VersionSet, all_of, comparison, from_until, operator, partial::Partial};
use crate::version::Scheme;

const SCHEME: Scheme = Scheme::Semver;
const SIGNS: [&str; 7] = ["<=", ">=", "<", ">", "=", "^", "~"];

pub(super) fn parse(text: &str) -> Result<VersionSet, RangeError> {
    all_of(SCHEME, text.split(','), |part| {
        let (sign, version) = operator(part, &SIGNS);
        let partial = Partial::parse(version).ok_or_else(|| RangeError::at(part))?;
        one(sign, &partial)
    })
}

fn one(sign: &str, version: &Partial<'_>) -> Result<VersionSet, RangeError> {
    let floor = version.floor();
    let Some(after) = version.after() else {
        return Ok(VersionSet::all(SCHEME));
    };
    match (sign, version.is_whole()) {
        // A version written whole is compared as it is.
        ("=" | "<" | "<=" | ">" | ">=", true) => comparison(SCHEME, sign, &floor),
        ("=", false) => from_until(SCHEME, floor, after),
        (">", false) => comparison(SCHEME, ">=", after.trim_end_matches("-0")),
        ("<=", false) => comparison(SCHEME, "<", &after),
        ("<" | ">=", false) => comparison(SCHEME, sign, &floor),
        ("~", _) => until(floor, version.after_tilde()),
        _ => until(floor, version.after_caret()),
    }
}

fn until(floor: String, after: Option<String>) -> Result<VersionSet, RangeError> {
    match after {
        Some(after) => from_until(SCHEME, floor, after),
        None => comparison(SCHEME, ">=", &floor),
    }
}
