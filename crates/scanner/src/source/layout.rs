//! OCI layouts and `docker save` contents, wherever their files lie: a folder, a tar archive, or
//! what was kept of a stream.
//!
//! Limits: documents as in [`crate::image`]; indexes nested [`INDEX_DEPTH`] deep.

use super::{Blobs, Image, Source, SourceError};
use crate::{
    digest,
    image::{self, DOCUMENT_BYTES, Descriptor, Document, Platform},
    stop::Stop,
};
use rampart_model::scan::{ScanTarget, TargetKind};
use serde_json::Value;
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

const INDEX_DEPTH: usize = 4;
/// Of the images a place has, in an error.
const NAMES_SHOWN: usize = 10;

/// Which of several images, and for which platform.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// A tag, a whole reference or a digest; the only image if empty.
    pub name: String,
    pub platform: Option<Platform>,
    /// Ends the wait for a pipe that is silent.
    pub stop: Stop,
}

/// Named files, however they are kept.
pub(crate) trait Files: Send + Sync {
    /// A small file's content; none if it is not there.
    fn small(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send>>;
    /// For messages.
    fn place(&self) -> &Path;
}

/// An image and where its layers lie.
pub(crate) struct Found {
    pub(crate) target: ScanTarget,
    pub(crate) config: Vec<u8>,
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) paths: Vec<String>,
}

/// # Errors
/// When there is no image there, or not the one chosen.
pub fn open(folder: &Path, choice: &Choice) -> Result<Source, SourceError> {
    let files: Arc<dyn Files> = Arc::new(Folder(folder.to_owned()));
    open_files(&files, choice)
}

pub(crate) fn open_files(files: &Arc<dyn Files>, choice: &Choice) -> Result<Source, SourceError> {
    let found = find(&**files, choice)?;
    open_found(files, found)
}

fn open_found(files: &Arc<dyn Files>, found: Found) -> Result<Source, SourceError> {
    let blobs = FileBlobs {
        files: Arc::clone(files),
        paths: found.paths,
    };
    Ok(Source::Image(Box::new(Image {
        target: found.target,
        config: found.config,
        layers: found.layers,
        blobs: Arc::new(blobs),
    })))
}

pub(crate) fn find(files: &dyn Files, choice: &Choice) -> Result<Found, SourceError> {
    let read = |path: &str| {
        files
            .small(path)
            .map_err(|e| SourceError::read(files.place().join(path), e))
    };
    if let Some(manifest) = read("manifest.json")? {
        return docker(files, &manifest, choice);
    }
    match read("index.json")? {
        Some(index) => oci(files, &index, choice),
        None => Err(SourceError::NotAnImage {
            path: files.place().to_owned(),
        }),
    }
}

/// An image of a content store by the digest of its manifest or index, with all its layers there.
pub(crate) fn open_content(
    folder: &Path,
    digest: &str,
    name: &str,
    platform: Option<&Platform>,
) -> Result<Source, SourceError> {
    let files: Arc<dyn Files> = Arc::new(Folder(folder.to_owned()));
    let entry = Descriptor {
        digest: digest.to_owned(),
        name: name.to_owned(),
        ..Descriptor::default()
    };
    let found = from_entry(&*files, entry, name, platform)?;
    for path in &found.paths {
        files.open(path).map_err(|_| SourceError::Missing {
            path: folder.to_owned(),
            what: path.clone(),
        })?;
    }
    open_found(&files, found)
}

/// `manifest.json` of `docker save`: a list of images.
fn docker(files: &dyn Files, manifest: &[u8], choice: &Choice) -> Result<Found, SourceError> {
    let value: Value =
        serde_json::from_slice(manifest).map_err(|source| image::ImageError::Json {
            what: "manifest.json",
            source,
        })?;
    let images = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let chosen = choose_docker(files, images, &choice.name)?;
    let config_path = vuln_path(chosen["Config"].as_str().unwrap_or_default());
    let config = small(files, &config_path)?;
    let diff_ids = image::diff_ids(&config);
    let paths: Vec<String> = image::texts(&chosen["Layers"])
        .iter()
        .map(|p| vuln_path(p))
        .collect();
    let layers = paths
        .iter()
        .enumerate()
        .map(|(index, path)| Descriptor {
            digest: blob_digest(path)
                .unwrap_or_else(|| diff_ids.get(index).cloned().unwrap_or_default()),
            ..Descriptor::default()
        })
        .collect();
    let tag = image::texts(&chosen["RepoTags"])
        .into_iter()
        .next()
        .unwrap_or_default();
    let mut target = named(files, if tag.is_empty() { &choice.name } else { &tag });
    target.image_id = digest::sha256(&config);
    Ok(Found {
        target,
        config,
        layers,
        paths,
    })
}

