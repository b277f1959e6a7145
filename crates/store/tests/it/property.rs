//! Random operations on SQLite and on the memory model: every answer is the same.

use futures::StreamExt;
use proptest::{collection::vec, prelude::*, sample::select};
use rampart_model::{LogKind, LogLevel, LogRecord, Timestamp};
use rampart_store::{
    Condition, EventLog, FieldFilter, FilterOp, LogQuery, Retention, SortKey, Store, StoreError,
    Txn, conformance::sample::Sample, memory::Memory, sqlite::Sqlite,
};
use std::path::Path;

const KEYS: &[&str] = &["a", "a/b", "a/c", "b", "é", "\0", "a\u{10ffff}"];

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap()
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn txn() -> impl Strategy<Value = Txn> {
    let key = || select(KEYS).prop_map(str::to_owned);
    let condition = prop_oneof![
        key().prop_map(Condition::Absent),
        (key(), 0_u64..12).prop_map(|(key, revision)| Condition::Unchanged { key, revision }),
    ];
    let puts = vec((key(), vec(any::<u8>(), 0..4)), 0..3);
    (vec(condition, 0..2), puts, vec(key(), 0..2)).prop_map(|(conditions, puts, deletes)| Txn {
        conditions,
        puts,
        deletes,
    })
}

/// What can be compared of a result.
fn outcome<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    result.map_or_else(|error| error.to_string(), |value| format!("{value:?}"))
}

async fn history(store: &impl Store, prefix: &str, after: u64) -> String {
    let Ok(changes) = store.watch(prefix, after).await else {
        return "gone".to_owned();
    };
    // A last change tells where to stop.
    store
        .commit(Txn::new().put(format!("{prefix}end"), ""))
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut changes = changes;
    loop {
        let change = changes.next().await.unwrap().unwrap();
        let end = change.key() == format!("{prefix}end");
        seen.push(change);
        if end {
            return format!("{seen:?}");
        }
    }
}

async fn same_kv(path: &Path, txns: Vec<Txn>, after: u64) -> Result<(), TestCaseError> {
    let (memory, mut sqlite) = (Memory::default(), Sqlite::open(path).unwrap());
    for (step, txn) in txns.into_iter().enumerate() {
        let wanted = outcome(memory.commit(txn.clone()).await);
        prop_assert_eq!(outcome(sqlite.commit(txn).await), wanted);
        if step == 10 {
            drop(sqlite);
            sqlite = Sqlite::open(path).unwrap();
        }
    }
    for prefix in ["", "a", "a/", "\0", "é", "z"] {
        let wanted = outcome(memory.list(prefix).await);
        prop_assert_eq!(outcome(sqlite.list(prefix).await), wanted);
        let wanted = history(&memory, prefix, after).await;
        prop_assert_eq!(history(&sqlite, prefix, after).await, wanted);
    }
    for key in KEYS {
        let wanted = outcome(Store::get(&memory, key).await);
        prop_assert_eq!(outcome(Store::get(&sqlite, key).await), wanted);
    }
    Ok(())
}

/// One step on a log.
#[derive(Clone, Debug)]
enum Step {
    /// So many records from this seed; the same seed again is duplicates.
    Append {
        seed: u64,
        count: usize,
        odd: Option<(i64, String)>,
    },
    Query(Box<LogQuery>),
    /// Goes through every page.
    Pages(Box<LogQuery>),
    Histogram(Box<LogQuery>, i64),
    Retain {
        not_before: i64,
        max_records: u64,
    },
}

fn records(seed: u64, count: usize, odd: Option<(i64, String)>) -> Vec<LogRecord> {
    let mut sample = Sample::new(seed);
    (sample.domains, sample.workloads) = (3, 4);
    let mut records: Vec<_> = sample.take(count).collect();
    if let (Some((at, text)), Some(record)) = (odd, records.first_mut()) {
        record.at = Timestamp(at);
        record.message.clone_from(&text);
        record.name = text;
    }
    records
}

fn text() -> impl Strategy<Value = String> {
    let known = [
        "nginx",
        "/etc/",
        "shadow",
        "web-",
        "team-1",
        "443",
        "deny",
        "CURL",
        "n",
        "nc",
        "é",
        "",
        "|",
        "proc/",
        "Network.Violation",
        "Redis",
        "true",
        "worker-2",
        "a|b",
        "redis|postgres",
        "6379",
    ];
    prop_oneof![4 => select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,6}"]
}

fn time() -> impl Strategy<Value = i64> {
    let start = rampart_store::conformance::sample::START_MS;
    prop_oneof![5 => start..start + 200_000, 1 => any::<i64>()]
}

