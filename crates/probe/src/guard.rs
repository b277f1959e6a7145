//! File rules for the LSM programs: paths of a policy become files on disk.
//!
//! Paths resolve inside the container's root. At most [`MAX_FILES`] files of a policy get a rule
//! of their own; what lies below a directory is held by the directory's rule all the same, except
//! under names it has elsewhere.

use crate::{
    Error, Guard, GuardedPath, Watch,
    fanotify::{
        entries, fits,
        sys::{self, Stat},
    },
    intf::{self, FileKey, FileRule, NameKey, Pattern, Program, ProgramKey, file_flag, guard_flag},
    kernel::{self, Maps},
    procfs, profile,
};
use libbpf_rs::MapCore;
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

const MAX_FILES: usize = 20_000;
const MAX_DEPTH: usize = 64;
const DENIALS: u32 = file_flag::NO_READ | file_flag::NO_WRITE | file_flag::NO_EXEC;

/// Asks the kernel which files are behind a descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Identifier(pub(crate) Arc<OwnedFd>);

impl Identifier {
    /// One file, or for an overlay that of its upper and of its lower layer.
    pub(crate) fn identify(&self, file: &OwnedFd) -> io::Result<Vec<FileKey>> {
        let empty = FileKey {
            set: 0,
            dev: 0,
            ino: 0,
            generation: 0,
            rule: 0,
        };
        let mut context = intf::Identify {
            fd: u32::try_from(file.as_raw_fd()).map_err(io::Error::other)?,
            count: 0,
            keys: [empty; 2],
        };
        let mut options = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as libbpf_sys::size_t,
            ctx_in: (&raw mut context).cast(),
            ctx_size_in: u32::try_from(size_of_val(&context)).map_err(io::Error::other)?,
            ..Default::default()
        };
        // SAFETY: the context lives through the call and its size is given; the kernel writes it
        // back to where it read it.
        let rc =
            unsafe { libbpf_sys::bpf_prog_test_run_opts(self.0.as_raw_fd(), &raw mut options) };
        if rc != 0 {
            return Err(io::Error::from_raw_os_error(-rc));
        }
        if options.retval != 0 || context.count == 0 {
            return Err(io::Error::other("the kernel cannot tell the file"));
        }
        let count = usize::try_from(context.count).unwrap_or(0).min(2);
        Ok(context.keys.into_iter().take(count).collect())
    }
}

/// The entries of one policy, as they are in the maps.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    pub(crate) flags: u32,
    pub(crate) watch: u32,
    pub(crate) set: u32,
    files: BTreeMap<FileKey, FileRule>,
    names: BTreeMap<NameKey, FileRule>,
    patterns: BTreeMap<FileKey, Pattern>,
    pub(crate) programs: BTreeMap<ProgramKey, Program>,
}

impl Guarded {
    /// Resolves the policy in the root of `pid` and writes its entries; on error nothing stays.
    pub(crate) fn put(
        maps: &Maps,
        identifier: &Identifier,
        set: u32,
        guard: &Guard,
        pid: Option<u32>,
    ) -> Result<Self, Error> {
        let mut guarded = Self {
            flags: flags(guard),
            watch: watched(&guard.watch),
            set,
            ..Self::default()
        };
        let needed = !guard.files.is_empty() || guard.profile.is_some();
        if let Some(pid) = pid.filter(|_| needed) {
            let root = sys::open_root(pid).map_err(Error::system("opening a container's root"))?;
            guarded.resolve(identifier, &root, guard);
        }
        match guarded.write(maps) {
            Ok(()) => Ok(guarded),
            Err(error) => {
                guarded.remove(maps);
                Err(error)
            }
        }
    }

    fn resolve(&mut self, identifier: &Identifier, root: &OwnedFd, guard: &Guard) {
        if let Some(profile) = &guard.profile {
            self.flags |= profile::compile(identifier, root, self.set, profile, &mut self.programs);
        }
        if guard.files.is_empty() {
            return;
        }
        let mut resolver = Resolver {
            identifier,
            root,
            guarded: self,
            full: false,
        };
        resolver.resolve(&guard.files);
        self.flags |= guard_flag::FILES;
        if !self.patterns.is_empty() {
            self.flags |= guard_flag::PATTERNS;
        }
        // The walk to the root of the file system is for those who need it.
        let reach = file_flag::TREE | file_flag::CHILDREN;
        if self.files.values().any(|rule| rule.flags & reach != 0) {
            self.flags |= guard_flag::TREES;
        }
    }

