//! Measures what the kernel side costs and bears: event rate without drops, and the overhead of
//! exec and open as the median of interleaved ratios with and without a probe.
//!
//! Run as root: `cargo bench -p rampart-probe [-- rounds] [calls]`; `calls` measures system calls
//! only. One line a figure: name, value, unit. The load runs on the last CPU at real-time
//! priority.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool"
)]

use rampart_model::{Mode, node::Counter};
use rampart_probe::{
    Ask, Attach, CallFilter, Config, Control, Decision, Event, Judge, KernelPolicy, PathFilter,
    Probe, ProtectedPath, procfs,
};
use std::{
    fs,
    hint::black_box,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const EXECS: u32 = 300;
const OPENS: u32 = 20_000;
const CALLS: u32 = 200_000;
const ASKED_OPENS: u32 = 1_000;
const FLOOD: Duration = Duration::from_secs(3);
const LABEL: u32 = 1;

struct Fixed(Decision);

impl Judge for Fixed {
    fn judge(&self, _: &Ask) -> Decision {
        self.0
    }
}

fn main() {
    // cargo adds an argument of its own.
    let rounds = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(11);
    let cgroup = Cgroup::new();
    if std::env::args().any(|a| a == "calls") {
        return call_overhead(&cgroup, rounds);
    }
    event_rate(&cgroup);
    exec_overhead(&cgroup, rounds);
    overlay_exec_overhead(&cgroup, rounds);
    open_overhead(&cgroup, rounds);
    call_overhead(&cgroup, rounds);
    syscall_lookup();
}

struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Self {
        let mount = procfs::cgroup2_mount().expect("a cgroup v2 mount");
        let path = mount.join(format!("rampart-bench-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn attach(&self, control: &Control) {
        let cgroup_id = fs::metadata(&self.0).unwrap().ino();
        control
            .attach_workload(&Attach {
                label: LABEL,
                cgroup_id,
                pid: 0,
            })
            .unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// A process whose root is an overlay over the host's, as a container's is.
struct StandIn(libc::pid_t);

impl StandIn {
    fn new() -> Self {
        let (mut ready, mut tell) = std::io::pipe().unwrap();
        // SAFETY: the child needs no other thread and never returns.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            drop(ready);
            overlay_root();
            std::io::Write::write_all(&mut tell, b"x").unwrap();
            loop {
                // SAFETY: waits for the signal that ends it.
                unsafe { libc::pause() };
            }
        }
        drop(tell);
        ready.read_exact(&mut [0]).unwrap();
        Self(pid)
    }

    fn pid(&self) -> u32 {
        self.0.cast_unsigned()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // SAFETY: ends and waits for the child made above.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

fn overlay_root() {
    // SAFETY: gives this process a mount namespace of its own.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0);
    let script = "mount --make-rprivate / && mount -t tmpfs bench /mnt && \
        mkdir /mnt/u /mnt/w /mnt/m && \
        mount -t overlay bench -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m";
    assert!(
        Command::new("/bin/sh")
            .args(["-c", script])
            .status()
            .unwrap()
            .success()
    );
    std::os::unix::fs::chroot("/mnt/m").unwrap();
    std::env::set_current_dir("/").unwrap();
}

/// Moves this process to where the stand-in is.
fn join(pid: u32) {
    use std::os::fd::AsRawFd;
    let root = fs::File::open(format!("/proc/{pid}/root")).unwrap();
    let namespace = fs::File::open(format!("/proc/{pid}/ns/mnt")).unwrap();
    // SAFETY: both descriptors are open; changes this process only.
    unsafe {
        assert_eq!(libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNS), 0);
        assert_eq!(libc::fchdir(root.as_raw_fd()), 0);
        assert_eq!(libc::chroot(c".".as_ptr()), 0);
    }
}

/// Nanoseconds `body` takes in a child on the last CPU, in the cgroup if there is one.
fn timed(cgroup: Option<&Path>, body: impl FnOnce()) -> u64 {
    timed_in(cgroup, None, body)
}

fn timed_in(cgroup: Option<&Path>, place: Option<u32>, body: impl FnOnce()) -> u64 {
    let (mut receive, mut send) = std::io::pipe().unwrap();
    // SAFETY: the child needs no other thread and leaves by _exit.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        if let Some(cgroup) = cgroup {
            fs::write(cgroup.join("cgroup.procs"), "0").unwrap();
        }
        if let Some(pid) = place {
            join(pid);
        }
        shield();
        let begin = Instant::now();
        body();
        let took = u64::try_from(begin.elapsed().as_nanos()).unwrap();
        std::io::Write::write_all(&mut send, &took.to_ne_bytes()).unwrap();
        // SAFETY: leaves the child without running anything of the parent's.
        unsafe { libc::_exit(0) };
    }
    drop(send);
    let mut took = [0; 8];
    receive.read_exact(&mut took).unwrap();
    let mut status = 0;
    // SAFETY: waits for the child just made.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    u64::from_ne_bytes(took)
}

fn shield() {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    // SAFETY: plain structures, filled and passed for the calling process.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpus - 1, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set);
        let param = libc::sched_param { sched_priority: 10 };
        libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param);
    }
}

