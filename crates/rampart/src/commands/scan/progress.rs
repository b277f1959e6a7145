//! One line on a terminal that says how far a scan is; nothing where there is none.

use rampart_scanner::scan::{Event, Progress};
use std::{
    io::{IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const REDRAW: Duration = Duration::from_millis(100);
const BAR: usize = 24;

pub(crate) struct Bars {
    quiet: bool,
    drawn: Option<Mutex<State>>,
}

struct State {
    layers: usize,
    done: usize,
    cached: usize,
    total: u64,
    bytes: u64,
    drawn_at: Instant,
    visible: bool,
}

impl Bars {
    pub(crate) fn new(quiet: bool, no_progress: bool) -> Self {
        let shows = !quiet && !no_progress && std::io::stderr().is_terminal();
        let state = State {
            layers: 0,
            done: 0,
            cached: 0,
            total: 0,
            bytes: 0,
            drawn_at: Instant::now(),
            visible: false,
        };
        Self {
            quiet,
            drawn: shows.then(|| Mutex::new(state)),
        }
    }

    /// Takes the line away before the report.
    pub(crate) fn finish(&self) {
        if let Some(state) = &self.drawn
            && state.lock().unwrap_or_else(PoisonError::into_inner).visible
        {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Progress for Bars {
    fn event(&self, event: Event<'_>) {
        if let Event::Note { text } = event
            && !self.quiet
        {
            self.finish();
            eprintln!("rampart: {text}");
        }
        let Some(state) = &self.drawn else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Found { target } => {
                state.layers = target.layers.len();
                state.total = target.size_bytes;
            }
            Event::LayerBytes { bytes, .. } => state.bytes += bytes,
            Event::LayerDone { cached, .. } => {
                state.done += 1;
                state.cached += usize::from(cached);
            }
            Event::LayerStarted { .. } | Event::Note { .. } => {}
        }
        if state.drawn_at.elapsed() >= REDRAW {
            state.draw();
        }
    }
}

impl State {
    fn draw(&mut self) {
        self.drawn_at = Instant::now();
        self.visible = true;
        let mib = |bytes: u64| bytes >> 20;
        let filled = match self.total {
            0 => 0,
            total => usize::try_from(self.bytes.min(total) * BAR as u64 / total).unwrap_or(BAR),
        };
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[2K[{}{}] layers {}/{} ({} known)  {} of {} MiB",
            "#".repeat(filled),
            "-".repeat(BAR - filled),
            self.done,
            self.layers,
            self.cached,
            mib(self.bytes),
            mib(self.total),
        );
    }
}
