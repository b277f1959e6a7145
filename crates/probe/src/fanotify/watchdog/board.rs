//! What the listener and its watchdog share: a page of memory with atomics only.
//!
//! A question the listener has taken is a ticket in a slot. Whoever answers it claims the slot
//! first: the listener for itself, or the watchdog when the listener is late. The listener never
//! reuses a descriptor before its ticket is settled, so a late answer hits nothing.

use std::{
    io,
    ops::Deref,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

/// Threads that may hold a question at a time; further ones do without a ticket.
const SLOTS: usize = 64;
const OURS: u64 = 1 << 63;
const THEIRS: u64 = 1 << 62;
/// Tells two tickets of one descriptor apart.
const GENERATION: u32 = 0x3fff_ffff;

/// Laid out the same in both processes: they run the same program.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) deadline_ms: AtomicU64,
    pub(crate) fail_closed: AtomicU32,
    /// Answers given by the listener; growth shows that it works.
    pub(crate) answers: AtomicU64,
    /// Rounds of the listener's own watch, while at least one of its threads is free.
    pub(crate) rounds: AtomicU64,
    generation: AtomicU32,
    /// Times the watchdog found questions waiting and nobody at work.
    pub(crate) stops: AtomicU64,
    /// Answers given by the watchdog.
    pub(crate) opened: AtomicU64,
    pub(crate) closed: AtomicU64,
    slots: Slots,
}

#[repr(C)]
#[derive(Debug)]
struct Slots([AtomicU64; SLOTS]);

impl Default for Slots {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; SLOTS])
    }
}

/// A question that was taken, by its slot and the value in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket {
    slot: usize,
    value: u64,
}

impl Ticket {
    /// Number of the descriptor in the listener's table.
    pub(crate) fn fd(self) -> RawFd {
        RawFd::try_from(self.value & 0xffff_ffff).unwrap_or(-1)
    }
}

impl Page {
    /// Notes that the listener's thread `slot` has taken the question with this descriptor.
    pub(crate) fn put(&self, slot: usize, fd: RawFd) -> Ticket {
        let generation = self.generation.fetch_add(1, SeqCst) & GENERATION;
        let fd = u64::from(fd.unsigned_abs());
        let value = (u64::from(generation) << 32) | fd;
        if let Some(place) = self.slots.0.get(slot) {
            place.store(value, SeqCst);
        }
        Ticket { slot, value }
    }

    /// The listener wants to answer. False when the watchdog did; by then it is done.
    pub(crate) fn claim(&self, ticket: Ticket) -> bool {
        let Some(place) = self.slots.0.get(ticket.slot) else {
            return true;
        };
        let Ticket { value, .. } = ticket;
        if place
            .compare_exchange(value, value | OURS, SeqCst, SeqCst)
            .is_ok()
        {
            return true;
        }
        // Its write is under way: until then the descriptor keeps its number.
        for _ in 0..1000 {
            if place.load(SeqCst) != value | THEIRS {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    /// The listener has answered what it claimed.
    pub(crate) fn settle(&self, ticket: Ticket) {
        if let Some(place) = self.slots.0.get(ticket.slot) {
            place.store(0, SeqCst);
        }
        self.answers.fetch_add(1, SeqCst);
    }

    /// The watchdog's view: every question the listener has taken and not settled.
    pub(crate) fn taken(&self) -> impl Iterator<Item = Ticket> {
        self.slots.0.iter().enumerate().filter_map(|(slot, place)| {
            let value = place.load(SeqCst);
            (value != 0).then_some(Ticket { slot, value })
        })
    }

    /// Answers in the listener's place. What the listener has claimed and not written is answered
    /// too: its own answer then finds no question.
    pub(crate) fn answer_for(&self, ticket: Ticket, respond: impl FnOnce(RawFd)) -> bool {
        let Some(place) = self.slots.0.get(ticket.slot) else {
            return false;
        };
        let Ticket { value, .. } = ticket;
        if value & OURS != 0 {
            respond(ticket.fd());
            return place.load(SeqCst) == value;
        }
        let theirs = value | THEIRS;
        if place
            .compare_exchange(value, theirs, SeqCst, SeqCst)
            .is_err()
        {
            return false;
        }
        respond(ticket.fd());
        let _ = place.compare_exchange(theirs, 0, SeqCst, SeqCst);
        true
    }
}

/// The page, mapped; its memory file can be handed to another process.
#[derive(Debug)]
pub(crate) struct Board {
    page: NonNull<Page>,
    file: OwnedFd,
}

// SAFETY: the page holds atomics only, and stays mapped as long as the board lives.
unsafe impl Send for Board {}
// SAFETY: as above.
unsafe impl Sync for Board {}

impl Board {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes a C string and flags; returns a new descriptor or an error.
        let fd = unsafe { libc::memfd_create(c"rampart-board".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and nobody else owns it.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        let len = libc::off_t::try_from(size_of::<Page>()).map_err(io::Error::other)?;
        // SAFETY: the descriptor is open; a memory file grows with zeroes.
        if unsafe { libc::ftruncate(file.as_raw_fd(), len) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Self::map(file)
    }

    /// Zeroes are a valid page: every field is an integer.
    pub(crate) fn map(file: OwnedFd) -> io::Result<Self> {
        // SAFETY: maps a file of at least that size at an address of the kernel's choice.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size_of::<Page>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let page = NonNull::new(at.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { page, file })
    }

    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }
}

impl Deref for Board {
    type Target = Page;

    fn deref(&self) -> &Page {
        // SAFETY: mapped with the page's size and alignment until the board is dropped.
        unsafe { self.page.as_ref() }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: unmaps what `map` mapped; no reference outlives the board.
        unsafe { libc::munmap(self.page.as_ptr().cast(), size_of::<Page>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_question_is_answered_by_one_of_the_two() {
        let board = Board::new().unwrap();
        let other = Board::map(board.file().try_clone().unwrap()).unwrap();
        let given = Cell::new(Vec::new());
        let note = |fd| given.set([given.take(), vec![fd]].concat());

        // In time.
        let ticket = board.put(1, 40);
        assert_eq!(other.taken().collect::<Vec<_>>(), [ticket]);
        assert!(board.claim(ticket));
        board.settle(ticket);
        assert_eq!(other.taken().count(), 0);
        assert!(!other.answer_for(ticket, note), "a settled one is left");

        // Late: the watchdog's answer stands, the listener's is not given.
        let ticket = board.put(1, 40);
        assert!(other.answer_for(ticket, note));
        assert!(!board.claim(ticket));
        assert_eq!(board.taken().count(), 0);

        // Stopped between claim and write: answered for, and the slot is the listener's.
        let ticket = board.put(1, 41);
        assert!(board.claim(ticket));
        let seen: Vec<_> = other.taken().collect();
        assert!(other.answer_for(seen[0], note));
        board.settle(ticket);
        assert_eq!(given.take(), [40, 41]);
        assert_eq!(other.answers.load(SeqCst), 2);
    }

    #[test]
    fn the_same_descriptor_again_is_another_question() {
        let board = Board::new().unwrap();
        let old = board.put(0, 7);
        assert!(board.claim(old));
        board.settle(old);
        let new = board.put(0, 7);
        assert!(!board.answer_for(old, |_| panic!("the old question is over")));
        assert!(board.claim(new));
    }

    #[test]
    fn more_threads_than_slots_do_without() {
        let board = Board::new().unwrap();
        let ticket = board.put(SLOTS, 9);
        assert!(board.claim(ticket));
        board.settle(ticket);
        assert_eq!(board.taken().count(), 0);
    }
}
