//! What is asked of the text index: trigrams of texts, and facets as trigrams that no text has.

use crate::{
    FilterOp,
    facet::{self, TEXT_NUMBERS},
    filter::{Compiled, Matcher, Wanted},
};
use std::collections::BTreeSet;

/// Trigrams of one text that are looked up; more would not make candidates rarer.
const MAX_TRIGRAMS: usize = 24;
/// Alternatives that are looked up; with more the condition is left to the check of candidates.
const MAX_ALTERNATIVES: usize = 64;

/// A facet in the text index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Facet {
    Kind,
    Level,
    Name,
    Workload,
    Group,
    Domain,
    Overflow,
}

/// Three private-use characters for a facet's value. A text that holds them by chance or malice
/// only adds a candidate.
pub(crate) fn tag(facet: Facet, value: i64) -> String {
    let digit = |value: i64| {
        u32::try_from(value & 0x7fff)
            .ok()
            .and_then(|low| char::from_u32(0xf_0000 + low))
    };
    let marker = char::from_u32(0xe000 + facet as u32);
    [marker, digit(value >> 15), digit(value)]
        .into_iter()
        .flatten()
        .collect()
}

/// A condition on candidates: any of these alternatives, each of which is all of its trigrams.
#[derive(Clone, Debug)]
pub(crate) struct Clause(Vec<String>);

impl Clause {
    /// Any of these values of a facet; `None` if they are too many to look up.
    pub(crate) fn facet(facet: Facet, values: &[i64]) -> Option<Self> {
        (values.len() <= MAX_ALTERNATIVES).then(|| {
            Self(
                values
                    .iter()
                    .map(|value| quote(&tag(facet, *value)))
                    .collect(),
            )
        })
    }

    /// Contains a folded text; `None` if that is too short to look up.
    fn contains(folded: &str) -> Option<String> {
        let chars: Vec<char> = folded.chars().collect();
        let all: BTreeSet<String> = chars.windows(3).map(|w| w.iter().collect()).collect();
        let step = all.len().div_ceil(MAX_TRIGRAMS).max(1);
        let some: Vec<String> = all.iter().step_by(step).map(|t| quote(t)).collect();
        (!some.is_empty()).then(|| format!("({})", some.join(" AND ")))
    }

    /// What a field filter implies for the text; `None` if nothing.
    fn filter(filter: &Compiled) -> Option<Self> {
        let positive = matches!(
            filter.op,
            FilterOp::Eq | FilterOp::In | FilterOp::Prefix | FilterOp::Contains
        );
        let many = filter.wanted.len() > MAX_ALTERNATIVES || filter.wanted.is_empty();
        if !positive || many || !filter.path.in_text() {
            return None;
        }
        let implied: Option<Vec<String>> = filter
            .wanted
            .iter()
            .map(|wanted| Self::implied(filter, wanted))
            .collect();
        // What was too long to be searchable in full may hold it unseen.
        let mut alternatives = implied?;
        alternatives.push(quote(&overflow_tag()));
        Some(Self(alternatives))
    }

    /// What the text holds if the field is `wanted`.
    fn implied(filter: &Compiled, wanted: &Wanted) -> Option<String> {
        // Truth values are not in the text, and of numbers only some.
        if ["true", "false"]
            .iter()
            .any(|word| word.contains(&wanted.text))
        {
            return None;
        }
        let whole = matches!(filter.op, FilterOp::Eq | FilterOp::In);
        match wanted.number {
            None => Self::contains(&facet::fold(&wanted.text)),
            Some(_) if !TEXT_NUMBERS.contains(&filter.path.leaf()) => None,
            Some(_) if !whole => Self::contains(&wanted.text),
            // Written otherwise (`0443`), it is the same number but may be another text.
            Some(number) => {
                let digits = number.to_string();
                wanted
                    .text
                    .contains(&digits)
                    .then(|| Self::contains(&digits))
                    .flatten()
            }
        }
    }
}

/// Marks records whose text was too long to be indexed in full.
pub(crate) fn overflow_tag() -> String {
    tag(Facet::Overflow, 0)
}

/// Whether a text is as long as a text gets.
pub(crate) fn overflows(text: &str) -> bool {
    text.len() + 8 > facet::MAX_TEXT_BYTES
}

/// The conditions a query's text and filters put on candidates.
pub(crate) fn clauses(matcher: &Matcher<'_>) -> Vec<Clause> {
    let needle = matcher.needle.as_deref().and_then(Clause::contains);
    let needle = needle.map(|alternative| Clause(vec![alternative]));
    needle
        .into_iter()
        .chain(matcher.filters.iter().filter_map(Clause::filter))
        .collect()
}

/// The full-text expression of all of the clauses.
pub(crate) fn expression(clauses: &[Clause]) -> String {
    let clauses: Vec<String> = clauses
        .iter()
        .map(|clause| format!("({})", clause.0.join(" OR ")))
        .collect();
    clauses.join(" AND ")
}

fn quote(trigram: &str) -> String {
    format!("\"{}\"", trigram.replace('"', "\"\""))
}
