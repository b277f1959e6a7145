//! Falco's own evaluations: each file's events are made again here, from its description.

use crate::support::{holds, json, reference};
use rampart_detect::{
    Event, EventType,
    field::{
        Arg, ArgValue, Argument, Connection, Fd, Field, FieldRef, FlagSet, Given, Process, Value,
    },
};

#[test]
fn falco_evaluates_the_same() {
    let Some(folder) = reference() else { return };
    let vectors = json(&folder.join("falco_eval_checks.json"));
    let vectors = vectors.as_array().unwrap();
    let mut wrong = Vec::new();
    let mut seen_v6 = false;
    for vector in vectors {
        let file = vector[0].as_str().unwrap().rsplit('/').next().unwrap();
        let (expected, condition) = (vector[1].as_bool().unwrap(), vector[2].as_str().unwrap());
        // The second half of the file of networks is about an IPv6 connection.
        seen_v6 |= condition == "fd.ip == 2001:4860:4860::8888";
        let found = with_event(file, condition, seen_v6, |event| holds(condition, event));
        if found != Ok(expected) {
            wrong.push(format!("{file}: {condition}: {found:?}"));
        }
    }
    println!(
        "{} of {} evaluations",
        vectors.len() - wrong.len(),
        vectors.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

type Checked = Result<bool, String>;

fn with_event(file: &str, text: &str, v6: bool, check: impl Fn(&Event<'_>) -> Checked) -> Checked {
    match file {
        "filter_transformer.ut.cpp" => transformer(text, check),
        "filter_op_contains.ut.cpp" => {
            let flags = [flags(0o102)];
            check(&open(b"/opt/dir/SUBDIR/file.txt", 1, &flags))
        }
        "filter_op_pmatch.ut.cpp" => check(&open(b"/opt/dir/subdir/file.txt", 1, &[])),
        "filter_op_net_compare.ut.cpp" => {
            let (client, server) = match v6 {
                false => ("172.40.111.222:54321", "142.251.111.147:443"),
                true => ("[::1]:54321", "[2001:4860:4860::8888]:443"),
            };
            let end = |text: &str| {
                let at: std::net::SocketAddr = text.parse().unwrap();
                Some((at.ip(), at.port()))
            };
            // Falco's fixture has no interfaces, so it takes the server's end for the local one.
            let connection = Connection {
                protocol: b"tcp",
                local: end(server),
                remote: end(client),
                is_server: true,
                ..Connection::default()
            };
            check(&Event {
                kind: EventType::named("connect"),
                fd: Some(Fd::socket(9, connection)),
                ..Event::default()
            })
        }
        "filter_op_bytebuf.ut.cpp" => {
            let nul = ["610", "a\\x00b", "\"ab\""]
                .iter()
                .any(|part| text.contains(part));
            check(&Event {
                kind: EventType::named("read"),
                buffer: Some(if nul { b"a\0b" } else { b"hello" }),
                ..Event::default()
            })
        }
        "filter_op_numeric_compare.ut.cpp" if text.starts_with("fd.") => {
            check(&open(b"/tmp/the_file", -1, &[]))
        }
        "filter_op_numeric_compare.ut.cpp" => check(&Event {
            kind: EventType::named("epoll_create"),
            cpu: Some(1),
            args: &[Arg {
                name: "res",
                value: ArgValue::Int(-22),
            }],
            ..Event::default()
        }),
        "filter_compiler.ut.cpp" => compiler(text, check),
        "events_evt.ut.cpp" => check(&Event {
            kind: EventType::named("openat"),
            result: Some(-2),
            ..Event::default()
        }),
        "evt.cpp" => check(&data(b"gigi")),
        "proc.cpp" => {
            let lineage = ["good-exe", "bash", "init"].map(named);
            check(&Event {
                kind: EventType::named("execve"),
                lineage: &lineage,
                ..Event::default()
            })
        }
        "cmp_operator_modifiers.cpp" => check(&Event {
            kind: EventType::named("execve"),
            lineage: &[named("myexe")],
            ..Event::default()
        }),
        "invalid_utf8.cpp" => invalid_utf8(text, check),
        other => Err(format!("no fixture for {other}")),
    }
}

fn named(name: &str) -> Process<'_> {
    Process {
        name: name.as_bytes(),
        ..Process::default()
    }
}

fn flags(bits: u64) -> Arg<'static> {
    Arg {
        name: "flags",
        value: ArgValue::Flags(FlagSet::Open, bits),
    }
}

fn open<'a>(path: &'a [u8], fd: i64, args: &'a [Arg<'a>]) -> Event<'a> {
    Event {
        kind: EventType::named("open"),
        result: Some(fd),
        fd: Some(Fd::file(fd, path)),
        args,
        ..Event::default()
    }
}

fn data(bytes: &[u8]) -> Event<'_> {
    // Lives as long as the test: one argument.
    let args = Box::leak(Box::new([Arg {
        name: "data",
        value: ArgValue::Text(Box::leak(bytes.to_vec().into_boxed_slice())),
    }]));
    Event {
        kind: EventType::named("read"),
        args,
        ..Event::default()
    }
}

fn transformer(text: &str, check: impl Fn(&Event<'_>) -> Checked) -> Checked {
    if text.contains("evt.arg.data") {
        return check(&data(b"foobar"));
    }
    let types = FieldRef {
        field: Field::FdTypes,
        argument: Argument::None,
    };
    let values = [Value::Text(b"file"), Value::Text(b"ipv4")];
    let count = if text.contains("= 2") { 2 } else { 1 };
    let given = [Given {
        field: &types,
        values: &values[..count],
        list: true,
    }];
    check(&Event {
        given: &given,
        ..open(b"/tmp/file_to_run", 3, &[])
    })
}

fn compiler(text: &str, check: impl Fn(&Event<'_>) -> Checked) -> Checked {
    if text.contains("reaper_tid") {
        let arg = |name, number| Arg {
            name,
            value: ArgValue::Int(number),
        };
        return check(&Event {
            kind: EventType::named("procexit"),
            args: &[arg("ret", 0), arg("reaper_tid", 1)],
            ..Event::default()
        });
    }
    check(&Event {
        kind: EventType::named("getcwd"),
        result: Some(-2),
        ..Event::default()
    })
}

fn invalid_utf8(text: &str, check: impl Fn(&Event<'_>) -> Checked) -> Checked {
    let path: &[u8] = b"/p\xff/q\xff";
    let arg = |name, text| Arg {
        name,
        value: ArgValue::Text(text),
    };
    if text.starts_with("proc.cwd") {
        return check(&Event {
            kind: EventType::named("chdir"),
            lineage: &[Process {
                cwd: b"/tmp/c\xff/",
                ..Process::default()
            }],
            ..Event::default()
        });
    }
    if text.starts_with("proc.") {
        return check(&Event {
            kind: EventType::named("execve"),
            lineage: &[Process {
                name: b"bad\xff",
                exe: b"/bin/bad\xff",
                ..Process::default()
            }],
            ..Event::default()
        });
    }
    if text.starts_with("fs.path.source") || text.starts_with("fs.path.target") {
        return check(&Event {
            kind: EventType::named("rename"),
            args: &[arg("oldpath", b"/tmp/s\xff"), arg("newpath", b"/tmp/t\xff")],
            ..Event::default()
        });
    }
    if text.starts_with("evt.abspath") {
        return check(&Event {
            kind: EventType::named("open_by_handle_at"),
            args: &[arg("path", b"/tmp/a\xff")],
            ..Event::default()
        });
    }
    check(&open(path, 3, &[arg("name", path)]))
}
