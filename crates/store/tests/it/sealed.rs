//! Secret values at rest: never in the clear in the file, whole or refused.

use futures::executor::block_on;
use rampart_store::{
    Store, StoreError, Txn,
    memory::Memory,
    sealed::{Resealed, Sealed, keyring::Keyring},
    sqlite::{Options, Sqlite},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};
use tempfile::TempDir;

const ALL: &[&str] = &[""];
const SECRET: &[&str] = &["registry/"];
const PASSWORD: &str = "hunter2-of-the-registry";

fn ring(folder: &Path) -> Keyring {
    Keyring::load_or_make(&folder.join("secret.key")).unwrap()
}

fn over_memory(history: u64) -> (Arc<Sealed>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let inner = Arc::new(Memory::with_history(usize::try_from(history).unwrap()));
    let opened = block_on(Sealed::open(inner, ring(folder.path()), ALL)).unwrap();
    (Arc::new(opened.0), folder)
}

fn over_sqlite(history: u64) -> (Arc<Sealed>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let inner = Arc::new(Sqlite::open_with(&path, Options { history }).unwrap());
    let opened = block_on(Sealed::open(inner, ring(folder.path()), ALL)).unwrap();
    (Arc::new(opened.0), folder)
}

mod memory {
    rampart_store::store_conformance!(super::over_memory);
}

mod sqlite {
    rampart_store::store_conformance!(super::over_sqlite);
}

/// Whether a text is anywhere in the folder's store: file, log, all of it.
fn on_disk(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

fn file(folder: &Path) -> Arc<Sqlite> {
    Arc::new(Sqlite::open(&folder.join("store.db")).unwrap())
}

async fn value(store: &dyn Store, key: &str) -> Vec<u8> {
    store.get(key).await.unwrap().unwrap().value
}

#[tokio::test]
async fn what_lay_in_the_clear_is_sealed_and_wiped() {
    let folder = tempfile::tempdir().unwrap();
    let plain = file(folder.path());
    for n in 0..300 {
        let txn = Txn::new()
            .put(format!("registry/{n}"), format!("{PASSWORD} {n}"))
            .put(format!("other/{n}"), "in the open");
        plain.commit(txn).await.unwrap();
    }
    // Written twice, so that an earlier value lies in the history.
    let txn = Txn::new().put("registry/0", format!("{PASSWORD} again"));
    plain.commit(txn).await.unwrap();
    assert!(on_disk(folder.path(), PASSWORD));

    let (sealed, done) = Sealed::open(plain.clone(), ring(folder.path()), SECRET)
        .await
        .unwrap();
    assert_eq!(
        done,
        Resealed {
            plain: 300,
            old_key: 0
        }
    );
    assert!(!on_disk(folder.path(), PASSWORD));
    assert!(on_disk(folder.path(), "in the open"));
    let expected = format!("{PASSWORD} again");
    assert_eq!(value(&sealed, "registry/0").await, expected.as_bytes());
    assert_eq!(sealed.list("registry/").await.unwrap().entries.len(), 300);

    // What is written from now on is sealed before it reaches the file.
    let txn = Txn::new().put("registry/new", "another-secret-text");
    sealed.commit(txn).await.unwrap();
    drop((sealed, plain));
    assert!(!on_disk(folder.path(), PASSWORD));
    assert!(!on_disk(folder.path(), "another-secret-text"));
    let (sealed, done) = Sealed::open(file(folder.path()), ring(folder.path()), SECRET)
        .await
        .unwrap();
    assert_eq!(done, Resealed::default(), "once is enough");
    assert_eq!(value(&sealed, "registry/new").await, b"another-secret-text");
}

#[tokio::test]
async fn a_new_key_seals_everything_and_old_ones_still_open() {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("secret.key");
    let store = Arc::new(Memory::default());
    let (sealed, _) = Sealed::open(store.clone(), ring(folder.path()), SECRET)
        .await
        .unwrap();
    for n in 0..1200 {
        let txn = Txn::new().put(format!("registry/{n}"), PASSWORD);
        sealed.commit(txn).await.unwrap();
    }
    let backup = value(&*store, "registry/7").await;

    let name = Keyring::rotate(&key_file).unwrap();
    let rotated = ring(folder.path());
    assert_eq!(rotated.names().len(), 2);
    assert_eq!(rotated.names()[1], name);
    let (sealed, done) = Sealed::open(store.clone(), rotated, SECRET).await.unwrap();
    assert_eq!(
        done,
        Resealed {
            plain: 0,
            old_key: 1200
        }
    );
    assert_ne!(value(&*store, "registry/7").await, backup);
    assert_eq!(value(&sealed, "registry/7").await, PASSWORD.as_bytes());
    // A value from a backup of before.
    store
        .commit(Txn::new().put("registry/7", backup))
        .await
        .unwrap();
    assert_eq!(value(&sealed, "registry/7").await, PASSWORD.as_bytes());
}

#[tokio::test]
async fn what_was_tampered_with_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Memory::default());
    let (sealed, _) = Sealed::open(store.clone(), ring(folder.path()), SECRET)
        .await
        .unwrap();
    let txn = Txn::new()
        .put("registry/a", PASSWORD)
        .put("registry/b", "other");
    sealed.commit(txn).await.unwrap();
    let good = value(&*store, "registry/a").await;
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut foreign = good.clone();
    foreign[6] ^= 1;
    let cases = [
        ("a bit", flipped, "not what was written there"),
        ("cut", good[..20].to_vec(), "cut short"),
        ("empty", Vec::new(), "in the clear"),
        ("in the clear", b"{}".to_vec(), "in the clear"),
        (
            "another place",
            value(&*store, "registry/b").await,
            "not what was written there",
        ),
        ("another key", foreign, "which the key file does not hold"),
    ];
    for (what, bytes, words) in cases {
        store
            .commit(Txn::new().put("registry/a", bytes.clone()))
            .await
            .unwrap();
        let error = sealed.get("registry/a").await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unsealable { key, detail } if key == "registry/a" && detail.contains(words)),
            "{what}: {error}"
        );
        assert!(sealed.list("").await.is_err(), "{what}");
        assert_eq!(value(&sealed, "registry/b").await, b"other", "{what}");
        // Where it is not in the clear, opening finds it too.
        if bytes.starts_with(b"\0RSV") {
            let opened = Sealed::open(store.clone(), ring(folder.path()), SECRET).await;
            assert!(opened.is_err(), "{what}");
        }
    }
}

