//! The language by our own vectors: what is taken, what is refused, what holds for one event.

use crate::support::holds;
use rampart_detect::{
    Event, EventType,
    condition::parser::{self, MAX_DEPTH},
    field::{Arg, ArgValue, Connection, Container, Fd, FlagSet, Mount, Process, User},
};

#[test]
fn grammar() {
    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    for (text, accepted) in [
        ("proc.name = sh", true),
        ("proc.name=sh and not(proc.tty=0)or in_container", true),
        ("not not proc.name exists", true),
        ("proc.aname[2] in (a, 'b c', \"d\")", true),
        ("proc.name in names", true),
        ("fd.name pmatch (/etc, /root)", true),
        ("evt.arg[0] contains x", true),
        ("len(join(':', (proc.name, 'x', 7))) > 3", true),
        ("concat(proc.name, '-', proc.pid) = sh-1", true),
        ("proc.name = val(proc.pname)", true),
        ("proc.name = oneof (a, b) or proc.name = oneof", true),
        ("proc.name regex '^a.*'", true),
        (&deep(MAX_DEPTH), true),
        (&deep(MAX_DEPTH + 1), false),
        ("", false),
        ("proc.name", false),
        ("proc.name = ", false),
        ("proc.name = a b", false),
        ("proc.name in (a,,b)", false),
        ("proc.name in (a", false),
        ("proc.name = 'a", false),
        ("proc.name = 'a\\q'", false),
        ("(proc.name = a", false),
        ("proc.name = a)", false),
        ("a andb", false),
        ("proc.pid > x", false),
        ("val(proc.name) = a", false),
        ("nosuch(proc.name) = a", false),
        ("join('-', (name)) = a", false),
        ("proc.name oneof (a)", false),
    ] {
        assert_eq!(parser::parse(text).is_ok(), accepted, "{text}");
    }
}

#[test]
fn errors_say_where_and_what_was_expected() {
    for (text, at, expected) in [
        ("proc.name contans x", 10, "contains"),
        ("proc.name = a proc.pid = 1", 14, "'and' or 'or'"),
        ("(proc.name = a", 14, "')'"),
        ("proc.name in (a, )", 17, "a text"),
        ("proc.pid < abc", 11, "a number"),
    ] {
        let wrong = parser::parse(text).unwrap_err();
        assert_eq!(wrong.at, at, "{text}: {wrong:?}");
        assert!(wrong.expected.contains(expected), "{text}: {wrong:?}");
    }
}

