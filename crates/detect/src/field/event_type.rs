//! Event types: the system calls of Linux and the few events that are none, in one table.

/// A type of event, as an index into [`ALL`]; or one that is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventType(u16);

impl EventType {
    /// A type that is not in the table; the event carries its name.
    pub const OTHER: Self = Self(u16::MAX);

    #[must_use]
    pub fn named(name: &str) -> Self {
        ALL.binary_search(&name)
            .ok()
            .and_then(|at| u16::try_from(at).ok())
            .map_or(Self::OTHER, Self)
    }

    /// Empty for [`EventType::OTHER`].
    #[must_use]
    pub fn name(self) -> &'static str {
        ALL.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// Its row, or `ALL.len()` for a type that has none.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0).min(ALL.len())
    }

    pub fn all() -> impl Iterator<Item = Self> {
        (0..u16::try_from(ALL.len()).unwrap_or(u16::MAX)).map(Self)
    }

    #[must_use]
    pub fn is_open(self) -> bool {
        const OPENS: [u16; 5] = [
            row("open"),
            row("openat"),
            row("openat2"),
            row("creat"),
            row("open_by_handle_at"),
        ];
        OPENS.contains(&self.0)
    }

    #[must_use]
    pub fn is_exec(self) -> bool {
        const EXECS: [u16; 2] = [row("execve"), row("execveat")];
        EXECS.contains(&self.0)
    }

    pub(crate) fn is_creat(self) -> bool {
        const CREAT: u16 = row("creat");
        self.0 == CREAT
    }
}

