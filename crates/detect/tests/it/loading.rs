//! Rule files: how items add up, and what is told of wrong ones.

use crate::support::load;
use rampart_detect::{
    Event, EventType, Options, Priority, RuleFile, Rules, Severity, field::Process,
};

const BASE: &str = "
- list: shells
  items: [sh, bash]
- macro: started
  condition: (evt.type in (execve, execveat))
- rule: Shell
  desc: d
  condition: started and proc.name in (shells)
  output: \"%proc.name started\"
  priority: WARNING
  tags: [a]
";

fn raises(rules: &Rules, name: &str, parent: &str) -> Vec<String> {
    let process = |name: &str| Process {
        name: Box::leak(name.to_owned().into_boxed_str()).as_bytes(),
        cmdline: Box::leak(name.to_owned().into_boxed_str()).as_bytes(),
        ..Process::default()
    };
    let lineage = [process(name), process(parent)];
    let event = Event {
        kind: EventType::named("execve"),
        lineage: &lineage,
        ..Event::default()
    };
    let mut found = Vec::new();
    rules.matches(&event, &mut rules.state(), |rule| {
        found.push(rule.name.clone())
    });
    found
}

/// Loads the base with more, expects no error, and says which of these start as `Shell`.
fn shells(more: &str, names: &[(&str, &str)]) -> Vec<bool> {
    let (rules, diagnostics) = load(&format!("{BASE}{more}"));
    let wrong: Vec<_> = diagnostics.iter().filter(|d| d.is_error()).collect();
    assert!(wrong.is_empty(), "{more}: {wrong:?}");
    names
        .iter()
        .map(|(name, parent)| raises(&rules, name, parent) == ["Shell"])
        .collect()
}

#[test]
fn later_items_change_earlier_ones() {
    let asked = [("sh", "x"), ("zsh", "x"), ("bash", "cron")];
    for (more, expected) in [
        ("", [true, false, true]),
        ("- list: shells\n  items: [zsh]\n", [false, true, false]),
        (
            "- list: shells\n  items: [zsh]\n  append: true\n",
            [true, true, true],
        ),
        (
            "- list: shells\n  items: [zsh]\n  override: {items: append}\n",
            [true, true, true],
        ),
        (
            "- list: shells\n  items: [zsh]\n  override: {items: replace}\n",
            [false, true, false],
        ),
        (
            "- macro: started\n  condition: or proc.name = zsh\n  append: true\n",
            [true, false, true],
        ),
        (
            "- macro: started\n  condition: (evt.type = fork)\n",
            [false, false, false],
        ),
        (
            "- rule: Shell\n  condition: and not proc.pname = cron\n  append: true\n",
            [true, false, false],
        ),
        (
            "- rule: Shell\n  condition: started and proc.name = zsh\n  override: {condition: replace}\n",
            [false, true, false],
        ),
        ("- rule: Shell\n  enabled: false\n", [false, false, false]),
        (
            "- rule: Shell\n  enabled: false\n  override: {enabled: replace}\n",
            [false, false, false],
        ),
    ] {
        assert_eq!(shells(more, &asked), expected, "{more}");
    }
}

#[test]
fn exceptions_in_every_shape() {
    let asked = [("sh", "cron"), ("bash", "make"), ("sh", "nginx")];
    for (exceptions, expected) in [
        (
            "[{name: e, fields: [proc.name, proc.pname], comps: [=, in], values: [[sh, [cron, at]], [bash, make]]}]",
            [false, false, true],
        ),
        (
            "[{name: e, fields: proc.pname, comps: in, values: [cron, make]}]",
            [false, false, true],
        ),
        (
            "[{name: e, fields: proc.pname, values: [cron]}]",
            [false, true, true],
        ),
        (
            "[{name: e, fields: proc.pname, comps: startswith, values: [cr, ng]}]",
            [false, true, false],
        ),
        (
            "[{name: e, fields: [proc.name, proc.pname], values: [[sh, cron]]}]",
            [false, true, true],
        ),
        (
            "[{name: e, fields: [proc.name, proc.pname], comps: [in, =], values: [[shells, make]]}]",
            [true, false, true],
        ),
        (
            "[{name: e, fields: [tolower(proc.pname)], values: [[nginx]]}]",
            [true, true, false],
        ),
        (
            "[{name: e, fields: [proc.name, proc.pname]}]",
            [true, true, true],
        ),
    ] {
        let more = format!(
            "- rule: Shell\n  override: {{exceptions: append}}\n  exceptions: {exceptions}\n"
        );
        assert_eq!(shells(&more, &asked), expected, "{exceptions}");
    }
    // Values are added by the exception's name.
    let more = "
- rule: Shell
  append: true
  exceptions: [{name: e, fields: proc.pname, comps: in, values: [cron]}]
- rule: Shell
  append: true
  exceptions: [{name: e, values: [make]}]
";
    assert_eq!(shells(more, &asked), [false, false, true]);
}

