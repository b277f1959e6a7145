//! When a scan ends before it is done: somebody cancels it, or its time is over.

use nix::poll::{PollFd, PollFlags, poll};
use std::{
    io::{self, Read},
    os::fd::AsFd,
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

/// How long a silent source is waited for before the clock is looked at.
const LOOK_MS: u16 = 100;

/// A pipe or a socket that is read only once there is something, so that its silence does not
/// outlast the scan. Only for what has no buffer of its own.
pub struct Watched<R> {
    inner: R,
    stop: Stop,
}

impl<R: Read + AsFd> Watched<R> {
    pub fn new(inner: R, stop: Stop) -> Self {
        Self { inner, stop }
    }

    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read + AsFd> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.reason().is_some() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "nothing came any more before the scan ended",
                ));
            }
            let mut wanted = [PollFd::new(self.inner.as_fd(), PollFlags::POLLIN)];
            match poll(&mut wanted, LOOK_MS) {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return self.inner.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Stop, Watched};
    use std::{
        io::{Read, Write},
        os::unix::net::UnixStream,
        time::Duration,
    };

    #[test]
    fn silence_ends_with_the_scan() {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(b"ab").unwrap();
        let stop = Stop::after(Duration::from_millis(150));
        let mut watched = Watched::new(there, stop);
        let mut buffer = [0; 2];
        assert_eq!(watched.read(&mut buffer).unwrap(), 2);
        let silent = watched.read(&mut buffer).unwrap_err();
        assert_eq!(silent.kind(), std::io::ErrorKind::TimedOut);
        let (here, there) = UnixStream::pair().unwrap();
        drop(here);
        let mut watched = Watched::new(there, Stop::never());
        assert_eq!(watched.read(&mut buffer).unwrap(), 0, "its end is told");
    }
}
