//! Amazon Linux: `updateinfo.xml` of its repositories. The core repository is the base; extras and
//! live patches are channels, told from the file's name or the collection's.
//!
//! Packages carry their epoch here, so `0` is a real zero.

use super::{
    Each, Feed, Remote,
    common::is_cve,
    rpm,
    xml::{Handler, attribute, walk},
};
use crate::output::Output;
use quick_xml::events::BytesStart;
use rampart_model::scan::{FixStatus, Severity};
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval, Record};
use std::{collections::BTreeMap, str::FromStr};

pub(super) static AMAZON: Feed = Feed {
    name: "amazon",
    title: "Amazon Linux security advisories",
    format: "updateinfo XML",
    licence: "see Amazon's terms",
    families: "os/amzn/1, 2, 2023 and channels",
    refresh_hours: 12,
    default: false,
    // The repositories' mirror lists move: a mirror's updateinfo.xml.gz is given by the user.
    remotes: Vec::<Remote>::new,
    parser: || {
        Box::new(Each {
            wants: |name| name.ends_with(".xml"),
            file,
        })
    },
};

#[derive(Default)]
struct Update {
    id: String,
    severity: String,
    title: String,
    description: String,
    issued: String,
    cves: Vec<String>,
    references: Vec<String>,
    collection: String,
    packages: Vec<rpm::Nevra>,
}

fn file(name: &str, bytes: &[u8], out: &mut Output<'_>) {
    let mut reading = Reading {
        file: name,
        update: None,
    };
    if walk(bytes, &mut reading, out) && reading.update.is_some() {
        out.error("ends inside an update");
    }
}

struct Reading<'a> {
    file: &'a str,
    update: Option<Update>,
}

impl Handler for Reading<'_> {
    fn open(&mut self, element: &BytesStart<'_>, _out: &mut Output<'_>) {
        if element.local_name().as_ref() == "update" {
            self.update = Some(Update::default());
        } else if let Some(update) = &mut self.update {
            opened(element, update);
        }
    }

    fn close(&mut self, name: &str, text: &str, out: &mut Output<'_>) {
        if name == "update" {
            if let Some(update) = self.update.take() {
                emit(self.file, update, out);
            }
        } else if let Some(update) = &mut self.update {
            closed(name, text, update);
        }
    }
}

fn opened(start: &BytesStart<'_>, update: &mut Update) {
    match start.local_name().as_ref() {
        "issued" => update.issued = attribute(start, "date"),
        "collection" => update.collection = attribute(start, "short"),
        "reference" => {
            let id = attribute(start, "id");
            if is_cve(&id) {
                update.cves.push(id);
            }
            update.references.push(attribute(start, "href"));
        }
        "package" => {
            let evr = format!(
                "{}-{}",
                attribute(start, "version"),
                attribute(start, "release")
            );
            let epoch = attribute(start, "epoch");
            let evr = if epoch.is_empty() || epoch == "0" {
                evr
            } else {
                format!("{epoch}:{evr}")
            };
            update.packages.push(rpm::Nevra {
                name: attribute(start, "name"),
                evr,
                arch: attribute(start, "arch"),
            });
        }
        _ => {}
    }
}

fn closed(name: &str, text: &str, update: &mut Update) {
    let field = match name {
        "id" if update.id.is_empty() => &mut update.id,
        "severity" => &mut update.severity,
        "title" => &mut update.title,
        "description" if update.description.is_empty() => &mut update.description,
        _ => return,
    };
    text.clone_into(field);
}

/// Release and channel: `amazon-linux-2---core`, `amazon-linux-2023---livepatch`, `al2023/core`.
fn place(text: &str) -> Option<(&'static str, String)> {
    let text = text.to_ascii_lowercase();
    let release = if text.contains("2023") {
        "2023"
    } else if text.contains("linux-2") || text.contains("al2") || text.contains("amazon2") {
        "2"
    } else if text.contains("linux-ami") || text.contains("al1") || text.contains("2018.03") {
        "1"
    } else {
        return None;
    };
    let channel = match text.split_once("---") {
        Some((_, "core")) => String::new(),
        Some((_, channel)) => channel.to_owned(),
        None if text.contains("livepatch") => "livepatch".to_owned(),
        None if text.contains("extras") => "extras".to_owned(),
        None => String::new(),
    };
    Some((release, channel))
}

fn emit(file: &str, update: Update, out: &mut Output<'_>) {
    out.entry_read();
    let Some((release, channel)) =
        place(&update.collection)
            .or_else(|| place(file))
            .or_else(|| {
                // `ALAS2-2024-…`, `ALAS2023-…`, `ALAS-…`.
                let release = update.id.strip_prefix("ALAS")?;
                Some(match release.split('-').next()? {
                    "2023" => ("2023", String::new()),
                    "2" => ("2", String::new()),
                    "" => ("1", String::new()),
                    _ => return None,
                })
            })
    else {
        out.error_at(&update.id, "no telling which release it speaks of");
        return;
    };
    let severity = Severity::from_str(&update.severity)
        .ok()
        .filter(|severity| *severity != Severity::Unknown);
    let ids = if update.cves.is_empty() {
        vec![update.id.clone()]
    } else {
        update.cves.clone()
    };
    let mut rows: BTreeMap<(String, String), Advisory> = BTreeMap::new();
    for package in update.packages {
        if package.name.is_empty() || package.arch == "src" || package.name.ends_with("-debuginfo")
        {
            continue;
        }
        let row = rows
            .entry((package.name.clone(), package.evr.clone()))
            .or_insert_with(|| {
                let bucket = Bucket::Os {
                    family: "amzn".to_owned(),
                    release: release.to_owned(),
                    channel: channel.clone(),
                };
                let mut row = Advisory::new(bucket, package.name.as_str(), "", "amazon");
                row.status = FixStatus::Fixed;
                row.severity = severity;
                row.aliases.push(update.id.clone());
                row.intervals.push(Interval {
                    introduced: String::new(),
                    end: End::Fixed(package.evr.clone()),
                });
                row
            });
        if package.arch != "noarch" && !package.arch.is_empty() {
            row.arches.push(package.arch);
        }
    }
    for row in rows.into_values() {
        for id in &ids {
            let mut row = row.clone();
            row.id.clone_from(id);
            out.advisory(row);
        }
    }
    for id in ids {
        out.record(Record {
            id,
            title: update.title.clone(),
            description: update.description.clone(),
            severities: severity
                .map(|severity| ("amazon".to_owned(), severity))
                .into_iter()
                .collect(),
            references: update.references.clone(),
            published: update.issued.replace(' ', "T"),
            feed: "amazon".to_owned(),
            ..Record::default()
        });
    }
}
