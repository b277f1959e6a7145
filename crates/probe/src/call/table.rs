//! The system calls that can be told: their numbers and what their arguments are.
//!
//! Numbers are the x86-64 ones, those of the 32-bit table, of socketcall(2) and of io_uring's
//! operations; `bpf/prog/call.bpf.c` is driven by the rows.

use crate::intf::{
    CallSpec,
    call::{ARG_CWD, ARG_NONE, ARG_RESULT, shape, spec_flag},
};

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) native: &'static [u16],
    pub(crate) compat: &'static [u16],
    pub(crate) socketcall: &'static [u16],
    pub(crate) uring: &'static [u16],
    pub(crate) spec: CallSpec,
}

const fn call(name: &'static str, native: &'static [u16], compat: &'static [u16]) -> Row {
    Row {
        name,
        native,
        compat,
        socketcall: &[],
        uring: &[],
        spec: CallSpec {
            call: 0,
            shape: shape::PLAIN,
            flags: 0,
            fd_arg: ARG_NONE,
            path_arg: ARG_NONE,
            dir_arg: ARG_NONE,
            other_arg: ARG_NONE,
            other_dir_arg: ARG_NONE,
            address_arg: ARG_NONE,
            pad: [0; 2],
        },
    }
}

impl Row {
    const fn socketcall(mut self, number: &'static [u16]) -> Self {
        self.socketcall = number;
        self
    }

    const fn uring(mut self, operation: &'static [u16]) -> Self {
        self.uring = operation;
        self
    }

    const fn shape(mut self, shape: u8) -> Self {
        self.spec.shape = shape;
        self
    }

    const fn flag(mut self, flag: u8) -> Self {
        self.spec.flags |= flag;
        self
    }

    const fn critical(self) -> Self {
        self.flag(spec_flag::CRITICAL)
    }

    /// The descriptor it is about is an argument.
    const fn fd(mut self, argument: u8) -> Self {
        self.spec.fd_arg = argument;
        self
    }

    /// It is the result.
    const fn makes_fd(self) -> Self {
        self.fd(ARG_RESULT)
    }

    /// A path relative to the working directory.
    const fn path(self, argument: u8) -> Self {
        self.path_at(ARG_CWD, argument)
    }

    /// A path relative to a descriptor.
    const fn path_at(mut self, dir: u8, argument: u8) -> Self {
        self.spec.dir_arg = dir;
        self.spec.path_arg = argument;
        self
    }

    /// A text that is no path.
    const fn text(self, argument: u8) -> Self {
        self.path_at(ARG_NONE, argument)
    }

    const fn other(self, argument: u8) -> Self {
        self.other_at(ARG_CWD, argument)
    }

    const fn other_at(mut self, dir: u8, argument: u8) -> Self {
        self.spec.other_dir_arg = dir;
        self.spec.other_arg = argument;
        self
    }

    const fn other_text(self, argument: u8) -> Self {
        self.other_at(ARG_NONE, argument)
    }

    const fn address(mut self, shape: u8, argument: u8) -> Self {
        self.spec.address_arg = argument;
        self.shape(shape)
    }
}

