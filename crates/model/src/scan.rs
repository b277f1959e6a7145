//! What a scan finds: packages, vulnerabilities, secrets, weak configuration.

use crate::{
    Timestamp,
    package::{Distro, Package, PackageKind},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    #[default]
    Unknown,
    Negligible,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: &[Self] = &[
        Self::Unknown,
        Self::Negligible,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    /// Takes any case, and the words vendors use (`moderate`, `important`, `unimportant`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.trim().to_ascii_lowercase();
        Ok(match lower.as_str() {
            "unknown" | "none" | "" => Self::Unknown,
            "negligible" | "unimportant" => Self::Negligible,
            "low" => Self::Low,
            "medium" | "moderate" => Self::Medium,
            "high" | "important" => Self::High,
            "critical" => Self::Critical,
            _ => return Err(UnknownSeverity(text.to_owned())),
        })
    }
}

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown severity '{0}': use unknown, negligible, low, medium, high or critical")]
pub struct UnknownSeverity(pub String);

/// What the feed says of a vulnerability in a package.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FixStatus {
    /// A version without it exists.
    Fixed,
    /// No version without it exists yet.
    #[default]
    Affected,
    UnderInvestigation,
    WillNotFix,
    FixDeferred,
    EndOfLife,
    NotAffected,
}

impl FixStatus {
    pub const ALL: &[Self] = &[
        Self::Fixed,
        Self::Affected,
        Self::UnderInvestigation,
        Self::WillNotFix,
        Self::FixDeferred,
        Self::EndOfLife,
        Self::NotAffected,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Affected => "affected",
            Self::UnderInvestigation => "under_investigation",
            Self::WillNotFix => "will_not_fix",
            Self::FixDeferred => "fix_deferred",
            Self::EndOfLife => "end_of_life",
            Self::NotAffected => "not_affected",
        }
    }
}

/// A CVSS vector as published, with its base score times ten (98 is 9.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cvss {
    /// Who scored: `nvd`, `ghsa`, `redhat`, …
    pub source: String,
    /// `2.0`, `3.0`, `3.1`, `4.0`.
    pub version: String,
    pub vector: String,
    pub score_tenths: u8,
}

/// Known to be exploited (CISA's catalogue).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownExploited {
    /// `YYYY-MM-DD`.
    pub added: String,
    pub due: String,
    pub ransomware: bool,
}

/// Exploit prediction, in millionths: probability and percentile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epss {
    pub probability_ppm: u32,
    pub percentile_ppm: u32,
}

/// One vulnerability in one package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// The CVE where there is one, else the advisory's own id.
    pub id: String,
    /// Other ids of the same flaw, and advisories (`GHSA-…`, `DSA-…`, `RHSA-…`).
    pub aliases: Vec<String>,
    /// Index into [`ScanReport::packages`].
    pub package: u32,
    /// Versions without it, lowest first; empty when there is none.
    pub fixed_versions: Vec<String>,
    pub status: FixStatus,
    pub severity: Severity,
    /// Whose severity it is: the vendor's feed first, then CVSS.
    pub severity_source: String,
    pub cvss: Vec<Cvss>,
    pub epss: Option<Epss>,
    pub known_exploited: Option<KnownExploited>,
    pub title: String,
    pub description: String,
    pub references: Vec<String>,
    pub cwes: Vec<String>,
    /// `YYYY-MM-DDTHH:MM:SSZ`, as published; empty if not known.
    pub published: String,
    pub modified: String,
    /// The feed whose row decided.
    pub feed: String,
    /// Why it does not count, if it does not.
    pub suppressed: Option<Suppression>,
}

/// Why a finding is shown but not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// `vex`, `ignore-file`, `profile`, `not-affected`.
    pub by: String,
    /// VEX justification, the comment in the ignore file, or the profile's entry.
    pub reason: String,
    /// Where it stands: a file name, a document id, a profile's name.
    pub source: String,
}

/// Something that must not lie in an image. The secret itself is never kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    pub rule: String,
    pub title: String,
    pub severity: Severity,
    /// File, or `config:env`, `config:history` for the image configuration.
    pub path: String,
    pub line: u32,
    /// The line with the secret masked, shortened.
    pub excerpt: String,
    pub layer: Option<u32>,
    /// A later layer deletes the file: the image still carries it.
    pub deleted_later: bool,
}

/// A setuid or setgid program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivilegedFile {
    pub path: String,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub layer: Option<u32>,
}

/// A weakness of the image's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigIssue {
    /// Our id, such as `RMP-IMG-001`.
    pub id: String,
    pub title: String,
    pub severity: Severity,
    pub detail: String,
    pub remediation: String,
}

