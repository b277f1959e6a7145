//! Ranges between brackets: `[1.0,2.0),[3.0,)`. Maven and NuGet share them but for bare versions.

use super::{Edge, RangeError, VersionSet, comparison};
use crate::version::Scheme;

pub(super) fn parse(text: &str) -> Result<VersionSet, RangeError> {
    bracketed(Scheme::Maven, "=", text)
}

pub(super) fn parse_nuget(text: &str) -> Result<VersionSet, RangeError> {
    bracketed(Scheme::Nuget, ">=", text)
}

fn bracketed(scheme: Scheme, bare: &str, text: &str) -> Result<VersionSet, RangeError> {
    let text = text.trim();
    if !text.starts_with(['[', '(']) {
        return comparison(scheme, bare, text);
    }
    let mut any = VersionSet::none(scheme);
    let mut rest = text;
    loop {
        let end = rest.find([']', ')']).ok_or_else(|| RangeError::at(rest))?;
        any = any.union(one(scheme, &rest[..=end])?)?;
        rest = rest[end + 1..].trim_start();
        if rest.is_empty() {
            return Ok(any);
        }
        rest = rest
            .strip_prefix(',')
            .map(str::trim_start)
            .filter(|rest| rest.starts_with(['[', '(']))
            .ok_or_else(|| RangeError::at(rest))?;
    }
}

/// Begins and ends with a bracket.
fn one(scheme: Scheme, text: &str) -> Result<VersionSet, RangeError> {
    let (open, close) = (text.starts_with('['), text.ends_with(']'));
    let inner = text[1..text.len() - 1].trim();
    let Some((from, to)) = inner.split_once(',') else {
        return if open && close && !inner.is_empty() {
            comparison(scheme, "=", inner)
        } else {
            Err(RangeError::at(text))
        };
    };
    if to.contains(',') {
        return Err(RangeError::at(text));
    }
    let edge = |version: &str, including| match (version.trim(), including) {
        ("", _) => Edge::Open,
        (version, true) => Edge::Including(version.to_owned()),
        (version, false) => Edge::Excluding(version.to_owned()),
    };
    Ok(VersionSet::span(scheme, edge(from, open), edge(to, close))?)
}
