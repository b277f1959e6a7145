//! A manifest: a file read whole whose entries are packages.
//!
//! [`Manifest`] is an analyzer made of a name rule and a reading function; [`Listing`] collects
//! what the function finds. One bad entry costs that entry: it becomes a problem, and the rest
//! stays. Limits, each a problem when met: [`MAX_PACKAGES`] packages and [`MAX_EDGE_BYTES`] of
//! dependencies a file, names of [`MAX_NAME`] and versions of [`MAX_VERSION`] bytes, [`MAX_PROBLEMS`] bad entries told one by
//! one and then counted.

use super::{Analyzer, FileFacts, FileMeta, Scope, Sink, Whole};
use base64::{Engine, engine::general_purpose::STANDARD};
use rampart_model::package::{Package, PackageKind};
use std::collections::{BTreeMap, HashMap};

pub(super) const MAX_PACKAGES: usize = 100_000;
pub(super) const MAX_EDGE_BYTES: usize = 32 << 20;
pub(super) const MAX_NAME: usize = 512;
pub(super) const MAX_VERSION: usize = 256;
pub(super) const MAX_PROBLEMS: usize = 8;
/// A licence, a supplier, an architecture.
const MAX_TEXT: usize = 200;
/// What one package may need directly.
const MAX_NEEDS: usize = 4_096;
/// Licences, and hashes, kept of one package.
const MAX_DETAILS: usize = 64;

/// A project's lock files may be long: real ones of 30 MB are known.
pub(super) const LOCK_BYTES: usize = 64 << 20;
/// Metadata of what is installed lies in images, where memory is tight.
pub(super) const INSTALLED_BYTES: usize = 8 << 20;

/// An analyzer of files that are read whole.
pub struct Manifest {
    pub(super) name: &'static str,
    pub(super) scope: Scope,
    pub(super) limit: usize,
    pub(super) wants: fn(&FileMeta) -> bool,
    pub(super) read: fn(&FileMeta, &[u8], &mut Listing<'_>),
}

impl Analyzer for Manifest {
    fn name(&self) -> &'static str {
        self.name
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn wants(&self, file: &FileMeta) -> bool {
        (self.wants)(file) && !(self.scope == Scope::Project && in_installed_tree(&file.path))
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        let read = self.read;
        Some(Whole::sink(file, self.limit, move |meta, bytes, facts| {
            let mut listing = Listing::new(&meta.path, facts);
            read(meta, bytes, &mut listing);
            listing.finish();
        }))
    }
}

/// A lock file that a package brings along says what its own authors used, not what is here.
fn in_installed_tree(path: &str) -> bool {
    let mut before = "";
    path.split('/').any(|segment| {
        let inside = matches!(segment, "node_modules" | "site-packages" | "dist-packages")
            || (before == "vendor" && segment == "bundle")
            || (before == "gems" && segment.contains('-'));
        before = segment;
        inside
    }) && !path.ends_with("node_modules/.package-lock.json")
}

/// Collects one file's packages and what could not be read of it.
pub(super) struct Listing<'a> {
    facts: &'a mut FileFacts,
    path: &'a str,
    first: usize,
    bad: usize,
    over: usize,
    edge_bytes: usize,
    edges_over: usize,
    left_out: BTreeMap<&'static str, (usize, Vec<String>)>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(path: &'a str, facts: &'a mut FileFacts) -> Self {
        Self {
            first: facts.packages.len(),
            facts,
            path,
            bad: 0,
            over: 0,
            edge_bytes: 0,
            edges_over: 0,
            left_out: BTreeMap::new(),
        }
    }

    /// Takes a package, or notes why its name or version cannot be one.
    pub(super) fn add(&mut self, mut package: Package) {
        if let Err(reason) = check(&package.name, "name", MAX_NAME)
            .and_then(|()| check(&package.version, "version", MAX_VERSION))
        {
            let entry = package.name;
            return self.bad(&entry, &reason);
        }
        if self.facts.packages.len() - self.first >= MAX_PACKAGES {
            self.over += 1;
            return;
        }
        self.path.clone_into(&mut package.path);
        package.licenses.retain(|licence| !licence.is_empty());
        package.licenses.truncate(MAX_DETAILS);
        for text in package
            .licenses
            .iter_mut()
            .chain([&mut package.supplier, &mut package.arch])
        {
            if text.len() > MAX_TEXT || text.contains(char::is_control) {
                *text = printable(text, MAX_TEXT);
            }
        }
        package.hashes.truncate(MAX_DETAILS);
        self.edge_bytes += package.depends_on.iter().map(String::len).sum::<usize>();
        if self.edge_bytes > MAX_EDGE_BYTES {
            self.edges_over += package.depends_on.len();
            package.depends_on = Vec::new();
        }
        self.facts.packages.push(package);
    }

    pub(super) fn package(&mut self, kind: PackageKind, name: &str, version: &str) {
        self.add(Package::new(kind, name, version));
    }

    /// An entry that should be a package and cannot be read as one.
    pub(super) fn bad(&mut self, entry: &str, reason: &str) {
        self.bad += 1;
        if self.bad <= MAX_PROBLEMS {
            let entry = shown(entry);
            self.facts.problem(format!("entry '{entry}': {reason}"));
        }
    }

    /// An entry that is rightly no package to judge, such as the project's own workspace:
    /// told once a file and reason.
    pub(super) fn left_out(&mut self, why: &'static str, entry: &str) {
        let (count, examples) = self.left_out.entry(why).or_default();
        *count += 1;
        if examples.len() < 3 {
            examples.push(shown(entry));
        }
    }

    /// The file as a whole cannot be read.
    pub(super) fn unreadable(&mut self, error: impl std::fmt::Display) {
        self.facts.problem(printable(&error.to_string(), 300));
    }

    pub(super) fn finish(self) {
        if self.bad > MAX_PROBLEMS {
            let more = self.bad - MAX_PROBLEMS;
            self.facts
                .problem(format!("{more} more entries cannot be read"));
        }
        for (why, (count, examples)) in &self.left_out {
            let more = if *count > examples.len() { ", …" } else { "" };
            let examples = examples.join(", ");
            self.facts
                .problem(format!("left out, {why} ({count}): {examples}{more}"));
        }
        if self.over > 0 {
            self.facts.problem(format!(
                "{} packages past the first {MAX_PACKAGES} are left out",
                self.over
            ));
        }
        if self.edges_over > 0 {
            self.facts.problem(format!(
                "{} dependencies past the first {MAX_EDGE_BYTES} bytes are left out",
                self.edges_over
            ));
        }
    }
}

