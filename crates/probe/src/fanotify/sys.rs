//! The system calls of fanotify, and opening paths inside another process's root.

use std::{
    ffi::{CString, OsStr},
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

/// Room for one permission event: a second one is left for another thread.
const ONE_EVENT: usize = size_of::<libc::fanotify_event_metadata>();
/// `AT_HANDLE_FID`: the handle need not be one that can be opened again.
const AT_HANDLE_FID: i32 = 0x200;
/// Longest file handle the kernel makes.
const MAX_HANDLE: usize = 128;

pub(super) fn group(flags: u32) -> io::Result<OwnedFd> {
    let flags = flags
        | libc::FAN_CLOEXEC
        | libc::FAN_NONBLOCK
        | libc::FAN_UNLIMITED_QUEUE
        | libc::FAN_UNLIMITED_MARKS;
    let event = libc::O_RDONLY | libc::O_LARGEFILE | libc::O_CLOEXEC | libc::O_NOATIME;
    let event = u32::try_from(event).unwrap_or(0);
    // SAFETY: fanotify_init takes two integers and returns a new descriptor or an error.
    let fd = unsafe { libc::fanotify_init(flags, event) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds or removes a mark on what `target` is open on; `O_PATH` descriptors are fine.
pub(super) fn mark(group: &OwnedFd, flags: u32, mask: u64, target: RawFd) -> io::Result<()> {
    let path = c_string(OsStr::new(&format!("/proc/self/fd/{target}")))?;
    // SAFETY: the group is open and the path is a C string that outlives the call.
    let rc = unsafe {
        libc::fanotify_mark(
            group.as_raw_fd(),
            flags,
            mask,
            libc::AT_FDCWD,
            path.as_ptr(),
        )
    };
    if rc == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Drops every inode mark of a group, which for the exec group are its cached answers.
pub(super) fn flush_inodes(group: &OwnedFd) {
    flush_kind(group, libc::FAN_MARK_INODE);
}

/// Drops every mark of a group.
pub(super) fn flush(group: &OwnedFd) {
    for kind in [
        libc::FAN_MARK_INODE,
        libc::FAN_MARK_MOUNT,
        libc::FAN_MARK_FILESYSTEM,
    ] {
        flush_kind(group, kind);
    }
}

fn flush_kind(group: &OwnedFd, kind: u32) {
    let flags = libc::FAN_MARK_FLUSH | kind;
    // SAFETY: the group is open; the path is not looked at beyond being a C string.
    let rc =
        unsafe { libc::fanotify_mark(group.as_raw_fd(), flags, 0, libc::AT_FDCWD, c"/".as_ptr()) };
    if rc != 0 {
        tracing::warn!(error = %io::Error::last_os_error(), "marks cannot be flushed");
    }
}

/// One permission event. The descriptor is open on the file that is asked about.
pub(super) struct PermissionEvent {
    pub(super) mask: u64,
    pub(super) pid: i32,
    pub(super) file: OwnedFd,
}

/// The next event, if there is one.
pub(super) fn next_permission(group: &OwnedFd) -> io::Result<Option<PermissionEvent>> {
    let mut event = std::mem::MaybeUninit::<libc::fanotify_event_metadata>::zeroed();
    // SAFETY: the kernel writes at most ONE_EVENT bytes, the size of `event`.
    let len = unsafe { libc::read(group.as_raw_fd(), event.as_mut_ptr().cast(), ONE_EVENT) };
    if len < 0 {
        let error = io::Error::last_os_error();
        return match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        };
    }
    if usize::try_from(len).unwrap_or(0) < ONE_EVENT {
        return Ok(None);
    }
    // SAFETY: any bytes are a valid value of this plain structure, and it is filled.
    let event = unsafe { event.assume_init() };
    if event.fd < 0 {
        return Ok(None);
    }
    // SAFETY: the kernel opened the descriptor for us with this event.
    let file = unsafe { OwnedFd::from_raw_fd(event.fd) };
    Ok(Some(PermissionEvent {
        mask: event.mask,
        pid: event.pid,
        file,
    }))
}

/// Waits for either of two groups, or for the end. An event wakes one waiting thread, not all.
pub(super) struct Waiter(OwnedFd);

pub(super) enum Woken {
    /// The group of this index.
    By(u64),
    Stop,
    Nothing,
}

const STOP_TOKEN: u64 = u64::MAX;

impl Waiter {
    pub(super) fn new(groups: [&OwnedFd; 2], stop: &OwnedFd) -> io::Result<Self> {
        // SAFETY: epoll_create1 takes an integer and returns a new descriptor or an error.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and nobody else owns it.
        let waiter = Self(unsafe { OwnedFd::from_raw_fd(fd) });
        for (token, group) in (0u64..).zip(groups) {
            waiter.add(group, libc::EPOLLIN | libc::EPOLLEXCLUSIVE, token)?;
        }
        waiter.add(stop, libc::EPOLLIN, STOP_TOKEN)?;
        Ok(waiter)
    }

    fn add(&self, fd: &OwnedFd, events: i32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: events.cast_unsigned(),
            u64: token,
        };
        // SAFETY: both descriptors are open and the event lives through the call.
        let rc = unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                fd.as_raw_fd(),
                &raw mut event,
            )
        };
        if rc == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// One thing at a time; what is left wakes the next wait.
    pub(super) fn wait(&self) -> Woken {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: there is room for the one event asked for.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, -1) };
        match (count, event.u64) {
            (1, STOP_TOKEN) => Woken::Stop,
            (1, token) => Woken::By(token),
            _ => Woken::Nothing,
        }
    }
}

