//! Whether a record matches a query, and how records compare: one meaning for every store.

use crate::{
    Cursor, FieldFilter, FilterOp, LogPage, LogQuery, SortKey, StoreError,
    facet::{Facets, NOT_TEXT, Prepared, fold},
    json::Node,
    log::{MAX_PAGE, MAX_PAGE_BYTES, Place, TOTAL_CAP, TOTAL_CAP_TEXT},
};
use rampart_model::{LogLevel, LogRecord};
use std::cmp::Ordering;

/// Most elements of the lists of a query, and its longest string.
const MAX_CONDITIONS: usize = 4096;
const MAX_CONDITION_BYTES: usize = 64 << 10;
/// Header fields, found at the top of a record's JSON form; all others are in its body.
const HEADER: &[&str] = &[
    "uid",
    "at",
    "level",
    "name",
    "message",
    "node",
    "node_name",
    "workload",
];

/// A query, compiled.
pub(crate) struct Matcher<'a> {
    query: &'a LogQuery,
    /// Folded.
    pub(crate) needle: Option<String>,
    pub(crate) filters: Vec<Compiled>,
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(query: &'a LogQuery) -> Result<Self, StoreError> {
        check(query)?;
        let needle = query.text.as_deref().filter(|t| !t.is_empty()).map(fold);
        let filters = query.filters.iter().map(Compiled::new).collect();
        Ok(Self {
            query,
            needle,
            filters,
        })
    }

    /// Whether the facets match. Time is not looked at: it is in the id.
    pub(crate) fn facets(&self, facets: &Facets) -> bool {
        let q = self.query;
        (q.kinds.is_empty() || q.kinds.contains(&facets.kind))
            && (q.levels.is_empty() || q.levels.contains(&facets.level))
            && (q.names.is_empty() || q.names.contains(&facets.name))
            && q.workload
                .as_ref()
                .is_none_or(|w| facets.workloads.has(w.as_str()))
            && q.group
                .as_ref()
                .is_none_or(|g| facets.groups.has(g.as_str()))
            && q.domains
                .as_ref()
                .is_none_or(|d| d.iter().any(|d| facets.domains.has(d)))
    }

    /// Whether matching needs the record itself, not only its facets.
    pub(crate) fn reads_body(&self) -> bool {
        self.needle.is_some() || !self.filters.is_empty()
    }

    /// Whether a record matches, apart from its time.
    pub(crate) fn matches(&self, kept: &Prepared) -> bool {
        let contains = |needle: &str| kept.text.contains(needle);
        let body = || Node::parse(&kept.json).is_ok_and(|node| self.body(&node, contains));
        self.facets(&kept.facets) && (!self.reads_body() || body())
    }

    /// Whether the record's fields match and its text, in which `contains` looks.
    pub(crate) fn body(&self, record: &Node<'_>, contains: impl FnOnce(&str) -> bool) -> bool {
        self.filters.iter().all(|f| f.matches(record))
            && self.needle.as_deref().is_none_or(contains)
    }

    /// Where [`crate::LogPage::total`] stops counting.
    pub(crate) fn total_cap(&self) -> u64 {
        if self.reads_body() {
            TOTAL_CAP_TEXT
        } else {
            TOTAL_CAP
        }
    }
}

fn check(query: &LogQuery) -> Result<(), StoreError> {
    let domains = query.domains.as_deref().unwrap_or_default();
    let lists = [
        query.names.len(),
        domains.len(),
        query.filters.len(),
        query.sort.len(),
    ];
    if lists.iter().any(|n| *n > MAX_CONDITIONS) {
        return Err(StoreError::invalid(format!(
            "a query's lists have at most {MAX_CONDITIONS}"
        )));
    }
    let fields = query.filters.iter().flat_map(|f| [&f.field, &f.value]);
    let strings = query
        .names
        .iter()
        .chain(domains)
        .chain(&query.text)
        .chain(fields);
    if strings.into_iter().any(|s| s.len() > MAX_CONDITION_BYTES) {
        let what = format!("a query's strings have at most {MAX_CONDITION_BYTES} bytes");
        return Err(StoreError::invalid(what));
    }
    Ok(())
}

/// How a query walks through its matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    /// By time, from a cursor (exclusive) or skipping `skip` matches.
    Time {
        ascending: bool,
        after: Option<i64>,
        skip: u64,
    },
    /// The newest [`crate::log::SORT_WINDOW`], sorted, skipping `skip`.
    Sorted { skip: u64 },
}

