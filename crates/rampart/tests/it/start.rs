//! Starting, refusing to start, stopping.

use crate::harness::{DEADLINE, PASSWORD, Server, rampart};
use reqwest::Method;
use serde_json::json;
use std::{fs, net::TcpListener};

const NO_NODE: &[&str] = &["--no-enforcer"];

#[test]
fn help_shows_every_flag_with_its_variable_and_default() {
    let output = rampart().args(["up", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "--data",
        "--rest",
        "--console",
        "RAMPART_DATA",
        "RAMPART_REST",
        "RAMPART_CONSOLE",
        "RAMPART_BOOTSTRAP_PASSWORD",
        "127.0.0.1:10443",
        "127.0.0.1:8443",
        "/var/lib/rampart",
        "--fail-mode",
    ] {
        assert!(help.contains(word), "no {word} in:\n{help}");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let output = rampart().args(["up", "--no-such-flag"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_printed_password_works_once_and_must_be_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::launch(folder.path(), NO_NODE, None);
    let line = server
        .banner
        .lines()
        .find(|l| l.contains("Login"))
        .unwrap()
        .to_owned();
    let printed = line.split_whitespace().nth(3).unwrap().to_owned();
    let ask = |password: &str, new: Option<&str>| {
        let mut body = json!({"password": {"username": "admin", "password": password}});
        if let Some(new) = new {
            body["password"]["new_password"] = json!(new);
        }
        server.send(Method::POST, "/v1/auth", Some(body)).unwrap()
    };
    let (status, answer) = ask(&printed, None);
    assert_eq!(
        (status, &answer["need_to_reset_password"]),
        (200, &json!(true)),
        "{answer}"
    );
    assert!(
        answer["token"]["token"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
    );
    let (status, answer) = ask(&printed, Some(PASSWORD));
    assert_eq!(status, 200, "{answer}");
    assert!(!answer["token"]["token"].as_str().unwrap().is_empty());
    assert_eq!(ask(&printed, None).0, 401);
    assert!(server.stop().success());
}

#[test]
fn a_second_start_says_who_holds_what() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), NO_NODE);
    let again = rampart()
        .args(["up", "--no-enforcer", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(1));
    assert!(said.contains(&server.pid().to_string()), "{said}");

    let other = tempfile::tempdir().unwrap();
    let address = server.rest.trim_start_matches("https://");
    let again = rampart()
        .args(["up", "--no-enforcer", "--rest", address, "--data"])
        .arg(other.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        said.contains(address) && said.contains(&server.pid().to_string()),
        "{said}"
    );
}

#[test]
fn a_port_held_by_another_program_names_it() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = rampart()
        .args(["up", "--no-enforcer", "--rest", "127.0.0.1:0", "--console"])
        .arg(held.local_addr().unwrap().to_string())
        .arg("--data")
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains(&format!("(pid {})", std::process::id())) && said.contains("--console"),
        "{said}"
    );
}

#[test]
fn signals_stop_it_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path(), NO_NODE);
        server.signal(signal);
        let gone = rampart_testkit::wait_until(DEADLINE, || {
            !fs::read_to_string(format!("/proc/{}/stat", server.pid()))
                .is_ok_and(|stat| !stat.contains(") Z "))
        });
        assert!(gone, "{signal} was not heard");
        assert!(server.stop_after_signal().success());
    }
}

#[test]
fn a_damaged_store_is_explained_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Server::start(folder.path(), NO_NODE).stop().success());
    let path = folder.path().join("rampart.db");
    for extra in ["rampart.db-wal", "rampart.db-shm"] {
        let _ = fs::remove_file(folder.path().join(extra));
    }
    let damaged = vec![0x5a; 8192];
    fs::write(&path, &damaged).unwrap();
    let output = rampart()
        .args(["up", "--no-enforcer", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("rampart.db") && said.contains("backup"),
        "{said}"
    );
    assert_eq!(fs::read(&path).unwrap(), damaged);
}

#[test]
fn commands_without_a_session_exit_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let output = rampart()
        .args(["status", "--server", "https://127.0.0.1:9"])
        .env("XDG_CONFIG_HOME", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("rampart login"));
}

#[test]
fn the_cli_reads_what_the_api_says() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), NO_NODE);
    let run = |args: &[&str]| {
        let output = rampart()
            .args(args)
            .env("RAMPART_SERVER", &server.rest)
            .env("RAMPART_CA", folder.path().join("tls/ca.pem"))
            .env("RAMPART_USER", "admin")
            .env("RAMPART_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run(&["group", "list"]).contains("external"));
    let groups: serde_json::Value =
        serde_json::from_str(&run(&["group", "list", "-o", "json"])).unwrap();
    assert!(
        groups
            .as_array()
            .unwrap()
            .iter()
            .any(|g| g["name"] == "nodes"),
        "{groups}"
    );
    for args in [
        &["status"][..],
        &["workload", "list"],
        &["rule", "list"],
        &["conversation", "list"],
        &["node", "list"],
        &["event", "list", "--kind", "activity"],
    ] {
        assert!(!run(args).is_empty(), "{args:?} printed nothing");
    }
}

/// `println!` panics on a closed pipe: `rampart db feeds | head -1` printed a backtrace.
#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let mut child = rampart()
        .args(["db", "feeds"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
}
