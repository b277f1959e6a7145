//! Debian: `[epoch:]upstream[-revision]`, ordered as deb-version(7) says. A missing epoch or
//! revision counts as zero; `~` comes before everything, even the end.

use super::part::{digits, number, take_while};
use std::cmp::Ordering;

/// Epoch, upstream version, revision.
fn split(version: &str) -> (&str, &str, &str) {
    let version = version.trim();
    let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    let (epoch, upstream, _) = split(version);
    if !epoch.bytes().all(|b| b.is_ascii_digit()) || version.trim().starts_with(':') {
        return Err("its epoch is not a number");
    }
    if upstream.is_empty() {
        return Err("nothing stands between its epoch and its revision");
    }
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    number(a.0.as_bytes(), b.0.as_bytes())
        .then_with(|| part(a.1.as_bytes(), b.1.as_bytes()))
        .then_with(|| part(a.2.as_bytes(), b.2.as_bytes()))
}

/// Text and numbers in turn: letters before other characters, `~` before the end.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let is_text = |byte: u8| !byte.is_ascii_digit();
        let ((a_text, a_rest), (b_text, b_rest)) = (take_while(a, is_text), take_while(b, is_text));
        let order = a_text
            .iter()
            .copied()
            .map(weight)
            .chain([0])
            .cmp(b_text.iter().copied().map(weight).chain([0]));
        if order.is_ne() {
            return order;
        }
        let ((a_digits, a_next), (b_digits, b_next)) = (digits(a_rest), digits(b_rest));
        let order = number(a_digits, b_digits);
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_next, b_next);
    }
    Ordering::Equal
}

fn weight(byte: u8) -> i16 {
    match byte {
        b'~' => -1,
        letter if letter.is_ascii_alphabetic() => i16::from(letter),
        other => i16::from(other) + 256,
    }
}
