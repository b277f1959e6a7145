//! One comparison, ready to be made: literals parsed by the field's kind, sets and patterns built.

use super::{ast::Literal, glob, operator::Operator, parser::hex_byte, path_trie::PathTrie};
use crate::field::{Arity, Kind, Value};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use ipnet::IpNet;
use memchr::memmem::Finder;
use regex::Regex;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// The largest compiled regular expression, in bytes.
const MAX_REGEX: usize = 512 << 10;
/// The longest text that is searched without regard to case, or as a pattern.
const MAX_PATTERN: usize = 16 << 10;
/// Longer texts than this together are searched by a smaller, slower automaton.
const MAX_DFA_TEXT: usize = 2 << 10;

/// Every text the rules compare with for equality, numbered: a field is looked up once an event,
/// and then membership in any set is one bit.
#[derive(Debug, Default)]
pub(crate) struct Symbols(FxHashMap<Box<[u8]>, u32>);

/// A text none of the rules compares with.
pub(crate) const UNKNOWN: u32 = u32::MAX;
/// No value at all.
pub(crate) const MISSING: u32 = u32::MAX - 1;

impl Symbols {
    fn intern(&mut self, text: &[u8]) -> u32 {
        if let Some(known) = self.0.get(text) {
            return *known;
        }
        let next = u32::try_from(self.0.len()).unwrap_or(MISSING - 1);
        self.0.insert(text.into(), next);
        next
    }

    #[inline]
    pub(crate) fn find(&self, text: &[u8]) -> u32 {
        self.0.get(text).copied().unwrap_or(UNKNOWN)
    }
}

/// Memory grows with the members, not with the number of the largest.
#[derive(Debug)]
pub(crate) enum SymbolSet {
    Bits(Box<[u64]>),
    /// Sorted.
    Few(Box<[u32]>),
}

impl SymbolSet {
    fn new(members: &[u32]) -> Self {
        let words = members.iter().max().map_or(0, |max| *max as usize / 64 + 1);
        if members.len() * 2 < words {
            let mut few = members.to_vec();
            few.sort_unstable();
            return Self::Few(few.into());
        }
        let mut bits = vec![0u64; words];
        for member in members {
            bits[*member as usize / 64] |= 1 << (member % 64);
        }
        Self::Bits(bits.into())
    }

