//! What Falco's language cannot say, because it looks at one event at a time: how many within
//! seconds, and which processes hang together by their pipes. Told and counted like rules.
//!
//! Limits: [`WINDOWS`] windows at once, each of at most as many hashes as its detector counts; when
//! there are more, all begin anew. The pipes of a process are looked at once a minute, and at most
//! [`SHELLS`] processes of its container are compared with it; a removed file with [`PROCESSES`].

use super::{
    Runtime, State, details::link, detection::Detection, evaluate::Act, member::Member,
    table::Process,
};
use rampart_detect::Priority;
use rampart_model::Timestamp;
use rampart_probe::{Call, Exec, Socket};
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    os::unix::fs::FileTypeExt,
};

const WINDOWS: usize = 4096;
const SHELLS: usize = 256;
/// Running programs that a removed file is looked for among.
const PROCESSES: usize = 1024;

/// A built-in detector.
#[derive(Debug)]
pub(super) struct Detector {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) priority: Priority,
    pub(super) tags: &'static [&'static str],
    pub(super) events: &'static [&'static str],
    /// So many within so long.
    count: usize,
    window_ms: i64,
}

pub(super) const PORT_SCAN: Detector = Detector {
    name: "Port scan",
    about: "One process tries 20 ports of one address within 10 seconds.",
    priority: Priority::Warning,
    tags: &["host", "container", "discovery", "T1046"],
    events: &["connect"],
    count: 20,
    window_ms: 10_000,
};

pub(super) const HOST_SCAN: Detector = Detector {
    name: "Search for hosts",
    about: "One process tries one port of 64 addresses within 10 seconds.",
    priority: Priority::Notice,
    tags: &["host", "container", "discovery", "T1018", "T1046"],
    events: &["connect"],
    count: 64,
    window_ms: 10_000,
};

pub(super) const NAME_QUERIES: Detector = Detector {
    name: "Flood of name queries",
    about: "One process of a container sends 100 DNS queries within 10 seconds, as a tunnel does. Name servers are left out.",
    priority: Priority::Notice,
    tags: &["container", "command_and_control", "T1071.004", "T1572"],
    events: &["sendto", "sendmsg", "sendmmsg"],
    count: 100,
    window_ms: 10_000,
};

pub(super) const LOOK_AROUND: Detector = Detector {
    name: "Burst of reconnaissance",
    about: "Four different programs that tell where one is, run in one container within 10 seconds.",
    priority: Priority::Notice,
    tags: &["container", "discovery", "T1082", "T1033", "T1057"],
    events: &["execve"],
    count: 4,
    window_ms: 10_000,
};

pub(super) const EXEC_FLOOD: Detector = Detector {
    name: "Flood of processes",
    about: "1,200 programs started in one container within 10 seconds. Large builds do it too.",
    priority: Priority::Notice,
    tags: &["container", "impact", "T1499"],
    events: &["execve"],
    count: 1200,
    window_ms: 10_000,
};

pub(super) const FED_SHELL: Detector = Detector {
    name: "Shell fed by a connection",
    about: "A shell in a container reads its commands from a pipe that a process with a connection writes to.",
    priority: Priority::Critical,
    tags: &["container", "execution", "command_and_control", "T1059.004"],
    events: &["connect"],
    count: 1,
    window_ms: 60_000,
};

pub(super) const SIGNAL: Detector = Detector {
    name: "Signal to the enforcer",
    about: "A process sends the enforcer a signal that may stop it.",
    priority: Priority::Critical,
    tags: &["host", "container", "defense_evasion", "T1562.001", "T1685"],
    events: &["kill", "tkill", "tgkill"],
    count: 1,
    window_ms: 60_000,
};

pub(super) const RUNNING_REMOVED: Detector = Detector {
    name: "Running program removed",
    about: "The file of a program that runs in a container was removed, as by malware that hides. Package managers are left out.",
    priority: Priority::Warning,
    tags: &["container", "defense_evasion", "T1070.004"],
    events: &["unlink", "unlinkat"],
    count: 1,
    window_ms: 60_000,
};

