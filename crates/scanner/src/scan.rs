//! A scan: from a source to a report.
//!
//! [`inspect`] finds what is in it and needs no advisory database; judging follows, and can be
//! repeated. Layers are read [`Options::concurrency`] at a time; one that is in the cache is not
//! read at all. Limits: facts of all layers together, [`FACTS_BYTES`]; what is beyond is told of.

mod attached;
mod stack;

use crate::{
    cache::{CachedLayer, LayerCache, Lookup},
    image::{self, Descriptor, ImageError},
    layer::{self, Bounds, LayerError},
    source::{Blobs, Image, Source, SourceError, archive, filesystem::Tree},
    stop::{Stop, StopReason},
};
pub use attached::inspect_attached;
use rampart_model::{
    Timestamp,
    scan::{ScanProblem, ScanReport, ScanTarget, TargetKind},
};
use rampart_vuln::{
    db::{Database, DbError},
    eol,
    image_config::{self, ImageConfig},
    in_use,
    layer::{Budget, Collector, Selection},
    matching::{self, MatchOptions},
    merge::{self, Artifact},
    sbom::{self, SbomError},
    secret,
};
use stack::Stack;
use std::{
    io::Read,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

/// Facts of all layers of an image, as they lie in memory.
pub const FACTS_BYTES: usize = 18 << 20;

/// How to scan.
#[derive(Clone, Debug)]
pub struct Options {
    pub selection: Arc<Selection>,
    pub bounds: Bounds,
    /// Layers read at the same time.
    pub concurrency: usize,
    pub cache: Option<Arc<LayerCache>>,
    /// Judges an image's configuration, and finds secrets in it by these rules; none: not asked.
    pub configuration: Option<Arc<secret::Scanner>>,
    /// Files that were seen executing or mapped, of a tree: their packages are in use.
    pub executed: Vec<String>,
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            selection: Arc::new(Selection::for_target(TargetKind::Image)),
            bounds: Bounds::default(),
            concurrency: 2,
            cache: None,
            configuration: Some(Arc::new(secret::Scanner::builtin())),
            executed: Vec::new(),
            stop: Stop::never(),
        }
    }
}

impl Options {
    /// Names all that decides what is found in a layer: the key of a cache's entries. `program`
    /// tells builds of the program apart.
    pub fn set_name(&self, program: &str) -> String {
        format!("{program}\n{:?}\n{:?}", self.selection, self.bounds)
    }
}

/// Told of what happens, from any thread.
pub trait Progress: Sync {
    fn event(&self, event: Event<'_>);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}

#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// What it is, before its layers are read.
    Found {
        target: &'a ScanTarget,
    },
    LayerStarted {
        index: usize,
        size: u64,
    },
    /// More stored bytes of a layer.
    LayerBytes {
        index: usize,
        bytes: u64,
    },
    LayerDone {
        index: usize,
        cached: bool,
    },
    /// Something worth saying that is no finding.
    Note {
        text: &'a str,
    },
}

/// What a scan found, not yet judged.
#[derive(Debug, Default)]
pub struct Inspected {
    pub report: ScanReport,
    /// A layer could not be read to its end, or not at all: the report says which.
    pub incomplete: bool,
    /// Layers whose facts came from the cache.
    pub cached_layers: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("layer {index} ({digest}) could not be read")]
    Layer {
        index: usize,
        digest: String,
        #[source]
        source: LayerError,
    },
    #[error(
        "layer {index} is not what its digest {expected} names: the bytes received are {actual}"
    )]
    WrongDigest {
        index: usize,
        expected: String,
        actual: String,
    },
    #[error("the scan took longer than it may: --timeout")]
    TimedOut,
    #[error("the scan was cancelled")]
    Cancelled,
}

