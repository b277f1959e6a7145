//! A record of a call becomes a [`Call`]. Relative paths are made absolute here, by text only:
//! what a link on the way leads to is not known any more.

use super::{Address, Call, CallFd, CallFdKind, Via, table};
use crate::{
    FileId,
    decode::{address, take, task, text},
    intf::{
        self, CallRecord,
        call::{flag, shape, via},
    },
};
use rampart_model::Timestamp;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

pub(crate) fn decode(bytes: &[u8], at: Timestamp) -> Option<Call> {
    let record: CallRecord = intf::read(bytes)?;
    let mut rest = bytes.get(size_of::<CallRecord>()..)?;
    let fd_path = take(&mut rest, record.fd_path_len)?;
    let path = take(&mut rest, record.path_len)?;
    let base = take(&mut rest, record.base_len)?;
    let other = take(&mut rest, record.other_len)?;
    let other_base = take(&mut rest, record.other_base_len)?;
    let socket = take(&mut rest, record.address_len)?;
    let is = |bit: u32| record.flags & bit != 0;
    let mut fd = is(flag::FD).then(|| descriptor(&record, fd_path));
    let resolved = is(flag::RESOLVED);
    let row = table::row(record.call)?;
    let name = row.name;
    let absolute = |text: &[u8], base: &[u8], has_base: bool, is_path: bool| {
        if is_path {
            join(text, base, has_base)
        } else {
            (String::from_utf8_lossy(text).into_owned(), false)
        }
    };
    let is_path = |dir: u8| dir != intf::call::ARG_NONE;
    let (clean_path, lost) = match &fd {
        Some(fd) if resolved => (fd.path.clone(), false),
        // The folder that a relative path starts from is told after the call: here it is the one
        // gone to.
        _ if name == "chdir" && record.result == 0 && is(flag::BASE) => (text(base), false),
        _ => absolute(path, base, is(flag::BASE), is_path(row.spec.dir_arg)),
    };
    let given = match resolved && path != fd_path {
        true => text(path),
        false => String::new(),
    };
    let (other_path, other_lost) = absolute(
        other,
        other_base,
        is(flag::OTHER_BASE),
        is_path(row.spec.other_dir_arg),
    );
    if record.via == via::URING
        && row.spec.shape <= shape::OPEN_HOW
        && row.spec.shape != shape::PLAIN
    {
        fd = Some(asked(&clean_path, record.args[2]));
    }
    let lossy = |bytes: &[u8]| std::str::from_utf8(bytes).is_err();
    Some(Call {
        at,
        task: task(&record.task),
        name,
        via: match record.via {
            via::COMPAT => Via::Compat,
            via::URING => Via::IoUring,
            _ => Via::Native,
        },
        result: record.result,
        args: record.args,
        truncated: is(flag::CUT)
            || lost
            || other_lost
            || [fd_path, base, other, other_base].into_iter().any(lossy)
            || clean_path.contains('\u{fffd}'),
        fd,
        path: clean_path,
        given,
        other_path,
        resolved,
        address: socket_address(socket),
    })
}

fn descriptor(record: &CallRecord, path: &[u8]) -> CallFd {
    let is = |bit: u32| record.flags & bit != 0;
    let kind = kind(record.fd_kind);
    let inet = kind == CallFdKind::Inet;
    let end = |ip, port: u16| {
        let end = SocketAddr::new(address(ip), port);
        (inet && (port != 0 || !end.ip().is_unspecified())).then_some(end)
    };
    CallFd {
        number: record.fd,
        kind,
        file: FileId {
            dev: intf::user_dev(record.fd_dev),
            ino: record.fd_ino,
        },
        mode: record.fd_mode,
        flags: record.fd_flags,
        created: is(flag::CREATED),
        upper: is(flag::UPPER),
        path: match kind {
            CallFdKind::Unix => unix_name(path),
            CallFdKind::File
            | CallFdKind::Directory
            | CallFdKind::Character
            | CallFdKind::Block
            | CallFdKind::Unlinked => or_root(path),
            _ => text(path),
        },
        protocol: record.protocol,
        family: record.family,
        socket_type: record.socket_type,
        local: end(record.local, record.local_port),
        peer: end(record.peer, record.peer_port),
    }
}

/// What an open through io_uring will give, as far as it is known before it is done.
fn asked(path: &str, flags: u64) -> CallFd {
    let flags = u32::try_from(flags & u64::from(u32::MAX)).unwrap_or(0);
    let directory = flags & libc::O_DIRECTORY.cast_unsigned() != 0;
    CallFd {
        kind: if directory {
            CallFdKind::Directory
        } else {
            CallFdKind::File
        },
        flags,
        path: path.to_owned(),
        ..CallFd::default()
    }
}

fn kind(code: u8) -> CallFdKind {
    match code {
        1 => CallFdKind::File,
        2 => CallFdKind::Directory,
        3 => CallFdKind::Character,
        4 => CallFdKind::Block,
        5 => CallFdKind::Pipe,
        6 => CallFdKind::Inet,
        7 => CallFdKind::Unix,
        8 => CallFdKind::Socket,
        9 => CallFdKind::Unlinked,
        _ => CallFdKind::Other,
    }
}

