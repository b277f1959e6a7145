//! The value of a field in an event. What costs work is computed only when a rule asks for it.

use super::{
    event::{ArgValue, Event, FD_KINDS, Fd, MAX_LINEAGE, Mount, Process, Value},
    flags::{self, FlagSet},
    table::{Argument, Arity, Field, FieldRef},
};
use crate::condition::glob;
use std::{io::Write as _, net::IpAddr};

/// The first value. `scratch` holds what has to be put together.
#[inline]
pub(crate) fn value<'v>(
    event: &'v Event<'_>,
    field: &FieldRef,
    scratch: &'v mut Vec<u8>,
) -> Value<'v> {
    if !event.given.is_empty()
        && let Some(given) = event.given(field.field, &field.argument)
    {
        return given.values.first().copied().unwrap_or(Value::Missing);
    }
    // The table has the fields in this order.
    let id = field.field as u16;
    if id < Field::ProcExe as u16 {
        about(event, field, scratch)
    } else if id < Field::UserUid as u16 {
        process(event, field, scratch)
    } else if id < Field::FdNum as u16 {
        user(event, field.field)
    } else if id < Field::FsPathName as u16 {
        match event.fd.as_ref() {
            Some(fd) => descriptor(fd, field, scratch),
            None => Value::Missing,
        }
    } else if id < Field::ContainerId as u16 {
        paths(event, field.field)
    } else {
        container(event, field, scratch)
    }
}

/// Every value of a field that may have several, until `stop` says so.
pub(crate) fn each(
    event: &Event<'_>,
    field: &FieldRef,
    scratch: &mut Vec<u8>,
    mut stop: impl FnMut(Value<'_>) -> bool,
) {
    if let Some(given) = event.given(field.field, &field.argument)
        && (given.list || given.values.len() != 1)
    {
        let _ = given.values.iter().any(|value| stop(*value));
        return;
    }
    match field.arity() {
        Arity::One | Arity::List => {
            let found = value(event, field, scratch);
            if found != Value::Missing {
                stop(found);
            }
        }
        Arity::Any => {
            for index in 1..event.lineage.len().min(MAX_LINEAGE) {
                let found = of_process(&event.lineage[index], field, event, scratch);
                if found != Value::Missing && stop(found) {
                    return;
                }
            }
        }
        Arity::Ends => ends(event, field.field, &mut stop),
    }
}

fn ends(event: &Event<'_>, field: Field, stop: &mut impl FnMut(Value<'_>) -> bool) {
    let given = |field| {
        event
            .given(field, &Argument::None)
            .and_then(|given| given.values.first().copied())
    };
    let (client, server) = match field {
        Field::FdIp => (given(Field::FdCip), given(Field::FdSip)),
        Field::FdNet => (given(Field::FdCnet), given(Field::FdSnet)),
        _ => (given(Field::FdCport), given(Field::FdSport)),
    };
    if let Some(only) = given(field) {
        stop(only);
        return;
    }
    let connection = event.fd.as_ref().and_then(|fd| fd.connection.as_ref());
    let of = |end: Option<(IpAddr, u16)>| match (field, end) {
        (_, None) => Value::Missing,
        (Field::FdIp | Field::FdNet, Some((ip, _))) => Value::Ip(ip),
        (_, Some((_, port))) => Value::Int(i64::from(port)),
    };
    let client = client.unwrap_or_else(|| of(connection.and_then(super::Connection::client)));
    let server = server.unwrap_or_else(|| of(connection.and_then(super::Connection::server)));
    if client != Value::Missing && stop(client) {
        return;
    }
    if server != Value::Missing {
        stop(server);
    }
}

fn text(bytes: &[u8]) -> Value<'_> {
    match bytes.is_empty() {
        true => Value::Missing,
        false => Value::Text(bytes),
    }
}

fn int(number: Option<i64>) -> Value<'static> {
    number.map_or(Value::Missing, Value::Int)
}

