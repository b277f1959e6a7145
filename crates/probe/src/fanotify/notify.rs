//! Changes on watched directories, after the fact: create, write, delete, rename, attributes.
//! They cover every way a change can be made, system calls and io_uring alike, and cost nothing
//! elsewhere.

use super::{
    Watches,
    inotify::{self, Inotify},
    sys::{self, HandleKey},
};
use crate::{FileAct, FileOp, label::Labels};
use rampart_model::Timestamp;
use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::{SystemTime, UNIX_EPOCH},
};

const MASK: u64 = libc::FAN_CREATE
    | libc::FAN_MODIFY
    | libc::FAN_CLOSE_WRITE
    | libc::FAN_DELETE
    | libc::FAN_RENAME
    | libc::FAN_ATTRIB
    | libc::FAN_ONDIR
    | libc::FAN_EVENT_ON_CHILD;

const OPS: &[(u64, FileOp)] = &[
    (libc::FAN_CREATE, FileOp::Create),
    (libc::FAN_MODIFY, FileOp::Modify),
    (libc::FAN_CLOSE_WRITE, FileOp::CloseWrite),
    (libc::FAN_DELETE, FileOp::Delete),
    (libc::FAN_RENAME, FileOp::Rename),
    (libc::FAN_ATTRIB, FileOp::Attrib),
];

/// Changes after which marks must be placed again.
const MOVES: u64 = libc::FAN_CREATE | libc::FAN_RENAME;
const BUFFER: usize = 64 << 10;
/// Batches taken at once, so that a flood of changes never starves the rings.
const MAX_BATCHES: usize = 16;

#[derive(Debug)]
pub(crate) struct Notifier {
    group: OwnedFd,
    /// For file systems whose directories the group cannot name.
    inotify: Inotify,
    directories: Mutex<HashMap<HandleKey, Vec<(u32, PathBuf)>>>,
    watches: Arc<Watches>,
    labels: Labels,
    stale: mpsc::Sender<u32>,
    /// Times changes were lost because a queue was full.
    pub(crate) overflows: AtomicU64,
}

impl Notifier {
    /// `stale` receives the labels whose marks must be placed again.
    pub(crate) fn new(
        watches: Arc<Watches>,
        labels: Labels,
        stale: mpsc::Sender<u32>,
    ) -> io::Result<Self> {
        let group = sys::group(libc::FAN_CLASS_NOTIF | libc::FAN_REPORT_DFID_NAME)?;
        Ok(Self {
            group,
            inotify: Inotify::new()?,
            directories: Mutex::default(),
            watches,
            labels,
            stale,
            overflows: AtomicU64::new(0),
        })
    }

    pub(crate) fn fds(&self) -> [i32; 2] {
        [self.group.as_raw_fd(), self.inotify.fd().as_raw_fd()]
    }

    fn directories(&self) -> MutexGuard<'_, HashMap<HandleKey, Vec<(u32, PathBuf)>>> {
        self.directories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(&self, dir: &OwnedFd, label: u32, path: &Path) -> io::Result<()> {
        let key = match self.mark(dir) {
            Err(error) if is_nameless(&error) => self.inotify.watch(dir),
            other => other,
        }?;
        let mut directories = self.directories();
        let known = directories.entry(key).or_default();
        if !known.iter().any(|(l, p)| *l == label && p == path) {
            known.push((label, path.to_owned()));
        }
        Ok(())
    }

    fn mark(&self, dir: &OwnedFd) -> io::Result<HandleKey> {
        let key = sys::handle_key(dir)?;
        sys::mark(&self.group, libc::FAN_MARK_ADD, MASK, dir.as_raw_fd())?;
        Ok(key)
    }

    pub(crate) fn forget(&self, label: u32) {
        let mut directories = self.directories();
        directories.retain(|key, known| {
            known.retain(|(l, _)| *l != label);
            if known.is_empty() {
                self.inotify.forget(key);
            }
            !known.is_empty()
        });
    }

