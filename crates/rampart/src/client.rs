//! The controller's REST API, as the commands use it: find a session, ask, explain a refusal.

use crate::settings::{DEFAULT_DATA, ServerArgs, default_data};
use anyhow::{Context, Result, anyhow, bail};
use reqwest::{Certificate, Method, StatusCode};
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    time::Duration,
};

const TOKEN_HEADER: &str = "X-Auth-Token";

/// Refused for want of a session or of a permission: exit code 3.
#[derive(Debug)]
pub(crate) struct NotAllowed(String);

impl std::fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAllowed {}

pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
    /// The session was opened for this command alone and is closed after it.
    own_session: bool,
}

/// Runs a client command: connects, runs, closes a session opened for it.
pub(crate) fn with_client<F>(args: &ServerArgs, run: F) -> Result<std::process::ExitCode>
where
    F: AsyncFnOnce(&Client) -> Result<()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let client = Client::connect(args).await?;
        let outcome = run(&client).await;
        client.close().await;
        outcome
    });
    match outcome {
        Ok(()) => Ok(std::process::ExitCode::SUCCESS),
        Err(error) if error.downcast_ref::<NotAllowed>().is_some() => {
            eprintln!("rampart: {error:#}");
            Ok(std::process::ExitCode::from(3))
        }
        Err(error) => Err(error),
    }
}

impl Client {
    /// With the kept session, or one opened for `--user` and `--password`.
    pub(crate) async fn connect(args: &ServerArgs) -> Result<Self> {
        let mut client = Self::anonymous(args)?;
        if let (Some(user), Some(password)) = (&args.user, &args.password) {
            client.token = Some(client.log_in(user, password, None).await?);
            client.own_session = true;
        } else {
            client.token = Some(kept_token(&client.server).ok_or_else(|| {
                NotAllowed(
                    "not logged in: run `rampart login`, or set RAMPART_USER and RAMPART_PASSWORD"
                        .into(),
                )
            })?);
        }
        Ok(client)
    }

    pub(crate) fn anonymous(args: &ServerArgs) -> Result<Self> {
        let builder = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .no_proxy();
        let builder = if args.insecure {
            builder.danger_accept_invalid_certs(true)
        } else {
            match authority(args)? {
                Some(ca) => builder.tls_certs_only([ca]),
                None => builder,
            }
        };
        Ok(Self {
            http: builder.build().context("cannot set up TLS")?,
            server: args.server.trim_end_matches('/').to_owned(),
            token: None,
            own_session: false,
        })
    }

    /// Opens a session; `new_password` answers a demand to change it.
    pub(crate) async fn log_in(
        &self,
        user: &str,
        password: &str,
        new_password: Option<&str>,
    ) -> Result<String> {
        let mut credentials = json!({"username": user, "password": password});
        if let Some(new) = new_password {
            credentials["new_password"] = json!(new);
        }
        let body = json!({"client_ip": "127.0.0.1", "password": credentials});
        let answer = self.send(Method::POST, "/v1/auth", Some(body)).await?;
        if let Some(token) = answer.pointer("/token/token").and_then(Value::as_str) {
            return Ok(token.to_owned());
        }
        if answer["need_to_reset_password"] == json!(true) {
            return Err(PasswordChangeNeeded.into());
        }
        bail!(
            "the controller answered the login without a token: is {} a Rampart controller?",
            self.server
        )
    }

    pub(crate) fn with_token(mut self, token: String) -> Self {
        self.token = Some(token);
        self
    }

    async fn close(&self) {
        if self.own_session {
            let _ = self.send(Method::DELETE, "/v1/auth", None).await;
        }
    }

    pub(crate) async fn log_out(&self) -> Result<()> {
        self.send(Method::DELETE, "/v1/auth", None).await.map(drop)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Result<Value> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.server));
        if let Some(token) = &self.token {
            request = request.header(TOKEN_HEADER, token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request
            .send()
            .await
            .map_err(|error| explain(error, &self.server))?;
        let status = response.status();
        let text = response
            .text()
            .await
            .context("the controller's answer broke off")?;
        let value: Value = if text.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        if status.is_success() {
            return Ok(value);
        }
        Err(refusal(status, &value))
    }
}

/// The controller wants a new password before it opens a session.
#[derive(Debug)]
pub(crate) struct PasswordChangeNeeded;

impl std::fmt::Display for PasswordChangeNeeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the password must be changed first: run `rampart login`")
    }
}

impl std::error::Error for PasswordChangeNeeded {}

fn refusal(status: StatusCode, body: &Value) -> anyhow::Error {
    let text = body["message"]
        .as_str()
        .or_else(|| body["error"].as_str())
        .unwrap_or("no reason given");
    match status {
        StatusCode::UNAUTHORIZED => NotAllowed(format!("{text}: run `rampart login`")).into(),
        StatusCode::FORBIDDEN => NotAllowed(text.to_owned()).into(),
        _ => anyhow!("{text} (HTTP {})", status.as_u16()),
    }
}

fn explain(error: reqwest::Error, server: &str) -> anyhow::Error {
    let advice = if error.is_connect() {
        "is `rampart up` running, and its certificate trusted (--ca)?"
    } else if error.is_timeout() {
        "it did not answer in time"
    } else {
        "the request failed"
    };
    anyhow::Error::new(error).context(format!("cannot reach {server}: {advice}"))
}

fn authority(args: &ServerArgs) -> Result<Option<Certificate>> {
    let path = match &args.ca {
        Some(path) => path.clone(),
        None => {
            let places =
                [default_data(), PathBuf::from(DEFAULT_DATA)].map(|data| data.join("tls/ca.pem"));
            match places.into_iter().find(|path| fs::metadata(path).is_ok()) {
                Some(path) => path,
                None => return Ok(None),
            }
        }
    };
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(_) if args.ca.is_none() => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let certificate = Certificate::from_pem(&pem)
        .with_context(|| format!("{} holds no PEM certificate", path.display()))?;
    Ok(Some(certificate))
}

/// `$XDG_CONFIG_HOME/rampart/session.json`, readable by its owner only.
fn session_path() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))?;
    Some(base.join("rampart/session.json"))
}

fn kept_token(server: &str) -> Option<String> {
    let kept: Value = serde_json::from_slice(&fs::read(session_path()?).ok()?).ok()?;
    (kept["server"].as_str() == Some(server)).then(|| kept["token"].as_str().map(str::to_owned))?
}

pub(crate) fn keep_token(server: &str, token: &str) -> Result<PathBuf> {
    let path = session_path().context("no home folder to keep the session in: set HOME")?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(
        json!({"server": server, "token": token})
            .to_string()
            .as_bytes(),
    )?;
    Ok(path)
}

pub(crate) fn forget_token() {
    if let Some(path) = session_path() {
        let _ = fs::remove_file(path);
    }
}