pub(super) const ALL: &[&Detector] = &[
    &PORT_SCAN,
    &HOST_SCAN,
    &NAME_QUERIES,
    &LOOK_AROUND,
    &EXEC_FLOOD,
    &FED_SHELL,
    &SIGNAL,
    &RUNNING_REMOVED,
];

const LOOKS: &[&str] = &[
    "id", "uname", "whoami", "hostname", "ps", "ss", "netstat", "ifconfig", "ip", "w", "who",
    "last", "lscpu", "lsblk", "df", "mount", "env", "printenv", "getent", "arp", "route", "lsof",
    "groups", "users", "top", "pstree", "nproc", "lsmod",
];

const NAME_SERVERS: &[&str] = &[
    "coredns",
    "named",
    "unbound",
    "dnsmasq",
    "systemd-resolve",
    "pdns_recursor",
    "pdns_server",
    "kresd",
    "knotd",
    "nscd",
    "dnscrypt-proxy",
    "node-cache",
];

const INSTALLERS: &[&str] = &[
    "dpkg", "apt", "apt-get", "rpm", "yum", "dnf", "microdnf", "apk", "zypper", "pacman", "npm",
    "pip", "pip3", "make", "ninja",
];

const SHELL_NAMES: &[&str] = &[
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "busybox",
];

#[derive(Debug)]
struct Window {
    since: Timestamp,
    seen: HashSet<u64>,
    count: usize,
    told: bool,
}

/// Counts within windows.
#[derive(Debug, Default)]
pub(super) struct Bursts {
    windows: HashMap<u64, Window>,
}

impl Bursts {
    /// True once a window, when there were so many; `what` is counted once if it is given.
    fn add(
        &mut self,
        detector: &'static Detector,
        who: impl Hash,
        what: Option<u64>,
        at: Timestamp,
    ) -> bool {
        let key = hash((detector.name, who));
        if self.windows.len() >= WINDOWS && !self.windows.contains_key(&key) {
            let open = |window: &mut Window| at.since(window.since) < 10_000;
            self.windows.retain(|_, window| open(window));
            if self.windows.len() >= WINDOWS {
                self.windows.clear();
            }
        }
        let new = || Window {
            since: at,
            seen: HashSet::new(),
            count: 0,
            told: false,
        };
        let window = self.windows.entry(key).or_insert_with(new);
        if at.since(window.since) > detector.window_ms {
            *window = new();
        }
        if window.told || what.is_some_and(|what| !window.seen.insert(what)) {
            return false;
        }
        window.count += 1;
        window.told = window.count >= detector.count;
        if window.told {
            window.seen = HashSet::new();
        }
        window.told
    }
}

