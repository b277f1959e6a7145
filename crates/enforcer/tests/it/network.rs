//! Flows become conversations, refused ones become violations.

use crate::fake::*;
use rampart_model::{Conversation, Mechanism, Mode, Report, Timestamp, Verdict};
use rampart_probe::{Direction, Event, Flow, NetEvent, NetHook, Socket, SocketOp};

fn conversations(bed: &Bed) -> Vec<Conversation> {
    let reports = bed.uplink.reports().into_iter();
    reports
        .filter_map(|r| match r {
            Report::Conversations(list) => Some(list),
            _ => None,
        })
        .flatten()
        .collect()
}

fn flow(label: u32, local_port: u16) -> Flow {
    Flow {
        label,
        direction: Direction::Egress,
        protocol: 6,
        local: "10.0.0.2".parse().unwrap(),
        local_port,
        peer: "10.0.0.3".parse().unwrap(),
        peer_port: 6379,
        bytes_in: 10,
        bytes_out: 5,
        packets_in: 1,
        packets_out: 1,
        denied: 0,
        verdict: Verdict::Learn,
        rule: 0,
        first_seen: Timestamp::from_ms(10),
        last_seen: Timestamp::from_ms(20),
        is_new: true,
        closed: false,
    }
}

#[tokio::test]
async fn flows_of_one_service_are_one_conversation_with_its_process() {
    let bed = Bed::new(policy(1, Mode::Discover, &[])).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    bed.emit(Event::Socket(Socket {
        at: Timestamp::from_ms(1),
        op: SocketOp::Connect,
        label,
        cgroup_id: 0,
        pid: 9_000_100,
        comm: "app".to_owned(),
        local: "10.0.0.2:40000".parse().unwrap(),
        peer: "10.0.0.3:6379".parse().unwrap(),
        duration_ns: 0,
    }));
    bed.exec(label, 9_000_200, 9_000_100, "/bin/marker");
    until("the marker", || {
        bed.uplink
            .reports()
            .iter()
            .any(|r| matches!(r, Report::LearnedProcess { path, .. } if path == "/bin/marker"))
            .then_some(())
    })
    .await;
    *bed.kernel.flows.lock().unwrap() = vec![flow(label, 40_000), flow(label, 40_001), flow(77, 1)];
    let found = until("the conversation", || {
        let all = conversations(&bed);
        (!all.is_empty()).then_some(all)
    })
    .await;
    assert_eq!(found.len(), 1, "{found:?}");
    let seen = &found[0];
    assert_eq!(
        (seen.port, seen.sessions, seen.bytes_in, seen.bytes_out),
        (6379, 2, 20, 10)
    );
    assert_eq!(
        (seen.application.as_str(), seen.verdict),
        ("Redis", Verdict::Learn)
    );
    assert_eq!(
        seen.process.as_ref().map(|p| p.path.as_str()),
        Some("/bin/app")
    );
}

fn refused(label: u32, peer: &str, hook: NetHook) -> Event {
    Event::Verdict(NetEvent {
        at: Timestamp::from_ms(1_700_000_000_000),
        label,
        direction: Direction::Egress,
        protocol: 6,
        local: "10.0.0.2:40000".parse().unwrap(),
        peer: peer.parse().unwrap(),
        verdict: Verdict::Deny,
        rule: 0,
        hook,
        pid: 9_000_100,
        comm: "app".to_owned(),
    })
}

#[tokio::test]
async fn a_refused_connection_is_a_violation_with_both_ends() {
    let mut snapshot = policy(1, Mode::Protect, &["/bin/app"]);
    snapshot.endpoints.push(rampart_model::Endpoint {
        address: "10.0.0.3".parse().unwrap(),
        workload: "db-1".into(),
        node: "node-2".into(),
        groups: vec!["nv.db.shop".into()],
    });
    let bed = Bed::new(snapshot).await;
    let label = bed.start("web", 9_000_100, "/bin/app").await;
    for _ in 0..5 {
        bed.emit(refused(label, "198.51.100.7:443", NetHook::Sock));
    }
    bed.emit(refused(label, "10.0.0.3:5432", NetHook::Packet));
    until("two violations", || {
        (bed.uplink.violations().len() >= 2).then_some(())
    })
    .await;
    let (_, uplink) = bed.stop().await;
    let all = uplink.violations();
    assert_eq!(all.len(), 3, "first, other, and the count of the repeats");
    assert_eq!(
        (all[0].client.name.as_str(), all[0].client.group.as_str()),
        ("web", "nv.web")
    );
    assert_eq!(
        (all[0].server.id.as_str(), all[0].server_port),
        ("external", 443)
    );
    assert_eq!(
        (all[0].verdict, all[0].mechanism),
        (Verdict::Deny, Some(Mechanism::CgroupSock))
    );
    assert_eq!(
        all[0].process.as_ref().map(|p| p.path.as_str()),
        Some("/bin/app")
    );
    assert_eq!(all[0].applications, ["SSL"]);
    assert_eq!(
        (all[1].server.id.as_str(), all[1].server.group.as_str()),
        ("db-1", "nv.db.shop")
    );
    assert_eq!(all[1].mechanism, Some(Mechanism::CgroupSkb));
    assert_eq!(all[2].sessions, 4);
}
