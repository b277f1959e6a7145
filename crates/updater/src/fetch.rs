//! Gets files over HTTP: only when they changed, from where it broke off, whole or not at all.
//!
//! A transfer writes to `NAME.part`, with the address and validator it belongs to beside it, and is
//! resumed by range while the server says it is still the same file. Redirects are followed (ten at
//! most). Limits: bytes per file, time to connect, time without a byte, attempts, and how long a
//! server may ask us to wait.

mod part;

use crate::{
    feed::Remote,
    input::is_web_page,
    state::{FileMeta, is_plain_name},
};
use part::Part;
use reqwest::{
    Client, Proxy, Response, StatusCode,
    header::{
        CONTENT_TYPE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
    },
};
use std::{io, path::Path, time::Duration};

#[derive(Clone, Debug)]
pub struct FetchConfig {
    /// `http://proxy:3128`; without it the environment's proxies are used.
    pub proxy: Option<String>,
    /// Hosts the proxy is not for, by comma.
    pub no_proxy: Option<String>,
    /// More authorities to trust, PEM.
    pub ca_pem: Vec<Vec<u8>>,
    pub connect_timeout: Duration,
    /// Longest time without a byte.
    pub read_timeout: Duration,
    /// Longest file.
    pub max_bytes: u64,
    /// For each mirror.
    pub attempts: u32,
    /// First wait between attempts; doubles.
    pub backoff: Duration,
    /// Longest wait, whatever the server asks for.
    pub max_wait: Duration,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            proxy: None,
            no_proxy: None,
            ca_pem: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            max_bytes: 8 << 30,
            attempts: 4,
            backoff: Duration::from_secs(1),
            max_wait: Duration::from_secs(120),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("the network settings are not usable: {0}")]
    Settings(String),
    #[error("{url} cannot be reached")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{url}: the transfer broke off")]
    Broken {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{url} answered {status}")]
    Status { url: String, status: StatusCode },
    #[error("{url} answered with a web page, not a feed: a proxy or a login page is in between")]
    WebPage { url: String },
    #[error("{url} is longer than {limit} bytes")]
    TooLong { url: String, limit: u64 },
    #[error(
        "{url} has the digest {found}, and {expected} is published: damaged or replaced on its way"
    )]
    Checksum {
        url: String,
        expected: String,
        found: String,
    },
    #[error("{url}: nothing published tells its checksum")]
    NoChecksum { url: String },
    #[error("cannot write {path}{advice}")]
    Write {
        path: String,
        advice: &'static str,
        #[source]
        source: io::Error,
    },
}

impl FetchError {
    /// Nobody there: no other file of the same feed need be tried.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    fn is_passing(&self) -> bool {
        match self {
            Self::Broken { .. } | Self::Unreachable { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }
}

/// How far one file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub feed: String,
    pub file: String,
    pub bytes: u64,
    /// 0: not known.
    pub total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// As it was when `known` was fetched.
    Unchanged,
    New(FileMeta),
}

pub struct Fetcher {
    client: Client,
    config: FetchConfig,
}

type Report<'r> = &'r (dyn Fn(&Progress) + Sync);