fn hash(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

impl Detection {
    fn burst(
        &self,
        detector: &'static Detector,
        who: impl Hash,
        what: Option<u64>,
        at: Timestamp,
    ) -> bool {
        let bursts = self.bursts.lock();
        let mut bursts = bursts.unwrap_or_else(std::sync::PoisonError::into_inner);
        bursts.add(detector, who, what, at)
    }
}

impl Runtime {
    pub(super) fn burst_of_execs(
        &self,
        detection: &Detection,
        exec: &Exec,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        let Some(label) = member.map(|member| member.label) else {
            return;
        };
        let act = act(exec.at, process, member, "exec", "");
        let name = process.image.name.as_str();
        if LOOKS.contains(&name) && detection.burst(&LOOK_AROUND, label, Some(hash(name)), exec.at)
        {
            let message = format!(
                "{} programs that tell of the machine, the last {name} | command={}",
                LOOK_AROUND.count, process.image.cmdline
            );
            self.found(detection, &act, &LOOK_AROUND, message, state);
        }
        if detection.burst(&EXEC_FLOOD, label, None, exec.at) {
            let message = format!("{} programs in seconds, the last {name}", EXEC_FLOOD.count);
            self.found(detection, &act, &EXEC_FLOOD, message, state);
        }
    }

    pub(super) fn burst_of_connections(
        &self,
        detection: &Detection,
        socket: &Socket,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        self.burst_of_peer(detection, socket.peer, socket.at, process, member, state);
        let Some(label) = member.map(|member| member.label) else {
            return;
        };
        let looked = (label, process.pid, process.start_ns);
        if detection.burst(&FED_SHELL, looked, None, socket.at)
            && let Some(shell) = fed_shell(process, state)
        {
            let about = socket.peer.to_string();
            let message = format!(
                "shell {} reads what {} gets from {about} | shell={} command={}",
                shell.pid, process.image.name, shell.image.cmdline, process.image.cmdline
            );
            let act = act(socket.at, process, member, "connect", &about);
            self.found(detection, &act, &FED_SHELL, message, state);
        }
    }

    fn burst_of_peer(
        &self,
        detection: &Detection,
        peer: SocketAddr,
        at: Timestamp,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        let who = (process.pid, process.start_ns);
        let (ip, port) = (peer.ip(), peer.port());
        let command = &process.image.cmdline;
        if detection.burst(&PORT_SCAN, (who, ip), Some(u64::from(port)), at) {
            let about = ip.to_string();
            let message = format!("{} ports of {about} | command={command}", PORT_SCAN.count);
            let act = act(at, process, member, "connect", &about);
            self.found(detection, &act, &PORT_SCAN, message, state);
        }
        if detection.burst(&HOST_SCAN, (who, port), Some(hash(ip)), at) {
            let about = port.to_string();
            let message = format!(
                "port {about} of {} addresses | command={command}",
                HOST_SCAN.count
            );
            let act = act(at, process, member, "connect", &about);
            self.found(detection, &act, &HOST_SCAN, message, state);
        }
    }

    pub(super) fn burst_of_calls(
        &self,
        detection: &Detection,
        call: &Call,
        peer: Option<SocketAddr>,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        if matches!(call.name, "kill" | "tkill" | "tgkill") {
            self.signal(detection, call, process, member, state);
            return;
        }
        if call.name.starts_with("unlink") && call.result >= 0 {
            self.removed(detection, call, process, member, state);
            return;
        }
        let Some(peer) = peer.filter(|_| call.name.starts_with("send")) else {
            return;
        };
        if peer.port() != 53 {
            self.burst_of_peer(detection, peer, call.at, process, member, state);
            return;
        }
        let serves = NAME_SERVERS.contains(&process.image.name.as_str());
        let Some(label) = member.map(|m| m.label).filter(|_| !serves) else {
            return;
        };
        if detection.burst(&NAME_QUERIES, (label, process.pid), None, call.at) {
            let about = peer.to_string();
            let message = format!(
                "{} queries to {about} in seconds | command={}",
                NAME_QUERIES.count, process.image.cmdline
            );
            let act = act(call.at, process, member, "send", &about);
            self.found(detection, &act, &NAME_QUERIES, message, state);
        }
    }

    fn removed(
        &self,
        detection: &Detection,
        call: &Call,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        if member.is_none() || is_installing(process, state) {
            return;
        }
        let runs = |other: &&Process| other.image.path == call.path;
        let running = state.table.pids_of(process.label).take(PROCESSES);
        let mut running = running.filter_map(|pid| state.table.live(pid));
        let Some(running) = running.find(runs) else {
            return;
        };
        let message = format!(
            "{} of process {} was removed | command={}",
            call.path, running.pid, process.image.cmdline
        );
        let act = act(call.at, process, member, call.name, &call.path);
        self.found(detection, &act, &RUNNING_REMOVED, message, state);
    }

    /// Pids are those of the caller's namespace, so that only callers in ours can mean us.
    fn signal(
        &self,
        detection: &Detection,
        call: &Call,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        let ours = std::process::id();
        let signal = if call.name == "tgkill" {
            call.args[2]
        } else {
            call.args[1]
        };
        // Init stops us when it is asked to; 0, child and window signals stop nobody.
        let harmless = matches!(signal, 0 | 17 | 18 | 23 | 28);
        let sent = call.task.pid_ns == self.pid_ns && call.args[0] == u64::from(ours);
        if !sent || harmless || matches!(call.task.pid, 1) || call.task.pid == ours {
            return;
        }
        let about = signal.to_string();
        let message = format!(
            "signal {about} to the enforcer, {} | command={}",
            if call.result < 0 { "refused" } else { "sent" },
            process.image.cmdline
        );
        let act = act(call.at, process, member, call.name, &about);
        self.found(detection, &act, &SIGNAL, message, state);
    }
}

fn act<'a>(
    at: Timestamp,
    process: &'a Process,
    member: Option<&'a Member>,
    operation: &'static str,
    about: &'a str,
) -> Act<'a> {
    Act {
        at,
        process,
        uid: process.uid,
        member,
        operation,
        about: about.into(),
        file: None,
    }
}

