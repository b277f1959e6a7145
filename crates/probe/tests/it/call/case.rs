//! One case for each kind of system call that is told: how it is made, and what must be told of it.

use super::{ptr, text};
use std::ffi::CString;

/// What is expected of a call: name, its words, path, other path, and whether it has a descriptor.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) words: Vec<i64>,
    pub(super) path: String,
    pub(super) other: String,
    pub(super) has_fd: bool,
}

fn case(name: &'static str, words: &[i64]) -> Case {
    Case {
        name,
        words: words.to_vec(),
        path: String::new(),
        other: String::new(),
        has_fd: false,
    }
}

impl Case {
    fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    fn other(mut self, other: &str) -> Self {
        other.clone_into(&mut self.other);
        self
    }

    fn fd(mut self) -> Self {
        self.has_fd = true;
        self
    }
}

/// Strings that live as long as the cases that point to them.
#[derive(Default)]
pub(super) struct Texts(Vec<CString>);

impl Texts {
    fn of(&mut self, value: &str) -> i64 {
        let value = text(value);
        // The buffer stays where it is when the vector grows.
        let at = ptr(&value);
        self.0.push(value);
        at
    }
}

pub(super) const CWD: i64 = libc::AT_FDCWD as i64;
/// Descriptors that the child puts in place: a folder and a file.
pub(super) const DIR_FD: i64 = 100;
pub(super) const FILE_FD: i64 = 101;
pub(super) const NOWHERE: i64 = 0x10;

/// `at` is the working directory, DIR_FD its `sub`.
pub(super) fn path_cases(at: &str, texts: &mut Texts) -> Vec<Case> {
    let mut t = |s: &str| texts.of(s);
    let here = |name: &str| format!("{at}/{name}");
    let below = |name: &str| format!("{at}/sub/{name}");
    vec![
        case("mkdir", &[libc::SYS_mkdir, t("new"), 0o755]).path(&here("new")),
        case("mkdirat", &[libc::SYS_mkdirat, DIR_FD, t("new"), 0o755]).path(&below("new")),
        case("rmdir", &[libc::SYS_rmdir, t("./new/../new")]).path(&here("new")),
        case(
            "unlinkat",
            &[
                libc::SYS_unlinkat,
                DIR_FD,
                t("new"),
                libc::AT_REMOVEDIR.into(),
            ],
        )
        .path(&below("new")),
        case("rename", &[libc::SYS_rename, t("a"), t("b")])
            .path(&here("a"))
            .other(&here("b")),
        case(
            "renameat",
            &[libc::SYS_renameat, CWD, t("b"), DIR_FD, t("c")],
        )
        .path(&here("b"))
        .other(&below("c")),
        case(
            "renameat2",
            &[libc::SYS_renameat2, DIR_FD, t("c"), CWD, t("a"), 0],
        )
        .path(&below("c"))
        .other(&here("a")),
        case("link", &[libc::SYS_link, t("a"), t("hard")])
            .path(&here("a"))
            .other(&here("hard")),
        case(
            "linkat",
            &[libc::SYS_linkat, CWD, t("a"), DIR_FD, t("hard"), 0],
        )
        .path(&here("a"))
        .other(&below("hard")),
        case("symlink", &[libc::SYS_symlink, t("../x"), t("soft")])
            .path("../x")
            .other(&here("soft")),
        case(
            "symlinkat",
            &[libc::SYS_symlinkat, t("/y"), DIR_FD, t("soft")],
        )
        .path("/y")
        .other(&below("soft")),
        case("unlink", &[libc::SYS_unlink, t("hard")]).path(&here("hard")),
        case("mknod", &[libc::SYS_mknod, t("fifo"), 0o10600, 0]).path(&here("fifo")),
        case(
            "mknodat",
            &[libc::SYS_mknodat, DIR_FD, t("fifo"), 0o10600, 0],
        )
        .path(&below("fifo")),
        case("chmod", &[libc::SYS_chmod, t("a"), 0o4755]).path(&here("a")),
        case("fchmodat", &[libc::SYS_fchmodat, DIR_FD, t("../a"), 0o600]).path(&here("a")),
        case(
            "fchmodat2",
            &[452, DIR_FD, t(""), 0o711, libc::AT_EMPTY_PATH.into()],
        )
        .path(&format!("{at}/sub")),
        case("fchmod", &[libc::SYS_fchmod, FILE_FD, 0o640]).fd(),
        case("chown", &[libc::SYS_chown, t("a"), 0, 0]).path(&here("a")),
        case("lchown", &[libc::SYS_lchown, t("soft"), 0, 0]).path(&here("soft")),
        case("fchown", &[libc::SYS_fchown, FILE_FD, 0, 0]).fd(),
        case("fchownat", &[libc::SYS_fchownat, CWD, t("a"), 0, 0, 0]).path(&here("a")),
        case("truncate", &[libc::SYS_truncate, t("a"), 3]).path(&here("a")),
        case("ftruncate", &[libc::SYS_ftruncate, FILE_FD, 2]).fd(),
        case("utimensat", &[libc::SYS_utimensat, DIR_FD, t("../a"), 0, 0]).path(&here("a")),
        case(
            "setxattr",
            &[
                libc::SYS_setxattr,
                t("a"),
                t("security.capability"),
                t("junk"),
                4,
                0,
            ],
        )
        .path(&here("a"))
        .other("security.capability"),
        case(
            "fsetxattr",
            &[libc::SYS_fsetxattr, FILE_FD, t("user.x"), t("v"), 1, 0],
        )
        .other("user.x")
        .fd(),
    ]
}

