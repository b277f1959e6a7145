//! Lays layers over each other: what is left in the end, and which layer brought it.
//!
//! A file stays until a higher layer deletes it, empties its directory, or puts something in its
//! place or in the place of a directory above it. Package databases are rewritten whole by every
//! layer that installs anything, so a package's layer is not that of the file that lists it: it is
//! the lowest one from which the same version was there without a gap.
//!
//! Secrets of lower layers are kept, since the image still carries them. Cost grows with the files
//! that tell something and with the entries of all layers, not with their product.

mod cover;

use crate::{
    analyze::{FileFacts, LayerFacts, Owner, path_hash},
    in_use::Programs,
};
use cover::Cover;
use rampart_model::{
    package::{Distro, Package, PackageKind},
    scan::{PrivilegedFile, ScanProblem, Secret},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// What an image, or a file system, holds in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    pub distro: Option<Distro>,
    /// By kind, name, version, architecture and path.
    pub packages: Vec<Package>,
    /// By path and line; with those of lower layers.
    pub secrets: Vec<Secret>,
    /// By path.
    pub privileged: Vec<PrivilegedFile>,
    pub problems: Vec<ScanProblem>,
    /// Which of `packages` a program or library belongs to.
    pub programs: Programs,
}

impl Artifact {
    /// For what has no layers: a root file system, a host.
    #[must_use]
    pub fn without_layers(mut self) -> Self {
        self.packages.iter_mut().for_each(|p| p.layer = None);
        self.secrets.iter_mut().for_each(|s| s.layer = None);
        self.privileged.iter_mut().for_each(|p| p.layer = None);
        self.problems.iter_mut().for_each(|p| p.layer = None);
        self
    }
}

/// Layers lowest first.
pub fn merge(layers: Vec<LayerFacts>) -> Artifact {
    let cover = Cover::of(&layers);
    let top = layers.len();
    let mut merged = Merged::new(top);
    for (index, layer) in layers.into_iter().enumerate() {
        let number = u32::try_from(index).ok();
        merged.problems.extend(at_layer(layer.problems, number));
        for file in layer.files {
            let end = cover.end(&file.path, index).unwrap_or(top);
            merged.take(file, Span { start: index, end });
        }
    }
    merged.finish()
}

/// The states, named by the layer last laid, in which something was there: `start..end`.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

#[derive(Default)]
struct Presence(HashMap<u64, Vec<Span>>);

impl Presence {
    fn note(&mut self, identity: u64, span: Span) {
        self.0.entry(identity).or_default().push(span);
    }

    /// The lowest layer from which it was there up to the top without a gap.
    fn since(&mut self, identity: u64, top: usize) -> Option<u32> {
        let spans = self.0.get_mut(&identity)?;
        spans.sort_unstable_by_key(|span| std::cmp::Reverse((span.end, span.start)));
        let mut reach = top;
        for span in spans.iter() {
            if span.end >= reach {
                reach = reach.min(span.start);
            }
        }
        u32::try_from(reach).ok()
    }
}

/// What is gathered on the way up.
struct Merged {
    top: usize,
    packages: Presence,
    privileged: Presence,
    alive: Vec<FileFacts>,
    secrets: Vec<Secret>,
    problems: Vec<ScanProblem>,
    gone_problems: Vec<ScanProblem>,
}

impl Merged {
    fn new(top: usize) -> Self {
        Self {
            top,
            packages: Presence::default(),
            privileged: Presence::default(),
            alive: Vec::new(),
            secrets: Vec::new(),
            problems: Vec::new(),
            gone_problems: Vec::new(),
        }
    }

    fn take(&mut self, mut file: FileFacts, span: Span) {
        let layer = u32::try_from(span.start).ok();
        let stays = span.end == self.top;
        for package in &mut file.packages {
            if package.path.is_empty() {
                package.path.clone_from(&file.path);
            }
            self.packages.note(identity(package), span);
        }
        if let Some(found) = &file.privileged {
            self.privileged.note(privileged_identity(found), span);
        }
        for mut secret in std::mem::take(&mut file.secrets) {
            secret.layer = layer;
            secret.deleted_later = !stays;
            self.secrets.push(secret);
        }
        let problems = at_layer(std::mem::take(&mut file.problems), layer);
        if stays {
            self.problems.extend(problems);
            self.alive.push(file);
        } else {
            self.gone_problems.extend(problems);
        }
    }