/// Finds what is in a source.
///
/// # Errors
/// When it cannot be read, or is not what it claims to be; not for damage inside of layers.
pub fn inspect(
    source: Source,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Inspected, ScanError> {
    let result = match source {
        Source::Image(image) => inspect_image(&image, options, progress),
        Source::Stream(stream) => inspect_stream(stream, options, progress),
        Source::Tree(tree) => inspect_tree(&tree, options, progress),
    };
    match options.stop.reason() {
        Some(StopReason::TimedOut) => Err(ScanError::TimedOut),
        Some(StopReason::Cancelled) => Err(ScanError::Cancelled),
        None => result,
    }
}

/// What a bill of materials says is in its subject, named `name`.
///
/// # Errors
/// When it is in no format that is read.
pub fn inspect_sbom(name: &str, document: &[u8]) -> Result<Inspected, SbomError> {
    let read = sbom::read(document)?;
    let mut target = read.target;
    target.kind = TargetKind::Sbom;
    name.clone_into(&mut target.name);
    let problem = |reason| ScanProblem {
        path: name.to_owned(),
        reason,
        layer: None,
    };
    Ok(Inspected {
        report: ScanReport {
            target,
            distro: read.distro,
            packages: read.packages,
            problems: read.problems.into_iter().map(problem).collect(),
            scanned_at: now(),
            ..ScanReport::default()
        },
        ..Inspected::default()
    })
}

/// Joins what was found with what is known of it now, in place of an earlier judgement. The one
/// way to a verdict, wherever a scan is made.
///
/// # Errors
/// When the database is damaged.
pub fn judge(
    report: &mut ScanReport,
    database: &Database,
    options: &MatchOptions,
) -> Result<(), DbError> {
    report.forget_judgement();
    mark_support(report);
    let found = matching::find(database, report.distro.as_ref(), &report.packages, options)?;
    report.vulnerabilities = found.vulnerabilities;
    report.add_judgement_problems(found.problems);
    report.database = Some(database.info().summary());
    Ok(())
}

/// Without a database: packages alone, and a problem that says why.
pub fn leave_unjudged(report: &mut ScanReport, reason: String) {
    report.forget_judgement();
    mark_support(report);
    report.add_judgement_problems(vec![ScanProblem {
        path: "vulnerability database".to_owned(),
        reason,
        layer: None,
    }]);
}

/// How a target of this kind is matched on this machine.
pub fn match_options(kind: TargetKind) -> MatchOptions {
    let running = || {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
        Some(release.trim().to_owned())
    };
    MatchOptions {
        // Of a host's kernels only the one that runs is attacked.
        running_kernel: if kind == TargetKind::Host {
            running()
        } else {
            None
        },
        ..MatchOptions::default()
    }
}

/// Whether the distribution still gets updates, at the time of the scan.
fn mark_support(report: &mut ScanReport) {
    let today = date(report.scanned_at);
    if let Some(distro) = &mut report.distro {
        eol::mark(distro, &today);
    }
}

fn inspect_tree(
    tree: &Tree,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Inspected, ScanError> {
    let target = ScanTarget {
        kind: tree.kind,
        name: tree.name.clone(),
        ..ScanTarget::default()
    };
    progress.event(Event::Found { target: &target });
    let collected = tree.collect(&options.selection, &options.stop)?;
    let mut artifact = merge::merge(vec![collected.facts]).without_layers();
    let executed = options.executed.iter().map(String::as_str);
    in_use::mark(&mut artifact.packages, &artifact.programs, executed);
    Ok(Inspected {
        report: report(target, artifact),
        incomplete: false,
        cached_layers: 0,
    })
}

fn inspect_image(
    image: &Image,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Inspected, ScanError> {
    let target = image.described()?;
    progress.event(Event::Found { target: &target });
    let job = Job {
        target: &target,
        layers: &image.layers,
        blobs: &*image.blobs,
        options,
        progress,
        next: AtomicUsize::new(0),
        stack: Mutex::new(Stack::new(image.layers.len())),
        failed: Mutex::new(None),
    };
    let threads = options.concurrency.clamp(1, image.layers.len().max(1));
    if threads == 1 {
        job.run();
    } else {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| job.run());
            }
        });
    }
    if let Some(error) = job
        .failed
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        return Err(error);
    }
    let stack = job.stack.into_inner();
    let mut inspected = stack.unwrap_or_else(PoisonError::into_inner).finish(target);
    judge_configuration(&mut inspected, &image.config, options);
    Ok(inspected)
}

/// What the image's configuration says of how it runs, and secrets in it.
fn judge_configuration(inspected: &mut Inspected, config: &[u8], options: &Options) {
    let report = &mut inspected.report;
    if let Some(reason) = image::excess(config) {
        inspected.incomplete = true;
        report.problems.push(ScanProblem {
            path: "config".into(),
            reason,
            layer: None,
        });
        return;
    }
    let Some(rules) = &options.configuration else {
        return;
    };
    match ImageConfig::parse(config) {
        Ok(mut config) => {
            let target = &report.target;
            if !target.tag.is_empty() {
                config.reference = format!("{}:{}", target.repository, target.tag);
            }
            config.privileged.clone_from(&report.privileged);
            let found = image_config::check(&config, rules);
            report.config_issues = found.issues;
            report.secrets.extend(found.secrets);
            report.problems.extend(found.problems);
        }
        Err(error) => report.problems.push(ScanProblem {
            path: "config".into(),
            reason: error.to_string(),
            layer: None,
        }),
    }
}