impl Fetcher {
    pub fn new(config: FetchConfig) -> Result<Self, FetchError> {
        let settings = |error: reqwest::Error| FetchError::Settings(error.to_string());
        let mut builder = Client::builder()
            .user_agent(concat!("rampart-updater/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect_timeout)
            .read_timeout(config.read_timeout);
        for pem in &config.ca_pem {
            for certificate in reqwest::Certificate::from_pem_bundle(pem).map_err(settings)? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        if let Some(proxy) = &config.proxy {
            let except = config
                .no_proxy
                .as_deref()
                .and_then(reqwest::NoProxy::from_string);
            builder = builder.proxy(Proxy::all(proxy).map_err(settings)?.no_proxy(except));
        }
        Ok(Self {
            client: builder.build().map_err(settings)?,
            config,
        })
    }

    /// Gets one file into `folder`, from the first mirror that gives it.
    pub async fn get(
        &self,
        feed: &str,
        remote: &Remote,
        known: Option<&FileMeta>,
        folder: &Path,
        report: Report<'_>,
    ) -> Result<Fetched, FetchError> {
        if !is_plain_name(&remote.file) {
            return Err(FetchError::Settings(format!(
                "'{}' is no file name",
                remote.file
            )));
        }
        let mut failed = FetchError::Settings(format!("{} has no address", remote.file));
        for mirror in &remote.mirrors {
            match self
                .mirror(feed, remote, mirror, known, folder, report)
                .await
            {
                Ok(fetched) => return Ok(fetched),
                Err(error) => {
                    tracing::debug!(feed, mirror, %error, "mirror failed");
                    failed = error;
                }
            }
        }
        Err(failed)
    }

    async fn mirror(
        &self,
        feed: &str,
        remote: &Remote,
        mirror: &str,
        known: Option<&FileMeta>,
        folder: &Path,
        report: Report<'_>,
    ) -> Result<Fetched, FetchError> {
        let url = if remote.pointer {
            self.newest(mirror).await?
        } else {
            mirror.to_owned()
        };
        // A validator of another mirror's copy says nothing here.
        let known = known.filter(|known| known.url == url);
        let progress = Progress {
            feed: feed.to_owned(),
            file: remote.file.clone(),
            ..Progress::default()
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let part =
                Part::open(folder, &remote.file, &url).map_err(|e| write_error(folder, e))?;
            let outcome = self
                .attempt(&url, part, known, progress.clone(), report)
                .await;
            let Failure { error, wait: asked } = match outcome {
                Ok(Some(meta)) => {
                    return self.checked(remote, meta, folder).await.map(Fetched::New);
                }
                Ok(None) => return Ok(Fetched::Unchanged),
                Err(failure) => failure,
            };
            // Nobody at home is told soon: a name that does not resolve will not in a minute.
            let last = attempt >= self.config.attempts || (error.is_unreachable() && attempt >= 2);
            if last || !error.is_passing() {
                return Err(error);
            }
            let own = self.config.backoff * 2_u32.saturating_pow(attempt - 1);
            let wait = asked.unwrap_or(own).min(self.config.max_wait);
            tracing::info!(feed, %error, wait_ms = wait.as_millis(), "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    /// One request. `None`: not modified.
    async fn attempt(
        &self,
        url: &str,
        mut part: Part,
        known: Option<&FileMeta>,
        mut progress: Progress,
        report: Report<'_>,
    ) -> Result<Option<FileMeta>, Failure> {
        let mut request = self.client.get(url);
        if let Some((range, validator)) = part.resume() {
            request = request.header("Range", range).header("If-Range", validator);
        } else if let Some(known) = known {
            if !known.etag.is_empty() {
                request = request.header(IF_NONE_MATCH, &known.etag);
            }
            if !known.last_modified.is_empty() {
                request = request.header(IF_MODIFIED_SINCE, &known.last_modified);
            }
        }
        let mut response = request
            .send()
            .await
            .map_err(|source| FetchError::Unreachable {
                url: url.to_owned(),
                source,
            })?;
        match response.status() {
            StatusCode::NOT_MODIFIED => return Ok(None),
            StatusCode::PARTIAL_CONTENT if part.continues(response.headers()) => {}
            StatusCode::OK => part
                .restart(
                    &header(response.headers(), ETAG.as_str()),
                    &header(response.headers(), LAST_MODIFIED.as_str()),
                )
                .map_err(|e| write_error(part.path(), e))?,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                part.forget().map_err(|e| write_error(part.path(), e))?;
                return Err(Failure::from(FetchError::Status {
                    url: url.to_owned(),
                    status: StatusCode::SERVICE_UNAVAILABLE,
                }));
            }
            status => {
                let wait = retry_after(response.headers());
                let error = FetchError::Status {
                    url: url.to_owned(),
                    status,
                };
                return Err(Failure { error, wait });
            }
        }
        if header(response.headers(), CONTENT_TYPE.as_str()).starts_with("text/html") {
            part.forget().map_err(|e| write_error(part.path(), e))?;
            return Err(FetchError::WebPage {
                url: url.to_owned(),
            }
            .into());
        }
        progress.total = part.length() + response.content_length().unwrap_or(0);
        self.body(url, &mut response, &mut part, &mut progress, report)
            .await?;
        let meta = part.finish(url).map_err(|e| write_error(part.path(), e))?;
        Ok(Some(meta))
    }

    async fn body(
        &self,
        url: &str,
        response: &mut Response,
        part: &mut Part,
        progress: &mut Progress,
        report: Report<'_>,
    ) -> Result<(), Failure> {
        let limit = self.config.max_bytes;
        let too_long = || FetchError::TooLong {
            url: url.to_owned(),
            limit,
        };
        if progress.total > limit {
            return Err(too_long().into());
        }
        loop {
            let chunk = response
                .chunk()
                .await
                .map_err(|source| FetchError::Broken {
                    url: url.to_owned(),
                    source,
                })?;
            let Some(chunk) = chunk else {
                break;
            };
            if part.length() == 0 && is_web_page(&chunk) {
                part.forget().map_err(|e| write_error(part.path(), e))?;
                return Err(FetchError::WebPage {
                    url: url.to_owned(),
                }
                .into());
            }
            part.write(&chunk)
                .map_err(|e| write_error(part.path(), e))?;
            if part.length() > limit {
                part.forget().map_err(|e| write_error(part.path(), e))?;
                return Err(too_long().into());
            }
            progress.bytes = part.length();
            report(progress);
        }
        Ok(())
    }

    /// The checksum that is published beside the file, where one is.
    async fn checked(
        &self,
        remote: &Remote,
        meta: FileMeta,
        folder: &Path,
    ) -> Result<FileMeta, FetchError> {
        if remote.checksum_suffix.is_empty() {
            return Ok(meta);
        }
        let text = self
            .text(&format!("{}{}", meta.url, remote.checksum_suffix))
            .await?;
        let expected = text
            .split(|c: char| !c.is_ascii_hexdigit())
            .find(|word| word.len() == 64)
            .map(str::to_ascii_lowercase);
        match expected {
            Some(expected) if expected == meta.sha256 => Ok(meta),
            Some(expected) => {
                let _ = std::fs::remove_file(folder.join(&remote.file));
                Err(FetchError::Checksum {
                    url: meta.url,
                    expected,
                    found: meta.sha256,
                })
            }
            None => Err(FetchError::NoChecksum { url: meta.url }),
        }
    }

    /// The address of the newest file, which `pointer` names.
    async fn newest(&self, pointer: &str) -> Result<String, FetchError> {
        let name = self.text(pointer).await?;
        let name = name.trim();
        if !is_plain_name(name) || name.len() > 200 {
            return Err(FetchError::Settings(format!("{pointer} names no file")));
        }
        let folder = pointer.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(format!("{folder}/{name}"))
    }

    /// A small text.
    async fn text(&self, url: &str) -> Result<String, FetchError> {
        const MOST: usize = 64 * 1024;
        let unreachable = |source| FetchError::Unreachable {
            url: url.to_owned(),
            source,
        };
        let mut response = self.client.get(url).send().await.map_err(unreachable)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status {
                url: url.to_owned(),
                status: response.status(),
            });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MOST {
                return Err(FetchError::TooLong {
                    url: url.to_owned(),
                    limit: MOST as u64,
                });
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

struct Failure {
    error: FetchError,
    /// What the server asked for.
    wait: Option<Duration>,
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self { error, wait: None }
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

/// Seconds; a date is not worth a clock here.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    header(headers, RETRY_AFTER.as_str())
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

fn write_error(path: &Path, source: io::Error) -> FetchError {
    FetchError::Write {
        path: path.display().to_string(),
        advice: if source.kind() == io::ErrorKind::StorageFull {
            ": no space left there"
        } else {
            ""
        },
        source,
    }
}
