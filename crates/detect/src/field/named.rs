//! Events by the names of their fields, as one JSON object a line has them.
//!
//! What a line leaves out is worked out from what it has, as long as that is not in doubt: the
//! folder of a file's name, the ends of a connection's, the parent of `proc.pname`. A value that is
//! given always counts. Defaults: the host if nothing tells of a container, no terminal, success.
//!
//! Limits: 1 MiB a line, 256 fields, 1,024 members of a list.

use super::{
    event::{
        Arg, ArgValue, Connection, Container, Event, FD_KINDS, Fd, FdKind, Given, Process, User,
        Value,
    },
    event_type::EventType,
    flags::{CAPABILITIES, errno_number},
    table::{Argument, Field, FieldError, FieldRef, Kind},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ipnet::IpNet;
use serde_json::Value as Json;
use std::net::{IpAddr, SocketAddr};

pub const MAX_LINE_BYTES: usize = 1 << 20;
const MAX_FIELDS: usize = 256;
const MAX_LIST: usize = 1024;

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    #[error("line has {0} bytes; at most 1 MiB is read")]
    TooLong(usize),
    #[error("line is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("line is no JSON object with the names of fields as keys")]
    NoObject,
    #[error("event has more than 256 fields")]
    TooManyFields,
    #[error("field '{field}' is a {kind}, and {value} is none")]
    Kind {
        field: String,
        kind: &'static str,
        value: String,
    },
    #[error("field 'evt.type' is missing")]
    NoType,
}

/// An event that owns its values. [`NamedEvent::visit`] makes an [`Event`] of it.
#[derive(Debug, Default)]
pub struct NamedEvent {
    values: Vec<Owned>,
    unknown: Vec<FieldError>,
}

#[derive(Debug)]
struct Owned {
    field: FieldRef,
    values: Vec<OwnedValue>,
    list: bool,
}

#[derive(Clone, Debug)]
enum OwnedValue {
    Text(Vec<u8>),
    Int(i64),
    Bool(bool),
    Ip(IpAddr),
}

impl OwnedValue {
    fn borrow(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Int(number) => Value::Int(*number),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Ip(ip) => Value::Ip(*ip),
        }
    }
}

impl NamedEvent {
    /// Reads a line.
    ///
    /// # Errors
    /// It is no JSON object with fields whose values are of their kinds, `evt.type` among them.
    pub fn parse(line: &[u8]) -> Result<Self, NamedError> {
        if line.len() > MAX_LINE_BYTES {
            return Err(NamedError::TooLong(line.len()));
        }
        match serde_json::from_slice(line)? {
            Json::Object(object) => Self::from_fields(&object),
            _ => Err(NamedError::NoObject),
        }
    }

    /// # Errors
    /// As [`NamedEvent::parse`].
    pub fn from_fields(object: &serde_json::Map<String, Json>) -> Result<Self, NamedError> {
        // Falco's own alerts keep the fields one level deeper.
        let inner = match object.get("output_fields") {
            Some(Json::Object(inner)) if !object.contains_key("evt.type") => inner,
            _ => object,
        };
        if inner.len() > MAX_FIELDS {
            return Err(NamedError::TooManyFields);
        }
        let mut event = Self::default();
        for (name, value) in inner {
            match FieldRef::parse(name) {
                Ok(field) => event.add(field, value)?,
                // A key without a dot is a note: no field is called so.
                Err(_) if !name.contains('.') => {}
                Err(unknown) => event.unknown.push(unknown),
            }
        }
        match event.text(Field::EvtType) {
            Some(_) => Ok(event),
            None => Err(NamedError::NoType),
        }
    }

    fn add(&mut self, field: FieldRef, value: &Json) -> Result<(), NamedError> {
        let kind = field.field.info().kind;
        let list = value.is_array();
        let values = match value {
            // Null says that there is no value, even where one could be worked out.
            Json::Null => Vec::new(),
            Json::Array(all) => all
                .iter()
                .take(MAX_LIST)
                .map(|value| owned(&field, kind, value))
                .collect::<Result<_, _>>()?,
            other => vec![owned(&field, kind, other)?],
        };
        self.values.push(Owned {
            field,
            values,
            list,
        });
        Ok(())
    }

    fn find(&self, field: Field, argument: &Argument) -> Option<&Owned> {
        self.values
            .iter()
            .find(|owned| owned.field.field == field && owned.field.argument == *argument)
    }

    fn first(&self, field: Field) -> Option<&OwnedValue> {
        self.find(field, &Argument::None)?.values.first()
    }

