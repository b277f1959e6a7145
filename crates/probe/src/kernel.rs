//! The loaded object: maps by name, programs attached, counters.

use crate::{
    Config, Error,
    call::watch::CallWatch,
    detect,
    guard::Identifier,
    intf::{self, ConfigValue, Pod},
    pin::Pins,
    procfs, verifier,
};
use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject, ProgramType,
    btf::{Btf, BtfKind, BtfType, ReferencesType, types},
};
use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    sync::Arc,
};

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rampart.bpf.o"));

/// Inode of the first pid namespace (`PROC_PID_INIT_INO`), a constant of the kernel.
const HOST_PID_NS: u32 = 0xeffffffc;

/// Programs without which nothing else means anything. Any other that a kernel lacks or refuses
/// is left out, and [`crate::detect`] says what that costs.
const ESSENTIAL: &[&str] = &["on_fork", "on_exec", "on_exit", "on_cgroup_attach"];

/// LSM programs without which prevention has holes: a kernel that lacks one is of a lower tier.
pub(crate) const LSM_ESSENTIAL: &[&str] = &[
    "lsm_task_alloc",
    "lsm_bprm_check",
    "lsm_bprm_committed",
    "lsm_mmap_file",
    "lsm_file_mprotect",
    "lsm_file_open",
    "lsm_path_unlink",
    "lsm_path_rename",
    "lsm_path_link",
    "lsm_path_mknod",
    "lsm_path_truncate",
    "identify",
];

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
    pub(crate) file_rules: MapHandle,
    pub(crate) name_rules: MapHandle,
    pub(crate) patterns: MapHandle,
    pub(crate) programs: MapHandle,
    pub(crate) own_objects: MapHandle,
    pub(crate) ports: MapHandle,
    pub(crate) rules: MapHandle,
    pub(crate) flows: MapHandle,
    pub(crate) counters: MapHandle,
    pub(crate) call_table: MapHandle,
    pub(crate) call_config: MapHandle,
    pub(crate) call_prefixes: MapHandle,
    pub(crate) call_names: MapHandle,
}

/// Dropping it detaches every program that is not pinned.
pub(crate) struct Kernel {
    _links: Vec<Link>,
    _object: Object,
}

pub(crate) struct Loaded {
    pub(crate) kernel: Kernel,
    pub(crate) maps: Maps,
    pub(crate) programs: Vec<OwnedFd>,
    /// Attached only while somebody asks for system calls.
    pub(crate) calls: CallWatch,
    pub(crate) cgroup2: PathBuf,
    /// Set where the LSM programs are in force.
    pub(crate) identifier: Option<Identifier>,
    pub(crate) pins: Option<Pins>,
    pub(crate) refused: Refused,
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
    let lsm = config.lsm && detect::lsm_loads().is_ok();
    let pins = match (&config.pin_dir, lsm) {
        (Some(root), true) => Pins::open(root, &open_memory()?)
            .inspect_err(|error| {
                // Said on the node by detect(), too.
                let why = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(%error, why, "enforcement will end with this process");
            })
            .ok(),
        _ => None,
    };
    let (mut object, mut refused) = load_adjusted(config, lsm, |object| match &pins {
        Some(pins) => pins.adopt(object).map(|adopted| {
            if adopted > 0 {
                tracing::info!(adopted, "took over the maps of a predecessor");
            }
        }),
        None => Ok(()),
    })?;
    let maps = Maps::of(&object)?;
    maps.set_config(config)?;
    maps.note_own(&object);
    if let Some(pins) = &pins {
        pins.pin_maps(&mut object)?;
    }
    let links = attach(&object, &cgroup2, &mut refused, pins.as_ref())?;
    for (program, reason) in &refused {
        tracing::warn!(program, reason, "a kernel program is left out");
    }
    let descriptor = |p: &libbpf_rs::Program<'_>| p.as_fd().try_clone_to_owned().ok();
    let programs = object.progs().filter(|p| p.autoload());
    let programs = programs.filter_map(|p| descriptor(&p)).collect();
    let calls = object
        .progs()
        .filter(|p| p.autoload() && on_demand(p.name()))
        .filter_map(|p| descriptor(&p))
        .collect();
    let whole = LSM_ESSENTIAL.iter().all(|p| !refused.contains_key(*p));
    let identifier = object
        .progs()
        .find(|p| p.name() == "identify" && p.autoload())
        .filter(|_| lsm && whole)
        .and_then(|p| descriptor(&p))
        .map(|fd| Identifier(Arc::new(fd)));
    Ok(Loaded {
        kernel: Kernel {
            _links: links,
            _object: object,
        },
        maps,
        programs,
        calls: CallWatch::new(calls),
        cgroup2,
        identifier,
        pins,
        refused,
    })
}

