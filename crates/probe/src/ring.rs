//! The ring thread: the only caller of the sink.

use crate::{
    Event, FileAct, Ring,
    decode::{Clock, decode},
    fanotify::Notifier,
    hold::Hold,
    intf::count,
    kernel::Maps,
    label::Labels,
    recheck::Recheck,
};
use libbpf_rs::{RingBuffer, RingBufferBuilder};
use std::{
    cell::RefCell,
    io,
    os::fd::{AsRawFd, OwnedFd},
    panic::{AssertUnwindSafe, catch_unwind},
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
    pub(crate) labels: Labels,
    pub(crate) hold: Arc<Hold>,
    pub(crate) notifier: Option<Arc<Notifier>>,
    pub(crate) sink: Sink,
    pub(crate) stop: Arc<OwnedFd>,
    pub(crate) interval: Duration,
}

impl Consumer {
    pub(crate) fn start(self) -> io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name("ring".to_owned())
            .spawn(move || {
                if let Err(error) = self.run() {
                    tracing::error!(%error, "the event rings cannot be read");
                }
            })
    }

    fn run(self) -> Result<(), libbpf_rs::Error> {
        let Self {
            maps,
            labels,
            hold,
            notifier,
            sink,
            stop,
            interval,
        } = self;
        let sink = Rc::new(RefCell::new(sink));
        let clock = Rc::new(RefCell::new(Clock::now()));
        let recheck = Rc::new(RefCell::new(Recheck::new(labels)));
        let urgent = Some((hold, Rc::clone(&recheck)));
        let critical = ring(&maps.critical, &sink, &clock, urgent)?;
        let events = ring(&maps.events, &sink, &clock, None)?;
        let mut drops = Drops::default();
        let [fanotify, inotify] = notifier.as_ref().map_or([-1, -1], |n| n.fds());
        loop {
            let wait = [
                critical.epoll_fd(),
                events.epoll_fd(),
                stop.as_raw_fd(),
                fanotify,
                inotify,
            ];
            let ready = poll(&wait, interval);
            let _ = critical.consume();
            while events.consume_raw_n(BATCH) >= i32::try_from(BATCH).unwrap_or(i32::MAX) {
                let _ = critical.consume();
            }
            if let Some(notifier) = &notifier {
                notifier.drain(&mut |act: FileAct| {
                    deliver(&mut sink.borrow_mut(), Event::File(Box::new(act)));
                });
            }
            for event in recheck.borrow_mut().due(*clock.borrow()) {
                deliver(&mut sink.borrow_mut(), event);
            }
            drops.report(&maps, &mut sink.borrow_mut());
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
    urgent: Option<(Arc<Hold>, Rc<RefCell<Recheck>>)>,
) -> Result<RingBuffer<'a>, libbpf_rs::Error> {
    let (sink, clock) = (Rc::clone(sink), Rc::clone(clock));
    let mut builder = RingBufferBuilder::new();
    builder.add(map, move |bytes| {
        let Some(event) = decode(bytes, *clock.borrow()) else {
            tracing::error!(
                len = bytes.len(),
                "a record of the kernel programs is malformed"
            );
            return 0;
        };
        match (&event, &urgent) {
            // Before anyone hears of it, so that a release always finds it.
            (Event::FirstExec(first), Some((hold, _))) if first.held => {
                hold.add(first.exec.task.pid, first.exec.task.start_ns);
            }
            (Event::Cred(cred), Some((_, recheck))) => recheck.borrow_mut().add(cred),
            _ => {}
        }
        deliver(&mut sink.borrow_mut(), event);
        0
    })?;
    builder.build()
}

/// A panic must not cross libbpf's frames, nor end the thread: the event is lost, and said to be.
fn deliver(sink: &mut Sink, event: Event) {
    if catch_unwind(AssertUnwindSafe(|| sink(event))).is_err() {
        tracing::error!("the receiver of events panicked; the event is lost");
    }
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
                deliver(
                    sink,
                    Event::Dropped {
                        ring,
                        count: now - *last,
                    },
                );
                *last = now;
            }
        }
    }
}

/// Waits until one is readable or the time is up; says which are.
pub(crate) fn poll<const N: usize>(fds: &[i32; N], timeout: Duration) -> [bool; N] {
    let mut polled = fds.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    let timeout = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the array is as long as is said, and negative descriptors are passed over.
    let count = unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, timeout) };
    polled.map(|p| count > 0 && p.revents != 0)
}
