//! What the LSM tier costs, counted in instructions: `scripts/vm.sh --icount` runs a machine whose
//! clock is the number of instructions it has executed, so that nothing depends on its speed. The
//! ratios are printed for the record.

use crate::{
    guard::{furnish, policy},
    profile::{file, profile, tools},
    rig::{Rig, environment, guards},
    room::Room,
    route,
};
use rampart_model::{Protocol, Verdict};
use rampart_probe::{Config, Direction, GuardedPath, KernelPolicy, NetVerdict};

const ACTS: [&str; 3] = ["open", "exec", "connect"];
const ROUNDS: usize = 3;

#[test]
fn it_is_told_in_instructions() {
    if environment("RAMPART_ICOUNT").is_none_or(|on| on.is_empty()) || !guards() {
        eprintln!("skipped: scripts/vm.sh --icount counts instructions");
        return;
    }
    let files = "for i in $(seq 0 199); do echo x > /opt/keep/f$i; cp /bin/true /opt/p$i; done";
    let prepare = format!("{}\n{files}", furnish());
    let mut outside = Room::unwatched(90, &prepare);
    let bare = measured(&mut outside);
    let rig = Rig::guarded(Config::default());
    tell("no policy", &measured(&mut outside), &bare);
    for (label, count) in [(91, 0), (92, 8), (93, 200)] {
        let room = Room::new(&rig, label, &prepare);
        let mut room = room.under(&rig, &rules(count));
        tell(&format!("{count} rules"), &measured(&mut room), &bare);
    }
}

/// As many rules on files, programs and connections; those of programs end with what is run.
fn rules(count: u16) -> KernelPolicy {
    let mut policy = policy(rampart_probe::Guard::default());
    policy.verdicts.clear();
    if count == 0 {
        return policy;
    }
    let mut programs: Vec<_> = (0..count).map(|i| file(&format!("/opt/p{i}"))).collect();
    programs.push(file("/bin/true"));
    programs.extend(tools());
    policy.guard = profile(programs);
    policy.guard.files = (0..count)
        .map(|i| GuardedPath {
            path: format!("/opt/keep/f{i}").into(),
            deny_write: true,
            ..GuardedPath::default()
        })
        .collect();
    policy.verdicts = (0..count)
        .map(|i| NetVerdict {
            direction: Direction::Egress,
            protocol: Some(Protocol::Tcp),
            port_low: 10_000 + i,
            port_high: 10_000 + i,
            peer: "127.0.0.1".parse().unwrap(),
            prefix: 32,
            verdict: Verdict::Deny,
            rule: u32::from(i),
        })
        .collect();
    policy
}

/// The least of some rounds: what else the machine does only adds.
fn measured(room: &mut Room) -> [f64; 3] {
    let mut least = [f64::MAX; 3];
    for _ in 0..ROUNDS {
        let out = room.ask(&route::command("time", "/etc/passwd"));
        let line = out
            .lines()
            .find_map(|l| Some(l.split_once("time ")?.1))
            .unwrap();
        for (least, number) in least.iter_mut().zip(line.split(' ')) {
            *least = least.min(number.parse().unwrap());
        }
    }
    least
}

fn tell(what: &str, found: &[f64; 3], bare: &[f64; 3]) {
    for ((act, found), bare) in ACTS.iter().zip(found).zip(bare) {
        eprintln!(
            "icount {act:8} {what:10} {:.3} of no programs loaded",
            found / bare
        );
    }
}
