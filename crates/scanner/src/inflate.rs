//! Layers as they are stored: gzip (of several members), zstd (of several frames) or plain, known
//! by their first bytes.
//!
//! gzip is read by ISA-L where it exists (x86-64), by zlib-rs elsewhere. Limits: a zstd window of
//! at most 16 MiB; how much comes out is the reader's to bound.

use std::io::{self, BufReader, Chain, Cursor, Read};

/// log2 of the largest zstd window: what encoders use unless told to spend more.
const ZSTD_WINDOW_LOG: u32 = 24;
const HEAD: usize = 4;

/// How a layer is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame may come first.
            [low, 0x2a, 0x4d, 0x18, ..] if low & 0xf0 == 0x50 => Self::Zstd,
            _ => Self::None,
        }
    }
}

type Source<R> = Chain<Cursor<Vec<u8>>, R>;

/// The plain bytes of a layer.
pub struct Inflate<R: Read> {
    compression: Compression,
    inner: Inner<R>,
}

enum Inner<R: Read> {
    Plain(Source<R>),
    Gzip(gzip::Decoder<Filled<Source<R>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Source<R>>>>),
}

impl<R: Read> Inflate<R> {
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let mut head = vec![0; HEAD];
        let length = read_full(&mut reader, &mut head)?;
        head.truncate(length);
        let compression = Compression::of(&head);
        let source = Cursor::new(head).chain(reader);
        let inner = match compression {
            Compression::None => Inner::Plain(source),
            Compression::Gzip => Inner::Gzip(gzip::decoder(Filled(source))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::new(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Inner::Zstd(Box::new(decoder))
            }
        };
        Ok(Self { compression, inner })
    }

    pub fn compression(&self) -> Compression {
        self.compression
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(reader) => reader.read(buffer),
            Inner::Gzip(reader) => reader.read(buffer),
            Inner::Zstd(reader) => reader.read(buffer),
        }
    }
}

/// Reads until the buffer is full or the source ends.
pub(crate) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Never gives less than was asked for before the end: the decoder takes a step without output
/// for damage, which a short read would cause too.
struct Filled<R>(R);

impl<R: Read> Read for Filled<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_full(&mut self.0, buffer)
    }
}

#[cfg(target_arch = "x86_64")]
mod gzip {
    use std::io::{self, Read};

    /// Boxed for good: ISA-L's state points into its own buffer, so it must not move once it has
    /// read something.
    pub(super) struct Decoder<R: Read>(Box<isal::read::Decoder<R>>);

    pub(super) fn decoder<R: Read>(reader: R) -> Decoder<R> {
        Decoder(Box::new(isal::read::Decoder::new(
            reader,
            isal::Codec::Gzip,
        )))
    }

    impl<R: Read> Read for Decoder<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod gzip {
    use std::io::Read;

    pub(super) type Decoder<R> = flate2::read::MultiGzDecoder<R>;

    pub(super) fn decoder<R: Read>(reader: R) -> Decoder<R> {
        flate2::read::MultiGzDecoder::new(reader)
    }
}
