//! CycloneDX as XML, turned into the shape that its JSON has, as far as the reader looks.
//!
//! Depth is bounded by [`DEPTH`]; document types, and with them entities of their own, are refused.

use crate::sbom::{MAX_COMPONENTS, SbomError};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use serde_json::{Map, Value, json};

const DEPTH: usize = 64;
/// Elements of one document.
const ELEMENTS: usize = MAX_COMPONENTS * 40;

/// An element with what it holds.
#[derive(Default)]
struct Element {
    name: String,
    /// Of another namespace than the document's.
    foreign: bool,
    prefix: Option<String>,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

pub(in crate::sbom) fn from_xml(text: &str) -> Result<Value, SbomError> {
    let root = tree(text)?;
    let version = root
        .attributes
        .iter()
        .filter(|(key, _)| root.name == "bom" && key == "xmlns")
        .find_map(|(_, namespace)| namespace.rsplit_once("/schema/bom/"))
        .map(|(_, version)| version)
        .ok_or(SbomError::Unknown)?;
    let mut out = Map::new();
    out.insert("bomFormat".into(), json!("CycloneDX"));
    out.insert("specVersion".into(), json!(version));
    if let Some(serial) = root.attribute("serialNumber") {
        out.insert("serialNumber".into(), json!(serial));
    }
    if let Some(metadata) = root.child("metadata") {
        out.insert("metadata".into(), metadata_of(metadata));
    }
    if let Some(components) = root.child("components") {
        out.insert("components".into(), components_of(components));
    }
    if let Some(services) = root.child("services") {
        out.insert("services".into(), services_of(services));
    }
    if let Some(dependencies) = root.child("dependencies") {
        let all = dependencies.children.iter().map(|dependency| {
            let needs: Vec<Value> = dependency
                .children
                .iter()
                .filter_map(|need| need.attribute("ref").map(|text| json!(text)))
                .collect();
            json!({"ref": dependency.attribute("ref").unwrap_or_default(), "dependsOn": needs})
        });
        out.insert("dependencies".into(), all.collect());
    }
    Ok(Value::Object(out))
}

impl Element {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

fn metadata_of(metadata: &Element) -> Value {
    let mut out = Map::new();
    if let Some(time) = metadata.child("timestamp") {
        out.insert("timestamp".into(), json!(time.text.trim()));
    }
    if let Some(licences) = metadata.child("licenses") {
        out.insert("licenses".into(), licences_of(licences));
    }
    if let Some(constraints) = metadata.child("distributionConstraints") {
        let tlp = constraints.child("tlp").map(|tlp| tlp.text.trim());
        out.insert(
            "distributionConstraints".into(),
            json!({"tlp": tlp.unwrap_or("CLEAR")}),
        );
    }
    if let Some(properties) = metadata.child("properties") {
        out.insert("properties".into(), properties_of(properties));
    }
    if let Some(component) = metadata.child("component") {
        out.insert("component".into(), component_of(component));
    }
    Value::Object(out)
}

fn components_of(components: &Element) -> Value {
    components.children.iter().map(component_of).collect()
}

fn component_of(component: &Element) -> Value {
    let mut out = Map::new();
    for name in ["type", "bom-ref"] {
        if let Some(value) = component.attribute(name) {
            out.insert(name.into(), json!(value));
        }
    }
    if let Some(external) = component.attribute("isExternal") {
        out.insert("isExternal".into(), json!(matches!(external, "true" | "1")));
    }
    for child in &component.children {
        let value = match child.name.as_str() {
            "group" | "name" | "version" | "purl" | "scope" => json!(child.text.trim()),
            "supplier" => {
                let name = child.child("name").map(|name| name.text.trim());
                json!({"name": name.unwrap_or_default()})
            }
            "components" => components_of(child),
            "licenses" => licences_of(child),
            "hashes" => child
                .children
                .iter()
                .map(|hash| {
                    json!({
                        "alg": hash.attribute("alg").unwrap_or_default(),
                        "content": hash.text.trim(),
                    })
                })
                .collect(),
            "properties" => properties_of(child),
            "versionRange" => json!(child.text.trim()),
            "swid" => json!({
                "tagId": child.attribute("tagId").unwrap_or_default(),
                "name": child.attribute("name").unwrap_or_default(),
            }),
            "pedigree" => pedigree_of(child),
            _ => continue,
        };
        out.insert(child.name.clone(), value);
    }
    Value::Object(out)
}

fn properties_of(properties: &Element) -> Value {
    let property = |property: &Element| {
        let mut out = Map::new();
        if let Some(name) = property.attribute("name") {
            out.insert("name".into(), json!(name));
        }
        out.insert("value".into(), json!(property.text));
        Value::Object(out)
    };
    properties.children.iter().map(property).collect()
}

fn attachment_of(text: &Element) -> Value {
    match text.attribute("encoding") {
        Some(encoding) => json!({"encoding": encoding}),
        None => json!({}),
    }
}

fn pedigree_of(pedigree: &Element) -> Value {
    let kind = |element: &Element| element.attribute("type").unwrap_or_default().to_owned();
    let patch = |patch: &Element| {
        let text = patch.child("diff").and_then(|diff| diff.child("text"));
        let issues = patch.child("resolves").map(|resolves| &resolves.children);
        let issues: Vec<Value> = issues
            .into_iter()
            .flatten()
            .map(|issue| json!({"type": kind(issue)}))
            .collect();
        json!({
            "type": kind(patch),
            "diff": {"text": text.map_or(json!({}), attachment_of)},
            "resolves": issues,
        })
    };
    let patches = pedigree.child("patches").map(|patches| &patches.children);
    let patches: Vec<Value> = patches.into_iter().flatten().map(patch).collect();
    json!({"patches": patches})
}

fn services_of(services: &Element) -> Value {
    services.children.iter().map(service_of).collect()
}

fn service_of(service: &Element) -> Value {
    let mut out = Map::new();
    if let Some(reference) = service.attribute("bom-ref") {
        out.insert("bom-ref".into(), json!(reference));
    }
    for child in &service.children {
        let value = match child.name.as_str() {
            "name" => json!(child.text.trim()),
            "licenses" => licences_of(child),
            "properties" => properties_of(child),
            "services" => services_of(child),
            "data" => child.children.iter().map(data_of).collect(),
            _ => continue,
        };
        out.insert(child.name.clone(), value);
    }
    Value::Object(out)
}

/// Since 1.5 the classification is an element beside others; before, it was all there is.
fn data_of(data: &Element) -> Value {
    let inner = data.child("classification").unwrap_or(data);
    let flow = inner.attribute("flow").or_else(|| data.attribute("flow"));
    json!({"flow": flow.unwrap_or_default(), "classification": inner.text.trim()})
}

fn licences_of(licences: &Element) -> Value {
    let choice = |choice: &Element| {
        if choice.name == "expression" {
            return json!({"expression": choice.text.trim()});
        }
        if choice.name == "expression-detailed" {
            return json!({"expression": choice.attribute("expression").unwrap_or_default()});
        }
        let mut license = Map::new();
        for child in &choice.children {
            let value = match child.name.as_str() {
                "id" | "name" => json!(child.text.trim()),
                "text" => attachment_of(child),
                "properties" => properties_of(child),
                _ => continue,
            };
            // Given twice, it is no single one: the other name says so.
            let other = if child.name == "id" { "name" } else { "id" };
            if license.insert(child.name.clone(), value).is_some() {
                license.insert(other.into(), json!(child.text.trim()));
            }
        }
        json!({"license": license})
    };
    licences.children.iter().map(choice).collect()
}

fn broken(error: impl ToString) -> SbomError {
    SbomError::Xml(error.to_string().chars().take(200).collect())
}

fn tree(text: &str) -> Result<Element, SbomError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut count = 0;
    loop {
        let event = reader.read_event().map_err(broken)?;
        let (start, closed) = match &event {
            Event::Start(start) => (Some(start), false),
            Event::Empty(start) => (Some(start), true),
            _ => (None, matches!(event, Event::End(_))),
        };
        if let Some(start) = start {
            count += 1;
            if count > ELEMENTS {
                return Err(SbomError::TooMany);
            }
            if open.len() >= DEPTH {
                return Err(SbomError::TooDeep);
            }
            let mut element = element(start)?;
            if let Some(root) = open.first() {
                element.foreign |= element.prefix != root.prefix;
            }
            open.push(element);
        }
        if closed && let Some(done) = open.pop() {
            match open.last_mut() {
                // Elements of another namespace may stand anywhere, and say nothing to us.
                Some(_) if done.foreign => {}
                Some(parent) => parent.children.push(done),
                None => return Ok(done),
            }
        }
        match event {
            Event::Text(part) => {
                add(&mut open, &part.xml10_content());
            }
            Event::CData(part) => {
                add(&mut open, &part.xml10_content());
            }
            Event::GeneralRef(name) => {
                add(&mut open, &entity(&name.xml10_content())?);
            }
            Event::DocType(_) => return Err(broken("document types are refused")),
            Event::Eof => return Err(broken("it ends too early")),
            _ => {}
        }
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn entity(name: &str) -> Result<String, SbomError> {
    let numbered = |digits: &str, radix| {
        let code = u32::from_str_radix(digits, radix).ok()?;
        char::from_u32(code).map(String::from)
    };
    let known = match name {
        "lt" => Some("<".to_owned()),
        "gt" => Some(">".to_owned()),
        "amp" => Some("&".to_owned()),
        "quot" => Some("\"".to_owned()),
        "apos" => Some("'".to_owned()),
        _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
            (Some(digits), _) => numbered(digits, 16),
            (None, Some(digits)) => numbered(digits, 10),
            (None, None) => None,
        },
    };
    known.ok_or_else(|| broken("an entity is not known"))
}

fn element(start: &BytesStart<'_>) -> Result<Element, SbomError> {
    let name = start.local_name().into_inner().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(broken)?;
        let key = attribute.key.into_inner();
        // The default namespace keeps its name; a prefix of another attribute goes.
        let key = if key.starts_with("xmlns:") {
            "xmlns"
        } else {
            attribute.key.local_name().into_inner()
        };
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(broken)?;
        attributes.push((key.to_owned(), value.into_owned()));
    }
    let full = start.name().into_inner();
    let prefix = full.split_once(':').map(|(prefix, _)| prefix.to_owned());
    let other = attributes
        .iter()
        .any(|(key, value)| key == "xmlns" && !value.contains("/schema/bom/"));
    Ok(Element {
        foreign: other,
        prefix,
        name,
        attributes,
        ..Element::default()
    })
}
