//! Maven's `pom.xml`, by itself: its properties, its managed versions, its parent's coordinates.
//!
//! Parents and imported lists are other files, perhaps on other hosts, and are not read. A
//! dependency whose version comes from there is told without one. Limits: [`LIMIT`] bytes,
//! [`DEPTH_LIMIT`] elements inside each other, [`DEPENDENCIES_LIMIT`] dependencies,
//! [`LICENSES_LIMIT`] licences; a property
//! is expanded [`EXPANSIONS_LIMIT`] times and to [`VALUE_BYTES`] at most. Entities that the
//! document declares are not expanded.

use super::coordinates::Coordinates;
use crate::analyze::{Analyzer, FileMeta, Scope, Sink, Whole, license};
use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesRef, Event},
};
use rampart_model::package::{Package, PackageKind};
use std::collections::HashMap;

const LIMIT: usize = 16 << 20;
const DEPTH_LIMIT: usize = 64;
const DEPENDENCIES_LIMIT: usize = 50_000;
const LICENSES_LIMIT: usize = 16;
const EXPANSIONS_LIMIT: usize = 32;
const VALUE_BYTES: usize = 1024;

pub struct PomXml;

impl Analyzer for PomXml {
    fn name(&self) -> &'static str {
        "pom-xml"
    }

    fn scope(&self) -> Scope {
        Scope::Project
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.file_name() == "pom.xml"
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        // One that was packed with an archive says what the archive is, not what is installed.
        let packed = file.path.contains("META-INF/maven/");
        Some(Whole::sink(file, LIMIT, move |_, bytes, out| {
            let packages = match read_pom(bytes, &out.path) {
                Ok(packages) => packages,
                Err(error) => return out.problem(format!("pom.xml: {error}")),
            };
            if packed {
                out.packages
                    .extend(packages.into_iter().filter(|p| p.direct).take(1));
                return;
            }
            let open = packages.iter().filter(|p| p.version.is_empty()).count();
            if open > 0 {
                out.problem(format!(
                    "pom.xml: {open} versions come from a parent or an imported list: not known"
                ));
            }
            out.packages.extend(packages);
        }))
    }
}

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PomError {
    #[error("not well-formed XML at byte {0}")]
    Xml(u64),
    #[error("no project element")]
    NoProject,
    #[error("elements nested deeper than {DEPTH_LIMIT}")]
    TooDeep,
    #[error("more than {DEPENDENCIES_LIMIT} dependencies")]
    TooMany,
}

#[derive(Clone, Default)]
struct Dependency {
    coordinates: Coordinates,
    scope: String,
    kind: String,
}

#[derive(Default)]
struct License {
    name: String,
    url: String,
}

#[derive(Default)]
struct Pom {
    own: Coordinates,
    parent: Coordinates,
    properties: HashMap<String, String>,
    managed: Vec<Dependency>,
    dependencies: Vec<Dependency>,
    licenses: Vec<License>,
    is_project: bool,
}

/// The project itself first, if its version is known, then what it depends on.
pub fn read_pom(bytes: &[u8], path: &str) -> Result<Vec<Package>, PomError> {
    let pom = Pom::read(bytes)?;
    let own = pom.coordinates();
    let mut packages = Vec::new();
    let package = |coordinates: &Coordinates| Package {
        path: path.to_owned(),
        direct: true,
        ..Package::new(
            PackageKind::Maven,
            coordinates.name(),
            coordinates.version.as_str(),
        )
    };
    if !own.version.is_empty() && !own.artifact.is_empty() {
        packages.push(Package {
            licenses: pom.licenses(),
            ..package(&own)
        });
    }
    let managed: HashMap<(String, String), &Dependency> = pom
        .managed
        .iter()
        .map(|entry| (pom.key(&entry.coordinates), entry))
        .collect();
    for entry in &pom.dependencies {
        let key = pom.key(&entry.coordinates);
        if key.1.is_empty() || entry.kind == "pom" {
            continue;
        }
        let manager = managed.get(&key);
        let version = match entry.coordinates.version.as_str() {
            "" => manager.map_or("", |entry| &entry.coordinates.version),
            version => version,
        };
        let scope = match entry.scope.as_str() {
            "" => manager.map_or("", |entry| &entry.scope),
            scope => scope,
        };
        let coordinates = Coordinates {
            version: exact(&pom.expand(version)),
            group: key.0,
            artifact: key.1,
        };
        packages.push(Package {
            dev: scope == "test",
            ..package(&coordinates)
        });
    }
    Ok(packages)
}

/// What a pom inside an archive tells of it.
pub(super) struct Packed {
    /// None if the version is not in the file.
    pub(super) coordinates: Option<Coordinates>,
    pub(super) licenses: Vec<String>,
}

pub(super) fn read_packed(bytes: &[u8]) -> Result<Packed, PomError> {
    let pom = Pom::read(bytes)?;
    let own = pom.coordinates();
    let complete = [&own.group, &own.artifact, &own.version]
        .iter()
        .all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
    Ok(Packed {
        coordinates: complete.then_some(own),
        licenses: pom.licenses(),
    })
}

