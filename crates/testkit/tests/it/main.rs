//! The fixtures themselves, on real containers.

use rampart_testkit::{Bridge, Rootfs, RuncContainer, require, wait_until};
use std::{fs, path::Path, time::Duration};

const DEADLINE: Duration = Duration::from_secs(10);

#[test]
fn container_runs_executes_and_is_removed() {
    if !require("container_runs", &["runc", "busybox"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path().join("rootfs")).expect("rootfs");
    let container = RuncContainer::builder(&rootfs)
        .shell("echo started; exec sleep 3600")
        .overlay()
        .tmpfs("/scratch")
        .mount(dir.path(), "/data", true)
        .run()
        .expect("container");
    assert_eq!(container.status().as_deref(), Some("running"));
    assert!(wait_until(DEADLINE, || container.log().contains("started")));

    let out = container
        .shell("id -u; touch /made /scratch/x; touch /data/x")
        .expect("exec");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "0\n");
    assert!(!out.status.success(), "a read-only mount took a write");
    assert!(container.host_path("/made").exists());
    assert!(
        !rootfs.at("/made").exists(),
        "the write reached the lower layer"
    );

    let proc = format!("/proc/{}", container.pid());
    let bundle = container.bundle().to_owned();
    drop(container);
    assert!(wait_until(DEADLINE, || !Path::new(&proc).exists()));
    assert!(!bundle.exists(), "the bundle was left behind");
}

#[test]
fn containers_on_a_bridge_reach_each_other() {
    if !require("containers_on_a_bridge", &["runc", "busybox", "ip"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path()).expect("rootfs");
    let bridge = Bridge::new().expect("bridge");
    let (server_ns, client_ns) = (
        bridge.namespace().expect("namespace"),
        bridge.namespace().expect("namespace"),
    );
    let server = RuncContainer::builder(&rootfs)
        .shell("echo hello > /tmp/index.html; exec httpd -f -p 8080 -h /tmp")
        .netns(server_ns.path())
        .overlay()
        .run()
        .expect("server");
    let client = RuncContainer::builder(&rootfs)
        .netns(client_ns.path())
        .run()
        .expect("client");
    let fetch = format!(
        "timeout 2 wget -q -O - http://{}:8080/",
        server_ns.address()
    );
    let mut last = String::new();
    let reached = wait_until(DEADLINE, || {
        let out = client.shell(&fetch).expect("exec");
        last = format!("{out:?}");
        out.stdout == b"hello\n"
    });
    assert!(reached, "client: {last}; server: {}", server.log());
    let name = bridge.name().to_owned();
    drop((client, server, client_ns, server_ns, bridge));
    assert!(!fs::exists(format!("/sys/class/net/{name}")).expect("sysfs"));
    assert!(
        wait_until(DEADLINE, || veths() == 0),
        "interfaces of the namespaces were left behind"
    );
}

/// Interfaces of this test process, by the name that the fixtures give them.
fn veths() -> usize {
    let prefix = format!("rt{:x}v", std::process::id());
    fs::read_dir("/sys/class/net").map_or(0, |names| {
        names
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().starts_with(&prefix))
            .count()
    })
}
