//! The same with Docker: a daemon of our own, without a network.

use crate::rig::{Rig, able, has, text, until};
use rampart_model::Mode;
use rampart_probe::{Attach, Config, Event, KernelPolicy};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

struct Docker {
    dir: tempfile::TempDir,
    daemon: Child,
}

impl Docker {
    /// None where the daemon does not start: this kernel or image cannot run it.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let log = fs::File::create(path("log")).unwrap();
        let daemon = Command::new("dockerd")
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .arg(format!("--host=unix://{}", path("sock").display()))
            .args([
                "--storage-driver=overlay2",
                "--exec-opt=native.cgroupdriver=cgroupfs",
            ])
            .args(["--iptables=false", "--bridge=none"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .ok()?;
        let docker = Self { dir, daemon };
        let up = until(|| docker.run(&["version"]).status.success().then_some(()));
        if up.is_none() {
            let log = fs::read_to_string(docker.dir.path().join("log")).unwrap_or_default();
            eprintln!("skipped: dockerd does not start: {log}");
            return None;
        }
        docker.import();
        Some(docker)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        let socket: PathBuf = self.dir.path().join("sock");
        command.arg(format!("--host=unix://{}", socket.display()));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    fn import(&self) {
        let root = self.dir.path().join("root");
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::create_dir_all(root.join("tmp")).unwrap();
        fs::copy("/bin/busybox", root.join("bin/busybox")).unwrap();
        for applet in ["sh", "echo", "sleep", "cp"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        let archive = self.dir.path().join("root.tar");
        let made = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(&archive)
            .arg(".")
            .status()
            .unwrap();
        assert!(made.success());
        let output = self.run(&["import", archive.to_str().unwrap(), "rampart-test"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let listed = self.run(&["ps", "-aq"]);
        for id in text(&listed.stdout).lines() {
            self.run(&["rm", "-f", id]);
        }
        // SAFETY: asks our own daemon to end, which is not yet waited for.
        unsafe { libc::kill(self.daemon.id().cast_signed(), libc::SIGTERM) };
        let _ = self.daemon.wait();
    }
}

#[test]
fn a_docker_container_is_held_labelled_and_protected() {
    if !able() || !has("docker") || !has("dockerd") {
        return;
    }
    let Some(docker) = Docker::start() else {
        return;
    };
    let rig = Rig::new(Config {
        hold: true,
        ..Config::default()
    });
    let name = format!("rampart-probe-{}", std::process::id());
    let starting = docker
        .command()
        .args([
            "run",
            "-d",
            "--network=none",
            "--name",
            &name,
            "rampart-test",
        ])
        .args(["/bin/sleep", "1000"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let first = rig.kept.wait("first exec", |e| match e {
        Event::FirstExec(f) if f.exec.argv == ["/bin/sleep", "1000"] => Some(f.exec.clone()),
        _ => None,
    });
    assert!(first.overlay && !first.upper && first.path == "/bin/busybox");
    let (pid, cgroup_id) = (first.task.pid, first.task.cgroup_id);
    let label = 51;
    rig.control
        .attach_workload(&Attach {
            label,
            cgroup_id,
            pid,
        })
        .unwrap();
    let policy = KernelPolicy {
        process_mode: Mode::Protect,
        drift_kill: true,
        judge_exec: true,
        ..KernelPolicy::default()
    };
    rig.control.set_policy(label, &policy).unwrap();
    assert!(rig.control.release(pid));
    assert!(starting.wait_with_output().unwrap().status.success());
    // The runtime's own helper is no drift, what is dropped is.
    let output = docker.run(&["exec", &name, "/bin/echo", "hi"]);
    assert_eq!(text(&output.stdout), "hi\n", "{}", text(&output.stderr));
    let script = "cp /bin/busybox /tmp/busybox-x; /tmp/busybox-x echo hi; echo rc=$?";
    let output = docker.run(&["exec", &name, "/bin/sh", "-c", script]);
    assert_eq!(text(&output.stdout), "rc=137\n", "{}", text(&output.stderr));
    let asked = rig.judge.asked.lock().unwrap().clone();
    let echo = asked
        .iter()
        .find(|a| a.label == label && a.path.ends_with("busybox"))
        .unwrap();
    assert_eq!(echo.upper, Some(false));
    rig.control.detach_workload(label);
}
