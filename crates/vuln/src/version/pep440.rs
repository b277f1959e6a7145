//! Python: the order of PEP 440.
//!
//! What is no PEP 440 version (`0.1-bulbasaur`, `2013-12-23T17-51-15`, `trunk`) still stands in old
//! advisories and old images. It is ordered as setuptools did before the PEP: it comes before every
//! PEP 440 version; among its own, runs of digits compare as numbers and come after words; `dev`,
//! `pre` and `rc` come before the end, and so does any word before `final`; zeros before a word do
//! not count.

use super::part::{folded, is_zero, number, take_while};
use std::cmp::Ordering;

const BEFORE: [(&str, u8); 8] = [
    ("alpha", 0),
    ("beta", 1),
    ("preview", 2),
    ("pre", 2),
    ("rc", 2),
    ("a", 0),
    ("b", 1),
    ("c", 2),
];

/// A version that follows the PEP. Numbers are runs of digits, empty for an implied zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pep440<'a> {
    pub(super) epoch: &'a [u8],
    pub(super) release: &'a str,
    pub(super) pre: Option<(u8, &'a [u8])>,
    pub(super) post: Option<&'a [u8]>,
    pub(super) dev: Option<&'a [u8]>,
    pub(super) local: Option<&'a str>,
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn digits(&mut self) -> &'a [u8] {
        let (digits, rest) = take_while(self.0, |b| b.is_ascii_digit());
        self.0 = rest;
        digits
    }

    fn separator(&mut self) -> bool {
        match self.0 {
            [b'-' | b'_' | b'.', rest @ ..] => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn word(&mut self, word: &str) -> bool {
        match self.0.get(..word.len()) {
            Some(text) if text.eq_ignore_ascii_case(word.as_bytes()) => {
                self.0 = &self.0[word.len()..];
                true
            }
            _ => false,
        }
    }

    /// `[sep] word [sep] number`: the parts of `words` in the order they must be tried.
    fn labelled(&mut self, words: &[(&str, u8)]) -> Option<(u8, &'a [u8])> {
        let start = self.0;
        self.separator();
        for &(word, value) in words {
            if self.word(word) {
                // If no number follows, the separator belongs to the next part, which needs none.
                self.separator();
                return Some((value, self.digits()));
            }
        }
        self.0 = start;
        None
    }

    fn post(&mut self) -> Option<&'a [u8]> {
        if let [b'-', digit, ..] = self.0
            && digit.is_ascii_digit()
        {
            self.0 = &self.0[1..];
            return Some(self.digits());
        }
        self.labelled(&[("post", 0), ("rev", 0), ("r", 0)])
            .map(|(_, digits)| digits)
    }
}

impl<'a> Pep440<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, Some(local)),
            None => (text, None),
        };
        if local.is_some_and(|local| !is_local(local)) {
            return None;
        }
        let (epoch, rest) = match public.split_once('!') {
            Some((epoch, rest)) if !epoch.is_empty() => (epoch.as_bytes(), rest),
            Some(_) => return None,
            None => (&[][..], public),
        };
        if !epoch.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let release = release(rest)?;
        let mut cursor = Cursor(&rest.as_bytes()[release.len()..]);
        let pre = cursor.labelled(&BEFORE);
        let post = cursor.post();
        let dev = cursor.labelled(&[("dev", 0)]).map(|(_, digits)| digits);
        cursor.0.is_empty().then_some(Self {
            epoch,
            release,
            pre,
            post,
            dev,
            local,
        })
    }

    /// Where its pre-release stands: a development release of the release itself comes first.
    fn pre_key(&self) -> (u8, u8, &'a [u8]) {
        match (self.pre, self.post, self.dev) {
            (Some((kind, digits)), ..) => (1, kind, digits),
            (None, None, Some(_)) => (0, 0, b""),
            _ => (2, 0, b""),
        }
    }

    /// Without the local part.
    pub(super) fn cmp_public(&self, other: &Self) -> Ordering {
        let (a, b) = (self.pre_key(), other.pre_key());
        number(self.epoch, other.epoch)
            .then_with(|| super::part::dotted(self.release, other.release))
            .then_with(|| (a.0, a.1).cmp(&(b.0, b.1)))
            .then_with(|| number(a.2, b.2))
            .then_with(|| optional(self.post, other.post))
            .then_with(|| match (self.dev, other.dev) {
                (Some(a), Some(b)) => number(a, b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            })
    }

    pub(super) fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_public(other)
            .then_with(|| match (self.local, other.local) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(a), Some(b)) => locals(a, b),
            })
    }
}

