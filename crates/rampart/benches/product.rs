//! The whole product on this machine: overhead as interleaved ratios, memory, time to enforced.
//!
//! Each round runs the same work with `rampart up` protecting the container and with nothing at
//! all, in alternating order; the figure is the median of the rounds' ratios, with their spread.
//! Needs root. `RAMPART_BENCH_ROUNDS` sets the rounds (default 11).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss
)]

#[path = "../tests/it/harness.rs"]
#[allow(dead_code)]
mod harness;

use harness::{DEADLINE, Server};
use rampart_testkit::{Rootfs, RuncContainer, require, wait_until};
use serde_json::json;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// Work done inside the container; each is one `runc exec` of a learned shell.
const WORK: &[(&str, &str)] = &[
    (
        "fork + exec + exit",
        "i=0; while [ $i -lt 1500 ]; do /opt/app/true; i=$((i+1)); done",
    ),
    (
        "open + close",
        "i=0; while [ $i -lt 60000 ]; do : < /etc/hostname; i=$((i+1)); done",
    ),
];

fn main() {
    // `cargo test --benches` runs this too: it is no test.
    if std::env::args().any(|arg| arg == "--test") || !require("bench", &["runc", "busybox"]) {
        return;
    }
    let rounds = std::env::var("RAMPART_BENCH_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(11);
    let root = tempfile::tempdir().unwrap();
    let rootfs = Rootfs::busybox(root.path().join("rootfs")).unwrap();
    for name in ["sh", "true"] {
        fs::create_dir_all(rootfs.path().join("opt/app")).unwrap();
        fs::copy("/bin/busybox", rootfs.path().join("opt/app").join(name)).unwrap();
    }
    fs::write(rootfs.path().join("etc/hostname"), "bench\n").unwrap();
    // As images have it: a guarded file that is missing has its whole folder asked about.
    fs::write(rootfs.path().join("etc/shadow"), "root:*:19000::::::\n").unwrap();
    let container = RuncContainer::builder(&rootfs)
        .overlay()
        .args(["/bin/sleep", "36000"])
        .label("com.docker.compose.service", "bench")
        .label("com.docker.compose.project", "shop")
        .run()
        .unwrap();
    let data = tempfile::tempdir().unwrap();
    learn(data.path(), &container);
    println!("| what | ratio with / without | spread | rounds |");
    println!("|---|---|---|---|");
    for (name, script) in WORK {
        let ratios = (0..rounds)
            .map(|round| pair(data.path(), &container, script, round % 2 == 0))
            .collect();
        print_ratio(name, ratios);
    }
    memory(data.path());
    start_cost(data.path(), &rootfs, rounds);
}

/// Puts the container's group in Protect with the work in its profile.
fn learn(data: &Path, container: &RuncContainer) {
    let server = Server::start(data, &[]);
    wait_protected(&server, container.id(), None);
    for (_, script) in WORK {
        container
            .exec(&[
                "/opt/app/sh",
                "-c",
                &script.replace("1500", "3").replace("60000", "3"),
            ])
            .unwrap();
    }
    let learned = wait_until(DEADLINE, || {
        let profile = server.get("/v1/process_profile/nv.bench.shop").to_string();
        profile.contains("/opt/app/sh") && profile.contains("/opt/app/true")
    });
    assert!(learned, "the work was not learned");
    let config =
        json!({"services": ["bench.shop"], "policy_mode": "Protect", "profile_mode": "Protect"});
    server.patch("/v1/service/config", json!({"config": config}));
    wait_protected(&server, container.id(), Some("Protect"));
    assert!(server.stop().success());
}

fn wait_protected(server: &Server, id: &str, mode: Option<&str>) {
    let ready = wait_until(DEADLINE, || {
        let Ok((200, body)) =
            server.send(reqwest::Method::GET, &format!("/v1/workload/{id}"), None)
        else {
            return false;
        };
        !body["workload"]["secured_at"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
            && mode.is_none_or(|mode| body["workload"]["profile_mode"] == mode)
    });
    assert!(ready, "the container was not secured");
}

fn timed(container: &RuncContainer, script: &str) -> f64 {
    let start = Instant::now();
    let output = container.exec(&["/opt/app/sh", "-c", script]).unwrap();
    let taken = start.elapsed().as_secs_f64();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    taken
}

fn pair(data: &Path, container: &RuncContainer, script: &str, with_first: bool) -> f64 {
    let with = || {
        let server = Server::start(data, &[]);
        wait_protected(&server, container.id(), Some("Protect"));
        let taken = timed(container, script);
        assert!(server.stop().success());
        taken
    };
    if with_first {
        let with = with();
        with / timed(container, script)
    } else {
        let without = timed(container, script);
        with() / without
    }
}

fn print_ratio(name: &str, mut ratios: Vec<f64>) {
    ratios.sort_by(f64::total_cmp);
    let (low, median, high) = (
        ratios[0],
        ratios[ratios.len() / 2],
        ratios[ratios.len() - 1],
    );
    println!(
        "| {name} | {median:.3} | {low:.3} to {high:.3} | {} |",
        ratios.len()
    );
}

fn memory(data: &Path) {
    let server = Server::start(data, &[]);
    // Idle is when its CPU time has stopped growing.
    let mut last = cpu_ticks(server.pid());
    wait_until(Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_secs(2));
        let now = cpu_ticks(server.pid());
        let idle = now - last <= 4;
        last = now;
        idle
    });
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let rss_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap();
    println!(
        "\nidle RSS of `rampart up`: {:.1} MiB",
        rss_kib as f64 / 1024.0
    );
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// `runc start` until the first program runs, with the hold and without Rampart.
fn start_cost(data: &Path, rootfs: &Rootfs, rounds: usize) {
    let start = || {
        let container = RuncContainer::builder(rootfs)
            .overlay()
            .args(["/opt/app/sh", "-c", "exec /opt/app/true"])
            .label("com.docker.compose.service", "bench")
            .label("com.docker.compose.project", "shop")
            .create()
            .unwrap();
        let begin = Instant::now();
        container.start().unwrap();
        begin.elapsed().as_secs_f64() * 1000.0
    };
    let mut without: Vec<f64> = (0..rounds).map(|_| start()).collect();
    let server = Server::start(data, &[]);
    let mut with: Vec<f64> = (0..rounds).map(|_| start()).collect();
    without.sort_by(f64::total_cmp);
    with.sort_by(f64::total_cmp);
    println!(
        "container start to its first program: {:.1} ms without Rampart, {:.1} ms held, judged and enforced (medians of {rounds})",
        without[rounds / 2],
        with[rounds / 2]
    );
    assert!(server.stop().success());
}
