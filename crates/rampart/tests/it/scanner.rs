//! `rampart scanner` and `rampart updater` as processes of their own, beside a controller that
//! scans nothing itself: over TLS, killed in the middle, started again.

use crate::{
    harness::{DEADLINE, PASSWORD, Server, rampart},
    registry::{Registry, debian, tracker},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// A controller that neither watches nor scans nor updates.
const ALONE: &[&str] = &["--no-enforcer", "--no-scanner", "--no-updater"];
/// ci:hunter2-of-the-registry
const LOGIN: &str = "Basic Y2k6aHVudGVyMi1vZi10aGUtcmVnaXN0cnk=";
const REGISTRY_PASSWORD: &str = "hunter2-of-the-registry";
/// A scanner asks for work for 20 seconds before it says anew which database it has.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process whose words are kept. Killed when it goes out of scope.
struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::<Mutex<String>>::default();
        let (stderr, words) = (child.stderr.take().unwrap(), Arc::clone(&said));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("{line}");
                words.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Self { child, said }
    }

    fn says(&self, words: &str) {
        let heard = || self.said.lock().unwrap().contains(words);
        let found = rampart_testkit::wait_until(DEADLINE, heard);
        assert!(found, "no {words:?} in {}", self.said.lock().unwrap());
    }

    /// SIGKILL.
    fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and whether it ended well.
    fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        killed.success() && self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A scanner's folder, with a signed database of its own.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// As the updater's job does it: fetch, build, sign, switch.
    fn update(&self, cves: &[(&str, &str)], newer_by_secs: u64) {
        update(self.path(), cves, newer_by_secs);
    }

    fn command(&self, rest: &str, ca: &Path, token: &Path) -> Command {
        let mut command = rampart();
        command
            .args(["scanner", "--controller", rest, "--data"])
            .arg(self.path())
            .arg("--ca")
            .arg(ca)
            .arg("--token-file")
            .arg(token);
        command
    }
}

fn update(data: &Path, cves: &[(&str, &str)], newer_by_secs: u64) {
    let feed = tempfile::tempdir().unwrap();
    let path = feed.path().join("debian.json");
    fs::write(&path, tracker("openssl", cves)).unwrap();
    // A database is as old as its newest feed.
    let when = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + newer_by_secs);
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(when)
        .unwrap();
    let output = rampart()
        .args(["updater", "--once", "--data"])
        .arg(data)
        .arg("--feed")
        .arg(format!("debian={}", path.display()))
        .env("RAMPART_FEED_MAX_LOSS", "100")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

struct Keys {
    ca: PathBuf,
    token: PathBuf,
}

fn keys(data: &Path) -> Keys {
    Keys {
        ca: data.join("tls/ca.pem"),
        token: data.join("scanner-token"),
    }
}

fn add_registry(server: &Server, registry: &Registry) {
    let config = json!({"config": {
        "name": "shop", "registry_type": "Docker Registry", "registry": registry.url(),
        "filters": ["shop/*:*"], "username": "ci", "password": REGISTRY_PASSWORD,
        "rescan_after_db_update": true, "scan_layers": true,
    }});
    let (status, answer) = server
        .send(Method::POST, "/v1/scan/registry", Some(config))
        .unwrap();
    assert_eq!(status, 200, "{answer}");
}

fn scan_registry(server: &Server) {
    let (status, answer) = server
        .send(Method::POST, "/v1/scan/registry/shop/scan", None)
        .unwrap();
    assert_eq!(status, 200, "{answer}");
}

fn summary(server: &Server) -> Value {
    server.get("/v1/scan/registry/shop")["summary"].clone()
}

/// Waits until so many images have a result and nothing is under way.
fn wait_for_results(server: &Server, count: u64) {
    let done = || {
        let now = summary(server);
        now["scanned"] == count && now["scheduled"] == 0 && now["scanning"] == 0
    };
    let all = rampart_testkit::wait_until(PATIENCE, done);
    assert!(all, "{}", summary(server));
    assert_eq!(summary(server)["failed"], 0);
}

/// `repository:tag` and its CVEs, of every listed image.
fn findings(server: &Server) -> Vec<(String, Vec<String>)> {
    let images = server.get("/v1/scan/registry/shop/images")["images"].clone();
    let one = |image: &Value| {
        let name = format!(
            "{}:{}",
            image["repository"].as_str().unwrap(),
            image["tag"].as_str().unwrap()
        );
        let id = image["image_id"].as_str().unwrap();
        let path = format!("/v1/scan/registry/shop/image/{id}");
        let report = server.get(&path)["report"]["vulnerabilities"].clone();
        let cves = report.as_array().cloned().unwrap_or_default();
        let cves = cves.iter().map(|v| v["name"].as_str().unwrap().to_owned());
        (name, cves.collect())
    };
    let mut all: Vec<_> = images.as_array().unwrap().iter().map(one).collect();
    all.sort();
    all
}