/// Place in the table plus one is what `rp_call.call` says.
pub(crate) const ALL: &[Row] = &[
    // Files that are opened.
    call("open", &[2], &[5]).path(0).shape(shape::OPEN),
    call("openat", &[257], &[295])
        .path_at(0, 1)
        .shape(shape::OPEN)
        .uring(&[18]),
    call("openat2", &[437], &[437])
        .path_at(0, 1)
        .shape(shape::OPEN_HOW)
        .uring(&[28]),
    call("creat", &[85], &[8]).path(0).shape(shape::OPEN),
    call("open_by_handle_at", &[304], &[342]).shape(shape::OPEN),
    // Names.
    call("rename", &[82], &[38]).path(0).other(1),
    call("renameat", &[264], &[302])
        .path_at(0, 1)
        .other_at(2, 3)
        .uring(&[35]),
    call("renameat2", &[316], &[353])
        .path_at(0, 1)
        .other_at(2, 3),
    call("unlink", &[87], &[10]).path(0),
    call("unlinkat", &[263], &[301]).path_at(0, 1).uring(&[36]),
    call("rmdir", &[84], &[40]).path(0),
    call("mkdir", &[83], &[39]).path(0),
    call("mkdirat", &[258], &[296]).path_at(0, 1).uring(&[37]),
    call("link", &[86], &[9]).path(0).other(1),
    call("linkat", &[265], &[303])
        .path_at(0, 1)
        .other_at(2, 3)
        .uring(&[39]),
    call("symlink", &[88], &[83]).text(0).other(1),
    call("symlinkat", &[266], &[304])
        .text(0)
        .other_at(1, 2)
        .uring(&[38]),
    call("mknod", &[133], &[14]).path(0),
    call("mknodat", &[259], &[297]).path_at(0, 1),
    // What a file is.
    call("chmod", &[90], &[15]).path(0),
    call("fchmod", &[91], &[94]).fd(0),
    call("fchmodat", &[268], &[306]).path_at(0, 1),
    call("fchmodat2", &[452], &[452]).path_at(0, 1),
    call("chown", &[92], &[182, 212]).path(0),
    call("fchown", &[93], &[95, 207]).fd(0),
    call("lchown", &[94], &[16, 198]).path(0),
    call("fchownat", &[260], &[298]).path_at(0, 1),
    call("truncate", &[76], &[92, 193]).path(0),
    call("ftruncate", &[77], &[93, 194]).fd(0),
    call("fallocate", &[285], &[324]).fd(0),
    call("utime", &[132], &[30]).path(0),
    call("utimes", &[235], &[271]).path(0),
    call("futimesat", &[261], &[299]).path_at(0, 1),
    call("utimensat", &[280], &[320, 412]).path_at(0, 1),
    call("setxattr", &[188], &[226])
        .path(0)
        .other_text(1)
        .critical(),
    call("lsetxattr", &[189], &[227])
        .path(0)
        .other_text(1)
        .critical(),
    call("fsetxattr", &[190], &[228])
        .fd(0)
        .other_text(1)
        .critical(),
    call("setxattrat", &[463], &[463])
        .path_at(0, 1)
        .other_text(3)
        .critical(),
    call("removexattr", &[197], &[235]).path(0).other_text(1),
    call("lremovexattr", &[198], &[236]).path(0).other_text(1),
    call("fremovexattr", &[199], &[237]).fd(0).other_text(1),
    // Descriptors.
    call("dup", &[32], &[41]).makes_fd(),
    call("dup2", &[33], &[63]).makes_fd(),
    call("dup3", &[292], &[330]).makes_fd(),
    call("fcntl", &[72], &[55, 221])
        .makes_fd()
        .shape(shape::FCNTL),
    call("memfd_create", &[319], &[356]).makes_fd().text(0),
    call("memfd_secret", &[447], &[447]).makes_fd(),
    call("pidfd_open", &[434], &[434]).makes_fd(),
    call("pidfd_getfd", &[438], &[438]).makes_fd(),
    call("userfaultfd", &[323], &[374]).makes_fd(),
    call("io_uring_setup", &[425], &[425]).makes_fd(),
    call("io_uring_register", &[427], &[427]).fd(0),
    call("inotify_add_watch", &[254], &[292]).fd(0).path(1),
    call("name_to_handle_at", &[303], &[341]).path_at(0, 1),
    // Places.
    call("chdir", &[80], &[12]).path(0),
    call("fchdir", &[81], &[133]).fd(0),
    call("chroot", &[161], &[61]).path(0).critical(),
    call("pivot_root", &[155], &[217])
        .path(0)
        .other(1)
        .critical(),
    call("mount", &[165], &[21]).text(0).other(1).critical(),
    call("umount", &[], &[22]).path(0).critical(),
    call("umount2", &[166], &[52]).path(0).critical(),
    call("open_tree", &[428], &[428])
        .path_at(0, 1)
        .makes_fd()
        .critical(),
    call("move_mount", &[429], &[429])
        .path_at(0, 1)
        .other_at(2, 3)
        .critical(),
    call("fsopen", &[430], &[430]).text(0).makes_fd().critical(),
    call("fsconfig", &[431], &[431])
        .fd(0)
        .other_text(2)
        .critical(),
    call("fsmount", &[432], &[432]).makes_fd().critical(),
    call("fspick", &[433], &[433])
        .path_at(0, 1)
        .makes_fd()
        .critical(),
    call("mount_setattr", &[442], &[442])
        .path_at(0, 1)
        .critical(),
    call("unshare", &[272], &[310]).critical(),
    call("setns", &[308], &[346]).fd(0).critical(),
    call("clone", &[56], &[120]).shape(shape::CLONE).critical(),
    call("clone3", &[435], &[435])
        .shape(shape::CLONE3)
        .critical(),
    // The kernel itself.
    call("init_module", &[175], &[128]).other_text(2).critical(),
    call("finit_module", &[313], &[350])
        .fd(0)
        .other_text(1)
        .critical(),
    call("delete_module", &[176], &[129]).text(0).critical(),
    call("bpf", &[321], &[357]).critical(),
    call("perf_event_open", &[298], &[336]).critical(),
    call("kexec_load", &[246, 528], &[283]).critical(),
    call("kexec_file_load", &[320], &[]).fd(0).critical(),
    call("iopl", &[172], &[110]).critical(),
    call("ioperm", &[173], &[101]).critical(),
    call("reboot", &[169], &[88]).critical(),
    call("syslog", &[103], &[103]),
    call("swapon", &[167], &[87]).path(0),
    call("acct", &[163], &[51]).path(0),
    call("sethostname", &[170], &[74]).text(0),
    call("setdomainname", &[171], &[121]).text(0),
    call("settimeofday", &[164], &[79]),
    call("clock_settime", &[227], &[264, 404]),
    call("quotactl", &[179], &[131]).other(1),
    call("fanotify_init", &[300], &[338]).makes_fd(),
    call("keyctl", &[250], &[288]),
    call("add_key", &[248], &[286]).text(0).other_text(1),
    call("request_key", &[249], &[287]).text(0).other_text(1),
    // Other processes.
    call("ptrace", &[101, 521], &[26]).critical(),
    call("process_vm_readv", &[310, 539], &[347]).critical(),
    call("process_vm_writev", &[311, 540], &[348]).critical(),
    call("kill", &[62], &[37]),
    call("tkill", &[200], &[238]),
    call("tgkill", &[234], &[270]),
    call("pidfd_send_signal", &[424], &[424]).fd(0),
    call("prlimit64", &[302], &[340]),
    // Who one is.
    call("prctl", &[157], &[172]),
    call("capset", &[126], &[185]).critical(),
    call("setuid", &[105], &[23, 213]),
    call("setgid", &[106], &[46, 214]),
    call("setreuid", &[113], &[70, 203]),
    call("setregid", &[114], &[71, 204]),
    call("setresuid", &[117], &[164, 208]),
    call("setresgid", &[119], &[170, 210]),
    call("setfsuid", &[122], &[138, 215]),
    call("setfsgid", &[123], &[139, 216]),
    call("setgroups", &[116], &[81, 206]),
    call("setsid", &[112], &[66]),
    call("personality", &[135], &[136]),
    call("seccomp", &[317], &[354]),
    // Sockets.
    call("socket", &[41], &[359])
        .makes_fd()
        .socketcall(&[1])
        .uring(&[45]),
    call("bind", &[49], &[361])
        .fd(0)
        .address(shape::ADDRESS, 1)
        .socketcall(&[2]),
    call("connect", &[42], &[362])
        .fd(0)
        .address(shape::ADDRESS, 1)
        .flag(spec_flag::PENDING)
        .socketcall(&[3])
        .uring(&[16]),
    call("listen", &[50], &[363]).fd(0).socketcall(&[4]),
    call("accept", &[43], &[]).makes_fd().socketcall(&[5]),
    call("accept4", &[288], &[364]).makes_fd().socketcall(&[18]),
    call("sendto", &[44], &[369])
        .fd(0)
        .address(shape::SEND, 4)
        .socketcall(&[11]),
    call("recvfrom", &[45, 517], &[371])
        .fd(0)
        .address(shape::RECEIVE, 4)
        .socketcall(&[12]),
    call("sendmsg", &[46, 518], &[370])
        .fd(0)
        .address(shape::MESSAGE, 1)
        .socketcall(&[16]),
    call("recvmsg", &[47, 519], &[372])
        .fd(0)
        .address(shape::MESSAGE, 1)
        .socketcall(&[17]),
    call("sendmmsg", &[307, 538], &[345])
        .fd(0)
        .address(shape::MESSAGE, 1)
        .socketcall(&[20]),
    call("recvmmsg", &[299, 537], &[337, 417])
        .fd(0)
        .address(shape::MESSAGE, 1)
        .socketcall(&[19]),
    // An exec that goes on is told as such.
    call("execve", &[59, 520], &[11])
        .path(0)
        .flag(spec_flag::ONLY_FAILED),
    call("execveat", &[322, 545], &[358])
        .path_at(0, 1)
        .flag(spec_flag::ONLY_FAILED),
];

