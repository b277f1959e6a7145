//! Traffic of the node's workloads: conversations for learning and the map, violations as records.

mod end;
mod socket;

use crate::{
    inventory::Registry,
    outbox::now,
    runtime::{Admit, Aggregator, Member, Repeats, Runtime},
};
use end::Ends;
use rampart_model::{
    Action, Conversation, LogBody, LogLevel, Mechanism, ProcessInfo, Protocol, Report, RuleId,
    Timestamp, Verdict,
    event::{Violation, WorkloadRef},
};
use rampart_policy::application;
use rampart_probe::{Direction, Flow, NetEvent, NetHook, Socket};
use socket::Sockets;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Conversations in one report.
const CHUNK: usize = 256;
/// Refused connections told apart between two reports; more are in the violation records only.
const MAX_DENIED: usize = 4096;

pub(crate) struct Network {
    runtime: Arc<Runtime>,
    registry: Arc<Registry>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sockets: Sockets,
    violations: Aggregator<Waiting>,
    /// Refused connections since the last report.
    denied: HashMap<Key, Conversation>,
}

struct Waiting {
    at: Timestamp,
    message: String,
    violation: Violation,
    workload: WorkloadRef,
}

/// What flows are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    label: u32,
    ingress: bool,
    local: IpAddr,
    peer: IpAddr,
    protocol: Protocol,
    port: u16,
    verdict: Verdict,
    rule: u32,
}

impl Network {
    pub(crate) fn new(runtime: Arc<Runtime>, registry: Arc<Registry>) -> Self {
        Self {
            runtime,
            registry,
            state: Mutex::default(),
        }
    }

    pub(crate) fn socket(&self, socket: &Socket) {
        self.lock().sockets.note(socket);
    }

    /// A flow or an attempt against policy.
    pub(crate) fn verdict(&self, event: &NetEvent) {
        let Some(member) = self.runtime.member(event.label) else {
            return;
        };
        if !matches!(event.verdict, Verdict::Violate | Verdict::Deny) {
            return;
        }
        let pid = match event.pid {
            0 => self
                .lock()
                .sockets
                .pid(event.label, event.local, event.peer, event.direction),
            pid => Some(pid),
        };
        if event.verdict == Verdict::Deny && event.hook != NetHook::Packet {
            self.note_denied(&member, event);
        }
        let violation = self.violation(&member, event, pid);
        let key = (
            (event.direction, event.peer.ip(), event.protocol),
            (event.server_port(), event.verdict, event.rule),
        );
        let message = message(&violation);
        let workload = member.reference();
        let waiting = || Waiting {
            at: event.at,
            message: message.clone(),
            violation: violation.clone(),
            workload: workload.clone(),
        };
        let admitted = self
            .lock()
            .violations
            .admit(&key, event.label, event.at, waiting);
        if admitted == Admit::Now {
            self.write(Waiting {
                at: event.at,
                message,
                violation,
                workload,
            });
        }
    }

    /// What is refused leaves no flow, and must be on the map all the same.
    fn note_denied(&self, member: &Member, event: &NetEvent) {
        let Some(protocol) = event.model_protocol() else {
            return;
        };
        let own = Ends::new(&self.runtime, &self.registry).own(member, event.local.ip());
        let peer = event.peer.ip().to_canonical();
        if peer.is_loopback() || peer.is_unspecified() {
            return;
        }
        let ingress = event.direction == Direction::Ingress;
        let key = Key {
            label: event.label,
            ingress,
            local: own.address,
            peer,
            protocol,
            port: event.server_port(),
            verdict: Verdict::Deny,
            rule: event.rule,
        };
        let mut state = self.lock();
        if state.denied.len() >= MAX_DENIED && !state.denied.contains_key(&key) {
            return;
        }
        let sum = state
            .denied
            .entry(key)
            .or_insert_with(|| open(&key, member, event.at));
        sum.sessions += 1;
        sum.last_seen = sum.last_seen.max(event.at);
    }

    fn violation(&self, member: &Member, event: &NetEvent, pid: Option<u32>) -> Violation {
        let ends = Ends::new(&self.runtime, &self.registry);
        let own = ends.own(member, event.local.ip());
        let peer = ends.peer(event.peer.ip());
        let protocol = event.model_protocol().unwrap_or_default();
        let (client, server, client_port) = match event.direction {
            Direction::Ingress => (peer, own, event.peer.port()),
            Direction::Egress => (own, peer, event.local.port()),
        };
        let port = event.server_port();
        Violation {
            client,
            server,
            server_port: port,
            client_port,
            protocol,
            applications: application::by_port(protocol, port)
                .map(str::to_owned)
                .into_iter()
                .collect(),
            sessions: 1,
            bytes: 0,
            action: Action::Deny,
            verdict: event.verdict,
            rule: RuleId(event.rule),
            mechanism: Some(match event.hook {
                NetHook::Sock => Mechanism::CgroupSock,
                NetHook::Packet => Mechanism::CgroupSkb,
                NetHook::Lsm => Mechanism::Lsm,
            }),
            process: pid.and_then(|pid| self.runtime.subject_of(event.label, pid)),
            fqdn: String::new(),
        }
    }

    /// Closes windows of repeats. Call it about once a second.
    pub(crate) fn tick(&self) {
        let closed = self.lock().violations.close(now());
        closed
            .into_iter()
            .for_each(|repeats| self.write_repeats(repeats));
    }

