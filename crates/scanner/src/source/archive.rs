//! Archives in one file: `docker save` and OCI archives.
//!
//! A plain tar is opened in place: its layers are read where they lie, in any order. A compressed
//! one, or one that comes through a pipe or a socket, is a [`Stream`]: each of its files that is
//! not a small document is read as a layer as it goes by. Limits: documents of at most
//! [`SMALL_BYTES`], [`KEPT_BYTES`] of them in all.

use super::{
    Source, SourceError,
    layout::{self, Choice, Files, Found},
    tarball::{self, Skip, Tarball},
};
use crate::{
    inflate::{Compression, Inflate, read_full},
    stop::Watched,
};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A document of a stream: manifests and configurations are smaller.
const SMALL_BYTES: u64 = 4 << 20;
const KEPT_BYTES: usize = 16 << 20;

/// # Errors
/// When the file cannot be read, is no archive, or holds no such image.
pub fn open(path: &Path, choice: &Choice) -> Result<Source, SourceError> {
    let file = File::open(path).map_err(|error| SourceError::read(path, error))?;
    let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let mut file = Watched::new(file, choice.stop.clone());
    let mut head = [0; 6];
    let got = read_full(&mut file, &mut head).map_err(|error| SourceError::read(path, error))?;
    let whole = Cursor::new(head[..got].to_vec());
    if !regular || Compression::of(&head[..got]) != Compression::None {
        let reader = Box::new(whole.chain(file));
        return Ok(Source::Stream(Stream::new(path, reader, choice.clone())));
    }
    let files: Arc<dyn Files> = Arc::new(Archive::index(path, file.into_inner())?);
    layout::open_files(&files, choice)
}

/// Where each file of a tar lies.
struct Archive {
    path: PathBuf,
    file: Arc<File>,
    entries: HashMap<String, (u64, u64)>,
    links: HashMap<String, String>,
}

impl Archive {
    fn index(path: &Path, mut file: File) -> Result<Self, SourceError> {
        let damaged =
            |error: io::Error| SourceError::Archive(format!("{}: {error}", path.display()));
        file.rewind()
            .map_err(|error| SourceError::read(path, error))?;
        let length = file
            .metadata()
            .map_err(|error| SourceError::read(path, error))?
            .len();
        let (mut entries, mut links) = (HashMap::new(), HashMap::new());
        let mut tar = Tarball::new(Seeking(BufReader::with_capacity(4096, file)));
        while let Some(entry) = tar.next().map_err(damaged)? {
            match entry.link {
                Some(link) => {
                    links.insert(entry.name, link);
                }
                None => {
                    // A layer cut short is reported when it is read; what is there is there.
                    let size = entry.size.min(length.saturating_sub(tar.position()));
                    entries.insert(entry.name, (tar.position(), size));
                    if size < entry.size {
                        break;
                    }
                }
            }
        }
        let file = File::open(path).map_err(|error| SourceError::read(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(file),
            entries,
            links,
        })
    }

    fn slice(&self, path: &str) -> Option<Slice> {
        let mut name = path;
        for _ in 0..8 {
            if let Some((position, left)) = self.entries.get(name) {
                return Some(Slice {
                    file: Arc::clone(&self.file),
                    position: *position,
                    left: *left,
                });
            }
            name = self.links.get(name)?;
        }
        None
    }
}

impl Files for Archive {
    fn small(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.slice(path).map(layout::read_small).transpose()
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send>> {
        let slice = self.slice(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(slice))
    }

    fn place(&self) -> &Path {
        &self.path
    }
}

struct Seeking(BufReader<File>);

impl Read for Seeking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Skip for Seeking {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        match i64::try_from(bytes) {
            Ok(offset) => self.0.seek_relative(offset),
            Err(_) => self.0.seek(SeekFrom::End(0)).map(|_| ()),
        }
    }
}

/// A stretch of a file, read without moving the file's own position.
struct Slice {
    file: Arc<File>,
    position: u64,
    left: u64,
}

