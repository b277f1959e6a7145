//! What events are made for: nothing that a rule would match is left out.

use rampart_detect::{
    Event, EventType, Options, PathNeed, RuleFile, Rules, builtin,
    field::{Arg, ArgValue, Fd, Field, FlagSet},
};

fn rules(conditions: &[&str]) -> Rules {
    let text: String = conditions
        .iter()
        .enumerate()
        .map(|(at, condition)| {
            format!(
                "- rule: r{at}\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  priority: INFO\n"
            )
        })
        .collect();
    let file = RuleFile {
        name: "rules.yaml",
        text: &text,
    };
    let (rules, told) = Rules::load(&[file], &Options::default());
    assert_eq!(rules.rules().len(), conditions.len(), "{told:?}");
    rules
}

fn text(need: Option<PathNeed>) -> String {
    let Some(need) = need else {
        return "all".to_owned();
    };
    let all = [
        ("", need.prefixes),
        ("name ", need.names),
        ("in ", need.components),
    ];
    let parts: Vec<_> = all
        .into_iter()
        .flat_map(|(what, set)| set.into_iter().map(move |part| format!("{what}{part}")))
        .collect();
    parts.join(", ")
}

#[test]
fn paths_that_are_read() {
    const READ: &str = "evt.type=openat and evt.is_open_read=true and ";
    for (condition, expected) in [
        ("fd.name=/etc/shadow", "/etc/shadow"),
        (
            "fd.name in (/etc/shadow, /etc/gshadow)",
            "/etc/gshadow, /etc/shadow",
        ),
        ("fd.name startswith /root/.ssh/", "/root/.ssh/"),
        (
            "fd.name pmatch (/etc/pam.d, /srv/*/key)",
            "/etc/pam.d, /srv",
        ),
        ("fd.directory=/etc/sudoers.d", "/etc/sudoers.d"),
        (
            "fd.filename in (.bashrc, .profile)",
            "name .bashrc, name .profile",
        ),
        ("fd.name endswith /.aws/credentials", "name credentials"),
        ("fd.name contains /.azure/", "in .azure"),
        ("fd.name glob \"/proc/*/environ\"", "name environ"),
        ("fd.name glob \"/home/*/.ssh/*\"", "in .ssh"),
        ("fd.name glob \"/root/.ssh/*\"", "/root/.ssh/"),
        ("fd.name glob \"/srv[/]key\"", "/srv"),
        ("fd.name endswith shadow", "all"),
        ("fd.name contains id_rsa", "all"),
        ("not fd.name startswith /usr", "all"),
        ("proc.name=cat", "all"),
        ("fd.name startswith /", "all"),
        // The narrower of two that must both hold.
        (
            "fd.name startswith /etc/ and fd.filename=shadow",
            "name shadow",
        ),
        (
            "(fd.name=/a/b or fd.filename=c) and not proc.name=sh",
            "/a/b, name c",
        ),
        ("fd.name=/a/b and evt.is_open_write=true", ""),
        ("fd.name=/a/b and not evt.is_open_write=false", ""),
        ("evt.arg.flags contains O_CREAT", ""),
        (
            "fd.name contains anyof (/a/, /b/, /c/, /d/)",
            "in a, in b, in c, in d",
        ),
    ] {
        let found = text(rules(&[&format!("{READ}{condition}")]).reads());
        assert_eq!(found, expected, "{condition}");
    }
    let both = rules(&["evt.type=openat and fd.name=/a/b", "evt.type=execve"]);
    assert_eq!(text(both.reads()), "/a/b");
}

