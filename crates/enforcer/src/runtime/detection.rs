//! Detection rules on live events: what was run, who connects and listens, whose identity changed.
//! System calls are in `called`, changes of watched files in `detected_file`.

use super::{
    Runtime, State,
    burst::Bursts,
    details::Asks,
    evaluate::{Act, lineage, short},
    member::Member,
    seen::Seen,
    table::Process,
    watch,
};
use rampart_detect::{
    Event, EventType, Rules,
    field::{self, Arg, Connection, Fd, exec_flags},
};
use rampart_model::detection::RuleHits;
use rampart_probe::{CallFilter, Cred, CredCause, Exec, Socket, SocketOp};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, OnceLock},
};

pub(crate) struct Detection {
    pub(super) rules: Arc<Rules>,
    pub(super) asks: Asks,
    /// System calls that the rules need.
    pub(super) filter: CallFilter,
    /// Whether the kernel tells them; the reason if it does not.
    pub(super) watched: OnceLock<Result<(), String>>,
    pub(super) live: Mutex<Live>,
    pub(super) bursts: Mutex<Bursts>,
}

pub(super) struct Live {
    pub(super) state: rampart_detect::State,
    pub(super) told: Seen,
    /// Events evaluated.
    pub(super) number: u64,
    /// Events by type: no more than there are types.
    pub(super) kinds: BTreeMap<&'static str, u64>,
    /// By name, of rules that matched: no more than there are rules.
    pub(super) hits: HashMap<String, RuleHits>,
}

impl Detection {
    /// Whether the kernel tells the calls that the rules need.
    pub(super) fn sees_calls(&self) -> bool {
        matches!(self.watched.get(), Some(Ok(())))
    }
}

impl Runtime {
    /// Once, before the first event.
    pub(crate) fn set_rules(&self, rules: Arc<Rules>) {
        let asks = Asks::of(&rules);
        let detection = Detection {
            asks,
            filter: watch::filter(&rules),
            watched: OnceLock::new(),
            bursts: Mutex::default(),
            live: Mutex::new(Live {
                state: rules.state(),
                told: Seen::default(),
                number: 0,
                kinds: BTreeMap::new(),
                hits: HashMap::new(),
            }),
            rules,
        };
        if self.detection.set(detection).is_err() {
            tracing::error!("detection rules were set twice; the first ones stay");
            return;
        }
        self.lock().asks = asks;
    }

    /// The rules, if one may match this type of event.
    pub(super) fn wanting(&self, kind: EventType) -> Option<&Detection> {
        self.detection.get().filter(|d| d.rules.wants(kind))
    }

    /// `result` is that of the call: a program that was killed at its start did not run.
    pub(super) fn detect_exec(
        &self,
        exec: &Exec,
        process: &Process,
        member: Option<&Member>,
        state: &State,
        result: i64,
    ) {
        let kind = EventType::named("execve");
        let Some(detection) = self.detection.get() else {
            return;
        };
        self.burst_of_execs(detection, exec, process, member, state);
        if !detection.rules.wants(kind) {
            return;
        }
        let mut lineage = lineage(process, state);
        if let Some(own) = lineage.first_mut() {
            own.name = short(&exec.task.comm, &process.image.name);
            own.exe = exec.argv.first().map_or(own.exepath, |arg| arg.as_bytes());
            own.vpid = Some(i64::from(exec.task.ns_pid));
            own.tty = Some(i64::from(exec.tty));
        }
        let args = [
            Arg {
                name: "res",
                value: field::ArgValue::Int(result),
            },
            Arg {
                name: "flags",
                value: lineage.first().map_or(field::ArgValue::Int(0), exec_flags),
            },
            Arg {
                name: "filename",
                value: field::ArgValue::Text(exec.filename.as_bytes()),
            },
        ];
        let event = Event {
            kind,
            result: Some(result),
            args: &args,
            ..Event::default()
        };
        let act = Act {
            at: exec.at,
            process,
            uid: process.uid,
            member,
            operation: "exec",
            about: Cow::Borrowed(""),
            file: None,
        };
        self.evaluate(detection, &act, event, &lineage, state);
    }

    pub(super) fn detect_cred(&self, cred: &Cred) {
        let kind = EventType::named("setuid");
        let changed = cred.cause == CredCause::Changed && cred.old_uid != cred.task.uid;
        let Some(detection) = self.wanting(kind).filter(|_| changed) else {
            return;
        };
        let member = self.member(cred.task.label);
        let state = self.lock();
        let Some(process) = state.table.live(cred.task.pid) else {
            return;
        };
        let mut lineage = lineage(process, &state);
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
        let act = Act {
            at: cred.at,
            process,
            uid: cred.old_uid,
            member: member.as_deref(),
            operation: "setuid",
            about: cred.task.uid.to_string().into(),
            file: None,
        };
        self.evaluate(detection, &act, event, &lineage, &state);
    }

    pub(super) fn detect_socket(&self, socket: &Socket) {
        let (kind, is_server) = match socket.op {
            SocketOp::Connect => ("connect", false),
            SocketOp::Accept => ("accept", true),
            SocketOp::Listen => ("listen", true),
            SocketOp::Connected | SocketOp::Close => return,
        };
        let kind = EventType::named(kind);
        let Some(detection) = self.detection.get() else {
            return;
        };
        let member = self.member(socket.label);
        let member = member.as_deref();
        let state = self.lock();
        let Some(process) = state.table.live(socket.pid) else {
            return;
        };
        if socket.op == SocketOp::Connect {
            self.burst_of_connections(detection, socket, process, member, &state);
        }
        if !detection.rules.wants(kind) {
            return;
        }
        let mut lineage = lineage(process, &state);
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
        let act = Act {
            at: socket.at,
            process,
            uid: process.uid,
            member,
            operation: if is_server { "listen" } else { "connect" },
            about: match listens {
                true => socket.local.to_string().into(),
                false => socket.peer.to_string().into(),
            },
            file: None,
        };
        self.evaluate(detection, &act, event, &lineage, &state);
    }
}
