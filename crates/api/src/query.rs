//! The query language of list endpoints: `start`, `limit`, `brief`, `f_<field>=op,value`,
//! `s_<field>=asc|desc`, and what else NeuVector's clients send.
//!
//! Limits: [`MAX_QUERY_BYTES`] in all, [`MAX_CONDITIONS`] filters and sorts together. More is an
//! error, and so is a field the rows do not have or a value of the wrong type: a filter that is
//! dropped in silence would show rows that were asked not to be shown.

use serde_json::Value;
use std::{borrow::Cow, cmp::Ordering, collections::BTreeSet, ops::Range};

pub const MAX_QUERY_BYTES: usize = 8 * 1024;
pub const MAX_CONDITIONS: usize = 32;

#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    #[error("the query is longer than {MAX_QUERY_BYTES} bytes")]
    TooLong,
    #[error("more than {MAX_CONDITIONS} filters and sorts")]
    TooMany,
    #[error("`{0}` is not percent-encoded UTF-8")]
    Encoding(String),
    #[error("`{key}={value}`: expected {expected}")]
    Value {
        key: String,
        value: String,
        expected: &'static str,
    },
    #[error("no field `{field}` to filter or sort by; there are: {known}")]
    Field { field: String, known: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Eq,
    Neq,
    /// A substring, or one of several separated by `|`.
    In,
    NotIn,
    Gt,
    Gte,
    Lt,
    Lte,
    Prefix,
}

impl Op {
    const ALL: &[(&str, Self)] = &[
        ("eq", Self::Eq),
        ("neq", Self::Neq),
        ("in", Self::In),
        ("notin", Self::NotIn),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("prefix", Self::Prefix),
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub field: String,
    pub op: Op,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    pub field: String,
    pub ascending: bool,
}

/// A parsed query string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Rows to skip; a negative number counts from the end and pages backward.
    pub start: i64,
    /// 0 is all.
    pub limit: u64,
    pub brief: bool,
    pub verbose: bool,
    pub with_cap: bool,
    pub raw: bool,
    pub filters: Vec<Filter>,
    pub sorts: Vec<Sort>,
    /// What is left, such as `scope` and `view`.
    pub other: Vec<(String, String)>,
}

impl ListQuery {
    /// Parses what follows the `?`.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(QueryError::TooLong);
        }
        let mut query = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            query.pair(decode(key)?.into_owned(), decode(value)?.into_owned())?;
        }
        if query.filters.len() + query.sorts.len() + query.other.len() > MAX_CONDITIONS {
            return Err(QueryError::TooMany);
        }
        Ok(query)
    }

    fn pair(&mut self, key: String, value: String) -> Result<(), QueryError> {
        match key.as_str() {
            "start" => self.start = number(&key, &value)?,
            "limit" => self.limit = number(&key, &value)?,
            "brief" => self.brief = boolean(&key, &value)?,
            "verbose" => self.verbose = boolean(&key, &value)?,
            "with_cap" => self.with_cap = boolean(&key, &value)?,
            "raw" => self.raw = boolean(&key, &value)?,
            _ => match (key.strip_prefix("f_"), key.strip_prefix("s_")) {
                (Some(field), _) if !field.is_empty() => self.filters.push(filter(field, &value)),
                (_, Some(field)) if !field.is_empty() => {
                    self.sorts.push(Sort {
                        field: field.to_owned(),
                        ascending: ascending(&key, &value)?,
                    });
                }
                _ => self.other.push((key, value)),
            },
        }
        Ok(())
    }

    pub fn other(&self, key: &str) -> Option<&str> {
        self.other
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// Takes a filter out, for endpoints that answer it themselves.
    pub fn take_filter(&mut self, field: &str) -> Option<Filter> {
        let at = self
            .filters
            .iter()
            .position(|filter| filter.field == field)?;
        Some(self.filters.remove(at))
    }

    /// Whether rows must be looked at, and not only counted.
    pub fn reads_rows(&self) -> bool {
        !self.filters.is_empty() || !self.sorts.is_empty()
    }

    /// Places of the rows that pass, in order, of the page asked for. `known` are the rows'
    /// fields; a dot leads into an object (`labels.app`), and the fields of an object of the row
    /// may be named without it, as in NeuVector's nested v2 answers.
    pub fn select(
        &self,
        rows: &[Value],
        known: &BTreeSet<String>,
    ) -> Result<Vec<usize>, QueryError> {
        let filtered = self.filters.iter().map(|f| &f.field);
        for field in filtered.chain(self.sorts.iter().map(|s| &s.field)) {
            let head = field.split('.').next().unwrap_or_default();
            if !known.contains(head) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                return Err(QueryError::Field {
                    field: field.clone(),
                    known: known.join(", "),
                });
            }
        }
        let mut places = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            if self.passes(row)? {
                places.push(place);
            }
        }
        if !self.sorts.is_empty() {
            places.sort_by(|a, b| self.compare(&rows[*a], &rows[*b]));
        }
        Ok(places[self.page(places.len())].to_vec())
    }

    fn passes(&self, row: &Value) -> Result<bool, QueryError> {
        for filter in &self.filters {
            match field(row, &filter.field) {
                Some(value) if matches(value, filter)? => {}
                None if matches!(filter.op, Op::Neq | Op::NotIn) => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        self.sorts.iter().fold(Ordering::Equal, |order, sort| {
            order.then_with(|| {
                let order = compare(field(a, &sort.field), field(b, &sort.field));
                if sort.ascending {
                    order
                } else {
                    order.reverse()
                }
            })
        })
    }

    /// Which of `len` rows the page holds. `start=-1` ends the page at the last row, `-11` ten
    /// rows before it.
    pub fn page(&self, len: usize) -> Range<usize> {
        let limit = match usize::try_from(self.limit) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(limit) => limit,
        };
        let distance = usize::try_from(self.start.unsigned_abs()).unwrap_or(usize::MAX);
        if self.start < 0 {
            let end = len.saturating_sub(distance - 1);
            return end.saturating_sub(limit)..end;
        }
        let start = distance.min(len);
        start..start.saturating_add(limit).min(len)
    }
}