    fn text(&self, field: Field) -> Option<&[u8]> {
        match self.first(field)? {
            OwnedValue::Text(text) => Some(text),
            _ => None,
        }
    }

    fn int(&self, field: Field) -> Option<i64> {
        match self.first(field)? {
            OwnedValue::Int(number) => Some(*number),
            _ => None,
        }
    }

    fn boolean(&self, field: Field) -> Option<bool> {
        match self.first(field)? {
            OwnedValue::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    fn ip(&self, field: Field) -> Option<IpAddr> {
        match self.first(field)? {
            OwnedValue::Ip(ip) => Some(*ip),
            _ => None,
        }
    }

    fn port(&self, field: Field) -> Option<u16> {
        self.int(field).and_then(|port| u16::try_from(port).ok())
    }

    fn key(&self, field: Field, key: &str) -> Option<&OwnedValue> {
        self.find(field, &Argument::Key(key.as_bytes().into()))?
            .values
            .first()
    }

    fn some(&self, field: Field) -> &[u8] {
        self.text(field).unwrap_or_default()
    }

    /// Keys that look like fields and are none: the event is without them.
    #[must_use]
    pub fn unknown(&self) -> &[FieldError] {
        &self.unknown
    }

    /// The host it is of, if it says so.
    #[must_use]
    pub fn hostname(&self) -> Option<&str> {
        std::str::from_utf8(self.text(Field::EvtHostname)?).ok()
    }

    /// When it was: nanoseconds since 1970.
    fn time(&self) -> Option<i64> {
        let given = self
            .text(Field::EvtTime)
            .and_then(crate::condition::check::number);
        let iso = || {
            let text = std::str::from_utf8(self.text(Field::EvtTimeIso)?).ok()?;
            let time: jiff::Timestamp = text.parse().ok()?;
            i64::try_from(time.as_nanosecond()).ok()
        };
        self.int(Field::EvtRawtime).or(given).or_else(iso)
    }

    /// The event, with `number` for its place among others, and the time if it has none itself.
    pub fn visit<R>(&self, number: u64, now_ns: i64, then: impl FnOnce(&Event<'_>) -> R) -> R {
        let values: Vec<Vec<Value<'_>>> = self
            .values
            .iter()
            .map(|owned| owned.values.iter().map(OwnedValue::borrow).collect())
            .collect();
        let given: Vec<Given<'_>> = self
            .values
            .iter()
            .zip(&values)
            .filter(|(owned, _)| !is_lineage(owned))
            .map(|(owned, values)| Given {
                field: &owned.field,
                values,
                list: owned.list,
            })
            .collect();
        let kind_name = self.some(Field::EvtType);
        let kind = EventType::named(&String::from_utf8_lossy(kind_name));
        let time_ns = self.time().unwrap_or(now_ns);
        let result = self.result(kind);
        let args = self.args();
        let composed = self.command_lines();
        let lineage = self.lineage(&composed, time_ns, kind);
        let container = self.container();
        then(&Event {
            number,
            time_ns,
            kind,
            other_kind: kind_name,
            source: b"syscall",
            cpu: None,
            result,
            lineage: &lineage,
            user: self.user(),
            fd: self.descriptor(kind, result),
            container: container.as_ref(),
            args: &args,
            buffer: self.text(Field::EvtBuffer),
            given: &given,
        })
    }

    /// A call that does not say how it ended did what it was to do.
    fn result(&self, kind: EventType) -> Option<i64> {
        if let Some(number) = self.int(Field::EvtRawres) {
            return Some(number);
        }
        if self.boolean(Field::EvtFailed) == Some(true) {
            return Some(-1);
        }
        match self.text(Field::EvtRes).map(String::from_utf8_lossy) {
            Some(name) if name != "SUCCESS" => errno_number(&name).map(|number| -number),
            _ if kind.is_open() => Some(self.int(Field::FdNum).unwrap_or(3)),
            _ => Some(0),
        }
    }

    fn args(&self) -> Vec<Arg<'_>> {
        let mut args = Vec::new();
        for owned in &self.values {
            let (Field::EvtArg | Field::EvtRawarg, Argument::Key(key)) =
                (owned.field.field, &owned.field.argument)
            else {
                continue;
            };
            let Ok(name) = std::str::from_utf8(key) else {
                continue;
            };
            let value = match owned.values.first() {
                Some(OwnedValue::Text(text)) => ArgValue::Text(text),
                Some(OwnedValue::Int(number)) => ArgValue::Int(*number),
                _ => continue,
            };
            if !args.iter().any(|arg: &Arg<'_>| arg.name == name) {
                args.push(Arg { name, value });
            }
        }
        args
    }

    /// Command lines that are made of name and arguments.
    fn command_lines(&self) -> Vec<Vec<u8>> {
        let name = self.name();
        let composed = match (self.text(Field::ProcCmdline), self.text(Field::ProcArgs)) {
            (Some(line), _) => line.to_vec(),
            (None, Some(arguments)) if !arguments.is_empty() => [name, b" ", arguments].concat(),
            (None, _) => name.to_vec(),
        };
        vec![composed]
    }

    /// The process's name: given, or the first word of its command line, or its file's.
    fn name(&self) -> &[u8] {
        let line = || {
            self.text(Field::ProcCmdline)
                .and_then(|line| line.split(|b| *b == b' ').next())
        };
        self.text(Field::ProcName)
            .or_else(|| line().map(base))
            .or_else(|| self.text(Field::ProcExepath).map(base))
            .or_else(|| self.text(Field::ProcExe).map(base))
            .unwrap_or_default()
    }

    fn lineage<'a>(
        &'a self,
        composed: &'a [Vec<u8>],
        time_ns: i64,
        kind: EventType,
    ) -> Vec<Process<'a>> {
        let mut all = vec![self.process(&composed[0], time_ns)];
        for owned in self
            .values
            .iter()
            .filter(|owned| is_ancestor(owned.field.field))
        {
            for (offset, value) in owned.values.iter().enumerate() {
                let index = match owned.field.argument {
                    Argument::Index(index) => index + offset,
                    _ => 1 + offset,
                };
                // Zero is the process itself, whose own fields tell of it.
                if index == 0 || index >= super::MAX_LINEAGE {
                    continue;
                }
                while all.len() <= index {
                    all.push(Process::default());
                }
                set(&mut all[index], owned.field.field, value);
            }
        }
        if kind.is_exec() && all[0].exepath.is_empty() && all[0].exe.starts_with(b"/") {
            all[0].exepath = all[0].exe;
        }
        all
    }

