//! How fast rules are evaluated: `cargo bench -p rampart-detect`.
//!
//! A made-up trace in the proportions of a busy node: most events are opens, reads and connections
//! that no rule is about, some are execs, nearly nothing matches. It is evaluated with Falco's 93
//! rules where they are (`RAMPART_REFERENCE`, or shared/reference beside the repository), with the
//! rules that come with Rampart, and with 500 rules made up. The floor is the same walk that only
//! looks up the event's type. Times are processor time of one thread; the run fails if an event
//! that matches nothing allocates.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use rampart_detect::{
    Event, EventType, Options, RuleFile, Rules, builtin,
    field::{Arg, ArgValue, Connection, Container, Fd, FlagSet, Process, User},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, fmt::Write as _, hint::black_box, path::PathBuf, time::Duration};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const EVENTS: usize = 8192;
const PASSES: usize = 60;
const ROUNDS: usize = 7;
const FLOOR_PASSES: usize = 20;

fn main() {
    let events = trace();
    let mut failed = false;
    let own: Vec<_> = builtin::ALL
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let made_up = vec![("made-up.yaml".to_owned(), many_rules(500))];
    for (title, files) in [
        ("falco's rules", falco()),
        ("our rules", Some(own)),
        ("made up", Some(made_up)),
    ] {
        match files {
            Some(files) => failed |= !measure(title, &files, &events),
            None => println!("{title}: skipped, they are not here"),
        }
    }
    if failed {
        std::process::exit(1);
    }
}

fn measure(title: &str, files: &[(String, String)], events: &[Event<'static>]) -> bool {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| RuleFile { name, text })
        .collect();
    let start = cpu();
    let (rules, diagnostics) = Rules::load(&files, &Options::default());
    let load = cpu() - start;
    assert!(diagnostics.iter().all(|d| !d.is_error()), "{diagnostics:?}");
    let mut state = rules.state();
    // Warm: every buffer has its size.
    let quiet: Vec<&Event<'_>> = events
        .iter()
        .filter(|event| rules.first_match(event, &mut state).is_none())
        .collect();
    let region = Region::new(ALLOCATOR);
    for event in &quiet {
        black_box(rules.first_match(event, &mut state));
    }
    let allocations = region.change().allocations;
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // Too quick for the clock, so many times over.
        floors.push(
            time(|| {
                for _ in 0..FLOOR_PASSES {
                    for event in events {
                        black_box(rules.wants(black_box(event).kind));
                    }
                }
            }) / FLOOR_PASSES as f64,
        );
        ours.push(time(|| {
            for event in events {
                black_box(rules.first_match(black_box(event), &mut state));
            }
        }));
    }
    let (ours, floor) = (median(&mut ours), median(&mut floors));
    let rate = |ns: f64| 1e9 / ns / 1e6;
    println!(
        "{title}: {} rules on of {}; load {:.0} ms; {:.2} M events/s a core ({ours:.0} ns an event); \
         floor {:.0} M ({:.1} ns), {:.0} x; {:.2} % match; {allocations} allocations in {} events without a match",
        rules.rules().iter().filter(|rule| rule.enabled).count(),
        rules.rules().len(),
        load.as_secs_f64() * 1e3,
        rate(ours),
        rate(floor),
        floor,
        ours / floor,
        100.0 * (events.len() - quiet.len()) as f64 / events.len() as f64,
        quiet.len(),
    );
    by_type(&rules, events);
    allocations == 0
}

