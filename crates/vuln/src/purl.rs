//! Package URLs: `pkg:type/namespace/name@version?qualifiers#subpath`.
//!
//! Written canonically, as the specification and its types say; read leniently: an address of at
//! most [`MAX_BYTES`] bytes, and what is wrong with it is an error.

use rampart_model::package::{Distro, Package, PackageKind, SourcePackage};
use std::{collections::BTreeMap, fmt, fmt::Write as _, str::FromStr};

/// The longest package URL that is read.
pub const MAX_BYTES: usize = 8 * 1024;

/// Its parts, decoded and in the form their type asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Purl {
    pub kind: String,
    /// Segments joined by `/`; empty if there is none.
    pub namespace: String,
    pub name: String,
    /// Empty if there is none.
    pub version: String,
    pub qualifiers: BTreeMap<String, String>,
    pub subpath: String,
}

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PurlError {
    #[error("a package URL begins with 'pkg:'")]
    Scheme,
    #[error("the package URL has no valid type")]
    Type,
    #[error("the package URL has no name")]
    Name,
    #[error("the package URL has a wrong qualifier '{0}'")]
    Qualifier(String),
    #[error("the package URL is wrongly percent-encoded")]
    Encoding,
    #[error("a package URL of the type {kind} has {fault}")]
    Rule {
        kind: &'static str,
        fault: &'static str,
    },
    #[error("the package URL is longer than {MAX_BYTES} bytes")]
    TooLong,
}

/// Reads a package URL.
pub fn parse(text: &str) -> Result<Purl, PurlError> {
    if text.len() > MAX_BYTES {
        return Err(PurlError::TooLong);
    }
    let rest = match text.trim().split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkg") => rest,
        _ => return Err(PurlError::Scheme),
    };
    let (rest, subpath) = split(rest, '#');
    let (rest, qualifiers) = split(rest, '?');
    let rest = rest.trim_matches('/');
    let (kind, rest) = rest.split_once('/').ok_or(if rest.is_empty() {
        PurlError::Type
    } else {
        PurlError::Name
    })?;
    let kind = kind.to_ascii_lowercase();
    if !is_type(&kind) {
        return Err(PurlError::Type);
    }
    // An npm scope may stand undecoded: an `@` with segments after it leads in no version.
    let (path, version) = match rest.rfind('@') {
        Some(at) if !rest[at..].contains('/') => (&rest[..at], &rest[at + 1..]),
        _ => (rest, ""),
    };
    let (namespace, name) = path
        .trim_matches('/')
        .rsplit_once('/')
        .unwrap_or(("", path));
    let purl = Purl {
        kind,
        namespace: segments(namespace, |_| true)?,
        name: decode(name.trim_matches('/'))?,
        version: decode(version)?,
        qualifiers: read_qualifiers(qualifiers)?,
        subpath: segments(subpath, |segment| !matches!(segment, "." | ".."))?,
    };
    purl.checked()
}

fn split(text: &str, at: char) -> (&str, &str) {
    text.rsplit_once(at).unwrap_or((text, ""))
}

fn is_type(kind: &str) -> bool {
    kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
}

/// Decoded segments that are not empty, joined again.
fn segments(text: &str, keep: impl Fn(&str) -> bool) -> Result<String, PurlError> {
    let mut out = String::new();
    for segment in text.split('/').filter(|segment| !segment.is_empty()) {
        let segment = decode(segment)?;
        if !keep(&segment) {
            continue;
        }
        if !out.is_empty() {
            out.push('/');
        }
        out.push_str(&segment);
    }
    Ok(out)
}

fn read_qualifiers(text: &str) -> Result<BTreeMap<String, String>, PurlError> {
    let mut qualifiers = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let wrong = || PurlError::Qualifier(pair.chars().take(80).collect());
        let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
        let key = key.to_ascii_lowercase();
        let well = key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if !well {
            return Err(wrong());
        }
        let value = decode(value)?;
        if !value.is_empty() && qualifiers.insert(key, value).is_some() {
            return Err(wrong());
        }
    }
    Ok(qualifiers)
}

fn decode(text: &str) -> Result<String, PurlError> {
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || {
                let digit = bytes.next().and_then(|b| char::from(b).to_digit(16));
                digit.ok_or(PurlError::Encoding)
            };
            let value = digit()? * 16 + digit()?;
            out.push(u8::try_from(value).map_err(|_| PurlError::Encoding)?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).map_err(|_| PurlError::Encoding)
}