fn filter() -> impl Strategy<Value = FieldFilter> {
    let fields = [
        "user",
        "server_port",
        "client.name",
        "server.address",
        "process.path",
        "process.ancestors",
        "level",
        "severity",
        "kind",
        "at",
        "uid",
        "message",
        "workload.service",
        "applications",
        "bytes",
        "process.tty",
        "rule",
        "remote.port",
        "nothing",
        "name",
        "threat_id",
        "packet",
    ];
    let ops: Vec<_> = FilterOp::ALL.iter().map(|(op, _)| *op).collect();
    (select(fields.to_vec()), select(ops), text()).prop_map(|(field, op, value)| FieldFilter {
        field: field.to_owned(),
        op,
        value,
    })
}

fn facets() -> impl Strategy<Value = LogQuery> {
    let domain = select(vec!["team-0", "team-1", "team-2", "nowhere", ""]).prop_map(str::to_owned);
    let name = select(vec![
        "User.Login",
        "Network.Violation",
        "Network.Threat",
        "none",
    ]);
    let group = select(vec!["nv.web.team-0", "nv.api.team-1", "none", ""]);
    (
        vec(select(LogKind::ALL), 0..3),
        vec(select(LogLevel::ALL), 0..3),
        vec(name.prop_map(str::to_owned), 0..2),
        prop::option::weighted(0.3, vec(domain, 0..3)),
        prop::option::weighted(0.2, group.prop_map(Into::into)),
    )
        .prop_map(|(kinds, levels, names, domains, group)| LogQuery {
            kinds,
            levels,
            names,
            domains,
            group,
            ..LogQuery::default()
        })
}

fn query() -> impl Strategy<Value = Box<LogQuery>> {
    let sort = select(vec![
        "message",
        "server_port",
        "level",
        "user",
        "workload.name",
        "at",
    ]);
    let sort = prop_oneof![
        Just(SortKey::At),
        sort.prop_map(|s| SortKey::Field(s.to_owned()))
    ];
    (
        facets(),
        prop::option::weighted(0.2, time().prop_map(Timestamp)),
        prop::option::weighted(0.2, time().prop_map(Timestamp)),
        prop::option::weighted(0.3, text()),
        vec(filter(), 0..2),
        vec((sort, any::<bool>()), 0..3),
        (0_u64..6, 0_u32..40, any::<bool>()),
    )
        .prop_map(
            |(facets, from, to, text, filters, sort, (start, limit, with_total))| {
                Box::new(LogQuery {
                    from,
                    to,
                    text,
                    filters,
                    sort,
                    start,
                    limit,
                    with_total,
                    ..facets
                })
            },
        )
}

fn step() -> impl Strategy<Value = Step> {
    let odd = prop::option::weighted(0.3, (time(), ".{0,12}"));
    prop_oneof![
        4 => (0_u64..6, 0_usize..60, odd)
            .prop_map(|(seed, count, odd)| Step::Append { seed, count, odd }),
        8 => query().prop_map(Step::Query),
        2 => query().prop_map(Step::Pages),
        1 => (query(), 1_i64..100_000_000).prop_map(|(query, ms)| Step::Histogram(query, ms)),
        1 => (time(), 0_u64..100)
            .prop_map(|(not_before, max_records)| Step::Retain { not_before, max_records }),
    ]
}

async fn apply(log: &impl EventLog, step: Step) -> String {
    match step {
        Step::Append { seed, count, odd } => outcome(log.append(records(seed, count, odd)).await),
        Step::Query(query) => outcome(log.query(&query).await),
        Step::Pages(mut query) => {
            query.limit += 1;
            let mut pages = Vec::new();
            loop {
                let page = log.query(&query).await.unwrap();
                query.cursor.clone_from(&page.next);
                pages.push(page);
                if query.cursor.is_none() {
                    return format!("{pages:?}");
                }
            }
        }
        Step::Histogram(query, ms) => outcome(log.histogram(&query, ms).await),
        Step::Retain {
            not_before,
            max_records,
        } => {
            let keep = Retention {
                not_before: Timestamp(not_before),
                max_records,
            };
            outcome(log.retain(&keep).await)
        }
    }
}

async fn same_log(path: &Path, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (memory, sqlite) = (Memory::default(), Sqlite::open(path).unwrap());
    for step in steps {
        let wanted = apply(&memory, step.clone()).await;
        prop_assert_eq!(apply(&sqlite, step.clone()).await, wanted, "{:?}", step);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn configuration_is_as_in_memory(txns in vec(txn(), 0..25), after in 0_u64..12) {
        let folder = tempfile::tempdir().unwrap();
        runtime().block_on(same_kv(&folder.path().join("store.db"), txns, after))?;
    }

    #[test]
    fn events_are_as_in_memory(steps in vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        runtime().block_on(same_log(&folder.path().join("store.db"), steps))?;
    }
}