/// Like [`path_cases`]: what changes the tree of mounts, folders and modules.
pub(super) fn tree_cases(at: &str, texts: &mut Texts) -> Vec<Case> {
    let mut t = |s: &str| texts.of(s);
    let here = |name: &str| format!("{at}/{name}");
    let below = |name: &str| format!("{at}/sub/{name}");
    vec![
        case(
            "mount",
            &[libc::SYS_mount, t("none"), t("absent"), t("proc"), 1, 0],
        )
        .path("none")
        .other(&here("absent")),
        case("umount2", &[libc::SYS_umount2, t("absent"), 2]).path(&here("absent")),
        case("open_tree", &[428, CWD, t("absent"), 0]).path(&here("absent")),
        case("move_mount", &[429, DIR_FD, t("absent"), CWD, t("sub"), 0])
            .path(&below("absent"))
            .other(&here("sub")),
        case("pivot_root", &[libc::SYS_pivot_root, t("absent"), t("sub")])
            .path(&here("absent"))
            .other(&here("sub")),
        case("chroot", &[libc::SYS_chroot, t("absent")]).path(&here("absent")),
        case("chdir", &[libc::SYS_chdir, t("absent")]).path(&here("absent")),
        case("execve", &[libc::SYS_execve, t("absent"), 0, 0]).path(&here("absent")),
        case(
            "execveat",
            &[libc::SYS_execveat, DIR_FD, t("absent"), 0, 0, 0],
        )
        .path(&below("absent")),
        case(
            "delete_module",
            &[libc::SYS_delete_module, t("no_such_module"), 0],
        )
        .path("no_such_module"),
        case(
            "finit_module",
            &[libc::SYS_finit_module, FILE_FD, t("option=1"), 0],
        )
        .other("option=1")
        .fd(),
    ]
}

pub(super) fn other_cases(texts: &mut Texts) -> Vec<Case> {
    let sock = i64::from(libc::SOCK_STREAM);
    vec![
        case("dup", &[libc::SYS_dup, FILE_FD]).fd(),
        case("dup2", &[libc::SYS_dup2, FILE_FD, 110]).fd(),
        case(
            "dup3",
            &[libc::SYS_dup3, FILE_FD, 111, libc::O_CLOEXEC.into()],
        )
        .fd(),
        case(
            "fcntl",
            &[libc::SYS_fcntl, FILE_FD, libc::F_DUPFD.into(), 50],
        )
        .fd(),
        case(
            "memfd_create",
            &[libc::SYS_memfd_create, texts.of("hidden"), 0],
        )
        .path("hidden")
        .fd(),
        case("ptrace", &[libc::SYS_ptrace, 16, 0x7fff_fff0, 0, 0]),
        case("unshare", &[libc::SYS_unshare, libc::CLONE_NEWUTS.into()]),
        case("setns", &[libc::SYS_setns, FILE_FD, 0]).fd(),
        case(
            "init_module",
            &[libc::SYS_init_module, NOWHERE, 4, texts.of("p=1")],
        )
        .other("p=1"),
        case("bpf", &[libc::SYS_bpf, 0, NOWHERE, 8]),
        case(
            "perf_event_open",
            &[libc::SYS_perf_event_open, NOWHERE, 0, -1, -1, 0],
        ),
        case("userfaultfd", &[libc::SYS_userfaultfd, 0xffff]),
        case(
            "process_vm_writev",
            &[libc::SYS_process_vm_writev, 0x7fff_fff0, 0, 0, 0, 0, 0],
        ),
        case("keyctl", &[libc::SYS_keyctl, 999, 1, 2]),
        case("io_uring_setup", &[libc::SYS_io_uring_setup, 0, NOWHERE]),
        case("kill", &[libc::SYS_kill, 0x7fff_fff0, 9]),
        case("tgkill", &[libc::SYS_tgkill, 0x7fff_fff0, 0x7fff_fff0, 9]),
        case("prctl", &[libc::SYS_prctl, libc::PR_SET_DUMPABLE.into(), 1]),
        case("capset", &[libc::SYS_capset, NOWHERE, NOWHERE]),
        case("setsid", &[libc::SYS_setsid]),
        case("setgid", &[libc::SYS_setgid, 0]),
        case("setresuid", &[libc::SYS_setresuid, 0, 0, 0]),
        case("setreuid", &[libc::SYS_setreuid, 0, 0]),
        case("setuid", &[libc::SYS_setuid, 0]),
        case("socket", &[libc::SYS_socket, libc::AF_INET.into(), sock, 6]).fd(),
        case("listen", &[libc::SYS_listen, FILE_FD, 5]).fd(),
        case("accept4", &[libc::SYS_accept4, FILE_FD, 0, 0, 0]),
    ]
}
