//! The demo is a test: in Monitor every attack is detected, in Protect every one is denied or
//! killed, and each leaves its event.

use crate::harness::{node_lock, rampart};
use rampart_testkit::require;
use serde_json::Value;
use std::path::Path;

#[test]
fn every_attack_line_of_the_demo() {
    if !require(
        "demo",
        &["runc", "nginx", "redis-server", "python3", "jq", "ip"],
    ) {
        return;
    }
    let _one = node_lock();
    let cache = tempfile::tempdir().unwrap();
    let output = rampart()
        .args(["demo", "--output", "json", "--scripts"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo"))
        .env("RAMPART_DEMO_ENGINE", "runc")
        .env("RAMPART_DEMO_CACHE", cache.path())
        .env("RAMPART_DEMO_NET", "10.213.78")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let rows: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    assert!(output.status.success(), "{rows:#?}\n{said}");
    for (mode, verdicts) in [
        ("Monitor", &["detected"][..]),
        ("Protect", &["denied", "killed"][..]),
    ] {
        let of_mode: Vec<&Value> = rows.iter().filter(|row| row["mode"] == mode).collect();
        assert_eq!(of_mode.len(), 7, "{rows:#?}");
        for row in of_mode {
            assert!(
                verdicts.iter().any(|verdict| row["verdict"] == *verdict),
                "{row:#}"
            );
            assert!(row["event"].is_object(), "no event was kept: {row:#}");
        }
    }
    let stopped_by: Vec<&str> = rows
        .iter()
        .filter(|r| r["mode"] == "Protect")
        .filter_map(|r| r["mechanism"].as_str())
        .collect();
    for mechanism in ["fanotify", "kill-at-exec", "cgroup-sock"] {
        assert!(
            stopped_by.contains(&mechanism),
            "nothing was stopped by {mechanism}: {stopped_by:?}"
        );
    }
}
