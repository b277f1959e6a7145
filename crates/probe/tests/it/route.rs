//! Ways to an act that have no command: system calls made by this test program itself, run inside
//! a room as `it route::act --exact --ignored` with the way and its file in the environment. `HIT`
//! on standard output says that the act succeeded.

use crate::rig::environment;
use std::{
    ffi::{CStr, CString},
    io, mem, ptr,
};

/// How to run a route, as a shell word list.
pub(crate) fn command(route: &str, file: &str) -> String {
    let program = std::env::current_exe().unwrap();
    format!(
        "ROUTE={route} ROUTE_FILE={file} {} route::act --exact --ignored --nocapture 2>/dev/null",
        program.display()
    )
}

#[test]
#[ignore = "one step of other tests"]
fn act() {
    let (Some(route), Some(file)) = (environment("ROUTE"), environment("ROUTE_FILE")) else {
        return;
    };
    let path = CString::new(file.clone()).unwrap();
    let done = match route.as_str() {
        "serve" => return serve(file.parse().unwrap()),
        "time" => return time(&path),
        _ if file.bytes().all(|b| b.is_ascii_digit()) => net(&route, file.parse().unwrap()),
        _ => on_file(&route, &path),
    };
    match done {
        Ok(true) => say("HIT\n"),
        Ok(false) => say("nothing\n"),
        Err(error) => say(&format!("refused: {error}\n")),
    }
}

fn say(text: &str) {
    // SAFETY: writes a live buffer of that length.
    unsafe { libc::write(1, text.as_ptr().cast(), text.len()) };
}

fn fails<T: PartialEq + From<i8>>(rc: T) -> io::Result<T> {
    if rc == T::from(-1) {
        Err(io::Error::last_os_error())
    } else {
        Ok(rc)
    }
}

fn open(path: &CStr, flags: i32) -> io::Result<i32> {
    // SAFETY: the path is a C string.
    fails(unsafe { libc::open(path.as_ptr(), flags, 0o644) })
}

fn put(fd: i32) -> io::Result<bool> {
    // SAFETY: writes three live bytes.
    fails(unsafe { libc::write(fd, c"HIT".as_ptr().cast(), 3) }).map(|n| n == 3)
}

fn on_file(route: &str, path: &CStr) -> io::Result<bool> {
    write_to(route, path)
        .or_else(|| touch(route, path))
        .or_else(|| read_from(route, path))
        .or_else(|| run(route, path))
        .or_else(|| act_without_file(route, path))
        .unwrap_or_else(|| panic!("no route {route}"))
}

