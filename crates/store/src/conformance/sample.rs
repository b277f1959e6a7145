//! Records as a cluster makes them, from a seed: the same seed gives the same records.

use rampart_model::{
    Action, GroupName, LogBody, LogKind, LogLevel, LogRecord, Mechanism, NodeId, Protocol, RuleId,
    Timestamp, Verdict,
    event::{Activity, Audit, End, Incident, Peer, Subject, Threat, Violation, WorkloadRef},
};
use std::net::{IpAddr, Ipv4Addr};

/// When the first record of a [`Sample`] happened: 2026-01-01T00:00:00Z.
pub const START_MS: i64 = 1_767_225_600_000;

const SERVICES: &[&str] = &[
    "web", "api", "cart", "orders", "redis", "postgres", "billing", "mail", "search", "auth",
];
const SHELLS: &[&str] = &[
    "/bin/sh",
    "/bin/bash",
    "/usr/bin/nc",
    "/usr/bin/curl",
    "/tmp/dropped",
];
const FILES: &[&str] = &[
    "/etc/passwd",
    "/etc/shadow",
    "/usr/bin/su",
    "/root/.ssh/authorized_keys",
];

/// A small generator (splitmix64): no dependency, same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// One of `all`.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.below(all.len() as u64);
        &all[usize::try_from(index).unwrap_or_default()]
    }
}

/// An endless run of records, 2.5 s apart on average, some arriving late.
#[derive(Clone, Debug)]
pub struct Sample {
    random: Random,
    made: u64,
    /// Domains the records come from.
    pub domains: u64,
    /// Workloads in each.
    pub workloads: u64,
}

