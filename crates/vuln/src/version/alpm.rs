//! Arch Linux: `[epoch:]version[-release]` as pacman's `vercmp` orders them: RPM's segments, but
//! letters left over come before the end (`1.0rc1 < 1.0`), and more separators count as newer.
//! pacman ignores the release where one side has none, which is no order: here none comes first. What
//! is installed is compared with an advisory's version as pacman does, by [`as_pacman`].

use super::part::{number, take_while};
use std::cmp::Ordering;

fn split(text: &str) -> (&str, &str, Option<&str>) {
    let text = text.trim();
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

/// Without the release that only one of them has.
pub(super) fn as_pacman<'t>(a: &'t str, b: &'t str) -> (&'t str, &'t str) {
    let (a, b) = (a.trim(), b.trim());
    match (a.rsplit_once('-'), b.rsplit_once('-')) {
        (Some((a, _)), None) => (a, b),
        (None, Some((b, _))) => (a, b),
        _ => (a, b),
    }
}

pub(super) fn check(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    number(a.0.as_bytes(), b.0.as_bytes())
        .then_with(|| segments(a.1.as_bytes(), b.1.as_bytes()))
        .then_with(|| match (a.2, b.2) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => segments(a.as_bytes(), b.as_bytes()),
        })
}

/// What a version holds at one place. The order of the variants is the order of versions: letters
/// directly after a segment, the end, then whatever a separator leads in.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Letters,
    End,
    Digits,
    Separated(usize),
}

fn next(text: &[u8]) -> Next {
    let (separators, rest) = take_while(text, |b| !b.is_ascii_alphanumeric());
    match (separators.len(), rest.first()) {
        (0, None) => Next::End,
        (0, Some(b)) if b.is_ascii_alphabetic() => Next::Letters,
        (0, Some(_)) => Next::Digits,
        (n, _) => Next::Separated(n),
    }
}

fn segments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (x, y) = (next(a), next(b));
        if x != y {
            return x.cmp(&y);
        }
        if x == Next::End {
            return Ordering::Equal;
        }
        let separates = |b: u8| !b.is_ascii_alphanumeric();
        (a, b) = (take_while(a, separates).1, take_while(b, separates).1);
        let order = match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(y)) if y.is_ascii_digit() => return Ordering::Less,
            (Some(x), None) if x.is_ascii_digit() => return Ordering::Greater,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(x), Some(y)) => match (x.is_ascii_digit(), y.is_ascii_digit()) {
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (numeric, _) => segment(&mut a, &mut b, numeric),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn segment(a: &mut &[u8], b: &mut &[u8], numeric: bool) -> Ordering {
    let of_kind = |byte: u8| {
        if numeric {
            byte.is_ascii_digit()
        } else {
            byte.is_ascii_alphabetic()
        }
    };
    let ((x, a_rest), (y, b_rest)) = (take_while(a, of_kind), take_while(b, of_kind));
    (*a, *b) = (a_rest, b_rest);
    if numeric { number(x, y) } else { x.cmp(y) }
}
