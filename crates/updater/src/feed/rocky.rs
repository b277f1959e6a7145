//! Rocky Linux: OSV documents, or the errata service's own JSON (`{"advisories": […]}`).

use super::{
    Feed, Parser, Remote,
    common::{is_cve, line_about, module_of_title, nullable},
    osv, rpm,
};
use crate::output::Output;
use rampart_model::scan::{FixStatus, Severity};
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval, Record};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, str::FromStr};

pub(super) static ROCKY: Feed = Feed {
    name: "rocky",
    title: "Rocky Linux errata",
    format: "OSV JSON, or errata JSON",
    licence: "BSD-3-Clause",
    families: "os/rocky/8 … 10",
    refresh_hours: 12,
    default: true,
    remotes: || {
        vec![Remote::new(
            "RockyLinux.zip",
            "https://osv-vulnerabilities.storage.googleapis.com/Rocky%20Linux/all.zip",
        )]
    },
    parser: || Box::new(Rocky),
};

struct Rocky;

impl Parser for Rocky {
    fn wants(&self, name: &str) -> bool {
        osv::wants(name)
    }

    fn file(&mut self, name: &str, bytes: &[u8], out: &mut Output<'_>) {
        if let Ok(answer) = serde_json::from_slice::<Answer>(bytes) {
            for (at, value) in answer.advisories.into_iter().enumerate() {
                match serde_json::from_value::<Erratum>(value) {
                    Ok(erratum) => erratum_rows(&erratum, out),
                    Err(error) => out.error_at(at, error),
                }
            }
            return;
        }
        for document in osv::documents(name, bytes) {
            match document {
                Ok(document) => osv::emit(document, out),
                Err(reason) => out.error(reason),
            }
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    advisories: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Erratum {
    name: String,
    #[serde(default, rename = "type", deserialize_with = "nullable")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    severity: String,
    #[serde(default, deserialize_with = "nullable")]
    synopsis: String,
    #[serde(default, deserialize_with = "nullable")]
    description: String,
    #[serde(default, deserialize_with = "nullable")]
    cves: Vec<Value>,
    #[serde(default, deserialize_with = "nullable")]
    published_at: String,
    #[serde(default, deserialize_with = "nullable")]
    rpms: BTreeMap<String, Packages>,
}

#[derive(Default, Deserialize)]
struct Packages {
    #[serde(default, deserialize_with = "nullable")]
    nvras: Vec<String>,
}

fn erratum_rows(erratum: &Erratum, out: &mut Output<'_>) {
    out.entry_read();
    if !matches!(erratum.kind.as_str(), "" | "TYPE_SECURITY") {
        out.skip("no security erratum");
        return;
    }
    let cves: Vec<String> = erratum
        .cves
        .iter()
        .filter_map(|cve| cve.as_str().or_else(|| cve.get("name")?.as_str()))
        .filter_map(|text| text.rsplit("::").next().filter(|id| is_cve(id)))
        .map(str::to_owned)
        .collect();
    let ids = if cves.is_empty() {
        vec![erratum.name.clone()]
    } else {
        cves
    };
    let word = erratum.severity.trim_start_matches("SEVERITY_");
    let severity = Severity::from_str(word)
        .ok()
        .filter(|severity| *severity != Severity::Unknown);
    for (product, packages) in &erratum.rpms {
        let Some(release) = product.split_whitespace().last().filter(|word| {
            product.starts_with("Rocky Linux") && word.starts_with(|c: char| c.is_ascii_digit())
        }) else {
            out.skip("another product");
            continue;
        };
        for row in package_rows(erratum, release, packages, out) {
            for id in &ids {
                let mut row = row.clone();
                row.id.clone_from(id);
                row.severity = severity;
                out.advisory(row);
            }
        }
    }
    for id in &ids {
        out.record(Record {
            id: id.clone(),
            title: line_about(&erratum.description, id).unwrap_or_else(|| erratum.synopsis.clone()),
            severities: severity
                .map(|severity| ("rocky".to_owned(), severity))
                .into_iter()
                .collect(),
            references: vec![format!("https://errata.rockylinux.org/{}", erratum.name)],
            published: erratum.published_at.clone(),
            feed: "rocky".to_owned(),
            ..Record::default()
        });
    }
}

/// One row a package and version, with its architectures.
fn package_rows(
    erratum: &Erratum,
    release: &str,
    packages: &Packages,
    out: &mut Output<'_>,
) -> Vec<Advisory> {
    let mut rows: BTreeMap<(String, String), Advisory> = BTreeMap::new();
    for text in &packages.nvras {
        let Some(nevra) = rpm::nevra(text) else {
            out.error_at(&erratum.name, format!("'{text}' is no package name"));
            continue;
        };
        if nevra.arch == "src"
            || nevra.name.ends_with("-debuginfo")
            || nevra.name.ends_with("-debugsource")
        {
            continue;
        }
        let key = (nevra.name.clone(), nevra.evr.clone());
        let row = rows.entry(key).or_insert_with(|| {
            let bucket = Bucket::os("rocky", release.split('.').next().unwrap_or(release));
            let mut row = Advisory::new(bucket, nevra.name.as_str(), "", "rocky");
            row.status = FixStatus::Fixed;
            row.aliases.push(erratum.name.clone());
            if nevra.evr.contains(".module+el") {
                row.module = module_of_title(&erratum.synopsis)
                    .unwrap_or_default()
                    .to_owned();
            }
            row.intervals.push(Interval {
                introduced: String::new(),
                end: End::Fixed(nevra.evr.clone()),
            });
            row
        });
        if nevra.arch != "noarch" && !nevra.arch.is_empty() {
            row.arches.push(nevra.arch);
        }
    }
    rows.into_values().collect()
}
