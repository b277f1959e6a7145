//! From an event to records: who did it and where is filled in, and what matches is told once.
//!
//! Limits: one record a rule, program and act within [`super::seen::Seen`]'s time; a message of
//! 4 KiB. What a record needs is put together only when a rule has matched.

use super::{
    Runtime, State,
    details::{Asks, ns},
    detection::{Detection, Live},
    member::Member,
    table::Process,
};
use rampart_detect::{
    Alert, Event, Priority,
    field::{Container, Mount, Process as Facts, User},
};
use rampart_model::{
    LogBody, LogLevel, Timestamp, Verdict, Workload,
    detection::RuleHits,
    event::{Incident, Subject},
};
use std::{borrow::Cow, collections::HashMap, sync::PoisonError};

/// Bytes of a process's name that the kernel keeps, and rules know it by.
const NAME_BYTES: usize = 15;
const MAX_MESSAGE: usize = 4096;
/// Ancestors that are looked at, the process itself included.
const LINEAGE: usize = 17;

/// What an alert's record needs besides the alert.
pub(super) struct Act<'a> {
    pub(super) at: Timestamp,
    pub(super) process: &'a Process,
    /// Who it was when it began: the call may be about that.
    pub(super) uid: u32,
    pub(super) member: Option<&'a Member>,
    pub(super) operation: &'static str,
    /// The other end, or the file: what makes it another act.
    pub(super) about: Cow<'a, str>,
    /// The file it was done to; else the program is told.
    pub(super) file: Option<&'a str>,
}

impl Act<'_> {
    fn subject(&self, runtime: &Runtime, process: &Process, state: &State) -> Subject {
        match self.member {
            Some(member) => super::subject(process, &member.users.load(), &state.table),
            None => super::subject(process, &runtime.host_users, &state.table),
        }
    }
}

