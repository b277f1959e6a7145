//! What the watchdog gives up, and how it keeps running when memory and processor are short.

use std::{fs, io};

/// Signals to the listener and to held programs of any user.
const CAP_KILL: u32 = 5;
/// Processes of other users in `/proc`, where it is mounted with `hidepid`.
const CAP_SYS_PTRACE: u32 = 19;
const LAST_CAP: u32 = 63;
/// `_LINUX_CAPABILITY_VERSION_3`.
const VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Room for `descriptors`, real-time priority, no death by lack of memory; then no capability but
/// what is needed, for good. What is refused before that is done without.
pub(super) fn lower(descriptors: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: descriptors,
        rlim_max: descriptors,
    };
    // SAFETY: sets a limit from a valid structure.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let _ = fs::write("/proc/self/oom_score_adj", "-1000");
    crate::fanotify::listener::raise_priority();
    // SAFETY: plain calls on integers and a C string; the strings and structures outlive them.
    let rc = unsafe {
        libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, c"rampart-watch".as_ptr());
        libc::prctl(libc::PR_SET_DUMPABLE, 0);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        for cap in (0..=LAST_CAP).filter(|cap| ![CAP_KILL, CAP_SYS_PTRACE].contains(cap)) {
            libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(cap), 0, 0, 0);
        }
        let kept = (1 << CAP_KILL) | (1 << CAP_SYS_PTRACE);
        let header = Header {
            version: VERSION,
            pid: 0,
        };
        let low = Data {
            effective: kept,
            permitted: kept,
            inheritable: 0,
        };
        let none = Data {
            effective: 0,
            permitted: 0,
            inheritable: 0,
        };
        let data = [low, none];
        libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr())
    };
    if rc == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
