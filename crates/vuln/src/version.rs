//! Every ecosystem's own order of versions.
//!
//! A scheme is one file and one row of [`ALL`]: which texts it takes, and a total order of those.
//! Comparing allocates nothing but for Maven's and for Python's old versions, and takes versions of
//! at most [`MAX_BYTES`] bytes. A text that a scheme does not take gives an error, never an answer.

mod alpm;
mod apk;
mod composer;
mod conan;
mod conda;
mod cran;
mod deb;
mod gem;
mod generic;
mod golang;
mod hackage;
mod hex;
mod maven;
mod name;
mod npm;
mod nuget;
mod part;
mod pep440;
mod pub_dev;
pub mod range;
mod rpm;
mod semver;

use crate::advisory::{End, Interval};
use rampart_model::package::PackageKind;
use std::{cmp::Ordering, fmt, str::FromStr};

pub use name::normalise_name;

/// The longest version that is compared.
pub const MAX_BYTES: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    Deb,
    Rpm,
    Apk,
    Alpm,
    Maven,
    Npm,
    Pep440,
    Gem,
    Composer,
    Nuget,
    Semver,
    Go,
    Hex,
    Pub,
    Conan,
    Conda,
    Cran,
    Hackage,
    Generic,
}

/// How a scheme judges.
struct Row {
    scheme: Scheme,
    name: &'static str,
    /// Why a text is no version of this scheme.
    check: fn(&str) -> Result<(), &'static str>,
    /// Total over what `check` lets through.
    compare: fn(&str, &str) -> Ordering,
}

macro_rules! rows {
    ($($scheme:ident $name:literal $module:ident,)*) => {
        &[$(Row {
            scheme: Scheme::$scheme,
            name: $name,
            check: $module::check,
            compare: $module::compare,
        },)*]
    };
}

/// Every scheme there is, in the order of [`Scheme`]'s variants.
const ALL: &[Row] = rows![
    Deb "deb" deb,
    Rpm "rpm" rpm,
    Apk "apk" apk,
    Alpm "alpm" alpm,
    Maven "maven" maven,
    Npm "npm" npm,
    Pep440 "pep440" pep440,
    Gem "gem" gem,
    Composer "composer" composer,
    Nuget "nuget" nuget,
    Semver "semver" semver,
    Go "go" golang,
    Hex "hex" hex,
    Pub "pub" pub_dev,
    Conan "conan" conan,
    Conda "conda" conda,
    Cran "cran" cran,
    Hackage "hackage" hackage,
    Generic "generic" generic,
];

impl Scheme {
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|row| row.scheme)
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The order that packages of this kind follow.
    pub fn of(kind: PackageKind) -> Self {
        match kind {
            PackageKind::Deb => Self::Deb,
            PackageKind::Apk => Self::Apk,
            PackageKind::Rpm => Self::Rpm,
            PackageKind::Alpm => Self::Alpm,
            PackageKind::Npm => Self::Npm,
            PackageKind::Pypi => Self::Pep440,
            PackageKind::Gem => Self::Gem,
            PackageKind::Cargo | PackageKind::Swift => Self::Semver,
            PackageKind::Golang => Self::Go,
            PackageKind::Maven => Self::Maven,
            PackageKind::Composer => Self::Composer,
            PackageKind::Nuget => Self::Nuget,
            PackageKind::Pub => Self::Pub,
            PackageKind::Hex => Self::Hex,
            PackageKind::Conan => Self::Conan,
            PackageKind::Conda => Self::Conda,
            PackageKind::Cran => Self::Cran,
            PackageKind::Hackage => Self::Hackage,
            PackageKind::Binary => Self::Generic,
        }
    }

    fn row(self) -> &'static Row {
        // The table has a row for each variant, in their order; a test holds it to that.
        &ALL[self as usize]
    }

    /// Whether the scheme takes this text as a version.
    pub fn check(self, version: &str) -> Result<(), InvalidVersion> {
        let reason = if version.len() > MAX_BYTES {
            "it is too long"
        } else if version.trim().is_empty() {
            "it is empty"
        } else if version.trim_start().starts_with(['<', '>']) {
            // An interval's excluded start is written after `>`.
            "it begins with a comparison sign"
        } else {
            match (self.row().check)(version) {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            }
        };
        Err(InvalidVersion::new(self, version, reason))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ALL.iter()
            .find(|row| row.name == text)
            .map(|row| row.scheme)
            .ok_or_else(|| UnknownScheme(text.to_owned()))
    }
}

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown version scheme '{0}'")]
pub struct UnknownScheme(pub String);

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{version}' is no {scheme} version: {reason}")]
pub struct InvalidVersion {
    pub scheme: Scheme,
    /// Shortened.
    pub version: String,
    pub reason: &'static str,
}

impl InvalidVersion {
    fn new(scheme: Scheme, version: &str, reason: &'static str) -> Self {
        Self {
            scheme,
            version: version.chars().take(80).collect(),
            reason,
        }
    }
}

/// Which of two versions comes first.
pub fn compare(scheme: Scheme, a: &str, b: &str) -> Result<Ordering, InvalidVersion> {
    scheme.check(a)?;
    scheme.check(b)?;
    Ok((scheme.row().compare)(a, b))
}

/// Whether the version lies in the interval. No start and a start of `0` both mean every version
/// up to the end; a start after `>` does not lie in it.
pub fn is_affected(
    scheme: Scheme,
    interval: &Interval,
    version: &str,
) -> Result<bool, InvalidVersion> {
    scheme.check(version)?;
    let order = |other: &str| against(scheme, version, other);
    let start = interval.introduced.as_str();
    let before = match start.strip_prefix('>') {
        Some(start) => order(start)?.is_le(),
        None => !matches!(start, "" | "0") && order(start)?.is_lt(),
    };
    if before {
        return Ok(false);
    }
    Ok(match &interval.end {
        End::Open => true,
        End::Fixed(fixed) => order(fixed)?.is_lt(),
        End::LastAffected(last) => order(last)?.is_le(),
    })
}

/// An installed version and one that an advisory names, as the package manager compares them.
fn against(scheme: Scheme, version: &str, named: &str) -> Result<Ordering, InvalidVersion> {
    match scheme {
        Scheme::Composer => {
            scheme.check(named)?;
            let (version, named) = (composer::filled(version), composer::filled(named));
            compare(scheme, &version, &named)
        }
        Scheme::Alpm => {
            let (version, named) = alpm::as_pacman(version, named);
            compare(scheme, version, named)
        }
        _ => {
            // The installed version was checked by who asks.
            scheme.check(named)?;
            Ok((scheme.row().compare)(version, named))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_scheme_in_order() {
        for (at, row) in ALL.iter().enumerate() {
            assert_eq!(row.scheme as usize, at, "{}", row.name);
            assert_eq!(row.scheme.row().name, row.name);
            assert_eq!(row.name.parse(), Ok(row.scheme));
        }
        for kind in PackageKind::ALL {
            assert!(ALL.iter().any(|row| row.scheme == Scheme::of(*kind)));
        }
    }
}
