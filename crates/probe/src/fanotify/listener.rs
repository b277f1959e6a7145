//! Answers permission events: a few threads that ask the judge, and a watch that answers by the
//! fail mode when the judge is too slow. When this whole process is stopped, hangs or dies, the
//! [`Watchdog`] does.

use super::{
    Board, Marks, Watch, Watchdog, Watches,
    sys::{self, FsId, PermissionEvent, Stat},
    syscall,
    watchdog::Ticket,
};
use crate::{Ask, AskKind, Decision, FileId, Judge, label::Labels, procfs, ring::poll};
use std::{
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::fs::FileTypeExt,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) execs_judged: AtomicU64,
    pub(crate) execs_denied: AtomicU64,
    pub(crate) files_judged: AtomicU64,
    pub(crate) files_denied: AtomicU64,
    pub(crate) failed_open: AtomicU64,
    pub(crate) failed_closed: AtomicU64,
    /// Questions the kernel could not hand over, which it refuses by itself.
    pub(crate) unread: AtomicU64,
}

/// A task that waits for an answer. Whoever takes it out of its slot answers it.
struct Waiting {
    group: RawFd,
    file: OwnedFd,
    ticket: Ticket,
    since: Instant,
}

type Slot = Mutex<Option<Waiting>>;

pub(crate) struct Listener {
    pub(crate) marks: Arc<Marks>,
    pub(crate) watches: Arc<Watches>,
    pub(crate) labels: Labels,
    pub(crate) judge: Arc<dyn Judge>,
    pub(crate) deadline: Duration,
    pub(crate) board: Arc<Board>,
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) stop: Arc<OwnedFd>,
}

struct Shared {
    listener: Listener,
    slots: Vec<Slot>,
    /// Threads whose judge is beyond its deadline.
    stuck: Vec<AtomicBool>,
    stopping: AtomicBool,
    own_pid: i32,
}

impl Listener {
    pub(crate) fn start(self, threads: usize) -> io::Result<Vec<JoinHandle<()>>> {
        let threads = threads.max(2);
        let own_pid = i32::try_from(std::process::id()).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            listener: self,
            slots: (0..threads).map(|_| Mutex::new(None)).collect(),
            stuck: (0..threads).map(|_| AtomicBool::new(false)).collect(),
            stopping: AtomicBool::new(false),
            own_pid,
        });
        let mut handles = Vec::new();
        for index in 0..shared.slots.len() {
            let shared = Arc::clone(&shared);
            let builder = thread::Builder::new().name(format!("judge-{index}"));
            handles.push(builder.spawn(move || {
                raise_priority();
                shared.serve(index);
            })?);
        }
        let builder = thread::Builder::new().name("judge-watchdog".to_owned());
        handles.push(builder.spawn(move || {
            raise_priority();
            shared.watch();
        })?);
        Ok(handles)
    }
}

/// Tasks of the whole machine may wait for these threads. Without the privilege they run as any.
pub(super) fn raise_priority() {
    let param = libc::sched_param { sched_priority: 1 };
    // SAFETY: sets the policy of the calling thread from a valid structure.
    let rc = unsafe {
        libc::sched_setscheduler(
            0,
            libc::SCHED_RR | libc::SCHED_RESET_ON_FORK,
            &raw const param,
        )
    };
    if rc != 0 {
        tracing::debug!(error = %io::Error::last_os_error(), "judging at ordinary priority");
    }
}

impl Shared {
    fn serve(&self, index: usize) {
        let marks = &self.listener.marks;
        let waiter = match sys::Waiter::new([&marks.exec, &marks.open], &self.listener.stop) {
            Ok(waiter) => waiter,
            Err(error) => {
                tracing::error!(%error, "permission events cannot be waited for");
                return;
            }
        };
        loop {
            match waiter.wait() {
                sys::Woken::By(0) => self.take_event(index, &marks.exec),
                sys::Woken::By(_) => self.take_event(index, &marks.open),
                sys::Woken::Stop => {
                    self.stopping.store(true, Relaxed);
                    return;
                }
                sys::Woken::Nothing => {}
            }
        }
    }

