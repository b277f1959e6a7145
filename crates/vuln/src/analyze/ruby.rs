//! Ruby: installed gems by their specification, and Bundler's lock file.
//!
//! `specifications/*.gemspec` as RubyGems writes it is Ruby text of one fixed shape: only its
//! literals are read, nothing is evaluated, and where there is none the file's name tells.
//! `Gemfile.lock` and `gems.locked` are read section by section. Limits: 1 MiB and 64 MiB.

use super::{
    FileMeta, Scope,
    document::decode,
    license,
    manifest::{Graph, LOCK_BYTES, Listing, Manifest, Names, tagged_hash},
};
use rampart_model::package::{Package, PackageKind};

pub static GEMSPEC: Manifest = Manifest {
    name: "gemspec",
    scope: Scope::Installed,
    limit: 1 << 20,
    wants: |file| {
        file.path.ends_with(".gemspec")
            && (file.path.contains("/specifications/") || file.path.starts_with("specifications/"))
    },
    read: gemspec,
};

pub static GEMFILE_LOCK: Manifest = Manifest {
    name: "bundler",
    scope: Scope::Project,
    limit: LOCK_BYTES,
    wants: |file| matches!(file.file_name(), "Gemfile.lock" | "gems.locked"),
    read: gemfile_lock,
};

fn gemspec(meta: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let stem = meta.file_name().trim_end_matches(".gemspec");
    let (file_name, file_version, platform) = from_stem(stem);
    let mut package = Package::new(PackageKind::Gem, file_name, file_version);
    package.arch = platform.to_owned();
    for line in text.lines() {
        let Some((field, value)) = assignment(line) else {
            continue;
        };
        match field {
            "name" => take(&mut package.name, value),
            "version" => take(&mut package.version, value),
            "license" | "licenses" => {
                let names = literals(value);
                package.licenses = names.iter().map(|name| license::normalise(name)).collect();
            }
            "authors" | "author" => {
                package.supplier = literals(value).join(", ").chars().take(200).collect();
            }
            _ => {}
        }
    }
    listing.add(package);
}

/// `s.field = value` of whatever the block calls its specification.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (left, value) = line.split_once('=')?;
    let (_, field) = left.trim().split_once('.')?;
    Some((field.trim(), value.trim()))
}

fn take(field: &mut String, value: &str) {
    if let Some(literal) = literals(value).into_iter().next() {
        *field = literal;
    }
}

/// The string literals of a value: `"a".freeze`, `%q{a}`, `["a".freeze, 'b']`,
/// `Gem::Version.new("1")`. A value that is computed (`"#{X}"`) is none.
fn literals(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(at) = rest.find(['"', '\'']) {
        let quote = if rest[at..].starts_with('"') {
            '"'
        } else {
            '\''
        };
        let Some((literal, after)) = rest[at + 1..].split_once(quote) else {
            break;
        };
        if !literal.contains("#{") {
            found.push(literal.to_owned());
        }
        rest = after;
    }
    if found.is_empty()
        && let Some(literal) = value
            .strip_prefix("%q{")
            .and_then(|rest| rest.split('}').next())
    {
        found.push(literal.to_owned());
    }
    found
}

/// `name-1.2.3.rc1[-platform]`: the version begins at the first part with a leading digit that
/// what follows it does not contradict.
fn from_stem(stem: &str) -> (&str, &str, &str) {
    let starts = stem.match_indices('-').map(|(at, _)| at);
    let is_start = |at: &usize| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let Some(at) = starts.into_iter().find(is_start) else {
        return (stem, "", "");
    };
    let (version, platform) = split_platform(&stem[at + 1..]);
    (&stem[..at], version, platform)
}

/// A gem's version holds no dash: what follows the first is the platform.
fn split_platform(text: &str) -> (&str, &str) {
    text.split_once('-').unwrap_or((text, ""))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    /// `GEM`, `GIT`, `PLUGIN SOURCE`.
    Remote,
    /// `PATH`: the project's own gems.
    Own,
    Dependencies,
    Checksums,
    Other,
}

#[derive(Default)]
struct Lock {
    graph: Graph,
    names: Names,
    own: Vec<String>,
    /// Names each package needs, by its index.
    needs: Vec<Vec<String>>,
    direct: Vec<String>,
}

