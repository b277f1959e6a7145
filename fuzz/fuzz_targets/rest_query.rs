//! The REST query language: any query string, over rows of every kind of value.
//!
//! Holds: no panic, a page never leaves the rows, and a filter never adds a row.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_api::query::ListQuery;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn rows() -> Vec<Value> {
    vec![
        json!({"name": "web", "n": 3, "on": true, "apps": ["HTTP", "nginx"], "labels": {"app": "w"}, "brief": {"domain": "shop"}}),
        json!({"name": "a|b, c", "n": -1.5, "on": false, "apps": [], "labels": {}, "brief": {"domain": ""}}),
        json!({"name": null, "n": 9_007_199_254_740_993_u64, "apps": [1, null, true], "labels": {"": {"x": 1}}}),
        json!({}),
    ]
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(query) = ListQuery::parse(text) else {
        return;
    };
    let known: BTreeSet<String> = ["name", "n", "on", "apps", "labels", "domain", "brief"]
        .map(str::to_owned)
        .into();
    let all = rows();
    let count = all.len();
    if let Ok(places) = query.select(&all, &known) {
        let distinct: BTreeSet<usize> = places.iter().copied().collect();
        assert!(distinct.len() == places.len() && places.iter().all(|place| *place < count));
    }
    let page = query.page(count);
    assert!(page.start <= page.end && page.end <= count);
});