fn write_to(route: &str, path: &CStr) -> Option<io::Result<bool>> {
    use libc::{O_APPEND, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
    let attempt = || {
        // SAFETY: plain system calls on live buffers and descriptors of our own.
        unsafe {
            match route {
                "append" => put(open(path, O_WRONLY | O_APPEND)?),
                "read-truncate" => open(path, O_RDONLY | O_TRUNC).map(|_| true),
                "truncate" => fails(libc::truncate(path.as_ptr(), 1)).map(|_| true),
                "ftruncate" => fails(libc::ftruncate(open(path, O_RDWR)?, 1)).map(|_| true),
                "map-shared" => {
                    let map = map(
                        open(path, O_RDWR)?,
                        libc::PROT_READ | libc::PROT_WRITE,
                        libc::MAP_SHARED,
                    )?;
                    ptr::copy_nonoverlapping(c"HIT".as_ptr(), map.cast(), 3);
                    Ok(true)
                }
                "fallocate" => fails(libc::fallocate(open(path, O_RDWR)?, 0, 0, 999)).map(|_| true),
                "reopen" => {
                    let fd = open(path, O_RDONLY)?;
                    let link = CString::new(format!("/proc/self/fd/{fd}")).unwrap();
                    put(open(&link, O_WRONLY)?)
                }
                "openat2" => {
                    let mut how: libc::open_how = mem::zeroed();
                    how.flags = O_WRONLY as u64;
                    let fd = libc::syscall(
                        libc::SYS_openat2,
                        libc::AT_FDCWD,
                        path.as_ptr(),
                        &how,
                        mem::size_of_val(&how),
                    );
                    put(fails(fd)? as i32)
                }
                "exchange" => {
                    let other = c"/opt/other";
                    put(open(other, O_WRONLY | libc::O_CREAT)?)?;
                    fails(libc::renameat2(
                        libc::AT_FDCWD,
                        other.as_ptr(),
                        libc::AT_FDCWD,
                        path.as_ptr(),
                        libc::RENAME_EXCHANGE,
                    ))
                    .map(|_| true)
                }
                _ => Ok(false),
            }
        }
    };
    [
        "append",
        "read-truncate",
        "truncate",
        "ftruncate",
        "map-shared",
        "fallocate",
        "reopen",
        "openat2",
        "exchange",
    ]
    .contains(&route)
    .then(attempt)
}

fn touch(route: &str, path: &CStr) -> Option<io::Result<bool>> {
    use libc::O_WRONLY;
    let attempt = || {
        // SAFETY: plain system calls on live buffers and descriptors of our own.
        unsafe {
            match route {
                "times" => fails(libc::utimensat(
                    libc::AT_FDCWD,
                    path.as_ptr(),
                    [libc::timespec {
                        tv_sec: 1,
                        tv_nsec: 0,
                    }; 2]
                        .as_ptr(),
                    0,
                ))
                .map(|_| true),
                "xattr" => fails(libc::setxattr(
                    path.as_ptr(),
                    c"trusted.x".as_ptr(),
                    c"1".as_ptr().cast(),
                    1,
                    0,
                ))
                .map(|_| true),
                "handle" => put(by_handle(path, O_WRONLY)?),
                "pidfd" => taken_from_child(path),
                "ring" => ring(path, O_WRONLY),
                _ => Ok(false),
            }
        }
    };
    ["times", "xattr", "handle", "pidfd", "ring"]
        .contains(&route)
        .then(attempt)
}

fn read_from(route: &str, path: &CStr) -> Option<io::Result<bool>> {
    use libc::O_RDONLY;
    let attempt = || {
        // SAFETY: plain system calls on live buffers and descriptors of our own.
        unsafe {
            match route {
                "handle-read" => show(by_handle(path, O_RDONLY)?),
                "map-read" => {
                    let map = map(open(path, O_RDONLY)?, libc::PROT_READ, libc::MAP_PRIVATE)?;
                    Ok(libc::write(1, map, 6) > 0)
                }
                "sendfile" => {
                    let fd = open(path, O_RDONLY)?;
                    fails(libc::sendfile(1, fd, ptr::null_mut(), 64)).map(|n| n > 0)
                }
                "ring-read" => ring(path, O_RDONLY),
                _ => Ok(false),
            }
        }
    };
    ["handle-read", "map-read", "sendfile", "ring-read"]
        .contains(&route)
        .then(attempt)
}

fn run(route: &str, path: &CStr) -> Option<io::Result<bool>> {
    use libc::{O_PATH, O_RDONLY};
    let attempt = || {
        // SAFETY: plain system calls on live buffers and descriptors of our own.
        unsafe {
            match route {
                "exec-fd" => exec_fd(open(path, O_RDONLY)?),
                "exec-path-fd" => exec_fd(open(path, O_PATH)?),
                "exec-memfd" => {
                    let from = open(path, O_RDONLY)?;
                    let to = fails(libc::memfd_create(c"lib".as_ptr(), 0))?;
                    fails(libc::sendfile(to, from, ptr::null_mut(), 1 << 30))?;
                    exec_fd(to)
                }
                "exec-thread" => {
                    let path = path.to_owned();
                    std::thread::spawn(move || exec(&path)).join().unwrap()
                }
                "exec" => exec(path),
                "user-exec" => {
                    fails(libc::setresuid(1000, 1000, 1000))?;
                    exec(path)
                }
                "map-exec" => map(
                    open(path, O_RDONLY)?,
                    libc::PROT_READ | libc::PROT_EXEC,
                    libc::MAP_PRIVATE,
                )
                .map(|_| true),
                _ => Ok(false),
            }
        }
    };
    [
        "exec-fd",
        "exec-path-fd",
        "exec-memfd",
        "exec-thread",
        "exec",
        "user-exec",
        "map-exec",
    ]
    .contains(&route)
    .then(attempt)
}

fn act_without_file(route: &str, _path: &CStr) -> Option<io::Result<bool>> {
    let attempt = || {
        // SAFETY: plain system calls on live buffers and descriptors of our own.
        unsafe {
            match route {
                "traced" => traced(),
                "setuid" => {
                    fails(libc::setresuid(1000, 1000, 0))?;
                    fails(libc::setuid(0)).map(|_| true)
                }
                "capset" => raise_capability(),
                "user-namespace" => in_user_namespace(),
                "bpf" => {
                    let attr = [1u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                    fails(libc::syscall(
                        libc::SYS_bpf,
                        0,
                        attr.as_ptr(),
                        mem::size_of_val(&attr),
                    ))
                    .map(|_| true)
                }
                "module" => {
                    let image = [0u8; 4096];
                    let refused = libc::syscall(
                        libc::SYS_init_module,
                        image.as_ptr(),
                        image.len(),
                        c"".as_ptr(),
                    );
                    let error = io::Error::last_os_error();
                    // Without the guard the kernel finds that this is no module.
                    if refused < 0 && error.raw_os_error() == Some(libc::EPERM) {
                        Err(error)
                    } else {
                        Ok(true)
                    }
                }
                "anonymous" => {
                    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
                    let page = map_at(-1, libc::PROT_READ | libc::PROT_WRITE, flags)?;
                    fails(libc::mprotect(
                        page,
                        4096,
                        libc::PROT_READ | libc::PROT_EXEC,
                    ))
                    .map(|_| true)
                }
                _ => Ok(false),
            }
        }
    };
    [
        "traced",
        "setuid",
        "capset",
        "user-namespace",
        "bpf",
        "module",
        "anonymous",
    ]
    .contains(&route)
    .then(attempt)
}

fn map(fd: i32, protection: i32, flags: i32) -> io::Result<*mut libc::c_void> {
    map_at(fd, protection, flags)
}

fn map_at(fd: i32, protection: i32, flags: i32) -> io::Result<*mut libc::c_void> {
    // SAFETY: a new mapping where the kernel likes.
    let map = unsafe { libc::mmap(ptr::null_mut(), 4096, protection, flags, fd, 0) };
    if map == libc::MAP_FAILED {
        Err(io::Error::last_os_error())
    } else {
        Ok(map)
    }
}

fn show(fd: i32) -> io::Result<bool> {
    let mut text = [0u8; 64];
    // SAFETY: reads into a live buffer of that length, and writes what was read.
    unsafe {
        let n = fails(libc::read(fd, text.as_mut_ptr().cast(), text.len()))?;
        Ok(libc::write(1, text.as_ptr().cast(), usize::try_from(n).unwrap()) > 0)
    }
}

fn exec(path: &CStr) -> io::Result<bool> {
    let argv = [c"echo".as_ptr(), c"HIT".as_ptr(), ptr::null()];
    // SAFETY: live, terminated lists of C strings.
    unsafe { libc::execv(path.as_ptr(), argv.as_ptr()) };
    Err(io::Error::last_os_error())
}

fn exec_fd(fd: i32) -> io::Result<bool> {
    let argv = [c"echo".as_ptr(), c"HIT".as_ptr(), ptr::null()];
    let env = [ptr::null::<libc::c_char>()];
    // SAFETY: live, terminated lists of C strings.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd,
            c"".as_ptr(),
            argv.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Err(io::Error::last_os_error())
}

fn by_handle(path: &CStr, flags: i32) -> io::Result<i32> {
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: i32,
        data: [u8; 128],
    }
    let mut handle = Handle {
        bytes: 128,
        kind: 0,
        data: [0; 128],
    };
    let mut mount = 0i32;
    let parent = path.to_str().unwrap().rsplit_once('/').unwrap().0;
    let parent = open(&CString::new(parent).unwrap(), libc::O_RDONLY)?;
    // SAFETY: the handle is as long as it says.
    unsafe {
        fails(libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw mut handle,
            &raw mut mount,
            0,
        ))?;
        let fd = libc::syscall(libc::SYS_open_by_handle_at, parent, &raw mut handle, flags);
        fails(fd).map(|fd| fd as i32)
    }
}

