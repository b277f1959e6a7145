//! Docker's description of a container: the same words in its REST answers and in its files.

use crate::{json, local::kubernetes, local::oci, time};
use rampart_model::{
    Protocol, Workload,
    workload::{InterfaceAddress, Mount, PublishedPort},
};
use serde_json::Value;
use std::net::IpAddr;

/// The part that `GET /containers/ID/json` and `config.v2.json` share.
pub(crate) fn apply_config(config: &Value, out: &mut Workload) {
    let name = json::text(config, "/Name");
    if !name.is_empty() {
        out.name = name.trim_start_matches('/').to_owned();
    }
    let image = json::text(config, "/Config/Image");
    if !image.is_empty() {
        out.image = image;
    }
    let image_id = json::text(config, "/Image");
    if image_id.starts_with("sha256:") {
        out.image_digest = image_id;
    }
    out.labels.extend(json::map(config, "/Config/Labels"));
    let env = json::texts(config, "/Config/Env");
    if !env.is_empty() {
        out.env = env;
    }
    let user = json::text(config, "/Config/User");
    out.run_as_root = matches!(user.split(':').next(), Some("" | "0" | "root"));
    out.created_at = time::rfc3339(&json::text(config, "/Created"));
    out.started_at = time::rfc3339(&json::text(config, "/State/StartedAt"));
    out.finished_at = time::rfc3339(&json::text(config, "/State/FinishedAt"));
    kubernetes::apply(&out.labels.clone(), out);
}

/// `HostConfig` of an answer, or the whole of `hostconfig.json`.
pub(crate) fn apply_host_config(host: &Value, out: &mut Workload) {
    out.privileged |= json::flag(host, "/Privileged");
    out.network_mode = json::text(host, "/NetworkMode");
    out.host_network |= out.network_mode == "host";
    out.host_pid |= json::text(host, "/PidMode") == "host";
    out.memory_limit_bytes = u64::try_from(json::int(host, "/Memory")).unwrap_or(0);
    out.cpus = json::text(host, "/CpusetCpus");
    if out.cpus.is_empty() {
        let nanos = oci::cpu_share(json::int(host, "/NanoCpus"), 1_000_000_000);
        let period = json::int(host, "/CpuPeriod");
        let period = if period > 0 { period } else { 100_000 };
        let quota = oci::cpu_share(json::int(host, "/CpuQuota"), period);
        out.cpus = if nanos.is_empty() { quota } else { nanos };
    }
}

/// A whole answer of `GET /containers/ID/json`. Docker and Podman.
pub(crate) fn inspect(answer: &Value, runtime: &str) -> Option<Workload> {
    let id = json::text(answer, "/Id");
    if id.is_empty() {
        return None;
    }
    let mut out = Workload {
        id: id.into(),
        runtime: runtime.to_owned(),
        ..Workload::default()
    };
    apply_config(answer, &mut out);
    apply_host_config(
        answer.pointer("/HostConfig").unwrap_or(&Value::Null),
        &mut out,
    );
    out.running = json::flag(answer, "/State/Running");
    out.pid = if out.running {
        json::pid(answer, "/State/Pid")
    } else {
        0
    };
    out.exit_code = i32::try_from(json::int(answer, "/State/ExitCode")).unwrap_or(0);
    out.mounts = json::list(answer, "/Mounts").filter_map(mount).collect();
    out.ports = ports(answer);
    for (network, settings) in json::entries(answer, "/NetworkSettings/Networks") {
        let addresses = addresses(settings);
        if !addresses.is_empty() {
            out.interfaces.insert(json::clip(network), addresses);
        }
    }
    Some(out)
}

fn mount(entry: &Value) -> Option<Mount> {
    let destination = json::text(entry, "/Destination");
    (!destination.is_empty()).then(|| Mount {
        source: json::text(entry, "/Source"),
        destination,
        read_only: !json::flag(entry, "/RW"),
    })
}

