//! An image out of Podman's, Buildah's or CRI-O's store as it lies on the disk
//! (containers-storage, of the overlay and vfs drivers): no daemon is asked.
//!
//! Limits: documents of [`crate::image::DOCUMENT_BYTES`], lists of [`LIST_BYTES`]; a layer that
//! was pulled in part and has no tar-split data cannot be read. Additional image stores of a
//! configuration are stores of their own: name their folder.

use super::{
    Image, Source, SourceError,
    layout::{Choice, no_such, read_at_most, same_name},
    split::{SplitBlobs, Unpacked},
};
use crate::{
    digest,
    image::{self, DOCUMENT_BYTES, Descriptor},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rampart_model::scan::{ScanTarget, TargetKind};
use serde_json::Value;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Root's store.
pub const ROOT: &str = "/var/lib/containers/storage";
/// The list of all layers of a node grows with its images.
const LIST_BYTES: usize = 64 << 20;
const DRIVERS: &[&str] = &["overlay", "vfs"];
/// Layers below one another; no driver allows as many.
const MAX_DEPTH: usize = 2048;

/// # Errors
/// When the store cannot be read, has no such image, or not all of its layers.
pub fn open(root: &Path, choice: &Choice) -> Result<Source, SourceError> {
    let mut known = Vec::new();
    let mut found = false;
    for driver in DRIVERS {
        let store = Store { root, driver };
        let Some(images) = store.list("images", "images.json")? else {
            continue;
        };
        found = true;
        if let Some(chosen) = choose(&images, &choice.name) {
            return store.open(chosen, choice);
        }
        known.extend(
            images
                .iter()
                .flat_map(|image| image::texts(&image["names"])),
        );
    }
    if !found {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        return Err(SourceError::read(root.join("overlay-images"), missing));
    }
    Err(no_such(root, &choice.name, known))
}

/// By name, by id or its beginning, or by the digest of its manifest.
fn choose<'a>(images: &'a [Value], name: &str) -> Option<&'a Value> {
    if let ([one], true) = (images, name.is_empty()) {
        return Some(one);
    }
    let id = name.trim_start_matches("sha256:");
    let is_id = id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of_digest = name.rsplit_once('@').map(|(_, digest)| digest);
    images
        .iter()
        .find(|image| {
            let names = image::texts(&image["names"]);
            names.iter().any(|known| is_named(known, name))
        })
        .or_else(|| {
            images.iter().find(|image| {
                is_id && image::text(&image["id"]).starts_with(id)
                    || of_digest.is_some_and(|d| image["digest"].as_str() == Some(d))
            })
        })
}

/// `web` is `localhost/web:latest`, too: what was built here has no registry.
fn is_named(known: &str, name: &str) -> bool {
    let local = known.strip_prefix("localhost/");
    same_name(known, name) || local.is_some_and(|local| same_name(local, name))
}

struct Store<'a> {
    root: &'a Path,
    driver: &'a str,
}

