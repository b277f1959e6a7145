//! A containerd of our own: plain containers by `ctr`.

use crate::{
    daemon::{Daemon, Parents, run, try_run},
    follow::{Follower, cgroup_inode, config},
};
use rampart_cluster::RuntimeKind::Containerd;
use rampart_testkit::{Rootfs, require, unique_name};
use std::{
    fs,
    path::{Path, PathBuf},
};

const NAMESPACE: &str = "rampart-test";

struct Setup {
    // Dropped first, while its folders are there.
    daemon: Daemon,
    socket: PathBuf,
    dir: tempfile::TempDir,
    _parents: Parents,
}

impl Setup {
    fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("rampart-ctd-")
            .tempdir()
            .expect("folder");
        let parents = Parents::of(NAMESPACE);
        let (socket, daemon) = start_daemon(dir.path());
        Self {
            dir,
            socket,
            daemon,
            _parents: parents,
        }
    }

    fn ctr(&self, args: &[&str]) -> String {
        let socket = self.socket.to_string_lossy();
        let mut all = vec!["--address", &socket, "--namespace", NAMESPACE];
        all.extend_from_slice(args);
        run(self.dir.path(), "ctr", &all)
    }
}

/// An image made of a busybox root file system, without any registry: a one-layer archive.
pub(crate) fn import(dir: &Path, socket: &Path, namespace: &str, name: &str) {
    let rootfs = Rootfs::busybox(dir.join("rootfs")).expect("rootfs");
    let at = |sub: &str| dir.join(sub).to_string_lossy().into_owned();
    let root = rootfs.path().to_string_lossy();
    run(dir, "tar", &["-C", &root, "-cf", &at("layer.tar"), "."]);
    let digest = run(dir, "sha256sum", &[&at("layer.tar")]);
    let digest = digest.split(' ').next().expect("digest");
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"Cmd":["/bin/sleep","3600"]}},"rootfs":{{"type":"layers","diff_ids":["sha256:{digest}"]}}}}"#
    );
    fs::write(at("config.json"), config).expect("file");
    let manifest =
        format!(r#"[{{"Config":"config.json","RepoTags":["{name}"],"Layers":["layer.tar"]}}]"#);
    fs::write(at("manifest.json"), manifest).expect("file");
    let parts = ["manifest.json", "config.json", "layer.tar"];
    run(
        dir,
        "tar",
        &[&["-C", &at(""), "-cf", &at("image.tar")], &parts[..]].concat(),
    );
    let address = socket.to_string_lossy();
    let global = ["--address", &address, "--namespace", namespace];
    run(
        dir,
        "ctr",
        &[&global[..], &["images", "import", &at("image.tar")]].concat(),
    );
}

fn start_daemon(dir: &Path) -> (PathBuf, Daemon) {
    let at = |sub: &str| dir.join(sub).to_string_lossy().into_owned();
    let socket = dir.join("containerd.sock");
    let config = format!(
        "version = 2\nroot = \"{}\"\nstate = \"{}\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\n  address = \"{}\"\n[ttrpc]\n  address = \"{}\"\n",
        at("root"),
        at("state"),
        socket.display(),
        at("containerd.ttrpc")
    );
    fs::write(dir.join("config.toml"), config).expect("file");
    let daemon = Daemon::start(
        dir,
        &socket,
        "containerd",
        &["--config", &at("config.toml")],
    );
    (socket, daemon)
}

/// Whatever a failed test leaves running goes before its daemon.
impl Drop for Setup {
    fn drop(&mut self) {
        let socket = self.socket.to_string_lossy().into_owned();
        let ctr = |args: &[&str]| {
            let all = [
                &["--address", socket.as_str(), "--namespace", NAMESPACE],
                args,
            ]
            .concat();
            try_run(self.dir.path(), "ctr", &all)
        };
        let tasks = ctr(&["tasks", "list", "--quiet"]).stdout;
        for task in String::from_utf8_lossy(&tasks).lines() {
            ctr(&["tasks", "delete", "--force", task]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_containers_of_containerd() {
    if !require(
        "plain_containers_of_containerd",
        &["containerd", "ctr", "runc", "busybox"],
    ) {
        return;
    }
    let mut setup = Setup::start();
    import(
        setup.dir.path(),
        &setup.socket,
        NAMESPACE,
        "docker.io/library/tiny:1",
    );
    let mut follower = Follower::start(config(&[(Containerd, &setup.socket)]));
    assert!(follower.found(Containerd).await.contains("1."));
    let name = unique_name("ctr");
    setup.ctr(&[
        "run",
        "--detach",
        "--null-io",
        "--label",
        "com.docker.compose.service=web",
        "--label",
        "com.docker.compose.project=shop",
        "--env",
        "A=1",
        "--memory-limit",
        "67108864",
        "docker.io/library/tiny:1",
        &name,
        "/bin/sleep",
        "3600",
    ]);
    let w = follower
        .container(&name, |w| w.running && !w.image_digest.is_empty())
        .await;
    assert_eq!(
        (w.id.as_str(), w.runtime.as_str()),
        (name.as_str(), "containerd")
    );
    assert_eq!(w.image, "docker.io/library/tiny:1");
    assert!(w.image_digest.starts_with("sha256:"));
    assert_eq!((w.service.as_str(), w.domain.as_str()), ("web", "shop"));
    assert!(w.cgroup_id != 0 && w.cgroup_id == cgroup_inode(&w), "{w:?}");
    assert!(w.pid != 0 && w.run_as_root && !w.host_network && !w.privileged);
    assert_eq!(w.memory_limit_bytes, 64 << 20);
    assert!(w.env.contains(&"A=1".to_owned()) && w.created_at.is_known());

    // A process started beside the first one ends: the container does not.
    setup.ctr(&["task", "exec", "--exec-id", "x", &name, "/bin/true"]);

    // The daemon dies and comes back; the container lives on.
    setup.daemon.stop();
    follower.lost(Containerd).await;
    assert!(
        follower
            .discovery
            .workload(&name.as_str().into())
            .is_some_and(|w| w.running)
    );
    (setup.socket, setup.daemon) = start_daemon(setup.dir.path());
    follower.found(Containerd).await;

    setup.ctr(&["task", "kill", "--signal", "KILL", &name]);
    assert_eq!(follower.removed(&name).await, 137);
    setup.ctr(&["container", "delete", &name]);

    short_lives(&setup, &mut follower).await;
}

/// `ctr run --rm` of a command that ends at once: events alone must tell it all.
async fn short_lives(setup: &Setup, follower: &mut Follower) {
    for code in 0..3 {
        let name = unique_name("flash");
        let socket = setup.socket.to_string_lossy().into_owned();
        let script = format!("exit {code}");
        let args = [
            "--address",
            &socket,
            "--namespace",
            NAMESPACE,
            "run",
            "--rm",
            "--null-io",
            "--label",
            "app=flash",
            "docker.io/library/tiny:1",
            &name,
            "/bin/sh",
            "-c",
            &script,
        ];
        try_run(setup.dir.path(), "ctr", &args);
        let w = follower
            .container(&name, |w| w.image == "docker.io/library/tiny:1")
            .await;
        assert_eq!(w.service, "flash");
        assert_eq!(follower.removed(&name).await, code);
    }
}
