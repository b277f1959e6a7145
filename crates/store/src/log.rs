//! The event log's port: append, query, page, count, retain.
//!
//! A record is found by facets derived from it (the functions in [`crate::facet`]), by text, and
//! by any field of its JSON form. Limits are the constants below; nothing over them is dropped
//! in silence: it is refused, or cut with a visible mark, or goes to the next page.

use crate::StoreError;
use async_trait::async_trait;
use rampart_model::{GroupName, LogKind, LogLevel, LogRecord, Timestamp, WorkloadId};
use std::{fmt, str::FromStr};

/// Most records of one page; a larger [`LogQuery::limit`] counts as this.
pub const MAX_PAGE: u32 = 10_000;
/// A page ends early (with [`LogPage::next`] set) after about this many bytes of records.
pub const MAX_PAGE_BYTES: usize = 32 << 20;
/// Sorting by anything but time orders the newest so many matches.
pub const SORT_WINDOW: usize = 5_000;
/// [`LogPage::total`] counts up to here.
pub const TOTAL_CAP: u64 = 100_000;
/// [`LogPage::total`] counts up to here when `text` or `filters` are given.
pub const TOTAL_CAP_TEXT: u64 = 5_000;
/// Most records of one [`EventLog::append`].
pub const MAX_APPEND: usize = 20_000;
/// Most rows [`EventLog::histogram`] returns.
pub const MAX_HISTOGRAM: usize = 50_000;

/// Which records, in which order, and which part of them.
///
/// Everything given must hold; inside one list any is enough; an empty list is no condition. The
/// default is everything, newest first, 1,000 a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// Any of these kinds.
    pub kinds: Vec<LogKind>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before or at.
    pub to: Option<Timestamp>,
    /// Any of these levels.
    pub levels: Vec<LogLevel>,
    /// Any of these event names, exactly.
    pub names: Vec<String>,
    /// The workload it happened in, or either end of a violation or threat.
    pub workload: Option<WorkloadId>,
    /// Domains the asker may see; `None` is all of them, `Some(vec![])` is none. A violation or
    /// threat is seen by who may see either end. Records without a domain have the domain `""`.
    pub domains: Option<Vec<String>>,
    /// A group it happened in, or either end's.
    pub group: Option<GroupName>,
    /// Case-insensitive substring of the record's text: [`crate::facet::search_text`]. Empty is
    /// no condition. One or two characters are not looked up in an index but read for, newest
    /// first.
    pub text: Option<String>,
    /// All must hold. Equality, prefixes and substrings of three characters or more are looked up
    /// in an index; for other conditions records are read one by one, newest first, until the
    /// page is full: combine them with a time range or facet if few match.
    pub filters: Vec<FieldFilter>,
    /// Keys in order of weight, each with whether it is ascending. Empty is newest first. Time is
    /// a full order (ties by arrival), so keys after it do not matter. If the first key is not
    /// [`SortKey::At`], the newest [`SORT_WINDOW`] matches are ordered; the rest is not reached.
    pub sort: Vec<(SortKey, bool)>,
    /// Matches to skip. Ignored with a cursor.
    pub start: u64,
    /// Records in the page, at most [`MAX_PAGE`].
    pub limit: u32,
    /// Go on where the page with this [`LogPage::next`] ended. Same query, please.
    pub cursor: Option<Cursor>,
    /// Fill [`LogPage::total`].
    pub with_total: bool,
}

impl Default for LogQuery {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            from: None,
            to: None,
            levels: Vec::new(),
            names: Vec::new(),
            workload: None,
            domains: None,
            group: None,
            text: None,
            filters: Vec::new(),
            sort: Vec::new(),
            start: 0,
            limit: 1000,
            cursor: None,
            with_total: false,
        }
    }
}

/// A condition on one field.
///
/// `field` is a header field (`uid`, `at`, `level`, `name`, `message`, `node`, `node_name`,
/// `workload.id`, `workload.name`, …), or `kind`, or a field of the body by its name in the model,
/// with dots into structures: `user`, `server_port`, `client.id`, `process.path`. A list matches
/// if any of its elements does.
///
/// If the field holds a number and `value` is one, they are compared as numbers, else as text,
/// exactly and in case. [`rampart_model::LogLevel`]s are compared by severity. A record without
/// the field matches [`FilterOp::Neq`] and [`FilterOp::NotIn`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFilter {
    /// Dotted name.
    pub field: String,
    /// How to compare.
    pub op: FilterOp,
    /// What to compare with.
    pub value: String,
}

