//! How much history is kept for watchers.

use crate::Revision;
use rusqlite::Connection;

/// History beyond this many bytes is dropped even if its revisions would be kept.
const MAX_BYTES: i64 = 64 << 20;
/// After that, this much is left.
const LEFT_BYTES: i64 = 48 << 20;

/// Drops old history now and then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trim {
    /// Revisions kept.
    keep: Revision,
    /// Revisions between two looks.
    every: Revision,
    last: Revision,
}

impl Trim {
    pub(crate) fn new(keep: Revision) -> Self {
        Self {
            keep,
            every: (keep / 8).clamp(1, 256),
            last: 0,
        }
    }

    /// Called inside the transaction that made `revision`.
    pub(crate) fn apply(&mut self, db: &Connection, revision: Revision) -> rusqlite::Result<()> {
        if revision < self.last + self.every {
            return Ok(());
        }
        self.last = revision;
        let by_count = revision.saturating_sub(self.keep);
        let cut = by_count.max(over_bytes(db)?);
        let oldest: u64 = super::kv::number(db, "compacted")?;
        if cut > oldest {
            drop_through(db, cut)?;
        }
        Ok(())
    }
}

/// Drops the history up to a revision.
pub(crate) fn drop_through(db: &Connection, cut: Revision) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM change WHERE revision <= ?")?
        .execute([cut])?;
    db.prepare_cached("UPDATE meta SET value = ? WHERE name = 'compacted'")?
        .execute([cut])?;
    Ok(())
}

/// The revision up to which history must go for its size; 0 if it need not.
fn over_bytes(db: &Connection) -> rusqlite::Result<Revision> {
    let sql = "SELECT coalesce(sum(length(key) + coalesce(length(value), 0)), 0) FROM change";
    let mut left: i64 = db.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    if left <= MAX_BYTES {
        return Ok(0);
    }
    let sql = "SELECT revision, length(key) + coalesce(length(value), 0) FROM change ORDER BY seq";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut cut = 0;
    while left > LEFT_BYTES
        && let Some(row) = rows.next()?
    {
        cut = row.get(0)?;
        left -= row.get::<_, i64>(1)?;
    }
    Ok(cut)
}
