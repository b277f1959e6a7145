//! The loaded object: maps by name, programs attached, counters.

use crate::{
    Config, Error,
    intf::{self, ConfigValue, Pod},
    procfs, verifier,
};
use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject, ProgramType,
    btf::{Btf, types},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rampart.bpf.o"));

/// Inode of the first pid namespace (`PROC_PID_INIT_INO`), a constant of the kernel.
const HOST_PID_NS: u32 = 0xeffffffc;

/// Programs without which nothing else means anything. Any other that a kernel lacks or refuses
/// is left out, and [`crate::detect`] says what that costs.
const ESSENTIAL: &[&str] = &["on_fork", "on_exec", "on_exit", "on_cgroup_attach"];

/// Programs that are left out, each with the reason.
pub(crate) type Refused = BTreeMap<String, String>;

#[derive(Debug)]
pub(crate) struct Maps {
    pub(crate) events: MapHandle,
    pub(crate) critical: MapHandle,
    pub(crate) config: MapHandle,
    pub(crate) labels: MapHandle,
    pub(crate) task_state: MapHandle,
    pub(crate) members: MapHandle,
    pub(crate) policies: MapHandle,
    pub(crate) exec_verdicts: MapHandle,
    pub(crate) ports: MapHandle,
    pub(crate) rules: MapHandle,
    pub(crate) flows: MapHandle,
    pub(crate) counters: MapHandle,
}

/// Dropping it detaches every program.
pub(crate) struct Kernel {
    _links: Vec<Link>,
    _object: Object,
}

pub(crate) struct Loaded {
    pub(crate) kernel: Kernel,
    pub(crate) maps: Maps,
    pub(crate) programs: Vec<OwnedFd>,
    pub(crate) cgroup2: PathBuf,
}

pub(crate) fn load(config: &Config) -> Result<Loaded, Error> {
    if !has_programs() {
        return Err(Error::NoPrograms);
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Err(Error::NoBtf);
    }
    let cgroup2 = config
        .cgroup2
        .clone()
        .or_else(procfs::cgroup2_mount)
        .ok_or(Error::NoCgroup2)?;
    let (object, mut refused) = load_object(config)?;
    let maps = Maps::of(&object)?;
    maps.set_config(config)?;
    let links = attach(&object, &cgroup2, &mut refused)?;
    for (program, reason) in &refused {
        tracing::warn!(program, reason, "a kernel program is left out");
    }
    let programs = object
        .progs()
        .filter(|p| p.autoload())
        .filter_map(|p| {
            use std::os::fd::AsFd;
            p.as_fd().try_clone_to_owned().ok()
        })
        .collect();
    Ok(Loaded {
        kernel: Kernel {
            _links: links,
            _object: object,
        },
        maps,
        programs,
        cgroup2,
    })
}

/// Whether this build holds any.
pub(crate) fn has_programs() -> bool {
    !OBJECT.is_empty()
}

/// Loads what this kernel takes without attaching it; returns what it does not take.
pub(crate) fn try_load() -> Result<Refused, Error> {
    if !has_programs() {
        return Err(Error::NoPrograms);
    }
    const PAGE: u32 = 4096;
    let small = Config {
        ring_bytes: 2 * PAGE,
        critical_ring_bytes: 2 * PAGE,
        max_flows: 1024,
        ..Config::default()
    };
    load_object(&small).map(|(_, refused)| refused)
}

/// Loading ends at the first program that is refused, so it is repeated without that one.
fn load_object(config: &Config) -> Result<(Object, Refused), Error> {
    load_adjusted(config, |_| {})
}

fn load_adjusted(
    config: &Config,
    adjust: impl Fn(&mut OpenObject),
) -> Result<(Object, Refused), Error> {
    let mut refused = Refused::new();
    loop {
        let mut object = open(config, &mut refused)?;
        adjust(&mut object);
        let (loaded, refusal) = verifier::listen(|| object.load());
        let source = match loaded {
            Ok(object) => return Ok((object, refused)),
            Err(source) => source,
        };
        let Some(program) = refusal.program.clone() else {
            return Err(Error::kernel("to load the programs")(source));
        };
        let reason = refusal.reason().to_owned();
        tracing::debug!(program, log = refusal.detail(), "refused by the verifier");
        if ESSENTIAL.contains(&program.as_str()) || refused.contains_key(&program) {
            let log = refusal.detail();
            return Err(Error::Refused {
                program,
                log,
                source,
            });
        }
        refused.insert(program, reason);
    }
}