    /// Hands over what has happened, up to a bound.
    pub(crate) fn drain(&self, sink: &mut dyn FnMut(FileAct)) {
        let mut buffer = vec![0u8; BUFFER];
        for _ in 0..MAX_BATCHES {
            let len = sys::read(&self.group, &mut buffer);
            if len == 0 {
                break;
            }
            for change in parse(buffer.get(..len).unwrap_or_default()) {
                if change.mask & libc::FAN_Q_OVERFLOW != 0 {
                    self.overflowed(&self.directories());
                }
                self.tell(&change, sink);
            }
        }
        for _ in 0..MAX_BATCHES {
            let len = sys::read(self.inotify.fd(), &mut buffer);
            if len == 0 {
                return;
            }
            let told = inotify::parse(buffer.get(..len).unwrap_or_default());
            for change in &told.changes {
                self.tell(change, sink);
            }
            self.settle(&told);
        }
    }

    fn settle(&self, told: &inotify::Told) {
        let mut directories = self.directories();
        for key in &told.gone {
            directories.remove(key);
        }
        if told.overflow {
            self.overflowed(&directories);
        }
    }

    /// Files may have been replaced without our knowledge: every mark is placed again.
    fn overflowed(&self, directories: &HashMap<HandleKey, Vec<(u32, PathBuf)>>) {
        self.overflows.fetch_add(1, Relaxed);
        tracing::warn!("changes of files were lost: raise fs.inotify.max_queued_events");
        for (label, _) in directories.values().flatten() {
            let _ = self.stale.send(*label);
        }
    }

    fn tell(&self, change: &Change, sink: &mut dyn FnMut(FileAct)) {
        let Some(first) = change.places.first() else {
            return;
        };
        let known = self
            .directories()
            .get(&first.0)
            .cloned()
            .unwrap_or_default();
        for (label, dir) in known {
            let path = dir.join(&first.1);
            let new_path = change
                .places
                .get(1)
                .and_then(|place| self.path_of(label, place));
            let Some(watch) = self.watches.of(label) else {
                continue;
            };
            let moved = change.mask & MOVES != 0;
            let leads_to = |p: &Path| {
                watch.watches(p) || watch.protected.iter().any(|w| w.path.starts_with(p))
            };
            if moved && (leads_to(&path) || new_path.as_deref().is_some_and(leads_to)) {
                // The worker has ended only when the probe is going down.
                let _ = self.stale.send(label);
            }
            if !watch.watches(&path) && !new_path.as_deref().is_some_and(|p| watch.watches(p)) {
                continue;
            }
            sink(self.act(change, label, &path, new_path.as_deref()));
        }
    }

    fn act(&self, change: &Change, label: u32, path: &Path, new_path: Option<&Path>) -> FileAct {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        FileAct {
            at: Timestamp::from_ms(i64::try_from(now.as_millis()).unwrap_or(0)),
            label,
            pid: change.pid,
            actor_label: match change.pid {
                0 => 0,
                pid => self.labels.of_pid(pid).unwrap_or(0),
            },
            ops: OPS
                .iter()
                .filter(|(bit, _)| change.mask & bit != 0)
                .map(|(_, op)| *op)
                .collect(),
            path: path.to_string_lossy().into_owned(),
            new_path: new_path.map(|p| p.to_string_lossy().into_owned()),
            directory: change.mask & libc::FAN_ONDIR != 0,
        }
    }

    fn path_of(&self, label: u32, place: &Place) -> Option<PathBuf> {
        let directories = self.directories();
        let known = directories.get(&place.0)?;
        known
            .iter()
            .find(|(l, _)| *l == label)
            .map(|(_, dir)| dir.join(&place.1))
    }
}

/// The file system has no handles or no id to tell its directories apart by.
fn is_nameless(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EOPNOTSUPP | libc::ENODEV | libc::EXDEV)
    )
}

/// A directory and a name in it.
pub(super) type Place = (HandleKey, PathBuf);

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) mask: u64,
    /// 0 when it is not known.
    pub(super) pid: u32,
    /// Old place first for a rename.
    pub(super) places: Vec<Place>,
}

