//! Puts a filter in force: which calls the kernel tells, and the programs attached only meanwhile.

use super::{CallFilter, table};
use crate::{
    Error,
    intf::{
        self, CallConfig, CallName, CallPrefix, CallSpec,
        call::{CALLS, COMPAT, SOCKET, URING, matching, spec_flag},
    },
    kernel::{self, Maps},
};
use libbpf_rs::{MapCore, MapHandle};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::{Mutex, PoisonError},
};

/// Elements of each of the two maps of paths.
const MAX_PATHS: usize = 4096;

/// The programs, and their links while somebody asks.
#[derive(Debug, Default)]
pub(crate) struct CallWatch {
    programs: Vec<OwnedFd>,
    /// None once the probe is gone.
    links: Mutex<Option<Vec<OwnedFd>>>,
}

impl CallWatch {
    /// Of the programs that the kernel took.
    pub(crate) fn new(programs: Vec<OwnedFd>) -> Self {
        Self {
            programs,
            links: Mutex::new(Some(Vec::new())),
        }
    }

    /// Replaces what is told. On error what was told before may be told in part.
    pub(crate) fn put(&self, maps: &Maps, filter: &CallFilter) -> Result<(), Error> {
        let table = rows(filter)?;
        let paths = Paths::of(filter)?;
        let mut held = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(links) = held.as_mut() else {
            return Err(Error::NoPrograms);
        };
        if !table.is_empty() && self.programs.is_empty() {
            return Err(Error::NoCalls);
        }
        // More is told for a moment, never less than both filters ask for.
        paths.add(maps)?;
        kernel::put(
            &maps.call_config,
            &0u32.to_ne_bytes(),
            &paths.config(filter),
        )?;
        for index in 0..CALLS {
            let spec = table.get(&index).copied().unwrap_or(UNTOLD);
            kernel::put(&maps.call_table, &index.to_ne_bytes(), &spec)?;
        }
        paths.remove_others(maps);
        if table.is_empty() {
            links.clear();
        } else if links.is_empty() {
            for program in &self.programs {
                links.push(attach(program)?);
            }
        }
        Ok(())
    }

