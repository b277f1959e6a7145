//! Arguments of system calls under the names that rules know them by.
//!
//! Numbers that rules compare by name are named; pointers are left out. Limits: [`MAX_ARGS`]
//! arguments a call. Of `openat2` and of opens through io_uring the flags are those that the
//! descriptor kept, and creation as the kernel told it.

use rampart_detect::field::{Arg, ArgValue, FlagSet};
use rampart_probe::{Call, Via};

const MAX_ARGS: usize = 8;
const O_CREAT: u64 = 0o100;

/// Without a place of its own on the heap.
pub(super) struct Args<'a> {
    all: [Arg<'a>; MAX_ARGS],
    count: usize,
}

impl<'a> Args<'a> {
    fn new() -> Self {
        let none = Arg {
            name: "",
            value: ArgValue::Int(0),
        };
        Self {
            all: [none; MAX_ARGS],
            count: 0,
        }
    }

    fn put(mut self, name: &'static str, value: ArgValue<'a>) -> Self {
        if let Some(free) = self.all.get_mut(self.count) {
            *free = Arg { name, value };
            self.count += 1;
        }
        self
    }

    fn int(self, name: &'static str, value: u64) -> Self {
        self.put(name, ArgValue::Int(signed(value)))
    }

    /// A descriptor, a pid or an id: 32 bits with a sign.
    fn id(self, name: &'static str, value: u64) -> Self {
        self.put(name, ArgValue::Int(short(value)))
    }

    fn flags(self, name: &'static str, set: FlagSet, bits: u64) -> Self {
        self.put(name, ArgValue::Flags(set, bits))
    }

    /// A text that is not there is no argument.
    fn text(self, name: &'static str, text: &'a str) -> Self {
        match text {
            "" => self,
            text => self.put(name, ArgValue::Text(text.as_bytes())),
        }
    }

    fn named(self, name: &'static str, number: u64, names: &[(u64, &'static str)]) -> Self {
        match names.iter().find(|(known, _)| *known == number) {
            Some((_, text)) => self.text(name, text),
            None => self.int(name, number),
        }
    }

    pub(super) fn as_slice(&self) -> &[Arg<'a>] {
        &self.all[..self.count]
    }
}

fn signed(value: u64) -> i64 {
    value.cast_signed()
}

fn short(value: u64) -> i64 {
    #[allow(clippy::cast_possible_truncation)] // The kernel looks at the lower half too.
    let low = value as u32;
    i64::from(low.cast_signed())
}

pub(super) fn args(call: &Call) -> Args<'_> {
    let result = Args::new().int("res", call.result.cast_unsigned());
    match call.name {
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" => opened(call),
        name if FILES.contains(&name) => file(call, result),
        "mount" | "umount2" | "move_mount" | "open_tree" | "fsconfig" | "pivot_root" | "chroot" => {
            mount(call, result)
        }
        "socket" | "connect" | "bind" | "listen" | "accept" | "accept4" | "sendto" | "sendmsg"
        | "sendmmsg" => network(call, result),
        "setuid" | "setgid" | "setreuid" | "setregid" | "setresuid" | "setresgid" | "setfsuid"
        | "setfsgid" => identity(call, result),
        "kill" | "tkill" | "tgkill" | "pidfd_send_signal" => signal(call, result),
        _ => other(call, result),
    }
}

const FILES: &[&str] = &[
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "mknod",
    "mknodat",
    "truncate",
    "ftruncate",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "utimensat",
    "memfd_create",
];

/// The flags an open was given, as far as they are known.
pub(super) fn open_flags(call: &Call) -> u64 {
    let native = call.via != Via::IoUring;
    let kept = call.fd.as_ref().map_or(0, |fd| {
        u64::from(fd.flags) | if fd.created { O_CREAT } else { 0 }
    });
    match call.name {
        "creat" => 0o1101,
        "open" if native => call.args[1] & 0xffff_ffff | kept & O_CREAT,
        "openat" | "open_by_handle_at" if native => call.args[2] & 0xffff_ffff | kept & O_CREAT,
        _ => kept,
    }
}

