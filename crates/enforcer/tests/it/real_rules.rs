//! Detection rules on what real processes do in real containers: root, BTF, runc and python3 are
//! needed, and a test that lacks them says so.

use crate::{
    fake::until,
    real::{Bed, Ground, TURN, able},
};
use rampart_detect::{Options, RuleFile, Rules, builtin};
use rampart_model::{LogLevel, LogRecord, Mode, event::Incident};
use rampart_testkit::{RuncContainer, require};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

pub(crate) fn our_rules() -> Arc<Rules> {
    let files: Vec<_> = builtin::ALL
        .iter()
        .map(|(name, text)| RuleFile { name, text })
        .collect();
    let (rules, told) = Rules::load(&files, &Options::default());
    assert!(told.is_empty(), "{told:?}");
    Arc::new(rules)
}

/// With the machine's python3 beside busybox, and what a privileged container may do.
fn run(ground: &Ground) -> RuncContainer {
    let mut builder = RuncContainer::builder(&ground.rootfs)
        .overlay()
        .label("app", &ground.service)
        .mount("/usr", "/usr", true)
        .mount("/usr/lib", "/lib", true)
        .mount("/usr/lib64", "/lib64", true)
        .tmpfs("/tmp");
    for capability in [
        "CAP_SYS_ADMIN",
        "CAP_SYS_PTRACE",
        "CAP_NET_RAW",
        "CAP_SYS_MODULE",
        "CAP_MKNOD",
    ] {
        builder = builder.capability(capability);
    }
    builder
        .shell("while :; do /bin/sleep 1; done")
        .run()
        .unwrap()
}

fn told(bed: &Bed) -> BTreeSet<String> {
    let all = bed.uplink.incidents().into_iter();
    let told = all.filter(|(record, _)| record.name == "Detection.Rule.Matched");
    told.map(|(_, incident)| incident.rule_id).collect()
}