fn decode(text: &str) -> Result<Cow<'_, str>, QueryError> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let wrong = || QueryError::Encoding(text.chars().take(64).collect());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    rest.next()
                        .and_then(|d| char::from(d).to_digit(16))
                        .ok_or_else(wrong)
                };
                let value = digit()? * 16 + digit()?;
                u8::try_from(value).map_err(|_| wrong())?
            }
            other => other,
        });
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| wrong())
}

fn bad(key: &str, value: &str, expected: &'static str) -> QueryError {
    let value = value.chars().take(64).collect();
    QueryError::Value {
        key: key.to_owned(),
        value,
        expected,
    }
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, QueryError> {
    value.parse().map_err(|_| bad(key, value, "a whole number"))
}

/// What Go's `ParseBool` takes, since Python clients send `True` and shells `1`.
fn boolean(key: &str, value: &str) -> Result<bool, QueryError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Ok(true),
        "false" | "f" | "0" | "" => Ok(false),
        _ => Err(bad(key, value, "true or false")),
    }
}

fn ascending(key: &str, value: &str) -> Result<bool, QueryError> {
    match value {
        "asc" => Ok(true),
        "desc" => Ok(false),
        _ => Err(bad(key, value, "asc or desc")),
    }
}

fn filter(field: &str, value: &str) -> Filter {
    let split = value.split_once(',').and_then(|(op, rest)| {
        Op::ALL
            .iter()
            .find(|(name, _)| *name == op)
            .map(|(_, op)| (*op, rest))
    });
    let (op, value) = split.unwrap_or((Op::Eq, value));
    Filter {
        field: field.to_owned(),
        op,
        value: value.to_owned(),
    }
}

/// A field of a row: its own, one by dotted path, or one of an object in it.
fn field<'v>(row: &'v Value, name: &str) -> Option<&'v Value> {
    if let Some(value) = row.get(name) {
        return Some(value);
    }
    if let Some((head, rest)) = name.split_once('.') {
        return field(row, head).and_then(|value| value.get(rest).or_else(|| field(value, rest)));
    }
    row.as_object()?
        .values()
        .filter(|v| v.is_object())
        .find_map(|object| object.get(name))
}

fn matches(value: &Value, filter: &Filter) -> Result<bool, QueryError> {
    let wrong = |expected| bad(&format!("f_{}", filter.field), &filter.value, expected);
    match value {
        Value::Null => Ok(filter.op == Op::Neq),
        Value::String(text) => Ok(test_text(text, filter)),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let wanted = || filter.value.parse::<f64>().map_err(|_| wrong("a number"));
            match filter.op {
                Op::In | Op::NotIn => {
                    let any = filter
                        .value
                        .split('|')
                        .filter_map(|v| v.parse::<f64>().ok())
                        .any(|v| v == number);
                    Ok(any == (filter.op == Op::In))
                }
                Op::Prefix => Err(wrong("an operator that numbers know")),
                op => Ok(test_order(op, number.total_cmp(&wanted()?))),
            }
        }
        Value::Bool(flag) => {
            let wanted =
                boolean(&filter.field, &filter.value).map_err(|_| wrong("true or false"))?;
            match filter.op {
                Op::In | Op::NotIn | Op::Prefix => Err(wrong("an operator that booleans know")),
                op => Ok(test_order(op, flag.cmp(&wanted))),
            }
        }
        Value::Array(items) => {
            let negative = matches!(filter.op, Op::Neq | Op::NotIn);
            let mut results = items.iter().map(|item| matches(item, filter));
            if negative {
                results.try_fold(true, |all, one| Ok(all && one?))
            } else {
                results.try_fold(false, |any, one| Ok(any || one?))
            }
        }
        Value::Object(_) => Err(wrong("a field that is not an object")),
    }
}