fn parse(mut bytes: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    while let Some(len) = u32_at(bytes, 0).map(|l| l as usize) {
        let Some(event) = bytes.get(..len).filter(|e| e.len() >= 24) else {
            break;
        };
        bytes = bytes.get(len..).unwrap_or_default();
        if let Some(change) = parse_event(event) {
            changes.push(change);
        }
    }
    changes
}

/// How many changes a buffer holds; see [`crate::fuzz`].
pub(super) fn count(bytes: &[u8]) -> usize {
    parse(bytes).len()
}

fn parse_event(event: &[u8]) -> Option<Change> {
    let header = usize::from(u16::from_ne_bytes(event.get(6..8)?.try_into().ok()?));
    let mask = u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?);
    let mut change = Change {
        mask,
        pid: u32_at(event, 20)?,
        places: Vec::new(),
    };
    let mut rest = event.get(header..)?;
    while let Some(head) = rest.get(..4) {
        let len = usize::from(u16::from_ne_bytes([head[2], head[3]]));
        let Some(info) = rest.get(..len).filter(|i| i.len() >= 4) else {
            break;
        };
        rest = rest.get(len..).unwrap_or_default();
        let named = [
            libc::FAN_EVENT_INFO_TYPE_DFID_NAME,
            libc::FAN_EVENT_INFO_TYPE_OLD_DFID_NAME,
            libc::FAN_EVENT_INFO_TYPE_NEW_DFID_NAME,
        ];
        if named.contains(&head[0])
            && let Some(place) = parse_place(info)
        {
            change.places.push(place);
        }
    }
    Some(change)
}

fn parse_place(info: &[u8]) -> Option<Place> {
    let fsid: [u8; 8] = info.get(4..12)?.try_into().ok()?;
    let len = u32_at(info, 12)? as usize;
    let kind = i32::from_ne_bytes(info.get(16..20)?.try_into().ok()?);
    let handle = info.get(20..20usize.checked_add(len)?)?;
    let name = info.get(20 + len..)?.split(|b| *b == 0).next()?;
    let name = if name == b"." {
        PathBuf::new()
    } else {
        PathBuf::from(OsStr::from_bytes(name))
    };
    Some((sys::make_key(fsid, kind, handle), name))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(mask: u64, infos: &[(u8, &str)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, name) in infos {
            let mut info = vec![*kind, 0, 0, 0];
            info.extend_from_slice(&[1; 8]);
            info.extend_from_slice(&4u32.to_ne_bytes());
            info.extend_from_slice(&2i32.to_ne_bytes());
            info.extend_from_slice(b"HAND");
            info.extend_from_slice(name.as_bytes());
            info.push(0);
            while info.len() % 4 != 0 {
                info.push(0);
            }
            let len = u16::try_from(info.len()).unwrap();
            info[2..4].copy_from_slice(&len.to_ne_bytes());
            body.extend(info);
        }
        let mut bytes = u32::try_from(24 + body.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        bytes.extend_from_slice(&[3, 0, 24, 0]);
        bytes.extend_from_slice(&mask.to_ne_bytes());
        bytes.extend_from_slice(&(-1i32).to_ne_bytes());
        bytes.extend_from_slice(&77u32.to_ne_bytes());
        bytes.extend(body);
        bytes
    }

    #[test]
    fn events_of_every_length() {
        let mut bytes = event(
            libc::FAN_CREATE,
            &[(libc::FAN_EVENT_INFO_TYPE_DFID_NAME, "passwd")],
        );
        bytes.extend(event(
            libc::FAN_RENAME,
            &[
                (libc::FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, "a"),
                (libc::FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, "b"),
            ],
        ));
        let changes = parse(&bytes);
        let names: Vec<Vec<_>> = changes
            .iter()
            .map(|c| {
                c.places
                    .iter()
                    .map(|(_, n)| n.to_str().unwrap().to_owned())
                    .collect()
            })
            .collect();
        assert_eq!(names, [vec!["passwd"], vec!["a", "b"]]);
        assert!(changes.iter().all(|c| c.pid == 77));
        // Cut anywhere, it neither panics nor invents.
        for len in 0..bytes.len() {
            assert!(parse(&bytes[..len]).len() <= 2);
        }
    }
}
