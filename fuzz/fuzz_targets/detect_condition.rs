//! Conditions of detection rules, parsed and evaluated.
//!
//! Holds: no panic; an error is inside the text; evaluating twice gives the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rampart_detect::{
    Event, EventType, Options, RuleFile, Rules,
    condition::parser,
    field::{Arg, ArgValue, Container, Fd, FlagSet, Process},
};

fuzz_target!(|text: &str| {
    if let Err(wrong) = parser::parse(text) {
        assert!(wrong.at <= text.len() && !wrong.message.is_empty());
        return;
    }
    let condition = serde_json::Value::from(text);
    let yaml = format!(
        "- rule: r\n  desc: d\n  output: '%proc.name'\n  priority: INFO\n  condition: {condition}\n"
    );
    let file = RuleFile {
        name: "f",
        text: &yaml,
    };
    let (rules, _) = Rules::load(&[file], &Options::default());
    let process = Process {
        pid: 7,
        name: b"sh\xff",
        exe: b"/bin/sh",
        cmdline: b"sh -c id",
        env: b"A=b\0",
        tty: Some(1),
        cap_effective: Some(u64::MAX),
        ..Process::default()
    };
    let lineage = [process, process, process];
    let container = Container {
        id: b"c",
        ..Container::default()
    };
    let args = [Arg {
        name: "flags",
        value: ArgValue::Flags(FlagSet::Open, 0o1102),
    }];
    let event = Event {
        kind: EventType::named("openat"),
        result: Some(3),
        time_ns: i64::MAX,
        lineage: &lineage,
        container: Some(&container),
        fd: Some(Fd::file(3, b"/etc/x/../\xff")),
        args: &args,
        buffer: Some(b"\0\x01"),
        ..Event::default()
    };
    let mut state = rules.state();
    let first = rules.first_match(&event, &mut state).is_some();
    assert_eq!(first, rules.first_match(&event, &mut state).is_some());
});
