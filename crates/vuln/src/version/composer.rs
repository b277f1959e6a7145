//! Composer (PHP): the order of PHP's `version_compare`, with a `v` in front left out and case of
//! letters not counting.
//!
//! Runs of digits and of other characters in turn: unknown words, `dev`, `alpha`, `beta`, `RC`, the
//! end, numbers, `p`. So `1.0` comes before `1.0.0`. A `#` stands for any number, which makes no
//! order; no real version holds one. `1.x-dev` is the newest of its branch, as Composer reads it. A
//! branch (`dev-main`) has no place in the order.

use super::part::{number, take_while, without_v};
use std::{borrow::Cow, cmp::Ordering};

/// As Composer compares what is installed with what an advisory names: four numbers, without the
/// build and without the word `stable`. So `2.1` is `2.1.0`, which it is not for PHP's function.
pub(super) fn filled(version: &str) -> Cow<'_, str> {
    let text = without_v(version.trim());
    let text = text.split_once('+').map_or(text, |(text, _)| text);
    let text = text.strip_suffix("-stable").unwrap_or(text);
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let numbers = numbers.trim_end_matches('.');
    let count = numbers.split('.').filter(|part| !part.is_empty()).count();
    // Dates and branches stay as they are.
    if !(1..4).contains(&count) || numbers.contains("..") || rest.starts_with("x") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{numbers}{}{}{rest}", ".0".repeat(4 - count), {
        let separated = rest.is_empty() || rest.starts_with(['-', '_', '.']);
        if separated { "" } else { "-" }
    }))
}

#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    Word(Stage),
    End,
    Number(&'a [u8]),
}

/// What a word says of the release it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Unknown,
    Dev,
    Alpha,
    Beta,
    Candidate,
    /// `#`.
    Any,
    Patch,
}

/// By their beginnings, in the order they are tried.
const STAGES: [(&str, Stage); 6] = [
    ("dev", Stage::Dev),
    ("a", Stage::Alpha),
    ("b", Stage::Beta),
    ("rc", Stage::Candidate),
    ("#", Stage::Any),
    ("p", Stage::Patch),
];

/// What Composer puts for the `x` of a branch.
const NEWEST: &[u8] = b"9999999";

struct Tokens<'a>(&'a [u8]);

impl<'a> Tokens<'a> {
    fn of(version: &'a str) -> Self {
        Self(without_v(version.trim()).as_bytes())
    }

    fn next(&mut self) -> Token<'a> {
        let separates = |b: u8| !(b.is_ascii_alphanumeric() || b == b'#' || !b.is_ascii());
        let text = take_while(self.0, separates).1;
        let Some(first) = text.first() else {
            self.0 = text;
            return Token::End;
        };
        if first.is_ascii_digit() {
            let (digits, rest) = take_while(text, |b| b.is_ascii_digit());
            self.0 = rest;
            return Token::Number(digits);
        }
        let (word, rest) = take_while(text, |b| !b.is_ascii_digit() && !separates(b));
        self.0 = rest;
        match word {
            b"x" | b"X" | b"*" => Token::Number(NEWEST),
            _ => Token::Word(stage(word)),
        }
    }
}

fn stage(word: &[u8]) -> Stage {
    let begins = |name: &str| {
        word.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    STAGES
        .iter()
        .find(|(name, _)| begins(name))
        .map_or(Stage::Unknown, |(_, stage)| *stage)
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    let version = version.trim();
    if version
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("dev-"))
    {
        return Err("it is a branch");
    }
    if without_v(version).starts_with(|c: char| c.is_ascii_digit()) {
        Ok(())
    } else {
        Err("it does not begin with a number")
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (Tokens::of(a), Tokens::of(b));
    loop {
        let (x, y) = (left.next(), right.next());
        let order = match (x, y) {
            (Token::Number(x), Token::Number(y)) => number(x, y),
            (Token::End, Token::End) => return Ordering::Equal,
            (Token::End, Token::Number(_)) => Ordering::Less,
            (Token::Number(_), Token::End) => Ordering::Greater,
            (Token::Word(x), Token::Word(y)) => x.cmp(&y),
            (Token::Word(x), _) => x.cmp(&Stage::Any),
            (_, Token::Word(y)) => Stage::Any.cmp(&y),
        };
        if order.is_ne() {
            return order;
        }
        // `#` beside the end: what follows it decides, as if the other ended there.
        if matches!(x, Token::End) {
            return remainder(&mut right).reverse();
        }
        if matches!(y, Token::End) {
            return remainder(&mut left);
        }
    }
}

fn remainder(tokens: &mut Tokens<'_>) -> Ordering {
    match tokens.next() {
        Token::End => Ordering::Equal,
        Token::Number(_) => Ordering::Greater,
        Token::Word(stage) => stage.cmp(&Stage::Any),
    }
}
