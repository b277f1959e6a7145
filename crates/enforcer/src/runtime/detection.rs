//! Detection rules on live events: what was run, who connects and listens.
//!
//! Limits: execs, connections, changed identities and, in `detected_file`, changes of watched
//! files are evaluated; rules about other calls load and stay silent here.
//! One record a rule, program and end of a connection within [`Seen`]'s time; a message of 4 KiB.

use super::{Runtime, State, member::Member, seen::Seen, table::Process};
use rampart_detect::{
    Alert, Event, EventType, Priority, Rules,
    field::{self, Arg, Connection, Container, Fd, Process as Facts, User, exec_flags},
};
use rampart_model::{
    LogBody, LogLevel, Timestamp, Verdict,
    detection::RuleHits,
    event::{Incident, Subject},
};
use rampart_probe::{Cred, CredCause, Exec, Socket, SocketOp};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of a process's name that the kernel keeps, and rules know it by.
const NAME_BYTES: usize = 15;
const MAX_MESSAGE: usize = 4096;

pub(crate) struct Detection {
    pub(super) rules: Arc<Rules>,
    pub(super) live: Mutex<Live>,
}

pub(super) struct Live {
    state: rampart_detect::State,
    told: Seen,
    /// Events evaluated.
    pub(super) number: u64,
    /// By name, of rules that matched: no more than there are rules.
    pub(super) hits: HashMap<String, RuleHits>,
}

/// What an alert's record needs besides the alert.
pub(super) struct Act<'a> {
    at: Timestamp,
    process: &'a Process,
    member: Option<&'a Member>,
    subject: Subject,
    parent: Subject,
    operation: &'static str,
    /// The other end, or the file: what makes it another act.
    about: String,
    /// The file that was changed; else the program is told.
    pub(super) file: Option<&'a str>,
}

impl Runtime {
    /// Once, before the first event.
    pub(crate) fn set_rules(&self, rules: Arc<Rules>) {
        let detection = Detection {
            live: Mutex::new(Live {
                state: rules.state(),
                told: Seen::default(),
                number: 0,
                hits: HashMap::new(),
            }),
            rules,
        };
        if self.detection.set(detection).is_err() {
            tracing::error!("detection rules were set twice; the first ones stay");
        }
    }

    pub(super) fn detect_exec(
        &self,
        exec: &Exec,
        process: &Process,
        member: Option<&Member>,
        state: &State,
    ) {
        let kind = EventType::named("execve");
        let Some(detection) = self.detection.get().filter(|d| d.rules.wants(kind)) else {
            return;
        };
        let mut lineage = lineage(process, state);
        let dropped = exec.upper && !exec.unlinked;
        if let Some(own) = lineage.first_mut() {
            own.name = short(&exec.task.comm, &process.image.name);
            own.exe = exec.argv.first().map_or(own.exepath, |arg| arg.as_bytes());
            own.vpid = Some(i64::from(exec.task.ns_pid));
            own.tty = Some(i64::from(exec.tty));
            own.cap_effective = Some(exec.task.caps);
            own.exe_upper_layer = dropped;
            own.exe_lower_layer = exec.overlay && !dropped && !exec.unlinked;
            own.exe_from_memfd = exec.unlinked && exec.path.contains("memfd:");
            own.exe_ino = i64::try_from(exec.file.ino).ok();
        }
        let args = [Arg {
            name: "flags",
            value: lineage.first().map_or(field::ArgValue::Int(0), exec_flags),
        }];
        let event = Event {
            kind,
            result: Some(0),
            args: &args,
            ..Event::default()
        };
        let act = self.act(exec.at, process, member, "exec", String::new(), state);
        self.evaluate(detection, &act, event, &lineage);
    }

