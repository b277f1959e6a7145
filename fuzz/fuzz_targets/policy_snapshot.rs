//! A whole policy, as JSON, compiled for a workload: groups, criteria, rules, addresses.
//!
//! Holds: no panic, only Protect or quarantine denies, and a compiled policy gives the verdict
//! that walking the rules gives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_model::{PolicySnapshot, Protocol, Verdict, Workload, workload::InterfaceAddress};
use rampart_policy::{Direction, Engine};
use std::{net::IpAddr, sync::Arc};

const PEERS: [&str; 5] = [
    "10.0.0.2",
    "10.9.0.1",
    "192.0.2.7",
    "fd00::2",
    "2001:db8::1",
];
const PORTS: [(Protocol, u16); 5] = [
    (Protocol::Tcp, 80),
    (Protocol::Tcp, 6379),
    (Protocol::Udp, 53),
    (Protocol::Udp, 65_535),
    (Protocol::Icmp, 0),
];

fn workload() -> Workload {
    let own = |ip: &str, prefix| InterfaceAddress {
        ip: ip.parse().unwrap(),
        prefix,
        gateway: None,
    };
    Workload {
        id: "w".into(),
        node: "n".into(),
        service: "web".into(),
        domain: "shop".into(),
        image: "nginx:1".into(),
        interfaces: [(
            "eth0".to_owned(),
            vec![own("10.0.0.9", 24), own("fd00::9", 64)],
        )]
        .into(),
        ..Workload::default()
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(snapshot) = serde_json::from_slice::<PolicySnapshot>(data) else {
        return;
    };
    let engine = Engine::new(Arc::new(snapshot));
    let workload = workload();
    let policy = engine.compile(&workload);
    let settings = &engine.snapshot().settings;
    for text in PEERS {
        let address: IpAddr = text.parse().unwrap();
        let peer = engine.peer(&workload.node, address);
        for direction in Direction::ALL {
            for (protocol, port) in PORTS {
                let compiled = policy.judge_connection(direction, protocol, port, address);
                if policy.quarantined || settings.network_policy_disabled {
                    continue;
                }
                let walked = engine.judge_conversation(
                    &policy,
                    direction,
                    &peer,
                    Some(protocol),
                    port,
                    None,
                );
                assert_eq!(compiled, walked, "{direction:?} {protocol} {port} {text}");
            }
        }
    }
    let host = engine.compile_host(&workload.node);
    assert_ne!(
        host.network.default.verdict,
        Verdict::Deny,
        "a node is never cut off"
    );
});