/// The layers of one image, shared by the threads that read them.
struct Job<'a> {
    target: &'a ScanTarget,
    layers: &'a [Descriptor],
    blobs: &'a dyn Blobs,
    options: &'a Options,
    progress: &'a dyn Progress,
    next: AtomicUsize,
    stack: Mutex<Stack>,
    failed: Mutex<Option<ScanError>>,
}

impl Job<'_> {
    fn run(&self) {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let failed = self.failed.lock().is_ok_and(|failed| failed.is_some());
            if index >= self.layers.len() || failed {
                return;
            }
            match self.layer(index) {
                Ok((layer, cached)) => {
                    let mut stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
                    stack.put(index, layer, cached);
                    drop(stack);
                    self.progress.event(Event::LayerDone { index, cached });
                }
                Err(error) => {
                    self.failed
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(error);
                    return;
                }
            }
        }
    }

    /// The digests a layer's entry in the cache may have.
    fn names(&self, index: usize) -> (&str, &str) {
        let diff_id = self
            .target
            .layers
            .get(index)
            .map_or("", |layer| layer.diff_id.as_str());
        let digest = self.layers[index].digest.as_str();
        (if digest.is_empty() { diff_id } else { digest }, diff_id)
    }

    fn layer(&self, index: usize) -> Result<(CachedLayer, bool), ScanError> {
        let (digest, diff_id) = self.names(index);
        if let Some(cache) = &self.options.cache {
            match cache.load(digest) {
                Lookup::Hit(layer) => return Ok((*layer, true)),
                Lookup::Miss => {}
                Lookup::Corrupt(reason) => {
                    let text = format!("the cache's entry of {digest} is of no use: {reason}");
                    self.progress.event(Event::Note { text: &text });
                }
            }
        }
        let mut layer = self.read(index)?;
        let matches = [&layer.digest, &layer.diff_id]
            .iter()
            .any(|own| own.as_str() == digest);
        if !matches && !digest.is_empty() {
            if self.blobs.is_remote() {
                let (expected, actual) = (digest.to_owned(), layer.digest);
                return Err(ScanError::WrongDigest {
                    index,
                    expected,
                    actual,
                });
            }
            layer.damage.get_or_insert(format!(
                "it is not what its digest names: it is {}",
                layer.digest
            ));
        } else if !diff_id.is_empty() && layer.diff_id != diff_id && layer.damage.is_none() {
            layer.damage = Some(format!(
                "its content is {}, the configuration names {diff_id}",
                layer.diff_id
            ));
        } else if let Some(cache) = &self.options.cache
            && let Err(error) = cache.store(&layer)
        {
            let text = format!("a layer's facts could not be kept in the cache: {error}");
            self.progress.event(Event::Note { text: &text });
        }
        Ok((layer, false))
    }

    fn read(&self, index: usize) -> Result<CachedLayer, ScanError> {
        let size = self.layers[index].size;
        self.progress.event(Event::LayerStarted { index, size });
        let seen = |bytes| self.progress.event(Event::LayerBytes { index, bytes });
        let options = self.options;
        let failed = |source| self.failure(index, source);
        let open = || self.blobs.open(index, &options.stop);
        let budget = self
            .stack
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .budget();
        let collector = Collector::within(Arc::clone(&options.selection), budget);
        let mut read = layer::read(open()?, collector, &options.bounds, &options.stop, &seen)
            .map_err(failed)?;
        if !read.late.is_empty() {
            let late = std::mem::take(&mut read.late);
            let more = layer::read_links(
                open()?,
                &options.selection,
                late,
                &options.bounds,
                &options.stop,
            )
            .map_err(failed)?;
            read.facts.files.extend(more.files);
            read.facts.problems.extend(more.problems);
        }
        Ok(CachedLayer {
            digest: read.digest,
            diff_id: read.diff_id,
            stored_bytes: read.stored_bytes,
            plain_bytes: read.plain_bytes,
            damage: read.damage,
            facts: read.facts,
            cut: read.cut,
        })
    }

    fn failure(&self, index: usize, source: LayerError) -> ScanError {
        let digest = self.names(index).0.to_owned();
        ScanError::Layer {
            index,
            digest,
            source,
        }
    }
}