impl Read for Slice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.position)?;
        self.position += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// An archive that goes by once.
pub struct Stream {
    place: PathBuf,
    reader: Box<dyn Read + Send>,
    choice: Choice,
    /// The image's id where it is known before, and the name it was asked for by.
    pub(crate) known: Option<(String, String)>,
}

/// A file of a stream, offered as a layer.
pub(crate) type LayerFn<'a, T> = dyn FnMut(&mut dyn Read) -> Result<T, SourceError> + 'a;

impl Stream {
    pub fn new(place: &Path, reader: Box<dyn Read + Send>, choice: Choice) -> Self {
        Self {
            place: place.to_owned(),
            reader,
            choice,
            known: None,
        }
    }

    /// A daemon's: what it is is known before it is read, so it need not be read twice.
    pub(crate) fn of_image(mut self, id: String, name: &str) -> Self {
        self.known = Some((id, name.to_owned()));
        self
    }

    /// Reads the whole archive, gives each file that is no document to `layer`, and finds the
    /// image and what came of its layers, in order.
    pub(crate) fn read<T: Clone>(
        self,
        layer: &mut LayerFn<'_, T>,
    ) -> Result<(Found, Vec<T>), SourceError> {
        let place = self.place.clone();
        let damaged =
            |error: io::Error| SourceError::Archive(format!("{}: {error}", place.display()));
        let reader = Inflate::new(self.reader).map_err(damaged)?;
        let mut tar = Tarball::new(tarball::Stream(reader));
        let mut kept = Kept {
            place: self.place,
            small: HashMap::new(),
            links: HashMap::new(),
            bytes: 0,
        };
        let mut layers: HashMap<String, T> = HashMap::new();
        while let Some(entry) = tar.next().map_err(damaged)? {
            if let Some(link) = entry.link {
                kept.links.insert(entry.name, link);
                continue;
            }
            let mut head = [0; 1];
            let got = read_full(&mut tar, &mut head).map_err(damaged)?;
            let mut content = Cursor::new(head[..got].to_vec()).chain(&mut tar);
            let document = matches!(head, [b'{' | b'[']) && entry.size <= SMALL_BYTES;
            if document {
                kept.keep(entry.name, &mut content).map_err(damaged)?;
            } else if entry.size > 0 {
                let read = layer(&mut content)?;
                layers.insert(entry.name, read);
            }
        }
        let found = layout::find(&kept, &self.choice)?;
        let read = found.paths.iter().map(|path| {
            let path = kept.resolve(path, |name| layers.contains_key(name));
            layers
                .get(path)
                .cloned()
                .ok_or_else(|| SourceError::Missing {
                    path: kept.place.clone(),
                    what: path.to_owned(),
                })
        });
        let read = read.collect::<Result<Vec<_>, _>>()?;
        Ok((found, read))
    }
}

/// Documents of a stream.
struct Kept {
    place: PathBuf,
    small: HashMap<String, Vec<u8>>,
    links: HashMap<String, String>,
    bytes: usize,
}

impl Kept {
    fn keep(&mut self, name: String, reader: &mut dyn Read) -> io::Result<()> {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        self.bytes += content.len();
        if self.bytes > KEPT_BYTES {
            return Err(io::Error::other(format!(
                "more than {KEPT_BYTES} bytes of documents"
            )));
        }
        self.small.insert(name, content);
        Ok(())
    }

    fn resolve<'a>(&'a self, path: &'a str, is_there: impl Fn(&str) -> bool) -> &'a str {
        let mut name = path;
        for _ in 0..8 {
            match self.links.get(name) {
                Some(link) if !is_there(name) => name = link,
                _ => break,
            }
        }
        name
    }
}

impl Files for Kept {
    fn small(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.resolve(path, |name| self.small.contains_key(name));
        Ok(self.small.get(path).cloned())
    }

    fn open(&self, _: &str) -> io::Result<Box<dyn Read + Send>> {
        Err(io::Error::other("a stream is read once"))
    }

    fn place(&self) -> &Path {
        &self.place
    }
}
