//! Alpine's, Wolfi's and Chainguard's secdb: fixed version → CVEs, by package. JSON, and the YAML
//! that Alpine published before.
//!
//! Names are origins. A fixed version `0` says the package never had the flaw. Values may be empty,
//! `null` or `{}`; one string may hold several ids and a remark (`CVE-2019-1 (+ regression)`,
//! `CVE-2017-2 XSA-9`). A CVE listed under two versions was not wholly fixed by the first: the row
//! takes both, and the later decides.

use super::{Each, Feed, Remote, common::is_cve, common::nullable};
use crate::output::Output;
use rampart_model::scan::FixStatus;
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval};
use serde::{Deserialize, de};
use std::fmt;

const ALPINE_RELEASES: &[&str] = &[
    "v3.12", "v3.13", "v3.14", "v3.15", "v3.16", "v3.17", "v3.18", "v3.19", "v3.20", "v3.21",
    "v3.22", "v3.23", "edge",
];

pub(super) static ALPINE: Feed = Feed {
    name: "alpine",
    title: "Alpine security database",
    format: "secdb JSON, one file a release and repository",
    licence: "none stated",
    families: "os/alpine/3.x, os/alpine/edge",
    refresh_hours: 2,
    default: true,
    remotes: alpine_remotes,
    parser: || {
        Box::new(Each {
            wants,
            file: |name, bytes, out| file("alpine", name, bytes, out),
        })
    },
};

pub(super) static WOLFI: Feed = Feed {
    name: "wolfi",
    title: "Wolfi security database",
    format: "secdb JSON",
    licence: "Apache-2.0",
    families: "os/wolfi",
    refresh_hours: 2,
    default: true,
    remotes: || {
        vec![Remote::new(
            "wolfi.json",
            "https://packages.wolfi.dev/os/security.json",
        )]
    },
    parser: || {
        Box::new(Each {
            wants,
            file: |name, bytes, out| file("wolfi", name, bytes, out),
        })
    },
};

pub(super) static CHAINGUARD: Feed = Feed {
    name: "chainguard",
    title: "Chainguard security database",
    format: "secdb JSON",
    licence: "Apache-2.0",
    families: "os/chainguard",
    refresh_hours: 2,
    default: true,
    remotes: || {
        vec![Remote::new(
            "chainguard.json",
            "https://packages.cgr.dev/chainguard/security.json",
        )]
    },
    parser: || {
        Box::new(Each {
            wants,
            file: |name, bytes, out| file("chainguard", name, bytes, out),
        })
    },
};

fn alpine_remotes() -> Vec<Remote> {
    let mut remotes = Vec::new();
    for release in ALPINE_RELEASES {
        for repository in ["main", "community"] {
            remotes.push(Remote::new(
                format!("{release}-{repository}.json"),
                format!("https://secdb.alpinelinux.org/{release}/{repository}.json"),
            ));
        }
    }
    remotes
}

fn wants(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    !base.starts_with('.')
        && (base.ends_with(".json") || base.ends_with(".yaml") || base.ends_with(".yml"))
}

#[derive(Deserialize)]
struct Secdb {
    #[serde(default, deserialize_with = "nullable")]
    distroversion: String,
    #[serde(default, deserialize_with = "nullable")]
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    pkg: Package,
}

#[derive(Default, Deserialize)]
struct Package {
    #[serde(default)]
    name: String,
    #[serde(default)]
    secfixes: Fixes,
}

/// `secfixes`, in file order; keeps what is no list as an error of its own.
#[derive(Default)]
struct Fixes(Vec<(String, Ids)>);

#[derive(Default)]
struct Ids {
    ids: Vec<String>,
    malformed: bool,
}

