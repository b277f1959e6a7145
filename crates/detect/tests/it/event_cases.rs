//! Falco's acceptance cases: what each does, as the events it would have caused.

use crate::{
    falco_rules::FILES,
    support::{json, reference},
};
use rampart_detect::{Options, RuleFile, Rules, field::named::NamedEvent};
use serde_json::{Map, Value, json};

#[test]
fn each_case_raises_the_rule_it_names() {
    let Some(folder) = reference() else { return };
    let text = std::fs::read_to_string(folder.join("falco-rules").join(FILES[0])).unwrap();
    let file = RuleFile {
        name: FILES[0],
        text: &text,
    };
    let (rules, _) = Rules::load(&[file], &Options::default());
    let mut state = rules.state();
    let cases = json(&folder.join("falco_event_cases.json"));
    let cases = cases["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        let mut raised = Vec::new();
        let mut alerts = Vec::new();
        for event in events(case) {
            let named = NamedEvent::from_fields(&event).unwrap();
            named.visit(1, 1_700_000_000_000_000_000, |event| {
                rules.matches(event, &mut state, |rule| {
                    raised.push(rule.name.clone());
                    if rule.name == case["rule"] {
                        alerts.push(rule.alert(event, "host"));
                    }
                });
            });
        }
        let expected = &case["expectedOutcome"];
        let told = alerts.iter().any(|alert| {
            let priority = expected["priority"].as_str().unwrap();
            alert.priority.name().eq_ignore_ascii_case(priority)
                && expected["outputFields"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(name, value)| alert.fields.get(name) == Some(value))
        });
        if !told {
            wrong.push(format!("{}: {raised:?} {alerts:?}", case["id"]));
        }
    }
    println!("{} of {} cases", cases.len() - wrong.len(), cases.len());
    assert!(
        wrong.is_empty(),
        "{}",
        wrong[..wrong.len().min(20)].join("\n")
    );
}

type Fields = Map<String, Value>;

/// One event for each step; for none, the exec of the last process.
fn events(case: &Value) -> Vec<Fields> {
    let empty = Vec::new();
    let steps = case["steps"].as_array().unwrap_or(&empty);
    if steps.is_empty() {
        return vec![exec(case)];
    }
    steps
        .iter()
        .map(|step| {
            let mut event = process(case);
            let kind = step["syscall"].as_str().unwrap();
            event.insert("evt.type".into(), kind.into());
            fill(&mut event, case, kind, &step["args"]);
            event
        })
        .collect()
}

fn fill(event: &mut Fields, case: &Value, kind: &str, args: &Value) {
    let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
    match kind {
        "open" | "openat" | "openat2" => {
            let how = if args["how"].is_null() {
                args
            } else {
                &args["how"]
            };
            let raw = args["pathname"].as_str().unwrap();
            set("evt.arg.flags", how["flags"].clone());
            set("fd.nameraw", raw.into());
            set("fd.name", normal(raw).into());
            set("fd.typechar", "f".into());
            set("fd.num", 5.into());
            set("evt.rawres", 5.into());
        }
        "link" | "linkat" => {
            set("evt.arg.oldpath", args["oldPath"].clone());
            set("evt.arg.newpath", args["newPath"].clone());
        }
        "socket" => {
            set("evt.arg.domain", args["domain"].clone());
        }
        "dup2" | "dup3" => {
            let address = case["resources"][0]["address"].as_str().unwrap();
            let v6 = case["resources"][0]["l4Proto"] == "tcp6";
            let from = if v6 { "[::1]" } else { "127.0.0.1" };
            set("fd.type", if v6 { "ipv6" } else { "ipv4" }.into());
            set("fd.l4proto", "tcp".into());
            set("fd.name", format!("{from}:40000->{address}").into());
            set("evt.rawres", args["newFd"].clone());
        }
        other => panic!("no step for {other}"),
    }
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn exec(case: &Value) -> Fields {
    let mut event = process(case);
    event.insert("evt.type".into(), "execve".into());
    let fileless = case["resources"]
        .as_array()
        .is_some_and(|all| all.iter().any(|r| r["fileLess"] == true));
    let flags = match fileless {
        true => "EXE_WRITABLE|EXE_FROM_MEMFD",
        false => "EXE_WRITABLE|EXE_UPPER_LAYER",
    };
    event.insert("evt.arg.flags".into(), flags.into());
    event.insert("proc.is_exe_from_memfd".into(), fileless.into());
    event
}

fn process(case: &Value) -> Fields {
    let runner = json!({"name": "event-generator"});
    let mut chain: Vec<&Value> = vec![&runner];
    if let Some(all) = case["context"]["processes"].as_array() {
        chain.extend(all);
    }
    let mut event = Map::new();
    let slowly = case["before"].as_str().is_some_and(|b| b.contains("sleep"));
    let age: i64 = if slowly { 6_000_000_000 } else { 100_000_000 };
    event.insert("proc.duration".into(), age.into());
    for (distance, one) in chain.iter().rev().enumerate() {
        let name = one["name"].as_str().unwrap();
        let exe = one["exe"]
            .as_str()
            .map_or(format!("/tmp/{name}"), str::to_owned);
        let line = match one["args"].as_str() {
            Some(args) => format!("{name} {args}"),
            None => name.to_owned(),
        };
        if distance == 0 {
            event.insert("proc.name".into(), name.into());
            event.insert("proc.exe".into(), exe.clone().into());
            event.insert("proc.exepath".into(), exe.into());
            event.insert("proc.cmdline".into(), line.into());
            let user = one["user"].as_str().unwrap_or("root");
            event.insert("user.name".into(), user.into());
        } else {
            event.insert(format!("proc.aname[{distance}]"), name.into());
            event.insert(format!("proc.aexe[{distance}]"), exe.into());
            event.insert(format!("proc.acmdline[{distance}]"), line.into());
        }
    }
    if case["context"]["container"].is_object() {
        event.insert("container.id".into(), "1f2e3d4c5b6a".into());
        event.insert("container.privileged".into(), true.into());
        event.insert("proc.is_exe_upper_layer".into(), true.into());
        event.insert(
            "thread.cap_effective".into(),
            "CAP_DAC_OVERRIDE CAP_SYS_ADMIN".into(),
        );
    }
    event
}
