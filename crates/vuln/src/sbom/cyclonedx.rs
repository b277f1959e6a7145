//! CycloneDX: 1.5 and 1.6 out as JSON; 1.2 to 1.7 in, as JSON and as XML.

mod check;
mod component;
mod read;
mod vulnerability;
mod xml;

use super::{
    Options,
    component::{Entry, Property, distro_properties, entries, own},
    stamp,
};
use rampart_model::{
    package::Distro,
    scan::{ScanReport, ScanTarget, TargetKind},
};
use serde_json::{Map, Value, json};

pub(super) use read::read;
pub(super) use xml::from_xml;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    V1_5,
    #[default]
    V1_6,
}

impl Version {
    pub fn name(self) -> &'static str {
        match self {
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
        }
    }
}

/// Writes the report's packages, and its vulnerabilities if asked for.
pub fn write(
    report: &ScanReport,
    options: &Options,
    version: Version,
    vulnerabilities: bool,
) -> String {
    let entries = entries(report);
    let root = root_reference(&report.target);
    let os = report
        .distro
        .as_ref()
        .map(|distro| (distro, os_reference(distro)));
    let mut body = Map::new();
    body.insert("version".into(), json!(1));
    body.insert("metadata".into(), metadata(report, options, &root));
    let mut components = Vec::with_capacity(entries.len() + 1);
    if let Some((distro, reference)) = &os {
        components.push(os_component(distro, reference));
    }
    components.extend(entries.iter().map(component::write));
    body.insert("components".into(), Value::Array(components));
    let os = os.map(|(_, reference)| reference);
    body.insert(
        "dependencies".into(),
        Value::Array(dependencies(&entries, &root, os.as_deref())),
    );
    if vulnerabilities {
        let found = vulnerability::write_all(report, &entries);
        body.insert("vulnerabilities".into(), Value::Array(found));
    }
    let mut document = Map::new();
    let schema = format!(
        "http://cyclonedx.org/schema/bom-{}.schema.json",
        version.name()
    );
    document.insert("$schema".into(), json!(schema));
    document.insert("bomFormat".into(), json!("CycloneDX"));
    document.insert("specVersion".into(), json!(version.name()));
    let content = Value::Object(body.clone()).to_string();
    let serial = format!("urn:uuid:{}", stamp::uuid(content.as_bytes()));
    document.insert("serialNumber".into(), json!(serial));
    document.extend(body);
    serde_json::to_string_pretty(&Value::Object(document)).unwrap_or_default()
}

fn root_reference(target: &ScanTarget) -> String {
    if target.digest.is_empty() {
        format!("target:{}", super::component::label(target))
    } else {
        format!(
            "target:{}@{}",
            super::component::label(target),
            target.digest
        )
    }
}

fn os_reference(distro: &Distro) -> String {
    format!("os:{}@{}", distro.id, distro.full_version)
}

fn metadata(report: &ScanReport, options: &Options, root: &str) -> Value {
    let tool = json!({
        "type": "application",
        "supplier": {"name": "Rampart"},
        "name": "rampart",
        "version": options.tool_version,
    });
    json!({
        "timestamp": stamp::rfc3339(options.created),
        "tools": {"components": [tool]},
        "authors": [{"name": options.author()}],
        "component": root_component(report, root),
    })
}

fn root_component(report: &ScanReport, reference: &str) -> Value {
    let target = &report.target;
    let kind = match target.kind {
        TargetKind::Image | TargetKind::Container => "container",
        TargetKind::Host => "device",
        TargetKind::Filesystem | TargetKind::Rootfs | TargetKind::Sbom => "application",
    };
    let mut out = Map::new();
    out.insert("type".into(), json!(kind));
    out.insert("bom-ref".into(), json!(reference));
    out.insert(
        "supplier".into(),
        json!({"name": super::component::root_supplier(report)}),
    );
    out.insert("name".into(), json!(super::component::label(target)));
    let version = super::component::root_version(target);
    if !version.is_empty() {
        out.insert("version".into(), json!(version));
    }
    if let Some(purl) = super::component::image_purl(target) {
        out.insert("purl".into(), json!(purl));
    }
    let mut properties = vec![own("target:kind", super::component::kind_name(target.kind))];
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
    for (at, layer) in target.layers.iter().enumerate() {
        for (name, value) in [
            ("digest", &layer.digest),
            ("diffId", &layer.diff_id),
            ("createdBy", &layer.created_by),
        ] {
            properties.push(own(&format!("target:layer:{at}:{name}"), value));
        }
    }
    out.insert("properties".into(), written(&properties));
    Value::Object(out)
}

fn os_component(distro: &Distro, reference: &str) -> Value {
    let supplier = if distro.name.is_empty() {
        &distro.id
    } else {
        &distro.name
    };
    let mut out = Map::new();
    out.insert("type".into(), json!("operating-system"));
    out.insert("bom-ref".into(), json!(reference));
    out.insert("supplier".into(), json!({"name": supplier}));
    out.insert("name".into(), json!(distro.id));
    let version = if distro.full_version.is_empty() {
        &distro.version
    } else {
        &distro.full_version
    };
    out.insert("version".into(), json!(version));
    out.insert("properties".into(), written(&distro_properties(distro)));
    Value::Object(out)
}

fn written(properties: &[Property]) -> Value {
    properties
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect()
}

/// What depends on what. The target needs the system and what nothing else in it needs.
fn dependencies(entries: &[Entry<'_>], root: &str, os: Option<&str>) -> Vec<Value> {
    let mut needed = vec![false; entries.len()];
    for at in entries.iter().flat_map(|entry| &entry.needs) {
        needed[*at] = true;
    }
    let tops = |of_os: bool| {
        entries
            .iter()
            .zip(&needed)
            .filter(move |(entry, needed)| {
                entry.package.kind.is_os() == of_os && (!**needed || entry.package.direct)
            })
            .map(|(entry, _)| entry.reference.as_str())
    };
    let mut of_root: Vec<&str> = os.into_iter().chain(tops(false)).collect();
    if os.is_none() {
        of_root.extend(tops(true));
    }
    let mut out = vec![json!({"ref": root, "dependsOn": of_root})];
    if let Some(os) = os {
        let of_os: Vec<&str> = tops(true).collect();
        out.push(json!({"ref": os, "dependsOn": of_os}));
    }
    out.extend(entries.iter().map(|entry| {
        let needs: Vec<&str> = entry
            .needs
            .iter()
            .map(|at| entries[*at].reference.as_str())
            .collect();
        json!({"ref": entry.reference, "dependsOn": needs})
    }));
    out
}
