//! The OCI runtime specification (`config.json`): what a container was allowed when it was made.
//!
//! Format: opencontainers/runtime-spec. Every container of every runtime here has one.

use crate::json;
use rampart_model::{Workload, workload::Mount};
use serde_json::Value;

/// Mounts of the kernel's own file systems say nothing of the host.
const KERNEL_FILE_SYSTEMS: [&str; 7] = [
    "proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2",
];
/// Annotations that restate the container for its runtime; they are no labels.
const PRIVATE_ANNOTATIONS: [&str; 4] = [
    "io.kubernetes.cri",
    "io.container.manager",
    "org.opencontainers.image.stopSignal",
    "io.podman",
];
const IMAGE_ANNOTATIONS: [&str; 4] = [
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
    "org.opencontainers.image.ref.name",
    "org.opencontainers.image.base.name",
];

/// Fills what the specification tells. Kubernetes facts in its annotations are taken too.
pub(crate) fn apply(spec: &Value, out: &mut Workload) {
    let annotations = json::map(spec, "/annotations");
    super::kubernetes::apply(&annotations, out);
    if let Some(image) = IMAGE_ANNOTATIONS.iter().find_map(|k| annotations.get(*k)) {
        out.image.clone_from(image);
    } else if out.image.is_empty() {
        // Plain runc has no images: the root file system is what was asked for.
        out.image = json::text(spec, "/root/path");
    }
    let private = |key: &str| PRIVATE_ANNOTATIONS.iter().any(|p| key.starts_with(p));
    out.labels
        .extend(annotations.into_iter().filter(|(k, _)| !private(k)));
    out.env = json::texts(spec, "/process/env");
    out.run_as_root = json::uint(spec, "/process/user/uid") == 0;
    out.mounts = json::list(spec, "/mounts").filter_map(mount).collect();
    out.host_network = is_host(spec, "network");
    out.host_pid = is_host(spec, "pid");
    if out.host_network {
        out.network_mode = "host".to_owned();
    }
    out.privileged = is_privileged(spec);
    out.memory_limit_bytes =
        u64::try_from(json::int(spec, "/linux/resources/memory/limit")).unwrap_or(0);
    out.cpus = cpus(spec);
}

fn mount(entry: &Value) -> Option<Mount> {
    let kind = json::text(entry, "/type");
    let destination = json::text(entry, "/destination");
    if destination.is_empty() || KERNEL_FILE_SYSTEMS.contains(&kind.as_str()) {
        return None;
    }
    let read_only = json::list(entry, "/options").any(|o| o.as_str() == Some("ro"));
    Some(Mount {
        source: json::text(entry, "/source"),
        destination,
        read_only,
    })
}

/// A namespace that is not listed is the host's.
fn is_host(spec: &Value, kind: &str) -> bool {
    if spec.pointer("/linux").is_none() {
        return false;
    }
    let listed = json::list(spec, "/linux/namespaces").find(|n| json::text(n, "/type") == kind);
    listed.is_none_or(|n| json::text(n, "/path").starts_with("/proc/1/ns/"))
}

/// The specification has no such word: privileged is what has every device, CAP_SYS_ADMIN and no
/// seccomp filter.
fn is_privileged(spec: &Value) -> bool {
    let admin = json::list(spec, "/process/capabilities/effective")
        .any(|c| c.as_str() == Some("CAP_SYS_ADMIN"));
    let all_devices = json::list(spec, "/linux/resources/devices").any(|d| {
        json::flag(d, "/allow")
            && d.pointer("/major").is_none()
            && d.pointer("/type").is_none_or(|t| t == "a")
    });
    admin && all_devices && spec.pointer("/linux/seccomp").is_none_or(Value::is_null)
}

/// The cpus it is bound to, else how many cpus' time it may use, such as `1.5`.
fn cpus(spec: &Value) -> String {
    let set = json::text(spec, "/linux/resources/cpu/cpus");
    if !set.is_empty() {
        return set;
    }
    let quota = json::int(spec, "/linux/resources/cpu/quota");
    let period = json::int(spec, "/linux/resources/cpu/period");
    cpu_share(quota, if period > 0 { period } else { 100_000 })
}

/// `quota / period` with up to two decimals; empty if there is no quota.
pub(crate) fn cpu_share(quota: i64, period: i64) -> String {
    if quota <= 0 || period <= 0 {
        return String::new();
    }
    let hundredths = i128::from(quota) * 100 / i128::from(period);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(spec: Value) -> Workload {
        let mut out = Workload::default();
        apply(&spec, &mut out);
        out
    }

    #[test]
    fn a_common_container() {
        let w = applied(json!({
            "process": { "user": { "uid": 33 }, "env": ["A=1"],
                         "capabilities": { "effective": ["CAP_CHOWN"] } },
            "root": { "path": "/srv/rootfs" },
            "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "ro"] },
                { "type": "bind", "source": "/x" }, 7,
            ],
            "annotations": { "com.docker.compose.service": "web", "io.container.manager": "libpod" },
            "linux": {
                "namespaces": [{ "type": "pid" }, { "type": "network", "path": "/run/netns/a" }],
                "resources": { "memory": { "limit": 1024 }, "cpu": { "quota": 150_000, "period": 100_000 } },
            },
        }));
        assert_eq!(w.image, "/srv/rootfs");
        assert_eq!(
            w.labels.keys().collect::<Vec<_>>(),
            ["com.docker.compose.service"]
        );
        assert_eq!(
            w.mounts,
            [Mount {
                source: "/srv".into(),
                destination: "/data".into(),
                read_only: true
            }]
        );
        assert!(!w.host_network && !w.host_pid && !w.privileged && !w.run_as_root);
        assert_eq!((w.memory_limit_bytes, w.cpus.as_str()), (1024, "1.5"));
    }

    #[test]
    fn a_container_that_is_the_host() {
        let w = applied(json!({
            "process": { "user": { "uid": 0 }, "capabilities": { "effective": ["CAP_SYS_ADMIN"] } },
            "linux": { "namespaces": [{ "type": "mount" }],
                       "resources": { "devices": [{ "allow": true, "access": "rwm" }],
                                      "memory": { "limit": -1 }, "cpu": { "cpus": "0-1" } } },
        }));
        assert!(w.host_network && w.host_pid && w.privileged && w.run_as_root);
        assert_eq!(
            (
                w.memory_limit_bytes,
                w.cpus.as_str(),
                w.network_mode.as_str()
            ),
            (0, "0-1", "host")
        );
    }

    #[test]
    fn nonsense_is_harmless() {
        for spec in [
            json!(null),
            json!([]),
            json!({"linux": 1, "mounts": "x", "annotations": [1]}),
        ] {
            applied(spec);
        }
        assert_eq!(cpu_share(i64::MAX, 1), format!("{}", i64::MAX));
        assert_eq!(cpu_share(-1, 100), "");
    }
}
