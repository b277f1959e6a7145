//! The mount list of a process. Lines that do not parse are left out; at most 65,536 are read.

use super::{io_limited, root};
use std::{io, path::PathBuf};

const MAX_MOUNTS: usize = 65_536;

/// One line of `/proc/PID/mountinfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    pub id: u32,
    pub parent: u32,
    /// `st_dev` of files on it.
    pub dev: u64,
    /// Path on the file system that is mounted.
    pub root: PathBuf,
    /// Where it is mounted, from the process's root.
    pub destination: PathBuf,
    pub options: String,
    pub kind: String,
    pub source: String,
    pub super_options: String,
}

impl Mount {
    pub fn read_only(&self) -> bool {
        self.options.split(',').any(|o| o == "ro")
    }

    /// Writable layer of an overlay, as a path in the mount namespace that made it.
    pub fn upper_dir(&self) -> Option<PathBuf> {
        if self.kind != "overlay" {
            return None;
        }
        self.super_options
            .split(',')
            .find_map(|o| o.strip_prefix("upperdir="))
            .map(|p| unescape(p.as_bytes()))
    }
}

/// Mounts of a process in the order they were made.
pub fn mounts(pid: u32) -> io::Result<Vec<Mount>> {
    let text = io_limited(&root(pid).join("mountinfo"))?;
    Ok(text
        .split(|b| *b == b'\n')
        .filter_map(parse)
        .take(MAX_MOUNTS)
        .collect())
}

pub(super) fn parse(line: &[u8]) -> Option<Mount> {
    let line = String::from_utf8_lossy(line);
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ');
    let id = front.next()?.parse().ok()?;
    let parent = front.next()?.parse().ok()?;
    let (major, minor) = front.next()?.split_once(':')?;
    let root = unescape(front.next()?.as_bytes());
    let destination = unescape(front.next()?.as_bytes());
    let options = front.next()?.to_owned();
    let mut back = back.split(' ');
    Some(Mount {
        id,
        parent,
        dev: libc::makedev(major.parse().ok()?, minor.parse().ok()?),
        root,
        destination,
        options,
        kind: back.next()?.to_owned(),
        source: back.next()?.to_owned(),
        super_options: back.next().unwrap_or_default().to_owned(),
    })
}

/// `\040` and its like are bytes the format cannot hold.
fn unescape(text: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'\\'
            && let Some(digits) = tail.get(..3)
            && let Ok(digits) = std::str::from_utf8(digits)
            && let Ok(value) = u8::from_str_radix(digits, 8)
        {
            out.push(value);
            rest = &tail[3..];
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    std::ffi::OsString::from_vec(out).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn mount_lines() {
        let line = b"36 35 98:1 /a\\040b /mnt\\011x rw,noatime shared:1 master:2 - overlay over \
            rw,lowerdir=/l1:/l2,upperdir=/var/up,workdir=/w";
        let mount = parse(line).unwrap();
        assert_eq!(mount.root, PathBuf::from("/a b"));
        assert_eq!(mount.destination, PathBuf::from("/mnt\tx"));
        assert_eq!(mount.upper_dir(), Some(PathBuf::from("/var/up")));
        assert_eq!(mount.dev, libc::makedev(98, 1));
        for bad in [
            "",
            "1 2 3",
            "1 2 3:4 / / rw",
            "x 2 3:4 / / rw - a b c",
            "1 2 34 / / rw - a b",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn own_mounts_have_a_root() {
        let mounts = mounts(std::process::id()).unwrap();
        assert!(mounts.iter().any(|m| m.destination == Path::new("/")));
    }
}
