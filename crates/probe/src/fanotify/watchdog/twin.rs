//! What the watchdog process does: wait, look, continue the listener, answer in its place.
//!
//! It holds no policy of its own. Under the fail mode `closed` it refuses what a labelled process
//! asks, by the kernel's own labels; everybody else is let through.

use super::{
    FIRST_FD, HEADROOM, INHERITED,
    board::{Board, Ticket},
    note::LastEnd,
    privilege,
};
use crate::{
    Error,
    fanotify::sys::{self, PermissionEvent},
    hold,
    intf::{self, ConfigValue, LabelValue, StateValue},
    procfs,
    ring::poll,
};
use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    path::PathBuf,
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

/// Questions answered before the listener is looked at again.
const BATCH: usize = 256;

/// Runs the watchdog until the listener's process is gone; never returns before. `arguments` are
/// those [`super::Watchdog::start`] adds, and the descriptors are inherited.
pub fn run(arguments: &[OsString]) -> Result<(), Error> {
    let mut twin = Twin::inherit(arguments).map_err(Error::system("starting the watchdog"))?;
    twin.watch();
    twin.mourn();
    Ok(())
}

struct Twin {
    board: Board,
    groups: [OwnedFd; 2],
    process: OwnedFd,
    pid: u32,
    labels: OwnedFd,
    states: OwnedFd,
    config: OwnedFd,
    cgroup2: PathBuf,
    state_dir: Option<PathBuf>,
    deadline: Duration,
    /// Highest number of the listener's descriptors.
    floor: RawFd,
    answered: Vec<Ticket>,
}

