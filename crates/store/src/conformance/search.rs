//! What every [`EventLog`] finds.

use super::{
    log::{activity, check, filter, keep, text, uids, wanted},
    sample::{Random, START_MS, Sample},
};
use crate::{
    Cursor, EventLog, FilterOp, LogPage, LogQuery, SortKey, StoreError,
    facet::{self, MAX_STRING_BYTES, search_text},
    log::{MAX_PAGE, TOTAL_CAP_TEXT},
};
use rampart_model::{
    GroupName, LogBody, LogKind, LogLevel, LogRecord, Timestamp, WorkloadId, event::Activity,
};
use std::{collections::BTreeSet, sync::Arc};

/// Kinds, levels, names, workload, group, alone and together.
pub async fn filters_by_facets(log: Arc<impl EventLog>) {
    let mut sample = Sample::new(2);
    (sample.domains, sample.workloads) = (4, 4);
    let records: Vec<_> = sample.take(600).collect();
    keep(&*log, &records).await;
    for kind in LogKind::ALL {
        let query = LogQuery {
            kinds: vec![*kind],
            ..LogQuery::default()
        };
        check(&*log, &records, query, |r| r.body.kind() == *kind).await;
    }
    let kinds = vec![LogKind::Audit, LogKind::Threat, LogKind::Audit];
    let levels = vec![LogLevel::Critical, LogLevel::Debug];
    let both = LogQuery {
        kinds,
        levels,
        ..LogQuery::default()
    };
    check(&*log, &records, both, |r| {
        matches!(r.body.kind(), LogKind::Audit | LogKind::Threat) && r.level == LogLevel::Critical
    })
    .await;
    let names = vec![
        "User.Login".to_owned(),
        "unheard of".to_owned(),
        "user.logout".to_owned(),
    ];
    let query = LogQuery {
        names,
        ..LogQuery::default()
    };
    check(&*log, &records, query, |r| r.name == "User.Login").await;
    for record in records
        .iter()
        .filter(|record| record.workload.is_some())
        .take(8)
    {
        let workload = record.workload.clone().unwrap();
        let (id, group) = (workload.id, workload.group);
        let by_id = LogQuery {
            workload: Some(id.clone()),
            ..LogQuery::default()
        };
        check(&*log, &records, by_id, |r| {
            facet::facets(r).workloads.has(id.as_str())
        })
        .await;
        let by_group = LogQuery {
            group: Some(group.clone()),
            ..LogQuery::default()
        };
        check(&*log, &records, by_group.clone(), |r| {
            facet::facets(r).groups.has(group.as_str())
        })
        .await;
        let kinds = vec![LogKind::Violation];
        let all = LogQuery {
            kinds,
            workload: Some(id.clone()),
            ..by_group
        };
        check(&*log, &records, all, |r| {
            let facets = facet::facets(r);
            facets.kind == LogKind::Violation
                && facets.workloads.has(id.as_str())
                && facets.groups.has(group.as_str())
        })
        .await;
    }
    let none = LogQuery {
        workload: Some(WorkloadId::from("none")),
        ..LogQuery::default()
    };
    check(&*log, &records, none, |_| false).await;
    let none = LogQuery {
        group: Some(GroupName::from("none")),
        ..LogQuery::default()
    };
    check(&*log, &records, none, |_| false).await;
}

/// Both ends are included; a turned-around range is empty.
pub async fn filters_by_time(log: Arc<impl EventLog>) {
    let records: Vec<_> = (0..20)
        .map(|n| activity(&format!("u{n:02}"), n * 1000))
        .collect();
    keep(&*log, &records).await;
    let at = |n: i64| Some(Timestamp(START_MS + n));
    let cases = [
        (None, None),
        (at(5000), None),
        (None, at(5000)),
        (at(5000), at(9000)),
        (at(5001), at(8999)),
        (at(5000), at(5000)),
        (at(9000), at(5000)),
        (at(100_000), None),
        (Some(Timestamp(i64::MIN)), Some(Timestamp(i64::MAX))),
        (Some(Timestamp(i64::MAX)), None),
    ];
    for (from, to) in cases {
        let query = LogQuery {
            from,
            to,
            ..LogQuery::default()
        };
        check(&*log, &records, query, |r| {
            from.is_none_or(|from| r.at >= from) && to.is_none_or(|to| r.at <= to)
        })
        .await;
    }
}

