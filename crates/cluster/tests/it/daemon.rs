//! A daemon that lives as long as its test, and what it leaves behind.

use crate::follow::DEADLINE;
use rampart_testkit::wait_until;
use std::{
    fs::{self, File},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it and waits for its socket to answer. Its output goes to `log` in `folder`.
    pub(crate) fn start(folder: &Path, socket: &Path, program: &str, args: &[&str]) -> Self {
        let log = folder.join(format!("{program}.log"));
        let file = File::create(&log).expect("log");
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("clone"))
            .stderr(file)
            .spawn()
            .expect("daemon");
        let daemon = Self { child, log };
        let up = wait_until(DEADLINE * 2, || UnixStream::connect(socket).is_ok());
        assert!(up, "{program} did not start: {}", daemon.tail());
        daemon
    }

    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// SIGTERM, then its end.
    pub(crate) fn stop(&mut self) {
        if self.child.try_wait().is_ok_and(|s| s.is_some()) {
            return;
        }
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let mut ended = || self.child.try_wait().is_ok_and(|s| s.is_some());
        if !wait_until(DEADLINE, &mut ended) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Control groups that a runtime makes for all its containers and never removes. Those that were
/// not there before the test are removed after it; those in use by another test stay.
pub(crate) struct Parents(Vec<PathBuf>);

impl Parents {
    pub(crate) fn of(name: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
        let fields = mounts.lines().map(|l| l.split(' ').collect::<Vec<_>>());
        let hierarchies = fields.filter(|f| matches!(f.get(2), Some(&"cgroup" | &"cgroup2")));
        let folders = hierarchies.map(|f| Path::new(f[1]).join(name));
        Self(folders.filter(|f| !f.exists()).collect())
    }
}

impl Drop for Parents {
    fn drop(&mut self) {
        // The last process of a container may go a moment after its runtime's answer.
        let gone = || self.0.iter().all(|folder| remove_cgroup(folder));
        wait_until(Duration::from_secs(3), gone);
    }
}

/// True once it is gone. The kernel refuses while a process is in it.
fn remove_cgroup(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        remove_cgroup(&entry.path());
    }
    fs::remove_dir(folder).is_ok() || !folder.exists()
}

/// Runs to the end; the output is not shared with what it leaves running.
pub(crate) fn try_run(folder: &Path, program: &str, args: &[&str]) -> Output {
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(File::create(&out).expect("file"))
        .stderr(File::create(&err).expect("file"))
        .status()
        .expect("program");
    Output {
        status,
        stdout: fs::read(out).unwrap_or_default(),
        stderr: fs::read(err).unwrap_or_default(),
    }
}

pub(crate) fn run(folder: &Path, program: &str, args: &[&str]) -> String {
    let output = try_run(folder, program, args);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{program} {args:?}: {out} {err}");
    out.trim().to_owned()
}
