//! Debian's changelogs as a feed, for mirrors without any other: which version of a source package
//! says in its changelog that it fixes a CVE.
//!
//! ```json
//! {"curl": {"entries": 271, "cves": {"CVE-2023-27534": {"fixed": "7.74.0-1.3+deb11u8",
//!   "dist": "bullseye-security", "all": ["7.74.0-1.3+deb11u8"]}}}}
//! ```
//!
//! `fixed` is the first version that names the CVE, `dist` the suite of that entry, `all` every
//! version that names it. The release is the one most entries of the file were made for.

use super::{Each, Feed, common::is_cve, common::nullable, debian::release};
use crate::output::Output;
use rampart_model::scan::FixStatus;
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) static DEBIAN_CHANGELOG: Feed = Feed {
    name: "debian-changelog",
    title: "Debian changelogs of a mirror",
    format: "JSON, made from .deb files",
    licence: "facts of the changelogs",
    families: "os/debian/N",
    refresh_hours: 24,
    default: false,
    remotes: Vec::new,
    parser: || {
        Box::new(Each {
            wants: |name| name.ends_with(".json"),
            file,
        })
    },
};

#[derive(Deserialize)]
struct Source {
    #[serde(default, deserialize_with = "nullable")]
    cves: BTreeMap<String, Fix>,
}

#[derive(Deserialize)]
struct Fix {
    fixed: String,
    #[serde(default)]
    dist: String,
}

fn file(_: &str, bytes: &[u8], out: &mut Output<'_>) {
    let sources: BTreeMap<String, Source> = match serde_json::from_slice(bytes) {
        Ok(sources) => sources,
        Err(error) => {
            out.error(error);
            return;
        }
    };
    let Some(release) = release_of(&sources) else {
        out.error("no entry was made for a release of Debian");
        return;
    };
    for (package, source) in &sources {
        for (id, fix) in &source.cves {
            if !is_cve(id) || fix.fixed.is_empty() {
                out.error_at(package, format!("'{id}' fixed in '{}'", fix.fixed));
                continue;
            }
            out.entry_read();
            let mut row = Advisory::new(
                Bucket::os("debian", release),
                package,
                id,
                "debian-changelog",
            );
            row.status = FixStatus::Fixed;
            row.intervals.push(Interval {
                introduced: String::new(),
                end: End::Fixed(fix.fixed.clone()),
            });
            out.advisory(row);
        }
    }
}

/// The release most entries were made for; unstable's go into every release.
fn release_of(sources: &BTreeMap<String, Source>) -> Option<&'static str> {
    let mut votes: BTreeMap<&'static str, u32> = BTreeMap::new();
    for fix in sources.values().flat_map(|source| source.cves.values()) {
        if let Some(release) = release(&fix.dist).filter(|release| *release != "sid") {
            *votes.entry(release).or_default() += 1;
        }
    }
    votes
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(release, _)| release)
}