    pub(super) fn detect_cred(&self, cred: &Cred) {
        let kind = EventType::named("setuid");
        let changed = cred.cause == CredCause::Changed && cred.old_uid != cred.task.uid;
        let wanted = |detection: &&Detection| changed && detection.rules.wants(kind);
        let Some(detection) = self.detection.get().filter(wanted) else {
            return;
        };
        let member = self.member(cred.task.label);
        let state = self.lock();
        let Some(process) = state.table.live(cred.task.pid).cloned() else {
            return;
        };
        let mut lineage = lineage(&process, &state);
        if let Some(own) = lineage.first_mut() {
            own.name = short(&cred.task.comm, &process.image.name);
            own.cap_effective = Some(cred.task.caps);
        }
        let args = [Arg {
            name: "uid",
            value: field::ArgValue::Int(i64::from(cred.task.uid)),
        }];
        let event = Event {
            kind,
            result: Some(0),
            args: &args,
            ..Event::default()
        };
        let about = cred.task.uid.to_string();
        let act = self.act(
            cred.at,
            &process,
            member.as_deref(),
            "setuid",
            about,
            &state,
        );
        self.evaluate(detection, &act, event, &lineage);
    }

    pub(super) fn detect_socket(&self, socket: &Socket) {
        let (kind, is_server) = match socket.op {
            SocketOp::Connect => ("connect", false),
            SocketOp::Accept => ("accept", true),
            SocketOp::Listen => ("listen", true),
            SocketOp::Connected | SocketOp::Close => return,
        };
        let kind = EventType::named(kind);
        let Some(detection) = self.detection.get().filter(|d| d.rules.wants(kind)) else {
            return;
        };
        let member = self.member(socket.label);
        let state = self.lock();
        let Some(process) = state.table.live(socket.pid).cloned() else {
            return;
        };
        let mut lineage = lineage(&process, &state);
        if let Some(own) = lineage.first_mut() {
            own.name = short(&socket.comm, &process.image.name);
        }
        let listens = socket.op == SocketOp::Listen;
        let connection = Connection {
            protocol: b"tcp",
            local: Some((socket.local.ip(), socket.local.port())),
            remote: (!listens).then(|| (socket.peer.ip(), socket.peer.port())),
            is_server,
            connected: Some(!listens),
            name_changed: Some(true),
        };
        let event = Event {
            kind,
            result: Some(0),
            fd: Some(Fd::socket(3, connection)),
            ..Event::default()
        };
        let about = match listens {
            true => socket.local.to_string(),
            false => socket.peer.to_string(),
        };
        let operation = if is_server { "listen" } else { "connect" };
        let act = self.act(
            socket.at,
            &process,
            member.as_deref(),
            operation,
            about,
            &state,
        );
        self.evaluate(detection, &act, event, &lineage);
    }

    pub(super) fn act<'a>(
        &self,
        at: Timestamp,
        process: &'a Process,
        member: Option<&'a Member>,
        operation: &'static str,
        about: String,
        state: &State,
    ) -> Act<'a> {
        let subject = |process: &Process| match member {
            Some(member) => super::subject(process, &member.users.load(), &state.table),
            None => super::subject(process, &self.host_users, &state.table),
        };
        Act {
            at,
            subject: subject(process),
            parent: state
                .table
                .live(process.ppid)
                .map(subject)
                .unwrap_or_default(),
            process,
            member,
            operation,
            about,
            file: None,
        }
    }

    /// Fills in what all events have, and records what matches.
    pub(super) fn evaluate(
        &self,
        detection: &Detection,
        act: &Act<'_>,
        event: Event<'_>,
        lineage: &[Facts<'_>],
    ) {
        let workload = act.member.map(|member| member.workload.load_full());
        let image = workload.as_deref().map_or(("", ""), |w| split(&w.image));
        let pod = workload.as_deref().and_then(|w| w.pod.as_ref());
        let container = workload.as_deref().map(|w| Container {
            id: w.id.as_str().get(..12).unwrap_or(w.id.as_str()).as_bytes(),
            full_id: w.id.as_str().as_bytes(),
            name: w.name.as_bytes(),
            image: w.image.as_bytes(),
            repository: image.0.as_bytes(),
            tag: image.1.as_bytes(),
            digest: w.image_digest.as_bytes(),
            runtime: w.runtime.as_bytes(),
            privileged: Some(w.privileged),
            started_ns: Some(w.started_at.ms().saturating_mul(1_000_000)),
            host_pid: Some(w.host_pid),
            host_network: Some(w.host_network),
            pod: pod.map_or(&[], |pod| pod.name.as_bytes()),
            namespace: w.domain.as_bytes(),
            ..Container::default()
        });
        let mut live = detection
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        live.number += 1;
        let Live {
            state,
            told,
            number,
            hits,
        } = &mut *live;
        let event = Event {
            number: *number,
            time_ns: act.at.ms().saturating_mul(1_000_000),
            lineage,
            user: User {
                uid: Some(i64::from(act.process.uid)),
                name: act.subject.user.as_bytes(),
                ..User::default()
            },
            container: container.as_ref(),
            ..event
        };
        detection.rules.matches(&event, state, |rule| {
            count(hits, &rule.name, act.at);
            let label = act.process.label;
            let fact = (&rule.name, label, &act.subject.path, &act.about);
            if told.first(&fact, act.at) {
                self.record_alert(act, &rule.alert(&event, &self.out().node_name));
            }
        });
    }

    fn record_alert(&self, act: &Act<'_>, alert: &Alert) {
        let incident = Incident {
            group: act
                .member
                .map(|member| member.plan.load().group.clone())
                .unwrap_or_default(),
            rule_id: alert.rule.clone(),
            action: "violate".to_owned(),
            verdict: Verdict::Violate,
            process: act.subject.clone(),
            parent: act.parent.clone(),
            file_path: act.file.unwrap_or(&act.subject.path).to_owned(),
            operation: act.operation.to_owned(),
            aggregation_from: act.at,
            count: 1,
            ..Incident::default()
        };
        let mut message = format!("{}: {}", alert.rule, alert.message);
        if message.len() > MAX_MESSAGE {
            let cut = (0..=MAX_MESSAGE)
                .rev()
                .find(|at| message.is_char_boundary(*at));
            message.truncate(cut.unwrap_or(0));
        }
        self.out().record(
            act.at,
            level(alert.priority),
            "Detection.Rule.Matched",
            message,
            act.member.map(Member::reference),
            LogBody::Incident(Box::new(incident)),
        );
    }
}