    /// Detaches for good.
    pub(crate) fn close(&self) {
        *self.links.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

const UNTOLD: CallSpec = CallSpec {
    call: 0,
    shape: 0,
    flags: 0,
    fd_arg: 0,
    path_arg: 0,
    dir_arg: 0,
    other_arg: 0,
    other_dir_arg: 0,
    address_arg: 0,
    pad: [0; 2],
};

fn attach(program: &OwnedFd) -> Result<OwnedFd, Error> {
    // SAFETY: a program of this type names its own tracepoint; the answer is a new descriptor or
    // an error.
    let fd = unsafe { libbpf_sys::bpf_raw_tracepoint_open(std::ptr::null(), program.as_raw_fd()) };
    if fd < 0 {
        let source = io::Error::from_raw_os_error(-fd);
        return Err(Error::System {
            step: "attaching to system calls",
            source,
        });
    }
    // SAFETY: the descriptor was just made and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Elements of `call_table` that tell something.
fn rows(filter: &CallFilter) -> Result<BTreeMap<u32, CallSpec>, Error> {
    let mut rows = BTreeMap::new();
    for name in &filter.calls {
        let (call, row) =
            table::find(name).ok_or_else(|| Error::UnknownCall((*name).to_owned()))?;
        let mut spec = CallSpec { call, ..row.spec };
        if filter.failed {
            spec.flags |= spec_flag::FAILED;
        } else if spec.flags & spec_flag::ONLY_FAILED != 0 {
            continue;
        }
        for (numbers, base) in [
            (row.native, 0),
            (row.compat, COMPAT),
            (row.socketcall, SOCKET),
            (row.uring, URING),
        ] {
            rows.extend(numbers.iter().map(|n| (base + u32::from(*n), spec)));
        }
    }
    Ok(rows)
}

/// What reads are told by, as the maps hold it.
#[derive(Debug, Default)]
struct Paths {
    prefixes: BTreeSet<CallPrefix>,
    names: BTreeMap<CallName, u32>,
}

impl Paths {
    fn of(filter: &CallFilter) -> Result<Self, Error> {
        let mut paths = Self::default();
        let Some(reads) = &filter.reads else {
            return Ok(paths);
        };
        for prefix in &reads.prefixes {
            paths.prefixes.insert(prefix_key(prefix)?);
        }
        for (names, bit) in [
            (&reads.names, matching::NAME),
            (&reads.components, matching::COMPONENT),
        ] {
            for name in names {
                *paths.names.entry(name_key(name)?).or_default() |= bit;
            }
        }
        for len in [paths.prefixes.len(), paths.names.len()] {
            if len > MAX_PATHS {
                return Err(Error::TooLarge {
                    what: "paths of opens for reading",
                    limit: MAX_PATHS,
                });
            }
        }
        Ok(paths)
    }

    fn config(&self, filter: &CallFilter) -> CallConfig {
        let bits = self.names.values().fold(0, |all, bits| all | bits);
        CallConfig {
            host: u8::from(filter.host),
            filter_reads: u8::from(filter.reads.is_some()),
            matching: u8::try_from(bits).unwrap_or(u8::MAX),
            prefixes: u8::from(!self.prefixes.is_empty()),
            self_pid: std::process::id(),
        }
    }

    fn add(&self, maps: &Maps) -> Result<(), Error> {
        for prefix in &self.prefixes {
            kernel::put(&maps.call_prefixes, intf::bytes_of(prefix), &1u32)?;
        }
        for (name, bits) in &self.names {
            kernel::put(&maps.call_names, intf::bytes_of(name), bits)?;
        }
        Ok(())
    }

    fn remove_others(&self, maps: &Maps) {
        let remove = |map: &MapHandle, keep: &dyn Fn(&[u8]) -> bool| {
            let keys: Vec<Vec<u8>> = map.keys().filter(|key| !keep(key)).collect();
            for key in keys {
                let _ = map.delete(&key);
            }
        };
        remove(&maps.call_prefixes, &|key| {
            intf::read(key).is_some_and(|key: CallPrefix| self.prefixes.contains(&key))
        });
        remove(&maps.call_names, &|key| {
            intf::read(key).is_some_and(|key: CallName| self.names.contains_key(&key))
        });
    }
}

/// Bytes beyond what the trie compares are left out: the kernel may then tell more than was asked.
fn prefix_key(prefix: &str) -> Result<CallPrefix, Error> {
    let mut path = [0; 252];
    let len = prefix.len().min(path.len());
    let bits = u32::try_from(len * 8).map_err(|_| Error::BadPath(prefix.to_owned()))?;
    if !prefix.starts_with('/') {
        return Err(Error::BadPath(prefix.to_owned()));
    }
    path[..len].copy_from_slice(&prefix.as_bytes()[..len]);
    Ok(CallPrefix {
        prefix_len: bits,
        path,
    })
}

fn name_key(name: &str) -> Result<CallName, Error> {
    let mut key = CallName { name: [0; 64] };
    // A zero byte ends it.
    let fits = (1..key.name.len()).contains(&name.len());
    if !fits || name.contains(['/', '\0']) {
        return Err(Error::BadPath(name.to_owned()));
    }
    key.name[..name.len()].copy_from_slice(name.as_bytes());
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PathFilter;

    fn filter(calls: &[&'static str]) -> CallFilter {
        CallFilter {
            calls: calls.iter().copied().collect(),
            ..CallFilter::default()
        }
    }

    #[test]
    fn a_call_is_told_through_every_table() {
        let rows = rows(&filter(&["openat", "connect"])).unwrap();
        let found: Vec<u32> = rows.keys().copied().collect();
        assert_eq!(
            found,
            [
                42,
                257,
                COMPAT + 295,
                COMPAT + 362,
                SOCKET + 3,
                URING + 16,
                URING + 18
            ]
        );
    }

    #[test]
    fn unknown_calls_are_refused_and_execs_need_failures() {
        assert!(matches!(
            rows(&filter(&["opennat"])),
            Err(Error::UnknownCall(name)) if name == "opennat"
        ));
        assert!(rows(&filter(&["execve"])).unwrap().is_empty());
        let failed = CallFilter {
            failed: true,
            ..filter(&["execve"])
        };
        let rows = rows(&failed).unwrap();
        assert!(rows.values().all(|s| s.flags & spec_flag::FAILED != 0));
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn paths_that_no_map_holds_are_refused() {
        let with = |reads: PathFilter| CallFilter {
            reads: Some(reads),
            ..CallFilter::default()
        };
        let set = |s: &str| BTreeSet::from([s.to_owned()]);
        let long = "x".repeat(64);
        for (prefixes, names, components) in [
            ("etc", "", ""),
            ("", "a/b", ""),
            ("", &*long, ""),
            ("", "", "a\0b"),
        ] {
            let mut reads = PathFilter::default();
            for (text, into) in [
                (prefixes, &mut reads.prefixes),
                (names, &mut reads.names),
                (components, &mut reads.components),
            ] {
                if !text.is_empty() {
                    *into = set(text);
                }
            }
            assert!(Paths::of(&with(reads)).is_err());
        }
        let reads = PathFilter {
            prefixes: set(&format!("/{}", "d/".repeat(400))),
            names: set("id_rsa"),
            components: BTreeSet::from(["id_rsa".to_owned(), ".aws".to_owned()]),
        };
        let paths = Paths::of(&with(reads.clone())).unwrap();
        assert_eq!(paths.prefixes.first().unwrap().prefix_len, 252 * 8);
        assert_eq!(paths.names.len(), 2);
        let config = paths.config(&with(reads));
        assert_eq!((config.filter_reads, config.matching), (1, 3));
    }
}