fn choose_docker<'a>(
    files: &dyn Files,
    images: &'a [Value],
    name: &str,
) -> Result<&'a Value, SourceError> {
    let tags = |image: &Value| image::texts(&image["RepoTags"]);
    let chosen = match images {
        [one] if name.is_empty() => Some(one),
        _ => images.iter().find(|image| {
            let config = image["Config"].as_str().unwrap_or_default();
            let id = name.trim_start_matches("sha256:");
            tags(image).iter().any(|tag| same_name(tag, name))
                || id.len() >= 12 && config.contains(id)
        }),
    };
    chosen.ok_or_else(|| no_such(files.place(), name, images.iter().flat_map(tags).collect()))
}

pub(super) fn no_such(place: &Path, name: &str, available: Vec<String>) -> SourceError {
    let shown = available.iter().take(NAMES_SHOWN).cloned();
    let mut shown = shown.collect::<Vec<_>>().join(", ");
    if available.is_empty() {
        shown.push_str("no names");
    } else if available.len() > NAMES_SHOWN {
        shown.push_str(&format!(" and {} more", available.len() - NAMES_SHOWN));
    }
    SourceError::NoSuchImage {
        name: name.to_owned(),
        path: place.to_owned(),
        available: shown,
    }
}

/// `nginx` is `nginx:latest` is `docker.io/library/nginx:latest`.
pub(super) fn same_name(tag: &str, name: &str) -> bool {
    let plain = |text: &str| {
        let text = text
            .trim_start_matches("docker.io/")
            .trim_start_matches("library/");
        let last = text.rsplit('/').next().unwrap_or(text);
        if last.contains(':') {
            text.to_owned()
        } else {
            format!("{text}:latest")
        }
    };
    tag == name || plain(tag) == plain(name)
}

fn named(files: &dyn Files, name: &str) -> ScanTarget {
    let place = files.place().display().to_string();
    ScanTarget {
        kind: TargetKind::Image,
        name: if name.is_empty() {
            place
        } else {
            name.to_owned()
        },
        ..ScanTarget::default()
    }
}

fn oci(files: &dyn Files, index: &[u8], choice: &Choice) -> Result<Found, SourceError> {
    let Document::Index(entries) = image::document(index)? else {
        return Err(SourceError::NotAnImage {
            path: files.place().to_owned(),
        });
    };
    let entry = choose_oci(files, &entries, choice)?;
    let name = if entry.name.is_empty() {
        choice.name.clone()
    } else {
        entry.name.clone()
    };
    from_entry(files, entry.clone(), &name, choice.platform.as_ref())
}

fn from_entry(
    files: &dyn Files,
    entry: Descriptor,
    name: &str,
    platform: Option<&Platform>,
) -> Result<Found, SourceError> {
    let (manifest, digest) = descend(files, entry, platform)?;
    let config = blob(files, &manifest.config)?;
    let paths = manifest
        .layers
        .iter()
        .map(|layer| blob_path(&layer.digest))
        .collect::<Result<Vec<_>, _>>()?;
    let mut target = named(files, name);
    target.digest = digest;
    target.image_id.clone_from(&manifest.config.digest);
    Ok(Found {
        target,
        config,
        layers: manifest.layers,
        paths,
    })
}

