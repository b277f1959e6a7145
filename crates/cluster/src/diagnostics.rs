//! What could not be understood: counted, and the last few kept to be shown.

use std::{
    collections::VecDeque,
    fmt::Display,
    sync::{Mutex, PoisonError},
};

const KEPT: usize = 32;

/// Counters of a [`crate::Discovery`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Answers and files skipped because they were malformed, too large or unreadable.
    pub skipped: u64,
    /// Changes lost because nobody received them.
    pub changes_dropped: u64,
    /// The last few reasons, newest last.
    pub diagnostics: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    inner: Mutex<(u64, VecDeque<String>)>,
}

impl Diagnostics {
    /// One more thing skipped, and why.
    pub(crate) fn skip(&self, what: impl Display, why: impl Display) {
        let text = format!("{what}: {why}");
        tracing::debug!(reason = %text, "skipped");
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 += 1;
        if inner.1.back() != Some(&text) {
            if inner.1.len() == KEPT {
                inner.1.pop_front();
            }
            inner.1.push_back(text);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Stats {
            skipped: inner.0,
            changes_dropped: 0,
            diagnostics: inner.1.iter().cloned().collect(),
        }
    }
}
