//! A directory, a root file system, a running container or this host, walked as it lies.
//!
//! Every name is opened relative to its directory and never through a symbolic link, so nothing
//! outside the root is read, and links in circles are harmless. Devices, sockets and pipes are
//! passed over. Limits: [`MAX_DEPTH`] directories deep; deeper ones are told of.

use super::SourceError;
use crate::stop::Stop;
use nix::{
    dir::{Dir, OwningIter, Type},
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::stat::{FileStat, Mode, SFlag, fstat, fstatat},
};
use rampart_model::scan::TargetKind;
use rampart_vuln::{
    analyze::FileMeta,
    layer::{Collected, Collector, Selection},
};
use std::{
    ffi::CStr,
    fs::File,
    io::Read,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

const MAX_DEPTH: usize = 512;
const CHUNK: usize = 128 << 10;

/// What a host keeps that is not its own software: kernel file systems and container storage.
const HOST_SKIPPED: &[&str] = &[
    "proc",
    "sys",
    "dev",
    "run",
    "var/run",
    "var/lib/docker",
    "var/lib/containerd",
    "var/lib/containers",
    "var/lib/kubelet/pods",
    "var/lib/rancher/k3s/agent/containerd",
];

pub struct Tree {
    pub root: PathBuf,
    pub kind: TargetKind,
    pub name: String,
    /// Do not go into other file systems mounted below.
    pub one_file_system: bool,
}

impl Tree {
    pub fn new(root: &Path, kind: TargetKind) -> Self {
        Self {
            root: root.to_owned(),
            kind,
            name: root.display().to_string(),
            one_file_system: false,
        }
    }

    /// This machine.
    pub fn host() -> Self {
        Self {
            name: "host".into(),
            ..Self::new(Path::new("/"), TargetKind::Host)
        }
    }

    /// The root file system that process sees.
    pub fn of_process(pid: u32) -> Self {
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        Self {
            name: format!("pid {pid}"),
            ..Self::new(&root, TargetKind::Container)
        }
    }

    fn skipped(&self) -> &'static [&'static str] {
        match self.kind {
            TargetKind::Host => HOST_SKIPPED,
            TargetKind::Container | TargetKind::Rootfs => &["proc", "sys", "dev"],
            _ => &[],
        }
    }

    /// Walks it all.
    ///
    /// # Errors
    /// When the root itself cannot be opened. What cannot be read below is a problem of the facts.
    pub fn collect(
        &self,
        selection: &Arc<Selection>,
        stop: &Stop,
    ) -> Result<Collected, SourceError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let failed = |error: Errno| SourceError::read(&self.root, error.into());
        let root = Dir::open(&self.root, flags, Mode::empty()).map_err(failed)?;
        let device = fstat(&root).map_err(failed)?.st_dev;
        let mut walk = Walk {
            collector: Collector::new(Arc::clone(selection)),
            selection: Arc::clone(selection),
            skipped: self.skipped(),
            device: self.one_file_system.then_some(device),
            buffer: vec![0; CHUNK],
            meta: FileMeta::default(),
        };
        walk.run(root, stop);
        Ok(walk.collector.finish())
    }
}

struct Walk {
    collector: Collector,
    selection: Arc<Selection>,
    skipped: &'static [&'static str],
    device: Option<u64>,
    buffer: Vec<u8>,
    meta: FileMeta,
}

/// An open directory: its handle, its names, and the length of its path.
struct Level {
    directory: OwnedFd,
    names: OwningIter,
    path_length: usize,
}

impl Walk {
    fn run(&mut self, root: Dir, stop: &Stop) {
        let mut path = String::new();
        let mut levels = Vec::new();
        self.enter(root, &path, &mut levels);
        while let Some(level) = levels.last_mut() {
            path.truncate(level.path_length);
            let entry = match level.names.next() {
                Some(Ok(entry)) if stop.reason().is_none() => entry,
                Some(Err(error)) => {
                    self.collector
                        .problem(&path, format!("the directory cannot be read on: {error}"));
                    levels.pop();
                    continue;
                }
                _ => {
                    levels.pop();
                    continue;
                }
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&name.to_string_lossy());
            if let Some(below) = self.visit(level.directory.as_fd(), name, entry.file_type(), &path)
            {
                if levels.len() >= MAX_DEPTH {
                    self.collector.problem(
                        &path,
                        format!("directories more than {MAX_DEPTH} deep: not read"),
                    );
                } else {
                    self.enter(below, &path, &mut levels);
                }
            }
        }
    }

