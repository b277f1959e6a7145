//! Records of a pax extended header: `LENGTH KEY=VALUE\n`, one after the other.
//!
//! Limits: the caller bounds the bytes. A malformed record is an error, as it is for the
//! programs that unpack images.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed pax record")]
pub struct PaxError;

/// What the next entry takes from long names and pax records.
#[derive(Debug, Default)]
pub struct Overrides {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub sparse: SparseRecords,
}

/// The `GNU.sparse.*` records of formats 0.0, 0.1 and 1.0.
#[derive(Debug, Default)]
pub struct SparseRecords {
    pub major: Option<u64>,
    pub minor: Option<u64>,
    pub name: Option<Vec<u8>>,
    pub real_size: Option<u64>,
    /// Offsets and lengths, alternating.
    pub numbers: Vec<u64>,
    pub seen: bool,
}

pub fn apply(mut bytes: &[u8], to: &mut Overrides) -> Result<(), PaxError> {
    while !bytes.is_empty() && bytes[0] != 0 {
        let (key, value, rest) = record(bytes)?;
        bytes = rest;
        set(to, key, value)?;
    }
    Ok(())
}

/// Key, value, and the bytes after the record.
type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn record(bytes: &[u8]) -> Result<Record<'_>, PaxError> {
    let space = bytes
        .iter()
        .take(20)
        .position(|byte| *byte == b' ')
        .ok_or(PaxError)?;
    let length = usize::try_from(decimal(&bytes[..space])?).map_err(|_| PaxError)?;
    if length <= space + 1 || length > bytes.len() {
        return Err(PaxError);
    }
    let (own, rest) = bytes.split_at(length);
    let own = own[space + 1..].strip_suffix(b"\n").ok_or(PaxError)?;
    let equals = own.iter().position(|byte| *byte == b'=').ok_or(PaxError)?;
    Ok((&own[..equals], &own[equals + 1..], rest))
}

fn set(to: &mut Overrides, key: &[u8], value: &[u8]) -> Result<(), PaxError> {
    let kept = || (!value.is_empty()).then(|| value.to_vec());
    match key {
        b"path" => to.path = kept(),
        b"linkpath" => to.link = kept(),
        b"size" if value.is_empty() => to.size = None,
        b"size" => to.size = Some(decimal(value)?),
        b"uid" if !value.is_empty() => to.uid = Some(low_bits(decimal(value)?)),
        b"gid" if !value.is_empty() => to.gid = Some(low_bits(decimal(value)?)),
        _ => return set_sparse(&mut to.sparse, key, value),
    }
    Ok(())
}

fn set_sparse(to: &mut SparseRecords, key: &[u8], value: &[u8]) -> Result<(), PaxError> {
    let Some(key) = key.strip_prefix(b"GNU.sparse.") else {
        return Ok(());
    };
    to.seen = true;
    match key {
        b"major" => to.major = Some(decimal(value)?),
        b"minor" => to.minor = Some(decimal(value)?),
        b"name" => to.name = Some(value.to_vec()),
        b"realsize" | b"size" => to.real_size = Some(decimal(value)?),
        b"offset" | b"numbytes" => to.numbers.push(decimal(value)?),
        b"map" => {
            for number in value
                .split(|byte| *byte == b',')
                .filter(|text| !text.is_empty())
            {
                to.numbers.push(decimal(number)?);
            }
        }
        _ => {}
    }
    Ok(())
}

fn low_bits(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

pub(crate) fn decimal(text: &[u8]) -> Result<u64, PaxError> {
    if text.is_empty() {
        return Err(PaxError);
    }
    text.iter()
        .try_fold(0u64, |value, byte| match byte {
            b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
            _ => None,
        })
        .ok_or(PaxError)
}