/// Records of scans, by what they are of.
fn scan_records(server: &Server) -> Vec<String> {
    let answer = server.get("/v1/log/audit?limit=100");
    let all = answer["audits"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = all
        .iter()
        .filter(|record| record["name"].as_str().is_some_and(|n| n.contains("Scan")))
        .map(|record| format!("{} {}", record["name"], record["image"]))
        .collect();
    names.sort();
    names
}

fn server_at(data: &Path, rest: &str) -> Server {
    let address = rest.trim_start_matches("https://");
    let mut args = ALONE.to_vec();
    args.extend(["--rest", address]);
    Server::start(data, &args)
}

#[test]
fn killed_in_the_middle_of_a_job_nothing_is_lost_or_doubled() {
    let (data, folder, registry) = (
        tempfile::tempdir().unwrap(),
        Folder::new(),
        Registry::start(),
    );
    registry.wants(LOGIN);
    let images: Vec<_> = (1..=4)
        .map(|n| {
            let packages = [("openssl", "3.0.11-1"), ("other", &*n.to_string())];
            registry.push(&format!("shop/app{n}"), "1", &[debian(&packages)])
        })
        .collect();
    folder.update(&[("CVE-2026-0001", "3.0.13-1")], 0);
    let server = Server::start(data.path(), ALONE);
    let keys = keys(data.path());
    add_registry(&server, &registry);
    registry.hold(&images[2].layers[0]);
    scan_registry(&server);

    let scanner = Process::start(&mut folder.command(&server.rest, &keys.ca, &keys.token));
    let held = || registry.asked(&images[2].layers[0]) > 0;
    assert!(
        rampart_testkit::wait_until(PATIENCE, held),
        "it came to the third image"
    );
    assert!(summary(&server)["scanning"] == 1, "{}", summary(&server));
    scanner.crash();
    registry.let_go();
    let scanner = Process::start(&mut folder.command(&server.rest, &keys.ca, &keys.token));
    wait_for_results(&server, 4);
    let expected: Vec<(String, Vec<String>)> = (1..=4)
        .map(|n| (format!("shop/app{n}:1"), vec!["CVE-2026-0001".to_owned()]))
        .collect();
    assert_eq!(findings(&server), expected);
    let records = scan_records(&server);
    let mut once = records.clone();
    once.dedup();
    assert_eq!(
        (records.len(), &once),
        (4, &records),
        "a record each, none twice"
    );

    // The controller goes away too, in the middle of a job, and comes back at the same place.
    let late = registry.push("shop/late", "1", &[debian(&[("openssl", "3.0.1-1")])]);
    registry.hold(&late.layers[0]);
    scan_registry(&server);
    let held = || registry.asked(&late.layers[0]) > 0;
    assert!(
        rampart_testkit::wait_until(PATIENCE, held),
        "it came to the new image"
    );
    let rest = server.rest.clone();
    server.crash();
    registry.let_go();
    scanner.says("waits");
    let server = server_at(data.path(), &rest);
    wait_for_results(&server, 5);
    assert_eq!(findings(&server).len(), 5);
    assert_eq!(scan_records(&server).len(), 5);
    assert!(scanner.stop(), "SIGTERM ends it well");

    says_what_the_command_line_says(&server, &registry, &folder);
    assert!(server.stop().success());
    holds_no_password(data.path());
}

/// Of the same image, with the same database.
fn says_what_the_command_line_says(server: &Server, registry: &Registry, folder: &Folder) {
    let name = registry.name("shop/late:1");
    let own = rampart()
        .args([
            "scan",
            "image",
            "--image-src",
            "remote",
            "-f",
            "json",
            "--no-cache",
            &name,
        ])
        .args([
            "--username",
            "ci",
            "--password",
            REGISTRY_PASSWORD,
            "--data",
        ])
        .arg(folder.path())
        .output()
        .unwrap();
    let own: Value = serde_json::from_slice(&own.stdout).unwrap();
    let own: Vec<&str> = own["vulnerabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["id"].as_str().unwrap())
        .collect();
    let served = findings(server);
    let served = served
        .iter()
        .find(|(name, _)| name == "shop/late:1")
        .unwrap();
    assert_eq!(served.1, own);
}

fn holds_no_password(data: &Path) {
    for entry in fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap_or_default();
        let secret = REGISTRY_PASSWORD.as_bytes();
        let found = bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!found, "{} holds the password", path.display());
    }
}

/// The updater's job runs beside a controller whose own scanner reads the folder.
#[test]
fn a_database_that_a_job_updates_is_picked_up_and_matched_again() {
    let (data, registry) = (tempfile::tempdir().unwrap(), Registry::start());
    registry.wants(LOGIN);
    registry.push("shop/web", "1", &[debian(&[("openssl", "3.0.11-1")])]);
    let args = ["--no-enforcer", "--no-updater"];
    let server = Server::start(data.path(), &args);
    add_registry(&server, &registry);
    scan_registry(&server);
    wait_for_results(&server, 1);
    let without = vec![("shop/web:1".to_owned(), Vec::<String>::new())];
    assert_eq!(findings(&server), without, "packages alone");

    let mut known = Vec::new();
    for (n, cve) in ["CVE-2026-0001", "CVE-2026-0002"].into_iter().enumerate() {
        known.push((cve, "3.0.13-1"));
        update(data.path(), &known, n as u64 * 60);
        let expected: Vec<String> = known.iter().map(|(cve, _)| (*cve).to_owned()).collect();
        let found = || {
            let mut found = findings(&server).remove(0).1;
            found.sort();
            found == expected
        };
        assert!(
            rampart_testkit::wait_until(PATIENCE, found),
            "{expected:?}: {:?}",
            findings(&server)
        );
    }
    assert_eq!(
        registry.asked("/blobs/"),
        2,
        "configuration and layer, once"
    );
    assert!(server.stop().success());
}