    fn process<'a>(&'a self, cmdline: &'a [u8], time_ns: i64) -> Process<'a> {
        let capabilities = |field| self.text(field).map(capability_bits);
        let exe =
            self.text(Field::ProcExe)
                .unwrap_or_else(|| match self.text(Field::ProcCmdline) {
                    Some(line) => line.split(|b| *b == b' ').next().unwrap_or_default(),
                    None => self.text(Field::ProcExepath).unwrap_or_else(|| self.name()),
                });
        Process {
            pid: self.int(Field::ProcPid).unwrap_or(0),
            vpid: self.int(Field::ProcVpid),
            name: self.name(),
            exe,
            exepath: self.some(Field::ProcExepath),
            cmdline,
            cwd: self.some(Field::ProcCwd),
            env: b"",
            tty: Some(self.int(Field::ProcTty).unwrap_or(0)),
            sid: self.int(Field::ProcSid),
            pgid: self.int(Field::ProcPgid),
            vpgid: self.int(Field::ProcVpgid),
            started_ns: self.int(Field::ProcPidTs).or_else(|| {
                self.int(Field::ProcDuration)
                    .map(|age| time_ns.saturating_sub(age))
            }),
            exe_writable: self.boolean(Field::ProcIsExeWritable).unwrap_or(false),
            exe_upper_layer: self.boolean(Field::ProcIsExeUpperLayer).unwrap_or(false),
            exe_lower_layer: self.boolean(Field::ProcIsExeLowerLayer).unwrap_or(false),
            exe_from_memfd: self.boolean(Field::ProcIsExeFromMemfd).unwrap_or(false),
            exe_ino: self.int(Field::ProcExeIno),
            exe_ctime_ns: self.int(Field::ProcExeInoCtime),
            exe_mtime_ns: self.int(Field::ProcExeInoMtime),
            cap_effective: capabilities(Field::ThreadCapEffective),
            cap_permitted: capabilities(Field::ThreadCapPermitted),
            cap_inheritable: capabilities(Field::ThreadCapInheritable),
        }
    }