    fn write(&self, maps: &Maps) -> Result<(), Error> {
        for (key, rule) in &self.files {
            kernel::put(&maps.file_rules, intf::bytes_of(key), rule)?;
        }
        for (key, rule) in &self.names {
            kernel::put(&maps.name_rules, intf::bytes_of(key), rule)?;
        }
        for (key, pattern) in &self.patterns {
            kernel::put(&maps.patterns, intf::bytes_of(key), pattern)?;
        }
        for (key, program) in &self.programs {
            kernel::put(&maps.programs, intf::bytes_of(key), program)?;
        }
        Ok(())
    }

    pub(crate) fn remove(&self, maps: &Maps) {
        for key in self.files.keys() {
            let _ = maps.file_rules.delete(intf::bytes_of(key));
        }
        for key in self.names.keys() {
            let _ = maps.name_rules.delete(intf::bytes_of(key));
        }
        for key in self.patterns.keys() {
            let _ = maps.patterns.delete(intf::bytes_of(key));
        }
        for key in self.programs.keys() {
            let _ = maps.programs.delete(intf::bytes_of(key));
        }
    }

    pub(crate) fn same_rules(&self, other: &Self) -> bool {
        let files = |g: &Self| each(&g.files, |k| FileKey { set: 0, ..k });
        let names = |g: &Self| each(&g.names, |k| NameKey { set: 0, ..k });
        let patterns = |g: &Self| each(&g.patterns, |k| FileKey { set: 0, ..k });
        let programs = |g: &Self| each(&g.programs, |k| ProgramKey { set: 0, ..k });
        self.flags == other.flags
            && files(self) == files(other)
            && names(self) == names(other)
            && patterns(self) == patterns(other)
            && programs(self) == programs(other)
    }
}

/// The entries under keys of no set.
fn each<K: Copy, V: Copy>(map: &BTreeMap<K, V>, unset: impl Fn(K) -> K) -> Vec<(K, V)> {
    map.iter().map(|(k, v)| (unset(*k), *v)).collect()
}

fn watched(watch: &Watch) -> u32 {
    [
        (watch.mount, guard_flag::MOUNT),
        (watch.ptrace, guard_flag::PTRACE),
        (watch.bpf, guard_flag::BPF),
        (watch.module, guard_flag::MODULE),
        (watch.user_namespace, guard_flag::USERNS),
        (watch.setuid, guard_flag::SETUID),
        (watch.capset, guard_flag::CAPSET),
        (watch.drift_code, guard_flag::DRIFT_CODE),
    ]
    .iter()
    .filter(|(on, _)| *on)
    .fold(0, |flags, (_, bit)| flags | bit)
}

fn flags(guard: &Guard) -> u32 {
    [
        (guard.mount, guard_flag::MOUNT),
        (guard.ptrace, guard_flag::PTRACE),
        (guard.bpf, guard_flag::BPF),
        (guard.module, guard_flag::MODULE),
        (guard.user_namespace, guard_flag::USERNS),
        (guard.setuid, guard_flag::SETUID),
        (guard.capset, guard_flag::CAPSET),
        (guard.raw_socket, guard_flag::RAW_SOCKET),
        (guard.listen, guard_flag::LISTEN),
        (guard.anonymous_exec, guard_flag::ANON_EXEC),
    ]
    .iter()
    .filter(|(on, _)| *on)
    .fold(0, |flags, (_, bit)| flags | bit)
}

struct Resolver<'a> {
    identifier: &'a Identifier,
    root: &'a OwnedFd,
    guarded: &'a mut Guarded,
    full: bool,
}

