//! `rampart rules` as a program: files in, alerts and exit codes out.

use crate::harness;
use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

const RULES: &str = "- list: shells\n  items: [sh, bash]\n- rule: Shell\n  desc: d\n  \
    condition: evt.type=execve and proc.name in (shells)\n  output: shell %proc.name\n  \
    priority: WARNING\n  tags: [T1059]\n";

fn rampart(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rampart"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_says_where_and_exits_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.yaml");
    std::fs::write(&file, RULES).unwrap();
    let path = file.to_str().unwrap();
    let good = rampart(&["rules", "check", "--rules", path], "");
    assert!(good.status.success(), "{}", text(&good.stderr));
    std::fs::write(&file, RULES.replace("proc.name in", "proc.nam in")).unwrap();
    let bad = rampart(&["rules", "check", "--rules", path, "-o", "json"], "");
    assert_eq!(bad.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&bad.stdout).unwrap();
    let first = &told["diagnostics"][0];
    assert_eq!(
        (&first["line"], &first["column"]),
        (&5.into(), &34.into()),
        "{told}"
    );
    assert!(
        first["message"]
            .as_str()
            .unwrap()
            .contains("did you mean 'proc.name'?")
    );
    let own = rampart(&["rules", "check", "--strict"], "");
    assert!(own.status.success(), "{}", text(&own.stderr));
}

#[test]
fn events_become_alerts_and_expectations_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.yaml");
    std::fs::write(&file, RULES).unwrap();
    let test = [
        "rules",
        "test",
        "--rules",
        file.to_str().unwrap(),
        "--events",
        "-",
    ];
    let event = r#"{"evt.type":"execve","proc.name":"sh","evt.rawtime":1600000000000000000}"#;
    let quiet = r#"{"evt.type":"execve","proc.name":"ls","expect":[]}"#;
    let answer = rampart(&test, &format!("{event}\n{quiet}\n"));
    assert!(answer.status.success(), "{}", text(&answer.stderr));
    let lines: Vec<serde_json::Value> = text(&answer.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1);
    let alert = &lines[0];
    assert_eq!(alert["rule"], "Shell");
    assert_eq!(alert["priority"], "Warning");
    assert_eq!(alert["source"], "syscall");
    assert_eq!(alert["time"], "2020-09-13T12:26:40.000000000Z");
    assert_eq!(alert["tags"], serde_json::json!(["T1059"]));
    assert_eq!(alert["output_fields"]["proc.name"], "sh");
    for wrong in [
        r#"{"evt.type":"execve","proc.name":"ls","expect":"Shell"}"#,
        r#"{"evt.type":"execve","proc.name":"sh","expect":[]}"#,
        r#"{"evt.type":"execve","proc.nam":"sh"}"#,
        r#"{"proc.name":"sh"}"#,
        "no json",
    ] {
        let answer = rampart(&test, wrong);
        assert_eq!(answer.status.code(), Some(1), "{wrong}");
        assert!(
            text(&answer.stderr).starts_with("-:1: error:"),
            "{}",
            text(&answer.stderr)
        );
    }
}

#[test]
fn rules_are_listed_and_explained() {
    let list = rampart(&["rules", "list", "--tag", "T1611", "-o", "json"], "");
    let rows: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert!(rows.as_array().unwrap().len() > 5);
    let explained = rampart(&["rules", "explain", "escape by release_agent"], "");
    let shown = text(&explained.stdout);
    for part in ["macro       in_container", "T1611", "openat", "output"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let unknown = rampart(&["rules", "explain", "escape"], "");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("did you mean 'Escape by"));
}

#[test]
fn live_asks_the_controller_and_says_what_to_do_when_nothing_is_loaded() {
    let data = tempfile::tempdir().unwrap();
    let args = ["--no-enforcer", "--no-scanner", "--no-updater"];
    let server = harness::Server::start(data.path(), &args);
    let ask = |more: &[&str]| {
        harness::rampart()
            .args(["rules", "live", "--server", &server.rest, "--ca"])
            .arg(data.path().join("tls/ca.pem"))
            .args(["--user", "admin", "--password", harness::PASSWORD])
            .args(more)
            .output()
            .unwrap()
    };
    let all = ask(&["-o", "json"]);
    assert!(all.status.success(), "{}", text(&all.stderr));
    assert_eq!(text(&all.stdout).trim(), "[]");
    assert!(text(&all.stderr).contains("rampart up --rules builtin"));
    let silent = ask(&["--state", "silent"]);
    assert!(silent.status.success(), "{}", text(&silent.stderr));
    let none = ask(&["No such / rule"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        text(&none.stderr).contains("No such / rule"),
        "{}",
        text(&none.stderr)
    );
    assert_eq!(ask(&["--state", "odd"]).status.code(), Some(2));
}
