//! A container, as the runtime and the kernel describe it.

use crate::{NodeId, Timestamp, WorkloadId};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workload {
    pub id: WorkloadId,
    /// The runtime's name for it; the id where it has none.
    pub name: String,
    /// Image reference as it was asked for, such as `docker.io/library/nginx:1.25`.
    pub image: String,
    /// Digest of the image, `sha256:…`; empty where the runtime does not know it.
    pub image_digest: String,
    pub labels: BTreeMap<String, String>,
    pub env: Vec<String>,
    /// What runs it: `docker`, `containerd`, `podman`, `cri-o`, `runc`.
    pub runtime: String,
    pub pod: Option<Pod>,
    /// Service and domain (namespace), from which the learned group's name is made.
    pub service: String,
    pub domain: String,
    pub node: NodeId,
    pub node_name: String,
    /// First process, in the host's pid namespace; 0 once it has stopped.
    pub pid: u32,
    /// Path below the cgroup v2 mount, such as `/docker/3f…`.
    pub cgroup_path: String,
    /// Inode of that folder: the id the kernel programs see.
    pub cgroup_id: u64,
    pub network_mode: String,
    pub host_network: bool,
    pub host_pid: bool,
    pub privileged: bool,
    pub run_as_root: bool,
    pub interfaces: BTreeMap<String, Vec<InterfaceAddress>>,
    pub ports: Vec<PublishedPort>,
    pub mounts: Vec<Mount>,
    pub memory_limit_bytes: u64,
    pub cpus: String,
    pub created_at: Timestamp,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub running: bool,
    pub exit_code: i32,
    /// A pod's pause container: it has the pod's addresses and runs nothing of the user's.
    pub sandbox: bool,
    /// When its policy was in force in the kernel; unknown until then.
    pub secured_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pod {
    pub uid: String,
    pub name: String,
    pub namespace: String,
    pub sandbox_id: String,
    pub namespace_labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceAddress {
    pub ip: IpAddr,
    pub prefix: u8,
    pub gateway: Option<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    pub protocol: crate::Protocol,
    pub port: u16,
    pub host_ip: Option<IpAddr>,
    pub host_port: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    pub source: String,
    pub destination: String,
    pub read_only: bool,
}

impl Workload {
    /// Every address it answers on.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.interfaces.values().flatten().map(|a| a.ip)
    }

    /// Pod name in Kubernetes, container name elsewhere: what people call it.
    pub fn display_name(&self) -> &str {
        match &self.pod {
            Some(pod) if !pod.name.is_empty() => &pod.name,
            _ if !self.name.is_empty() => &self.name,
            _ => self.id.short(),
        }
    }
}