impl Twin {
    fn inherit(arguments: &[OsString]) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let mut words = arguments.iter();
        let floor = words.next().and_then(|w| w.to_str()?.parse::<u64>().ok());
        let floor = floor.ok_or_else(invalid)?;
        let cgroup2 = words.next().map(PathBuf::from).ok_or_else(invalid)?;
        let inherited: Vec<OwnedFd> = (FIRST_FD..)
            .take(INHERITED)
            .map(|fd| {
                // SAFETY: asks whether the number is an open descriptor.
                if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
                    return Err(io::Error::last_os_error());
                }
                // SAFETY: it is open, was inherited, and is taken once.
                Ok(unsafe { OwnedFd::from_raw_fd(fd) })
            })
            .collect::<io::Result<_>>()?;
        let [board, exec, open, process, labels, states, config]: [OwnedFd; INHERITED] =
            inherited.try_into().map_err(|_| invalid())?;
        let board = Board::map(board)?;
        let pid = pid_of(&process)?;
        privilege::lower(floor + HEADROOM)?;
        occupy(floor)?;
        Ok(Self {
            deadline: Duration::from_millis(board.deadline_ms.load(SeqCst).max(1)),
            board,
            groups: [exec, open],
            process,
            pid,
            labels,
            states,
            config,
            cgroup2,
            state_dir: words.next().map(PathBuf::from),
            floor: RawFd::try_from(floor).unwrap_or(RawFd::MAX),
            answered: Vec::new(),
        })
    }

    fn tick(&self) -> Duration {
        (self.deadline / 8).clamp(Duration::from_millis(5), Duration::from_millis(250))
    }

    /// Until the listener's process ends.
    fn watch(&mut self) {
        let mut since = Instant::now();
        let mut answers = self.board.answers.load(SeqCst);
        let mut continued = false;
        while !poll(&[self.process.as_raw_fd()], self.tick())[0] {
            let now = self.board.answers.load(SeqCst);
            if now != answers || !self.waiting() {
                (since, answers, continued) = (Instant::now(), now, false);
                continue;
            }
            let waited = since.elapsed();
            let state = self.state();
            if state == 'T' && waited >= self.deadline / 2 && !continued {
                continued = true;
                self.board.stops.fetch_add(1, SeqCst);
                self.resume();
            }
            // A listener that runs ends late questions by itself, at the deadline.
            let limit = match state {
                'T' | 't' => self.deadline,
                _ => self.deadline * 2,
            };
            if waited >= limit {
                if !continued {
                    self.board.stops.fetch_add(1, SeqCst);
                }
                self.stand_in();
                (since, continued) = (Instant::now(), false);
            }
        }
    }

    /// Whether a task waits for an answer.
    fn waiting(&self) -> bool {
        let [exec, open] = &self.groups;
        let unread = poll(&[exec.as_raw_fd(), open.as_raw_fd()], Duration::ZERO);
        unread.contains(&true) || self.board.taken().next().is_some()
    }

    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let after = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next());
        after.unwrap_or('?')
    }

    fn resume(&self) {
        let _ = hold::send(&self.process, libc::SIGCONT);
    }

    /// Answers by the fail mode until the listener works again, or is gone. Containers that start
    /// meanwhile are not held under `open`: nobody could let them go.
    fn stand_in(&mut self) {
        let hold = if self.fail_closed() {
            None
        } else {
            self.set_hold(0)
        };
        let rounds = self.board.rounds.load(SeqCst);
        let mut looked = Instant::now();
        self.answer_taken();
        loop {
            let [exec, open] = &self.groups;
            let fds = [self.process.as_raw_fd(), exec.as_raw_fd(), open.as_raw_fd()];
            if poll(&fds, self.tick())[0] {
                break;
            }
            self.answer_unread();
            if looked.elapsed() < self.tick() {
                continue;
            }
            looked = Instant::now();
            if self.board.rounds.load(SeqCst) >= rounds + 2 {
                break;
            }
            if self.state() == 'T' {
                self.resume();
            }
            self.answer_taken();
        }
        if let Some(hold) = hold {
            self.set_hold(hold);
        }
    }

    fn fail_closed(&self) -> bool {
        self.board.fail_closed.load(SeqCst) != 0
    }

    /// What the listener has read and not answered.
    fn answer_taken(&mut self) {
        let tickets: Vec<Ticket> = self.board.taken().collect();
        self.answered.retain(|known| tickets.contains(known));
        let allow = !self.fail_closed();
        for ticket in tickets {
            if self.answered.contains(&ticket) {
                continue;
            }
            self.answered.push(ticket);
            let groups = self.groups.each_ref().map(AsRawFd::as_raw_fd);
            let done = self.board.answer_for(ticket, |fd| {
                // One of the two knows the number as a question.
                for group in groups {
                    sys::respond_to(group, fd, allow);
                }
            });
            if done {
                self.count(allow);
            }
        }
    }

    /// What nobody has read.
    fn answer_unread(&self) {
        for group in &self.groups {
            for _ in 0..BATCH {
                let Ok(Some(event)) = sys::next_permission(group) else {
                    break;
                };
                self.answer(group, &event);
            }
        }
    }

    fn answer(&self, group: &OwnedFd, event: &PermissionEvent) {
        let labelled = || self.label_of(event.pid.unsigned_abs()).is_some();
        if event.pid == i32::try_from(self.pid).unwrap_or(0) || !labelled() {
            sys::respond(group.as_raw_fd(), &event.file, true);
            return;
        }
        let allow = !self.fail_closed();
        self.count(allow);
        sys::respond(group.as_raw_fd(), &event.file, allow);
    }

    fn count(&self, allow: bool) {
        let counter = if allow {
            &self.board.opened
        } else {
            &self.board.closed
        };
        counter.fetch_add(1, SeqCst);
    }

    /// Of a process or thread, as the listener would find it.
    fn label_of(&self, tid: u32) -> Option<u32> {
        let pid = procfs::Status::read(tid).map_or(tid, |s| s.tgid);
        let state = hold::pidfd(pid).ok().and_then(|process| {
            let key = process.as_raw_fd().to_ne_bytes();
            map::lookup::<StateValue>(&self.states, &key)
        });
        if let Some(state) = state {
            return Some(state.label).filter(|l| *l != 0);
        }
        let path = procfs::cgroup_path(pid).ok()?;
        let id = procfs::cgroup_id(&self.cgroup2, &path).ok()?;
        let label = map::lookup::<LabelValue>(&self.labels, &id.to_ne_bytes())?;
        Some(label.label).filter(|l| *l != 0)
    }

    /// Whether first programs of containers are stopped; the value from before.
    fn set_hold(&self, hold: u8) -> Option<u8> {
        let key = 0u32.to_ne_bytes();
        let old = map::lookup::<ConfigValue>(&self.config, &key)?;
        let before = old.hold;
        map::update(&self.config, &key, &ConfigValue { hold, ..old });
        Some(before)
    }

    /// The listener is gone. What waits ends by the fail mode, held programs too, and a note is
    /// left for the next one. The marks go with us.
    fn mourn(&mut self) {
        let allow = !self.fail_closed();
        let groups = self.groups.each_ref().map(AsRawFd::as_raw_fd);
        let mut ended = 0u64;
        for fd in 0..self.floor {
            let known = groups.map(|group| sys::respond_to(group, fd, allow));
            ended += u64::from(known.contains(&true));
        }
        let before = self.board.opened.load(SeqCst) + self.board.closed.load(SeqCst);
        self.answer_unread();
        let after = self.board.opened.load(SeqCst) + self.board.closed.load(SeqCst);
        ended += after - before;
        let held = self.end_holds(allow);
        let Some(dir) = &self.state_dir else { return };
        let _ = LastEnd::new(!allow, ended, held).write(dir);
    }

    /// Lets go, or kills, what the listener had stopped.
    fn end_holds(&self, allow: bool) -> u64 {
        let Some(dir) = &self.state_dir else { return 0 };
        let signal = if allow { libc::SIGCONT } else { libc::SIGKILL };
        let ended = hold::stopped(&dir.join(hold::FILE))
            .filter(|process| hold::send(process, signal).is_ok())
            .count();
        u64::try_from(ended).unwrap_or(u64::MAX)
    }
}

