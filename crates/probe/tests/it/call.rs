//! System calls as they are told: real processes make each kind of call once.

mod case;

use crate::rig::{Cgroup, Container, Rig, able, has, in_child, until};
use case::{CWD, DIR_FD, FILE_FD, NOWHERE, Texts, other_cases, path_cases, tree_cases};
use rampart_probe::{
    Address, Attach, Call, CallFdKind, CallFilter, Config, Error, Event, PathFilter, Via,
};
use std::{
    collections::BTreeSet,
    ffi::CString,
    fs,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::{MetadataExt, symlink},
    },
    path::Path,
};

const LABEL: u32 = 61;

/// A probe and a labelled cgroup to act in.
struct Stage {
    rig: Rig,
    cgroup: Cgroup,
    dir: tempfile::TempDir,
}

impl Stage {
    fn new(name: &str, filter: &CallFilter) -> Self {
        let rig = Rig::new(Config::default());
        let cgroup = Cgroup::new(name);
        rig.control
            .attach_workload(&Attach {
                label: LABEL,
                cgroup_id: cgroup.id,
                pid: 0,
            })
            .unwrap();
        rig.control.watch_calls(filter).unwrap();
        Self {
            rig,
            cgroup,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn act(&self, body: impl FnOnce() -> i32) {
        assert_eq!(in_child(&self.cgroup.path, None, body), 0);
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn wait(&self, what: &str, want: impl Fn(&Call) -> bool) -> Call {
        self.rig.kept.wait(what, |e| match e {
            Event::Call(call) => (call.task.label == LABEL && want(call)).then(|| (**call).clone()),
            _ => None,
        })
    }

    fn all(&self, want: impl Fn(&Call) -> bool) -> Vec<Call> {
        self.rig.kept.all(|e| match e {
            Event::Call(call) => (call.task.label == LABEL && want(call)).then(|| (**call).clone()),
            _ => None,
        })
    }

    /// Everything told before is delivered: a call of a kind that the test does not make, at the
    /// end of both rings.
    fn settle(&self, marker: &str) {
        let path = text(marker);
        self.act(|| sys(&[libc::SYS_mkdir, ptr(&path), 0o700]).min(0) as i32);
        self.wait("the marker", |c| c.name == "mkdir" && c.path == marker);
    }
}

fn filter(calls: &[&'static str]) -> CallFilter {
    CallFilter {
        calls: calls.iter().copied().collect(),
        ..CallFilter::default()
    }
}

fn text(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().to_str().unwrap()).unwrap()
}

fn ptr(text: &CString) -> i64 {
    text.as_ptr() as i64
}

/// A raw system call: number and arguments; a negative error number where it fails.
fn sys(words: &[i64]) -> i64 {
    let word = |i: usize| words.get(i).copied().unwrap_or(0);
    // SAFETY: the callers pass what the call takes; none changes memory of this process but what
    // it was given.
    let result = unsafe {
        libc::syscall(
            word(0),
            word(1),
            word(2),
            word(3),
            word(4),
            word(5),
            word(6),
        )
    };
    if result == -1 {
        -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap())
    } else {
        result
    }
}

#[test]
fn opens_are_told_with_the_file_that_was_opened() {
    if !able() {
        return;
    }
    let calls = ["open", "openat", "openat2", "creat", "mkdir"];
    let stage = Stage::new("opens", &filter(&calls));
    let real = stage.path("real");
    fs::create_dir(&real).unwrap();
    fs::write(stage.path("real/file"), "x").unwrap();
    symlink("real", stage.path("link")).unwrap();
    let (linked, dir) = (text(stage.path("link/../link/./file")), text(&real));
    let (name, fresh) = (text("../link/file"), text(stage.path("fresh")));
    let how = [libc::O_RDWR as u64, 0, 0];
    stage.act(|| {
        let fd = sys(&[libc::SYS_open, ptr(&linked), libc::O_RDONLY.into()]);
        let dir = sys(&[
            libc::SYS_open,
            ptr(&dir),
            (libc::O_DIRECTORY | libc::O_PATH).into(),
        ]);
        let at = sys(&[libc::SYS_openat, dir, ptr(&name), libc::O_WRONLY.into()]);
        let how = sys(&[libc::SYS_openat2, dir, ptr(&name), how.as_ptr() as i64, 24]);
        let made = sys(&[libc::SYS_creat, ptr(&fresh), 0o640]);
        i32::from([fd, dir, at, how, made].iter().any(|r| *r < 0))
    });
    let file = stage.path("real/file");
    let id = fs::metadata(&file).unwrap();
    for (name, path, flags) in [
        ("open", &file, libc::O_RDONLY),
        ("openat", &file, libc::O_WRONLY),
        ("openat2", &file, libc::O_RDWR),
        ("creat", &stage.path("fresh"), libc::O_WRONLY),
    ] {
        let call = stage.wait(name, |c| c.name == name && c.path == *path);
        let fd = call.fd.unwrap();
        assert!(call.resolved && !call.truncated, "{name}");
        assert_eq!(call.result, i64::from(fd.number), "{name}");
        assert_eq!(fd.kind, CallFdKind::File);
        assert_eq!(fd.path, *path);
        assert_eq!(fd.flags.cast_signed() & libc::O_ACCMODE, flags, "{name}");
        assert_eq!(fd.created, name == "creat");
        if *path == file {
            assert_eq!((fd.file.dev, fd.file.ino), (id.dev(), id.ino()));
        }
    }
    let directory = stage.wait("directory", |c| c.path == real);
    assert_eq!(directory.fd.unwrap().kind, CallFdKind::Directory);
    stage.settle(&stage.path("marker"));
    assert_eq!(stage.all(|c| c.path == file).len(), 3);
}

#[test]
fn each_call_arrives_once_with_its_arguments() {
    if !able() {
        return;
    }
    let rig_filter = CallFilter {
        failed: true,
        ..filter(&[])
    };
    let stage = Stage::new("each", &rig_filter);
    let at = stage.dir.path().to_str().unwrap().to_owned();
    fs::create_dir(stage.path("sub")).unwrap();
    fs::write(stage.path("a"), "content").unwrap();
    let (sub, file) = (text(stage.path("sub")), text(stage.path("a")));
    let mut texts = Texts::default();
    let mut cases = path_cases(&at, &mut texts);
    cases.extend(tree_cases(&at, &mut texts));
    cases.extend(other_cases(&mut texts));
    let calls = CallFilter {
        calls: cases.iter().map(|c| c.name).collect(),
        ..rig_filter
    };
    let results = stage.path("results");
    // Of this process, which the child inherits them from: nobody asks for its calls.
    for (path, flags, wanted) in [(&sub, libc::O_PATH, DIR_FD), (&file, libc::O_RDWR, FILE_FD)] {
        let fd = sys(&[libc::SYS_open, ptr(path), flags.into()]);
        assert_eq!(sys(&[libc::SYS_dup2, fd, wanted]), wanted);
    }
    stage.rig.control.watch_calls(&calls).unwrap();
    stage.act(|| {
        sys(&[libc::SYS_fchdir, DIR_FD]);
        sys(&[libc::SYS_chdir, c"..".as_ptr() as i64]);
        let told: Vec<String> = cases.iter().map(|c| sys(&c.words).to_string()).collect();
        fs::write(&results, told.join(" ")).unwrap();
        0
    });
    let results = fs::read_to_string(results).unwrap();
    let results: Vec<i64> = results.split(' ').map(|r| r.parse().unwrap()).collect();
    stage.settle(&stage.path("marker"));
    for (case, result) in cases.iter().zip(results) {
        // Only since 6.6.
        if case.name == "fchmodat2" && result == -i64::from(libc::ENOSYS) {
            continue;
        }
        let told =
            stage.all(|c| c.name == case.name && !c.path.ends_with("marker") && c.path != at);
        let [call] = &told[..] else {
            panic!("{}: {told:#?}", case.name);
        };
        let args: Vec<i64> = call.args.iter().map(|a| a.cast_signed()).collect();
        let given = &case.words[1..];
        assert_eq!(&args[..given.len()], given, "{}", case.name);
        assert_eq!(call.result, result, "{}", case.name);
        assert_eq!(call.path, case.path, "{}", case.name);
        assert_eq!(call.other_path, case.other, "{}", case.name);
        assert!(!call.truncated, "{}", case.name);
        assert_eq!(call.fd.is_some(), case.has_fd, "{}: {result}", case.name);
        if let Some(fd) = &call.fd
            && given.first() == Some(&FILE_FD)
        {
            assert_eq!(fd.path, stage.path("a"), "{}", case.name);
            assert_eq!(fd.kind, CallFdKind::File, "{}", case.name);
        }
    }
    let memfd = &stage.all(|c| c.name == "memfd_create")[0];
    assert_eq!(memfd.fd.as_ref().unwrap().kind, CallFdKind::Unlinked);
    let socket = stage.all(|c| c.name == "socket").remove(0).fd.unwrap();
    assert_eq!(
        (
            socket.kind,
            socket.family,
            socket.socket_type,
            socket.protocol
        ),
        (CallFdKind::Inet, 2, 1, 6)
    );
}

#[test]
fn new_namespaces_of_a_child_are_told_to_its_parent() {
    if !able() {
        return;
    }
    let stage = Stage::new("clone", &filter(&["clone", "clone3", "mkdir"]));
    let flags = i64::from(libc::CLONE_NEWUTS);
    let plain = i64::from(libc::SIGCHLD);
    let clone3 = |flags: i64| {
        let arguments = [flags, 0, 0, 0, plain, 0, 0, 0];
        sys(&[libc::SYS_clone3, arguments.as_ptr() as i64, 64])
    };
    stage.act(|| {
        for child in [
            &|| sys(&[libc::SYS_clone, flags | plain]),
            &|| sys(&[libc::SYS_clone, plain]),
            &|| clone3(flags),
            &|| clone3(0),
        ] as [&dyn Fn() -> i64; 4]
        {
            match child() {
                // SAFETY: the child leaves at once.
                0 => unsafe { libc::_exit(0) },
                // SAFETY: waits for the child just made.
                pid if pid > 0 => unsafe { libc::waitpid(pid as i32, std::ptr::null_mut(), 0) },
                _ => return 1,
            };
        }
        0
    });
    stage.settle(&stage.path("marker"));
    let told: Vec<_> = stage
        .all(|c| c.name != "mkdir")
        .iter()
        .map(|c| (c.name, c.args[0].cast_signed(), c.result > 0))
        .collect();
    assert_eq!(
        told,
        [("clone", flags | plain, true), ("clone3", flags, true)]
    );
}

#[test]
fn hostile_strings_are_told_and_marked() {
    if !able() {
        return;
    }
    let stage = Stage::new(
        "hostile",
        &CallFilter {
            failed: true,
            ..filter(&["openat", "unlink", "rename", "mkdir"])
        },
    );
    let bytes = CString::new(&b"/no\xff\xfe/such"[..]).unwrap();
    let long = CString::new(vec![b'x'; 6000]).unwrap();
    let deep = text(format!("/{}", "d/".repeat(1500)));
    let fine = text("/fine");
    stage.act(|| {
        sys(&[libc::SYS_openat, CWD, ptr(&bytes), 0]);
        sys(&[libc::SYS_unlink, ptr(&bytes)]);
        sys(&[libc::SYS_unlink, ptr(&long)]);
        sys(&[libc::SYS_unlink, NOWHERE]);
        sys(&[libc::SYS_unlink, ptr(&deep)]);
        sys(&[libc::SYS_openat, 9999, ptr(&long) + 5990, 0]);
        sys(&[libc::SYS_rename, ptr(&fine), NOWHERE]);
        0
    });
    stage.settle(&stage.path("marker"));
    let told = |name: &str| stage.all(|c| c.name == name);
    let opens = told("openat");
    assert_eq!(opens.len(), 2, "{opens:#?}");
    assert_eq!(opens[0].path, "/no\u{fffd}\u{fffd}/such");
    assert!(opens[0].truncated && opens[0].fd.is_none());
    assert_eq!(opens[1].path, "x".repeat(10));
    assert!(opens[1].truncated);
    let unlinks = told("unlink");
    assert_eq!(unlinks.len(), 4, "{unlinks:#?}");
    assert!(unlinks[0].truncated && unlinks[0].path.ends_with("such"));
    assert!(unlinks[1].truncated && unlinks[1].path.len() >= 4095);
    assert!(unlinks[2].truncated);
    assert_eq!(unlinks[3].path.len(), 3000);
    assert!(!unlinks[3].truncated);
    let renames = told("rename");
    assert_eq!(renames[0].path, "/fine");
    assert!(renames[0].truncated);
}

#[test]
fn reads_are_told_by_path_and_writes_always() {
    if !able() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for name in ["vault", "home/.aws", "home/other"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    let files = [
        "vault/secret",
        "home/.aws/key",
        "home/other/id_rsa",
        "home/other/plain",
        "home/other/id_rsa.pub",
        "home/other/vault",
    ];
    for name in files {
        fs::write(path(name), "x").unwrap();
    }
    let set = |s: String| BTreeSet::from([s]);
    let reads = PathFilter {
        prefixes: set(path("vault/")),
        names: set("id_rsa".to_owned()),
        components: set(".aws".to_owned()),
    };
    let stage = Stage::new(
        "reads",
        &CallFilter {
            reads: Some(reads),
            ..filter(&["open", "mkdir"])
        },
    );
    let texts: Vec<CString> = files.iter().map(|f| text(path(f))).collect();
    let open_all = |flags: i32| {
        stage.act(|| {
            // Twice: the same open again is told once.
            for file in texts.iter().chain(&texts) {
                if sys(&[libc::SYS_open, ptr(file), flags.into()]) < 0 {
                    return 1;
                }
            }
            0
        });
    };
    let told = |skip: usize| -> Vec<String> {
        let calls = stage.all(|c| c.name == "open");
        calls.into_iter().skip(skip).map(|c| c.path).collect()
    };
    open_all(libc::O_RDONLY);
    stage.settle(&stage.path("first"));
    assert_eq!(
        told(0),
        ["vault/secret", "home/.aws/key", "home/other/id_rsa"].map(path)
    );
    open_all(libc::O_WRONLY);
    stage.settle(&stage.path("second"));
    assert_eq!(
        told(3),
        [files, files]
            .concat()
            .iter()
            .map(|f| path(f))
            .collect::<Vec<_>>()
    );
    // Another filter: by one name only.
    let reads = PathFilter {
        names: set("plain".to_owned()),
        ..PathFilter::default()
    };
    let changed = CallFilter {
        reads: Some(reads),
        ..filter(&["open", "mkdir"])
    };
    stage.rig.control.watch_calls(&changed).unwrap();
    open_all(libc::O_RDONLY);
    stage.settle(&stage.path("third"));
    assert_eq!(told(15), [path("home/other/plain")]);
}

/// Whether this process holds a link to system calls.
fn is_attached() -> bool {
    fs::read_dir("/proc/self/fdinfo")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
        .any(|info| info.lines().any(|l| l == "tp_name:\tsys_exit"))
}

#[test]
fn nothing_is_attached_while_nobody_asks() {
    if !able() {
        return;
    }
    let mut stage = Stage::new("asked", &filter(&[]));
    assert!(!is_attached());
    stage
        .rig
        .control
        .watch_calls(&filter(&["mkdir", "rmdir"]))
        .unwrap();
    assert!(is_attached());
    stage.settle(&stage.path("one"));
    let unknown = stage.rig.control.watch_calls(&filter(&["opens"]));
    assert!(matches!(unknown, Err(Error::UnknownCall(name)) if name == "opens"));
    assert!(is_attached());
    // Failures were not asked for, nor was the host.
    let again = text(stage.path("one"));
    stage.act(|| i32::from(sys(&[libc::SYS_mkdir, ptr(&again), 0o700]) == 0));
    fs::create_dir(stage.path("hosts")).unwrap();
    stage.settle(&stage.path("two"));
    let told = |name: &str| {
        let calls = |e: &Event| match e {
            Event::Call(c) if c.name == name => Some(c.path.clone()),
            _ => None,
        };
        stage.rig.kept.all(calls)
    };
    assert_eq!(told("mkdir"), [stage.path("one"), stage.path("two")]);
    stage.rig.control.watch_calls(&filter(&[])).unwrap();
    assert!(!is_attached());
    stage.rig.control.watch_calls(&filter(&["mkdir"])).unwrap();
    stage.rig.stop();
    assert!(!is_attached());
    assert!(stage.rig.control.watch_calls(&filter(&["mkdir"])).is_err());
}

#[test]
fn calls_of_the_host_are_told_when_asked_for() {
    if !able() {
        return;
    }
    let stage = Stage::new(
        "host",
        &CallFilter {
            host: true,
            ..filter(&["mkdir"])
        },
    );
    let made = stage.path("by-the-host");
    let status = std::process::Command::new("/bin/mkdir").arg(&made).status();
    assert!(status.unwrap().success());
    let call = stage.rig.kept.wait("the host's call", |e| match e {
        Event::Call(c) if c.path == made => Some((**c).clone()),
        _ => None,
    });
    assert_eq!((call.task.label, call.task.comm.as_str()), (0, "mkdir"));
}

/// A call through the 32-bit table; pointers must be below 4 GiB.
fn compat(number: u32, args: [u32; 3]) -> i32 {
    let result: u64;
    // SAFETY: the calls made here change no memory of this process; rbx, which the compiler keeps
    // for itself, is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}",
            "int 0x80",
            "xchg rbx, {first}",
            first = inout(reg) u64::from(args[0]) => _,
            inout("rax") u64::from(number) => result,
            in("rcx") u64::from(args[1]),
            in("rdx") u64::from(args[2]),
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result as i32
}

/// Memory below 4 GiB that holds the bytes.
fn low(bytes: &[u8]) -> u32 {
    // SAFETY: a fresh mapping, written within its page and never given back.
    unsafe {
        let page = libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
            -1,
            0,
        );
        assert!(page != libc::MAP_FAILED);
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), page.cast(), bytes.len());
        u32::try_from(page as u64).unwrap()
    }
}

