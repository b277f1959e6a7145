//! A profile of programs as entries of the kernel's map.
//!
//! A file that an allow rule names is told by its identity on disk and, where it may change, by its
//! name in its directory too, so that an update keeps running. Limits: [`MAX_RULES`] rules; what a
//! rule names and is not there is allowed by its name below the deepest folder that is.

use crate::{
    Profile, ProgramRule, Programs,
    fanotify::sys,
    guard::{Identifier, fnv1a},
    intf::{ANY_UID, FileKey, Program, ProgramKey, guard_flag, program_flag, program_kind},
};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

const MAX_RULES: usize = 8192;
/// Users of one rule.
const MAX_UIDS: usize = 64;

/// Adds the entries; the guard flags that they need.
pub(crate) fn compile(
    identifier: &Identifier,
    root: &OwnedFd,
    set: u32,
    profile: &Profile,
    entries: &mut BTreeMap<ProgramKey, Program>,
) -> u32 {
    let mut compiler = Compiler {
        identifier,
        root,
        set,
        by_name: !profile.zero_drift,
        entries,
        flags: guard_flag::PROFILE,
        blind: false,
    };
    if profile.zero_drift {
        compiler.flags |= guard_flag::ZERO_DRIFT;
    }
    if profile.rules.len() > MAX_RULES {
        // Refusing what a rule that is left out allows would be worse.
        tracing::warn!(limit = MAX_RULES, "the profile is left to the agent");
        return 0;
    }
    let count = u32::try_from(profile.rules.len()).unwrap_or(u32::MAX);
    for (place, rule) in (0u32..).zip(&profile.rules) {
        // Rules of parents come after all others.
        let rank = if rule.parent { count + place } else { place };
        compiler.rule(rank, rule);
    }
    if compiler.blind {
        tracing::warn!("programs of the profile have no identity: it is left to the agent");
        return 0;
    }
    compiler.flags
}

struct Compiler<'a> {
    identifier: &'a Identifier,
    root: &'a OwnedFd,
    set: u32,
    /// Allowed files may be replaced.
    by_name: bool,
    entries: &'a mut BTreeMap<ProgramKey, Program>,
    flags: u32,
    /// A file was there that the kernel could not tell.
    blind: bool,
}

const NOWHERE: FileKey = FileKey {
    set: 0,
    dev: 0,
    ino: 0,
    generation: 0,
    rule: 0,
};

impl Compiler<'_> {
    fn rule(&mut self, rank: u32, rule: &ProgramRule) {
        let mut flags = 0;
        if rule.deny {
            flags |= program_flag::DENY;
        }
        if rule.may_change {
            flags |= program_flag::UPDATE;
        }
        let program = Program { rank, flags };
        if rule.parent {
            self.flags |= guard_flag::PARENTS;
            self.parents(rule, program);
        }
        match &rule.programs {
            Programs::Any => self.put(program_kind::NAME, NOWHERE, 0, rule, program),
            Programs::File(path) => self.file(path, rule, program),
            Programs::Name(name) => {
                self.put(program_kind::NAME, NOWHERE, hash(name), rule, program);
            }
            Programs::Below(dir, name) => self.below(dir, name.as_deref(), rule, program),
        }
    }

    fn put(&mut self, kind: u32, file: FileKey, hash: u64, rule: &ProgramRule, program: Program) {
        let any = [ANY_UID];
        let uids = match &rule.uids[..] {
            [] => &any[..],
            uids => &uids[..uids.len().min(MAX_UIDS)],
        };
        for uid in uids {
            let key = ProgramKey {
                set: self.set,
                kind,
                ino: file.ino,
                hash,
                dev: file.dev,
                generation: file.generation,
                uid: *uid,
                pad: 0,
            };
            let known = self.entries.entry(key).or_insert(program);
            if program.rank < known.rank {
                *known = program;
            }
        }
    }

    fn file(&mut self, path: &Path, rule: &ProgramRule, program: Program) {
        let Some(name) = path.file_name() else {
            return;
        };
        let file = sys::open_in(self.root, path).ok();
        // A file has other names, which a denial of this one is not about.
        if let Some(file) = file.as_ref().filter(|_| !rule.deny) {
            for key in self.identities(file) {
                self.put(program_kind::FILE, key, 0, rule, program);
            }
        }
        if rule.deny && file.as_ref().is_some_and(|f| is_elsewhere(f, path)) {
            return;
        }
        if self.by_name || rule.deny || rule.may_change {
            self.name(path, name, rule, program);
        }
    }

    /// The path itself, whatever file is there.
    fn name(&mut self, path: &Path, name: &OsStr, rule: &ProgramRule, program: Program) {
        let mut folders = path.ancestors().skip(1);
        let found = folders.find_map(|dir| Some((dir, self.open(dir)?)));
        let Some((dir, opened)) = found else {
            return;
        };
        let kind = if path.parent() == Some(dir) {
            program_kind::NAME
        } else if rule.deny {
            return;
        } else {
            self.flags |= guard_flag::BELOW;
            program_kind::BELOW
        };
        for key in self.identities(&opened) {
            self.put(kind, key, fnv1a(name.as_bytes()), rule, program);
        }
    }

    fn below(&mut self, dir: &Path, name: Option<&str>, rule: &ProgramRule, program: Program) {
        let found = if rule.deny {
            self.open(dir)
        } else {
            // A folder that is not there yet.
            dir.ancestors().find_map(|dir| self.open(dir))
        };
        let Some(opened) = found else {
            return;
        };
        self.flags |= guard_flag::BELOW;
        for key in self.identities(&opened) {
            self.put(
                program_kind::BELOW,
                key,
                name.map_or(0, hash),
                rule,
                program,
            );
        }
    }

    fn parents(&mut self, rule: &ProgramRule, program: Program) {
        match &rule.programs {
            Programs::File(path) => {
                let file = sys::open_in(self.root, path).ok();
                let keys = file.map(|f| self.identities(&f)).unwrap_or_default();
                for key in keys {
                    self.put(program_kind::PARENT, key, 0, rule, program);
                }
            }
            Programs::Name(name) | Programs::Below(_, Some(name)) => {
                self.put(program_kind::PARENT, NOWHERE, hash(name), rule, program);
            }
            Programs::Any | Programs::Below(_, None) => {
                self.put(program_kind::NAME, NOWHERE, 0, rule, program);
            }
        }
    }

    fn open(&self, path: &Path) -> Option<OwnedFd> {
        sys::open_in(self.root, path).ok()
    }

    fn identities(&mut self, file: &OwnedFd) -> Vec<FileKey> {
        let found = self.identifier.identify(file).unwrap_or_default();
        self.blind |= found.is_empty();
        found
    }
}

/// Reached through a link.
fn is_elsewhere(file: &OwnedFd, path: &Path) -> bool {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    std::fs::read_link(link).is_ok_and(|real| real.file_name() != path.file_name())
}

/// Of a name; never 0, which stands for any.
fn hash(name: &str) -> u64 {
    fnv1a(name.as_bytes())
}