/// Everything but what never needs it; a colon stands as it is.
fn encode(out: &mut String, text: &str, also: &[u8]) {
    for &byte in text.as_bytes() {
        let plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':');
        if plain || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(64);
        out.push_str("pkg:");
        out.push_str(&self.kind);
        for segment in self.namespace.split('/').filter(|s| !s.is_empty()) {
            out.push('/');
            encode(&mut out, segment, b"");
        }
        out.push('/');
        encode(&mut out, &self.name, b"");
        if !self.version.is_empty() {
            out.push('@');
            encode(&mut out, &self.version, b"");
        }
        let mut lead = '?';
        for (key, value) in self
            .qualifiers
            .iter()
            .filter(|(_, value)| !value.is_empty())
        {
            out.push(lead);
            out.push_str(key);
            out.push('=');
            encode(&mut out, value, b"/");
            lead = '&';
        }
        let mut lead = '#';
        for segment in self.subpath.split('/').filter(|s| !s.is_empty()) {
            out.push(lead);
            encode(&mut out, segment, b"");
            lead = '/';
        }
        f.write_str(&out)
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
    }
}

/// Types whose names, or namespaces too, are lower case.
const LOWER_NAME: [&str; 8] = [
    "alpm",
    "apk",
    "bitbucket",
    "composer",
    "deb",
    "github",
    "hex",
    "pypi",
];
const LOWER_NAMESPACE: [&str; 9] = [
    "alpm",
    "apk",
    "bitbucket",
    "composer",
    "deb",
    "github",
    "hex",
    "rpm",
    "qpkg",
];

impl Purl {
    fn lowered(&mut self) {
        if LOWER_NAMESPACE.contains(&self.kind.as_str()) {
            self.namespace.make_ascii_lowercase();
        }
        if LOWER_NAME.contains(&self.kind.as_str()) || self.kind == "pub" {
            self.name.make_ascii_lowercase();
        }
        if self.kind == "pypi" {
            self.name = self.name.replace('_', "-");
        }
        if self.kind == "huggingface" {
            self.version.make_ascii_lowercase();
        }
    }

    fn checked(mut self) -> Result<Self, PurlError> {
        if self.name.is_empty() {
            return Err(PurlError::Name);
        }
        self.lowered();
        let rule = |kind, fault| Err(PurlError::Rule { kind, fault });
        match self.kind.as_str() {
            "swift" if self.namespace.is_empty() => rule("swift", "no namespace"),
            "swift" if self.version.is_empty() => rule("swift", "no version"),
            "cran" if self.version.is_empty() => rule("cran", "no version"),
            "conan" if self.namespace.is_empty() && self.qualifiers.contains_key("channel") => {
                rule("conan", "a channel without a namespace")
            }
            "conan" if !self.namespace.is_empty() && !self.qualifiers.contains_key("channel") => {
                rule("conan", "a namespace without a channel")
            }
            _ => Ok(self),
        }
    }

    /// The package it names, as analyzers would have found it; none for a type that is not known.
    pub fn to_package(&self) -> Option<Package> {
        let kind: PackageKind = self.kind.parse().ok()?;
        let namespaced = |separator: &str| {
            if self.namespace.is_empty() {
                self.name.clone()
            } else {
                format!("{}{separator}{}", self.namespace, self.name)
            }
        };
        let name = match kind {
            PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm | PackageKind::Alpm => {
                self.name.clone()
            }
            PackageKind::Maven => namespaced(":"),
            PackageKind::Golang if !self.subpath.is_empty() => {
                format!("{}/{}", namespaced("/"), self.subpath)
            }
            _ => namespaced("/"),
        };
        let qualifier = |key: &str| self.qualifiers.get(key).cloned().unwrap_or_default();
        let epoch = qualifier("epoch");
        let version = match kind {
            PackageKind::Rpm | PackageKind::Deb if is_epoch(&epoch, &self.version) => {
                format!("{epoch}:{}", self.version)
            }
            _ => self.version.clone(),
        };
        let mut package = Package::new(kind, name, version);
        package.arch = qualifier("arch");
        package.module = qualifier("modularitylabel");
        package.source = self.qualifiers.get("upstream").map(|text| source(text));
        Some(package)
    }

