//! A running probe with its events kept, children in cgroups and namespaces, and containers.

use rampart_model::Tier;
use rampart_probe::{Ask, Capabilities, Config, Control, Decision, Event, Judge, Probe, detect};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The probe watches the whole machine, so tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// False, with a reason printed, where the kernel side cannot run.
pub(crate) fn able() -> bool {
    // scripts/vm.sh boots kernels of which it knows the answer; finding it takes long there.
    if std::env::var_os("RAMPART_EXPECT_LSM").is_some() {
        return true;
    }
    let found = found();
    if found.tier < Tier::Fanotify {
        eprintln!("skipped: this node cannot enforce: {:?}", found.reasons);
        return false;
    }
    true
}

pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

fn found() -> &'static Capabilities {
    static FOUND: OnceLock<Capabilities> = OnceLock::new();
    FOUND.get_or_init(detect)
}

/// The same for BPF-LSM.
pub(crate) fn guards() -> bool {
    let known = environment("RAMPART_EXPECT_LSM");
    let able = able() && known.map_or_else(|| found().tier == Tier::Lsm, |known| known == "1");
    if !able {
        eprintln!("skipped: no BPF-LSM here; scripts/vm.sh boots kernels that have it");
    }
    able
}

pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

#[derive(Default)]
pub(crate) struct Kept {
    events: Mutex<Vec<Event>>,
    news: Condvar,
}

impl Kept {
    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, event: Event) {
        self.events().push(event);
        self.news.notify_all();
    }

    /// The first event the test wants, waited for.
    pub(crate) fn wait<T>(&self, what: &str, mut want: impl FnMut(&Event) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut events = self.events();
        let mut looked = 0;
        loop {
            if let Some(found) = events[looked..].iter().find_map(&mut want) {
                return found;
            }
            looked = events.len();
            let left = until.saturating_duration_since(Instant::now());
            let count = events.len();
            if left.is_zero() {
                drop(events);
                panic!("no {what} among {count} events");
            }
            events = self.news.wait_timeout(events, left).unwrap().0;
        }
    }

    pub(crate) fn all<T>(&self, want: impl FnMut(&Event) -> Option<T>) -> Vec<T> {
        self.events().iter().filter_map(want).collect()
    }
}

type Rule = Box<dyn Fn(&Ask) -> Decision + Send + Sync>;

/// A judge made of a closure; keeps what it was asked.
pub(crate) struct Closure {
    rule: Rule,
    pub(crate) asked: Mutex<Vec<Ask>>,
}

impl Judge for Closure {
    fn judge(&self, ask: &Ask) -> Decision {
        self.asked.lock().unwrap().push(ask.clone());
        (self.rule)(ask)
    }
}

pub(crate) struct Rig {
    pub(crate) control: Control,
    pub(crate) kept: Arc<Kept>,
    pub(crate) judge: Arc<Closure>,
    probe: Option<Probe>,
    _turn: MutexGuard<'static, ()>,
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        Self::judged(config, |_| Decision::Allow)
    }

    pub(crate) fn judged(
        config: Config,
        rule: impl Fn(&Ask) -> Decision + Send + Sync + 'static,
    ) -> Self {
        // These tests are about the other tier, and hold on kernels with BPF-LSM too.
        let config = Config {
            lsm: false,
            ..config
        };
        Self::start(config, rule)
    }

    /// With the LSM programs in force.
    pub(crate) fn guarded(config: Config) -> Self {
        Self::start(config, |_| Decision::Allow)
    }

    fn start(config: Config, rule: impl Fn(&Ask) -> Decision + Send + Sync + 'static) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = Arc::new(Kept::default());
        let judge = Arc::new(Closure {
            rule: Box::new(rule),
            asked: Mutex::default(),
        });
        let sink = Arc::clone(&kept);
        let probe = Probe::start(
            config,
            judge.clone(),
            Box::new(move |event| sink.add(event)),
        )
        .unwrap();
        Self {
            control: probe.control(),
            kept,
            judge,
            probe: Some(probe),
            _turn: turn,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.probe = None;
    }
}

/// A cgroup of our own, removed at the end.
pub(crate) struct Cgroup {
    pub(crate) path: PathBuf,
    pub(crate) id: u64,
}

impl Cgroup {
    pub(crate) fn new(name: &str) -> Self {
        let mount = rampart_probe::procfs::cgroup2_mount().unwrap();
        let path = mount.join(format!("rampart-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        let id = fs::metadata(&path).unwrap().ino();
        Self { path, id }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = until(|| fs::remove_dir(&self.path).ok());
    }
}

/// Retries until there is an answer or patience ends.
pub(crate) fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        std::thread::yield_now();
    }
}

