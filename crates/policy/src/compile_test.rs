//! Compiled policies against first-match evaluation, and whole snapshots.

use super::*;
use proptest::prelude::*;
use rampart_model::{
    Action, ConfigSource, Criterion, CriterionOp, FileBehavior, PortRange, RuleId,
    settings::Settings, workload::InterfaceAddress,
};

fn learned(name: &str, mode: Mode) -> Group {
    Group {
        name: name.into(),
        source: ConfigSource::Learned,
        policy_mode: Some(mode),
        profile_mode: Some(mode),
        ..Group::default()
    }
}

fn custom(name: &str, kind: GroupKind, key: &str, value: &str) -> Group {
    Group {
        name: name.into(),
        kind,
        criteria: vec![Criterion {
            key: key.into(),
            op: CriterionOp::Equal,
            value: value.into(),
        }],
        ..Group::default()
    }
}

fn endpoint(address: &str, workload: &str, groups: &[&str]) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        workload: workload.into(),
        node: "n1".into(),
        groups: groups.iter().map(|g| GroupName::from(*g)).collect(),
    }
}

fn rule(id: u32, from: &str, to: &str, ports: Vec<PortRange>, action: Action) -> NetworkRule {
    NetworkRule {
        id: RuleId(id),
        from: from.into(),
        to: to.into(),
        ports,
        action,
        ..NetworkRule::default()
    }
}

fn web() -> Workload {
    let address = InterfaceAddress {
        ip: "10.0.0.2".parse().unwrap(),
        prefix: 24,
        gateway: None,
    };
    Workload {
        id: "w1".into(),
        service: "web".into(),
        domain: "shop".into(),
        node: "n1".into(),
        labels: [("tier".into(), "front".into())].into(),
        interfaces: [("eth0".into(), vec![address])].into(),
        ..Workload::default()
    }
}

/// web (10.0.0.2), api (10.0.0.3), db (10.0.0.4, fd00::4), node (10.0.0.1); `office` is
/// 192.168.0.0/16 with the printer 192.168.1.9 in a group of its own.
fn shop(mode: Mode, rules: Vec<NetworkRule>) -> PolicySnapshot {
    PolicySnapshot {
        revision: 9,
        groups: vec![
            learned("nv.web.shop", mode),
            learned("nv.api.shop", Mode::Monitor),
            learned("nv.db.shop", Mode::Protect),
            custom("front", GroupKind::Container, "tier", "front"),
            custom("office", GroupKind::Address, "address", "192.168.0.0/16"),
            custom("printer", GroupKind::Address, "address", "192.168.1.9"),
        ],
        rules,
        endpoints: vec![
            endpoint("10.0.0.2", "w1", &["nv.web.shop", "front", "containers"]),
            endpoint("10.0.0.3", "w2", &["nv.api.shop", "containers"]),
            endpoint("10.0.0.4", "w3", &["nv.db.shop", "containers"]),
            endpoint("fd00::4", "w3", &["nv.db.shop", "containers"]),
            endpoint("10.0.0.1", "", &["nodes"]),
        ],
        ..PolicySnapshot::default()
    }
}

fn check_connection(
    snapshot: &PolicySnapshot,
    direction: Direction,
    to: &str,
    port: u16,
    verdict: Verdict,
    rule: u32,
) {
    let policy = compile(&web(), snapshot);
    let got = policy.judge_connection(direction, Protocol::Tcp, port, to.parse().unwrap());
    assert_eq!(
        (got.verdict, got.rule.0),
        (verdict, rule),
        "{direction:?} {to}:{port}"
    );
}

