//! A layer's bytes from a registry, as a plain reader: when the connection breaks, what is missing
//! is asked for from where it broke.
//!
//! Limits: as many bytes as the manifest says and no more; [`BREAKS`] breaks in a row without
//! progress. The digest is checked by whoever reads it all.

use super::{Client, Endpoint, RegistryError, scope, send};
use crate::{digest, image::Descriptor};
use bytes::Bytes;
use reqwest::{Method, Response, StatusCode, header};
use std::{
    io::{self, Read},
    sync::Arc,
};
use tokio::runtime::Handle;

const BREAKS: u32 = 6;

pub(super) fn address(
    endpoint: &Endpoint,
    repository: &str,
    blob: &str,
) -> Result<String, RegistryError> {
    let url = format!("{}/v2/{repository}/blobs/{blob}", endpoint.base);
    if digest::is_valid(blob) {
        Ok(url)
    } else {
        Err(RegistryError::Answer {
            url,
            reason: format!("'{blob}' is no digest"),
        })
    }
}

/// Blocks the thread it is read on: never one of the runtime's own.
pub struct BlobReader {
    client: Arc<Client>,
    runtime: Handle,
    endpoint: Endpoint,
    repository: String,
    blob: Descriptor,
    answer: Option<Response>,
    /// Received and not yet given.
    chunk: Bytes,
    /// Bytes given and received.
    position: u64,
    breaks: u32,
}

impl BlobReader {
    pub fn new(
        client: Arc<Client>,
        runtime: Handle,
        endpoint: Endpoint,
        repository: &str,
        blob: Descriptor,
    ) -> Self {
        Self {
            client,
            runtime,
            endpoint,
            repository: repository.to_owned(),
            blob,
            answer: None,
            chunk: Bytes::new(),
            position: 0,
            breaks: 0,
        }
    }

    /// Receives until there are bytes to give; none at the end.
    async fn receive(&mut self) -> Result<Bytes, RegistryError> {
        loop {
            if self.position == self.blob.size && self.blob.size > 0 {
                return Ok(Bytes::new());
            }
            let Some(answer) = &mut self.answer else {
                let (answer, first) = self.ask().await?;
                self.answer = Some(answer);
                if first.is_empty() {
                    continue;
                }
                self.position += first.len() as u64;
                return Ok(first);
            };
            match answer.chunk().await {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => {
                    self.breaks = 0;
                    self.position += bytes.len() as u64;
                    if self.position > self.blob.size && self.blob.size > 0 {
                        return Err(self.wrong("it is longer than its manifest says"));
                    }
                    return Ok(bytes);
                }
                Ok(None) if self.position >= self.blob.size => return Ok(Bytes::new()),
                Ok(None) => self.broken("the answer ended too early").await?,
                Err(error) => {
                    let reason = error.without_url().to_string();
                    self.broken(&reason).await?;
                }
            }
        }
    }

    /// The connection is gone: the rest is asked for after a pause.
    async fn broken(&mut self, reason: &str) -> Result<(), RegistryError> {
        self.answer = None;
        self.breaks += 1;
        if self.breaks > BREAKS {
            return Err(self.wrong(&format!(
                "the connection broke {BREAKS} times at byte {} of {}: {reason}",
                self.position, self.blob.size
            )));
        }
        self.client.sleep(send::backoff(self.breaks - 1)).await
    }

    /// Asks for the bytes from the position on.
    async fn ask(&self) -> Result<(Response, Bytes), RegistryError> {
        let url = address(&self.endpoint, &self.repository, &self.blob.digest)?;
        match self.ask_at(&url, &self.endpoint).await {
            Err(error @ RegistryError::NotFound { .. }) => self.ask_elsewhere(error).await,
            other => other,
        }
    }

    /// Foreign layers lie where their descriptor says, and no login of the registry goes there.
    async fn ask_elsewhere(
        &self,
        missing: RegistryError,
    ) -> Result<(Response, Bytes), RegistryError> {
        for url in self
            .blob
            .urls
            .iter()
            .filter(|url| url.starts_with("https://"))
        {
            let request = self.client.request(Method::GET, url);
            let request = request.header(header::RANGE, format!("bytes={}-", self.position));
            if let Ok(answer) = request.send().await
                && answer.status().is_success()
                && self.starts_at_position(&answer)
            {
                return Ok((answer, Bytes::new()));
            }
        }
        Err(missing)
    }

    async fn ask_at(
        &self,
        url: &str,
        endpoint: &Endpoint,
    ) -> Result<(Response, Bytes), RegistryError> {
        let mut request = self.client.request(Method::GET, url);
        if self.position > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.position));
        }
        let scope = scope(&self.repository, "pull");
        let mut answer = self
            .client
            .send(endpoint, &scope, &self.blob.digest, request)
            .await?;
        if self.position > 0 && answer.status() == StatusCode::OK {
            let first = self.pass_over(&mut answer).await?;
            return Ok((answer, first));
        }
        if !self.starts_at_position(&answer) {
            return Err(self.wrong("the registry gives another part than was asked for"));
        }
        Ok((answer, Bytes::new()))
    }

    fn starts_at_position(&self, answer: &Response) -> bool {
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            return self.position == 0;
        }
        let range = answer
            .headers()
            .get(header::CONTENT_RANGE)
            .and_then(|value| value.to_str().ok());
        range.is_some_and(|range| {
            range
                .trim()
                .starts_with(&format!("bytes {}-", self.position))
        })
    }

    /// A registry that knows no ranges sends it all again: the first bytes that are new.
    async fn pass_over(&self, answer: &mut Response) -> Result<Bytes, RegistryError> {
        let mut left = self.position;
        loop {
            let Ok(Some(mut bytes)) = answer.chunk().await else {
                return Err(self.wrong("the registry cannot go on where the connection broke"));
            };
            match usize::try_from(left) {
                Ok(old) if old < bytes.len() => return Ok(bytes.split_off(old)),
                _ => left -= bytes.len() as u64,
            }
        }
    }

    fn wrong(&self, reason: &str) -> RegistryError {
        let url = format!(
            "{}/v2/{}/blobs/{}",
            self.endpoint.base, self.repository, self.blob.digest
        );
        RegistryError::Answer {
            url,
            reason: reason.to_owned(),
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            let (runtime, client) = (self.runtime.clone(), Arc::clone(&self.client));
            let received = client.unless_stopped(self.receive());
            self.chunk = runtime.block_on(received).map_err(io::Error::other)?;
        }
        let count = self.chunk.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.chunk.split_to(count));
        Ok(count)
    }
}