#[test]
fn calls_of_the_32_bit_table_are_told() {
    if !able() {
        return;
    }
    let calls = ["open", "socket", "connect", "mkdir"];
    let stage = Stage::new("compat", &filter(&calls));
    let file = stage.path("file");
    fs::write(&file, "x").unwrap();
    let name = text(&file);
    let address = unix_address(b"/absent");
    // SAFETY: asks for a number only.
    if compat(20, [0; 3]) != unsafe { libc::getpid() } {
        eprintln!("skipped: this kernel takes no 32-bit calls");
        return;
    }
    stage.act(|| {
        let path = low(name.as_bytes_with_nul());
        let fd = compat(5, [path, libc::O_RDWR as u32, 0]);
        // Through socketcall.
        let words = |words: [u32; 3]| low(&words.map(u32::to_ne_bytes).concat());
        let socket = compat(102, [1, words([1, 1, 0]), 0]);
        let address = words([socket as u32, low(&address), address.len() as u32]);
        compat(102, [3, address, 0]);
        i32::from(fd < 0 || socket < 0)
    });
    let open = stage.wait("open", |c| c.name == "open" && c.via == Via::Compat);
    assert_eq!((open.path.as_str(), open.resolved), (file.as_str(), true));
    assert_eq!(open.args[1], libc::O_RDWR as u64);
    let socket = stage.wait("socket", |c| c.name == "socket");
    assert_eq!((socket.via, &socket.args[..2]), (Via::Compat, &[1, 1][..]));
    assert_eq!(socket.fd.unwrap().kind, CallFdKind::Unix);
    stage.settle(&stage.path("marker"));
    // It failed: nothing listens there.
    assert!(stage.all(|c| c.name == "connect").is_empty());
}