fn open(config: &Config, refused: &mut Refused) -> Result<OpenObject, Error> {
    let mut object = ObjectBuilder::default()
        .open_memory(OBJECT)
        .map_err(Error::kernel("to open the programs"))?;
    for mut map in object.maps_mut() {
        let size = match map.name().to_str() {
            Some("events") => config.ring_bytes,
            Some("critical") => config.critical_ring_bytes,
            Some("flows") => config.max_flows,
            Some("rules" | "ports") => config.max_network_rules,
            _ => continue,
        };
        map.set_max_entries(size)
            .map_err(Error::kernel("the size of a map"))?;
    }
    let kernel = Btf::from_vmlinux().map_err(Error::kernel("to read its types"))?;
    let capable = if has_target(&kernel, Some("tp_btf/cap_capable")) {
        "on_capable"
    } else {
        "on_capable_exit"
    };
    for mut program in object.progs_mut() {
        let name = program.name().to_str().unwrap_or_default().to_owned();
        let spare = name.starts_with("on_capable") && name != capable;
        let essential = ESSENTIAL.contains(&name.as_str());
        if !spare && !essential && !has_target(&kernel, program.section().to_str()) {
            refused.insert(name.clone(), "the kernel has no such hook".to_owned());
        }
        if spare || refused.contains_key(&name) {
            program.set_autoload(false);
        }
    }
    Ok(object)
}

/// Whether the kernel has the tracepoint or function that a section names.
fn has_target(kernel: &Btf<'_>, section: Option<&str>) -> bool {
    match section.and_then(|s| s.split_once('/')) {
        Some(("tp_btf", name)) => kernel
            .type_by_name::<types::Typedef<'_>>(&format!("btf_trace_{name}"))
            .is_some(),
        Some(("fexit", name)) => kernel.type_by_name::<types::Func<'_>>(name).is_some(),
        _ => true,
    }
}

fn attach(object: &Object, cgroup2: &Path, refused: &mut Refused) -> Result<Vec<Link>, Error> {
    let root = File::open(cgroup2).map_err(Error::system("opening the cgroup v2 mount"))?;
    let mut links = Vec::new();
    for program in object.progs_mut() {
        if !program.autoload() {
            continue;
        }
        let link = match program.prog_type() {
            ProgramType::Tracing => program.attach_trace(),
            _ => program.attach_cgroup(root.as_raw_fd()),
        };
        let name = program.name().to_string_lossy().into_owned();
        match link {
            Ok(link) => links.push(link),
            Err(source) if ESSENTIAL.contains(&name.as_str()) => {
                return Err(Error::kernel("to attach a program")(source));
            }
            Err(source) => {
                refused.insert(name, source.to_string());
            }
        }
    }
    Ok(links)
}

impl Maps {
    fn of(object: &Object) -> Result<Self, Error> {
        let map = |name: &'static str| {
            let map = object
                .maps()
                .find(|m| m.name() == name)
                .ok_or(Error::NoMap(name))?;
            MapHandle::try_from(&map).map_err(Error::kernel("a handle to a map"))
        };
        Ok(Self {
            events: map("events")?,
            critical: map("critical")?,
            config: map("config")?,
            labels: map("labels")?,
            task_state: map("task_state")?,
            members: map("members")?,
            policies: map("policies")?,
            exec_verdicts: map("exec_verdicts")?,
            ports: map("ports")?,
            rules: map("rules")?,
            flows: map("flows")?,
            counters: map("counters")?,
        })
    }

    fn set_config(&self, config: &Config) -> Result<(), Error> {
        let host = Path::new("/proc").join(procfs::host_pid().to_string());
        let value = ConfigValue {
            host_mount_ns: namespace(&host)
                .map_err(Error::system("reading the host's namespace"))?,
            host_pid_ns: HOST_PID_NS,
            host_root_dev: fs::metadata(host.join("root/"))
                .map(|m| intf::kernel_dev(m.dev()))
                .map_err(Error::system("reading the host's root"))?,
            self_pid: std::process::id(),
            hold: u8::from(config.hold),
            host_events: u8::from(config.host_events),
            pad: [0; 6],
        };
        put(&self.config, &0u32.to_ne_bytes(), &value)
    }

    /// A counter, summed over the CPUs; 0 when it cannot be read.
    pub(crate) fn count(&self, which: u32) -> u64 {
        let values = self
            .counters
            .lookup_percpu(&which.to_ne_bytes(), MapFlags::ANY);
        let values = values.ok().flatten().unwrap_or_default();
        values
            .iter()
            .filter_map(|v| v.get(..8)?.try_into().ok().map(u64::from_ne_bytes))
            .sum()
    }
}

