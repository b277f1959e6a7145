//! kill -9 at random moments under load: no acknowledged write is missing afterwards.
//!
//! `RAMPART_TEST_KILLS` sets the number of kills (default 10; the e2e target uses 100).

use crate::harness::Server;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

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

#[test]
fn acknowledged_writes_survive_kill_9() {
    let kills: u32 = std::env::var("RAMPART_TEST_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(10);
    let seed = u64::from(std::process::id()) | 1;
    eprintln!("seed {seed}, {kills} kills");
    let mut dice = Dice(seed);
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    let mut token: Option<String> = None;
    for round in 0..kills {
        let server = match &token {
            None => Server::start(data.path(), &["--no-enforcer"]),
            Some(token) => Server::resume(data.path(), &["--no-enforcer"], token),
        };
        token = Some(server.token());
        let groups = server.get("/v1/group?start=0&limit=0");
        let names: Vec<&str> = groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|g| g["name"].as_str())
            .collect();
        for name in &acknowledged {
            assert!(
                names.contains(&name.as_str()),
                "{name} was acknowledged and is gone (seed {seed})"
            );
        }
        let pid = server.pid();
        let after = Duration::from_micros(dice.below(150_000));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(after);
            let _ = std::process::Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status();
        });
        for number in 0.. {
            let name = format!("kept-{round}-{number}");
            let body = json!({"config": {"name": name, "criteria": [{"key": "image", "op": "=", "value": name}]}});
            match server.send(Method::POST, "/v1/group", Some(body)) {
                Ok((200, _)) => acknowledged.push(name),
                Ok((status, answer)) => panic!("{status} {answer}"),
                Err(_) => break,
            }
        }
        killer.join().unwrap();
        server.crash();
    }
    eprintln!("{} writes acknowledged, none missing", acknowledged.len());
    assert!(acknowledged.len() >= kills as usize);
}