fn spawn_many() {
    for _ in 0..EXECS {
        Command::new("/bin/true").status().unwrap();
    }
}

fn open_many(path: &str, count: u32) {
    for _ in 0..count {
        black_box(fs::File::open(path).unwrap());
    }
}

fn probe(decision: Decision) -> Probe {
    Probe::start(
        Config::default(),
        Arc::new(Fixed(decision)),
        Box::new(|e| drop(black_box(e))),
    )
    .unwrap()
}

/// Interleaves plain runs with runs under a probe; prints the median ratio and its spread.
fn compare(
    name: &str,
    rounds: usize,
    cgroup: Option<&Cgroup>,
    decision: Decision,
    policy: Option<&KernelPolicy>,
    body: impl Fn() + Copy,
) {
    let place = cgroup.map(|c| c.0.as_path());
    timed(place, body);
    let ratios: Vec<f64> = (0..rounds)
        .map(|_| {
            let before = timed(place, body);
            let probe = probe(decision);
            let control = probe.control();
            if let Some(cgroup) = cgroup {
                cgroup.attach(&control);
            }
            if let Some(policy) = policy {
                control.set_policy(LABEL, policy).unwrap();
                let own = std::process::id();
                let attach = Attach {
                    label: LABEL,
                    cgroup_id: 0,
                    pid: own,
                };
                // Marks are placed as seen from a live process; this one stands for the container.
                control.attach_workload(&attach).unwrap();
            }
            timed(place, body);
            let with = timed(place, body);
            drop(probe);
            let after = timed(place, body);
            with as f64 / ((before + after) as f64 / 2.0)
        })
        .collect();
    report(name, ratios);
}

fn exec_overhead(cgroup: &Cgroup, rounds: usize) {
    let allow = Decision::Allow;
    compare("exec.host", rounds, None, allow, None, spawn_many);
    compare(
        "exec.container",
        rounds,
        Some(cgroup),
        allow,
        None,
        spawn_many,
    );
    let drift = KernelPolicy {
        process_mode: Mode::Protect,
        drift_kill: true,
        ..KernelPolicy::default()
    };
    compare(
        "exec.container.drift",
        rounds,
        Some(cgroup),
        allow,
        Some(&drift),
        spawn_many,
    );
    let judged = KernelPolicy {
        judge_exec: true,
        ..drift
    };
    compare(
        "exec.container.judged",
        rounds,
        Some(cgroup),
        allow,
        Some(&judged),
        spawn_many,
    );
}

