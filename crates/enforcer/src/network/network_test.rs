//! Flows summed to conversations, and the process behind them.

use super::*;
use rampart_probe::SocketOp;

fn flow(direction: Direction, local_port: u16, peer_port: u16) -> Flow {
    Flow {
        label: 1,
        direction,
        protocol: 6,
        local: "::ffff:10.0.0.2".parse().unwrap(),
        local_port,
        peer: "10.0.0.3".parse().unwrap(),
        peer_port,
        bytes_in: 10,
        bytes_out: 20,
        packets_in: 1,
        packets_out: 1,
        denied: 0,
        verdict: Verdict::Learn,
        rule: 0,
        first_seen: Timestamp::from_ms(5),
        last_seen: Timestamp::from_ms(9),
        is_new: true,
        closed: false,
    }
}

#[test]
fn keys_name_the_serving_port_and_leave_loopback_out() {
    let key = Key::of(&flow(Direction::Egress, 40_000, 6379)).unwrap();
    assert_eq!(
        (key.port, key.ingress, key.local),
        (6379, false, "10.0.0.2".parse().unwrap())
    );
    assert_eq!(
        Key::of(&flow(Direction::Ingress, 80, 40_000)).unwrap().port,
        80
    );
    let icmp = Flow {
        protocol: 58,
        ..flow(Direction::Egress, 1, 2)
    };
    assert_eq!(Key::of(&icmp).unwrap().port, 0);
    let loopback = Flow {
        peer: "::ffff:127.0.0.1".parse().unwrap(),
        ..flow(Direction::Egress, 1, 2)
    };
    assert_eq!(Key::of(&loopback), None);
    assert_eq!(
        Key::of(&Flow {
            protocol: 99,
            ..flow(Direction::Egress, 1, 2)
        }),
        None
    );
}

#[test]
fn a_listener_is_behind_what_it_has_not_accepted_yet() {
    let mut sockets = Sockets::default();
    let socket = |op, local: &str, peer: &str, pid| Socket {
        at: Timestamp::from_ms(1),
        op,
        label: 1,
        cgroup_id: 0,
        pid,
        comm: String::new(),
        local: local.parse().unwrap(),
        peer: peer.parse().unwrap(),
        duration_ns: 0,
    };
    sockets.note(&socket(SocketOp::Listen, "0.0.0.0:80", "0.0.0.0:0", 7));
    sockets.note(&socket(
        SocketOp::Connect,
        "[::ffff:10.0.0.2]:40000",
        "10.0.0.3:6379",
        8,
    ));
    let pid = |local: &str, peer: &str, direction| {
        sockets.pid(1, local.parse().unwrap(), peer.parse().unwrap(), direction)
    };
    assert_eq!(
        pid("10.0.0.2:80", "10.0.0.9:1", Direction::Ingress),
        Some(7)
    );
    assert_eq!(pid("10.0.0.2:80", "10.0.0.9:1", Direction::Egress), None);
    assert_eq!(
        pid("10.0.0.2:40000", "10.0.0.3:6379", Direction::Egress),
        Some(8)
    );
}
