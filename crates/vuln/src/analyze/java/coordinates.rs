//! Who an archive is: Maven's files inside, else manifest and file name together.
//!
//! A wrong coordinate brings wrong findings, so nothing is guessed from titles and vendors'
//! names. Without a group that is certain, the artifact's name stands alone, which no advisory
//! has.

use super::known;
use crate::analyze::license;
use std::collections::BTreeMap;

const ATTRIBUTES_LIMIT: usize = 10_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coordinates {
    /// Empty if not known.
    pub group: String,
    pub artifact: String,
    pub version: String,
}

impl Coordinates {
    pub fn name(&self) -> String {
        match self.group.as_str() {
            "" => self.artifact.clone(),
            group => format!("{group}:{}", self.artifact),
        }
    }

    /// `GROUP/ARTIFACT/pom.xml`, where the file itself leaves its version to a parent.
    pub(super) fn of_directory(directory: &str) -> Self {
        let mut parts = directory.split('/').map(str::to_owned);
        Self {
            group: parts.next().unwrap_or_default(),
            artifact: parts.next().unwrap_or_default(),
            version: String::new(),
        }
    }
}

/// What the walk found in one archive.
#[derive(Default)]
pub(super) struct Evidence {
    pub(super) manifest: Manifest,
    pub(super) properties: Vec<Coordinates>,
    pub(super) poms: Vec<Coordinates>,
    /// Of poms that name any: group, artifact, licences.
    pub(super) licenses: Vec<(String, String, Vec<String>)>,
}

