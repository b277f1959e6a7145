//! Podman of our own: its REST service, and its files when the service is not there.

use crate::{
    daemon::{Daemon, Parents, run, try_run},
    follow::{Follower, cgroup_inode, config},
};
use rampart_cluster::{Config, Discovery, RuntimeKind::Podman};
use rampart_testkit::{Rootfs, require, unique_name};
use std::{path::PathBuf, time::Duration};

struct Setup {
    dir: tempfile::TempDir,
    socket: PathBuf,
    global: Vec<String>,
    _parents: Parents,
}

impl Setup {
    fn new() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("rampart-pod-")
            .tempdir()
            .expect("folder");
        let at = |sub: &str| dir.path().join(sub).to_string_lossy().into_owned();
        let global = [
            "--root",
            &at("root"),
            "--runroot",
            &at("run"),
            "--tmpdir",
            &at("tmp"),
            "--runtime",
            "runc",
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "file",
        ];
        let global = global.map(str::to_owned).to_vec();
        Self {
            socket: dir.path().join("podman.sock"),
            dir,
            global,
            _parents: Parents::of("libpod_parent"),
        }
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        self.global
            .iter()
            .map(String::as_str)
            .chain(args.iter().copied())
            .collect()
    }

    fn podman(&self, args: &[&str]) -> String {
        run(self.dir.path(), "podman", &self.args(args))
    }

    fn serve(&self) -> Daemon {
        let url = format!("unix://{}", self.socket.display());
        let args = self.args(&["system", "service", "--time=0", &url]);
        Daemon::start(self.dir.path(), &self.socket, "podman", &args)
    }

    fn start_container(&self, name: &str) -> String {
        self.podman(&[
            "run",
            "--detach",
            "--name",
            name,
            "--network",
            "none",
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=4096:4096",
            "--label",
            "com.docker.compose.service=web",
            "--label",
            "com.docker.compose.project=shop",
            "localhost/tiny:1",
            "/bin/sleep",
            "3600",
        ])
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        try_run(
            self.dir.path(),
            "podman",
            &self.args(&["rm", "--force", "--all"]),
        );
        try_run(
            self.dir.path(),
            "podman",
            &self.args(&["system", "reset", "--force"]),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_containers() {
    if !require(
        "podman_containers",
        &["podman", "conmon", "runc", "busybox"],
    ) {
        return;
    }
    let setup = Setup::new();
    let rootfs = Rootfs::busybox(setup.dir.path().join("rootfs")).expect("rootfs");
    let tar = setup
        .dir
        .path()
        .join("rootfs.tar")
        .to_string_lossy()
        .into_owned();
    run(
        setup.dir.path(),
        "tar",
        &["-C", &rootfs.path().to_string_lossy(), "-cf", &tar, "."],
    );
    setup.podman(&["import", &tar, "localhost/tiny:1"]);
    let name = unique_name("pod");
    let id = setup.start_container(&name);

    // Files alone: no service runs yet.
    let pid = setup.podman(&["inspect", "--format", "{{.State.Pid}}", &name]);
    let hour = Config {
        poll: Duration::from_secs(3600),
        ..config(&[])
    };
    let (discovery, _changes) = Discovery::start(hour).expect("discovery");
    let found = discovery
        .lookup_pid(pid.parse().expect("pid"))
        .expect("found");
    assert_eq!(
        (
            found.id.as_str(),
            found.name.as_str(),
            found.runtime.as_str()
        ),
        (id.as_str(), name.as_str(), "podman")
    );
    assert_eq!(found.image, "localhost/tiny:1");

    let mut daemon = setup.serve();
    let mut follower = Follower::start(config(&[(Podman, &setup.socket)]));
    follower.found(Podman).await;
    let w = follower
        .container(&name, |w| w.running && w.service == "web")
        .await;
    assert_eq!(
        (w.id.as_str(), w.domain.as_str(), w.runtime.as_str()),
        (id.as_str(), "shop", "podman")
    );
    assert_eq!(w.image, "localhost/tiny:1");
    assert!(w.image_digest.starts_with("sha256:") && w.pid.to_string() == pid);
    assert!(w.cgroup_path.contains(&id), "{}", w.cgroup_path);
    assert!(w.cgroup_id != 0 && w.cgroup_id == cgroup_inode(&w));
    assert!(!w.privileged && !w.host_network);

    setup.podman(&["kill", &name]);
    assert_eq!(follower.removed(&id).await, 137);
    setup.podman(&["rm", "--force", &name]);
    daemon.stop();
    follower.lost(Podman).await;
}
