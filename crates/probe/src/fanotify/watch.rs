//! What is asked about in each workload. A snapshot is swapped whole when a policy changes.

use super::sys::FsId;
use crate::{FileId, ProtectedPath};
use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    pub(crate) judge_exec: bool,
    pub(crate) protected: Vec<ProtectedPath>,
    /// File system of the container's root.
    pub(crate) root_fs: Option<FsId>,
    /// Writable layer of its overlay, as a path that can be opened here.
    pub(crate) upper: Option<PathBuf>,
    /// File systems nobody else mounts: cached answers cannot leak to another workload.
    pub(crate) own_fs: HashSet<FsId>,
    /// Files that are protected by identity, and the name they are protected by.
    pub(crate) files: HashMap<FileId, PathBuf>,
}

impl Watch {
    /// Whether a path is one the judge is asked about before it is opened.
    pub(crate) fn asks(&self, path: &Path) -> bool {
        self.protected.iter().any(|p| p.ask && matches(p, path))
    }

    /// Whether a path's changes are reported.
    pub(crate) fn watches(&self, path: &Path) -> bool {
        self.protected.iter().any(|p| matches(p, path))
    }
}

/// A pattern holds for the path itself, for direct children of a directory, and for everything
/// below it when recursive. `*` stands for any run of characters in the last component.
pub(super) fn matches(pattern: &ProtectedPath, path: &Path) -> bool {
    let Some((dir, name)) = glob(pattern) else {
        return if pattern.recursive {
            path.starts_with(&pattern.path)
        } else {
            path == pattern.path || path.parent() == Some(&pattern.path)
        };
    };
    let below = if pattern.recursive {
        path.starts_with(dir)
    } else {
        path.parent() == Some(dir)
    };
    below
        && path
            .file_name()
            .is_some_and(|n| fits(name.as_bytes(), n.as_bytes()))
}

/// Directory and name pattern, if the last component holds a `*`.
pub(super) fn glob(pattern: &ProtectedPath) -> Option<(&Path, &OsStr)> {
    let name = pattern.path.file_name()?;
    let dir = pattern.path.parent()?;
    name.as_bytes().contains(&b'*').then_some((dir, name))
}

/// Matches a name against a pattern with `*`, in time proportional to their product at most.
pub(crate) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == name.get(n) {
            p += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            p = at + 1;
            n = from + 1;
            star = Some((at, n));
        } else {
            return false;
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|b| *b == b'*')
}

#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_label: RwLock<HashMap<u32, Arc<Watch>>>,
}

impl Watches {
    pub(crate) fn of(&self, label: u32) -> Option<Arc<Watch>> {
        self.by_label
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&label)
            .cloned()
    }

    pub(crate) fn set(&self, label: u32, watch: Watch) {
        let mut map = self
            .by_label
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        map.insert(label, Arc::new(watch));
    }

    pub(crate) fn remove(&self, label: u32) {
        self.by_label
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("/etc/passwd", false, "/etc/passwd", true),
            ("/etc/passwd", false, "/etc/passwd2", false),
            ("/etc", false, "/etc/passwd", true),
            ("/etc", false, "/etc/ssl/x", false),
            ("/etc", true, "/etc/ssl/x", true),
            ("/etc", true, "/etcetera", false),
            ("/bin/*", false, "/bin/sh", true),
            ("/bin/*", false, "/bin/a/sh", false),
            ("/bin/*", true, "/bin/a/sh", true),
            ("/lib/*.so*", true, "/lib/x/libc.so.6", true),
            ("/lib/*.so*", true, "/lib/x/libc.a", false),
            ("/var/l*g", false, "/var/log", true),
            ("/var/l*g", false, "/var/lag/x", false),
        ];
        for (pattern, recursive, path, want) in cases {
            let pattern = ProtectedPath {
                path: pattern.into(),
                recursive,
                ask: true,
            };
            assert_eq!(
                matches(&pattern, Path::new(path)),
                want,
                "{pattern:?} {path}"
            );
        }
    }

    #[test]
    fn stars() {
        for (pattern, name, want) in [
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
            ("***", "x", true),
            ("", "x", false),
            ("a", "a", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                want,
                "{pattern} {name}"
            );
        }
    }
}
