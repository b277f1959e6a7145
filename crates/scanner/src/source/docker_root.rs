//! An image out of Docker's data folder as it lies on the disk: for when the daemon is not there.
//!
//! The classic store (`image/overlay2`, with tar-split) and, where Docker keeps its images with
//! containerd, that store. Limits: documents of [`crate::image::DOCUMENT_BYTES`].

use super::{
    Image, Source, SourceError, containerd,
    layout::{Choice, no_such, read_small, same_name},
    split::{SplitBlobs, Unpacked},
};
use crate::{
    digest,
    image::{self, Descriptor},
};
use rampart_model::scan::{ScanTarget, TargetKind};
use serde_json::Value;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub const ROOT: &str = "/var/lib/docker";
const STORE: &str = "image/overlay2";
const CONTAINERD: &str = "containerd/daemon";

/// # Errors
/// When the folder cannot be read, has no such image, or not all of its layers.
pub fn open(root: &Path, choice: &Choice) -> Result<Source, SourceError> {
    let names = root.join(STORE).join("repositories.json");
    let classic = if names.exists() {
        open_classic(root, &names, choice)
    } else {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        Err(SourceError::read(&names, missing))
    };
    match classic {
        Err(_) if root.join(CONTAINERD).is_dir() => {
            containerd::open(&root.join(CONTAINERD), choice)
        }
        other => other,
    }
}

fn open_classic(root: &Path, names: &Path, choice: &Choice) -> Result<Source, SourceError> {
    let list = read(names)?;
    let list: Value = serde_json::from_slice(&list).map_err(|source| image::ImageError::Json {
        what: "repositories.json",
        source,
    })?;
    let (name, id) = find(root, &list, &choice.name)?;
    let config = read(&content(root, &id)?)?;
    if !digest::matches(&id, &config) {
        let actual = digest::sha256(&config);
        return Err(SourceError::WrongDigest { what: id, actual });
    }
    super::check_platform(&config, choice.platform.as_ref())?;
    let (layers, unpacked) = layers(root, &image::diff_ids(&config))?;
    let target = ScanTarget {
        kind: TargetKind::Image,
        name,
        image_id: id,
        ..ScanTarget::default()
    };
    Ok(Source::Image(Box::new(Image {
        target,
        config,
        layers,
        blobs: Arc::new(SplitBlobs(unpacked)),
    })))
}

/// Name and id: by name, by digest, or by the id or its beginning.
fn find(root: &Path, list: &Value, wanted: &str) -> Result<(String, String), SourceError> {
    let repositories = list["Repositories"].as_object().into_iter().flatten();
    let named: Vec<(&str, &str)> = repositories
        .flat_map(|(_, names)| names.as_object().into_iter().flatten())
        .filter_map(|(name, id)| Some((name.as_str(), id.as_str()?)))
        .collect();
    let id = wanted.trim_start_matches("sha256:");
    let is_id = id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = match &named[..] {
        [one] if wanted.is_empty() => Some(*one),
        all => all
            .iter()
            .find(|(name, _)| same_name(name, wanted))
            .or_else(|| {
                let of_id = |known: &str| known.trim_start_matches("sha256:").starts_with(id);
                all.iter().find(|(_, known)| is_id && of_id(known))
            })
            .copied(),
    };
    if let Some((name, id)) = found {
        return Ok((name.to_owned(), id.to_owned()));
    }
    let whole = format!("sha256:{id}");
    if digest::is_valid(&whole) && content(root, &whole)?.exists() {
        return Ok((wanted.to_owned(), whole));
    }
    let mut available: Vec<String> = named.iter().map(|(name, _)| (*name).to_owned()).collect();
    available.retain(|name| !name.contains('@'));
    Err(no_such(root, wanted, available))
}

fn content(root: &Path, id: &str) -> Result<PathBuf, SourceError> {
    let folder = root.join(STORE).join("imagedb/content");
    Ok(folder.join(hex_path(id)?))
}

fn hex_path(id: &str) -> Result<String, SourceError> {
    if digest::is_valid(id) {
        Ok(id.replace(':', "/"))
    } else {
        Err(SourceError::BadDigest(format!("'{id}'")))
    }
}

fn layers(
    root: &Path,
    diff_ids: &[String],
) -> Result<(Vec<Descriptor>, Vec<Unpacked>), SourceError> {
    let (mut descriptors, mut unpacked) = (Vec::new(), Vec::new());
    let mut chain = String::new();
    for diff_id in diff_ids {
        // The name of a layer on those below it.
        chain = if chain.is_empty() {
            diff_id.clone()
        } else {
            digest::sha256(format!("{chain} {diff_id}").as_bytes())
        };
        let folder = root.join(STORE).join("layerdb").join(hex_path(&chain)?);
        let text = |name: &str| -> Result<String, SourceError> {
            let bytes = read(&folder.join(name))?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        let cache_id = text("cache-id")?;
        if cache_id.is_empty() || !cache_id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(SourceError::BadDigest(format!("'{cache_id}'")));
        }
        unpacked.push(Unpacked {
            frame: folder.join("tar-split.json.gz"),
            files: root.join("overlay2").join(&cache_id).join("diff"),
        });
        descriptors.push(Descriptor {
            digest: diff_id.clone(),
            size: text("size")?.parse().unwrap_or(0),
            ..Descriptor::default()
        });
    }
    Ok((descriptors, unpacked))
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    File::open(path)
        .and_then(read_small)
        .map_err(|error| SourceError::read(path, error))
}
