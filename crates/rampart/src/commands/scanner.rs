//! `rampart scanner`: a scanner that works for a controller elsewhere.
//!
//! It asks over HTTPS, shows its token, and needs no open port. It reads images from registries;
//! containers and nodes are scanned by a scanner on the node itself.

use crate::{
    settings::{ScannerArgs, default_data},
    up::scanner::engine,
};
use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use rampart_model::scan_job::{
    Finished, GaveUp, Outcome, ScanFailure, ScannerInfo, TakeRequest, Taken, Work,
};
use rampart_scanner::service::{Jobs, JobsError, ServiceConfig, serve};
use reqwest::{Certificate, Method, StatusCode};
use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

const TOKEN_HEADER: &str = "X-Scanner-Token";
/// Beyond the time the controller may let a request wait.
const TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) const HELP: &str = "\
Examples:
  RAMPART_SCANNER_TOKEN=… rampart scanner --controller https://rampart.example:10443 --ca ca.pem
  rampart scanner --token-file /etc/rampart/scanner-token --controller https://rampart:10443

The token is in the controller's data folder, scanner-token. Exit codes: 0 stopped, 1 failed.";

/// The controller over HTTPS.
struct RemoteJobs {
    http: reqwest::Client,
    controller: String,
    token: Token,
}

/// What it shows of itself.
enum Token {
    Given(String),
    /// Read each time, so that a new one is taken without a restart.
    File(PathBuf),
}

impl Token {
    fn read(&self) -> Result<String> {
        let path = match self {
            Self::Given(token) => return Ok(token.trim().to_owned()),
            Self::File(path) => path,
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let token = text.trim();
        ensure!(!token.is_empty(), "{} holds no token", path.display());
        Ok(token.to_owned())
    }
}

impl RemoteJobs {
    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Vec<u8>, JobsError> {
        let away =
            |error: reqwest::Error| JobsError::Unreachable(rampart_scanner::scan::chain(&error));
        let token = self.token.read();
        let token = token.map_err(|error| JobsError::Unreachable(format!("{error:#}")))?;
        let response = self
            .http
            .request(method, format!("{}{path}", self.controller))
            .header(TOKEN_HEADER, token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .map_err(away)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(away)?;
        if status.is_success() {
            return Ok(bytes.to_vec());
        }
        let said: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let reason = said["message"].as_str().unwrap_or("no reason given");
        let reason = format!("{reason} (HTTP {})", status.as_u16());
        Err(match status {
            StatusCode::CONFLICT => JobsError::Lost,
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => JobsError::Refused(reason),
            // A wrong token may be set right while this runs.
            _ => JobsError::Unreachable(reason),
        })
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, JobsError> {
    serde_json::to_vec(value).map_err(|error| JobsError::Refused(error.to_string()))
}

#[async_trait]
impl Jobs for RemoteJobs {
    async fn take(&self, scanner: ScannerInfo, wait: Duration) -> Result<Option<Work>, JobsError> {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let body = json(&TakeRequest { scanner, wait_ms })?;
        let answer = self.send(Method::POST, "/v1/scan/work", body).await?;
        let taken: Taken = serde_json::from_slice(&answer).map_err(|error| {
            JobsError::Unreachable(format!(
                "its answer is not understood ({error}): are both of one version?"
            ))
        })?;
        Ok(taken.work)
    }

    async fn renew(&self, lease: &str) -> Result<(), JobsError> {
        let path = format!("/v1/scan/work/{lease}");
        self.send(Method::PATCH, &path, Vec::new()).await.map(drop)
    }

    async fn finish(&self, lease: &str, scanner: &str, outcome: Outcome) -> Result<(), JobsError> {
        let finished = Finished {
            scanner: scanner.to_owned(),
            outcome,
        };
        let body = tokio::task::spawn_blocking(move || {
            zstd::encode_all(json(&finished)?.as_slice(), 3)
                .map_err(|error| JobsError::Refused(error.to_string()))
        });
        let body = body
            .await
            .map_err(|_| JobsError::Refused("the report could not be compressed".to_owned()))??;
        let path = format!("/v1/scan/work/{lease}/outcome");
        self.send(Method::POST, &path, body).await.map(drop)
    }

    async fn fail(
        &self,
        lease: &str,
        scanner: &str,
        failure: ScanFailure,
    ) -> Result<(), JobsError> {
        let body = json(&GaveUp {
            scanner: scanner.to_owned(),
            failure,
        })?;
        let path = format!("/v1/scan/work/{lease}/failure");
        self.send(Method::POST, &path, body).await.map(drop)
    }
}

pub(crate) fn run(args: ScannerArgs) -> Result<ExitCode> {
    crate::up::start_log(&args.log, args.log_format);
    // Fails only when a provider is there already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let data = args.data.clone().unwrap_or_else(default_data);
    crate::up::data::prepare(&data)?;
    let _alone = alone(&data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("rampart")
        .build()?;
    runtime.block_on(work(args, &data))?;
    Ok(ExitCode::SUCCESS)
}

/// Held while this runs: two processes of one id would take each other's work away.
fn alone(data: &std::path::Path) -> Result<std::fs::File> {
    let path = data.join("scanner.lock");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "another scanner works in {}: give each a folder of its own with --data",
            data.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

async fn work(args: ScannerArgs, data: &std::path::Path) -> Result<()> {
    let jobs = Arc::new(jobs(&args)?);
    let engine = Arc::new(engine(&args.scanning, data)?);
    let config = ServiceConfig {
        id: crate::up::data::install_id(data)?,
        session: uuid::Uuid::new_v4().simple().to_string(),
        name: crate::up::data::host_name(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: Default::default(),
        capacity: args.scanning.scan_tasks,
        timeout: Duration::from_secs(args.scanning.scan_timeout_secs),
    };
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stopping.cancel();
    });
    eprintln!("rampart: scanning for {}", args.controller);
    serve(config, jobs, engine, stop).await;
    Ok(())
}

fn jobs(args: &ScannerArgs) -> Result<RemoteJobs> {
    let mut builder = reqwest::Client::builder().timeout(TIMEOUT).no_proxy();
    if let Some(path) = &args.ca {
        let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let authorities = Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("{} holds no PEM certificate", path.display()))?;
        ensure!(
            !authorities.is_empty(),
            "{} holds no PEM certificate",
            path.display()
        );
        builder = builder.tls_certs_only(authorities);
    }
    let token = match (&args.token, &args.token_file) {
        (Some(token), _) => Token::Given(token.clone()),
        (None, Some(path)) => Token::File(path.clone()),
        (None, None) => {
            bail!("a scanner needs its token: --token-file, or RAMPART_SCANNER_TOKEN")
        }
    };
    token.read()?;
    if !args.controller.starts_with("https://") {
        bail!("--controller must be https://…: work carries the credentials of registries");
    }
    Ok(RemoteJobs {
        http: builder.build().context("cannot set up TLS")?,
        controller: args.controller.trim_end_matches('/').to_owned(),
        token,
    })
}
