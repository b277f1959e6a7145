//! Queries of the event log, on SQLite and in memory over the same records.
//!
//! Input lines: kinds, text, field, operator, value, sort field, start, limit, workload, cursor,
//! uid. Holds: no panic, no SQL error, and both give the same answer or both refuse.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::LogKind;
use rampart_store::{
    EventLog, FieldFilter, FilterOp, LogQuery, SortKey, Store, StoreError,
    conformance::sample::Sample, memory::Memory, sqlite::Sqlite,
};
use std::path::Path;

struct Pair {
    runtime: tokio::runtime::Runtime,
    sqlite: Sqlite,
    memory: Memory,
    _dir: tempfile::TempDir,
}

impl Pair {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        }
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let sqlite = Sqlite::open(&dir.path().join("rampart.db")).unwrap();
        let memory = Memory::default();
        let records: Vec<_> = Sample::new(7).take(120).collect();
        runtime.block_on(async {
            assert_eq!(sqlite.append(records.clone()).await.unwrap(), 120);
            assert_eq!(memory.append(records).await.unwrap(), 120);
        });
        Self {
            runtime,
            sqlite,
            memory,
            _dir: dir,
        }
    }
}

thread_local! {
    static PAIR: Pair = Pair::new();
}

fn query(text: &str) -> LogQuery {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let kinds = next();
    let mut query = LogQuery {
        kinds: LogKind::ALL
            .iter()
            .copied()
            .filter(|kind| kinds.contains(kind.name()))
            .collect(),
        with_total: true,
        limit: 20,
        ..LogQuery::default()
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    query.text = given(next());
    let (field, op, value) = (next().to_owned(), next(), next().to_owned());
    if let (false, Some(op)) = (field.is_empty(), FilterOp::parse(op)) {
        query.filters.push(FieldFilter { field, op, value });
    }
    if let Some(sort) = given(next()) {
        let field = sort.trim_start_matches('-').to_owned();
        let key = if field == "at" {
            SortKey::At
        } else {
            SortKey::Field(field)
        };
        query.sort.push((key, !sort.starts_with('-')));
    }
    query.start = next().parse().unwrap_or(0);
    query.limit = next().parse().unwrap_or(20);
    query.workload = given(next()).map(Into::into);
    query.cursor = next().parse().ok();
    query
}

/// A refusal of the query is an answer; a failure of the engine is not.
fn answer<T>(result: Result<T, StoreError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(StoreError::Invalid { .. }) => None,
        Err(other) => panic!("{other:?}"),
    }
}

fuzz_target!(|text: &str| {
    let query = query(text);
    let uid = text.split('\n').nth(10).unwrap_or_default();
    PAIR.with(|pair| {
        pair.runtime.block_on(async {
            let sqlite = answer(pair.sqlite.query(&query).await);
            let memory = answer(pair.memory.query(&query).await);
            assert_eq!(sqlite, memory, "{query:?}");
            let sqlite = answer(EventLog::get(&pair.sqlite, uid).await);
            assert_eq!(sqlite, answer(EventLog::get(&pair.memory, uid).await));
            let sqlite = answer(pair.sqlite.histogram(&query, 3_600_000).await);
            assert_eq!(
                sqlite,
                answer(pair.memory.histogram(&query, 3_600_000).await)
            );
            assert_eq!(
                answer(Store::list(&pair.sqlite, uid).await).map(|l| l.entries),
                answer(Store::list(&pair.memory, uid).await).map(|l| l.entries)
            );
        });
    });
});