fn count(hits: &mut HashMap<String, RuleHits>, rule: &str, at: Timestamp) {
    let hit = match hits.get_mut(rule) {
        Some(hit) => hit,
        None => hits.entry(rule.to_owned()).or_default(),
    };
    hit.count += 1;
    hit.last = hit.last.max(at);
}

fn level(priority: Priority) -> LogLevel {
    match priority {
        Priority::Emergency => LogLevel::Emergency,
        Priority::Alert => LogLevel::Alert,
        Priority::Critical => LogLevel::Critical,
        Priority::Error => LogLevel::Error,
        Priority::Warning => LogLevel::Warning,
        Priority::Notice => LogLevel::Notice,
        Priority::Informational => LogLevel::Info,
        Priority::Debug => LogLevel::Debug,
    }
}

/// The process and its ancestors, as rules see them.
pub(super) fn lineage<'a>(process: &'a Process, state: &'a State) -> Vec<Facts<'a>> {
    std::iter::once(process)
        .chain(state.table.ancestors(process.pid))
        .map(facts)
        .collect()
}

fn facts(process: &Process) -> Facts<'_> {
    let image = &process.image;
    Facts {
        pid: i64::from(process.pid),
        name: short("", &image.name),
        exe: image
            .cmdline
            .split(' ')
            .next()
            .unwrap_or_default()
            .as_bytes(),
        exepath: image.path.as_bytes(),
        cmdline: image.cmdline.as_bytes(),
        cwd: image.cwd.as_bytes(),
        tty: Some(i64::from(process.tty)),
        started_ns: Some(process.started_at.ms().saturating_mul(1_000_000)),
        ..Facts::default()
    }
}

/// The kernel's name of a process, or as much of another as the kernel would keep.
fn short<'a>(comm: &'a str, name: &'a str) -> &'a [u8] {
    let name = if comm.is_empty() { name } else { comm };
    &name.as_bytes()[..name.len().min(NAME_BYTES)]
}

/// Repository and tag of an image's name.
fn split(image: &str) -> (&str, &str) {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_rules_know_them() {
        assert_eq!(short("", "containerd-shim-runc-v2"), b"containerd-shim");
        assert_eq!(short("nginx", "nginx: worker"), b"nginx");
        assert_eq!(
            split("docker.io/library/nginx:1.25"),
            ("docker.io/library/nginx", "1.25")
        );
        assert_eq!(split("host:5000/app@sha256:ab"), ("host:5000/app", ""));
        assert_eq!(split("app"), ("app", ""));
    }
}
