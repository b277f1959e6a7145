//! Cargo's version requirements as intervals, and what a set of them leaves over.
//!
//! A requirement is a list of comparators that all hold. Here each is a half-open interval of
//! semver's order, `[from, to)`: "just after 1.0.0" is its least successor, `1.0.1-0`, and "before
//! any pre-release of 0.8.0" is `0.8.0-0`, so nothing is rounded.

use rampart_vuln::advisory::{End, Interval};
use semver::{Prerelease, Version};

/// `[from, to)`; `None` is no bound.
type Span = (Option<Version>, Option<Version>);

/// Versions a list of requirements clears.
pub(super) struct Cleared(Vec<Span>);

impl Cleared {
    pub(super) fn parse<'a>(list: impl Iterator<Item = &'a String>) -> Result<Self, String> {
        list.map(|text| requirement(text))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The first version of each part, lowest first.
    pub(super) fn lowest(&self) -> Vec<String> {
        let mut versions: Vec<&Version> =
            self.0.iter().filter_map(|span| span.0.as_ref()).collect();
        versions.sort();
        versions.iter().map(ToString::to_string).collect()
    }
}

/// What neither list clears, lowest first.
pub(super) fn affected(patched: Cleared, unaffected: Cleared) -> Vec<Interval> {
    let mut spans: Vec<Span> = patched.0;
    spans.extend(unaffected.0);
    spans.retain(|span| !matches!(span, (Some(from), Some(to)) if from >= to));
    spans.sort_by(|a, b| a.0.cmp(&b.0));
    let mut left = Vec::new();
    // Everything below it is cleared or already given; `None` at first: from the first version.
    let mut from: Option<Version> = None;
    for (start, end) in spans {
        if let Some(start) = start
            && from.as_ref().is_none_or(|from| *from < start)
        {
            left.push(Interval {
                introduced: from.as_ref().map(ToString::to_string).unwrap_or_default(),
                end: End::Fixed(start.to_string()),
            });
        }
        match end {
            None => return left,
            Some(end) => {
                if from.as_ref().is_none_or(|from| *from < end) {
                    from = Some(end);
                }
            }
        }
    }
    left.push(Interval {
        introduced: from.map(|from| from.to_string()).unwrap_or_default(),
        end: End::Open,
    });
    left
}

fn requirement(text: &str) -> Result<Span, String> {
    let mut span: Span = (None, None);
    for comparator in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (from, to) = comparator_span(comparator)
            .ok_or_else(|| format!("'{comparator}' is no version requirement"))?;
        if from > span.0 {
            span.0 = from;
        }
        span.1 = match (span.1, to) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    Ok(span)
}

fn comparator_span(text: &str) -> Option<Span> {
    if text == "*" {
        return Some((None, None));
    }
    let digits = text.find(|c: char| c.is_ascii_digit())?;
    let (operator, version) = text.split_at(digits);
    let (version, parts) = padded(version.trim())?;
    Some(match operator.trim() {
        ">=" => (Some(version), None),
        ">" => (Some(successor(&version)), None),
        "<" => (None, Some(version)),
        "<=" => (None, Some(successor(&version))),
        "=" | "==" => {
            let after = successor(&version);
            (Some(version), Some(after))
        }
        // A bare version means the caret in Cargo.
        "^" | "" => {
            let to = caret(&version, parts);
            (Some(version), Some(to))
        }
        "~" => {
            let to = if parts >= 2 {
                floor(version.major, version.minor.checked_add(1)?, 0)
            } else {
                floor(version.major.checked_add(1)?, 0, 0)
            };
            (Some(version), Some(to))
        }
        _ => return None,
    })
}

/// `0.3` as `0.3.0`, and how many numbers were given.
fn padded(text: &str) -> Option<(Version, usize)> {
    let cut = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(cut);
    let parts = numbers.split('.').count();
    let padded = match parts {
        1 => format!("{numbers}.0.0{rest}"),
        2 => format!("{numbers}.0{rest}"),
        _ => text.to_owned(),
    };
    Some((Version::parse(&padded).ok()?, parts))
}

/// Before every pre-release of that version.
fn floor(major: u64, minor: u64, patch: u64) -> Version {
    let mut version = Version::new(major, minor, patch);
    version.pre = Prerelease::new("0").unwrap_or_default();
    version
}

/// The least version after it.
fn successor(version: &Version) -> Version {
    if version.pre.is_empty() {
        return floor(
            version.major,
            version.minor,
            version.patch.saturating_add(1),
        );
    }
    let mut next = version.clone();
    next.pre = Prerelease::new(&format!("{}.0", version.pre)).unwrap_or_default();
    next
}

fn caret(version: &Version, parts: usize) -> Version {
    if version.major > 0 || parts == 1 {
        floor(version.major.saturating_add(1), 0, 0)
    } else if version.minor > 0 || parts == 2 {
        floor(0, version.minor.saturating_add(1), 0)
    } else {
        floor(0, 0, version.patch.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(patched: &[&str], unaffected: &[&str]) -> Vec<String> {
        let list = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            Cleared::parse(texts.iter()).unwrap()
        };
        affected(list(patched), list(unaffected))
            .into_iter()
            .map(|interval| {
                let end = match interval.end {
                    End::Open => String::new(),
                    End::Fixed(end) | End::LastAffected(end) => end,
                };
                format!("{}..{end}", interval.introduced)
            })
            .collect()
    }

    #[test]
    fn what_requirements_leave() {
        type Case = (
            &'static [&'static str],
            &'static [&'static str],
            &'static [&'static str],
        );
        let cases: &[Case] = &[
            (&[], &[], &[".."]),
            (&[">= 0.9.1"], &[], &["..0.9.1"]),
            (
                &["^0.7.1", ">= 0.8.1"],
                &["< 0.3"],
                &["0.3.0..0.7.1", "0.8.0-0..0.8.1"],
            ),
            (&["> 1.0.0"], &[], &["..1.0.1-0"]),
            (&[">= 1.2.3"], &["<= 1.0.0"], &["1.0.1-0..1.2.3"]),
            (
                &[">= 1.2.3, < 2", ">= 2.1"],
                &[],
                &["..1.2.3", "2.0.0..2.1.0"],
            ),
            (&["= 0.4.2"], &[], &["..0.4.2", "0.4.3-0.."]),
            (&["~1.2.3"], &[], &["..1.2.3", "1.3.0-0.."]),
            (&[], &["< 1.0"], &["1.0.0.."]),
            (&[], &["< 0.30.0-rc.1"], &["0.30.0-rc.1.."]),
            (&["*"], &[], &[]),
            (
                &["^ 0.30.2", ">= 0.31.1"],
                &[],
                &["..0.30.2", "0.31.0-0..0.31.1"],
            ),
        ];
        for (patched, unaffected, expected) in cases {
            assert_eq!(
                &left(patched, unaffected),
                expected,
                "{patched:?} {unaffected:?}"
            );
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for bad in ["latest", ">= x", "=> 1.0", "1.2.3.4.5"] {
            assert!(requirement(bad).is_err(), "{bad}");
        }
    }
}