    fn finish(mut self) -> Artifact {
        self.leave_out_older_rpm_databases();
        let distro = self.distro();
        let mut packages = self.final_packages();
        add_licenses(&mut packages, &self.alive);
        mark_owned(&mut packages, &self.alive);
        let owners = self.alive.iter().flat_map(|file| &file.owners);
        let programs = programs(&packages, owners);
        Artifact {
            distro,
            programs,
            packages,
            privileged: self.final_privileged(),
            secrets: final_secrets(self.secrets),
            problems: final_problems(self.problems, self.gone_problems),
        }
    }

    /// A distribution that changed rpm's format may leave the old database beside the new one:
    /// rpm itself then reads the new one only.
    fn leave_out_older_rpm_databases(&mut self) {
        const NEWEST_FIRST: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];
        let rank = |path: &str| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let rank = NEWEST_FIRST.iter().position(|known| *known == name)?;
            Some((folder.to_owned(), rank))
        };
        let is_rpm = |file: &FileFacts| file.packages.iter().any(|p| p.kind == PackageKind::Rpm);
        let mut best: HashMap<String, usize> = HashMap::new();
        for file in self.alive.iter().filter(|file| is_rpm(file)) {
            if let Some((folder, rank)) = rank(&file.path) {
                let known = best.entry(folder).or_insert(rank);
                *known = rank.min(*known);
            }
        }
        let problems = &mut self.problems;
        self.alive.retain(|file| {
            let Some((folder, rank)) = rank(&file.path) else {
                return true;
            };
            let Some(best) = best.get(&folder).filter(|best| **best < rank) else {
                return true;
            };
            if is_rpm(file) {
                problems.push(ScanProblem {
                    path: file.path.clone(),
                    reason: format!(
                        "left out: rpm reads the newer {} beside it",
                        NEWEST_FIRST[*best]
                    ),
                    layer: None,
                });
            }
            false
        });
    }

    fn distro(&self) -> Option<Distro> {
        let found: Vec<(&str, &Distro)> = self
            .alive
            .iter()
            .filter_map(|file| Some((file.path.as_str(), file.distro.as_ref()?)))
            .collect();
        crate::analyze::distro::combine(&found)
    }

    fn final_packages(&mut self) -> Vec<Package> {
        let mut seen = HashSet::new();
        let mut packages = Vec::new();
        for file in &mut self.alive {
            for mut package in std::mem::take(&mut file.packages) {
                let identity = identity(&package);
                if seen.insert(identity) {
                    package.layer = self.packages.since(identity, self.top);
                    packages.push(package);
                }
            }
        }
        packages.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        packages
    }

    fn final_privileged(&mut self) -> Vec<PrivilegedFile> {
        let mut all = BTreeMap::new();
        for file in &mut self.alive {
            if let Some(mut found) = file.privileged.take() {
                found.layer = self.privileged.since(privileged_identity(&found), self.top);
                all.insert(found.path.clone(), found);
            }
        }
        all.into_values().collect()
    }
}

/// The same package of the distribution may stand in another file of a later layer (rpm changed
/// its database's place and format); anything else is told apart by where it lies.
fn identity(package: &Package) -> u64 {
    let mut hasher = DefaultHasher::new();
    let place = if package.kind.is_os() {
        ("", "")
    } else {
        (package.path.as_str(), package.inner_path.as_str())
    };
    (package.kind, &package.name, &package.version).hash(&mut hasher);
    (&package.arch, &package.module, place).hash(&mut hasher);
    hasher.finish()
}

fn privileged_identity(file: &PrivilegedFile) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&file.path, file.mode, file.uid, file.gid).hash(&mut hasher);
    hasher.finish()
}

fn sort_key(package: &Package) -> (PackageKind, [&str; 5]) {
    let text = [
        &package.name,
        &package.version,
        &package.arch,
        &package.path,
        &package.inner_path,
    ];
    (package.kind, text.map(String::as_str))
}