/// A violation or threat is visible to who may see either end; no domains see nothing.
pub async fn shows_both_ends_of_a_conversation(log: Arc<impl EventLog>) {
    let mut sample = Sample::new(3);
    sample.domains = 6;
    let records: Vec<_> = sample.take(500).collect();
    keep(&*log, &records).await;
    let lists: [&[&str]; 7] = [
        &[],
        &["team-1"],
        &["team-1", "team-2", "team-1"],
        &["nowhere"],
        &["nowhere", "team-3"],
        &[""],
        &[
            "", "team-0", "team-1", "team-2", "team-3", "team-4", "team-5",
        ],
    ];
    for list in lists {
        let domains: Vec<String> = list.iter().map(|domain| (*domain).to_owned()).collect();
        let visible = |r: &LogRecord| match &r.body {
            LogBody::Violation(v) => {
                domains.contains(&v.client.domain) || domains.contains(&v.server.domain)
            }
            LogBody::Threat(t) => {
                domains.contains(&t.client.domain) || domains.contains(&t.server.domain)
            }
            _ => domains.contains(&r.workload.clone().unwrap_or_default().domain),
        };
        let query = LogQuery {
            domains: Some(domains.clone()),
            ..LogQuery::default()
        };
        check(&*log, &records, query.clone(), visible).await;
        let kinds = vec![LogKind::Violation, LogKind::Threat];
        let some = LogQuery { kinds, ..query };
        check(&*log, &records, some, |r| {
            visible(r) && matches!(r.body.kind(), LogKind::Violation | LogKind::Threat)
        })
        .await;
    }
    // Very many domains are a list like any other.
    let domains: Vec<String> = (0..1000).map(|n| format!("team-{n}")).collect();
    let query = LogQuery {
        domains: Some(domains),
        ..LogQuery::default()
    };
    check(&*log, &records, query, |r| r.body.kind() != LogKind::Event).await;
}

/// Text is found in message, workload and body, in any case and any length, and nowhere else.
pub async fn finds_text(log: Arc<impl EventLog>) {
    let mut records: Vec<_> = Sample::new(4).take(400).collect();
    let odd = "Ünïcode \"quoted\" 100%_* 𝕏🦀 İstanbul ΣΑΣ";
    records.push(LogRecord {
        message: odd.to_owned(),
        ..activity("odd", 5)
    });
    keep(&*log, &records).await;
    let needles = [
        "/etc/shadow",
        "/ETC/Shadow",
        "nginx",
        "web-",
        "a",
        "nc",
        "x",
        "6379",
        "team-7",
        "worker-3",
        "ünïcode \"quoted\"",
        "\"quoted\"",
        "100%_*",
        "𝕏🦀",
        "🦀",
        "i̇stanbul",
        "σασ",
        "ΣΑΣ",
        "cmd.exe",
        "' OR 1=1",
        "\" OR \"a",
        "NEAR(",
        "*",
        "R0VUIC8gSFRU",
        "shadow\u{1f}",
        "message in",
        "network.violation in redis",
        "-c 'cat /proc/",
    ];
    for needle in needles {
        let folded = facet::fold(needle);
        check(&*log, &records, text(needle), |r| {
            search_text(r).contains(&folded)
        })
        .await;
        let kinds = vec![LogKind::Incident];
        let narrowed = LogQuery {
            kinds,
            ..text(needle)
        };
        check(&*log, &records, narrowed, |r| {
            r.body.kind() == LogKind::Incident && search_text(r).contains(&folded)
        })
        .await;
    }
    assert_eq!(uids(&*log, &text("100%_*")).await, ["odd"]);
    check(&*log, &records, text(""), |_| true).await;
}