/// What is done, and the rule that says so.
const ATTACKS: &[(&str, &str)] = &[
    ("cat /etc/shadow", "Password file read"),
    ("cat /proc/self/environ", "Environment of a process read"),
    ("echo x >/etc/crontab", "Scheduled job changed"),
    ("echo x >/etc/ld.so.preload", "Loader preload changed"),
    (
        "mkdir -p /root/.ssh; echo k >>/root/.ssh/authorized_keys",
        "Login key added",
    ),
    (": >/release_agent", "Escape by release_agent"),
    (": >/tmp/s; chmod +s /tmp/s", "Setuid bit set"),
    ("ln -s /etc /tmp/l", "Link to what is protected"),
    (
        "mkdir -p /var/log; echo x >/var/log/syslog; : >/var/log/syslog",
        "System log emptied",
    ),
    (
        "cp /bin/busybox /tmp/sleep; /tmp/sleep 2 & sleep 0.2; rm /tmp/sleep",
        "Running program removed",
    ),
    (
        "python3 -c 'import ctypes,os;p=os.fork();p or os.execv(\"/bin/sleep\",[\"sleep\",\"5\"]);\
         ctypes.CDLL(None).ptrace(16,p,0,0);os.kill(p,9)'",
        "Process traced",
    ),
    (
        "python3 -c 'import ctypes;ctypes.CDLL(None).unshare(0x10000000)'",
        "Namespace made in a container",
    ),
    (
        "mkdir -p /tmp/m; mount -t tmpfs x /tmp/m",
        "Mount in a container",
    ),
    (
        "python3 -c 'import ctypes;ctypes.CDLL(None).syscall(175,0,0,0)'",
        "Kernel module loaded",
    ),
    (
        "python3 -c 'import ctypes;ctypes.CDLL(None).syscall(321,34,0,0)'",
        "Watcher stopped",
    ),
    (
        "python3 -c 'import socket;socket.socket(17,3,768)'",
        "Packet socket opened in a container",
    ),
    (
        "python3 -c 'import socket;socket.socket(2,3,1)'",
        "Raw socket opened in a container",
    ),
    (
        "python3 -c 'import os;f=os.open(\"/proc/self/fd/1\",1)'",
        "Descriptor opened through proc",
    ),
    (
        "python3 -c 'import os;open(\"/tmp/x\",\"w\");os.setxattr(\"/tmp/x\",\"security.capability\",\
         bytes.fromhex(\"0100000280000000000000000000000000000000\"))'",
        "File capability set",
    ),
    (
        "python3 -c 'import socket;s=socket.socket(1);s.bind(\"/tmp/docker.sock\");s.listen();\
         socket.socket(1).connect(\"/tmp/docker.sock\")'",
        "Runtime socket used in a container",
    ),
    (
        "ip link set lo up; python3 -c 'import socket,os;s=socket.create_server((\"127.0.0.1\",7777));\
         c=socket.create_connection((\"127.0.0.1\",7777));os.dup2(c.fileno(),0)'",
        "Standard stream wired to a connection",
    ),
    (
        "python3 -c 'import socket;[socket.socket().connect_ex((\"127.0.0.1\",p)) for p in range(1,60)]'",
        "Port scan",
    ),
    (
        "python3 -c 'import socket;s=socket.socket(2,2);[s.sendto(b\"q%d\"%i,(\"127.0.0.1\",53)) for i in range(200)]'",
        "Flood of name queries",
    ),
    (
        "python3 -c 'import socket;s=socket.create_server((\"127.0.0.1\",7778));import time;time.sleep(4)' & \
         sleep 1; mkfifo /tmp/f; sh </tmp/f | python3 -c 'import socket,time;\
         c=socket.create_connection((\"127.0.0.1\",7778));time.sleep(2)' >/tmp/f",
        "Shell fed by a connection",
    ),
    (
        "/usr/bin/id; /usr/bin/uname; /usr/bin/whoami; /usr/bin/hostname",
        "Burst of reconnaissance",
    ),
    (
        "python3 -c 'import os;os.open(\"/tmp/f2\",os.O_CREAT|os.O_WRONLY,0o755)'",
        "Program file made in a container",
    ),
    (
        "python3 -c 'import ctypes,os;l=ctypes.CDLL(None);l.syscall(304,-100,b\"x\"*64,0)'",
        "File opened by handle in a container",
    ),
    ("mknod /tmp/d b 7 0", "Device made in a container"),
    (
        "python3 -c 'import os;os.setresuid(65534,65534,0);os.setuid(0)'",
        "Identity changed without sudo",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_act_is_told_by_its_rule() {
    let _turn = TURN.lock().await;
    let test = "each_act_is_told_by_its_rule";
    if !able(test) || !require(test, &["python3"]) {
        return;
    }
    let ground = Ground::new();
    ground
        .rootfs
        .write("etc/shadow", "root:*:1::::::\n", 0o600)
        .unwrap();
    let policy = ground.policy(1, Mode::Discover, Vec::new());
    let bed = Bed::with_rules(ground.dir.clone(), policy, Some(our_rules())).await;
    let container = run(&ground);
    bed.secured(&container).await;
    let missing = missing(&bed, &container, ATTACKS).await;
    assert!(
        missing.is_empty(),
        "{}\ntold: {:?}",
        missing.join("\n"),
        told(&bed)
    );
    let host = std::process::Command::new("cat")
        .arg("/etc/shadow")
        .output();
    assert!(host.is_ok());
    until("what the host did", || {
        let all = bed.uplink.incidents();
        let of_host = |record: &LogRecord, incident: &Incident| {
            record.workload.is_none()
                && incident.rule_id == "Password file read"
                && incident.process.name == "cat"
        };
        all.iter().any(|(r, i)| of_host(r, i)).then_some(())
    })
    .await;
    bed.stop().await;
}

/// Does each act, and says which were not told by their rule.
async fn missing(bed: &Bed, container: &RuncContainer, acts: &[(&str, &str)]) -> Vec<String> {
    let mut missing = Vec::new();
    for (script, rule) in acts {
        let output = container.shell(script).unwrap();
        let end = tokio::time::Instant::now() + crate::fake::DEADLINE;
        while !told(bed).contains(*rule) {
            if tokio::time::Instant::now() > end {
                missing.push(format!("{rule}: {script}\n  {output:?}"));
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    missing
}

/// The same for Falco's own rules, as they come.
const FALCO: &[(&str, &str)] = &[
    ("cat /etc/shadow", "Read sensitive file untrusted"),
    (
        "python3 -c 'open(\"/root/../etc/../etc/shadow\")'",
        "Directory traversal monitored file read",
    ),
    (
        "/usr/bin/grep -r \"BEGIN RSA PRIVATE\" /root",
        "Search Private Keys or Passwords",
    ),
    ("ln -s /etc /tmp/l", "Create Symlink Over Sensitive Files"),
    (
        "mkdir -p /var/log; echo x >/var/log/syslog; : >/var/log/syslog",
        "Clear Log Activities",
    ),
    (
        "python3 -c 'import socket;socket.socket(17,3,768)'",
        "Packet socket created in container",
    ),
    (
        "python3 -c 'import ctypes;ctypes.CDLL(None).ptrace(0,0,0,0)'",
        "PTRACE anti-debug attempt",
    ),
    (
        "python3 -c 'import ctypes,os,time;p=os.fork();p or time.sleep(5);\
         ctypes.CDLL(None).ptrace(16,p,0,0);os.kill(p,9)'",
        "PTRACE attached to process",
    ),
    (
        "python3 -c 'import os;f=os.memfd_create(\"x\");os.write(f,open(\"/bin/busybox\",\"rb\").read());\
         os.execve(f\"/proc/self/fd/{f}\",[\"true\"],{})'; :",
        "Fileless execution via memfd_create",
    ),
    (
        "cp /bin/busybox /bin/new; /bin/new true",
        "Drop and execute new binary in container",
    ),
    (
        "ip link set lo up; python3 -c 'import socket,os;s=socket.create_server((\"127.0.0.1\",7777));\
         c=socket.create_connection((\"127.0.0.1\",7777));os.dup2(c.fileno(),0)'",
        "Redirect STDOUT/STDIN to Network Connection in Container",
    ),
    (": >/tmp/s; chmod u+s /tmp/s", "Set Setuid or Setgid bit"),
    (
        "cat /proc/self/environ",
        "Read environment variable from /proc files",
    ),
    (
        "python3 -c 'import ctypes;ctypes.CDLL(None).syscall(175,0,0,0)'",
        "Linux Kernel Module Injection Detected",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn falcos_rules_are_answered_live() {
    let _turn = TURN.lock().await;
    let test = "falcos_rules_are_answered_live";
    let Some(rules) = falcos_rules(test).filter(|_| able(test) && require(test, &["python3"]))
    else {
        return;
    };
    let ground = Ground::new();
    ground
        .rootfs
        .write("etc/shadow", "root:*:1::::::\n", 0o600)
        .unwrap();
    let policy = ground.policy(1, Mode::Discover, Vec::new());
    let bed = Bed::with_rules(ground.dir.clone(), policy, Some(rules)).await;
    let container = run(&ground);
    bed.secured(&container).await;
    let missing = missing(&bed, &container, FALCO).await;
    assert!(
        missing.is_empty(),
        "{}\ntold: {:?}",
        missing.join("\n"),
        told(&bed)
    );
    bed.stop().await;
}

/// Those of the reference, if it is there.
fn falcos_rules(test: &str) -> Option<Arc<Rules>> {
    let named = std::env::vars_os().find(|(name, _)| name == "RAMPART_REFERENCE");
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let folder = named.map_or_else(beside, |(_, path)| PathBuf::from(path));
    let folder = folder.join("data/runtime/falco-rules");
    let names = [
        "falco_rules",
        "falco-incubating_rules",
        "falco-sandbox_rules",
    ];
    let texts = names.map(|name| std::fs::read_to_string(folder.join(format!("{name}.yaml"))));
    let texts: Vec<String> = texts.into_iter().flatten().collect();
    if texts.len() != names.len() {
        rampart_testkit::require::skip(test, "no reference data beside the repository");
        return None;
    }
    let files: Vec<_> = texts
        .iter()
        .map(|text| RuleFile {
            name: "rules.yaml",
            text,
        })
        .collect();
    Some(Arc::new(Rules::load(&files, &Options::default()).0))
}

/// What services, builds and their keepers do.
const WORK: &[&str] = &[
    "ls -la / >/dev/null; cat /etc/passwd /proc/stat /proc/meminfo >/dev/null",
    "mkdir -p /tmp/w; echo a >/tmp/w/a; cp /tmp/w/a /tmp/w/b; mv /tmp/w/b /tmp/w/c; rm -r /tmp/w",
    "ip link set lo up; python3 -c 'import socket;s=socket.create_server((\"127.0.0.1\",8080));\
     c=socket.create_connection((\"127.0.0.1\",8080));a,_=s.accept();a.send(b\"x\");c.recv(1)'",
    "python3 -c 'import multiprocessing as m;p=m.Pool(2);p.map(abs,range(9));p.close()'",
    "printf '#!/bin/sh\\nexec \"$@\"\\n' >/tmp/entry.sh; chmod +x /tmp/entry.sh; /tmp/entry.sh true",
    "tar czf /tmp/b.tgz /etc 2>/dev/null; tar tzf /tmp/b.tgz >/dev/null",
    "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done",
    "python3 -c 'import os;os.setgid(65534);os.setuid(65534)'",
    "echo x >/tmp/access.log; mv /tmp/access.log /tmp/access.log.1; : >/tmp/access.log",
];

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_work_raises_no_warning() {
    let _turn = TURN.lock().await;
    let test = "ordinary_work_raises_no_warning";
    if !able(test) || !require(test, &["python3"]) {
        return;
    }
    let ground = Ground::new();
    ground
        .rootfs
        .write("etc/shadow", "root:*:1::::::\n", 0o600)
        .unwrap();
    let policy = ground.policy(1, Mode::Discover, Vec::new());
    let bed = Bed::with_rules(ground.dir.clone(), policy, Some(our_rules())).await;
    let container = run(&ground);
    bed.secured(&container).await;
    for script in WORK {
        container.shell(script).unwrap();
    }
    // The last act is told, so all before it were looked at.
    container.shell("cat /proc/self/environ").unwrap();
    until("the last act", || {
        told(&bed)
            .contains("Environment of a process read")
            .then_some(())
    })
    .await;
    let all = bed.uplink.incidents();
    // Of the container: other work on the machine is not this test's.
    let loud: Vec<_> = all
        .iter()
        .filter(|(record, _)| record.name == "Detection.Rule.Matched")
        .filter(|(record, _)| record.level >= LogLevel::Warning && record.workload.is_some())
        .map(|(record, _)| &record.message)
        .collect();
    assert!(loud.is_empty(), "{loud:#?}");
    bed.stop().await;
}
