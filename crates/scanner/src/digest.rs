//! Content digests: `sha256:` and 64 hexadecimal digits.
//!
//! Limits: SHA-256 only, and SHA-512 where a registry names content by it.

use aws_lc_rs::digest::{Context, SHA256, SHA512};
use std::fmt::Write;

/// A digest in the making.
pub struct Hasher {
    context: Context,
    algorithm: &'static str,
}

impl Hasher {
    pub fn sha256() -> Self {
        Self {
            context: Context::new(&SHA256),
            algorithm: "sha256",
        }
    }

    /// Of the algorithm `digest` names; SHA-256 if it names none we know.
    pub fn like(digest: &str) -> Self {
        match digest.split_once(':') {
            Some(("sha512", _)) => Self {
                context: Context::new(&SHA512),
                algorithm: "sha512",
            },
            _ => Self::sha256(),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// `algorithm:hex`.
    pub fn finish(self) -> String {
        let mut text = String::with_capacity(self.algorithm.len() + 130);
        text.push_str(self.algorithm);
        text.push(':');
        for byte in self.context.finish().as_ref() {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::sha256();
    hasher.update(bytes);
    hasher.finish()
}

/// Of a form that may stand in a path: nothing else is ever made a file name.
pub fn is_valid(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length
        && hex
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `content` is what `digest` names.
pub fn matches(digest: &str, content: &[u8]) -> bool {
    let mut hasher = Hasher::like(digest);
    hasher.update(content);
    hasher.finish() == digest
}
