//! Takes entries of one layer or file system and keeps what the analyzers say of them.
//!
//! Limits: [`super::Limits`]; beyond one, a problem says what was left out, once. An entry that
//! comes twice counts as its last occurrence, as it does when the layer is unpacked.

use super::{Limits, Selection, path};
use crate::analyze::{FileFacts, FileMeta, HEAD_BYTES, LayerFacts, Sink, path_hash};
use rampart_model::{
    package::Package,
    scan::{PrivilegedFile, ScanProblem},
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Set of analyzers, by their place in the selection.
type Wanted = u128;

/// One step of [`path_hash`].
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The size a hard link's file is taken to have when its name is judged: the header says none.
const LINK_SIZE: u64 = 4096;

/// A name that analyzers want, for a file that went by under a name they did not want: the layer
/// must be read again for it, with [`Collector::again`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateLink {
    pub path: String,
    pub target: String,
}

/// What came of a layer.
#[derive(Debug, Default)]
pub struct Collected {
    pub facts: LayerFacts,
    pub late: Vec<LateLink>,
    /// Why an archive was not read to its end, if it was not.
    pub damage: Option<String>,
    /// The budget did not last: another time more may be listed.
    pub cut: bool,
}

pub struct Collector {
    selection: Arc<Selection>,
    facts: LayerFacts,
    budget: Arc<Budget>,
    /// Hash of a path to its place in `facts.files`.
    by_path: HashMap<u64, usize>,
    open: Option<OpenFile>,
    late: Vec<LateLink>,
    /// In a second reading: what to read, by the hash of the name it lies under.
    again: Option<HashMap<u64, Vec<String>>>,
    over: Over,
}

/// Limits already told of.
#[derive(Default)]
struct Over {
    entries: bool,
    whiteouts: bool,
    facts: bool,
    problems: bool,
    late: bool,
}

/// The file whose bytes come now, once for each name it is read under.
struct OpenFile {
    names: Vec<(FileMeta, Wanted)>,
    head: Vec<u8>,
    readers: Option<Vec<Reader>>,
    seen: u64,
}

struct Reader {
    meta: FileMeta,
    sinks: Vec<Box<dyn Sink>>,
}

impl Collector {
    pub fn new(selection: Arc<Selection>) -> Self {
        let budget = Arc::new(Budget::new(selection.limits.facts_bytes));
        Self::within(selection, budget)
    }

    /// Draws on a budget it shares with others: the layers of one image.
    pub fn within(selection: Arc<Selection>, budget: Arc<Budget>) -> Self {
        Self {
            selection,
            budget,
            facts: LayerFacts::default(),
            by_path: HashMap::new(),
            open: None,
            late: Vec::new(),
            again: None,
            over: Over::default(),
        }
    }

    pub fn limits(&self) -> Limits {
        self.selection.limits
    }

    /// Reads a layer a second time, for the hard links the first reading could not follow.
    pub fn again(selection: Arc<Selection>, links: Vec<LateLink>) -> Self {
        let mut by_target: HashMap<u64, Vec<String>> = HashMap::new();
        for link in links {
            by_target
                .entry(path_hash(&link.target))
                .or_default()
                .push(link.path);
        }
        Self {
            again: Some(by_target),
            ..Self::new(selection)
        }
    }

    /// A regular file begins. True when its bytes are wanted: pass them by [`Self::content`], then
    /// call [`Self::end`]. When false, neither.
    pub fn begin(&mut self, meta: &FileMeta) -> bool {
        self.abandon();
        let names = match &self.again {
            Some(links) => self.names_again(links, meta),
            None => {
                self.note_file(meta);
                self.wanted(meta)
                    .map(|wanted| vec![(meta.clone(), wanted)])
                    .unwrap_or_default()
            }
        };
        if names.is_empty() {
            return false;
        }
        self.open = Some(OpenFile {
            names,
            head: Vec::new(),
            readers: None,
            seen: 0,
        });
        true
    }

    fn note_file(&mut self, meta: &FileMeta) {
        self.facts.file_count += 1;
        self.facts.bytes = self.facts.bytes.saturating_add(meta.size);
        self.entry(&meta.path);
        if meta.mode & 0o6000 != 0 && !self.selection.skips(&meta.path) {
            self.keep(FileFacts {
                path: meta.path.clone(),
                privileged: Some(PrivilegedFile {
                    path: meta.path.clone(),
                    mode: meta.mode,
                    uid: meta.uid,
                    gid: meta.gid,
                    layer: None,
                }),
                ..FileFacts::default()
            });
        }
    }