impl Evidence {
    /// The pom's own word; for the archive as a whole also its manifest's.
    pub(super) fn licenses(&self, of: &Coordinates, is_whole: bool) -> Vec<String> {
        let told = self
            .licenses
            .iter()
            .find(|(group, artifact, _)| (group, artifact) == (&of.group, &of.artifact));
        match told {
            Some((_, _, licenses)) => licenses.clone(),
            None if is_whole => bundle_licenses(self.manifest.value("Bundle-License")),
            None => Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.properties.len() + self.poms.len()
    }
}

/// `name;link=…;description="…", name`: addresses, ids, or words that may themselves hold a comma.
fn bundle_licenses(value: &str) -> Vec<String> {
    let bare = |part: &str| {
        let name = part.split(';').next().unwrap_or(part);
        license::normalise(name.trim().trim_matches('"'))
    };
    let words = license::normalise(value);
    if license::is_listed(&words) {
        return vec![words];
    }
    let mut quoted = false;
    let parts = value.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let mut found: Vec<String> = Vec::new();
    for name in parts.take(16).map(bare) {
        if !name.is_empty() && name != "<<EXTERNAL>>" && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Main attributes by name in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest(BTreeMap<String, String>);

impl Manifest {
    /// Empty where it is not there, or says nothing.
    pub fn value(&self, name: &str) -> &str {
        let value = self.0.get(&name.to_ascii_lowercase());
        value.map_or("", |text| text.trim())
    }
}

/// The main section: `Name: value` lines, continued by lines that begin with a space. Lines that
/// are neither are passed over, as Java's own tools write such.
pub fn read_manifest(bytes: &[u8]) -> Manifest {
    let mut attributes = BTreeMap::new();
    let mut last: Option<(String, Vec<u8>)> = None;
    let close = |last: &mut Option<(String, Vec<u8>)>, all: &mut BTreeMap<String, String>| {
        if let Some((name, value)) = last.take()
            && all.len() < ATTRIBUTES_LIMIT
        {
            // Continuations may cut a character in two, so text is made of the whole.
            all.entry(name)
                .or_insert_with(|| String::from_utf8_lossy(&value).into_owned());
        }
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let [b' ', rest @ ..] = line {
            if let Some((_, value)) = &mut last {
                value.extend_from_slice(rest);
            }
            continue;
        }
        close(&mut last, &mut attributes);
        if line.is_empty() {
            break;
        }
        if let Some(colon) = line.iter().position(|&byte| byte == b':') {
            let name = String::from_utf8_lossy(&line[..colon])
                .trim()
                .to_ascii_lowercase();
            let value = line[colon + 1..].to_vec();
            last = Some((name, value));
        }
    }
    close(&mut last, &mut attributes);
    Manifest(attributes)
}

/// `groupId`, `artifactId` and `version`, all there.
pub fn read_pom_properties(text: &str) -> Option<Coordinates> {
    let mut found = Coordinates::default();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') || line.starts_with('!') {
            continue;
        }
        let Some((name, value)) = line.split_once(['=', ':']) else {
            continue;
        };
        let field = match name.trim() {
            "groupId" => &mut found.group,
            "artifactId" => &mut found.artifact,
            "version" => &mut found.version,
            _ => continue,
        };
        value.trim().clone_into(field);
    }
    let parts = [&found.group, &found.artifact, &found.version];
    let is_word = |text: &&String| {
        !text.is_empty() && text.len() <= 300 && !text.contains(char::is_whitespace)
    };
    (parts.iter().all(is_word) && !found.version.contains("${")).then_some(found)
}

/// The packages of one archive, and whether each is the archive as a whole.
pub(super) fn decide(file_name: &str, evidence: &Evidence) -> Vec<(Coordinates, bool)> {
    let mut found: Vec<Coordinates> = Vec::new();
    let complete = |pom: &&Coordinates| !pom.version.is_empty() && !pom.group.is_empty();
    let poms = evidence.poms.iter().filter(complete);
    for coordinates in evidence.properties.iter().chain(poms) {
        let same = |c: &Coordinates| {
            (&c.group, &c.artifact) == (&coordinates.group, &coordinates.artifact)
        };
        let duplicate = match found.iter().find(|c| same(c)) {
            // A second version is a second shaded copy, unless a pom only says the same again.
            Some(first) => {
                first.version == coordinates.version || !evidence.properties.contains(coordinates)
            }
            None => false,
        };
        if !duplicate {
            found.push(coordinates.clone());
        }
    }
    let (artifact, version) = split_file_name(file_name);
    let stem = stem(file_name);
    // An artifact may itself end as a version does: `hive-shims-0.23-2.3.9`.
    let exactly = |c: &Coordinates| {
        let rest = stem.strip_prefix(c.artifact.as_str());
        rest.and_then(|rest| rest.strip_prefix('-')) == Some(&c.version)
    };
    let whole = match found.len() {
        0 => None,
        _ if found.iter().any(exactly) => found.iter().position(exactly),
        // Alone, and the file was not named after another.
        1 if version.is_empty() || names(&found[0], &artifact) => Some(0),
        1 if found[0].version == version => Some(0),
        _ => found.iter().position(|c| names(c, &artifact)),
    };
    let mut packages: Vec<(Coordinates, bool)> = found
        .into_iter()
        .enumerate()
        .map(|(index, coordinates)| (coordinates, whole == Some(index)))
        .collect();
    if whole.is_none()
        && let Some(own) = by_manifest(&artifact, &version, &evidence.manifest, &evidence.poms)
        && !packages.iter().any(|(other, _)| *other == own)
    {
        packages.insert(0, (own, true));
    }
    packages
}

/// The file is named after the artifact, perhaps with a word in front or behind.
fn names(coordinates: &Coordinates, artifact: &str) -> bool {
    let name = &coordinates.artifact;
    artifact == name
        || artifact
            .strip_prefix(name.as_str())
            .is_some_and(|rest| rest.starts_with(['-', '.', '_']))
        || artifact.ends_with(&format!(".{name}"))
}

fn by_manifest(
    artifact: &str,
    version: &str,
    manifest: &Manifest,
    poms: &[Coordinates],
) -> Option<Coordinates> {
    if let Some(plugin) = jenkins_plugin(manifest) {
        return Some(plugin);
    }
    let told = own_version(manifest);
    // A manifest that tells another version is that of something packed inside.
    let stranger = Manifest::default();
    let manifest = match (&told, version) {
        (Some(told), version) if !version.is_empty() && told != version => &stranger,
        _ => manifest,
    };
    let version = match version {
        "" => told?,
        version => version.to_owned(),
    };
    // A pom whose version is its parent's still tells the group.
    let pom = poms.iter().find(|pom| pom.artifact == artifact);
    let group = pom
        .map(|pom| pom.group.clone())
        .or_else(|| vendor_id(manifest))
        .or_else(|| known::group_of(artifact).map(str::to_owned))
        .or_else(|| bundle_group(artifact, manifest));
    Some(Coordinates {
        group: group.unwrap_or_default(),
        artifact: artifact.to_owned(),
        version,
    })
}

fn jenkins_plugin(manifest: &Manifest) -> Option<Coordinates> {
    let version = manifest.value("Plugin-Version").split(' ').next()?;
    let names = ["Short-Name", "Extension-Name"].map(|name| manifest.value(name));
    let artifact = names.into_iter().find(|name| !name.is_empty())?;
    let group = manifest.value("Group-Id");
    (looks_as_version(version) && is_group(group)).then(|| Coordinates {
        group: group.to_owned(),
        artifact: artifact.to_owned(),
        version: version.to_owned(),
    })
}

fn own_version(manifest: &Manifest) -> Option<String> {
    ["Implementation-Version", "Bundle-Version"]
        .into_iter()
        .map(|name| manifest.value(name))
        .find(|value| looks_as_version(value))
        .map(str::to_owned)
}

fn looks_as_version(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    text.starts_with(|c: char| c.is_ascii_digit()) && text.len() <= 64 && text.chars().all(plain)
}

/// Maven's archiver writes the group there.
fn vendor_id(manifest: &Manifest) -> Option<String> {
    let id = manifest.value("Implementation-Vendor-Id");
    is_group(id).then(|| id.to_owned())
}

/// `org.apache.commons.io`: what is left when the name ends with the artifact's own. Where much is
/// published under what is left, the group goes on, and how is not known.
fn bundle_group(artifact: &str, manifest: &Manifest) -> Option<String> {
    let name = manifest
        .value("Bundle-SymbolicName")
        .split(';')
        .next()?
        .trim();
    let group = name.strip_suffix(artifact)?.strip_suffix('.')?;
    let too_wide = [
        "org.apache",
        "com.sun",
        "com.google",
        "org.glassfish",
        "org.objectweb",
    ];
    (is_group(group) && !too_wide.contains(&group)).then(|| group.to_owned())
}

fn is_group(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.contains('.')
        && text.len() <= 200
        && text.chars().all(plain)
        && !text.starts_with('.')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn stem(file_name: &str) -> &str {
    let dot = file_name.rsplit_once('.');
    dot.map_or(file_name, |(stem, _)| stem)
}

/// `commons-lang3-3.12.0.jar`: artifact and version; the version is empty if there is none.
fn split_file_name(file_name: &str) -> (String, String) {
    let stem = stem(file_name);
    let starts = stem
        .match_indices('-')
        .map(|(at, _)| at)
        .filter(|at| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    for at in starts {
        let mut version = &stem[at + 1..];
        while let Some((rest, last)) = version.rsplit_once('-')
            && is_classifier(last)
        {
            version = rest;
        }
        if at > 0 && version.split('-').all(is_version_part) {
            return (stem[..at].to_owned(), version.to_owned());
        }
    }
    (stem.to_owned(), String::new())
}

fn is_version_part(part: &str) -> bool {
    const QUALIFIERS: &[&str] = &[
        "alpha",
        "beta",
        "milestone",
        "rc",
        "cr",
        "m",
        "snapshot",
        "final",
        "ga",
        "release",
        "sp",
        "jre",
        "android",
        "incubating",
        "redhat",
        "b",
        "pre",
        "ea",
        "build",
        "jenkins",
    ];
    let word = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+');
    part.chars().all(plain)
        && (part.starts_with(|c: char| c.is_ascii_digit())
            || QUALIFIERS.contains(&word.to_ascii_lowercase().as_str()))
}

fn is_classifier(part: &str) -> bool {
    const CLASSIFIERS: &[&str] = &[
        "sources",
        "javadoc",
        "tests",
        "test",
        "linux",
        "windows",
        "osx",
        "macosx",
        "x86_64",
        "aarch_64",
        "aarch64",
        "amd64",
        "arm64",
        "riscv64",
        "shaded",
        "all",
        "jdk8",
        "jdk11",
        "jdk15on",
        "jakarta",
        "exec",
        "boot",
        "plain",
        "runner",
        "uber",
        "native",
        "fat",
        "standalone",
        "dist",
        "classes",
        "no_aop",
        "dependencies",
    ];
    CLASSIFIERS.contains(&part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        for (name, artifact, version) in [
            ("commons-lang3-3.12.0.jar", "commons-lang3", "3.12.0"),
            ("guava-31.1-jre.jar", "guava", "31.1-jre"),
            ("log4j-1.2-api-2.17.1.jar", "log4j-1.2-api", "2.17.1"),
            ("log4j-1.2-api.jar", "log4j-1.2-api", ""),
            (
                "app-1.0-20200101.120000-1.jar",
                "app",
                "1.0-20200101.120000-1",
            ),
            ("app-1.0-SNAPSHOT-exec.jar", "app", "1.0-SNAPSHOT"),
            (
                "epoll-4.1.59.Final-linux-x86_64.jar",
                "epoll",
                "4.1.59.Final",
            ),
            ("spring-core-6.0.0-RC2.jar", "spring-core", "6.0.0-RC2"),
            ("bcprov-jdk15on-1.70.jar", "bcprov-jdk15on", "1.70"),
            ("h2-2.1.214.jar", "h2", "2.1.214"),
            ("tool.war", "tool", ""),
            ("-1.0.jar", "-1.0", ""),
        ] {
            let expected = (artifact.to_owned(), version.to_owned());
            assert_eq!(split_file_name(name), expected, "{name}");
        }
    }

    #[test]
    fn manifests() {
        let manifest = read_manifest(
            b"Manifest-Version: 1.0\r\nBundle-SymbolicName: org.example.long-\r\n name.tool;single\r\n\
              implementation-version:  1.2.3 \r\nno colon here\r\n\r\nName: other\r\nSealed: true\r\n",
        );
        assert_eq!(
            manifest.value("Bundle-SymbolicName"),
            "org.example.long-name.tool;single"
        );
        assert_eq!(manifest.value("Implementation-Version"), "1.2.3");
        assert_eq!(manifest.value("Sealed"), "");
    }

    fn check(file: &str, manifest: &str, poms: &[&str], expected: &[&str]) {
        let gav = |text: &&str| {
            let mut parts = text.split(':').map(str::to_owned);
            Coordinates {
                group: parts.next().unwrap(),
                artifact: parts.next().unwrap(),
                version: parts.next().unwrap(),
            }
        };
        let evidence = Evidence {
            manifest: read_manifest(manifest.as_bytes()),
            properties: poms.iter().map(gav).collect(),
            poms: Vec::new(),
            ..Evidence::default()
        };
        let found: Vec<String> = decide(file, &evidence)
            .into_iter()
            .map(|(c, whole)| {
                format!(
                    "{} {}{}",
                    c.name(),
                    c.version,
                    if whole { " *" } else { "" }
                )
            })
            .collect();
        assert_eq!(found, expected, "{file}");
    }

    #[test]
    fn who_an_archive_is() {
        check("a-1.0.jar", "", &["g.x:a:1.0"], &["g.x:a 1.0 *"]);
        check("renamed.jar", "", &["g.x:a:1.0"], &["g.x:a 1.0 *"]);
        // Shaded: the archive's own coordinates are those of its name.
        check(
            "a-1.0.jar",
            "",
            &["g.x:a:1.0", "h.y:b:2.0"],
            &["g.x:a 1.0 *", "h.y:b 2.0"],
        );
        check(
            "app-3.0.jar",
            "Implementation-Vendor-Id: org.app\n",
            &["g.x:a:1.0", "h.y:b:2.0"],
            &["org.app:app 3.0 *", "g.x:a 1.0", "h.y:b 2.0"],
        );
        check(
            "app.jar",
            "",
            &["g.x:a:1.0", "h.y:b:2.0"],
            &["g.x:a 1.0", "h.y:b 2.0"],
        );
        check(
            "hive-shims-0.23-2.3.9.jar",
            "",
            &["org.hive:hive-shims-0.23:2.3.9"],
            &["org.hive:hive-shims-0.23 2.3.9 *"],
        );
        check(
            "runtime-3.3.4.jar",
            "Implementation-Version: 1.1.1\nImplementation-Vendor-Id: org.packed.inside\n",
            &["g.x:a:1.0", "h.y:b:2.0"],
            &["runtime 3.3.4 *", "g.x:a 1.0", "h.y:b 2.0"],
        );
        check(
            "thing-1.0.jar",
            "Bundle-SymbolicName: org.apache.thing\n",
            &[],
            &["thing 1.0 *"],
        );
        // Two copies of one library.
        check(
            "z.jar",
            "",
            &["g.x:a:1.0", "g.x:a:1.1"],
            &["g.x:a 1.0", "g.x:a 1.1"],
        );
        // By manifest and file name.
        check(
            "spring-core-5.3.18.jar",
            "Implementation-Title: spring-core\n",
            &[],
            &["org.springframework:spring-core 5.3.18 *"],
        );
        check(
            "tool.jar",
            "Implementation-Version: 2.5\nBundle-SymbolicName: org.example.tool\n",
            &[],
            &["org.example:tool 2.5 *"],
        );
        // A title, a vendor's name, or an arbitrary word is no group.
        check(
            "thing-1.0.jar",
            "Implementation-Vendor: The Apache Software Foundation\n\
             Implementation-Vendor-Id: Apache\nImplementation-Title: Thing\n",
            &[],
            &["thing 1.0 *"],
        );
        check(
            "thing.jar",
            "Implementation-Version: ${version}\n",
            &[],
            &[],
        );
        check(
            "git.hpi",
            "Group-Id: org.jenkins-ci.plugins\nShort-Name: git\nPlugin-Version: 4.1 (private)\n",
            &[],
            &["org.jenkins-ci.plugins:git 4.1 *"],
        );
    }

    #[test]
    fn properties() {
        let found = read_pom_properties("#Created by x\nversion=1.0\ngroupId = g\nartifactId=a\n");
        assert_eq!(found.unwrap().name(), "g:a");
        for text in [
            "",
            "groupId=g\nartifactId=a\n",
            "version=${v}\ngroupId=g\nartifactId=a\n",
        ] {
            assert_eq!(read_pom_properties(text), None, "{text}");
        }
    }

    #[test]
    fn licences_of_a_bundle() {
        for (value, want) in [
            ("", &[][..]),
            ("Apache License, Version 2.0", &["Apache-2.0"]),
            (
                "https://www.apache.org/licenses/LICENSE-2.0.txt",
                &["Apache-2.0"],
            ),
            (
                "\"EPL-2.0\";link=\"https://www.eclipse.org/legal/epl-2.0, it is\",\"BSD License\"",
                &["EPL-2.0", "BSD License"],
            ),
            ("MIT;description=\"a, b\", MIT", &["MIT"]),
            ("<<EXTERNAL>>", &[]),
        ] {
            assert_eq!(bundle_licenses(value), want, "{value}");
        }
    }
}
