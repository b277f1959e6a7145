//! A Docker daemon of our own, without its own bridge and rules on the host's network.

use crate::{
    daemon::{Daemon, Parents, run, try_run},
    follow::{Follower, cgroup_inode, config},
};
use rampart_cluster::{
    Config,
    RuntimeKind::{Containerd, Docker},
};
use rampart_testkit::{Rootfs, require};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

struct Setup {
    daemon: Daemon,
    socket: PathBuf,
    dir: tempfile::TempDir,
    _parents: Parents,
}

impl Setup {
    fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("rampart-dkr-")
            .tempdir()
            .expect("folder");
        let at = |sub: &str| dir.path().join(sub).to_string_lossy().into_owned();
        let socket = dir.path().join("docker.sock");
        let host = format!("unix://{}", socket.display());
        let (root, exec, pid) = (at("root"), at("run/docker"), at("pid"));
        let parents = Parents::of("docker");
        let daemon = Daemon::start(
            dir.path(),
            &socket,
            "dockerd",
            &[
                "--host",
                &host,
                "--data-root",
                &root,
                "--exec-root",
                &exec,
                "--pidfile",
                &pid,
                "--storage-driver",
                "overlay2",
                "--exec-opt",
                "native.cgroupdriver=cgroupfs",
                "--bridge",
                "none",
                "--iptables=false",
                "--ip-forward=false",
                "--ip-masq=false",
            ],
        );
        Self {
            dir,
            socket,
            daemon,
            _parents: parents,
        }
    }

    /// As if its folders were the host's usual ones.
    fn config(&self, sockets: &[(rampart_cluster::RuntimeKind, &std::path::Path)]) -> Config {
        Config {
            run: self.dir.path().join("run"),
            docker_roots: vec![self.dir.path().join("root")],
            ..config(sockets)
        }
    }

    fn docker(&self, args: &[&str]) -> String {
        let host = format!("unix://{}", self.socket.display());
        let mut all = vec!["--host", host.as_str()];
        all.extend_from_slice(args);
        run(self.dir.path(), "docker", &all)
    }

    fn import(&self, name: &str) {
        let rootfs = Rootfs::busybox(self.dir.path().join("rootfs")).expect("rootfs");
        let tar = self
            .dir
            .path()
            .join("rootfs.tar")
            .to_string_lossy()
            .into_owned();
        run(
            self.dir.path(),
            "tar",
            &["-C", &rootfs.path().to_string_lossy(), "-cf", &tar, "."],
        );
        self.docker(&["import", &tar, name]);
    }
}

/// Whatever a failed test leaves running goes before its daemon.
impl Drop for Setup {
    fn drop(&mut self) {
        let host = format!("unix://{}", self.socket.display());
        let names = ["shop-web", "wide", "flash"];
        let args = ["--host", &host, "rm", "--force"];
        try_run(self.dir.path(), "docker", &[&args[..], &names[..]].concat());
        self.daemon.stop();
        let netns = self.dir.path().join("run/docker/netns/default");
        try_run(self.dir.path(), "umount", &[&netns.to_string_lossy()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_containers() {
    if !require(
        "docker_containers",
        &["dockerd", "docker", "containerd", "runc", "busybox"],
    ) {
        return;
    }
    let setup = Setup::start();
    setup.import("tiny:1");
    // Docker's own containerd is followed as well: one container, told of by three.
    let containerd = setup
        .dir
        .path()
        .join("run/docker/containerd/containerd.sock");
    let sockets: [(_, &std::path::Path); 2] = [(Docker, &setup.socket), (Containerd, &containerd)];
    let mut follower = Follower::start(setup.config(&sockets));
    follower.found(Docker).await;
    let id = setup.docker(&[
        "run",
        "--detach",
        "--name",
        "shop-web",
        "--network",
        "none",
        "--memory",
        "64m",
        "--label",
        "com.docker.compose.service=web",
        "--label",
        "com.docker.compose.project=shop",
        "--volume",
        "/etc/hostname:/data:ro",
        "--env",
        "A=1",
        "tiny:1",
        "/bin/sleep",
        "3600",
    ]);
    // Until the runtime's word is in: its state folder alone has no network mode.
    let w = follower
        .container("shop-web", |w| w.running && w.network_mode == "none")
        .await;
    assert_eq!(
        (w.id.as_str(), w.image.as_str(), w.runtime.as_str()),
        (id.as_str(), "tiny:1", "docker")
    );
    assert_eq!((w.service.as_str(), w.domain.as_str()), ("web", "shop"));
    assert!(w.image_digest.starts_with("sha256:") && w.pid != 0);
    assert_eq!(w.memory_limit_bytes, 64 << 20);
    assert_eq!(w.cgroup_path, format!("/docker/{id}"));
    assert!(w.cgroup_id != 0 && w.cgroup_id == cgroup_inode(&w));
    assert!(
        w.mounts
            .iter()
            .any(|m| m.destination == "/data" && m.read_only)
    );
    assert!(w.env.contains(&"A=1".to_owned()) && w.run_as_root && !w.privileged);

    setup.docker(&["kill", "shop-web"]);
    assert_eq!(follower.removed(&id).await, 137);

    let privileged = setup.docker(&[
        "run",
        "--detach",
        "--privileged",
        "--network",
        "host",
        "--user",
        "65534",
        "--name",
        "wide",
        "tiny:1",
        "/bin/sleep",
        "3600",
    ]);
    let w = follower
        .container("wide", |w| w.running && w.privileged)
        .await;
    assert!(
        w.host_network && !w.run_as_root && w.interfaces.is_empty(),
        "{w:?}"
    );

    looked_up_without_the_socket(&setup, &privileged);
    setup.docker(&["rm", "--force", "shop-web", "wide"]);
    follower.removed(&privileged).await;
}

/// Name, labels and image are on disk before the first exec; no word of the daemon is needed.
fn looked_up_without_the_socket(setup: &Setup, other: &str) {
    let id = setup.docker(&[
        "run",
        "--detach",
        "--name",
        "flash",
        "--network",
        "none",
        "--label",
        "com.docker.compose.service=flash",
        "tiny:1",
        "/bin/sleep",
        "3600",
    ]);
    let pid = setup.docker(&["inspect", "--format", "{{.State.Pid}}", "flash"]);
    let hour = Config {
        poll: Duration::from_secs(3600),
        ..setup.config(&[])
    };
    let (discovery, _changes) = rampart_cluster::Discovery::start(hour).expect("discovery");
    let begin = Instant::now();
    let found = discovery
        .lookup_pid(pid.parse().expect("pid"))
        .expect("found");
    assert!(
        begin.elapsed() < Duration::from_millis(100),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(
        (
            found.id.as_str(),
            found.name.as_str(),
            found.service.as_str()
        ),
        (id.as_str(), "flash", "flash")
    );
    assert_eq!(
        (found.image.as_str(), found.runtime.as_str()),
        ("tiny:1", "docker")
    );
    assert_ne!(found.id.as_str(), other);
    // Even where its folders are nobody's usual ones: the mounts of its process lead to them.
    let nowhere = Config {
        poll: Duration::from_secs(3600),
        ..config(&[])
    };
    let (discovery, _changes) = rampart_cluster::Discovery::start(nowhere).expect("discovery");
    let found = discovery
        .lookup_pid(pid.parse().expect("pid"))
        .expect("found");
    assert_eq!(
        (found.name.as_str(), found.service.as_str()),
        ("flash", "flash")
    );
    setup.docker(&["rm", "--force", "flash"]);
}
