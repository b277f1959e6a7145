//! SPDX's tag-value text, to and from the shape of its JSON.

use super::DOCUMENT;
use crate::sbom::{MAX_COMPONENTS, SbomError, text};
use serde_json::{Map, Value, json};

/// Tags of a package with one value, and the JSON's names for them.
const PACKAGE: &[(&str, &str)] = &[
    ("SPDXID", "SPDXID"),
    ("PackageVersion", "versionInfo"),
    ("PackageSupplier", "supplier"),
    ("PackageDownloadLocation", "downloadLocation"),
    ("PackageSourceInfo", "sourceInfo"),
    ("PackageLicenseConcluded", "licenseConcluded"),
    ("PackageLicenseDeclared", "licenseDeclared"),
    ("PackageCopyrightText", "copyrightText"),
    ("PrimaryPackagePurpose", "primaryPackagePurpose"),
];

pub(super) fn write(document: &Value) -> String {
    let mut out = String::new();
    for (tag, key) in [
        ("SPDXVersion", "spdxVersion"),
        ("DataLicense", "dataLicense"),
        ("SPDXID", "SPDXID"),
        ("DocumentName", "name"),
        ("DocumentNamespace", "documentNamespace"),
    ] {
        line(&mut out, tag, text(document, key));
    }
    let creation = document.get("creationInfo").unwrap_or(&Value::Null);
    for creator in items(creation, "creators") {
        line(&mut out, "Creator", creator.as_str().unwrap_or_default());
    }
    line(&mut out, "Created", text(creation, "created"));
    for package in items(document, "packages") {
        out.push('\n');
        write_package(&mut out, package);
    }
    for licence in items(document, "hasExtractedLicensingInfos") {
        out.push('\n');
        line(&mut out, "LicenseID", text(licence, "licenseId"));
        let extracted = text(licence, "extractedText").replace("</text>", "< /text>");
        line(
            &mut out,
            "ExtractedText",
            &format!("<text>{extracted}</text>"),
        );
        line(&mut out, "LicenseName", text(licence, "name"));
    }
    out.push('\n');
    for relation in items(document, "relationships") {
        let value = format!(
            "{} {} {}",
            text(relation, "spdxElementId"),
            text(relation, "relationshipType"),
            text(relation, "relatedSpdxElement")
        );
        line(&mut out, "Relationship", &value);
    }
    out
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A value on one line.
fn line(out: &mut String, tag: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    out.push_str(tag);
    out.push_str(": ");
    let value = value.replace("<text>", "< text>");
    out.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
    out.push('\n');
}

/// A value of any number of lines, between marks.
fn lines(out: &mut String, tag: &str, value: &str) {
    out.push_str(tag);
    out.push_str(": <text>");
    out.push_str(&value.replace("</text>", "< /text>"));
    out.push_str("</text>\n");
}

fn write_package(out: &mut String, package: &Value) {
    line(out, "PackageName", text(package, "name"));
    for (tag, key) in PACKAGE {
        line(out, tag, text(package, key));
        if *tag == "PackageDownloadLocation" {
            line(out, "FilesAnalyzed", "false");
            for sum in items(package, "checksums") {
                let (algorithm, digits) = (text(sum, "algorithm"), text(sum, "checksumValue"));
                line(out, "PackageChecksum", &format!("{algorithm}: {digits}"));
            }
        }
    }
    for reference in items(package, "externalRefs") {
        let value = format!(
            "{} {} {}",
            text(reference, "referenceCategory"),
            text(reference, "referenceType"),
            text(reference, "referenceLocator")
        );
        line(out, "ExternalRef", &value);
    }
    for annotation in items(package, "annotations") {
        line(out, "Annotator", text(annotation, "annotator"));
        line(out, "AnnotationDate", text(annotation, "annotationDate"));
        line(out, "AnnotationType", text(annotation, "annotationType"));
        line(out, "SPDXREF", text(package, "SPDXID"));
        lines(out, "AnnotationComment", text(annotation, "comment"));
    }
}

/// What the lines that follow belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Document,
    Package,
    Licence,
    Annotation,
    /// Files and snippets, of which nothing is read.
    Other,
}

struct Reader {
    document: Map<String, Value>,
    created: Value,
    packages: Vec<Map<String, Value>>,
    licences: Vec<Value>,
    relationships: Vec<Value>,
    /// The element an annotation speaks of, and its text.
    annotations: Vec<(String, String)>,
    section: Section,
}