fn opened(call: &Call) -> Args<'_> {
    let flags = open_flags(call);
    let args = Args::new().int("fd", call.result.cast_unsigned());
    let (args, mode) = match call.name {
        "open" => (args, call.args[2]),
        "creat" => (args, call.args[1]),
        "open_by_handle_at" => (args.id("mountfd", call.args[0]), 0),
        "openat" if call.via != Via::IoUring => (args.id("dirfd", call.args[0]), call.args[3]),
        _ => {
            let made = call.fd.as_ref().filter(|fd| fd.created);
            (args, made.map_or(0, |fd| u64::from(fd.mode)))
        }
    };
    args.text("name", &call.path)
        .text("path", &call.path)
        .flags("flags", FlagSet::Open, flags)
        .flags("mode", FlagSet::Mode, mode & 0o7777)
}

fn file<'a>(call: &'a Call, args: Args<'a>) -> Args<'a> {
    let (path, other) = (call.path.as_str(), call.other_path.as_str());
    let descriptor_path = call.fd.as_ref().map_or("", |fd| &fd.path);
    let mode = |args: Args<'a>, bits: u64| args.flags("mode", FlagSet::Mode, bits & 0o7777);
    match call.name {
        "rename" | "renameat" | "renameat2" | "link" | "linkat" => {
            args.text("oldpath", path).text("newpath", other)
        }
        "symlink" | "symlinkat" => args.text("target", path).text("linkpath", other),
        "unlink" | "rmdir" => args.text("path", path),
        "unlinkat" => args.text("name", path).text("path", path),
        "mkdir" => mode(args.text("path", path), call.args[1]),
        "mkdirat" => mode(args.text("path", path), call.args[2]),
        "chmod" => mode(args.text("filename", path), call.args[1]),
        "fchmod" => {
            let args = args
                .id("fd", call.args[0])
                .text("filename", descriptor_path);
            mode(args, call.args[1])
        }
        "fchmodat" | "fchmodat2" => mode(args.text("filename", path), call.args[2]),
        "chown" | "lchown" => owner(args.text("path", path), call.args[1], call.args[2]),
        "fchown" => owner(args.id("fd", call.args[0]), call.args[1], call.args[2]),
        "fchownat" => {
            let args = args.text("pathname", path).text("path", path);
            owner(args, call.args[2], call.args[3])
        }
        "mknod" => args
            .text("path", path)
            .flags("mode", FlagSet::Node, call.args[1])
            .int("dev", call.args[2]),
        "mknodat" => args
            .text("path", path)
            .flags("mode", FlagSet::Node, call.args[2])
            .int("dev", call.args[3]),
        "setxattr" | "lsetxattr" => args.text("path", path).text("name", other),
        "fsetxattr" => args.text("path", descriptor_path).text("name", other),
        "memfd_create" => args.text("name", path).int("flags", call.args[1]),
        "ftruncate" => args.id("fd", call.args[0]),
        _ => args.text("path", path),
    }
}

