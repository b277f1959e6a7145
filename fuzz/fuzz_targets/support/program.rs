//! Feeds a file to the analyzers in pieces, and puts inputs into programs.
#![allow(dead_code, reason = "each target uses a part")]

use rampart_vuln::analyze::{ALL, FileFacts, FileMeta, HEAD_BYTES};

pub fn facts(path: &str, bytes: &[u8], size: usize) -> FileFacts {
    let file = FileMeta {
        path: path.to_owned(),
        size: bytes.len() as u64,
        mode: 0o755,
        ..FileMeta::default()
    };
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    for analyzer in ALL.iter().filter(|analyzer| analyzer.wants(&file)) {
        if let Some(mut sink) = analyzer.open(&file, head) {
            bytes.chunks(size).for_each(|piece| sink.chunk(piece));
            sink.finish(false, &mut facts);
        }
    }
    assert!(facts.packages.iter().all(|package| package.path == path));
    facts
}

/// What is told does not hang on how the bytes come.
pub fn same_in_pieces(path: &str, bytes: &[u8]) -> FileFacts {
    let whole = facts(path, bytes, usize::MAX);
    for size in [1, 61, 4096] {
        assert_eq!(facts(path, bytes, size), whole, "pieces of {size}");
    }
    whole
}

/// The input at a multiple of 16 in a program's data.
pub fn program(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    bytes[16] = 2;
    bytes.extend_from_slice(data);
    bytes.extend([0; 1024]);
    bytes
}

/// A zlib stream of one stored block.
pub fn zlib_stored(text: &[u8]) -> Vec<u8> {
    let text = &text[..text.len().min(60_000)];
    let length = text.len() as u16;
    let mut bytes = vec![0x78, 0x01, 0x01];
    bytes.extend(length.to_le_bytes());
    bytes.extend((!length).to_le_bytes());
    bytes.extend_from_slice(text);
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in text {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    bytes.extend(((high << 16) | low).to_be_bytes());
    bytes
}