fn taken_from_child(path: &CStr) -> io::Result<bool> {
    let mut pipe = [0; 2];
    // SAFETY: plain system calls; the child uses no locks and ends by signal.
    unsafe {
        fails(libc::pipe(pipe.as_mut_ptr()))?;
        let child = libc::fork();
        if child == 0 {
            let fd = libc::open(path.as_ptr(), libc::O_RDWR);
            libc::write(pipe[1], (&raw const fd).cast(), 4);
            loop {
                libc::pause();
            }
        }
        let mut fd = -1i32;
        libc::read(pipe[0], (&raw mut fd).cast(), 4);
        let process = libc::syscall(libc::SYS_pidfd_open, child, 0);
        let taken = libc::syscall(libc::SYS_pidfd_getfd, process, fd, 0);
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, ptr::null_mut(), 0);
        put(fails(taken)? as i32)
    }
}

/// In a child, because a process of many threads may not.
fn in_user_namespace() -> io::Result<bool> {
    // SAFETY: plain system calls; the child makes one and ends.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let rc = libc::unshare(libc::CLONE_NEWUSER);
            libc::_exit(if rc == 0 {
                0
            } else {
                *libc::__errno_location()
            });
        }
        let mut status = 0;
        libc::waitpid(child, &raw mut status, 0);
        match libc::WEXITSTATUS(status) {
            0 => Ok(true),
            code => Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// Gives up an effective capability and takes it back from the permitted ones.
fn raise_capability() -> io::Result<bool> {
    const VERSION_3: u32 = 0x2008_0522;
    const NET_RAW: u32 = 1 << 13;
    let header = [VERSION_3, 0];
    // Effective, permitted and inheritable, low half and high half.
    let mut sets = [0u32; 6];
    // SAFETY: the header and both halves of the sets are as version 3 has them, and live.
    unsafe {
        fails(libc::syscall(
            libc::SYS_capget,
            header.as_ptr(),
            sets.as_mut_ptr(),
        ))?;
        let full = sets;
        sets[0] &= !NET_RAW;
        let capset = |sets: &[u32; 6]| {
            fails(libc::syscall(
                libc::SYS_capset,
                header.as_ptr(),
                sets.as_ptr(),
            ))
        };
        capset(&sets)?;
        capset(&full).map(|_| true)
    }
}

fn traced() -> io::Result<bool> {
    // SAFETY: plain system calls; the child only waits for its end.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            loop {
                libc::pause();
            }
        }
        let rc = libc::ptrace(libc::PTRACE_ATTACH, child, 0, 0);
        let error = io::Error::last_os_error();
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, ptr::null_mut(), 0);
        if rc == 0 { Ok(true) } else { Err(error) }
    }
}

