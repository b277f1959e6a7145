//! The file: reopening, second openers, newer and damaged files, full disks, backups.

use futures::StreamExt;
use rampart_model::{LogKind, Timestamp};
use rampart_store::{
    EventLog, LogQuery, Retention, Store, StoreError, Txn, conformance::sample::Sample,
    conformance::soon, sqlite::Sqlite,
};
use rusqlite::Connection;
use std::{
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

/// A store of some configuration and 1,000 events, closed again.
async fn filled(path: &Path) {
    let store = Sqlite::open(path).unwrap();
    for n in 0..50 {
        store
            .commit(Txn::new().put(format!("k/{n}"), vec![b'x'; 2000]))
            .await
            .unwrap();
    }
    store
        .append(Sample::new(1).take(1000).collect())
        .await
        .unwrap();
}

async fn count(store: &Sqlite) -> u64 {
    let query = LogQuery {
        with_total: true,
        limit: 1,
        ..LogQuery::default()
    };
    store.query(&query).await.unwrap().total.unwrap()
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, offset).unwrap();
}

fn open_error(path: &Path) -> StoreError {
    Sqlite::open(path).err().expect("it should not open")
}

/// The error says that, where, and what to do.
fn assert_corrupt(error: &StoreError, path: &Path) {
    assert!(
        matches!(error, StoreError::Corrupt { path: at, .. } if at == path),
        "{error:?}"
    );
    let text = error.to_string();
    for part in [path.to_str().unwrap(), "aside", ".damaged", "VACUUM INTO"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn reopens_with_everything() {
    let (_folder, path) = folder();
    filled(&path).await;
    let mut leftover = path.clone().into_os_string();
    leftover.push("-wal");
    assert!(!Path::new(&leftover).exists(), "a closed store is one file");
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(store.list("k/").await.unwrap().entries.len(), 50);
    assert_eq!(store.list("").await.unwrap().revision, 50);
    assert_eq!(count(&store).await, 1000);
    assert_eq!(store.commit(Txn::new().put("k", "v")).await.unwrap(), 51);
    // History outlives the process.
    let changes = store.watch("", 49).await.unwrap();
    let changes: Vec<_> = soon(changes.take(2).collect()).await;
    assert_eq!(changes[1].as_ref().unwrap().revision(), 51);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "secrets are for the owner only");
}

#[tokio::test]
async fn ends_watches_when_closed() {
    let (_folder, path) = folder();
    let store = Sqlite::open(&path).unwrap();
    let mut changes = store.watch("", 0).await.unwrap();
    drop(store);
    let last = soon(changes.next()).await;
    assert!(matches!(last, Some(Err(StoreError::Unavailable { .. }))));
    assert!(soon(changes.next()).await.is_none());
    Sqlite::open(&path).unwrap();
}

#[tokio::test]
async fn has_one_owner() {
    let (_folder, path) = folder();
    let store = Sqlite::open(&path).unwrap();
    match open_error(&path) {
        StoreError::Locked { holder, .. } => {
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        }
        other => panic!("locked, not {other}"),
    }
    // The refused opener disturbed nothing.
    store.commit(Txn::new().put("k", "v")).await.unwrap();
    drop(store);
    assert!(Sqlite::open(&path).unwrap().get_key("k").await);
}

/// Whether a key exists; both ports have a `get`.
trait GetKey {
    async fn get_key(&self, key: &str) -> bool;
}

impl GetKey for Sqlite {
    async fn get_key(&self, key: &str) -> bool {
        Store::get(self, key).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn refuses_a_newer_schema_and_leaves_it_alone() {
    let (_folder, path) = folder();
    filled(&path).await;
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = open_error(&path);
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 99,
                supported: 1
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("upgrade Rampart"));
    assert!(fs::read(&path).unwrap() == before);
}

#[tokio::test]
async fn refuses_what_is_not_its_own() {
    let (_folder, path) = folder();
    fs::write(
        &path,
        "not a database at all, but long enough to be taken for one ".repeat(50),
    )
    .unwrap();
    assert_corrupt(&open_error(&path), &path);
    fs::remove_file(&path).unwrap();
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    let error = open_error(&path);
    assert_corrupt(&error, &path);
    assert!(error.to_string().contains("another program"));
    let error = open_error(Path::new("/nonexistent/folder/store.db"));
    assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn tells_of_a_damaged_header_and_of_missing_pages() {
    let (_folder, path) = folder();
    filled(&path).await;
    let whole = fs::read(&path).unwrap();
    overwrite(&path, 0, b"garbage garbage garbage garbage ");
    assert_corrupt(&open_error(&path), &path);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert_corrupt(&open_error(&path), &path);
    fs::write(&path, &whole).unwrap();
    assert_eq!(count(&Sqlite::open(&path).unwrap()).await, 1000);
}

#[tokio::test]
async fn finds_damage_after_a_crash_of_the_machine() {
    let (_folder, path) = folder();
    filled(&path).await;
    // As a machine that went down leaves it: locked under another boot, pages torn.
    let mut lock = path.clone().into_os_string();
    lock.push(".lock");
    let crashed = "1\nrampart\n00000000-0000-0000-0000-000000000000\nopen\n";
    fs::write(&lock, crashed).unwrap();
    assert_eq!(count(&Sqlite::open(&path).unwrap()).await, 1000);
    let pages = fs::metadata(&path).unwrap().len() / 8192;
    for page in 20..pages - 2 {
        overwrite(&path, page * 8192, &[0xa5; 300]);
    }
    fs::write(&lock, crashed).unwrap();
    assert_corrupt(&open_error(&path), &path);
    // A store that was closed is not checked page by page; reading its damage says so then.
    fs::write(&lock, "1\nrampart\nx\nclosed cleanly\n").unwrap();
    let store = Sqlite::open(&path).unwrap();
    let query = LogQuery {
        limit: 10_000,
        ..LogQuery::default()
    };
    assert_corrupt(&store.query(&query).await.unwrap_err(), &path);
}

#[tokio::test]
async fn backs_up_while_in_use() {
    let (folder, path) = folder();
    filled(&path).await;
    let store = Sqlite::open(&path).unwrap();
    let copy = folder.path().join("copy.db");
    let (copied, _) = tokio::join!(
        store.backup(&copy),
        store.commit(Txn::new().put("new", "1"))
    );
    copied.unwrap();
    assert!(matches!(
        store.backup(&copy).await,
        Err(StoreError::Invalid { .. })
    ));
    let restored = Sqlite::open(&copy).unwrap();
    assert_eq!(count(&restored).await, 1000);
    let query = LogQuery {
        text: Some("nginx".to_owned()),
        ..LogQuery::default()
    };
    assert_eq!(
        restored.query(&query).await.unwrap(),
        store.query(&query).await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_others_while_it_deletes() {
    let (_folder, path) = folder();
    let store = std::sync::Arc::new(Sqlite::open(&path).unwrap());
    for batch in 0..5 {
        store
            .append(Sample::new(batch).take(2000).collect())
            .await
            .unwrap();
    }
    let deleting = {
        let store = store.clone();
        tokio::spawn(async move {
            let keep = Retention {
                not_before: Timestamp(0),
                max_records: 100,
            };
            store.retain(&keep).await.unwrap()
        })
    };
    let mut served = 0;
    while !deleting.is_finished() {
        store
            .commit(Txn::new().put("k", served.to_string()))
            .await
            .unwrap();
        served += 1;
    }
    assert_eq!(soon(deleting).await.unwrap(), 9900);
    assert!(served >= 3, "only {served} commits were served meanwhile");
    assert_eq!(count(&store).await, 100);
    // Texts that only deleted records had are gone as well.
    drop(store);
    let db = Connection::open(&path).unwrap();
    let unused = "SELECT count(*) FROM term WHERE id > 0 AND NOT EXISTS (SELECT 1 FROM header
                  WHERE term.id IN (name, workload, grp, domain, workload2, grp2, domain2))";
    assert_eq!(
        db.query_row(unused, [], |row| row.get::<_, i64>(0))
            .unwrap(),
        0
    );
}

/// A small file system; needs root.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(megabytes: u32) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: mounting a small tmpfs needs root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={megabytes}m");
        let flags = nix::mount::MsFlags::empty();
        nix::mount::mount(
            Some("tmpfs"),
            folder.path(),
            Some("tmpfs"),
            flags,
            Some(&*options),
        )
        .unwrap();
        Some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(self.0.path(), nix::mount::MntFlags::MNT_DETACH);
    }
}

#[tokio::test]
async fn survives_a_full_disk() {
    let Some(disk) = SmallDisk::new(16) else {
        return;
    };
    let path = disk.0.path().join("store.db");
    let ballast = disk.0.path().join("ballast");
    let store = Sqlite::open(&path).unwrap();
    fs::write(&ballast, vec![0; 6 << 20]).unwrap();
    let (mut keys, mut uids) = (Vec::new(), Vec::new());
    let mut sample = Sample::new(1);
    let full = loop {
        let key = format!("k/{}", keys.len());
        match store
            .commit(Txn::new().put(key.clone(), vec![b'x'; 20_000]))
            .await
        {
            Ok(_) => keys.push(key),
            Err(error) => break error,
        }
        let records: Vec<_> = sample.by_ref().take(20).collect();
        let new: Vec<_> = records.iter().map(|record| record.uid.clone()).collect();
        match store.append(records).await {
            Ok(_) => uids.extend(new),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full), "{full:?}");
    assert!(full.to_string().contains("space"));
    // Still full: refused again, still readable.
    let big = Txn::new().put("big", vec![0; 8 << 20]);
    assert!(matches!(store.commit(big).await, Err(StoreError::Full)));
    verify(&store, &keys, &uids).await;
    drop(store);
    // It opens on a full disk too, and works again once there is space.
    let store = Sqlite::open(&path).unwrap();
    verify(&store, &keys, &uids).await;
    fs::remove_file(&ballast).unwrap();
    store.commit(Txn::new().put("after", "1")).await.unwrap();
    store
        .append(Sample::new(2).take(100).collect())
        .await
        .unwrap();
    verify(&store, &keys, &uids).await;
    assert!(store.get_key("after").await);
}

async fn verify(store: &Sqlite, keys: &[String], uids: &[String]) {
    for key in keys {
        assert!(store.get_key(key).await, "{key} is lost");
    }
    for uid in uids {
        assert!(
            EventLog::get(store, uid).await.unwrap().is_some(),
            "{uid} is lost"
        );
    }
    let kinds = LogKind::ALL.to_vec();
    let query = LogQuery {
        kinds,
        limit: 10,
        ..LogQuery::default()
    };
    assert_eq!(
        store.query(&query).await.unwrap().records.len(),
        10.min(uids.len())
    );
}
