//! Processes stopped at their first exec, and the watchdog that lets nothing stay stopped.
//!
//! What is held is also written to a file, so that a killed process's successor can let it go.

use crate::procfs;
use std::{
    collections::HashMap,
    fs, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// In the state folder: the processes that are held.
pub(crate) const FILE: &str = "held";

#[derive(Debug)]
struct Held {
    /// Pins the process, so that a signal never reaches another one with its number.
    process: OwnedFd,
    start_ns: u64,
    deadline: Instant,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<u32, Held>,
    stop: bool,
}

#[derive(Debug)]
pub(crate) struct Hold {
    state: Mutex<State>,
    wake: Condvar,
    deadline: Duration,
    fail_closed: Arc<AtomicBool>,
    file: Option<PathBuf>,
    pub(crate) failed_open: AtomicU64,
    pub(crate) failed_closed: AtomicU64,
}

impl Hold {
    pub(crate) fn new(
        deadline: Duration,
        fail_closed: Arc<AtomicBool>,
        dir: Option<&Path>,
    ) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            deadline,
            fail_closed,
            file: dir.map(|d| d.join(FILE)),
            failed_open: AtomicU64::new(0),
            failed_closed: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the kernel has stopped `pid`.
    pub(crate) fn add(&self, pid: u32, start_ns: u64) {
        let Ok(process) = pidfd(pid) else { return };
        let mut state = self.state();
        let deadline = Instant::now() + self.deadline;
        state.held.insert(
            pid,
            Held {
                process,
                start_ns,
                deadline,
            },
        );
        self.persist(&state);
        self.wake.notify_all();
    }

    /// Lets it run. False when it was not held.
    pub(crate) fn release(&self, pid: u32) -> bool {
        self.take(pid)
            .is_some_and(|held| send(&held.process, libc::SIGCONT).is_ok())
    }

    /// Kills it if it is held.
    pub(crate) fn kill(&self, pid: u32) -> bool {
        self.take(pid)
            .is_some_and(|held| send(&held.process, libc::SIGKILL).is_ok())
    }

    fn take(&self, pid: u32) -> Option<Held> {
        let mut state = self.state();
        let held = state.held.remove(&pid);
        if held.is_some() {
            self.persist(&state);
        }
        held
    }

    fn persist(&self, state: &State) {
        let Some(file) = &self.file else { return };
        let lines: String = state
            .held
            .iter()
            .map(|(pid, h)| format!("{pid} {}\n", h.start_ns))
            .collect();
        if let Err(error) = fs::write(file, lines) {
            tracing::warn!(%error, file = %file.display(), "cannot note which processes are held");
        }
    }

    /// Lets go what a predecessor left stopped.
    pub(crate) fn recover(&self) {
        let Some(file) = &self.file else { return };
        for process in stopped(file) {
            tracing::info!("releasing a process held by a predecessor");
            let _ = send(&process, libc::SIGCONT);
        }
        let _ = fs::remove_file(file);
    }

    pub(crate) fn start(self: &Arc<Self>) -> io::Result<JoinHandle<()>> {
        let hold = Arc::clone(self);
        thread::Builder::new()
            .name("hold".to_owned())
            .spawn(move || hold.watch())
    }

    fn watch(&self) {
        let mut state = self.state();
        while !state.stop {
            let now = Instant::now();
            let late: Vec<u32> = state
                .held
                .iter()
                .filter(|(_, h)| h.deadline <= now)
                .map(|(p, _)| *p)
                .collect();
            for pid in late {
                if let Some(held) = state.held.remove(&pid) {
                    self.fail(pid, &held);
                }
                self.persist(&state);
            }
            let next = state.held.values().map(|h| h.deadline).min();
            let wait = next.map_or(Duration::from_secs(3600), |d| {
                d.saturating_duration_since(now)
            });
            let woken = self.wake.wait_timeout(state, wait);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        for (pid, held) in std::mem::take(&mut state.held) {
            self.fail(pid, &held);
        }
        self.persist(&state);
    }

    fn fail(&self, pid: u32, held: &Held) {
        let fail_closed = self.fail_closed.load(Relaxed);
        let (signal, counter) = if fail_closed {
            (libc::SIGKILL, &self.failed_closed)
        } else {
            (libc::SIGCONT, &self.failed_open)
        };
        tracing::warn!(pid, fail_closed, "nobody decided on a held process");
        // Counted first: whoever sees the process go finds it counted.
        counter.fetch_add(1, Relaxed);
        if send(&held.process, signal).is_err() {
            counter.fetch_sub(1, Relaxed);
        }
    }

    pub(crate) fn stop(&self) {
        self.state().stop = true;
        self.wake.notify_all();
    }
}

/// Processes a file of held ones names that are stopped still.
pub(crate) fn stopped(file: &Path) -> impl Iterator<Item = OwnedFd> {
    let noted = fs::read_to_string(file).unwrap_or_default();
    let noted: Vec<(u32, u64)> = noted
        .lines()
        .filter_map(|l| {
            let (pid, start) = l.split_once(' ')?;
            Some((pid.parse().ok()?, start.parse().ok()?))
        })
        .collect();
    noted.into_iter().filter_map(|(pid, start_ns)| {
        let process = pidfd(pid).ok()?;
        let found = procfs::process(pid, None).ok()?;
        // /proc shows whole clock ticks, 10 ms at most.
        let same = found.start_ns.abs_diff(start_ns) <= 10_000_000;
        (same && found.state == 'T').then_some(process)
    })
}

/// A descriptor that names a process, whatever becomes of its number.
pub(crate) fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and returns a new descriptor or an error.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn send(process: &OwnedFd, signal: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open, and a null siginfo asks for the plain one.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if rc == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