    pub(crate) fn finish(&self) {
        let closed = self.lock().violations.close_all(now());
        closed
            .into_iter()
            .for_each(|repeats| self.write_repeats(repeats));
    }

    fn write_repeats(&self, repeats: Repeats<Waiting>) {
        let mut waiting = repeats.last;
        waiting.violation.sessions = repeats.count;
        waiting.message = match repeats.flood {
            true => format!(
                "{} more violations of this container within seconds; the last: {}",
                repeats.count, waiting.message
            ),
            false => format!("{} ({} more times)", waiting.message, repeats.count),
        };
        self.write(waiting);
    }

    fn write(&self, waiting: Waiting) {
        let level = match waiting.violation.verdict {
            Verdict::Deny => LogLevel::Critical,
            _ => LogLevel::Warning,
        };
        let body = LogBody::Violation(Box::new(waiting.violation));
        let (at, workload) = (waiting.at, Some(waiting.workload));
        self.runtime.out().record(
            at,
            level,
            "Network.Violation",
            waiting.message,
            workload,
            body,
        );
    }

    /// Takes the kernel's flows and reports them as conversations.
    pub(crate) fn collect(&self) {
        let Some(kernel) = self.runtime.kernel() else {
            return;
        };
        let flows = match kernel.drain_flows() {
            Ok(flows) => flows,
            Err(error) => {
                tracing::warn!(%error, "flows stay in the kernel");
                return;
            }
        };
        let mut conversations = self.sum(&flows);
        conversations.extend(std::mem::take(&mut self.lock().denied).into_values());
        for chunk in conversations.chunks(CHUNK) {
            self.runtime
                .out()
                .routine(&Report::Conversations(chunk.to_vec()));
        }
    }

    fn sum(&self, flows: &[Flow]) -> Vec<Conversation> {
        let mut sums: HashMap<Key, Conversation> = HashMap::new();
        for flow in flows {
            let (Some(key), Some(member)) = (Key::of(flow), self.runtime.member(flow.label)) else {
                continue;
            };
            let sum = sums
                .entry(key)
                .or_insert_with(|| open(&key, &member, flow.first_seen));
            if sum.process.is_none() {
                sum.process = self.process(flow).map(Box::new);
            }
            sum.sessions += u32::from(flow.is_new);
            sum.bytes_in += flow.bytes_in;
            sum.bytes_out += flow.bytes_out;
            sum.first_seen = sum.first_seen.min(flow.first_seen);
            if flow.last_seen >= sum.last_seen {
                sum.last_seen = flow.last_seen;
                sum.client_port = if key.ingress {
                    flow.peer_port
                } else {
                    flow.local_port
                };
            }
        }
        let mut all: Vec<_> = sums.into_values().collect();
        all.sort_by(|a, b| (&a.workload, a.first_seen).cmp(&(&b.workload, b.first_seen)));
        all
    }

    fn process(&self, flow: &Flow) -> Option<ProcessInfo> {
        let local = (flow.local, flow.local_port).into();
        let peer = (flow.peer, flow.peer_port).into();
        let pid = self
            .lock()
            .sockets
            .pid(flow.label, local, peer, flow.direction)?;
        self.runtime.process_info(flow.label, pid)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(key: &Key, member: &Member, seen: Timestamp) -> Conversation {
    Conversation {
        workload: member.workload.load().id.clone(),
        ingress: key.ingress,
        local: key.local,
        peer: key.peer,
        protocol: key.protocol,
        port: key.port,
        client_port: 0,
        application: application::by_port(key.protocol, key.port)
            .unwrap_or("")
            .to_owned(),
        sessions: 0,
        bytes_in: 0,
        bytes_out: 0,
        verdict: key.verdict,
        rule: RuleId(key.rule),
        first_seen: seen,
        last_seen: seen,
        mechanism: (key.verdict == Verdict::Deny).then_some(match key.ingress {
            true => Mechanism::CgroupSkb,
            false => Mechanism::CgroupSock,
        }),
        process: None,
    }
}

impl Key {
    /// `None` for what has no place on the map: loopback, unknown protocols.
    fn of(flow: &Flow) -> Option<Self> {
        let (local, peer) = (flow.local.to_canonical(), flow.peer.to_canonical());
        if peer.is_loopback() || peer.is_unspecified() {
            return None;
        }
        let ingress = flow.direction == Direction::Ingress;
        let protocol = Protocol::from_number(flow.protocol)?;
        let port = match (protocol, ingress) {
            (Protocol::Icmp, _) => 0,
            (_, true) => flow.local_port,
            (_, false) => flow.peer_port,
        };
        Some(Self {
            label: flow.label,
            ingress,
            local,
            peer,
            protocol,
            port,
            verdict: flow.verdict,
            rule: flow.rule,
        })
    }
}

fn message(violation: &Violation) -> String {
    let done = if violation.verdict == Verdict::Deny {
        "denied"
    } else {
        "detected"
    };
    let rule = match violation.rule {
        RuleId::IMPLICIT => "no rule allows it".to_owned(),
        rule => format!("rule {rule}"),
    };
    format!(
        "{done} connection {} ({}) to {} ({}:{}/{}): {rule}",
        violation.client.name,
        violation.client.address,
        violation.server.name,
        violation.server.address,
        violation.server_port,
        violation.protocol,
    )
}

#[cfg(test)]
#[path = "network_test.rs"]
mod tests;
