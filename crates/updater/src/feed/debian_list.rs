//! The Debian security tracker's own files: `data/CVE/list`, `data/DSA/list`, `data/DLA/list`.
//!
//! The three complete each other: a release's fix stands in the DSA or DLA, everything else in the
//! CVE list. A line of the CVE list without a release speaks of unstable; releases without a line of
//! their own follow it: what is older than unstable's fix has the flaw, and no fix of its own yet.

use super::{
    Feed, Parser, Remote,
    common::is_cve,
    debian::{RELEASES, release, urgency},
};
use crate::output::Output;
use rampart_model::scan::{FixStatus, Severity};
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval, Record};
use std::collections::BTreeMap;

pub(super) static DEBIAN_LIST: Feed = Feed {
    name: "debian-list",
    title: "Debian security tracker, its text files",
    format: "text: CVE, DSA and DLA lists",
    licence: "free to use",
    families: "os/debian/3.0 … 14, sid",
    refresh_hours: 6,
    default: false,
    remotes: || {
        ["CVE", "DSA", "DLA"]
            .into_iter()
            .map(|kind| {
                Remote::new(
                    format!("{kind}-list"),
                    format!(
                        "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/{kind}/list"
                    ),
                )
            })
            .collect()
    },
    parser: || Box::new(Lists::default()),
};

