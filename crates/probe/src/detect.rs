//! What this node can do, found by trying.

use crate::{
    Error, fanotify,
    kernel::{self, Refused},
    pin, procfs, verifier,
};
use rampart_model::{Mechanism, Tier, node::Capability};
use std::{
    ffi::CStr,
    fs, io,
    os::fd::{FromRawFd, OwnedFd},
    path::{Path, PathBuf},
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// What this build enforces here.
    pub tier: Tier,
    pub capabilities: Vec<Capability>,
    /// What is missing and who can change it; empty when nothing is.
    pub reasons: Vec<String>,
    pub cgroup2: Option<PathBuf>,
    pub kernel: String,
    /// The kernel loads BPF-LSM programs.
    pub lsm: bool,
}

/// Outcome of trying one mechanism.
type Tried = Result<(), String>;

struct Trials {
    tracing: Tried,
    sock: Tried,
    skb: Tried,
    fanotify: Tried,
    lsm: Tried,
    /// The programs of this build themselves: what is left out, or why nothing loads.
    programs: Result<Refused, String>,
    cgroup2: Option<PathBuf>,
}

/// What is lost with a program that a kernel does not take.
const DUTIES: &[(&str, &str)] = &[
    ("on_capable", "setuid"),
    ("on_capable_exit", "setuid"),
    ("on_cgroup_mkdir", "short-container"),
    ("on_cgroup_rmdir", "short-container"),
    ("on_sock_state", "tcp-event"),
    ("on_sock_create", "socket-label"),
    ("on_connect4", "connect"),
    ("on_connect6", "connect"),
    ("on_sendmsg4", "connect"),
    ("on_sendmsg6", "connect"),
    ("on_ingress", "packet"),
    ("on_egress", "packet"),
];

/// Tries every mechanism; never panics, leaves nothing behind.
pub fn detect() -> Capabilities {
    verifier::quiet();
    let lsm = lsm_loads();
    let trials = Trials {
        tracing: btf().and_then(|()| {
            attempt(
                libbpf_sys::BPF_PROG_TYPE_TRACING,
                Some((c"sched_process_exec", libbpf_sys::BPF_TRACE_RAW_TP)),
            )
        }),
        sock: attempt(
            libbpf_sys::BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
            Some((c"", libbpf_sys::BPF_CGROUP_INET4_CONNECT)),
        ),
        skb: attempt(
            libbpf_sys::BPF_PROG_TYPE_CGROUP_SKB,
            Some((c"", libbpf_sys::BPF_CGROUP_INET_INGRESS)),
        ),
        fanotify: fanotify::available().map_err(|e| e.to_string()),
        programs: try_programs(lsm.is_ok()),
        lsm,
        cgroup2: procfs::cgroup2_mount(),
    };
    trials.conclude()
}

impl Trials {
    fn conclude(self) -> Capabilities {
        let built = kernel::has_programs();
        let sees = built && self.tracing.is_ok() && self.programs.is_ok();
        let tier = match (sees, self.guards(), self.fanotify.is_ok()) {
            (false, _, _) => Tier::None,
            (true, true, _) => Tier::Lsm,
            (true, false, false) => Tier::Detect,
            (true, false, true) => Tier::Fanotify,
        };
        Capabilities {
            tier,
            capabilities: self.weakened(self.capabilities(sees)),
            reasons: self.reasons(built),
            lsm: self.lsm.is_ok(),
            cgroup2: self.cgroup2,
            kernel: release(),
        }
    }

    /// Every LSM program that matters is taken.
    fn guards(&self) -> bool {
        let whole = |refused: &Refused| {
            kernel::LSM_ESSENTIAL
                .iter()
                .all(|name| !refused.contains_key(*name))
        };
        self.lsm.is_ok() && self.programs.as_ref().is_ok_and(whole)
    }

    /// With what each refused program costs.
    fn weakened(&self, mut capabilities: Vec<Capability>) -> Vec<Capability> {
        for (duty, note) in self.losses() {
            let Some(found) = capabilities.iter_mut().find(|c| c.name == duty) else {
                capabilities.push(Capability {
                    name: duty.to_owned(),
                    mechanism: None,
                    strength: "none".to_owned(),
                    note,
                });
                continue;
            };
            // Ids are also compared at a process's next fork, exec and exit.
            if duty != "setuid" {
                found.mechanism = None;
                "none".clone_into(&mut found.strength);
            }
            found.note = note;
        }
        capabilities
    }

    fn losses(&self) -> Vec<(&str, String)> {
        let refused = self.programs.iter().flatten();
        refused
            .map(|(program, why)| {
                let duty = DUTIES.iter().find(|(name, _)| name == program);
                let note = format!("the kernel refuses {program}: {why}");
                (duty.map_or(program.as_str(), |(_, duty)| duty), note)
            })
            .collect()
    }

