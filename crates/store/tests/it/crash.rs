//! Kill -9 at random moments while writing: whatever was acknowledged is there afterwards, and
//! whatever was not is there whole or not at all.
//!
//! The writer is this test binary again, running only [`victim`]. `RAMPART_STORE_KILLS=100` makes
//! 100 rounds instead of 20.

use rampart_store::{
    EventLog, LogQuery, Store, StoreError, Txn,
    conformance::sample::{Random, Sample},
    sqlite::Sqlite,
};
use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

const FOLDER: &str = "RAMPART_STORE_VICTIM";
const ROUNDS: u64 = 20;
const WRITERS: u64 = 3;

/// A test of this binary, run in a process of its own.
fn spawn(test: &str, folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn victim_folder() -> PathBuf {
    env::var_os(FOLDER).expect("run by another test").into()
}

/// One line, in one write, so that a kill cannot tear it.
fn report(line: &str) {
    std::io::stdout()
        .write_all(format!("\nack {line}\n").as_bytes())
        .unwrap();
}

/// Writes until it is killed and reports what was acknowledged.
#[test]
#[ignore = "the child of other tests"]
fn victim() {
    let path = victim_folder().join("store.db");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Arc::new(Sqlite::open(&path).unwrap());
        report("open");
        let seed = store.list("").await.unwrap().revision;
        let mut writers: Vec<_> = (0..WRITERS)
            .map(|n| tokio::spawn(configure(store.clone(), n)))
            .collect();
        writers.push(tokio::spawn(log(store.clone(), seed)));
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn configure(store: Arc<Sqlite>, writer: u64) {
    let (one, two) = (format!("a/{writer}"), format!("b/{writer}"));
    let entry = Store::get(&*store, &one).await.unwrap();
    let (mut n, mut at) = entry.map_or((0, 0), |entry| (number(&entry.value), entry.revision));
    loop {
        n += 1;
        let txn = Txn::new()
            .put(one.clone(), n.to_string())
            .put(two.clone(), n.to_string());
        let txn = if at == 0 {
            txn.require_absent(one.clone())
        } else {
            txn.require_unchanged(one.clone(), at)
        };
        at = store.commit(txn).await.unwrap();
        report(&format!("put {writer} {n}"));
    }
}

async fn log(store: Arc<Sqlite>, seed: u64) {
    for record in Sample::new(seed) {
        let uid = record.uid.clone();
        assert_eq!(store.append(vec![record]).await.unwrap(), 1);
        report(&format!("log {uid}"));
    }
}

fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

/// What a killed child had been told was safe.
#[derive(Default)]
struct Acknowledged {
    puts: HashMap<u64, u64>,
    uids: Vec<String>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            ["ack", "put", writer, n] => {
                self.puts
                    .insert(writer.parse().unwrap(), n.parse().unwrap());
            }
            ["ack", "log", uid] => self.uids.push((*uid).to_owned()),
            _ => {}
        }
    }
}

/// Runs a child until it reported so many acknowledgements, waits some more, kills it.
fn run_and_kill(folder: &Path, acks: u64, spins: u64, acknowledged: &mut Acknowledged) {
    let mut child = spawn("crash::victim", folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    while seen < acks {
        let line = lines
            .next()
            .expect("the child runs until it is killed")
            .unwrap();
        seen += u64::from(line.starts_with("ack"));
        acknowledged.note(&line);
    }
    // Kills at moments not tied to an acknowledgement.
    (0..spins).for_each(|_| std::hint::spin_loop());
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines.map_while(Result::ok) {
        acknowledged.note(&line);
    }
}

async fn verify(path: &Path, acknowledged: &mut Acknowledged) {
    let store = Sqlite::open(path).unwrap();
    for writer in 0..WRITERS {
        let value = async |key: String| {
            Store::get(&store, &key)
                .await
                .unwrap()
                .map(|e| number(&e.value))
        };
        let one = value(format!("a/{writer}")).await;
        assert_eq!(
            one,
            value(format!("b/{writer}")).await,
            "a transaction was torn"
        );
        let wanted = acknowledged.puts.get(&writer).copied();
        assert!(
            one >= wanted,
            "writer {writer} was told {wanted:?}, there is {one:?}"
        );
        assert!(
            one.unwrap_or(0) <= wanted.unwrap_or(0) + 1,
            "more than was asked for"
        );
        // What was found is what the next child goes on from.
        acknowledged.puts.extend(one.map(|n| (writer, n)));
    }
    for uid in &acknowledged.uids {
        assert!(
            EventLog::get(&store, uid).await.unwrap().is_some(),
            "{uid} is lost"
        );
    }
    let query = LogQuery {
        limit: 10_000,
        with_total: true,
        ..LogQuery::default()
    };
    let all = store.query(&query).await.unwrap();
    assert_eq!(all.total, Some(all.records.len() as u64));
    // Every index has what the records have.
    if let Some(record) = all.records.first() {
        let text = Some(record.message.clone());
        let names = vec![record.name.clone()];
        let found = store
            .query(&LogQuery {
                text,
                names,
                ..query
            })
            .await
            .unwrap();
        assert!(found.records.contains(record));
    }
}

#[tokio::test]
async fn keeps_everything_acknowledged_when_killed() {
    let rounds = env::var_os("RAMPART_STORE_KILLS");
    let rounds = rounds.map_or(ROUNDS, |n| n.to_str().unwrap().parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut random = Random(u64::from(std::process::id()));
    let mut acknowledged = Acknowledged::default();
    for _ in 0..rounds {
        let (acks, spins) = (random.below(120), random.below(500_000));
        run_and_kill(folder.path(), acks, spins, &mut acknowledged);
        verify(&path, &mut acknowledged).await;
    }
    let puts: u64 = acknowledged.puts.values().sum();
    println!(
        "{rounds} kills, {puts} commits, {} records",
        acknowledged.uids.len()
    );
    assert!(puts > 0 && !acknowledged.uids.is_empty());
}

/// Another process has the store: its pid is told, and the lock goes with the process.
#[test]
fn tells_which_process_has_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut child = spawn("crash::victim", folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ack open"));
    let error = Sqlite::open(&path).err().unwrap();
    let holder = format!("pid {} (", child.id());
    match &error {
        StoreError::Locked {
            path: locked,
            holder: by,
        } => {
            assert_eq!(locked, &path);
            assert!(by.starts_with(&holder), "{by}");
        }
        other => panic!("locked, not {other}"),
    }
    assert!(error.to_string().contains(&holder));
    child.kill().unwrap();
    child.wait().unwrap();
    Sqlite::open(&path).unwrap();
}
