//! AlmaLinux: OSV errata, one file each.
//!
//! One package has fixes in several module streams; the title names the stream (`nodejs:18`). Where
//! it does not, the stream is learnt from the other errata of that package and version. Bug-fix and
//! enhancement errata that name no CVE are no advisories. An erratum may name several builds of one
//! package, an architecture's each, without saying whose: the lowest is the fix.

use super::{
    Feed, Parser, Remote,
    common::{is_cve, module_of_title},
    osv::{self, Document},
};
use crate::output::Output;
use rampart_vuln::version::{Scheme, compare};
use std::{cmp::Ordering, collections::BTreeMap};

pub(super) static ALMA: Feed = Feed {
    name: "alma",
    title: "AlmaLinux errata",
    format: "OSV JSON, repository archive",
    licence: "MIT",
    families: "os/almalinux/8 … 10",
    refresh_hours: 6,
    default: true,
    remotes: || {
        vec![Remote::new(
            "osv-database.tar.gz",
            "https://codeload.github.com/AlmaLinux/osv-database/tar.gz/refs/heads/master",
        )]
    },
    parser: || Box::new(Alma::default()),
};

#[derive(Default)]
struct Alma {
    /// Ecosystem, package and version without its last number → stream → how often.
    streams: BTreeMap<(String, String, String), BTreeMap<String, u32>>,
    /// Modular errata whose title names no stream.
    nameless: Vec<(String, Document)>,
}

impl Parser for Alma {
    fn wants(&self, name: &str) -> bool {
        osv::wants(name)
    }

    fn file(&mut self, name: &str, bytes: &[u8], out: &mut Output<'_>) {
        for document in osv::documents(name, bytes) {
            match document {
                Ok(document) => self.document(name, document, out),
                Err(reason) => out.error(reason),
            }
        }
    }

    fn finish(&mut self, out: &mut Output<'_>) {
        for (name, mut document) in std::mem::take(&mut self.nameless) {
            out.at(&name);
            // Without any, matching takes such a version for every stream of its module.
            document.stream = self.learnt(&document).unwrap_or_default();
            osv::emit(document, out);
        }
    }
}

impl Alma {
    fn document(&mut self, name: &str, mut document: Document, out: &mut Output<'_>) {
        let ids = document.related.iter().chain(&document.aliases);
        if !document.id.starts_with("ALSA") && !ids.clone().any(|id| is_cve(id)) {
            out.entry_read();
            out.skip("no security erratum");
            return;
        }
        keep_lowest(&mut document);
        if !modular(&document) {
            osv::emit(document, out);
        } else if let Some(stream) = module_of_title(&document.summary) {
            for key in keys(&document) {
                *self
                    .streams
                    .entry(key)
                    .or_default()
                    .entry(stream.to_owned())
                    .or_default() += 1;
            }
            osv::emit(document, out);
        } else {
            self.nameless.push((name.to_owned(), document));
        }
    }

    /// The stream most errata with the same packages and versions belong to.
    fn learnt(&self, document: &Document) -> Option<String> {
        let mut votes: BTreeMap<&String, u32> = BTreeMap::new();
        for key in keys(document) {
            for (stream, count) in self.streams.get(&key).into_iter().flatten() {
                *votes.entry(stream).or_default() += count;
            }
        }
        let best = votes.into_iter().max_by_key(|(_, count)| *count)?;
        Some(best.0.clone())
    }
}

/// Of entries for one package, the one whose fix comes first: a package at that version has it.
fn keep_lowest(document: &mut Document) {
    let mut lowest: BTreeMap<(String, String), String> = BTreeMap::new();
    for (ecosystem, package, fixed) in fixed_versions(document) {
        let first = lowest
            .entry((ecosystem.to_owned(), package.to_owned()))
            .or_insert_with(|| fixed.to_owned());
        if compare(Scheme::Rpm, fixed, first).is_ok_and(Ordering::is_lt) {
            fixed.clone_into(first);
        }
    }
    document.affected.retain(|affected| {
        let key = (
            affected.package.ecosystem.clone(),
            affected.package.name.clone(),
        );
        let mut fixes = affected
            .ranges
            .iter()
            .flat_map(|range| &range.events)
            .filter_map(|event| event.fixed.as_ref())
            .peekable();
        // An entry without a fix says something else.
        fixes.peek().is_none() || fixes.any(|fixed| lowest.get(&key) == Some(fixed))
    });
}

fn modular(document: &Document) -> bool {
    fixed_versions(document).any(|(_, _, version)| version.contains(".module_el"))
}

fn fixed_versions(document: &Document) -> impl Iterator<Item = (&str, &str, &str)> {
    document.affected.iter().flat_map(|affected| {
        affected
            .ranges
            .iter()
            .flat_map(|range| &range.events)
            .filter_map(|event| event.fixed.as_deref())
            .map(|fixed| {
                (
                    affected.package.ecosystem.as_str(),
                    affected.package.name.as_str(),
                    fixed,
                )
            })
    })
}

/// What tells a stream apart: a package and the first two numbers of its version.
fn keys(document: &Document) -> impl Iterator<Item = (String, String, String)> {
    fixed_versions(document)
        .filter(|(_, _, version)| version.contains(".module_el"))
        .map(|(ecosystem, package, version)| {
            let upstream = version.split('-').next().unwrap_or(version);
            let mut parts = upstream.split('.');
            let major_minor = [parts.next(), parts.next()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(".");
            (ecosystem.to_owned(), package.to_owned(), major_minor)
        })
}
