//! Reading events: pages, counts, histograms.

use super::{fault::Faults, plan::Plan};
use crate::{
    LogPage, LogQuery, StoreError, facet,
    filter::{self, Matcher, PageBuilder, Sorter, Walk},
    histogram::Histogram,
    json::Node,
    log::SORT_WINDOW,
};
use rampart_model::{LogKind, LogLevel, LogRecord, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use std::ops::ControlFlow::{self, Break, Continue};

/// A snapshot and a query on it.
struct Search<'a> {
    db: &'a Connection,
    faults: &'a Faults,
    matcher: &'a Matcher<'a>,
}

/// A record that matches.
struct Match {
    id: i64,
    json: String,
}

/// A page of matches.
pub(crate) fn page(
    db: &Connection,
    faults: &Faults,
    query: &LogQuery,
) -> Result<LogPage, StoreError> {
    let matcher = Matcher::new(query)?;
    let walk = Walk::of(query)?;
    let search = Search {
        db,
        faults,
        matcher: &matcher,
    };
    let explain = |e| faults.explain("plan a query", e);
    let mut plan = Plan::new(db, query, &matcher).map_err(explain)?;
    let total = if query.with_total {
        Some(search.total(&plan)?)
    } else {
        None
    };
    let page = match walk {
        Walk::Time {
            ascending,
            after,
            skip,
        } => {
            if let Some(id) = after {
                plan.beyond(id, ascending);
            }
            search.by_time(&plan, query, ascending, skip)?
        }
        Walk::Sorted { skip } => search.sorted(&plan, query, skip)?,
    };
    Ok(LogPage { total, ..page })
}

/// The record of a uid.
pub(crate) fn get(
    db: &Connection,
    faults: &Faults,
    uid: &str,
) -> Result<Option<LogRecord>, StoreError> {
    let json: Option<String> = db
        .prepare_cached("SELECT json FROM record WHERE uid = ?")
        .and_then(|mut statement| statement.query_row([uid], |row| row.get(0)).optional())
        .map_err(|e| faults.explain("read a record", e))?;
    json.map(|json| serde_json::from_str(&json).map_err(|e| unreadable(faults, &e)))
        .transpose()
}

/// Counts of matches by bucket, kind and level.
pub(crate) fn histogram(
    db: &Connection,
    faults: &Faults,
    query: &LogQuery,
    bucket_ms: i64,
) -> Result<Vec<(Timestamp, LogKind, LogLevel, u64)>, StoreError> {
    let mut counts = Histogram::new(bucket_ms)?;
    let matcher = Matcher::new(query)?;
    let explain = |e| faults.explain("count events", e);
    let plan = Plan::new(db, query, &matcher).map_err(explain)?;
    let search = Search {
        db,
        faults,
        matcher: &matcher,
    };
    if !matcher.reads_body() {
        plan.facets(db, faults, |id, kind, level| {
            let (kind, level) = search.facets(kind, level)?;
            counts.add(facet::ms_of(id), kind, level)
        })?;
        return Ok(counts.rows());
    }
    search.each(&plan, true, |found| {
        let record = search.record(&found)?;
        counts.add(facet::ms_of(found.id), record.body.kind(), record.level)?;
        Ok(Continue(()))
    })?;
    Ok(counts.rows())
}

fn unreadable(faults: &Faults, error: &serde_json::Error) -> StoreError {
    faults.corrupt(format!("a record cannot be read: {error}"))
}