/// One version, perhaps in brackets; a range is none.
fn exact(version: &str) -> String {
    let inner = version.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
    let version = inner.unwrap_or(version);
    match version.contains(['[', '(', ',', '$', ' ']) {
        true => String::new(),
        false => version.to_owned(),
    }
}

impl Pom {
    fn read(bytes: &[u8]) -> Result<Self, PomError> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        let mut pom = Self::default();
        let mut place: Vec<String> = Vec::new();
        let mut value = String::new();
        loop {
            let event = reader.read_event();
            match event.map_err(|_| PomError::Xml(reader.error_position()))? {
                Event::Start(start) => {
                    place.push(start.local_name().into_inner().to_owned());
                    value.clear();
                    if place.len() > DEPTH_LIMIT {
                        return Err(PomError::TooDeep);
                    }
                    pom.open(&place)?;
                }
                Event::End(_) => {
                    pom.close(&place, value.trim());
                    place.pop();
                    value.clear();
                }
                Event::Text(text) => append(&mut value, &text.xml10_content()),
                Event::CData(text) => append(&mut value, &text.xml10_content()),
                Event::GeneralRef(reference) => append(&mut value, &referred(&reference)),
                Event::Eof => break,
                _ => {}
            }
        }
        match (pom.is_project, place.is_empty()) {
            (false, _) => Err(PomError::NoProject),
            (true, false) => Err(PomError::Xml(reader.buffer_position())),
            (true, true) => Ok(pom),
        }
    }

    fn open(&mut self, place: &[String]) -> Result<(), PomError> {
        let list = match names(place).as_slice() {
            ["project"] => {
                self.is_project = true;
                return Ok(());
            }
            ["project", "dependencies", "dependency"] => &mut self.dependencies,
            [
                "project",
                "dependencyManagement",
                "dependencies",
                "dependency",
            ] => &mut self.managed,
            ["project", "licenses", "license"] => {
                if self.licenses.len() < LICENSES_LIMIT {
                    self.licenses.push(License::default());
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        list.push(Dependency::default());
        match list.len() > DEPENDENCIES_LIMIT {
            true => Err(PomError::TooMany),
            false => Ok(()),
        }
    }

    fn close(&mut self, place: &[String], value: &str) {
        let field = match names(place).as_slice() {
            ["project", "properties", name] => {
                self.properties.insert((*name).to_owned(), value.to_owned());
                return;
            }
            ["project", "licenses", "license", field] => match *field {
                "name" => self.licenses.last_mut().map(|license| &mut license.name),
                "url" => self.licenses.last_mut().map(|license| &mut license.url),
                _ => None,
            },
            ["project", "parent", field] => self.parent.field(field),
            ["project", field] => self.own.field(field),
            ["project", "dependencies", "dependency", field] => {
                self.dependencies.last_mut().and_then(|d| d.field(field))
            }
            [
                "project",
                "dependencyManagement",
                "dependencies",
                "dependency",
                field,
            ] => self.managed.last_mut().and_then(|d| d.field(field)),
            _ => None,
        };
        if let Some(field) = field {
            value.clone_into(field);
        }
    }

    /// By name; by the address where the name is none that is known.
    fn licenses(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for License { name, url } in &self.licenses {
            let (by_name, by_url) = (license::normalise(name), license::normalise(url));
            let better = !license::is_listed(&by_name) && license::is_listed(&by_url);
            let told = match better || by_name.is_empty() {
                true => by_url,
                false => by_name,
            };
            if !told.is_empty() && !found.contains(&told) {
                found.push(told);
            }
        }
        found
    }

    fn coordinates(&self) -> Coordinates {
        let inherited = |own: &str, parent: &str| {
            let value = self.expand(if own.is_empty() { parent } else { own });
            if value.contains("${") {
                String::new()
            } else {
                value
            }
        };
        Coordinates {
            group: inherited(&self.own.group, &self.parent.group),
            artifact: inherited(&self.own.artifact, ""),
            version: inherited(&self.own.version, &self.parent.version),
        }
    }

    fn key(&self, coordinates: &Coordinates) -> (String, String) {
        let known = |value: &str| {
            let value = self.expand(value);
            if value.contains("${") {
                String::new()
            } else {
                value
            }
        };
        (known(&coordinates.group), known(&coordinates.artifact))
    }

    fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..EXPANSIONS_LIMIT {
            let Some(start) = text.find("${") else { break };
            let Some(length) = text[start..].find('}') else {
                break;
            };
            let Some(value) = self.property(&text[start + 2..start + length]) else {
                break;
            };
            text = format!("{}{value}{}", &text[..start], &text[start + length + 1..]);
            if text.len() > VALUE_BYTES {
                return String::new();
            }
        }
        text
    }

    fn property(&self, name: &str) -> Option<&str> {
        let (own, parent) = (&self.own, &self.parent);
        let bare = name
            .strip_prefix("project.")
            .or_else(|| name.strip_prefix("pom."))
            .unwrap_or(name);
        let value = match bare {
            "parent.version" => &parent.version,
            "parent.groupId" => &parent.group,
            "version" if own.version.is_empty() => &parent.version,
            "version" => &own.version,
            "groupId" if own.group.is_empty() => &parent.group,
            "groupId" => &own.group,
            "artifactId" => &own.artifact,
            _ => self.properties.get(name)?,
        };
        Some(value.as_str())
    }
}

impl Coordinates {
    fn field(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "groupId" => &mut self.group,
            "artifactId" => &mut self.artifact,
            "version" => &mut self.version,
            _ => return None,
        })
    }
}