/// One operation of io_uring at a time: open, then read or write.
fn ring(path: &CStr, flags: i32) -> io::Result<bool> {
    const OPENAT: u8 = 18;
    const READ: u8 = 22;
    const WRITE: u8 = 23;
    let mut ring = Ring::new()?;
    let fd = ring.submit(OPENAT, libc::AT_FDCWD, path.as_ptr() as u64, 0, flags)?;
    if flags == libc::O_WRONLY {
        return ring
            .submit(WRITE, fd, c"HIT".as_ptr() as u64, 3, 0)
            .map(|n| n == 3);
    }
    let mut text = [0u8; 64];
    let n = ring.submit(READ, fd, text.as_mut_ptr() as u64, 63, 0)?;
    say(&String::from_utf8_lossy(
        &text[..usize::try_from(n).unwrap()],
    ));
    Ok(n > 0)
}

struct Ring {
    fd: i32,
    queue: *mut u8,
    entries: *mut u8,
    offsets: [u32; 30],
}

impl Ring {
    fn new() -> io::Result<Self> {
        // struct io_uring_params: 10 words, then the offsets of both rings.
        let mut params = [0u32; 30];
        // SAFETY: the parameters are 120 bytes, and the mappings are as the interface says.
        unsafe {
            let fd = fails(libc::syscall(
                libc::SYS_io_uring_setup,
                4,
                params.as_mut_ptr(),
            ))? as i32;
            let shared = libc::MAP_SHARED | libc::MAP_POPULATE;
            let both = libc::PROT_READ | libc::PROT_WRITE;
            let queue = libc::mmap(ptr::null_mut(), 4096, both, shared, fd, 0);
            let entries = libc::mmap(ptr::null_mut(), 4096, both, shared, fd, 0x1000_0000);
            if queue == libc::MAP_FAILED || entries == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            Ok(Self {
                fd,
                queue: queue.cast(),
                entries: entries.cast(),
                offsets: params,
            })
        }
    }

