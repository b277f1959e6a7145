//! What every [`Store`] does.

use super::soon;
use crate::{
    Change, Revision, Store, StoreError, Txn,
    kv::{MAX_KEY_BYTES, MAX_TXN_OPS, MAX_VALUE_BYTES},
};
use futures::StreamExt;
use std::sync::Arc;

/// Revisions of history the tested store keeps.
pub const HISTORY: u64 = 2000;

async fn put(store: &impl Store, key: &str, value: &str) -> Revision {
    store.commit(Txn::new().put(key, value)).await.unwrap()
}

async fn value(store: &impl Store, key: &str) -> Option<String> {
    let entry = store.get(key).await.unwrap();
    entry.map(|entry| String::from_utf8(entry.value).unwrap())
}

async fn keys(store: &impl Store, prefix: &str) -> Vec<String> {
    store
        .list(prefix)
        .await
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| entry.key)
        .collect()
}

/// Takes `count` changes of a watch, as `(revision, key, value or "-")`.
async fn watch(
    store: &impl Store,
    prefix: &str,
    after: Revision,
    count: usize,
) -> Vec<(Revision, String, String)> {
    let changes = store.watch(prefix, after).await.unwrap();
    let changes: Vec<_> = soon(changes.take(count).collect()).await;
    changes
        .into_iter()
        .map(|change| flat(change.unwrap()))
        .collect()
}

fn flat(change: Change) -> (Revision, String, String) {
    match change {
        Change::Put(e) => (e.revision, e.key, String::from_utf8(e.value).unwrap()),
        Change::Delete { key, revision } => (revision, key, "-".to_owned()),
    }
}

fn conflict_of(result: Result<Revision, StoreError>) -> String {
    match result {
        Err(StoreError::Conflict { key }) => key,
        other => panic!("a conflict, not {other:?}"),
    }
}

/// Puts, gets, overwrites, deletes; revisions grow.
pub async fn reads_what_was_written(store: Arc<impl Store>) {
    assert_eq!(value(&*store, "config/a").await, None);
    let first = put(&*store, "config/a", "1").await;
    let second = put(&*store, "config/a", "2").await;
    assert!(first > 0 && second > first);
    let entry = store.get("config/a").await.unwrap().unwrap();
    assert_eq!((entry.value, entry.revision), (b"2".to_vec(), second));
    let third = store.commit(Txn::new().delete("config/a")).await.unwrap();
    assert!(third > second);
    assert_eq!(value(&*store, "config/a").await, None);
    let binary: Vec<u8> = (0..=255).collect();
    store
        .commit(Txn::new().put("b", binary.clone()).put("empty", ""))
        .await
        .unwrap();
    assert_eq!(store.get("b").await.unwrap().unwrap().value, binary);
    assert_eq!(value(&*store, "empty").await, Some(String::new()));
}

/// A failed condition changes nothing; a transaction has one revision.
pub async fn makes_all_or_nothing(store: Arc<impl Store>) {
    put(&*store, "kept", "1").await;
    let txn = Txn::new()
        .put("a", "1")
        .delete("kept")
        .require_absent("kept");
    assert_eq!(conflict_of(store.commit(txn).await), "kept");
    assert_eq!(keys(&*store, "").await, ["kept"]);
    let revision = store
        .commit(Txn::new().put("a", "1").put("b", "2").delete("kept"))
        .await
        .unwrap();
    let listing = store.list("").await.unwrap();
    assert_eq!(listing.revision, revision);
    assert!(
        listing
            .entries
            .iter()
            .all(|entry| entry.revision == revision)
    );
    assert_eq!(keys(&*store, "").await, ["a", "b"]);
}

