//! SPDX 2.3, out and in, as JSON and as tag-value text.
//!
//! What SPDX has no field for stands in an annotation of the package, a property a line.

mod read;
mod tag;

use super::{
    Options,
    component::{
        Entry, Property, distro_properties, entries, hash, image_purl, kind_name, label,
        odd_hashes, own, root_supplier, root_version,
    },
    licence, stamp,
};
use rampart_model::{
    package::{Distro, PackageKind},
    scan::{ScanReport, TargetKind},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) use read::read;
pub(super) use tag::read as from_tag_value;

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-Target";
const SYSTEM: &str = "SPDXRef-OperatingSystem";
const UNKNOWN: &str = "NOASSERTION";

/// Writes the report's packages as JSON.
pub fn write_json(report: &ScanReport, options: &Options) -> String {
    serde_json::to_string_pretty(&document(report, options)).unwrap_or_default()
}

/// Writes the report's packages as tag-value text.
pub fn write_tag_value(report: &ScanReport, options: &Options) -> String {
    tag::write(&document(report, options))
}

struct Writer<'a> {
    options: &'a Options,
    created: String,
    /// Name by reference.
    licences: BTreeMap<String, String>,
}

fn document(report: &ScanReport, options: &Options) -> Value {
    let entries = entries(report);
    let mut writer = Writer {
        options,
        created: stamp::rfc3339(options.created),
        licences: BTreeMap::new(),
    };
    let ids: Vec<String> = entries.iter().map(id).collect();
    let mut packages = vec![writer.target(report)];
    packages.extend(report.distro.as_ref().map(|distro| writer.system(distro)));
    for (entry, id) in entries.iter().zip(&ids) {
        packages.push(writer.package(entry, id));
    }
    let relationships = relationships(report, &entries, &ids);
    let extracted: Vec<Value> = writer
        .licences
        .iter()
        .map(|(id, name)| json!({"licenseId": id, "extractedText": name, "name": name}))
        .collect();
    let mut out = Map::new();
    out.insert("spdxVersion".into(), json!("SPDX-2.3"));
    out.insert("dataLicense".into(), json!("CC0-1.0"));
    out.insert("SPDXID".into(), json!(DOCUMENT));
    out.insert("name".into(), json!(label(&report.target)));
    let content = json!([packages, relationships, writer.created]).to_string();
    out.insert("documentNamespace".into(), json!(namespace(&content)));
    let tool = format!("Tool: rampart-{}", options.tool_version);
    let author = format!("Organization: {}", one_line(options.author()));
    let creation = json!({"created": writer.created, "creators": [author, tool]});
    out.insert("creationInfo".into(), creation);
    out.insert("packages".into(), Value::Array(packages));
    if !extracted.is_empty() {
        out.insert("hasExtractedLicensingInfos".into(), Value::Array(extracted));
    }
    out.insert("relationships".into(), Value::Array(relationships));
    Value::Object(out)
}

/// SPDX has this place for documents of whoever has none of their own.
fn namespace(content: &str) -> String {
    format!(
        "https://spdx.org/spdxdocs/rampart-{}",
        stamp::uuid(content.as_bytes())
    )
}