    fn take_event(&self, index: usize, group: &OwnedFd) {
        match sys::next_permission(group) {
            Ok(Some(event)) => self.answer(index, group, event),
            Ok(None) => {}
            Err(error) => {
                self.listener.tally.unread.fetch_add(1, Relaxed);
                tracing::warn!(%error, "a permission event cannot be read");
            }
        }
    }

    fn answer(&self, index: usize, group: &OwnedFd, event: PermissionEvent) {
        let ticket = self.listener.board.put(index, event.file.as_raw_fd());
        let question = self.question(&event);
        let waiting = Waiting {
            group: group.as_raw_fd(),
            file: event.file,
            ticket,
            since: Instant::now(),
        };
        let Some((ask, watch)) = question else {
            self.respond(&waiting, true);
            return;
        };
        self.put(index, waiting);
        let judged = catch_unwind(AssertUnwindSafe(|| self.listener.judge.judge(&ask)));
        if let Some(stuck) = self.stuck.get(index) {
            stuck.store(false, Relaxed);
        }
        let Some(waiting) = self.take(index) else {
            tracing::warn!(path = %ask.path.display(), "the judge answered too late");
            return;
        };
        match judged {
            Ok(decision) => self.give(&ask, &watch, decision, &waiting),
            Err(_) => {
                tracing::error!(path = %ask.path.display(), "the judge panicked");
                self.fail(&waiting);
            }
        }
    }

    fn give(&self, ask: &Ask, watch: &Watch, decision: Decision, waiting: &Waiting) {
        let tally = &self.listener.tally;
        let (judged, denied) = match ask.kind {
            AskKind::Exec => (&tally.execs_judged, &tally.execs_denied),
            AskKind::Open { .. } => (&tally.files_judged, &tally.files_denied),
        };
        judged.fetch_add(1, Relaxed);
        if decision == Decision::AllowCached && ask.kind == AskKind::Exec {
            self.remember(watch, &waiting.file);
        }
        if decision == Decision::Deny {
            denied.fetch_add(1, Relaxed);
        }
        self.respond(waiting, decision != Decision::Deny);
    }

    /// Whoever was late finds the question answered, and its answer is not given.
    fn respond(&self, waiting: &Waiting, allow: bool) {
        let board = &self.listener.board;
        if board.claim(waiting.ticket) {
            sys::respond(waiting.group, &waiting.file, allow);
        } else {
            tracing::warn!("the watchdog answered in our place");
        }
        board.settle(waiting.ticket);
    }

    /// Has the kernel allow execs of this file by itself until it is modified.
    fn remember(&self, watch: &Watch, file: &OwnedFd) {
        if !FsId::of(file).is_ok_and(|fs| watch.own_fs.contains(&fs)) {
            return;
        }
        let flags = libc::FAN_MARK_ADD | libc::FAN_MARK_IGNORED_MASK;
        let group = &self.listener.marks.exec;
        let done = sys::mark(group, flags, libc::FAN_OPEN_EXEC_PERM, file.as_raw_fd());
        if let Err(error) = done {
            tracing::debug!(%error, "an answer cannot be cached");
        }
    }

    /// What to ask; nothing when it is allowed without asking.
    fn question(&self, event: &PermissionEvent) -> Option<(Ask, Arc<Watch>)> {
        let exec = event.mask & libc::FAN_OPEN_EXEC_PERM != 0;
        let tid = u32::try_from(event.pid).ok().filter(|p| *p != 0)?;
        if event.pid == self.own_pid {
            return None;
        }
        // Execs name the process, opens the thread.
        let pid = if exec {
            tid
        } else {
            procfs::Status::read(tid).ok()?.tgid
        };
        if i32::try_from(pid) == Ok(self.own_pid) {
            return None;
        }
        let label = self.listener.labels.of_pid(pid)?;
        let watch = self.listener.watches.of(label)?;
        if exec && !watch.judge_exec {
            return None;
        }
        let stat = Stat::of(&event.file).ok()?;
        let path = self.asked_path(event, exec, stat, &watch)?;
        let foreign = FsId::of(&event.file).ok() != watch.root_fs;
        let kind = if exec {
            AskKind::Exec
        } else {
            AskKind::Open {
                write: syscall::opens_for_write(tid),
            }
        };
        let ask = Ask {
            label,
            pid,
            tid,
            kind,
            dev: stat.dev,
            ino: stat.ino,
            upper: if foreign {
                None
            } else {
                in_upper(&watch, &path)
            },
            foreign,
            unlinked: stat.nlink == 0,
            path,
        };
        Some((ask, watch))
    }