impl Walk {
    pub(crate) fn of(query: &LogQuery) -> Result<Self, StoreError> {
        let place = query.cursor.as_ref().map(|c| c.0);
        let ascending = match query.sort.first() {
            None => false,
            Some((SortKey::At, ascending)) => *ascending,
            Some(_) => {
                return match place {
                    None => Ok(Self::Sorted { skip: query.start }),
                    Some(Place::Offset(skip)) => Ok(Self::Sorted { skip }),
                    Some(Place::Id(_)) => Err(StoreError::invalid("the cursor of another order")),
                };
            }
        };
        match place {
            None => Ok(Self::Time {
                ascending,
                after: None,
                skip: query.start,
            }),
            Some(Place::Id(id)) => Ok(Self::Time {
                ascending,
                after: Some(id),
                skip: 0,
            }),
            Some(Place::Offset(_)) => Err(StoreError::invalid("the cursor of another order")),
        }
    }
}

/// Collects the records of a page within its bounds.
pub(crate) struct PageBuilder {
    limit: usize,
    bytes: usize,
    records: Vec<LogRecord>,
    /// Id of the last record taken.
    last: i64,
    /// There was one more than fits.
    more: bool,
}

impl PageBuilder {
    pub(crate) fn new(limit: u32) -> Self {
        let limit = usize::try_from(limit.min(MAX_PAGE)).unwrap_or_default();
        Self {
            limit,
            bytes: 0,
            records: Vec::new(),
            last: 0,
            more: false,
        }
    }

    /// Whether another record of `bytes` fits; if not, notes that there is more.
    pub(crate) fn fits(&mut self, bytes: usize) -> bool {
        let over_bytes = !self.records.is_empty() && self.bytes + bytes > MAX_PAGE_BYTES;
        if self.records.len() >= self.limit || over_bytes {
            self.more = true;
        }
        !self.more
    }

    pub(crate) fn push(&mut self, id: i64, bytes: usize, record: LogRecord) {
        self.bytes += bytes;
        self.last = id;
        self.records.push(record);
    }

    /// The page of a time order.
    pub(crate) fn time_page(self) -> LogPage {
        let next = self.more && !self.records.is_empty();
        let next = next.then_some(Cursor(Place::Id(self.last)));
        LogPage {
            records: self.records,
            total: None,
            next,
        }
    }

    /// The page of another order that skipped `skip` matches.
    pub(crate) fn sorted_page(self, skip: u64) -> LogPage {
        let offset = skip.saturating_add(self.records.len() as u64);
        let next = self.more && !self.records.is_empty();
        let next = next.then_some(Cursor(Place::Offset(offset)));
        LogPage {
            records: self.records,
            total: None,
            next,
        }
    }
}

/// A field's value: numbers before text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scalar {
    Number(i128),
    Text(String),
}

/// Where a field is in a record's JSON form.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    parts: Vec<String>,
    is_level: bool,
}

impl Path {
    pub(crate) fn new(field: &str) -> Self {
        let parts: Vec<String> = field.split('.').map(str::to_owned).collect();
        let last = parts.last().map_or("", String::as_str);
        let is_level = last == "level" || last == "severity";
        Self { parts, is_level }
    }

    /// Every value at the path.
    pub(crate) fn values(&self, record: &Node<'_>) -> Vec<Scalar> {
        let mut found = Vec::new();
        let first = self.parts.first().map_or("", String::as_str);
        let root = if HEADER.contains(&first) {
            Some(record)
        } else {
            record.field("body")
        };
        if let Some(root) = root {
            self.walk(root, &self.parts, &mut found);
        }
        found
    }

    /// The last part of the name.
    pub(crate) fn leaf(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    /// Whether a text found here is part of the record's searchable text.
    pub(crate) fn in_text(&self) -> bool {
        !self.is_level
            && !self
                .parts
                .iter()
                .any(|part| NOT_TEXT.contains(&part.as_str()))
    }

    fn walk(&self, value: &Node<'_>, parts: &[String], found: &mut Vec<Scalar>) {
        match (value, parts) {
            (Node::List(items), _) => items.iter().for_each(|v| self.walk(v, parts, found)),
            (Node::Object(_), [part, rest @ ..]) => {
                if let Some(field) = value.field(part) {
                    self.walk(field, rest, found);
                }
            }
            (leaf, []) => found.extend(self.scalar(leaf)),
            _ => {}
        }
    }

    fn scalar(&self, leaf: &Node<'_>) -> Option<Scalar> {
        Some(match leaf {
            Node::Text(s) => self.text(s),
            Node::Bool(b) => Scalar::Text(b.to_string()),
            Node::Integer(n) => Scalar::Number(*n),
            Node::Float(n) => Scalar::Text(n.to_string()),
            _ => return None,
        })
    }

    fn text(&self, s: &str) -> Scalar {
        match LogLevel::parse(s) {
            Some(level) if self.is_level => Scalar::Number(level as i128),
            _ => Scalar::Text(s.to_owned()),
        }
    }
}

/// A field filter, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(crate) path: Path,
    pub(crate) op: FilterOp,
    /// The alternatives of `in`; else the one value.
    pub(crate) wanted: Vec<Wanted>,
}

