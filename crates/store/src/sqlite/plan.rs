//! Which index a query walks through.
//!
//! Facets are looked up as numbers; the one with the fewest records leads, and the others are
//! checked in its covering index, so the worst case is one walk over a narrow index. With text,
//! the text index leads, unless some facet is rare.

use super::{
    events,
    fault::Faults,
    trigram::{self, Clause, Facet},
};
use crate::{LogQuery, StoreError, facet, filter::Matcher};
use rusqlite::{Connection, Rows, Statement};
use std::ops::ControlFlow;

/// A facet value with fewer records than this is rare: its records are simply looked at.
const RARE: usize = 2_000;
/// How far the records of a facet are counted to find the fewest.
const PROBE: usize = 20_000;
/// Values of one facet that are walked side by side; with more, everything is walked instead.
const MAX_STREAMS: usize = 16;

/// One facet's condition: any of these values.
struct Condition {
    facet: Facet,
    values: Vec<i64>,
}

/// A query made ready for one snapshot.
pub(crate) struct Plan {
    low: i64,
    high: i64,
    conditions: Vec<Condition>,
    clauses: Vec<Clause>,
    lead: Lead,
}

/// What is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    /// Nothing can match.
    Nothing,
    /// Every header in the time range.
    All,
    /// The condition of this index.
    Condition(usize),
    /// The text index.
    Text,
}

impl Condition {
    fn column(&self) -> &'static str {
        match self.facet {
            Facet::Kind | Facet::Overflow => "kind",
            Facet::Level => "level",
            Facet::Name => "name",
            Facet::Workload => "workload",
            Facet::Group => "grp",
            Facet::Domain => "domain",
        }
    }

    fn has_second(&self) -> bool {
        matches!(self.facet, Facet::Workload | Facet::Group | Facet::Domain)
    }

    /// Values as an SQL list; they are our own numbers.
    fn list(&self) -> String {
        self.values
            .iter()
            .map(i64::to_string)
            .collect::<Vec<_>>()
            .join(",")
    }

    fn sql(&self) -> String {
        let (column, list) = (self.column(), self.list());
        if self.has_second() {
            format!("({column} IN ({list}) OR {column}2 IN ({list}))")
        } else {
            format!("{column} IN ({list})")
        }
    }

    /// The index and condition of each set of rows walked when this leads; the sets are disjoint.
    fn parts(&self) -> Vec<(String, String)> {
        let (column, list) = (self.column(), self.list());
        let each: Vec<String> = if self.is_walkable() {
            self.values
                .iter()
                .map(|value| format!("= {value}"))
                .collect()
        } else {
            vec![format!("IN ({list})")]
        };
        let mut parts = Vec::new();
        for value in each {
            parts.push((format!("header_{column}"), format!("{column} {value}")));
            if self.has_second() {
                let second = format!("{column}2 {value} AND {column} NOT IN ({list})");
                parts.push((format!("header_{column}2"), second));
            }
        }
        parts
    }

    /// Whether its values are few enough to be walked side by side, each already in order.
    fn is_walkable(&self) -> bool {
        self.values.len() <= MAX_STREAMS
    }
}

impl Plan {
    pub(crate) fn new(
        db: &Connection,
        query: &LogQuery,
        matcher: &Matcher<'_>,
    ) -> rusqlite::Result<Self> {
        let (low, high) = facet::id_range(query.from, query.to);
        let conditions = conditions(db, query)?;
        let impossible = low > high || conditions.iter().any(|c| c.values.is_empty());
        let clauses = trigram::clauses(matcher);
        let mut plan = Self {
            low,
            high,
            conditions,
            clauses,
            lead: Lead::Nothing,
        };
        if !impossible {
            plan.lead = plan.choose(db)?;
        }
        Ok(plan)
    }

    /// Narrows the range to what is beyond a cursor.
    pub(crate) fn beyond(&mut self, id: i64, ascending: bool) {
        if ascending {
            self.low = self.low.max(id.saturating_add(1));
        } else {
            self.high = self.high.min(id.saturating_sub(1));
        }
    }

