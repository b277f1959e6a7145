//! Doors to the private parsers, for the fuzz targets only; no part of the crate's interface.

use crate::{
    cgroup::{self, Membership},
    container_of,
    diagnostics::Diagnostics,
    identity,
    local::{engine, state::StateRoot},
    procfs::{Procfs, net},
    runtime::{containerd, cri, docker_config},
};
use rampart_model::Workload;
use std::path::Path;

/// `/proc/PID/cgroup`: every path and what it tells.
pub fn cgroups(text: &str) {
    for path in Membership::parse(text).paths() {
        if let Some(found) = container_of(path) {
            assert!(path.starts_with(found.path) && found.path.contains(found.id));
        }
        for (name, own) in cgroup::name_candidates(path) {
            assert!(!name.contains('/') && path.starts_with(own));
        }
    }
}

/// A low-level runtime's root folder with one folder per container, and what Docker and Podman
/// keep beside it.
pub fn state_folder(root: &Path) -> Vec<Workload> {
    let diagnostics = Diagnostics::default();
    let place = StateRoot {
        path: root.to_owned(),
        namespaced: false,
        runtime: "runc",
    };
    let described = place
        .list()
        .into_iter()
        .filter_map(|dir| dir.describe(&diagnostics));
    let complete = described.map(|found| {
        let mut out = found.workload;
        engine::apply_docker(&[root.to_owned()], &diagnostics, &mut out);
        let named = identity(&out);
        (out.service, out.domain) = (named.service, named.domain);
        out
    });
    complete.collect()
}

/// An answer of Docker's or Podman's REST API.
pub fn docker(json: &[u8]) -> Option<Workload> {
    docker_config::inspect(&serde_json::from_slice(json).ok()?, "docker")
}

/// The tables of a network namespace: `fib_trie`, `route`, `if_inet6`, `ipv6_route`.
pub fn network(folder: &Path) -> usize {
    net::interfaces(folder).values().map(Vec::len).sum()
}

/// A procfs with `stat` and `1/stat`.
pub fn process(proc: &Path) -> bool {
    let procfs = Procfs::new(proc);
    let _ = procfs.started_at(1);
    procfs.is_alive(1)
}

/// Answers of CRI, decoded and read.
pub fn cri(bytes: &[u8]) -> Option<Workload> {
    cri::read_answers(bytes)
}

/// Answers and events of containerd, decoded.
pub fn containerd(bytes: &[u8]) {
    containerd::read_answers(bytes);
}