/// Field, operator, value, and the records found, newest first: d c b a v.
const OPERATOR_CASES: &[(&str, FilterOp, &str, &str)] = {
    use FilterOp::{Contains, Eq, Gt, Gte, In, Lt, Lte, Neq, NotIn, Prefix};
    &[
        ("user", Eq, "bob", "b"),
        ("user", Eq, "bo", ""),
        ("user", Eq, "", ""),
        ("user_addr", Eq, "", "dcba"),
        ("user", Neq, "bob", "dcav"),
        ("user", In, "bo|adm", "ba"),
        ("user", In, "|", ""),
        ("user", NotIn, "bo|adm", "dcv"),
        ("user", NotIn, "", "dcbav"),
        ("user", Gt, "admin", "b"),
        ("user", Gte, "admin", "ba"),
        ("user", Lt, "admin", "dc"),
        ("user", Lte, "admin", "dca"),
        ("user", Prefix, "b", "b"),
        ("user", Prefix, "", "dcba"),
        ("user", Contains, "o", "cb"),
        ("user", Eq, "443", "d"),
        ("user_roles", Eq, "reader", "ba"),
        ("user_roles", Eq, "true", "d"),
        ("user_roles", Neq, "reader", "dcv"),
        ("user_roles", Prefix, "adm", "a"),
        ("server_port", Eq, "6379", "v"),
        ("server_port", Eq, " 6379 ", "v"),
        ("server_port", Eq, "06379", "v"),
        ("server_port", Eq, "637", ""),
        ("server_port", Neq, "6379", "dcba"),
        ("server_port", In, "80|6379", "v"),
        ("server_port", In, "637", ""),
        ("server_port", Gt, "999", "v"),
        ("server_port", Gte, "6379", "v"),
        ("server_port", Lt, "6379", ""),
        ("server_port", Lte, "10000", "v"),
        ("server_port", Prefix, "63", "v"),
        ("server_port", Prefix, "637", "v"),
        ("server_port", Contains, "379", "v"),
        ("bytes", Eq, "500", "v"),
        ("bytes", In, "499|500", "v"),
        ("client.name", Eq, "web-1", "v"),
        ("client.name", Prefix, "web", "v"),
        ("client", Eq, "web-1", ""),
        ("client.nothing", Eq, "web-1", ""),
        ("level", Eq, "warning", "b"),
        ("level", Gte, "Warning", "dcb"),
        ("level", Lt, "Warning", "a"),
        ("level", In, "Warning|Error", "db"),
        ("kind", Eq, "violation", "v"),
        ("nothing", Eq, "", ""),
        ("nothing", Neq, "x", "dcbav"),
        ("nothing", NotIn, "x", "dcbav"),
        ("", Eq, "", ""),
        ("..", Neq, "", "dcbav"),
    ]
};

/// Each operator on text, numbers, lists, levels, truth values and absent fields.
pub async fn filters_by_every_operator(log: Arc<impl EventLog>) {
    let with = |uid: &str, at, user: &str, roles: &[&str], level| {
        let user_roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let body = Activity {
            user: user.to_owned(),
            user_roles,
            ..Activity::default()
        };
        LogRecord {
            level,
            body: LogBody::Event(body),
            ..activity(uid, at)
        }
    };
    let mut violation = Sample::new(5)
        .find(|r| r.body.kind() == LogKind::Violation)
        .unwrap();
    (violation.uid, violation.at) = ("v".to_owned(), Timestamp(START_MS));
    if let LogBody::Violation(v) = &mut violation.body {
        (v.server_port, v.bytes, v.client.name) = (6379, 500, "web-1".to_owned());
    }
    let records = [
        violation,
        with("a", 1, "admin", &["admin", "reader"], LogLevel::Info),
        with("b", 2, "bob", &["reader"], LogLevel::Warning),
        with("c", 3, "Bob", &[], LogLevel::Critical),
        with("d", 4, "443", &["true"], LogLevel::Error),
    ];
    keep(&*log, &records).await;
    assert_eq!(
        OPERATOR_CASES
            .iter()
            .map(|case| case.1.name())
            .collect::<BTreeSet<_>>()
            .len(),
        10
    );
    for (field, op, value, wanted) in OPERATOR_CASES {
        let mut query = filter(field, *op, value);
        // The violation's own level is whatever the sample gave it.
        if *field == "level" {
            query.kinds = vec![LogKind::Event];
        }
        let found = uids(&*log, &query).await.concat();
        assert_eq!(found, *wanted, "{field} {op:?} {value:?}");
    }
}

