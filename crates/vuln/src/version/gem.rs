//! RubyGems: segments of digits and of letters; a segment of letters makes a pre-release; zeros at
//! the end of the numbers, and at the end of the pre-release, do not count. A hyphen reads `.pre.`.

use super::part::{is_zero, number, take_while};
use std::cmp::Ordering;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment<'a> {
    Word(&'a [u8]),
    Number(&'a [u8]),
}

/// Segments as written; [`Canonical`] leaves out what does not count.
#[derive(Clone)]
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        match self.rest {
            [b'-', rest @ ..] => {
                self.rest = rest;
                Some(Segment::Word(b"pre"))
            }
            [b'.', rest @ ..] => {
                self.rest = rest;
                self.next()
            }
            [first, ..] if first.is_ascii_digit() => {
                let (run, rest) = take_while(self.rest, |b| b.is_ascii_digit());
                self.rest = rest;
                Some(Segment::Number(run))
            }
            [_, ..] => {
                let (run, rest) = take_while(self.rest, |b| b.is_ascii_alphabetic());
                // `check` lets nothing else through; whatever it is, get past it.
                self.rest = rest.get(usize::from(run.is_empty())..).unwrap_or_default();
                Some(Segment::Word(run))
            }
            [] => None,
        }
    }
}

struct Canonical<'a> {
    segments: Segments<'a>,
    seen_word: bool,
}

impl<'a> Canonical<'a> {
    fn of(version: &'a str) -> Self {
        Self {
            segments: Segments {
                rest: version.trim().as_bytes(),
            },
            seen_word: false,
        }
    }
}

impl<'a> Iterator for Canonical<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let segment = self.segments.next()?;
        match segment {
            Segment::Word(_) => self.seen_word = true,
            Segment::Number(digits) if is_zero(digits) => {
                let mut ahead = self.segments.clone();
                let after = ahead
                    .find(|segment| !matches!(segment, Segment::Number(digits) if is_zero(digits)));
                match after {
                    None => {
                        self.segments = ahead;
                        return None;
                    }
                    // Only the first word ends the numbers: later zeros are inside.
                    Some(word @ Segment::Word(_)) if !self.seen_word => {
                        self.segments = ahead;
                        self.seen_word = true;
                        return Some(word);
                    }
                    Some(_) => {}
                }
            }
            Segment::Number(_) => {}
        }
        Some(segment)
    }
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    let version = version.trim();
    let (release, pre) = version.split_once('-').unwrap_or((version, "0"));
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if !release.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("it does not begin with a number");
    }
    let pre_is_well = pre.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    if release.split('.').all(word) && pre_is_well {
        Ok(())
    } else {
        Err("it is not letters and digits between dots")
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (Canonical::of(a), Canonical::of(b));
    loop {
        let nothing = Segment::Number(b"");
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => (x.unwrap_or(nothing), y.unwrap_or(nothing)),
        };
        let order = match (x, y) {
            (Segment::Number(x), Segment::Number(y)) => number(x, y),
            (Segment::Word(x), Segment::Word(y)) => x.cmp(y),
            (Segment::Word(_), Segment::Number(_)) => Ordering::Less,
            (Segment::Number(_), Segment::Word(_)) => Ordering::Greater,
        };
        if order.is_ne() {
            return order;
        }
    }
}
