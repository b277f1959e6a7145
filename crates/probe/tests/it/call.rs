//! System calls as they are told: real processes make each kind of call once.

use crate::rig::{Cgroup, Container, Rig, able, has, in_child, until};
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
