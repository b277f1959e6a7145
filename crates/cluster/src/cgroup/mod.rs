//! Control groups: which container a path belongs to, and the id the kernel programs see.

mod path;

pub(crate) use path::name_candidates;
pub use path::{CgroupRef, container_of};

use crate::read;
use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The cgroups of one process: its path in v2, and its paths in v1 hierarchies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) unified: Option<String>,
    pub(crate) legacy: Vec<String>,
}

impl Membership {
    pub(crate) fn of(proc: &Path, pid: u32) -> io::Result<Self> {
        let path = proc.join(pid.to_string()).join("cgroup");
        Ok(Self::parse(&read::proc_text(&path)?))
    }

    /// `0::/path` is v2; `5:memory:/path` is v1.
    pub(crate) fn parse(text: &str) -> Self {
        let mut out = Self::default();
        for line in text.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(id), Some(_), Some(path)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if id == "0" {
                out.unified = Some(path.to_owned());
            } else if !out.legacy.iter().any(|p| p == path) {
                out.legacy.push(path.to_owned());
            }
        }
        out
    }

    /// v2 first: it is the one the kernel programs know.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.unified.iter().chain(&self.legacy).map(String::as_str)
    }
}

/// Where cgroup v2 is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` beside v1.
pub(crate) fn mount_point(proc: &Path) -> Option<PathBuf> {
    let mounts = read::proc_text(&proc.join("self/mounts")).ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, target, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(target))
    })
}

/// The inode of a cgroup folder, which is its id in the kernel; 0 if it is not there.
pub(crate) fn id_of(mount: &Path, path: &str) -> u64 {
    let relative = path.trim_start_matches('/');
    if relative.split('/').any(|part| part == "..") {
        return 0;
    }
    std::fs::metadata(mount.join(relative)).map_or(0, |m| m.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_of_hybrid_and_pure_hierarchies() {
        let hybrid =
            Membership::parse("4:memory:/docker/a\n3:cpu:/docker/a\n1:name=x:/b:c\n0::/docker/a\n");
        assert_eq!(hybrid.unified.as_deref(), Some("/docker/a"));
        assert_eq!(hybrid.legacy, ["/docker/a", "/b:c"]);
        assert_eq!(Membership::parse("0::/\n").unified.as_deref(), Some("/"));
        assert_eq!(
            Membership::parse("nonsense\n\n::\n"),
            Membership {
                unified: None,
                legacy: vec![String::new()]
            }
        );
    }

    #[test]
    fn id_is_an_inode_below_the_mount() {
        let dir = tempfile::tempdir().expect("temporary folder");
        std::fs::create_dir(dir.path().join("a")).expect("folder");
        assert_ne!(id_of(dir.path(), "/a"), 0);
        assert_eq!(id_of(dir.path(), "/missing"), 0);
        assert_eq!(id_of(&dir.path().join("a"), "/../a"), 0);
    }
}
