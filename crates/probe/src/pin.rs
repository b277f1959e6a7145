//! Programs and maps that outlive the process, in a folder of a BPF file system.
//!
//! `<folder>/v<layout>-<maps>/map_<name>` and `link_<program>`: the folder's name tells the layout
//! of the maps, so that a later build adopts only what it understands. A link is replaced by
//! renaming the new one over it: there is no moment without a program.

use crate::{Error, intf::LAYOUT_VERSION};
use libbpf_rs::{Link, MapCore, Object, OpenObject};
use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Where the enforcer pins.
pub const PIN_DIR: &str = "/sys/fs/bpf/rampart";

const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// Maps whose content means something to a successor. Scratch memory is every process's own.
const KEPT: &[&str] = &[
    "events",
    "critical",
    "config",
    "labels",
    "task_state",
    "members",
    "sockets",
    "policies",
    "exec_verdicts",
    "file_rules",
    "name_rules",
    "patterns",
    "programs",
    "own_objects",
    "ports",
    "rules",
    "flows",
    "reported",
    "counters",
];

#[derive(Clone, Debug)]
pub(crate) struct Pins {
    root: PathBuf,
    dir: PathBuf,
}

impl Pins {
    /// The folder for this build's layout, made if it is not there.
    pub(crate) fn open(root: &Path, object: &OpenObject) -> Result<Self, Error> {
        let dir = root.join(layout(object));
        fs::create_dir_all(&dir).map_err(Error::system("making the folder for pinned programs"))?;
        if !on_bpf_fs(&dir) {
            let _ = fs::remove_dir(&dir);
            let _ = fs::remove_dir(root);
            let source = io::Error::other("it is not in a BPF file system (mount -t bpf)");
            return Err(Error::System {
                step: "pinning programs",
                source,
            });
        }
        Ok(Self {
            root: root.to_owned(),
            dir,
        })
    }

    fn map(&self, name: &str) -> PathBuf {
        self.dir.join(format!("map_{name}"))
    }

    /// Has the object use the maps of a predecessor; how many there were.
    pub(crate) fn adopt(&self, object: &mut OpenObject) -> Result<usize, Error> {
        let mut adopted = 0;
        for mut map in object.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let path = self.map(&name);
            if KEPT.contains(&name.as_str()) && path.exists() {
                map.reuse_pinned_map(&path)
                    .map_err(Error::kernel("to take over a pinned map"))?;
                adopted += 1;
            }
        }
        Ok(adopted)
    }

    pub(crate) fn pin_maps(&self, object: &mut Object) -> Result<(), Error> {
        for mut map in object.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            let path = self.map(&name);
            if KEPT.contains(&name.as_str()) && !path.exists() {
                map.pin(&path).map_err(Error::kernel("to pin a map"))?;
            }
        }
        Ok(())
    }

    /// Puts a link in the place of the predecessor's.
    pub(crate) fn pin_link(&self, program: &str, link: &mut Link) -> Result<(), Error> {
        let fresh = self.dir.join(format!("fresh_{program}"));
        let _ = fs::remove_file(&fresh);
        link.pin(&fresh)
            .map_err(Error::kernel("to pin a program"))?;
        fs::rename(&fresh, self.dir.join(format!("link_{program}")))
            .map_err(Error::system("replacing a pinned program"))
    }

    /// Takes away links of programs that this build has no more.
    pub(crate) fn keep_links(&self, programs: &[String]) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(program) = name.strip_prefix("link_")
                && !programs.iter().any(|p| p == program)
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Takes away what builds of other layouts left: their enforcement ends.
    pub(crate) fn retire_others(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.path() != self.dir
                && let Err(error) = remove(&entry.path())
            {
                tracing::warn!(%error, dir = %entry.path().display(), "an older build's programs stay pinned");
            }
        }
    }
}

/// Ends what outlives the agent: every pinned program and map below `root`. How many there were;
/// none is fine.
pub fn uninstall(root: &Path) -> io::Result<usize> {
    if root.exists() { remove(root) } else { Ok(0) }
}

/// Removes a folder of pins, programs before maps.
fn remove(dir: &Path) -> io::Result<usize> {
    if !on_bpf_fs(dir) {
        return Err(io::Error::other(format!(
            "{} is not in a BPF file system",
            dir.display()
        )));
    }
    let mut removed = 0;
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)?
        .map(|e| e.map(|e| e.path()))
        .collect::<io::Result<_>>()?;
    // "map_" sorts last among the files.
    entries.sort();
    for path in entries {
        if path.is_dir() {
            removed += remove(&path)?;
        } else {
            fs::remove_file(&path)?;
            removed += 1;
        }
    }
    fs::remove_dir(dir)?;
    Ok(removed)
}

/// Whether there is a BPF file system where the enforcer pins.
pub(crate) fn available() -> bool {
    Path::new(PIN_DIR).parent().is_some_and(on_bpf_fs)
}

fn on_bpf_fs(dir: &Path) -> bool {
    let mut path = dir.as_os_str().as_bytes().to_vec();
    path.push(0);
    let mut found = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path ends with a zero byte, and the structure is the kernel's to fill.
    if unsafe { libc::statfs(path.as_ptr().cast(), found.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: statfs succeeded, so it is filled.
    unsafe { found.assume_init() }.f_type == BPF_FS_MAGIC
}

/// Version and a digest of every kept map's shape.
fn layout(object: &OpenObject) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for map in object.maps() {
        let name = map.name().as_bytes();
        if KEPT.iter().any(|k| k.as_bytes() == name) {
            feed(name);
            feed(&map.key_size().to_ne_bytes());
            feed(&map.value_size().to_ne_bytes());
        }
    }
    format!("v{LAYOUT_VERSION}-{hash:016x}")
}