#[test]
fn connections_are_judged() {
    use Direction::{Egress, Ingress};
    use Verdict::{Allow, Deny, Violate};
    let tcp = |port| vec![PortRange::one(Protocol::Tcp, port)];
    let snapshot = shop(
        Mode::Protect,
        vec![
            rule(1, "nv.web.shop", "nv.db.shop", tcp(5432), Action::Allow),
            rule(2, "front", "printer", vec![], Action::Deny),
            rule(3, "front", "office", tcp(443), Action::Allow),
            rule(4, "external", "nv.web.shop", tcp(80), Action::Allow),
            rule(5, "containers", "external", tcp(443), Action::Allow),
        ],
    );
    let check = |direction, to: &str, port, verdict, rule| {
        check_connection(&snapshot, direction, to, port, verdict, rule);
    };
    check(Egress, "10.0.0.4", 5432, Allow, 1);
    check(Egress, "fd00::4", 5432, Allow, 1);
    check(Egress, "::ffff:10.0.0.4", 5432, Allow, 1);
    check(Egress, "10.0.0.4", 22, Deny, 0);
    check(Ingress, "10.0.0.4", 5432, Deny, 0);
    // The api only monitors: the laxer mode decides.
    check(Egress, "10.0.0.3", 80, Violate, 0);
    check(Egress, "192.168.1.9", 443, Deny, 2);
    check(Egress, "192.168.1.10", 443, Allow, 3);
    check(Egress, "192.168.1.10", 80, Deny, 0);
    check(Ingress, "1.2.3.4", 80, Allow, 4);
    check(Ingress, "2001:db8::1", 80, Allow, 4);
    check(Ingress, "1.2.3.4", 81, Deny, 0);
    check(Egress, "1.2.3.4", 443, Allow, 5);
    check(Egress, "1.2.3.4", 4444, Deny, 0);
    // Itself, and loopback.
    check(Egress, "10.0.0.2", 9, Allow, 0);
    check(Egress, "127.0.0.1", 9, Allow, 0);
    check(Egress, "::1", 9, Allow, 0);
    // The node may always come in; going out to it is as to anyone.
    check(Ingress, "10.0.0.1", 80, Violate, 0);
    check(Egress, "10.0.0.1", 80, Deny, 0);
}

#[test]
fn settings_change_verdicts() {
    let check = |change: &dyn Fn(&mut PolicySnapshot), to: &str, verdict| {
        let mut snapshot = shop(Mode::Protect, vec![]);
        change(&mut snapshot);
        check_connection(&snapshot, Direction::Egress, to, 80, verdict, 0);
    };
    check(
        &|s| s.settings.strict_group_mode = true,
        "10.0.0.3",
        Verdict::Deny,
    );
    check(
        &|s| s.settings.network_mode_override = Some(Mode::Discover),
        "1.2.3.4",
        Verdict::Learn,
    );
    check(
        &|s| s.settings.network_policy_disabled = true,
        "1.2.3.4",
        Verdict::Allow,
    );
    check(
        &|s| s.groups[0].policy_mode = Some(Mode::Monitor),
        "1.2.3.4",
        Verdict::Violate,
    );
    let cut_off = |s: &mut PolicySnapshot| s.quarantined = vec!["w1".into()];
    check(&cut_off, "10.0.0.3", Verdict::Deny);
    check(&cut_off, "127.0.0.1", Verdict::Allow);
}

#[test]
fn a_container_nobody_knows_gets_the_settings_for_new_services() {
    let snapshot = PolicySnapshot {
        settings: Settings {
            new_service_policy_mode: Mode::Monitor,
            new_service_profile_mode: Mode::Protect,
            new_service_baseline: Baseline::ZeroDrift,
            ..Settings::default()
        },
        ..PolicySnapshot::default()
    };
    let policy = compile(&web(), &snapshot);
    assert!(!policy.known);
    assert_eq!(
        (policy.policy_mode, policy.profile_mode, policy.baseline),
        (Mode::Monitor, Mode::Protect, Baseline::ZeroDrift)
    );
}