/// Conditions hold exactly when they should.
pub async fn compares_and_swaps(store: Arc<impl Store>) {
    let txn = |value: &str| Txn::new().put("k", value);
    let first = store.commit(txn("1").require_absent("k")).await.unwrap();
    assert_eq!(
        conflict_of(store.commit(txn("x").require_absent("k")).await),
        "k"
    );
    let second = store
        .commit(txn("2").require_unchanged("k", first))
        .await
        .unwrap();
    assert_eq!(
        conflict_of(store.commit(txn("x").require_unchanged("k", first)).await),
        "k"
    );
    assert_eq!(
        conflict_of(store.commit(txn("x").require_unchanged("none", 0)).await),
        "none"
    );
    let both = txn("3")
        .require_unchanged("k", second)
        .require_absent("other");
    store.commit(both).await.unwrap();
    assert_eq!(value(&*store, "k").await.as_deref(), Some("3"));
    // Put and condition may be about different keys.
    let third = store.get("k").await.unwrap().unwrap().revision;
    store
        .commit(Txn::new().put("other", "1").require_unchanged("k", third))
        .await
        .unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap().revision, third);
}

/// Increments by compare-and-swap lose none.
pub async fn swaps_under_concurrency(store: Arc<impl Store>) {
    const TASKS: usize = 8;
    const EACH: usize = 25;
    put(&*store, "counter", "0").await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    increment(&*store).await;
                }
            })
        })
        .collect();
    for task in tasks {
        soon(task).await.unwrap();
    }
    assert_eq!(
        value(&*store, "counter").await,
        Some((TASKS * EACH).to_string())
    );
}

async fn increment(store: &impl Store) {
    loop {
        let entry = store.get("counter").await.unwrap().unwrap();
        let count: usize = String::from_utf8(entry.value).unwrap().parse().unwrap();
        let txn = Txn::new().put("counter", (count + 1).to_string());
        match store
            .commit(txn.require_unchanged("counter", entry.revision))
            .await
        {
            Ok(_) => return,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Prefixes are byte prefixes, also at the ends of the alphabet.
pub async fn lists_by_prefix_in_byte_order(store: Arc<impl Store>) {
    let mut all = [
        "a",
        "a/",
        "a/b",
        "a/b/c",
        "a0",
        "b",
        "a/é",
        "a/\u{10ffff}",
        "a/\u{7f}",
        "Z",
    ];
    for key in all {
        put(&*store, key, key).await;
    }
    all.sort_unstable();
    assert_eq!(keys(&*store, "").await, all);
    for prefix in [
        "a",
        "a/",
        "a/b",
        "a/\u{7f}",
        "a/\u{10ffff}",
        "b",
        "c",
        "é",
        "\u{10ffff}",
    ] {
        let wanted: Vec<_> = all.iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(
            keys(&*store, prefix).await.iter().collect::<Vec<_>>(),
            wanted,
            "{prefix:?}"
        );
    }
}

/// Keys with NUL, quotes, wildcards and any plane of Unicode are just keys.
pub async fn takes_any_text_as_key(store: Arc<impl Store>) {
    let all = [
        "\0",
        "a\0b",
        "a\0c",
        "%",
        "_",
        "'; DROP TABLE kv; --",
        "𝕏/🦀",
        "\u{202e}",
        "a\nb",
    ];
    for key in all {
        put(&*store, key, key).await;
    }
    for key in all {
        assert_eq!(value(&*store, key).await.as_deref(), Some(key));
        assert!(keys(&*store, key).await.contains(&key.to_owned()));
    }
    assert_eq!(keys(&*store, "a\0").await, ["a\0b", "a\0c"]);
    assert_eq!(keys(&*store, "_").await, ["_"]);
    store.commit(Txn::new().delete("a\0b")).await.unwrap();
    assert_eq!(value(&*store, "a\0b").await, None);
    assert_eq!(value(&*store, "a\0c").await.as_deref(), Some("a\0c"));
}

/// Limits are errors, and the largest allowed is not.
pub async fn refuses_what_is_over_a_limit(store: Arc<impl Store>) {
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    let many = (0..=MAX_TXN_OPS).fold(Txn::new(), |txn, n| txn.delete(n.to_string()));
    let bad = [
        Txn::new().put("", "1"),
        Txn::new().put(long.clone(), "1"),
        Txn::new().delete(long.clone()),
        Txn::new().require_absent(long),
        Txn::new().put("k", vec![0; MAX_VALUE_BYTES + 1]),
        Txn::new().put("k", "1").put("k", "2"),
        Txn::new().put("k", "1").delete("k"),
        Txn::new().delete("k").delete("k"),
        many,
    ];
    for txn in bad {
        let result = store.commit(txn).await;
        assert!(
            matches!(result, Err(StoreError::Invalid { .. })),
            "{result:?}"
        );
    }
    assert_eq!(store.list("").await.unwrap(), crate::Listing::default());
    let longest = "k".repeat(MAX_KEY_BYTES);
    store
        .commit(Txn::new().put(longest.clone(), vec![7; MAX_VALUE_BYTES]))
        .await
        .unwrap();
    let entry = store.get(&longest).await.unwrap().unwrap();
    assert_eq!(entry.value.len(), MAX_VALUE_BYTES);
}

/// Only changes make revisions, and only they are watched.
pub async fn changes_nothing_without_a_revision(store: Arc<impl Store>) {
    assert_eq!(store.commit(Txn::new()).await.unwrap(), 0);
    let first = put(&*store, "k", "1").await;
    assert_eq!(store.commit(Txn::new()).await.unwrap(), first);
    assert_eq!(
        store.commit(Txn::new().delete("none")).await.unwrap(),
        first
    );
    let only_condition = Txn::new().require_unchanged("k", first);
    assert_eq!(store.commit(only_condition).await.unwrap(), first);
    // Writing the same value again is a change.
    assert_eq!(put(&*store, "k", "1").await, first + 1);
    assert_eq!(watch(&*store, "", 0, 2).await.len(), 2);
}

/// Concurrent writers, one watcher: every change, once, in order of revision.
pub async fn watches_in_order_each_once(store: Arc<impl Store>) {
    const TASKS: usize = 4;
    const EACH: usize = 50;
    let changes = store.watch("", 0).await.unwrap();
    for task in 0..TASKS {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                put(&*store, &format!("{task}/{n}"), "x").await;
            }
        });
    }
    let seen: Vec<_> = soon(changes.take(TASKS * EACH).collect::<Vec<_>>()).await;
    let seen: Vec<_> = seen
        .into_iter()
        .map(|change| flat(change.unwrap()))
        .collect();
    let revisions: Vec<_> = seen.iter().map(|(revision, ..)| *revision).collect();
    assert_eq!(revisions, (1..=(TASKS * EACH) as u64).collect::<Vec<_>>());
    for task in 0..TASKS {
        let own = seen
            .iter()
            .filter(|(_, key, _)| key.starts_with(&format!("{task}/")));
        let wanted: Vec<_> = (0..EACH).map(|n| format!("{task}/{n}")).collect();
        assert_eq!(
            own.map(|(_, key, _)| key.clone()).collect::<Vec<_>>(),
            wanted
        );
    }
}

