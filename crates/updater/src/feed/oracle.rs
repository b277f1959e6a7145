//! Oracle Linux: OVAL definitions, one an erratum (ELSA).
//!
//! What is fixed stands in the criterions' comments: `bash is earlier than 0:4.4.20-1.el8`, under
//! `Oracle Linux 8 is installed` and `Oracle Linux arch is x86_64`; `Module nodejs:18 is enabled`
//! narrows it. Live patches (`ksplice`) and certified crypto (`_fips`) are other builds: left out.

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

pub(super) static ORACLE: Feed = Feed {
    name: "oracle",
    title: "Oracle Linux OVAL",
    format: "OVAL XML, bzip2",
    licence: "see Oracle's terms",
    families: "os/ol/5 … 10",
    refresh_hours: 24,
    default: true,
    remotes: || {
        vec![Remote::new(
            "com.oracle.elsa-all.xml.bz2",
            "https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2",
        )]
    },
    parser: || {
        Box::new(Each {
            wants: |name| name.ends_with(".xml"),
            file,
        })
    },
};

#[derive(Default)]
struct Definition {
    title: String,
    description: String,
    severity: String,
    issued: String,
    elsa: String,
    cves: Vec<String>,
    references: Vec<String>,
    release: String,
    /// The last architecture and module named before a package.
    arch: String,
    module: String,
    /// Package, version, module → architectures.
    packages: BTreeMap<(String, String, String), Vec<String>>,
}

fn file(_: &str, bytes: &[u8], out: &mut Output<'_>) {
    let mut reading = Reading { definition: None };
    if walk(bytes, &mut reading, out) && reading.definition.is_some() {
        out.error("ends inside a definition");
    }
}

struct Reading {
    definition: Option<Definition>,
}

impl Handler for Reading {
    fn open(&mut self, element: &BytesStart<'_>, _out: &mut Output<'_>) {
        if element.local_name().as_ref() == "definition" {
            self.definition = Some(Definition::default());
        } else if let Some(definition) = &mut self.definition {
            opened(element, definition);
        }
    }

    fn close(&mut self, name: &str, text: &str, out: &mut Output<'_>) {
        if name == "definition" {
            if let Some(definition) = self.definition.take() {
                emit(definition, out);
            }
        } else if let Some(definition) = &mut self.definition {
            closed(name, text, definition);
        }
    }
}

fn opened(start: &BytesStart<'_>, definition: &mut Definition) {
    match start.local_name().as_ref() {
        "reference" => {
            let id = attribute(start, "ref_id");
            definition.references.push(attribute(start, "ref_url"));
            match attribute(start, "source").as_str() {
                "elsa" => definition.elsa = id,
                _ if is_cve(&id) => definition.cves.push(id),
                _ => {}
            }
        }
        "issued" => definition.issued = attribute(start, "date"),
        "criterion" => criterion(&attribute(start, "comment"), definition),
        _ => {}
    }
}

fn criterion(comment: &str, definition: &mut Definition) {
    if let Some(rest) = comment.strip_prefix("Oracle Linux arch is ") {
        rest.trim().clone_into(&mut definition.arch);
    } else if let Some(release) = comment
        .strip_prefix("Oracle Linux ")
        .and_then(|rest| rest.strip_suffix(" is installed"))
    {
        release.trim().clone_into(&mut definition.release);
        definition.module.clear();
    } else if let Some(module) = comment
        .strip_prefix("Module ")
        .and_then(|rest| rest.strip_suffix(" is enabled"))
    {
        module.trim().clone_into(&mut definition.module);
    } else if let Some((package, version)) = comment.split_once(" is earlier than ") {
        let version = version.trim();
        let key = (
            package.trim().to_owned(),
            version.strip_prefix("0:").unwrap_or(version).to_owned(),
            definition.module.clone(),
        );
        let arch = definition.arch.clone();
        let arches = definition.packages.entry(key).or_default();
        if !arches.contains(&arch) {
            arches.push(arch);
        }
    }
}

fn closed(name: &str, text: &str, definition: &mut Definition) {
    match name {
        "title" => text.clone_into(&mut definition.title),
        "description" => text.clone_into(&mut definition.description),
        "severity" => text.clone_into(&mut definition.severity),
        "cve" if is_cve(text) && !definition.cves.iter().any(|cve| cve == text) => {
            definition.cves.push(text.to_owned());
        }
        _ => {}
    }
}

fn emit(definition: Definition, out: &mut Output<'_>) {
    out.entry_read();
    let elsa = if definition.elsa.is_empty() {
        definition
            .title
            .split(':')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    } else {
        definition.elsa
    };
    if elsa.is_empty() || definition.release.is_empty() {
        out.error_at(&definition.title, "no erratum id, or no release");
        return;
    }
    let severity = Severity::from_str(&definition.severity)
        .ok()
        .filter(|severity| *severity != Severity::Unknown);
    let ids = if definition.cves.is_empty() {
        vec![elsa.clone()]
    } else {
        definition.cves
    };
    for ((package, version, module), arches) in definition.packages {
        if rpm::is_special_build(&version) {
            out.skip("a source package or a special build");
            continue;
        }
        for id in &ids {
            let mut row = Advisory::new(
                Bucket::os("ol", definition.release.as_str()),
                package.as_str(),
                id.as_str(),
                "oracle",
            );
            row.status = FixStatus::Fixed;
            row.severity = severity;
            row.module.clone_from(&module);
            row.aliases.push(elsa.clone());
            row.arches = arches
                .iter()
                .filter(|arch| !arch.is_empty())
                .cloned()
                .collect();
            row.intervals.push(Interval {
                introduced: String::new(),
                end: End::Fixed(version.clone()),
            });
            out.advisory(row);
        }
    }
    for id in ids {
        out.record(Record {
            id,
            title: definition.title.clone(),
            description: definition.description.clone(),
            severities: severity
                .map(|severity| ("oracle".to_owned(), severity))
                .into_iter()
                .collect(),
            references: definition.references.clone(),
            published: format!("{}T00:00:00Z", definition.issued),
            feed: "oracle".to_owned(),
            ..Record::default()
        });
    }
}
