//! Group criteria, as JSON: keys, operators, patterns, globs, addresses and address ranges.
//!
//! Holds: no panic, validated criteria compile, and address blocks stay inside the range asked for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{Criterion, Workload, workload::Pod};
use rampart_policy::selector::{Selector, Subject, addresses, validate};
use std::sync::LazyLock;

static WORKLOAD: LazyLock<Workload> = LazyLock::new(|| Workload {
    name: "web-1".into(),
    image: "docker.io/library/nginx:1.25".into(),
    service: "web".into(),
    domain: "shop".into(),
    labels: [
        ("app".into(), "web".into()),
        ("tier".into(), "front".into()),
    ]
    .into(),
    pod: Some(Pod {
        namespace_labels: [("env".into(), "prod".into())].into(),
        ..Pod::default()
    }),
    ..Workload::default()
});

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(nets) = addresses(text)
    {
        assert!(
            !nets.is_empty() && nets.len() <= 512,
            "{text}: {} blocks",
            nets.len()
        );
    }
    let Ok(criteria) = serde_json::from_slice::<Vec<Criterion>>(data) else {
        return;
    };
    let _ = validate(&criteria);
    let applications = ["HTTP".to_owned()];
    let subject = Subject {
        workload: &WORKLOAD,
        applications: &applications,
    };
    let selector = Selector::compile(&criteria);
    let first = selector.selects(subject);
    assert_eq!(first, selector.selects(subject));
    assert!(!first || !criteria.is_empty(), "no criteria select nothing");
});
