//! Starts the watchdog, notices its death, and ends it.

use super::{Board, FIRST_FD, HEADROOM, INHERITED, MAX_FLOOR};
use crate::hold::pidfd;
use std::{
    ffi::{CString, OsString},
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    ptr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A watchdog that ends at once is not started again before this.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Watchdog {
    program: Vec<CString>,
    floor: u64,
    /// In the order of [`super::twin`]: board, exec group, open group, this process, maps.
    descriptors: [OwnedFd; INHERITED],
    child: Mutex<Child>,
}

#[derive(Default)]
struct Child {
    pid: libc::pid_t,
    started: Option<Instant>,
}

/// What the watchdog reads, beside the board and this process: both groups, then the maps
/// `labels`, `task_state` and `config`.
pub(crate) type Shared<'a> = [&'a dyn AsRawFd; 5];

impl Watchdog {
    /// `command` runs [`super::run`] with the arguments that are added here.
    pub(crate) fn start(
        command: &[OsString],
        arguments: &[OsString],
        board: &Arc<Board>,
        shared: Shared<'_>,
    ) -> io::Result<Self> {
        let floor = limit_descriptors()?;
        let own = pidfd(std::process::id())?;
        let [exec, open, labels, state, config] = shared;
        let [file, own]: [&dyn AsRawFd; 2] = [board.file(), &own];
        let descriptors = [file, exec, open, own, labels, state, config];
        let floor_text = OsString::from(floor.to_string());
        let words = command.iter().chain([&floor_text]).chain(arguments);
        let watchdog = Self {
            program: words
                .map(|word| CString::new(word.as_bytes()).map_err(io::Error::other))
                .collect::<io::Result<_>>()?,
            floor,
            descriptors: copies(descriptors)?,
            child: Mutex::default(),
        };
        watchdog.launch(&mut watchdog.child())?;
        Ok(watchdog)
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts another one if it has ended. To be called now and then.
    pub(crate) fn keep(&self) {
        let mut child = self.child();
        let due = child.started.is_none_or(|at| at.elapsed() >= PAUSE);
        if !due || (child.pid != 0 && !ended(child.pid, libc::WNOHANG)) {
            return;
        }
        tracing::warn!("the watchdog of permission questions ended, starting another");
        if let Err(error) = self.launch(&mut child) {
            tracing::error!(%error, "no watchdog: a stopped agent makes execs wait");
        }
    }

    fn launch(&self, child: &mut Child) -> io::Result<()> {
        child.pid = 0;
        child.started = Some(Instant::now());
        child.pid = spawn(&self.program, &self.descriptors)?;
        tracing::debug!(pid = child.pid, floor = self.floor, "watchdog started");
        Ok(())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let child = self.child();
        if child.pid != 0 {
            // SAFETY: takes two integers; the process is our child and not waited for yet.
            unsafe { libc::kill(child.pid, libc::SIGKILL) };
            ended(child.pid, 0);
        }
    }
}

/// Reaps the child if it has ended.
fn ended(pid: libc::pid_t, flags: i32) -> bool {
    let mut status = 0;
    // SAFETY: waits for a child of ours; the status is ours to write.
    unsafe { libc::waitpid(pid, &raw mut status, flags) == pid }
}

/// Our descriptors end below the number that is returned, and the watchdog's begin there.
pub(crate) fn limit_descriptors() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: fills the structure.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let highest = limit.rlim_max.saturating_sub(HEADROOM).min(MAX_FLOOR);
    if limit.rlim_cur > highest {
        limit.rlim_cur = highest;
        // SAFETY: lowers the soft limit, from a valid structure.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

/// Copies that are above every number the child will have them at.
fn copies(all: [&dyn AsRawFd; INHERITED]) -> io::Result<[OwnedFd; INHERITED]> {
    const ABOVE: RawFd = 64;
    let copied: Vec<OwnedFd> = all
        .iter()
        .map(|fd| {
            // SAFETY: the descriptor is open; a new one or an error comes back.
            let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, ABOVE) };
            if copy < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor was just made and nobody else owns it.
            Ok(unsafe { OwnedFd::from_raw_fd(copy) })
        })
        .collect::<io::Result<_>>()?;
    copied.try_into().map_err(|_| io::ErrorKind::Other.into())
}

/// A new session, nothing on its standard streams, and the descriptors from [`FIRST_FD`] on.
fn spawn(program: &[CString], descriptors: &[OwnedFd]) -> io::Result<libc::pid_t> {
    let mut arguments: Vec<_> = program.iter().map(|w| w.as_ptr().cast_mut()).collect();
    arguments.push(ptr::null_mut());
    let environment = [ptr::null_mut()];
    let path = program.first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut pid = 0;
    // SAFETY: both structures are initialised before use and destroyed after it; every string and
    // array lives through the calls and ends with a null.
    let rc = unsafe {
        let mut actions = std::mem::zeroed();
        let mut attributes = std::mem::zeroed();
        libc::posix_spawn_file_actions_init(&raw mut actions);
        libc::posix_spawnattr_init(&raw mut attributes);
        for stream in 0..FIRST_FD {
            libc::posix_spawn_file_actions_addopen(
                &raw mut actions,
                stream,
                c"/dev/null".as_ptr(),
                libc::O_RDWR,
                0,
            );
        }
        for (target, fd) in (FIRST_FD..).zip(descriptors) {
            libc::posix_spawn_file_actions_adddup2(&raw mut actions, fd.as_raw_fd(), target);
        }
        let flags = libc::c_int::from(libc::POSIX_SPAWN_SETSID) | libc::POSIX_SPAWN_SETSIGMASK;
        let flags = libc::c_short::try_from(flags).unwrap_or(libc::POSIX_SPAWN_SETSID);
        libc::posix_spawnattr_setflags(&raw mut attributes, flags);
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::posix_spawnattr_setsigmask(&raw mut attributes, &raw const none);
        let rc = libc::posix_spawn(
            &raw mut pid,
            path.as_ptr(),
            &raw const actions,
            &raw const attributes,
            arguments.as_ptr(),
            environment.as_ptr(),
        );
        libc::posix_spawn_file_actions_destroy(&raw mut actions);
        libc::posix_spawnattr_destroy(&raw mut attributes);
        rc
    };
    match rc {
        0 => Ok(pid),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
