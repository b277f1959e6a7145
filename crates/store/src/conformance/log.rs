//! What every [`EventLog`] keeps.

use super::{
    sample::{START_MS, Sample},
    search::all_pages,
};
use crate::{
    EventLog, FieldFilter, FilterOp, LogQuery, Retention, SortKey, StoreError,
    facet::{self, CUT, MAX_LIST, MAX_STRING_BYTES, MAX_TEXT_BYTES, MAX_UID_BYTES, search_text},
    log::{MAX_APPEND, MAX_PAGE},
};
use rampart_model::{
    LogBody, LogKind, LogLevel, LogRecord, Timestamp,
    event::{Activity, WorkloadRef},
};
use std::{collections::BTreeSet, sync::Arc};

/// A record of user activity at `START_MS + at`.
pub(super) fn activity(uid: &str, at: i64) -> LogRecord {
    LogRecord {
        uid: uid.to_owned(),
        at: Timestamp(START_MS + at),
        level: LogLevel::Info,
        name: "User.Login".to_owned(),
        message: format!("message of {uid}"),
        node: "node-1".into(),
        node_name: "worker-1".to_owned(),
        workload: None,
        body: LogBody::Event(Activity {
            user: "admin".to_owned(),
            ..Activity::default()
        }),
    }
}

pub(super) async fn uids(log: &impl EventLog, query: &LogQuery) -> Vec<String> {
    let page = log.query(query).await.unwrap();
    assert_eq!(page.next, None, "one page should hold the whole answer");
    page.records.into_iter().map(|record| record.uid).collect()
}

pub(super) async fn keep(log: &impl EventLog, records: &[LogRecord]) {
    assert_eq!(log.append(records.to_vec()).await.unwrap(), records.len());
}

/// Uids of the records a test accepts, newest first: what the log should answer.
pub(super) fn wanted(records: &[LogRecord], test: impl Fn(&LogRecord) -> bool) -> Vec<String> {
    let mut found: Vec<_> = records.iter().filter(|record| test(record)).collect();
    found.sort_by_key(|record| record.at);
    found
        .into_iter()
        .rev()
        .map(|record| record.uid.clone())
        .collect()
}

pub(super) async fn check(
    log: &impl EventLog,
    records: &[LogRecord],
    query: LogQuery,
    test: impl Fn(&LogRecord) -> bool,
) {
    let query = LogQuery {
        limit: MAX_PAGE,
        with_total: true,
        ..query
    };
    let wanted = wanted(records, test);
    assert_eq!(uids(log, &query).await, wanted, "{query:?}");
    let total = log.query(&query).await.unwrap().total;
    assert_eq!(total, Some(wanted.len() as u64), "{query:?}");
}

pub(super) fn filter(field: &str, op: FilterOp, value: &str) -> LogQuery {
    let filters = vec![FieldFilter {
        field: field.to_owned(),
        op,
        value: value.to_owned(),
    }];
    LogQuery {
        filters,
        ..LogQuery::default()
    }
}

pub(super) fn text(text: &str) -> LogQuery {
    LogQuery {
        text: Some(text.to_owned()),
        ..LogQuery::default()
    }
}

