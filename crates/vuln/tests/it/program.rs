//! Programs: Go, Rust, and those known by their fingerprints.

mod cargo_lock;
mod fingerprint;
mod golang;
mod machine;
mod rust;

/// A program's first bytes, then whatever is said.
fn elf() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    bytes[16] = 2;
    bytes
}

/// Bytes that repeat late and hold no text of interest.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(length)
    .collect()
}

/// One byte at a time, around the windows' sizes, and all at once.
const PIECES: &[usize] = &[1, 13, 511, 512, 513, 4096, 65_536, usize::MAX];