/// `"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]`; null for a port that is only exposed.
fn ports(answer: &Value) -> Vec<PublishedPort> {
    let mut out = Vec::new();
    for (key, bindings) in json::entries(answer, "/NetworkSettings/Ports") {
        let (port, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
        let (Ok(port), Some(protocol)) = (port.parse(), protocol_named(protocol)) else {
            continue;
        };
        for binding in json::list(bindings, "") {
            let Ok(host_port) = json::text(binding, "/HostPort").parse() else {
                continue;
            };
            let host_ip = json::text(binding, "/HostIp").parse().ok();
            out.push(PublishedPort {
                protocol,
                port,
                host_ip,
                host_port,
            });
        }
    }
    out
}

fn protocol_named(name: &str) -> Option<Protocol> {
    match name {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        "sctp" => Some(Protocol::Sctp),
        _ => None,
    }
}

fn addresses(settings: &Value) -> Vec<InterfaceAddress> {
    let one = |ip: &str, prefix: &str, gateway: &str| {
        let ip: IpAddr = json::text(settings, ip).parse().ok()?;
        let prefix = u8::try_from(json::uint(settings, prefix)).unwrap_or(0);
        Some(InterfaceAddress {
            ip,
            prefix,
            gateway: json::text(settings, gateway).parse().ok(),
        })
    };
    let v4 = one("/IPAddress", "/IPPrefixLen", "/Gateway");
    let v6 = one("/GlobalIPv6Address", "/GlobalIPv6PrefixLen", "/IPv6Gateway");
    v4.into_iter().chain(v6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_whole_answer() {
        let answer = json!({
            "Id": "abc", "Name": "/shop-web-1", "Image": "sha256:11",
            "Created": "2026-11-24T19:40:00.5Z",
            "State": { "Running": true, "Pid": 77, "StartedAt": "2026-11-24T19:40:01Z", "FinishedAt": "0001-01-01T00:00:00Z" },
            "Config": { "Image": "nginx:1.25", "User": "", "Env": ["A=1"], "Labels": { "x": "y" } },
            "HostConfig": { "NetworkMode": "shop", "Memory": 4096, "NanoCpus": 1_500_000_000 },
            "Mounts": [{ "Source": "/srv", "Destination": "/data", "RW": false }],
            "NetworkSettings": {
                "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }, { "HostPort": "x" }],
                           "53/udp": [{ "HostIp": "", "HostPort": "53" }], "443/tcp": null, "bad": [] },
                "Networks": { "shop": { "IPAddress": "172.20.0.3", "IPPrefixLen": 16, "Gateway": "172.20.0.1",
                                        "GlobalIPv6Address": "fd00::3", "GlobalIPv6PrefixLen": 64, "IPv6Gateway": "" },
                              "none": { "IPAddress": "" } } },
        });
        let w = inspect(&answer, "docker").expect("container");
        assert_eq!(
            (w.name.as_str(), w.image.as_str(), w.image_digest.as_str()),
            ("shop-web-1", "nginx:1.25", "sha256:11")
        );
        assert!(w.running && w.run_as_root && !w.host_network && !w.privileged);
        assert_eq!(
            (
                w.pid,
                w.memory_limit_bytes,
                w.cpus.as_str(),
                w.started_at.ms()
            ),
            (77, 4096, "1.5", 1_795_549_201_000)
        );
        assert!(!w.finished_at.is_known());
        let ports: Vec<_> = w
            .ports
            .iter()
            .map(|p| (p.protocol, p.port, p.host_port, p.host_ip.is_some()))
            .collect();
        assert_eq!(ports.len(), 2);
        assert!(
            ports.contains(&(Protocol::Tcp, 80, 8080, true))
                && ports.contains(&(Protocol::Udp, 53, 53, false))
        );
        assert_eq!(w.interfaces.len(), 1);
        assert_eq!(w.interfaces["shop"].len(), 2);
        assert_eq!(w.mounts[0].destination, "/data");
    }

    #[test]
    fn odd_answers() {
        assert_eq!(inspect(&json!({}), "docker"), None);
        let odd = inspect(
            &json!({ "Id": "a", "Config": { "Labels": null }, "State": { "Pid": -4 } }),
            "docker",
        );
        assert_eq!(odd.map(|w| w.pid), Some(0));
    }
}