    fn choose(&self, db: &Connection) -> rusqlite::Result<Lead> {
        let text = !self.clauses.is_empty();
        let cap = if text { RARE } else { PROBE };
        let mut fewest = (cap, None);
        if self.conditions.len() > 1 || text || self.low > 0 || self.high < i64::MAX {
            for (index, condition) in self.conditions.iter().enumerate() {
                let count = self.probe(db, condition, fewest.0)?;
                if count < fewest.0 {
                    fewest = (count, Some(index));
                }
            }
        }
        Ok(match fewest.1 {
            Some(index) => Lead::Condition(index),
            None if text => Lead::Text,
            None => self.first_walkable(),
        })
    }

    /// All facets are frequent: the one that usually tells most leads, if it has few values.
    fn first_walkable(&self) -> Lead {
        let order = [
            Facet::Workload,
            Facet::Group,
            Facet::Name,
            Facet::Domain,
            Facet::Kind,
        ];
        let find = |facet| {
            self.conditions
                .iter()
                .position(|c| c.facet == facet && c.is_walkable())
        };
        let level = self.conditions.iter().position(Condition::is_walkable);
        order
            .into_iter()
            .find_map(find)
            .or(level)
            .map_or(Lead::All, Lead::Condition)
    }

    /// Records of a condition in the time range, counted up to `cap`.
    fn probe(&self, db: &Connection, condition: &Condition, cap: usize) -> rusqlite::Result<usize> {
        let mut count = 0;
        for (index, part) in condition.parts() {
            let left = cap - count;
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM header INDEXED BY {index}
                 WHERE {part} AND id BETWEEN ? AND ? LIMIT {left})"
            );
            count += db
                .prepare(&sql)?
                .query_row([self.low, self.high], |r| r.get::<_, usize>(0))?;
            if count >= cap {
                break;
            }
        }
        Ok(count)
    }

    /// What is walked, as `FROM` and `WHERE` of statements on headers: disjoint sets for which
    /// all facets hold. Not for the text index.
    fn sets(&self) -> Vec<(String, String)> {
        let others = |lead: Option<usize>| {
            let conditions = self.conditions.iter().enumerate();
            let others = conditions.filter(|(index, _)| Some(*index) != lead);
            let sql: String = others.map(|(_, c)| format!(" AND {}", c.sql())).collect();
            format!("id BETWEEN ?1 AND ?2{sql}")
        };
        match self.lead {
            Lead::Nothing | Lead::Text => Vec::new(),
            Lead::All => vec![("header NOT INDEXED".to_owned(), others(None))],
            Lead::Condition(lead) => {
                let parts = self
                    .conditions
                    .get(lead)
                    .map(Condition::parts)
                    .unwrap_or_default();
                let others = others(Some(lead));
                let set = |(index, part): (String, String)| {
                    (
                        format!("header INDEXED BY {index}"),
                        format!("{part} AND {others}"),
                    )
                };
                parts.into_iter().map(set).collect()
            }
        }
    }

    /// The full-text expression of everything that is known of the candidates.
    fn expression(&self) -> String {
        let facets = self
            .conditions
            .iter()
            .filter_map(|c| Clause::facet(c.facet, &c.values));
        let clauses: Vec<Clause> = self.clauses.iter().cloned().chain(facets).collect();
        trigram::expression(&clauses)
    }

    /// Whether the facets of candidates are sure.
    pub(crate) fn facets_hold(&self) -> bool {
        self.lead != Lead::Text || self.conditions.is_empty()
    }

    /// Visits the ids of candidates in order, until told to stop.
    pub(crate) fn walk(
        &self,
        db: &Connection,
        faults: &Faults,
        ascending: bool,
        mut visit: impl FnMut(i64) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let explain = |e| faults.explain("walk an index", e);
        let mut statements = self.statements(db, ascending).map_err(explain)?;
        let mut streams = Vec::new();
        for statement in &mut statements {
            streams.push(Stream::new(statement.raw_query()).map_err(explain)?);
        }
        loop {
            let heads = streams.iter_mut().filter(|stream| stream.head.is_some());
            let first = if ascending {
                heads.min_by_key(|stream| stream.head)
            } else {
                heads.max_by_key(|stream| stream.head)
            };
            let Some(stream) = first else { return Ok(()) };
            let Some(id) = stream.head else { return Ok(()) };
            stream.advance().map_err(explain)?;
            if visit(id)?.is_break() {
                return Ok(());
            }
        }
    }

    /// Statements whose rows are ids in order, with their parameters bound.
    fn statements<'db>(
        &self,
        db: &'db Connection,
        ascending: bool,
    ) -> rusqlite::Result<Vec<Statement<'db>>> {
        let order = if ascending { "ASC" } else { "DESC" };
        let mut all = Vec::new();
        if self.lead == Lead::Text {
            let sql = format!(
                "SELECT rowid FROM text WHERE rowid BETWEEN ?1 AND ?2 AND text MATCH ?3
                 ORDER BY rowid {order}"
            );
            let mut statement = db.prepare(&sql)?;
            statement.raw_bind_parameter(3, self.expression())?;
            all.push(statement);
        }
        for (from, condition) in self.sets() {
            let sql = format!("SELECT id FROM {from} WHERE {condition} ORDER BY id {order}");
            all.push(db.prepare(&sql)?);
        }
        for statement in &mut all {
            statement.raw_bind_parameter(1, self.low)?;
            statement.raw_bind_parameter(2, self.high)?;
        }
        Ok(all)
    }

    /// How many candidates there are, counted up to `cap`.
    pub(crate) fn count(&self, db: &Connection, cap: u64) -> rusqlite::Result<u64> {
        let mut count = 0;
        for (from, condition) in self.sets() {
            let left = cap - count;
            let sql = format!(
                "SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {condition} LIMIT {left})"
            );
            count += db.query_row(&sql, [self.low, self.high], |row| row.get::<_, u64>(0))?;
            if count >= cap {
                break;
            }
        }
        Ok(count)
    }

    /// Visits the candidates' ids, kinds and levels, set by set.
    pub(crate) fn facets(
        &self,
        db: &Connection,
        faults: &Faults,
        mut visit: impl FnMut(i64, i64, i64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let explain = |e| faults.explain("walk an index", e);
        for (from, condition) in self.sets() {
            let sql = format!("SELECT id, kind, level FROM {from} WHERE {condition}");
            let mut statement = db.prepare(&sql).map_err(explain)?;
            let mut rows = statement.query([self.low, self.high]).map_err(explain)?;
            while let Some(row) = rows.next().map_err(explain)? {
                let number = |column| row.get(column).map_err(explain);
                visit(number(0)?, number(1)?, number(2)?)?;
            }
        }
        Ok(())
    }
}

