//! The network map, and what is learned from it.

use crate::world::{HOUR, NODE, START, World, talk, workload};
use rampart_controller::{
    AppError,
    app::{ConversationFilter, EndpointKind},
};
use rampart_model::{
    Conversation, Criterion, CriterionOp, Group, LogBody, LogLevel, LogRecord, Mode, Node,
    Protocol, Report, RuleId, Timestamp, Verdict,
    event::{End, Violation},
    workload::InterfaceAddress,
};

async fn tell(world: &World, talks: Vec<Conversation>) {
    world.ingest(vec![Report::Conversations(talks)]).await;
}

/// `from > to ports verdict`, in order.
fn edges(world: &World, filter: &ConversationFilter) -> Vec<String> {
    let graph = world.app.conversations(filter);
    let edge = |e: &rampart_controller::app::MapEdge| {
        format!("{} > {} {} {}", e.from, e.to, e.ports.join(","), e.action)
    };
    graph.edges.iter().map(edge).collect()
}

#[tokio::test]
async fn the_map_shows_who_talks_to_whom() {
    let world = World::new().await;
    world.shop().await;
    let office = Criterion {
        key: "address".into(),
        op: CriterionOp::Equal,
        value: "10.9.0.0/16".into(),
    };
    world
        .app
        .create_group(Group {
            name: "office".into(),
            criteria: vec![office],
            ..Group::default()
        })
        .await
        .unwrap();
    let gateway = InterfaceAddress {
        ip: "10.0.0.1".parse().unwrap(),
        prefix: 24,
        gateway: None,
    };
    let node = Node {
        name: "node-1".into(),
        interfaces: [("br0".into(), vec![gateway])].into(),
        ..Node::default()
    };
    world.ingest(vec![Report::Node(Box::new(node))]).await;
    let mut from_outside = talk("web", "8.8.8.8", 80, Verdict::Allow, 1);
    from_outside.ingress = true;
    tell(
        &world,
        vec![
            talk("web", "10.0.0.3", 80, Verdict::Allow, 1),
            talk("web", "10.0.0.3", 443, Verdict::Violate, 2),
            talk("api", "10.0.0.4", 5432, Verdict::Allow, 1),
            talk("api", "10.9.1.1", 25, Verdict::Allow, 1),
            talk("api", "10.0.0.1", 53, Verdict::Allow, 1),
            from_outside,
            talk("unknown", "1.1.1.1", 1, Verdict::Allow, 1),
        ],
    )
    .await;
    assert_eq!(
        edges(&world, &ConversationFilter::default()),
        [
            "api-id > Host:n1:10.0.0.1 tcp/53 allow",
            "api-id > db-id tcp/5432 allow",
            "api-id > office tcp/25 allow",
            "external > web-id tcp/80 allow",
            "web-id > api-id tcp/80,tcp/443 violate",
        ]
    );
    let graph = world.app.conversations(&ConversationFilter::default());
    let kind = |id: &str| {
        graph
            .endpoints
            .iter()
            .find(|e| e.id == id)
            .map(|e| (e.kind, e.display_name.clone()))
            .unwrap()
    };
    assert_eq!(kind("office").0, EndpointKind::Address);
    assert_eq!(kind("external").0, EndpointKind::External);
    assert_eq!(
        kind("Host:n1:10.0.0.1"),
        (EndpointKind::Host, "node-1 (10.0.0.1)".into())
    );
    assert_eq!(kind("web-id"), (EndpointKind::Container, "web-1".into()));
    let violating = graph.edges.iter().find(|e| e.from == "web-id").unwrap();
    assert_eq!(
        (violating.severity, violating.entries, violating.sessions),
        (Some(LogLevel::Warning), 2, 2)
    );
    assert!(world.app.service("web.shop").unwrap().ingress_exposed);
}

