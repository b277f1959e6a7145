//! Names of images: `[registry/]repository[:tag][@digest]`.
//!
//! Limits: 255 characters of repository, 128 of tag; the characters the distribution
//! specification allows.

use crate::digest;
use std::{fmt, str::FromStr};

const HUB: &str = "docker.io";
const HUB_API: &str = "registry-1.docker.io";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub registry: String,
    pub repository: String,
    /// Empty if only a digest is given.
    pub tag: String,
    pub digest: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no image name: write [registry/]repository[:tag][@sha256:…], in lower case")]
pub struct BadReference(pub String);

impl Reference {
    /// What the manifest is asked for by.
    pub fn identifier(&self) -> &str {
        if self.digest.is_empty() {
            &self.tag
        } else {
            &self.digest
        }
    }
}

/// Where the API of a registry is: only Docker Hub's is elsewhere than its name says.
pub(super) fn api_host(registry: &str) -> &str {
    match registry {
        HUB | "index.docker.io" => HUB_API,
        other => other,
    }
}

pub(super) fn is_hub(registry: &str) -> bool {
    matches!(registry, HUB | HUB_API | "index.docker.io")
}

pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost" || name == "[::1]" || name.starts_with("127.")
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = || BadReference(text.to_owned());
        let plain = text.strip_prefix("docker://").unwrap_or(text);
        let (plain, digest) = match plain.split_once('@') {
            Some((plain, digest)) if digest::is_valid(digest) => (plain, digest),
            Some(_) => return Err(bad()),
            None => (plain, ""),
        };
        let (registry, rest) = match plain.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first.to_owned(), rest),
            _ => (HUB.to_owned(), plain),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ if digest.is_empty() => (rest, "latest"),
            _ => (rest, ""),
        };
        let repository = if registry == HUB && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        if !is_repository(&repository) || !is_tag(tag) && digest.is_empty() || !is_host(&registry) {
            return Err(bad());
        }
        Ok(Self {
            registry,
            repository,
            tag: tag.to_owned(),
            digest: digest.to_owned(),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        if !self.digest.is_empty() {
            write!(f, "@{}", self.digest)?;
        }
        Ok(())
    }
}

fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
}

fn is_repository(name: &str) -> bool {
    name.len() <= 255
        && name.split('/').all(|part| {
            !part.is_empty()
                && part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
                })
        })
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown = text
            .parse::<Reference>()
            .map_or_else(|_| "bad".into(), |r| r.to_string());
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn names() {
        check("nginx", "docker.io/library/nginx:latest");
        check("library/nginx:1.27", "docker.io/library/nginx:1.27");
        check("org/app", "docker.io/org/app:latest");
        check("ghcr.io/org/app:v1", "ghcr.io/org/app:v1");
        check("localhost/app", "localhost/app:latest");
        check("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x");
        let digest = format!("sha256:{}", "a".repeat(64));
        check(
            &format!("quay.io/a/b@{digest}"),
            &format!("quay.io/a/b@{digest}"),
        );
        check(
            &format!("quay.io/a/b:t@{digest}"),
            &format!("quay.io/a/b:t@{digest}"),
        );
        for bad in [
            "",
            "UPPER/x",
            "a b",
            "a//b",
            "x:.tag",
            "x@sha256:1",
            "reg.io/",
            "a/../b",
            "x:ta g",
        ] {
            check(bad, "bad");
        }
    }

    #[test]
    fn loopback() {
        assert!(
            is_loopback("127.0.0.1:5000") && is_loopback("localhost") && is_loopback("[::1]:5000")
        );
        assert!(!is_loopback("example.org:5000") && !is_loopback("localhost.example.org"));
    }
}