    fn names_again(
        &self,
        links: &HashMap<u64, Vec<String>>,
        meta: &FileMeta,
    ) -> Vec<(FileMeta, Wanted)> {
        let Some(paths) = links.get(&path_hash(&meta.path)) else {
            return Vec::new();
        };
        paths
            .iter()
            .filter_map(|path| {
                let meta = FileMeta {
                    path: path.clone(),
                    ..meta.clone()
                };
                let wanted = self.wanted(&meta)?;
                Some((meta, wanted))
            })
            .collect()
    }

    fn wanted(&self, meta: &FileMeta) -> Option<Wanted> {
        let mut set: Wanted = 0;
        for (index, analyzer) in self.selection.analyzers.iter().take(128).enumerate() {
            if analyzer.wants(meta) {
                set |= 1 << index;
            }
        }
        (set != 0 && !self.selection.skips(&meta.path)).then_some(set)
    }

    /// The next bytes of the file that began.
    pub fn content(&mut self, bytes: &[u8]) {
        let Some(open) = &mut self.open else { return };
        open.seen = open.seen.saturating_add(bytes.len() as u64);
        let Some(readers) = &mut open.readers else {
            return Self::content_head(&self.selection, open, bytes);
        };
        for sink in readers.iter_mut().flat_map(|reader| &mut reader.sinks) {
            sink.chunk(bytes);
        }
    }

    /// Bytes before the sinks are open: the first piece serves as the head if it is long enough.
    fn content_head(selection: &Selection, open: &mut OpenFile, bytes: &[u8]) {
        let whole = open
            .names
            .iter()
            .map(|(meta, _)| meta.size)
            .max()
            .unwrap_or(0);
        let head_size = usize::try_from(whole).unwrap_or(HEAD_BYTES).min(HEAD_BYTES);
        if open.head.is_empty() && bytes.len() >= head_size {
            open.start(selection, &bytes[..head_size], bytes);
            return;
        }
        let missing = head_size.saturating_sub(open.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(missing);
        open.head.extend_from_slice(first);
        if open.head.len() >= head_size {
            let head = std::mem::take(&mut open.head);
            open.start(selection, &head, &head);
            for sink in open
                .readers
                .iter_mut()
                .flatten()
                .flat_map(|reader| &mut reader.sinks)
            {
                sink.chunk(rest);
            }
        }
    }

    /// The file that began is complete, or `truncated`: its source ended early.
    pub fn end(&mut self, truncated: bool) {
        let Some(mut open) = self.open.take() else {
            return;
        };
        if open.readers.is_none() {
            let head = std::mem::take(&mut open.head);
            open.start(&self.selection, &head, &head);
        }
        for reader in open.readers.into_iter().flatten() {
            let mut facts = FileFacts {
                path: reader.meta.path.clone(),
                ..FileFacts::default()
            };
            for sink in reader.sinks {
                sink.finish(truncated, &mut facts);
            }
            self.keep(facts);
        }
    }

    fn abandon(&mut self) {
        if self.open.is_some() {
            self.end(true);
        }
    }

    /// Bytes of the file that began are still of use: it may be left early otherwise.
    pub fn is_reading(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| {
            open.readers
                .as_ref()
                .is_none_or(|readers| !readers.is_empty())
        })
    }

    /// A directory: it hides a file of its name in a layer below.
    pub fn directory(&mut self, path: &str) {
        self.abandon();
        if self.again.is_some() || path.is_empty() {
            return;
        }
        self.forget(path_hash(path));
        self.note_entry((path_hash(path) ^ u64::from(b'/')).wrapping_mul(FNV_PRIME));
    }

    /// Anything that is not a directory: it hides what a layer below has at this path.
    pub fn entry(&mut self, path: &str) {
        self.abandon();
        if self.again.is_some() {
            return;
        }
        let hash = path_hash(path);
        self.forget(hash);
        self.note_entry(hash);
    }

    fn note_entry(&mut self, hash: u64) {
        if self.facts.entries.len() < self.selection.limits.entries {
            grow_slowly(&mut self.facts.entries);
            self.facts.entries.push(hash);
        } else if !std::mem::replace(&mut self.over.entries, true) {
            let limit = self.selection.limits.entries;
            self.problem(
                "",
                format!("more than {limit} entries: what the others hide below may still be shown"),
            );
        }
    }

    /// Facts of an earlier entry of the same path are void.
    fn forget(&mut self, hash: u64) {
        if let Some(index) = self.by_path.remove(&hash)
            && let Some(file) = self.facts.files.get_mut(index)
        {
            self.budget.give_back(weight(file));
            *file = FileFacts::default();
        }
    }