fn at_layer(problems: Vec<ScanProblem>, layer: Option<u32>) -> impl Iterator<Item = ScanProblem> {
    problems
        .into_iter()
        .map(move |problem| ScanProblem { layer, ..problem })
}

/// A language package whose file the distribution's package manager owns.
fn mark_owned(packages: &mut [Package], files: &[FileFacts]) {
    let mut by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter().enumerate() {
        if !package.kind.is_os() {
            by_hash
                .entry(path_hash(&package.path))
                .or_default()
                .push(index);
        }
    }
    if by_hash.is_empty() {
        return;
    }
    for hash in files.iter().flat_map(|file| &file.owned_paths) {
        for index in by_hash.get(hash).into_iter().flatten() {
            packages[*index].owned_by_os = true;
        }
    }
}

/// Licences that stand in a file of their own. A package without one shares those of another
/// package of the same source, whose folder it usually links to.
fn add_licenses(packages: &mut [Package], files: &[FileFacts]) {
    let told = files.iter().flat_map(|file| &file.package_licenses);
    let by_name: HashMap<&str, &Vec<String>> =
        told.map(|(name, all)| (name.as_str(), all)).collect();
    let lacks = |package: &Package| package.kind == PackageKind::Deb && package.licenses.is_empty();
    let mut by_source = HashMap::new();
    for package in packages.iter_mut().filter(|package| lacks(package)) {
        if let Some(found) = by_name.get(package.name.as_str()) {
            package.licenses.clone_from(found);
            if let Some(source) = &package.source {
                by_source
                    .entry((source.name.clone(), source.version.clone()))
                    .or_insert(*found);
            }
        }
    }
    for package in packages.iter_mut().filter(|package| lacks(package)) {
        let source = package.source.as_ref();
        if let Some(found) =
            source.and_then(|source| by_source.get(&(source.name.clone(), source.version.clone())))
        {
            package.licenses.clone_from(found);
        }
    }
}

fn programs<'a>(packages: &[Package], owners: impl Iterator<Item = &'a Owner>) -> Programs {
    let mut by_name: HashMap<&str, Vec<(u32, &str)>> = HashMap::new();
    for (package, index) in packages.iter().zip(0_u32..) {
        if package.kind.is_os() {
            let same = by_name.entry(&package.name).or_default();
            same.push((index, &package.arch));
        }
    }
    let mut paths = Vec::new();
    for owner in owners {
        let same = by_name.get(owner.package.as_str());
        for (index, arch) in same.into_iter().flatten() {
            if owner.arch.is_empty() || owner.arch == *arch {
                paths.extend(owner.paths.iter().map(|hash| (*hash, *index)));
            }
        }
    }
    Programs::new(paths)
}

/// A file that was only rewritten still has its secret: once, from the layer that brought it.
fn final_secrets(mut secrets: Vec<Secret>) -> Vec<Secret> {
    fn what(secret: &Secret) -> (&str, u32, &str, &str) {
        let Secret { path, line, .. } = secret;
        (path, *line, &secret.rule, &secret.excerpt)
    }
    secrets.sort_by(|a, b| (what(a), a.layer).cmp(&(what(b), b.layer)));
    secrets.dedup_by(|later, earlier| {
        let same = what(later) == what(earlier);
        if same {
            earlier.deleted_later &= later.deleted_later;
        }
        same
    });
    secrets
}

/// What could not be read of a file that is gone may still have been a secret: it is told, unless
/// the file that took its place says the same.
fn final_problems(mut problems: Vec<ScanProblem>, gone: Vec<ScanProblem>) -> Vec<ScanProblem> {
    let same = |a: &ScanProblem, b: &ScanProblem| (&a.path, &a.reason) == (&b.path, &b.reason);
    let known: HashSet<(String, String)> = problems
        .iter()
        .map(|problem| (problem.path.clone(), problem.reason.clone()))
        .collect();
    for mut problem in gone {
        if !known.contains(&(problem.path.clone(), problem.reason.clone())) {
            problem
                .reason
                .push_str(" (a later layer replaces or deletes it)");
            problems.push(problem);
        }
    }
    problems.sort_by(|a, b| (&a.path, &a.reason, a.layer).cmp(&(&b.path, &b.reason, b.layer)));
    problems.dedup_by(|later, earlier| same(later, earlier));
    problems
}
