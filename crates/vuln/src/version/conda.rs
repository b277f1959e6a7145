//! conda: `[epoch!]version[+local]`, as its `VersionOrder` has it.
//!
//! Parts between `.`, `_` and `-`, each runs of digits and of letters in turn, without case: `dev`
//! before other words, words before numbers, numbers before `post`. What is left out counts as
//! zero, also in front of a part that begins with a word.

use super::part::{folded, number, take_while};
use std::cmp::Ordering;

fn split(version: &str) -> (&str, &str, Option<&str>) {
    let version = version.trim();
    let (epoch, rest) = version.split_once('!').unwrap_or(("", version));
    match rest.split_once('+') {
        Some((version, local)) => (epoch, version, Some(local)),
        None => (epoch, rest, None),
    }
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    let (epoch, version, _) = split(version);
    if !epoch.bytes().all(|b| b.is_ascii_digit()) {
        return Err("its epoch is not a number");
    }
    if version.is_empty() {
        return Err("nothing stands before its local part");
    }
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    number(a.0.as_bytes(), b.0.as_bytes())
        .then_with(|| parts(a.1, b.1))
        .then_with(|| parts(a.2.unwrap_or_default(), b.2.unwrap_or_default()))
}

fn parts(a: &str, b: &str) -> Ordering {
    const SEPARATORS: [char; 3] = ['.', '_', '-'];
    let (mut left, mut right) = (a.split(SEPARATORS), b.split(SEPARATORS));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => part(
                a.unwrap_or_default().as_bytes(),
                b.unwrap_or_default().as_bytes(),
            ),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    let mut numeric = true;
    while !(a.is_empty() && b.is_empty()) {
        let of_kind = |byte: u8| byte.is_ascii_digit() == numeric;
        let ((x, a_rest), (y, b_rest)) = (take_while(a, of_kind), take_while(b, of_kind));
        let order = if numeric { number(x, y) } else { word(x, y) };
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
        numeric = !numeric;
    }
    Ordering::Equal
}

/// Nothing is a zero here, between words and `post`.
fn word(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |word: &[u8]| match word {
        b"" => 2,
        _ if word.eq_ignore_ascii_case(b"dev") => 0,
        _ if word.eq_ignore_ascii_case(b"post") => 3,
        _ => 1,
    };
    rank(a).cmp(&rank(b)).then_with(|| folded(a, b))
}
