//! A cluster with something of everything, for tests that look at answers.

use super::Api;
use crate::world::{NODE, START, learned_process, talk, workload};
use rampart_controller::app::{FilePatch, RuleEdit};
use rampart_model::{
    Action, ConfigSource, Criterion, CriterionOp, FileBehavior, FileRule, Group, LogBody, LogLevel,
    LogRecord, Mechanism, NetworkRule, Node, NodeStats, PortRange, Protocol, Report, RuleId, Tier,
    Timestamp, Verdict,
    event::{Audit, End, Incident, Peer, Subject, Threat, Violation, WorkloadRef},
    node::Capability,
    workload::{InterfaceAddress, Mount, PublishedPort},
};
use serde_json::json;

pub(crate) async fn everything() -> Api {
    let api = Api::shop().await;
    nodes_and_workloads(&api).await;
    policy(&api).await;
    api.world.app.record(records()).await.unwrap();
    let key = json!({"apikey": {"apikey_name": "ci", "expiration_type": "hours", "expiration_hours": 5, "role": "reader"}});
    api.admin.post("/v1/api_key", &key).await.ok();
    let user = json!({"user": {"fullname": "rita", "password": super::PASSWORD, "role": "reader", "role_domains": {"admin": ["shop"]}}});
    api.admin.post("/v1/user", &user).await.ok();
    api.world
        .app
        .tag_domain("shop", vec!["pci".into()])
        .await
        .unwrap();
    super::scan::scanned(&api).await;
    let rule = json!({"config": {"event": "security-event", "group": "nv.web.shop", "conditions": [{"type": "level", "value": "Critical"}], "actions": ["suppress-log"], "webhooks": []}});
    api.admin.post("/v1/response/rule", &rule).await.ok();
    let entry = json!({"config": {"name": "CVE-2025-9999", "comment": "not ours"}});
    api.admin
        .post("/v1/vulnerability/profile/default/entry", &entry)
        .await
        .ok();
    api
}

async fn nodes_and_workloads(api: &Api) {
    let address = InterfaceAddress {
        ip: "192.0.2.10".parse().unwrap(),
        prefix: 24,
        gateway: None,
    };
    let capability = Capability {
        name: "exec".into(),
        mechanism: Some(Mechanism::Fanotify),
        strength: "deny".into(),
        note: "bpf is not in lsm=".into(),
    };
    let node = Node {
        name: "node-1".into(),
        os: "Debian GNU/Linux 12".into(),
        kernel: "6.18.0".into(),
        arch: "x86_64".into(),
        runtime: "docker".into(),
        runtime_version: "20.10".into(),
        cpus: 2,
        memory_bytes: 8 << 30,
        interfaces: [("eth0".into(), vec![address])].into(),
        version: "0.1.0".into(),
        started_at: Timestamp(START),
        tier: Tier::Fanotify,
        capabilities: vec![capability],
        reasons: vec!["bpf is not in lsm=".into()],
        ..Node::default()
    };
    let stats = NodeStats {
        at: Timestamp(START),
        cpu: 0.01,
        memory_bytes: 64 << 20,
        counters: [
            ("events_received".to_owned(), 7),
            ("events_dropped".to_owned(), 1),
        ]
        .into(),
        ..NodeStats::default()
    };
    let mut web = workload("web");
    web.image_digest = "sha256:00".into();
    web.created_at = Timestamp(START - 2000);
    web.ports = vec![PublishedPort {
        protocol: Protocol::Tcp,
        port: 80,
        host_ip: None,
        host_port: 8080,
    }];
    web.mounts = vec![Mount {
        source: "/srv".into(),
        destination: "/data".into(),
        read_only: true,
    }];
    web.memory_limit_bytes = 1 << 30;
    api.world
        .ingest(vec![
            Report::Node(Box::new(node)),
            Report::Stats(stats),
            Report::Workload(Box::new(web)),
            learned_process("nv.web.shop", "nginx", "/usr/sbin/nginx"),
            Report::Conversations(vec![
                talk("web", "10.0.0.3", 8080, Verdict::Allow, 1000),
                talk("web", "203.0.113.9", 443, Verdict::Violate, 2000),
            ]),
        ])
        .await;
}

