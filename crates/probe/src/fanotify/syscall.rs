//! Whether a blocked open may write, from the system call the task waits in.
//!
//! The flags of `open`, `openat`, `creat` and `open_by_handle_at` are in registers, which nobody
//! can change while the task waits in the kernel. `openat2` takes them from memory another thread
//! may change, and io_uring from its ring: those are unknown. Numbers of the three system call
//! tables of x86-64 that open files do not collide, so the table need not be known.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// The event is told before its task has gone to sleep, and a task that runs shows no system call.
/// It does nothing in between, so this passes soon even on a busy machine.
const FALLS_ASLEEP: Duration = Duration::from_millis(200);
/// Looks that follow each other without a pause: mostly the task is only some microseconds away.
const AT_ONCE: u32 = 4;
const RETRY: Duration = Duration::from_micros(100);

/// Marks the x32 table.
const X32: u64 = 0x4000_0000;

/// `Some(true)` if it may write, `Some(false)` if it cannot, `None` if that cannot be told.
pub(super) fn opens_for_write(tid: u32) -> Option<bool> {
    let path = PathBuf::from("/proc").join(tid.to_string()).join("syscall");
    let until = Instant::now() + FALLS_ASLEEP;
    for attempt in 0u32.. {
        let line = fs::read_to_string(&path).ok()?;
        if !line.starts_with("running") || Instant::now() > until {
            return classify(&line);
        }
        // A sleep and not a yield: this thread's priority is above the task's, which may need
        // this very CPU.
        if attempt >= AT_ONCE {
            thread::sleep(RETRY);
        }
    }
    None
}

pub(super) fn classify(line: &str) -> Option<bool> {
    let mut fields = line.split_ascii_whitespace();
    let number: u64 = fields.next()?.parse().ok()?;
    let args: Vec<u64> = fields
        .map_while(|f| u64::from_str_radix(f.strip_prefix("0x")?, 16).ok())
        .take(6)
        .collect();
    match table(number)? {
        Opener::Flags(at) => Some(may_write(*args.get(at)?)),
        Opener::Write => Some(true),
        Opener::Read => Some(false),
    }
}

enum Opener {
    /// Flags are this argument.
    Flags(usize),
    Write,
    /// exec opens its files for reading.
    Read,
}

#[cfg(target_arch = "x86_64")]
fn table(number: u64) -> Option<Opener> {
    Some(match number & !X32 {
        // open
        2 | 5 => Opener::Flags(1),
        // openat, open_by_handle_at: 64-bit, then 32-bit numbers
        257 | 295 | 304 | 342 => Opener::Flags(2),
        // creat
        85 | 8 => Opener::Write,
        // execve, execveat: 64-bit, 32-bit, x32
        59 | 322 | 11 | 358 | 520 | 545 => Opener::Read,
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn table(number: u64) -> Option<Opener> {
    Some(match number & !X32 {
        // openat, open_by_handle_at
        56 | 265 => Opener::Flags(2),
        // execve, execveat
        221 | 281 => Opener::Read,
        _ => return None,
    })
}

/// Truncation is a write, whatever the access mode says.
fn may_write(flags: u64) -> bool {
    let mode = flags & 3;
    mode != 0 || flags & u64::from(libc::O_TRUNC.unsigned_abs()) != 0
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc() {
        let cases = [
            (
                "257 0xffffff9c 0x7ffd 0x80000 0x0 0x0 0x0 0x7ffe 0x7f01",
                Some(false),
            ),
            (
                "257 0xffffff9c 0x7ffd 0x241 0x1b6 0x0 0x0 0x7ffe 0x7f01",
                Some(true),
            ),
            (
                "257 0xffffff9c 0x7ffd 0x200 0x0 0x0 0x0 0x7ffe 0x7f01",
                Some(true),
            ),
            ("2 0x7ffd 0x2 0x0 0x0 0x0 0x0 0x7ffe 0x7f01", Some(true)),
            ("2 0x7ffd 0x0 0x0 0x0 0x0 0x0 0x7ffe 0x7f01", Some(false)),
            ("85 0x7ffd 0x1ff 0x0 0x0 0x0 0x0 0x7ffe 0x7f01", Some(true)),
            ("59 0x7ffd 0x1ff 0x2 0x0 0x0 0x0 0x7ffe 0x7f01", Some(false)),
            (
                "437 0xffffff9c 0x7ffd 0x7ffe 0x18 0x0 0x0 0x7ffe 0x7f01",
                None,
            ),
            ("426 0x3 0x1 0x1 0x1 0x0 0x0 0x7ffe 0x7f01", None),
            ("-1 0x7ffe 0x7f01", None),
            ("running", None),
            ("", None),
            ("257", None),
        ];
        for (line, want) in cases {
            assert_eq!(classify(line), want, "{line}");
        }
    }
}