/// Writes a map element.
pub(crate) fn put<V: Pod>(map: &MapHandle, key: &[u8], value: &V) -> Result<(), Error> {
    map.update(key, intf::bytes_of(value), MapFlags::ANY)
        .map_err(Error::kernel("to write a map"))
}

fn namespace(process: &Path) -> io::Result<u32> {
    let inode = fs::metadata(process.join("ns/mnt"))?.ino();
    u32::try_from(inode).map_err(io::Error::other)
}

/// Runs that were skipped because the program was already running on that CPU.
pub(crate) fn missed(programs: &[OwnedFd]) -> u64 {
    programs
        .iter()
        .map(|program| {
            let mut info = libbpf_sys::bpf_prog_info::default();
            let mut len = u32::try_from(size_of_val(&info)).unwrap_or(0);
            // SAFETY: the kernel writes at most `len` bytes into `info`, which is that long and
            // holds no pointers it would follow (all zero).
            let rc = unsafe {
                libbpf_sys::bpf_prog_get_info_by_fd(
                    program.as_raw_fd(),
                    &raw mut info,
                    &raw mut len,
                )
            };
            if rc == 0 { info.recursion_misses } else { 0 }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use libbpf_rs::btf::{BtfKind, HasSize};

    /// The contract: every structure of `intf.rs` has the size and the offsets of `bpf/intf.h`.
    #[test]
    fn layout_matches_the_object() {
        if OBJECT.is_empty() {
            eprintln!("skipped: built with RAMPART_SKIP_BPF");
            return;
        }
        let btf = Btf::from_raw("rampart", OBJECT).unwrap().unwrap();
        let mut layouts = intf::layouts();
        layouts.push(("rp_exec", usize::MAX, exec_fields()));
        layouts.push(("rp_cgroup", usize::MAX, cgroup_fields()));
        for (name, size, fields) in layouts {
            let found: types::Struct<'_> = btf
                .type_by_name(name)
                .unwrap_or_else(|| panic!("{name} is not in the object"));
            assert_eq!(found.kind(), BtfKind::Struct);
            if size != usize::MAX {
                assert_eq!(found.size(), size, "{name}");
            }
            let members: Vec<(String, usize)> = found
                .iter()
                .map(|m| {
                    let name = m.name.unwrap().to_str().unwrap().to_owned();
                    let types::MemberAttr::Normal { offset } = m.attr else {
                        panic!("bit field")
                    };
                    (name, offset as usize / 8)
                })
                .collect();
            for (i, (field, offset)) in fields.iter().enumerate() {
                assert_eq!(members[i], ((*field).to_owned(), *offset), "{name}.{field}");
            }
        }
    }

    /// Declares one program to be of a type whose context it does not fit.
    fn break_program(object: &mut OpenObject, name: &str) {
        let mut program = object.progs_mut().find(|p| p.name() == name).unwrap();
        program.set_prog_type(ProgramType::SocketFilter);
    }

    #[test]
    fn a_refused_program_is_left_out_and_an_essential_one_is_named() {
        let config = Config::default();
        if let Err(error) = try_load() {
            eprintln!("skipped: nothing loads here: {error}");
            return;
        }
        let broken = load_adjusted(&config, |o| break_program(o, "on_sock_state"));
        let (object, refused) = broken.unwrap();
        assert_eq!(refused.keys().collect::<Vec<_>>(), ["on_sock_state"]);
        assert!(!refused["on_sock_state"].is_empty());
        let loaded = |name: &str| {
            object
                .progs()
                .find(|p| p.name() == name)
                .unwrap()
                .autoload()
        };
        assert!(loaded("on_exec") && !loaded("on_sock_state"));
        let error = load_adjusted(&config, |o| break_program(o, "on_exec")).err();
        let Some(Error::Refused { program, log, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(program, "on_exec");
        assert!(log.contains("load failed"), "{log}");
    }

    macro_rules! fields {
        ($ty:ty: $($field:ident),+; $last:literal) => {
            vec![
                $((stringify!($field), std::mem::offset_of!($ty, $field))),+,
                ($last, size_of::<$ty>()),
            ]
        };
    }

    fn exec_fields() -> Vec<(&'static str, usize)> {
        fields!(intf::ExecRecord: head, task, ino, argv_bytes, prev_caps, dev, mode, flags,
            reason, prev_uid, prev_euid, path_len, cwd_len, filename_len, argv_head_len,
            argv_tail_len, pad; "data")
    }

    fn cgroup_fields() -> Vec<(&'static str, usize)> {
        fields!(intf::CgroupRecord: head, id, label, path_len; "path")
    }
}