fn gemfile_lock(_: &FileMeta, bytes: &[u8], listing: &mut Listing<'_>) {
    let text = decode(bytes);
    let mut lock = Lock::default();
    let mut section = Section::Other;
    let mut current: Option<usize> = None;
    for line in text.lines() {
        let body = line.trim_start();
        if body.is_empty() {
            continue;
        }
        match (line.len() - body.len(), section) {
            (0, _) => {
                section = section_of(line, listing);
                current = None;
            }
            (4, Section::Remote) => current = lock.spec(body, listing),
            (4, Section::Own) => {
                current = None;
                let (name, _) = entry(body);
                listing.left_out("a gem of the project itself", name);
                lock.own.push(name.to_owned());
            }
            (6, Section::Remote) => {
                if let Some(at) = current {
                    lock.needs[at].push(entry(body).0.to_owned());
                }
            }
            // What the project's own gems need, the project needs.
            (6, Section::Own) => lock.direct.push(entry(body).0.to_owned()),
            (2, Section::Dependencies) => {
                lock.direct
                    .push(entry(body).0.trim_end_matches('!').to_owned());
            }
            (2, Section::Checksums) => lock.checksum(body),
            _ => {}
        }
    }
    lock.finish(listing);
}

fn section_of(line: &str, listing: &mut Listing<'_>) -> Section {
    match line.trim_end() {
        "GEM" | "GIT" | "PLUGIN SOURCE" => Section::Remote,
        "PATH" => Section::Own,
        "DEPENDENCIES" => Section::Dependencies,
        "CHECKSUMS" => Section::Checksums,
        other => {
            if ["<<<<<<<", "=======", ">>>>>>>"]
                .iter()
                .any(|mark| other.starts_with(mark))
            {
                listing.bad(other, "a merge conflict is not settled here");
            }
            Section::Other
        }
    }
}

/// `name (1.2-platform)` in two; without brackets the second is empty.
fn entry(body: &str) -> (&str, &str) {
    match body.split_once(" (") {
        Some((name, rest)) => (name.trim(), rest.split(')').next().unwrap_or_default()),
        None => (body.trim(), ""),
    }
}

impl Lock {
    fn spec(&mut self, body: &str, listing: &mut Listing<'_>) -> Option<usize> {
        let (name, version) = entry(body);
        if version.is_empty() {
            listing.bad(name, "no version");
            return None;
        }
        let (version, platform) = split_platform(version);
        // One gem built for several platforms is one package.
        let same = |at: &&usize| self.graph.packages[**at].version == version;
        if let Some(at) = self.names.of(name).iter().take(64).find(same) {
            return Some(*at);
        }
        let mut package = Package::new(PackageKind::Gem, name, version);
        package.arch = platform.to_owned();
        let at = self.graph.add(package);
        self.needs.push(Vec::new());
        self.names.insert(name.to_owned(), at);
        Some(at)
    }

    /// `name (1.2-platform) sha256=…`
    fn checksum(&mut self, body: &str) {
        let (name, version) = entry(body);
        let (version, _) = split_platform(version);
        let hash = body
            .rsplit_once(") ")
            .and_then(|(_, hash)| tagged_hash(hash.trim()));
        let Some(hash) = hash else { return };
        for at in self.names.of(name).iter().take(64) {
            let package = &mut self.graph.packages[*at];
            if package.version == version && package.hashes.len() < 64 {
                package.hashes.push(hash.clone());
            }
        }
    }

    fn finish(mut self, listing: &mut Listing<'_>) {
        let names = &self.names;
        let resolve = |name: &String| names.of(name).first().copied();
        self.graph.needs = self
            .needs
            .iter()
            .map(|needs| needs.iter().filter_map(resolve).collect())
            .collect();
        let direct: Vec<usize> = self.direct.iter().filter_map(resolve).collect();
        self.graph.mark_direct(&direct);
        self.graph.list(listing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        assert_eq!(from_stem("a-b-1.0.0.rc1"), ("a-b", "1.0.0.rc1", ""));
        assert_eq!(
            from_stem("n-1.2-x86_64-linux"),
            ("n", "1.2", "x86_64-linux")
        );
        assert_eq!(from_stem("plain"), ("plain", "", ""));
        assert_eq!(from_stem("-"), ("-", "", ""));
    }

    #[test]
    fn string_literals() {
        assert_eq!(literals("[\"a\".freeze, 'b']"), ["a", "b"]);
        assert_eq!(literals("%q{x y}"), ["x y"]);
        assert!(literals("\"#{V}\"").is_empty());
        assert!(literals("Foo::VERSION").is_empty());
        assert!(literals("\"open").is_empty());
    }
}