#[tokio::test]
async fn the_map_is_filtered() {
    let world = World::new().await;
    world.shop().await;
    let mut other = workload("bank");
    other.domain = "bank".into();
    world.ingest(vec![Report::Workload(Box::new(other))]).await;
    tell(
        &world,
        vec![
            talk("web", "10.0.0.3", 80, Verdict::Allow, 1),
            talk("api", "10.0.1.1", 80, Verdict::Deny, 9),
            talk("bank", "1.2.3.4", 443, Verdict::Allow, 5),
        ],
    )
    .await;
    let check = |filter: ConversationFilter, expected: &[&str]| {
        let filter = ConversationFilter {
            connected_only: true,
            ..filter
        };
        let got: Vec<String> = edges(&world, &filter)
            .iter()
            .map(|e| e.split(' ').take(3).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(got, expected, "{filter:?}");
    };
    let none = ConversationFilter::default;
    let all = ["api-id > bank-id", "bank-id > external", "web-id > api-id"];
    check(none(), &all);
    check(
        ConversationFilter {
            domain: Some("bank".into()),
            ..none()
        },
        &all[..2],
    );
    check(
        ConversationFilter {
            group: Some("nv.web.shop".into()),
            ..none()
        },
        &all[2..],
    );
    check(
        ConversationFilter {
            verdicts: vec![Verdict::Deny],
            ..none()
        },
        &all[..1],
    );
    check(
        ConversationFilter {
            since: Some(Timestamp(START + 5)),
            ..none()
        },
        &all[..2],
    );
    check(
        ConversationFilter {
            visible_domains: Some(vec!["bank".into()]),
            ..none()
        },
        &all[..2],
    );
    check(
        ConversationFilter {
            visible_domains: Some(vec![]),
            ..none()
        },
        &[],
    );
}

#[tokio::test]
async fn both_ends_of_a_conversation_are_one() {
    let world = World::new().await;
    world.shop().await;
    let mut server = talk("api", "10.0.0.2", 80, Verdict::Allow, 2);
    server.ingress = true;
    (server.bytes_in, server.bytes_out) = (20, 10);
    let mut client = talk("web", "10.0.0.3", 80, Verdict::Allow, 1);
    client.application = "HTTP".into();
    server.application = "HTTP".into();
    tell(&world, vec![client, server]).await;
    let entries = world.app.conversation("web-id", "api-id").unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (
            entries[0].sessions,
            entries[0].bytes_in,
            entries[0].bytes_out
        ),
        (1, 20, 10)
    );
    assert_eq!(entries[0].client_ip.to_string(), "10.0.0.2");
    assert_eq!(world.app.workload("api-id").unwrap().applications, ["HTTP"]);
    assert_eq!(
        world.app.group("nv.api.shop").unwrap().applications,
        ["HTTP"]
    );
    assert!(matches!(
        world.app.conversation("api-id", "web-id"),
        Err(AppError::NotFound { .. })
    ));
}

#[tokio::test]
async fn conversations_are_learned_by_pairs_of_groups() {
    let world = World::new().await;
    world.shop().await;
    let udp = Conversation {
        protocol: Protocol::Udp,
        ..talk("web", "9.9.9.9", 53, Verdict::Learn, 1)
    };
    tell(
        &world,
        vec![
            talk("web", "10.0.0.3", 80, Verdict::Learn, 1),
            talk("web", "10.0.0.3", 6379, Verdict::Learn, 2),
            talk("web", "10.0.0.3", 80, Verdict::Learn, 3),
            udp,
        ],
    )
    .await;
    let rules: Vec<String> = world
        .app
        .rules()
        .iter()
        .map(|r| {
            format!(
                "{} {}>{} {:?} {:?}",
                r.id,
                r.from,
                r.to,
                r.ports.iter().map(|p| p.low).collect::<Vec<_>>(),
                r.applications
            )
        })
        .collect();
    assert_eq!(
        rules,
        [
            r#"10000 nv.web.shop>nv.api.shop [80, 6379] ["HTTP", "Redis"]"#,
            r#"10001 nv.web.shop>external [53] ["DNS"]"#,
        ]
    );
    // The policy that follows allows exactly that.
    let policy = world.engine().await.compile(&workload("web"));
    let judge = |to: &str, port| {
        policy
            .judge_connection(
                rampart_policy::Direction::Egress,
                Protocol::Tcp,
                port,
                to.parse().unwrap(),
            )
            .verdict
    };
    assert_eq!(judge("10.0.0.3", 80), Verdict::Allow);
    assert_eq!(judge("10.0.0.3", 81), Verdict::Learn);
}

#[tokio::test]
async fn a_peer_that_just_stopped_is_not_the_outside() {
    let world = World::new().await;
    world.shop().await;
    world
        .ingest(vec![Report::Stopped {
            workload: "api-id".into(),
            at: Timestamp(START),
            exit_code: 0,
        }])
        .await;
    tell(&world, vec![talk("web", "10.0.0.3", 80, Verdict::Learn, 1)]).await;
    assert_eq!(world.app.rules()[0].to.as_str(), "nv.api.shop");
    world.clock.advance(HOUR);
    tell(
        &world,
        vec![talk("web", "10.0.0.3", 81, Verdict::Learn, HOUR)],
    )
    .await;
    assert_eq!(world.app.rules()[1].to.as_str(), "external");
}