/// A name's row, found when this is compiled; a name that is not there does not compile.
const fn row(name: &str) -> u16 {
    let mut at = 0;
    while at < ALL.len() {
        if same(ALL[at].as_bytes(), name.as_bytes()) {
            #[allow(clippy::cast_possible_truncation)] // The table has a few hundred rows.
            return at as u16;
        }
        at += 1;
    }
    panic!("no such type of event")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Sorted.
#[rustfmt::skip]
pub const ALL: &[&str] = &[
    "_newselect", "_sysctl", "accept", "accept4", "access", "acct", "add_key", "adjtimex",
    "afs_syscall", "alarm", "arch_prctl", "arm_fadvise64_64", "asyncevent", "bdflush", "bind",
    "bpf", "brk", "cachestat", "capget", "capset", "chdir", "chmod", "chown", "chown32", "chroot",
    "clock_adjtime", "clock_getres", "clock_gettime", "clock_nanosleep", "clock_settime", "clone",
    "clone3", "close", "close_range", "connect", "container", "copy_file_range", "cpu_hotplug",
    "creat", "create_module", "delete_module", "drop", "dup", "dup2", "dup3", "epoll_create",
    "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group",
    "faccessat", "faccessat2", "fadvise64", "fallocate", "fanotify_init", "fanotify_mark",
    "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl",
    "fcntl64", "fdatasync", "fgetxattr", "finit_module", "flistxattr", "flock", "fork",
    "fremovexattr", "fsconfig", "fsetxattr", "fsmount", "fsopen", "fspick", "fstat", "fstat64",
    "fstatat64", "fstatfs", "fsync", "ftruncate", "ftruncate64", "futex", "futex_waitv",
    "futimesat", "get_kernel_syms", "get_mempolicy", "get_robust_list", "get_thread_area",
    "getcpu", "getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid", "getgroups",
    "getitimer", "getpeername", "getpgid", "getpgrp", "getpid", "getpmsg", "getppid",
    "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid",
    "getsockname", "getsockopt", "gettid", "gettimeofday", "getuid", "getxattr", "gtty", "idle",
    "infra", "init_module", "inotify_add_watch", "inotify_init", "inotify_init1",
    "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup",
    "io_submit", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioctl", "ioperm",
    "iopl", "ioprio_get", "ioprio_set", "ipc", "kcmp", "kexec_file_load", "kexec_load", "keyctl",
    "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown",
    "lgetxattr", "link", "linkat", "listen", "listmount", "listxattr", "llistxattr", "llseek",
    "lookup_dcookie", "lremovexattr", "lseek", "lsetxattr", "lsm_get_self_attr",
    "lsm_list_modules", "lsm_set_self_attr", "lstat", "lstat64", "madvise", "map_shadow_stack",
    "mbind", "membarrier", "memfd_create", "memfd_secret", "migrate_pages", "mincore", "mkdir",
    "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "modify_ldt",
    "mount", "mount_setattr", "move_mount", "move_pages", "mprotect", "mq_getsetattr", "mq_notify",
    "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "mremap", "mseal", "msgctl",
    "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap", "name_to_handle_at",
    "nanosleep", "newfstatat", "newselect", "nfsservctl", "nice", "notification", "open",
    "open_by_handle_at", "open_tree", "openat", "openat2", "page_fault", "pause",
    "perf_event_open", "personality", "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "pipe",
    "pipe2", "pivot_root", "pkey_alloc", "pkey_free", "pkey_mprotect", "pluginevent", "poll",
    "ppoll", "prctl", "pread", "preadv", "preadv2", "prlimit", "prlimit64", "process_madvise",
    "process_mrelease", "process_vm_readv", "process_vm_writev", "procexit", "procinfo",
    "pselect6", "ptrace", "putpmsg", "pwrite", "pwritev", "pwritev2", "query_module", "quotactl",
    "quotactl_fd", "read", "readahead", "readdir", "readlink", "readlinkat", "readv", "reboot",
    "recv", "recvfrom", "recvmmsg", "recvmsg", "remap_file_pages", "removexattr", "rename",
    "renameat", "renameat2", "request_key", "restart_syscall", "rmdir", "rseq", "rt_sigaction",
    "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_tgsigqueueinfo", "scapevent", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",
    "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "security", "select",
    "semctl", "semget", "semop", "semtimedop", "send", "sendfile", "sendmmsg", "sendmsg", "sendto",
    "set_mempolicy", "set_mempolicy_home_node", "set_robust_list", "set_thread_area",
    "set_tid_address", "setdomainname", "setfsgid", "setfsuid", "setgid", "setgroups",
    "sethostname", "setitimer", "setns", "setpgid", "setpriority", "setregid", "setresgid",
    "setresuid", "setreuid", "setrlimit", "setsid", "setsockopt", "settimeofday", "setuid",
    "setxattr", "sgetmask", "shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaction",
    "sigaltstack", "signal", "signaldeliver", "signalfd", "signalfd4", "sigpending", "sigprocmask",
    "sigreturn", "sigsuspend", "socket", "socketcall", "socketpair", "splice", "ssetmask", "stat",
    "stat64", "statfs", "statfs64", "statmount", "statx", "stime", "stty", "swapoff", "swapon",
    "switch", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysdigevent", "sysfs",
    "sysinfo", "syslog", "tee", "tgkill", "time", "timer_create", "timer_delete",
    "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime",
    "timerfd_settime", "times", "tkill", "tracer", "truncate", "truncate64", "tuxcall",
    "ugetrlimit", "umask", "umount", "umount2", "uname", "unlink", "unlinkat", "unshare", "uselib",
    "userfaultfd", "ustat", "utime", "utimensat", "utimes", "vfork", "vhangup", "vmsplice",
    "vserver", "wait4", "waitid", "waitpid", "write", "writev",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(
            ALL.is_sorted(),
            "{:?}",
            ALL.windows(2).find(|w| w[0] > w[1])
        );
        assert!(ALL.windows(2).all(|w| w[0] != w[1]));
        for kind in EventType::all() {
            assert_eq!(EventType::named(kind.name()), kind);
        }
        assert_eq!(EventType::named("nope"), EventType::OTHER);
        assert_eq!(EventType::OTHER.index(), ALL.len());
    }
}
