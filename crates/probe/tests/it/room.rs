//! A container-like room: its own namespaces, an overlay of the machine's root, a cgroup, and one
//! shell that waits for lines to run.

use crate::rig::{Cgroup, Rig, until};
use rampart_probe::{Attach, KernelPolicy};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Enters the namespaces and the root, prepares, joins the cgroup, and waits inside.
const SET_UP: &str = r#"
set -e
d=$1 cg=$2
mount --make-rprivate / 2>/dev/null || true
mount -t tmpfs none "$d"
mkdir "$d/u" "$d/w" "$d/m"
mount -t overlay overlay -o "lowerdir=/,upperdir=$d/u,workdir=$d/w" "$d/m"
cd "$d/m"
mount -t proc proc proc
mount -t tmpfs none dev
for n in null zero urandom random tty; do cp -a "/dev/$n" dev/; done
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t tmpfs shm dev/shm
mount -t tmpfs none tmp
mount -t tmpfs none run
mkdir -p sys/fs/cgroup
mount -t cgroup2 none sys/fs/cgroup
mkdir -p before
pivot_root . before
umount -l /before
ip link set lo up
cd /tmp
eval "$PREPARE" > /dev/null
echo 0 > "/sys/fs/cgroup/$cg/cgroup.procs"
exec "$SHELL_INSIDE" -c 'echo ready; while read -r line; do eval "$line"; echo "== done"; done'
"#;

pub(crate) struct Room {
    child: Child,
    lines: Option<ChildStdin>,
    out: BufReader<ChildStdout>,
    pub(crate) cgroup: Cgroup,
    pub(crate) label: u32,
    pub(crate) pid: u32,
    _dir: tempfile::TempDir,
}

impl Room {
    /// `prepare` runs inside before anything is labelled.
    pub(crate) fn new(rig: &Rig, label: u32, prepare: &str) -> Self {
        let cgroup = Cgroup::new(&format!("room{label}"));
        let room = Self::set_up(cgroup, label, prepare);
        room.attach(rig);
        room
    }

    /// Nobody watches it yet.
    pub(crate) fn unwatched(label: u32, prepare: &str) -> Self {
        Self::set_up(Cgroup::new(&format!("room{label}")), label, prepare)
    }

    fn set_up(cgroup: Cgroup, label: u32, prepare: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let shell = if std::path::Path::new("/bin/bash").exists() {
            "/bin/bash"
        } else {
            "/bin/sh"
        };
        let mut child = Command::new("unshare")
            .args(["-mpfniu", "/bin/sh", "-c", SET_UP, "room"])
            .arg(dir.path())
            .arg(cgroup.path.file_name().unwrap())
            .env("PREPARE", prepare)
            .env("SHELL_INSIDE", shell)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        assert_eq!(first, "ready\n", "the room is not set up");
        let pid = until(|| {
            rampart_probe::procfs::cgroup_pids(&cgroup.path)
                .ok()?
                .first()
                .copied()
        })
        .unwrap();
        Self {
            lines: child.stdin.take(),
            child,
            out,
            cgroup,
            label,
            pid,
            _dir: dir,
        }
    }

    pub(crate) fn attach(&self, rig: &Rig) {
        rig.control
            .attach_workload(&Attach {
                label: self.label,
                cgroup_id: self.cgroup.id,
                pid: self.pid,
            })
            .unwrap();
    }

    pub(crate) fn under(self, rig: &Rig, policy: &KernelPolicy) -> Self {
        rig.control.set_policy(self.label, policy).unwrap();
        self
    }

    /// Runs a script of many lines to its end; what it printed.
    pub(crate) fn run_script(self, script: &str) -> String {
        let root = format!("/proc/{}/root/script", self.pid);
        // The end is told on a line of its own.
        std::fs::write(root, format!("{script}\necho\n")).unwrap();
        self.run("/bin/sh /script < /dev/null")
    }

    /// Gives the waiting shell a line.
    pub(crate) fn tell(&mut self, line: &str) {
        let lines = self.lines.as_mut().unwrap();
        lines.write_all(line.as_bytes()).unwrap();
        lines.write_all(b"\n").unwrap();
    }

    /// What the line that runs prints, until its end.
    pub(crate) fn answer(&mut self) -> String {
        let mut all = String::new();
        loop {
            let before = all.len();
            let read = self.out.read_line(&mut all).unwrap();
            if read == 0 || &all[before..] == "== done\n" {
                all.truncate(before);
                return all;
            }
            eprint!("{}| {}", self.label, &all[before..]);
        }
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.answer()
    }

    /// Runs the line and ends the room; what it printed.
    pub(crate) fn run(mut self, line: &str) -> String {
        let out = self.ask(line);
        self.lines = None;
        out
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::write(self.cgroup.path.join("cgroup.kill"), "1");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