/// How much a licence asks of who distributes the software, in the classes that licence scanners
/// share; later variants are stricter.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum LicenseCategory {
    /// Public domain, or as good as.
    Unencumbered,
    Permissive,
    /// Names of authors must be kept.
    Notice,
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// Changes to its own files must be shared.
    Reciprocal,
    /// What it is combined with may have to be shared.
    Restricted,
    /// Not to be used.
    Forbidden,
}

impl LicenseCategory {
    pub const ALL: &[Self] = &[
        Self::Unencumbered,
        Self::Permissive,
        Self::Notice,
        Self::Unknown,
        Self::Reciprocal,
        Self::Restricted,
        Self::Forbidden,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unencumbered => "unencumbered",
            Self::Permissive => "permissive",
            Self::Notice => "notice",
            Self::Unknown => "unknown",
            Self::Reciprocal => "reciprocal",
            Self::Restricted => "restricted",
            Self::Forbidden => "forbidden",
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::Unencumbered | Self::Permissive | Self::Notice => Severity::Low,
            Self::Unknown => Severity::Unknown,
            Self::Reciprocal => Severity::Medium,
            Self::Restricted => Severity::High,
            Self::Forbidden => Severity::Critical,
        }
    }
}

/// A licence of one package, judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseFinding {
    /// An SPDX id or expression; else what the package calls it.
    pub license: String,
    pub category: LicenseCategory,
    pub severity: Severity,
    /// Index into [`ScanReport::packages`].
    pub package: u32,
}

/// Something that could not be read: shown, never skipped in silence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanProblem {
    pub path: String,
    pub reason: String,
    pub layer: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Of the compressed blob; empty where the source has none.
    pub digest: String,
    pub diff_id: String,
    pub size_bytes: u64,
    /// The build command, from the image's history.
    pub created_by: String,
    pub created_at: String,
    pub author: String,
    pub comment: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    #[default]
    Image,
    Filesystem,
    Rootfs,
    Container,
    Host,
    Sbom,
}

/// What was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanTarget {
    pub kind: TargetKind,
    /// As the user named it.
    pub name: String,
    pub registry: String,
    pub repository: String,
    pub tag: String,
    /// Manifest digest, and the digest of the configuration (the image id).
    pub digest: String,
    pub image_id: String,
    pub os: String,
    pub arch: String,
    pub variant: String,
    pub created_at: String,
    pub author: String,
    pub labels: std::collections::BTreeMap<String, String>,
    pub env: Vec<String>,
    pub cmd: Vec<String>,
    pub entrypoint: Vec<String>,
    pub user: String,
    pub size_bytes: u64,
    pub layers: Vec<Layer>,
}

/// Which database judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseInfo {
    pub version: u64,
    pub built_at: Timestamp,
    /// SHA-256 of the file, hex.
    pub digest: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    pub target: ScanTarget,
    pub distro: Option<Distro>,
    pub packages: Vec<Package>,
    pub vulnerabilities: Vec<Vulnerability>,
    pub secrets: Vec<Secret>,
    pub privileged: Vec<PrivilegedFile>,
    pub config_issues: Vec<ConfigIssue>,
    /// Empty where licences were not asked for: packages name theirs all the same.
    #[serde(default)]
    pub licenses: Vec<LicenseFinding>,
    pub problems: Vec<ScanProblem>,
    /// So many of the last problems are of the judgement, and go when it is made anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub judged_problems: u32,
    pub database: Option<DatabaseInfo>,
    pub scanned_at: Timestamp,
}

// Serde asks by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl ScanReport {
    /// The same layers, by their index in the target.
    pub fn layers(&self) -> &[Layer] {
        &self.target.layers
    }

    pub fn package_of(&self, vulnerability: &Vulnerability) -> Option<&Package> {
        self.packages
            .get(usize::try_from(vulnerability.package).ok()?)
    }

    /// Takes back what an earlier judgement said, its problems too.
    pub fn forget_judgement(&mut self) {
        let own = usize::try_from(self.judged_problems).unwrap_or(usize::MAX);
        let found = self.problems.len().saturating_sub(own);
        self.problems.truncate(found);
        self.judged_problems = 0;
        self.vulnerabilities.clear();
        self.database = None;
    }

    /// Problems of the judgement, after those of what was found.
    pub fn add_judgement_problems(&mut self, problems: Vec<ScanProblem>) {
        let count = u32::try_from(problems.len()).unwrap_or(u32::MAX);
        self.judged_problems = self.judged_problems.saturating_add(count);
        self.problems.extend(problems);
    }

    /// Findings that count, of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.vulnerabilities
            .iter()
            .filter(|v| v.suppressed.is_none() && v.severity == severity)
            .count()
    }

    pub fn has_kind(&self, kind: PackageKind) -> bool {
        self.packages.iter().any(|package| package.kind == kind)
    }
}
