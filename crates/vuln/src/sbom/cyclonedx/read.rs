//! Reads CycloneDX, from JSON or from what the XML reader makes of XML.

use super::check;
use crate::{
    purl,
    sbom::{
        MAX_COMPONENTS, Sbom, SbomError,
        component::{Property, distro, from_purl, join_name, tell, unhash},
        list, short, stamp, text,
    },
};
use rampart_model::{
    package::{Package, PackageKind},
    scan::{Layer, ScanTarget, TargetKind},
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

const VERSIONS: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];
struct Reader {
    sbom: Sbom,
    /// Where a reference leads: a package, or another component.
    references: HashMap<String, Option<usize>>,
    components: usize,
    /// Types of package URLs that are no ecosystem of ours, with how many there are.
    unknown: BTreeMap<String, usize>,
    without_purl: usize,
}

pub(in crate::sbom) fn read(value: &Value) -> Result<Sbom, SbomError> {
    if text(value, "bomFormat") != "CycloneDX" {
        return Err(SbomError::Shape("bomFormat"));
    }
    let version = text(value, "specVersion");
    if !VERSIONS.contains(&version) {
        return Err(SbomError::Version {
            format: "CycloneDX",
            version: short(version),
        });
    }
    let mut reader = Reader {
        sbom: Sbom {
            format: format!("CycloneDX {version}"),
            ..Sbom::default()
        },
        references: HashMap::new(),
        components: 0,
        unknown: BTreeMap::new(),
        without_purl: 0,
    };
    reader.header(value)?;
    for component in list(value, "components")? {
        reader.component(component)?;
    }
    for service in list(value, "services")? {
        reader.service(service)?;
    }
    reader.dependencies(value)?;
    Ok(reader.finish())
}

impl Reader {
    fn header(&mut self, value: &Value) -> Result<(), SbomError> {
        if let Some(serial) = value.get("serialNumber")
            && !serial.as_str().is_some_and(stamp::is_uuid_urn)
        {
            self.sbom.problem("the serial number is no UUID");
        }
        self.sbom.target.kind = TargetKind::Sbom;
        let Some(metadata) = value.get("metadata") else {
            return Ok(());
        };
        if !metadata.is_object() {
            return Err(SbomError::Shape("metadata"));
        }
        if let Some(time) = metadata.get("timestamp")
            && !time.as_str().is_some_and(stamp::is_time)
        {
            self.sbom.problem("the document's timestamp is no time");
        }
        check::metadata(metadata, &mut self.sbom);
        if let Some(root) = metadata.get("component") {
            self.reference(root, None);
            check::component(root, &mut self.sbom);
            target(root, &mut self.sbom.target)?;
            for inner in list(root, "components")? {
                self.component(inner)?;
            }
        }
        Ok(())
    }

    fn reference(&mut self, component: &Value, to: Option<usize>) {
        let Some(reference) = component.get("bom-ref") else {
            return;
        };
        match reference.as_str() {
            Some(reference) if !reference.is_empty() => {
                if self.references.insert(reference.to_owned(), to).is_some() {
                    let message =
                        format!("two components have the reference '{}'", short(reference));
                    self.sbom.problem(message);
                }
            }
            _ => self.sbom.problem("a component's reference is no text"),
        }
    }

    /// The document's nesting is bounded by its reader, so this recursion is too.
    fn component(&mut self, component: &Value) -> Result<(), SbomError> {
        self.components += 1;
        if self.components > MAX_COMPONENTS {
            return Err(SbomError::TooMany);
        }
        if !component.is_object() {
            return Err(SbomError::Shape("components"));
        }
        check::component(component, &mut self.sbom);
        let at = self.package(component)?;
        self.reference(component, at);
        for inner in list(component, "components")? {
            self.component(inner)?;
        }
        Ok(())
    }

    fn service(&mut self, service: &Value) -> Result<(), SbomError> {
        self.components += 1;
        if self.components > MAX_COMPONENTS {
            return Err(SbomError::TooMany);
        }
        check::service(service, &mut self.sbom);
        self.reference(service, None);
        for inner in list(service, "services")? {
            self.service(inner)?;
        }
        Ok(())
    }

    fn package(&mut self, component: &Value) -> Result<Option<usize>, SbomError> {
        let (group, name) = (text(component, "group"), text(component, "name"));
        let properties = properties(component)?;
        if text(component, "type") == "operating-system" {
            if self.sbom.distro.is_none() {
                let version = text(component, "version");
                self.sbom.distro = Some(distro(name, version, properties));
            }
            return Ok(None);
        }
        let Some(mut package) = self.begin(component, group, name, &properties) else {
            return Ok(None);
        };
        text(component.get("supplier").unwrap_or(&Value::Null), "name")
            .clone_into(&mut package.supplier);
        package.licenses = licences(component)?;
        package.hashes = hashes(component)?;
        if package.path.is_empty() && text(component, "scope") == "excluded" {
            package.dev = true;
        }
        tell(&mut package, &properties);
        self.sbom.packages.push(package);
        Ok(Some(self.sbom.packages.len() - 1))
    }

