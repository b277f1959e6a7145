//! The runtimes of a node, one file each, and the loop that dials and re-dials their sockets.

pub(crate) mod containerd;
pub(crate) mod cri;
pub(crate) mod docker;
pub(crate) mod docker_config;
pub(crate) mod grpc;
pub(crate) mod http;
mod link;
pub(crate) mod runc;
mod watch;

pub(crate) use link::{Link, Source, SourceError};

use crate::discovery::{Config, Shared, Socket};
use std::{fmt, path::Path, sync::Arc};
use tokio::task::JoinSet;

/// A source of facts on containers, from the least to the most telling: where two differ on a
/// container, the later one here is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuntimeKind {
    /// No socket: state folders, control groups and namespaces.
    Runc,
    Containerd,
    /// The CRI service of containerd.
    Cri,
    CriO,
    Podman,
    Docker,
}

impl RuntimeKind {
    pub const ALL: [Self; 6] = [
        Self::Runc,
        Self::Containerd,
        Self::Cri,
        Self::CriO,
        Self::Podman,
        Self::Docker,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Containerd => "containerd",
            Self::Cri => "cri",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }
}

impl fmt::Display for RuntimeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Sockets at their usual places below `/run`.
const USUAL: [(RuntimeKind, &str); 9] = [
    (RuntimeKind::Containerd, "containerd/containerd.sock"),
    (RuntimeKind::Containerd, "docker/containerd/containerd.sock"),
    (RuntimeKind::Containerd, "k3s/containerd/containerd.sock"),
    (RuntimeKind::Cri, "containerd/containerd.sock"),
    (RuntimeKind::Cri, "k3s/containerd/containerd.sock"),
    (RuntimeKind::CriO, "crio/crio.sock"),
    (RuntimeKind::Podman, "podman/podman.sock"),
    (RuntimeKind::Docker, "docker.sock"),
    (RuntimeKind::Docker, "cri-dockerd/docker.sock"),
];

/// Starts a task for each socket, and one for the node itself.
pub(crate) fn spawn_all(tasks: &mut JoinSet<()>, shared: &Arc<Shared>, config: &Config) {
    tasks.spawn(runc::follow(
        Arc::clone(shared),
        config.poll,
        config.scan_namespaces,
    ));
    let required = config.sockets.is_some();
    for Socket { runtime, path } in config.sockets.clone().unwrap_or_else(|| usual(&config.run)) {
        let link = Link::new(Arc::clone(shared), runtime, path, config.poll, required);
        match runtime {
            // Its state folders are followed in any case.
            RuntimeKind::Runc => {}
            RuntimeKind::Containerd => drop(tasks.spawn(link.follow(containerd::Containerd))),
            RuntimeKind::Cri | RuntimeKind::CriO => drop(tasks.spawn(link.follow(cri::Cri))),
            RuntimeKind::Podman | RuntimeKind::Docker => {
                drop(tasks.spawn(link.follow(docker::Docker)));
            }
        }
    }
}

fn usual(run: &Path) -> Vec<Socket> {
    USUAL
        .iter()
        .map(|(runtime, path)| Socket {
            runtime: *runtime,
            path: run.join(path),
        })
        .collect()
}
