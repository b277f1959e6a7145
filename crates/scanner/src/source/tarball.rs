//! Entries of an outer archive (`docker save`, OCI archive), in order: names, kinds, contents.
//!
//! Limits: [`MAX_ENTRIES`] entries, [`META_BYTES`] for a name or pax header. Sparse entries are
//! refused: no tool writes images so.

use crate::inflate::read_full;
use rampart_vuln::layer::{BLOCK, Overrides, apply_pax, normalise, parse_header};
use std::io::{self, Read};

const MAX_ENTRIES: usize = 200_000;
const META_BYTES: u64 = 1 << 20;

/// A regular file or a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Where a symbolic or hard link leads, from the root of the archive.
    pub(crate) link: Option<String>,
    pub(crate) size: u64,
}

/// Reads entries; between them, the current one's content.
pub(crate) struct Tarball<R> {
    reader: R,
    /// Content not read yet, and the padding after it.
    left: u64,
    padding: u64,
    position: u64,
    entries: usize,
}

/// Passes over bytes; by seeking, where that is possible.
pub(crate) trait Skip: Read {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let copied = io::copy(&mut self.take(bytes), &mut io::sink())?;
        if copied < bytes {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }
}

/// A stream that can only be read.
pub(crate) struct Stream<R>(pub(crate) R);

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Skip for Stream<R> {}

impl<R: Skip> Tarball<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            left: 0,
            padding: 0,
            position: 0,
            entries: 0,
        }
    }

    /// Where the current entry's content begins, if none of it was read yet.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next file or link; none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Entry>> {
        let mut next = Overrides::default();
        loop {
            self.pass()?;
            let mut block = [0; BLOCK];
            let got = read_full(&mut self.reader, &mut block)?;
            self.position += got as u64;
            if got == 0 || block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if got < BLOCK {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(io::Error::other(format!("more than {MAX_ENTRIES} entries")));
            }
            let header = parse_header(&block).map_err(io::Error::other)?;
            let size = next.size.unwrap_or(header.size);
            let file = matches!(header.kind, b'0' | 0 | b'7');
            self.left = if matches!(header.kind, b'1'..=b'6') {
                0
            } else {
                size
            };
            self.padding = self
                .left
                .checked_next_multiple_of(BLOCK as u64)
                .unwrap_or(u64::MAX)
                - self.left;
            match header.kind {
                b'x' => apply_pax(&self.meta()?, &mut next).map_err(io::Error::other)?,
                b'L' => next.path = Some(without_nul(self.meta()?)),
                b'K' => next.link = Some(without_nul(self.meta()?)),
                b'1' | b'2' => {
                    let name = name(&next, &header.name);
                    let target = next.link.as_deref().unwrap_or(header.link);
                    let link = Some(resolve(&name, target, header.kind == b'2'));
                    return Ok(Some(Entry {
                        name,
                        link,
                        size: 0,
                    }));
                }
                _ if next.sparse.seen || header.kind == b'S' => {
                    return Err(io::Error::other("a sparse entry"));
                }
                _ if file && !header.name.ends_with(b"/") => {
                    return Ok(Some(Entry {
                        name: name(&next, &header.name),
                        link: None,
                        size,
                    }));
                }
                _ => next = Overrides::default(),
            }
        }
    }

    fn meta(&mut self) -> io::Result<Vec<u8>> {
        if self.left > META_BYTES {
            return Err(io::Error::other("a name or pax header that is too long"));
        }
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Goes to the next header.
    fn pass(&mut self) -> io::Result<()> {
        let rest = self.left.saturating_add(self.padding);
        if rest > 0 {
            self.reader.skip(rest)?;
            self.position = self.position.saturating_add(rest);
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }
}

/// The current entry's content.
impl<R: Read> Read for Tarball<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.reader.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        self.position += count as u64;
        Ok(count)
    }
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn name(next: &Overrides, plain: &[u8]) -> String {
    normalise(next.path.as_deref().unwrap_or(plain)).into_owned()
}

fn resolve(from: &str, target: &[u8], symbolic: bool) -> String {
    let target = String::from_utf8_lossy(target);
    match from.rsplit_once('/') {
        Some((directory, _)) if symbolic && !target.starts_with('/') => {
            normalise(format!("{directory}/{target}").as_bytes()).into_owned()
        }
        _ => normalise(target.as_bytes()).into_owned(),
    }
}