fn unix_address(name: &[u8]) -> Vec<u8> {
    [&1u16.to_ne_bytes()[..], name].concat()
}

/// Takes what the sockets of a child are told as.
#[test]
fn sockets_are_told_with_their_addresses() {
    if !able() {
        return;
    }
    let calls = [
        "socket", "bind", "listen", "connect", "accept4", "accept", "sendto", "sendmsg",
        "recvfrom", "dup2", "mkdir",
    ];
    let stage = Stage::new("sockets", &filter(&calls));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = stage.path("log");
    stage.act(|| {
        use std::os::unix::net::UnixDatagram;
        let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        sys(&[libc::SYS_dup2, stream.as_raw_fd().into(), 120]);
        let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _peer = std::net::TcpStream::connect(own.local_addr().unwrap()).unwrap();
        own.accept().unwrap();
        let one = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let two = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..5 {
            one.send_to(b"x", two.local_addr().unwrap()).unwrap();
        }
        one.send_to(b"x", ("127.0.0.1", 9)).unwrap();
        // A connected socket says no address, and is not told.
        two.connect(one.local_addr().unwrap()).unwrap();
        two.send(b"x").unwrap();
        one.recv_from(&mut [0; 4]).unwrap();
        let receiver = UnixDatagram::bind(&log).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"x", &log).unwrap();
        drop(receiver);
        send_message(one.as_raw_fd(), two.local_addr().unwrap().port());
        0
    });
    stage.settle(&stage.path("marker"));
    let to_port = |c: &Call, port: u16| {
        c.address == Some(Address::Inet((std::net::Ipv4Addr::LOCALHOST, port).into()))
    };
    let connect = stage.wait("connect", |c| c.name == "connect" && to_port(c, port));
    let fd = connect.fd.unwrap();
    assert_eq!(fd.kind, CallFdKind::Inet);
    assert_eq!(fd.peer.unwrap().port(), port);
    assert_eq!(fd.local.unwrap().ip().to_string(), "127.0.0.1");
    let dup = stage.wait("dup2", |c| c.name == "dup2" && c.result == 120);
    let dup_fd = dup.fd.unwrap();
    assert_eq!((dup_fd.number, dup_fd.peer), (120, fd.peer));
    let accepted = stage.wait("accept", |c| c.name == "accept4");
    assert!(accepted.fd.unwrap().peer.is_some());
    let sends: Vec<Call> = stage.all(|c| c.name == "sendto");
    let inet: Vec<&Call> = sends
        .iter()
        .filter(|c| matches!(c.address, Some(Address::Inet(_))))
        .collect();
    assert_eq!(inet.len(), 2, "{inet:#?}");
    assert!(to_port(inet[1], 9));
    let unix = Some(Address::Unix(log));
    assert_eq!(sends.iter().filter(|c| c.address == unix).count(), 1);
    assert_eq!(stage.all(|c| c.name == "sendmsg").len(), 1);
    let received = stage.all(|c| c.name == "recvfrom");
    assert!(
        matches!(received[0].address, Some(Address::Inet(_))),
        "{received:#?}"
    );
    assert!(
        !stage
            .all(|c| c.name == "bind" && c.address.is_some())
            .is_empty()
    );
    assert_eq!(stage.all(|c| c.name == "listen").len(), 1);
}

