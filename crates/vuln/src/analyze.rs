//! Reads packages, secrets and marks of the distribution out of files as they stream by.
//!
//! Every analyzer is one file and one row of [`ALL`]. A file is offered to each: first by name,
//! size and mode, then by its first bytes; whoever wants it gets all its bytes in order, once.
//! Nobody may keep more than it says: inputs are hostile, memory is bounded by the sums of
//! [`Whole`] limits and each sink's own.

pub(crate) mod document;
mod manifest;

pub mod alpm;
pub mod apk;
pub mod conan;
pub mod dart;
pub mod distro;
pub mod dotnet;
pub mod dpkg;
pub mod elf;
pub mod elixir;
pub mod fingerprint;
pub mod golang;
pub mod haskell;
pub mod java;
pub mod license;
pub mod node;
pub mod php;
pub mod privileged;
pub mod python;
pub mod r;
pub mod rpm;
pub mod ruby;
pub mod rust;
pub mod swift;
mod window;

use rampart_model::{
    package::{Distro, Package},
    scan::{PrivilegedFile, ScanProblem, Secret, TargetKind},
};
use serde::{Deserialize, Serialize};

/// How many first bytes [`Analyzer::open`] sees; the whole file if it is shorter.
pub const HEAD_BYTES: usize = 4096;

/// Most packages kept of one database, and most paths that they own.
pub(crate) const MOST_PACKAGES: usize = 200_000;
pub(crate) const MOST_OWNED_PATHS: usize = 4_000_000;

/// A regular file, as the archive or the file system tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMeta {
    /// From the root, without a leading slash, `..` and `.` resolved away; lossy where not UTF-8.
    pub path: String,
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

impl FileMeta {
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// What a file's packages are: there, or only asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Tells of what is installed: metadata of a package manager, a program.
    #[default]
    Installed,
    /// Names what a project wants: a lock file. Inside an image it proves nothing.
    Project,
    /// Means the same in both.
    Both,
}

impl Scope {
    /// Source trees are judged by their lock files, everything that runs by what is installed.
    pub fn applies_to(self, target: TargetKind) -> bool {
        match self {
            Self::Installed => target != TargetKind::Filesystem,
            Self::Project => target == TargetKind::Filesystem,
            Self::Both => true,
        }
    }
}

pub trait Analyzer: Sync {
    /// Short and stable: shown in reports' problems and used by `--skip-analyzer`.
    fn name(&self) -> &'static str;

    /// Which kinds of targets it is for.
    fn scope(&self) -> Scope {
        Scope::Installed
    }

    /// By name, size and mode alone; must be cheap, it is asked for every file.
    fn wants(&self, file: &FileMeta) -> bool;

    /// With the first [`HEAD_BYTES`] at hand: take the file or leave it.
    fn open(&self, file: &FileMeta, head: &[u8]) -> Option<Box<dyn Sink>>;
}

/// Takes one file's bytes in order, from the first (the head is passed again).
pub trait Sink: Send {
    fn chunk(&mut self, bytes: &[u8]);

    /// The file is complete. `truncated` if the source ended early.
    fn finish(self: Box<Self>, truncated: bool, out: &mut FileFacts);
}

/// What one file tells. Empty facts are dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    pub path: String,
    pub packages: Vec<Package>,
    pub distro: Option<Distro>,
    /// Paths that the distribution's package manager owns: [`path_hash`] of each, sorted.
    pub owned_paths: Vec<u64>,
    /// Which of them are programs or libraries, by package: for `in_use`.
    pub owners: Vec<Owner>,
    /// Licences told by another file than the one that lists the package: name, licences.
    pub package_licenses: Vec<(String, Vec<String>)>,
    pub secrets: Vec<Secret>,
    pub privileged: Option<PrivilegedFile>,
    pub problems: Vec<ScanProblem>,
}

impl FileFacts {
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.distro.is_none()
            && self.owned_paths.is_empty()
            && self.owners.is_empty()
            && self.package_licenses.is_empty()
            && self.secrets.is_empty()
            && self.privileged.is_none()
            && self.problems.is_empty()
    }

    pub fn problem(&mut self, reason: impl Into<String>) {
        let path = self.path.clone();
        self.problems.push(ScanProblem {
            path,
            reason: reason.into(),
            layer: None,
        });
    }
}

/// The programs and libraries of one package of the distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub package: String,
    /// Empty where the package manager's file does not say.
    pub arch: String,
    /// [`path_hash`] of each, sorted.
    pub paths: Vec<u64>,
}

/// What one layer, or one whole file system, tells; kept in the cache by the layer's digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    pub files: Vec<FileFacts>,
    /// Paths this layer deletes (`.wh.name`), and directories it empties first (`.wh..wh..opq`).
    pub whiteouts: Vec<String>,
    pub opaques: Vec<String>,
    /// [`path_hash`] of every entry that is not a directory, sorted: they hide what lies below.
    /// A directory stands as the hash of its path with a slash at the end: it hides a file only.
    pub entries: Vec<u64>,
    pub file_count: u64,
    pub bytes: u64,
    pub problems: Vec<ScanProblem>,
}