pub(in crate::sbom) fn read(text: &str) -> Result<Value, SbomError> {
    let mut reader = Reader {
        document: Map::new(),
        created: Value::Null,
        packages: Vec::new(),
        licences: Vec::new(),
        relationships: Vec::new(),
        annotations: Vec::new(),
        section: Section::Document,
    };
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let wrong = SbomError::TagValue { line: at + 1 };
        let Some((tag, value)) = line.split_once(':') else {
            return Err(wrong);
        };
        let mut value = value.trim().to_owned();
        // Blanks count inside the marks.
        if let Some(start) = line
            .split_once(':')
            .and_then(|(_, value)| value.trim_start().strip_prefix("<text>"))
        {
            value = start.to_owned();
            while !value.contains("</text>") {
                let (_, more) = lines.next().ok_or(SbomError::TagValue { line: at + 1 })?;
                value.push('\n');
                value.push_str(more);
            }
            value.truncate(value.find("</text>").unwrap_or(value.len()));
        }
        reader.take(tag.trim(), &value)?;
    }
    Ok(reader.finish())
}

impl Reader {
    fn take(&mut self, tag: &str, value: &str) -> Result<(), SbomError> {
        match tag {
            "SPDXVersion" => self.head("spdxVersion", value),
            "DocumentName" => self.head("name", value),
            "Created" => self.created = json!({"created": value}),
            "PackageName" => {
                if self.packages.len() >= MAX_COMPONENTS {
                    return Err(SbomError::TooMany);
                }
                self.section = Section::Package;
                let mut package = Map::new();
                package.insert("name".into(), json!(value));
                self.packages.push(package);
            }
            "FileName" | "SnippetSPDXID" => self.section = Section::Other,
            "LicenseID" => {
                self.section = Section::Licence;
                self.licences.push(json!({"licenseId": value}));
            }
            "Annotator" => {
                self.section = Section::Annotation;
                self.annotations.push((String::new(), String::new()));
            }
            "Relationship" => self.relationship(value),
            _ => self.detail(tag, value),
        }
        Ok(())
    }

    fn head(&mut self, key: &str, value: &str) {
        self.document.insert(key.into(), json!(value));
    }

    fn relationship(&mut self, value: &str) {
        let mut words = value.split_whitespace();
        if let (Some(from), Some(kind), Some(to)) = (words.next(), words.next(), words.next()) {
            self.relationships.push(json!({
                "spdxElementId": from,
                "relationshipType": kind,
                "relatedSpdxElement": to,
            }));
        }
    }

    fn detail(&mut self, tag: &str, value: &str) {
        match (self.section, tag) {
            (Section::Document, "SPDXID") => self.head("SPDXID", value),
            (Section::Annotation, "SPDXREF") => {
                if let Some(last) = self.annotations.last_mut() {
                    value.clone_into(&mut last.0);
                }
            }
            (Section::Annotation, "AnnotationComment") => {
                if let Some(last) = self.annotations.last_mut() {
                    value.clone_into(&mut last.1);
                }
            }
            (Section::Licence, "ExtractedText" | "LicenseName") => {
                let key = if tag == "LicenseName" {
                    "name"
                } else {
                    "extractedText"
                };
                if let Some(Value::Object(last)) = self.licences.last_mut() {
                    last.insert(key.into(), json!(value));
                }
            }
            // An annotation may stand between a package's lines.
            (Section::Package | Section::Annotation, _) => self.of_package(tag, value),
            _ => {}
        }
    }

    fn of_package(&mut self, tag: &str, value: &str) {
        let Some(package) = self.packages.last_mut() else {
            return;
        };
        let mut push = |key: &str, item: Value| {
            let list = package.entry(key).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(item);
            }
        };
        match tag {
            "PackageChecksum" => {
                if let Some((algorithm, digits)) = value.split_once(':') {
                    let sum = json!({"algorithm": algorithm, "checksumValue": digits.trim()});
                    push("checksums", sum);
                }
            }
            "ExternalRef" => {
                let mut words = value.split_whitespace().skip(1);
                if let (Some(kind), Some(locator)) = (words.next(), words.next()) {
                    let item = json!({"referenceType": kind, "referenceLocator": locator});
                    push("externalRefs", item);
                }
            }
            _ => {
                if let Some((_, key)) = PACKAGE.iter().find(|(known, _)| *known == tag) {
                    package.insert((*key).into(), json!(value));
                }
            }
        }
    }

    fn finish(self) -> Value {
        let mut out = self.document;
        let mut packages = self.packages;
        let by_id: std::collections::HashMap<String, usize> = packages
            .iter()
            .enumerate()
            .filter_map(|(at, package)| Some((package.get("SPDXID")?.as_str()?.to_owned(), at)))
            .collect();
        for (id, comment) in self.annotations {
            if let Some(package) = by_id.get(&id).and_then(|at| packages.get_mut(*at)) {
                let list = package.entry("annotations").or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    list.push(json!({"comment": comment}));
                }
            }
        }
        out.entry("SPDXID").or_insert_with(|| json!(DOCUMENT));
        out.insert("creationInfo".into(), self.created);
        out.insert(
            "packages".into(),
            packages.into_iter().map(Value::Object).collect(),
        );
        out.insert(
            "hasExtractedLicensingInfos".into(),
            Value::Array(self.licences),
        );
        out.insert("relationships".into(), Value::Array(self.relationships));
        Value::Object(out)
    }
}
