//! A client of OCI distribution registries: manifests, blobs, referrers, tags and catalogs.
//!
//! One [`Client`] serves any number of registries and images at once; tokens are kept per scope.
//! Limits: documents of [`crate::image::DOCUMENT_BYTES`], [`MAX_PAGES`] pages of a listing,
//! [`ATTEMPTS`] tries of a request; a registry that asks for a longer pause than [`MAX_PAUSE`] is
//! not waited for.

mod auth;
mod blob;
mod cloud;
mod credentials;
mod digest_of;
mod push;
mod reference;
mod referrer;
mod send;

pub use blob::BlobReader;
pub use cloud::Environment;
pub use credentials::{Credentials, Login};
pub use reference::{BadReference, Reference};
pub use referrer::{Artifact, Attached, MAX_ARTIFACT_BYTES};

use crate::{
    digest,
    image::{self, DOCUMENT_BYTES, Descriptor, Document, ImageError},
    stop::Stop,
};
use auth::Tokens;
use reqwest::{Certificate, Method, Proxy, StatusCode, header};
use serde_json::Value;
use std::{collections::HashMap, net::SocketAddr, time::Duration};

const MAX_PAGES: usize = 10_000;
const ATTEMPTS: u32 = 6;
const MAX_PAUSE: Duration = Duration::from_secs(120);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence on an open connection for this long ends it; what is missing is asked for again.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How to reach registries.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub credentials: Credentials,
    /// What the clouds' token exchanges read; empty: no exchange.
    pub environment: Environment,
    /// Accept any certificate, and speak plain HTTP where HTTPS is not spoken.
    pub insecure: bool,
    /// Speak plain HTTP only.
    pub plain_http: bool,
    /// Certificate authorities to trust besides the system's (PEM).
    pub authorities: Vec<Vec<u8>>,
    /// Registry to base addresses tried before it.
    pub mirrors: HashMap<String, Vec<String>>,
    /// For all requests; else the system's settings count.
    pub proxy: Option<String>,
    /// Names that are looked up nowhere.
    pub resolve: Vec<(String, SocketAddr)>,
}

#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("cannot set up TLS or a proxy")]
    Setup(#[source] reqwest::Error),
    #[error("{url}: no answer")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{what} is not in {registry}")]
    NotFound { what: String, registry: String },
    #[error("{registry} refuses access to {what}: {reason}")]
    Denied {
        what: String,
        registry: String,
        reason: String,
    },
    #[error(
        "{registry} asks to slow down, and does so for longer than the scan may take: {reason}"
    )]
    TooManyRequests { registry: String, reason: String },
    #[error("{url}: the registry answered {status}: {reason}")]
    Status {
        url: String,
        status: StatusCode,
        reason: String,
    },
    #[error("{url}: the answer makes no sense: {reason}")]
    Answer { url: String, reason: String },
    #[error("{what} is not what its digest names: the bytes received are {actual}")]
    WrongDigest { what: String, actual: String },
    #[error(
        "{registry} refuses the push to {repository}: the login needs the right to push there: {reason}"
    )]
    PushDenied {
        repository: String,
        registry: String,
        reason: String,
    },
    #[error("the login helper docker-credential-{helper} failed: {reason}")]
    Helper { helper: String, reason: String },
    #[error("the token exchange with {cloud} failed: {reason}")]
    Exchange { cloud: &'static str, reason: String },
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("the scan was stopped")]
    Stopped,
}

/// Where a registry, or a mirror of it, is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `https://host[:port][/path]`, without a slash at the end.
    base: String,
    /// Whose credentials count.
    host: String,
}

pub struct Client {
    http: reqwest::Client,
    settings: Settings,
    tokens: Tokens,
    stop: Stop,
}

/// A manifest that was found, and where.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub endpoint: Endpoint,
    pub digest: String,
    pub manifest: image::Manifest,
    pub config: Vec<u8>,
}

