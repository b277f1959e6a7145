//! RPM: `[epoch:]version[-release]`, ordered as rpm's own comparison of segments does. A missing
//! epoch counts as zero; no release comes before any release. What is neither letter, digit, `~`
//! nor `^` only separates.

use super::part::{number, take_while};
use std::cmp::Ordering;

struct Evr<'a> {
    epoch: &'a [u8],
    version: &'a [u8],
    release: Option<&'a [u8]>,
}

fn split(text: &str) -> Evr<'_> {
    let text = text.trim().as_bytes();
    let (digits, rest) = take_while(text, |b| b.is_ascii_digit());
    let (epoch, rest): (&[u8], _) = match rest {
        [b':', rest @ ..] => (digits, rest),
        _ => (b"", text),
    };
    match rest.iter().rposition(|&b| b == b'-') {
        Some(at) => Evr {
            epoch,
            version: &rest[..at],
            release: Some(&rest[at + 1..]),
        },
        None => Evr {
            epoch,
            version: rest,
            release: None,
        },
    }
}

pub(super) fn check(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    number(a.epoch, b.epoch)
        .then_with(|| segments(a.version, b.version))
        .then_with(|| match (a.release, b.release) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => segments(a, b),
        })
}

fn segments(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = without_common(a, b);
    loop {
        a = after_separators(a);
        b = after_separators(b);
        match (a.first(), b.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            // `~` comes before the end and before everything else.
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            // `^` comes after the end, and before everything else.
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(b'^'), _) => return Ordering::Less,
            (_, Some(b'^')) => return Ordering::Greater,
            (Some(x), Some(y)) => match (x.is_ascii_digit(), y.is_ascii_digit()) {
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                (numeric, _) => {
                    let order = segment(&mut a, &mut b, numeric);
                    if order.is_ne() {
                        return order;
                    }
                }
            },
        }
    }
}

/// What comes before the first segments that may differ decides nothing.
fn without_common<'a>(a: &'a [u8], b: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let mut same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    while same > 0 && a[same - 1].is_ascii_alphanumeric() {
        same -= 1;
    }
    (&a[same..], &b[same..])
}

fn after_separators(text: &[u8]) -> &[u8] {
    take_while(text, |b| {
        !(b.is_ascii_alphanumeric() || b == b'~' || b == b'^')
    })
    .1
}

/// Takes one run of digits, or of letters, off both.
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