    /// Path as the container sees it; for a protected file opened by another of its names, the
    /// protected one.
    fn asked_path(
        &self,
        event: &PermissionEvent,
        exec: bool,
        stat: Stat,
        watch: &Watch,
    ) -> Option<PathBuf> {
        let link = format!("/proc/self/fd/{}", event.file.as_raw_fd());
        let path = fs::read_link(link).unwrap_or_default();
        if exec || watch.asks(&path) {
            return Some(path);
        }
        let known = watch.files.get(&FileId {
            dev: stat.dev,
            ino: stat.ino,
        })?;
        watch.asks(known).then(|| known.clone())
    }

    fn put(&self, index: usize, waiting: Waiting) {
        if let Some(slot) = self.slots.get(index) {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(waiting);
        }
    }

    fn take(&self, index: usize) -> Option<Waiting> {
        self.slots
            .get(index)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn fail(&self, waiting: &Waiting) {
        let tally = &self.listener.tally;
        let fail_closed = self.listener.board.fail_closed.load(Relaxed) != 0;
        let counter = if fail_closed {
            &tally.failed_closed
        } else {
            &tally.failed_open
        };
        counter.fetch_add(1, Relaxed);
        self.respond(waiting, !fail_closed);
    }

    /// Answers what has waited too long, and everything when all threads hang.
    fn watch(&self) {
        let tick = (self.listener.deadline / 4).max(Duration::from_millis(5));
        loop {
            if poll(&[self.listener.stop.as_raw_fd()], tick)[0] || self.stopping.load(Relaxed) {
                break;
            }
            for index in 0..self.slots.len() {
                self.expire(index);
            }
            if self.stuck.iter().all(|s| s.load(Relaxed)) {
                self.drain();
            }
            // Also when all hang: this thread answers then.
            self.listener.board.rounds.fetch_add(1, Relaxed);
            if let Some(watchdog) = &self.listener.watchdog {
                watchdog.keep();
            }
        }
        for index in 0..self.slots.len() {
            if let Some(waiting) = self.take(index) {
                self.fail(&waiting);
            }
        }
    }

    fn expire(&self, index: usize) {
        let (Some(slot), Some(stuck)) = (self.slots.get(index), self.stuck.get(index)) else {
            return;
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let late = slot
            .as_ref()
            .is_some_and(|w| w.since.elapsed() >= self.listener.deadline);
        if late && let Some(waiting) = slot.take() {
            stuck.store(true, Relaxed);
            self.fail(&waiting);
        }
    }

    fn drain(&self) {
        for group in [&self.listener.marks.exec, &self.listener.marks.open] {
            while let Ok(Some(event)) = sys::next_permission(group) {
                let ticket = self
                    .listener
                    .board
                    .put(self.slots.len(), event.file.as_raw_fd());
                let asked = self.question(&event).is_some();
                let waiting = Waiting {
                    group: group.as_raw_fd(),
                    file: event.file,
                    ticket,
                    since: Instant::now(),
                };
                if asked {
                    self.fail(&waiting);
                } else {
                    self.respond(&waiting, true);
                }
            }
        }
    }
}

/// Whether the overlay's writable layer holds the file. Whiteouts are character devices.
fn in_upper(watch: &Watch, path: &Path) -> Option<bool> {
    let upper = watch.upper.as_ref()?.join(path.strip_prefix("/").ok()?);
    Some(fs::symlink_metadata(upper).is_ok_and(|m| !m.file_type().is_char_device()))
}
