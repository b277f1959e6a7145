//! What a record is found by, derived from it in one place for every implementation: its id in
//! time order, its facets (kind, level, name, workloads, groups, domains) and its text.
//!
//! Input is hostile: strings, lists and the text are bounded by the constants below, and anything
//! cut says so.

use crate::{StoreError, json::Node};
use rampart_model::{LogBody, LogKind, LogLevel, LogRecord, Timestamp, event::End};
use serde_json::Value;

/// Longest string kept in a record; see [`CUT`].
pub const MAX_STRING_BYTES: usize = 16 << 10;
/// What a string that was cut ends in.
pub const CUT: &str = "…[cut]";
/// Most elements kept of a list in a record.
pub const MAX_LIST: usize = 1024;
/// Longest uid.
pub const MAX_UID_BYTES: usize = 256;
/// Longest JSON form of a record; one that is longer after cutting is refused.
pub const MAX_RECORD_BYTES: usize = 4 << 20;
/// How much of a record's text can be searched.
pub const MAX_TEXT_BYTES: usize = 32 << 10;

/// Body fields whose numbers people search for as text.
pub(crate) const TEXT_NUMBERS: &[&str] = &[
    "server_port",
    "client_port",
    "port",
    "local_port",
    "threat_id",
    "rule",
];
/// Fields nobody searches as text.
pub(crate) const NOT_TEXT: &[&str] = &["uid", "kind", "packet", "at", "level"];
/// Stands between the strings of a text; [`fold`] never leaves it inside one.
const SEPARATOR: char = '\u{1f}';

/// Records of one millisecond are told apart by this many low bits of the id.
const SEQUENCE_BITS: u32 = 14;
/// Latest time kept (year 10888), with room after it for the ids of a crowded millisecond.
const MAX_MS: i64 = (1 << 48) - (1 << 24);

/// First id of a time. Ids order records by time, then arrival, and are the primary key.
pub(crate) fn first_id(at: Timestamp) -> i64 {
    at.ms().clamp(0, MAX_MS) << SEQUENCE_BITS
}

/// The id of the next record at `at`, given a function that finds the largest id taken in a
/// range (end excluded). More than 16,384 records of one millisecond spill into the following
/// ones: they are kept, and found up to that much later than their time.
pub(crate) fn next_id<E>(
    at: Timestamp,
    mut last_in: impl FnMut(i64, i64) -> Result<Option<i64>, E>,
) -> Result<i64, E> {
    let low = first_id(at);
    let mut width = 1 << SEQUENCE_BITS;
    loop {
        match last_in(low, low + width)? {
            None => return Ok(low),
            Some(last) if last + 1 < low + width => return Ok(last + 1),
            Some(_) => width *= 2,
        }
    }
}

/// Ids of the query's time range, both ends included; empty if the first is larger.
pub(crate) fn id_range(from: Option<Timestamp>, to: Option<Timestamp>) -> (i64, i64) {
    let low = from.map_or(0, first_id);
    let high = to.map_or(i64::MAX, |t| {
        if t.ms() >= MAX_MS {
            i64::MAX
        } else {
            first_id(t) + (1 << SEQUENCE_BITS) - 1
        }
    });
    (low, high)
}

/// Milliseconds of an id.
pub(crate) fn ms_of(id: i64) -> i64 {
    id >> SEQUENCE_BITS
}

/// One or two values of a facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Always there, possibly `""`.
    pub first: String,
    /// Only if it differs.
    pub second: Option<String>,
}

impl Pair {
    fn new(first: &str, second: &str) -> Self {
        let second = (first != second).then(|| second.to_owned());
        Self {
            first: first.to_owned(),
            second,
        }
    }

    fn one(value: &str) -> Self {
        Self {
            first: value.to_owned(),
            second: None,
        }
    }

    /// Whether one of the values is `value`.
    pub fn has(&self, value: &str) -> bool {
        self.first == value || self.second.as_deref() == Some(value)
    }
}

/// What a record is indexed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facets {
    /// Its kind.
    pub kind: LogKind,
    /// Its level.
    pub level: LogLevel,
    /// Event name.
    pub name: String,
    /// Ids of the ends of a violation or threat, else of the workload.
    pub workloads: Pair,
    /// Groups of the ends, or of the incident and the workload.
    pub groups: Pair,
    /// Domains of the ends, else of the workload; `""` if there is none.
    pub domains: Pair,
}

/// The facets of a record.
pub fn facets(record: &LogRecord) -> Facets {
    let workload = record.workload.as_ref();
    let own_group = workload.map_or("", |w| w.group.as_str());
    let (workloads, groups, domains) = match &record.body {
        LogBody::Violation(v) => ends(&v.client, &v.server),
        LogBody::Threat(t) => ends(&t.client, &t.server),
        body => {
            let groups = match body {
                LogBody::Incident(i) if own_group.is_empty() => Pair::one(i.group.as_str()),
                LogBody::Incident(i) if !i.group.is_empty() => {
                    Pair::new(own_group, i.group.as_str())
                }
                _ => Pair::one(own_group),
            };
            let id = workload.map_or("", |w| w.id.as_str());
            (
                Pair::one(id),
                groups,
                Pair::one(workload.map_or("", |w| &w.domain)),
            )
        }
    };
    let (kind, level) = (record.body.kind(), record.level);
    Facets {
        kind,
        level,
        name: record.name.clone(),
        workloads,
        groups,
        domains,
    }
}

