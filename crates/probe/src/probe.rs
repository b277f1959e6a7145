//! Loading, attaching and taking down.

use crate::{
    Config, Control, Error, Event, Judge, LastEnd,
    control::Parts,
    fanotify::{Board, Listener, Marks, Notifier, Tally, Watchdog, Watches},
    hold::Hold,
    kernel::{self, Kernel, Loaded},
    label::Labels,
    ring::Consumer,
};
use std::{
    collections::BTreeSet,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Changes that come together are answered with one placing of marks.
const SETTLE: Duration = Duration::from_millis(20);
/// Stops the marks worker; no workload has this label.
const STOP_LABEL: u32 = 0;

/// Everything that is attached. Dropping it detaches all of it and lets held processes go by the
/// fail mode.
pub struct Probe {
    control: Control,
    kernel: Option<Kernel>,
    marks: Option<Arc<Marks>>,
    hold: Arc<Hold>,
    stop: Arc<OwnedFd>,
    stale: mpsc::Sender<u32>,
    threads: Vec<JoinHandle<()>>,
}

impl Probe {
    /// `sink` is called from the ring thread only and must not block for long.
    pub fn start(
        config: Config,
        judge: Arc<dyn Judge>,
        sink: Box<dyn FnMut(Event) + Send>,
    ) -> Result<Self, Error> {
        let Loaded {
            kernel,
            maps,
            programs,
            calls,
            cgroup2,
            identifier,
            pins,
            refused,
        } = kernel::load(&config)?;
        let maps = Arc::new(maps);
        let labels = Labels {
            maps: Arc::clone(&maps),
            cgroup2,
        };
        let watches = Arc::new(Watches::default());
        let tally = Arc::new(Tally::default());
        let (stale, stale_labels) = mpsc::channel();
        let fail_closed = Arc::new(AtomicBool::new(config.fail_closed));
        let hold = Arc::new(Hold::new(
            config.hold_deadline,
            Arc::clone(&fail_closed),
            config.state_dir.as_deref(),
        ));
        hold.recover();
        let notifier = notifier(&watches, &labels, &stale);
        let marks = marks(notifier.clone(), &watches);
        let board = Arc::new(board(&config)?);
        let watchdog = marks
            .as_ref()
            .and_then(|marks| watchdog(&config, &board, marks, &labels));
        let stop = Arc::new(event_fd().map_err(Error::system("eventfd"))?);
        let control = Control::new(Parts {
            maps: Arc::clone(&maps),
            labels: labels.clone(),
            hold: Arc::clone(&hold),
            marks: marks.clone(),
            notifier: notifier.clone(),
            watches: Arc::clone(&watches),
            tally: Arc::clone(&tally),
            fail_closed: Arc::clone(&fail_closed),
            board: Arc::clone(&board),
            last_end: config.state_dir.as_deref().and_then(LastEnd::take),
            programs,
            calls,
            identifier,
            pins,
            refused,
        });
        let mut probe = Self {
            control: control.clone(),
            kernel: Some(kernel),
            marks: marks.clone(),
            hold: Arc::clone(&hold),
            stop: Arc::clone(&stop),
            stale,
            threads: Vec::new(),
        };
        let ring_labels = labels.clone();
        let listener = marks.map(|marks| Listener {
            marks,
            watches,
            labels,
            judge,
            deadline: config.judge_deadline,
            board,
            watchdog,
            tally,
            stop: Arc::clone(&stop),
        });
        let interval = config.flush_interval;
        let consumer = Consumer {
            maps,
            labels: ring_labels,
            hold,
            notifier,
            sink,
            stop,
            interval,
        };
        probe
            .spawn(
                consumer,
                listener,
                config.fanotify_threads,
                control,
                stale_labels,
            )
            .map_err(Error::system("starting a thread"))?;
        Ok(probe)
    }

    fn spawn(
        &mut self,
        consumer: Consumer,
        listener: Option<Listener>,
        listener_threads: usize,
        control: Control,
        stale: mpsc::Receiver<u32>,
    ) -> io::Result<()> {
        self.threads.push(self.hold.start()?);
        if let Some(listener) = listener {
            self.threads.extend(listener.start(listener_threads)?);
        }
        let builder = thread::Builder::new().name("marks".to_owned());
        self.threads
            .push(builder.spawn(move || keep_marks(&control, &stale))?);
        self.threads.push(consumer.start()?);
        Ok(())
    }

    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: an eventfd takes eight bytes.
        unsafe { libc::write(self.stop.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        let _ = self.stale.send(STOP_LABEL);
        self.hold.stop();
        // Detached first, so that nothing new is held or refused while threads end.
        self.kernel = None;
        self.control.close_calls();
        if let Some(marks) = &self.marks {
            marks.clear();
        }
        let until = Instant::now() + Duration::from_secs(5);
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                let _ = thread.join();
            } else {
                tracing::error!("a thread of the probe hangs and is left behind");
            }
        }
    }
}

