//! Whether a product of a document is the thing that was scanned, or a package in it.

use crate::purl::{self, Purl};
use rampart_model::{Distro, Package, scan::ScanTarget};

/// Something a document names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Product {
    /// As the document calls it.
    pub id: String,
    pub purl: Option<Purl>,
    /// `sha256:…`, lower case.
    pub digests: Vec<String>,
    /// Empty: the product as a whole.
    pub parts: Vec<Product>,
}

impl Product {
    /// By an id that may be a package URL or a digest.
    pub fn named(id: &str) -> Self {
        let digest = id.strip_prefix("sha256:").map(|_| id.to_ascii_lowercase());
        Self {
            id: id.to_owned(),
            purl: purl::parse(id).ok(),
            digests: digest.into_iter().collect(),
            parts: Vec::new(),
        }
    }

    /// Whether a statement about this product is one about `package` in `target`.
    pub(crate) fn covers(&self, found: &Found<'_>) -> bool {
        if self.is_package(found) {
            return true;
        }
        self.is_target(found.target)
            && (self.parts.is_empty() || self.parts.iter().any(|part| part.is_package(found)))
    }

    fn is_package(&self, found: &Found<'_>) -> bool {
        let by_purl = self
            .purl
            .as_ref()
            .is_some_and(|purl| names(purl, &found.purl, found.package));
        by_purl
            || self.digests.iter().any(|digest| {
                found
                    .package
                    .hashes
                    .iter()
                    .any(|hash| hash.eq_ignore_ascii_case(digest))
            })
    }

    fn is_target(&self, target: &ScanTarget) -> bool {
        let digests = [target.digest.as_str(), target.image_id.as_str()];
        if self
            .digests
            .iter()
            .any(|digest| digests.contains(&digest.as_str()))
        {
            return true;
        }
        match &self.purl {
            Some(purl) if matches!(purl.kind.as_str(), "oci" | "docker") => is_image(purl, target),
            Some(_) => false,
            None => !self.id.is_empty() && self.id == target.name,
        }
    }
}

/// A finding's package, with its name as a URL.
pub(crate) struct Found<'a> {
    pub(crate) package: &'a Package,
    pub(crate) target: &'a ScanTarget,
    pub(crate) purl: Purl,
}

impl<'a> Found<'a> {
    pub(crate) fn new(
        package: &'a Package,
        distro: Option<&Distro>,
        target: &'a ScanTarget,
    ) -> Self {
        Self {
            package,
            target,
            purl: purl::of(package, distro),
        }
    }
}

/// `pkg:oci/name@sha256:…?repository_url=registry/path/name&tag=…`: what is given must be so.
fn is_image(purl: &Purl, target: &ScanTarget) -> bool {
    let name = target.repository.rsplit('/').next().unwrap_or_default();
    let repository = |url: &String| {
        let whole = format!("{}/{}", target.registry, target.repository);
        url == &whole || url == &target.repository || *url == target.registry
    };
    let digest = &purl.version;
    !name.is_empty()
        && purl.name == name
        && (digest.is_empty()
            || *digest == target.digest
            || *digest == target.image_id
            || *digest == target.tag)
        && purl.qualifiers.get("repository_url").is_none_or(repository)
        && purl
            .qualifiers
            .get("tag")
            .is_none_or(|tag| *tag == target.tag)
        && purl
            .qualifiers
            .get("arch")
            .is_none_or(|arch| target.arch.is_empty() || *arch == target.arch)
}

/// Whether `wanted` names a package: version and qualifiers count only where it gives them, and
/// `arch=source` speaks of the source that a system package was built from.
pub(crate) fn names(wanted: &Purl, found: &Purl, package: &Package) -> bool {
    if wanted.kind != found.kind || wanted.subpath != found.subpath && !wanted.subpath.is_empty() {
        return false;
    }
    let of_source = package.source.as_ref().filter(|_| {
        wanted
            .qualifiers
            .get("arch")
            .is_some_and(|arch| matches!(arch.as_str(), "source" | "src"))
    });
    let (name, version) = match of_source {
        Some(source) if source.version.is_empty() => (&source.name, &found.version),
        Some(source) => (&source.name, &source.version),
        None => (&found.name, &found.version),
    };
    let namespace =
        wanted.namespace == found.namespace || wanted.namespace.is_empty() && package.kind.is_os();
    let qualifier = |key: &str| match (wanted.qualifiers.get(key), found.qualifiers.get(key)) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => true,
    };
    namespace
        && wanted.name == *name
        && (wanted.version.is_empty() || wanted.version == *version)
        && (of_source.is_some() || qualifier("arch"))
        && ["epoch", "channel", "type", "classifier"]
            .into_iter()
            .all(qualifier)
        && wanted
            .qualifiers
            .get("distro")
            .is_none_or(|distro| distro_fits(distro, found.qualifiers.get("distro")))
}

/// `debian-12` also names `debian-12.5`; a code name is not compared.
fn distro_fits(wanted: &str, found: Option<&String>) -> bool {
    let Some(found) = found else { return true };
    let more = found.strip_prefix(wanted);
    more.is_some_and(|more| more.is_empty() || more.starts_with('.'))
        || !wanted.contains(|c: char| c.is_ascii_digit())
}