    fn begin(
        &mut self,
        component: &Value,
        group: &str,
        name: &str,
        properties: &[Property],
    ) -> Option<Package> {
        let address = text(component, "purl");
        let told = properties.iter().find(|(name, _)| name == "rampart:kind");
        if let Some(kind) = told.and_then(|(_, kind)| kind.parse::<PackageKind>().ok()) {
            let name = join_name(kind, group, name);
            return Some(Package::new(kind, name, text(component, "version")));
        }
        if address.is_empty() {
            let package = matches!(text(component, "type"), "library" | "framework");
            self.without_purl += usize::from(package && !name.is_empty());
            return None;
        }
        let purl = match purl::parse(address) {
            Ok(purl) => purl,
            Err(error) => {
                let message = format!("component '{}': {error}", short(name));
                self.sbom.problem(message);
                return None;
            }
        };
        if self.sbom.distro.is_none() {
            self.sbom.distro = purl.distro();
        }
        let Some(mut package) = from_purl(&purl, group, name) else {
            *self.unknown.entry(short(&purl.kind)).or_default() += 1;
            return None;
        };
        if package.version.is_empty() {
            text(component, "version").clone_into(&mut package.version);
        }
        Some(package)
    }

    fn dependencies(&mut self, value: &Value) -> Result<(), SbomError> {
        for dependency in list(value, "dependencies")? {
            let from = text(dependency, "ref");
            let Some(from) = self.known(from) else {
                continue;
            };
            for to in list(dependency, "dependsOn")? {
                let to = self.known(to.as_str().unwrap_or_default()).flatten();
                let (Some(from), Some(to)) = (from, to) else {
                    continue;
                };
                let need = format!(
                    "{}@{}",
                    self.sbom.packages[to].name, self.sbom.packages[to].version
                );
                let package = &mut self.sbom.packages[from];
                // Ours says all of it in properties where the graph cannot.
                if !package.depends_on.contains(&need) {
                    package.depends_on.push(need);
                }
            }
        }
        Ok(())
    }

    fn known(&mut self, reference: &str) -> Option<Option<usize>> {
        let known = self.references.get(reference).copied();
        if known.is_none() {
            let message = format!(
                "a dependency names '{}', which is not there",
                short(reference)
            );
            self.sbom.problem(message);
        }
        known
    }

    fn finish(mut self) -> Sbom {
        if self.without_purl > 0 {
            let message = format!("{} libraries have no package URL", self.without_purl);
            self.sbom.problem(message);
        }
        for (kind, count) in std::mem::take(&mut self.unknown) {
            let message = format!("{count} components are of the type '{kind}', not matched");
            self.sbom.problem(message);
        }
        self.sbom.finish()
    }
}

fn properties(component: &Value) -> Result<Vec<Property>, SbomError> {
    let item = |property: &Value| {
        (
            text(property, "name").to_owned(),
            text(property, "value").to_owned(),
        )
    };
    Ok(list(component, "properties")?.iter().map(item).collect())
}

fn hashes(component: &Value) -> Result<Vec<String>, SbomError> {
    let hashes = list(component, "hashes")?.iter();
    Ok(hashes
        .filter_map(|hash| unhash(text(hash, "alg"), text(hash, "content")))
        .collect())
}

/// Ids, names and expressions.
fn licences(owner: &Value) -> Result<Vec<String>, SbomError> {
    let mut out = Vec::new();
    for choice in list(owner, "licenses")? {
        let license = choice.get("license").unwrap_or(&Value::Null);
        let texts = [
            text(choice, "expression"),
            text(license, "id"),
            text(license, "name"),
        ];
        let told = texts.into_iter().find(|text| !text.is_empty());
        match told {
            Some(told) => out.push(told.to_owned()),
            None if license.get("name").is_some() => out.push(String::new()),
            None => {}
        }
    }
    Ok(out)
}

/// What the document describes.
fn target(root: &Value, target: &mut ScanTarget) -> Result<(), SbomError> {
    text(root, "name").clone_into(&mut target.name);
    let mut layers: BTreeMap<u32, Layer> = BTreeMap::new();
    for (name, value) in properties(root)? {
        let Some(name) = name.strip_prefix("rampart:target:") else {
            continue;
        };
        match name {
            "digest" => target.digest = value,
            "imageId" => target.image_id = value,
            "os" => target.os = value,
            "arch" => target.arch = value,
            _ => {
                let Some((at, field)) = name
                    .strip_prefix("layer:")
                    .and_then(|rest| rest.split_once(':'))
                else {
                    continue;
                };
                let Ok(at) = at.parse() else { continue };
                let layer = layers.entry(at).or_default();
                match field {
                    "digest" => layer.digest = value,
                    "diffId" => layer.diff_id = value,
                    "createdBy" => layer.created_by = value,
                    _ => {}
                }
            }
        }
    }
    target.layers = layers.into_values().collect();
    Ok(())
}
