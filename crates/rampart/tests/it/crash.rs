//! kill -9 at random moments under load: no acknowledged write is missing afterwards, and what was
//! protected is protected again.
//!
//! `RAMPART_TEST_KILLS` sets the number of kills (default 10, with the enforcer 3; the e2e target
//! uses 100).

use crate::attacks::{self, Scene};
use crate::harness::{DEADLINE, Server, node_lock};
use rampart_testkit::{require, wait_until};
use reqwest::Method;
use serde_json::json;
use std::{path::Path, thread::JoinHandle, time::Duration};

/// A small generator of its own, so that a failing run can be repeated with its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Kills, from a seed that is printed, and what was acknowledged between them.
struct Storm {
    dice: Dice,
    seed: u64,
    kills: u32,
    acknowledged: Vec<String>,
}

impl Storm {
    fn new(default_kills: u32) -> Self {
        let kills = std::env::var("RAMPART_TEST_KILLS")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(default_kills);
        let seed = u64::from(std::process::id()) | 1;
        eprintln!("seed {seed}, {kills} kills");
        Self {
            dice: Dice(seed),
            seed,
            kills,
            acknowledged: Vec::new(),
        }
    }

    fn nothing_is_missing(&self, server: &Server) {
        let groups = server.get("/v1/group?start=0&limit=0");
        let names: Vec<&str> = groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|g| g["name"].as_str())
            .collect();
        for name in &self.acknowledged {
            assert!(
                names.contains(&name.as_str()),
                "{name} was acknowledged and is gone (seed {})",
                self.seed
            );
        }
    }

    fn kill_soon(&mut self, server: &Server) -> JoinHandle<()> {
        let pid = server.pid();
        let after = Duration::from_micros(self.dice.below(150_000));
        std::thread::spawn(move || {
            // No condition is waited for: the moment of the kill is the dice's.
            std::thread::sleep(after);
            let _ = std::process::Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status();
        })
    }

    /// Writes as fast as it is answered, until the server is gone.
    fn write_until_killed(&mut self, server: &Server, round: u32) {
        let killer = self.kill_soon(server);
        for number in 0.. {
            let name = format!("kept-{round}-{number}");
            let body = json!({"config": {"name": name, "criteria": [{"key": "image", "op": "=", "value": name}]}});
            match server.send(Method::POST, "/v1/group", Some(body)) {
                Ok((200, _)) => self.acknowledged.push(name),
                Ok((status, answer)) => panic!("{status} {answer}"),
                Err(_) => break,
            }
        }
        killer.join().unwrap();
    }
}

fn started(data: &Path, extra: &[&str], token: &mut Option<String>) -> Server {
    let server = match token {
        None => Server::start(data, extra),
        Some(token) => Server::resume(data, extra, token),
    };
    *token = Some(server.token());
    server
}

#[test]
fn acknowledged_writes_survive_kill_9() {
    let mut storm = Storm::new(10);
    let data = tempfile::tempdir().unwrap();
    let mut token = None;
    for round in 0..storm.kills {
        let server = started(data.path(), &["--no-enforcer"], &mut token);
        storm.nothing_is_missing(&server);
        storm.write_until_killed(&server, round);
        server.crash();
    }
    eprintln!(
        "{} writes acknowledged, none missing",
        storm.acknowledged.len()
    );
    assert!(storm.acknowledged.len() >= storm.kills as usize);
}

#[test]
fn what_was_protected_is_protected_again_after_every_kill_9() {
    if !require("kills under protection", &["runc", "ip", "busybox"]) {
        return;
    }
    let _one = node_lock();
    let mut storm = Storm::new(3);
    let scene = Scene::set();
    let data = tempfile::tempdir().unwrap();
    let mut token = None;
    let server = started(data.path(), &[], &mut token);
    attacks::learn(&server, &scene);
    attacks::switch(&server, "Protect");
    assert_ne!(scene.app("/opt/attack/true").0, 0, "not protected at first");
    server.crash();
    for round in 0..storm.kills {
        let server = started(data.path(), &[], &mut token);
        storm.nothing_is_missing(&server);
        let refused = wait_until(DEADLINE, || scene.app("/opt/attack/true").0 != 0);
        assert!(
            refused,
            "round {round}: the attack was not refused again (seed {})",
            storm.seed
        );
        let (code, said) = scene.app("/opt/app/ls / > /dev/null");
        assert_eq!(
            code, 0,
            "round {round}: what was learned must go on: {said}"
        );
        storm.write_until_killed(&server, round);
        server.crash();
    }
    eprintln!(
        "{} kills, {} writes acknowledged, none missing, the attack refused after each",
        storm.kills,
        storm.acknowledged.len()
    );
}
