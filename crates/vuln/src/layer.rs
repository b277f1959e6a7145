//! Walks a layer: a tar stream, or the entries of a directory, offered to the analyzers.
//!
//! [`TarPush`] takes a layer's bytes in whatever pieces they come and never asks for them twice;
//! [`Collector`] takes entries from it, or from a directory walk, shows each regular file to the
//! analyzers of a [`Selection`] and gathers [`crate::analyze::LayerFacts`].
//!
//! Limits, each with a problem naming what was left out: see [`Limits`]. A file's bytes are handed
//! on as they lie in the caller's buffer; only a first piece shorter than
//! [`crate::analyze::HEAD_BYTES`] is copied. Memory is bounded by the limits and by what the open
//! file's sinks keep.

mod collector;
mod glob;
mod header;
mod path;
mod pax;
mod sparse;
pub mod split;
mod tar;

#[cfg(test)]
mod tests;

pub use collector::{Budget, Collected, Collector, LateLink, facts_weight};
pub use glob::Glob;
pub use header::{BLOCK, Header, HeaderError, parse as parse_header};
pub use path::normalise;
pub use pax::{Overrides, PaxError, SparseRecords, apply as apply_pax};
pub use tar::TarPush;

use crate::analyze::{self, Analyzer};
use rampart_model::scan::TargetKind;

/// Which files are read, and by whom.
#[derive(Clone, Default)]
pub struct Selection {
    pub analyzers: Vec<&'static dyn Analyzer>,
    /// Directories left out, with all below them.
    pub skip_dirs: Vec<Glob>,
    pub skip_files: Vec<Glob>,
    pub limits: Limits,
}

impl Selection {
    /// Every analyzer, nothing left out.
    pub fn all() -> Self {
        Self::of(analyze::ALL)
    }

    /// The analyzers that speak of such a target: source trees are judged by their lock files,
    /// everything that runs by what is installed.
    pub fn for_target(kind: TargetKind) -> Self {
        let mut selection = Self::all();
        selection
            .analyzers
            .retain(|analyzer| analyzer.scope().applies_to(kind));
        selection
    }

    pub fn of(analyzers: &[&'static dyn Analyzer]) -> Self {
        Self {
            analyzers: analyzers.to_vec(),
            ..Self::default()
        }
    }

    /// `path` or a directory above it is to be left out.
    pub fn skips(&self, path: &str) -> bool {
        self.skip_files.iter().any(|glob| glob.matches(path)) || self.skips_below(path)
    }

    fn skips_below(&self, path: &str) -> bool {
        !self.skip_dirs.is_empty()
            && path::prefixes(path).any(|dir| self.skip_dirs.iter().any(|glob| glob.matches(dir)))
    }

    pub fn skips_dir(&self, path: &str) -> bool {
        self.skip_dirs.iter().any(|glob| glob.matches(path)) || self.skips_below(path)
    }
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.analyzers.iter().map(|a| a.name()).collect();
        f.debug_struct("Selection")
            .field("analyzers", &names)
            .field("skip_dirs", &self.skip_dirs)
            .field("skip_files", &self.skip_files)
            .field("limits", &self.limits)
            .finish()
    }
}

/// How much of one layer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries remembered to hide files of layers below. More are still analysed.
    pub entries: usize,
    /// Whiteouts and opaque directories, together.
    pub whiteouts: usize,
    /// Bytes of facts, as they lie in memory.
    pub facts_bytes: usize,
    pub problems: usize,
    /// Links whose file must be read again under the link's name.
    pub late_links: usize,
    /// Zeros given for one sparse file's holes.
    pub hole_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 1 << 20,
            whiteouts: 1 << 17,
            facts_bytes: 18 << 20,
            problems: 1000,
            late_links: 4096,
            hole_bytes: 64 << 20,
        }
    }
}