    fn capabilities(&self, sees: bool) -> Vec<Capability> {
        let note = |tried: &Tried, fine: &str| match tried {
            Ok(()) => fine.to_owned(),
            Err(why) => why.clone(),
        };
        let entry = |name: &str, mechanism, strength: &str, able: bool, note: String| Capability {
            name: name.to_owned(),
            mechanism: able.then_some(mechanism).flatten(),
            strength: if able { strength } else { "none" }.to_owned(),
            note,
        };
        let asks = sees && self.fanotify.is_ok();
        let guards = sees && self.guards();
        let or_lsm = |other: Mechanism| Some(if guards { Mechanism::Lsm } else { other });
        let network = sees && self.cgroup2.is_some();
        let fan = or_lsm(Mechanism::Fanotify);
        let at_exec = or_lsm(Mechanism::KillAtExec);
        let lsm = Some(Mechanism::Lsm);
        let kill = if guards { "deny" } else { "kill" };
        let changes = if guards {
            "guarded paths; others are reported after the fact"
        } else if fanotify::names_overlays() {
            "reported after the fact: without BPF-LSM the kernel cannot refuse it"
        } else {
            "reported after the fact; which process it was is not told on overlays: that needs \
             kernel 6.6"
        }
        .to_owned();
        let after = if guards {
            "where the policy guards it; reported after the fact else"
        } else {
            "reported after the fact: without BPF-LSM the kernel cannot refuse it"
        };
        let deny = if guards { "deny" } else { "detect" };
        vec![
            entry(
                "exec",
                fan,
                "deny",
                asks || guards,
                note(&self.fanotify, ""),
            ),
            entry(
                "file-open",
                fan,
                "deny",
                asks || guards,
                note(&self.fanotify, "openat2 and io_uring opens count as writes"),
            ),
            entry(
                "file-change",
                lsm.filter(|_| guards),
                deny,
                asks || guards,
                changes,
            ),
            entry(
                "drift",
                at_exec,
                kill,
                sees,
                note(&self.tracing, "upper layer and tmpfs"),
            ),
            entry(
                "fileless",
                at_exec,
                kill,
                sees,
                note(&self.tracing, "memfd and unlinked files"),
            ),
            entry(
                "connect",
                Some(Mechanism::CgroupSock),
                "deny",
                network && self.sock.is_ok(),
                note(&self.sock, ""),
            ),
            entry(
                "packet",
                Some(Mechanism::CgroupSkb),
                "deny",
                network && self.skb.is_ok(),
                note(&self.skb, "raw packet sockets are not covered"),
            ),
            entry(
                "setuid",
                lsm.filter(|_| guards),
                deny,
                sees,
                after.to_owned(),
            ),
            entry(
                "lsm",
                lsm,
                if guards { "deny" } else { "none" },
                self.lsm.is_ok(),
                note(&self.lsm, ""),
            ),
        ]
    }

    fn reasons(&self, built: bool) -> Vec<String> {
        let mut reasons = Vec::new();
        if !built {
            reasons.push("this build holds no kernel programs: build it with clang".to_owned());
        }
        for (what, tried) in [
            ("kernel events", &self.tracing),
            ("denying connections", &self.sock),
            ("dropping packets", &self.skb),
            ("denying execs and opens", &self.fanotify),
            ("BPF-LSM", &self.lsm),
        ] {
            if let Err(why) = tried {
                reasons.push(format!("{what}: {why}"));
            }
        }
        match &self.programs {
            // Said above already.
            Err(_) if self.tracing.is_err() || !built => {}
            Err(why) => reasons.push(format!("kernel events: {why}")),
            Ok(_) => {
                let losses = self.losses();
                reasons.extend(losses.iter().map(|(duty, why)| format!("{duty}: {why}")));
            }
        }
        if self.lsm.is_ok() && !pin::available() {
            reasons.push(
                "enforcement without the agent: no BPF file system: mount -t bpf bpf /sys/fs/bpf"
                    .into(),
            );
        }
        if self.cgroup2.is_none() {
            reasons.push("no cgroup v2 mount: mount -t cgroup2 none /sys/fs/cgroup/unified".into());
        }
        reasons
    }
}

/// Whether the kernel takes an LSM program, and runs it: `bpf` must be among its modules.
pub(crate) fn lsm_loads() -> Tried {
    btf()?;
    attempt(
        libbpf_sys::BPF_PROG_TYPE_LSM,
        Some((c"file_open", libbpf_sys::BPF_LSM_MAC)),
    )?;
    let listed = fs::read_to_string("/sys/kernel/security/lsm");
    match listed {
        Ok(list) if !list.trim().split(',').any(|name| name == "bpf") => {
            Err("the kernel was started without it: add bpf to lsm= on its command line".to_owned())
        }
        _ => Ok(()),
    }
}