/// Other keys' changes are not seen; a transaction's order is puts, then deletes.
pub async fn watches_only_its_prefix(store: Arc<impl Store>) {
    put(&*store, "config/old", "0").await;
    put(&*store, "state/x", "0").await;
    let both = Txn::new()
        .put("state/y", "1")
        .put("config/b", "1")
        .put("config/a", "1");
    let revision = store
        .commit(both.delete("config/old").delete("state/x"))
        .await
        .unwrap();
    let last = put(&*store, "config/z", "2").await;
    let text = |revision, key: &str, value: &str| (revision, key.to_owned(), value.to_owned());
    assert_eq!(
        watch(&*store, "config/", revision - 1, 4).await,
        [
            text(revision, "config/b", "1"),
            text(revision, "config/a", "1"),
            text(revision, "config/old", "-"),
            text(last, "config/z", "2"),
        ]
    );
}

/// A watch starts after any kept revision, with the values of then.
pub async fn watches_from_the_past(store: Arc<impl Store>) {
    for n in 1..=20 {
        put(&*store, "k", &n.to_string()).await;
    }
    for after in [0, 7, 19] {
        let seen = watch(&*store, "", after, 20 - usize::try_from(after).unwrap()).await;
        let wanted: Vec<_> = (after + 1..=20)
            .map(|n| (n, "k".to_owned(), n.to_string()))
            .collect();
        assert_eq!(seen, wanted);
    }
    let mut live = store.watch("", 20).await.unwrap();
    put(&*store, "k", "21").await;
    let next = soon(live.next()).await.unwrap().unwrap();
    assert_eq!(flat(next), (21, "k".to_owned(), "21".to_owned()));
}

