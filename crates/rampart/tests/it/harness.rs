//! Starts `rampart up` on free ports with a data folder of its own, and talks to it.

use reqwest::{Certificate, Method};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

pub(crate) const PASSWORD: &str = "Correct-Horse-7-Battery";
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

static NODE: Mutex<()> = Mutex::new(());

/// One `rampart up` with an enforcer at a time on this machine.
pub(crate) fn node_lock() -> MutexGuard<'static, ()> {
    NODE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn rampart() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
    // The environment of whoever runs the tests must not set anything.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RAMPART_") {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) struct Server {
    child: Child,
    pub(crate) rest: String,
    pub(crate) console: String,
    pub(crate) banner: String,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    token: Option<String>,
}

impl Server {
    /// Starts with the given password for `admin` and waits until it serves.
    pub(crate) fn start(data: &Path, extra: &[&str]) -> Self {
        let mut server = Self::launch(data, extra, Some(PASSWORD));
        server.log_in("admin", PASSWORD);
        server
    }

    /// Starts again with a session from before: sessions outlive a crash too.
    pub(crate) fn resume(data: &Path, extra: &[&str], token: &str) -> Self {
        let mut server = Self::launch(data, extra, Some(PASSWORD));
        server.token = Some(token.to_owned());
        server
    }

    pub(crate) fn token(&self) -> String {
        self.token.clone().unwrap_or_default()
    }

    pub(crate) fn launch(data: &Path, extra: &[&str], password: Option<&str>) -> Self {
        let mut command = rampart();
        command
            .args(["up", "--console", "127.0.0.1:0", "--data"])
            .arg(data);
        if !extra.contains(&"--rest") {
            command.args(["--rest", "127.0.0.1:0"]);
        }
        command
            .args(extra)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(password) = password {
            command.env("RAMPART_BOOTSTRAP_PASSWORD", password);
        }
        let mut child = command.spawn().expect("rampart starts");
        let banner = read_banner(&mut child);
        let rest = word_after(&banner, "REST API")
            .trim_end_matches("/v1/")
            .to_owned();
        let console = word_after(&banner, "Console")
            .trim_end_matches('/')
            .to_owned();
        let ca =
            std::fs::read(data.join("tls/ca.pem")).expect("the authority is in the data folder");
        let http = reqwest::Client::builder()
            .tls_certs_only([Certificate::from_pem(&ca).expect("PEM")])
            .timeout(DEADLINE)
            .no_proxy()
            .build()
            .expect("client");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        Self {
            child,
            rest,
            console,
            banner,
            http,
            runtime,
            token: None,
        }
    }

    pub(crate) fn log_in(&mut self, user: &str, password: &str) {
        let body = json!({"password": {"username": user, "password": password}});
        let (status, answer) = self
            .send(Method::POST, "/v1/auth", Some(body))
            .expect("login answers");
        assert_eq!(status, 200, "{answer}");
        self.token = Some(
            answer["token"]["token"]
                .as_str()
                .expect("a token")
                .to_owned(),
        );
    }

    /// Status and body; an error when the server is not there.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), String> {
        let mut request = self.http.request(method, format!("{}{path}", self.rest));
        if let Some(token) = &self.token {
            request = request.header("X-Auth-Token", token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|e| format!("{e:?}"))?;
            let status = response.status().as_u16();
            let text = response.text().await.map_err(|e| format!("{e:?}"))?;
            Ok((
                status,
                serde_json::from_str(&text).unwrap_or(Value::String(text)),
            ))
        })
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self
            .send(Method::GET, path, None)
            .expect("the server answers");
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    pub(crate) fn patch(&self, path: &str, body: Value) {
        let (status, answer) = self
            .send(Method::PATCH, path, Some(body))
            .expect("the server answers");
        assert!(
            (200..300).contains(&status),
            "PATCH {path}: {status} {answer}"
        );
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success());
    }

    /// SIGKILL: what a crash or a power cut looks like to the store.
    pub(crate) fn crash(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    pub(crate) fn stop(self) -> ExitStatus {
        self.signal("-TERM");
        self.stop_after_signal()
    }

    pub(crate) fn stop_after_signal(mut self) -> ExitStatus {
        self.child.wait().expect("wait")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything up to the line that says how to stop; stderr is passed on, so that it does not fill.
fn read_banner(child: &mut Child) -> String {
    let stderr = child.stderr.take().expect("stderr is piped");
    let (errors, said) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            eprintln!("{line}");
            text.push_str(&line);
            text.push('\n');
        }
        let _ = errors.send(text);
    });
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut reader = BufReader::new(stdout);
    let mut banner = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).expect("readable") == 0 {
            let why = said.recv_timeout(DEADLINE).unwrap_or_default();
            panic!("rampart up ended early:\n{banner}\n{why}");
        }
        banner.push_str(&line);
        if line.trim_start().starts_with("Stop") {
            break;
        }
    }
    thread::spawn(move || {
        let _ = reader.read_to_end(&mut Vec::new());
    });
    banner
}

fn word_after<'a>(banner: &'a str, label: &str) -> &'a str {
    banner
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(label))
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("no {label} in the banner:\n{banner}"))
}