fn check(text: &str, what: &str, limit: usize) -> Result<(), String> {
    if text.is_empty() {
        Err(format!("no {what}"))
    } else if text.len() > limit {
        Err(format!("{what} longer than {limit} bytes"))
    } else if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Err(format!("a {what} with blanks or control characters"))
    } else {
        Ok(())
    }
}

/// Short and printable.
fn shown(text: &str) -> String {
    printable(text, 80)
}

fn printable(text: &str, limit: usize) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(limit)
        .collect()
}

/// Packages and who needs whom, while a lock file is read.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) packages: Vec<Package>,
    /// For each package the indices of what it needs.
    pub(super) needs: Vec<Vec<usize>>,
}

impl Graph {
    pub(super) fn add(&mut self, package: Package) -> usize {
        self.packages.push(package);
        self.needs.push(Vec::new());
        self.packages.len() - 1
    }

    pub(super) fn reachable(&self, roots: &[usize]) -> Vec<bool> {
        let mut seen = vec![false; self.packages.len()];
        let mut open: Vec<usize> = roots.to_vec();
        while let Some(at) = open.pop() {
            if seen.get(at).is_none_or(|seen| *seen) {
                continue;
            }
            seen[at] = true;
            open.extend(&self.needs[at]);
        }
        seen
    }

    pub(super) fn mark_direct(&mut self, roots: &[usize]) {
        for root in roots {
            if let Some(package) = self.packages.get_mut(*root) {
                package.direct = true;
            }
        }
    }

    /// Whatever only these development roots bring, and no productive one, is `dev`.
    pub(super) fn mark_dev(&mut self, productive: &[usize], development: &[usize]) {
        if development.is_empty() {
            return;
        }
        let kept = self.reachable(productive);
        let wanted = self.reachable(development);
        for (at, package) in self.packages.iter_mut().enumerate() {
            package.dev = wanted[at] && !kept[at];
        }
    }