fn boolean(truth: Option<bool>) -> Value<'static> {
    truth.map_or(Value::Missing, Value::Bool)
}

fn written<'v>(scratch: &'v mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Value<'v> {
    scratch.clear();
    write(scratch);
    Value::Text(scratch)
}

fn about<'v>(event: &'v Event<'_>, field: &FieldRef, scratch: &'v mut Vec<u8>) -> Value<'v> {
    let second = 1_000_000_000;
    match field.field {
        Field::EvtNum => Value::Int(i64::try_from(event.number).unwrap_or(i64::MAX)),
        Field::EvtType | Field::SyscallType => text(event.kind_name()),
        Field::EvtTypeIs => match &field.argument {
            Argument::Key(key) => Value::Int(i64::from(event.kind_name() == &**key)),
            _ => Value::Missing,
        },
        Field::EvtSource => text(event.source),
        Field::EvtIsAsync => Value::Bool(false),
        // Only what a call did is an event here, so its direction is always that of its return.
        Field::EvtDir => Value::Text(b"<"),
        Field::EvtCpu => int(event.cpu),
        Field::EvtRawtime | Field::EvtRawtimeNs if event.time_ns == 0 => Value::Missing,
        Field::EvtRawtime => Value::Int(event.time_ns),
        Field::EvtRawtimeNs => Value::Int(event.time_ns.rem_euclid(second)),
        Field::EvtRawtimeS => Value::Int(event.time_ns.div_euclid(second)),
        Field::EvtTime => moment(event, "%H:%M:%S.%9f", scratch),
        Field::EvtTimeS => moment(event, "%H:%M:%S", scratch),
        Field::EvtTimeIso => moment(event, "%Y-%m-%dT%H:%M:%S.%9fZ", scratch),
        Field::EvtDatetime => moment(event, "%Y-%m-%d %H:%M:%S.%9f", scratch),
        Field::EvtDatetimeS => moment(event, "%Y-%m-%d %H:%M:%S", scratch),
        Field::EvtRawres => int(event.result),
        Field::EvtRes => result(event, scratch),
        Field::EvtFailed => boolean(event.result.map(|result| result < 0)),
        Field::EvtCount => Value::Int(1),
        Field::EvtCountError => Value::Int(i64::from(event.result.is_some_and(|r| r < 0))),
        Field::EvtBuffer => event.buffer.map_or(Value::Missing, Value::Text),
        Field::EvtBuflen => int(event.buffer.and_then(|b| i64::try_from(b.len()).ok())),
        Field::EvtArg => argument(event, &field.argument, scratch),
        Field::EvtRawarg => raw_argument(event, &field.argument),
        Field::EvtArgs | Field::EvtInfo => written(scratch, |out| all_arguments(event, out)),
        Field::EvtIsIo => Value::Bool(io(event).is_some()),
        Field::EvtIsIoRead => Value::Bool(io(event) == Some("read")),
        Field::EvtIsIoWrite => Value::Bool(io(event) == Some("write")),
        Field::EvtIoDir => io(event).map_or(Value::Missing, |dir| Value::Text(dir.as_bytes())),
        Field::EvtIsOpenRead => opened(event, |flags, _| matches!(flags & 3, 0 | 2)),
        Field::EvtIsOpenWrite => opened(event, |flags, _| matches!(flags & 3, 1 | 2)),
        Field::EvtIsOpenExec => opened(event, |flags, mode| {
            flags & 0o20_000_100 != 0 && mode & 0o111 != 0
        }),
        Field::EvtIsOpenCreate => opened(event, |flags, _| flags & 0o100 != 0),
        Field::EvtAbspath if field.argument == Argument::None => match event.fd.as_ref() {
            Some(fd) if !fd.name.is_empty() => text(fd.name),
            _ => one_of(event, &["path", "name", "filename"]),
        },
        Field::EvtAbspathSrc => one_of(event, &["oldpath", "target"]),
        Field::EvtAbspathDst => one_of(event, &["newpath", "linkpath"]),
        _ => Value::Missing,
    }
}