/// Header and body fields, nested ones, and several conditions at once.
pub async fn reaches_every_field(log: Arc<impl EventLog>) {
    let records: Vec<_> = Sample::new(6).take(300).collect();
    keep(&*log, &records).await;
    for record in records.iter().step_by(23) {
        let mut queries = vec![
            ("uid", record.uid.clone()),
            ("at", record.at.ms().to_string()),
            ("message", record.message.clone()),
            ("node", record.node.to_string()),
        ];
        if let Some(workload) = &record.workload {
            queries.push(("workload.image", workload.image.clone()));
            queries.push(("workload.id", workload.id.to_string()));
        }
        match &record.body {
            LogBody::Incident(i) => {
                queries.push(("process.path", i.process.path.clone()));
                queries.push(("process.ancestors", "containerd-shim".to_owned()));
                queries.push(("process.tty", "false".to_owned()));
                queries.push(("process.pid", i.process.pid.to_string()));
                queries.push(("verdict", "deny".to_owned()));
            }
            LogBody::Violation(v) => queries.push(("client.address", v.client.address.to_string())),
            LogBody::Audit(a) => queries.push(("items", a.items[0].clone())),
            _ => {}
        }
        for (field, value) in queries {
            let mut query = filter(field, FilterOp::Eq, &value);
            let found = uids(&*log, &query).await;
            assert!(found.contains(&record.uid), "{field} = {value}");
            query
                .filters
                .extend(filter("uid", FilterOp::Neq, &record.uid).filters);
            assert_eq!(
                uids(&*log, &query).await.len(),
                found.len() - 1,
                "{field} = {value}"
            );
        }
    }
}

/// By time both ways, by fields both ways, by several; ties newest first.
pub async fn sorts(log: Arc<impl EventLog>) {
    let user = |user: &str| {
        LogBody::Event(Activity {
            user: user.to_owned(),
            ..Activity::default()
        })
    };
    let records = [
        LogRecord {
            level: LogLevel::Error,
            body: user("bob"),
            ..activity("1", 1)
        },
        LogRecord {
            level: LogLevel::Critical,
            body: user("eve"),
            ..activity("2", 2)
        },
        LogRecord {
            level: LogLevel::Info,
            body: user("bob"),
            ..activity("3", 3)
        },
        LogRecord {
            level: LogLevel::Error,
            body: user("amy"),
            ..activity("4", 3)
        },
    ];
    keep(&*log, &records).await;
    let field = |name: &str| SortKey::Field(name.to_owned());
    let cases: [(Vec<(SortKey, bool)>, &str); 9] = [
        (vec![], "4321"),
        (vec![(SortKey::At, false)], "4321"),
        (vec![(SortKey::At, true)], "1234"),
        (vec![(SortKey::At, true), (field("user"), true)], "1234"),
        (vec![(field("user"), true)], "4312"),
        (vec![(field("user"), false)], "2314"),
        (vec![(field("level"), false)], "2413"),
        (vec![(field("level"), true), (field("user"), true)], "3412"),
        (vec![(field("user"), true), (SortKey::At, true)], "4132"),
    ];
    for (sort, wanted) in cases {
        let query = LogQuery {
            sort: sort.clone(),
            ..LogQuery::default()
        };
        assert_eq!(uids(&*log, &query).await.concat(), wanted, "{sort:?}");
        let paged = LogQuery {
            sort: sort.clone(),
            limit: 1,
            ..LogQuery::default()
        };
        let pages = all_pages(&*log, paged).await;
        assert_eq!(pages.concat().concat(), wanted, "{sort:?}");
        let started = LogQuery {
            sort,
            start: 1,
            limit: 2,
            ..LogQuery::default()
        };
        let page = log.query(&started).await.unwrap();
        let found: String = page
            .records
            .iter()
            .map(|record| record.uid.as_str())
            .collect();
        assert_eq!(Some(found.as_str()), wanted.get(1..3));
    }
}

/// Uids page by page, by cursor, through the cursor's text form.
pub(super) async fn all_pages(log: &impl EventLog, mut query: LogQuery) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page: LogPage = log.query(&query).await.unwrap();
        pages.push(page.records.into_iter().map(|record| record.uid).collect());
        let Some(next) = page.next else { return pages };
        query.cursor = Some(next.to_string().parse::<Cursor>().unwrap());
    }
}