fn choose_oci<'a>(
    files: &dyn Files,
    entries: &'a [Descriptor],
    choice: &Choice,
) -> Result<&'a Descriptor, SourceError> {
    let name = choice.name.as_str();
    if name.is_empty() {
        let named = entries
            .iter()
            .filter(|entry| !entry.name.is_empty())
            .count();
        return match (entries, named) {
            ([one], _) => Ok(one),
            (_, 0 | 1) => Ok(image::select(entries, choice.platform.as_ref())?),
            _ => Err(no_such(
                files.place(),
                name,
                entries.iter().map(|e| e.name.clone()).collect(),
            )),
        };
    }
    entries
        .iter()
        .find(|entry| entry.name == name || entry.digest == name || same_name(&entry.name, name))
        .or_else(|| {
            let tag = |text: &'a str| text.rsplit([':', '/']).next().unwrap_or(text);
            entries
                .iter()
                .find(|entry| !entry.name.is_empty() && tag(&entry.name) == name)
        })
        .ok_or_else(|| {
            no_such(
                files.place(),
                name,
                entries.iter().map(|e| e.name.clone()).collect(),
            )
        })
}

/// From an index to the manifest of the platform, and its digest.
fn descend(
    files: &dyn Files,
    mut entry: Descriptor,
    platform: Option<&Platform>,
) -> Result<(image::Manifest, String), SourceError> {
    for _ in 0..INDEX_DEPTH {
        match image::document(&blob(files, &entry)?)? {
            Document::Manifest(manifest) => return Ok((manifest, entry.digest)),
            Document::Index(entries) => entry = image::select(&entries, platform)?.clone(),
        }
    }
    Err(SourceError::Other(format!(
        "indexes lie in indexes more than {INDEX_DEPTH} deep"
    )))
}

fn blob(files: &dyn Files, wanted: &Descriptor) -> Result<Vec<u8>, SourceError> {
    let content = small(files, &blob_path(&wanted.digest)?)?;
    if digest::matches(&wanted.digest, &content) {
        Ok(content)
    } else {
        let actual = digest::sha256(&content);
        Err(SourceError::WrongDigest {
            what: wanted.digest.clone(),
            actual,
        })
    }
}

fn small(files: &dyn Files, path: &str) -> Result<Vec<u8>, SourceError> {
    files
        .small(path)
        .map_err(|error| SourceError::read(files.place().join(path), error))?
        .ok_or_else(|| SourceError::Missing {
            path: files.place().to_owned(),
            what: path.to_owned(),
        })
}

fn blob_path(digest: &str) -> Result<String, SourceError> {
    if !digest::is_valid(digest) {
        return Err(SourceError::BadDigest(digest.to_owned()));
    }
    Ok(format!("blobs/{}", digest.replace(':', "/")))
}

/// `blobs/sha256/<hex>` names its content.
fn blob_digest(path: &str) -> Option<String> {
    let digest = path.strip_prefix("blobs/")?.replace('/', ":");
    digest::is_valid(&digest).then_some(digest)
}

fn vuln_path(path: &str) -> String {
    rampart_vuln::layer::normalise(path.as_bytes()).into_owned()
}

struct FileBlobs {
    files: Arc<dyn Files>,
    paths: Vec<String>,
}

impl Blobs for FileBlobs {
    fn open(&self, index: usize, _: &Stop) -> Result<Box<dyn Read + Send>, SourceError> {
        let path = self
            .paths
            .get(index)
            .map(String::as_str)
            .unwrap_or_default();
        let missing = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Missing {
                path: self.files.place().to_owned(),
                what: path.to_owned(),
            },
            _ => SourceError::read(self.files.place().join(path), error),
        };
        self.files.open(path).map_err(missing)
    }
}

/// A folder; nothing in it is followed when it is a symbolic link.
struct Folder(PathBuf);

impl Folder {
    fn file(&self, path: &str) -> io::Result<File> {
        let full = self
            .0
            .join(rampart_vuln::layer::normalise(path.as_bytes()).as_ref());
        let file = File::options()
            .read(true)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(full)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }
}

impl Files for Folder {
    fn small(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self.file(path) {
            Ok(file) => read_small(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.file(path)?))
    }

    fn place(&self) -> &Path {
        &self.0
    }
}

pub(crate) fn read_small(reader: impl Read) -> io::Result<Vec<u8>> {
    read_at_most(reader, DOCUMENT_BYTES)
}

pub(crate) fn read_at_most(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::other(format!(
            "larger than the {limit} bytes read of such a file"
        )));
    }
    Ok(content)
}
