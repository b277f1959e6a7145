//! The small languages of rules: port lists, file filters and paths, process names and paths.
//!
//! The first byte picks one; the rest is lines. Holds: no panic, port lists print and parse to the
//! same, a filter without `*` covers exactly its path, and only Protect denies.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_api::convert::{ports, ports_of};
use rampart_model::{Action, Baseline, FileBehavior, FileRule, Mode, ProcessRule, Verdict};
use rampart_policy::{
    file::{self, FileAsk},
    process::{self, Parent, ProcessAsk},
};

fn port_list(text: &str) {
    let Ok(ranges) = ports_of(text) else { return };
    assert!(ranges.iter().all(|range| range.low <= range.high));
    let printed = ports(&ranges);
    assert_eq!(
        ports(&ports_of(&printed).expect("printed lists parse")),
        printed
    );
}

fn file_rule(text: &str) {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (filter, path, application) = (next(), next(), next());
    let recursive = next() == "r";
    let covered = file::covers(filter, recursive, path);
    assert!(
        !filter.starts_with('/') || filter.contains('*') || file::covers(filter, recursive, filter)
    );
    if covered && recursive {
        assert!(file::covers(filter, true, &format!("{path}/below")));
    }
    for behavior in [FileBehavior::MonitorChange, FileBehavior::BlockAccess] {
        let rule = FileRule {
            filter: filter.into(),
            recursive,
            behavior,
            applications: vec![application.into()],
            ..FileRule::default()
        };
        let _ = file::validate(&rule);
        for mode in Mode::ALL {
            for write in [None, Some(false), Some(true)] {
                let ask = FileAsk {
                    path,
                    write,
                    application: "/bin/other",
                };
                let verdict = file::judge(std::slice::from_ref(&rule), *mode, &ask);
                assert!(verdict.verdict != Verdict::Deny || *mode == Mode::Protect);
            }
        }
    }
}

fn process_rule(text: &str) {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let rule = ProcessRule {
        name: next().into(),
        path: next().into(),
        user: next().into(),
        action: if next() == "deny" {
            Action::Deny
        } else {
            Action::Allow
        },
        ..ProcessRule::default()
    };
    let _ = process::validate(&rule);
    let parents = [Parent {
        name: next(),
        path: next(),
    }];
    let (name, path) = (next(), next());
    for drift in [false, true] {
        let ask = ProcessAsk {
            name,
            path,
            user: "root",
            parents: &parents,
            upper_layer: drift,
            family: !drift,
            ..ProcessAsk::default()
        };
        for mode in Mode::ALL {
            for baseline in Baseline::ALL {
                let rules = std::slice::from_ref(&rule);
                let verdict = process::judge(rules, *mode, *baseline, &ask);
                assert!(verdict.verdict != Verdict::Deny || *mode == Mode::Protect);
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let [pick, rest @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    match pick % 3 {
        0 => port_list(text),
        1 => file_rule(text),
        _ => process_rule(text),
    }
});