fn notifier(
    watches: &Arc<Watches>,
    labels: &Labels,
    stale: &mpsc::Sender<u32>,
) -> Option<Arc<Notifier>> {
    match Notifier::new(Arc::clone(watches), labels.clone(), stale.clone()) {
        Ok(notifier) => Some(Arc::new(notifier)),
        Err(error) => {
            tracing::warn!(%error, "changes of files are not reported");
            None
        }
    }
}

fn marks(notifier: Option<Arc<Notifier>>, watches: &Arc<Watches>) -> Option<Arc<Marks>> {
    match Marks::new(notifier, Arc::clone(watches)) {
        Ok(marks) => Some(Arc::new(marks)),
        Err(error) => {
            tracing::warn!(%error, "execs and opens cannot be denied");
            None
        }
    }
}

fn board(config: &Config) -> Result<Board, Error> {
    let board = Board::new().map_err(Error::system("memory for the watchdog"))?;
    let deadline = u64::try_from(config.judge_deadline.as_millis()).unwrap_or(u64::MAX);
    board.deadline_ms.store(deadline, Relaxed);
    let closed = u32::from(config.fail_closed);
    board.fail_closed.store(closed, Relaxed);
    Ok(board)
}

/// Without one a stopped agent makes its containers' execs wait, which is said and not fatal.
fn watchdog(
    config: &Config,
    board: &Arc<Board>,
    marks: &Marks,
    labels: &Labels,
) -> Option<Watchdog> {
    let command = config.watchdog.as_ref()?;
    let cgroup2 = labels.cgroup2.clone().into_os_string();
    let state_dir = config.state_dir.clone().map(PathBuf::into_os_string);
    let arguments: Vec<_> = std::iter::once(cgroup2).chain(state_dir).collect();
    let maps = &labels.maps;
    let [exec, open] = marks.groups();
    let [known, states, settings] = [&maps.labels, &maps.task_state, &maps.config].map(AsFd::as_fd);
    let shared: [&dyn AsRawFd; 5] = [exec, open, &known, &states, &settings];
    match Watchdog::start(command, &arguments, board, shared) {
        Ok(watchdog) => Some(watchdog),
        Err(error) => {
            tracing::error!(%error, "no watchdog: a stopped agent makes execs wait");
            None
        }
    }
}

/// Places marks again where files have moved.
fn keep_marks(control: &Control, stale: &mpsc::Receiver<u32>) {
    while let Ok(first) = stale.recv() {
        let mut labels = BTreeSet::from([first]);
        let until = Instant::now() + SETTLE;
        while let Ok(next) = stale.recv_timeout(until.saturating_duration_since(Instant::now())) {
            labels.insert(next);
        }
        if labels.contains(&STOP_LABEL) {
            return;
        }
        for label in labels {
            control.refresh_marks(label);
        }
    }
}

fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: eventfd takes two integers and returns a new descriptor or an error.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