impl Search<'_> {
    fn by_time(
        &self,
        plan: &Plan,
        query: &LogQuery,
        ascending: bool,
        mut skip: u64,
    ) -> Result<LogPage, StoreError> {
        let mut page = PageBuilder::new(query.limit);
        // Without a look at the record, what is skipped need not be read.
        let skip_unread = !self.matcher.reads_body();
        self.walk(plan, ascending, |id| {
            if skip_unread && skip > 0 {
                skip -= 1;
                return Ok(Continue(()));
            }
            let Some(found) = self.look(plan, id)? else {
                return Ok(Continue(()));
            };
            if skip > 0 {
                skip -= 1;
                return Ok(Continue(()));
            }
            if !page.fits(found.json.len()) {
                return Ok(Break(()));
            }
            page.push(id, found.json.len(), self.record(&found)?);
            Ok(Continue(()))
        })?;
        Ok(page.time_page())
    }

    fn sorted(&self, plan: &Plan, query: &LogQuery, skip: u64) -> Result<LogPage, StoreError> {
        let sorter = Sorter::new(&query.sort);
        let mut window = Vec::new();
        self.each(plan, false, |found| {
            let row = sorter.row(&self.node(&found.json)?);
            window.push((row, found));
            Ok(if window.len() >= SORT_WINDOW {
                Break(())
            } else {
                Continue(())
            })
        })?;
        filter::sort(&mut window);
        let mut page = PageBuilder::new(query.limit);
        for (_, found) in window
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
        {
            if !page.fits(found.json.len()) {
                break;
            }
            page.push(found.id, found.json.len(), self.record(found)?);
        }
        Ok(page.sorted_page(skip))
    }

    fn total(&self, plan: &Plan) -> Result<u64, StoreError> {
        let cap = self.matcher.total_cap();
        if !self.matcher.reads_body() {
            return plan
                .count(self.db, cap)
                .map_err(|e| self.faults.explain("count events", e));
        }
        let mut count = 0;
        self.each(plan, false, |_| {
            count += 1;
            Ok(if count >= cap {
                Break(())
            } else {
                Continue(())
            })
        })?;
        Ok(count)
    }

    /// Visits the matches.
    fn each(
        &self,
        plan: &Plan,
        ascending: bool,
        mut visit: impl FnMut(Match) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        self.walk(plan, ascending, |id| match self.look(plan, id)? {
            Some(found) => visit(found),
            None => Ok(Continue(())),
        })
    }

    fn walk(
        &self,
        plan: &Plan,
        ascending: bool,
        visit: impl FnMut(i64) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        plan.walk(self.db, self.faults, ascending, visit)
    }

    /// Reads a candidate; `None` if it does not match.
    fn look(&self, plan: &Plan, id: i64) -> Result<Option<Match>, StoreError> {
        let json: Option<String> = self
            .db
            .prepare_cached("SELECT json FROM record WHERE id = ?")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
            .map_err(|e| self.faults.explain("read a record", e))?;
        let Some(json) = json else {
            return Err(self.faults.corrupt(format!("the record {id} is missing")));
        };
        if self.matcher.reads_body() {
            let node = self.node(&json)?;
            let contains = |needle: &str| facet::text_contains(&node, json.len(), needle);
            if !self.matcher.body(&node, contains) {
                return Ok(None);
            }
        }
        let found = Match { id, json };
        let facets_match =
            plan.facets_hold() || self.matcher.facets(&facet::facets(&self.record(&found)?));
        Ok(facets_match.then_some(found))
    }

    fn node<'json>(&self, json: &'json str) -> Result<Node<'json>, StoreError> {
        Node::parse(json).map_err(|e| unreadable(self.faults, &e))
    }

    fn record(&self, found: &Match) -> Result<LogRecord, StoreError> {
        serde_json::from_str(&found.json).map_err(|e| unreadable(self.faults, &e))
    }

    fn facets(&self, kind: i64, level: i64) -> Result<(LogKind, LogLevel), StoreError> {
        let kind = LogKind::ALL.iter().find(|k| **k as i64 == kind);
        let level = LogLevel::ALL.iter().find(|l| **l as i64 == level);
        match (kind, level) {
            (Some(kind), Some(level)) => Ok((*kind, *level)),
            _ => Err(self.faults.corrupt("an event has an unknown kind or level")),
        }
    }
}