/// The walk writes nothing for the root itself.
fn or_root(path: &[u8]) -> String {
    if path.is_empty() {
        "/".to_owned()
    } else {
        text(path)
    }
}

/// The path as it is from the root, cleaned of `.`, `..` and double slashes; true when it is
/// relative to something unknown.
fn join(path: &[u8], base: &[u8], has_base: bool) -> (String, bool) {
    let path = text(path);
    if path.starts_with('/') {
        return (clean(&path), false);
    }
    if !has_base {
        let lost = !path.is_empty();
        return (path, lost);
    }
    (clean(&format!("{}/{path}", text(base))), false)
}

fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn socket_address(bytes: &[u8]) -> Option<Address> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let family = u16::from_ne_bytes(*family);
    let other = Some(Address::Other { family });
    match family {
        AF_UNIX => Some(Address::Unix(unix_name(rest))),
        AF_INET => {
            let Some((port, rest)) = rest.split_first_chunk::<2>() else {
                return other;
            };
            let Some(ip) = rest.first_chunk::<4>() else {
                return other;
            };
            let ip = Ipv4Addr::from(*ip);
            Some(Address::Inet(SocketAddr::new(
                ip.into(),
                u16::from_be_bytes(*port),
            )))
        }
        AF_INET6 => {
            let Some((port, rest)) = rest.split_first_chunk::<2>() else {
                return other;
            };
            let Some(ip) = rest.get(4..).and_then(|r| r.first_chunk::<16>()) else {
                return other;
            };
            let port = u16::from_be_bytes(*port);
            let ip = Ipv6Addr::from(*ip);
            Some(Address::Inet(match ip.to_ipv4_mapped() {
                Some(v4) => SocketAddr::new(v4.into(), port),
                None => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, 0)),
            }))
        }
        _ => other,
    }
}

/// A path that may end with a zero byte, or an abstract name, which begins with one.
fn unix_name(bytes: &[u8]) -> String {
    match bytes {
        [0, name @ ..] => format!("@{}", text(name)),
        path => text(path.split(|b| *b == 0).next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, decode::Clock, fuzz};

    #[test]
    fn paths_are_made_absolute() {
        for (path, base, has_base, expected, lost) in [
            ("/etc/../etc//passwd", "", false, "/etc/passwd", false),
            ("x", "/tmp", true, "/tmp/x", false),
            ("../../../x", "/a/b", true, "/x", false),
            ("", "/a/b", true, "/a/b", false),
            ("x", "", true, "/x", false),
            ("x", "", false, "x", true),
            ("", "", false, "", false),
            ("/..", "", false, "/", false),
        ] {
            let found = join(path.as_bytes(), base.as_bytes(), has_base);
            assert_eq!(found, (expected.to_owned(), lost), "{path} {base}");
        }
    }

    #[test]
    fn addresses() {
        let bytes = |family: u16, rest: &[u8]| [&family.to_ne_bytes()[..], rest].concat();
        let inet = |text: &str| Some(Address::Inet(text.parse().unwrap()));
        let v4 = bytes(2, &[0, 80, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(socket_address(&v4), inet("10.1.2.3:80"));
        let mut v6 = bytes(10, &[1, 187, 0, 0, 0, 0]);
        v6.extend(Ipv6Addr::LOCALHOST.octets());
        assert_eq!(socket_address(&v6), inet("[::1]:443"));
        let mut mapped = bytes(10, &[1, 187, 0, 0, 0, 0]);
        mapped.extend(Ipv4Addr::new(9, 8, 7, 6).to_ipv6_mapped().octets());
        assert_eq!(socket_address(&mapped), inet("9.8.7.6:443"));
        let unix = |name: &str| Some(Address::Unix(name.to_owned()));
        assert_eq!(socket_address(&bytes(1, b"/run/x\0\0")), unix("/run/x"));
        assert_eq!(socket_address(&bytes(1, b"\0name")), unix("@name"));
        assert_eq!(
            socket_address(&bytes(16, b"\0\0")),
            Some(Address::Other { family: 16 })
        );
        assert_eq!(
            socket_address(&bytes(2, &[0, 80, 10])),
            Some(Address::Other { family: 2 })
        );
        assert_eq!(socket_address(&[2]), None);
    }

    #[test]
    fn lengths_and_names_beyond_the_record_give_nothing() {
        let mut record: CallRecord = intf::zeroed();
        record.head.kind = intf::kind::CALL;
        record.call = 1;
        let at = Clock::now().wall(0);
        assert!(decode(intf::bytes_of(&record), at).is_some());
        assert!(matches!(
            fuzz::record(intf::bytes_of(&record)),
            Some(Event::Call(_))
        ));
        record.other_base_len = 1;
        assert!(decode(intf::bytes_of(&record), at).is_none());
        record.other_base_len = 0;
        record.call = u16::MAX;
        assert!(decode(intf::bytes_of(&record), at).is_none());
    }
}