async fn policy(api: &Api) {
    let criterion = Criterion {
        key: "tier".into(),
        op: CriterionOp::Equal,
        value: "web".into(),
    };
    let front = Group {
        name: "front".into(),
        comment: "what faces out".into(),
        criteria: vec![criterion],
        source: ConfigSource::User,
        ..Group::default()
    };
    api.world.app.create_group(front).await.unwrap();
    let file = FileRule {
        filter: "/etc/nginx/*".into(),
        behavior: FileBehavior::BlockAccess,
        applications: vec!["/usr/sbin/nginx".into()],
        ..FileRule::default()
    };
    api.world
        .app
        .patch_files(
            "nv.web.shop",
            FilePatch {
                add: vec![file],
                ..FilePatch::default()
            },
        )
        .await
        .unwrap();
    let sshd = rampart_model::ProcessRule {
        name: "sshd".into(),
        path: "/usr/sbin/sshd".into(),
        ..Default::default()
    };
    let patch = rampart_controller::app::ProfilePatch {
        change: vec![sshd],
        ..Default::default()
    };
    api.world.app.patch_profile("nodes", patch).await.unwrap();
    let rule = NetworkRule {
        from: "nv.web.shop".into(),
        to: "nv.api.shop".into(),
        ports: vec![PortRange::one(Protocol::Tcp, 8080)],
        applications: vec!["HTTP".into()],
        action: Action::Allow,
        source: ConfigSource::User,
        comment: "shop front to back".into(),
        ..NetworkRule::default()
    };
    api.world
        .app
        .edit_rules(RuleEdit::Insert {
            after: None,
            rules: vec![rule],
        })
        .await
        .unwrap();
}

fn record(uid: &str, at: i64, name: &str, level: LogLevel, body: LogBody) -> LogRecord {
    let web = WorkloadRef {
        id: "web-id".into(),
        name: "web-1".into(),
        domain: "shop".into(),
        service: "web".into(),
        image: "web:1".into(),
        group: "nv.web.shop".into(),
    };
    LogRecord {
        uid: uid.into(),
        at: Timestamp(START + at),
        level,
        name: name.into(),
        message: format!("{name} in web-1"),
        node: NODE.into(),
        node_name: "node-1".into(),
        workload: Some(web),
        body,
    }
}

fn end(service: &str, ip: &str) -> End {
    End {
        id: format!("{service}-id"),
        name: format!("{service}-1"),
        address: ip.parse().unwrap(),
        domain: "shop".into(),
        service: service.into(),
        image: format!("{service}:1"),
        group: format!("nv.{service}.shop").into(),
    }
}

fn outside() -> End {
    End {
        id: "external".into(),
        name: "external".into(),
        address: "203.0.113.9".parse().unwrap(),
        domain: String::new(),
        service: String::new(),
        image: String::new(),
        group: "external".into(),
    }
}

/// One incident, violation, threat and audit each, in this order of time.
pub(crate) fn records() -> Vec<LogRecord> {
    let incident = Incident {
        group: "nv.web.shop".into(),
        rule_id: "r-1".into(),
        action: "deny".into(),
        verdict: Verdict::Deny,
        mechanism: Some(Mechanism::Fanotify),
        process: Subject {
            pid: 42,
            name: "sh".into(),
            path: "/bin/sh".into(),
            cmdline: "sh -c id".into(),
            cwd: "/".into(),
            user: "root".into(),
            ..Subject::default()
        },
        parent: Subject {
            name: "nginx".into(),
            path: "/usr/sbin/nginx".into(),
            ..Subject::default()
        },
        operation: "exec".into(),
        count: 1,
        remote: Some(Peer {
            address: "203.0.113.9".parse().unwrap(),
            port: 4444,
            protocol: Protocol::Tcp,
            local_port: 40_000,
            ingress: false,
        }),
        ..Incident::default()
    };
    let violation = Violation {
        client: end("web", "10.0.0.2"),
        server: outside(),
        server_port: 443,
        client_port: 40_001,
        protocol: Protocol::Tcp,
        applications: vec!["SSL".into()],
        sessions: 3,
        bytes: 1234,
        action: Action::Deny,
        verdict: Verdict::Deny,
        rule: RuleId::IMPLICIT,
        mechanism: Some(Mechanism::CgroupSock),
        process: None,
        fqdn: String::new(),
    };
    let threat = Threat {
        threat_id: 2022,
        client: outside(),
        server: end("web", "10.0.0.2"),
        server_port: 80,
        client_port: 50_000,
        protocol: Protocol::Tcp,
        application: "HTTP".into(),
        target: "server".into(),
        severity: LogLevel::Critical,
        action: "alert".into(),
        count: 2,
        packet: "R0VUIC8=".into(),
    };
    let audit = Audit {
        items: vec!["D.5.4 privileged".into()],
        image: "web:1".into(),
        high: 1,
        medium: 2,
        count: 1,
        ..Audit::default()
    };
    vec![
        record(
            "i-1",
            10_000,
            "Process.Profile.Violation",
            LogLevel::Critical,
            LogBody::Incident(Box::new(incident)),
        ),
        record(
            "v-1",
            20_000,
            "Network.Violation",
            LogLevel::Warning,
            LogBody::Violation(Box::new(violation)),
        ),
        record(
            "t-1",
            30_000,
            "SQL.Injection",
            LogLevel::Critical,
            LogBody::Threat(Box::new(threat)),
        ),
        record(
            "a-1",
            40_000,
            "Compliance.Container.Violation",
            LogLevel::Warning,
            LogBody::Audit(audit),
        ),
    ]
}
