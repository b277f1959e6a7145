//! When a scan ends before it is done: somebody cancels it, or its time is over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Asked at every read; cheap.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    Cancelled,
    TimedOut,
}

impl Stop {
    /// Never of itself, only by [`Self::cancel`].
    pub fn never() -> Self {
        Self::default()
    }

    pub fn after(timeout: Duration) -> Self {
        Self {
            deadline: Instant::now().checked_add(timeout),
            ..Self::default()
        }
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub fn reason(&self) -> Option<StopReason> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(StopReason::Cancelled);
        }
        self.deadline
            .filter(|deadline| Instant::now() >= *deadline)
            .map(|_| StopReason::TimedOut)
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}
