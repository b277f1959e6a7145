//! Facts of the machine itself.

use crate::{procfs::net, read, time};
use rampart_model::{Node, NodeId, Timestamp};
use std::path::Path;

/// What this machine is. `started_at` is the time of its boot; `version`, `joined_at`, `tier` and
/// `capabilities` are the caller's to fill.
pub fn node_facts() -> Node {
    facts(Path::new("/"), Path::new("/proc"))
}

fn facts(root: &Path, proc: &Path) -> Node {
    let name = line(&proc.join("sys/kernel/hostname"));
    let boot = crate::procfs::Procfs::new(proc).boot_time().unwrap_or(0);
    Node {
        id: machine_id(root, proc, &name),
        os: os_name(&text(&root.join("etc/os-release"))),
        kernel: line(&proc.join("sys/kernel/osrelease")),
        arch: std::env::consts::ARCH.to_owned(),
        cpus: cpus(),
        memory_bytes: memory_bytes(&text(&proc.join("meminfo"))),
        // The host's own tables, also when this runs in a container that shares its pid namespace.
        interfaces: net::interfaces(&proc.join("1/net")),
        started_at: Timestamp::from_ms(boot.saturating_mul(1000)),
        last_seen: time::now(),
        name,
        ..Node::default()
    }
}

/// The machine id, stable over restarts and renames; without one, the boot id, then the name.
fn machine_id(root: &Path, proc: &Path, name: &str) -> NodeId {
    let files = [
        root.join("etc/machine-id"),
        root.join("var/lib/dbus/machine-id"),
        proc.join("sys/kernel/random/boot_id"),
    ];
    let id = files
        .iter()
        .map(|f| line(f))
        .find(|id| id.len() >= 32 && id != "uninitialized");
    NodeId::new(id.unwrap_or_else(|| name.to_owned()))
}

fn text(path: &Path) -> String {
    read::proc_text(path).unwrap_or_default()
}

fn line(path: &Path) -> String {
    text(path).lines().next().unwrap_or("").trim().to_owned()
}

fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

fn memory_bytes(meminfo: &str) -> u64 {
    let total = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:"));
    let kib = total.and_then(|t| t.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

fn os_name(os_release: &str) -> String {
    let value = |key: &str| {
        let line = os_release
            .lines()
            .find_map(|l| l.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim().trim_matches(['"', '\'']).to_owned())
    };
    value("PRETTY_NAME")
        .or_else(|| value("NAME"))
        .unwrap_or_else(|| "Linux".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine() {
        let node = node_facts();
        assert!(node.id.as_str().len() >= 16, "{node:?}");
        assert!(!node.name.is_empty() && !node.kernel.is_empty() && !node.os.is_empty());
        assert!(node.cpus >= 1 && node.memory_bytes > 1 << 20);
        assert!(node.started_at.is_known() && node.started_at < node.last_seen);
    }

    #[test]
    fn files_of_a_machine_with_nothing() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let node = facts(dir.path(), dir.path());
        assert_eq!((node.os.as_str(), node.memory_bytes), ("Linux", 0));
    }

    #[test]
    fn parsing() {
        assert_eq!(memory_bytes("MemTotal:       16 kB\n"), 16 << 10);
        assert_eq!(os_name("NAME=\"A\"\nPRETTY_NAME=\"A 12\"\n"), "A 12");
    }
}
