//! Findings that somebody has decided not to count: ignore files, and NeuVector's vulnerability
//! profiles.
//!
//! Three kinds of files are read: a list of ids, one a line, with an optional `exp:2025-12-31` and
//! comments (Trivy's `.trivyignore`, our `.rampartignore`); Trivy's YAML (`vulnerabilities:` with
//! paths, purls, `expired_at`, statement); and the `ignore:` rules of a `.grype.yaml`. A rule that
//! asks for something unknown is not applied at all, and said so: half a rule hides too much.
//!
//! Limits: a file is at most [`MAX_BYTES`] long and gives at most [`MAX_RULES`] rules.

mod grype;
mod profile;
mod trivy;

pub use profile::{Profile, ProfileEntry, RECENT, RECENT_WITHOUT_FIX, Scope};

use crate::{db, layer::Glob, purl::Purl, vex::product};
use rampart_model::{
    Distro, Package, Timestamp,
    scan::{FixStatus, Suppression, Vulnerability},
};
use regex::Regex;

pub const MAX_BYTES: usize = 4 << 20;
pub const MAX_RULES: usize = 20_000;

/// What a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Any,
    Vulnerability,
    Secret,
    Config,
    License,
}

/// All that is given must hold.
#[derive(Clone, Debug)]
pub struct Rule {
    pub subject: Subject,
    /// Empty: any.
    pub id: String,
    pub paths: Vec<String>,
    pub purls: Vec<Purl>,
    package: Option<Regex>,
    source: Option<Regex>,
    pub version: String,
    pub kind: String,
    pub fix: Option<Fix>,
    /// Not applied after it.
    pub expires: Option<Timestamp>,
    pub reason: String,
    pub line: usize,
}

impl Rule {
    fn new(subject: Subject, id: impl Into<String>) -> Self {
        Self {
            subject,
            id: id.into(),
            paths: Vec::new(),
            purls: Vec::new(),
            package: None,
            source: None,
            version: String::new(),
            kind: String::new(),
            fix: None,
            expires: None,
            reason: String::new(),
            line: 0,
        }
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|end| end < now)
    }

    fn speaks_of(&self, subject: Subject) -> bool {
        self.subject == Subject::Any || self.subject == subject
    }

    /// Says nothing that narrows it.
    fn is_empty(&self) -> bool {
        self.id.is_empty()
            && self.paths.is_empty()
            && self.purls.is_empty()
            && self.package.is_none()
            && self.source.is_none()
            && self.version.is_empty()
            && self.kind.is_empty()
            && self.fix.is_none()
    }

    fn path_fits(&self, path: &str) -> bool {
        let path = path.trim_start_matches('/');
        self.paths.is_empty()
            || self
                .paths
                .iter()
                .any(|pattern| Glob::new(pattern).matches(path))
    }

    fn fits(&self, vulnerability: &Vulnerability, package: &Package, purl: &Purl) -> bool {
        let named = |id: &String| id.eq_ignore_ascii_case(&self.id);
        let source = package
            .source
            .as_ref()
            .map_or("", |source| source.name.as_str());
        (self.id.is_empty() || named(&vulnerability.id) || vulnerability.aliases.iter().any(named))
            && self.path_fits(&package.path)
            && (self.purls.is_empty()
                || self
                    .purls
                    .iter()
                    .any(|wanted| product::names(wanted, purl, package)))
            && self
                .package
                .as_ref()
                .is_none_or(|name| name.is_match(&package.name))
            && self
                .source
                .as_ref()
                .is_none_or(|name| name.is_match(source))
            && (self.version.is_empty() || self.version == package.version)
            && (self.kind.is_empty() || kind_is(&self.kind, package))
            && self.fix.is_none_or(|fix| fix.fits(vulnerability))
    }
}

/// Grype's names of package types differ from ours for some.
fn kind_is(kind: &str, package: &Package) -> bool {
    let ours = package.kind.purl_type();
    let theirs = match ours {
        "golang" => "go-module",
        "pypi" => "python",
        "maven" => "java-archive",
        "cargo" => "rust-crate",
        "composer" => "php-composer",
        "nuget" => "dotnet",
        "generic" => "binary",
        other => other,
    };
    kind == ours || kind == theirs
}

/// What is known of a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    Fixed,
    NotFixed,
    WontFix,
    Unknown,
}

