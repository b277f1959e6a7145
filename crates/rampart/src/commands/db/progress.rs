//! One line on a terminal that says how far a transfer is; nothing where there is none.

use rampart_updater::fetch::Progress;
use std::{
    io::{IsTerminal, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

const REDRAW: Duration = Duration::from_millis(100);
const BAR: usize = 24;

pub(crate) struct Line {
    shown: bool,
    drawn: Mutex<Option<Instant>>,
}

impl Line {
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            shown: !quiet && std::io::stderr().is_terminal(),
            drawn: Mutex::new(None),
        }
    }

    pub(crate) fn draw(&self, progress: &Progress) {
        if !self.shown {
            return;
        }
        let Ok(mut drawn) = self.drawn.lock() else {
            return;
        };
        if drawn.is_some_and(|at| at.elapsed() < REDRAW) {
            return;
        }
        *drawn = Some(Instant::now());
        let mib = progress.bytes >> 20;
        let filled = progress
            .bytes
            .saturating_mul(BAR as u64)
            .checked_div(progress.total);
        let amount = if let Some(filled) = filled {
            let filled = usize::try_from(filled).unwrap_or(BAR).min(BAR);
            let bar = format!("{}{}", "#".repeat(filled), "-".repeat(BAR - filled));
            format!("[{bar}] {mib} of {} MiB", progress.total >> 20)
        } else {
            format!("{mib} MiB")
        };
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[2K{:<16} {amount}  {}",
            progress.feed,
            progress.file
        );
    }

    /// Says what comes next, where nothing is counted.
    pub(crate) fn say(&self, text: &str) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K{text}");
        }
    }

    pub(crate) fn finish(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}