    fn submit(&mut self, op: u8, fd: i32, addr: u64, len: u32, flags: i32) -> io::Result<i32> {
        let word = |at: u32| self.queue.wrapping_add(at as usize).cast::<u32>();
        // sq_off begins at word 10: head, tail, ring_mask, _, flags, dropped, array.
        let (sq_tail, sq_mask, sq_array) = (self.offsets[11], self.offsets[12], self.offsets[16]);
        // cq_off begins at word 20: head, tail, ring_mask, _, overflow, cqes.
        let (cq_head, cq_mask, cqes) = (self.offsets[20], self.offsets[22], self.offsets[25]);
        // SAFETY: every place is inside the mapped page, whose layout the kernel gave.
        unsafe {
            let tail = word(sq_tail).read_volatile();
            let slot = tail & word(sq_mask).read_volatile();
            let entry = self.entries.add(slot as usize * 64);
            ptr::write_bytes(entry, 0, 64);
            entry.write(op);
            entry.add(4).cast::<i32>().write(fd);
            entry.add(16).cast::<u64>().write(addr);
            entry.add(24).cast::<u32>().write(len);
            entry.add(28).cast::<i32>().write(flags);
            word(sq_array).add(slot as usize).write(slot);
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
            word(sq_tail).write_volatile(tail + 1);
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
            fails(libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd,
                1,
                1,
                1,
                0,
                0,
            ))?;
            let head = word(cq_head).read_volatile();
            let at = (head & word(cq_mask).read_volatile()) as usize;
            let result = self.queue.add(cqes as usize + at * 16 + 8).cast::<i32>();
            let result = result.read_volatile();
            word(cq_head).write_volatile(head + 1);
            if result < 0 {
                Err(io::Error::from_raw_os_error(-result))
            } else {
                Ok(result)
            }
        }
    }
}

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<i32> {
    // SAFETY: takes integers.
    fails(unsafe { libc::socket(family, kind, protocol) })
}

fn v4(port: u16) -> libc::sockaddr_in {
    // SAFETY: zeros are a valid address.
    let mut address: libc::sockaddr_in = unsafe { mem::zeroed() };
    address.sin_family = libc::AF_INET as u16;
    address.sin_port = port.to_be();
    address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    address
}

fn mapped(port: u16) -> libc::sockaddr_in6 {
    // SAFETY: zeros are a valid address.
    let mut address: libc::sockaddr_in6 = unsafe { mem::zeroed() };
    address.sin6_family = libc::AF_INET6 as u16;
    address.sin6_port = port.to_be();
    address.sin6_addr.s6_addr = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
    address
}

fn connect<A>(fd: i32, address: &A) -> io::Result<()> {
    // SAFETY: the address lives and its length is given.
    fails(unsafe {
        libc::connect(
            fd,
            ptr::from_ref(address).cast(),
            mem::size_of::<A>() as u32,
        )
    })
    .map(|_| ())
}