    fn user(&self) -> User<'_> {
        let root = self.text(Field::UserName) == Some(b"root");
        let uid = self.int(Field::UserUid).or(root.then_some(0));
        let name = match self.text(Field::UserName) {
            Some(name) => name,
            None if uid == Some(0) => b"root",
            None => b"",
        };
        User {
            uid,
            name,
            homedir: self.some(Field::UserHomedir),
            shell: self.some(Field::UserShell),
            loginuid: self.int(Field::UserLoginuid),
            loginname: self.some(Field::UserLoginname),
            gid: self.int(Field::GroupGid),
            group: self.some(Field::GroupName),
        }
    }

    fn descriptor(&self, kind: EventType, result: Option<i64>) -> Option<Fd<'_>> {
        let told = self
            .values
            .iter()
            .any(|owned| owned.field.field.name().starts_with("fd."));
        let opened = kind.is_open();
        let path = ["name", "pathname", "filename"]
            .iter()
            .filter(|_| opened)
            .find_map(|key| match self.key(Field::EvtArg, key) {
                Some(OwnedValue::Text(text)) => Some(text.as_slice()),
                _ => None,
            });
        if !told && path.is_none() {
            return None;
        }
        let name = self.text(Field::FdName).or(path).unwrap_or_default();
        let connection = self.connection(name);
        let number = self.int(Field::FdNum).or(match opened {
            true => result,
            false => None,
        });
        let kind = self.fd_kind(connection.as_ref());
        let raw = self.text(Field::FdNameraw).or(path).unwrap_or(name);
        Some(Fd {
            kind,
            name,
            name_raw: raw,
            connection: connection.filter(|_| !matches!(kind, FdKind::File | FdKind::Directory)),
            ino: self.int(Field::FdIno),
            dev: self.int(Field::FdDev),
            upper_layer: self.boolean(Field::FdIsUpperLayer).unwrap_or(false),
            lower_layer: self.boolean(Field::FdIsLowerLayer).unwrap_or(false),
            number,
        })
    }

    fn fd_kind(&self, connection: Option<&Connection<'_>>) -> FdKind {
        let by = |text: &[u8], long: bool| {
            FD_KINDS
                .iter()
                .find(|(_, name, char)| {
                    let wanted = if long { name } else { char };
                    wanted.as_bytes() == text
                })
                .map(|(kind, ..)| *kind)
        };
        self.text(Field::FdType)
            .and_then(|text| by(text, true))
            .or_else(|| {
                self.text(Field::FdTypechar)
                    .and_then(|text| by(text, false))
            })
            .unwrap_or_else(|| match connection {
                Some(connection) => {
                    let ends = [connection.local, connection.remote];
                    let v6 = ends.iter().flatten().any(|(ip, _)| ip.is_ipv6());
                    if v6 { FdKind::Ipv6 } else { FdKind::Ipv4 }
                }
                None => FdKind::File,
            })
    }

    /// The ends of a connection, from their fields, else from `client->server`.
    fn connection(&self, name: &[u8]) -> Option<Connection<'_>> {
        let is_server = self.boolean(Field::FdIsServer).unwrap_or(false);
        let name = std::str::from_utf8(name).unwrap_or_default();
        let (left, right) = name.split_once("->").unwrap_or(("", name));
        let end = |text: &str| {
            text.parse::<SocketAddr>()
                .ok()
                .map(|at| (at.ip(), at.port()))
                .or_else(|| {
                    // Falco writes IPv6 without brackets.
                    let (ip, port) = text.rsplit_once(':')?;
                    Some((ip.parse().ok()?, port.parse().ok()?))
                })
        };
        let told = |ip: Field, net: Field, port: Field, known: Option<(IpAddr, u16)>| {
            let address = self
                .ip(ip)
                .or_else(|| self.ip(net))
                .or(known.map(|(ip, _)| ip))?;
            Some((
                address,
                self.port(port).or(known.map(|(_, port)| port)).unwrap_or(0),
            ))
        };
        let client = told(Field::FdCip, Field::FdCnet, Field::FdCport, end(left));
        let server = told(Field::FdSip, Field::FdSnet, Field::FdSport, end(right));
        let (near, far) = if is_server {
            (server, client)
        } else {
            (client, server)
        };
        let local = told(Field::FdLip, Field::FdLnet, Field::FdLport, near);
        let remote = told(Field::FdRip, Field::FdRnet, Field::FdRport, far);
        let network = local.is_some()
            || remote.is_some()
            || self.text(Field::FdL4proto).is_some()
            || self.boolean(Field::FdConnected).is_some();
        network.then(|| Connection {
            protocol: self.some(Field::FdL4proto),
            local,
            remote,
            is_server,
            connected: self.boolean(Field::FdConnected),
            name_changed: self.boolean(Field::FdNameChanged),
        })
    }

    fn container(&self) -> Option<Container<'_>> {
        let told = |owned: &Owned| {
            let name = owned.field.field.name();
            let about = name.starts_with("container.") || name.starts_with("k8s.");
            about && !owned.values.is_empty()
        };
        let id = self.text(Field::ContainerId);
        if id == Some(b"host") || id.is_none() && !self.values.iter().any(told) {
            return None;
        }
        Some(Container {
            id: id
                .or(self.text(Field::ContainerFullId))
                .unwrap_or(b"container"),
            full_id: self.some(Field::ContainerFullId),
            started_ns: self.int(Field::ContainerStartTs),
            ..Container::default()
        })
    }
}