/// With the container's root on an overlay, where answers may be cached.
fn overlay_exec_overhead(cgroup: &Cgroup, rounds: usize) {
    let stand_in = StandIn::new();
    let run = || timed_in(Some(&cgroup.0), Some(stand_in.pid()), spawn_many);
    println!(
        "exec.plain\t{:.1}\tus",
        run() as f64 / f64::from(EXECS) / 1000.0
    );
    for (name, decision) in [
        ("exec.overlay.judged", Decision::Allow),
        ("exec.overlay.judged.cached", Decision::AllowCached),
    ] {
        let ratios = (0..rounds).map(|_| {
            let before = run();
            let probe = probe(decision);
            let control = probe.control();
            cgroup.attach(&control);
            let policy = KernelPolicy {
                judge_exec: true,
                ..KernelPolicy::default()
            };
            control.set_policy(LABEL, &policy).unwrap();
            let place = Attach {
                label: LABEL,
                cgroup_id: 0,
                pid: stand_in.pid(),
            };
            control.attach_workload(&place).unwrap();
            run();
            let with = run();
            assert!(
                control.counters()[&Counter::ExecsJudged] > 0,
                "nothing was asked"
            );
            drop(probe);
            with as f64 / ((before + run()) as f64 / 2.0)
        });
        report(name, ratios.collect());
    }
}

fn report(name: &str, mut ratios: Vec<f64>) {
    ratios.sort_by(f64::total_cmp);
    let (low, high) = (ratios[0], ratios[ratios.len() - 1]);
    println!(
        "{name}\t{:.4}\tratio\t({low:.3}-{high:.3})",
        ratios[ratios.len() / 2]
    );
}

fn open_overhead(cgroup: &Cgroup, rounds: usize) {
    let allow = Decision::Allow;
    let opens = || open_many("/usr/lib/os-release", OPENS);
    compare("open.host", rounds, None, allow, None, opens);
    let protect = |path: &str| KernelPolicy {
        process_mode: Mode::Protect,
        protected: vec![ProtectedPath {
            path: path.into(),
            recursive: false,
            ask: true,
        }],
        ..KernelPolicy::default()
    };
    let elsewhere = protect("/etc/passwd");
    compare(
        "open.container.unprotected",
        rounds,
        Some(cgroup),
        allow,
        Some(&elsewhere),
        opens,
    );
    let probe = probe(allow);
    cgroup.attach(&probe.control());
    let own = Attach {
        label: LABEL,
        cgroup_id: 0,
        pid: std::process::id(),
    };
    probe.control().attach_workload(&own).unwrap();
    let plain = timed(Some(&cgroup.0), || open_many("/etc/passwd", ASKED_OPENS));
    probe.control().set_policy(LABEL, &elsewhere).unwrap();
    let asked = timed(Some(&cgroup.0), || open_many("/etc/passwd", ASKED_OPENS));
    let judged = probe.control().counters()[&Counter::FilesJudged];
    assert!(
        judged >= u64::from(ASKED_OPENS),
        "only {judged} opens were asked about"
    );
    let each = |ns: u64| ns as f64 / f64::from(ASKED_OPENS) / 1000.0;
    println!("open.plain\t{:.2}\tus", each(plain));
    println!("open.asked\t{:.2}\tus", each(asked));
}

/// A flood of socket events from one labelled process, all decoded and delivered.
fn event_rate(cgroup: &Cgroup) {
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let sink = Box::new(move |event: Event| {
        if let Event::Socket(socket) = black_box(event) {
            counter.fetch_add(u64::from(socket.label == LABEL), Relaxed);
        }
    });
    let probe = Probe::start(Config::default(), Arc::new(Fixed(Decision::Allow)), sink).unwrap();
    let control = probe.control();
    cgroup.attach(&control);
    let took = timed(Some(&cgroup.0), flood);
    drop(probe);
    let events = received.load(Relaxed);
    let rate = events as f64 / Duration::from_nanos(took).as_secs_f64();
    let counters = control.counters();
    println!("events.delivered\t{events}\tevents");
    println!("events.rate\t{rate:.0}\tevents/s");
    println!(
        "events.dropped\t{}\tevents",
        counters[&Counter::EventsDropped]
    );
}