fn moment<'v>(event: &Event<'_>, format: &str, scratch: &'v mut Vec<u8>) -> Value<'v> {
    match time_text(event.time_ns, format) {
        Some(text) => written(scratch, |out| out.extend_from_slice(text.as_bytes())),
        None => Value::Missing,
    }
}

pub(crate) fn time_text(ns: i64, format: &str) -> Option<String> {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(ns)).ok()?;
    Some(moment.strftime(format).to_string())
}

fn result<'v>(event: &Event<'_>, scratch: &'v mut Vec<u8>) -> Value<'v> {
    match event.result {
        None => Value::Missing,
        Some(0..) => Value::Text(b"SUCCESS"),
        Some(negative) => match flags::errno_name(negative.saturating_neg()) {
            Some(name) => Value::Text(name.as_bytes()),
            None => written(scratch, |out| {
                let _ = write!(out, "{}", negative.saturating_neg());
            }),
        },
    }
}

fn io(event: &Event<'_>) -> Option<&'static str> {
    match event.kind.name() {
        "read" | "readv" | "pread" | "preadv" | "recv" | "recvfrom" | "recvmsg" | "recvmmsg" => {
            Some("read")
        }
        "write" | "writev" | "pwrite" | "pwritev" | "send" | "sendto" | "sendmsg" | "sendmmsg" => {
            Some("write")
        }
        _ => None,
    }
}

/// Something of an open's flags and mode; other events have no such value.
fn opened(event: &Event<'_>, test: impl Fn(u64, u64) -> bool) -> Value<'static> {
    if !event.kind.is_open() {
        return Value::Missing;
    }
    let bits = |key: &[u8]| match event.arg(key) {
        Some(ArgValue::Flags(_, bits)) => Some(bits),
        Some(ArgValue::Int(number)) => u64::try_from(number).ok(),
        Some(ArgValue::Text(text)) => Some(bits_of(text)),
        None => None,
    };
    match bits(b"flags").or(event.kind.is_creat().then_some(0o1101)) {
        Some(flags) => Value::Bool(test(flags, bits(b"mode").unwrap_or(0))),
        None => Value::Missing,
    }
}

/// The bits of `O_WRONLY|O_CREAT` and `S_IXUSR`, as far as the questions above need them.
pub(crate) fn bits_of(text: &[u8]) -> u64 {
    text.split(|b| *b == b'|')
        .map(|word| match word.trim_ascii() {
            b"O_WRONLY" => 1,
            b"O_RDWR" => 2,
            b"O_CREAT" => 0o100,
            b"O_TRUNC" => 0o1000,
            b"O_TMPFILE" => 0o20_000_000,
            b"S_IXUSR" => 0o100,
            b"S_IXGRP" => 0o10,
            b"S_IXOTH" => 0o1,
            word if word.starts_with(b"0") => std::str::from_utf8(word)
                .ok()
                .and_then(|digits| u64::from_str_radix(digits, 8).ok())
                .unwrap_or(0),
            _ => 0,
        })
        .fold(0, |all, bits| all | bits)
}

fn key(argument: &Argument) -> &[u8] {
    match argument {
        Argument::Key(key) => key,
        _ => b"",
    }
}

fn argument<'v>(event: &'v Event<'_>, argument: &Argument, scratch: &'v mut Vec<u8>) -> Value<'v> {
    match event.arg(key(argument)) {
        None => Value::Missing,
        Some(ArgValue::Text(bytes)) => Value::Text(bytes),
        Some(ArgValue::Int(number)) => Value::Int(number),
        Some(ArgValue::Flags(set, bits)) => written(scratch, |out| flags::write(set, bits, out)),
    }
}

