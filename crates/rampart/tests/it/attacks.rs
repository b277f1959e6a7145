//! The main job on real containers: learn, then the same attacks in Monitor (seen) and in Protect
//! (stopped), each with the record that is kept.

use crate::harness::{DEADLINE, Server, node_lock};
use rampart_testkit::{Bridge, NetNs, Rootfs, RuncContainer, require, wait_for, wait_until};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{IpAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
};
use tempfile::TempDir;

const GROUP: &str = "nv.web.shop";
const LEARNED_PORT: u16 = 18080;
const UNKNOWN_PORT: u16 = 18081;

/// The compromised application: a shell that does what is written into its pipe, by its own
/// built-ins where it can, so that no program but the wanted one is executed.
const APP: &str = "while true; do read -r line < /ctl/in; eval \"$line\" > /ctl/said 2>&1; echo $? > /ctl/out; done";

/// One attack, and what must be kept of it.
struct Attack {
    name: &'static str,
    by: By,
    /// Where the record is: `incident` or `violation`.
    log: &'static str,
    /// Names the record may carry.
    records: &'static [&'static str],
    mechanisms: &'static [&'static str],
    /// A substring of the record that tells it from the others.
    mark: &'static str,
}

enum By {
    /// A command line for the application itself.
    App(String),
    /// `runc exec`, as `docker exec` does.
    Exec(&'static [&'static str]),
}

fn attacks(gateway: IpAddr) -> Vec<Attack> {
    let profile: &[&str] = &[
        "Process.Profile.Violation",
        "Container.Suspicious.Process",
        "Container.Privilege.Escalation",
    ];
    vec![
        Attack {
            name: "shell by exec",
            by: By::Exec(&["/bin/sh", "-c", "true"]),
            log: "incident",
            records: profile,
            mechanisms: &["fanotify"],
            mark: "/bin/busybox",
        },
        Attack {
            name: "netcat",
            by: By::App("/opt/attack/nc -h".to_owned()),
            log: "incident",
            records: profile,
            mechanisms: &["fanotify"],
            mark: "/opt/attack/nc",
        },
        Attack {
            name: "dropped binary",
            by: By::App("/opt/app/cp /opt/attack/true /tmp/dropped && /tmp/dropped".to_owned()),
            log: "incident",
            records: profile,
            mechanisms: &["fanotify", "kill-at-exec"],
            mark: "/tmp/dropped",
        },
        Attack {
            name: "write to /etc/passwd",
            by: By::App("echo evil:x:0:0::/:/bin/sh >> /etc/passwd".to_owned()),
            log: "incident",
            records: &["Container.FileAccess.Violation"],
            mechanisms: &["fanotify"],
            mark: "/etc/passwd",
        },
        Attack {
            name: "setuid escalation",
            by: By::App("/opt/attack/true-suid".to_owned()),
            log: "incident",
            records: profile,
            mechanisms: &["fanotify", "kill-at-exec"],
            mark: "/opt/attack/true-suid",
        },
        Attack {
            name: "connection nobody learned",
            by: By::App(format!(
                "/opt/app/wget -q -O /dev/null http://{gateway}:{UNKNOWN_PORT}/"
            )),
            log: "violation",
            records: &[],
            mechanisms: &["cgroup-sock", "cgroup-skb"],
            mark: "18081",
        },
    ]
}

pub(crate) struct Scene {
    _root: TempDir,
    control: PathBuf,
    rootfs: Rootfs,
    pub(crate) web: RuncContainer,
    gateway: IpAddr,
    _net: (Bridge, NetNs),
}