/// Whether this build holds any.
pub(crate) fn has_programs() -> bool {
    !OBJECT.is_empty()
}

/// Loads what this kernel takes without attaching it; returns what it does not take. `lsm`: the
/// kernel loads LSM programs at all.
pub(crate) fn try_load(lsm: bool) -> Result<Refused, Error> {
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
    load_adjusted(&small, lsm, |_| Ok(())).map(|(_, refused)| refused)
}

/// Loading ends at the first program that is refused, so it is repeated without that one.
fn load_adjusted(
    config: &Config,
    lsm: bool,
    adjust: impl Fn(&mut OpenObject) -> Result<(), Error>,
) -> Result<(Object, Refused), Error> {
    let mut refused = Refused::new();
    loop {
        let mut object = open(config, lsm, &mut refused)?;
        adjust(&mut object)?;
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

fn open_memory() -> Result<OpenObject, Error> {
    ObjectBuilder::default()
        .open_memory(OBJECT)
        .map_err(Error::kernel("to open the programs"))
}

fn open(config: &Config, lsm: bool, refused: &mut Refused) -> Result<OpenObject, Error> {
    let mut object = open_memory()?;
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
    let kernel = Hooks::read()?;
    let capable = if kernel.has(Some("tp_btf/cap_capable")) {
        "on_capable"
    } else {
        "on_capable_exit"
    };
    let setattr = if kernel.setattr_arguments >= 3 {
        "lsm_inode_setattr_idmap"
    } else {
        "lsm_inode_setattr"
    };
    let uring = if kernel.has(Some("tp_btf/io_uring_submit_req")) {
        "call_uring"
    } else {
        "call_uring_sqe"
    };
    for mut program in object.progs_mut() {
        let name = program.name().to_str().unwrap_or_default().to_owned();
        let spare = (name.starts_with("on_capable") && name != capable)
            || (name.starts_with("lsm_inode_setattr") && name != setattr)
            || (name.starts_with("call_uring") && name != uring)
            || (name.starts_with("lsm_") && !lsm);
        let essential = ESSENTIAL.contains(&name.as_str());
        if !spare && !essential && !kernel.has(program.section().to_str()) {
            refused.insert(name.clone(), "the kernel has no such hook".to_owned());
        }
        if spare || refused.contains_key(&name) {
            program.set_autoload(false);
        }
    }
    Ok(object)
}

/// Programs that see every system call.
fn on_demand(program: &OsStr) -> bool {
    program.as_encoded_bytes().starts_with(b"call_")
}

/// Tracepoints and functions of the kernel, read once: looking for one goes through every type.
struct Hooks {
    names: HashSet<String>,
    /// Of the LSM hook `inode_setattr`, which grew with kernel 6.9.
    setattr_arguments: usize,
}

impl Hooks {
    fn read() -> Result<Self, Error> {
        let kernel = Btf::from_vmlinux().map_err(Error::kernel("to read its types"))?;
        let mut names = HashSet::new();
        let mut setattr_arguments = 0;
        for id in 1..=u32::try_from(kernel.len()).unwrap_or(u32::MAX) {
            let Some(found) = kernel.type_by_id::<BtfType<'_>>(id.into()) else {
                continue;
            };
            if !matches!(found.kind(), BtfKind::Typedef | BtfKind::Func) {
                continue;
            }
            let Some(name) = found.name().and_then(|n| n.to_str()) else {
                continue;
            };
            if found.kind() == BtfKind::Func && name == "bpf_lsm_inode_setattr" {
                setattr_arguments = types::Func::try_from(found)
                    .ok()
                    .and_then(|f| types::FuncProto::try_from(f.referenced_type()).ok())
                    .map_or(0, |proto| proto.iter().count());
            }
            names.insert(name.to_owned());
        }
        Ok(Self {
            names,
            setattr_arguments,
        })
    }

    /// Whether there is what a section names.
    fn has(&self, section: Option<&str>) -> bool {
        match section.and_then(|s| s.split_once('/')) {
            Some(("tp_btf", name)) => self.names.contains(&format!("btf_trace_{name}")),
            Some(("lsm", name)) => self.names.contains(&format!("bpf_lsm_{name}")),
            Some(("fexit", name)) => self.names.contains(name),
            _ => true,
        }
    }
}

fn attach(
    object: &Object,
    cgroup2: &Path,
    refused: &mut Refused,
    pins: Option<&Pins>,
) -> Result<Vec<Link>, Error> {
    let root = File::open(cgroup2).map_err(Error::system("opening the cgroup v2 mount"))?;
    let mut links = Vec::new();
    let mut pinned = Vec::new();
    for program in object.progs_mut() {
        if !program.autoload()
            || program.prog_type() == ProgramType::Syscall
            || on_demand(program.name())
        {
            continue;
        }
        // What only reports goes with the one it reports to.
        let lasting = program.prog_type() != ProgramType::Tracing;
        let link = match program.prog_type() {
            ProgramType::Tracing => program.attach_trace(),
            ProgramType::Lsm => program.attach_lsm(),
            _ => program.attach_cgroup(root.as_raw_fd()),
        };
        let name = program.name().to_string_lossy().into_owned();
        match link {
            Ok(mut link) => {
                if let (Some(pins), true) = (pins, lasting) {
                    pins.pin_link(&name, &mut link)?;
                    pinned.push(name);
                }
                links.push(link);
            }
            Err(source) if ESSENTIAL.contains(&name.as_str()) => {
                return Err(Error::kernel("to attach a program")(source));
            }
            Err(source) => {
                refused.insert(name, source.to_string());
            }
        }
    }
    if let Some(pins) = pins {
        pins.keep_links(&pinned);
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
            file_rules: map("file_rules")?,
            name_rules: map("name_rules")?,
            patterns: map("patterns")?,
            programs: map("programs")?,
            own_objects: map("own_objects")?,
            ports: map("ports")?,
            rules: map("rules")?,
            flows: map("flows")?,
            counters: map("counters")?,
            call_table: map("call_table")?,
            call_config: map("call_config")?,
            call_prefixes: map("call_prefixes")?,
            call_names: map("call_names")?,
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

    /// Has the LSM programs keep containers away from our maps and programs.
    fn note_own(&self, object: &Object) {
        let one = 1u32.to_ne_bytes();
        let maps = object.maps().filter_map(|m| object_id(m.as_fd()));
        let programs = object.progs().filter(|p| p.autoload());
        let programs =
            programs.filter_map(|p| object_id(p.as_fd()).map(|id| id | intf::OWN_PROGRAM));
        for id in maps.chain(programs) {
            if let Err(error) = self
                .own_objects
                .update(&id.to_ne_bytes(), &one, MapFlags::ANY)
            {
                tracing::warn!(%error, "a map or program of ours is not protected");
            }
        }
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

/// The kernel's number of a map or program: the information about either begins with it, after
/// its type.
fn object_id(object: std::os::fd::BorrowedFd<'_>) -> Option<u32> {
    let mut info = [0u32; 2];
    let mut len = u32::try_from(size_of_val(&info)).ok()?;
    // SAFETY: the kernel writes at most `len` bytes into `info`, which is that long and holds no
    // pointers.
    let rc = unsafe {
        libbpf_sys::bpf_obj_get_info_by_fd(
            object.as_raw_fd(),
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    (rc == 0).then_some(info[1])
}

fn namespace(process: &Path) -> io::Result<u32> {
    let inode = fs::metadata(process.join("ns/mnt"))?.ino();
    u32::try_from(inode).map_err(io::Error::other)
}

/// What a program cost the verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCost {
    pub name: String,
    /// Instructions the verifier went through, on every path; 0 before kernel 5.16.
    pub verified_instructions: u32,
    /// Of the program as the kernel runs it.
    pub bytes: u32,
}

pub(crate) fn cost(program: &OwnedFd) -> Option<ProgramCost> {
    let info = program_info(program)?;
    let name: Vec<u8> = info
        .name
        .iter()
        .map(|c| c.to_ne_bytes()[0])
        .take_while(|b| *b != 0)
        .collect();
    Some(ProgramCost {
        name: String::from_utf8_lossy(&name).into_owned(),
        verified_instructions: info.verified_insns,
        bytes: info.jited_prog_len,
    })
}

fn program_info(program: &OwnedFd) -> Option<libbpf_sys::bpf_prog_info> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut len = u32::try_from(size_of_val(&info)).ok()?;
    // SAFETY: the kernel writes at most `len` bytes into `info`, which is that long and holds no
    // pointers it would follow (all zero).
    let rc = unsafe {
        libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut len)
    };
    (rc == 0).then_some(info)
}

/// Runs that were skipped because the program was already running on that CPU.
pub(crate) fn missed(programs: &[OwnedFd]) -> u64 {
    programs
        .iter()
        .filter_map(program_info)
        .map(|info| info.recursion_misses)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use libbpf_rs::btf::HasSize;

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
        layouts.push(("rp_call", usize::MAX, call_fields()));
        layouts.push(("rp_cgroup", usize::MAX, cgroup_fields()));
        layouts.push(("rp_denied", usize::MAX, denied_fields()));
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
    #[allow(clippy::unnecessary_wraps)]
    fn break_program(object: &mut OpenObject, name: &str) -> Result<(), Error> {
        let mut program = object.progs_mut().find(|p| p.name() == name).unwrap();
        program.set_prog_type(ProgramType::SocketFilter);
        Ok(())
    }

    #[test]
    fn a_refused_program_is_left_out_and_an_essential_one_is_named() {
        let config = Config::default();
        if let Err(error) = try_load(false) {
            eprintln!("skipped: nothing loads here: {error}");
            return;
        }
        let broken = load_adjusted(&config, false, |o| break_program(o, "on_sock_state"));
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
        let error = load_adjusted(&config, false, |o| break_program(o, "on_exec")).err();
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

    fn denied_fields() -> Vec<(&'static str, usize)> {
        fields!(intf::DeniedRecord: head, task, ino, detail, dev, rule, op, reason, flags,
            path_len; "path")
    }

    fn call_fields() -> Vec<(&'static str, usize)> {
        fields!(intf::CallRecord: head, task, result, args, fd_ino, flags, fd, fd_mode, fd_flags,
            fd_dev, call, via, fd_kind, family, socket_type, local_port, peer_port, local, peer,
            fd_path_len, path_len, base_len, other_len, other_base_len, address_len, protocol,
            pad; "data")
    }

    fn cgroup_fields() -> Vec<(&'static str, usize)> {
        fields!(intf::CgroupRecord: head, id, label, path_len; "path")
    }
}