fn try_programs(lsm: bool) -> Result<Refused, String> {
    kernel::try_load(lsm).map_err(|error| match &error {
        Error::Kernel { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    })
}

fn btf() -> Tried {
    if Path::new("/sys/kernel/btf/vmlinux").exists() {
        Ok(())
    } else {
        Err("the kernel was built without BTF (CONFIG_DEBUG_INFO_BTF)".to_owned())
    }
}

/// Loads a program of two instructions, `return 1`, and closes it again. The target is a kernel
/// function or tracepoint for types that have one.
fn attempt(kind: u32, target: Option<(&CStr, u32)>) -> Tried {
    let mut options = libbpf_sys::bpf_prog_load_opts {
        sz: size_of::<libbpf_sys::bpf_prog_load_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    if let Some((name, attach)) = target {
        options.expected_attach_type = attach;
        if !name.is_empty() {
            // SAFETY: the name is a C string.
            let id = unsafe { libbpf_sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), attach) };
            options.attach_btf_id = u32::try_from(id)
                .map_err(|_| format!("the kernel has no {}", name.to_string_lossy()))?;
        }
    }
    // Tracepoints must return 0, the others 1 for "go on".
    let value = i32::from(
        kind != libbpf_sys::BPF_PROG_TYPE_TRACING && kind != libbpf_sys::BPF_PROG_TYPE_LSM,
    );
    let mut load = libbpf_sys::bpf_insn {
        code: 0xb7,
        imm: value,
        ..Default::default()
    };
    load.set_dst_reg(0);
    let exit = libbpf_sys::bpf_insn {
        code: 0x95,
        ..Default::default()
    };
    let program = [load, exit];
    // SAFETY: the instructions, names and options live through the call, and the options name
    // their own size.
    let fd = unsafe {
        libbpf_sys::bpf_prog_load(
            kind,
            c"rampart_try".as_ptr(),
            c"GPL".as_ptr(),
            program.as_ptr(),
            program.len() as libbpf_sys::size_t,
            &raw mut options,
        )
    };
    if fd < 0 {
        return Err(refusal(io::Error::from_raw_os_error(-fd), kind));
    }
    // SAFETY: the descriptor was just made and nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

fn refusal(error: io::Error, kind: u32) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) if kind == libbpf_sys::BPF_PROG_TYPE_LSM && privileged() => {
            "the kernel refuses these programs (lockdown or a vendor's patch)".to_owned()
        }
        Some(libc::EPERM | libc::EACCES) => {
            "not permitted: CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN are needed".into()
        }
        _ => error.to_string(),
    }
}

fn privileged() -> bool {
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    procfs::Status::read(std::process::id()).is_ok_and(|s| s.caps & CAP_SYS_ADMIN != 0)
}

fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(programs: Result<Refused, String>) -> Trials {
        Trials {
            tracing: Ok(()),
            sock: Ok(()),
            skb: Ok(()),
            fanotify: Ok(()),
            lsm: Err("not here".to_owned()),
            programs,
            cgroup2: Some("/sys/fs/cgroup".into()),
        }
    }

    /// A kernel that takes only some of the programs is weaker, and says where and why.
    #[test]
    fn what_is_left_out_weakens_what_it_served() {
        if !kernel::has_programs() {
            eprintln!("skipped: built with RAMPART_SKIP_BPF");
            return;
        }
        let refused = ["on_connect6", "on_sock_state", "on_capable"];
        let refused = refused.map(|name| (name.to_owned(), "no such helper".to_owned()));
        let found = trials(Ok(refused.into())).conclude();
        assert_eq!(found.tier, Tier::Fanotify);
        for (name, strength, note) in [
            ("connect", "none", "refuses on_connect6: no such helper"),
            ("tcp-event", "none", "refuses on_sock_state: no such helper"),
            ("setuid", "detect", "refuses on_capable: no such helper"),
            ("packet", "deny", ""),
        ] {
            let entry = found.capabilities.iter().find(|c| c.name == name).unwrap();
            assert_eq!(entry.strength, strength, "{name}");
            assert!(entry.note.contains(note), "{name}: {}", entry.note);
        }
        let told = found.reasons.iter().filter(|r| r.contains("refuses"));
        assert_eq!(told.count(), 3);
    }

    #[test]
    fn nothing_loads() {
        let found = trials(Err("the kernel refused program on_exec: R1".to_owned())).conclude();
        assert_eq!(found.tier, Tier::None);
        assert!(found.capabilities.iter().all(|c| c.strength == "none"));
    }
}