fn raw_argument<'v>(event: &'v Event<'_>, argument: &Argument) -> Value<'v> {
    match event.arg(key(argument)) {
        None => Value::Missing,
        Some(ArgValue::Text(bytes)) => Value::Text(bytes),
        Some(ArgValue::Int(number)) => Value::Int(number),
        Some(ArgValue::Flags(_, bits)) => Value::Int(i64::try_from(bits).unwrap_or(i64::MAX)),
    }
}

fn all_arguments(event: &Event<'_>, out: &mut Vec<u8>) {
    for (at, arg) in event.args.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(arg.name.as_bytes());
        out.push(b'=');
        match arg.value {
            ArgValue::Text(bytes) => out.extend_from_slice(bytes),
            ArgValue::Int(number) => {
                let _ = write!(out, "{number}");
            }
            ArgValue::Flags(set, bits) => {
                let mut names = Vec::new();
                flags::write(set, bits, &mut names);
                let _ = write!(out, "{bits}({})", String::from_utf8_lossy(&names));
            }
        }
    }
}

fn one_of<'v>(event: &'v Event<'_>, names: &[&str]) -> Value<'v> {
    for name in names {
        if let Some(ArgValue::Text(bytes)) = event.arg(name.as_bytes()) {
            return text(bytes);
        }
        // The same, where the event is given by field names.
        let as_field = Argument::Key(name.as_bytes().into());
        if let Some(given) = event.given(Field::EvtArg, &as_field) {
            return given.values.first().copied().unwrap_or(Value::Missing);
        }
    }
    Value::Missing
}

fn paths<'v>(event: &'v Event<'_>, field: Field) -> Value<'v> {
    match field {
        Field::FsPathName => match event.fd.as_ref().filter(|_| event.kind.is_open()) {
            Some(fd) => text(fd.name),
            None => one_of(event, &["path", "name", "filename", "pathname"]),
        },
        Field::FsPathNameraw => match event.fd.as_ref().filter(|_| event.kind.is_open()) {
            Some(fd) => text(fd.name_raw),
            None => one_of(event, &["path", "name", "filename", "pathname"]),
        },
        Field::FsPathSource | Field::FsPathSourceraw => one_of(event, &["oldpath", "linkpath"]),
        Field::FsPathTarget | Field::FsPathTargetraw => one_of(event, &["newpath", "target"]),
        _ => Value::Missing,
    }
}

fn user<'v>(event: &'v Event<'_>, field: Field) -> Value<'v> {
    let user = &event.user;
    match field {
        Field::UserUid => int(user.uid),
        Field::UserName => text(user.name),
        Field::UserHomedir => text(user.homedir),
        Field::UserShell => text(user.shell),
        Field::UserLoginuid => int(user.loginuid),
        Field::UserLoginname => text(user.loginname),
        Field::GroupGid => int(user.gid),
        Field::GroupName => text(user.group),
        _ => Value::Missing,
    }
}

/// The process a field is about, and the field of that process.
fn process<'v>(event: &'v Event<'_>, field: &FieldRef, scratch: &'v mut Vec<u8>) -> Value<'v> {
    let index = match (field.field, &field.argument) {
        (_, Argument::Index(index)) => *index,
        (
            Field::ProcPname
            | Field::ProcPexe
            | Field::ProcPexepath
            | Field::ProcPargs
            | Field::ProcPcmdline
            | Field::ProcPpid
            | Field::ProcPvpid
            | Field::ProcPpidDuration
            | Field::ProcPpidTs,
            _,
        ) => 1,
        (
            Field::ProcAname
            | Field::ProcAexe
            | Field::ProcAexepath
            | Field::ProcAargs
            | Field::ProcAcmdline
            | Field::ProcApid,
            Argument::None,
        ) => 1,
        _ => 0,
    };
    match event.lineage.get(index).filter(|_| index < MAX_LINEAGE) {
        Some(process) => of_process(process, field, event, scratch),
        None => Value::Missing,
    }
}

