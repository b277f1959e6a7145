//! OCI bundle `config.json` for a test container.

use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};

/// What differs between test containers; the rest of the bundle is fixed.
#[derive(Clone, Debug)]
pub struct BundleSpec {
    pub args: Vec<String>,
    pub env: Vec<String>,
    pub cwd: String,
    pub uid: u32,
    pub gid: u32,
    pub hostname: String,
    pub rootfs: PathBuf,
    pub read_only: bool,
    pub mounts: Vec<(PathBuf, String, bool)>,
    pub tmpfs: Vec<String>,
    pub network: Network,
    pub annotations: BTreeMap<String, String>,
    pub cgroup_path: Option<String>,
    pub capabilities: Vec<String>,
    pub no_new_privileges: bool,
    pub memory_limit_bytes: Option<u64>,
    pub privileged: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// A namespace of its own with nothing but a loopback that is down.
    #[default]
    Private,
    Host,
    /// An existing namespace, such as `/run/netns/x`.
    Path(PathBuf),
}

/// Docker's default set: what attacks in a common container have to work with.
pub const DEFAULT_CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

const ALL_CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// Every capability that this process may hand on: a container's machine may withhold some.
fn bounding_capabilities() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapPrm:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    let held = ALL_CAPABILITIES.iter().enumerate();
    held.filter(|(bit, _)| mask >> bit & 1 == 1)
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

impl BundleSpec {
    pub fn to_json(&self) -> Value {
        let all = bounding_capabilities();
        let capabilities = if self.privileged {
            &all
        } else {
            &self.capabilities
        };
        let mut linux = json!({
            "namespaces": self.namespaces(),
            "resources": { "devices": [{ "allow": self.privileged, "access": "rwm" }] },
        });
        if !self.privileged {
            linux["maskedPaths"] = json!(["/proc/kcore", "/proc/keys"]);
            linux["readonlyPaths"] = json!(["/proc/bus", "/proc/sys"]);
        }
        if let Some(path) = &self.cgroup_path {
            linux["cgroupsPath"] = json!(path);
        }
        if let Some(limit) = self.memory_limit_bytes {
            linux["resources"]["memory"] = json!({ "limit": limit });
        }
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": { "uid": self.uid, "gid": self.gid },
                "args": self.args,
                "env": self.env,
                "cwd": self.cwd,
                "capabilities": {
                    "bounding": capabilities, "effective": capabilities,
                    "inheritable": [], "permitted": capabilities, "ambient": [],
                },
                "noNewPrivileges": self.no_new_privileges,
            },
            "root": { "path": self.rootfs, "readonly": self.read_only },
            "hostname": self.hostname,
            "mounts": self.mount_list(),
            "annotations": self.annotations,
            "linux": linux,
        })
    }

    fn namespaces(&self) -> Vec<Value> {
        let mut list: Vec<Value> = ["pid", "mount", "ipc", "uts"]
            .iter()
            .map(|t| json!({ "type": t }))
            .collect();
        match &self.network {
            Network::Private => list.push(json!({ "type": "network" })),
            Network::Path(path) => list.push(json!({ "type": "network", "path": path })),
            Network::Host => {}
        }
        list
    }

    fn mount_list(&self) -> Vec<Value> {
        let mut list = vec![
            json!({ "destination": "/proc", "type": "proc", "source": "proc" }),
            json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                    "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] }),
            json!({ "destination": "/dev/pts", "type": "devpts", "source": "devpts",
                    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] }),
            json!({ "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                    "options": ["nosuid", "nodev", "mode=1777", "size=65536k"] }),
        ];
        for path in &self.tmpfs {
            list.push(
                json!({ "destination": path, "type": "tmpfs", "source": "tmpfs",
                              "options": ["nosuid", "nodev", "mode=1777"] }),
            );
        }
        for (source, destination, read_only) in &self.mounts {
            let access = if *read_only { "ro" } else { "rw" };
            list.push(
                json!({ "destination": destination, "type": "bind", "source": source,
                              "options": ["rbind", access] }),
            );
        }
        list
    }
}