impl Scene {
    pub(crate) fn set() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let control = root.path().join("ctl");
        fs::create_dir(&control).unwrap();
        fs::set_permissions(&control, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(
            Command::new("mkfifo")
                .args(["-m", "666"])
                .arg(control.join("in"))
                .status()
                .unwrap()
                .success()
        );
        let rootfs = Rootfs::busybox(root.path().join("rootfs")).unwrap();
        furnish(rootfs.path());
        let bridge = Bridge::new().unwrap();
        let netns = bridge.namespace().unwrap();
        let gateway = IpAddr::V4(bridge.gateway());
        serve_http(gateway, LEARNED_PORT);
        serve_http(gateway, UNKNOWN_PORT);
        let web = web(&rootfs, &control)
            .args(["/opt/app/sh", "-c", APP])
            .netns(netns.path())
            .run()
            .unwrap();
        Self {
            _root: root,
            control,
            rootfs,
            web,
            gateway,
            _net: (bridge, netns),
        }
    }

    /// Has the application do something; its exit code and output.
    pub(crate) fn app(&self, line: &str) -> (i32, String) {
        let _ = fs::remove_file(self.control.join("out"));
        let mut pipe = File::options()
            .write(true)
            .open(self.control.join("in"))
            .unwrap();
        writeln!(pipe, "{line}").unwrap();
        drop(pipe);
        let code = wait_for(DEADLINE, || {
            fs::read_to_string(self.control.join("out"))
                .ok()?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or_else(|| panic!("the application did not answer {line:?}"));
        (
            code,
            fs::read_to_string(self.control.join("said")).unwrap_or_default(),
        )
    }

    fn run(&self, attack: &Attack) -> (i32, String) {
        match &attack.by {
            By::App(line) => self.app(line),
            By::Exec(args) => {
                let output = self.web.exec(args).unwrap();
                (
                    output.status.code().unwrap_or(-1),
                    String::from_utf8_lossy(&output.stderr).into_owned(),
                )
            }
        }
    }

    fn passwd(&self) -> String {
        fs::read_to_string(self.web.host_path("/etc/passwd")).unwrap()
    }
}

fn web(rootfs: &Rootfs, control: &Path) -> rampart_testkit::RuncBuilder {
    RuncContainer::builder(rootfs)
        .overlay()
        .user(1000, 1000)
        .mount(control, "/ctl", false)
        .label("com.docker.compose.service", "web")
        .label("com.docker.compose.project", "shop")
}

/// Programs of the application and of the attacker: copies of busybox, each its own file.
fn furnish(root: &Path) {
    let busybox = fs::canonicalize("/bin/busybox").unwrap();
    for (folder, names) in [
        ("opt/app", &["sh", "cp", "wget", "ls"][..]),
        ("opt/attack", &["nc", "true"][..]),
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
        for name in names {
            fs::copy(&busybox, root.join(folder).join(name)).unwrap();
        }
    }
    let suid = root.join("opt/attack/true-suid");
    // A setuid-root program of another kind than busybox, which gives its privilege up at once.
    fs::copy("/bin/busybox", &suid).unwrap();
    fs::set_permissions(&suid, fs::Permissions::from_mode(0o4755)).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
    )
    .unwrap();
    fs::set_permissions(root.join("etc/passwd"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
}

/// Answers every connection with an empty page, until the test process ends.
fn serve_http(address: IpAddr, port: u16) {
    let listener = TcpListener::bind((address, port)).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
}

pub(crate) fn wait_workload(server: &Server, id: &str) -> Value {
    wait_for(DEADLINE, || {
        let (status, body) = server
            .send(reqwest::Method::GET, &format!("/v1/workload/{id}"), None)
            .ok()?;
        (status == 200 && body["workload"]["state"] != "exit").then(|| body["workload"].clone())
    })
    .unwrap_or_else(|| panic!("{id} was not discovered"))
}

fn profile_has(server: &Server, path: &str) -> bool {
    let (status, body) = server
        .send(
            reqwest::Method::GET,
            &format!("/v1/process_profile/{GROUP}"),
            None,
        )
        .unwrap();
    status == 200
        && body["process_profile"]["process_list"]
            .as_array()
            .is_some_and(|rules| rules.iter().any(|rule| rule["path"] == path))
}

pub(crate) fn switch(server: &Server, mode: &str) {
    server.patch(
        "/v1/service/config",
        json!({"config": {"services": ["web.shop"], "policy_mode": mode, "profile_mode": mode}}),
    );
    let node = server.get("/v1/enforcer")["enforcers"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let summary = format!("/v1/enforcer/{node}/probe_summary");
    let applied = wait_until(DEADLINE, || {
        server.get(&summary)["summary"]["policy_in_force"] == true
    });
    assert!(applied, "{mode} was not applied");
}

fn record(server: &Server, attack: &Attack, since: usize) -> Value {
    let list = format!("{}s", attack.log);
    wait_for(DEADLINE, || {
        let body = server.get(&format!("/v1/log/{}?start=0&limit=500", attack.log));
        let rows = body[&list].as_array()?;
        let fresh = rows.len().saturating_sub(since);
        rows.iter()
            .take(fresh)
            .find(|row| {
                row.to_string().contains(attack.mark)
                    && (attack.records.is_empty()
                        || attack.records.iter().any(|name| row["name"] == *name))
            })
            .cloned()
    })
    .unwrap_or_else(|| {
        panic!(
            "no record of {}: {:#}\nrules {:#}\nconversations {:#}",
            attack.name,
            server.get(&format!("/v1/log/{}?limit=20", attack.log)),
            server.get("/v1/policy/rule"),
            server.get("/v1/conversation?verbose=true")
        )
    })
}

fn kept(server: &Server, log: &str) -> usize {
    server.get(&format!("/v1/log/{log}?start=0&limit=500"))[&format!("{log}s")]
        .as_array()
        .map_or(0, Vec::len)
}

pub(crate) fn learn(server: &Server, scene: &Scene) {
    wait_workload(server, scene.web.id());
    for line in [
        "/opt/app/ls / > /dev/null".to_owned(),
        "/opt/app/cp /etc/passwd /tmp/copy".to_owned(),
        format!(
            "/opt/app/wget -q -O /dev/null http://{}:{LEARNED_PORT}/",
            scene.gateway
        ),
    ] {
        let (code, said) = scene.app(&line);
        assert_eq!(code, 0, "{line}: {said}");
    }
    for path in ["/opt/app/sh", "/opt/app/ls", "/opt/app/cp", "/opt/app/wget"] {
        assert!(
            wait_until(DEADLINE, || profile_has(server, path)),
            "{path} was not learned"
        );
    }
    let rule = wait_until(DEADLINE, || {
        server.get("/v1/policy/rule")["rules"]
            .as_array()
            .is_some_and(|rules| {
                rules
                    .iter()
                    .any(|r| r["from"] == GROUP && r.to_string().contains("18080"))
            })
    });
    assert!(
        rule,
        "the connection was not learned: {:#}",
        server.get("/v1/policy/rule")
    );
}

#[test]
fn attacks_are_seen_in_monitor_and_stopped_in_protect() {
    if !require("attacks", &["runc", "ip", "busybox"]) {
        return;
    }
    let _one = node_lock();
    let scene = Scene::set();
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    learn(&server, &scene);

    switch(&server, "Monitor");
    for attack in attacks(scene.gateway) {
        let since = kept(&server, attack.log);
        let (code, said) = scene.run(&attack);
        assert!(
            !said.contains("not permitted"),
            "{} was refused in Monitor: {code} {said}",
            attack.name
        );
        let record = record(&server, &attack, since);
        let action = record["action"]
            .as_str()
            .or(record["policy_action"].as_str())
            .unwrap();
        assert_eq!(action, "violate", "{}: {record:#}", attack.name);
    }
    assert!(scene.passwd().contains("evil"), "Monitor must let it pass");

    switch(&server, "Protect");
    let before = scene.passwd();
    for attack in attacks(scene.gateway) {
        let since = kept(&server, attack.log);
        let (code, said) = scene.run(&attack);
        assert_ne!(code, 0, "{} was not stopped: {said}", attack.name);
        let record = record(&server, &attack, since);
        let action = record["action"]
            .as_str()
            .or(record["policy_action"].as_str())
            .unwrap();
        assert_eq!(action, "deny", "{}: {record:#}", attack.name);
        let mechanism = record["mechanism"].as_str().unwrap_or_default();
        assert!(
            attack.mechanisms.contains(&mechanism),
            "{}: {record:#}",
            attack.name
        );
    }
    assert_eq!(scene.passwd(), before, "the protected file changed");
    let (code, said) = scene.app("read -r line < /etc/passwd");
    assert_eq!(code, 0, "reading must stay possible: {said}");
    let (code, said) = scene.app("/opt/app/ls / > /dev/null");
    assert_eq!(code, 0, "what was learned must go on: {said}");

    no_warm_up_hole(&server, &scene);
    server.crash();
    enforced_again_after_a_crash(data.path(), &scene);
}

/// A container whose group is in Protect is judged at its first exec, before any instruction.
fn no_warm_up_hole(server: &Server, scene: &Scene) {
    let since = kept(server, "incident");
    let script = "echo ran > /ctl/ran";
    let late = web(&scene.rootfs, &scene.control)
        .args(["/bin/sh", "-c", script])
        .create()
        .unwrap();
    let _ = late.start();
    assert!(
        late.wait_stopped(DEADLINE),
        "it was neither judged nor released"
    );
    assert!(
        !scene.control.join("ran").exists(),
        "the first program of a new container ran"
    );
    let attack = Attack {
        name: "first exec",
        by: By::Exec(&[]),
        log: "incident",
        records: &["Process.Profile.Violation"],
        mechanisms: &[],
        mark: "/bin/busybox",
    };
    let record = record(server, &attack, since);
    assert_eq!(record["action"], "deny", "{record:#}");
    assert_eq!(record["workload_id"], late.id(), "{record:#}");
    let good = web(&scene.rootfs, &scene.control)
        .args(["/opt/app/sh", "-c", script])
        .run()
        .unwrap();
    assert!(good.wait_stopped(DEADLINE));
    assert!(
        scene.control.join("ran").exists(),
        "an allowed first program must run"
    );
}

fn enforced_again_after_a_crash(data: &Path, scene: &Scene) {
    let server = Server::start(data, &[]);
    let workload = wait_workload(&server, scene.web.id());
    assert_eq!(workload["profile_mode"], "Protect", "{workload:#}");
    let stopped = wait_until(DEADLINE, || scene.app("/opt/attack/true").0 != 0);
    assert!(
        stopped,
        "after a crash and a restart the attack was not stopped"
    );
    quarantined_until_it_is_undone(server, data, scene);
}

/// Quarantine cuts the network, outlives a crash, and one call undoes it.
fn quarantined_until_it_is_undone(server: Server, data: &Path, scene: &Scene) {
    let path = format!("/v1/workload/{}", scene.web.id());
    let fetch = format!(
        "/opt/app/wget -q -O /dev/null http://{}:{LEARNED_PORT}/",
        scene.gateway
    );
    assert_eq!(scene.app(&fetch).0, 0, "a learned connection must be open");
    server.patch(&path, json!({"config": {"quarantine": true}}));
    assert!(
        wait_until(DEADLINE, || scene.app(&fetch).0 != 0),
        "quarantine did not cut the network"
    );
    server.crash();
    let server = Server::start(data, &[]);
    wait_workload(&server, scene.web.id());
    assert!(
        wait_until(DEADLINE, || scene.app(&fetch).0 != 0),
        "quarantine was lost in a restart"
    );
    server.patch(&path, json!({"config": {"quarantine": false}}));
    assert!(
        wait_until(DEADLINE, || scene.app(&fetch).0 == 0),
        "the network did not come back"
    );
}
