//! Reads packages, secrets and marks of the distribution out of files as they stream by.
//!
//! Every analyzer is one file and one row of [`ALL`]. A file is offered to each: first by name,
//! size and mode, then by its first bytes; whoever wants it gets all its bytes in order, once.
//! Nobody may keep more than it says: inputs are hostile, memory is bounded by the sums of
//! [`Whole`] limits and each sink's own.

use rampart_model::{
    package::{Distro, Package},
    scan::{PrivilegedFile, ScanProblem, Secret},
};
use serde::{Deserialize, Serialize};

/// How many first bytes [`Analyzer::open`] sees; the whole file if it is shorter.
pub const HEAD_BYTES: usize = 4096;

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

pub trait Analyzer: Sync {
    /// Short and stable: shown in reports' problems and used by `--skip-analyzer`.
    fn name(&self) -> &'static str;

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
    pub secrets: Vec<Secret>,
    pub privileged: Option<PrivilegedFile>,
    pub problems: Vec<ScanProblem>,
}

impl FileFacts {
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.distro.is_none()
            && self.owned_paths.is_empty()
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

/// What one layer, or one whole file system, tells; kept in the cache by the layer's digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFacts {
    pub files: Vec<FileFacts>,
    /// Paths this layer deletes (`.wh.name`), and directories it empties first (`.wh..wh..opq`).
    pub whiteouts: Vec<String>,
    pub opaques: Vec<String>,
    /// [`path_hash`] of every entry that is not a directory, sorted: they hide what lies below.
    pub entries: Vec<u64>,
    pub file_count: u64,
    pub bytes: u64,
    pub problems: Vec<ScanProblem>,
}

/// FNV-1a of a path from the root, without a leading slash.
pub fn path_hash(path: &str) -> u64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
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
pub const ALL: &[&dyn Analyzer] = &[];