fn test_text(text: &str, filter: &Filter) -> bool {
    let value = filter.value.as_str();
    match filter.op {
        Op::In => value.split('|').any(|part| text.contains(part)),
        Op::NotIn => !value.split('|').any(|part| text.contains(part)),
        Op::Prefix => text.starts_with(value),
        op => test_order(op, text.cmp(value)),
    }
}

fn test_order(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Neq => order.is_ne(),
        Op::Gt => order.is_gt(),
        Op::Gte => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Lte => order.is_le(),
        Op::In | Op::NotIn | Op::Prefix => false,
    }
}

/// Missing values come first.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(Value::Number(a)), Some(Value::Number(b))) => a
            .as_f64()
            .unwrap_or_default()
            .total_cmp(&b.as_f64().unwrap_or_default()),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (a, b) => a
            .is_some_and(|v| !v.is_null())
            .cmp(&b.is_some_and(|v| !v.is_null())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn rows() -> Vec<Value> {
        vec![
            json!({"name": "web", "n": 3, "on": true, "apps": ["HTTP", "nginx"], "labels": {"app": "w"}, "brief": {"domain": "shop"}}),
            json!({"name": "api", "n": 1, "on": false, "apps": ["HTTP"], "labels": {}, "brief": {"domain": "shop"}}),
            json!({"name": "db, main", "n": 2, "on": true, "apps": [], "labels": {}, "brief": {"domain": "data"}}),
        ]
    }

    fn known() -> BTreeSet<String> {
        ["name", "n", "on", "apps", "labels", "domain"]
            .map(str::to_owned)
            .into()
    }

    /// Names of the rows a query gives, joined by `;`, or its error.
    fn check(query: &str, expected: &str) {
        let rows = rows();
        let got = ListQuery::parse(query).and_then(|q| q.select(&rows, &known()));
        let got = got.map(|places| {
            let names: Vec<&str> = places
                .iter()
                .map(|i| rows[*i]["name"].as_str().unwrap())
                .collect();
            names.join(";")
        });
        assert_eq!(
            got.unwrap_or_else(|error| error.to_string()),
            expected,
            "{query}"
        );
    }

    #[test]
    fn filters_sorts_and_pages() {
        check("", "web;api;db, main");
        check("f_name=web", "web");
        check("f_name=eq,web", "web");
        check("f_name=neq,web", "api;db, main");
        check("f_name=in,we|ap", "web;api");
        check("f_name=notin,we|ap", "db, main");
        check("f_name=prefix,db", "db, main");
        check("f_name=db%2C+main", "db, main");
        check("f_n=gte,2", "web;db, main");
        check("f_n=in,1|3", "web;api");
        check("f_n=lt,2", "api");
        check("f_on=True", "web;db, main");
        check("f_apps=nginx", "web");
        check("f_apps=neq,nginx", "api;db, main");
        check("f_labels.app=w", "web");
        check("f_domain=data", "db, main");
        check("s_n=asc", "api;db, main;web");
        check("s_on=desc&s_n=asc", "db, main;web;api");
        check("start=1&limit=1", "api");
        check("start=9", "");
        check("limit=0", "web;api;db, main");
        check("start=-1&limit=2", "api;db, main");
        check("start=-2&limit=2", "web;api");
        check("start=-9&limit=2", "");
        check("start=-1", "web;api;db, main");
        check("brief=true&with_cap=False&scope=local", "web;api;db, main");
    }

    #[test]
    fn what_cannot_be_answered_is_said() {
        check("f_n=two", "`f_n=two`: expected a number");
        check("f_on=gt,maybe", "`f_on=maybe`: expected true or false");
        check("s_n=up", "`s_n=up`: expected asc or desc");
        check("start=x", "`start=x`: expected a whole number");
        check("limit=-1", "`limit=-1`: expected a whole number");
        check("brief=perhaps", "`brief=perhaps`: expected true or false");
        check(
            "f_nam=web",
            "no field `nam` to filter or sort by; there are: apps, domain, labels, n, name, on",
        );
        check("f_name=%ff", "`%ff` is not percent-encoded UTF-8");
        check("f_name=%zz", "`%zz` is not percent-encoded UTF-8");
        check(
            "f_labels=x",
            "`f_labels=x`: expected a field that is not an object",
        );
        check(&"f_name=a&".repeat(33), "more than 32 filters and sorts");
        check(
            &format!("f_name={}", "a".repeat(9000)),
            "the query is longer than 8192 bytes",
        );
    }

    proptest! {
        #[test]
        fn no_query_panics_and_pages_stay_inside(text in "[a-z_=&%,|0-9+.-]{0,200}", start in any::<i64>(), limit in any::<u64>(), len in 0usize..50) {
            if let Ok(query) = ListQuery::parse(&text) {
                let _ = query.select(&rows(), &known());
            }
            let page = ListQuery { start, limit, ..ListQuery::default() }.page(len);
            prop_assert!(page.start <= page.end && page.end <= len);
        }
    }
}
