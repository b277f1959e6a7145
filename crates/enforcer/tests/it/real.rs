//! On real containers, with the real kernel side: needs root, BTF and runc, and says so if not.

use crate::fake::{DEADLINE, FakeUplink, until};
use rampart_detect::Rules;
use rampart_enforcer::{Config, Enforcer, Handle};
use rampart_model::{
    Action, FileRule, Group, GroupKind, GroupName, Mechanism, Mode, NetworkRule, Node,
    PolicySnapshot, PortRange, ProcessRule, Protocol, Query, Reply, Report, RuleId, Tier, Verdict,
    event::Incident,
};
use rampart_testkit::{Bridge, Rootfs, RuncContainer, require, unique_name};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// One kernel side at a time: each holds every container that starts on the machine.
pub(crate) static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub(crate) struct Bed {
    pub(crate) uplink: Arc<FakeUplink>,
    handle: Handle,
    dir: Arc<TempDir>,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Bed {
    async fn new(dir: Arc<TempDir>, snapshot: PolicySnapshot) -> Self {
        Self::with_rules(dir, snapshot, None).await
    }

    pub(crate) async fn with_rules(
        dir: Arc<TempDir>,
        snapshot: PolicySnapshot,
        rules: Option<Arc<Rules>>,
    ) -> Self {
        let uplink = FakeUplink::new(snapshot);
        let facts = rampart_cluster::node_facts();
        let node = Node {
            id: "node-1".into(),
            name: "one".to_owned(),
            ..facts
        };
        let mut config = Config::new(node, dir.path().join("data"));
        config.rules = rules;
        let enforcer = Enforcer::open(config, uplink.clone()).unwrap();
        let handle = enforcer.handle();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let running = tokio::spawn(async move { enforcer.run(stop).await.unwrap() });
        let bed = Self {
            uplink,
            handle,
            dir,
            shutdown,
            running,
        };
        until("the start", || {
            let started = |name: &str| bed.uplink.records().iter().any(|r| r.name == name);
            started("Agent.Start").then_some(())
        })
        .await;
        bed.in_force().await;
        bed
    }

    async fn in_force(&self) {
        let revision = self.uplink.policy.borrow().revision;
        until("the policy", || {
            match self.handle.query(&Query::ProbeSummary) {
                Reply::ProbeSummary(s) if s.policy_revision >= revision => Some(()),
                _ => None,
            }
        })
        .await;
    }

    async fn apply(&self, snapshot: PolicySnapshot) {
        self.uplink.policy.send_replace(Arc::new(snapshot));
        // Kept on disk after it is in force everywhere.
        let path = self.dir.path().join("data/policy.snapshot");
        let revision = format!("\"revision\":{},", self.uplink.policy.borrow().revision);
        until("the policy in force", || {
            let kept = fs::read(&path).unwrap_or_default();
            String::from_utf8_lossy(&kept)
                .contains(&revision)
                .then_some(())
        })
        .await;
    }

    pub(crate) async fn secured(&self, container: &RuncContainer) {
        until("the container to be secured", || {
            self.uplink.reports().iter().any(|r| {
                matches!(r, Report::Workload(w) if w.id.as_str() == container.id() && w.secured_at.is_known())
            })
            .then_some(())
        })
        .await;
    }

    fn learned(&self, group: &str) -> Vec<ProcessRule> {
        let mut rules: Vec<ProcessRule> = Vec::new();
        for report in self.uplink.reports() {
            if let Report::LearnedProcess {
                group: of,
                name,
                path,
                ..
            } = report
                && of.as_str() == group
                && !rules.iter().any(|r| (&r.name, &r.path) == (&name, &path))
            {
                rules.push(ProcessRule {
                    name,
                    path,
                    ..ProcessRule::default()
                });
            }
        }
        rules
    }

    async fn learned_all(&self, group: &str, names: &[&str]) -> Vec<ProcessRule> {
        until("what is to be learned", || {
            let rules = self.learned(group);
            names
                .iter()
                .all(|n| rules.iter().any(|r| r.name == *n))
                .then_some(rules)
        })
        .await
    }

    async fn incident(&self, what: &str, wanted: impl Fn(&Incident) -> bool) -> Incident {
        let end = tokio::time::Instant::now() + DEADLINE;
        loop {
            let all = self.uplink.incidents();
            if let Some((_, found)) = all.iter().find(|(_, i)| wanted(i)) {
                return found.clone();
            }
            assert!(
                tokio::time::Instant::now() < end,
                "no incident for {what} among {all:#?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.shutdown.cancel();
        tokio::time::timeout(DEADLINE, self.running)
            .await
            .unwrap()
            .unwrap();
        self.dir
    }
}

pub(crate) fn able(test: &str) -> bool {
    if !require(test, &["runc", "busybox", "ip"]) {
        return false;
    }
    let found = rampart_probe::detect();
    if found.tier < Tier::Fanotify {
        rampart_testkit::require::skip(
            test,
            &format!("tier {}: {}", found.tier, found.reasons.join("; ")),
        );
        return false;
    }
    let alone =
        rampart_testkit::wait_until(Duration::from_secs(20), || other_kernel_side().is_none());
    if !alone {
        let reason = "another kernel side runs on this machine and lets go what this one holds";
        rampart_testkit::require::skip(test, reason);
    }
    alone
}

/// A process that has the probe's threads, other than this one.
fn other_kernel_side() -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != std::process::id()).find(|pid| {
        let threads = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        threads
            .filter_map(|t| fs::read_to_string(t.path().join("comm")).ok())
            .any(|name| name == "marks\n")
    })
}

pub(crate) struct Ground {
    pub(crate) dir: Arc<TempDir>,
    pub(crate) rootfs: Rootfs,
    pub(crate) service: String,
    group: String,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let rootfs = Rootfs::busybox(dir.path().join("rootfs")).unwrap();
        let service = unique_name("enf");
        let group = format!("nv.{service}");
        Self {
            dir,
            rootfs,
            service,
            group,
        }
    }

    pub(crate) fn policy(
        &self,
        revision: u64,
        mode: Mode,
        rules: Vec<ProcessRule>,
    ) -> PolicySnapshot {
        let mut group = Group {
            name: GroupName::new(self.group.clone()),
            kind: GroupKind::Container,
            profile_mode: Some(mode),
            policy_mode: Some(Mode::Discover),
            ..Group::default()
        };
        group.profile.rules = rules;
        group.files = vec![FileRule {
            filter: "/etc/passwd".to_owned(),
            ..FileRule::default()
        }];
        PolicySnapshot {
            revision,
            groups: vec![group],
            ..PolicySnapshot::default()
        }
    }

    fn run(&self, script: &str) -> RuncContainer {
        let builder = RuncContainer::builder(&self.rootfs)
            .overlay()
            .label("app", &self.service);
        builder.shell(script).run().unwrap()
    }
}