#[tokio::test]
async fn without_its_key_file_a_store_says_which_key_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Memory::default());
    let first = ring(folder.path());
    let name = first.names()[0].clone();
    let (sealed, _) = Sealed::open(store.clone(), first, SECRET).await.unwrap();
    sealed
        .commit(Txn::new().put("registry/a", PASSWORD))
        .await
        .unwrap();
    fs::remove_file(folder.path().join("secret.key")).unwrap();
    let error = Sealed::open(store, ring(folder.path()), SECRET)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(&name) && error.contains("backup"), "{error}");
}

#[test]
fn the_key_file_is_its_owners_and_holds_keys_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.key");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert!(Keyring::load(&path).unwrap().is_none());
    let names = Keyring::load_or_make(&path).unwrap().names();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    assert_eq!(Keyring::load_or_make(&path).unwrap().names(), names);
    assert_eq!(mode(), 0o600, "narrowed");
    for _ in 1..16 {
        Keyring::rotate(&path).unwrap();
    }
    let error = Keyring::rotate(&path).unwrap_err().to_string();
    assert!(error.contains("16 keys"), "{error}");
    assert_eq!(mode(), 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let good = "ab".repeat(32);
    for (what, text, words) in [
        ("empty", String::new(), "0 keys"),
        ("comments", "# none\n\n".to_owned(), "0 keys"),
        ("short", good[1..].to_owned(), "no key"),
        ("no digits", "zz".repeat(32), "no key"),
        ("signs", "+a".repeat(32), "no key"),
        ("too many", format!("{good}\n").repeat(17), "17 keys"),
        ("huge", format!("{good}\n").repeat(2000), "too long"),
        ("text", "é".repeat(32), "no key"),
    ] {
        fs::write(&path, &text).unwrap();
        match Keyring::load_or_make(&path) {
            Err(error @ StoreError::KeyFile { .. }) => {
                let error = error.to_string();
                assert!(error.contains(words), "{what}: {error}");
                assert!(!error.contains(&good[2..]), "{what}: a key in an error");
            }
            other => panic!("{what}: {:?}", other.map(|ring| ring.names())),
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            text,
            "{what}: left alone"
        );
    }
}