    fn enter(&mut self, directory: Dir, path: &str, levels: &mut Vec<Level>) {
        match directory.as_fd().try_clone_to_owned() {
            Ok(handle) => levels.push(Level {
                directory: handle,
                names: directory.into_iter(),
                path_length: path.len(),
            }),
            Err(error) => self
                .collector
                .problem(path, format!("cannot be read: {error}")),
        }
    }

    /// Takes a file in; gives a directory back to be entered.
    fn visit(
        &mut self,
        at: BorrowedFd<'_>,
        name: &CStr,
        kind: Option<Type>,
        path: &str,
    ) -> Option<Dir> {
        match kind {
            Some(
                Type::Symlink
                | Type::CharacterDevice
                | Type::BlockDevice
                | Type::Fifo
                | Type::Socket,
            ) => {
                self.collector.entry(path);
                return None;
            }
            Some(Type::Directory) if self.passes_over(path) => return None,
            _ => {}
        }
        let status = match fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            // Gone since it was listed.
            Err(Errno::ENOENT) => return None,
            Err(error) => {
                self.collector
                    .problem(path, format!("cannot be read: {}", error.desc()));
                return None;
            }
        };
        match SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFDIR => self.open_directory(at, name, path, &status),
            SFlag::S_IFREG => {
                self.file(at, name, path, &status);
                None
            }
            _ => {
                self.collector.entry(path);
                None
            }
        }
    }

    fn passes_over(&self, path: &str) -> bool {
        self.skipped.contains(&path) || self.selection.skips_dir(path)
    }

    fn open_directory(
        &mut self,
        at: BorrowedFd<'_>,
        name: &CStr,
        path: &str,
        status: &FileStat,
    ) -> Option<Dir> {
        if self.passes_over(path) || self.device.is_some_and(|device| device != status.st_dev) {
            return None;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match Dir::openat(at, name, flags, Mode::empty()) {
            Ok(directory) => Some(directory),
            Err(Errno::ENOENT) => None,
            Err(error) => {
                self.collector.problem(
                    path,
                    format!("the directory cannot be read: {}", error.desc()),
                );
                None
            }
        }
    }

    fn file(&mut self, at: BorrowedFd<'_>, name: &CStr, path: &str, status: &FileStat) {
        self.meta.path.clear();
        self.meta.path.push_str(path);
        self.meta.size = u64::try_from(status.st_size).unwrap_or(0);
        self.meta.mode = status.st_mode & 0o7777;
        (self.meta.uid, self.meta.gid) = (status.st_uid, status.st_gid);
        if !self.collector.begin(&self.meta) {
            return;
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let opened = openat(at, name, flags, Mode::empty());
        let result = match opened {
            Ok(handle) => self.content(File::from(handle), status),
            Err(error) => Err(error.desc().to_owned()),
        };
        self.collector.end(result.is_err());
        if let Err(reason) = result {
            self.collector
                .problem(path, format!("cannot be read: {reason}"));
        }
    }

    /// The file that was looked at, and no other one put in its place.
    fn content(&mut self, mut file: File, status: &FileStat) -> Result<(), String> {
        let opened = fstat(&file).map_err(|error| error.desc().to_owned())?;
        if (opened.st_dev, opened.st_ino) != (status.st_dev, status.st_ino) {
            return Err("it was replaced while it was read".into());
        }
        let mut left = self.meta.size;
        while left > 0 && self.collector.is_reading() {
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            match file.read(&mut self.buffer[..most]) {
                Ok(0) => return Err("it became shorter while it was read".into()),
                Ok(count) => {
                    self.collector.content(&self.buffer[..count]);
                    left -= count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}
