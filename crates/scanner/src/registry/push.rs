//! Blobs and manifests up to a registry, each named by its digest.
//!
//! A blob that is there is not sent again; one whose upload breaks off is looked for, then sent
//! anew, [`TRIES`] times in all. Limits: blobs are sent whole, from memory. A login never goes to
//! another host than the registry's own.

use super::{Client, Endpoint, RegistryError, blob, scope};
use crate::digest;
use reqwest::{Method, Response, StatusCode, Url, header};

const TRIES: u32 = 3;

impl Client {
    pub(super) async fn push_blob(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        content: &[u8],
    ) -> Result<String, RegistryError> {
        let name = digest::sha256(content);
        let mut tried = 0;
        loop {
            if self.has_blob(endpoint, repository, &name).await? {
                return Ok(name);
            }
            tried += 1;
            match self.upload(endpoint, repository, &name, content).await {
                Ok(()) => return Ok(name),
                // The session of an upload ends with its connection; the blob may be there.
                Err(error) if tried >= TRIES || !is_lost_session(&error) => return Err(error),
                Err(_) => {}
            }
        }
    }

    async fn has_blob(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        name: &str,
    ) -> Result<bool, RegistryError> {
        let url = blob::address(endpoint, repository, name)?;
        let request = self.request(Method::HEAD, &url);
        let answer = self
            .send(endpoint, &scope(repository, "pull,push"), name, request)
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(RegistryError::NotFound { .. }) => Ok(false),
            Err(error) => Err(push_denied(repository, error)),
        }
    }

    /// One session: `POST` opens it, `PUT` sends all and closes it.
    async fn upload(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        name: &str,
        content: &[u8],
    ) -> Result<(), RegistryError> {
        let url = format!("{}/v2/{repository}/blobs/uploads/", endpoint.base);
        let scope = scope(repository, "pull,push");
        let request = self
            .request(Method::POST, &url)
            .header(header::CONTENT_LENGTH, 0);
        let opened = self.send(endpoint, &scope, name, request).await;
        let opened = opened.map_err(|error| push_denied(repository, error))?;
        let to = location(endpoint, &url, &opened, name)?;
        let request = self
            .request(Method::PUT, to.as_str())
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, content.len())
            .body(content.to_vec());
        if is_own(endpoint, &to) {
            let sent = self.send(endpoint, &scope, name, request).await;
            sent.map_err(|error| push_denied(repository, error))?;
            return Ok(());
        }
        let sent = request
            .send()
            .await
            .map_err(|source| RegistryError::Unreachable {
                url: url.clone(),
                source: source.without_url(),
            })?;
        match sent.status() {
            status if status.is_success() => Ok(()),
            status => Err(RegistryError::Status {
                url,
                status,
                reason: "from the store the registry sends uploads to".into(),
            }),
        }
    }

    /// Whether the registry says that it keeps the manifest's `subject` in its list of referrers.
    pub(super) async fn push_manifest(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        reference: &str,
        media_type: &str,
        content: &[u8],
    ) -> Result<bool, RegistryError> {
        let url = format!("{}/v2/{repository}/manifests/{reference}", endpoint.base);
        let request = self
            .request(Method::PUT, &url)
            .header(header::CONTENT_TYPE, media_type)
            .body(content.to_vec());
        let what = format!("{repository}:{reference}");
        let answer = self
            .send(endpoint, &scope(repository, "pull,push"), &what, request)
            .await
            .map_err(|error| push_denied(repository, error))?;
        Ok(answer.headers().contains_key("oci-subject"))
    }
}

/// Where an upload goes on. Behind a proxy that ends TLS, registries often name the scheme wrong.
fn location(
    endpoint: &Endpoint,
    asked: &str,
    answer: &Response,
    name: &str,
) -> Result<Url, RegistryError> {
    let wrong = |reason: &str| RegistryError::Answer {
        url: asked.to_owned(),
        reason: reason.to_owned(),
    };
    let text = answer
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| wrong("it does not say where the upload goes"))?;
    let base = Url::parse(asked).map_err(|_| wrong("it has no address"))?;
    let mut to = base
        .join(text)
        .map_err(|_| wrong("where the upload goes is no address"))?;
    if to.host_str() == base.host_str() && to.scheme() != base.scheme() {
        let same_port = to.port().is_none() || to.port() == base.port();
        let fixed = same_port && to.set_scheme(base.scheme()).is_ok();
        if !fixed || to.set_port(base.port()).is_err() {
            return Err(wrong("it sends the upload to another scheme"));
        }
    }
    if to.scheme() != "https" && !endpoint.is_plain() {
        return Err(wrong("it sends the upload to an address without TLS"));
    }
    to.query_pairs_mut().append_pair("digest", name);
    Ok(to)
}

fn is_own(endpoint: &Endpoint, to: &Url) -> bool {
    Url::parse(&endpoint.base).is_ok_and(|own| own.origin() == to.origin())
}

fn is_lost_session(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { .. } | RegistryError::Unreachable { .. } => true,
        RegistryError::Status { status, .. } => {
            *status == StatusCode::RANGE_NOT_SATISFIABLE || *status == StatusCode::BAD_REQUEST
        }
        _ => false,
    }
}

pub(super) fn push_denied(repository: &str, error: RegistryError) -> RegistryError {
    match error {
        RegistryError::Denied {
            registry, reason, ..
        } => RegistryError::PushDenied {
            repository: repository.to_owned(),
            registry,
            reason,
        },
        other => other,
    }
}