fn send_message(socket: RawFd, port: u16) {
    let mut address = [0u8; 16];
    address[..2].copy_from_slice(&2u16.to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    let mut data = [1u8; 4];
    let mut part = libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: data.len(),
    };
    // SAFETY: a plain structure; what it points to outlives the call.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_name = address.as_mut_ptr().cast();
        message.msg_namelen = 16;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        assert!(libc::sendmsg(socket, &raw const message, 0) > 0);
    }
}

/// One operation through a ring of its own; false where the kernel has none.
fn ring_operation(opcode: u8, fd: i32, address: u64, len: u32, offset: u64, flags: u32) -> bool {
    let mut parameters = [0u32; 30];
    let ring = sys(&[libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr() as i64]);
    if ring < 0 {
        return false;
    }
    let map = |size: usize, offset: i64| {
        // SAFETY: a fresh shared mapping of the ring's own memory.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                ring as i32,
                offset,
            )
        };
        assert!(at != libc::MAP_FAILED);
        at.cast::<u8>()
    };
    // io_uring_params: sq_off begins at word 10: head, tail, ring_mask, ring_entries, flags,
    // dropped, array.
    let (tail, array) = (parameters[11] as usize, parameters[16] as usize);
    let queue = map(4096, 0);
    let entries = map(4096, 0x1000_0000);
    let mut entry = [0u8; 64];
    entry[0] = opcode;
    entry[4..8].copy_from_slice(&fd.to_ne_bytes());
    entry[8..16].copy_from_slice(&offset.to_ne_bytes());
    entry[16..24].copy_from_slice(&address.to_ne_bytes());
    entry[24..28].copy_from_slice(&len.to_ne_bytes());
    entry[28..32].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: within the mappings just made; the kernel reads them after the call below only.
    unsafe {
        std::ptr::copy_nonoverlapping(entry.as_ptr(), entries, entry.len());
        queue.add(array).cast::<u32>().write_volatile(0);
        queue.add(tail).cast::<u32>().write_volatile(1);
    }
    sys(&[libc::SYS_io_uring_enter, ring, 1, 1, 1, 0, 0]) == 1
}