impl Resolver<'_> {
    fn resolve(&mut self, paths: &[GuardedPath]) {
        for (rule, guarded) in (1u32..).zip(paths) {
            let denials = denials(guarded);
            if denials == 0 {
                continue;
            }
            let mut flags = denials;
            for program in &guarded.programs {
                if self.exempt(rule, program) {
                    flags |= file_flag::EXEMPT;
                }
            }
            self.place(guarded, FileRule { flags, rule });
        }
        if self.full {
            tracing::warn!(
                limit = MAX_FILES,
                "guarded directories hold too many files: the rest is held by its directories only"
            );
        }
    }

    fn exempt(&mut self, rule: u32, program: &Path) -> bool {
        let Ok(file) = sys::open_in(self.root, program) else {
            return false;
        };
        let keys = self.identifier.identify(&file).unwrap_or_default();
        for key in &keys {
            let key = FileKey {
                set: self.guarded.set,
                rule,
                ..*key
            };
            self.guarded.files.insert(key, FileRule { flags: 0, rule });
        }
        !keys.is_empty()
    }

    fn place(&mut self, guarded: &GuardedPath, rule: FileRule) {
        let pattern = guarded
            .path
            .file_name()
            .filter(|n| n.as_bytes().contains(&b'*'));
        let base = match (pattern, guarded.path.parent()) {
            (Some(_), Some(dir)) => dir,
            _ => guarded.path.as_path(),
        };
        let opened = sys::open_in(self.root, base).and_then(|f| Stat::of(&f).map(|s| (f, s)));
        match (opened, pattern) {
            (Ok((dir, stat)), _) if stat.is_dir() => {
                self.ancestors(base, &dir);
                self.directory(&dir, guarded, pattern, rule, 0);
            }
            (Ok((file, _)), None) if !renamed(&file, base, rule) => {
                self.ancestors(base, &file);
                self.add(&file, rule);
            }
            (Err(_), None) => self.name(base, rule),
            _ => {}
        }
    }

    fn add(&mut self, file: &OwnedFd, rule: FileRule) {
        if self.guarded.files.len() >= MAX_FILES {
            self.full = true;
            return;
        }
        let keys = match self.identifier.identify(file) {
            Ok(keys) => keys,
            Err(error) => {
                tracing::warn!(%error, "a guarded file has no identity");
                return;
            }
        };
        for key in keys {
            let key = FileKey {
                set: self.guarded.set,
                ..key
            };
            let known = self.guarded.files.entry(key).or_insert(rule);
            if known.flags & DENIALS == 0 {
                // It was on the way to another one only.
                known.flags |= rule.flags;
                known.rule = rule.rule;
            } else {
                known.flags |= rule.flags & file_flag::ANCESTOR;
            }
        }
    }

    /// Everything above a guarded file, by the name it was given and by its real one.
    fn ancestors(&mut self, path: &Path, file: &OwnedFd) {
        let rule = FileRule {
            flags: file_flag::ANCESTOR,
            rule: 0,
        };
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        let real = std::fs::read_link(link).unwrap_or_default();
        let above = |p: &Path| -> Vec<PathBuf> {
            p.ancestors()
                .skip(1)
                .filter(|a| a.parent().is_some())
                .map(Path::to_owned)
                .collect()
        };
        let mut dirs = above(path);
        dirs.extend(above(&real));
        dirs.sort();
        dirs.dedup();
        for dir in dirs {
            if let Ok(dir) = sys::open_in(self.root, &dir) {
                self.add(&dir, rule);
            }
        }
    }

    fn directory(
        &mut self,
        dir: &OwnedFd,
        guarded: &GuardedPath,
        pattern: Option<&OsStr>,
        rule: FileRule,
        depth: usize,
    ) {
        let all = pattern.is_none_or(|p| p == "*");
        if all {
            let reach = if guarded.recursive {
                file_flag::TREE
            } else {
                file_flag::CHILDREN
            };
            let flags = rule.flags | reach;
            self.add(dir, FileRule { flags, ..rule });
        } else if let Some(pattern) = pattern.filter(|_| depth == 0) {
            self.pattern(dir, pattern, guarded.recursive, rule);
        }
        if depth >= MAX_DEPTH || self.full {
            return;
        }
        for entry in entries(dir).unwrap_or_default() {
            let wanted = pattern.is_none_or(|p| fits(p.as_bytes(), entry.as_bytes()));
            let Ok(target) = sys::open_entry(dir, &entry) else {
                continue;
            };
            let Ok(stat) = Stat::of(&target) else {
                continue;
            };
            if stat.is_dir() && guarded.recursive {
                self.directory(&target, guarded, pattern, rule, depth + 1);
            } else if wanted {
                self.add(&target, rule);
            }
        }
    }

    /// Files that come to fit the pattern later.
    fn pattern(&mut self, dir: &OwnedFd, pattern: &OsStr, recursive: bool, rule: FileRule) {
        let bytes = pattern.as_bytes();
        let stars: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'*').collect();
        let [star] = stars[..] else {
            tracing::warn!(pattern = %pattern.display(), "new names that fit a pattern of several stars are told, not refused");
            return;
        };
        let (prefix, suffix) = (&bytes[..star], &bytes[star + 1..]);
        let tree = if recursive { file_flag::TREE } else { 0 };
        let value = Pattern {
            flags: rule.flags | tree,
            rule: rule.rule,
            prefix_len: u32::try_from(prefix.len()).unwrap_or(u32::MAX),
            suffix_len: u32::try_from(suffix.len()).unwrap_or(u32::MAX),
            prefix_hash: fnv1a(prefix),
            suffix_hash: fnv1a(suffix),
        };
        for key in self.identifier.identify(dir).unwrap_or_default() {
            let set = self.guarded.set;
            let place = |rule| FileKey { set, rule, ..key };
            let free = (0..intf::PATTERNS)
                .map(place)
                .find(|key| !self.guarded.patterns.contains_key(key));
            match free {
                Some(key) => drop(self.guarded.patterns.insert(key, value)),
                None => tracing::warn!(
                    pattern = %pattern.display(),
                    limit = intf::PATTERNS,
                    "the directory has too many patterns: new names that fit this one are told, not refused"
                ),
            }
        }
    }

    /// A path that does not exist: its name may not appear.
    fn name(&mut self, path: &Path, rule: FileRule) {
        if rule.flags & file_flag::NO_WRITE == 0 {
            return;
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let Ok(dir) = sys::open_in(self.root, parent) else {
            return;
        };
        self.ancestors(path, &dir);
        let name = name.as_bytes();
        let Ok(len) = u32::try_from(name.len()) else {
            return;
        };
        for key in self.identifier.identify(&dir).unwrap_or_default() {
            let key = NameKey {
                set: self.guarded.set,
                dev: key.dev,
                ino: key.ino,
                generation: key.generation,
                len,
                hash: fnv1a(name),
            };
            self.guarded.names.entry(key).or_insert(rule);
        }
    }
}