fn is_installing(process: &Process, state: &State) -> bool {
    let installs = |of: &Process| {
        let (comm, name) = (of.image.comm.as_str(), of.image.name.as_str());
        INSTALLERS.contains(&comm) || INSTALLERS.contains(&name)
    };
    // Of the container itself: who started its runtime, a build for example, excuses nothing.
    let inside = |of: &&Process| of.label == process.label;
    let ancestors = state.table.ancestors(process.pid).into_iter();
    installs(process) || ancestors.take_while(inside).any(installs)
}

/// A shell whose input is the pipe that the process writes to.
fn fed_shell<'s>(process: &Process, state: &'s State) -> Option<&'s Process> {
    let output = pipe(process.pid, 1)?;
    state
        .table
        .pids_of(process.label)
        .take(SHELLS)
        .filter_map(|pid| state.table.live(pid))
        .filter(|other| other.pid != process.pid)
        .filter(|other| SHELL_NAMES.contains(&other.image.name.as_str()))
        // A shell that runs a script or one command reads data, not commands, from its input.
        .filter(|other| reads_commands(&other.image.cmdline))
        .find(|other| pipe(other.pid, 0).is_some_and(|input| input == output))
}

fn reads_commands(cmdline: &str) -> bool {
    let mut words = cmdline.split(' ').skip(1).filter(|word| !word.is_empty());
    words.all(|word| word.starts_with('-') && !word.contains('c'))
}

/// The pipe behind a descriptor, if it is one, named or not.
fn pipe(pid: u32, number: usize) -> Option<String> {
    let to = link(pid, number);
    let named = || {
        std::fs::metadata(format!("/proc/{pid}/fd/{number}"))
            .is_ok_and(|file| file.file_type().is_fifo())
    };
    (to.starts_with("pipe:[") || to.starts_with('/') && named()).then_some(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(1_700_000_000_000 + ms)
    }

    #[test]
    fn so_many_within_the_window_and_once() {
        let mut bursts = Bursts::default();
        let scan =
            |bursts: &mut Bursts, port: u64, ms| bursts.add(&PORT_SCAN, 1, Some(port), at(ms));
        let told = (1..=100).filter(|port| scan(&mut bursts, *port, 5)).count();
        assert_eq!(told, 1);
        assert!((1..=19).all(|port| !scan(&mut bursts, port, 20_000)));
        assert!(!scan(&mut bursts, 19, 20_001), "the same port again");
        assert!(
            (1..=19).all(|port| !scan(&mut bursts, port, 40_000)),
            "a new window"
        );
        assert!(scan(&mut bursts, 20, 40_001));
    }

    #[test]
    fn memory_is_bounded() {
        let mut bursts = Bursts::default();
        for who in 0..20_000u32 {
            for what in 0..3 {
                bursts.add(&HOST_SCAN, who, Some(what), at(0));
            }
        }
        assert!(bursts.windows.len() <= WINDOWS);
    }

    #[test]
    fn shells_that_read_commands() {
        for (line, expected) in [
            ("sh -i", true),
            ("bash", true),
            ("sh -c id", false),
            ("sh /entry.sh", false),
            ("-bash", true),
        ] {
            assert_eq!(reads_commands(line), expected, "{line}");
        }
    }
}
