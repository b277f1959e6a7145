//! Alpine: `1.2.3a_rc1_p2~hash-r4`, as apk-tools 3 orders it.
//!
//! A number after the first that begins with a zero is compared as text, and so is the commit hash.
//! From the place on where a version stops making sense it comes before what makes sense there;
//! two that stop at the same place are the same but for their revision, as nothing else of them can
//! be known. Text that does not begin like a version comes before everything.

use super::part::{digits, is_number, number, take_while};
use std::cmp::Ordering;

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// What stands at one place. Variants are in the order of versions where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    /// `_alpha` to `_rc`.
    Before(u8),
    End {
        revision: Number<'a>,
        whole: bool,
        revised: bool,
    },
    Hash(&'a [u8]),
    SuffixNumber(Number<'a>),
    /// `_cvs` to `_p`.
    After(u8),
    Letter(u8),
    Number(Component<'a>),
    First(Number<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number<'a>(&'a [u8]);

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        number(self.0, other.0)
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Component<'a>(&'a [u8]);

impl Ord for Component<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0.first() == Some(&b'0') || other.0.first() == Some(&b'0') {
            self.0.cmp(other.0)
        } else {
            number(self.0, other.0)
        }
    }
}

impl PartialOrd for Component<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Which token came last: says what may follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Start,
    Number,
    Letter,
    Suffix,
    SuffixNumber,
    Hash,
}

struct Tokens<'a> {
    rest: &'a [u8],
    state: State,
}

impl<'a> Tokens<'a> {
    fn of(version: &'a str) -> Self {
        Self {
            rest: version.trim().as_bytes(),
            state: State::Start,
        }
    }

    fn next(&mut self) -> Token<'a> {
        match self.step() {
            Some((token, rest, state)) => {
                (self.rest, self.state) = (rest, state);
                token
            }
            None => self.end(),
        }
    }

    fn step(&self) -> Option<(Token<'a>, &'a [u8], State)> {
        if self.state == State::Start {
            let (first, rest) = digits(self.rest);
            return Some((Token::First(Number(first)), rest, State::Number));
        }
        match self.rest {
            [b'.', rest @ ..] if self.state <= State::Letter => {
                let (component, after) = digits(rest);
                // Two dots leave an empty number; a dot before anything else makes no sense.
                (!component.is_empty() || after.first() == Some(&b'.')).then_some((
                    Token::Number(Component(component)),
                    after,
                    State::Number,
                ))
            }
            [letter, rest @ ..] if self.state == State::Number && letter.is_ascii_lowercase() => {
                Some((Token::Letter(*letter), rest, State::Letter))
            }
            [digit, ..] if self.state == State::Letter && digit.is_ascii_digit() => {
                let (component, rest) = digits(self.rest);
                Some((Token::Number(Component(component)), rest, State::Number))
            }
            [digit, ..] if self.state == State::Suffix && digit.is_ascii_digit() => {
                let (value, rest) = digits(self.rest);
                Some((
                    Token::SuffixNumber(Number(value)),
                    rest,
                    State::SuffixNumber,
                ))
            }
            [b'_', rest @ ..] if self.state < State::Hash => {
                let (token, rest) = suffix(rest)?;
                Some((token, rest, State::Suffix))
            }
            [b'~', rest @ ..] if self.state < State::Hash => {
                let (hash, rest) = take_while(rest, |b| b.is_ascii_hexdigit());
                (!hash.is_empty()).then_some((Token::Hash(hash), rest, State::Hash))
            }
            _ => None,
        }
    }

    /// The revision, if the rest is one; else the rest makes no sense.
    fn end(&self) -> Token<'a> {
        let (revision, rest) = match self.rest {
            [b'-', b'r', rest @ ..] => digits(rest),
            _ => (&self.rest[..0], self.rest),
        };
        let whole = rest.is_empty() && (self.rest.is_empty() || is_number(revision));
        Token::End {
            revision: Number(revision),
            whole,
            revised: whole && !revision.is_empty(),
        }
    }
}

fn suffix(text: &[u8]) -> Option<(Token<'_>, &[u8])> {
    let (word, rest) = take_while(text, |b| b.is_ascii_lowercase());
    let at = |names: &[&str]| {
        names
            .iter()
            .position(|name| name.as_bytes() == word)
            .and_then(|at| u8::try_from(at).ok())
    };
    at(&BEFORE)
        .map(Token::Before)
        .or_else(|| at(&AFTER).map(Token::After))
        .map(|token| (token, rest))
}

fn begins_well(version: &str) -> bool {
    version
        .trim()
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_digit() || b == b'.')
}

pub(super) fn check(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (begins_well(a), begins_well(b)) {
        (false, false) => return a.trim().cmp(b.trim()),
        (false, true) => return Ordering::Less,
        (true, false) => return Ordering::Greater,
        (true, true) => {}
    }
    let (mut left, mut right) = (Tokens::of(a), Tokens::of(b));
    loop {
        let (x, y) = (left.next(), right.next());
        let order = order(&x, &y);
        if order.is_ne() || matches!(x, Token::End { .. }) {
            return order;
        }
    }
}

/// Unlike the derived order, a whole version that ends comes after one that breaks off, whatever
/// revision stands before the break.
fn order(a: &Token<'_>, b: &Token<'_>) -> Ordering {
    match (a, b) {
        (
            Token::End {
                revision: x,
                whole: x_whole,
                revised: x_revised,
            },
            Token::End {
                revision: y,
                whole: y_whole,
                revised: y_revised,
            },
        ) => x
            .cmp(y)
            .then(x_whole.cmp(y_whole))
            .then(x_revised.cmp(y_revised)),
        _ => a.cmp(b),
    }
}