impl Client {
    /// # Errors
    /// When a certificate authority or the proxy's address is of no use.
    pub fn new(settings: Settings, stop: Stop) -> Result<Self, RegistryError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(STALL_TIMEOUT)
            .http2_adaptive_window(true)
            .user_agent(concat!("rampart/", env!("CARGO_PKG_VERSION")));
        for authority in &settings.authorities {
            let certificates =
                Certificate::from_pem_bundle(authority).map_err(RegistryError::Setup)?;
            builder = builder.tls_certs_merge(certificates);
        }
        if settings.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(proxy) = &settings.proxy {
            builder = builder.proxy(Proxy::all(proxy).map_err(RegistryError::Setup)?);
        }
        for (name, address) in &settings.resolve {
            builder = builder.resolve(name, *address);
        }
        let http = builder.build().map_err(RegistryError::Setup)?;
        Ok(Self {
            http,
            settings,
            tokens: Tokens::default(),
            stop,
        })
    }

    /// Addresses of a registry, mirrors first.
    fn endpoints(&self, registry: &str) -> Vec<Endpoint> {
        let mirrors = self.settings.mirrors.get(registry).into_iter().flatten();
        let mut all: Vec<Endpoint> = mirrors.map(|base| Endpoint::mirror(base)).collect();
        let host = reference::api_host(registry);
        let schemes: &[&str] = if self.settings.plain_http {
            &["http"]
        } else if self.may_be_plain(host) {
            &["https", "http"]
        } else {
            &["https"]
        };
        all.extend(schemes.iter().map(|scheme| Endpoint {
            base: format!("{scheme}://{host}"),
            host: registry.to_owned(),
        }));
        all
    }

    fn may_be_plain(&self, host: &str) -> bool {
        self.settings.insecure || reference::is_loopback(host)
    }

    /// Whether plain HTTP is tried after this address.
    fn has_other_scheme(&self, endpoint: &Endpoint) -> bool {
        let tls = endpoint.base.strip_prefix("https://");
        tls.is_some_and(|host| !self.settings.plain_http && self.may_be_plain(host))
    }

    /// The image of a reference: from the first address that has it.
    ///
    /// # Errors
    /// What the last address said.
    pub async fn resolve(
        &self,
        reference: &Reference,
        platform: Option<&image::Platform>,
    ) -> Result<Resolved, RegistryError> {
        self.unless_stopped(self.resolve_anywhere(reference, platform))
            .await
    }

    async fn resolve_anywhere(
        &self,
        reference: &Reference,
        platform: Option<&image::Platform>,
    ) -> Result<Resolved, RegistryError> {
        let mut last: Option<(String, RegistryError)> = None;
        for endpoint in self.endpoints(&reference.registry) {
            let host = endpoint.host.clone();
            match self.resolve_at(endpoint, reference, platform).await {
                Err(error) if error.is_elsewhere() => {
                    // Of one host, what it answers says more than that another scheme failed.
                    let same = last.as_ref().filter(|(known, _)| *known == host);
                    let answered = !matches!(error, RegistryError::Unreachable { .. });
                    let silent = same.is_some_and(|(_, known)| {
                        matches!(known, RegistryError::Unreachable { .. })
                    });
                    if same.is_none() || silent && answered {
                        last = Some((host, error));
                    }
                }
                other => return other,
            }
        }
        Err(last.map_or(RegistryError::Stopped, |(_, error)| error))
    }

    async fn resolve_at(
        &self,
        endpoint: Endpoint,
        reference: &Reference,
        platform: Option<&image::Platform>,
    ) -> Result<Resolved, RegistryError> {
        let repository = &reference.repository;
        let (bytes, mut digest) = self
            .manifest(&endpoint, repository, reference.identifier())
            .await?;
        let mut document = image::document(&bytes)?;
        for _ in 0..3 {
            let Document::Index(entries) = &document else {
                break;
            };
            digest = image::select(entries, platform)?.digest.clone();
            let (bytes, _) = self.manifest(&endpoint, repository, &digest).await?;
            document = image::document(&bytes)?;
        }
        let Document::Manifest(manifest) = document else {
            return Err(ImageError::NotAnImage(": its indexes lead to no manifest".into()).into());
        };
        let config = self
            .small_blob(&endpoint, repository, &manifest.config)
            .await?;
        Ok(Resolved {
            endpoint,
            digest,
            manifest,
            config,
        })
    }

    /// A manifest or index as it is stored, and its digest.
    async fn manifest(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        identifier: &str,
    ) -> Result<(Vec<u8>, String), RegistryError> {
        let url = format!("{}/v2/{repository}/manifests/{identifier}", endpoint.base);
        let what = format!("{repository}:{identifier}");
        let request = self
            .request(Method::GET, &url)
            .header(header::ACCEPT, image::ACCEPT);
        let answer = self
            .send(endpoint, &scope(repository, "pull"), &what, request)
            .await?;
        let named = answer
            .headers()
            .get("docker-content-digest")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let bytes = self.small_body(answer, &url).await?;
        let wanted = if digest::is_valid(identifier) {
            Some(identifier.to_owned())
        } else {
            named
        };
        match wanted {
            Some(wanted) if !digest::matches(&wanted, &bytes) => Err(RegistryError::WrongDigest {
                what: wanted,
                actual: digest::sha256(&bytes),
            }),
            Some(wanted) => Ok((bytes, wanted)),
            None => {
                let own = digest::sha256(&bytes);
                Ok((bytes, own))
            }
        }
    }

    async fn small_blob(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        blob: &Descriptor,
    ) -> Result<Vec<u8>, RegistryError> {
        let url = blob::address(endpoint, repository, &blob.digest)?;
        let request = self.request(Method::GET, &url);
        let answer = self
            .send(endpoint, &scope(repository, "pull"), &blob.digest, request)
            .await?;
        let bytes = self.small_body(answer, &url).await?;
        if digest::matches(&blob.digest, &bytes) {
            Ok(bytes)
        } else {
            let actual = digest::sha256(&bytes);
            Err(RegistryError::WrongDigest {
                what: blob.digest.clone(),
                actual,
            })
        }
    }

    /// A whole answer, up to the size of a document.
    async fn small_body(
        &self,
        answer: reqwest::Response,
        url: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        self.body(answer, url, DOCUMENT_BYTES).await
    }

    async fn body(
        &self,
        mut answer: reqwest::Response,
        url: &str,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        loop {
            let chunk = answer.chunk().await;
            let chunk = chunk.map_err(|source| RegistryError::Unreachable {
                url: url.to_owned(),
                source,
            })?;
            let Some(chunk) = chunk else { return Ok(bytes) };
            if bytes.len() + chunk.len() > limit {
                let reason = format!("it is larger than {limit} bytes");
                return Err(RegistryError::Answer {
                    url: url.to_owned(),
                    reason,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// Names of all repositories, as far as the login may see them.
    ///
    /// # Errors
    /// When the registry does not list them; many public ones do not.
    pub async fn catalog(&self, registry: &str) -> Result<Vec<String>, RegistryError> {
        self.unless_stopped(async {
            let endpoint = self.reachable(registry).await?;
            let url = format!("{}/v2/_catalog?n=1000", endpoint.base);
            self.pages(
                &endpoint,
                "registry:catalog:*",
                url,
                "repositories",
                "the catalog",
            )
            .await
        })
        .await
    }

    /// Tags of a repository.
    ///
    /// # Errors
    /// When it is not there, or may not be seen.
    pub async fn tags(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Vec<String>, RegistryError> {
        self.unless_stopped(async {
            let endpoint = self.reachable(registry).await?;
            let url = format!("{}/v2/{repository}/tags/list?n=1000", endpoint.base);
            self.pages(
                &endpoint,
                &scope(repository, "pull"),
                url,
                "tags",
                &format!("the list of tags of {repository}"),
            )
            .await
        })
        .await
    }

    async fn pages(
        &self,
        endpoint: &Endpoint,
        scope: &str,
        mut url: String,
        key: &str,
        what: &str,
    ) -> Result<Vec<String>, RegistryError> {
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let answer = self
                .send(endpoint, scope, what, self.request(Method::GET, &url))
                .await?;
            let link = answer
                .headers()
                .get(header::LINK)
                .and_then(|value| value.to_str().ok());
            let next = link.and_then(|link| next_page(&endpoint.base, link));
            let bytes = self.small_body(answer, &url).await?;
            let value: Value =
                serde_json::from_slice(&bytes).map_err(|error| RegistryError::Answer {
                    url: url.clone(),
                    reason: error.to_string(),
                })?;
            all.extend(image::texts(&value[key]));
            match next {
                Some(next) if next != url => url = next,
                _ => return Ok(all),
            }
        }
        let reason = format!("more than {MAX_PAGES} pages");
        Err(RegistryError::Answer { url, reason })
    }

    /// The registry's own address that answers.
    async fn reachable(&self, registry: &str) -> Result<Endpoint, RegistryError> {
        let mut own = self.endpoints(registry);
        own.retain(|endpoint| endpoint.host == registry);
        let last = own.pop();
        for endpoint in own {
            let url = format!("{}/v2/", endpoint.base);
            if self.http.get(&url).send().await.is_ok() {
                return Ok(endpoint);
            }
        }
        last.ok_or(RegistryError::Stopped)
    }
}

impl Endpoint {
    fn mirror(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        let with_scheme = if base.contains("://") {
            base.to_owned()
        } else {
            format!("https://{base}")
        };
        let host = with_scheme.split_once("://").map_or("", |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default().to_owned();
        Self {
            base: with_scheme,
            host,
        }
    }

    fn is_plain(&self) -> bool {
        self.base.starts_with("http://")
    }
}

impl RegistryError {
    /// Another address of the same registry may do better.
    fn is_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NotFound { .. }
                | Self::Denied { .. }
                | Self::Status { .. }
                | Self::TooManyRequests { .. }
        )
    }
}

fn scope(repository: &str, actions: &str) -> String {
    format!("repository:{repository}:{actions}")
}

/// `Link: </v2/_catalog?last=x>; rel="next"`, only within the same registry.
fn next_page(base: &str, link: &str) -> Option<String> {
    let (target, rest) = link.strip_prefix('<')?.split_once('>')?;
    if !rest.contains("next") {
        return None;
    }
    let origin = base
        .find("://")
        .and_then(|at| base[at + 3..].find('/').map(|end| &base[..at + 3 + end]));
    let origin = origin.unwrap_or(base);
    if target.starts_with('/') {
        Some(format!("{origin}{target}"))
    } else {
        target
            .starts_with(&format!("{origin}/"))
            .then(|| target.to_owned())
    }
}
