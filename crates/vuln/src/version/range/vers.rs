//! `vers:type/constraints`, the ranges that stand beside package URLs: `vers:npm/1.2.3|>=2.0|<3`.

use super::{Edge, MAX_SPANS, RangeError, VersionSet, comparison, fits, operator};
use crate::version::Scheme;

const SIGNS: [&str; 6] = ["!=", "<=", ">=", "<", ">", "="];

/// Types of ranges that are not named as the type of a package is.
const TYPES: &[(&str, Scheme)] = &[
    ("alpine", Scheme::Apk),
    ("apk", Scheme::Apk),
    ("arch", Scheme::Alpm),
    ("alpm", Scheme::Alpm),
    ("cargo", Scheme::Semver),
    ("composer", Scheme::Composer),
    ("conan", Scheme::Conan),
    ("conda", Scheme::Conda),
    ("cran", Scheme::Cran),
    ("deb", Scheme::Deb),
    ("debian", Scheme::Deb),
    ("gem", Scheme::Gem),
    ("generic", Scheme::Generic),
    ("github", Scheme::Semver),
    ("go", Scheme::Go),
    ("golang", Scheme::Go),
    ("hackage", Scheme::Hackage),
    ("hex", Scheme::Hex),
    ("intdot", Scheme::Generic),
    ("maven", Scheme::Maven),
    ("npm", Scheme::Npm),
    ("nuget", Scheme::Nuget),
    ("openssl", Scheme::Generic),
    ("nginx", Scheme::Generic),
    ("pub", Scheme::Pub),
    ("pypi", Scheme::Pep440),
    ("rpm", Scheme::Rpm),
    ("semver", Scheme::Semver),
    ("swift", Scheme::Semver),
];

pub fn parse(text: &str) -> Result<VersionSet, RangeError> {
    fits(text)?;
    let rest = text
        .trim()
        .strip_prefix("vers:")
        .ok_or_else(|| RangeError::at(text))?;
    let (name, constraints) = rest.split_once('/').ok_or_else(|| RangeError::at(text))?;
    let scheme = TYPES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, scheme)| *scheme)
        .ok_or_else(|| RangeError::UnknownType(name.chars().take(80).collect()))?;
    if constraints.trim() == "*" {
        return Ok(VersionSet::all(scheme));
    }
    constrained(scheme, constraints)
}

fn constrained(scheme: Scheme, text: &str) -> Result<VersionSet, RangeError> {
    let mut parsed = Vec::new();
    for part in text
        .split('|')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (sign, version) = operator(part, &SIGNS);
        let version = decoded(version).ok_or_else(|| RangeError::at(part))?;
        scheme.check(&version)?;
        parsed.push((sign, version));
    }
    if parsed.is_empty() {
        return Err(RangeError::at(text));
    }
    if parsed.len() > MAX_SPANS {
        return Err(RangeError::TooMany);
    }
    parsed.sort_by(|a, b| super::order(scheme, &a.1, &b.1));
    let mut any = bounds(scheme, &parsed)?;
    for (_, version) in parsed.iter().filter(|(sign, _)| matches!(*sign, "" | "=")) {
        any = any.union(comparison(scheme, "=", version)?)?;
    }
    for (_, version) in parsed.iter().filter(|(sign, _)| *sign == "!=") {
        any = any.intersection(&comparison(scheme, "!=", version)?)?;
    }
    Ok(any)
}

/// The spans that `<` and `>` make, taken in order: a lower bound goes with the next upper one.
fn bounds(scheme: Scheme, sorted: &[(&str, String)]) -> Result<VersionSet, RangeError> {
    let mut any = VersionSet::none(scheme);
    if sorted.iter().all(|(sign, _)| *sign == "!=") {
        return Ok(VersionSet::all(scheme));
    }
    // Nothing yet: an upper bound then has no lower one.
    let mut lower = Some(Edge::Open);
    for (sign, version) in sorted {
        let version = version.clone();
        match *sign {
            ">" => lower = keep_open(lower, Edge::Excluding(version)),
            ">=" => lower = keep_open(lower, Edge::Including(version)),
            "<" | "<=" => {
                let upper = if *sign == "<" {
                    Edge::Excluding(version)
                } else {
                    Edge::Including(version)
                };
                if let Some(lower) = lower.take() {
                    any = any.union(VersionSet::span(scheme, lower, upper)?)?;
                }
            }
            _ => {}
        }
    }
    if let Some(lower @ (Edge::Including(_) | Edge::Excluding(_))) = lower {
        any = any.union(VersionSet::span(scheme, lower, Edge::Open)?)?;
    }
    Ok(any)
}

/// Of two lower bounds in a row the first is the wider one.
fn keep_open(before: Option<Edge>, next: Edge) -> Option<Edge> {
    match before {
        Some(edge @ (Edge::Including(_) | Edge::Excluding(_))) => Some(edge),
        _ => Some(next),
    }
}

/// Without percent signs; none where they are wrong.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
            out.push(u8::try_from(value).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