#[tokio::test]
async fn nothing_is_learned_outside_discover_but_what_was_under_way() {
    let world = World::new().await;
    world.shop().await;
    for service in ["web.shop", "api.shop"] {
        world.set_mode(service, Mode::Protect).await;
    }
    tell(&world, vec![talk("web", "10.0.0.3", 80, Verdict::Learn, 1)]).await;
    assert_eq!(
        world.app.rules().len(),
        1,
        "seen before the switch, told after it"
    );
    world.clock.advance(60_000);
    tell(&world, vec![talk("web", "10.0.0.3", 81, Verdict::Learn, 2)]).await;
    assert_eq!(world.app.rules()[0].ports.len(), 1);
}

#[tokio::test]
async fn violations_mark_their_edge() {
    let world = World::new().await;
    world.shop().await;
    tell(&world, vec![talk("web", "10.0.0.3", 22, Verdict::Deny, 1)]).await;
    let end = |id: &str| End {
        id: id.into(),
        name: String::new(),
        address: "10.0.0.2".parse().unwrap(),
        domain: "shop".into(),
        service: String::new(),
        image: String::new(),
        group: "nv.web.shop".into(),
    };
    let violation = Violation {
        client: end("web-id"),
        server: end("api-id"),
        server_port: 22,
        client_port: 4,
        protocol: Protocol::Tcp,
        applications: vec![],
        sessions: 1,
        bytes: 0,
        action: rampart_model::Action::Deny,
        verdict: Verdict::Deny,
        rule: RuleId::IMPLICIT,
        mechanism: None,
        process: None,
        fqdn: String::new(),
    };
    let record = LogRecord {
        uid: "v1".into(),
        at: Timestamp(START),
        level: LogLevel::Critical,
        name: String::new(),
        message: String::new(),
        node: NODE.into(),
        node_name: String::new(),
        workload: None,
        body: LogBody::Violation(Box::new(violation)),
    };
    world.ingest(vec![Report::Record(Box::new(record))]).await;
    let graph = world.app.conversations(&ConversationFilter::default());
    assert_eq!(graph.edges[0].severity, Some(LogLevel::Critical));
}

#[tokio::test]
async fn ends_are_named_and_forgotten() {
    let world = World::new().await;
    world.shop().await;
    let app = &world.app;
    tell(
        &world,
        vec![
            talk("web", "10.0.0.3", 80, Verdict::Allow, 1),
            talk("api", "10.0.0.4", 80, Verdict::Allow, 1),
        ],
    )
    .await;
    app.rename_endpoint("web-id", "front").await.unwrap();
    let name = || {
        app.conversation_endpoints()
            .into_iter()
            .find(|e| e.id == "web-id")
            .unwrap()
            .display_name
    };
    assert_eq!(name(), "front");
    app.rename_endpoint("web-id", "").await.unwrap();
    assert_eq!(name(), "web-1");
    assert!(matches!(
        app.rename_endpoint("nobody", "x").await,
        Err(AppError::NotFound { .. })
    ));
    app.delete_endpoint("web-id").await.unwrap();
    assert_eq!(
        edges(&world, &ConversationFilter::default()),
        ["api-id > db-id tcp/80 allow"]
    );
    assert!(matches!(
        app.delete_conversation(Some("web-id"), Some("api-id"))
            .await,
        Err(AppError::NotFound { .. })
    ));
    app.delete_conversation(None, None).await.unwrap();
    assert!(edges(&world, &ConversationFilter::default()).is_empty());
    assert!(
        world
            .again()
            .await
            .app
            .conversations(&ConversationFilter::default())
            .edges
            .is_empty()
    );
}

#[tokio::test]
async fn old_conversations_are_forgotten() {
    let world = World::new().await;
    world.shop().await;
    tell(&world, vec![talk("web", "10.0.0.3", 80, Verdict::Allow, 1)]).await;
    world.app.flush().await.unwrap();
    world.clock.advance(8 * 24 * HOUR);
    world.app.age().await.unwrap();
    world.app.flush().await.unwrap();
    assert!(edges(&world, &ConversationFilter::default()).is_empty());
    assert!(
        world
            .store
            .list("state/conversation/")
            .await
            .unwrap()
            .entries
            .is_empty()
    );
}

#[tokio::test]
async fn floods_of_peers_and_ports_stay_bounded() {
    let world = World::new().await;
    world.shop().await;
    for round in 0..10u16 {
        let talks = (0..4000u16).map(|n| {
            let to = format!("1.{round}.{}.{}", n / 250, n % 250);
            talk("web", &to, round * 4000 + n, Verdict::Learn, i64::from(n))
        });
        tell(&world, talks.collect()).await;
    }
    let entries = world.app.conversation("web-id", "external").unwrap();
    assert!(entries.len() <= 256);
    let rules = world.app.rules();
    assert_eq!(rules.len(), 1);
    assert!(rules[0].ports.len() <= 64);
}
