//! Composer's constraints: comparisons between commas or blanks, alternatives between `|` or `||`,
//! `~`, `^`, `1.2.*`, `1.0 - 2.0`. As Composer does, `<` leaves out and `>=` takes in what is in
//! development towards the version.

use super::{Edge, RangeError, VersionSet, comparison, from_until, incremented, operator};
use crate::version::Scheme;

const SCHEME: Scheme = Scheme::Composer;
const SIGNS: [&str; 10] = ["<=", ">=", "<>", "!=", "==", "<", ">", "=", "^", "~"];

pub(super) fn parse(text: &str) -> Result<VersionSet, RangeError> {
    let mut any = VersionSet::none(SCHEME);
    for alternative in text.split('|').filter(|text| !text.trim().is_empty()) {
        any = any.union(conjunction(alternative.trim())?)?;
    }
    if any.is_empty() && text.trim().is_empty() {
        return Err(RangeError::at(text));
    }
    Ok(any)
}

fn conjunction(text: &str) -> Result<VersionSet, RangeError> {
    if let Some((from, to)) = text.split_once(" - ") {
        return hyphen(from.trim(), to.trim());
    }
    let mut all = VersionSet::all(SCHEME);
    let mut words = text.split([',', ' ']).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let (sign, mut version) = operator(word, &SIGNS);
        if version.is_empty() {
            version = words.next().ok_or_else(|| RangeError::at(text))?;
        }
        // `@dev` says what a resolver may take, not what it is.
        let version = version.split('@').next().unwrap_or(version);
        all = all.intersection(&one(sign, version)?)?;
    }
    Ok(all)
}

/// The numbers it begins with.
fn numbers(version: &str) -> Vec<&str> {
    let version = crate::version::part::without_v(version);
    let end = version
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(version.len());
    version[..end]
        .split('.')
        .filter(|n| !n.is_empty())
        .collect()
}

/// With the number at this place grown, and what follows it left out.
fn grown(numbers: &[&str], place: usize) -> String {
    let mut kept: Vec<&str> = numbers.iter().take(place + 1).copied().collect();
    let last = incremented(kept.pop().unwrap_or("0"));
    kept.push(&last);
    kept.join(".") + "-dev"
}

fn with_development(version: &str) -> String {
    if version.contains(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'v' | 'V')) {
        version.to_owned()
    } else {
        format!("{version}-dev")
    }
}

fn hyphen(from: &str, to: &str) -> Result<VersionSet, RangeError> {
    let given = numbers(to);
    let upper = if given.len() < 3 && !to.contains('-') && !given.is_empty() {
        Edge::Excluding(grown(&given, given.len() - 1))
    } else {
        Edge::Including(to.to_owned())
    };
    let lower = Edge::Including(with_development(from));
    Ok(VersionSet::span(SCHEME, lower, upper)?)
}

fn one(sign: &str, version: &str) -> Result<VersionSet, RangeError> {
    if matches!(version, "*" | "x" | "X") {
        return Ok(VersionSet::all(SCHEME));
    }
    let given = numbers(version);
    if given.is_empty() {
        return Err(RangeError::at(version));
    }
    let last = given.len() - 1;
    let wild = [".*", ".x", ".X"]
        .iter()
        .any(|tail| version.ends_with(tail));
    match sign {
        "" | "=" | "==" if wild => {
            from_until(SCHEME, given.join(".") + "-dev", grown(&given, last))
        }
        "!=" | "<>" if wild => {
            Ok(from_until(SCHEME, given.join(".") + "-dev", grown(&given, last))?.complement())
        }
        _ if wild => Err(RangeError::at(version)),
        "~" => from_until(
            SCHEME,
            with_development(version),
            grown(&given, last.max(1) - 1),
        ),
        "^" => {
            let first = given
                .iter()
                .position(|n| n.bytes().any(|b| b != b'0'))
                .unwrap_or(last);
            from_until(SCHEME, with_development(version), grown(&given, first))
        }
        "<" | ">=" => comparison(SCHEME, sign, &with_development(version)),
        _ => comparison(SCHEME, sign, version),
    }
}