impl Runtime {
    /// Fills in what all events have, and records what matches.
    pub(super) fn evaluate(
        &self,
        detection: &Detection,
        act: &Act<'_>,
        event: Event<'_>,
        lineage: &[Facts<'_>],
        state: &State,
    ) {
        let workload = act.member.map(|member| member.workload.load());
        let parts = workload.as_ref().map(|w| Parts::of(w, detection.asks));
        let container = workload
            .as_ref()
            .zip(parts.as_ref())
            .map(|(workload, parts)| container(workload, parts));
        let users = act.member.map(|member| member.users.load());
        let users = users.as_deref().map_or(&self.host_users, |users| users);
        let user = users.shown(act.uid);
        let details = act.process.image.details.as_deref();
        let mut live = detection
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        live.number += 1;
        *live.kinds.entry(event.kind.name()).or_default() += 1;
        let Live {
            state: memory,
            told,
            number,
            hits,
            ..
        } = &mut *live;
        let event = Event {
            number: *number,
            time_ns: ns(act.at),
            lineage,
            user: User {
                uid: Some(i64::from(act.uid)),
                name: user.as_bytes(),
                loginuid: details.and_then(|details| details.login),
                ..User::default()
            },
            container: container.as_ref(),
            ..event
        };
        detection.rules.matches(&event, memory, |rule| {
            count(hits, &rule.name, act.at);
            let program = &act.process.image.path;
            let fact = (&rule.name, act.process.label, program, &act.about);
            if told.first(&fact, act.at) {
                self.record_alert(act, &rule.alert(&event, &self.out().node_name), state);
            }
        });
    }

    /// What no rule of Falco's language can say: it is counted, told and recorded as one.
    pub(super) fn found(
        &self,
        detection: &Detection,
        act: &Act<'_>,
        detector: &super::burst::Detector,
        message: String,
        state: &State,
    ) {
        {
            let mut live = detection
                .live
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            count(&mut live.hits, detector.name, act.at);
            let program = &act.process.image.path;
            let fact = (detector.name, act.process.label, program, &act.about);
            if !live.told.first(&fact, act.at) {
                return;
            }
        }
        let alert = Alert {
            time_ns: ns(act.at),
            rule: detector.name.to_owned(),
            priority: detector.priority,
            source: "syscall".to_owned(),
            tags: detector.tags.iter().map(|&tag| tag.to_owned()).collect(),
            message,
            fields: serde_json::Map::new(),
            hostname: self.out().node_name.clone(),
        };
        self.record_alert(act, &alert, state);
    }

    fn record_alert(&self, act: &Act<'_>, alert: &Alert, state: &State) {
        let process = act.subject(self, act.process, state);
        let parent = state
            .table
            .live(act.process.ppid)
            .map(|parent| act.subject(self, parent, state))
            .unwrap_or_default();
        let incident = Incident {
            group: act
                .member
                .map(|member| member.plan.load().group.clone())
                .unwrap_or_default(),
            rule_id: alert.rule.clone(),
            action: "violate".to_owned(),
            verdict: Verdict::Violate,
            file_path: act.file.unwrap_or(&process.path).to_owned(),
            process,
            parent,
            operation: act.operation.to_owned(),
            aggregation_from: act.at,
            count: 1,
            ..Incident::default()
        };
        let mut message = format!("{}: {}", alert.rule, alert.message);
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
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

/// What is put together of a workload only if rules ask for it.
struct Parts<'a> {
    image: (&'a str, &'a str),
    ip: String,
    mounts: Vec<Mount<'a>>,
    labels: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Parts<'a> {
    fn of(workload: &'a Workload, asks: Asks) -> Self {
        let mut parts = Self {
            image: split(&workload.image),
            ip: String::new(),
            mounts: Vec::new(),
            labels: Vec::new(),
        };
        if asks.mounts {
            parts
                .mounts
                .extend(workload.mounts.iter().map(|mount| Mount {
                    source: mount.source.as_bytes(),
                    dest: mount.destination.as_bytes(),
                    mode: if mount.read_only { b"ro" } else { b"rw" },
                    writable: !mount.read_only,
                    propagation: b"",
                }));
        }
        if asks.labels {
            let labels = workload.labels.iter();
            parts
                .labels
                .extend(labels.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        }
        if let Some(first) = workload.addresses().next().filter(|_| asks.labels) {
            parts.ip = first.to_string();
        }
        parts
    }
}

fn container<'a>(workload: &'a Workload, parts: &'a Parts<'a>) -> Container<'a> {
    let id = workload.id.as_str();
    let pod = workload.pod.as_ref();
    Container {
        id: id.get(..12).unwrap_or(id).as_bytes(),
        full_id: id.as_bytes(),
        name: workload.name.as_bytes(),
        image: workload.image.as_bytes(),
        repository: parts.image.0.as_bytes(),
        tag: parts.image.1.as_bytes(),
        digest: workload.image_digest.as_bytes(),
        runtime: workload.runtime.as_bytes(),
        privileged: Some(workload.privileged),
        started_ns: Some(ns(workload.started_at)),
        ip: parts.ip.as_bytes(),
        host_pid: Some(workload.host_pid),
        host_network: Some(workload.host_network),
        mounts: &parts.mounts,
        labels: &parts.labels,
        pod: pod.map_or(&[], |pod| pod.name.as_bytes()),
        pod_uid: pod.map_or(&[], |pod| pod.uid.as_bytes()),
        namespace: pod.map_or(workload.domain.as_bytes(), |pod| pod.namespace.as_bytes()),
        // Of a pod's labels a container's are a copy, as far as the runtime has them.
        pod_labels: if pod.is_some() { &parts.labels } else { &[] },
        ..Container::default()
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
    let mut line = Vec::with_capacity(LINEAGE);
    line.push(facts(process));
    let mut next = process.ppid;
    while line.len() < LINEAGE
        && let Some(parent) = state.table.live(next)
    {
        // A loop ends at the limit at the latest.
        if parent.pid == process.pid {
            break;
        }
        line.push(facts(parent));
        next = parent.ppid;
    }
    line
}

fn facts(process: &Process) -> Facts<'_> {
    let image = &process.image;
    let details = image.details.as_deref();
    Facts {
        pid: i64::from(process.pid),
        name: short(&image.comm, &image.name),
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
        started_ns: Some(ns(process.started_at)),
        exe_upper_layer: image.origin.upper,
        exe_lower_layer: image.origin.lower,
        exe_from_memfd: image.origin.memory,
        exe_ino: i64::try_from(image.origin.ino).ok().filter(|ino| *ino != 0),
        env: details.map_or(&[], |of| &of.environment),
        sid: details.and_then(|of| of.sid),
        pgid: details.and_then(|of| of.pgid),
        vpgid: details.and_then(|of| of.vpgid),
        exe_writable: details.is_some_and(|of| of.writable),
        exe_ctime_ns: details.and_then(|of| of.changed_ns),
        exe_mtime_ns: details.and_then(|of| of.modified_ns),
        // A program starts with what it may use: what it did to itself since is told by the event.
        cap_effective: image.caps,
        cap_permitted: image.caps.or(details.and_then(|of| of.permitted)),
        cap_inheritable: details.and_then(|of| of.inheritable),
        ..Facts::default()
    }
}

/// The kernel's name of a process, or as much of another as the kernel would keep.
pub(super) fn short<'a>(comm: &'a str, name: &'a str) -> &'a [u8] {
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