fn with_event(check: impl Fn(&Event<'_>)) {
    let process = |name: &'static str, cmdline: &'static str| Process {
        pid: 40,
        name: name.as_bytes(),
        exe: b"./run",
        exepath: b"/opt/App/run",
        cmdline: cmdline.as_bytes(),
        cwd: b"/opt/App",
        env: b"PATH=/bin\0TOKEN=s3cret\0",
        tty: Some(34816),
        started_ns: Some(1_000),
        cap_effective: Some(1 << 21 | 1 << 1),
        ..Process::default()
    };
    let lineage = [
        process("run", "run --all now"),
        process("sh", "sh -c ./run"),
        process("nginx", "nginx: worker"),
    ];
    let mounts = [Mount {
        source: b"/root/secrets",
        dest: b"/mnt",
        mode: b"rw",
        writable: true,
        propagation: b"private",
    }];
    let container = Container {
        id: b"c1",
        repository: b"shop/web",
        privileged: Some(true),
        mounts: &mounts,
        labels: &[(b"team", b"blue")],
        ..Container::default()
    };
    let args = [
        Arg {
            name: "flags",
            value: ArgValue::Flags(FlagSet::Open, 0o1102),
        },
        Arg {
            name: "uid",
            value: ArgValue::Int(0),
        },
    ];
    check(&Event {
        number: 9,
        time_ns: 5_000_001_000,
        kind: EventType::named("openat"),
        result: Some(5),
        lineage: &lineage,
        user: User {
            uid: Some(33),
            name: b"www",
            ..User::default()
        },
        fd: Some(Fd::file(5, b"/etc/App/Conf.d/x.conf")),
        container: Some(&container),
        args: &args,
        buffer: Some(b"\xca\xfe\x00"),
        ..Event::default()
    });
}

const COMPARISONS: &[(&str, bool)] = &[
    // Equality, sets, and what is missing.
    ("proc.name = run", true),
    ("proc.name != run", false),
    ("proc.name in (a, run)", true),
    ("proc.name in ()", false),
    ("proc.sname = x", false),
    ("proc.sname != x", false),
    ("not proc.sname = x", true),
    ("not proc.sname exists", true),
    ("proc.sname in ('', x)", false),
    ("len(proc.sname) >= 0", false),
    // Text.
    ("fd.name startswith /etc/", true),
    ("fd.name endswith .conf", true),
    ("fd.name contains Conf", true),
    ("fd.name contains conf.d", false),
    ("fd.name icontains conf.D", true),
    ("fd.name glob /etc/*/x.????", true),
    ("fd.name iglob /ETC/*", true),
    ("fd.name regex '/etc/.*'", true),
    ("fd.name regex 'etc'", false),
    ("fd.name pmatch (/usr, /etc/App)", true),
    ("fd.name pmatch (/etc/Ap)", false),
    (
        "fd.directory = /etc/App/Conf.d and fd.filename = x.conf",
        true,
    ),
    (
        "evt.buffer bcontains fe00 and evt.buffer bstartswith CAFE",
        true,
    ),
    // Many texts of one field are searched together.
    (
        "fd.name contains q1 or fd.name contains q2 or fd.name contains q3 or fd.name contains App",
        true,
    ),
    (
        "fd.name contains q1 or fd.name contains q2 or fd.name contains q3 or fd.name contains q4",
        false,
    ),
    // Numbers.
    ("evt.num = 9 and evt.num > 0x8 and evt.num <= 9", true),
    ("evt.rawres in (3, 5)", true),
    ("proc.duration = 5000000000", true),
    ("evt.arg.uid = 0 and evt.arg.uid < 1", true),
    ("evt.rawarg.flags = 578", true),
    // What flags and numbers are called.
    ("evt.arg.flags contains O_TRUNC", true),
    ("evt.is_open_write = true and evt.is_open_read = true", true),
    ("thread.cap_effective contains CAP_SYS_ADMIN", true),
    ("evt.res = SUCCESS", true),
    // Ancestors.
    ("proc.pname = sh and proc.aname[2] = nginx", true),
    ("proc.aname = nginx", true),
    ("proc.aname = run", false),
    ("proc.aname in (x, nginx)", true),
    ("proc.aname[7] = nginx", false),
    (
        "proc.args = '--all now' and proc.pcmdline startswith 'sh -c'",
        true,
    ),
    (
        "proc.env[TOKEN] = s3cret and proc.env icontains 'path='",
        true,
    ),
    // Containers.
    ("container.id != host and container.privileged = true", true),
    (
        "container.label.team = blue and container.label[team] = blue",
        true,
    ),
    ("container.mount.dest[/root*] = /mnt", true),
    ("container.mount.dest[/var*] in ('<NA>', 'N/A')", true),
    // Transformers.
    (
        "toupper(proc.name) = RUN and tolower(fd.filename) = x.conf",
        true,
    ),
    ("basename(proc.exepath) = run and len(proc.name) = 3", true),
    ("join('/', (proc.pname, proc.name)) = sh/run", true),
    ("concat(proc.name, proc.sname) exists", false),
    ("b64(fd.name) exists", false),
    ("basename(proc.exepath) = val(proc.name)", true),
    ("proc.pname = val(proc.name)", false),
    ("fd.name startswith val(fd.directory)", true),
    // Several values on the right.
    (
        "proc.name = anyof (x, run) and proc.name != allof (x, y)",
        true,
    ),
    ("fd.name contains oneof (App, Conf)", false),
    ("fd.name contains allof (App, Conf)", true),
    ("evt.type = oneof (open, openat)", true),
    ("evt.type startswith open and not evt.type = open", true),
];

#[test]
fn comparisons() {
    with_event(|event| {
        for (condition, expected) in COMPARISONS {
            assert_eq!(holds(condition, event), Ok(*expected), "{condition}");
        }
    });
}

#[test]
fn addresses_match_by_end_and_network() {
    let end = |text: &str| {
        let at: std::net::SocketAddr = text.parse().unwrap();
        Some((at.ip(), at.port()))
    };
    let event = Event {
        kind: EventType::named("connect"),
        result: Some(0),
        fd: Some(Fd::socket(
            4,
            Connection {
                protocol: b"tcp",
                local: end("10.0.0.5:40000"),
                remote: end("203.0.113.9:443"),
                ..Connection::default()
            },
        )),
        ..Event::default()
    };
    for (condition, expected) in [
        (
            "fd.sip = 203.0.113.9 and fd.rip = 203.0.113.9 and fd.cip = 10.0.0.5",
            true,
        ),
        ("fd.ip = 10.0.0.5", true),
        ("fd.ip != 10.0.0.5", false),
        ("fd.ip != 8.8.8.8", true),
        ("fd.net in (10.0.0.0/8)", true),
        ("fd.snet in (10.0.0.0/8)", false),
        ("fd.port = 443 and fd.port = 40000", true),
        ("fd.sport in (80, 443) and fd.lport > 1024", true),
        ("fd.name = '10.0.0.5:40000->203.0.113.9:443'", true),
        ("fd.typechar = 4 and fd.l4proto = tcp", true),
        ("fd.directory exists", false),
        ("fd.sip = ::1", false),
    ] {
        assert_eq!(holds(condition, &event), Ok(expected), "{condition}");
    }
}

#[test]
fn what_cannot_be_compared_is_told_when_it_is_loaded() {
    let event = Event::default();
    for (condition, part) in [
        ("proc.nam = a", "did you mean 'proc.name'?"),
        ("proc.name > 3", "cannot compare the string proc.name"),
        ("proc.pid contains 1", "cannot compare the number proc.pid"),
        ("proc.pid = one", "'one' is no number"),
        ("evt.is_open_read = maybe", "true or false"),
        ("fd.sip = example", "'example' is no address"),
        ("evt.buffer bcontains 2g", "no bytes in hex"),
        ("proc.name regex '('", "regular expression"),
        (
            "proc.name regex 'a{1000}{1000}{1000}'",
            "regular expression",
        ),
        ("fd.types = a", "cannot compare the list fd.types"),
        ("proc.aname[x] = a", "number in brackets"),
        ("evt.arg = a", "needs an argument"),
        ("proc.name[1] = a", "takes no argument"),
        ("tolower(proc.pid) = a", "takes a string"),
        (
            "proc.name = val(proc.pid)",
            "compares a string with a number",
        ),
        ("nosuch and proc.name = a", "no macro 'nosuch'"),
    ] {
        let found = holds(condition, &event).unwrap_err();
        assert!(found.contains(part), "{condition}: {found}");
    }
}
