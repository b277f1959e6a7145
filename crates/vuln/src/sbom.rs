//! Software bills of materials, out and in: CycloneDX and SPDX, bare or in an attestation.
//!
//! What is written depends on the report and the options alone: no clock, no random ids. What is
//! read is hostile: at most [`MAX_BYTES`] bytes, [`MAX_COMPONENTS`] components and
//! [`MAX_DEPTH`] levels; a document that cannot be read is an error, and what is wrong inside a
//! document that can be is a problem beside the packages.

mod attestation;
mod component;
pub mod cyclonedx;
mod licence;
pub mod spdx;
mod stamp;

use rampart_model::{
    Timestamp,
    package::{Distro, Package},
    scan::ScanTarget,
};
use serde_json::Value;

/// The longest document that is read.
pub const MAX_BYTES: usize = 128 << 20;
/// The most components of one document.
pub const MAX_COMPONENTS: usize = 500_000;
/// How deep a document may be nested; the JSON reader holds to it.
pub const MAX_DEPTH: usize = 127;
/// Problems kept of one document; the last one says how many more there are.
const MAX_PROBLEMS: usize = 100;

/// What is written into a document beside the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Version of this program.
    pub tool_version: String,
    /// When the document was made.
    pub created: Timestamp,
    /// Who made it; the program itself if empty.
    pub author: String,
}

impl Options {
    fn author(&self) -> &str {
        if self.author.is_empty() {
            "Rampart"
        } else {
            &self.author
        }
    }
}

/// What a document tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sbom {
    /// `CycloneDX 1.6`, `SPDX 2.3`.
    pub format: String,
    /// What the document describes.
    pub target: ScanTarget,
    pub distro: Option<Distro>,
    pub packages: Vec<Package>,
    /// What of it could not be used, and why.
    pub problems: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    #[error("the document is longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("the document has more than {MAX_COMPONENTS} components")]
    TooMany,
    #[error("the document is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the document is neither CycloneDX nor SPDX")]
    Unknown,
    #[error("{format} of version '{version}' is not read")]
    Version {
        format: &'static str,
        version: String,
    },
    #[error("the document is no JSON")]
    Json(#[source] serde_json::Error),
    #[error("the document is no XML: {0}")]
    Xml(String),
    #[error("the document is no tag-value SPDX: line {line}")]
    TagValue { line: usize },
    #[error("the attestation's payload cannot be read: {0}")]
    Attestation(&'static str),
    #[error("'{0}' in the document is not what the format says")]
    Shape(&'static str),
}

/// Reads a document, whatever its format.
pub fn read(bytes: &[u8]) -> Result<Sbom, SbomError> {
    if bytes.len() > MAX_BYTES {
        return Err(SbomError::TooLong);
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('{') {
        return read_value(json(text)?, 0);
    }
    if text.starts_with('<') {
        return cyclonedx::read(&cyclonedx::from_xml(text)?);
    }
    if text
        .lines()
        .take(100)
        .any(|line| line.starts_with("SPDXVersion:"))
    {
        return spdx::read(&spdx::from_tag_value(text)?);
    }
    Err(SbomError::Unknown)
}

fn json(text: &str) -> Result<Value, SbomError> {
    serde_json::from_str(text).map_err(|error| {
        // The reader's own limit has no kind of its own.
        if error.to_string().starts_with("recursion limit") {
            SbomError::TooDeep
        } else {
            SbomError::Json(error)
        }
    })
}

/// `wrapped`: how many envelopes it was taken out of.
fn read_value(value: Value, wrapped: usize) -> Result<Sbom, SbomError> {
    if value.get("bomFormat").is_some() {
        return cyclonedx::read(&value);
    }
    if value.get("spdxVersion").is_some() || value.get("SPDXID").is_some() {
        return spdx::read(&value);
    }
    match attestation::unwrap(value)? {
        Some(inner) if wrapped < 4 => read_value(inner, wrapped + 1),
        Some(_) => Err(SbomError::TooDeep),
        None => Err(SbomError::Unknown),
    }
}

impl Sbom {
    fn problem(&mut self, text: impl Into<String>) {
        // One more than is kept, so that the end knows.
        if self.problems.len() <= MAX_PROBLEMS {
            self.problems.push(text.into());
        }
    }

    fn finish(mut self) -> Self {
        if self.problems.len() > MAX_PROBLEMS {
            self.problems.truncate(MAX_PROBLEMS);
            self.problems.push("more problems are left out".to_owned());
        }
        self
    }
}

/// A text in a document, shortened for a message.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &'static str) -> Result<&'a [Value], SbomError> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(SbomError::Shape(key)),
    }
}