/// A file, and the line, column, severity and words of what is told of it.
const WRONG: &[(&str, usize, usize, &str, &str)] = &[
    ("- rule: [\n- x: }\n", 2, 1, "error", ""),
    ("a: b\n", 1, 1, "error", "file is a mapping"),
    ("- 7\n", 1, 3, "error", "item is a text"),
    (
        "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n",
        1,
        3,
        "error",
        "'condition' is missing",
    ),
    (
        "- rule: r\n  desc: d\n  output: o\n  priority: LOUD\n  condition: evt.type=open\n",
        4,
        13,
        "error",
        "'LOUD' is no priority",
    ),
    (
        "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: >\n    evt.type=open and\n    (proc.name contans x)\n",
        7,
        16,
        "error",
        "no operator",
    ),
    (
        "- rule: r\n  desc: d\n  output: at %proc.nmae\n  priority: INFO\n  condition: evt.type=open\n",
        3,
        14,
        "error",
        "did you mean 'proc.name'?",
    ),
    (
        "- macro: a b\n  condition: evt.type=open\n",
        1,
        3,
        "error",
        "cannot be used",
    ),
    (
        "- macro: m\n  condition: m or evt.type=open\n",
        1,
        3,
        "error",
        "uses itself",
    ),
    (
        "- list: l\n  items: {a: b}\n",
        2,
        10,
        "error",
        "'items' is a mapping",
    ),
    (
        "- rule: r\n  append: true\n  condition: and proc.pid=1\n",
        1,
        3,
        "error",
        "not there",
    ),
    (
        "- required_engine_version: 99.0.0\n",
        1,
        28,
        "error",
        "require engine version",
    ),
    (
        "- required_plugin_versions:\n    - name: nosuch\n      version: 1.0.0\n",
        2,
        7,
        "error",
        "nosuch 1.0.0",
    ),
    ("- rul: r\n", 1, 3, "warning", "unknown item"),
    (
        "- rule: r\n  desc: d\n  outptu: x\n  output: o\n  priority: INFO\n  condition: evt.type=open\n",
        3,
        3,
        "warning",
        "did you mean 'output'?",
    ),
    (
        "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: evt.type=opne\n",
        5,
        14,
        "warning",
        "did you mean 'open'?",
    ),
    (
        "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: proc.name=a\n",
        1,
        3,
        "warning",
        "every type of event",
    ),
    (
        "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  source: k8s_audit\n  condition: ka.x=a\n",
        1,
        3,
        "warning",
        "source 'k8s_audit'",
    ),
];

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, line, column, severity, part) in WRONG {
        let (_, diagnostics) = load(text);
        let wanted = if *severity == "error" {
            Severity::Error
        } else {
            Severity::Warning
        };
        let found = diagnostics.iter().any(|d| {
            d.severity == wanted
                && d.message.contains(part)
                && (d.place.line, d.place.column) == (*line, *column)
        });
        let shown: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert!(found, "{text}: {part} at {line}:{column}: {shown:#?}");
    }
}

#[test]
fn a_wrong_rule_does_not_take_others_with_it() {
    let (rules, diagnostics) = load(&format!(
        "{BASE}- rule: Bad\n  desc: d\n  condition: proc.nosuch=1\n  output: o\n  priority: INFO\n"
    ));
    assert!(diagnostics.iter().any(|d| d.is_error()));
    assert_eq!(raises(&rules, "sh", "x"), ["Shell"]);
    let lenient = "- rule: Newer\n  desc: d\n  condition: evt.type=open and proc.nosuch=1\n  \
                   skip-if-unknown-filter: true\n  output: o\n  priority: INFO\n";
    let (_, diagnostics) = load(lenient);
    assert!(diagnostics.iter().all(|d| !d.is_error()), "{diagnostics:?}");
    assert_eq!(diagnostics.len(), 1);
}