#[test]
fn hosts_are_never_blocked() {
    let mut host = web();
    host.host_network = true;
    let policy = compile(&host, &shop(Mode::Protect, vec![]));
    assert!(
        policy
            .network
            .cells
            .iter()
            .all(|c| c.verdict.verdict != Verdict::Deny)
    );
    assert_ne!(policy.network.default.verdict, Verdict::Deny);
    let mut snapshot = shop(Mode::Protect, vec![]);
    snapshot.groups.push(learned("nodes", Mode::Protect));
    let node = Engine::new(Arc::new(snapshot)).compile_host(&"n1".into());
    assert_eq!(
        (node.group.as_str(), node.profile_mode),
        ("nodes", Mode::Protect)
    );
    assert!(
        node.network
            .cells
            .iter()
            .all(|c| c.verdict.verdict != Verdict::Deny)
    );
}

#[test]
fn rules_of_all_groups_apply_by_source() {
    let mut snapshot = shop(Mode::Protect, vec![]);
    let process = |name: &str, source, action| ProcessRule {
        name: name.into(),
        path: "*".into(),
        source,
        action,
        uuid: name.into(),
        ..ProcessRule::default()
    };
    snapshot.groups[0].profile.rules = vec![
        process("learned", ConfigSource::Learned, Action::Allow),
        process("own", ConfigSource::User, Action::Allow),
    ];
    snapshot.groups[0].files = vec![FileRule {
        filter: "/a".into(),
        behavior: FileBehavior::BlockAccess,
        ..FileRule::default()
    }];
    snapshot.groups[3].profile.rules = vec![
        process("custom", ConfigSource::User, Action::Deny),
        process("crd", ConfigSource::Crd, Action::Deny),
    ];
    let policy = compile(&web(), &snapshot);
    let order: Vec<_> = policy
        .process
        .iter()
        .map(|r| (r.name.as_str(), r.group.as_str()))
        .collect();
    assert_eq!(
        order,
        [
            ("crd", "front"),
            ("custom", "front"),
            ("own", "nv.web.shop"),
            ("learned", "nv.web.shop")
        ]
    );
    assert_eq!(policy.files[0].group.as_str(), "nv.web.shop");
    assert_eq!(
        policy
            .groups
            .iter()
            .map(GroupName::as_str)
            .collect::<Vec<_>>(),
        ["nv.web.shop", "front", "containers"]
    );
    let ask = ProcessAsk {
        name: "own",
        path: "/bin/own",
        ..ProcessAsk::default()
    };
    assert_eq!(policy.judge_process(&ask).verdict, Verdict::Allow);
    let secret = FileAsk {
        path: "/a",
        write: Some(false),
        application: "/x",
    };
    assert_eq!(policy.judge_file(&secret).verdict, Verdict::Deny);
}

#[test]
fn an_address_on_two_nodes_is_the_own_nodes() {
    let mut snapshot = shop(
        Mode::Protect,
        vec![rule(1, "nv.web.shop", "nv.db.shop", vec![], Action::Allow)],
    );
    snapshot.endpoints.insert(
        0,
        Endpoint {
            node: "n2".into(),
            ..endpoint("10.0.0.4", "w9", &["nv.api.shop"])
        },
    );
    check_connection(
        &snapshot,
        Direction::Egress,
        "10.0.0.4",
        80,
        Verdict::Allow,
        1,
    );
}

#[test]
fn ends_are_named() {
    let engine = Engine::new(Arc::new(shop(Mode::Protect, vec![])));
    let check = |address: &str, id: &str, group: &str| {
        let got = engine.identify(&"n1".into(), address.parse().unwrap());
        assert_eq!(
            (got.id.as_str(), got.group.as_str()),
            (id, group),
            "{address}"
        );
    };
    check("10.0.0.3", "w2", "nv.api.shop");
    check("::ffff:10.0.0.3", "w2", "nv.api.shop");
    check("10.0.0.1", "Host:n1:10.0.0.1", "nodes");
    check("192.168.1.9", "printer", "external");
    check("192.168.1.10", "office", "external");
    check("8.8.8.8", "external", "external");
}

