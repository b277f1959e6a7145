//! The ring thread: the only caller of the sink.

use crate::{
    Event, FileAct, Ring,
    decode::{Clock, decode},
    fanotify::Notifier,
    hold::Hold,
    intf::count,
    kernel::Maps,
};
use libbpf_rs::{RingBuffer, RingBufferBuilder};
use std::{
    cell::RefCell,
    io,
    os::fd::{AsRawFd, OwnedFd},
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// Ordinary records taken before the critical ring is looked at again.
const BATCH: usize = 4096;

pub(crate) type Sink = Box<dyn FnMut(Event) + Send>;

pub(crate) struct Consumer {
    pub(crate) maps: Arc<Maps>,
    pub(crate) hold: Arc<Hold>,
    pub(crate) notifier: Option<Arc<Notifier>>,
    pub(crate) sink: Sink,
    pub(crate) stop: Arc<OwnedFd>,
    pub(crate) interval: Duration,
}

impl Consumer {
    pub(crate) fn start(self) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("ring".to_owned()).spawn(move || {
            if let Err(error) = self.run() {
                tracing::error!(%error, "the event rings cannot be read");
            }
        })
    }

    fn run(self) -> Result<(), libbpf_rs::Error> {
        let Self { maps, hold, notifier, sink, stop, interval } = self;
        let sink = Rc::new(RefCell::new(sink));
        let clock = Rc::new(RefCell::new(Clock::now()));
        let critical = ring(&maps.critical, &sink, &clock, Some(hold))?;
        let events = ring(&maps.events, &sink, &clock, None)?;
        let mut drops = Drops::default();
        loop {
            let wait = [
                critical.epoll_fd(),
                events.epoll_fd(),
                stop.as_raw_fd(),
                notifier.as_ref().map_or(-1, |n| n.fd()),
            ];
            let ready = poll(&wait, interval);
            let _ = critical.consume();
            while events.consume_raw_n(BATCH) >= i32::try_from(BATCH).unwrap_or(i32::MAX) {
                let _ = critical.consume();
            }
            if let Some(notifier) = &notifier {
                notifier.drain(&mut |act: FileAct| (sink.borrow_mut())(Event::File(Box::new(act))));
            }
            drops.report(&maps, &mut *sink.borrow_mut());
            *clock.borrow_mut() = Clock::now();
            if ready[2] {
                let _ = critical.consume();
                let _ = events.consume();
                return Ok(());
            }
        }
    }
}

fn ring<'a>(
    map: &'a libbpf_rs::MapHandle,
    sink: &Rc<RefCell<Sink>>,
    clock: &Rc<RefCell<Clock>>,
    hold: Option<Arc<Hold>>,
) -> Result<RingBuffer<'a>, libbpf_rs::Error> {
    let (sink, clock) = (Rc::clone(sink), Rc::clone(clock));
    let mut builder = RingBufferBuilder::new();
    builder.add(map, move |bytes| {
        let Some(event) = decode(bytes, *clock.borrow()) else {
            tracing::error!(len = bytes.len(), "a record of the kernel programs is malformed");
            return 0;
        };
        if let (Event::FirstExec(first), Some(hold)) = (&event, &hold)
            && first.held
        {
            // Before anyone hears of it, so that a release always finds it.
            hold.add(first.exec.task.pid, first.exec.task.start_ns);
        }
        (sink.borrow_mut())(event);
        0
    })?;
    builder.build()
}

#[derive(Default)]
struct Drops {
    events: u64,
    critical: u64,
}

impl Drops {
    fn report(&mut self, maps: &Maps, sink: &mut Sink) {
        for (ring, which, last) in [
            (Ring::Events, count::EVENTS_DROPPED, &mut self.events),
            (Ring::Critical, count::CRITICAL_DROPPED, &mut self.critical),
        ] {
            let now = maps.count(which);
            if now > *last {
                sink(Event::Dropped { ring, count: now - *last });
                *last = now;
            }
        }
    }
}

/// Waits until one is readable or the time is up; says which are.
pub(crate) fn poll<const N: usize>(fds: &[i32; N], timeout: Duration) -> [bool; N] {
    let mut polled =
        fds.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the array is as long as is said, and negative descriptors are passed over.
    let count =
        unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, timeout) };
    polled.map(|p| count > 0 && p.revents != 0)
}
