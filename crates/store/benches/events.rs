//! How fast a million events are kept and found: `cargo bench -p rampart-store`.
//!
//! Each filter's page is compared with plainly reading as many rows of the same file by primary
//! key range, in the same run. `-- --records N` changes the size, `-- --keep DIR` keeps the file.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use futures::StreamExt;
use rampart_model::{GroupName, LogKind, LogLevel, Timestamp, WorkloadId};
use rampart_store::{
    EventLog, FieldFilter, FilterOp, LogQuery, SortKey, Store, Txn,
    conformance::sample::{START_MS, Sample},
    sqlite::Sqlite,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

const PAGE: u32 = 100;
const ROUNDS: usize = 30;
const BATCH: usize = 1000;

struct Args {
    records: usize,
    keep: Option<PathBuf>,
}

fn args() -> Args {
    let mut parsed = Args {
        records: 1_000_000,
        keep: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--records" => parsed.records = args.next().and_then(|n| n.parse().ok()).unwrap(),
            "--keep" => parsed.keep = args.next().map(PathBuf::from),
            _ => {}
        }
    }
    parsed
}

fn main() {
    let args = args();
    let folder = tempfile::tempdir().unwrap();
    let folder = args
        .keep
        .clone()
        .unwrap_or_else(|| folder.path().to_owned());
    let path = folder.join("events.db");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if !path.exists() {
            build(&path, args.records).await;
        }
        let log = Sqlite::open(&path).unwrap();
        search(&log, &path).await;
        append_alone(&log).await;
        commit(Arc::new(log)).await;
    });
}

async fn build(path: &Path, records: usize) {
    let log = Sqlite::open(path).unwrap();
    let mut sample = Sample::new(1);
    let mut spent = Duration::ZERO;
    let mut made = 0;
    while made < records {
        let batch: Vec<_> = sample.by_ref().take(BATCH.min(records - made)).collect();
        made += batch.len();
        let start = Instant::now();
        log.append(batch).await.unwrap();
        spent += start.elapsed();
    }
    let bytes = std::fs::metadata(path).unwrap().len();
    println!(
        "append, {BATCH} a call: {:.0} records/s; {} bytes a record on disk",
        records as f64 / spent.as_secs_f64(),
        bytes / records as u64
    );
}

async fn append_alone(log: &Sqlite) {
    let mut times = Vec::new();
    for record in Sample::new(2).take(200) {
        let start = Instant::now();
        log.append(vec![record]).await.unwrap();
        times.push(start.elapsed());
    }
    let (p50, p99) = percentiles(&mut times);
    println!(
        "append, 1 a call, durable: p50 {:.2} ms, p99 {:.2} ms",
        ms(p50),
        ms(p99)
    );
}

/// Durable configuration changes, one after the other and 64 at a time.
async fn commit(store: Arc<Sqlite>) {
    for at_once in [1, 64] {
        let count = 300 * at_once;
        let start = Instant::now();
        let commits = futures::stream::iter(0..count).map(|n| {
            let store = store.clone();
            async move {
                store
                    .commit(Txn::new().put(format!("k/{}", n % 500), "value"))
                    .await
            }
        });
        commits
            .buffer_unordered(at_once)
            .for_each(|done| async move { assert!(done.unwrap() > 0) })
            .await;
        let rate = count as f64 / start.elapsed().as_secs_f64();
        println!("commit, {at_once} at a time, durable: {rate:.0}/s");
    }
}