fn of_process<'v>(
    process: &'v Process<'_>,
    field: &FieldRef,
    event: &'v Event<'_>,
    scratch: &'v mut Vec<u8>,
) -> Value<'v> {
    let since = |start: Option<i64>| start.map(|at| event.time_ns.saturating_sub(at));
    let itself = |id: Option<i64>| boolean(id.map(|id| Some(id) == process.vpid_or_pid()));
    match field.field {
        Field::ProcName | Field::ProcPname | Field::ProcAname => text(process.name),
        Field::ProcExe | Field::ProcPexe | Field::ProcAexe => text(process.exe),
        Field::ProcExepath | Field::ProcPexepath | Field::ProcAexepath => text(process.exepath),
        Field::ProcCmdline | Field::ProcPcmdline | Field::ProcAcmdline => text(process.cmdline),
        Field::ProcArgs | Field::ProcPargs | Field::ProcAargs if process.cmdline.is_empty() => {
            Value::Missing
        }
        Field::ProcArgs | Field::ProcPargs | Field::ProcAargs => Value::Text(process.arguments()),
        Field::ProcCmdnargs => {
            let words = process.arguments().split(|b| *b == b' ');
            int(i64::try_from(words.filter(|word| !word.is_empty()).count()).ok())
        }
        Field::ProcCmdlenargs => int(i64::try_from(process.arguments().len()).ok()),
        Field::ProcExeline => written(scratch, |out| {
            out.extend_from_slice(process.exe);
            if !process.arguments().is_empty() {
                out.push(b' ');
                out.extend_from_slice(process.arguments());
            }
        }),
        Field::ProcEnv | Field::ProcAenv => environment(process, &field.argument, scratch),
        Field::ProcCwd => text(process.cwd),
        Field::ProcTty => int(process.tty),
        Field::ProcPid | Field::ProcPpid | Field::ProcApid | Field::ThreadTid => {
            int((process.pid > 0).then_some(process.pid))
        }
        Field::ProcVpid | Field::ProcPvpid | Field::ThreadVtid => int(process.vpid),
        Field::ProcSid => int(process.sid),
        Field::ProcPgid => int(process.pgid),
        Field::ProcVpgid => int(process.vpgid),
        Field::ProcIsSidLeader => itself(process.sid),
        Field::ProcIsPgidLeader => boolean(process.pgid.map(|id| id == process.pid)),
        Field::ProcIsVpgidLeader => itself(process.vpgid),
        Field::ProcDuration | Field::ProcPpidDuration => int(since(process.started_ns)),
        Field::ProcPidTs | Field::ProcPpidTs => int(process.started_ns),
        Field::ProcIsExeWritable => Value::Bool(process.exe_writable),
        Field::ProcIsExeUpperLayer => Value::Bool(process.exe_upper_layer),
        Field::ProcIsExeLowerLayer => Value::Bool(process.exe_lower_layer),
        Field::ProcIsExeFromMemfd => Value::Bool(process.exe_from_memfd),
        Field::ProcExeIno => int(process.exe_ino),
        Field::ProcExeInoCtime => int(process.exe_ctime_ns),
        Field::ProcExeInoMtime => int(process.exe_mtime_ns),
        Field::ProcExeInoCtimeStart => int(process
            .started_ns
            .zip(process.exe_ctime_ns)
            .map(|(start, changed)| start.saturating_sub(changed))),
        Field::ThreadCapEffective => capabilities(process.cap_effective, scratch),
        Field::ThreadCapPermitted => capabilities(process.cap_permitted, scratch),
        Field::ThreadCapInheritable => capabilities(process.cap_inheritable, scratch),
        _ => session(process, field.field, event),
    }
}

