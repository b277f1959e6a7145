//! Where marks are placed. Marks are only ever added or, for execs, removed with the policy; what
//! a later policy no longer asks about is let through by the listener at once, and marks go with
//! the file systems and mounts they are on.

use super::{
    Notifier, Watch, Watches,
    sys::{self, FsId, Stat},
    watch::{fits, glob},
};
use crate::{
    Error, FileId, KernelPolicy, ProtectedPath,
    procfs::{self, Mount},
};
use std::{
    collections::HashSet,
    ffi::{CStr, OsStr, OsString},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

/// Files and directories marked for one workload.
const MAX_MARKS: usize = 20_000;
/// Levels of directories that are walked.
const MAX_DEPTH: usize = 64;
/// File systems that hold no programs and no files worth protecting.
const PSEUDO: &[&str] = &[
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "mqueue",
    "securityfs",
    "debugfs",
    "tracefs",
    "bpf",
    "pstore",
    "configfs",
    "nsfs",
    "binfmt_misc",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
];

#[derive(Debug)]
pub(crate) struct Marks {
    pub(super) exec: OwnedFd,
    pub(super) open: OwnedFd,
    notifier: Option<Arc<Notifier>>,
    watches: Arc<Watches>,
}

impl Marks {
    pub(crate) fn new(
        notifier: Option<Arc<Notifier>>,
        watches: Arc<Watches>,
    ) -> Result<Self, Error> {
        let group = |flags| sys::group(flags).map_err(Error::system("fanotify_init"));
        Ok(Self {
            exec: group(libc::FAN_CLASS_CONTENT)?,
            open: group(libc::FAN_CLASS_CONTENT | libc::FAN_REPORT_TID)?,
            notifier,
            watches,
        })
    }

    pub(crate) fn groups(&self) -> [&OwnedFd; 2] {
        [&self.exec, &self.open]
    }

    /// Forgets which execs were allowed without asking.
    pub(crate) fn forget_answers(&self) {
        sys::flush_inodes(&self.exec);
    }

    /// Takes every mark away and lets go every task that still waits: nothing of ours can block
    /// the machine after this, even if a judge hangs.
    pub(crate) fn clear(&self) {
        for group in [&self.exec, &self.open] {
            sys::flush(group);
            while let Ok(Some(event)) = sys::next_permission(group) {
                sys::respond(group.as_raw_fd(), &event.file, true);
            }
        }
    }

    /// Marks what the policy of a label asks about, seen from the root of `pid`, and puts its
    /// watch in force.
    pub(crate) fn place(&self, label: u32, pid: u32, policy: &KernelPolicy) -> Result<(), Error> {
        let root = sys::open_root(pid).map_err(Error::system("opening a container's root"))?;
        let mounts = procfs::mounts(pid).map_err(Error::system("reading a container's mounts"))?;
        let mut watch = Watch {
            judge_exec: policy.judge_exec,
            protected: policy.protected.clone(),
            root_fs: FsId::of(&root).ok(),
            upper: upper_dir(&mounts),
            ..Watch::default()
        };
        let marked = self.watches.of(label).is_some_and(|w| w.judge_exec);
        if watch.judge_exec || marked {
            self.mark_execs(&root, &mounts, &mut watch)?;
        }
        let mut placer = Placer {
            marks: self,
            label,
            root: &root,
            watch: &mut watch,
            seen: HashSet::new(),
        };
        for pattern in &policy.protected {
            placer.place(pattern);
        }
        if placer.seen.len() >= MAX_MARKS {
            tracing::warn!(
                label,
                limit = MAX_MARKS,
                "protected paths hold too many files"
            );
        }
        self.watches.set(label, watch);
        Ok(())
    }

    /// Marks every mount that may hold programs, or takes the marks away. Only the root's must
    /// succeed: a mount may be hidden below another or be gone by now.
    fn mark_execs(&self, root: &OwnedFd, mounts: &[Mount], watch: &mut Watch) -> Result<(), Error> {
        let host = HostMounts::read();
        let wanted = watch.judge_exec;
        for mount in mounts {
            if PSEUDO.contains(&mount.kind.as_str()) {
                continue;
            }
            match self.mark_mount(root, mount, wanted, host.owns(mount)) {
                Ok(Some(fs)) => {
                    watch.own_fs.insert(fs);
                }
                Ok(None) => {}
                Err(source) if wanted && mount.destination == Path::new("/") => {
                    return Err(Error::System {
                        step: "marking a container's root",
                        source,
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, mount = %mount.destination.display(), "not marked");
                }
            }
        }
        Ok(())
    }

    /// The file system, if it is the container's own and now marked whole.
    fn mark_mount(
        &self,
        root: &OwnedFd,
        mount: &Mount,
        wanted: bool,
        host_owns: bool,
    ) -> io::Result<Option<FsId>> {
        let target = sys::open_in(root, &mount.destination)?;
        let change = if wanted {
            libc::FAN_MARK_ADD
        } else {
            libc::FAN_MARK_REMOVE
        };
        let place = if host_owns {
            libc::FAN_MARK_MOUNT
        } else {
            libc::FAN_MARK_FILESYSTEM
        };
        let mask = libc::FAN_OPEN_EXEC_PERM;
        sys::mark(&self.exec, change | place, mask, target.as_raw_fd())?;
        if host_owns || !wanted {
            return Ok(None);
        }
        FsId::of(&target).map(Some)
    }
}

/// What is mounted in the host's namespace.
struct HostMounts {
    devices: HashSet<u64>,
    root: Option<u64>,
}

impl HostMounts {
    fn read() -> Self {
        let mounts = procfs::mounts(procfs::host_pid()).unwrap_or_default();
        Self {
            devices: mounts.iter().map(|m| m.dev).collect(),
            root: mounts
                .iter()
                .rev()
                .find(|m| m.destination == Path::new("/"))
                .map(|m| m.dev),
        }
    }

    /// A file system others use too. The runtime mounts a container's overlay in the host's
    /// namespace as well, but nobody else runs programs from there.
    fn owns(&self, mount: &Mount) -> bool {
        let container_overlay = mount.kind == "overlay" && self.root != Some(mount.dev);
        self.devices.contains(&mount.dev) && !container_overlay
    }
}

fn upper_dir(mounts: &[Mount]) -> Option<PathBuf> {
    let root = mounts
        .iter()
        .rev()
        .find(|m| m.destination == Path::new("/"))?;
    let upper = root.upper_dir()?;
    // Made by the runtime, so it is a path of the host; a relative one cannot be found again.
    let host = PathBuf::from(format!("/proc/{}/root", procfs::host_pid()));
    Some(host.join(upper.strip_prefix("/").ok()?))
}

struct Placer<'a> {
    marks: &'a Marks,
    label: u32,
    root: &'a OwnedFd,
    watch: &'a mut Watch,
    seen: HashSet<PathBuf>,
}

impl Placer<'_> {
    fn place(&mut self, pattern: &ProtectedPath) {
        let (base, name) = match glob(pattern) {
            Some((dir, name)) => (dir, Some(name)),
            None => (pattern.path.as_path(), None),
        };
        match self.open(base) {
            Ok((target, stat)) if stat.is_dir() => {
                self.directory(&target, base, pattern, name, 0);
            }
            Ok((target, stat)) if name.is_none() => {
                self.file(&target, stat, base, pattern);
                self.watch_parent(base, false);
            }
            Ok(_) => {}
            Err(_) => self.watch_parent(base, pattern.ask),
        }
    }

    fn open(&self, path: &Path) -> io::Result<(OwnedFd, Stat)> {
        let target = sys::open_in(self.root, path)?;
        let stat = Stat::of(&target)?;
        Ok((target, stat))
    }

    /// The nearest directory that exists, so that what appears in it is noticed; `ask` also when
    /// it is the direct parent of what is missing.
    fn watch_parent(&mut self, path: &Path, ask: bool) {
        for (steps, dir) in path.ancestors().skip(1).enumerate() {
            let Ok((target, stat)) = self.open(dir) else {
                continue;
            };
            if stat.is_dir() {
                self.notify(&target, dir);
                if ask && steps == 0 {
                    self.mark_open(&target, libc::FAN_OPEN_PERM | libc::FAN_EVENT_ON_CHILD);
                }
                return;
            }
        }
    }

    fn notify(&self, target: &OwnedFd, dir: &Path) {
        if let Some(notifier) = &self.marks.notifier
            && let Err(error) = notifier.watch(target, self.label, dir)
        {
            tracing::debug!(%error, dir = %dir.display(), "changes are not watched");
        }
    }

    fn mark_open(&self, target: &OwnedFd, mask: u64) {
        let done = sys::mark(
            &self.marks.open,
            libc::FAN_MARK_ADD,
            mask,
            target.as_raw_fd(),
        );
        if let Err(error) = done {
            tracing::warn!(%error, label = self.label, "a protected path is not marked");
        }
    }

    fn file(&mut self, target: &OwnedFd, stat: Stat, path: &Path, pattern: &ProtectedPath) {
        if !pattern.ask || !stat.is_file() || self.seen.len() >= MAX_MARKS {
            return;
        }
        self.seen.insert(path.to_owned());
        self.mark_open(target, libc::FAN_OPEN_PERM);
        self.watch.files.insert(
            FileId {
                dev: stat.dev,
                ino: stat.ino,
            },
            path.to_owned(),
        );
    }

    fn directory(
        &mut self,
        dir: &OwnedFd,
        path: &Path,
        pattern: &ProtectedPath,
        name: Option<&OsStr>,
        depth: usize,
    ) {
        if depth > MAX_DEPTH || self.seen.len() >= MAX_MARKS || !self.seen.insert(path.to_owned()) {
            return;
        }
        self.notify(dir, path);
        if pattern.ask {
            self.mark_open(dir, libc::FAN_OPEN_PERM | libc::FAN_EVENT_ON_CHILD);
        }
        if depth == 0 && name.is_none() {
            self.watch_parent(path, false);
        }
        for entry in entries(dir).unwrap_or_default() {
            let wanted = name.is_none_or(|n| fits(n.as_bytes(), entry.as_bytes()));
            let Ok(target) = sys::open_entry(dir, &entry) else {
                continue;
            };
            let Ok(stat) = Stat::of(&target) else {
                continue;
            };
            let below = path.join(&entry);
            if stat.is_dir() && pattern.recursive {
                self.directory(&target, &below, pattern, name, depth + 1);
            } else if wanted {
                self.file(&target, stat, &below, pattern);
            }
        }
    }
}

/// Names in a directory, without `.` and `..`.
pub(crate) fn entries(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let readable = sys::reopen_dir(dir)?;
    // SAFETY: fdopendir takes over a descriptor, which is let go here.
    let stream = unsafe { libc::fdopendir(std::os::fd::IntoRawFd::into_raw_fd(readable)) };
    if stream.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut names = Vec::new();
    while names.len() < MAX_MARKS {
        // SAFETY: the stream is open until closedir below, and used by this thread only.
        let entry = unsafe { libc::readdir(stream) };
        if entry.is_null() {
            break;
        }
        // SAFETY: readdir gave a live entry whose name is a C string.
        let name = unsafe { CStr::from_ptr((*entry).d_name.as_ptr()) };
        if name != c"." && name != c".." {
            names.push(OsString::from_vec(name.to_bytes().to_vec()));
        }
    }
    // SAFETY: the stream is open and closed once; this closes the descriptor too.
    unsafe { libc::closedir(stream) };
    Ok(names)
}