fn queries() -> Vec<(&'static str, LogQuery)> {
    let q = || LogQuery {
        limit: PAGE,
        ..LogQuery::default()
    };
    let text = |text: &str| LogQuery {
        text: Some(text.to_owned()),
        ..q()
    };
    let field = |field: &str, op, value: &str| LogQuery {
        filters: vec![FieldFilter {
            field: field.to_owned(),
            op,
            value: value.to_owned(),
        }],
        ..q()
    };
    let workload = Sample::new(1).find_map(|record| record.workload).unwrap();
    let (id, name) = (workload.id, workload.name);
    let day = |n: i64| Some(Timestamp(START_MS + n * 86_400_000));
    let domain = || Some(vec!["team-7".to_owned()]);
    let half: Vec<String> = (0..25).map(|n| format!("team-{n}")).collect();
    vec![
        ("everything", q()),
        (
            "everything, total",
            LogQuery {
                with_total: true,
                ..q()
            },
        ),
        (
            "kind",
            LogQuery {
                kinds: vec![LogKind::Threat],
                ..q()
            },
        ),
        (
            "kind, total",
            LogQuery {
                kinds: vec![LogKind::Incident],
                with_total: true,
                ..q()
            },
        ),
        (
            "two kinds, level",
            LogQuery {
                kinds: vec![LogKind::Incident, LogKind::Threat],
                levels: vec![LogLevel::Critical],
                ..q()
            },
        ),
        (
            "level",
            LogQuery {
                levels: vec![LogLevel::Warning],
                ..q()
            },
        ),
        (
            "name",
            LogQuery {
                names: vec!["Agent.Join".to_owned()],
                ..q()
            },
        ),
        (
            "name of another kind (none)",
            LogQuery {
                names: vec!["Network.Violation".to_owned()],
                kinds: vec![LogKind::Incident],
                ..q()
            },
        ),
        (
            "workload",
            LogQuery {
                workload: Some(id),
                ..q()
            },
        ),
        (
            "workload (none)",
            LogQuery {
                workload: Some(WorkloadId::from("nobody")),
                ..q()
            },
        ),
        (
            "group",
            LogQuery {
                group: Some(GroupName::from("nv.redis.team-3")),
                ..q()
            },
        ),
        (
            "domain",
            LogQuery {
                domains: domain(),
                ..q()
            },
        ),
        (
            "25 domains, kind, total",
            LogQuery {
                domains: Some(half),
                kinds: vec![LogKind::Violation],
                with_total: true,
                ..q()
            },
        ),
        (
            "one day",
            LogQuery {
                from: day(3),
                to: day(4),
                ..q()
            },
        ),
        (
            "one day, kind, domain",
            LogQuery {
                from: day(3),
                to: day(4),
                kinds: vec![LogKind::Incident],
                domains: domain(),
                ..q()
            },
        ),
        (
            "oldest first, kind",
            LogQuery {
                kinds: vec![LogKind::Audit],
                sort: vec![(SortKey::At, true)],
                ..q()
            },
        ),
        ("text, frequent", text("nginx")),
        ("text, one workload", text(&name)),
        ("text, none", text("xmrig")),
        (
            "text of another kind (none)",
            LogQuery {
                kinds: vec![LogKind::Threat],
                ..text("/etc/shadow")
            },
        ),
        (
            "text, group",
            LogQuery {
                group: Some(GroupName::from("nv.web.team-3")),
                ..text("/tmp/dropped")
            },
        ),
        (
            "text, total",
            LogQuery {
                with_total: true,
                ..text("/etc/shadow")
            },
        ),
        ("2 letters", text("nc")),
        ("field = number", field("server_port", FilterOp::Eq, "6379")),
        (
            "field = text, rare",
            field("client.name", FilterOp::Eq, &name),
        ),
        (
            "field prefix",
            field("process.path", FilterOp::Prefix, "/tmp/"),
        ),
        (
            "500,000 deep by start",
            LogQuery {
                start: 500_000,
                ..q()
            },
        ),
        (
            "100,000 deep by start, kind",
            LogQuery {
                start: 100_000,
                kinds: vec![LogKind::Incident],
                ..q()
            },
        ),
        (
            "sort by message (newest 5,000)",
            LogQuery {
                sort: vec![(SortKey::Field("message".to_owned()), true)],
                ..q()
            },
        ),
    ]
}

async fn search(log: &Sqlite, path: &Path) {
    let plain = plain(path);
    println!("plain read of {PAGE} rows: p50 {:.2} ms", ms(plain));
    println!(
        "{:<34} {:>6} {:>9} {:>9} {:>8} {:>8}",
        "page", "rows", "p50 ms", "p99 ms", "x plain", "total"
    );
    for (name, query) in queries() {
        let mut times = Vec::new();
        let mut page = rampart_store::LogPage::default();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            page = log.query(&query).await.unwrap();
            times.push(start.elapsed());
        }
        let (p50, p99) = percentiles(&mut times);
        let total = page.total.map(|n| n.to_string()).unwrap_or_default();
        let ratio = ms(p50) / ms(plain);
        let rows = page.records.len();
        println!(
            "{name:<34} {rows:>6} {:>9.2} {:>9.2} {ratio:>8.1} {total:>8}",
            ms(p50),
            ms(p99)
        );
    }
    deep_cursor(log).await;
    histograms(log).await;
}

async fn deep_cursor(log: &Sqlite) {
    let mut query = LogQuery {
        kinds: vec![LogKind::Violation],
        limit: PAGE,
        ..LogQuery::default()
    };
    let start = LogQuery {
        start: 200_000,
        ..query.clone()
    };
    let mut page = log.query(&start).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        query.cursor = page.next.clone();
        if query.cursor.is_none() {
            break;
        }
        let start = Instant::now();
        page = log.query(&query).await.unwrap();
        times.push(start.elapsed());
    }
    if !times.is_empty() {
        let (p50, p99) = percentiles(&mut times);
        println!(
            "{:<34} {:>6} {:>9.2} {:>9.2}",
            "200,000 deep by cursor, kind",
            PAGE,
            ms(p50),
            ms(p99)
        );
    }
}

async fn histograms(log: &Sqlite) {
    let end = Timestamp(i64::MAX);
    let newest = log
        .query(&LogQuery {
            limit: 1,
            ..LogQuery::default()
        })
        .await
        .unwrap();
    let newest = newest.records.first().map_or(end, |record| record.at);
    let day = LogQuery {
        from: Some(Timestamp(newest.ms() - 86_400_000)),
        ..LogQuery::default()
    };
    for (name, query, bucket) in [
        ("histogram, last day by hour", day, 3_600_000),
        (
            "histogram, everything by day",
            LogQuery::default(),
            86_400_000,
        ),
    ] {
        let mut times = Vec::new();
        for _ in 0..5 {
            let start = Instant::now();
            log.histogram(&query, bucket).await.unwrap();
            times.push(start.elapsed());
        }
        let (p50, p99) = percentiles(&mut times);
        println!("{name:<34} {:>6} {:>9.2} {:>9.2}", "", ms(p50), ms(p99));
    }
}

/// Time to read a page's worth of rows with nothing else.
fn plain(path: &Path) -> Duration {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    let mut statement = db
        .prepare("SELECT json FROM record ORDER BY id DESC LIMIT ?")
        .unwrap();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let rows = statement
            .query_map([PAGE], |row| row.get::<_, String>(0))
            .unwrap();
        assert!(rows.map(|json| json.unwrap().len()).sum::<usize>() > 0);
        times.push(start.elapsed());
    }
    percentiles(&mut times).0
}

fn percentiles(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