/// Nothing here may take more than a moment, or more than its limits.
#[test]
fn bombs_are_refused() {
    let mut aliases = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let refs = vec![format!("*a{}", n - 1); 10].join(", ");
        aliases.push_str(&format!("- &a{n} [{refs}]\n"));
    }
    let mut lists = "- list: l0\n  items: [a, b, c, d, e, f, g, h, i, j]\n".to_owned();
    for n in 1..9 {
        let refs = vec![format!("l{}", n - 1); 10].join(", ");
        lists.push_str(&format!("- list: l{n}\n  items: [{refs}]\n"));
    }
    lists.push_str(
        "- rule: r\n  desc: d\n  condition: evt.type=open and proc.name in (l8)\n  output: o\n  priority: INFO\n",
    );
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    // Anchors inside anchors: each keeps all below it.
    let leaves = vec!["x"; 20_000].join(",");
    let mut anchors = format!("[{leaves}]");
    for n in 0..50 {
        anchors = format!("&b{n} [{anchors}]");
    }
    let anchors = format!("- {anchors}\n");
    // Macros as deep as they may be, each in the next.
    let mut tower = "- macro: m0\n  condition: (proc.name=a)\n".to_owned();
    for n in 1..90 {
        let inner = format!("m{}", n - 1);
        let nested = (0..90).fold(inner, |inner, level| match level % 2 {
            0 => format!("(proc.pid={level} or {inner})"),
            _ => format!("(proc.tty={level} and {inner})"),
        });
        tower.push_str(&format!("- macro: m{n}\n  condition: {nested}\n"));
    }
    let last = "- rule: r\n  desc: d\n  condition: m89\n  output: o\n  priority: INFO\n";
    let first_last = format!("{last}{tower}");
    tower.push_str(last);
    for text in [aliases, lists, deep, anchors, tower, first_last] {
        let (rules, diagnostics) = load(&text);
        assert!(rules.rules().is_empty());
        assert!(diagnostics.iter().any(|d| d.is_error()));
    }
    // Macros may double as often as they like: equal parts are one.
    let mut macros = "- macro: m0\n  condition: (proc.name=a or proc.name=b)\n".to_owned();
    for n in 1..90 {
        let before = n - 1;
        macros.push_str(&format!(
            "- macro: m{n}\n  condition: (m{before} and (not m{before} or m{before}))\n"
        ));
    }
    macros.push_str(
        "- rule: r\n  desc: d\n  condition: evt.type=open and m89\n  output: o\n  priority: INFO\n",
    );
    let (rules, diagnostics) = load(&macros);
    assert_eq!((rules.rules().len(), diagnostics), (1, vec![]));
}

#[test]
fn outputs_and_alerts() {
    let text = "- rule: r\n  desc: d\n  condition: evt.type=execve\n  priority: info\n  tags: [t]\n  \
                output: \"100%% %proc.name. up=%toupper(proc.name) gone=%proc.sname p=%proc.aname[1]\"\n";
    let options = Options {
        append_output: "container_id=%container.id".to_owned(),
        ..Options::default()
    };
    let (rules, diagnostics) = Rules::load(&[RuleFile { name: "f", text }], &options);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let process = |name| Process {
        name,
        ..Process::default()
    };
    let lineage = [process(b"a\nb"), process(b"sh")];
    let event = Event {
        kind: EventType::named("execve"),
        time_ns: 1_600_000_000_123_456_789,
        lineage: &lineage,
        ..Event::default()
    };
    let rule = rules.first_match(&event, &mut rules.state()).unwrap();
    let alert = rule.alert(&event, "node1");
    assert_eq!(
        alert.to_json(),
        serde_json::json!({
            "hostname": "node1",
            "output": "12:26:40.123456789: Informational 100% a\\nb. up=A\\nB gone=<NA> p=sh container_id=host",
            "output_fields": {
                "proc.name": "a\nb",
                "toupper(proc.name)": "A\nB",
                "proc.sname": null,
                "proc.aname[1]": "sh",
                "container.id": "host",
            },
            "priority": "Informational",
            "rule": "r",
            "source": "syscall",
            "tags": ["t"],
            "time": "2020-09-13T12:26:40.123456789Z",
        })
    );
}

#[test]
fn less_severe_rules_can_be_left_off() {
    let file = RuleFile {
        name: "f",
        text: BASE,
    };
    let options = Options {
        least: Priority::Error,
        ..Options::default()
    };
    let (rules, _) = Rules::load(&[file], &options);
    assert!(!rules.rules()[0].enabled);
    assert!(raises(&rules, "sh", "x").is_empty());
    assert!(!rules.wants(EventType::named("execve")));
}