    pub(super) fn list(self, listing: &mut Listing<'_>) {
        let ids: Vec<String> = self
            .packages
            .iter()
            .map(|package| format!("{}@{}", package.name, package.version))
            .collect();
        for (mut package, mut needs) in self.packages.into_iter().zip(self.needs) {
            needs.sort_unstable();
            needs.dedup();
            // One entry does not need thousands; a hostile one would multiply long names.
            let edges = needs.iter().take(MAX_NEEDS).filter_map(|at| ids.get(*at));
            package.depends_on = edges.cloned().collect();
            package.depends_on.sort();
            package.depends_on.dedup();
            listing.add(package);
        }
    }
}

/// Indices by a name as the ecosystem compares it.
#[derive(Default)]
pub(super) struct Names(HashMap<String, Vec<usize>>);

impl Names {
    pub(super) fn insert(&mut self, name: String, at: usize) {
        self.0.entry(name).or_default().push(at);
    }

    pub(super) fn of(&self, name: &str) -> &[usize] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The only package of that name.
    pub(super) fn only(&self, name: &str) -> Option<usize> {
        match self.of(name) {
            [at] => Some(*at),
            _ => None,
        }
    }
}

/// Subresource integrity (`sha512-<base64>`, several with blanks between) as `sha512:<hex>`.
pub(super) fn integrity(text: &str) -> Vec<String> {
    text.split_ascii_whitespace()
        .filter_map(|one| {
            let (algorithm, digest) = one.split_once('-')?;
            let digest = STANDARD.decode(digest.split('?').next()?).ok()?;
            matches!(algorithm, "md5" | "sha1" | "sha256" | "sha384" | "sha512")
                .then(|| format!("{algorithm}:{}", hex::encode(digest)))
        })
        .collect()
}

/// `sha256:<hex>` as it is, or nothing if it is no such thing.
pub(super) fn tagged_hash(text: &str) -> Option<String> {
    let (algorithm, digest) = text.split_once([':', '='])?;
    let known = matches!(algorithm, "md5" | "sha1" | "sha256" | "sha384" | "sha512");
    (known && !digest.is_empty() && digest.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| format!("{algorithm}:{}", digest.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes() {
        assert_eq!(integrity("sha1-AAEC sha512-!! x"), ["sha1:000102"]);
        assert_eq!(tagged_hash("sha256:AB"), Some("sha256:ab".into()));
        assert_eq!(tagged_hash("sha256:zz"), None);
        assert_eq!(tagged_hash("crc:00"), None);
    }

    #[test]
    fn bad_entries_are_told_and_counted_and_the_rest_stays() {
        let mut facts = FileFacts::default();
        let mut listing = Listing::new("a/lock", &mut facts);
        for n in 0..20 {
            listing.package(PackageKind::Npm, &format!("bad\n{n}"), "1");
        }
        listing.package(PackageKind::Npm, "good", "1");
        listing.package(PackageKind::Npm, "none", "");
        listing.finish();
        assert_eq!(facts.packages.len(), 1);
        assert_eq!(facts.packages[0].path, "a/lock");
        assert_eq!(facts.problems.len(), MAX_PROBLEMS + 1);
        assert!(facts.problems.iter().all(|p| !p.reason.contains('\n')));
        assert!(facts.problems[MAX_PROBLEMS].reason.starts_with("13 more"));
    }

    #[test]
    fn lock_files_of_installed_packages_are_nobodys() {
        assert!(in_installed_tree("app/node_modules/x/yarn.lock"));
        assert!(in_installed_tree(
            "usr/lib/python3/site-packages/x/requirements.txt"
        ));
        assert!(in_installed_tree("usr/lib/ruby/gems/rack-1.0/Gemfile.lock"));
        assert!(in_installed_tree("app/vendor/bundle/ruby/Gemfile.lock"));
        assert!(!in_installed_tree("app/gems/Gemfile.lock"));
        assert!(!in_installed_tree("app/node_modules/.package-lock.json"));
        assert!(!in_installed_tree("app/yarn.lock"));
    }
}
