//! Configuration in SQL.

use super::{fault::Faults, pool::Pool};
use crate::{
    Change, Condition, Entry, Listing, Revision, StoreError, Txn,
    watch::{BATCH, Batch, History},
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A batch of changes ends at the first whole revision after this many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// A number from `meta`.
pub(crate) fn number(db: &Connection, name: &str) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT value FROM meta WHERE name = ?")?
        .query_row([name], |row| row.get(0))
}

pub(crate) fn set_revision(db: &Connection, revision: Revision) -> rusqlite::Result<()> {
    let sql = "UPDATE meta SET value = ? WHERE name = 'revision'";
    db.prepare_cached(sql)?.execute([revision]).map(|_| ())
}

/// Makes a checked transaction on top of revision `current`; the inner error is its conflict,
/// with nothing written.
pub(crate) fn commit(
    db: &Connection,
    txn: &Txn,
    current: Revision,
) -> rusqlite::Result<Result<Revision, StoreError>> {
    for condition in &txn.conditions {
        let found = revision_of(db, condition.key())?;
        let held = match condition {
            Condition::Absent(_) => found.is_none(),
            Condition::Unchanged { revision, .. } => found == Some(*revision),
        };
        if !held {
            return Ok(Err(StoreError::Conflict {
                key: condition.key().to_owned(),
            }));
        }
    }
    let next = current + 1;
    let mut changed = false;
    let mut put = db.prepare_cached(
        "INSERT INTO kv (key, value, revision) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3",
    )?;
    let mut log =
        db.prepare_cached("INSERT INTO change (revision, key, value) VALUES (?, ?, ?)")?;
    for (key, value) in &txn.puts {
        put.execute(params![key.as_bytes(), value, next])?;
        log.execute(params![next, key.as_bytes(), value])?;
        changed = true;
    }
    let mut delete = db.prepare_cached("DELETE FROM kv WHERE key = ?")?;
    for key in &txn.deletes {
        if delete.execute([key.as_bytes()])? > 0 {
            log.execute(params![next, key.as_bytes(), None::<Vec<u8>>])?;
            changed = true;
        }
    }
    Ok(Ok(if changed { next } else { current }))
}

fn revision_of(db: &Connection, key: &str) -> rusqlite::Result<Option<Revision>> {
    db.prepare_cached("SELECT revision FROM kv WHERE key = ?")?
        .query_row([key.as_bytes()], |row| row.get(0))
        .optional()
}

pub(crate) fn get(db: &Connection, key: &str) -> rusqlite::Result<Option<Entry>> {
    db.prepare_cached("SELECT key, value, revision FROM kv WHERE key = ?")?
        .query_row([key.as_bytes()], entry)
        .optional()
}

pub(crate) fn list(db: &Connection, prefix: &str) -> rusqlite::Result<Listing> {
    let sql = "SELECT key, value, revision FROM kv
               WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) ORDER BY key";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![prefix.as_bytes(), after_prefix(prefix)], entry)?;
    let entries = rows.collect::<Result<_, _>>()?;
    Ok(Listing {
        entries,
        revision: number(db, "revision")?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        key: key(row, 0)?,
        value: row.get(1)?,
        revision: row.get(2)?,
    })
}

fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    String::from_utf8(row.get(column)?).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Blob, e.into())
    })
}

/// The first key, by bytes, after all that start with `prefix`; `None` if there is none.
fn after_prefix(prefix: &str) -> Option<Vec<u8>> {
    // UTF-8 has no byte 0xff, so the last one can always be raised.
    let mut bytes = prefix.as_bytes().to_vec();
    *bytes.last_mut()? += 1;
    Some(bytes)
}

/// Reads history for watchers.
pub(crate) struct Changes {
    pub(crate) pool: Pool,
}

#[async_trait]
impl History for Changes {
    async fn changes(&self, prefix: &str, after: Revision) -> Result<Batch, StoreError> {
        let prefix = prefix.to_owned();
        self.pool
            .run(move |db, faults| changes(db, faults, &prefix, after))
            .await
    }
}

fn changes(
    db: &Connection,
    faults: &Faults,
    prefix: &str,
    after: Revision,
) -> Result<Batch, StoreError> {
    let explain = |e| faults.explain("read its history", e);
    let oldest = number(db, "compacted").map_err(explain)?;
    let current = number(db, "revision").map_err(explain)?;
    if after < oldest || after > current {
        return Err(StoreError::Compacted { after, oldest });
    }
    read_changes(db, prefix, after, current).map_err(explain)
}

fn read_changes(
    db: &Connection,
    prefix: &str,
    after: Revision,
    current: Revision,
) -> rusqlite::Result<Batch> {
    let mut statement = db.prepare_cached(
        "SELECT revision, key, value FROM change INDEXED BY change_revision
         WHERE revision > ?1 ORDER BY revision, seq",
    )?;
    let mut rows = statement.query([after])?;
    let mut batch = Batch {
        changes: Vec::new(),
        upto: after,
    };
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let revision = row.get(0)?;
        if revision != batch.upto {
            if batch.changes.len() >= BATCH || bytes >= BATCH_BYTES {
                return Ok(batch);
            }
            batch.upto = revision;
        }
        if !row.get_ref(1)?.as_blob()?.starts_with(prefix.as_bytes()) {
            continue;
        }
        let key = key(row, 1)?;
        let change = match row.get::<_, Option<Vec<u8>>>(2)? {
            Some(value) => {
                bytes += value.len();
                Change::Put(Entry {
                    key,
                    value,
                    revision,
                })
            }
            None => Change::Delete { key, revision },
        };
        batch.changes.push(change);
    }
    batch.upto = current;
    Ok(batch)
}