impl Store<'_> {
    fn path(&self, kind: &str, rest: &str) -> PathBuf {
        self.root.join(format!("{}-{kind}", self.driver)).join(rest)
    }

    /// A list of the store; none if it has no such file.
    fn list(&self, kind: &str, name: &str) -> Result<Option<Vec<Value>>, SourceError> {
        let path = self.path(kind, name);
        let Some(bytes) = read(&path, LIST_BYTES)? else {
            return Ok(None);
        };
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|source| image::ImageError::Json {
                what: "store's list",
                source,
            })?;
        match value {
            Value::Array(all) => Ok(Some(all)),
            Value::Null => Ok(Some(Vec::new())),
            _ => Err(SourceError::Other(format!(
                "{}: it is no list",
                path.display()
            ))),
        }
    }

    fn open(&self, chosen: &Value, choice: &Choice) -> Result<Source, SourceError> {
        let id = plain_id(&chosen["id"])?;
        let config = self.config(id)?;
        super::check_platform(&config, choice.platform.as_ref())?;
        let (layers, unpacked) = self.layers(chosen, &image::diff_ids(&config))?;
        let names = image::texts(&chosen["names"]);
        let name = names.iter().find(|known| is_named(known, &choice.name));
        let name = name.or(names.first()).unwrap_or(&choice.name);
        let target = ScanTarget {
            kind: TargetKind::Image,
            name: if name.is_empty() { id } else { name }.to_owned(),
            digest: image::text(&chosen["digest"]),
            image_id: digest::sha256(&config),
            ..ScanTarget::default()
        };
        Ok(Source::Image(Box::new(Image {
            target,
            config,
            layers,
            blobs: Arc::new(SplitBlobs(unpacked)),
        })))
    }

    /// Kept under its digest, which is the image's id.
    fn config(&self, id: &str) -> Result<Vec<u8>, SourceError> {
        let digest = format!("sha256:{id}");
        let file = format!("{id}/={}", STANDARD.encode(&digest));
        let path = self.path("images", &file);
        let config = read(&path, DOCUMENT_BYTES)?.ok_or_else(|| SourceError::Missing {
            path: self.root.to_owned(),
            what: format!("the configuration of image {id}"),
        })?;
        if digest::matches(&digest, &config) {
            return Ok(config);
        }
        Err(SourceError::WrongDigest {
            what: digest,
            actual: digest::sha256(&config),
        })
    }

    /// From the image's top layer down to the lowest, given the lowest first.
    fn layers(
        &self,
        chosen: &Value,
        diff_ids: &[String],
    ) -> Result<(Vec<Descriptor>, Vec<Unpacked>), SourceError> {
        let mut all = self.list("layers", "layers.json")?.unwrap_or_default();
        all.extend(
            self.list("layers", "volatile-layers.json")?
                .unwrap_or_default(),
        );
        let mut below = image::text(&chosen["layer"]);
        let mut found = Vec::new();
        while !below.is_empty() {
            let layer = all
                .iter()
                .find(|layer| layer["id"].as_str() == Some(&below));
            let layer = layer.ok_or_else(|| SourceError::Missing {
                path: self.root.to_owned(),
                what: format!("layer {below}"),
            })?;
            found.push(layer);
            if found.len() > MAX_DEPTH {
                return Err(image::ImageError::TooManyLayers.into());
            }
            below = image::text(&layer["parent"]);
        }
        found.reverse();
        if found.len() != diff_ids.len() {
            return Err(SourceError::Other(format!(
                "the store has {} layers of the image, its configuration names {}",
                found.len(),
                diff_ids.len()
            )));
        }
        let mut unpacked = Vec::with_capacity(found.len());
        let mut descriptors = Vec::with_capacity(found.len());
        for (layer, diff_id) in found.into_iter().zip(diff_ids) {
            unpacked.push(self.unpacked(plain_id(&layer["id"])?)?);
            descriptors.push(Descriptor {
                digest: diff_id.clone(),
                size: layer["diff-size"].as_u64().unwrap_or(0),
                ..Descriptor::default()
            });
        }
        Ok((descriptors, unpacked))
    }

    fn unpacked(&self, id: &str) -> Result<Unpacked, SourceError> {
        let files = match self.driver {
            "vfs" => self.root.join("vfs/dir").join(id),
            driver => self.root.join(driver).join(id).join("diff"),
        };
        let frame = self.path("layers", &format!("{id}.tar-split.gz"));
        if frame.exists() {
            return Ok(Unpacked { frame, files });
        }
        Err(SourceError::Missing {
            path: self.root.to_owned(),
            what: format!(
                "the tar-split data of layer {id} (was it pulled in part? `podman save` gives it whole)"
            ),
        })
    }
}

/// An id is made a file name: nothing but hexadecimal digits.
fn plain_id(value: &Value) -> Result<&str, SourceError> {
    let id = value.as_str().unwrap_or_default();
    if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(SourceError::BadDigest(format!("'{id}'")))
    }
}

fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, SourceError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SourceError::read(path, error)),
    };
    read_at_most(file, limit)
        .map(Some)
        .map_err(|error| SourceError::read(path, error))
}
