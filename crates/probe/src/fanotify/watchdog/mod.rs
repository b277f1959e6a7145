//! A process beside ours that shares the groups of permission events, so that a stopped, hung or
//! killed listener holds no task for ever.
//!
//! The kernel lets whoever has a group's descriptor read and answer its questions. The watchdog
//! has it too, and a page of shared memory on which the listener notes what it took and that it
//! works ([`Board`]). When questions wait and nothing moves, it first continues us (`SIGCONT`),
//! and at the deadline it answers in our place by the fail mode, until we work again. What it did
//! is counted on the board, so that we can tell of it.
//!
//! An answer names its question by the number of the descriptor the reader got. The watchdog's
//! numbers are therefore all above ours: see [`limit_descriptors`].

mod board;
mod note;
mod privilege;
mod spawn;
mod twin;

pub(crate) use board::{Board, Ticket};
pub use note::LastEnd;
pub(crate) use spawn::Watchdog;
pub use twin::run;

/// Descriptors the watchdog is started with begin here.
const FIRST_FD: i32 = 3;
const INHERITED: usize = 7;
/// No descriptor of ours is as high; none of the watchdog's questions is as low.
const MAX_FLOOR: u64 = 65_000;
/// Room the watchdog needs above the floor.
const HEADROOM: u64 = 64;