/// Pages join to the whole, each once, whichever way; appending meanwhile disturbs no cursor.
pub async fn pages_by_cursor_and_start(log: Arc<impl EventLog>) {
    let records: Vec<_> = Sample::new(7).take(500).collect();
    keep(&*log, &records).await;
    let queries = [
        LogQuery::default(),
        LogQuery {
            kinds: vec![LogKind::Violation, LogKind::Event],
            ..LogQuery::default()
        },
        LogQuery {
            domains: Some(vec!["team-1".into(), "team-2".into()]),
            ..LogQuery::default()
        },
        text("nginx"),
        filter("process.path", FilterOp::Prefix, "/usr/"),
    ];
    for query in queries {
        for ascending in [false, true] {
            let query = LogQuery {
                sort: vec![(SortKey::At, ascending)],
                ..query.clone()
            };
            let whole = uids(&*log, &query).await;
            let small = LogQuery {
                limit: 37,
                ..query.clone()
            };
            let pages = all_pages(&*log, small.clone()).await;
            assert!(pages.iter().rev().skip(1).all(|page| page.len() == 37));
            assert_eq!(pages.concat(), whole);
            for start in [0, 1, 37, whole.len() - 1, whole.len(), 10_000] {
                let page = log
                    .query(&LogQuery {
                        start: start as u64,
                        ..small.clone()
                    })
                    .await;
                let found: Vec<_> = page.unwrap().records.into_iter().map(|r| r.uid).collect();
                let wanted: Vec<_> = whole.iter().skip(start).take(37).cloned().collect();
                assert_eq!(found, wanted, "start {start}");
            }
        }
    }
    let mut query = LogQuery {
        limit: 200,
        ..LogQuery::default()
    };
    let first = log.query(&query).await.unwrap();
    keep(&*log, &[activity("later", 1 << 40)]).await;
    query.cursor = first.next;
    let second = log.query(&query).await.unwrap();
    let both = first
        .records
        .iter()
        .chain(&second.records)
        .map(|record| record.uid.clone());
    assert_eq!(both.collect::<Vec<_>>(), wanted(&records, |_| true)[..400]);
    for bad in ["", "x", "t", "o-1", "t1x", "é"] {
        assert!(bad.parse::<Cursor>().is_err(), "{bad:?}");
    }
    let sort = vec![(SortKey::Field("user".to_owned()), true)];
    let crossed = LogQuery {
        sort,
        cursor: query.cursor,
        ..LogQuery::default()
    };
    assert!(matches!(
        log.query(&crossed).await,
        Err(StoreError::Invalid { .. })
    ));
}

/// Totals are exact up to their cap, whatever the page.
pub async fn counts(log: Arc<impl EventLog>) {
    let many = TOTAL_CAP_TEXT + 50;
    let records: Vec<_> = (0..many)
        .map(|n| activity(&n.to_string(), n.cast_signed()))
        .collect();
    keep(&*log, &records).await;
    let total = async |query: LogQuery| {
        let query = LogQuery {
            limit: 3,
            with_total: true,
            start: 5,
            ..query
        };
        let page = log.query(&query).await.unwrap();
        assert_eq!(page.records.len(), 3);
        page.total
    };
    assert_eq!(total(LogQuery::default()).await, Some(many));
    let kinds = vec![LogKind::Event];
    assert_eq!(
        total(LogQuery {
            kinds,
            ..LogQuery::default()
        })
        .await,
        Some(many)
    );
    assert_eq!(total(text("message of")).await, Some(TOTAL_CAP_TEXT));
    assert_eq!(total(text("message of 44")).await, Some(111));
    let none = LogQuery {
        limit: 0,
        with_total: true,
        ..LogQuery::default()
    };
    let page = log.query(&none).await.unwrap();
    assert_eq!((page.records.len(), page.total), (0, Some(many)));
}

/// A page is bounded in records and bytes, and says where to go on.
pub async fn bounds_pages(log: Arc<impl EventLog>) {
    let records: Vec<_> = (0..12_000).map(|n| activity(&n.to_string(), n)).collect();
    keep(&*log, &records).await;
    let page = log
        .query(&LogQuery {
            limit: u32::MAX,
            ..LogQuery::default()
        })
        .await
        .unwrap();
    assert_eq!(page.records.len(), MAX_PAGE as usize);
    assert!(page.next.is_some());
    let long = "x".repeat(MAX_STRING_BYTES);
    let big = |n: i64| LogRecord {
        message: long.clone(),
        ..activity(&format!("big{n}"), n)
    };
    for batch in 0..3 {
        let records: Vec<_> = (0..1000)
            .map(|n| big(1_000_000 + batch * 1000 + n))
            .collect();
        keep(&*log, &records).await;
    }
    let from = Some(Timestamp(START_MS + 1_000_000));
    let query = LogQuery {
        from,
        limit: MAX_PAGE,
        ..LogQuery::default()
    };
    let first = log.query(&query).await.unwrap();
    let bytes: usize = first
        .records
        .iter()
        .map(|record| record.message.len())
        .sum();
    assert!(bytes <= crate::log::MAX_PAGE_BYTES && first.records.len() > 1000);
    assert_eq!(all_pages(&*log, query).await.concat().len(), 3000);
}