/// What comes out is what went in, for every kind.
pub async fn keeps_records_whole(log: Arc<impl EventLog>) {
    let records: Vec<_> = Sample::new(1).take(200).collect();
    keep(&*log, &records).await;
    let kinds: BTreeSet<_> = records.iter().map(|record| record.body.kind()).collect();
    assert_eq!(kinds.len(), LogKind::ALL.len());
    for record in &records {
        assert_eq!(log.get(&record.uid).await.unwrap().as_ref(), Some(record));
    }
    assert_eq!(log.get("nothing").await.unwrap(), None);
    check(&*log, &records, LogQuery::default(), |_| true).await;
    let page = log
        .query(&LogQuery {
            limit: 1,
            ..LogQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(page.total, None);
}

/// A uid is kept once: between appends, and inside one.
pub async fn ignores_what_it_has(log: Arc<impl EventLog>) {
    assert_eq!(log.append(Vec::new()).await.unwrap(), 0);
    let first = activity("a", 1);
    let other = LogRecord {
        message: "another".to_owned(),
        ..activity("a", 99)
    };
    assert_eq!(
        log.append(vec![first.clone(), other.clone()])
            .await
            .unwrap(),
        1
    );
    assert_eq!(log.append(vec![other, activity("b", 2)]).await.unwrap(), 1);
    assert_eq!(log.get("a").await.unwrap(), Some(first));
    assert_eq!(uids(&*log, &LogQuery::default()).await, ["b", "a"]);
}

/// The oldest go, by age and by number; nothing else, and their uids are free again.
pub async fn retains(log: Arc<impl EventLog>) {
    let records: Vec<_> = (0..2500).map(|n| activity(&n.to_string(), n)).collect();
    keep(&*log, &records).await;
    let all = Retention {
        not_before: Timestamp(0),
        max_records: u64::MAX,
    };
    assert_eq!(log.retain(&all).await.unwrap(), 0);
    let not_before = Timestamp(START_MS + 1100);
    assert_eq!(
        log.retain(&Retention { not_before, ..all }).await.unwrap(),
        1100
    );
    check(&*log, &records, LogQuery::default(), |r| r.at >= not_before).await;
    assert_eq!(
        log.retain(&Retention {
            max_records: 10,
            ..all
        })
        .await
        .unwrap(),
        1390
    );
    let left = Timestamp(START_MS + 2490);
    check(&*log, &records, LogQuery::default(), |r| r.at >= left).await;
    check(&*log, &records, text("message of 2"), |r| r.at >= left).await;
    let names = vec!["User.Login".to_owned()];
    let by_name = LogQuery {
        names,
        ..LogQuery::default()
    };
    check(&*log, &records, by_name.clone(), |r| r.at >= left).await;
    assert_eq!(log.get("5").await.unwrap(), None);
    assert_eq!(log.append(vec![records[5].clone()]).await.unwrap(), 1);
    assert_eq!(
        log.retain(&Retention {
            max_records: 0,
            ..all
        })
        .await
        .unwrap(),
        11
    );
    assert!(uids(&*log, &LogQuery::default()).await.is_empty());
    keep(&*log, &records[..3]).await;
    check(&*log, &records[..3], by_name, |_| true).await;
}

/// Text of any kind is kept as it is and found.
pub async fn takes_hostile_strings(log: Arc<impl EventLog>) {
    let hostile = [
        "\0",
        "a\0b",
        "\u{1f}",
        "𝕏🦀\u{10ffff}",
        "\u{202e}gnp.exe",
        "\x1b[2J\x1b]0;x\x07",
        "<script>alert(1)</script>",
        "'; DROP TABLE record; --",
        "\"",
        "\\",
        "{\"a\":1}",
        "%_*?",
        "line\r\nbreak",
        "\u{feff}",
        "İ",
        "ﬀ",
        "e\u{301}",
        "\u{e000}\u{f0000}\u{f0000}",
        "\u{fffd}",
    ];
    let records: Vec<_> = hostile
        .iter()
        .enumerate()
        .map(|(n, text)| LogRecord {
            name: format!("name {text}"),
            message: format!("before {text} after"),
            workload: Some(WorkloadRef {
                id: (*text).into(),
                domain: (*text).to_owned(),
                group: (*text).into(),
                ..WorkloadRef::default()
            }),
            ..activity(&format!("uid {text}"), i64::try_from(n).unwrap())
        })
        .collect();
    keep(&*log, &records).await;
    for (record, hostile) in records.iter().zip(hostile) {
        assert_eq!(log.get(&record.uid).await.unwrap().as_ref(), Some(record));
        let one = |query: LogQuery| check(&*log, &records, query, |r| r.uid == record.uid);
        one(LogQuery {
            names: vec![record.name.clone()],
            ..LogQuery::default()
        })
        .await;
        one(LogQuery {
            workload: Some(hostile.into()),
            ..LogQuery::default()
        })
        .await;
        one(LogQuery {
            group: Some(hostile.into()),
            ..LogQuery::default()
        })
        .await;
        one(LogQuery {
            domains: Some(vec![hostile.to_owned()]),
            ..LogQuery::default()
        })
        .await;
        one(filter("name", FilterOp::Eq, &record.name)).await;
        let folded = facet::fold(&record.message);
        let by_text = text(&record.message);
        check(&*log, &records, by_text, |r| {
            search_text(r).contains(&folded)
        })
        .await;
    }
}

/// Megabytes in a field, or thousands of elements, are cut with a mark and still found.
pub async fn cuts_what_is_too_long(log: Arc<impl EventLog>) {
    let long = "é🦀 needle ".repeat(100_000);
    let body = Activity {
        user: "u".repeat(1 << 20),
        user_roles: (0..5000).map(|n| format!("role-{n}")).collect(),
        rest_body: long.clone(),
        ..Activity::default()
    };
    let workload = WorkloadRef {
        domain: long.clone(),
        ..WorkloadRef::default()
    };
    let record = LogRecord {
        message: long.clone(),
        name: "n".repeat(1 << 20),
        workload: Some(workload),
        body: LogBody::Event(body),
        ..activity("long", 1)
    };
    keep(&*log, &[record]).await;
    let kept = log.get("long").await.unwrap().unwrap();
    for text in [
        &kept.message,
        &kept.name,
        &kept.workload.as_ref().unwrap().domain,
    ] {
        assert!(text.ends_with(CUT) && text.len() <= MAX_STRING_BYTES && text.len() > 16_000);
    }
    let LogBody::Event(body) = &kept.body else {
        panic!("its kind changed")
    };
    assert_eq!(body.user_roles.len(), MAX_LIST);
    assert_eq!(uids(&*log, &text("needle é🦀")).await, ["long"]);
    // Its text is longer than what can be searched; a field filter sees all that was kept.
    assert!(facet::search_text(&kept).len() > MAX_TEXT_BYTES - 8);
    assert_eq!(
        uids(&*log, &filter("user_roles", FilterOp::Eq, "role-77")).await,
        ["long"]
    );
    assert_eq!(uids(&*log, &text("role-77")).await, Vec::<String>::new());
    let names = vec![kept.name.clone()];
    assert_eq!(
        uids(
            &*log,
            &LogQuery {
                names,
                ..LogQuery::default()
            }
        )
        .await,
        ["long"]
    );
}

/// What has no usable uid, and too much at once, is refused as a whole.
pub async fn refuses_what_cannot_be_kept(log: Arc<impl EventLog>) {
    let long = "u".repeat(MAX_UID_BYTES + 1);
    let many: Vec<_> = (0..=MAX_APPEND)
        .map(|n| activity(&n.to_string(), 0))
        .collect();
    for bad in [
        vec![activity("", 1)],
        vec![activity("good", 1), activity(&long, 1)],
        many,
    ] {
        let result = log.append(bad).await;
        assert!(
            matches!(result, Err(StoreError::Invalid { .. })),
            "{result:?}"
        );
    }
    assert!(uids(&*log, &LogQuery::default()).await.is_empty());
    keep(&*log, &[activity(&long[1..], 1)]).await;
    let long_text = text(&"x".repeat(1 << 20));
    assert!(matches!(
        log.query(&long_text).await,
        Err(StoreError::Invalid { .. })
    ));
    let names: Vec<_> = (0..100_000).map(|n| n.to_string()).collect();
    let long_list = LogQuery {
        names,
        ..LogQuery::default()
    };
    assert!(matches!(
        log.query(&long_list).await,
        Err(StoreError::Invalid { .. })
    ));
}

/// Thousands of records of one millisecond, and times before and after everything.
pub async fn keeps_crowded_and_odd_times(log: Arc<impl EventLog>) {
    let crowd: Vec<_> = (0..18_000)
        .map(|n| activity(&format!("c{n:05}"), 0))
        .collect();
    keep(&*log, &crowd).await;
    let odd = [i64::MIN, -1, 0, 1, i64::MAX].map(|ms| LogRecord {
        at: Timestamp(ms),
        ..activity(&format!("at {ms}"), 0)
    });
    keep(&*log, &odd).await;
    let query = LogQuery {
        limit: 5000,
        sort: vec![(SortKey::At, true)],
        ..LogQuery::default()
    };
    let found = all_pages(&*log, query).await.concat();
    let crowd = crowd.iter().map(|record| record.uid.clone());
    let early = odd[..4].iter().map(|record| record.uid.clone());
    let late = std::iter::once(odd[4].uid.clone());
    assert_eq!(found, early.chain(crowd).chain(late).collect::<Vec<_>>());
    let before = LogQuery {
        to: Some(Timestamp(START_MS - 1)),
        ..LogQuery::default()
    };
    assert_eq!(uids(&*log, &before).await.len(), 4);
}

/// Appends at the same time all arrive, and shared uids once.
pub async fn appends_concurrently(log: Arc<impl EventLog>) {
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut new = 0;
                for n in 0..20 {
                    let own = activity(&format!("{task}/{n}"), n);
                    let shared = activity(&format!("shared/{n}"), n);
                    new += log.append(vec![own, shared]).await.unwrap();
                }
                new
            })
        })
        .collect();
    let mut new = 0;
    for task in tasks {
        new += super::soon(task).await.unwrap();
    }
    assert_eq!(new, 8 * 20 + 20);
    assert_eq!(uids(&*log, &LogQuery::default()).await.len(), new);
}