impl<'de> Deserialize<'de> for Fixes {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fixes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("fixed versions with their CVEs")
            }

            fn visit_unit<E>(self) -> Result<Fixes, E> {
                Ok(Fixes::default())
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Fixes, A::Error> {
                let mut fixes = Vec::new();
                while let Some((version, ids)) = map.next_entry::<String, Ids>()? {
                    fixes.push((version, ids));
                }
                Ok(Fixes(fixes))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Fixes, A::Error> {
                let mut fixes = Fixes::default();
                while list.next_element::<de::IgnoredAny>()?.is_some() {
                    fixes.0.push((
                        String::new(),
                        Ids {
                            malformed: true,
                            ..Ids::default()
                        },
                    ));
                }
                Ok(fixes)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<serde_json::Value>::deserialize(deserializer)?;
        let mut ids = Self::default();
        match value {
            None | Some(serde_json::Value::Null) => {}
            Some(serde_json::Value::String(id)) => ids.ids.push(id),
            Some(serde_json::Value::Array(list)) => {
                for item in list {
                    match item {
                        serde_json::Value::String(id) => ids.ids.push(id),
                        serde_json::Value::Null => {}
                        _ => ids.malformed = true,
                    }
                }
            }
            Some(serde_json::Value::Object(map)) => ids.malformed = !map.is_empty(),
            Some(_) => ids.malformed = true,
        }
        Ok(ids)
    }
}

fn file(family: &str, name: &str, bytes: &[u8], out: &mut Output<'_>) {
    let secdb = match read(name, bytes) {
        Ok(secdb) => secdb,
        Err(reason) => {
            out.error(reason);
            return;
        }
    };
    let release = secdb.distroversion.trim_start_matches('v').to_owned();
    if family == "alpine" && release.is_empty() {
        out.error("no distroversion");
        return;
    }
    let bucket = Bucket::os(
        family,
        if family == "alpine" {
            release.as_str()
        } else {
            ""
        },
    );
    for entry in secdb.packages {
        package(&bucket, entry.pkg, out);
    }
}

fn read(name: &str, bytes: &[u8]) -> Result<Secdb, String> {
    if name.ends_with(".json") {
        return serde_json::from_slice(bytes).map_err(|error| error.to_string());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::FirstWins,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

fn package(bucket: &Bucket, package: Package, out: &mut Output<'_>) {
    if package.name.is_empty() {
        out.error_at("packages", "a package without a name");
        return;
    }
    let mut rows: Vec<Advisory> = Vec::new();
    for (version, ids) in &package.secfixes.0 {
        if ids.malformed {
            out.error_at(
                &package.name,
                format!("secfixes of {version}: not a list of ids"),
            );
        }
        for text in &ids.ids {
            out.entry_read();
            let (ids, aliases) = split(text);
            if ids.is_empty() {
                out.error_at(
                    &package.name,
                    format!("secfixes of {version}: no id in '{text}'"),
                );
            }
            for id in ids {
                add(
                    &mut rows,
                    bucket,
                    &package.name,
                    id,
                    &aliases,
                    version,
                    out.feed(),
                );
            }
        }
    }
    for row in rows {
        out.advisory(row);
    }
}

/// The ids of one string: CVEs, each a flaw, and what else stands there, names of the same. Without
/// a CVE the first id is the flaw.
fn split(text: &str) -> (Vec<String>, Vec<String>) {
    let text = text.replace("CVE ", "CVE-");
    let tokens = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '+'))
        .map(|token| token.trim_matches(['"', '\'', '.', ':']))
        .map(|token| match token.strip_prefix("CVE_") {
            Some(rest) => format!("CVE-{}", rest.replace('_', "-")),
            None => whole_cve(token).to_owned(),
        })
        .filter(|token| is_id(token));
    let (mut cves, mut others): (Vec<String>, Vec<String>) = tokens.partition(|id| is_cve(id));
    if cves.is_empty() && !others.is_empty() {
        cves.push(others.remove(0));
    }
    (cves, others)
}

/// `CVE-2017-17434-2` is the second fix of a flaw, not a flaw of its own.
fn whole_cve(token: &str) -> &str {
    let is_part = |part: &str| part.len() < 4 && part.bytes().all(|b| b.is_ascii_digit());
    match token.rsplit_once('-') {
        Some((cve, part)) if is_part(part) && is_cve(cve) && cve.matches('-').count() == 2 => cve,
        _ => token,
    }
}

/// A revision without its `r` (`2.7.16-33`) is one all the same; apk itself takes such a version
/// for none, and so for older than any.
fn revised(version: &str) -> String {
    match version.rsplit_once('-') {
        Some((upstream, revision))
            if !revision.is_empty() && revision.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{upstream}-r{revision}")
        }
        _ => version.to_owned(),
    }
}

/// `XSA-123`, `GHSA-…`, `ALPINE-13661`, `wnpa-sec-2017-18`: letters, a dash, a number or a code.
fn is_id(token: &str) -> bool {
    token.split_once('-').is_some_and(|(scheme, rest)| {
        scheme.len() >= 2
            && scheme.bytes().all(|b| b.is_ascii_alphabetic())
            && !rest.is_empty()
            && (rest.bytes().any(|b| b.is_ascii_digit()) || scheme == "GHSA")
    })
}

fn add(
    rows: &mut Vec<Advisory>,
    bucket: &Bucket,
    package: &str,
    id: String,
    aliases: &[String],
    version: &str,
    feed: &str,
) {
    let version = revised(version.trim());
    let never = version == "0";
    let known = rows.iter().position(|row| row.id == id);
    let row = match known.and_then(|at| rows.get_mut(at)) {
        Some(row) => row,
        None => {
            rows.push(Advisory {
                status: FixStatus::NotAffected,
                ..Advisory::new(bucket.clone(), package, id, feed)
            });
            match rows.last_mut() {
                Some(row) => row,
                None => return,
            }
        }
    };
    row.aliases.extend(aliases.iter().cloned());
    if never {
        return;
    }
    // A real fix says more than a "never affected" of another time.
    row.status = FixStatus::Fixed;
    let end = End::Fixed(version);
    if !row.intervals.iter().any(|interval| interval.end == end) {
        row.intervals.push(Interval {
            introduced: String::new(),
            end,
        });
    }
}