#[test]
fn what_io_uring_is_asked_for_is_told() {
    if !able() {
        return;
    }
    let calls = [
        "openat", "renameat", "unlinkat", "mkdirat", "connect", "socket", "mkdir",
    ];
    let stage = Stage::new("uring", &filter(&calls));
    let at = stage.dir.path().to_str().unwrap().to_owned();
    fs::write(stage.path("file"), "x").unwrap();
    let (file, moved, folder) = (text("file"), text("moved"), text("folder"));
    let address = unix_address(b"/absent");
    let cwd = libc::AT_FDCWD;
    let code = in_child(&stage.cgroup.path, None, || {
        std::env::set_current_dir(&at).unwrap();
        let p = |t: &CString| ptr(t) as u64;
        let flags = libc::O_RDWR as u32;
        if !ring_operation(18, cwd, p(&file), 0, 0, flags) {
            return 7;
        }
        ring_operation(35, cwd, p(&file), cwd as u32, p(&moved), 0);
        ring_operation(37, cwd, p(&folder), 0o700, 0, 0);
        ring_operation(36, cwd, p(&moved), 0, 0, 0);
        let socket = sys(&[libc::SYS_socket, 1, 1, 0]) as i32;
        ring_operation(
            16,
            socket,
            address.as_ptr() as u64,
            0,
            address.len() as u64,
            0,
        );
        ring_operation(45, 2, 0, 0, 2, 0);
        0
    });
    if code == 7 {
        eprintln!("skipped: no io_uring here");
        return;
    }
    assert_eq!(code, 0);
    let uring = |name: &str| stage.wait(name, |c| c.name == name && c.via == Via::IoUring);
    let open = uring("openat");
    assert_eq!((open.path, open.resolved), (stage.path("file"), false));
    assert_eq!(open.args[2] & libc::O_ACCMODE as u64, libc::O_RDWR as u64);
    let fd = open.fd.unwrap();
    assert_eq!((fd.path, fd.kind), (stage.path("file"), CallFdKind::File));
    let rename = uring("renameat");
    assert_eq!(
        (rename.path, rename.other_path),
        (stage.path("file"), stage.path("moved"))
    );
    assert_eq!(uring("mkdirat").path, stage.path("folder"));
    assert_eq!(uring("unlinkat").path, stage.path("moved"));
    let connect = uring("connect");
    assert_eq!(connect.address, Some(Address::Unix("/absent".to_owned())));
    let socket = uring("socket");
    assert_eq!(&socket.args[..2], [2, 2]);
}