fn text(output: &std::process::Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Applets are run by their path: by their bare name Debian's busybox runs many without an exec.
const IDLE: &str = "while :; do /bin/sleep 1; done";

#[tokio::test(flavor = "multi_thread")]
async fn learn_then_detect_then_deny() {
    let _turn = TURN.lock().await;
    if !able("learn_then_detect_then_deny") {
        return;
    }
    let ground = Ground::new();
    ground
        .rootfs
        .write("run.sh", "#!/bin/sh\n/bin/id >/dev/null\n", 0o755)
        .unwrap();
    let bed = Bed::new(
        ground.dir.clone(),
        ground.policy(1, Mode::Discover, Vec::new()),
    )
    .await;
    let container = ground.run(IDLE);
    bed.secured(&container).await;
    container
        .shell("/run.sh; /bin/cat /etc/passwd; /bin/cp /bin/busybox /copy; /bin/chmod +x /copy")
        .unwrap();
    let rules = bed
        .learned_all(
            &ground.group,
            &["sh", "sleep", "id", "run.sh", "cat", "cp", "chmod"],
        )
        .await;

    bed.apply(ground.policy(2, Mode::Monitor, rules.clone()))
        .await;
    let seen = container.shell("/bin/uname").unwrap();
    assert!(text(&seen).contains("Linux"), "{}", text(&seen));
    let incident = bed
        .incident("the detection", |i| i.process.name == "uname")
        .await;
    assert_eq!(
        (incident.verdict, incident.action.as_str()),
        (Verdict::Violate, "violate")
    );
    assert_eq!(incident.process.path, "/bin/busybox");

    bed.apply(ground.policy(3, Mode::Protect, rules)).await;
    let still = container.shell("/run.sh && /bin/cat /etc/passwd").unwrap();
    assert!(
        still.status.success() && text(&still).contains("root:"),
        "{}",
        text(&still)
    );
    let denied = container.shell("/bin/hostname").unwrap();
    assert!(text(&denied).contains("not permitted"), "{}", text(&denied));
    let incident = bed
        .incident("the denial", |i| i.process.name == "hostname")
        .await;
    assert_eq!(
        (incident.verdict, incident.mechanism),
        (Verdict::Deny, Some(Mechanism::Fanotify))
    );
    assert_eq!(incident.parent.name, "sh");

    let dropped = container
        .shell("/bin/cp /bin/busybox /tmp/busybox; /tmp/busybox echo RAN")
        .unwrap();
    assert!(!text(&dropped).contains("RAN"), "{}", text(&dropped));
    let incident = bed
        .incident("the drop", |i| i.process.path == "/tmp/busybox")
        .await;
    assert_eq!(incident.verdict, Verdict::Deny);

    let script = container
        .shell("printf '#!/bin/sh\\necho RAN\\n' > /tmp/x.sh; /bin/chmod +x /tmp/x.sh; /tmp/x.sh")
        .unwrap();
    assert!(!text(&script).contains("RAN"), "{}", text(&script));

    let write = container
        .shell("echo evil:x:0:0::/:/bin/sh >> /etc/passwd; /bin/cat /etc/passwd")
        .unwrap();
    assert!(
        text(&write).contains("root:") && !text(&write).contains("evil"),
        "{}",
        text(&write)
    );
    let incident = bed
        .incident("the file denial", |i| {
            i.file_path == "/etc/passwd" && i.verdict == Verdict::Deny
        })
        .await;
    assert_eq!(incident.mechanism, Some(Mechanism::Fanotify));
    assert_eq!(incident.operation, "open-write");

    let list = match bed.handle.query(&Query::Processes(container.id().into())) {
        Reply::Processes(list) => list,
        other => panic!("{other:?}"),
    };
    assert!(
        list.iter()
            .any(|p| p.pid == container.pid() && p.name == "sh" && !p.from_exec),
        "{list:?}"
    );
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_first_exec_runs_no_instruction() {
    let _turn = TURN.lock().await;
    if !able("a_denied_first_exec_runs_no_instruction") {
        return;
    }
    let ground = Ground::new();
    let other = ProcessRule {
        name: "nginx".to_owned(),
        path: "/usr/sbin/nginx".to_owned(),
        ..ProcessRule::default()
    };
    let bed = Bed::new(
        ground.dir.clone(),
        ground.policy(1, Mode::Protect, vec![other]),
    )
    .await;
    for _ in 0..5 {
        let container = ground.run("echo ran > /marker; sleep 60");
        assert!(container.wait_stopped(DEADLINE));
        assert!(!container.bundle().join("upper/marker").exists());
        let pid = container.pid();
        let incident = bed.incident("the kill", |i| i.process.pid == pid).await;
        assert_eq!(
            (incident.verdict, incident.mechanism),
            (Verdict::Deny, Some(Mechanism::KillAtExec))
        );
        assert_eq!(incident.group.as_str(), ground.group);
    }
    let stats = until("the latency", || match bed.handle.query(&Query::Stats) {
        Reply::Stats(stats)
            if stats
                .counters
                .get("start_to_enforced_count")
                .is_some_and(|n| *n >= 5) =>
        {
            Some(stats)
        }
        _ => None,
    })
    .await;
    let worst = stats.counters["start_to_enforced_max_us"];
    eprintln!(
        "first exec to enforced: p50 {} µs, worst {worst} µs",
        stats.counters["start_to_enforced_p50_us"]
    );
    assert!(worst < 2_000_000, "within the hold deadline");
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setuid_program_and_a_changed_file_are_detected() {
    let _turn = TURN.lock().await;
    if !able("a_setuid_program_and_a_changed_file_are_detected") {
        return;
    }
    let ground = Ground::new();
    ground
        .rootfs
        .copy(&ground.rootfs.at("bin/busybox"), "bin/escalate", 0o4755)
        .unwrap();
    ground.rootfs.write("etc/shadow", "", 0o666).unwrap();
    let bed = Bed::new(
        ground.dir.clone(),
        ground.policy(1, Mode::Monitor, Vec::new()),
    )
    .await;
    let builder = RuncContainer::builder(&ground.rootfs)
        .overlay()
        .label("app", &ground.service);
    let container = builder.user(65534, 65534).shell(IDLE).run().unwrap();
    bed.secured(&container).await;
    let ran = container
        .shell("/bin/escalate; echo x >> /etc/shadow; true")
        .unwrap();
    assert!(text(&ran).contains("applet not found"), "{}", text(&ran));
    let incident = bed
        .incident("the escalation", |i| i.operation == "setuid-exec")
        .await;
    assert_eq!(
        (incident.process.path.as_str(), incident.process.euid),
        ("/bin/escalate", 0)
    );
    assert_eq!(
        (incident.process.uid, incident.process.user.as_str()),
        (65534, "nobody")
    );
    let incident = bed
        .incident("the change", |i| i.file_path == "/etc/shadow")
        .await;
    assert_eq!(
        (incident.verdict, incident.mechanism),
        (Verdict::Violate, None)
    );
    bed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_attaches_what_runs_and_enforces_the_kept_policy() {
    let _turn = TURN.lock().await;
    if !able("a_restart_attaches_what_runs_and_enforces_the_kept_policy") {
        return;
    }
    let ground = Ground::new();
    let bed = Bed::new(
        ground.dir.clone(),
        ground.policy(1, Mode::Discover, Vec::new()),
    )
    .await;
    let container = ground.run(IDLE);
    bed.secured(&container).await;
    let rules = bed.learned_all(&ground.group, &["sh", "sleep"]).await;
    bed.apply(ground.policy(2, Mode::Protect, rules)).await;
    let dir = bed.stop().await;
    let free = container.shell("/bin/uname").unwrap();
    assert!(
        text(&free).contains("Linux"),
        "nothing is left behind: {}",
        text(&free)
    );

    let bed = Bed::new(
        dir,
        PolicySnapshot {
            revision: 0,
            ..PolicySnapshot::default()
        },
    )
    .await;
    bed.secured(&container).await;
    let denied = container.shell("/bin/uname").unwrap();
    assert!(text(&denied).contains("not permitted"), "{}", text(&denied));
    let list = match bed.handle.query(&Query::Processes(container.id().into())) {
        Reply::Processes(list) => list,
        other => panic!("{other:?}"),
    };
    assert!(
        list.iter()
            .any(|p| p.pid == container.pid() && p.path == "/bin/busybox"),
        "{list:?}"
    );
    bed.stop().await;
}

/// Answers every connection with one line, until the test ends.
fn serve(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"ok\n");
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_learned_then_refused() {
    let _turn = TURN.lock().await;
    if !able("connections_are_learned_then_refused") {
        return;
    }
    let ground = Ground::new();
    let bridge = Bridge::new().unwrap();
    let netns = bridge.namespace().unwrap();
    let (known, unknown) = (serve(bridge.gateway()), serve(bridge.gateway()));
    let bed = Bed::new(
        ground.dir.clone(),
        ground.policy(1, Mode::Discover, Vec::new()),
    )
    .await;
    let builder = RuncContainer::builder(&ground.rootfs)
        .overlay()
        .label("app", &ground.service);
    let container = builder.netns(netns.path()).shell(IDLE).run().unwrap();
    bed.secured(&container).await;
    let get = |port: u16| {
        let script = format!("echo hello | /bin/nc {} {port}", bridge.gateway());
        container.shell(&script).unwrap()
    };
    let answer = text(&get(known));
    assert!(answer.contains("ok"), "{answer}");
    let learned = until("the conversation", || {
        bed.uplink.reports().into_iter().find_map(|r| match r {
            Report::Conversations(list) => list
                .into_iter()
                .find(|c| c.workload.as_str() == container.id() && c.port == known),
            _ => None,
        })
    })
    .await;
    assert_eq!((learned.verdict, learned.ingress), (Verdict::Learn, false));
    assert!(
        learned.bytes_in > 0 && learned.bytes_out > 0 && learned.sessions == 1,
        "{learned:?}"
    );
    assert_eq!(
        learned.process.as_ref().map(|p| p.name.as_str()),
        Some("nc")
    );

    let network = |revision, mode| {
        let mut snapshot = ground.policy(revision, Mode::Discover, Vec::new());
        snapshot.groups[0].policy_mode = Some(mode);
        snapshot.rules = vec![NetworkRule {
            id: RuleId(10_001),
            from: GroupName::new(ground.group.clone()),
            to: Group::EXTERNAL.into(),
            ports: vec![PortRange::one(Protocol::Tcp, known)],
            action: Action::Allow,
            ..NetworkRule::default()
        }];
        snapshot
    };
    bed.apply(network(2, Mode::Monitor)).await;
    assert!(text(&get(unknown)).contains("ok"));
    until("the detection", || {
        bed.uplink
            .violations()
            .into_iter()
            .find(|v| v.server_port == unknown && v.verdict == Verdict::Violate)
    })
    .await;

    bed.apply(network(3, Mode::Protect)).await;
    assert!(text(&get(known)).contains("ok"));
    let refused = text(&get(unknown));
    assert!(refused.contains("not permitted"), "{refused}");
    let violation = until("the refusal", || {
        bed.uplink
            .violations()
            .into_iter()
            .find(|v| v.server_port == unknown && v.verdict == Verdict::Deny)
    })
    .await;
    assert_eq!(violation.mechanism, Some(Mechanism::CgroupSock));
    assert_eq!(violation.server.id, "external");
    assert_eq!(violation.process.map(|p| p.name), Some("nc".to_owned()));
    bed.stop().await;
}