/// Lets the waiting task go on, or has it fail with EPERM.
pub(super) fn respond(group: RawFd, file: &OwnedFd, allow: bool) {
    if !respond_to(group, file.as_raw_fd(), allow) {
        // ENOENT: the task was killed while it waited.
        tracing::debug!(error = %io::Error::last_os_error(), "a permission answer was not taken");
    }
}

/// The same for the question another process has read under this number. False when nobody waits.
pub(super) fn respond_to(group: RawFd, fd: RawFd, allow: bool) -> bool {
    let response = libc::fanotify_response {
        fd,
        response: if allow {
            libc::FAN_ALLOW
        } else {
            libc::FAN_DENY
        },
    };
    // SAFETY: the structure is plain data and its size is given.
    let rc = unsafe { libc::write(group, (&raw const response).cast(), size_of_val(&response)) };
    rc >= 0
}

/// Reads raw notification events.
pub(super) fn read(group: &OwnedFd, buffer: &mut [u8]) -> usize {
    // SAFETY: the buffer is as long as is said.
    let len = unsafe { libc::read(group.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(len).unwrap_or(0)
}

/// Opens a path below `root` as a process rooted there would, as an `O_PATH` descriptor. Symbolic
/// links, absolute ones too, stay inside.
pub(crate) fn open_in(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    open_how(
        root,
        path,
        libc::O_PATH,
        libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS,
    )
}

/// Opens a directory for reading, given its `O_PATH` descriptor.
pub(crate) fn reopen_dir(dir: &OwnedFd) -> io::Result<OwnedFd> {
    open_how(
        dir,
        Path::new("."),
        libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOATIME,
        0,
    )
    .or_else(|_| open_how(dir, Path::new("."), libc::O_RDONLY | libc::O_DIRECTORY, 0))
}

/// Opens an entry of a directory without following it.
pub(crate) fn open_entry(dir: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    open_how(
        dir,
        Path::new(name),
        libc::O_PATH | libc::O_NOFOLLOW,
        libc::RESOLVE_BENEATH,
    )
}

/// Opens the root of a process.
pub(crate) fn open_root(pid: u32) -> io::Result<OwnedFd> {
    let path = format!("/proc/{pid}/root");
    let path = c_string(OsStr::new(&path))?;
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path is a C string that outlives the call.
    let fd = unsafe { libc::open(path.as_ptr(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn open_how(dir: &OwnedFd, path: &Path, flags: i32, resolve: u64) -> io::Result<OwnedFd> {
    let path = c_string(path.as_os_str())?;
    // SAFETY: zero is a valid open_how.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from((flags | libc::O_CLOEXEC).unsigned_abs());
    how.resolve = resolve;
    // SAFETY: the path is a C string, `how` is as long as is said, and both outlive the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            dir.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of_val(&how),
        )
    };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What is known of an open file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(super) mode: u32,
    pub(super) nlink: u64,
}

impl Stat {
    pub(crate) fn of(file: &OwnedFd) -> io::Result<Self> {
        let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: fstat fills one stat structure for an open descriptor.
        if unsafe { libc::fstat(file.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: fstat succeeded, so it is filled.
        let stat = unsafe { stat.assume_init() };
        Ok(Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            mode: stat.st_mode,
            nlink: stat.st_nlink,
        })
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    pub(crate) fn is_file(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFREG
    }
}

/// Tells file systems apart, also where `st_dev` does not: an overlay may show its layers' devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FsId {
    kind: i64,
    id: [u8; 8],
}

impl FsId {
    pub(crate) fn of(file: &OwnedFd) -> io::Result<Self> {
        let mut stat = std::mem::MaybeUninit::<libc::statfs>::zeroed();
        // SAFETY: fstatfs fills one statfs structure for an open descriptor.
        if unsafe { libc::fstatfs(file.as_raw_fd(), stat.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: fstatfs succeeded, so it is filled.
        let stat = unsafe { stat.assume_init() };
        // SAFETY: fsid_t is two integers, which libc keeps private; any bytes are a valid array.
        let id: [u8; 8] = unsafe { std::mem::transmute(stat.f_fsid) };
        Ok(Self {
            kind: stat.f_type,
            id,
        })
    }
}

/// Names a directory the way notification events do: file system id and file handle.
pub(super) type HandleKey = Vec<u8>;

#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    data: [u8; MAX_HANDLE],
}

pub(super) fn handle_key(target: &OwnedFd) -> io::Result<HandleKey> {
    let handle = match handle_of(target.as_raw_fd(), AT_HANDLE_FID) {
        // Kernels before 6.5 do not know the flag.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            handle_of(target.as_raw_fd(), 0)
        }
        other => other,
    }?;
    let fsid = FsId::of(target)?.id;
    let data = handle.data.get(..handle.bytes as usize).unwrap_or_default();
    Ok(make_key(fsid, handle.kind, data))
}

/// Whether handles that only identify can be had; overlays have no others.
pub(super) fn has_fid_handles() -> bool {
    handle_of(libc::AT_FDCWD, AT_HANDLE_FID).is_ok()
}

fn handle_of(target: RawFd, flag: i32) -> io::Result<Handle> {
    let mut handle = Handle {
        bytes: 128,
        kind: 0,
        data: [0; MAX_HANDLE],
    };
    let mut mount = 0i32;
    // SAFETY: the handle has room for the `bytes` it declares, and the empty path with
    // AT_EMPTY_PATH names the open descriptor or the working directory.
    let rc = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            target,
            c"".as_ptr(),
            &raw mut handle,
            &raw mut mount,
            libc::AT_EMPTY_PATH | flag,
        )
    };
    if rc != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(handle)
}

pub(super) fn make_key(fsid: [u8; 8], kind: i32, handle: &[u8]) -> HandleKey {
    let mut key = fsid.to_vec();
    key.extend_from_slice(&kind.to_ne_bytes());
    key.extend_from_slice(handle);
    key
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}
