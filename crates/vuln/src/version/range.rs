//! Requirements as advisories write them, turned into sets of versions.
//!
//! A dialect is one file and one row of [`DIALECTS`]. Its text becomes a [`VersionSet`]: spans of
//! the scheme's order, joined, cut and complemented exactly. Pre-releases count as the order has
//! them: what a resolver would leave out, an advisory means. Texts longer than [`MAX_BYTES`] and
//! sets of more than [`MAX_SPANS`] spans are errors.

mod cargo;
mod composer;
mod gem;
mod maven;
mod npm;
mod partial;
mod pep440;
mod plain;
mod vers;

use super::{InvalidVersion, Scheme};
use crate::advisory::{End, Interval};
use std::cmp::Ordering;

pub use vers::parse as parse_vers;

/// The longest requirement that is read.
pub const MAX_BYTES: usize = 16 * 1024;
/// The most spans of one set.
pub const MAX_SPANS: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `>= 1.0, < 2.0`: comparisons that all hold; GitHub's advisories.
    Plain,
    /// Cargo's and RustSec's: `^1.2`, `~1.2.3`, `=1.*`, with commas.
    Cargo,
    /// npm's: `^1.2 || 1.x || 2.0.0 - 2.4`.
    Npm,
    /// Python's specifiers: `~=1.4, !=1.5.*`.
    Pep440,
    /// Maven's: `[1.0,2.0),[3.0,)`; a bare version means itself.
    Maven,
    /// NuGet's: as Maven's, but a bare version means it and all after.
    Nuget,
    /// RubyGems': `~> 1.2, != 1.2.5`.
    Gem,
    /// Composer's: `^1.2 || ~2.0,!=2.0.5`.
    Composer,
}

type Parse = fn(&str) -> Result<VersionSet, RangeError>;

/// Every dialect there is but for `vers:`, which names its scheme, and the scheme it speaks of.
const DIALECTS: &[(Dialect, Scheme, Parse)] = &[
    (Dialect::Cargo, Scheme::Semver, cargo::parse),
    (Dialect::Npm, Scheme::Npm, npm::parse),
    (Dialect::Pep440, Scheme::Pep440, pep440::parse),
    (Dialect::Maven, Scheme::Maven, maven::parse),
    (Dialect::Nuget, Scheme::Nuget, maven::parse_nuget),
    (Dialect::Gem, Scheme::Gem, gem::parse),
    (Dialect::Composer, Scheme::Composer, composer::parse),
];

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RangeError {
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    #[error("cannot read the requirement at '{0}'")]
    Syntax(String),
    #[error("the requirement is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("the requirement makes more than {MAX_SPANS} spans")]
    TooMany,
    #[error("version ranges of the type '{0}' are not known")]
    UnknownType(String),
}

impl RangeError {
    fn at(text: &str) -> Self {
        Self::Syntax(text.chars().take(80).collect())
    }
}

/// Reads one requirement of a dialect with a scheme of its own.
pub fn parse(dialect: Dialect, text: &str) -> Result<VersionSet, RangeError> {
    fits(text)?;
    match DIALECTS.iter().find(|(d, ..)| *d == dialect) {
        Some((_, _, parse)) => parse(text),
        None => plain::parse(Scheme::Semver, text),
    }
}

/// Reads comparisons, all of which must hold, in any scheme.
pub fn parse_plain(scheme: Scheme, text: &str) -> Result<VersionSet, RangeError> {
    fits(text)?;
    plain::parse(scheme, text)
}

/// What is left when every version that one of these requirements covers is taken away: affected
/// is what is neither patched nor unaffected.
pub fn affected_by_rest(
    dialect: Dialect,
    safe: &[impl AsRef<str>],
) -> Result<VersionSet, RangeError> {
    let scheme = DIALECTS
        .iter()
        .find(|(d, ..)| *d == dialect)
        .map_or(Scheme::Semver, |(_, scheme, _)| *scheme);
    let mut all = VersionSet::none(scheme);
    for text in safe {
        all = all.union(parse(dialect, text.as_ref())?)?;
    }
    Ok(all.complement())
}

fn fits(text: &str) -> Result<(), RangeError> {
    if text.len() > MAX_BYTES {
        return Err(RangeError::TooLong);
    }
    Ok(())
}

/// Where a span begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edge {
    Open,
    Including(String),
    Excluding(String),
}

/// Versions between two edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub lower: Edge,
    pub upper: Edge,
}

/// Versions of a scheme: spans in order, apart from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSet {
    scheme: Scheme,
    spans: Vec<Span>,
}

