//! Layers of a store that keeps them unpacked: the tar is put together again from its frame
//! (tar-split) and the files, byte for byte.
//!
//! Files are opened below the layer's folder and never through a symbolic link. Limits: those of
//! [`rampart_vuln::layer::split`]; a file that is shorter than its header says is an error that
//! names it.

use super::{Blobs, SourceError};
use crate::stop::Stop;
use flate2::read::MultiGzDecoder;
use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::Mode,
};
use rampart_vuln::layer::split::{MAX_LINE, Piece, piece};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// Where a layer's frame and its files lie.
#[derive(Clone, Debug)]
pub(super) struct Unpacked {
    pub(super) frame: PathBuf,
    pub(super) files: PathBuf,
}

pub(super) struct SplitBlobs(pub(super) Vec<Unpacked>);

impl Blobs for SplitBlobs {
    fn open(&self, index: usize, _: &Stop) -> Result<Box<dyn Read + Send>, SourceError> {
        let Some(layer) = self.0.get(index) else {
            return Err(SourceError::Other(format!(
                "the image has no layer {index}"
            )));
        };
        let read = |path: &Path, error| match io::Error::kind(&error) {
            io::ErrorKind::NotFound => SourceError::Missing {
                path: path.to_owned(),
                what: "the layer's content".into(),
            },
            _ => SourceError::read(path, error),
        };
        let frame = File::open(&layer.frame).map_err(|error| read(&layer.frame, error))?;
        let frame = MultiGzDecoder::new(BufReader::new(frame));
        let folder = File::open(&layer.files).map_err(|error| read(&layer.files, error))?;
        Ok(Box::new(Assembled::new(frame, folder.into())))
    }
}

/// The tar of a layer, as it was.
struct Assembled<R> {
    frame: BufReader<R>,
    folder: OwnedFd,
    line: Vec<u8>,
    now: Now,
}

enum Now {
    Raw(Cursor<Vec<u8>>),
    File {
        name: Vec<u8>,
        file: File,
        left: u64,
    },
}

impl<R: Read> Assembled<R> {
    fn new(frame: R, folder: OwnedFd) -> Self {
        Self {
            frame: BufReader::with_capacity(64 << 10, frame),
            folder,
            line: Vec::new(),
            now: Now::Raw(Cursor::default()),
        }
    }

    /// Goes on to the next piece; `false` at the end.
    fn step(&mut self) -> io::Result<bool> {
        self.line.clear();
        let most = MAX_LINE as u64 + 1;
        let count = Read::take(&mut self.frame, most).read_until(b'\n', &mut self.line)?;
        if count == 0 {
            return Ok(false);
        }
        let text = self.line.trim_ascii();
        if text.is_empty() {
            return Ok(true);
        }
        match piece(text).map_err(io::Error::other)? {
            Piece::Raw(bytes) => self.now = Now::Raw(Cursor::new(bytes)),
            Piece::Empty => {}
            Piece::File { name, size } => {
                let file = self.file(&name).map_err(|error| named(&name, &error))?;
                self.now = Now::File {
                    name,
                    file,
                    left: size,
                };
            }
        }
        Ok(true)
    }

    fn file(&self, name: &[u8]) -> io::Result<File> {
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
            .mode(Mode::empty())
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
        let file = File::from(openat2(&self.folder, name, how)?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }
}

fn named(name: &[u8], error: &io::Error) -> io::Error {
    let name = String::from_utf8_lossy(name);
    io::Error::other(format!("the layer's file '{name}': {error}"))
}

impl<R: Read> Read for Assembled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.now {
                Now::Raw(bytes) => match bytes.read(buffer)? {
                    0 => {}
                    count => return Ok(count),
                },
                Now::File { left: 0, .. } => {}
                Now::File { name, file, left } => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let most = most.min(buffer.len());
                    let count = file
                        .read(&mut buffer[..most])
                        .map_err(|error| named(name, &error))?;
                    if count == 0 {
                        return Err(named(name, &io::Error::other("it is shorter than it was")));
                    }
                    *left -= count as u64;
                    return Ok(count);
                }
            }
            if !self.step()? {
                return Ok(0);
            }
        }
    }
}