fn send_to<A>(fd: i32, address: &A, flags: i32) -> io::Result<bool> {
    // SAFETY: three live bytes, and an address whose length is given.
    fails(unsafe {
        libc::sendto(
            fd,
            c"HIT".as_ptr().cast(),
            3,
            flags,
            ptr::from_ref(address).cast(),
            mem::size_of::<A>() as u32,
        )
    })
    .map(|n| n == 3)
}

fn net(route: &str, port: u16) -> io::Result<bool> {
    use libc::{AF_INET, AF_INET6, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
    match route {
        "tcp" => {
            let fd = socket(AF_INET, SOCK_STREAM, 0)?;
            connect(fd, &v4(port))?;
            put(fd)
        }
        "tcp-mapped" => {
            let fd = socket(AF_INET6, SOCK_STREAM, 0)?;
            connect(fd, &mapped(port))?;
            put(fd)
        }
        "mptcp" => {
            let fd = socket(AF_INET, SOCK_STREAM, 262)?;
            connect(fd, &v4(port))?;
            put(fd)
        }
        "fast-open" => send_to(
            socket(AF_INET, SOCK_STREAM, 0)?,
            &v4(port),
            libc::MSG_FASTOPEN,
        ),
        "udp" => send_to(socket(AF_INET, SOCK_DGRAM, 0)?, &v4(port), 0),
        "udp-mapped" => send_to(socket(AF_INET6, SOCK_DGRAM, 0)?, &mapped(port), 0),
        "udp-connected" => {
            let fd = socket(AF_INET, SOCK_DGRAM, 0)?;
            connect(fd, &v4(port))?;
            put(fd)
        }
        "raw" => socket(AF_INET, SOCK_RAW, 17).map(|_| true),
        "packet" => socket(libc::AF_PACKET, SOCK_RAW, 0).map(|_| true),
        "listen" => {
            let fd = socket(AF_INET, SOCK_STREAM, 0)?;
            // SAFETY: a descriptor of our own.
            fails(unsafe { libc::listen(fd, 1) }).map(|_| true)
        }
        other => panic!("no route {other}"),
    }
}

/// Listens on TCP and UDP in the background and notes in `/tmp/got` what came.
fn serve(port: u16) {
    use std::io::Read;
    let tcp = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let udp = std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
    // SAFETY: the parent leaves at once, and the child is the only thread that goes on.
    unsafe {
        if libc::fork() != 0 {
            libc::_exit(0);
        }
        libc::setsid();
        for fd in 0..3 {
            libc::close(fd);
        }
    }
    let note = |bytes: &[u8]| {
        if bytes.windows(3).any(|w| w == b"HIT") {
            let _ = std::fs::write("/tmp/got", "HIT");
        }
    };
    std::thread::spawn(move || {
        let mut bytes = [0u8; 1024];
        while let Ok(n) = udp.recv(&mut bytes) {
            note(&bytes[..n]);
        }
    });
    for stream in tcp.incoming().flatten() {
        std::thread::spawn(move || {
            let mut stream = stream;
            let mut bytes = [0u8; 1024];
            while let Ok(n @ 1..) = stream.read(&mut bytes) {
                note(&bytes[..n]);
            }
        });
    }
}

/// Nanoseconds for an open of a file, for a program run, and for a connection refused, each.
fn time(path: &CStr) {
    let each = |count: u32, act: &dyn Fn()| {
        act();
        let begun = std::time::Instant::now();
        for _ in 0..count {
            act();
        }
        begun.elapsed().as_nanos() / u128::from(count)
    };
    // SAFETY: closes what was just opened.
    let open = each(1000, &|| unsafe {
        libc::close(open(path, libc::O_RDONLY).unwrap());
    });
    let exec = each(40, &|| {
        std::process::Command::new("/bin/true").status().unwrap();
    });
    let connect = each(200, &|| {
        let refused = std::net::TcpStream::connect(("127.0.0.1", 9));
        assert_eq!(
            refused.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    });
    say(&format!("\ntime {open} {exec} {connect}\n"));
}