/// What an event of each kind costs: where the time goes.
fn by_type(rules: &Rules, events: &[Event<'static>]) {
    let mut state = rules.state();
    let mut line = String::new();
    for kind in [
        "openat", "read", "connect", "recvmsg", "sendto", "execve", "unlinkat", "renameat",
    ] {
        let kind = EventType::named(kind);
        let some: Vec<_> = events.iter().filter(|event| event.kind == kind).collect();
        let passes = 400_000 / some.len().max(1);
        let start = cpu();
        for _ in 0..passes {
            for event in &some {
                black_box(rules.first_match(black_box(event), &mut state));
            }
        }
        let spent = (cpu() - start).as_secs_f64() * 1e9 / (passes * some.len()) as f64;
        let _ = write!(line, " {} {spent:.0}", kind.name());
    }
    println!("  ns by type:{line}");
}

/// Nanoseconds an event.
fn time(mut pass: impl FnMut()) -> f64 {
    let start = cpu();
    for _ in 0..PASSES {
        pass();
    }
    (cpu() - start).as_secs_f64() * 1e9 / (PASSES * EVENTS) as f64
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

fn falco() -> Option<Vec<(String, String)>> {
    let named = std::env::vars_os()
        .find(|(name, _)| name == "RAMPART_REFERENCE")
        .map(|(_, path)| PathBuf::from(path));
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let folder = named
        .unwrap_or_else(beside)
        .join("data/runtime/falco-rules");
    [
        "falco_rules.yaml",
        "falco-incubating_rules.yaml",
        "falco-sandbox_rules.yaml",
    ]
    .iter()
    .map(|name| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        // All of them, also those that are off by default.
        Some((
            (*name).to_owned(),
            text.replace("enabled: false", "enabled: true"),
        ))
    })
    .collect()
}

/// Rules such as users write: an event type, a container, a name, a few paths, exceptions.
fn many_rules(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        let kind = ["execve", "openat", "connect", "unlinkat", "renameat"][n % 5];
        let what = match n % 5 {
            0 => format!("proc.name in (tool{n}, other{n}) and proc.args contains secret{n}"),
            1 => format!("fd.name startswith /srv/app{n}/ and evt.is_open_write=true"),
            2 => format!(
                "fd.sport in ({}, {}) and not fd.snet in (\"10.0.0.0/8\")",
                n + 1,
                n + 2
            ),
            3 => format!("evt.arg.path glob \"/data/{n}/*.key\""),
            _ => format!("evt.arg.newpath pmatch (/srv/{n}, /opt/{n})"),
        };
        let _ = write!(
            text,
            "- rule: r{n}\n  desc: d\n  condition: evt.type={kind} and container.id != host and {what} \
             and not proc.pname in (allowed{n}, systemd)\n  output: o\n  priority: NOTICE\n"
        );
    }
    text
}

/// A generator without a dependency: the same trace each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn leak(text: String) -> &'static [u8] {
    Box::leak(text.into_boxed_str()).as_bytes()
}

/// Live processes: a line of ancestors each.
fn lineages(random: &mut Random) -> Vec<&'static [Process<'static>]> {
    let workloads: &[(&str, &str, &[&str])] = &[
        (
            "nginx",
            "-g daemon off; worker",
            &["nginx", "containerd-shim", "systemd"],
        ),
        (
            "java",
            "-Xmx2g -jar /app/service.jar --spring.profiles.active=prod",
            &["tini", "containerd-shim", "systemd"],
        ),
        (
            "python3",
            "/app/main.py --workers 4 --bind 0.0.0.0:8000",
            &["gunicorn", "containerd-shim", "systemd"],
        ),
        (
            "node",
            "/usr/src/app/server.js",
            &["npm", "containerd-shim", "systemd"],
        ),
        (
            "postgres",
            "checkpointer",
            &["postgres", "containerd-shim", "systemd"],
        ),
        ("redis-server", "*:6379", &["containerd-shim", "systemd"]),
        (
            "kubelet",
            "--config=/var/lib/kubelet/config.yaml",
            &["systemd"],
        ),
        ("containerd", "", &["systemd"]),
        ("systemd-journal", "", &["systemd"]),
        (
            "sleep",
            "30",
            &["sh", "entrypoint.sh", "containerd-shim", "systemd"],
        ),
        ("date", "+%s", &["bash", "backup.sh", "cron", "systemd"]),
        (
            "coredns",
            "-conf /etc/coredns/Corefile",
            &["containerd-shim", "systemd"],
        ),
    ];
    (0..96)
        .map(|n| {
            let (name, args, parents) = workloads[n % workloads.len()];
            let mut all = vec![process(name, args, random)];
            all.extend(parents.iter().map(|parent| process(parent, "", random)));
            &*Box::leak(all.into_boxed_slice())
        })
        .collect()
}