#[test]
fn cells_stay_few_with_many_peers() {
    let mut snapshot = shop(
        Mode::Protect,
        vec![rule(1, "nv.web.shop", "external", vec![], Action::Allow)],
    );
    for i in 0..200u8 {
        snapshot.endpoints.push(endpoint(
            &format!("10.1.0.{i}"),
            &format!("x{i}"),
            &["nv.x.shop"],
        ));
    }
    let policy = compile(&web(), &snapshot);
    // In each direction one for ICMP and one for the rest.
    assert!(
        policy.network.cells.len() <= 4 * 210,
        "{}",
        policy.network.cells.len()
    );
}

// --- the proof: compiled lookup equals first match ---

const GROUPS: &[&str] = &[
    "nv.web.shop",
    "front",
    "containers",
    "nv.api.shop",
    "nv.db.shop",
    "office",
    "printer",
    "external",
    "nodes",
];
const ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "10.0.0.3",
    "10.0.0.4",
    "fd00::4",
    "192.168.1.9",
    "192.168.1.10",
    "192.168.255.255",
    "1.2.3.4",
    "2001:db8::1",
    "::ffff:10.0.0.3",
];

fn ports() -> impl Strategy<Value = Vec<PortRange>> {
    let protocol = prop_oneof![
        Just(None),
        Just(Some(Protocol::Tcp)),
        Just(Some(Protocol::Udp)),
        Just(Some(Protocol::Icmp)),
    ];
    let range = (protocol, 0u16..12, 0u16..6).prop_map(|(protocol, low, width)| PortRange {
        protocol,
        low,
        high: low + width,
    });
    prop_oneof![
        2 => Just(Vec::new()),
        1 => Just(vec![PortRange::ANY]),
        6 => proptest::collection::vec(range, 1..4),
        1 => Just(vec![PortRange { protocol: Some(Protocol::Tcp), low: 10, high: u16::MAX }]),
    ]
}

fn rules() -> impl Strategy<Value = Vec<NetworkRule>> {
    let group = || proptest::sample::select(GROUPS);
    let applications =
        proptest::collection::vec(proptest::sample::select(vec!["HTTP", "Echo", "any"]), 0..2);
    let one = (
        group(),
        group(),
        ports(),
        applications,
        any::<bool>(),
        0u8..8,
    );
    proptest::collection::vec(one, 0..14).prop_map(|list| {
        (1u32..)
            .zip(list)
            .map(
                |(id, (from, to, ports, applications, allow, disabled))| NetworkRule {
                    applications: applications.into_iter().map(str::to_owned).collect(),
                    disabled: disabled == 0,
                    ..rule(
                        id,
                        from,
                        to,
                        ports,
                        if allow { Action::Allow } else { Action::Deny },
                    )
                },
            )
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiled_cells_give_the_first_match(
        rules in rules(),
        mode in proptest::sample::select(Mode::ALL),
        strict in any::<bool>(),
        host_network in any::<bool>(),
    ) {
        let mut snapshot = shop(mode, rules);
        snapshot.settings.strict_group_mode = strict;
        let engine = Engine::new(Arc::new(snapshot));
        let mut workload = web();
        workload.host_network = host_network;
        let policy = engine.compile(&workload);
        for address in ADDRESSES {
            let address: IpAddr = address.parse().unwrap();
            let peer = engine.peer(&workload.node, address);
            for direction in Direction::ALL {
                for protocol in [None, Some(Protocol::Tcp), Some(Protocol::Udp), Some(Protocol::Icmp), Some(Protocol::Sctp)] {
                    for port in (0..20).chain([80, 8080, 65535]) {
                        let expected = engine.judge_conversation(&policy, direction, &peer, protocol, port, None);
                        let got = policy.network.lookup(direction, protocol, port, address);
                        prop_assert_eq!(got, expected, "{:?} {:?}/{} {}", direction, protocol, port, address);
                    }
                }
            }
        }
    }
}