/// Release (as a bucket names it), package, id.
type Key = (&'static str, String, String);

#[derive(Clone, Debug)]
struct Row {
    status: FixStatus,
    fixed: String,
    severity: Option<Severity>,
    aliases: Vec<String>,
}

#[derive(Default)]
struct Lists {
    /// Lines with a release, from all three.
    own: BTreeMap<Key, Row>,
    /// Lines of the CVE list without one: package and id.
    unstable: BTreeMap<(String, String), Row>,
    titles: BTreeMap<String, String>,
}

impl Parser for Lists {
    fn wants(&self, name: &str) -> bool {
        let base = name.rsplit('/').next().unwrap_or(name);
        ["DSA", "DLA", "DTSA", "CVE"].iter().any(|kind| {
            base.ends_with(&format!("{kind}-list")) || name.ends_with(&format!("{kind}/list"))
        })
    }

    fn file(&mut self, name: &str, bytes: &[u8], out: &mut Output<'_>) {
        let text = String::from_utf8_lossy(bytes);
        if name.contains("CVE") {
            self.cve_list(&text, out);
        } else {
            self.advisory_list(&text, out);
        }
    }

    fn finish(&mut self, out: &mut Output<'_>) {
        self.follow_unstable();
        for ((release, package, id), row) in std::mem::take(&mut self.own) {
            let mut advisory = Advisory::new(Bucket::os("debian", release), package, id, "debian");
            advisory.status = row.status;
            advisory.severity = row.severity;
            advisory.aliases = row.aliases;
            if !row.fixed.is_empty() {
                advisory.intervals.push(Interval {
                    introduced: String::new(),
                    end: End::Fixed(row.fixed),
                });
            }
            out.advisory(advisory);
        }
        for (id, title) in std::mem::take(&mut self.titles) {
            out.record(Record {
                id,
                description: title,
                feed: "debian".to_owned(),
                ..Record::default()
            });
        }
    }
}

/// A DSA or DLA as far as it is read.
#[derive(Default)]
struct Erratum {
    /// `DSA-5380-1`.
    id: String,
    cves: Vec<String>,
}

impl Lists {
    fn advisory_list(&mut self, text: &str, out: &mut Output<'_>) {
        let mut erratum = Erratum::default();
        for (at, line) in text.lines().enumerate() {
            if line.starts_with('[') {
                match headline(line) {
                    Some(id) => {
                        out.entry_read();
                        erratum = Erratum {
                            id: id.to_owned(),
                            cves: Vec::new(),
                        };
                    }
                    None => {
                        out.error_at(at + 1, format!("not '[date] DSA-n package - text': {line}"));
                        erratum = Erratum::default();
                    }
                }
                continue;
            }
            let line = line.trim();
            if let Some(ids) = line.strip_prefix('{') {
                let ids = ids.trim_end_matches('}').split_whitespace();
                erratum
                    .cves
                    .extend(ids.filter(|id| is_cve(id)).map(str::to_owned));
            } else if line.starts_with('[') {
                match package_line(line) {
                    Some(found) => self.erratum_row(&erratum, &found, at + 1, out),
                    None => {
                        out.error_at(at + 1, format!("not '[release] - package version': {line}"))
                    }
                }
            } else if !line.is_empty() && !is_remark(line) {
                out.error_at(at + 1, format!("cannot be read: {line}"));
            }
        }
    }

    fn erratum_row(
        &mut self,
        erratum: &Erratum,
        line: &PackageLine<'_>,
        at: usize,
        out: &mut Output<'_>,
    ) {
        if erratum.id.is_empty() {
            out.error_at(at, "a package before any advisory");
            return;
        }
        let Some(release) = release(line.release) else {
            out.error_at(at, format!("unknown release '{}'", line.release));
            return;
        };
        let Some(mut row) = line.row(out) else {
            return;
        };
        row.aliases.push(short_id(&erratum.id));
        let ids = if erratum.cves.is_empty() {
            vec![short_id(&erratum.id)]
        } else {
            erratum.cves.clone()
        };
        for id in ids {
            self.put((release, line.package.to_owned(), id), row.clone());
        }
    }

    /// The newest advisory stands first in its file: an earlier line is not overwritten by a later
    /// one, except that a fix beats "no fix".
    fn put(&mut self, key: Key, row: Row) {
        match self.own.get_mut(&key) {
            Some(known) => {
                known.aliases.extend(row.aliases);
                if known.severity.is_none() {
                    known.severity = row.severity;
                }
                if known.status != FixStatus::Fixed && row.status == FixStatus::Fixed {
                    known.status = FixStatus::Fixed;
                    known.fixed = row.fixed;
                }
            }
            None => {
                self.own.insert(key, row);
            }
        }
    }

    fn cve_list(&mut self, text: &str, out: &mut Output<'_>) {
        let mut id = String::new();
        for (at, line) in text.lines().enumerate() {
            if !line.starts_with([' ', '\t']) {
                let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
                id.clear();
                if is_cve(word) || word.starts_with("TEMP-") || word.starts_with("CVE-") {
                    out.entry_read();
                    word.clone_into(&mut id);
                    let title = rest.trim().trim_matches(['(', ')', '[', ']']);
                    if !title.is_empty() && is_cve(word) {
                        self.titles.insert(id.clone(), title.to_owned());
                    }
                } else if !line.is_empty() {
                    out.error_at(at + 1, format!("not 'CVE-… (text)': {line}"));
                }
                continue;
            }
            let line = line.trim();
            if line.is_empty() || id.is_empty() || is_remark(line) {
                continue;
            }
            if line == "REJECTED" {
                self.titles.remove(&id);
                out.skip("rejected");
            } else if line.starts_with('[') || line.starts_with("- ") {
                match package_line(line) {
                    Some(found) => self.cve_row(&id, &found, at + 1, out),
                    None => {
                        out.error_at(at + 1, format!("not '[release] - package version': {line}"))
                    }
                }
            } else if !line.starts_with('{') {
                out.error_at(at + 1, format!("cannot be read: {line}"));
            }
        }
    }

    fn cve_row(&mut self, id: &str, line: &PackageLine<'_>, at: usize, out: &mut Output<'_>) {
        let Some(row) = line.row(out) else {
            return;
        };
        if line.release.is_empty() {
            self.unstable
                .insert((line.package.to_owned(), id.to_owned()), row);
            return;
        }
        match release(line.release) {
            Some(release) => self.put((release, line.package.to_owned(), id.to_owned()), row),
            None => out.error_at(at, format!("unknown release '{}'", line.release)),
        }
    }

    /// Releases without a line of their own follow unstable.
    fn follow_unstable(&mut self) {
        for ((package, id), row) in std::mem::take(&mut self.unstable) {
            for (_, release, follows) in RELEASES {
                if !follows {
                    continue;
                }
                let key = (*release, package.clone(), id.clone());
                if *release == "sid" {
                    self.put(key, row.clone());
                } else if let Some(own) = self.own.get_mut(&key) {
                    own.severity = own.severity.or(row.severity);
                } else {
                    let mut row = row.clone();
                    if row.status == FixStatus::Fixed {
                        // Fixed in unstable; here what is older still has it.
                        row.status = FixStatus::Affected;
                    }
                    self.own.insert(key, row);
                }
            }
        }
    }
}

/// `DSA-5380-1` of `[29 Mar 2023] DSA-5380-1 xorg-server - security update`.
fn headline(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(']')?;
    let id = rest.split_whitespace().next()?;
    (id.starts_with("DSA-") || id.starts_with("DLA-") || id.starts_with("DTSA-")).then_some(id)
}

/// What everybody calls it: without the revision.
fn short_id(id: &str) -> String {
    match id.rsplit_once('-') {
        Some((base, revision))
            if base.contains('-') && revision.bytes().all(|b| b.is_ascii_digit()) =>
        {
            base.to_owned()
        }
        _ => id.to_owned(),
    }
}

fn is_remark(line: &str) -> bool {
    const REMARKS: &[&str] = &[
        "NOTE:",
        "TODO:",
        "NOT-FOR-US:",
        "RESERVED",
        "REJECTED_",
        "STOP:",
        "CONFIRM:",
        "[NOTE",
    ];
    REMARKS.iter().any(|remark| line.starts_with(remark))
}

struct PackageLine<'a> {
    release: &'a str,
    package: &'a str,
    /// A version, or `<mark>`.
    version: &'a str,
    /// `(bug #123; unimportant)`: what stands in it.
    remark: &'a str,
}

