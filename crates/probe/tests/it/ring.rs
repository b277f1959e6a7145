//! Losses are counted and told, and a probe leaves nothing behind.

use crate::rig::{Rig, able};
use rampart_model::node::Counter;
use rampart_probe::{AllowAll, Config, Event, Probe, Ring};
use std::{
    process::Command,
    sync::{Arc, Condvar, Mutex},
};

#[test]
fn a_stalled_consumer_is_told_what_it_lost() {
    if !able() {
        return;
    }
    // Takes the turn, so that no other probe runs; its own is not wanted.
    let mut rig = Rig::new(Config::default());
    rig.stop();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let told = Arc::new(Mutex::new(0u64));
    let (stall, sum) = (Arc::clone(&gate), Arc::clone(&told));
    let probe = Probe::start(
        Config {
            ring_bytes: 4096,
            ..Config::default()
        },
        Arc::new(AllowAll),
        Box::new(move |event| {
            let open = stall.0.lock().unwrap();
            drop(stall.1.wait_while(open, |open| !*open).unwrap());
            if let Event::Dropped {
                ring: Ring::Events,
                count,
            } = event
            {
                *sum.lock().unwrap() += count;
            }
        }),
    )
    .unwrap();
    for _ in 0..100 {
        Command::new("/bin/true").status().unwrap();
    }
    let control = probe.control();
    let dropped = control.counters()[&Counter::EventsDropped];
    assert!(dropped > 0);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let all = crate::rig::until(|| (*told.lock().unwrap() >= dropped).then_some(()));
    assert!(
        all.is_some(),
        "{} of {dropped} were told",
        told.lock().unwrap()
    );
    assert_eq!(control.counters()[&Counter::CriticalDropped], 0);
}

#[test]
fn starts_and_stops_many_times() {
    if !able() {
        return;
    }
    for _ in 0..3 {
        let mut rig = Rig::new(Config::default());
        Command::new("/bin/true").status().unwrap();
        rig.kept
            .wait("exec", |e| matches!(e, Event::Exec(_)).then_some(()));
        rig.stop();
    }
    // Programs, links and groups live as long as a descriptor names them: none may be left.
    let open: Vec<String> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|e| std::fs::read_link(e.ok()?.path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .filter(|target| target.contains("bpf") || target.contains("fanotify"))
        .collect();
    assert_eq!(open, Vec::<String>::new());
}