/// Buckets start at multiples, are counted by kind and level, and obey the filters.
pub async fn draws_histograms(log: Arc<impl EventLog>) {
    let records: Vec<_> = Sample::new(8).take(400).collect();
    keep(&*log, &records).await;
    let bucket = 60_000;
    let day = |n: i64| Some(Timestamp(START_MS + n * 100_000));
    let queries = [
        LogQuery::default(),
        LogQuery {
            kinds: vec![LogKind::Incident],
            limit: 1,
            start: 7,
            ..LogQuery::default()
        },
        LogQuery {
            domains: Some(vec!["team-1".into(), "team-4".into()]),
            ..LogQuery::default()
        },
        LogQuery {
            from: day(1),
            to: day(5),
            ..LogQuery::default()
        },
        text("nginx"),
        text("no such text"),
    ];
    for query in queries {
        let whole = LogQuery {
            limit: MAX_PAGE,
            start: 0,
            ..query.clone()
        };
        let mut counts = std::collections::BTreeMap::new();
        for record in log.query(&whole).await.unwrap().records {
            let at = Timestamp(record.at.ms() - record.at.ms().rem_euclid(bucket));
            *counts
                .entry((at, record.body.kind(), record.level))
                .or_insert(0_u64) += 1;
        }
        let wanted: Vec<_> = counts
            .into_iter()
            .map(|((a, k, l), n)| (a, k, l, n))
            .collect();
        assert_eq!(
            log.histogram(&query, bucket).await.unwrap(),
            wanted,
            "{query:?}"
        );
    }
    for bad in [0, -5, i64::MIN] {
        let result = log.histogram(&LogQuery::default(), bad).await;
        assert!(matches!(result, Err(StoreError::Invalid { .. })));
    }
    assert!(
        !log.histogram(&LogQuery::default(), i64::MAX)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Random queries over random records: the log's answer is that of looking at each record.
pub async fn agrees_with_a_naive_search(log: Arc<impl EventLog>) {
    let mut sample = Sample::new(9);
    (sample.domains, sample.workloads) = (5, 5);
    let records: Vec<_> = sample.take(1500).collect();
    for batch in records.chunks(100) {
        keep(&*log, batch).await;
    }
    let mut random = Random(10);
    for _ in 0..150 {
        let model = random.pick(&records).clone();
        let facets = facet::facets(&model);
        let mut query = LogQuery::default();
        if random.below(2) == 0 {
            query.kinds = vec![facets.kind];
        }
        if random.below(3) == 0 {
            query.levels = vec![facets.level, LogLevel::Alert];
        }
        if random.below(3) == 0 {
            query.names = vec![facets.name.clone()];
        }
        if random.below(3) == 0 {
            query.domains = Some(vec![facets.domains.first.clone()]);
        }
        if random.below(3) == 0 {
            query.group = Some(facets.groups.first.clone().into());
        }
        if random.below(4) == 0 {
            query.workload = Some(facets.workloads.first.clone().into());
        }
        if random.below(3) == 0 {
            query.to = Some(model.at);
        }
        if random.below(3) == 0 {
            query.text = Some(model.message.chars().skip(3).take(12).collect());
        }
        let needle = query.text.as_deref().map(facet::fold);
        let copy = query.clone();
        check(&*log, &records, query, |r| {
            let f = facet::facets(r);
            (copy.kinds.is_empty() || copy.kinds.contains(&f.kind))
                && (copy.levels.is_empty() || copy.levels.contains(&f.level))
                && (copy.names.is_empty() || copy.names.contains(&f.name))
                && copy.domains.iter().flatten().all(|d| f.domains.has(d))
                && copy.group.iter().all(|g| f.groups.has(g.as_str()))
                && copy.workload.iter().all(|w| f.workloads.has(w.as_str()))
                && copy.to.is_none_or(|to| r.at <= to)
                && needle
                    .as_ref()
                    .is_none_or(|needle| search_text(r).contains(needle))
        })
        .await;
    }
}