/// How a [`FieldFilter`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FilterOp {
    /// Equal.
    Eq,
    /// Not equal; for a list, no element is equal.
    Neq,
    /// Text contains any of the `|`-separated alternatives, a number equals one: NeuVector's `in`.
    In,
    /// Not [`FilterOp::In`].
    NotIn,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Text starts with the value.
    Prefix,
    /// Text contains the value.
    Contains,
}

impl FilterOp {
    /// Every operator with its name in queries.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Eq, "eq"),
        (Self::Neq, "neq"),
        (Self::In, "in"),
        (Self::NotIn, "notin"),
        (Self::Gt, "gt"),
        (Self::Gte, "gte"),
        (Self::Lt, "lt"),
        (Self::Lte, "lte"),
        (Self::Prefix, "prefix"),
        (Self::Contains, "contains"),
    ];

    /// Its name in queries.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(op, _)| *op == self)
            .map_or("", |(_, name)| name)
    }

    /// The operator of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(op, _)| *op)
    }
}

/// What records are ordered by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// Time, ties by arrival.
    At,
    /// Any field, named as in [`FieldFilter`]; numbers before text, absent first.
    Field(String),
}

/// A place in a result. Opaque; as text it is safe in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(pub(crate) Place);

/// What a cursor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Time order: the id of the last record seen.
    Id(i64),
    /// Other orders: how many matches were seen.
    Offset(u64),
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Id(id) => write!(f, "t{id}"),
            Place::Offset(n) => write!(f, "o{n}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let place = match text.split_at_checked(1) {
            Some(("t", id)) => id.parse().ok().map(Place::Id),
            Some(("o", n)) => n.parse().ok().map(Place::Offset),
            _ => None,
        };
        place
            .map(Self)
            .ok_or_else(|| StoreError::invalid("not a cursor of this store"))
    }
}

/// Part of the result of a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogPage {
    /// In the order asked for.
    pub records: Vec<LogRecord>,
    /// Matches in all, if asked for: exact below [`TOTAL_CAP`] ([`TOTAL_CAP_TEXT`] with text or
    /// filters), and "at least so many" when it equals that.
    pub total: Option<u64>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

/// What to keep; the oldest go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Older records are deleted.
    pub not_before: Timestamp,
    /// Most records kept.
    pub max_records: u64,
}

/// Events: many, append-only, searched.
///
/// Times are kept between 1970 and the year 10888; others are moved to the nearer end.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Keeps records and returns how many were new; one whose uid is kept already (or comes
    /// earlier in the list) is ignored. Durable when this returns.
    ///
    /// Strings longer than [`crate::facet::MAX_STRING_BYTES`] are cut and end in
    /// [`crate::facet::CUT`]; lists are cut to [`crate::facet::MAX_LIST`] elements.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if a uid is not 1 to [`crate::facet::MAX_UID_BYTES`] bytes or there
    /// are more than [`MAX_APPEND`] records; [`StoreError::Full`]. Nothing was kept then.
    async fn append(&self, records: Vec<LogRecord>) -> Result<usize, StoreError>;

    /// A page of the records that match, as of one moment.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if the cursor belongs to another order or a list or string of the
    /// query is unreasonably long; [`StoreError::Unavailable`] if it took over 30 s.
    async fn query(&self, query: &LogQuery) -> Result<LogPage, StoreError>;

    /// The record with this uid.
    async fn get(&self, uid: &str) -> Result<Option<LogRecord>, StoreError>;

    /// How many records match, by start of the bucket (a multiple of `bucket_ms`), kind and level,
    /// in that order; none where there are none. Order and paging of the query are ignored.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if `bucket_ms` is not positive or there would be more than
    /// [`MAX_HISTOGRAM`] rows.
    async fn histogram(
        &self,
        query: &LogQuery,
        bucket_ms: i64,
    ) -> Result<Vec<(Timestamp, LogKind, LogLevel, u64)>, StoreError>;

    /// Deletes what need not be kept, in bounded steps between which others are served, and
    /// returns how many records went.
    async fn retain(&self, keep: &Retention) -> Result<u64, StoreError>;
}
