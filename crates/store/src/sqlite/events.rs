//! Writing events in SQL: append, delete, and the texts they share.

use super::trigram;
use crate::facet::{self, Facets, Pair, Prepared};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// A document for the text index.
pub(crate) struct Text {
    id: i64,
    body: String,
    tags: String,
}

/// The numbers a record's facets are kept as.
struct Header {
    kind: i64,
    level: i64,
    name: i64,
    workload: (i64, Option<i64>),
    group: (i64, Option<i64>),
    domain: (i64, Option<i64>),
}

/// Keeps the records whose uid is new and returns how many. Their texts are collected, to be
/// indexed by [`index_texts`] before the transaction ends.
pub(crate) fn append(
    db: &Connection,
    records: &[Prepared],
    terms: &mut HashMap<String, i64>,
    texts: &mut Vec<Text>,
) -> rusqlite::Result<usize> {
    let mut known = db.prepare_cached("SELECT 1 FROM record WHERE uid = ?")?;
    let mut last = db.prepare_cached("SELECT max(id) FROM record WHERE id >= ? AND id < ?")?;
    let mut insert = db.prepare_cached("INSERT INTO record (id, uid, json) VALUES (?, ?, ?)")?;
    let mut kept = 0;
    for prepared in records {
        if known.exists([&prepared.record.uid])? {
            continue;
        }
        let id = facet::next_id(prepared.record.at, |low, end| {
            last.query_row([low, end], |row| row.get::<_, Option<i64>>(0))
        })?;
        insert.execute(params![id, prepared.record.uid, prepared.json])?;
        let header = Header::of(db, &prepared.facets, terms)?;
        header.insert(db, id)?;
        let mut tags = header.tags();
        if trigram::overflows(&prepared.text) {
            tags.push_str(&trigram::overflow_tag());
        }
        texts.push(Text {
            id,
            body: prepared.text.clone(),
            tags,
        });
        kept += 1;
    }
    Ok(kept)
}

impl Header {
    fn of(
        db: &Connection,
        facets: &Facets,
        terms: &mut HashMap<String, i64>,
    ) -> rusqlite::Result<Self> {
        let mut pair = |pair: &Pair| -> rusqlite::Result<(i64, Option<i64>)> {
            let second = pair
                .second
                .as_deref()
                .map(|text| intern(db, text, terms))
                .transpose()?;
            Ok((intern(db, &pair.first, terms)?, second))
        };
        let (workload, group) = (pair(&facets.workloads)?, pair(&facets.groups)?);
        let domain = pair(&facets.domains)?;
        let name = intern(db, &facets.name, terms)?;
        let (kind, level) = (facets.kind as i64, facets.level as i64);
        Ok(Self {
            kind,
            level,
            name,
            workload,
            group,
            domain,
        })
    }

    fn insert(&self, db: &Connection, id: i64) -> rusqlite::Result<()> {
        let sql = "INSERT INTO header (id, kind, level, name, workload, grp, domain,
                   workload2, grp2, domain2) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let row = params![
            id,
            self.kind,
            self.level,
            self.name,
            self.workload.0,
            self.group.0,
            self.domain.0,
            self.workload.1,
            self.group.1,
            self.domain.1
        ];
        db.prepare_cached(sql)?.execute(row).map(|_| ())
    }

    fn tags(&self) -> String {
        use trigram::Facet::{Domain, Group, Kind, Level, Name, Workload};
        let firsts = [
            (Kind, self.kind),
            (Level, self.level),
            (Name, self.name),
            (Workload, self.workload.0),
            (Group, self.group.0),
            (Domain, self.domain.0),
        ];
        let seconds = [
            (Workload, self.workload.1),
            (Group, self.group.1),
            (Domain, self.domain.1),
        ];
        let seconds = seconds
            .into_iter()
            .filter_map(|(facet, id)| Some((facet, id?)));
        firsts
            .into_iter()
            .chain(seconds)
            .map(|(facet, id)| trigram::tag(facet, id))
            .collect()
    }
}

/// Adds to the text index, in id order because it is built fastest so.
pub(crate) fn index_texts(db: &Connection, mut texts: Vec<Text>) -> rusqlite::Result<()> {
    texts.sort_by_key(|text| text.id);
    let mut insert = db.prepare_cached("INSERT INTO text (rowid, body, tags) VALUES (?, ?, ?)")?;
    for text in texts {
        insert.execute(params![text.id, text.body, text.tags])?;
    }
    Ok(())
}

/// The number of a text, given one if it has none.
fn intern(db: &Connection, text: &str, terms: &mut HashMap<String, i64>) -> rusqlite::Result<i64> {
    if let Some(id) = terms.get(text) {
        return Ok(*id);
    }
    let id = match term(db, text)? {
        Some(id) => id,
        None => {
            db.prepare_cached("INSERT INTO term (text) VALUES (?)")?
                .execute([text.as_bytes()])?;
            db.last_insert_rowid()
        }
    };
    terms.insert(text.to_owned(), id);
    Ok(id)
}

/// The number of a text, if it has one.
pub(crate) fn term(db: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM term WHERE text = ?")?
        .query_row([text.as_bytes()], |row| row.get(0))
        .optional()
}

/// Deletes up to `limit` of the oldest records with ids below `below`; returns how many.
pub(crate) fn delete(db: &Connection, below: i64, limit: u32) -> rusqlite::Result<usize> {
    let sql = "SELECT id FROM header WHERE id < ? ORDER BY id LIMIT ?";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![below, limit], |row| row.get::<_, i64>(0))?;
    let ids = rows.collect::<Result<Vec<_>, _>>()?;
    for id in &ids {
        db.prepare_cached("DELETE FROM text WHERE rowid = ?")?
            .execute([id])?;
        db.prepare_cached("DELETE FROM header WHERE id = ?")?
            .execute([id])?;
        db.prepare_cached("DELETE FROM record WHERE id = ?")?
            .execute([id])?;
    }
    Ok(ids.len())
}

/// Deletes unused texts among the `limit` with ids above `after`; returns where to go on.
pub(crate) fn sweep_terms(
    db: &Connection,
    after: i64,
    limit: u32,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT max(id) FROM (SELECT id FROM term WHERE id > ? ORDER BY id LIMIT ?)";
    let last: Option<i64> = db
        .prepare_cached(sql)?
        .query_row(params![after, limit], |row| row.get(0))?;
    if let Some(last) = last {
        let sql = "DELETE FROM term WHERE id > ? AND id <= ?
             AND NOT EXISTS (SELECT 1 FROM header WHERE name = term.id)
             AND NOT EXISTS (SELECT 1 FROM header WHERE workload = term.id)
             AND NOT EXISTS (SELECT 1 FROM header WHERE grp = term.id)
             AND NOT EXISTS (SELECT 1 FROM header WHERE domain = term.id)
             AND NOT EXISTS (SELECT 1 FROM header WHERE workload2 = term.id)
             AND NOT EXISTS (SELECT 1 FROM header WHERE grp2 = term.id)
             AND NOT EXISTS (SELECT 1 FROM header WHERE domain2 = term.id)";
        db.prepare_cached(sql)?.execute([after, last])?;
    }
    Ok(last)
}
