//! Where what is scanned comes from, one file each.

pub mod archive;
pub mod attached;
pub(crate) mod bolt;
pub mod containerd;
pub mod docker;
pub mod docker_root;
pub mod filesystem;
pub mod layout;
pub mod registry;
mod split;
pub mod storage;
pub(crate) mod tarball;

use crate::{
    image::{self, Descriptor, ImageError, Platform},
    stop::Stop,
};
use rampart_model::scan::ScanTarget;
use std::{
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

/// Something to scan, found and named; nothing large is read yet.
pub enum Source {
    Image(Box<Image>),
    /// An archive that is read once, front to back.
    Stream(archive::Stream),
    Tree(filesystem::Tree),
}

/// An image whose layers can be opened in any order.
pub struct Image {
    /// Name and digests; the rest comes from the configuration.
    pub target: ScanTarget,
    pub config: Vec<u8>,
    pub layers: Vec<Descriptor>,
    pub blobs: Arc<dyn Blobs>,
}

/// The stored bytes of an image's layers.
pub trait Blobs: Send + Sync {
    /// The layer's bytes from the first.
    ///
    /// # Errors
    /// When the layer cannot be had.
    fn open(&self, index: usize, stop: &Stop) -> Result<Box<dyn Read + Send>, SourceError>;

    /// From elsewhere: bytes that are not what their digest names are no report's basis.
    fn is_remote(&self) -> bool {
        false
    }
}

impl Image {
    /// Fills the target in from the configuration.
    ///
    /// # Errors
    /// When the configuration is damaged.
    pub fn described(&self) -> Result<ScanTarget, ImageError> {
        let mut target = self.target.clone();
        image::describe(&self.config, &self.layers, &mut target)?;
        Ok(target)
    }
}

/// A store that keeps one platform of an image has that one or none.
pub(crate) fn check_platform(config: &[u8], wanted: Option<&Platform>) -> Result<(), SourceError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let mut target = ScanTarget::default();
    image::describe(config, &[], &mut target)?;
    let platform = Some(Platform {
        os: target.os,
        arch: target.arch,
        variant: target.variant,
    });
    let only = Descriptor {
        platform,
        ..Descriptor::default()
    };
    image::select(&[only], Some(wanted))?;
    Ok(())
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0}")]
    Image(#[from] ImageError),
    #[error("{path} is no image: it holds neither manifest.json nor index.json")]
    NotAnImage { path: PathBuf },
    #[error("there is no image '{name}' in {path}: it has {available}")]
    NoSuchImage {
        name: String,
        path: PathBuf,
        available: String,
    },
    #[error("{path} lacks {what}, which its manifest names")]
    Missing { path: PathBuf, what: String },
    #[error("{what} is not what its digest names: it is {actual}")]
    WrongDigest { what: String, actual: String },
    #[error("{0} is no digest")]
    BadDigest(String),
    #[error("the archive is damaged: {0}")]
    Archive(String),
    #[error(transparent)]
    Registry(#[from] crate::registry::RegistryError),
    #[error("{0}")]
    Other(String),
}

impl SourceError {
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Read {
            path: path.into(),
            source,
        }
    }
}