    /// The distribution that its qualifiers tell of: `distro=debian-12`.
    pub fn distro(&self) -> Option<Distro> {
        let text = self.qualifiers.get("distro")?;
        let (id, version) = match text.rsplit_once('-') {
            Some((id, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
                (id, version)
            }
            _ if text.starts_with(|c: char| c.is_ascii_digit()) => {
                (self.namespace.as_str(), &**text)
            }
            _ => (self.namespace.as_str(), ""),
        };
        (!id.is_empty()).then(|| Distro {
            id: id.to_owned(),
            version: version.to_owned(),
            full_version: version.to_owned(),
            ..Distro::default()
        })
    }
}

fn is_epoch(epoch: &str, version: &str) -> bool {
    !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) && !version.contains(':')
}

/// `name@version`, or a name, or the file name of a source RPM.
fn source(text: &str) -> SourcePackage {
    if let Some(stem) = text.strip_suffix(".src.rpm") {
        let mut parts = stem.rsplitn(3, '-');
        if let (Some(release), Some(version), Some(name)) =
            (parts.next(), parts.next(), parts.next())
        {
            return SourcePackage {
                name: name.to_owned(),
                version: format!("{version}-{release}"),
            };
        }
    }
    let (name, version) = text.rsplit_once('@').unwrap_or((text, ""));
    SourcePackage {
        name: name.to_owned(),
        version: version.to_owned(),
    }
}

/// The package URL of a package as found.
pub fn to_purl(package: &Package, distro: Option<&Distro>) -> String {
    of(package, distro).to_string()
}

/// The same, in its parts.
pub fn of(package: &Package, distro: Option<&Distro>) -> Purl {
    let mut purl = Purl {
        kind: package.kind.purl_type().to_owned(),
        version: package.version.clone(),
        ..Purl::default()
    };
    (purl.namespace, purl.name) = path(package, distro);
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            purl.qualifiers.insert(key.to_owned(), value.to_owned());
        }
    };
    add("arch", &package.arch);
    if package.kind.is_os() {
        if let Some(distro) = distro.filter(|distro| !distro.id.is_empty()) {
            add("distro", &distro_qualifier(distro));
        }
        if let Some(source) = &package.source {
            add("upstream", &upstream(package, source));
        }
    }
    add("modularitylabel", &package.module);
    if package.kind == PackageKind::Rpm
        && let Some((epoch, version)) = package.version.split_once(':')
    {
        add("epoch", epoch);
        purl.version = version.to_owned();
    }
    purl.lowered();
    purl
}

fn distro_qualifier(distro: &Distro) -> String {
    let version = if distro.full_version.is_empty() {
        &distro.version
    } else {
        &distro.full_version
    };
    if version.is_empty() {
        distro.id.clone()
    } else {
        format!("{}-{version}", distro.id)
    }
}

/// Empty where the source says nothing new.
fn upstream(package: &Package, source: &SourcePackage) -> String {
    let same_version = source.version.is_empty() || source.version == package.version;
    match (source.name == package.name, same_version) {
        (true, true) => String::new(),
        (false, true) => source.name.clone(),
        _ => format!("{}@{}", source.name, source.version),
    }
}

/// Namespace and name.
fn path(package: &Package, distro: Option<&Distro>) -> (String, String) {
    let name = package.name.as_str();
    let split = |separator: &str| match name.rsplit_once(separator) {
        Some((namespace, name)) if !name.is_empty() => (namespace.to_owned(), name.to_owned()),
        _ => (String::new(), name.to_owned()),
    };
    match package.kind {
        PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm | PackageKind::Alpm => {
            (vendor(package.kind, distro), name.to_owned())
        }
        PackageKind::Maven => match name.split_once(':') {
            Some((group, artifact)) if !group.is_empty() && !artifact.is_empty() => {
                (group.to_owned(), artifact.to_owned())
            }
            _ => (String::new(), name.to_owned()),
        },
        PackageKind::Npm
        | PackageKind::Golang
        | PackageKind::Composer
        | PackageKind::Swift
        | PackageKind::Hex => split("/"),
        _ => (String::new(), name.to_owned()),
    }
}

