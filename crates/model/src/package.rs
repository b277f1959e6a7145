//! A piece of software found in an image, a host or a file system.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What installs it: names the ecosystem whose version order and advisories apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    Deb,
    Apk,
    Rpm,
    Alpm,
    Npm,
    Pypi,
    Gem,
    Cargo,
    Golang,
    Maven,
    Composer,
    Nuget,
    Pub,
    Hex,
    Conan,
    Conda,
    Cran,
    Hackage,
    Swift,
    /// A program known by its fingerprint, outside any package manager.
    Binary,
}

impl PackageKind {
    pub const ALL: &[Self] = &[
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Alpm,
        Self::Npm,
        Self::Pypi,
        Self::Gem,
        Self::Cargo,
        Self::Golang,
        Self::Maven,
        Self::Composer,
        Self::Nuget,
        Self::Pub,
        Self::Hex,
        Self::Conan,
        Self::Conda,
        Self::Cran,
        Self::Hackage,
        Self::Swift,
        Self::Binary,
    ];

    /// The type of a package URL: `pkg:<this>/…`.
    pub fn purl_type(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Alpm => "alpm",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Gem => "gem",
            Self::Cargo => "cargo",
            Self::Golang => "golang",
            Self::Maven => "maven",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Pub => "pub",
            Self::Hex => "hex",
            Self::Conan => "conan",
            Self::Conda => "conda",
            Self::Cran => "cran",
            Self::Hackage => "hackage",
            Self::Swift => "swift",
            Self::Binary => "generic",
        }
    }

    /// Installed by the distribution's own package manager.
    pub fn is_os(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm | Self::Alpm)
    }
}

impl fmt::Display for PackageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.purl_type())
    }
}

impl FromStr for PackageKind {
    type Err = UnknownPackageKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.purl_type() == text)
            .ok_or_else(|| UnknownPackageKind(text.to_owned()))
    }
}

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown package type '{0}'")]
pub struct UnknownPackageKind(pub String);

/// One installed package, or one dependency named by a lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    pub kind: PackageKind,
    /// As the ecosystem writes it: `@scope/name` for npm, `group:artifact` for Maven,
    /// `vendor/name` for Composer, the module path for Go.
    pub name: String,
    /// Whole, as installed: `[epoch:]version[-release]` for deb and rpm.
    pub version: String,
    #[serde(default)]
    pub arch: String,
    /// The source it was built from: deb `Source`, apk origin, rpm source name (no version: empty).
    #[serde(default)]
    pub source: Option<SourcePackage>,
    #[serde(default)]
    pub licenses: Vec<String>,
    /// Maintainer, vendor or author.
    #[serde(default)]
    pub supplier: String,
    /// RPM modularity label, `name:stream:version:context:arch`; empty outside modules.
    #[serde(default)]
    pub module: String,
    /// The file that told of it, from the root without a leading slash.
    #[serde(default)]
    pub path: String,
    /// Path inside `path`: a nested jar, such as `WEB-INF/lib/a.jar`; empty if none.
    #[serde(default)]
    pub inner_path: String,
    /// Named by a lock file for development or tests only.
    #[serde(default)]
    pub dev: bool,
    /// Named directly by the project, not only through another dependency.
    #[serde(default)]
    pub direct: bool,
    /// `name@version` of what it needs, where a lock file says so.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// `sha1:…`, `sha256:…` of the package's own file, where it has one.
    #[serde(default)]
    pub hashes: Vec<String>,
    /// Index into [`crate::scan::ScanTarget::layers`] of the layer that brought it.
    #[serde(default)]
    pub layer: Option<u32>,
    /// Listed also by the distribution's package manager: its advisories decide.
    #[serde(default)]
    pub owned_by_os: bool,
    /// A file of it was executed or mapped by a running workload.
    #[serde(default)]
    pub in_use: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePackage {
    pub name: String,
    pub version: String,
}

impl Package {
    pub fn new(kind: PackageKind, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            arch: String::new(),
            source: None,
            licenses: Vec::new(),
            supplier: String::new(),
            module: String::new(),
            path: String::new(),
            inner_path: String::new(),
            dev: false,
            direct: false,
            depends_on: Vec::new(),
            hashes: Vec::new(),
            layer: None,
            owned_by_os: false,
            in_use: false,
        }
    }
}

/// The distribution, from os-release and its kin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distro {
    /// os-release `ID` in lower case: `debian`, `ubuntu`, `alpine`, `rhel`, `almalinux`, …
    pub id: String,
    /// As advisories name it: `12`, `22.04`, `3.19`, `9`; with the minor where the file has it.
    pub version: String,
    /// `12.5`, `3.19.1`, `9.4`: the finest the files say.
    pub full_version: String,
    pub name: String,
    pub codename: String,
    /// `ID_LIKE`, in order.
    pub like: Vec<String>,
    /// Past its end of security support at the time of the scan.
    pub end_of_life: bool,
    /// `YYYY-MM-DD` of that end, where known.
    pub end_of_life_date: String,
}
