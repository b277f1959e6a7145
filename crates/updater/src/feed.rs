//! The feeds there are: one file a source, one row of [`ALL`] each.
//!
//! A parser gets the files of its feed one by one, whole, and writes rows and records to an
//! [`Output`]. What it cannot read it notes there; it never stops the rest.

mod almalinux;
mod amazon;
mod common;
mod csaf;
mod debian;
mod debian_changelog;
mod debian_list;
mod epss;
mod kev;
mod nvd;
mod oracle;
mod osv;
mod osv_ecosystem;
mod platform;
mod redhat;
mod rocky;
mod rpm;
mod rustsec;
mod secdb;
mod suse;
mod ubuntu;
mod xml;

use crate::output::Output;

/// Where a feed is published. Mirrors are tried in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Name of the kept copy: it tells the parser and the archive reader what it is.
    pub file: String,
    pub mirrors: Vec<String>,
    /// Where the SHA-256 of the file is published, if it is: appended to the mirror's own address.
    pub checksum_suffix: &'static str,
    /// The address gives the name of the newest file, which lies beside it.
    pub pointer: bool,
}

impl Remote {
    fn new(file: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            mirrors: vec![url.into()],
            checksum_suffix: "",
            pointer: false,
        }
    }

    /// A user's own address; `at` tells several apart.
    pub fn of_url(url: &str, at: usize) -> Self {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let base: String = path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "._-".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let base = base.trim_start_matches('.');
        let file = match (at, base) {
            (_, "") => format!("{at}-feed"),
            (0, base) => base.to_owned(),
            (at, base) => format!("{at}-{base}"),
        };
        Self::new(file, url)
    }
}

/// One source of advisories.
pub struct Feed {
    /// What `--feed NAME=…` takes, and what rows carry.
    pub name: &'static str,
    pub title: &'static str,
    pub format: &'static str,
    pub licence: &'static str,
    /// The buckets it fills, for people.
    pub families: &'static str,
    pub refresh_hours: u32,
    /// Fetched when nothing else is said: every bucket once, from the most direct source.
    pub default: bool,
    pub remotes: fn() -> Vec<Remote>,
    pub parser: fn() -> Box<dyn Parser>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("name", &self.name).finish()
    }
}

pub trait Parser {
    /// By name alone; what is not wanted is not read.
    fn wants(&self, name: &str) -> bool;

    /// One whole file.
    fn file(&mut self, name: &str, bytes: &[u8], out: &mut Output<'_>);

    /// All files were given: for feeds whose files complete each other.
    fn finish(&mut self, _out: &mut Output<'_>) {}
}

/// A parser that needs nothing but the file at hand.
struct Each {
    wants: fn(&str) -> bool,
    file: fn(&str, &[u8], &mut Output<'_>),
}

impl Parser for Each {
    fn wants(&self, name: &str) -> bool {
        (self.wants)(name)
    }

    fn file(&mut self, name: &str, bytes: &[u8], out: &mut Output<'_>) {
        (self.file)(name, bytes, out);
    }
}

/// The feed of that name.
pub fn by_name(name: &str) -> Option<&'static Feed> {
    ALL.iter().find(|feed| feed.name == name).copied()
}

/// Every feed there is.
pub const ALL: &[&Feed] = &[
    &osv::OSV,
    &osv::GHSA,
    &osv::GO,
    &osv::PYPA,
    &rustsec::RUSTSEC,
    &debian::DEBIAN,
    &debian_list::DEBIAN_LIST,
    &debian_changelog::DEBIAN_CHANGELOG,
    &ubuntu::UBUNTU,
    &secdb::ALPINE,
    &secdb::WOLFI,
    &secdb::CHAINGUARD,
    &redhat::REDHAT,
    &suse::SUSE,
    &almalinux::ALMA,
    &rocky::ROCKY,
    &oracle::ORACLE,
    &amazon::AMAZON,
    &nvd::NVD,
    &kev::KEV,
    &epss::EPSS,
];