fn ends(client: &End, server: &End) -> (Pair, Pair, Pair) {
    (
        Pair::new(&client.id, &server.id),
        Pair::new(client.group.as_str(), server.group.as_str()),
        Pair::new(&client.domain, &server.domain),
    )
}

/// The form in which text is compared: lower case, character by character, control characters
/// NUL and unit separator as spaces.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

fn fold_into(text: &str, folded: &mut String) {
    let plain = |c: char| if c == '\0' || c == SEPARATOR { ' ' } else { c };
    if text.is_ascii() {
        folded.extend(text.chars().map(|c| plain(c.to_ascii_lowercase())));
    } else {
        folded.extend(text.chars().flat_map(char::to_lowercase).map(plain));
    }
}

/// What [`crate::LogQuery::text`] is searched in: the folded event name, message, node name,
/// workload and every string of the body (and its ports and rule numbers), except uid and packet
/// bytes; the first [`MAX_TEXT_BYTES`] of it.
pub fn search_text(record: &LogRecord) -> String {
    let json = serde_json::to_string(record).unwrap_or_default();
    Node::parse(&json)
        .map(|node| text_of(&node))
        .unwrap_or_default()
}

/// [`search_text`] of a record's JSON form.
pub(crate) fn text_of(record: &Node<'_>) -> String {
    let mut text = String::new();
    any_text(record, "", &mut |s| {
        push_text(s, &mut text);
        false
    });
    text
}

/// Whether [`text_of`] a record whose JSON form has `bytes` contains a folded text.
pub(crate) fn text_contains(record: &Node<'_>, bytes: usize, needle: &str) -> bool {
    // Folding lengthens a character by half at most, so nothing of such a text is cut and its
    // strings can be looked at one by one.
    if bytes < MAX_TEXT_BYTES / 2 {
        let mut folded = String::new();
        return any_text(record, "", &mut |s| {
            folded.clear();
            fold_into(s, &mut folded);
            folded.contains(needle)
        });
    }
    text_of(record).contains(needle)
}

fn any_text(value: &Node<'_>, name: &str, test: &mut impl FnMut(&str) -> bool) -> bool {
    match value {
        Node::Text(s) => test(s),
        Node::Integer(n) => TEXT_NUMBERS.contains(&name) && test(&n.to_string()),
        Node::List(items) => items.iter().any(|item| any_text(item, name, test)),
        Node::Object(fields) => fields.iter().any(|(field, value)| {
            !NOT_TEXT.contains(&field.as_ref()) && any_text(value, field, test)
        }),
        _ => false,
    }
}

/// Adds a string unless it is found already, so that repetition costs no index space.
fn push_text(s: &str, text: &mut String) {
    if s.is_empty() || text.len() >= MAX_TEXT_BYTES {
        return;
    }
    let folded = fold(s);
    if text.contains(&folded) {
        return;
    }
    if !text.is_empty() {
        text.push(SEPARATOR);
    }
    text.push_str(head(&folded, MAX_TEXT_BYTES.saturating_sub(text.len())));
}

/// The longest start of `s` of at most `bytes` bytes.
fn head(s: &str, bytes: usize) -> &str {
    s.get(..s.floor_char_boundary(bytes)).unwrap_or_default()
}

/// A record ready to be kept, with what it is found by.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) record: LogRecord,
    pub(crate) facets: Facets,
    pub(crate) text: String,
    pub(crate) json: String,
}

/// Bounds a record and derives what it is found by.
pub(crate) fn prepare(mut record: LogRecord) -> Result<Prepared, StoreError> {
    if record.uid.is_empty() || record.uid.len() > MAX_UID_BYTES {
        let length = record.uid.len();
        let what = format!("a record's uid has 1 to {MAX_UID_BYTES} bytes, not {length}");
        return Err(StoreError::invalid(what));
    }
    record.at = Timestamp(record.at.ms().clamp(0, MAX_MS));
    let encode = |e| StoreError::io("encode a record", e);
    let mut json = serde_json::to_string(&record).map_err(encode)?;
    let text = match Node::parse(&json) {
        Ok(node) if !is_long(&node) => text_of(&node),
        _ => {
            let mut value = serde_json::to_value(&record).map_err(encode)?;
            cut(&mut value);
            json = value.to_string();
            record = serde_json::from_value(value).map_err(encode)?;
            search_text(&record)
        }
    };
    if json.len() > MAX_RECORD_BYTES {
        return Err(StoreError::invalid(format!(
            "a record is over {MAX_RECORD_BYTES} bytes"
        )));
    }
    Ok(Prepared {
        facets: facets(&record),
        text,
        record,
        json,
    })
}

/// Whether anything in it must be cut.
fn is_long(value: &Node<'_>) -> bool {
    match value {
        Node::Text(s) => s.len() > MAX_STRING_BYTES,
        Node::List(items) => items.len() > MAX_LIST || items.iter().any(is_long),
        Node::Object(fields) => fields.iter().any(|(_, field)| is_long(field)),
        _ => false,
    }
}

/// Cuts what is too long.
fn cut(value: &mut Value) {
    match value {
        Value::String(s) if s.len() > MAX_STRING_BYTES => {
            s.truncate(s.floor_char_boundary(MAX_STRING_BYTES - CUT.len()));
            s.push_str(CUT);
        }
        Value::Array(items) => {
            items.truncate(MAX_LIST);
            items.iter_mut().for_each(cut);
        }
        Value::Object(fields) => fields.values_mut().for_each(cut),
        _ => {}
    }
}
