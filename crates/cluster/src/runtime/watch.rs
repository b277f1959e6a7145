//! Tells of new state folders the moment they are complete, by inotify.
//!
//! Watched are the roots, the namespace folders below some of them, and new containers' folders
//! until their state is written. Without inotify (its limits are per user) the listing still runs.

use crate::{
    diagnostics::Diagnostics,
    local::state::{StateDir, StateRoot},
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
};
use std::{
    collections::HashMap,
    fs,
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};
use tokio::sync::mpsc;

/// Watches held at once; above, the listing alone finds new containers.
const MAX_WATCHES: usize = 8192;
/// New containers that may wait to be read; the kernel's own queue holds the rest.
const WAITING: usize = 256;
/// How often new roots are looked for, and whether anybody still listens.
const RENEW_MS: u16 = 500;

#[derive(Clone, Debug)]
enum Place {
    /// Holds namespaces, or containers.
    Root(usize),
    Namespace(usize, PathBuf),
    Container(usize, PathBuf),
}

struct Watch {
    roots: Vec<StateRoot>,
    inotify: Inotify,
    places: HashMap<WatchDescriptor, Place>,
    diagnostics: Arc<Diagnostics>,
}

/// Folders whose state was just written, until the receiver is dropped. The channel is closed at
/// once where inotify is not to be had.
pub(crate) fn start(
    roots: &[StateRoot],
    diagnostics: &Arc<Diagnostics>,
) -> mpsc::Receiver<StateDir> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let watch =
        Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).map(|inotify| Watch {
            roots: roots.to_vec(),
            inotify,
            places: HashMap::new(),
            diagnostics: Arc::clone(diagnostics),
        });
    let started = watch.map_err(std::io::Error::from).and_then(|mut watch| {
        watch.renew();
        thread::Builder::new()
            .name("state-watch".to_owned())
            .spawn(move || watch.run(&sender))
    });
    if let Err(error) = started {
        diagnostics.skip("inotify", error);
    }
    receiver
}

impl Watch {
    fn run(&mut self, sender: &mpsc::Sender<StateDir>) {
        while !sender.is_closed() {
            let mut fds = [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(RENEW_MS)) {
                Ok(0) => self.renew(),
                Ok(_) => {
                    let events = self.inotify.read_events().unwrap_or_default();
                    for dir in events
                        .iter()
                        .flat_map(|event| self.take(event))
                        .collect::<Vec<_>>()
                    {
                        if sender.blocking_send(dir).is_err() {
                            return;
                        }
                    }
                }
                Err(Errno::EINTR) => {}
                Err(error) => {
                    self.diagnostics.skip("inotify", error);
                    return;
                }
            }
        }
    }

    /// Watches what has appeared since: roots are made by the first container of their runtime.
    fn renew(&mut self) {
        for index in 0..self.roots.len() {
            let root = self.roots[index].clone();
            if !self.add(&root.path, Place::Root(index)) || !root.namespaced {
                continue;
            }
            for namespace in fs::read_dir(&root.path).into_iter().flatten().flatten() {
                let path = namespace.path();
                self.add(&path, Place::Namespace(index, path.clone()));
            }
        }
    }

    fn take(&mut self, event: &InotifyEvent) -> Vec<StateDir> {
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.places.remove(&event.wd);
            return Vec::new();
        }
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.diagnostics
                .skip("inotify", "queue overflowed; the listing catches up");
            return Vec::new();
        }
        let (Some(place), Some(name)) = (self.places.get(&event.wd).cloned(), event.name.as_ref())
        else {
            return Vec::new();
        };
        match place {
            Place::Root(root) if self.roots[root].namespaced => {
                let path = self.roots[root].path.join(name);
                self.add(&path, Place::Namespace(root, path.clone()));
                let inside = fs::read_dir(&path).into_iter().flatten().flatten();
                let found: Vec<_> = inside.map(|e| e.path()).collect();
                found
                    .into_iter()
                    .filter_map(|path| self.container(root, path))
                    .collect()
            }
            Place::Root(root) => {
                let path = self.roots[root].path.join(name);
                self.container(root, path).into_iter().collect()
            }
            Place::Namespace(root, path) => {
                self.container(root, path.join(name)).into_iter().collect()
            }
            Place::Container(root, path) => self.complete(root, &path).into_iter().collect(),
        }
    }

    /// A new container's folder: watched first, so that its state is not missed in between.
    fn container(&mut self, root: usize, path: PathBuf) -> Option<StateDir> {
        self.add(&path, Place::Container(root, path.clone()));
        self.complete(root, &path)
    }

    fn complete(&self, root: usize, path: &Path) -> Option<StateDir> {
        let complete = ["state.json", "status"]
            .iter()
            .any(|f| path.join(f).exists());
        let id = path.file_name()?.to_str()?;
        if complete {
            self.roots[root].at(path.to_owned(), id)
        } else {
            None
        }
    }

    /// True if the folder is watched now.
    fn add(&mut self, path: &Path, place: Place) -> bool {
        if self.places.len() >= MAX_WATCHES {
            return false;
        }
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ONLYDIR;
        match self.inotify.add_watch(path, flags) {
            Ok(wd) => {
                self.places.insert(wd, place);
                true
            }
            Err(_) => false,
        }
    }
}
