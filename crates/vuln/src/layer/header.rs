//! One tar header block: v7, ustar, GNU and star, read as Go's archive/tar reads it, since that
//! is what unpacks images.
//!
//! Limits: 512 bytes; a wrong checksum or number is an error, never a guess.

/// What the header says, before long names and pax records are applied.
#[derive(Debug)]
pub struct Header<'a> {
    pub kind: u8,
    pub size: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub name: Vec<u8>,
    pub link: &'a [u8],
    /// Old GNU sparse map: its entries, whether more blocks follow, and the whole file's size.
    pub gnu: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("wrong header checksum")]
    Checksum,
    #[error("a header's {0} is not a number")]
    Number(&'static str),
}

pub const BLOCK: usize = 512;

pub fn parse(block: &[u8; BLOCK]) -> Result<Header<'_>, HeaderError> {
    let stored = number(&block[148..156]).ok_or(HeaderError::Checksum)?;
    if !checksum_matches(block, stored) {
        return Err(HeaderError::Checksum);
    }
    let ustar = &block[257..263] == b"ustar\0";
    let gnu = &block[257..265] == b"ustar  \0";
    let star = ustar && &block[508..512] == b"tar\0";
    let mut name = Vec::new();
    if ustar {
        let prefix = text(if star {
            &block[345..476]
        } else {
            &block[345..500]
        });
        if !prefix.is_empty() {
            name.extend_from_slice(prefix);
            name.push(b'/');
        }
    }
    name.extend_from_slice(text(&block[..100]));
    Ok(Header {
        kind: block[156],
        size: number(&block[124..136]).ok_or(HeaderError::Number("size"))?,
        mode: small(&block[100..108], "mode")?,
        uid: small(&block[108..116], "owner")?,
        gid: small(&block[116..124], "group")?,
        name,
        link: text(&block[157..257]),
        gnu,
    })
}

fn checksum_matches(block: &[u8; BLOCK], stored: u64) -> bool {
    let (mut unsigned, mut signed) = (0u64, 0i64);
    for (index, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&index) {
            b' '
        } else {
            *byte
        };
        unsigned += u64::from(byte);
        signed += i64::from(i8::from_ne_bytes([byte]));
    }
    stored == unsigned || i64::try_from(stored) == Ok(signed)
}

fn small(field: &[u8], what: &'static str) -> Result<u32, HeaderError> {
    let value = number(field).ok_or(HeaderError::Number(what))?;
    Ok(u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX))
}

/// Up to the first NUL.
pub(crate) fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0);
    &field[..end.unwrap_or(field.len())]
}

/// Octal text, or GNU's base 256. An empty field is zero; a negative number is none.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        if first & 0x40 != 0 {
            return None;
        }
        return field
            .iter()
            .enumerate()
            .try_fold(0u64, |value, (index, byte)| {
                let byte = if index == 0 { byte & 0x7f } else { *byte };
                value.checked_mul(256)?.checked_add(u64::from(byte))
            });
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_blank(byte));
    let digits = &field[start.unwrap_or(field.len())..];
    let end = digits.iter().position(is_blank).unwrap_or(digits.len());
    digits[..end]
        .iter()
        .try_fold(0u64, |value, byte| match byte {
            b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
            _ => None,
        })
}
