//! Changes on directories of file systems that fanotify cannot name, overlays before kernel 6.6
//! among them. inotify tells the same changes, but not who made them.

use super::notify::{Change, Place};
use std::{
    ffi::{CString, OsStr},
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::PathBuf,
};

const MASK: u32 = libc::IN_CREATE
    | libc::IN_MODIFY
    | libc::IN_CLOSE_WRITE
    | libc::IN_DELETE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_ATTRIB
    | libc::IN_ONLYDIR;
/// Bits that mean the same to both interfaces.
const SHARED: u32 =
    libc::IN_CREATE | libc::IN_MODIFY | libc::IN_CLOSE_WRITE | libc::IN_DELETE | libc::IN_ATTRIB;
const HEADER: usize = size_of::<libc::inotify_event>();

/// The key of a directory is its watch descriptor: shorter than any file handle's key.
pub(super) type Watched = Vec<u8>;

#[derive(Debug)]
pub(super) struct Inotify(OwnedFd);

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) changes: Vec<Change>,
    /// Directories that are not watched any more.
    pub(super) gone: Vec<Watched>,
    /// Changes were lost because the queue was full.
    pub(super) overflow: bool,
}

impl Inotify {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: inotify_init1 takes an integer and returns a new descriptor or an error.
        let fd = unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.0
    }

    pub(super) fn watch(&self, dir: &OwnedFd) -> io::Result<Watched> {
        let path = CString::new(format!("/proc/self/fd/{}", dir.as_raw_fd()))?;
        // SAFETY: the descriptor is open and the path is a C string that outlives the call.
        let watch = unsafe { libc::inotify_add_watch(self.0.as_raw_fd(), path.as_ptr(), MASK) };
        if watch < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(watch.to_ne_bytes().to_vec())
    }

    /// Keys of the other interface are passed over.
    pub(super) fn forget(&self, key: &[u8]) {
        let Ok(bytes) = key.try_into() else { return };
        // SAFETY: takes two integers; a descriptor that is gone by itself is an error only.
        unsafe { libc::inotify_rm_watch(self.0.as_raw_fd(), i32::from_ne_bytes(bytes)) };
    }
}

/// A rename inside watched directories comes as two events in a row with one cookie.
pub(super) fn parse(mut bytes: &[u8]) -> Told {
    let mut told = Told::default();
    let mut moving = None;
    while let Some(event) = take(&mut bytes) {
        told.overflow |= event.mask & libc::IN_Q_OVERFLOW != 0;
        if event.mask & libc::IN_IGNORED != 0 {
            told.gone.push(event.place.0);
            continue;
        }
        let renamed = event.mask & (libc::IN_MOVED_FROM | libc::IN_MOVED_TO) != 0;
        let mut mask = u64::from(event.mask & SHARED);
        if renamed {
            mask |= libc::FAN_RENAME;
        }
        if mask == 0 {
            continue;
        }
        if event.mask & libc::IN_ISDIR != 0 {
            mask |= libc::FAN_ONDIR;
        }
        let ends = event.mask & libc::IN_MOVED_TO != 0 && moving == Some(event.cookie);
        moving = (event.mask & libc::IN_MOVED_FROM != 0).then_some(event.cookie);
        match told.changes.last_mut() {
            Some(first) if ends => first.places.push(event.place),
            _ => told.changes.push(Change {
                mask,
                pid: 0,
                places: vec![event.place],
            }),
        }
    }
    told
}

struct Raw {
    mask: u32,
    cookie: u32,
    place: Place,
}

fn take(bytes: &mut &[u8]) -> Option<Raw> {
    let word = |at: usize| -> Option<[u8; 4]> { bytes.get(at..at + 4)?.try_into().ok() };
    let len = usize::try_from(u32::from_ne_bytes(word(12)?)).ok()?;
    let name = bytes.get(HEADER..HEADER.checked_add(len)?)?;
    let name = name.split(|b| *b == 0).next().unwrap_or_default();
    let raw = Raw {
        mask: u32::from_ne_bytes(word(4)?),
        cookie: u32::from_ne_bytes(word(8)?),
        place: (word(0)?.to_vec(), PathBuf::from(OsStr::from_bytes(name))),
    };
    *bytes = bytes.get(HEADER + len..)?;
    Some(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::fd::OwnedFd};

    fn event(watch: i32, mask: u32, cookie: u32, name: &str) -> Vec<u8> {
        let mut padded = name.as_bytes().to_vec();
        padded.resize(name.len().next_multiple_of(16), 0);
        let len = u32::try_from(padded.len()).unwrap();
        let mut bytes = watch.to_ne_bytes().to_vec();
        for word in [mask, cookie, len] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(padded);
        bytes
    }

    fn names(change: &Change) -> Vec<&str> {
        let places = change.places.iter();
        places.map(|(_, name)| name.to_str().unwrap()).collect()
    }

    #[test]
    fn events_of_every_length() {
        let mut bytes = event(1, libc::IN_CREATE | libc::IN_ISDIR, 0, "dir");
        bytes.extend(event(1, libc::IN_MOVED_FROM, 7, "a"));
        bytes.extend(event(2, libc::IN_MOVED_TO, 7, "b"));
        bytes.extend(event(2, libc::IN_MOVED_TO, 8, "from-elsewhere"));
        bytes.extend(event(-1, libc::IN_Q_OVERFLOW, 0, ""));
        bytes.extend(event(2, libc::IN_IGNORED, 0, ""));
        let told = parse(&bytes);
        let all: Vec<_> = told.changes.iter().map(names).collect();
        assert_eq!(all, [vec!["dir"], vec!["a", "b"], vec!["from-elsewhere"]]);
        assert_eq!(told.changes[0].mask, libc::FAN_CREATE | libc::FAN_ONDIR);
        assert_eq!(told.changes[1].mask, libc::FAN_RENAME);
        assert_eq!(told.gone, [2i32.to_ne_bytes().to_vec()]);
        assert!(told.overflow);
        for len in 0..bytes.len() {
            assert!(parse(&bytes[..len]).changes.len() <= 3);
        }
    }

    #[test]
    fn the_kernel_tells_what_happens_in_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let inotify = Inotify::new().unwrap();
        let open: OwnedFd = fs::File::open(dir.path()).unwrap().into();
        let key = inotify.watch(&open).unwrap();
        assert_eq!(inotify.watch(&open).unwrap(), key);
        fs::write(dir.path().join("a"), "x").unwrap();
        fs::rename(dir.path().join("a"), dir.path().join("b")).unwrap();
        fs::remove_file(dir.path().join("b")).unwrap();
        let mut buffer = vec![0; 4096];
        let len = crate::fanotify::sys::read(inotify.fd(), &mut buffer);
        let told = parse(&buffer[..len]);
        let seen: Vec<_> = told.changes.iter().map(|c| (c.mask, names(c))).collect();
        for want in [
            (libc::FAN_CREATE, vec!["a"]),
            (libc::FAN_CLOSE_WRITE, vec!["a"]),
            (libc::FAN_RENAME, vec!["a", "b"]),
            (libc::FAN_DELETE, vec!["b"]),
        ] {
            assert!(seen.contains(&want), "{want:?} in {seen:?}");
        }
        assert!(told.changes.iter().all(|c| c.places[0].0 == key));
        inotify.forget(&key);
        let len = crate::fanotify::sys::read(inotify.fd(), &mut buffer);
        assert_eq!(parse(&buffer[..len]).gone, [key]);
    }
}