/// Whose packages they are, as the types of package URLs name them.
fn vendor(kind: PackageKind, distro: Option<&Distro>) -> String {
    let id = distro.map(|distro| distro.id.as_str()).unwrap_or_default();
    match (kind, id) {
        (_, "rhel") => "redhat".to_owned(),
        (_, "opensuse-leap" | "opensuse-tumbleweed") => "opensuse".to_owned(),
        (_, "ol") => "oracle".to_owned(),
        (PackageKind::Alpm, "") => "arch".to_owned(),
        (_, id) => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: PackageKind, name: &str, version: &str, expected: &str) {
        let package = Package::new(kind, name, version);
        assert_eq!(to_purl(&package, None), expected);
    }

    #[test]
    fn each_kind_is_written_as_its_type_says() {
        use PackageKind::*;
        check(Npm, "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0");
        check(
            Maven,
            "org.apache:xml",
            "1.0",
            "pkg:maven/org.apache/xml@1.0",
        );
        check(Pypi, "Zope_Interface", "5", "pkg:pypi/zope-interface@5");
        check(
            Golang,
            "github.com/a/b",
            "v1.0.0+incompatible",
            "pkg:golang/github.com/a/b@v1.0.0%2Bincompatible",
        );
        check(
            Composer,
            "Symfony/Yaml",
            "v5",
            "pkg:composer/symfony/yaml@v5",
        );
        check(
            Nuget,
            "Newtonsoft.Json",
            "13",
            "pkg:nuget/Newtonsoft.Json@13",
        );
        check(
            Swift,
            "github.com/apple/swift-nio",
            "2.0.0",
            "pkg:swift/github.com/apple/swift-nio@2.0.0",
        );
        check(Binary, "nginx", "1.25.3", "pkg:generic/nginx@1.25.3");
        check(Gem, "a b", "1", "pkg:gem/a%20b@1");
    }

    #[test]
    fn distribution_packages_say_where_they_are_from() {
        let distro = Distro {
            id: "debian".into(),
            version: "12".into(),
            full_version: "12.5".into(),
            ..Distro::default()
        };
        let mut package = Package::new(PackageKind::Deb, "libssl3", "1:3.0.11-1~deb12u2");
        package.arch = "amd64".into();
        package.source = Some(SourcePackage {
            name: "openssl".into(),
            version: String::new(),
        });
        let text = to_purl(&package, Some(&distro));
        assert_eq!(
            text,
            "pkg:deb/debian/libssl3@1:3.0.11-1~deb12u2?arch=amd64&distro=debian-12.5&upstream=openssl"
        );
        let read = parse(&text).unwrap();
        assert_eq!(read.to_package().unwrap(), package);
        assert_eq!(read.distro().unwrap().version, "12.5");

        let mut package = Package::new(PackageKind::Rpm, "openssl", "1:3.0.7-24.el9");
        package.arch = "x86_64".into();
        let distro = Distro {
            id: "rhel".into(),
            version: "9".into(),
            ..Distro::default()
        };
        let text = to_purl(&package, Some(&distro));
        assert_eq!(
            text,
            "pkg:rpm/redhat/openssl@3.0.7-24.el9?arch=x86_64&distro=rhel-9&epoch=1"
        );
        assert_eq!(parse(&text).unwrap().to_package().unwrap(), package);
    }

    #[test]
    fn what_is_wrong_is_an_error() {
        for text in [
            "",
            "npm/a",
            "pkg:",
            "pkg:npm",
            "pkg:npm/",
            "pkg:1x/a",
            "pkg:n_pm/a",
            "pkg:npm/a%2",
            "pkg:npm/a%ff",
            "pkg:npm/a?x",
            "pkg:npm/a?1=2",
            "pkg:npm/a?b=1&b=2",
            "pkg:swift/a@1",
            "pkg:cran/a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse(&"a".repeat(MAX_BYTES + 1)), Err(PurlError::TooLong));
    }

    #[test]
    fn reading_is_lenient_and_writing_canonical() {
        for (text, canonical) in [
            ("pkg:npm/@babel/core@7", "pkg:npm/%40babel/core@7"),
            ("PKG:PyPI/Django_X@1", "pkg:pypi/django-x@1"),
            ("pkg:///npm//a@1", "pkg:npm/a@1"),
            ("pkg:golang/a/b@v1#/x/./../y/", "pkg:golang/a/b@v1#x/y"),
            (
                "pkg:deb/debian/a@1%3A2?distro=b&ARCH=x",
                "pkg:deb/debian/a@1:2?arch=x&distro=b",
            ),
        ] {
            let purl = parse(text).unwrap();
            assert_eq!(purl.to_string(), canonical);
            assert_eq!(parse(canonical).unwrap(), purl);
        }
    }
}
