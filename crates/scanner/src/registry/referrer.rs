//! What refers to a manifest: signatures, attestations, bills of materials. By the referrers API
//! of OCI distribution 1.1, or by the tag that stands in for it where a registry has none.
//!
//! An artifact's manifest depends on its content and its subject alone: attaching it twice is
//! attaching it once. Limits: [`MAX_ARTIFACT_BYTES`] of an artifact, [`super::MAX_PAGES`] pages
//! and documents of [`crate::image::DOCUMENT_BYTES`]. Two that write the stand-in tag at the same
//! moment may lose one entry of it: no registry offers a lock.

use super::{Client, Endpoint, MAX_PAGES, Reference, RegistryError, blob, next_page, scope};
use crate::{
    digest,
    image::{self, Descriptor, Document},
};
use reqwest::{Method, StatusCode, header};
use serde_json::{Map, Value, json};

/// The largest artifact that is read.
pub const MAX_ARTIFACT_BYTES: usize = 64 << 20;
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const EMPTY_CONTENT: &[u8] = b"{}";

/// What is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact<'a> {
    /// Of the artifact and of its one blob, such as `application/spdx+json`.
    pub media_type: &'a str,
    /// The file a client saves it as.
    pub title: &'a str,
    pub content: &'a [u8],
    /// Of the manifest, by key.
    pub annotations: &'a [(&'a str, &'a str)],
}

/// An artifact that lies with its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Of the artifact's manifest.
    pub digest: String,
    /// It was there before, and nothing was changed.
    pub known: bool,
    /// The registry has no referrers API: it is listed in an index under the subject's tag.
    pub by_tag: bool,
}

impl Client {
    /// # Errors
    /// When the registry cannot be asked; none are no error.
    pub async fn referrers(
        &self,
        reference: &Reference,
        subject: &str,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let endpoint = self.reachable(&reference.registry).await?;
        let (mut found, _) = self.list(&endpoint, &reference.repository, subject).await?;
        found.retain(|entry| artifact_type.is_none_or(|wanted| entry.artifact_type == wanted));
        Ok(found)
    }

