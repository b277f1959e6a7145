//! Package names in XML: `packages.config`, `Directory.Packages.props`, project files.
//!
//! Read as a stream of elements; entities other than XML's own five are not expanded, documents
//! deeper than [`MAX_DEPTH`] elements are given up with a problem.

use crate::analyze::{FileMeta, document::decode, manifest::Listing};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashMap;

const MAX_DEPTH: usize = 64;

pub(super) fn packages_config(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let walked = walk(&text, |path, element, _| {
        if path.last().map(String::as_str) != Some("package") {
            return;
        }
        let Some(id) = attribute(element, "id") else {
            return listing.bad("(unnamed)", "no id");
        };
        let Some(version) = attribute(element, "version") else {
            return listing.bad(&id, "no version");
        };
        let mut package = Package::new(PackageKind::Nuget, id, version);
        package.direct = true;
        package.dev = attribute(element, "developmentDependency").as_deref() == Some("true");
        listing.add(package);
    });
    if let Err(reason) = walked {
        listing.unreadable(format!("not readable as XML: {reason}"));
    }
}

/// A reference still without its version, or with one.
struct Reference {
    name: String,
    version: String,
}

pub(super) fn project(meta: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let mut properties: HashMap<String, String> = HashMap::new();
    let mut references: Vec<Reference> = Vec::new();
    let walked = walk(&text, |path, element, value| {
        let last = path.last().map_or("", String::as_str);
        let parent = path.iter().rev().nth(1).map_or("", String::as_str);
        if is_reference(last) {
            if let Some(value) = attribute(element, "Include") {
                let version =
                    attribute(element, "Version").or_else(|| attribute(element, "VersionOverride"));
                references.push(Reference {
                    name: value,
                    version: version.unwrap_or_default(),
                });
            }
        } else if is_reference(parent) && last == "Version" {
            if let (Some(reference), Some(value)) = (references.last_mut(), value) {
                value.clone_into(&mut reference.version);
            }
        } else if let (Some(value), "PropertyGroup") = (value, parent) {
            properties.insert(last.to_ascii_lowercase(), value.to_owned());
        }
    });
    if let Err(reason) = walked {
        listing.unreadable(format!("not readable as XML: {reason}"));
    }
    let central = meta.file_name().ends_with(".props");
    for reference in references {
        take(&reference, &properties, central, listing);
    }
}

fn is_reference(element: &str) -> bool {
    matches!(
        element,
        "PackageReference" | "PackageVersion" | "GlobalPackageReference"
    )
}

fn take(
    reference: &Reference,
    properties: &HashMap<String, String>,
    central: bool,
    listing: &mut Listing<'_>,
) {
    let mut version = reference.version.trim();
    // A property may name another; a circle ends.
    for _ in 0..4 {
        let name = version
            .strip_prefix("$(")
            .and_then(|rest| rest.strip_suffix(')'));
        let Some(value) = name.and_then(|name| properties.get(&name.to_ascii_lowercase())) else {
            break;
        };
        version = value.trim();
    }
    let exact = version
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let version = exact.unwrap_or(version).trim();
    if version.is_empty() && !central {
        return listing.left_out("its version stands in another file", &reference.name);
    }
    if version.is_empty() || version.contains(['*', '$', ',', '[', '(', ')', ']']) {
        return listing.left_out("not pinned to one version", &reference.name);
    }
    let mut package = Package::new(PackageKind::Nuget, &reference.name, version);
    package.direct = true;
    listing.add(package);
}

/// Calls `visit` for every element when it opens (no value), and again with its text, if it has
/// any, when that is read.
fn walk(
    text: &str,
    mut visit: impl FnMut(&[String], &BytesStart<'_>, Option<&str>),
) -> Result<(), String> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut open: Vec<BytesStart<'static>> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(element) => {
                if path.len() >= MAX_DEPTH {
                    return Err(format!("nested deeper than {MAX_DEPTH} elements"));
                }
                path.push(local_name(&element));
                visit(&path, &element, None);
                open.push(element.into_owned());
            }
            Event::Empty(element) => {
                path.push(local_name(&element));
                visit(&path, &element, None);
                path.pop();
            }
            Event::Text(value) => {
                let value: &str = &value;
                if let (Some(element), false) = (open.last(), value.trim().is_empty()) {
                    visit_text(&path, element, value.trim(), &mut visit);
                }
            }
            Event::End(_) => {
                path.pop();
                open.pop();
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn visit_text(
    path: &[String],
    element: &BytesStart<'_>,
    value: &str,
    visit: &mut impl FnMut(&[String], &BytesStart<'_>, Option<&str>),
) {
    // A reference's own text is layout; only leaves have values.
    if !path
        .last()
        .is_some_and(|last| is_reference(last) || last == "package")
    {
        visit(path, element, Some(value));
    }
}

fn local_name(element: &BytesStart<'_>) -> String {
    element.local_name().as_ref().to_owned()
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes().flatten();
    let found = attributes.find(|attribute| {
        attribute
            .key
            .local_name()
            .as_ref()
            .eq_ignore_ascii_case(name)
    })?;
    Some(found.value.trim().to_owned()).filter(|value| !value.is_empty())
}
