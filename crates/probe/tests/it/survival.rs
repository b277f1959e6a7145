//! Enforcement without an agent: killed, started again, and taken away for good.

use crate::{
    guard::{furnish, is_hit, standard},
    profile::{file, profile, tools},
    rig::{environment, guards},
    room::Room,
};
use rampart_model::node::Counter;
use rampart_probe::{AllowAll, Attach, Config, Event, KernelPolicy, PIN_DIR, Probe, uninstall};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

/// Denied files and connections, and a profile without `env`.
fn profiled() -> KernelPolicy {
    let mut policy = standard();
    let mut rules = tools();
    rules.extend(["mount", "unshare"].map(|name| file(&format!("/usr/bin/{name}"))));
    // Listed, so that what denies it is the rule on its file.
    rules.push(file("/opt/deny/echo"));
    policy.guard.profile = profile(rules).profile;
    policy
}

/// An agent in a process of its own, to be killed.
#[test]
#[ignore = "one step of another test"]
fn agent() {
    let number = |name| environment(name)?.parse::<u64>().ok();
    let (Some(cgroup_id), Some(pid)) = (number("ROOM_CGROUP"), number("ROOM_PID")) else {
        return;
    };
    let denied = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&denied);
    let probe = Probe::start(
        Config {
            pin_dir: Some(PIN_DIR.into()),
            ..Config::default()
        },
        Arc::new(AllowAll),
        Box::new(move |event| {
            if matches!(event, Event::Denied(_)) {
                count.fetch_add(1, SeqCst);
            }
        }),
    )
    .unwrap();
    let control = probe.control();
    let label = control.first_label();
    let attach = Attach {
        label,
        cgroup_id,
        pid: u32::try_from(pid).unwrap(),
    };
    control.attach_workload(&attach).unwrap();
    control.set_policy(label, &profiled()).unwrap();
    control.settle();
    // What happened while nobody listened is told to the next.
    let patience = std::time::Instant::now() + std::time::Duration::from_millis(500);
    while denied.load(SeqCst) == 0 && std::time::Instant::now() < patience {
        std::thread::yield_now();
    }
    let refused = control.counters()[&Counter::ExecsDenied];
    eprintln!("agent {label} {} {refused}", denied.load(SeqCst));
    loop {
        std::thread::park();
    }
}

/// The agent once it enforces, with its label and the denials it was told of so far.
fn start(room: &Room) -> (Child, u32, u32) {
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["survival::agent", "--exact", "--ignored", "--nocapture"])
        .env("ROOM_CGROUP", room.cgroup.id.to_string())
        .env("ROOM_PID", room.pid.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(agent.stderr.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .inspect(|line| eprintln!("{line}"))
        .find_map(|line| line.strip_prefix("agent ").map(str::to_owned))
        .expect("the agent enforces");
    let numbers: Vec<u32> = said
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    (agent, numbers[0], numbers[1])
}

fn kill(mut agent: Child) {
    agent.kill().unwrap();
    agent.wait().unwrap();
}

const TRY: &str = "/opt/deny/echo HIT; /usr/bin/env HIT=1; echo HIT > /opt/keep/f; \
     cat /opt/keep/f /opt/keep/s";

/// Folders of pins, one a layout.
fn layouts() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(PIN_DIR)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn enforcement_outlives_the_agent_until_it_is_uninstalled() {
    if !guards() {
        return;
    }
    uninstall(Path::new(PIN_DIR)).unwrap();
    let mut room = Room::unwatched(81, &furnish());
    let (agent, first, _) = start(&room);
    assert_eq!(room.ask(TRY), "original\n", "with the agent");
    kill(agent);
    assert_eq!(room.ask(TRY), "original\n", "after SIGKILL");
    // Children of children that are born without an agent, out of the cgroup, in new namespaces.
    let away = "unshare -m sh -c 'mkdir -p /sys/fs/cgroup/gone; echo 0 > /sys/fs/cgroup/gone/cgroup.procs; /opt/deny/echo HIT'; echo ok";
    assert_eq!(room.ask(away), "ok\n");

    // Attempts run while agents come and go.
    room.tell("i=0; while [ ! -e /tmp/stop ]; do /opt/deny/echo HIT; i=$((i+1)); done 2>/dev/null; echo tries $i");
    let mut label = first;
    for _ in 0..1 {
        let (agent, next, told) = start(&room);
        assert!(
            next > label,
            "a label of a predecessor's is not given again"
        );
        assert!(told > 0, "nothing was told of what happened meanwhile");
        label = next;
        kill(agent);
    }
    std::fs::write(format!("/proc/{}/root/tmp/stop", room.pid), "").unwrap();
    let out = room.answer();
    assert!(out.starts_with("tries ") && !is_hit(&out), "{out}");

    // An older build's programs, whose maps this one cannot read: nothing of theirs is taken over,
    // they hold until the successor's policy is in force, and then they go.
    let [own] = &layouts()[..] else {
        panic!("one layout is pinned")
    };
    let pins = Path::new(PIN_DIR);
    std::fs::rename(pins.join(own), pins.join("v1-0123456789abcdef")).unwrap();
    room.tell("i=0; while [ ! -e /tmp/end ]; do /opt/deny/echo HIT; i=$((i+1)); done 2>/dev/null; echo tries $i");
    let (agent, fresh, _) = start(&room);
    assert_eq!(fresh, 1, "labels of another layout are not read");
    assert_eq!(&layouts()[..], std::slice::from_ref(own));
    std::fs::write(format!("/proc/{}/root/tmp/end", room.pid), "").unwrap();
    let out = room.answer();
    assert!(out.starts_with("tries ") && !is_hit(&out), "{out}");
    kill(agent);
    assert_eq!(
        room.ask(TRY),
        "original\n",
        "with the new build's pins alone"
    );

    let removed = uninstall(Path::new(PIN_DIR)).unwrap();
    assert!(removed > 40, "{removed} pins");
    assert!(!Path::new(PIN_DIR).exists());
    assert_eq!(uninstall(Path::new(PIN_DIR)).unwrap(), 0);
    let open = crate::rig::until(|| is_hit(&room.ask("/opt/deny/echo HIT")).then_some(()));
    assert!(open.is_some(), "what was uninstalled still enforces");
}
