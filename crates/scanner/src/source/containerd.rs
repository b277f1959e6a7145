//! An image out of containerd's own store, as it lies on the disk: no daemon is asked.
//!
//! The name is looked up in every namespace; layers are read from the content store, where
//! containerd keeps them as they were pulled. Limits: those of `bolt` and `layout`; an image whose
//! layers containerd was told to discard is not there.

use super::{
    Source, SourceError,
    bolt::Bolt,
    layout::{self, Choice},
};
use crate::registry::Reference;
use std::{io, path::Path};

/// Where containerd and the distributions of Kubernetes keep it.
pub const ROOTS: &[&str] = &[
    "/var/lib/containerd",
    "/var/lib/rancher/k3s/agent/containerd",
    "/var/lib/rancher/rke2/agent/containerd",
    "/var/lib/k0s/containerd",
    "/var/snap/microk8s/common/var/lib/containerd",
];
const NAMES: &str = "io.containerd.metadata.v1.bolt/meta.db";
const CONTENT: &str = "io.containerd.content.v1.content";
/// The daemon may write while we read.
const TRIES: usize = 3;

/// # Errors
/// When the store cannot be read, or has no such image with all its layers.
pub fn open(root: &Path, choice: &Choice) -> Result<Source, SourceError> {
    let database = root.join(NAMES);
    let name = choice
        .name
        .parse::<Reference>()
        .map_or(choice.name.clone(), |name| name.to_string());
    let mut outcome = digest_of(&database, &name);
    for _ in 1..TRIES {
        if !matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::InvalidData) {
            break;
        }
        outcome = digest_of(&database, &name);
    }
    let digest = outcome.map_err(|error| SourceError::read(&database, error))?;
    let digest = digest.ok_or_else(|| SourceError::NoSuchImage {
        name: name.clone(),
        path: root.to_owned(),
        available: "other images".into(),
    })?;
    layout::open_content(
        &root.join(CONTENT),
        &digest,
        &name,
        choice.platform.as_ref(),
    )
}

/// `v1/<namespace>/images/<name>/target/digest`.
fn digest_of(database: &Path, name: &str) -> io::Result<Option<String>> {
    let bolt = Bolt::open(database)?;
    let Some(version) = bolt.bucket(&bolt.root(), b"v1")? else {
        return Ok(None);
    };
    for namespace in bolt.buckets(&version)? {
        let mut bucket = bolt.bucket(&version, &namespace)?;
        for part in [b"images".as_slice(), name.as_bytes(), b"target"] {
            bucket = match bucket {
                Some(within) => bolt.bucket(&within, part)?,
                None => None,
            };
        }
        if let Some(target) = bucket
            && let Some(digest) = bolt.value(&target, b"digest")?
        {
            return Ok(Some(String::from_utf8_lossy(&digest).into_owned()));
        }
    }
    Ok(None)
}
