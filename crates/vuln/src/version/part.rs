//! Pieces that several orders share: runs of digits of any length, and the parts of a semantic
//! version. Nothing here allocates.

use std::cmp::Ordering;

/// Two runs of ASCII digits as numbers of any size; an empty run is zero.
pub(super) fn number(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

pub(super) fn without_zeros(digits: &[u8]) -> &[u8] {
    let start = digits
        .iter()
        .position(|&d| d != b'0')
        .unwrap_or(digits.len());
    &digits[start..]
}

pub(super) fn is_zero(digits: &[u8]) -> bool {
    digits.iter().all(|&d| d == b'0')
}

pub(super) fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Splits off the bytes for which `keep` holds.
pub(super) fn take_while(text: &[u8], keep: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&b| !keep(b)).unwrap_or(text.len());
    text.split_at(end)
}

/// Without a leading `v` or `V` that a digit follows.
pub(super) fn without_v(text: &str) -> &str {
    match text.as_bytes() {
        [b'v' | b'V', digit, ..] if digit.is_ascii_digit() => &text[1..],
        _ => text,
    }
}

/// Numbers between dots; a missing one counts as zero.
pub(super) fn dotted(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => number(
                a.unwrap_or_default().as_bytes(),
                b.unwrap_or_default().as_bytes(),
            ),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Numbers between dots (`.` or what `separator` says), where fewer come first: `1.0 < 1.0.0`.
pub(super) fn listed(a: &str, b: &str, separator: &[char]) -> Ordering {
    let (mut left, mut right) = (a.split(separator), b.split(separator));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => number(a.as_bytes(), b.as_bytes()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The parts of a version in the manner of semver.org, read leniently: any number of numbers, and
/// a pre-release may follow them without its hyphen (`1.0.0rc1`, `1.0.0.rc1`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Semantic<'a> {
    pub(super) core: &'a str,
    /// Empty if it is a release.
    pub(super) pre: &'a str,
    pub(super) build: Option<&'a str>,
}

impl<'a> Semantic<'a> {
    pub(super) fn split(text: &'a str) -> Self {
        let text = without_v(text.trim());
        let (rest, build) = match text.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (text, None),
        };
        let end = rest
            .bytes()
            .position(|b| !(b.is_ascii_digit() || b == b'.'))
            .unwrap_or(rest.len());
        let (core, pre) = rest.split_at(end);
        match pre.strip_prefix('-') {
            Some(pre) => Self { core, pre, build },
            None if pre.is_empty() => Self { core, pre, build },
            None => Self {
                core: core.strip_suffix('.').unwrap_or(core),
                pre,
                build,
            },
        }
    }

    pub(super) fn check(self) -> Result<(), &'static str> {
        if self.core.is_empty() {
            return Err("it does not begin with a number");
        }
        if self.core.split('.').any(str::is_empty) {
            return Err("a number is missing between its dots");
        }
        Ok(())
    }
}

/// Semver's order of numbers, then of pre-releases; builds are left to the caller.
pub(super) fn semantic(a: Semantic<'_>, b: Semantic<'_>, fold_case: bool) -> Ordering {
    dotted(a.core, b.core).then_with(|| match (a.pre.is_empty(), b.pre.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => identifiers(a.pre, b.pre, fold_case),
    })
}

/// Dotted identifiers: numbers before words, fewer before more.
pub(super) fn identifiers(a: &str, b: &str, fold_case: bool) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => identifier(a.as_bytes(), b.as_bytes(), fold_case),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn identifier(a: &[u8], b: &[u8], fold_case: bool) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => number(a, b),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) if fold_case => folded(a, b),
        (false, false) => a.cmp(b),
    }
}

/// Bytes with ASCII letters in lower case.
pub(super) fn folded(a: &[u8], b: &[u8]) -> Ordering {
    a.iter()
        .map(u8::to_ascii_lowercase)
        .cmp(b.iter().map(u8::to_ascii_lowercase))
}

/// The run of digits at the start, and the rest.
pub(super) fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    take_while(text, |b| b.is_ascii_digit())
}