/// FNV-1a of a path from the root, without a leading slash.
pub fn path_hash(path: &str) -> u64 {
    extend_hash(0xcbf2_9ce4_8422_2325, path)
}

fn extend_hash(hash: u64, more: &str) -> u64 {
    more.bytes().fold(hash, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// [`path_hash`] of a path, and of where it really lies on systems that merged `/bin`, `/lib` and
/// their kin into `/usr` while the package manager's lists still name the old places.
#[derive(Clone, Copy)]
pub(crate) struct PathHashes {
    plain: u64,
    real: Option<u64>,
}

impl PathHashes {
    pub(crate) fn of(path: &str) -> Self {
        const MERGED: [&str; 7] = [
            "bin/", "lib/", "lib32/", "lib64/", "libx32/", "libo32/", "sbin/",
        ];
        let merged = MERGED.iter().any(|folder| path.starts_with(folder));
        Self {
            plain: path_hash(path),
            real: merged.then(|| extend_hash(path_hash("usr/"), path)),
        }
    }

    /// Of the path with more at its end.
    pub(crate) fn join(self, more: &str) -> Self {
        Self {
            plain: extend_hash(self.plain, more),
            real: self.real.map(|hash| extend_hash(hash, more)),
        }
    }
}

impl IntoIterator for PathHashes {
    type Item = u64;
    type IntoIter = std::iter::Chain<std::iter::Once<u64>, std::option::IntoIter<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.plain).chain(self.real)
    }
}

/// A [`Sink`] that keeps the whole file, up to a limit, and hands it to a function.
pub struct Whole<F> {
    meta: FileMeta,
    bytes: Vec<u8>,
    limit: usize,
    over: bool,
    parse: F,
}

impl<F> Whole<F>
where
    F: FnOnce(&FileMeta, &[u8], &mut FileFacts) + Send + 'static,
{
    /// `parse` is not called for a file longer than `limit` bytes or cut short: a problem is noted.
    pub fn sink(file: &FileMeta, limit: usize, parse: F) -> Box<dyn Sink> {
        let expected = usize::try_from(file.size).unwrap_or(usize::MAX).min(limit);
        Box::new(Self {
            meta: file.clone(),
            bytes: Vec::with_capacity(expected.min(1 << 20)),
            limit,
            over: false,
            parse,
        })
    }
}

impl<F> Sink for Whole<F>
where
    F: FnOnce(&FileMeta, &[u8], &mut FileFacts) + Send + 'static,
{
    fn chunk(&mut self, bytes: &[u8]) {
        if self.over || self.bytes.len() + bytes.len() > self.limit {
            self.over = true;
            self.bytes = Vec::new();
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn finish(self: Box<Self>, truncated: bool, out: &mut FileFacts) {
        let this = *self;
        if this.over {
            out.problem(format!(
                "longer than the {} bytes that are read of such a file",
                this.limit
            ));
        } else if truncated {
            out.problem("cut short: the source ended inside the file");
        } else {
            (this.parse)(&this.meta, &this.bytes, out);
        }
    }
}

/// Every analyzer there is.
pub const ALL: &[&dyn Analyzer] = &[
    &python::METADATA,
    &python::EGG,
    &python::REQUIREMENTS,
    &python::PIPFILE_LOCK,
    &python::POETRY_LOCK,
    &python::UV_LOCK,
    &python::PDM_LOCK,
    &python::PYLOCK,
    &python::CONDA_META,
    &python::CONDA_ENVIRONMENT,
    &node::PACKAGE_JSON,
    &node::NPM_LOCK,
    &node::YARN_LOCK,
    &node::PNPM_LOCK,
    &node::BUN_LOCK,
    &ruby::GEMSPEC,
    &ruby::GEMFILE_LOCK,
    &php::INSTALLED,
    &php::LOCK,
    &dotnet::DEPS_JSON,
    &dotnet::PACKAGES_LOCK,
    &dotnet::PROJECT_ASSETS,
    &dotnet::PACKAGES_CONFIG,
    &dotnet::PROJECT_FILE,
    &dart::PUBSPEC_LOCK,
    &elixir::MIX_LOCK,
    &conan::CONAN_LOCK,
    &swift::PACKAGE_RESOLVED,
    &swift::PODFILE_LOCK,
    &r::DESCRIPTION,
    &r::RENV_LOCK,
    &haskell::CABAL_FREEZE,
    &haskell::STACK_LOCK,
    &distro::DistroFiles,
    &dpkg::Dpkg,
    &dpkg::Copyright,
    &apk::Apk,
    &rpm::Rpm,
    &rpm::RpmManifest,
    &alpm::Alpm,
    &elf::Executables,
    &fingerprint::Releases,
    &golang::GoMod,
    &rust::CargoLock,
    &java::Archives,
    &java::PomProperties,
    &java::PomXml,
    &java::GradleLock,
    &java::SbtLock,
    &privileged::PRIVILEGED,
    &crate::secret::SECRETS,
];