fn id(entry: &Entry<'_>) -> String {
    let readable: String = entry
        .package
        .name
        .chars()
        .take(60)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let kind = entry.package.kind.purl_type();
    let unique = stamp::fingerprint(&entry.reference);
    format!("SPDXRef-Package-{kind}-{readable}-{unique}")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn supplier(name: &str) -> String {
    format!("Organization: {}", one_line(name))
}

impl Writer<'_> {
    fn begin(&self, id: &str, name: &str, version: &str, by: &str) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("SPDXID".into(), json!(id));
        out.insert("name".into(), json!(name));
        if !version.is_empty() {
            out.insert("versionInfo".into(), json!(version));
        }
        out.insert("supplier".into(), json!(supplier(by)));
        out.insert("downloadLocation".into(), json!(UNKNOWN));
        out.insert("filesAnalyzed".into(), json!(false));
        out
    }

    fn target(&self, report: &ScanReport) -> Value {
        let target = &report.target;
        let by = root_supplier(report);
        let mut out = self.begin(ROOT, label(target), root_version(target), &by);
        let purpose = match target.kind {
            TargetKind::Image | TargetKind::Container => "CONTAINER",
            TargetKind::Host => "DEVICE",
            _ => "APPLICATION",
        };
        self.close(&mut out, UNKNOWN, purpose, image_purl(target).as_deref());
        let mut properties = vec![own("target:kind", kind_name(target.kind))];
        for (name, value) in [
            ("target:digest", &target.digest),
            ("target:imageId", &target.image_id),
            ("target:os", &target.os),
            ("target:arch", &target.arch),
        ] {
            if !value.is_empty() {
                properties.push(own(name, value));
            }
        }
        self.annotate(&mut out, &properties);
        Value::Object(out)
    }

    fn system(&self, distro: &Distro) -> Value {
        let version = if distro.full_version.is_empty() {
            &distro.version
        } else {
            &distro.full_version
        };
        let by = if distro.name.is_empty() {
            &distro.id
        } else {
            &distro.name
        };
        let mut out = self.begin(SYSTEM, &distro.id, version, by);
        self.close(&mut out, UNKNOWN, "OPERATING-SYSTEM", None);
        self.annotate(&mut out, &distro_properties(distro));
        Value::Object(out)
    }

    fn package(&mut self, entry: &Entry<'_>, id: &str) -> Value {
        let package = entry.package;
        let mut out = self.begin(id, &package.name, &package.version, &entry.supplier);
        let sums: Vec<Value> = package
            .hashes
            .iter()
            .filter_map(|text| hash(text))
            .map(|(_, algorithm, digits)| json!({"algorithm": algorithm, "checksumValue": digits}))
            .collect();
        if !sums.is_empty() {
            out.insert("checksums".into(), Value::Array(sums));
        }
        if let Some(source) = &package.source {
            let text = format!("built from: {} {}", source.name, source.version);
            out.insert("sourceInfo".into(), json!(text.trim()));
        }
        let (declared, references) = licence::declared(&package.licenses);
        self.licences.extend(references);
        let purpose = if package.kind == PackageKind::Binary {
            "APPLICATION"
        } else {
            "LIBRARY"
        };
        self.close(&mut out, &declared, purpose, Some(&entry.purl));
        let mut properties = entry.properties.clone();
        let plain = |text: &str| {
            one_line(text) == text && !text.contains(char::is_control) && !text.contains('<')
        };
        if !plain(&package.supplier) {
            properties.push(own("supplierText", &package.supplier));
        }
        // Tag-value keeps no blanks at the ends, and nothing below them.
        for (name, text) in [("name", &package.name), ("version", &package.version)] {
            if !plain(text) {
                properties.push(own(name, text));
            }
        }
        properties.extend(odd_hashes(package));
        if !licence::tells_all(&package.licenses) {
            properties.extend(package.licenses.iter().map(|text| own("license", text)));
        }
        self.annotate(&mut out, &properties);
        Value::Object(out)
    }

    fn close(
        &self,
        out: &mut Map<String, Value>,
        declared: &str,
        purpose: &str,
        purl: Option<&str>,
    ) {
        out.insert("licenseConcluded".into(), json!(UNKNOWN));
        out.insert("licenseDeclared".into(), json!(declared));
        out.insert("copyrightText".into(), json!(UNKNOWN));
        out.insert("primaryPackagePurpose".into(), json!(purpose));
        if let Some(purl) = purl {
            let reference = json!({
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl,
            });
            out.insert("externalRefs".into(), json!([reference]));
        }
    }

    fn annotate(&self, out: &mut Map<String, Value>, properties: &[Property]) {
        if properties.is_empty() {
            return;
        }
        let lines: Vec<String> = properties
            .iter()
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        let annotation = json!({
            "annotator": format!("Tool: rampart-{}", self.options.tool_version),
            "annotationDate": self.created,
            "annotationType": "OTHER",
            "comment": lines.join("\n"),
        });
        out.insert("annotations".into(), json!([annotation]));
    }
}

/// On one line, and without what would end a text in tag-value.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
        .replace('<', "\\l")
}

fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        out.push(match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('l') => '<',
                Some(other) => other,
                None => '\\',
            },
            (c, false) => c,
        });
    }
    out
}

fn relationships(report: &ScanReport, entries: &[Entry<'_>], ids: &[String]) -> Vec<Value> {
    let relation = |from: &str, kind: &str, to: &str| {
        json!({
            "spdxElementId": from,
            "relationshipType": kind,
            "relatedSpdxElement": to,
        })
    };
    let mut out = vec![relation(DOCUMENT, "DESCRIBES", ROOT)];
    if report.distro.is_some() {
        out.push(relation(ROOT, "CONTAINS", SYSTEM));
    }
    for (entry, id) in entries.iter().zip(ids) {
        let holder = if entry.package.kind.is_os() && report.distro.is_some() {
            SYSTEM
        } else {
            ROOT
        };
        out.push(relation(holder, "CONTAINS", id));
    }
    for (entry, id) in entries.iter().zip(ids) {
        for need in &entry.needs {
            out.push(relation(id, "DEPENDS_ON", &ids[*need]));
        }
    }
    out
}
