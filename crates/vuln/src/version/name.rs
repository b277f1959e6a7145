//! Names of packages as their ecosystem tells them apart.

use rampart_model::package::PackageKind;
use std::borrow::Cow;

/// The name under which advisories and packages meet. Two names that an ecosystem takes for the
/// same become one; where case counts the name stays as it is.
pub fn normalise_name(kind: PackageKind, name: &str) -> Cow<'_, str> {
    match kind {
        PackageKind::Pypi => pypi(name),
        PackageKind::Nuget
        | PackageKind::Composer
        | PackageKind::Conan
        | PackageKind::Conda
        | PackageKind::Hex
        | PackageKind::Pub
        | PackageKind::Binary => lower(name),
        PackageKind::Swift => swift(name),
        PackageKind::Deb
        | PackageKind::Apk
        | PackageKind::Rpm
        | PackageKind::Alpm
        | PackageKind::Npm
        | PackageKind::Gem
        | PackageKind::Cargo
        | PackageKind::Golang
        | PackageKind::Maven
        | PackageKind::Cran
        | PackageKind::Hackage => Cow::Borrowed(name),
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// PEP 503: lower case, and one hyphen for each run of `-`, `_` and `.`.
fn pypi(name: &str) -> Cow<'_, str> {
    let is_separator = |b: u8| matches!(b, b'-' | b'_' | b'.');
    let bytes = name.as_bytes();
    let normal = bytes
        .iter()
        .all(|&b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || !b.is_ascii())
        && !bytes.windows(2).any(|pair| pair == b"--");
    if normal {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    let mut separated = false;
    for c in name.chars() {
        let separator = u8::try_from(c).is_ok_and(is_separator);
        if !separator {
            out.push(c.to_ascii_lowercase());
        } else if !separated {
            out.push('-');
        }
        separated = separator;
    }
    Cow::Owned(out)
}

/// Swift packages are named by the address of their repository.
fn swift(name: &str) -> Cow<'_, str> {
    let mut bare = name;
    let starts = ["https://", "http://"];
    while let Some(rest) = starts.iter().find_map(|start| bare.strip_prefix(start)) {
        bare = rest;
    }
    while let Some(rest) = ["/", ".git"].iter().find_map(|end| bare.strip_suffix(end)) {
        bare = rest;
    }
    lower(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_meet_where_the_ecosystem_says_so() {
        for (kind, name, normal) in [
            (PackageKind::Pypi, "Zope.Interface", "zope-interface"),
            (PackageKind::Pypi, "a__-._b", "a-b"),
            (PackageKind::Pypi, "requests", "requests"),
            (PackageKind::Nuget, "Newtonsoft.Json", "newtonsoft.json"),
            (
                PackageKind::Composer,
                "Symfony/Http-Kernel",
                "symfony/http-kernel",
            ),
            (PackageKind::Npm, "JSONStream", "JSONStream"),
            (
                PackageKind::Golang,
                "github.com/Azure/go",
                "github.com/Azure/go",
            ),
            (PackageKind::Maven, "Org.X:Y", "Org.X:Y"),
            (
                PackageKind::Swift,
                "https://GitHub.com/apple/swift-nio.git",
                "github.com/apple/swift-nio",
            ),
        ] {
            assert_eq!(normalise_name(kind, name), normal);
        }
    }
}
