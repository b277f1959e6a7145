//! No socket at all: plain runc, found by its state folders, its cgroups, or namespaces alone.

use crate::follow::{DEADLINE, Follower, cgroup_inode, config};
use rampart_cluster::{Config, Discovery, EXIT_UNKNOWN};
use rampart_testkit::{Bridge, Rootfs, RuncContainer, require, unique_name, wait_for, wait_until};
use std::{
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

#[tokio::test(flavor = "multi_thread")]
async fn plain_container_is_described_and_its_end_noticed() {
    if !require("plain_container", &["runc", "busybox", "ip"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path().join("rootfs")).expect("rootfs");
    let bridge = Bridge::new().expect("bridge");
    let netns = bridge.namespace().expect("namespace");
    let mut follower = Follower::start(config(&[]));
    let name = unique_name("web");
    let container = RuncContainer::builder(&rootfs)
        .id(&name)
        .netns(netns.path())
        .label("com.docker.compose.service", "web")
        .label("com.docker.compose.project", "shop")
        .mount(dir.path(), "/data", true)
        .memory_limit(64 << 20)
        .env("A=1")
        .run()
        .expect("container");

    let w = follower.container(&name, |w| w.running).await;
    assert_eq!(
        (w.id.as_str(), w.pid, w.runtime.as_str()),
        (name.as_str(), container.pid(), "runc")
    );
    assert_eq!((w.service.as_str(), w.domain.as_str()), ("web", "shop"));
    assert_eq!((w.node.as_str(), w.node_name.as_str()), ("node-1", "node"));
    assert_eq!(w.image, rootfs.path().to_string_lossy());
    assert_eq!(w.cgroup_path, format!("/{name}"));
    assert!(w.cgroup_id != 0 && w.cgroup_id == cgroup_inode(&w));
    assert_eq!(w.memory_limit_bytes, 64 << 20);
    assert!(w.env.contains(&"A=1".to_owned()));
    assert!(w.run_as_root && !w.privileged && !w.host_network && !w.host_pid && !w.sandbox);
    assert!(w.created_at.is_known() && w.started_at.is_known());
    let mount = w
        .mounts
        .iter()
        .find(|m| m.destination == "/data")
        .expect("mount");
    assert!(mount.read_only && mount.source == dir.path().to_string_lossy());
    let eth0 = &w.interfaces["eth0"];
    let v4 = eth0.iter().find(|a| a.ip.is_ipv4()).expect("address");
    assert_eq!(
        (v4.ip, v4.prefix, v4.gateway),
        (netns.address().into(), 24, Some(bridge.gateway().into()))
    );

    container.kill("KILL").expect("kill");
    assert_eq!(follower.removed(&name).await, EXIT_UNKNOWN);
    let last = follower
        .discovery
        .workload(&name.as_str().into())
        .expect("remembered");
    assert!(!last.running && last.finished_at.is_known());
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_that_already_run_are_found() {
    if !require("containers_that_already_run", &["runc", "busybox"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path()).expect("rootfs");
    let default = RuncContainer::builder(&rootfs)
        .user(1000, 1000)
        .run()
        .expect("container");
    let state = tempfile::tempdir().expect("temporary folder");
    let elsewhere = RuncContainer::builder(&rootfs)
        .state_root(state.path())
        .cgroup_path(&format!("/{}", unique_name("own")))
        .host_network()
        .run()
        .expect("container");
    let roots = Config {
        state_roots: vec![state.path().to_owned()],
        ..config(&[])
    };
    let mut follower = Follower::start(roots);
    let first = follower.container(default.id(), |w| w.running).await;
    assert!(!first.run_as_root && !first.host_network && first.interfaces.is_empty());
    let second = match follower.discovery.workload(&elsewhere.id().into()) {
        Some(found) => found,
        None => follower.container(elsewhere.id(), |w| w.running).await,
    };
    assert!(second.host_network && second.network_mode == "host" && second.interfaces.is_empty());
    assert!(second.cgroup_path.starts_with("/own-") && second.cgroup_id == cgroup_inode(&second));
}

/// The listing is an hour away, and the answer must be complete at the moment a permission event
/// holds the first exec.
#[tokio::test(flavor = "multi_thread")]
async fn containers_of_under_100_ms_have_their_metadata_at_the_first_exec() {
    if !require("containers_of_under_100_ms", &["runc", "busybox"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path()).expect("rootfs");
    let hour = Config {
        poll: Duration::from_secs(3600),
        ..config(&[])
    };
    let (discovery, _changes) = Discovery::start(hour).expect("discovery");
    let mut slowest = Duration::ZERO;
    for round in 0..20 {
        let container = RuncContainer::builder(&rootfs)
            .args(["/bin/sleep", "0.05"])
            .label("com.docker.compose.service", "flash")
            .label("com.docker.compose.project", "shop")
            .create()
            .expect("container");
        let begin = Instant::now();
        let found = discovery.lookup_pid(container.pid());
        slowest = slowest.max(begin.elapsed());
        let found = found.unwrap_or_else(|| panic!("round {round}: nothing found"));
        assert_eq!(found.id.as_str(), container.id());
        assert_eq!(
            (found.service.as_str(), found.domain.as_str()),
            ("flash", "shop")
        );
        assert!(found.cgroup_id != 0 && found.image == rootfs.path().to_string_lossy());
        container.start().expect("start");
        assert!(container.wait_stopped(DEADLINE));
        let id = found.cgroup_id;
        drop(container);
        let late = discovery.lookup_cgroup(id, 0).expect("known after its end");
        assert_eq!(late.service, "flash");
    }
    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
}

/// Run in one go, with nobody looking up: the state folder's appearance is enough.
#[tokio::test(flavor = "multi_thread")]
async fn short_containers_are_noticed_without_a_lookup() {
    if !require("short_containers", &["runc", "busybox"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path()).expect("rootfs");
    // So that runc's folder of states is there to be watched.
    let keeper = RuncContainer::builder(&rootfs).run().expect("container");
    let hour = Config {
        poll: Duration::from_secs(3600),
        ..config(&[])
    };
    let mut follower = Follower::start(hour);
    follower.container(keeper.id(), |w| w.running).await;
    for _ in 0..5 {
        let name = unique_name("flash");
        let container = RuncContainer::builder(&rootfs)
            .id(&name)
            .args(["/bin/sleep", "0.09"])
            .run()
            .expect("container");
        // The engine above runc deletes its state once it has seen the end.
        assert!(container.wait_stopped(DEADLINE));
        drop(container);
        let seen = follower
            .container(&name, |w| w.image.contains("/tmp"))
            .await;
        assert!(seen.cgroup_id != 0, "{seen:?}");
    }
}

/// Given up on when dropped: a discovery that hangs fails its test instead of hanging it too.
struct Unwaited(Option<tokio::runtime::Runtime>);

impl Drop for Unwaited {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// `rampart up` now and then never found a container that ran when it started. The listing held the
/// lock of the inventory while it looked at the addresses of what runs, and took it again to note a
/// new one: the first container whose addresses changed (an IPv6 address is there a second after
/// its interface; Docker connects networks) stopped the discovery and every look-up for good.
#[test]
fn an_address_that_changes_does_not_stop_the_discovery() {
    if !require("an_address_that_changes", &["runc", "busybox", "ip"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path()).expect("rootfs");
    let bridge = Bridge::new().expect("bridge");
    let netns = bridge.namespace().expect("namespace");
    let first = RuncContainer::builder(&rootfs)
        .netns(netns.path())
        .run()
        .expect("container");
    let runtime = Unwaited(tokio::runtime::Runtime::new().ok());
    runtime.0.as_ref().expect("runtime").block_on(async {
        let mut follower = Follower::start(config(&[]));
        follower.container(first.id(), |w| w.running).await;
        for last in 1..=3 {
            let address = format!("198.51.100.{last}");
            let args = ["-n", netns.name(), "addr", "add"];
            let added = Command::new("ip")
                .args(args)
                .args([&format!("{address}/24"), "dev", "eth0"])
                .status();
            assert!(added.is_ok_and(|s| s.success()));
            let has = |w: &rampart_model::Workload| {
                let mut all = w.interfaces.values().flatten();
                all.any(|a| a.ip.to_string() == address)
            };
            follower.container(first.id(), has).await;
            let next = RuncContainer::builder(&rootfs).run().expect("container");
            follower.container(next.id(), |w| w.running).await;
            assert!(follower.discovery.lookup_pid(next.pid()).is_some());
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn host_processes_are_no_containers() {
    let (discovery, _changes) = Discovery::start(config(&[])).expect("discovery");
    assert_eq!(discovery.lookup_pid(std::process::id()), None);
    assert_eq!(discovery.lookup_pid(1), None);
    assert_eq!(discovery.lookup_pid(u32::MAX), None);
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// No runtime knows it, no state folder, no cgroup: a mount namespace and a root of its own.
#[tokio::test(flavor = "multi_thread")]
async fn namespaces_alone_make_a_container() {
    if !require("namespaces_alone", &["unshare", "busybox"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path()).expect("rootfs");
    let child = Command::new("unshare")
        .args(["--mount", "--pid", "--net", "--fork", "--kill-child"])
        .args([
            "chroot",
            &rootfs.path().to_string_lossy(),
            "/bin/sleep",
            "3600",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Ended)
        .expect("unshare");
    let unshare = child.0.id();
    let inner = wait_for(DEADLINE, || {
        let path = format!("/proc/{unshare}/task/{unshare}/children");
        let inner: u32 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
        let exe = fs::read_link(format!("/proc/{inner}/exe")).ok()?;
        exe.ends_with("busybox").then_some(inner)
    })
    .expect("inner process");
    let (discovery, _changes) = Discovery::start(Config {
        scan_namespaces: true,
        ..config(&[])
    })
    .expect("discovery");
    let found = wait_for(DEADLINE, || {
        discovery.workloads().into_iter().find(|w| w.pid == inner)
    });
    let found = found.unwrap_or_else(|| panic!("not found: {:?}", discovery.workloads()));
    assert!(found.id.as_str().starts_with("mnt-") && found.runtime == "unknown");
    assert!(found.run_as_root && !found.host_network && !found.host_pid);
    drop(child);
    let gone = || discovery.workloads().iter().all(|w| w.pid != inner);
    assert!(wait_until(DEADLINE, gone));
}

/// Anyone may name a cgroup after a container; its processes must not pass for the container's.
#[tokio::test(flavor = "multi_thread")]
async fn a_cgroup_named_after_a_container_is_not_it() {
    if !require("a_cgroup_named_after", &["runc", "busybox"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary folder");
    let rootfs = Rootfs::busybox(dir.path()).expect("rootfs");
    let container = RuncContainer::builder(&rootfs).run().expect("container");
    let parent = crate::follow::cgroup_mount().join(unique_name("forged"));
    let forged = parent.join(container.id());
    fs::create_dir_all(&forged).expect("cgroup");
    let child = Command::new("sleep")
        .arg("3600")
        .stdin(Stdio::null())
        .spawn()
        .map(Ended)
        .expect("sleep");
    fs::write(forged.join("cgroup.procs"), child.0.id().to_string()).expect("move");
    let (discovery, _changes) = Discovery::start(config(&[])).expect("discovery");
    assert_eq!(discovery.lookup_pid(child.0.id()), None);
    let real = discovery.lookup_pid(container.pid()).expect("found");
    assert_eq!(real.id.as_str(), container.id());
    assert_eq!(
        discovery.lookup_pid(child.0.id()),
        None,
        "known, and still not it"
    );
    drop(child);
    let gone = || fs::remove_dir(&forged).is_ok();
    assert!(wait_until(DEADLINE, gone));
    fs::remove_dir(&parent).expect("cgroup");
}