impl Dependency {
    fn field(&mut self, name: &str) -> Option<&mut String> {
        match name {
            "scope" => Some(&mut self.scope),
            "type" => Some(&mut self.kind),
            _ => self.coordinates.field(name),
        }
    }
}

fn names(place: &[String]) -> Vec<&str> {
    place.iter().map(String::as_str).collect()
}

fn append(value: &mut String, text: &str) {
    if value.len() + text.len() <= VALUE_BYTES {
        value.push_str(text);
    }
}

fn referred(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(char)) = reference.resolve_char_ref() {
        return char.to_string();
    }
    let name: &str = reference;
    let known = resolve_predefined_entity(name);
    known.map_or_else(|| format!("&{name};"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &[&str]) {
        let text = format!("<?xml version=\"1.0\"?><project xmlns=\"x\">{body}</project>");
        let packages = read_pom(text.as_bytes(), "pom.xml").unwrap();
        let line = |p: &Package| {
            let dev = if p.dev { " dev" } else { "" };
            format!("{} {}{dev}", p.name, p.version)
        };
        assert_eq!(
            packages.iter().map(line).collect::<Vec<_>>(),
            expected,
            "{body}"
        );
    }

    #[test]
    fn versions_from_everywhere_in_the_file() {
        check(
            "<parent><groupId>g</groupId><artifactId>up</artifactId><version>7</version></parent>\
             <artifactId>app</artifactId>\
             <properties><a.version>1.${minor}</a.version><minor>2</minor></properties>\
             <dependencyManagement><dependencies><dependency><groupId>m</groupId>\
             <artifactId>managed</artifactId><version>3.0</version><scope>test</scope></dependency>\
             </dependencies></dependencyManagement>\
             <dependencies>\
             <dependency><groupId>x</groupId><artifactId>a</artifactId><version>${a.version}</version>\
             <exclusions><exclusion><groupId>n</groupId><artifactId>n</artifactId></exclusion></exclusions></dependency>\
             <dependency><groupId>m</groupId><artifactId>managed</artifactId></dependency>\
             <dependency><groupId>${project.groupId}</groupId><artifactId>sib</artifactId><version>${project.version}</version></dependency>\
             <dependency><groupId>o</groupId><artifactId>open</artifactId></dependency>\
             <dependency><groupId>r</groupId><artifactId>range</artifactId><version>[1,2)</version></dependency>\
             <dependency><groupId>r</groupId><artifactId>one</artifactId><version>[1.5]</version></dependency>\
             </dependencies>\
             <build><plugins><plugin><dependencies><dependency><groupId>p</groupId></dependency></dependencies></plugin></plugins></build>",
            &[
                "g:app 7",
                "x:a 1.2",
                "m:managed 3.0 dev",
                "g:sib 7",
                "o:open ",
                "r:range ",
                "r:one 1.5",
            ],
        );
    }

    #[test]
    fn hostile_files() {
        // Properties that grow, and that run in circles.
        let grow = (0..40).map(|n| format!("<p{n}>${{p{0}}}${{p{0}}}</p{n}>", n + 1));
        let grow = grow.collect::<String>();
        let dependency = "<dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId>\
                          <version>${p0}</version></dependency></dependencies>";
        check(
            &format!("<properties>{grow}</properties>{dependency}"),
            &["g:a "],
        );
        check(
            &format!("<properties><p0>${{p1}}</p0><p1>${{p0}}</p1></properties>{dependency}"),
            &["g:a "],
        );
        let deep = "<a>".repeat(100);
        for (text, expected) in [
            ("<html></html>", PomError::NoProject),
            ("", PomError::NoProject),
            (&*format!("<project>{deep}"), PomError::TooDeep),
        ] {
            assert_eq!(read_pom(text.as_bytes(), ""), Err(expected));
        }
        for text in [
            "<project><a></project>",
            "<project><artifactId>x",
            "<project",
        ] {
            assert!(
                matches!(read_pom(text.as_bytes(), ""), Err(PomError::Xml(_))),
                "{text}"
            );
        }
        let entities = "<!DOCTYPE project [<!ENTITY a \"b\">]><project><groupId>&a;</groupId>\
                        <artifactId>x&amp;&#65;</artifactId><version>1</version></project>";
        assert_eq!(
            read_pom(entities.as_bytes(), "").unwrap()[0].name,
            "&a;:x&A"
        );
    }
}
