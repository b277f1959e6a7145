//! Reads SPDX 2.2 and 2.3, from JSON or from what the tag-value reader makes of its text.

use super::{DOCUMENT, UNKNOWN, unescape};
use crate::{
    purl,
    sbom::{
        MAX_COMPONENTS, Sbom, SbomError,
        component::{Property, distro, from_purl, tell, unhash},
        list, short, stamp, text,
    },
};
use rampart_model::{
    package::{Package, PackageKind},
    scan::TargetKind,
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

struct Reader<'a> {
    sbom: Sbom,
    ids: HashMap<&'a str, Option<usize>>,
    /// What the document describes: no package of it.
    described: HashSet<&'a str>,
    /// Names of licences that stand beside the packages, by their reference.
    licences: HashMap<&'a str, &'a str>,
    unknown: BTreeMap<String, usize>,
    without_purl: usize,
}

pub(in crate::sbom) fn read(value: &Value) -> Result<Sbom, SbomError> {
    let version = text(value, "spdxVersion");
    if !matches!(version, "SPDX-2.2" | "SPDX-2.3") {
        return Err(SbomError::Version {
            format: "SPDX",
            version: short(version.trim_start_matches("SPDX-")),
        });
    }
    let mut reader = Reader {
        sbom: Sbom {
            format: version.replace('-', " "),
            ..Sbom::default()
        },
        ids: HashMap::new(),
        described: HashSet::new(),
        licences: HashMap::new(),
        unknown: BTreeMap::new(),
        without_purl: 0,
    };
    reader.header(value)?;
    let packages = list(value, "packages")?;
    if packages.len() > MAX_COMPONENTS {
        return Err(SbomError::TooMany);
    }
    for package in packages {
        if !package.is_object() {
            return Err(SbomError::Shape("packages"));
        }
        reader.package(package)?;
    }
    reader.relationships(value)?;
    Ok(reader.finish())
}

impl<'a> Reader<'a> {
    fn header(&mut self, value: &'a Value) -> Result<(), SbomError> {
        self.sbom.target.kind = TargetKind::Sbom;
        text(value, "name").clone_into(&mut self.sbom.target.name);
        if text(value, "SPDXID") != DOCUMENT {
            self.sbom
                .problem("the document has not the id SPDXRef-DOCUMENT");
        }
        let created = text(value.get("creationInfo").unwrap_or(&Value::Null), "created");
        if !stamp::is_time(created) {
            self.sbom
                .problem("the document does not say when it was created");
        }
        let described = list(value, "documentDescribes")?
            .iter()
            .filter_map(Value::as_str);
        self.described.extend(described);
        for relation in list(value, "relationships")? {
            let (from, to) = ends(relation);
            match text(relation, "relationshipType") {
                "DESCRIBES" if from == DOCUMENT => self.described.insert(to),
                "DESCRIBED_BY" if to == DOCUMENT => self.described.insert(from),
                _ => false,
            };
        }
        for licence in list(value, "hasExtractedLicensingInfos")? {
            let name = Some(text(licence, "name"))
                .filter(|name| !name.is_empty() && *name != UNKNOWN)
                .unwrap_or(text(licence, "extractedText"));
            self.licences.insert(text(licence, "licenseId"), name);
        }
        Ok(())
    }

    fn package(&mut self, value: &'a Value) -> Result<(), SbomError> {
        let (id, name) = (text(value, "SPDXID"), text(value, "name"));
        if name.is_empty() || !id.starts_with("SPDXRef-") {
            let message = format!("package '{}' has no name or no id", short(name));
            self.sbom.problem(message);
        }
        let at = self.found(value, id, name)?;
        if !id.is_empty() && self.ids.insert(id, at).is_some() {
            let message = format!("two packages have the id '{}'", short(id));
            self.sbom.problem(message);
        }
        Ok(())
    }

    fn found(&mut self, value: &Value, id: &str, name: &str) -> Result<Option<usize>, SbomError> {
        let properties = properties(value)?;
        let version = text(value, "versionInfo");
        let purpose = text(value, "primaryPackagePurpose").replace('_', "-");
        if purpose == "OPERATING-SYSTEM" {
            if self.sbom.distro.is_none() {
                self.sbom.distro = Some(distro(name, version, properties));
            }
            return Ok(None);
        }
        let root = self.described.contains(id);
        if root {
            self.target(&properties);
        }
        let Some(mut package) = self.begin(value, name, &properties, root)? else {
            return Ok(None);
        };
        if package.version.is_empty() {
            version.clone_into(&mut package.version);
        }
        package.supplier = supplier(text(value, "supplier"));
        package.licenses = self.licences_of(value);
        for sum in list(value, "checksums")? {
            match unhash(text(sum, "algorithm"), text(sum, "checksumValue")) {
                Some(hash) => package.hashes.push(hash),
                None => {
                    let message = format!("package '{}' has an unknown checksum", short(name));
                    self.sbom.problem(message);
                }
            }
        }
        tell(&mut package, &properties);
        self.sbom.packages.push(package);
        Ok(Some(self.sbom.packages.len() - 1))
    }

