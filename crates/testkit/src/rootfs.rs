//! A root file system made of a statically linked busybox.

use crate::{command::output, require::find_program};
use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

const DIRS: [&str; 13] = [
    "bin", "sbin", "usr/bin", "usr/sbin", "etc", "proc", "sys", "dev", "tmp", "root", "run", "var",
    "home",
];
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";

/// A folder to run containers on. It belongs to whoever made the folder: nothing is removed here.
#[derive(Clone, Debug)]
pub struct Rootfs {
    path: PathBuf,
}

impl Rootfs {
    /// Lays out `dir` with `/bin/busybox`, a symbolic link per applet, and the usual small files.
    pub fn busybox(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let path = dir.into();
        for sub in DIRS {
            fs::create_dir_all(path.join(sub))?;
        }
        fs::set_permissions(path.join("tmp"), fs::Permissions::from_mode(0o1777))?;
        let busybox = find_program("busybox")
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "busybox is not installed"))?;
        fs::copy(&busybox, path.join("bin/busybox"))?;
        fs::set_permissions(path.join("bin/busybox"), fs::Permissions::from_mode(0o755))?;
        link_applets(&path, &busybox)?;
        let rootfs = Self { path };
        rootfs.write("etc/passwd", PASSWD, 0o644)?;
        rootfs.write("etc/group", GROUP, 0o644)?;
        rootfs.write("etc/hosts", "127.0.0.1 localhost\n", 0o644)?;
        Ok(rootfs)
    }

    /// A folder that is laid out already, such as this machine's `/`.
    pub fn existing(dir: impl Into<PathBuf>) -> Self {
        Self { path: dir.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a path of the container is on the host.
    pub fn at(&self, inside: &str) -> PathBuf {
        self.path.join(inside.trim_start_matches('/'))
    }

    pub fn write(&self, inside: &str, content: impl AsRef<[u8]>, mode: u32) -> io::Result<()> {
        let path = self.at(inside);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
    }

    /// Copies a file of the host, such as a test's own static binary.
    pub fn copy(&self, host: &Path, inside: &str, mode: u32) -> io::Result<()> {
        let path = self.at(inside);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(host, &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
    }
}

fn link_applets(root: &Path, busybox: &Path) -> io::Result<()> {
    let listing = output(&busybox.to_string_lossy(), &["--list"])?;
    for applet in String::from_utf8_lossy(&listing.stdout).lines() {
        // The list names busybox itself; a link over it would point at itself.
        if applet.is_empty() || applet == "busybox" || applet.contains('/') {
            continue;
        }
        match symlink("busybox", root.join("bin").join(applet)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    Ok(())
}