    /// A hard link to a file of this layer.
    pub fn hard_link(&mut self, meta: &FileMeta, target: &str) {
        if self.again.is_some() || meta.path == target {
            return;
        }
        self.entry(&meta.path);
        let as_file = FileMeta {
            size: LINK_SIZE,
            ..meta.clone()
        };
        let as_target = FileMeta {
            path: target.to_owned(),
            ..as_file.clone()
        };
        let by_link = self.wanted(&as_file).unwrap_or(0);
        let by_target = self.wanted(&as_target).unwrap_or(0);
        let shown = self
            .by_path
            .get(&path_hash(target))
            .and_then(|index| self.facts.files.get(*index))
            .map(|facts| facts_at(facts, target, &meta.path));
        if by_link & !by_target != 0 {
            self.add_late(&meta.path, target);
        } else if let Some(mut facts) = shown {
            if by_link != by_target {
                facts = FileFacts {
                    path: facts.path,
                    privileged: facts.privileged,
                    ..FileFacts::default()
                };
            }
            self.keep(facts);
        }
    }

    fn add_late(&mut self, path: &str, target: &str) {
        if self.late.len() < self.selection.limits.late_links {
            self.late.push(LateLink {
                path: path.to_owned(),
                target: target.to_owned(),
            });
        } else if !std::mem::replace(&mut self.over.late, true) {
            let limit = self.selection.limits.late_links;
            self.problem(
                path,
                format!("more than {limit} hard links with names of packages: not read"),
            );
        }
    }

    /// The layer deletes `path` of the layers below.
    pub fn whiteout(&mut self, path: &str) {
        self.hide(path, false);
    }

    /// The layer empties the directory `path` of the layers below.
    pub fn opaque(&mut self, path: &str) {
        self.hide(path, true);
    }

    fn hide(&mut self, path: &str, opaque: bool) {
        self.abandon();
        if self.again.is_some() {
            return;
        }
        let limit = self.selection.limits.whiteouts;
        if self.facts.whiteouts.len() + self.facts.opaques.len() < limit {
            let list = if opaque {
                &mut self.facts.opaques
            } else {
                &mut self.facts.whiteouts
            };
            list.push(path.to_owned());
        } else if !std::mem::replace(&mut self.over.whiteouts, true) {
            self.problem(
                path,
                format!("more than {limit} whiteouts: what the others delete may still be shown"),
            );
        }
    }

    pub fn problem(&mut self, path: &str, reason: impl Into<String>) {
        let limit = self.selection.limits.problems;
        let reason = if self.facts.problems.len() < limit {
            reason.into()
        } else if !std::mem::replace(&mut self.over.problems, true) {
            format!("more than {limit} problems: the others are not listed")
        } else {
            return;
        };
        self.facts.problems.push(ScanProblem {
            path: path.to_owned(),
            reason,
            layer: None,
        });
    }

    fn keep(&mut self, mut facts: FileFacts) {
        if facts.is_empty() {
            return;
        }
        // A list of one has room for four: of a hundred thousand files that is most of the memory.
        facts.packages.shrink_to_fit();
        facts.secrets.shrink_to_fit();
        facts.problems.shrink_to_fit();
        facts.owners.shrink_to_fit();
        facts.owned_paths.shrink_to_fit();
        if !self.budget.draw(weight(&facts)) {
            if !std::mem::replace(&mut self.over.facts, true) {
                let limit = self.budget.limit;
                self.problem(
                    &facts.path,
                    format!("more than {limit} bytes of findings: the others are not listed"),
                );
            }
            return;
        }
        let hash = path_hash(&facts.path);
        if let Some(file) = self
            .by_path
            .get(&hash)
            .and_then(|at| self.facts.files.get_mut(*at))
        {
            append(file, facts);
            return;
        }
        self.by_path.insert(hash, self.facts.files.len());
        grow_slowly(&mut self.facts.files);
        self.facts.files.push(facts);
    }

    pub fn finish(mut self) -> Collected {
        self.abandon();
        let mut facts = self.facts;
        facts.files.retain(|file| !file.is_empty());
        facts.entries.sort_unstable();
        facts.entries.dedup();
        facts.entries.shrink_to_fit();
        Collected {
            facts,
            late: self.late,
            damage: None,
            cut: self.over.facts,
        }
    }
}

/// Room for a quarter more: doubling a list of many would take half the memory for nothing.
fn grow_slowly<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 4).max(64));
    }
}

/// Bytes of facts that may be kept, by one collector or by several at once.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    left: AtomicUsize,
}

impl Budget {
    pub fn new(bytes: usize) -> Self {
        Self {
            limit: bytes,
            left: AtomicUsize::new(bytes),
        }
    }