/// Names of the leaders of a process's session and group, found among its ancestors.
fn session<'v>(process: &Process<'_>, field: Field, event: &'v Event<'_>) -> Value<'v> {
    let (id, virtual_id) = match field {
        Field::ProcSname | Field::ProcSidExe | Field::ProcSidExepath => (process.sid, true),
        Field::ProcVpgidName | Field::ProcVpgidExe | Field::ProcVpgidExepath => {
            (process.vpgid, true)
        }
        Field::ProcPgidName | Field::ProcPgidExe | Field::ProcPgidExepath => (process.pgid, false),
        _ => (None, false),
    };
    let Some(id) = id else {
        return Value::Missing;
    };
    let leader = event
        .lineage
        .iter()
        .take(MAX_LINEAGE)
        .find(|p| match virtual_id {
            true => p.vpid_or_pid() == Some(id),
            false => p.pid == id,
        });
    let Some(leader) = leader else {
        return Value::Missing;
    };
    match field {
        Field::ProcSname | Field::ProcVpgidName | Field::ProcPgidName => text(leader.name),
        Field::ProcSidExe | Field::ProcVpgidExe | Field::ProcPgidExe => text(leader.exe),
        _ => text(leader.exepath),
    }
}

impl Process<'_> {
    fn vpid_or_pid(&self) -> Option<i64> {
        self.vpid.or((self.pid > 0).then_some(self.pid))
    }
}

fn capabilities<'v>(bits: Option<u64>, scratch: &'v mut Vec<u8>) -> Value<'v> {
    match bits {
        None => Value::Missing,
        Some(bits) => written(scratch, |out| flags::write_capabilities(bits, out)),
    }
}

fn environment<'v>(
    process: &'v Process<'_>,
    argument: &Argument,
    scratch: &'v mut Vec<u8>,
) -> Value<'v> {
    if process.env.is_empty() {
        return Value::Missing;
    }
    let mut all = process
        .env
        .split(|b| *b == 0)
        .filter(|pair| !pair.is_empty());
    match argument {
        Argument::Key(key) => all
            .find_map(|pair| pair.strip_prefix(&**key)?.strip_prefix(b"="))
            .map_or(Value::Missing, Value::Text),
        _ => written(scratch, |out| {
            for (at, pair) in all.enumerate() {
                if at > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(pair);
            }
        }),
    }
}

fn descriptor<'v>(fd: &'v Fd<'_>, field: &FieldRef, scratch: &'v mut Vec<u8>) -> Value<'v> {
    let kind = FD_KINDS.get(fd.kind as usize);
    match field.field {
        Field::FdNum => int(fd.number),
        Field::FdType | Field::FdTypes => {
            kind.map_or(Value::Missing, |(_, name, _)| Value::Text(name.as_bytes()))
        }
        Field::FdTypechar => {
            kind.map_or(Value::Missing, |(_, _, char)| Value::Text(char.as_bytes()))
        }
        Field::FdName | Field::FdNames => {
            match fd.connection.as_ref().filter(|_| fd.name.is_empty()) {
                Some(connection) => written(scratch, |out| tuple(connection, out)),
                None => text(fd.name),
            }
        }
        Field::FdNameraw => match fd.name_raw.is_empty() {
            true => text(fd.name),
            false => text(fd.name_raw),
        },
        Field::FdDirectory | Field::FdContainerdirectory if fd.connection.is_none() => {
            directory(fd)
        }
        Field::FdFilename if fd.connection.is_none() => match memchr::memrchr(b'/', fd.name) {
            Some(at) => Value::Text(&fd.name[at + 1..]),
            None => text(fd.name),
        },
        Field::FdDev => int(fd.dev),
        Field::FdDevMajor => int(fd.dev.map(|dev| dev >> 8 & 0xfff)),
        Field::FdDevMinor => int(fd.dev.map(|dev| dev & 0xff | dev >> 12 & 0xfff00)),
        Field::FdIno => int(fd.ino),
        Field::FdIsUpperLayer => Value::Bool(fd.upper_layer),
        Field::FdIsLowerLayer => Value::Bool(fd.lower_layer),
        _ => match fd.connection.as_ref() {
            Some(connection) => network(connection, field.field, fd),
            None => Value::Missing,
        },
    }
}