/// The rows of one statement, one ahead.
struct Stream<'stmt> {
    rows: Rows<'stmt>,
    head: Option<i64>,
}

impl<'stmt> Stream<'stmt> {
    fn new(rows: Rows<'stmt>) -> rusqlite::Result<Self> {
        let mut stream = Self { rows, head: None };
        stream.advance()?;
        Ok(stream)
    }

    fn advance(&mut self) -> rusqlite::Result<()> {
        self.head = self.rows.next()?.map(|row| row.get(0)).transpose()?;
        Ok(())
    }
}

/// The facets of a query, looked up. A condition without values cannot hold.
fn conditions(db: &Connection, query: &LogQuery) -> rusqlite::Result<Vec<Condition>> {
    let mut all = Vec::new();
    let mut numbers = |facet, values: Vec<i64>| {
        if !values.is_empty() {
            all.push(Condition {
                facet,
                values: unique(values),
            });
        }
    };
    numbers(
        Facet::Kind,
        query.kinds.iter().map(|kind| *kind as i64).collect(),
    );
    numbers(
        Facet::Level,
        query.levels.iter().map(|level| *level as i64).collect(),
    );
    let mut texts = |facet, texts: &mut dyn Iterator<Item = &str>| -> rusqlite::Result<()> {
        let mut values = Vec::new();
        for text in texts {
            values.extend(events::term(db, text)?);
        }
        all.push(Condition {
            facet,
            values: unique(values),
        });
        Ok(())
    };
    if !query.names.is_empty() {
        texts(Facet::Name, &mut query.names.iter().map(String::as_str))?;
    }
    if let Some(workload) = &query.workload {
        texts(Facet::Workload, &mut std::iter::once(workload.as_str()))?;
    }
    if let Some(group) = &query.group {
        texts(Facet::Group, &mut std::iter::once(group.as_str()))?;
    }
    if let Some(domains) = &query.domains {
        texts(Facet::Domain, &mut domains.iter().map(String::as_str))?;
    }
    Ok(all)
}

fn unique(mut values: Vec<i64>) -> Vec<i64> {
    values.sort_unstable();
    values.dedup();
    values
}
