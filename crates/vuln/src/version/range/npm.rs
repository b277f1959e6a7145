//! npm's ranges: comparisons between blanks, alternatives between `||`, `~`, `^`, `1.x`, `1 - 2`.
//! Read as npm does when pre-releases are asked for.

use super::{Edge, RangeError, VersionSet, comparison, from_until, operator, partial::Partial};
use crate::version::Scheme;

const SCHEME: Scheme = Scheme::Npm;
const SIGNS: [&str; 8] = ["<=", ">=", "~>", "<", ">", "=", "^", "~"];

pub(super) fn parse(text: &str) -> Result<VersionSet, RangeError> {
    let mut any = VersionSet::none(SCHEME);
    for alternative in text.split("||") {
        any = any.union(conjunction(alternative.trim())?)?;
    }
    Ok(any)
}

fn conjunction(text: &str) -> Result<VersionSet, RangeError> {
    if let Some((from, to)) = text.split_once(" - ") {
        return hyphen(from, to);
    }
    let mut all = VersionSet::all(SCHEME);
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let (sign, mut version) = operator(word, &SIGNS);
        if version.is_empty() {
            // `>= 1.0`: the sign stands alone.
            version = words.next().ok_or_else(|| RangeError::at(text))?;
        }
        let partial = Partial::parse(version).ok_or_else(|| RangeError::at(text))?;
        all = all.intersection(&one(sign, &partial)?)?;
    }
    Ok(all)
}

fn hyphen(from: &str, to: &str) -> Result<VersionSet, RangeError> {
    let partial = |text| Partial::parse(text).ok_or_else(|| RangeError::at(text));
    let (from, to) = (partial(from)?, partial(to)?);
    let lower = match from.major {
        None => Edge::Open,
        Some(_) if from.pre.is_empty() => Edge::Including(from.floor() + "-0"),
        Some(_) => Edge::Including(from.floor()),
    };
    let upper = match to.after() {
        None => Edge::Open,
        Some(_) if to.is_whole() => Edge::Including(to.floor()),
        Some(after) => Edge::Excluding(after),
    };
    Ok(VersionSet::span(SCHEME, lower, upper)?)
}

/// With its pre-releases where not every number is given.
fn lowest(version: &Partial<'_>) -> String {
    let floor = version.floor();
    if version.is_whole() {
        floor
    } else {
        floor + "-0"
    }
}

fn one(sign: &str, version: &Partial<'_>) -> Result<VersionSet, RangeError> {
    let Some(after) = version.after() else {
        // `<*` and `>*` hold no version.
        return Ok(match sign {
            "<" | ">" => VersionSet::none(SCHEME),
            _ => VersionSet::all(SCHEME),
        });
    };
    let whole = version.is_whole();
    match sign {
        "^" => from_until(
            SCHEME,
            lowest(version),
            version.after_caret().unwrap_or(after),
        ),
        "~" | "~>" => from_until(
            SCHEME,
            lowest(version),
            version.after_tilde().unwrap_or(after),
        ),
        "<" | "<=" | ">" | ">=" if whole => comparison(SCHEME, sign, &version.floor()),
        "<" => comparison(SCHEME, "<", &lowest(version)),
        "<=" => comparison(SCHEME, "<", &after),
        ">" => comparison(SCHEME, ">=", &after),
        ">=" => comparison(SCHEME, ">=", &lowest(version)),
        _ if whole => comparison(SCHEME, "=", &version.floor()),
        _ => from_until(SCHEME, lowest(version), after),
    }
}
