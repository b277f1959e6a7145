//! What feeds say, in one shape: advisory rows for matching, records for showing.
//!
//! A feed parser makes these; the database builder takes them; `matching` reads them back.

use rampart_model::{
    package::PackageKind,
    scan::{Cvss, Epss, FixStatus, KnownExploited, Severity},
};
use std::fmt;

/// Which packages a row speaks of: a release of a distribution, or a language's registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bucket {
    /// `family` is the os-release id the feed speaks for (`debian`, `ubuntu`, `alpine`, `wolfi`,
    /// `chainguard`, `rhel`, `almalinux`, `rocky`, `sles`, …); `release` as its advisories name
    /// it (`12`, `22.04`, `3.19`, `9`; empty for rolling ones); `channel` narrows it (`esm-apps`,
    /// `eus-9.2`, `community`), empty for the base.
    Os {
        family: String,
        release: String,
        channel: String,
    },
    Language(PackageKind),
}

impl Bucket {
    pub fn os(family: impl Into<String>, release: impl Into<String>) -> Self {
        Self::Os {
            family: family.into(),
            release: release.into(),
            channel: String::new(),
        }
    }
}

impl fmt::Display for Bucket {
    /// `os/debian/12`, `os/ubuntu/22.04/esm-apps`, `npm`: the key used in the database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os {
                family,
                release,
                channel,
            } if channel.is_empty() => {
                write!(f, "os/{family}/{release}")
            }
            Self::Os {
                family,
                release,
                channel,
            } => {
                write!(f, "os/{family}/{release}/{channel}")
            }
            Self::Language(kind) => write!(f, "{kind}"),
        }
    }
}

/// Versions from `introduced` (inclusive; exclusive after `>`; empty: from the first) up to an end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    pub introduced: String,
    pub end: End,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// No version without the flaw yet.
    #[default]
    Open,
    /// The first version without it: exclusive.
    Fixed(String),
    /// The last version with it: inclusive. What comes after it is not known to be fixed.
    LastAffected(String),
}

/// One row: this vulnerability in this package of this bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    pub bucket: Bucket,
    /// As the bucket's matching names it: source package for deb, origin for apk, binary package
    /// for rpm; the ecosystem's normalised name for languages (`version::normalise_name`).
    pub package: String,
    /// CVE id where there is one; else the feed's own id.
    pub id: String,
    /// Other ids of the same flaw and the advisories that speak of it (`GHSA-…`, `DSA-…`).
    pub aliases: Vec<String>,
    pub status: FixStatus,
    /// Any match makes a version affected. Empty together with `versions`: every version.
    pub intervals: Vec<Interval>,
    /// Versions affected by name, besides the intervals.
    pub versions: Vec<String>,
    /// Fixed versions to show when the intervals do not hold them (backports, several branches).
    pub fixed_versions: Vec<String>,
    /// The vendor's own severity for this package, if it gives one.
    pub severity: Option<Severity>,
    /// Architectures it speaks of; empty for all.
    pub arches: Vec<String>,
    /// RPM module stream, `name:stream`; empty outside modules.
    pub module: String,
    /// Feed that says so: `debian`, `alma`, `ghsa`, …
    pub feed: String,
}

impl Advisory {
    pub fn new(
        bucket: Bucket,
        package: impl Into<String>,
        id: impl Into<String>,
        feed: impl Into<String>,
    ) -> Self {
        Self {
            bucket,
            package: package.into(),
            id: id.into(),
            aliases: Vec::new(),
            status: FixStatus::Affected,
            intervals: Vec::new(),
            versions: Vec::new(),
            fixed_versions: Vec::new(),
            severity: None,
            arches: Vec::new(),
            module: String::new(),
            feed: feed.into(),
        }
    }
}

/// What is known of a vulnerability whatever the package. Records of several feeds for one id are
/// merged by the builder, field by field, in the order of feed ranks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub id: String,
    pub aliases: Vec<String>,
    pub title: String,
    pub description: String,
    /// Severity by source.
    pub severities: Vec<(String, Severity)>,
    pub cvss: Vec<Cvss>,
    pub cwes: Vec<String>,
    pub references: Vec<String>,
    pub published: String,
    pub modified: String,
    /// Taken back by its source: rows of it are dropped from the database.
    pub withdrawn: bool,
    pub known_exploited: Option<KnownExploited>,
    pub epss: Option<Epss>,
    pub feed: String,
}
