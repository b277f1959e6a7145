//! What a CycloneDX document must hold to, as far as it bears on what is read: faults become
//! problems beside the packages, never a reason to leave the rest unread.

use crate::sbom::{Sbom, component::unhash, licence, short, text};
use serde_json::Value;

const TYPES: [&str; 13] = [
    "application",
    "framework",
    "library",
    "container",
    "platform",
    "operating-system",
    "device",
    "device-driver",
    "firmware",
    "file",
    "machine-learning-model",
    "data",
    "cryptographic-asset",
];
const SCOPES: [&str; 3] = ["required", "optional", "excluded"];
const PATCHES: [&str; 4] = ["unofficial", "monkey", "backport", "cherry-pick"];
const ISSUES: [&str; 3] = ["defect", "enhancement", "security"];
const FLOWS: [&str; 4] = ["inbound", "outbound", "bi-directional", "unknown"];
const TLP: [&str; 5] = ["CLEAR", "GREEN", "AMBER", "AMBER_AND_STRICT", "RED"];

/// Says what is wrong, and with which component.
struct Faults<'a> {
    sbom: &'a mut Sbom,
    name: String,
}

impl Faults<'_> {
    fn say(&mut self, fault: &str) {
        let name = &self.name;
        self.sbom.problem(format!("{name}: {fault}"));
    }

    fn unless(&mut self, holds: bool, fault: &str) {
        if !holds {
            self.say(fault);
        }
    }
}

fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Absent, or one of those known.
fn is_among(value: &Value, key: &str, known: &[&str]) -> bool {
    match value.get(key) {
        None => true,
        Some(value) => value.as_str().is_some_and(|text| known.contains(&text)),
    }
}

/// Text put in with an encoding that is not base64 cannot be read.
fn is_encoded(attachment: Option<&Value>) -> bool {
    attachment.is_none_or(|attachment| is_among(attachment, "encoding", &["base64"]))
}

pub(super) fn component(value: &Value, sbom: &mut Sbom) {
    let name = text(value, "name");
    let mut faults = Faults {
        sbom,
        name: format!("component '{}'", short(name)),
    };
    faults.unless(!name.is_empty(), "it has no name");
    let kind = text(value, "type");
    faults.unless(TYPES.contains(&kind), "its type is not known");
    faults.unless(is_among(value, "scope", &SCOPES), "its scope is not known");
    for hash in items(value, "hashes") {
        let well = unhash(text(hash, "alg"), text(hash, "content")).is_some()
            || text(hash, "alg") == "Streebog-256"
            || text(hash, "alg") == "Streebog-512";
        faults.unless(well, "a hash of it has a wrong algorithm or wrong digits");
    }
    if let Some(swid) = value.get("swid") {
        let well = !text(swid, "tagId").is_empty() && !text(swid, "name").is_empty();
        faults.unless(well, "its SWID tag has no id or no name");
    }
    versions(value, &mut faults);
    pedigree(value, &mut faults);
    properties(value, &mut faults);
    licences(value, &mut faults);
}

/// A range of versions stands for a component from elsewhere, and instead of a version.
fn versions(value: &Value, faults: &mut Faults<'_>) {
    if value.get("versionRange").is_none() {
        return;
    }
    let external = value.get("isExternal").and_then(Value::as_bool) == Some(true);
    faults.unless(external, "it has a range of versions but is not external");
    let both = value.get("version").is_some();
    faults.unless(!both, "it has a version and a range of versions");
}

fn pedigree(value: &Value, faults: &mut Faults<'_>) {
    let Some(pedigree) = value.get("pedigree") else {
        return;
    };
    for patch in items(pedigree, "patches") {
        let well = PATCHES.contains(&text(patch, "type"));
        faults.unless(well, "a patch of it has an unknown type");
        let diff = patch.get("diff").and_then(|diff| diff.get("text"));
        faults.unless(is_encoded(diff), "a patch of it has an unknown encoding");
        for issue in items(patch, "resolves") {
            let well = ISSUES.contains(&text(issue, "type"));
            faults.unless(well, "an issue that a patch resolves has an unknown type");
        }
    }
}

fn properties(value: &Value, faults: &mut Faults<'_>) {
    let named = |property: &Value| property.get("name").is_some_and(Value::is_string);
    let well = items(value, "properties").iter().all(named);
    faults.unless(well, "a property of it has no name");
}

fn licences(value: &Value, faults: &mut Faults<'_>) {
    let choices = items(value, "licenses");
    let newest = faults.sbom.format.ends_with("1.7");
    for choice in choices {
        let (license, expression) = (choice.get("license"), choice.get("expression"));
        let one = license.is_some() != expression.is_some();
        let alone = expression.is_none() || choices.len() == 1 || newest;
        faults.unless(
            one && alone,
            "its licences are neither one expression nor a list",
        );
        if let Some(license) = license {
            licence(license, faults);
        }
    }
}

fn licence(license: &Value, faults: &mut Faults<'_>) {
    let id = license.get("id");
    let one = id.is_some() != license.get("name").is_some();
    faults.unless(one, "a licence of it has not one id or name");
    if let Some(id) = id {
        let listed = id.as_str().is_some_and(licence::is_id);
        faults.unless(listed, "a licence id of it is not on the SPDX list");
    }
    let encoded = is_encoded(license.get("text"));
    faults.unless(encoded, "a licence text of it has an unknown encoding");
    properties(license, faults);
}

pub(super) fn service(value: &Value, sbom: &mut Sbom) {
    let name = text(value, "name");
    let mut faults = Faults {
        sbom,
        name: format!("service '{}'", short(name)),
    };
    faults.unless(!name.is_empty(), "it has no name");
    for data in items(value, "data") {
        let well = FLOWS.contains(&text(data, "flow")) && !text(data, "classification").is_empty();
        faults.unless(well, "its data has no known flow or no classification");
    }
    properties(value, &mut faults);
    licences(value, &mut faults);
}

pub(super) fn metadata(value: &Value, sbom: &mut Sbom) {
    let mut faults = Faults {
        sbom,
        name: "the document".to_owned(),
    };
    licences(value, &mut faults);
    properties(value, &mut faults);
    if let Some(constraints) = value.get("distributionConstraints") {
        let well = is_among(constraints, "tlp", &TLP);
        faults.unless(well, "its distribution is constrained in an unknown way");
    }
}