/// The parent folder of a file, and a folder itself.
fn directory<'v>(fd: &'v Fd<'_>) -> Value<'v> {
    if fd.kind == super::FdKind::Directory {
        return text(fd.name);
    }
    match memchr::memrchr(b'/', fd.name) {
        Some(0) => Value::Text(b"/"),
        Some(at) => Value::Text(&fd.name[..at]),
        None => Value::Missing,
    }
}

fn tuple(connection: &super::Connection<'_>, out: &mut Vec<u8>) {
    let end = |end: Option<(IpAddr, u16)>, out: &mut Vec<u8>| {
        if let Some((ip, port)) = end {
            let _ = write!(out, "{ip}:{port}");
        }
    };
    end(connection.client(), out);
    if connection.client().is_some() || !connection.is_server {
        out.extend_from_slice(b"->");
    }
    end(connection.server(), out);
}

fn network<'v>(connection: &'v super::Connection<'_>, field: Field, fd: &'v Fd<'_>) -> Value<'v> {
    let ip = |end: Option<(IpAddr, u16)>| end.map_or(Value::Missing, |(ip, _)| Value::Ip(ip));
    let port = |end: Option<(IpAddr, u16)>| int(end.map(|(_, port)| i64::from(port)));
    let (client, server) = (connection.client(), connection.server());
    let (local, remote) = (connection.local, connection.remote);
    match field {
        Field::FdCip | Field::FdCnet => ip(client),
        Field::FdSip | Field::FdSnet => ip(server),
        Field::FdLip | Field::FdLnet => ip(local),
        Field::FdRip | Field::FdRnet => ip(remote),
        Field::FdIp | Field::FdNet => ip(client.or(server)),
        Field::FdCport => port(client),
        Field::FdSport => port(server),
        Field::FdLport => port(local),
        Field::FdRport => port(remote),
        Field::FdPort => port(client.or(server)),
        Field::FdL4proto => text(connection.protocol),
        Field::FdSockfamily => match fd.kind {
            super::FdKind::Unix => Value::Text(b"unix"),
            _ => Value::Text(b"ip"),
        },
        Field::FdIsServer => Value::Bool(connection.is_server),
        Field::FdConnected => boolean(connection.connected),
        Field::FdNameChanged => boolean(connection.name_changed),
        _ => Value::Missing,
    }
}

fn container<'v>(event: &'v Event<'_>, field: &FieldRef, scratch: &'v mut Vec<u8>) -> Value<'v> {
    let Some(container) = event.container else {
        return match field.field {
            Field::ContainerId | Field::ContainerFullId | Field::ContainerName => {
                Value::Text(b"host")
            }
            _ => Value::Missing,
        };
    };
    let label = |labels: &'v [(&[u8], &[u8])]| {
        labels
            .iter()
            .find(|(name, _)| *name == key(&field.argument))
            .map_or(Value::Missing, |(_, value)| Value::Text(value))
    };
    match field.field {
        Field::ContainerId => text(container.id),
        Field::ContainerFullId => match container.full_id.is_empty() {
            true => text(container.id),
            false => text(container.full_id),
        },
        Field::ContainerName => text(container.name),
        Field::ContainerImage => text(container.image),
        Field::ContainerImageId => text(container.image_id),
        Field::ContainerImageRepository => text(container.repository),
        Field::ContainerImageTag => text(container.tag),
        Field::ContainerImageDigest => text(container.digest),
        Field::ContainerType => text(container.runtime),
        Field::ContainerPrivileged => boolean(container.privileged),
        Field::ContainerStartTs => int(container.started_ns),
        Field::ContainerDuration => int(container
            .started_ns
            .map(|start| event.time_ns.saturating_sub(start))),
        Field::ContainerIp | Field::K8sPodIp => text(container.ip),
        Field::ContainerHostPid => boolean(container.host_pid),
        Field::ContainerHostNetwork => boolean(container.host_network),
        Field::ContainerHostIpc => boolean(container.host_ipc),
        Field::ContainerLabel => label(container.labels),
        Field::K8sPodLabel => label(container.pod_labels),
        Field::ContainerLabels => written(scratch, |out| labels(container.labels, out)),
        Field::K8sPodLabels => written(scratch, |out| labels(container.pod_labels, out)),
        Field::K8sPodName => text(container.pod),
        Field::K8sPodUid | Field::K8sPodId => text(container.pod_uid),
        Field::K8sNsName => text(container.namespace),
        Field::ContainerMounts => written(scratch, |out| {
            for (at, mount) in container.mounts.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_mount(mount, out);
            }
        }),
        Field::ContainerMount
        | Field::ContainerMountSource
        | Field::ContainerMountDest
        | Field::ContainerMountMode
        | Field::ContainerMountRdwr
        | Field::ContainerMountPropagation => mount(container.mounts, field, scratch),
        _ => Value::Missing,
    }
}