impl Fix {
    fn fits(self, vulnerability: &Vulnerability) -> bool {
        let status = vulnerability.status;
        self == match status {
            FixStatus::Fixed => Self::Fixed,
            FixStatus::WillNotFix | FixStatus::EndOfLife => Self::WontFix,
            FixStatus::Affected | FixStatus::FixDeferred | FixStatus::NotAffected => Self::NotFixed,
            FixStatus::UnderInvestigation => Self::Unknown,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// 0: of the file as a whole.
    pub line: usize,
    pub reason: String,
}

impl Diagnostic {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line,
            reason: reason.into(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct IgnoreFile {
    pub name: String,
    pub rules: Vec<Rule>,
}

/// Reads a file of any of the three kinds; which one, its name's end and its content tell.
pub fn parse(name: &str, bytes: &[u8]) -> (IgnoreFile, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut rules = match text(bytes) {
        Err(reason) => {
            diagnostics.push(Diagnostic::new(0, reason));
            Vec::new()
        }
        Ok(text) if !is_yaml(name) => trivy::plain(text, &mut diagnostics),
        Ok(text) if name.to_ascii_lowercase().contains("grype") => {
            grype::read(text, &mut diagnostics)
        }
        Ok(text) => trivy::yaml(text, &mut diagnostics),
    };
    if rules.len() > MAX_RULES {
        diagnostics.push(Diagnostic::new(
            0,
            format!("more than {MAX_RULES} rules: the rest is not applied"),
        ));
        rules.truncate(MAX_RULES);
    }
    rules.retain(|rule| {
        let empty = rule.is_empty();
        if empty {
            diagnostics.push(Diagnostic::new(
                rule.line,
                "a rule that names nothing would hide everything: not applied",
            ));
        }
        !empty
    });
    (
        IgnoreFile {
            name: name.to_owned(),
            rules,
        },
        diagnostics,
    )
}

fn is_yaml(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".yaml") || name.ends_with(".yml")
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!(
            "longer than the {MAX_BYTES} bytes that are read of such a file"
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// Midnight UTC at the beginning of a day, or an instant.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let long = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    let seconds = db::seconds_of(&long)?;
    Some(Timestamp(i64::try_from(seconds).ok()?.checked_mul(1000)?))
}

/// Marks the findings that a rule speaks of; gives what the reader should know: rules past their day.
pub fn apply(
    files: &[IgnoreFile],
    vulnerabilities: &mut [Vulnerability],
    packages: &[Package],
    distro: Option<&Distro>,
    now: Timestamp,
) -> Vec<String> {
    let mut notes = Vec::new();
    for file in files {
        for rule in file.rules.iter().filter(|rule| rule.is_expired(now)) {
            notes.push(format!(
                "{}:{}: the rule for {} has expired: it is not applied",
                file.name, rule.line, rule.id
            ));
        }
    }
    let rules: Vec<(&IgnoreFile, &Rule)> = files
        .iter()
        .flat_map(|file| file.rules.iter().map(move |rule| (file, rule)))
        .filter(|(_, rule)| rule.speaks_of(Subject::Vulnerability) && !rule.is_expired(now))
        .collect();
    if rules.is_empty() {
        return notes;
    }
    for vulnerability in vulnerabilities
        .iter_mut()
        .filter(|v| v.suppressed.is_none())
    {
        let Some(package) = packages.get(vulnerability.package as usize) else {
            continue;
        };
        let purl = crate::purl::of(package, distro);
        let rule = rules
            .iter()
            .find(|(_, rule)| rule.fits(vulnerability, package, &purl));
        vulnerability.suppressed = rule.map(|(file, rule)| suppression(file, rule));
    }
    notes
}

fn suppression(file: &IgnoreFile, rule: &Rule) -> Suppression {
    Suppression {
        by: "ignore-file".to_owned(),
        reason: rule.reason.clone(),
        source: if rule.line == 0 {
            file.name.clone()
        } else {
            format!("{}:{}", file.name, rule.line)
        },
    }
}

/// Whether a secret of this rule in this file is not to be counted.
pub fn ignores_secret(
    files: &[IgnoreFile],
    rule: &str,
    path: &str,
    now: Timestamp,
) -> Option<Suppression> {
    ignores(files, Subject::Secret, rule, path, now)
}

/// Whether a weakness of the configuration is not to be counted.
pub fn ignores_config(
    files: &[IgnoreFile],
    id: &str,
    path: &str,
    now: Timestamp,
) -> Option<Suppression> {
    ignores(files, Subject::Config, id, path, now)
}

/// Whether this licence of a package found in `path` is not to be counted.
pub fn ignores_license(
    files: &[IgnoreFile],
    license: &str,
    path: &str,
    now: Timestamp,
) -> Option<Suppression> {
    ignores(files, Subject::License, license, path, now)
}

fn ignores(
    files: &[IgnoreFile],
    subject: Subject,
    id: &str,
    path: &str,
    now: Timestamp,
) -> Option<Suppression> {
    files.iter().find_map(|file| {
        let fits = |rule: &&Rule| {
            rule.speaks_of(subject)
                && rule.id.eq_ignore_ascii_case(id)
                && rule.path_fits(path)
                && !rule.is_expired(now)
        };
        file.rules
            .iter()
            .find(fits)
            .map(|rule| suppression(file, rule))
    })
}