#[test]
fn an_open_in_a_container_is_told_from_its_root() {
    if !able() || !has("runc") {
        return;
    }
    let mut asked = filter(&["open", "openat", "mkdir"]);
    asked.reads = Some(PathFilter {
        names: BTreeSet::from(["passwd".to_owned()]),
        ..PathFilter::default()
    });
    let stage = Stage::new("inside", &asked);
    let container = Container::new("calls", true, &["/bin/sleep", "1000"]);
    let mut running = container.start();
    let (pid, cgroup_id) = container.running();
    stage
        .rig
        .control
        .attach_workload(&Attach {
            label: LABEL,
            cgroup_id,
            pid,
        })
        .unwrap();
    container.sh("cat /etc/passwd; cat /etc/../etc/passwd; echo x > /tmp/made; echo y > /dev/null");
    let read = stage.wait("read", |c| c.path == "/etc/passwd");
    let read_fd = read.fd.unwrap();
    assert!(!read_fd.upper && !read_fd.created && read.resolved);
    let written = stage.wait("write", |c| c.path == "/tmp/made");
    let fd = written.fd.unwrap();
    assert!(fd.upper && fd.created);
    assert!(
        until(|| {
            let done = stage.all(|c| c.path == "/etc/passwd").len() >= 2;
            done.then_some(())
        })
        .is_some()
    );
    assert!(stage.all(|c| c.path == "/dev/null").is_empty());
    drop(container);
    let _ = running.wait();
}