fn owner(args: Args<'_>, uid: u64, gid: u64) -> Args<'_> {
    args.id("uid", uid).id("gid", gid)
}

fn mount<'a>(call: &'a Call, args: Args<'a>) -> Args<'a> {
    let (path, other) = (call.path.as_str(), call.other_path.as_str());
    match call.name {
        "mount" => args.text("dev", path).text("dir", other).flags(
            "flags",
            FlagSet::Mount,
            call.args[3] & 0xffff_ffff,
        ),
        "umount2" => args.text("name", path).int("flags", call.args[1]),
        "move_mount" => args.text("from", path).text("dir", other),
        "pivot_root" => args.text("new_root", path).text("put_old", other),
        _ => args.text("path", path),
    }
}

const FAMILIES: &[(u64, &str)] = &[
    (1, "AF_UNIX"),
    (2, "AF_INET"),
    (3, "AF_AX25"),
    (9, "AF_X25"),
    (10, "AF_INET6"),
    (15, "AF_KEY"),
    (16, "AF_NETLINK"),
    (17, "AF_PACKET"),
    (21, "AF_RDS"),
    (29, "AF_CAN"),
    (30, "AF_TIPC"),
    (31, "AF_BLUETOOTH"),
    (38, "AF_ALG"),
    (40, "AF_VSOCK"),
    (44, "AF_XDP"),
];

fn network<'a>(call: &'a Call, args: Args<'a>) -> Args<'a> {
    match call.name {
        "socket" => Args::new()
            .int("fd", call.result.cast_unsigned())
            .named("domain", call.args[0] & 0xffff_ffff, FAMILIES)
            .flags("type", FlagSet::SocketType, call.args[1] & 0xffff_ffff)
            .int("proto", call.args[2] & 0xffff_ffff),
        "listen" => args.id("fd", call.args[0]).id("backlog", call.args[1]),
        _ => args.id("fd", call.args[0]),
    }
}

fn identity<'a>(call: &'a Call, args: Args<'a>) -> Args<'a> {
    let [first, second, third, ..] = call.args;
    match call.name {
        "setuid" | "setfsuid" => args.id("uid", first),
        "setgid" | "setfsgid" => args.id("gid", first),
        "setreuid" => args
            .id("ruid", first)
            .id("euid", second)
            .id("uid", new_id([second, first, 0xffff_ffff])),
        "setresuid" => args
            .id("ruid", first)
            .id("euid", second)
            .id("suid", third)
            .id("uid", new_id([second, first, third])),
        "setregid" => args.id("rgid", first).id("egid", second),
        _ => args.id("rgid", first).id("egid", second).id("sgid", third),
    }
}

/// The first that is set: -1 leaves an id as it is.
fn new_id(ids: [u64; 3]) -> u64 {
    let set = ids.into_iter().find(|id| id & 0xffff_ffff != 0xffff_ffff);
    set.unwrap_or(u64::MAX)
}

fn signal<'a>(call: &'a Call, args: Args<'a>) -> Args<'a> {
    match call.name {
        "kill" => args
            .id("pid", call.args[0])
            .named("sig", call.args[1], SIGNALS),
        "tkill" => args
            .id("tid", call.args[0])
            .named("sig", call.args[1], SIGNALS),
        "tgkill" => {
            args.id("pid", call.args[0])
                .id("tid", call.args[1])
                .named("sig", call.args[2], SIGNALS)
        }
        _ => args
            .id("pidfd", call.args[0])
            .named("sig", call.args[1], SIGNALS),
    }
}

const SIGNALS: &[(u64, &str)] = &[
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (6, "SIGABRT"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (15, "SIGTERM"),
    (17, "SIGCHLD"),
    (18, "SIGCONT"),
    (19, "SIGSTOP"),
];

fn other<'a>(call: &'a Call, args: Args<'a>) -> Args<'a> {
    let [first, second, third, ..] = call.args;
    match call.name {
        "dup" => args.id("oldfd", first),
        "dup2" => args.id("oldfd", first).id("newfd", second),
        "dup3" => args
            .id("oldfd", first)
            .id("newfd", second)
            .flags("flags", FlagSet::Open, third),
        "fcntl" => args.id("fd", first).named("cmd", second, FCNTL),
        "ptrace" => args.named("request", first, PTRACE).id("pid", second),
        "unshare" | "clone" => args.flags("flags", FlagSet::Clone, first),
        "clone3" => args.flags("flags", FlagSet::Clone, first),
        "setns" => args.id("fd", first).flags("nstype", FlagSet::Clone, second),
        "finit_module" => args.id("fd", first).int("flags", third),
        "init_module" => args.int("length", second),
        "delete_module" => args.text("name", &call.path),
        "bpf" => args.named("cmd", first & 0xffff_ffff, BPF),
        "prctl" => args.named("option", first & 0xffff_ffff, PRCTL),
        "process_vm_writev" | "process_vm_readv" => args.id("pid", first),
        "io_uring_setup" => args.int("entries", first),
        "keyctl" => args.int("cmd", first),
        "execve" | "execveat" => args.text("filename", &call.path),
        _ => args.text("path", &call.path),
    }
}

const FCNTL: &[(u64, &str)] = &[(0, "F_DUPFD"), (1030, "F_DUPFD_CLOEXEC")];

const PRCTL: &[(u64, &str)] = &[
    (4, "PR_SET_DUMPABLE"),
    (15, "PR_SET_NAME"),
    (22, "PR_SET_SECCOMP"),
    (24, "PR_CAPBSET_DROP"),
    (35, "PR_SET_MM"),
    (38, "PR_SET_NO_NEW_PRIVS"),
    (0x5961_6d61, "PR_SET_PTRACER"),
];

const PTRACE: &[(u64, &str)] = &[
    (0, "PTRACE_TRACEME"),
    (1, "PTRACE_PEEKTEXT"),
    (2, "PTRACE_PEEKDATA"),
    (3, "PTRACE_PEEKUSR"),
    (4, "PTRACE_POKETEXT"),
    (5, "PTRACE_POKEDATA"),
    (6, "PTRACE_POKEUSR"),
    (7, "PTRACE_CONT"),
    (8, "PTRACE_KILL"),
    (9, "PTRACE_SINGLESTEP"),
    (12, "PTRACE_GETREGS"),
    (13, "PTRACE_SETREGS"),
    (14, "PTRACE_GETFPREGS"),
    (15, "PTRACE_SETFPREGS"),
    (16, "PTRACE_ATTACH"),
    (17, "PTRACE_DETACH"),
    (24, "PTRACE_SYSCALL"),
    (0x4200, "PTRACE_SETOPTIONS"),
    (0x4204, "PTRACE_GETREGSET"),
    (0x4205, "PTRACE_SETREGSET"),
    (0x4206, "PTRACE_SEIZE"),
    (0x4207, "PTRACE_INTERRUPT"),
    (0x4208, "PTRACE_LISTEN"),
];

const BPF: &[(u64, &str)] = &[
    (0, "BPF_MAP_CREATE"),
    (1, "BPF_MAP_LOOKUP_ELEM"),
    (2, "BPF_MAP_UPDATE_ELEM"),
    (3, "BPF_MAP_DELETE_ELEM"),
    (4, "BPF_MAP_GET_NEXT_KEY"),
    (5, "BPF_PROG_LOAD"),
    (6, "BPF_OBJ_PIN"),
    (7, "BPF_OBJ_GET"),
    (8, "BPF_PROG_ATTACH"),
    (9, "BPF_PROG_DETACH"),
    (10, "BPF_PROG_TEST_RUN"),
    (11, "BPF_PROG_GET_NEXT_ID"),
    (12, "BPF_MAP_GET_NEXT_ID"),
    (13, "BPF_PROG_GET_FD_BY_ID"),
    (14, "BPF_MAP_GET_FD_BY_ID"),
    (15, "BPF_OBJ_GET_INFO_BY_FD"),
    (16, "BPF_PROG_QUERY"),
    (17, "BPF_RAW_TRACEPOINT_OPEN"),
    (18, "BPF_BTF_LOAD"),
    (19, "BPF_BTF_GET_FD_BY_ID"),
    (20, "BPF_TASK_FD_QUERY"),
    (21, "BPF_MAP_LOOKUP_AND_DELETE_ELEM"),
    (22, "BPF_MAP_FREEZE"),
    (23, "BPF_BTF_GET_NEXT_ID"),
    (24, "BPF_MAP_LOOKUP_BATCH"),
    (25, "BPF_MAP_LOOKUP_AND_DELETE_BATCH"),
    (26, "BPF_MAP_UPDATE_BATCH"),
    (27, "BPF_MAP_DELETE_BATCH"),
    (28, "BPF_LINK_CREATE"),
    (29, "BPF_LINK_UPDATE"),
    (30, "BPF_LINK_GET_FD_BY_ID"),
    (31, "BPF_LINK_GET_NEXT_ID"),
    (32, "BPF_ENABLE_STATS"),
    (33, "BPF_ITER_CREATE"),
    (34, "BPF_LINK_DETACH"),
    (35, "BPF_PROG_BIND_MAP"),
    (36, "BPF_TOKEN_CREATE"),
];
