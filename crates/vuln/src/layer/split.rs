//! tar-split: how container runtimes keep the frame of a layer's tar beside its unpacked files,
//! so that the very tar can be put together again.
//!
//! One JSON object a line: a piece of the tar as it was (headers, padding, what follows the end),
//! or a file, whose bytes lie unpacked. Format: `tar/storage` of github.com/vbatts/tar-split.
//!
//! Limits: a line of [`MAX_LINE`] bytes; names are cleaned, so that they lead nowhere outside of
//! the folder they are opened in.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// A piece of the frame is as long as a header with all its records, or as the padding at the end.
pub const MAX_LINE: usize = 32 << 20;

/// What comes next in the tar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes as they were.
    Raw(Vec<u8>),
    /// So many bytes of this file.
    File { name: Vec<u8>, size: u64 },
    /// Nothing: an entry without content.
    Empty,
}

#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error("a line of the layer's tar-split data is longer than {MAX_LINE} bytes")]
    TooLong,
    #[error("a line of the layer's tar-split data is no JSON")]
    Json(#[source] serde_json::Error),
    #[error("a line of the layer's tar-split data is not what the format says: {0}")]
    Shape(&'static str),
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    name_raw: Option<String>,
    #[serde(default)]
    size: Option<i64>,
    #[serde(default)]
    payload: Option<String>,
}

const FILE: u8 = 1;
const SEGMENT: u8 = 2;

/// Reads one line.
///
/// # Errors
/// When it is not in the format, or over a limit.
pub fn piece(line: &[u8]) -> Result<Piece, SplitError> {
    if line.len() > MAX_LINE {
        return Err(SplitError::TooLong);
    }
    let line: Line = serde_json::from_slice(line).map_err(SplitError::Json)?;
    let bytes = |text: Option<String>| {
        STANDARD
            .decode(text.unwrap_or_default())
            .map_err(|_| SplitError::Shape("what should be base64 is not"))
    };
    match line.kind {
        SEGMENT => Ok(Piece::Raw(bytes(line.payload)?)),
        FILE => {
            let size = u64::try_from(line.size.unwrap_or(0))
                .map_err(|_| SplitError::Shape("a file has a negative size"))?;
            if size == 0 {
                return Ok(Piece::Empty);
            }
            let name = match line.name.filter(|name| !name.is_empty()) {
                Some(name) => name.into_bytes(),
                None => bytes(line.name_raw)?,
            };
            let name = clean(&name);
            if name.is_empty() || name.contains(&0) {
                return Err(SplitError::Shape("a file has no name"));
            }
            Ok(Piece::File { name, size })
        }
        _ => Err(SplitError::Shape("an entry is of a kind that is not known")),
    }
}

/// A path without `.`, `..`, and slashes at its ends: `..` of the root is the root.
fn clean(name: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        match piece(line.as_bytes()) {
            Ok(Piece::Raw(bytes)) => format!("raw {}", String::from_utf8_lossy(&bytes)),
            Ok(Piece::File { name, size }) => {
                format!("{size} of {}", String::from_utf8_lossy(&name))
            }
            Ok(Piece::Empty) => "nothing".into(),
            Err(error) => error.to_string().rsplit(": ").next().unwrap().to_owned(),
        }
    }

    #[test]
    fn lines() {
        for (line, expected) in [
            (
                r#"{"type":2,"payload":"aGVhZA==","position":0}"#,
                "raw head",
            ),
            (r#"{"type":2}"#, "raw "),
            (
                r#"{"type":1,"name":"./etc/os-release","size":12,"payload":"AAAAAAAAAAA=","position":1}"#,
                "12 of etc/os-release",
            ),
            (
                r#"{"type":1,"name":"etc/","payload":null,"position":3}"#,
                "nothing",
            ),
            (r#"{"type":1,"name_raw":"L2EvLi4vYg==","size":1}"#, "1 of b"),
            (
                r#"{"type":1,"name":"../../x/../../etc/shadow","size":1}"#,
                "1 of etc/shadow",
            ),
            (r#"{"type":1,"name":"..","size":1}"#, "a file has no name"),
            (
                r#"{"type":1,"name":"a\u0000b","size":1}"#,
                "a file has no name",
            ),
            (
                r#"{"type":1,"name":"a","size":-1}"#,
                "a file has a negative size",
            ),
            (r#"{"type":3}"#, "an entry is of a kind that is not known"),
            (
                r#"{"type":2,"payload":"%"}"#,
                "what should be base64 is not",
            ),
            ("", "a line of the layer's tar-split data is no JSON"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
