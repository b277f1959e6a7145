//! Programs known by their fingerprint: OpenSSL (`1.0.2k`, `3.0.0-alpha1`), nginx, BusyBox,
//! Node.js, a JRE (`1.8.0_292-b10`), and whatever else has no package manager.
//!
//! Runs of digits and of letters in turn. Words that name a stage before the release come before
//! it; other letters, such as OpenSSL's, make a later one. What is left out counts as zero. A
//! build that only says how it was made (`-fips`) does not count.

use super::part::{folded, is_zero, number, take_while};
use std::cmp::Ordering;

const BEFORE: [&[u8]; 11] = [
    b"dev",
    b"snapshot",
    b"nightly",
    b"ea",
    b"pre",
    b"preview",
    b"alpha",
    b"milestone",
    b"beta",
    b"rc",
    b"cr",
];
const IGNORED: [&str; 2] = ["-fips", "-stable"];

#[derive(Clone, Copy, Debug)]
enum Token<'a> {
    Before(usize),
    Number(&'a [u8]),
    Word(&'a [u8]),
}

struct Tokens<'a>(&'a [u8]);

impl<'a> Tokens<'a> {
    fn of(version: &'a str) -> Self {
        let version = super::part::without_v(version.trim());
        let version = IGNORED
            .iter()
            .find_map(|tail| version.strip_suffix(tail))
            .unwrap_or(version);
        Self(version.as_bytes())
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = take_while(self.0, |b| !b.is_ascii_alphanumeric()).1;
        let first = *text.first()?;
        let (run, rest) = take_while(text, |b| {
            b.is_ascii_alphanumeric() && b.is_ascii_digit() == first.is_ascii_digit()
        });
        self.0 = rest;
        if first.is_ascii_digit() {
            return Some(Token::Number(run));
        }
        let stage = BEFORE
            .iter()
            .position(|word| run.eq_ignore_ascii_case(word));
        Some(stage.map_or(Token::Word(run), Token::Before))
    }
}

pub(super) fn check(version: &str) -> Result<(), &'static str> {
    if version.bytes().any(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err("it holds no number")
    }
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (Tokens::of(a), Tokens::of(b));
    loop {
        let nothing = Token::Number(b"");
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => (x.unwrap_or(nothing), y.unwrap_or(nothing)),
        };
        let order = rank(x).cmp(&rank(y)).then_with(|| match (x, y) {
            (Token::Before(x), Token::Before(y)) => x.cmp(&y),
            (Token::Number(x), Token::Number(y)) => number(x, y),
            (Token::Word(x), Token::Word(y)) => folded(x, y),
            _ => Ordering::Equal,
        });
        if order.is_ne() {
            return order;
        }
    }
}

fn rank(token: Token<'_>) -> u8 {
    match token {
        Token::Before(_) => 0,
        Token::Number(digits) if is_zero(digits) => 1,
        Token::Word(_) => 2,
        Token::Number(_) => 3,
    }
}