/// None before some; then by number.
fn optional(a: Option<&[u8]>, b: Option<&[u8]>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => number(a, b),
        _ => a.is_some().cmp(&b.is_some()),
    }
}

/// Numbers between dots at the start, without a dot that leads to something else.
pub(super) fn release(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut end = 0;
    loop {
        let digits = bytes[end..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if digits == 0 {
            break;
        }
        end += digits;
        match bytes.get(end..) {
            Some([b'.', digit, ..]) if digit.is_ascii_digit() => end += 1,
            _ => break,
        }
    }
    (end > 0).then(|| &text[..end])
}

fn is_local(text: &str) -> bool {
    text.split(['-', '_', '.'])
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn locals(a: &str, b: &str) -> Ordering {
    const SEPARATORS: [char; 3] = ['-', '_', '.'];
    let (mut left, mut right) = (a.split(SEPARATORS), b.split(SEPARATORS));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => {
                let (a, b) = (a.as_bytes(), b.as_bytes());
                match (super::part::is_number(a), super::part::is_number(b)) {
                    (true, true) => number(a, b),
                    (true, false) => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    (false, false) => folded(a, b),
                }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

pub(super) fn check(_: &str) -> Result<(), &'static str> {
    Ok(())
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (Pep440::parse(a), Pep440::parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => legacy(a.trim(), b.trim()),
    }
}

/// A part of a legacy version. Variants are in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Number(Vec<u8>),
    Word(Vec<u8>),
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => number(a, b),
            (Self::Number(_), Self::Word(_)) => Ordering::Greater,
            (Self::Word(_), Self::Number(_)) => Ordering::Less,
            (Self::Word(a), Self::Word(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn legacy(a: &str, b: &str) -> Ordering {
    legacy_parts(a).cmp(&legacy_parts(b))
}

const FINAL: &[u8] = b"final";
const FINAL_DASH: &[u8] = b"final-";

fn legacy_parts(version: &str) -> Vec<Part> {
    let lower = version.to_lowercase();
    let mut rest = lower.as_bytes();
    let mut parts = Vec::new();
    while let Some(&first) = rest.first() {
        let class = class(first);
        let (run, next) = match class {
            Class::Dot | Class::Dash => rest.split_at(1),
            _ => take_while(rest, |b| self::class(b) == class),
        };
        rest = next;
        match class {
            Class::Dot => {}
            Class::Digit => parts.push(Part::Number(run.to_vec())),
            _ => push_word(&mut parts, run),
        }
    }
    push_word(&mut parts, FINAL);
    parts
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Digit,
    Letter,
    Dot,
    Dash,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' => Class::Digit,
        b'a'..=b'z' => Class::Letter,
        b'.' => Class::Dot,
        b'-' => Class::Dash,
        _ => Class::Other,
    }
}

fn push_word(parts: &mut Vec<Part>, word: &[u8]) {
    let word = match word {
        b"pre" | b"preview" | b"rc" => b"c",
        b"dev" => b"@",
        b"-" => FINAL_DASH,
        other => other,
    };
    if word < FINAL {
        while parts.last() == Some(&Part::Word(FINAL_DASH.to_vec())) {
            parts.pop();
        }
    }
    while matches!(parts.last(), Some(Part::Number(digits)) if is_zero(digits)) {
        parts.pop();
    }
    parts.push(Part::Word(word.to_vec()));
}