/// `[bullseye] - xorg-server 2:1.20.11-1+deb11u6 (medium)`, or the same without the release.
fn package_line(line: &str) -> Option<PackageLine<'_>> {
    let (release, rest) = match line.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", line),
    };
    let rest = rest.trim_start().strip_prefix("- ")?.trim();
    let (package, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let (version, remark) = match rest.split_once('(') {
        Some((version, remark)) => (version.trim(), remark.trim_end_matches(')')),
        None => (rest, ""),
    };
    let version = version.split_whitespace().next()?;
    Some(PackageLine {
        release,
        package,
        version,
        remark,
    })
}

impl PackageLine<'_> {
    /// `None` for what says nothing about a package's versions.
    fn row(&self, out: &mut Output<'_>) -> Option<Row> {
        let mut row = Row {
            status: FixStatus::Affected,
            fixed: String::new(),
            severity: self.remark.split([';', ',']).find_map(urgency),
            aliases: Vec::new(),
        };
        let Some(mark) = self.version.strip_prefix('<') else {
            row.status = FixStatus::Fixed;
            self.version.clone_into(&mut row.fixed);
            return Some(row);
        };
        row.status = match mark.trim_end_matches('>') {
            "unfixed" | "removed" | "no-dsa" => FixStatus::Affected,
            "not-affected" => FixStatus::NotAffected,
            "end-of-life" => FixStatus::EndOfLife,
            "ignored" => FixStatus::WillNotFix,
            "postponed" => FixStatus::FixDeferred,
            "undetermined" => {
                out.skip("undetermined");
                return None;
            }
            "itp" => {
                out.skip("not in Debian yet");
                return None;
            }
            other => {
                out.error_at(self.package, format!("unknown mark <{other}>"));
                return None;
            }
        };
        Some(row)
    }
}