    fn target(&mut self, properties: &[Property]) {
        let target = &mut self.sbom.target;
        for (name, value) in properties {
            match name.as_str() {
                "rampart:target:digest" => value.clone_into(&mut target.digest),
                "rampart:target:imageId" => value.clone_into(&mut target.image_id),
                "rampart:target:os" => value.clone_into(&mut target.os),
                "rampart:target:arch" => value.clone_into(&mut target.arch),
                _ => {}
            }
        }
    }

    fn begin(
        &mut self,
        value: &Value,
        name: &str,
        properties: &[Property],
        root: bool,
    ) -> Result<Option<Package>, SbomError> {
        let told = properties.iter().find(|(name, _)| name == "rampart:kind");
        if let Some(kind) = told.and_then(|(_, kind)| kind.parse::<PackageKind>().ok()) {
            return Ok(Some(Package::new(kind, name, text(value, "versionInfo"))));
        }
        let references = list(value, "externalRefs")?;
        let address = references
            .iter()
            .find(|reference| text(reference, "referenceType") == "purl")
            .map(|reference| text(reference, "referenceLocator"));
        let Some(address) = address else {
            self.without_purl += usize::from(!root);
            return Ok(None);
        };
        let purl = match purl::parse(address) {
            Ok(purl) => purl,
            Err(error) => {
                let message = format!("package '{}': {error}", short(name));
                self.sbom.problem(message);
                return Ok(None);
            }
        };
        if self.sbom.distro.is_none() {
            self.sbom.distro = purl.distro();
        }
        let package = from_purl(&purl, "", name);
        if package.is_none() && !root {
            *self.unknown.entry(short(&purl.kind)).or_default() += 1;
        }
        Ok(package)
    }

    fn licences_of(&self, value: &Value) -> Vec<String> {
        let known = |text: &str| !matches!(text, "" | "NONE" | UNKNOWN);
        let expression = [
            text(value, "licenseDeclared"),
            text(value, "licenseConcluded"),
        ]
        .into_iter()
        .find(|text| known(text));
        let Some(expression) = expression else {
            return Vec::new();
        };
        if let Some(name) = self.licences.get(expression) {
            return vec![(*name).to_owned()];
        }
        vec![expression.to_owned()]
    }

    fn relationships(&mut self, value: &Value) -> Result<(), SbomError> {
        for relation in list(value, "relationships")? {
            let (from, to) = ends(relation);
            let (from, to) = match text(relation, "relationshipType") {
                "DEPENDS_ON" => (from, to),
                "DEPENDENCY_OF" => (to, from),
                _ => continue,
            };
            let find = |id| self.ids.get(id).copied();
            let (Some(from), Some(to)) = (find(from), find(to)) else {
                let message = format!(
                    "a dependency names '{}' and '{}', which are not both there",
                    short(from),
                    short(to)
                );
                self.sbom.problem(message);
                continue;
            };
            if let (Some(from), Some(to)) = (from, to) {
                let needed = &self.sbom.packages[to];
                let need = format!("{}@{}", needed.name, needed.version);
                let package = &mut self.sbom.packages[from];
                if !package.depends_on.contains(&need) {
                    package.depends_on.push(need);
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Sbom {
        if self.without_purl > 0 {
            let message = format!("{} packages have no package URL", self.without_purl);
            self.sbom.problem(message);
        }
        for (kind, count) in std::mem::take(&mut self.unknown) {
            let message = format!("{count} packages are of the type '{kind}', not matched");
            self.sbom.problem(message);
        }
        self.sbom.finish()
    }
}

fn ends(relation: &Value) -> (&str, &str) {
    (
        text(relation, "spdxElementId"),
        text(relation, "relatedSpdxElement"),
    )
}

/// `Organization: X (mail)`, `Person: Y`; nothing for NOASSERTION.
fn supplier(text: &str) -> String {
    match text.split_once(": ") {
        Some(("Organization" | "Person", name)) => name.to_owned(),
        _ => String::new(),
    }
}

/// Lines `name=value` of annotations.
fn properties(value: &Value) -> Result<Vec<Property>, SbomError> {
    let mut out = Vec::new();
    for annotation in list(value, "annotations")? {
        for line in text(annotation, "comment").lines() {
            if let Some((name, value)) = line.split_once('=')
                && name.starts_with("rampart:")
            {
                out.push((name.to_owned(), unescape(value)));
            }
        }
    }
    Ok(out)
}