impl Sample {
    /// Records of 50 domains with 40 workloads each.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            made: 0,
            domains: 50,
            workloads: 40,
        }
    }

    /// The time of the latest records so far.
    pub fn now(&self) -> Timestamp {
        Timestamp(START_MS + i64::try_from(self.made * 2500).unwrap_or(i64::MAX))
    }

    fn workload(&mut self) -> WorkloadRef {
        let (domain, number) = (
            self.random.below(self.domains),
            self.random.below(self.workloads),
        );
        let service = SERVICES[usize::try_from(number).unwrap_or_default() % SERVICES.len()];
        let hash = Random(domain * 1000 + number).number();
        WorkloadRef {
            id: format!("{hash:016x}{:016x}", Random(hash).number()).into(),
            name: format!("{service}-{:06x}-{number}", hash & 0xff_ffff),
            domain: format!("team-{domain}"),
            service: service.to_owned(),
            image: format!("registry.internal/team-{domain}/{service}:1.{}", number % 9),
            group: format!("nv.{service}.team-{domain}").into(),
        }
    }

    fn subject(&mut self, path: &str) -> Subject {
        let name = path.rsplit('/').next().unwrap_or_default();
        let pid = u32::try_from(self.random.below(60_000)).unwrap_or_default();
        Subject {
            pid,
            name: name.to_owned(),
            path: path.to_owned(),
            cmdline: format!("{name} -c 'cat /proc/{pid}/status | grep Uid'"),
            cwd: "/srv/app".to_owned(),
            user: "www-data".to_owned(),
            uid: 33,
            euid: 33,
            ancestors: vec!["nginx".to_owned(), "containerd-shim".to_owned()],
            ..Subject::default()
        }
    }

    fn incident(&mut self, group: &GroupName) -> (&'static str, LogBody) {
        let path = *self.random.pick(SHELLS);
        let (name, file, operation) = match self.random.below(4) {
            0 => (
                "Container.FileAccess.Violation",
                *self.random.pick(FILES),
                "open-write",
            ),
            1 => ("Container.Privilege.Escalation", "", "setuid"),
            _ => ("Container.Suspicious.Process", "", "exec"),
        };
        let incident = Incident {
            group: group.clone(),
            rule_id: format!("{:08x}-0000-4000-8000-{:012x}", self.random.below(50), 1),
            action: "deny".to_owned(),
            verdict: Verdict::Deny,
            mechanism: Some(Mechanism::Fanotify),
            process: self.subject(path),
            parent: self.subject("/usr/sbin/nginx"),
            file_path: file.to_owned(),
            operation: operation.to_owned(),
            aggregation_from: self.now(),
            count: 1,
            remote: (self.random.below(10) == 0).then(|| Peer {
                address: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
                port: 4444,
                protocol: Protocol::Tcp,
                local_port: 40_000,
                ingress: false,
            }),
        };
        (name, LogBody::Incident(Box::new(incident)))
    }

    fn end(&mut self, workload: &WorkloadRef) -> End {
        let octet = |n: u64| u8::try_from(n & 0xff).unwrap_or_default();
        let host = self.random.below(1 << 16);
        End {
            id: workload.id.to_string(),
            name: workload.name.clone(),
            address: IpAddr::V4(Ipv4Addr::new(10, 0, octet(host >> 8), octet(host))),
            domain: workload.domain.clone(),
            service: workload.service.clone(),
            image: workload.image.clone(),
            group: workload.group.clone(),
        }
    }

    fn violation(&mut self, client: &WorkloadRef) -> LogBody {
        let server = self.workload();
        let (client, server) = (self.end(client), self.end(&server));
        let server_port = *self.random.pick(&[80, 443, 5432, 6379, 8080, 25]);
        LogBody::Violation(Box::new(Violation {
            client,
            server,
            server_port,
            client_port: u16::try_from(30_000 + self.random.below(30_000)).unwrap_or_default(),
            protocol: Protocol::Tcp,
            applications: vec![(*self.random.pick(&["HTTP", "Redis", "SSL"])).to_owned()],
            sessions: 1,
            bytes: self.random.below(1 << 20),
            action: Action::Deny,
            verdict: Verdict::Violate,
            rule: RuleId(10_000 + u32::try_from(self.random.below(500)).unwrap_or_default()),
            mechanism: None,
            process: None,
            fqdn: String::new(),
        }))
    }

    fn threat(&mut self, server: &WorkloadRef) -> LogBody {
        let client = self.workload();
        let (client, server) = (self.end(&client), self.end(server));
        LogBody::Threat(Box::new(Threat {
            threat_id: 2000 + u32::try_from(self.random.below(20)).unwrap_or_default(),
            client,
            server,
            server_port: 80,
            client_port: 51_000,
            protocol: Protocol::Tcp,
            application: "HTTP".to_owned(),
            target: "server".to_owned(),
            severity: LogLevel::Critical,
            action: "deny".to_owned(),
            count: 1,
            packet: "R0VUIC8gSFRUUC8xLjE=".to_owned(),
        }))
    }

    fn activity(&mut self) -> (&'static str, LogBody) {
        let name = *self
            .random
            .pick(&["User.Login", "User.Logout", "Group.Update", "Agent.Join"]);
        let activity = Activity {
            category: "User".to_owned(),
            user: (*self.random.pick(&["admin", "alice", "bob"])).to_owned(),
            user_addr: "192.0.2.10".to_owned(),
            rest_method: "PATCH".to_owned(),
            rest_request: "/v1/group/nv.web.team-1".to_owned(),
            ..Activity::default()
        };
        (name, LogBody::Event(activity))
    }

    fn audit(&mut self, workload: &WorkloadRef) -> LogBody {
        LogBody::Audit(Audit {
            items: vec![
                format!("D.{} failed", 1 + self.random.below(9)),
                "D.4.1".to_owned(),
            ],
            image: workload.image.clone(),
            count: 1,
            ..Audit::default()
        })
    }
}

impl Iterator for Sample {
    type Item = LogRecord;

    fn next(&mut self) -> Option<LogRecord> {
        self.made += 1;
        let late = if self.random.below(20) == 0 {
            self.random.below(60_000)
        } else {
            0
        };
        let at = Timestamp(self.now().ms() - i64::try_from(late).unwrap_or_default());
        let workload = self.workload();
        let (kind, (name, body)) = match self.random.below(100) {
            0..35 => (LogKind::Incident, self.incident(&workload.group)),
            35..70 => (
                LogKind::Violation,
                ("Network.Violation", self.violation(&workload)),
            ),
            70..72 => (LogKind::Threat, ("Network.Threat", self.threat(&workload))),
            72..80 => (
                LogKind::Audit,
                ("Compliance.Container.Violation", self.audit(&workload)),
            ),
            _ => (LogKind::Event, self.activity()),
        };
        let levels = [
            LogLevel::Info,
            LogLevel::Notice,
            LogLevel::Warning,
            LogLevel::Critical,
        ];
        let has_workload = kind != LogKind::Event;
        let uid = format!("{:016x}{:016x}", self.random.number(), self.made);
        let message = format!("{name} in {} on {kind}", workload.name);
        Some(LogRecord {
            uid,
            at,
            level: *self.random.pick(&levels),
            name: name.to_owned(),
            message,
            node: NodeId::from("5f0c2a7e9d3b4c1f8a6e0d2b7c9f1e3a"),
            node_name: format!("worker-{}", self.random.below(8)),
            workload: has_workload.then_some(workload),
            body,
        })
    }
}