#[test]
fn who_cannot_show_what_it_must_gets_no_work() {
    let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (folder, registry) = (Folder::new(), Registry::start());
    registry.push("shop/web", "1", &[debian(&[("openssl", "3.0.11-1")])]);
    let server = Server::start(data.path(), ALONE);
    let keys = keys(data.path());
    add_registry(&server, &registry);
    scan_registry(&server);
    let foreign = Server::start(other.path(), ALONE);
    let foreign_ca = other.path().join("tls/ca.pem");
    assert!(foreign.stop().success());

    let scanner = Process::start(&mut folder.command(&server.rest, &foreign_ca, &keys.token));
    scanner.says("certificate");
    scanner.crash();
    let wrong = folder.path().join("wrong-token");
    fs::write(&wrong, "0".repeat(64)).unwrap();
    let scanner = Process::start(&mut folder.command(&server.rest, &keys.ca, &wrong));
    scanner.says("(HTTP 401)");
    assert!(!scanner.said.lock().unwrap().contains(&"0".repeat(64)));
    // Set right while it runs: it is read anew.
    fs::copy(&keys.token, &wrong).unwrap();
    wait_for_results(&server, 1);
    let second = folder
        .command(&server.rest, &keys.ca, &keys.token)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1));
    assert!(
        said.contains("another scanner") && said.contains("--data"),
        "{said}"
    );
    assert!(scanner.stop());
    assert!(server.stop().success());
}

#[test]
fn wrong_settings_end_it_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let cases: &[(&[&str], i32, &str)] = &[
        (&[], 1, "RAMPART_SCANNER_TOKEN"),
        (&["--token-file", "/no/such/file"], 1, "/no/such/file"),
        (&["--token-file", empty], 1, "no token"),
        (&["--token", "x", "--ca", "/no/such/ca"], 1, "/no/such/ca"),
        (&["--token", "x", "--ca", empty], 1, "no PEM certificate"),
        (
            &["--token", "x", "--controller", "http://127.0.0.1:1"],
            1,
            "https://",
        ),
        (&["--token", "x", "--registry-ca", "/no/ca"], 1, "/no/ca"),
        (&["--token", "x", "--scan-tasks", "0"], 2, "scan-tasks"),
        (&["--token", "x", "--db-key", "/no/key"], 1, "/no/key"),
    ];
    for (args, code, words) in cases {
        let output = rampart()
            .args(["scanner", "--data"])
            .arg(folder.path().join("data"))
            .args(*args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(*code), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: no {words:?} in {said}");
    }
}

#[test]
fn an_update_that_fails_leaves_what_is_installed() {
    let folder = Folder::new();
    folder.update(&[("CVE-2026-0001", "3.0.13-1")], 60);
    let installed = folder.path().join("vuln/vuln.db");
    let before = fs::read(&installed).unwrap();
    let broken = folder.path().join("broken.json");
    fs::write(&broken, "{").unwrap();
    for source in [&*broken.display().to_string(), "/no/such/place"] {
        let output = rampart()
            .args(["updater", "--once", "--data"])
            .arg(folder.path())
            .args(["--feed", &format!("debian={source}")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{source}: {said}");
        assert!(said.contains("debian"), "{source}: {said}");
        assert_eq!(fs::read(&installed).unwrap(), before, "{source}");
    }
}

#[test]
fn keys_of_secrets_are_listed_and_rotated() {
    let data = tempfile::tempdir().unwrap();
    let key = |args: &[&str]| {
        let output = rampart()
            .arg("key")
            .args(args)
            .arg("--data")
            .arg(data.path())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text, said)
    };
    let (code, _, said) = key(&["list"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("--data"), "{said}");

    let server = Server::start(data.path(), ALONE);
    add_registry(&server, &Registry::start());
    let (code, rotated, said) = key(&["rotate", "-o", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let rotated: Value = serde_json::from_str(&rotated).unwrap();
    assert!(server.stop().success());
    let server = Server::launch(data.path(), ALONE, Some(PASSWORD));
    drop(server);
    let (_, listed, _) = key(&["list", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1], json!({"key": rotated["key"], "seals": true}));

    // Without its keys it does not start, and says what to do.
    fs::remove_file(data.path().join("secret.key")).unwrap();
    let output = rampart()
        .args(["up", "--rest", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .args(ALONE)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("scan/registry/shop") && said.contains("backup"),
        "{said}"
    );
}