fn process(name: &'static str, args: &str, random: &mut Random) -> Process<'static> {
    let path = leak(format!("/usr/bin/{name}"));
    Process {
        pid: i64::try_from(random.below(30_000) + 2).unwrap(),
        vpid: Some(1),
        name: name.as_bytes(),
        exe: path,
        exepath: path,
        cmdline: leak(format!("{name} {args}").trim().to_owned()),
        cwd: b"/app/",
        tty: Some(0),
        started_ns: Some(1_700_000_000_000_000_000),
        cap_effective: Some(0xa804_25fb),
        cap_permitted: Some(0xa804_25fb),
        ..Process::default()
    }
}

fn trace() -> Vec<Event<'static>> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let lineages = lineages(&mut random);
    let containers: Vec<&'static Container<'static>> = (0..32)
        .map(|n| {
            &*Box::leak(Box::new(Container {
                id: leak(format!("{n:012x}")),
                name: leak(format!("app-{n}")),
                image: leak(format!("registry.example/shop/app{n}:1.4")),
                repository: leak(format!("registry.example/shop/app{n}")),
                tag: b"1.4",
                privileged: Some(false),
                pod: leak(format!("app-{n}-7d9f")),
                namespace: b"shop",
                ..Container::default()
            }))
        })
        .collect();
    (0..EVENTS)
        .map(|n| {
            let mut event = Event {
                number: n as u64 + 1,
                time_ns: 1_700_000_100_000_000_000 + n as i64 * 10_000,
                cpu: Some(1),
                lineage: random.pick(&lineages),
                user: User {
                    uid: Some(1000),
                    name: b"app",
                    loginuid: Some(-1),
                    ..User::default()
                },
                container: (random.below(10) < 8).then(|| random.pick(&containers)),
                ..Event::default()
            };
            fill(&mut event, &mut random);
            event
        })
        .collect()
}

/// Of 1,000: 470 opens, 270 reads and writes, 80 connects, 60 messages, 40 execs, 80 others.
fn fill(event: &mut Event<'static>, random: &mut Random) {
    match random.below(1000) {
        0..400 => open(event, random, 0o2_000_000),
        400..470 => open(event, random, 0o1101),
        470..740 => {
            event.kind = EventType::named(random.pick(&["read", "write", "close", "epoll_wait"]));
            event.result = Some(4096);
        }
        740..820 => connect(event, random, "connect"),
        820..880 => {
            let kind = random.pick(&["sendto", "recvfrom", "recvmsg", "sendmsg"]);
            connect(event, random, kind);
        }
        880..920 => {
            event.kind = EventType::named("execve");
            event.result = Some(0);
            event.args = &[Arg {
                name: "flags",
                value: ArgValue::Flags(FlagSet::Exec, 8),
            }];
        }
        _ => {
            event.kind =
                EventType::named(random.pick(&["unlinkat", "renameat", "mkdirat", "fchmodat"]));
            event.result = Some(0);
            let path = leak(format!("/app/cache/{}", random.below(5000)));
            event.args = Box::leak(Box::new([
                text("oldpath", path),
                text("newpath", path),
                text("path", path),
                Arg {
                    name: "mode",
                    value: ArgValue::Flags(FlagSet::Mode, 0o644),
                },
            ]));
        }
    }
}

fn text(name: &'static str, value: &'static [u8]) -> Arg<'static> {
    Arg {
        name,
        value: ArgValue::Text(value),
    }
}

fn open(event: &mut Event<'static>, random: &mut Random, flags: u64) {
    let path = match random.below(6) {
        0 => format!("/usr/lib/x86_64-linux-gnu/lib{}.so.1", random.below(200)),
        1 => format!("/proc/{}/stat", random.below(30_000)),
        2 => format!("/app/node_modules/pkg{}/index.js", random.below(3000)),
        3 => format!("/var/lib/app/data/{:08x}.sst", random.below(100_000)),
        4 => "/etc/resolv.conf".to_owned(),
        _ => format!("/tmp/upload-{}", random.below(10_000)),
    };
    // What is written is the workload's own data.
    let path = if flags & 3 == 0 {
        path
    } else {
        format!("/var/lib/app/data/{:08x}.tmp", random.below(100_000))
    };
    event.kind = EventType::named("openat");
    event.result = Some(7);
    event.fd = Some(Fd::file(7, leak(path)));
    event.args = Box::leak(Box::new([
        Arg {
            name: "flags",
            value: ArgValue::Flags(FlagSet::Open, flags),
        },
        Arg {
            name: "mode",
            value: ArgValue::Flags(FlagSet::Mode, 0o644),
        },
    ]));
}

fn connect(event: &mut Event<'static>, random: &mut Random, kind: &str) {
    let octet = |random: &mut Random| u8::try_from(random.below(250) + 1).unwrap();
    let local = std::net::IpAddr::from([10, 42, octet(random), octet(random)]);
    let remote = std::net::IpAddr::from([10, 43, octet(random), octet(random)]);
    event.kind = EventType::named(kind);
    event.result = Some(0);
    event.fd = Some(Fd::socket(
        9,
        Connection {
            protocol: b"tcp",
            local: Some((local, 40_000)),
            remote: Some((remote, random.pick(&[5432, 6379, 8080, 443, 53]))),
            is_server: false,
            connected: Some(true),
            name_changed: Some(false),
        },
    ));
}
