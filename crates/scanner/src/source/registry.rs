//! An image in a registry, as a source: its layers are streamed from there.

use super::{Blobs, Image, Source, SourceError};
use crate::{
    image::{Descriptor, Platform},
    registry::{BlobReader, Client, Endpoint, Reference},
    stop::Stop,
};
use rampart_model::scan::{ScanTarget, TargetKind};
use std::{io::Read, sync::Arc};
use tokio::runtime::Handle;

/// Finds the image and reads its configuration. Call it from a thread that may block.
///
/// # Errors
/// When the registry cannot be reached, refuses, or has no such image.
pub fn open(
    client: Arc<Client>,
    runtime: &Handle,
    reference: &Reference,
    platform: Option<&Platform>,
) -> Result<Source, SourceError> {
    let resolved = runtime.block_on(client.resolve(reference, platform))?;
    let target = ScanTarget {
        kind: TargetKind::Image,
        name: reference.to_string(),
        registry: reference.registry.clone(),
        repository: reference.repository.clone(),
        tag: reference.tag.clone(),
        digest: resolved.digest,
        image_id: resolved.manifest.config.digest.clone(),
        ..ScanTarget::default()
    };
    let layers = resolved.manifest.layers;
    let blobs = RegistryBlobs {
        client,
        runtime: runtime.clone(),
        endpoint: resolved.endpoint,
        repository: reference.repository.clone(),
        layers: layers.clone(),
    };
    Ok(Source::Image(Box::new(Image {
        target,
        config: resolved.config,
        layers,
        blobs: Arc::new(blobs),
    })))
}

struct RegistryBlobs {
    client: Arc<Client>,
    runtime: Handle,
    endpoint: Endpoint,
    repository: String,
    layers: Vec<Descriptor>,
}

impl Blobs for RegistryBlobs {
    fn open(&self, index: usize, _: &Stop) -> Result<Box<dyn Read + Send>, SourceError> {
        let Some(layer) = self.layers.get(index) else {
            return Err(SourceError::Other(format!(
                "the image has no layer {index}"
            )));
        };
        Ok(Box::new(BlobReader::new(
            Arc::clone(&self.client),
            self.runtime.clone(),
            self.endpoint.clone(),
            &self.repository,
            layer.clone(),
        )))
    }

    fn is_remote(&self) -> bool {
        true
    }
}