#[test]
fn failures_hosts_and_fields() {
    let openat = EventType::named("openat");
    for (condition, failed, host) in [
        ("evt.type=openat and fd.num >= 0", false, true),
        ("evt.type=openat and fd.num=-1", true, true),
        ("evt.type=openat and not evt.rawres < 0", false, true),
        (
            "evt.type=openat and evt.rawres >= 0 and container.id != host",
            false,
            false,
        ),
        ("evt.type=openat and container.id != host", true, false),
        (
            "evt.type=openat and evt.failed=true and container.id=host",
            true,
            true,
        ),
        (
            "evt.type=openat and container.image.repository startswith x",
            true,
            false,
        ),
        (
            "evt.type=openat and not container.image.repository startswith x",
            true,
            true,
        ),
        ("evt.type=execve", false, false),
    ] {
        let rules = rules(&[condition]);
        let found = (rules.wants_failed(openat), rules.wants_host(openat));
        assert_eq!(found, (failed, host), "{condition}");
    }
    let data = rules(&[
        "evt.type in (read, recvfrom) and (evt.buffer contains x or evt.type=recvfrom and fd.name=a)",
    ]);
    assert!(!data.wants_without_data(EventType::named("read")));
    assert!(data.wants_without_data(EventType::named("recvfrom")));
    let fields =
        rules(&["evt.type=execve and tolower(proc.env[A])=b and proc.name = val(proc.sname)"])
            .fields();
    for field in [Field::ProcEnv, Field::ProcSname, Field::ProcName] {
        assert!(fields.contains(&field), "{field:?}");
    }
    assert!(!fields.contains(&Field::FdName));
}

/// Numbers without end, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const WORDS: &[&str] = &[
    "a", "b", "ab", ".ssh", "etc", "x.y", "key", "a*", "?b", "[ab]", "*",
];
const NAMES: &[&str] = &["a", "b", "ab", ".ssh", "etc", "x.y", "key", "aab", "bb"];

fn path(numbers: &mut Numbers, words: &[&str]) -> String {
    let count = 1 + numbers.below(4);
    (0..count)
        .map(|_| format!("/{}", numbers.of(words)))
        .collect()
}

fn condition(numbers: &mut Numbers, depth: usize) -> String {
    if depth > 0 && numbers.below(3) > 0 {
        let (a, b) = (condition(numbers, depth - 1), condition(numbers, depth - 1));
        return match numbers.below(4) {
            0 => format!("not ({a})"),
            1 => format!("({a} or {b})"),
            _ => format!("({a} and {b})"),
        };
    }
    let mut value = path(numbers, WORDS);
    match numbers.below(4) {
        0 => value = value.trim_start_matches('/').to_owned(),
        1 => value.push('/'),
        _ => {}
    }
    let field = numbers.of(&["fd.name", "fd.name", "fd.directory", "fd.filename"]);
    match numbers.below(9) {
        0 => format!("{field} = \"{value}\""),
        1 => format!("{field} in (\"{value}\", \"{}\")", path(numbers, WORDS)),
        2 => format!("{field} startswith \"{value}\""),
        3 => format!("{field} endswith \"{value}\""),
        4 => format!("{field} contains \"{value}\""),
        5 => format!("{field} glob \"{value}\""),
        6 => format!("{field} pmatch (\"{value}\", \"{}\")", path(numbers, WORDS)),
        7 => format!("evt.is_open_write={}", numbers.below(2) == 0),
        _ => "proc.name=cat".to_owned(),
    }
}

#[test]
fn a_path_that_a_rule_matches_is_never_left_out() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut matched, mut narrow) = (0, 0);
    for _ in 0..600 {
        let condition = condition(&mut numbers, 3);
        let rules = rules(&[&format!("evt.type=openat and {condition}")]);
        let need = rules.reads();
        narrow += u32::from(need.is_some());
        let mut state = rules.state();
        for _ in 0..40 {
            let path = path(&mut numbers, NAMES);
            let args = [Arg {
                name: "flags",
                value: ArgValue::Flags(FlagSet::Open, 0),
            }];
            let event = Event {
                kind: EventType::named("openat"),
                result: Some(3),
                fd: Some(Fd::file(3, path.as_bytes())),
                args: &args,
                ..Event::default()
            };
            if rules.first_match(&event, &mut state).is_some() {
                matched += 1;
                let told = need.as_ref().is_none_or(|need| need.has(&path));
                assert!(told, "{path} of {condition}: {need:?}");
            }
        }
    }
    assert!(matched > 1000 && narrow > 100, "{matched} {narrow}");
}

#[test]
fn our_own_rules_read_few_files() {
    let files = builtin::ALL
        .iter()
        .map(|(name, text)| RuleFile { name, text });
    let (rules, _) = Rules::load(&files.collect::<Vec<_>>(), &Options::default());
    let need = rules.reads().expect("not all files");
    for common in [
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/etc/ld.so.cache",
        "/proc/self/maps",
        "/usr/lib/locale/locale-archive",
        "/app/main.js",
    ] {
        assert!(!need.has(common), "{common}: {need:?}");
    }
    assert!(need.has("/etc/shadow"));
}