    /// False, and nothing drawn, when so much is not left.
    pub fn draw(&self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    pub fn give_back(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl OpenFile {
    fn start(&mut self, selection: &Selection, head: &[u8], first: &[u8]) {
        let mut readers = Vec::new();
        for (meta, wanted) in std::mem::take(&mut self.names) {
            let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
            for (index, analyzer) in selection.analyzers.iter().take(128).enumerate() {
                if wanted & (1 << index) != 0
                    && let Some(mut sink) = analyzer.open(&meta, head)
                {
                    sink.chunk(first);
                    sinks.push(sink);
                }
            }
            if !sinks.is_empty() {
                readers.push(Reader { meta, sinks });
            }
        }
        self.readers = Some(readers);
    }
}

fn append(to: &mut FileFacts, more: FileFacts) {
    to.packages.extend(more.packages);
    to.secrets.extend(more.secrets);
    to.problems.extend(more.problems);
    to.owned_paths.extend(more.owned_paths);
    to.owned_paths.sort_unstable();
    to.owners.extend(more.owners);
    to.package_licenses.extend(more.package_licenses);
    to.distro = more.distro.or(to.distro.take());
    to.privileged = more.privileged.or(to.privileged.take());
}

/// The same facts, of the same file under another name.
fn facts_at(facts: &FileFacts, from: &str, to: &str) -> FileFacts {
    let mut facts = facts.clone();
    facts.path = to.to_owned();
    let rename = |path: &mut String| {
        if path == from {
            to.clone_into(path);
        }
    };
    facts
        .packages
        .iter_mut()
        .for_each(|package| rename(&mut package.path));
    facts
        .secrets
        .iter_mut()
        .for_each(|secret| rename(&mut secret.path));
    facts
        .problems
        .iter_mut()
        .for_each(|problem| rename(&mut problem.path));
    facts
        .privileged
        .iter_mut()
        .for_each(|file| rename(&mut file.path));
    facts
}

/// About what the facts of a layer take in memory.
pub fn facts_weight(facts: &LayerFacts) -> usize {
    let hidden = facts
        .whiteouts
        .iter()
        .chain(&facts.opaques)
        .map(|path| 24 + path.len());
    facts.files.iter().map(weight).sum::<usize>() + hidden.sum::<usize>()
}

/// About what it takes in memory.
fn weight(facts: &FileFacts) -> usize {
    let packages: usize = facts.packages.iter().map(package_weight).sum();
    let secrets: usize = facts
        .secrets
        .iter()
        .map(|s| 200 + s.rule.len() + s.title.len() + s.path.len() + s.excerpt.len())
        .sum();
    let problems: usize = facts
        .problems
        .iter()
        .map(|p| 80 + p.path.len() + p.reason.len())
        .sum();
    let owners: usize = facts
        .owners
        .iter()
        .map(|o| 80 + o.package.len() + 8 * o.paths.len())
        .sum();
    let licenses: usize = facts
        .package_licenses
        .iter()
        .map(|(name, list)| 48 + name.len() + texts_weight(list))
        .sum();
    size_of::<FileFacts>()
        + 2 * facts.path.len()
        + packages
        + secrets
        + problems
        + owners
        + licenses
        + 8 * facts.owned_paths.len()
}

fn package_weight(package: &Package) -> usize {
    let strings = [
        &package.name,
        &package.version,
        &package.arch,
        &package.supplier,
        &package.module,
        &package.path,
        &package.inner_path,
    ];
    let lists = [&package.licenses, &package.depends_on, &package.hashes];
    size_of::<Package>()
        + strings.iter().map(|text| text.len()).sum::<usize>()
        + lists.iter().map(|list| texts_weight(list)).sum::<usize>()
}

fn texts_weight(list: &[String]) -> usize {
    list.iter().map(|text| 24 + text.len()).sum()
}

/// The directory and what the whiteout name in it means, if `path` is one.
pub(crate) enum Whiteout<'a> {
    Opaque(&'a str),
    Delete(String),
    /// Metadata of AUFS: nothing to do with files.
    Ignore,
}

pub(crate) fn whiteout_of(path: &str) -> Option<Whiteout<'_>> {
    let (directory, name) = path::split(path);
    let hidden = name.strip_prefix(".wh.")?;
    Some(match hidden {
        ".wh..opq" => Whiteout::Opaque(directory),
        _ if hidden.starts_with(".wh.") => Whiteout::Ignore,
        "" | "." | ".." => Whiteout::Ignore,
        _ => Whiteout::Delete(path::join(directory, hidden)),
    })
}