impl VersionSet {
    pub fn all(scheme: Scheme) -> Self {
        Self {
            scheme,
            spans: vec![Span {
                lower: Edge::Open,
                upper: Edge::Open,
            }],
        }
    }

    pub fn none(scheme: Scheme) -> Self {
        Self {
            scheme,
            spans: Vec::new(),
        }
    }

    /// One span; empty if its edges cross. Its versions must be ones of the scheme.
    pub fn span(scheme: Scheme, lower: Edge, upper: Edge) -> Result<Self, InvalidVersion> {
        for edge in [&lower, &upper] {
            if let Edge::Including(version) | Edge::Excluding(version) = edge {
                scheme.check(version)?;
            }
        }
        let span = Span { lower, upper };
        let spans = if is_empty(scheme, &span) {
            Vec::new()
        } else {
            vec![span]
        };
        Ok(Self { scheme, spans })
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub fn contains(&self, version: &str) -> Result<bool, InvalidVersion> {
        self.scheme.check(version)?;
        let point = Edge::Including(version.to_owned());
        Ok(self.spans.iter().any(|span| {
            lowers(self.scheme, &span.lower, &point).is_le()
                && uppers(self.scheme, &span.upper, &point).is_ge()
        }))
    }

    /// In this set or in the other, of the same scheme.
    pub fn union(mut self, other: Self) -> Result<Self, RangeError> {
        let scheme = self.scheme;
        self.spans.extend(other.spans);
        self.spans
            .sort_by(|a, b| lowers(scheme, &a.lower, &b.lower));
        let mut joined: Vec<Span> = Vec::with_capacity(self.spans.len());
        for span in self.spans {
            match joined.last_mut() {
                Some(last) if touches(scheme, &last.upper, &span.lower) => {
                    if uppers(scheme, &span.upper, &last.upper).is_gt() {
                        last.upper = span.upper;
                    }
                }
                _ => joined.push(span),
            }
        }
        Self {
            scheme,
            spans: joined,
        }
        .bounded()
    }

    /// In this set and in the other, of the same scheme.
    pub fn intersection(self, other: &Self) -> Result<Self, RangeError> {
        let scheme = self.scheme;
        let mut spans = Vec::new();
        let (mut left, mut right) = (self.spans.iter().peekable(), other.spans.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let lower = if lowers(scheme, &a.lower, &b.lower).is_ge() {
                &a.lower
            } else {
                &b.lower
            };
            let a_first = uppers(scheme, &a.upper, &b.upper).is_le();
            let upper = if a_first { &a.upper } else { &b.upper };
            let span = Span {
                lower: lower.clone(),
                upper: upper.clone(),
            };
            if !is_empty(scheme, &span) {
                spans.push(span);
            }
            if a_first {
                left.next();
            } else {
                right.next();
            }
        }
        Self { scheme, spans }.bounded()
    }

    /// Every version that is not in this set.
    #[must_use]
    pub fn complement(self) -> Self {
        let scheme = self.scheme;
        let mut spans = Vec::with_capacity(self.spans.len() + 1);
        let mut lower = Some(Edge::Open);
        for span in self.spans {
            if let (Some(lower), Some(upper)) = (lower, opposite(span.lower)) {
                spans.push(Span { lower, upper });
            }
            lower = opposite(span.upper);
        }
        if let Some(lower) = lower {
            spans.push(Span {
                lower,
                upper: Edge::Open,
            });
        }
        Self { scheme, spans }
    }

    /// As advisories hold them. An excluded start is written after `>`.
    pub fn intervals(&self) -> Vec<Interval> {
        let interval = |span: &Span| Interval {
            introduced: match &span.lower {
                Edge::Open => String::new(),
                Edge::Including(version) => version.clone(),
                Edge::Excluding(version) => format!(">{version}"),
            },
            end: match &span.upper {
                Edge::Open => End::Open,
                Edge::Including(version) => End::LastAffected(version.clone()),
                Edge::Excluding(version) => End::Fixed(version.clone()),
            },
        };
        self.spans.iter().map(interval).collect()
    }

    fn bounded(self) -> Result<Self, RangeError> {
        if self.spans.len() > MAX_SPANS {
            return Err(RangeError::TooMany);
        }
        Ok(self)
    }
}

/// What begins where this ends, or ends where this begins; nothing beyond an open edge.
fn opposite(edge: Edge) -> Option<Edge> {
    match edge {
        Edge::Open => None,
        Edge::Including(version) => Some(Edge::Excluding(version)),
        Edge::Excluding(version) => Some(Edge::Including(version)),
    }
}

/// Both versions were checked when their set was made.
fn order(scheme: Scheme, a: &str, b: &str) -> Ordering {
    (scheme.row().compare)(a, b)
}

fn lowers(scheme: Scheme, a: &Edge, b: &Edge) -> Ordering {
    use Edge::{Excluding, Including, Open};
    match (a, b) {
        (Open, Open) => Ordering::Equal,
        (Open, _) => Ordering::Less,
        (_, Open) => Ordering::Greater,
        (Including(a), Including(b)) | (Excluding(a), Excluding(b)) => order(scheme, a, b),
        (Including(a), Excluding(b)) => order(scheme, a, b).then(Ordering::Less),
        (Excluding(a), Including(b)) => order(scheme, a, b).then(Ordering::Greater),
    }
}

fn uppers(scheme: Scheme, a: &Edge, b: &Edge) -> Ordering {
    use Edge::{Excluding, Including, Open};
    match (a, b) {
        (Open, Open) => Ordering::Equal,
        (Open, _) => Ordering::Greater,
        (_, Open) => Ordering::Less,
        (Including(a), Including(b)) | (Excluding(a), Excluding(b)) => order(scheme, a, b),
        (Including(a), Excluding(b)) => order(scheme, a, b).then(Ordering::Greater),
        (Excluding(a), Including(b)) => order(scheme, a, b).then(Ordering::Less),
    }
}

fn is_empty(scheme: Scheme, span: &Span) -> bool {
    use Edge::{Excluding, Including, Open};
    match (&span.lower, &span.upper) {
        (Open, _) | (_, Open) => false,
        (Including(a), Including(b)) => order(scheme, a, b).is_gt(),
        (Including(a) | Excluding(a), Including(b) | Excluding(b)) => order(scheme, a, b).is_ge(),
    }
}

/// Whether nothing lies between an end and the start that comes after it.
fn touches(scheme: Scheme, upper: &Edge, lower: &Edge) -> bool {
    use Edge::{Excluding, Including, Open};
    match (upper, lower) {
        (Open, _) | (_, Open) => true,
        (Excluding(a), Excluding(b)) => order(scheme, a, b).is_gt(),
        (Including(a) | Excluding(a), Including(b) | Excluding(b)) => order(scheme, a, b).is_ge(),
    }
}

/// A comparison sign at the start of a text, and what follows it.
fn operator<'a>(text: &'a str, known: &[&'static str]) -> (&'static str, &'a str) {
    known
        .iter()
        .find_map(|sign| Some((*sign, text.strip_prefix(sign)?.trim_start())))
        .unwrap_or(("", text))
}

/// The versions that stand so to this one.
fn comparison(scheme: Scheme, sign: &str, version: &str) -> Result<VersionSet, RangeError> {
    let version = version.trim().to_owned();
    let span = |lower, upper| VersionSet::span(scheme, lower, upper);
    Ok(match sign {
        "" | "=" | "==" => span(Edge::Including(version.clone()), Edge::Including(version))?,
        "!=" | "<>" => {
            span(Edge::Including(version.clone()), Edge::Including(version))?.complement()
        }
        "<" => span(Edge::Open, Edge::Excluding(version))?,
        "<=" => span(Edge::Open, Edge::Including(version))?,
        ">" => span(Edge::Excluding(version), Edge::Open)?,
        ">=" => span(Edge::Including(version), Edge::Open)?,
        _ => return Err(RangeError::at(sign)),
    })
}

/// From a version on, up to and without another.
fn from_until(scheme: Scheme, from: String, until: String) -> Result<VersionSet, RangeError> {
    Ok(VersionSet::span(
        scheme,
        Edge::Including(from),
        Edge::Excluding(until),
    )?)
}

/// Holds all of what `parse` makes of the parts.
fn all_of<'a>(
    scheme: Scheme,
    parts: impl IntoIterator<Item = &'a str>,
    parse: impl Fn(&str) -> Result<VersionSet, RangeError>,
) -> Result<VersionSet, RangeError> {
    let mut all = VersionSet::all(scheme);
    for part in parts {
        all = all.intersection(&parse(part.trim())?)?;
    }
    Ok(all)
}

/// Decimal digits plus one.
fn incremented(digits: &str) -> String {
    let mut out = digits.as_bytes().to_vec();
    for digit in out.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return String::from_utf8(out).unwrap_or_default();
        }
    }
    out.insert(0, b'1');
    String::from_utf8(out).unwrap_or_default()
}