/// The row of a name, as `rp_call.call` counts.
pub(crate) fn find(name: &str) -> Option<(u16, &'static Row)> {
    let at = ALL.iter().position(|row| row.name == name)?;
    Some((u16::try_from(at + 1).ok()?, &ALL[at]))
}

/// The row by what `rp_call.call` says.
pub(crate) fn row(call: u16) -> Option<&'static Row> {
    ALL.get(usize::from(call).checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intf::call::{COMPAT, SOCKET, URING};
    use std::{collections::BTreeSet, fs};

    #[test]
    fn names_and_numbers_are_unique_and_within_the_table() {
        let mut names = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        for row in ALL {
            assert!(names.insert(row.name), "{}", row.name);
            for (list, base, end) in [
                (row.native, 0, COMPAT),
                (row.compat, COMPAT, SOCKET),
                (row.socketcall, SOCKET, URING),
                (row.uring, URING, URING + 256),
            ] {
                for number in list {
                    let index = base + u32::from(*number);
                    assert!(index < end, "{} {number}", row.name);
                    assert!(numbers.insert(index), "{} {number}", row.name);
                }
            }
            assert_eq!(
                find(row.name)
                    .and_then(|(call, _)| super::row(call))
                    .map(|r| r.name),
                Some(row.name)
            );
        }
        assert!(row(0).is_none() && row(u16::MAX).is_none());
    }

    /// Against the headers of this machine, where there are any.
    #[test]
    fn numbers_are_those_of_the_kernels_headers() {
        let dir = "/usr/include/x86_64-linux-gnu/asm";
        for (file, numbers) in [
            (
                "unistd_64.h",
                (|row| row.native) as fn(&Row) -> &'static [u16],
            ),
            ("unistd_32.h", |row| row.compat),
        ] {
            let Ok(text) = fs::read_to_string(format!("{dir}/{file}")) else {
                eprintln!("skipped: no {file} here");
                continue;
            };
            let defined = |name: &str| -> Option<u16> {
                text.lines().find_map(|line| {
                    let rest = line.strip_prefix("#define __NR_")?;
                    let (found, number) = rest.split_once(' ')?;
                    (found == name).then(|| number.trim().parse().ok())?
                })
            };
            for row in ALL {
                let mut listed: Vec<u16> = ["", "32", "64", "_time64"]
                    .iter()
                    .filter_map(|suffix| defined(&format!("{}{suffix}", row.name)))
                    .collect();
                listed.sort_unstable();
                // The headers may be older than a call; x32 has numbers of its own, from 512 on.
                if listed.is_empty() {
                    continue;
                }
                let mut ours: Vec<u16> =
                    numbers(row).iter().copied().filter(|n| *n < 512).collect();
                ours.sort_unstable();
                assert_eq!(ours, listed, "{} in {file}", row.name);
            }
        }
    }
}
