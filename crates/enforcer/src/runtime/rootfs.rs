//! Reading a container's files from outside, without following its links to the host's files.
//!
//! Limits: paths resolve inside the container's root only, magic links are refused, only regular
//! files are read, at most `limit` bytes, and a FIFO or device never blocks.

use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::{SFlag, fstat},
};
use rampart_probe::FileId;
use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// The root directory of a process, held open.
pub(crate) struct Rootfs {
    root: OwnedFd,
}

impl Rootfs {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}/root"));
        Ok(Self {
            root: File::open(path)?.into(),
        })
    }

    #[cfg(test)]
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self {
            root: File::open(path)?.into(),
        })
    }

    fn open(&self, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
        let inside = path.strip_prefix("/").unwrap_or(path);
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        Ok(openat2(&self.root, inside, how)?)
    }

    /// Identity of a regular file, after symbolic links.
    pub(crate) fn file_id(&self, path: &Path) -> io::Result<FileId> {
        let fd = self.open(path, OFlag::O_PATH)?;
        let stat = fstat(&fd)?;
        if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(FileId {
            dev: stat.st_dev,
            ino: stat.st_ino,
        })
    }

    pub(crate) fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.file_id(path)?;
        let file = File::from(self.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn links_stay_inside_and_odd_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/passwd"), "inside").unwrap();
        fs::write(dir.path().join("secret"), "outside").unwrap();
        symlink("/etc/passwd", root.join("absolute")).unwrap();
        symlink("../../../secret", root.join("climb")).unwrap();
        symlink("/dev/zero", root.join("device")).unwrap();
        nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let rootfs = Rootfs::at(&root).unwrap();
        let read = |p: &str| {
            rootfs
                .read(Path::new(p), 100)
                .map(|b| String::from_utf8(b).unwrap())
        };
        assert_eq!(read("/absolute").unwrap(), "inside", "not the host's file");
        assert!(read("/climb").is_err());
        assert!(read("/device").is_err());
        assert!(read("/fifo").is_err());
        assert_eq!(rootfs.read(Path::new("/etc/passwd"), 3).unwrap(), b"ins");
    }
}
