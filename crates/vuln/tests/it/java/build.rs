//! Zip archives of every shape there is, and of some there should not be.

use flate2::{Compression, Crc, write::DeflateEncoder};
use sha1::{Digest, Sha1};
use std::io::Write;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Stored,
    Deflated,
    /// Sizes follow the data, as Java's own streams write.
    Described,
    DescribedUnsigned,
    Described64,
    /// Sizes in the header, and again behind the data.
    DescribedTwice,
    Zip64,
}

impl Shape {
    pub(super) const ALL: &[Self] = &[
        Self::Stored,
        Self::Deflated,
        Self::Described,
        Self::DescribedUnsigned,
        Self::Described64,
        Self::DescribedTwice,
        Self::Zip64,
    ];
}

pub(super) struct Zip {
    shape: Shape,
    pub(super) bytes: Vec<u8>,
    pub(super) central: Vec<u8>,
    count: u16,
}

struct Sizes {
    crc: u32,
    packed: u32,
    plain: u32,
}

impl Zip {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            bytes: Vec::new(),
            central: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn add(&mut self, name: &str, data: &[u8]) {
        self.add_flagged(name, data, 0);
    }

    pub(super) fn add_flagged(&mut self, name: &str, data: &[u8], flags: u16) {
        // Some writers store directories without a descriptor, some deflate nothing.
        let shape = match name == "META-INF/" {
            true => Shape::Stored,
            false => self.shape,
        };
        let packed = match shape {
            Shape::Stored => data.to_vec(),
            _ => deflate(data),
        };
        let mut crc = Crc::new();
        crc.update(data);
        let sizes = Sizes {
            crc: crc.sum(),
            packed: u32::try_from(packed.len()).unwrap(),
            plain: u32::try_from(data.len()).unwrap(),
        };
        let offset = u32::try_from(self.bytes.len()).unwrap();
        self.local(name, shape, &sizes, flags);
        self.bytes.extend_from_slice(&packed);
        self.descriptor(shape, &sizes);
        self.directory_entry(name, offset, &sizes);
    }

    fn local(&mut self, name: &str, shape: Shape, sizes: &Sizes, flags: u16) {
        use Shape::{Described, Described64, DescribedTwice, DescribedUnsigned, Stored, Zip64};
        let described = matches!(
            shape,
            Described | DescribedUnsigned | Described64 | DescribedTwice
        );
        let known = !described || shape == DescribedTwice;
        let mut extra = Vec::new();
        let (mut packed, mut plain) = match known {
            true => (sizes.packed, sizes.plain),
            false => (0, 0),
        };
        if shape == Zip64 {
            extra.extend(0x5455_u16.to_le_bytes());
            extra.extend([5, 0, 1, 0, 0, 0, 0]);
            extra.extend(1_u16.to_le_bytes());
            extra.extend(16_u16.to_le_bytes());
            extra.extend(u64::from(plain).to_le_bytes());
            extra.extend(u64::from(packed).to_le_bytes());
            (packed, plain) = (u32::MAX, u32::MAX);
        }
        let method: u16 = if shape == Stored { 0 } else { 8 };
        let flags = flags | if described { 8 } else { 0 };
        self.bytes.extend(b"PK\x03\x04\x14\0");
        self.bytes.extend(flags.to_le_bytes());
        self.bytes.extend(method.to_le_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(sizes.crc.to_le_bytes());
        self.bytes.extend(packed.to_le_bytes());
        self.bytes.extend(plain.to_le_bytes());
        self.bytes
            .extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        self.bytes
            .extend(u16::try_from(extra.len()).unwrap().to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(extra);
    }

    fn descriptor(&mut self, shape: Shape, sizes: &Sizes) {
        let wide = shape == Shape::Described64;
        match shape {
            Shape::Described | Shape::Described64 | Shape::DescribedTwice => {
                self.bytes.extend(b"PK\x07\x08");
            }
            Shape::DescribedUnsigned => {}
            _ => return,
        }
        self.bytes.extend(sizes.crc.to_le_bytes());
        for size in [sizes.packed, sizes.plain] {
            match wide {
                true => self.bytes.extend(u64::from(size).to_le_bytes()),
                false => self.bytes.extend(size.to_le_bytes()),
            }
        }
    }

    pub(super) fn directory_entry_for(&mut self, name: &str, offset: u32) {
        let sizes = Sizes {
            crc: 0,
            packed: 0,
            plain: 0,
        };
        self.directory_entry(name, offset, &sizes);
    }

    fn directory_entry(&mut self, name: &str, offset: u32, sizes: &Sizes) {
        self.central
            .extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0");
        self.central.extend(sizes.crc.to_le_bytes());
        self.central.extend(sizes.packed.to_le_bytes());
        self.central.extend(sizes.plain.to_le_bytes());
        self.central
            .extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        self.central.extend([0; 12]);
        self.central.extend(offset.to_le_bytes());
        self.central.extend(name.as_bytes());
        self.count += 1;
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let start = u32::try_from(self.bytes.len()).unwrap();
        let length = u32::try_from(self.central.len()).unwrap();
        self.bytes.append(&mut self.central);
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(start.to_le_bytes());
        self.bytes.extend([0, 0]);
        self.bytes
    }
}

pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn properties(group: &str, artifact: &str, version: &str) -> (String, String) {
    (
        format!("META-INF/maven/{group}/{artifact}/pom.properties"),
        format!("#Generated\nversion={version}\ngroupId={group}\nartifactId={artifact}\n"),
    )
}

pub(super) fn jar(group: &str, artifact: &str, version: &str) -> Vec<u8> {
    let mut zip = Zip::new(Shape::Deflated);
    let (name, text) = properties(group, artifact, version);
    zip.add(&name, text.as_bytes());
    zip.finish()
}

pub(super) fn sha1(bytes: &[u8]) -> String {
    format!("sha1:{}", hex::encode(Sha1::digest(bytes)))
}

pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    })
    .take(length)
    .collect()
}