/// Runs `body` in a child process inside the cgroup and network namespace; its exit code.
pub(crate) fn in_child(cgroup: &Path, netns: Option<&str>, body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs code that needs no other thread and leaves by _exit.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            fs::write(cgroup.join("cgroup.procs"), "0").unwrap();
            if let Some(netns) = netns {
                enter(netns).unwrap();
            }
            body()
        }))
        .unwrap_or(99);
        // SAFETY: leaves the child without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child just made.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        128 + libc::WTERMSIG(status)
    }
}

fn enter(netns: &str) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let file = fs::File::open(Path::new("/run/netns").join(netns))?;
    // SAFETY: the descriptor is open for the call.
    if unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

pub(crate) fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    output
}

/// A container run by runc from a busybox root: plain, or an overlay.
pub(crate) struct Container {
    pub(crate) id: String,
    dir: tempfile::TempDir,
    overlay: bool,
}

impl Container {
    pub(crate) fn new(name: &str, overlay: bool, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let id = format!("rampart-{name}-{}", std::process::id());
        let container = Self { id, dir, overlay };
        container.make_root();
        container.write_config(args);
        container
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The container's root as the host sees it.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("root")
    }

    fn make_root(&self) {
        for name in ["lower", "upper", "work", "root"] {
            fs::create_dir(self.path(name)).unwrap();
        }
        let lower = if self.overlay {
            self.path("lower")
        } else {
            self.path("root")
        };
        for name in ["bin", "etc", "tmp", "proc", "dev", "sys", "root"] {
            fs::create_dir(lower.join(name)).unwrap();
        }
        fs::copy("/bin/busybox", lower.join("bin/busybox")).unwrap();
        for applet in [
            "sh", "cat", "cp", "ls", "true", "sleep", "echo", "mv", "rm", "chmod", "nc",
        ] {
            std::os::unix::fs::symlink("busybox", lower.join("bin").join(applet)).unwrap();
        }
        fs::write(lower.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
        if self.overlay {
            let options = format!(
                "lowerdir={},upperdir={},workdir={}",
                self.path("lower").display(),
                self.path("upper").display(),
                self.path("work").display()
            );
            let root = self.root();
            run(
                "mount",
                &[
                    "-t",
                    "overlay",
                    "overlay",
                    "-o",
                    &options,
                    root.to_str().unwrap(),
                ],
            );
        }
    }

    fn write_config(&self, args: &[&str]) {
        let quoted: Vec<String> = args.iter().map(|a| format!("{a:?}")).collect();
        let config = format!(
            r#"{{"ociVersion":"1.0.2","root":{{"path":"root"}},"hostname":"test",
            "process":{{"cwd":"/","args":[{}],"env":["PATH=/bin"],"user":{{"uid":0,"gid":0}},
              "capabilities":{{"bounding":["CAP_SETUID","CAP_SETGID"],"effective":["CAP_SETUID","CAP_SETGID"],"permitted":["CAP_SETUID","CAP_SETGID"]}}}},
            "mounts":[{{"destination":"/proc","type":"proc","source":"proc"}},
              {{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}},
              {{"destination":"/dev/shm","type":"tmpfs","source":"shm","options":["nosuid"]}}],
            "linux":{{"cgroupsPath":"/{}","namespaces":[{{"type":"pid"}},{{"type":"mount"}},
              {{"type":"ipc"}},{{"type":"uts"}},{{"type":"network"}}]}}}}"#,
            quoted.join(","),
            self.id
        );
        fs::write(self.path("config.json"), config).unwrap();
    }

    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command
            .arg("--root")
            .arg(self.path("state"))
            .stdin(Stdio::null());
        command
    }

    /// Starts it in the foreground.
    pub(crate) fn start(&self) -> Child {
        self.runc()
            .args(["run", "--bundle"])
            .arg(self.dir.path())
            .arg(&self.id)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Starts one more process in it.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.runc()
            .args(["exec", &self.id])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs one more process in it.
    pub(crate) fn exec(&self, args: &[&str]) -> Output {
        self.runc()
            .args(["exec", &self.id])
            .args(args)
            .output()
            .unwrap()
    }

    pub(crate) fn sh(&self, script: &str) -> Output {
        self.exec(&["/bin/sh", "-c", script])
    }

    /// First process and cgroup, once it runs.
    pub(crate) fn running(&self) -> (u32, u64) {
        let mount = rampart_probe::procfs::cgroup2_mount().unwrap();
        let folder = mount.join(&self.id);
        until(|| {
            let output = self.runc().args(["state", &self.id]).output().ok()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let running = text.contains("\"status\": \"running\"");
            let pid = text
                .split("\"pid\": ")
                .nth(1)?
                .split(',')
                .next()?
                .parse()
                .ok()?;
            let id = fs::metadata(&folder).ok()?.ino();
            (running && pid != 0).then_some((pid, id))
        })
        .expect("the container runs")
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.runc().args(["delete", "--force", &self.id]).output();
        if self.overlay {
            let _ = Command::new("umount").arg(self.root()).output();
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
