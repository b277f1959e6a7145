//! Maven: the order of its `ComparableVersion` (documented with the POM reference).
//!
//! A version is a list of numbers and qualifiers; a hyphen, or the change from digits to letters,
//! opens a list inside the last. Zeros and release qualifiers at the end of a list do not count.
//! A qualifier after a dot stays in the list it stands in: Maven 3.8.7 began to open one for it in
//! some places, which moves `2.9.0.RC1` before `2.9.0-1`; advisories are still ranged by the rule
//! before that, and the recorded vectors hold to it.
//! As a list can only be last in the one around it, a version is kept here as a row of levels.

use super::part::{number, without_zeros};
use std::cmp::Ordering;

/// Qualifiers before the release, the release itself, and the one known after it.
const KNOWN: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
const RELEASE: u8 = 5;

#[derive(Clone, Copy, Debug)]
enum Item<'a> {
    Number(&'a [u8]),
    /// One of [`KNOWN`], by its place.
    Known(u8),
    /// After those known, by its text without case.
    Word(&'a str),
    /// The next level begins; always last in its own.
    List,
}

impl Item<'_> {
    fn is_null(self) -> bool {
        match self {
            Item::Number(digits) => digits.is_empty(),
            Item::Known(place) => place == RELEASE,
            Item::Word(_) | Item::List => false,
        }
    }
}

struct Parser<'a> {
    items: Vec<Item<'a>>,
}

impl<'a> Parser<'a> {
    fn parse(text: &'a str) -> Vec<Item<'a>> {
        let mut parser = Self {
            items: Vec::with_capacity(16),
        };
        let bytes = text.as_bytes();
        let (mut start, mut digits) = (0, false);
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b'.' | b'-' => {
                    parser.take(&text[start..at], digits, false);
                    start = at + 1;
                    if byte == b'-' {
                        parser.open();
                    }
                }
                _ => {
                    let digit = byte.is_ascii_digit();
                    if digit != digits && at > start {
                        parser.take(&text[start..at], digits, true);
                        parser.open();
                        start = at;
                    }
                    digits = digit;
                }
            }
        }
        if start < bytes.len() {
            parser.take(&text[start..], digits, false);
        }
        parser.trim(true);
        parser.items
    }

    /// Nothing between two separators is a zero.
    fn take(&mut self, text: &'a str, digits: bool, before_digits: bool) {
        self.items.push(if text.is_empty() || digits {
            Item::Number(without_zeros(text.as_bytes()))
        } else {
            qualifier(text, before_digits)
        });
    }

    /// A level in which nothing counts is no level: `1-ga-1` is `1-1`.
    fn open(&mut self) {
        self.trim(false);
        if !matches!(self.items.last(), Some(Item::List)) {
            self.items.push(Item::List);
        }
    }

    /// Drops what does not count at the end of a level; of the last one, empty levels too.
    fn trim(&mut self, levels: bool) {
        while let Some(last) = self.items.last() {
            if last.is_null() || (levels && matches!(last, Item::List)) {
                self.items.pop();
            } else {
                break;
            }
        }
    }
}

fn qualifier(text: &str, before_digits: bool) -> Item<'_> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    if before_digits {
        for (short, place) in [("a", 0), ("b", 1), ("m", 2)] {
            if is(short) {
                return Item::Known(place);
            }
        }
    }
    if is("ga") || is("final") || is("release") {
        return Item::Known(RELEASE);
    }
    if is("cr") {
        return Item::Known(3);
    }
    (0u8..)
        .zip(KNOWN)
        .find(|(_, name)| is(name))
        .map_or(Item::Word(text), |(place, _)| Item::Known(place))
}

pub(super) fn check(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim(), b.trim());
    if a == b {
        return Ordering::Equal;
    }
    levels(&Parser::parse(a), &Parser::parse(b))
}

fn levels(mut a: &[Item<'_>], mut b: &[Item<'_>]) -> Ordering {
    loop {
        let order = match (a.split_first(), b.split_first()) {
            (None, None) => return Ordering::Equal,
            (Some((_, rest)), None) => {
                let order = against_nothing(a);
                a = rest;
                order
            }
            (None, Some((_, rest))) => {
                let order = against_nothing(b).reverse();
                b = rest;
                order
            }
            (Some((x, a_rest)), Some((y, b_rest))) => {
                let order = item(*x, *y);
                (a, b) = (a_rest, b_rest);
                order
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The first of these items against the end of the other version. For a list that is the first
/// item of it that counts, which the caller comes to next.
fn against_nothing(items: &[Item<'_>]) -> Ordering {
    match items.first() {
        Some(Item::Number(digits)) if !digits.is_empty() => Ordering::Greater,
        Some(Item::Known(place)) => place.cmp(&RELEASE),
        Some(Item::Word(_)) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// Numbers, then lists, then qualifiers, from the newest down.
fn item(a: Item<'_>, b: Item<'_>) -> Ordering {
    let rank = |item| match item {
        Item::Known(_) | Item::Word(_) => 0,
        Item::List => 1,
        Item::Number(_) => 2,
    };
    match (a, b) {
        (Item::Number(a), Item::Number(b)) => number(a, b),
        (Item::Known(a), Item::Known(b)) => a.cmp(&b),
        (Item::Known(_), Item::Word(_)) => Ordering::Less,
        (Item::Word(_), Item::Known(_)) => Ordering::Greater,
        (Item::Word(a), Item::Word(b)) => word(a, b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn word(a: &str, b: &str) -> Ordering {
    let lower = |text: &'_ str| -> Vec<u16> { text.to_lowercase().encode_utf16().collect() };
    if a.is_ascii() && b.is_ascii() {
        super::part::folded(a.as_bytes(), b.as_bytes())
    } else {
        lower(a).cmp(&lower(b))
    }
}