fn labels(all: &[(&[u8], &[u8])], out: &mut Vec<u8>) {
    for (at, (name, value)) in all.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(name);
        out.push(b':');
        out.extend_from_slice(value);
    }
}

fn write_mount(mount: &Mount<'_>, out: &mut Vec<u8>) {
    let writable: &[u8] = if mount.writable { b"true" } else { b"false" };
    for part in [mount.source, mount.dest, mount.mode, writable] {
        out.extend_from_slice(part);
        out.push(b':');
    }
    out.extend_from_slice(mount.propagation);
}

/// A mount by its number, or by a pattern of its source (`dest` is asked by source, and all
/// others by destination). A container without such a mount has the text `N/A`, as rules expect.
fn mount<'v>(mounts: &'v [Mount<'_>], field: &FieldRef, scratch: &'v mut Vec<u8>) -> Value<'v> {
    let key = key(&field.argument);
    let number: Option<usize> = std::str::from_utf8(key).ok().and_then(|t| t.parse().ok());
    let by_source = field.field == Field::ContainerMountDest;
    let found = match number {
        Some(number) => mounts.get(number),
        None => mounts
            .iter()
            .find(|mount| glob::matches(key, if by_source { mount.source } else { mount.dest })),
    };
    let Some(mount) = found else {
        return Value::Text(b"N/A");
    };
    match field.field {
        Field::ContainerMountSource => Value::Text(mount.source),
        Field::ContainerMountDest => Value::Text(mount.dest),
        Field::ContainerMountMode => Value::Text(mount.mode),
        Field::ContainerMountRdwr => Value::Text(if mount.writable { b"true" } else { b"false" }),
        Field::ContainerMountPropagation => Value::Text(mount.propagation),
        _ => written(scratch, |out| write_mount(mount, out)),
    }
}

/// The event of an exec: flags of its file as an argument.
#[must_use]
pub fn exec_flags(process: &Process<'_>) -> ArgValue<'static> {
    let mut bits = 0;
    for (set, bit) in [
        (process.exe_writable, flags::EXE_WRITABLE),
        (process.exe_upper_layer, flags::EXE_UPPER_LAYER),
        (process.exe_lower_layer, flags::EXE_LOWER_LAYER),
        (process.exe_from_memfd, flags::EXE_FROM_MEMFD),
    ] {
        if set {
            bits |= bit;
        }
    }
    ArgValue::Flags(FlagSet::Exec, bits)
}

#[cfg(test)]
mod tests {
    use super::super::table::ALL;
    use super::*;

    /// What `value` relies on.
    #[test]
    fn fields_are_in_groups() {
        let group = |name: &str| match name.split('.').next() {
            Some("evt" | "syscall") => 0,
            Some("proc" | "thread") => 1,
            Some("user" | "group") => 2,
            Some("fd") => 3,
            Some("fs") => 4,
            _ => 5,
        };
        let groups: Vec<_> = ALL.iter().map(|info| group(info.name)).collect();
        assert!(groups.is_sorted());
        for (index, info) in ALL.iter().enumerate() {
            assert_eq!(info.field as usize, index);
        }
        for (index, (kind, ..)) in FD_KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }
}