fn base(path: &[u8]) -> &[u8] {
    let cut = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
    &path[cut..]
}

/// Fields that tell of a process's ancestors, which are laid out as a line.
fn is_ancestor(field: Field) -> bool {
    matches!(
        field,
        Field::ProcPname
            | Field::ProcAname
            | Field::ProcPexe
            | Field::ProcAexe
            | Field::ProcPexepath
            | Field::ProcAexepath
            | Field::ProcPcmdline
            | Field::ProcAcmdline
            | Field::ProcPpid
            | Field::ProcApid
            | Field::ProcPvpid
    )
}

fn is_lineage(owned: &Owned) -> bool {
    is_ancestor(owned.field.field)
        && !owned.values.is_empty()
        && owned.field.argument != Argument::Index(0)
}

fn set<'a>(process: &mut Process<'a>, field: Field, value: &'a OwnedValue) {
    match (field, value) {
        (Field::ProcPname | Field::ProcAname, OwnedValue::Text(text)) => process.name = text,
        (Field::ProcPexe | Field::ProcAexe, OwnedValue::Text(text)) => process.exe = text,
        (Field::ProcPexepath | Field::ProcAexepath, OwnedValue::Text(text)) => {
            process.exepath = text;
        }
        (Field::ProcPcmdline | Field::ProcAcmdline, OwnedValue::Text(text)) => {
            process.cmdline = text;
            // A line alone tells the name and the program too.
            let first = text.split(|b| *b == b' ').next().unwrap_or_default();
            if process.name.is_empty() {
                process.name = base(first);
            }
            if process.exe.is_empty() {
                process.exe = first;
            }
        }
        (Field::ProcPpid | Field::ProcApid, OwnedValue::Int(number)) => process.pid = *number,
        (Field::ProcPvpid, OwnedValue::Int(number)) => process.vpid = Some(*number),
        _ => {}
    }
}

fn capability_bits(text: &[u8]) -> u64 {
    text.split(|b| matches!(b, b' ' | b'|' | b','))
        .filter_map(|word| CAPABILITIES.iter().position(|name| name.as_bytes() == word))
        .fold(0, |all, number| all | 1 << number)
}

/// A JSON value as one of the field's kind; numbers and booleans may be written as text.
fn owned(field: &FieldRef, kind: Kind, value: &Json) -> Result<OwnedValue, NamedError> {
    let wrong = || NamedError::Kind {
        field: field.to_string(),
        kind: kind.name(),
        value: shortened(value),
    };
    if let Json::Object(object) = value
        && let Some(Json::String(encoded)) = object.get("base64")
        && matches!(kind, Kind::Text | Kind::Dynamic)
    {
        // Bytes that are no text, as those of a buffer or of a hostile path.
        return STANDARD
            .decode(encoded)
            .map(OwnedValue::Text)
            .map_err(|_| wrong());
    }
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        _ => return Err(wrong()),
    };
    match kind {
        Kind::Text => Ok(OwnedValue::Text(text.into_bytes())),
        Kind::Int => crate::condition::check::number(text.as_bytes())
            .map(OwnedValue::Int)
            .ok_or_else(wrong),
        Kind::Bool => match text.as_str() {
            "true" | "1" => Ok(OwnedValue::Bool(true)),
            "false" | "0" => Ok(OwnedValue::Bool(false)),
            _ => Err(wrong()),
        },
        Kind::Ip | Kind::Net => text
            .parse::<IpAddr>()
            .ok()
            .or_else(|| text.parse::<IpNet>().ok().map(|net| net.addr()))
            .map(OwnedValue::Ip)
            .ok_or_else(wrong),
        Kind::Dynamic => Ok(match value.as_i64() {
            Some(number) => OwnedValue::Int(number),
            None => OwnedValue::Text(text.into_bytes()),
        }),
    }
}

fn shortened(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
