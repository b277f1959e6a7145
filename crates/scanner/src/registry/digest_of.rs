//! The digest behind a tag, without reading the image.

use super::{Client, Reference, RegistryError, scope};
use crate::{digest, image};
use reqwest::{Method, header};

impl Client {
    /// Of the manifest or the index a tag names. Registries that answer HEAD without it are asked
    /// for the document.
    ///
    /// # Errors
    /// When there is no such tag, or the registry refuses.
    pub async fn digest(&self, reference: &Reference) -> Result<String, RegistryError> {
        let endpoint = self.reachable(&reference.registry).await?;
        let repository = &reference.repository;
        let identifier = reference.identifier();
        let url = format!("{}/v2/{repository}/manifests/{identifier}", endpoint.base);
        let what = format!("{repository}:{identifier}");
        let request = self
            .request(Method::HEAD, &url)
            .header(header::ACCEPT, image::ACCEPT);
        let answer = self
            .send(&endpoint, &scope(repository, "pull"), &what, request)
            .await?;
        let named = answer
            .headers()
            .get("docker-content-digest")
            .and_then(|value| value.to_str().ok())
            .filter(|text| digest::is_valid(text))
            .map(str::to_owned);
        match named {
            Some(digest) => Ok(digest),
            None => Ok(self.manifest(&endpoint, repository, identifier).await?.1),
        }
    }
}