/// A watcher that reads late still gets everything that is kept.
pub async fn watches_slowly(store: Arc<impl Store>) {
    let slow = store.watch("", 0).await.unwrap();
    let count = usize::try_from(HISTORY).unwrap() / 2;
    put_many(&store, count).await;
    let seen: Vec<_> = soon(slow.take(count).collect::<Vec<_>>()).await;
    let revisions: Vec<_> = seen
        .into_iter()
        .map(|change| change.unwrap().revision())
        .collect();
    assert_eq!(revisions, (1..=count as u64).collect::<Vec<_>>());
}

/// `count` commits, many at a time.
async fn put_many(store: &Arc<impl Store>, count: usize) {
    let commits = futures::stream::iter(0..count).map(|n| {
        let store = store.clone();
        async move { put(&*store, &format!("many/{}", n % 50), &n.to_string()).await }
    });
    commits.buffer_unordered(64).collect::<Vec<_>>().await;
}

/// Listing and then watching after its revision rebuilds the store while it changes.
pub async fn lists_then_watches_without_a_gap(store: Arc<impl Store>) {
    let writer = {
        let store = store.clone();
        tokio::spawn(async move { put_many(&store, 300).await })
    };
    let listing = store.list("").await.unwrap();
    let mut state: std::collections::BTreeMap<String, Vec<u8>> = listing
        .entries
        .into_iter()
        .map(|entry| (entry.key, entry.value))
        .collect();
    let mut changes = store.watch("", listing.revision).await.unwrap();
    let mut at = listing.revision;
    while at < 300 {
        match soon(changes.next()).await.unwrap().unwrap() {
            Change::Put(entry) => {
                assert_eq!(entry.revision, at + 1);
                at = entry.revision;
                state.insert(entry.key, entry.value);
            }
            Change::Delete { key, .. } => panic!("nobody deleted {key}"),
        }
    }
    soon(writer).await.unwrap();
    let end = store.list("").await.unwrap();
    assert_eq!(
        state,
        end.entries
            .into_iter()
            .map(|entry| (entry.key, entry.value))
            .collect()
    );
}

/// What is no longer kept, and what is not yet there, is said, at once or in the stream.
pub async fn tells_when_history_is_gone(store: Arc<impl Store>) {
    let late = store.watch("", 0).await.unwrap();
    let count = HISTORY * 2;
    put_many(&store, usize::try_from(count).unwrap()).await;
    let gone = store.watch("", 0).await.err();
    assert!(
        matches!(gone, Some(StoreError::Compacted { after: 0, .. })),
        "{gone:?}"
    );
    let items: Vec<_> = soon(late.collect::<Vec<_>>()).await;
    assert!(matches!(
        items.last(),
        Some(Err(StoreError::Compacted { .. }))
    ));
    let future = store.watch("", count + 1).await.err();
    assert!(
        matches!(future, Some(StoreError::Compacted { .. })),
        "{future:?}"
    );
    // The promised history is there.
    let kept = usize::try_from(HISTORY).unwrap();
    assert_eq!(watch(&*store, "", count - HISTORY, kept).await.len(), kept);
}

/// What was replaced is gone from the history; what is, stays, and is watched on.
pub async fn wipes(store: Arc<impl Store>) {
    put(&*store, "k", "old").await;
    let last = put(&*store, "k", "new").await;
    let mut current = store.watch("", last).await.unwrap();
    store.wipe().await.unwrap();
    let gone = store.watch("", 0).await.err();
    assert!(
        matches!(gone, Some(StoreError::Compacted { after: 0, .. })),
        "{gone:?}"
    );
    assert_eq!(store.get("k").await.unwrap().unwrap().value, b"new");
    let next = put(&*store, "k", "newer").await;
    assert_eq!(next, last + 1, "wiping is no revision");
    let change = soon(current.next()).await.unwrap().unwrap();
    assert_eq!(change.revision(), next);
    assert_eq!(watch(&*store, "", last, 1).await.len(), 1);
}