/// The process a descriptor names.
fn pid_of(process: &OwnedFd) -> io::Result<u32> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd()))?;
    info.lines()
        .find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Takes every number below the floor, so that no question is read under one of the listener's.
fn occupy(floor: u64) -> io::Result<()> {
    let filler = OwnedFd::from(File::open("/dev/null")?);
    loop {
        // SAFETY: the descriptor is open; the copy is kept until the process ends.
        let copy = unsafe { libc::dup(filler.as_raw_fd()) };
        if copy < 0 {
            return Err(io::Error::last_os_error());
        }
        if u64::from(copy.unsigned_abs()) + 1 >= floor {
            return Ok(());
        }
    }
}

/// Maps by their descriptors alone, without libbpf's handles.
mod map {
    use super::{OwnedFd, intf};
    use crate::intf::Pod;
    use std::os::fd::AsRawFd;

    const LOOKUP: i32 = 1;
    const UPDATE: i32 = 2;

    #[repr(C)]
    struct Attributes {
        map: u32,
        pad: u32,
        key: u64,
        value: u64,
        flags: u64,
    }

    fn call(command: i32, map: &OwnedFd, key: &[u8], value: *mut u8) -> bool {
        let attributes = Attributes {
            map: map.as_raw_fd().unsigned_abs(),
            pad: 0,
            key: key.as_ptr() as u64,
            value: value as u64,
            flags: 0,
        };
        // SAFETY: the key is one of the map's and the value has room for the map's values; both
        // live through the call, which gets the attributes' true size.
        let rc = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command,
                &raw const attributes,
                size_of::<Attributes>(),
            )
        };
        rc == 0
    }

    pub(super) fn lookup<T: Pod>(map: &OwnedFd, key: &[u8]) -> Option<T> {
        // Values of hash maps are rounded up to eight bytes.
        let mut value = vec![0u8; size_of::<T>().next_multiple_of(8)];
        call(LOOKUP, map, key, value.as_mut_ptr()).then_some(())?;
        intf::read(value.get(..size_of::<T>())?)
    }

    pub(super) fn update<T: Pod>(map: &OwnedFd, key: &[u8], value: &T) -> bool {
        let mut bytes = intf::bytes_of(value).to_vec();
        bytes.resize(size_of::<T>().next_multiple_of(8), 0);
        call(UPDATE, map, key, bytes.as_mut_ptr())
    }
}