    /// All that refers to a subject, and whether that is from the tag.
    async fn list(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        subject: &str,
    ) -> Result<(Vec<Descriptor>, bool), RegistryError> {
        let mut url = format!("{}/v2/{repository}/referrers/{subject}", endpoint.base);
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let request = self
                .request(Method::GET, &url)
                .header(header::ACCEPT, image::ACCEPT);
            let scope = scope(repository, "pull");
            let answer = match self.send(endpoint, &scope, subject, request).await {
                Ok(answer) => answer,
                Err(error) if has_no_api(&error) && all.is_empty() => {
                    let index = self.tagged(endpoint, repository, subject).await?;
                    return Ok((index.map(|index| index.entries).unwrap_or_default(), true));
                }
                Err(error) => return Err(error),
            };
            let link = answer.headers().get(header::LINK);
            let link = link.and_then(|value| value.to_str().ok());
            let next = link.and_then(|link| next_page(&endpoint.base, link));
            let bytes = self.small_body(answer, &url).await?;
            if let Document::Index(found) = image::document(&bytes)? {
                all.extend(found);
            }
            match next {
                Some(next) if next != url => url = next,
                _ => return Ok((all, false)),
            }
        }
        let reason = format!("more than {MAX_PAGES} pages");
        Err(RegistryError::Answer { url, reason })
    }

    /// The index that lies under the subject's tag, if there is one.
    async fn tagged(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        subject: &str,
    ) -> Result<Option<Tagged>, RegistryError> {
        let bytes = match self.manifest(endpoint, repository, &tag(subject)).await {
            Ok((bytes, _)) => bytes,
            Err(RegistryError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Document::Index(entries) = image::document(&bytes)? else {
            return Err(RegistryError::Answer {
                url: format!(
                    "{}/v2/{repository}/manifests/{}",
                    endpoint.base,
                    tag(subject)
                ),
                reason: "the tag that lists what refers to the image names no index".into(),
            });
        };
        let raw = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Some(Tagged { raw, entries }))
    }

    /// Puts an artifact beside the manifest with the digest `subject`.
    ///
    /// # Errors
    /// When the subject is not there, or the registry refuses. What was sent before the error
    /// is named by digests alone, and the registry's garbage collection takes it away.
    pub async fn attach(
        &self,
        reference: &Reference,
        subject: &str,
        artifact: &Artifact<'_>,
    ) -> Result<Attached, RegistryError> {
        let endpoint = self.reachable(&reference.registry).await?;
        let repository = &reference.repository;
        let (bytes, _) = self.manifest(&endpoint, repository, subject).await?;
        let manifest = manifest(subject, &bytes, artifact).to_string().into_bytes();
        let digest = digest::sha256(&manifest);
        let (entries, by_tag) = self.list(&endpoint, repository, subject).await?;
        if entries.iter().any(|entry| entry.digest == digest) {
            return Ok(Attached {
                digest,
                known: true,
                by_tag,
            });
        }
        for content in [EMPTY_CONTENT, artifact.content] {
            self.push_blob(&endpoint, repository, content).await?;
        }
        let kept = self
            .push_manifest(&endpoint, repository, &digest, MANIFEST, &manifest)
            .await?;
        if !kept {
            self.tag_referrer(&endpoint, repository, subject, &manifest, artifact)
                .await?;
        }
        Ok(Attached {
            digest,
            known: false,
            by_tag: !kept,
        })
    }

    /// Adds an entry to the index under the subject's tag; what else is in it stays as it is.
    async fn tag_referrer(
        &self,
        endpoint: &Endpoint,
        repository: &str,
        subject: &str,
        manifest: &[u8],
        artifact: &Artifact<'_>,
    ) -> Result<(), RegistryError> {
        let known = self.tagged(endpoint, repository, subject).await?;
        let mut raw = known.map_or_else(
            || json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
            |known| known.raw,
        );
        let entry = json!({
            "mediaType": MANIFEST,
            "digest": digest::sha256(manifest),
            "size": manifest.len(),
            "annotations": annotations(artifact.annotations),
            "artifactType": artifact.media_type,
        });
        match raw["manifests"].as_array_mut() {
            Some(manifests) => manifests.push(entry),
            None => raw["manifests"] = Value::Array(vec![entry]),
        }
        let index = raw.to_string().into_bytes();
        self.push_manifest(endpoint, repository, &tag(subject), INDEX, &index)
            .await?;
        Ok(())
    }

    /// The one blob of an artifact that [`Client::referrers`] listed.
    ///
    /// # Errors
    /// When it is not there, larger than [`MAX_ARTIFACT_BYTES`], or has not exactly one blob.
    pub async fn artifact(
        &self,
        reference: &Reference,
        manifest: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let endpoint = self.reachable(&reference.registry).await?;
        let repository = &reference.repository;
        let (bytes, _) = self.manifest(&endpoint, repository, manifest).await?;
        let wrong = |reason: &str| RegistryError::Answer {
            url: format!("{}/v2/{repository}/manifests/{manifest}", endpoint.base),
            reason: reason.to_owned(),
        };
        let Document::Manifest(found) = image::document(&bytes)? else {
            return Err(wrong("it is no artifact"));
        };
        let [only] = &found.layers[..] else {
            return Err(wrong("it has not exactly one blob"));
        };
        let url = blob::address(&endpoint, repository, &only.digest)?;
        let request = self.request(Method::GET, &url);
        let scope = scope(repository, "pull");
        let answer = self.send(&endpoint, &scope, &only.digest, request).await?;
        let content = self.body(answer, &url, MAX_ARTIFACT_BYTES).await?;
        if digest::matches(&only.digest, &content) {
            return Ok(content);
        }
        Err(RegistryError::WrongDigest {
            what: only.digest.clone(),
            actual: digest::sha256(&content),
        })
    }
}

/// An index under a tag, as it is stored and as it is read.
struct Tagged {
    raw: Value,
    entries: Vec<Descriptor>,
}

/// Registries without the API answer 404; some know no such path at all.
fn has_no_api(error: &RegistryError) -> bool {
    match error {
        RegistryError::NotFound { .. } => true,
        RegistryError::Status { status, .. } => matches!(
            *status,
            StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
        ),
        _ => false,
    }
}

fn tag(subject: &str) -> String {
    subject.replace(':', "-")
}

fn annotations(pairs: &[(&str, &str)]) -> Value {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let map: Map<String, Value> = pairs
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    Value::Object(map)
}

fn manifest(subject: &str, subject_bytes: &[u8], artifact: &Artifact<'_>) -> Value {
    let value: Value = serde_json::from_slice(subject_bytes).unwrap_or_default();
    let media_type = match (value["mediaType"].as_str(), value["manifests"].is_array()) {
        (Some(named), _) => named,
        (None, true) => INDEX,
        (None, false) => MANIFEST,
    };
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact.media_type,
        "config": {
            "mediaType": EMPTY,
            "digest": digest::sha256(EMPTY_CONTENT),
            "size": EMPTY_CONTENT.len(),
            "data": "e30=",
        },
        "layers": [{
            "mediaType": artifact.media_type,
            "digest": digest::sha256(artifact.content),
            "size": artifact.content.len(),
            "annotations": {"org.opencontainers.image.title": artifact.title},
        }],
        "subject": {
            "mediaType": media_type,
            "digest": subject,
            "size": subject_bytes.len(),
        },
        "annotations": annotations(artifact.annotations),
    })
}