fn inspect_stream(
    stream: archive::Stream,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Inspected, ScanError> {
    let known = stream.known.clone();
    if let (Some((id, name)), Some(cache)) = (&known, &options.cache)
        && let Some(inspected) = from_cache(cache, id, name, options, progress)
    {
        return Ok(inspected);
    }
    let seen = |bytes| progress.event(Event::LayerBytes { index: 0, bytes });
    let budget = Arc::new(Budget::new(FACTS_BYTES));
    let mut read_one = |content: &mut dyn Read| {
        let collector = Collector::within(Arc::clone(&options.selection), Arc::clone(&budget));
        layer::read(content, collector, &options.bounds, &options.stop, &seen)
            .map(|read| Arc::new(Mutex::new(Some(read))))
            .map_err(|error| SourceError::Other(chain(&error)))
    };
    let (found, layers) = stream.read(&mut read_one)?;
    let mut target = found.target;
    if let Some((_, name)) = &known {
        target.name.clone_from(name);
    }
    crate::image::describe(&found.config, &found.layers, &mut target)?;
    progress.event(Event::Found { target: &target });
    let mut stack = Stack::new(layers.len());
    for (index, slot) in layers.iter().enumerate() {
        let read = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let layer = streamed(read.unwrap_or_default(), &target.layers[index].diff_id);
        if let Some(cache) = options.cache.as_ref().filter(|_| layer.damage.is_none()) {
            // What cannot be kept is read again.
            let _ = cache.store(&layer);
        }
        stack.put(index, layer, false);
    }
    let mut inspected = stack.finish(target);
    judge_configuration(&mut inspected, &found.config, options);
    if let (Some((id, _)), Some(cache)) = (&known, &options.cache)
        && !inspected.incomplete
        && let Ok(config) = std::str::from_utf8(&found.config)
        && let Ok(text) = serde_json::to_string(&(&inspected.report.target, config))
    {
        let _ = cache.store_text(id, &text);
    }
    Ok(inspected)
}

/// What came of one layer of a stream.
fn streamed(read: layer::LayerRead, expected: &str) -> CachedLayer {
    let mut layer = CachedLayer {
        digest: read.digest,
        diff_id: read.diff_id,
        stored_bytes: read.stored_bytes,
        plain_bytes: read.plain_bytes,
        damage: read.damage,
        facts: read.facts,
        cut: read.cut,
    };
    for link in read.late {
        let reason = format!(
            "a hard link to {}, which a stream cannot go back to: not read",
            link.target
        );
        layer.facts.problems.push(ScanProblem {
            path: link.path,
            reason,
            layer: None,
        });
    }
    if !expected.is_empty() && layer.diff_id != expected && layer.damage.is_none() {
        let own = &layer.diff_id;
        layer.damage = Some(format!(
            "its content is {own}, the configuration names {expected}"
        ));
    }
    layer
}

/// An image of a daemon that was scanned before, if all its layers are still kept.
fn from_cache(
    cache: &LayerCache,
    id: &str,
    name: &str,
    options: &Options,
    progress: &dyn Progress,
) -> Option<Inspected> {
    let kept = cache.load_text(id)?;
    let (mut target, config): (ScanTarget, String) = serde_json::from_str(&kept).ok()?;
    name.clone_into(&mut target.name);
    let mut stack = Stack::new(target.layers.len());
    for (index, layer) in target.layers.iter().enumerate() {
        let Lookup::Hit(facts) = cache.load(&layer.diff_id) else {
            return None;
        };
        stack.put(index, *facts, true);
    }
    progress.event(Event::Found { target: &target });
    let mut inspected = stack.finish(target);
    judge_configuration(&mut inspected, config.as_bytes(), options);
    Some(inspected)
}

fn report(target: ScanTarget, artifact: Artifact) -> ScanReport {
    let mut report = ScanReport {
        target,
        distro: artifact.distro,
        packages: artifact.packages,
        secrets: artifact.secrets,
        privileged: artifact.privileged,
        problems: artifact.problems,
        scanned_at: now(),
        ..ScanReport::default()
    };
    mark_support(&mut report);
    report
}

/// `YYYY-MM-DD`, UTC.
fn date(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.ms()).unwrap_or_default();
    at.strftime("%F").to_string()
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// An error and what caused it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::date;
    use rampart_model::Timestamp;

    #[test]
    fn dates() {
        for (ms, expected) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (1_767_225_599_999, "2025-12-31"),
            (1_767_225_600_000, "2026-01-01"),
        ] {
            assert_eq!(date(Timestamp(ms)), expected);
        }
    }
}