    #[inline]
    pub(crate) fn has(&self, symbol: u32) -> bool {
        match self {
            Self::Bits(bits) => bits
                .get(symbol as usize / 64)
                .is_some_and(|word| word >> (symbol % 64) & 1 == 1),
            Self::Few(few) if few.len() <= 8 => few.contains(&symbol),
            Self::Few(few) => few.binary_search(&symbol).is_ok(),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Check {
    Exists,
    /// The text is one of these.
    Symbols(SymbolSet),
    NotSymbol(u32),
    Text(TextCheck),
    Int(IntCheck),
    Bool {
        equal: bool,
        to: bool,
    },
    Net {
        nets: Box<[IpNet]>,
        negated: bool,
    },
    /// The kind is known with the value.
    ByKind {
        text: Option<Box<Check>>,
        int: Option<Box<Check>>,
    },
}

#[derive(Debug)]
pub(crate) enum TextCheck {
    Contains(Box<Finder<'static>>),
    ContainsAny(AhoCorasick),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Glob(Box<[u8]>),
    IGlob(Box<[u8]>),
    Regex(Regex),
    PMatch(PathTrie),
}

#[derive(Debug)]
pub(crate) enum IntCheck {
    Less(i64),
    LessEqual(i64),
    Greater(i64),
    GreaterEqual(i64),
    NotEqual(i64),
    /// Sorted.
    In(Box<[i64]>),
}

/// Why a comparison cannot be made.
pub(crate) struct CheckError {
    pub(crate) message: String,
    pub(crate) expected: String,
}

fn error<T>(message: String, expected: &str) -> Result<T, CheckError> {
    Err(CheckError {
        message,
        expected: expected.to_owned(),
    })
}

impl Check {
    /// `what` names the left side in messages.
    pub(crate) fn new(
        kind: Kind,
        arity: Arity,
        operator: Operator,
        literals: &[Literal],
        what: &str,
        symbols: &mut Symbols,
    ) -> Result<Self, CheckError> {
        let lists = matches!(
            operator,
            Operator::Exists | Operator::In | Operator::Intersects | Operator::PMatch
        );
        if arity == Arity::List && !lists {
            let message = format!("'{}' cannot compare the list {what}", operator.name());
            return error(message, "in, intersects, exists or len()");
        }
        match kind {
            Kind::Text => text(operator, literals, what, symbols),
            Kind::Int => int(operator, literals, what).map(Self::Int),
            Kind::Bool => boolean(operator, literals, what),
            Kind::Ip | Kind::Net => network(operator, literals, what),
            Kind::Dynamic => {
                let as_text = text(operator, literals, what, symbols);
                let as_int = int(operator, literals, what).ok();
                match (as_text, as_int) {
                    (Err(wrong), None) => Err(wrong),
                    (as_text, as_int) => Ok(Self::ByKind {
                        text: as_text.ok().map(Box::new),
                        int: as_int.map(Self::Int).map(Box::new),
                    }),
                }
            }
        }
    }

    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Exists | Self::Int(_) | Self::Bool { .. } => 1,
            Self::Symbols(_) | Self::NotSymbol(_) => 3,
            Self::Net { .. } => 4,
            Self::ByKind { .. } => 6,
            Self::Text(check) => match check {
                TextCheck::StartsWith(_) | TextCheck::EndsWith(_) => 3,
                TextCheck::Contains(_) => 15,
                TextCheck::PMatch(_) => 30,
                TextCheck::ContainsAny(_) | TextCheck::Glob(_) | TextCheck::IGlob(_) => 40,
                TextCheck::Regex(_) => 200,
            },
        }
    }

    /// How likely it holds for an event, at a guess.
    pub(crate) fn chance(&self) -> f32 {
        match self {
            Self::Exists | Self::NotSymbol(_) => 0.9,
            Self::Symbols(_) => 0.1,
            Self::Int(IntCheck::GreaterEqual(_) | IntCheck::NotEqual(_)) => 0.9,
            Self::Int(_) | Self::ByKind { .. } => 0.1,
            Self::Bool { .. } => 0.3,
            Self::Net { negated, .. } => {
                if *negated {
                    0.8
                } else {
                    0.3
                }
            }
            Self::Text(_) => 0.05,
        }
    }

    /// Whether one value satisfies it. A missing one satisfies nothing.
    #[inline]
    pub(crate) fn holds(&self, value: Value<'_>, symbols: &Symbols) -> bool {
        match (self, value) {
            (_, Value::Missing) => false,
            (Self::Exists, _) => true,
            (Self::Symbols(set), Value::Text(text)) => set.has(symbols.find(text)),
            (Self::NotSymbol(symbol), Value::Text(text)) => symbols.find(text) != *symbol,
            (Self::Text(check), Value::Text(text)) => check.holds(text),
            (Self::Int(check), Value::Int(number)) => check.holds(number),
            (Self::Bool { equal, to }, Value::Bool(truth)) => (truth == *to) == *equal,
            (Self::Net { nets, negated }, Value::Ip(ip)) => {
                nets.iter().any(|net| net.contains(&ip)) != *negated
            }
            (Self::ByKind { text, int }, value) => match (value, text, int) {
                (Value::Int(_), _, Some(int)) => int.holds(value, symbols),
                (Value::Text(bytes), None, Some(int)) => match number(bytes) {
                    Some(number) => int.holds(Value::Int(number), symbols),
                    None => false,
                },
                (Value::Text(_), Some(text), _) => text.holds(value, symbols),
                (Value::Bool(truth), Some(text), _) => {
                    let word: &[u8] = if truth { b"true" } else { b"false" };
                    text.holds(Value::Text(word), symbols)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a symbol alone decides.
    #[inline]
    pub(crate) fn by_symbol(&self, symbol: u32) -> Option<bool> {
        match self {
            Self::Symbols(set) => Some(symbol != MISSING && set.has(symbol)),
            Self::NotSymbol(other) => Some(symbol != MISSING && symbol != *other),
            _ => None,
        }
    }
}

impl TextCheck {
    #[inline]
    pub(crate) fn holds(&self, text: &[u8]) -> bool {
        match self {
            Self::Contains(finder) => finder.find(text).is_some(),
            Self::ContainsAny(automaton) => automaton.is_match(text),
            Self::StartsWith(start) => text.starts_with(start),
            Self::EndsWith(end) => text.ends_with(end),
            Self::Glob(pattern) => glob::matches(pattern, text),
            Self::IGlob(pattern) => glob::matches_ignoring_case(pattern, text),
            Self::Regex(regex) => regex.is_match(&String::from_utf8_lossy(text)),
            Self::PMatch(trie) => trie.covers(text),
        }
    }
}

impl IntCheck {
    #[inline]
    fn holds(&self, number: i64) -> bool {
        match self {
            Self::Less(limit) => number < *limit,
            Self::LessEqual(limit) => number <= *limit,
            Self::Greater(limit) => number > *limit,
            Self::GreaterEqual(limit) => number >= *limit,
            Self::NotEqual(other) => number != *other,
            Self::In(all) => all.binary_search(&number).is_ok(),
        }
    }
}

fn unfit<T>(operator: Operator, kind: &str, what: &str, expected: &str) -> Result<T, CheckError> {
    let name = operator.name();
    error(
        format!("'{name}' cannot compare the {kind} {what}"),
        expected,
    )
}

fn text(
    operator: Operator,
    literals: &[Literal],
    what: &str,
    symbols: &mut Symbols,
) -> Result<Check, CheckError> {
    let first = || literals.first().map_or(&[][..], |literal| &literal.bytes);
    let pattern = matches!(
        operator,
        Operator::IContains | Operator::Glob | Operator::IGlob | Operator::Regex
    );
    if pattern && first().len() > MAX_PATTERN {
        return error(
            "text is too long to search for".to_owned(),
            "at most 16 KiB",
        );
    }
    let check = match operator {
        Operator::Exists => return Ok(Check::Exists),
        Operator::Equal | Operator::In | Operator::Intersects => {
            let members: Vec<_> = literals.iter().map(|l| symbols.intern(&l.bytes)).collect();
            return Ok(Check::Symbols(SymbolSet::new(&members)));
        }
        Operator::NotEqual => return Ok(Check::NotSymbol(symbols.intern(first()))),
        Operator::Contains => TextCheck::Contains(finder(first())),
        Operator::IContains => TextCheck::ContainsAny(automaton(&[first()], true)?),
        Operator::StartsWith => TextCheck::StartsWith(first().into()),
        Operator::EndsWith => TextCheck::EndsWith(first().into()),
        Operator::BContains => TextCheck::Contains(finder(&hex(first())?)),
        Operator::BStartsWith => TextCheck::StartsWith(hex(first())?.into()),
        Operator::Glob => TextCheck::Glob(first().into()),
        Operator::IGlob => TextCheck::IGlob(first().into()),
        Operator::Regex => TextCheck::Regex(regex(first())?),
        Operator::PMatch => {
            TextCheck::PMatch(PathTrie::new(literals.iter().map(|l| l.bytes.as_slice())))
        }
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
            return unfit(operator, "string", what, "a number field, or len()");
        }
    };
    Ok(Check::Text(check))
}

fn finder(needle: &[u8]) -> Box<Finder<'static>> {
    Box::new(Finder::new(needle).into_owned())
}

pub(crate) fn automaton(needles: &[&[u8]], fold: bool) -> Result<AhoCorasick, CheckError> {
    let bytes: usize = needles.iter().map(|needle| needle.len()).sum();
    AhoCorasick::builder()
        .kind((bytes > MAX_DFA_TEXT).then_some(AhoCorasickKind::ContiguousNFA))
        .ascii_case_insensitive(fold)
        .build(needles)
        .or_else(|_| {
            error(
                "text is too long to search for".to_owned(),
                "a shorter text",
            )
        })
}

fn hex(text: &[u8]) -> Result<Vec<u8>, CheckError> {
    let bytes: Option<Vec<u8>> = text.chunks(2).map(hex_byte).collect();
    match bytes {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => error(
            format!("'{}' is no bytes in hex", String::from_utf8_lossy(text)),
            "pairs of hex digits, as cafebabe",
        ),
    }
}

/// The whole text must fit.
fn regex(text: &[u8]) -> Result<Regex, CheckError> {
    let pattern = String::from_utf8_lossy(text);
    regex::RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(MAX_REGEX)
        .dfa_size_limit(MAX_REGEX)
        .build()
        .or_else(|wrong| {
            let reason = wrong.to_string();
            let line = reason.lines().last().unwrap_or_default().to_owned();
            error(
                format!("regular expression cannot be compiled: {line}"),
                "RE2's syntax, and at most 512 KiB when compiled",
            )
        })
}

/// Decimal or `0x` hex, clipped to 64 bits: no value lies beyond.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let parsed = match hex {
        Some(hex) => u128::from_str_radix(hex, 16).ok()?,
        None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
        None => return None,
    };
    let clipped = i64::try_from(parsed).unwrap_or(i64::MAX);
    Some(if negative { -clipped } else { clipped })
}

fn int(operator: Operator, literals: &[Literal], what: &str) -> Result<IntCheck, CheckError> {
    let mut numbers = Vec::with_capacity(literals.len());
    let compares = matches!(
        operator,
        Operator::Equal
            | Operator::NotEqual
            | Operator::Less
            | Operator::LessEqual
            | Operator::Greater
            | Operator::GreaterEqual
            | Operator::In
            | Operator::Intersects
    );
    if operator == Operator::Exists {
        return Ok(IntCheck::GreaterEqual(i64::MIN));
    }
    if !compares {
        return unfit(operator, "number", what, "= != < <= > >= in or exists");
    }
    for literal in literals {
        match number(&literal.bytes) {
            Some(number) => numbers.push(number),
            None => {
                let shown = String::from_utf8_lossy(&literal.bytes);
                return error(format!("'{shown}' is no number, but {what} is"), "a number");
            }
        }
    }
    let first = numbers.first().copied().unwrap_or_default();
    Ok(match operator {
        Operator::Less => IntCheck::Less(first),
        Operator::LessEqual => IntCheck::LessEqual(first),
        Operator::Greater => IntCheck::Greater(first),
        Operator::GreaterEqual => IntCheck::GreaterEqual(first),
        Operator::NotEqual => IntCheck::NotEqual(first),
        _ => {
            numbers.sort_unstable();
            IntCheck::In(numbers.into())
        }
    })
}

fn boolean(operator: Operator, literals: &[Literal], what: &str) -> Result<Check, CheckError> {
    let equal = match operator {
        Operator::Exists => return Ok(Check::Exists),
        Operator::Equal | Operator::In => true,
        Operator::NotEqual => false,
        _ => return unfit(operator, "boolean", what, "=, != or exists"),
    };
    let to = match literals {
        [only] if only.bytes.eq_ignore_ascii_case(b"true") || only.bytes == b"1" => true,
        [only] if only.bytes.eq_ignore_ascii_case(b"false") || only.bytes == b"0" => false,
        _ => return error(format!("{what} is true or false"), "true or false"),
    };
    Ok(Check::Bool { equal, to })
}

fn network(operator: Operator, literals: &[Literal], what: &str) -> Result<Check, CheckError> {
    let negated = match operator {
        Operator::Exists => return Ok(Check::Exists),
        Operator::Equal | Operator::In | Operator::Intersects => false,
        Operator::NotEqual => true,
        _ => return unfit(operator, "address", what, "=, !=, in or exists"),
    };
    let mut nets = Vec::with_capacity(literals.len());
    for literal in literals {
        let text = String::from_utf8_lossy(&literal.bytes);
        let net = text
            .parse::<IpNet>()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        match net {
            Some(net) => nets.push(net),
            None => {
                let message = format!("'{text}' is no address, but {what} is");
                return error(message, "an address or a network, as 10.0.0.0/8");
            }
        }
    }
    Ok(Check::Net {
        nets: nets.into(),
        negated,
    })
}

/// A comparison of two values.
pub(crate) fn compare(operator: Operator, left: Value<'_>, right: Value<'_>) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => compare_text(operator, left, right),
        (Value::Int(left), Value::Int(right)) => compare_ordered(operator, &left, &right),
        (Value::Int(left), Value::Text(right)) => {
            number(right).is_some_and(|right| compare_ordered(operator, &left, &right))
        }
        (Value::Text(left), Value::Int(right)) => {
            number(left).is_some_and(|left| compare_ordered(operator, &left, &right))
        }
        (Value::Bool(left), Value::Bool(right)) => compare_ordered(operator, &left, &right),
        (Value::Ip(left), Value::Ip(right)) => compare_ordered(operator, &left, &right),
        _ => false,
    }
}

fn compare_ordered<T: Ord>(operator: Operator, left: &T, right: &T) -> bool {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => left < right,
        Operator::LessEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterEqual => left >= right,
        _ => false,
    }
}

fn compare_text(operator: Operator, left: &[u8], right: &[u8]) -> bool {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => left == right,
        Operator::NotEqual => left != right,
        Operator::Contains | Operator::BContains => {
            right.is_empty() || memchr::memmem::find(left, right).is_some()
        }
        Operator::IContains => {
            right.is_empty()
                || left
                    .windows(right.len())
                    .any(|window| window.eq_ignore_ascii_case(right))
        }
        Operator::StartsWith | Operator::BStartsWith => left.starts_with(right),
        Operator::EndsWith => left.ends_with(right),
        Operator::Glob => glob::matches(right, left),
        Operator::IGlob => glob::matches_ignoring_case(right, left),
        Operator::PMatch => {
            left == right
                || left.starts_with(right)
                    && (right.ends_with(b"/") || left.get(right.len()) == Some(&b'/'))
        }
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
            match (number(left), number(right)) {
                (Some(left), Some(right)) => compare_ordered(operator, &left, &right),
                _ => false,
            }
        }
        Operator::Exists | Operator::Regex => false,
    }
}
