//! Which packages are in use: a file of theirs was executed or mapped.
//!
//! A package of the distribution is known by its programs and libraries, kept as hashes of their
//! paths; any other one by where it lies: the file that told of it, or the folder it came in.
//! Limit: scripts read by an interpreter are neither executed nor mapped, so a package of scripts
//! only is marked when one of them is started by its own path.

use crate::analyze::path_hash;
use rampart_model::package::{Package, PackageKind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Programs and libraries with the index of their package in the artifact: 12 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Programs {
    paths: Vec<(u64, u32)>,
}

impl Programs {
    pub fn new(mut paths: Vec<(u64, u32)>) -> Self {
        paths.sort_unstable();
        paths.dedup();
        paths.shrink_to_fit();
        Self { paths }
    }

    pub fn len(&self) -> usize {
        self.paths.len()
    }

    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Indices of the packages that own the path, which is taken from the root.
    pub fn owners<'a>(&'a self, path: &str) -> impl Iterator<Item = u32> + use<'a> {
        let hash = path_hash(path.trim_start_matches('/'));
        let start = self.paths.partition_point(|(known, _)| *known < hash);
        self.paths[start..]
            .iter()
            .take_while(move |(known, _)| *known == hash)
            .map(|(_, index)| *index)
    }
}

/// Marks the packages of the executed or mapped `paths` (absolute inside the container) and says
/// how many are newly marked. `packages` are those that `programs` was made with, in their order.
pub fn mark<'a>(
    packages: &mut [Package],
    programs: &Programs,
    paths: impl IntoIterator<Item = &'a str>,
) -> usize {
    let by_place = by_place(packages);
    let mut used = vec![false; packages.len()];
    for path in paths {
        let path = path.trim_start_matches('/');
        for index in programs.owners(path) {
            if let Some(used) = usize::try_from(index).ok().and_then(|i| used.get_mut(i)) {
                *used = true;
            }
        }
        for place in places_above(path) {
            for index in by_place.get(place).into_iter().flatten() {
                used[*index] = true;
            }
        }
    }
    let mut marked = 0;
    for (package, used) in packages.iter_mut().zip(used) {
        if used && !package.in_use {
            package.in_use = true;
            marked += 1;
        }
    }
    marked
}

/// The path, and the folders above it.
fn places_above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(above, _)| above)
    })
}

fn by_place(packages: &[Package]) -> HashMap<String, Vec<usize>> {
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, package) in packages.iter().enumerate() {
        if !package.kind.is_os() && !package.path.is_empty() {
            let mut add = |place: String| places.entry(place).or_default().push(index);
            if let Some(folder) = folder(package) {
                add(folder);
            }
            add(package.path.clone());
        }
    }
    places
}

/// Where a package's own files lie, if the file that told of it says so.
fn folder(package: &Package) -> Option<String> {
    let (folder, file) = package.path.rsplit_once('/')?;
    match package.kind {
        PackageKind::Npm if file == "package.json" && folder.contains("node_modules/") => {
            Some(folder.to_owned())
        }
        PackageKind::Pypi => {
            let base = if file.ends_with(".egg-info") {
                folder
            } else {
                folder.rsplit_once('/')?.0
            };
            Some(format!("{base}/{}", package.name.replace('-', "_")))
        }
        PackageKind::Gem if file.ends_with(".gemspec") => {
            let base = folder.strip_suffix("specifications")?;
            Some(format!("{base}gems/{}-{}", package.name, package.version))
        }
        _ => None,
    }
}

/// What kind of files lie in a folder, by its place alone.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Programs,
    Libraries,
    Shared,
    Other,
}

impl Place {
    /// `path` is a folder with a slash at its end, or a file in it.
    pub(crate) fn of(path: &str) -> Self {
        let path = path.strip_prefix("usr/").unwrap_or(path);
        let path = path.strip_prefix("local/").unwrap_or(path);
        let Some((first, _)) = path.split_once('/') else {
            return Self::Other;
        };
        match first {
            "bin" | "sbin" | "games" => Self::Programs,
            "lib" | "lib32" | "lib64" | "libx32" | "libexec" | "opt" => Self::Libraries,
            "share" => Self::Shared,
            _ => Self::Other,
        }
    }

    /// Whether a file there of this name may be executed or mapped, and is not text.
    pub(crate) fn may_run(self, name: &str) -> bool {
        let is_library =
            || name.contains(".so") || name.ends_with(".jar") || name.ends_with(".dll");
        match self {
            Self::Programs => true,
            Self::Libraries => !name.contains('.') || is_library(),
            Self::Shared => is_library(),
            Self::Other => false,
        }
    }
}

pub(crate) fn is_program(path: &str) -> bool {
    Place::of(path).may_run(path.rsplit('/').next().unwrap_or(path))
}