/// Listens and stops listening: one event each time.
fn flood() {
    let until = Instant::now() + FLOOD;
    // SAFETY: plain system calls on a socket of our own.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        assert!(socket >= 0);
        while Instant::now() < until {
            for _ in 0..64 {
                libc::listen(socket, 1);
                libc::shutdown(socket, libc::SHUT_RD);
            }
        }
    }
}

/// Loops of one call, with nothing asked for and with filters that tell others or the very calls.
fn call_overhead(cgroup: &Cgroup, rounds: usize) {
    let probe = probe(Decision::Allow);
    let control = probe.control();
    cgroup.attach(&control);
    let calls = |names: &[&'static str], reads: Option<PathFilter>| CallFilter {
        calls: names.iter().copied().collect(),
        reads,
        ..CallFilter::default()
    };
    let elsewhere = PathFilter {
        prefixes: ["/etc/shadow".to_owned(), "/root/.ssh/".to_owned()].into(),
        names: ["id_rsa".to_owned()].into(),
        ..PathFilter::default()
    };
    let none = calls(&[], None);
    let others = calls(&["ptrace", "mount", "bpf"], None);
    let reads = calls(&["open", "openat"], Some(elsewhere));
    let writes = calls(&["open", "openat"], None);
    let get = || {
        for _ in 0..CALLS {
            // SAFETY: asks for a number only.
            black_box(unsafe { libc::syscall(libc::SYS_getppid) });
        }
    };
    let open = || open_many("/usr/lib/os-release", OPENS);
    let write = || {
        for _ in 0..OPENS {
            let file = fs::File::options()
                .write(true)
                .open("/dev/shm/rampart-bench");
            black_box(file.unwrap());
        }
    };
    fs::write("/dev/shm/rampart-bench", "x").unwrap();
    let loops: [(&str, &CallFilter, &dyn Fn()); 5] = [
        ("call.getppid.others", &others, &get),
        ("call.open.others", &others, &open),
        ("call.open.filtered", &reads, &open),
        ("call.open.repeated", &writes, &open),
        ("call.open.told", &writes, &write),
    ];
    for (name, filter, body) in loops {
        let run = |filter: &CallFilter| {
            control.watch_calls(filter).unwrap();
            timed(Some(&cgroup.0), body)
        };
        run(&none);
        let ratios = (0..rounds).map(|_| {
            let before = run(&none);
            let with = run(filter);
            with as f64 / ((before + run(&none)) as f64 / 2.0)
        });
        report(name, ratios.collect());
    }
    let each = |ns: u64, count: u32| ns as f64 / f64::from(count);
    println!(
        "call.getppid\t{:.0}\tns",
        each(timed(Some(&cgroup.0), get), CALLS)
    );
    println!(
        "call.open\t{:.0}\tns",
        each(timed(Some(&cgroup.0), open), OPENS)
    );
    let dropped = control.counters()[&Counter::EventsDropped];
    println!("call.dropped\t{dropped}\tevents");
    let _ = fs::remove_file("/dev/shm/rampart-bench");
}

/// What it costs to look up the open flags of a waiting task.
fn syscall_lookup() {
    let child = Command::new("/bin/sleep").arg("30").spawn();
    let mut child = child.unwrap();
    let path = format!("/proc/{}/syscall", child.id());
    let count = 10_000u32;
    let begin = Instant::now();
    for _ in 0..count {
        black_box(fs::read_to_string(&path).unwrap());
    }
    let each = begin.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    println!("open.flags_lookup\t{each:.2}\tus");
    child.kill().unwrap();
    child.wait().unwrap();
}