fn denials(guarded: &GuardedPath) -> u32 {
    [
        (guarded.deny_read, file_flag::NO_READ),
        (guarded.deny_write, file_flag::NO_WRITE),
        (guarded.deny_exec, file_flag::NO_EXEC),
    ]
    .iter()
    .filter(|(on, _)| *on)
    .fold(0, |flags, (_, bit)| flags | bit)
}

/// A program's name that is a link to a file of another name: one of a multi-call binary's, which
/// must not be refused for all of them.
fn renamed(file: &OwnedFd, path: &Path, rule: FileRule) -> bool {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    let real = std::fs::read_link(link).unwrap_or_default();
    rule.flags & file_flag::NO_EXEC != 0 && real.file_name() != path.file_name()
}

pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Waits until no kernel program still looks at what was there before: then old entries may go.
pub(crate) fn settle() {
    const GLOBAL: libc::c_int = 1;
    // SAFETY: takes integers only, and waits.
    let rc = unsafe { libc::syscall(libc::SYS_membarrier, GLOBAL, 0, 0) };
    if rc != 0 {
        // Kernels with isolated CPUs refuse it; programs run for microseconds.
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// A live process among these whose root can be opened.
pub(crate) fn reachable(pids: impl Iterator<Item = u32>) -> Option<u32> {
    pids.take(16)
        .find(|pid| procfs::Status::read(*pid).is_ok() && sys::open_root(*pid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hash_as_in_the_kernel() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv1a(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn each_guard_has_its_bit() {
        assert_eq!(flags(&Guard::default()), 0);
        let one = Guard {
            setuid: true,
            listen: true,
            ..Guard::default()
        };
        assert_eq!(flags(&one), guard_flag::SETUID | guard_flag::LISTEN);
    }
}
