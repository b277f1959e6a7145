//! The file: its tables, how it is upgraded, and how it is checked before it is used.
//!
//! Events are split so that each question touches few bytes. `header` has the facets as small
//! numbers (texts are interned in `term`) and one covering index a facet, so filters never read
//! bodies. A record's id is its time and arrival, so every index is in time order. `text` is a
//! trigram index of the searchable text, with the facets as tags, so that text and facets meet
//! inside one index. `record` has the JSON.

use super::{fault::Faults, lock::LastEnd};
use crate::StoreError;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

/// Steps from one `user_version` to the next, from 0. Never change one that was released.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// "RMPT": tells our files from other SQLite files.
const APPLICATION_ID: i64 = 0x524d_5054;
const PAGE_BYTES: u32 = 8192;
const BUSY: Duration = Duration::from_secs(10);

/// Newest schema this build knows.
pub(crate) fn supported() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Opens the writing connection: checks the file as far as the last end makes it doubtful, then
/// upgrades it.
pub(crate) fn open_writer(
    path: &Path,
    last_end: LastEnd,
    faults: &Faults,
) -> Result<Connection, StoreError> {
    // It holds password hashes: for the owner only. SQLite gives its side files the same mode.
    let mut options = OpenOptions::new();
    let create = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    create.map_err(|e| StoreError::io("create its file", e))?;
    let explain = |e| faults.explain("open its file", e);
    let mut connection = Connection::open_with_flags(path, flags()).map_err(explain)?;
    identify(&connection, faults)?;
    configure(&connection, 16 << 10).map_err(explain)?;
    writer_pragmas(&connection).map_err(explain)?;
    check(&connection, last_end, faults)?;
    migrate(&mut connection, faults)?;
    Ok(connection)
}

/// Opens a reading connection with a page cache of `cache_kib`.
pub(crate) fn open_reader(path: &Path, cache_kib: i64) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    configure(&connection, cache_kib)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens a connection for copying the file.
pub(crate) fn open_copier(path: &Path) -> rusqlite::Result<Connection> {
    // `VACUUM INTO` counts as writing, even though the store itself is only read.
    let connection = Connection::open_with_flags(path, flags())?;
    configure(&connection, 2 << 10)?;
    Ok(connection)
}

fn flags() -> OpenFlags {
    // One thread at a time uses a connection, so SQLite need not lock it; no URI names: a path
    // is a path.
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn configure(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // The file is input like any other: its schema may call no function with side effects.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cache_size", -cache_kib)
}

fn writer_pragmas(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)
}

/// Refuses a file that is not ours or too new, before anything is written to it.
fn identify(connection: &Connection, faults: &Faults) -> Result<(), StoreError> {
    let number = |pragma| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map_err(|e| faults.explain("read its header", e))
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    if version == 0 && application == 0 && number("schema_version")? == 0 {
        return Ok(());
    }
    if application != APPLICATION_ID {
        return Err(faults.corrupt("it is a database of another program"));
    }
    if version > supported() {
        return Err(StoreError::Newer {
            found: version,
            supported: supported(),
        });
    }
    Ok(())
}

fn check(connection: &Connection, last_end: LastEnd, faults: &Faults) -> Result<(), StoreError> {
    let tables: &[&str] = match last_end {
        LastEnd::Clean => return Ok(()),
        LastEnd::Killed => &["kv", "change", "meta", "term"],
        LastEnd::Crashed => &[""],
    };
    tracing::info!(?last_end, "the store was not closed: checking it");
    for table in tables {
        quick_check(connection, table, faults)?;
    }
    Ok(())
}

fn quick_check(connection: &Connection, table: &str, faults: &Faults) -> Result<(), StoreError> {
    let explain = |e| faults.explain("check its file", e);
    let exists = "SELECT count(*) FROM sqlite_schema WHERE ?1 = '' OR name = ?1";
    let exists: i64 = connection
        .query_row(exists, [table], |row| row.get(0))
        .map_err(explain)?;
    if exists == 0 {
        return Ok(());
    }
    let sql = match table {
        "" => "PRAGMA quick_check(1)".to_owned(),
        table => format!("PRAGMA quick_check({table})"),
    };
    let result: String = connection
        .query_row(&sql, [], |row| row.get(0))
        .map_err(explain)?;
    if result == "ok" {
        Ok(())
    } else {
        Err(faults.corrupt(result.trim().replace('\n', "; ")))
    }
}

fn migrate(connection: &mut Connection, faults: &Faults) -> Result<(), StoreError> {
    let explain = |e| faults.explain("upgrade its schema", e);
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(explain)?;
    let done = usize::try_from(version).unwrap_or_default();
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.transaction().map_err(explain)?;
        transaction.execute_batch(sql).map_err(explain)?;
        let next = i64::try_from(step + 1).unwrap_or(i64::MAX);
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(explain)?;
        transaction
            .pragma_update(None, "user_version", next)
            .map_err(explain)?;
        transaction.commit().map_err(explain)?;
    }
    Ok(())
}
