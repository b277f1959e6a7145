//! A bill of materials that lies with an image in its registry, in place of the image's layers.
//!
//! Whoever may push to the repository may have put it there: it is used only when asked for.
//! Limits: those of [`crate::registry`] and of [`rampart_vuln::sbom`].

use super::{Image, SourceError};
use crate::registry::{Client, Reference};
use tokio::runtime::Handle;

pub const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
pub const SPDX: &str = "application/spdx+json";

/// What an SBOM may be attached as, the one that tells most first.
const TYPES: &[&str] = &[
    CYCLONEDX,
    "application/vnd.cyclonedx",
    "application/vnd.cyclonedx+xml",
    SPDX,
    "text/spdx+json",
    "text/spdx",
];

/// A document as it is stored, and the digest of the manifest it came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub digest: String,
    pub media_type: String,
    pub document: Vec<u8>,
}

/// The SBOM attached to an image, if there is one. Call it from a thread that may block.
///
/// # Errors
/// When the registry cannot be asked, or what it lists cannot be had.
pub fn find(
    client: &Client,
    runtime: &Handle,
    reference: &Reference,
    image: &Image,
) -> Result<Option<Attachment>, SourceError> {
    let subject = &image.target.digest;
    let listed = runtime.block_on(client.referrers(reference, subject, None))?;
    let rank = |artifact_type: &str| {
        let plain = artifact_type.split(';').next().unwrap_or_default().trim();
        TYPES.iter().position(|known| *known == plain)
    };
    let best = listed
        .iter()
        .filter_map(|entry| Some((rank(&entry.artifact_type)?, entry)))
        .min_by_key(|(rank, _)| *rank);
    let Some((_, entry)) = best else {
        return Ok(None);
    };
    let document = runtime.block_on(client.artifact(reference, &entry.digest))?;
    Ok(Some(Attachment {
        digest: entry.digest.clone(),
        media_type: entry.artifact_type.clone(),
        document,
    }))
}