/// A value to compare with, read both ways.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) text: String,
    pub(crate) number: Option<i128>,
}

impl Compiled {
    fn new(filter: &FieldFilter) -> Self {
        let path = Path::new(&filter.field);
        let want = |text: &str| Wanted {
            number: match path.text(text) {
                Scalar::Number(level) => Some(level),
                Scalar::Text(_) => text.trim().parse().ok(),
            },
            text: text.to_owned(),
        };
        let wanted = match filter.op {
            FilterOp::In | FilterOp::NotIn => filter
                .value
                .split('|')
                .filter(|v| !v.is_empty())
                .map(want)
                .collect(),
            _ => vec![want(&filter.value)],
        };
        Self {
            path,
            op: filter.op,
            wanted,
        }
    }

    pub(crate) fn matches(&self, record: &Node<'_>) -> bool {
        let values = self.path.values(record);
        let any = |test: fn(&Scalar, &Wanted) -> bool| {
            values
                .iter()
                .any(|value| self.wanted.iter().any(|wanted| test(value, wanted)))
        };
        match self.op {
            FilterOp::Eq => any(|v, w| compare(v, w).is_eq()),
            FilterOp::Neq => !any(|v, w| compare(v, w).is_eq()),
            FilterOp::In => any(is_in),
            FilterOp::NotIn => !any(is_in),
            FilterOp::Gt => any(|v, w| compare(v, w).is_gt()),
            FilterOp::Gte => any(|v, w| compare(v, w).is_ge()),
            FilterOp::Lt => any(|v, w| compare(v, w).is_lt()),
            FilterOp::Lte => any(|v, w| compare(v, w).is_le()),
            FilterOp::Prefix => any(|v, w| as_text(v).starts_with(&w.text)),
            FilterOp::Contains => any(|v, w| as_text(v).contains(&w.text)),
        }
    }
}

fn compare(value: &Scalar, wanted: &Wanted) -> Ordering {
    match (value, wanted.number) {
        (Scalar::Number(value), Some(number)) => value.cmp(&number),
        _ => as_text(value).as_str().cmp(&wanted.text),
    }
}

fn is_in(value: &Scalar, wanted: &Wanted) -> bool {
    match value {
        Scalar::Number(number) => wanted.number == Some(*number),
        Scalar::Text(text) => text.contains(&wanted.text),
    }
}

fn as_text(value: &Scalar) -> String {
    match value {
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

/// What records are ordered by, other than time alone.
pub(crate) struct Sorter(Vec<(Path, bool)>);

/// Values of the sort keys of one record, each with whether it is ascending.
#[derive(PartialEq, Eq)]
pub(crate) struct SortRow(Vec<(Option<Scalar>, bool)>);

impl Sorter {
    pub(crate) fn new(by: &[(SortKey, bool)]) -> Self {
        let path = |key: &SortKey| match key {
            SortKey::At => Path::new("at"),
            SortKey::Field(field) => Path::new(field),
        };
        Self(
            by.iter()
                .map(|(key, ascending)| (path(key), *ascending))
                .collect(),
        )
    }

    pub(crate) fn row(&self, record: &Node<'_>) -> SortRow {
        let first = |path: &Path| path.values(record).into_iter().next();
        SortRow(
            self.0
                .iter()
                .map(|(path, ascending)| (first(path), *ascending))
                .collect(),
        )
    }
}

/// Orders records, given newest first, by their rows; equals stay newest first.
pub(crate) fn sort<T>(records: &mut [(SortRow, T)]) {
    records.sort_by(|(a, _), (b, _)| a.cmp(b));
}

impl Ord for SortRow {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        pairs.fold(Ordering::Equal, |order, ((a, ascending), (b, _))| {
            order.then_with(|| if *ascending { a.cmp(b) } else { b.cmp(a) })
        })
    }
}

impl PartialOrd for SortRow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
