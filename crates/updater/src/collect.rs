//! One feed, from where it is given to rows that are believed: fetched, read, checked by the gate,
//! or else its last good state, marked stale with the reason.

use crate::{
    feed::{Feed, Remote},
    fetch::{FetchError, Fetched, Fetcher, Progress},
    gate::Gate,
    input::{InputError, Limits, Reading},
    output::{Collected, Output, Stats},
    state::{FeedFolder, FeedMeta, FileMeta},
};
use rampart_model::Timestamp;
use rampart_vuln::db::FeedState;
use std::path::{Path, PathBuf};

/// Where a feed comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A directory, a file or an archive here.
    Path(PathBuf),
    /// One file there.
    Url(String),
    /// The addresses of the table.
    Default,
}

impl Given {
    /// `https://…` and `http://…` are addresses, `default` the table's, all else a path.
    pub fn parse(text: &str) -> Self {
        if text == "default" {
            return Self::Default;
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Self::Url(text.to_owned());
        }
        Self::Path(PathBuf::from(text.strip_prefix("file://").unwrap_or(text)))
    }
}

#[derive(Clone, Debug)]
pub struct FeedInput {
    pub feed: &'static Feed,
    /// All of them together are the feed.
    pub given: Vec<Given>,
}

/// What came of a feed.
#[derive(Debug)]
pub struct FeedResult {
    pub feed: &'static Feed,
    pub state: FeedState,
    pub stats: Stats,
    pub rows: Collected,
}

impl FeedResult {
    /// What somebody should look at: why the feed is not as fresh or as whole as it should be.
    pub fn alarm(&self) -> Option<&str> {
        self.state.stale.then_some(self.state.error.as_str())
    }
}

#[derive(Clone, Debug, Default)]
pub struct CollectConfig {
    /// Folder of last good copies; without it there is nothing to fall back to.
    pub state: Option<PathBuf>,
    pub gate: Gate,
    /// Feeds whose shrinking is accepted this time.
    pub accept: Vec<String>,
    pub limits: Limits,
}

/// What was found of a feed before reading it.
struct Ready {
    paths: Vec<PathBuf>,
    /// Files fetched into the new state, for its meta; empty for local paths.
    files: Vec<FileMeta>,
    source: String,
    /// Files that could not be had.
    missing: Vec<String>,
    /// Nothing changed since the good state was fetched.
    unchanged: bool,
    /// Everything lies here: its own dates count.
    local: bool,
}

type Report<'r> = &'r (dyn Fn(&Progress) + Sync);

/// Fetches what is to be fetched. Reading comes after: see [`Fetch::read`].
pub async fn fetch(
    fetcher: &Fetcher,
    config: &CollectConfig,
    input: &FeedInput,
    report: Report<'_>,
) -> Fetch {
    let folder = config
        .state
        .as_ref()
        .map(|state| FeedFolder::new(state, input.feed.name));
    let found = find(fetcher, folder.as_ref(), input, report).await;
    Fetch {
        feed: input.feed,
        folder,
        found,
    }
}

/// A feed on disk, or why it is not there.
pub struct Fetch {
    feed: &'static Feed,
    folder: Option<FeedFolder>,
    found: Result<Ready, String>,
}

async fn find(
    fetcher: &Fetcher,
    folder: Option<&FeedFolder>,
    input: &FeedInput,
    report: Report<'_>,
) -> Result<Ready, String> {
    let mut ready = Ready {
        paths: Vec::new(),
        files: Vec::new(),
        source: String::new(),
        missing: Vec::new(),
        unchanged: true,
        local: true,
    };
    let mut sources: Vec<String> = Vec::new();
    let mut remotes: Vec<Remote> = Vec::new();
    for given in &input.given {
        match given {
            Given::Path(path) => {
                sources.push(path.display().to_string());
                ready.paths.push(path.clone());
                ready.unchanged = false;
            }
            Given::Url(url) => {
                sources.push(url.clone());
                remotes.push(Remote::of_url(url, remotes.len()));
            }
            Given::Default => remotes.extend((input.feed.remotes)()),
        }
    }
    if sources.is_empty() {
        sources.extend(
            remotes
                .first()
                .and_then(|remote| remote.mirrors.first().cloned()),
        );
    }
    ready.source = sources.join(" ");
    if remotes.is_empty() {
        return if ready.paths.is_empty() {
            Err(
                "the feed has no address of its own: give a folder, a file or an address"
                    .to_owned(),
            )
        } else {
            Ok(ready)
        };
    }
    ready.local = false;
    let folder = folder.ok_or("fetching needs a state folder")?;
    fetch_all(fetcher, folder, input.feed, remotes, &mut ready, report).await?;
    Ok(ready)
}

async fn fetch_all(
    fetcher: &Fetcher,
    folder: &FeedFolder,
    feed: &Feed,
    remotes: Vec<Remote>,
    ready: &mut Ready,
    report: Report<'_>,
) -> Result<(), String> {
    folder.recover().map_err(|error| error.to_string())?;
    let new = folder.prepare().map_err(|error| chain(&error))?;
    let good = folder.meta();
    // Whether any file is known to be what the server has now.
    let mut confirmed = false;
    for remote in remotes {
        let known = good
            .as_ref()
            .and_then(|meta| meta.files.iter().find(|file| file.file == remote.file));
        match fetcher.get(feed.name, &remote, known, &new, report).await {
            Ok(Fetched::New(meta)) => {
                ready.unchanged &= known.is_some_and(|known| known.sha256 == meta.sha256);
                ready.files.push(meta);
                confirmed = true;
            }
            Ok(Fetched::Unchanged) => {
                keep(folder, known, ready)?;
                confirmed = true;
            }
            Err(error) => {
                let unreachable = error.is_unreachable();
                let why = format!("{}: {}", remote.file, chain(&error));
                ready.missing.push(why.clone());
                if known.is_some() {
                    keep(folder, known, ready)?;
                }
                // Nobody there, and nothing had yet: the other files will not be there either.
                if (unreachable && !confirmed) || matches!(error, FetchError::Write { .. }) {
                    return Err(why);
                }
            }
        }
    }
    if !confirmed {
        return Err(ready.missing.first().cloned().unwrap_or_default());
    }
    ready
        .paths
        .extend(ready.files.iter().map(|file| new.join(&file.file)));
    Ok(())
}

fn keep(folder: &FeedFolder, known: Option<&FileMeta>, ready: &mut Ready) -> Result<(), String> {
    if let Some(known) = known {
        folder
            .keep(&known.file)
            .map_err(|error| format!("{}: {error}", known.file))?;
        ready.files.push(known.clone());
    }
    Ok(())
}

/// What reading gave.
struct Parsed {
    rows: Collected,
    stats: Stats,
    digest: String,
    newest_ms: i64,
}

impl Fetch {
    /// Reads the feed, and falls back to its last good state if that is what is left. Takes as long
    /// as the feed is large: not for the threads of an async runtime.
    pub fn read(self, config: &CollectConfig, now: Timestamp) -> FeedResult {
        let good = self.folder.as_ref().and_then(FeedFolder::meta);
        let failure = match &self.found {
            Ok(ready) => match self.take(ready, good.as_ref(), config, now) {
                Ok(result) => return result,
                Err(reason) => reason,
            },
            Err(reason) => reason.clone(),
        };
        self.last_good(good, config, failure)
    }

    fn take(
        &self,
        ready: &Ready,
        good: Option<&FeedMeta>,
        config: &CollectConfig,
        now: Timestamp,
    ) -> Result<FeedResult, String> {
        let parsed =
            parse(self.feed, &ready.paths, config.limits).map_err(|error| chain(&error))?;
        let accepted = config.accept.iter().any(|name| name == self.feed.name);
        let before = good.map(FeedMeta::before).filter(|_| !accepted);
        config
            .gate
            .check(&parsed.stats, before)
            .map_err(|refusal| refusal.to_string())?;
        let fetched_at = if ready.local {
            Timestamp::from_ms(parsed.newest_ms)
        } else {
            now
        };
        let meta = FeedMeta {
            source: ready.source.clone(),
            fetched_at_ms: fetched_at.ms(),
            modified: parsed.stats.newest.clone(),
            digest: parsed.digest.clone(),
            files: ready.files.clone(),
            stats: parsed.stats.clone(),
        };
        if let Some(folder) = &self.folder {
            remember(self.feed, folder, ready, meta, good).map_err(|error| chain(&error))?;
        }
        let error = match ready.missing.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [first, more @ ..] => format!("{first}; and {} more files", more.len()),
        };
        Ok(FeedResult {
            feed: self.feed,
            state: FeedState {
                name: self.feed.name.to_owned(),
                source: ready.source.clone(),
                rows: parsed.stats.rows,
                fetched_at,
                modified: parsed.stats.newest.clone(),
                digest: parsed.digest,
                stale: !error.is_empty(),
                error,
            },
            stats: parsed.stats,
            rows: parsed.rows,
        })
    }

    fn last_good(
        &self,
        good: Option<FeedMeta>,
        config: &CollectConfig,
        failure: String,
    ) -> FeedResult {
        let mut result = FeedResult {
            feed: self.feed,
            state: FeedState {
                name: self.feed.name.to_owned(),
                stale: true,
                error: failure,
                ..FeedState::default()
            },
            stats: Stats::default(),
            rows: Collected::default(),
        };
        if let Ok(ready) = &self.found {
            result.state.source.clone_from(&ready.source);
        }
        let (Some(folder), Some(meta)) = (&self.folder, good) else {
            return result;
        };
        match parse(self.feed, &folder.good_files(&meta), config.limits) {
            Ok(parsed) => {
                result.state.source = meta.source;
                result.state.rows = parsed.stats.rows;
                result.state.fetched_at = Timestamp::from_ms(meta.fetched_at_ms);
                result.state.modified = meta.modified;
                result.state.digest = parsed.digest;
                result.stats = parsed.stats;
                result.rows = parsed.rows;
            }
            Err(error) => {
                let reason = format!("; and its last good copy: {}", chain(&error));
                result.state.error.push_str(&reason);
            }
        }
        result
    }
}

/// The new state is the good one from here on.
fn remember(
    feed: &Feed,
    folder: &FeedFolder,
    ready: &Ready,
    mut meta: FeedMeta,
    good: Option<&FeedMeta>,
) -> std::io::Result<()> {
    folder.recover()?;
    if !ready.local {
        return folder.promote(&meta);
    }
    if good.is_some_and(|good| good.digest == meta.digest && good.source == meta.source) {
        return Ok(());
    }
    let new = folder.prepare()?;
    for (at, path) in ready.paths.iter().enumerate() {
        meta.files
            .push(crate::snapshot::copy(feed, path, &new, at)?);
    }
    folder.promote(&meta)
}

fn parse(feed: &'static Feed, paths: &[PathBuf], limits: Limits) -> Result<Parsed, InputError> {
    let mut parser = (feed.parser)();
    let (mut rows, mut stats) = (Collected::default(), Stats::default());
    let mut out = Output::new(feed.name, &mut rows, &mut stats);
    let mut reading = Reading::new(parser.as_mut(), &mut out, limits);
    for path in paths {
        reading.path(path)?;
    }
    let (digest, newest_ms) = (reading.digest(), reading.newest_ms());
    parser.finish(&mut out);
    Ok(Parsed {
        rows,
        stats,
        digest,
        newest_ms,
    })
}

/// Reads one feed from a path, without gate, state or fallback: for looking at a feed.
pub fn read_path(feed: &'static Feed, path: &Path) -> Result<(Collected, Stats), InputError> {
    let parsed = parse(feed, &[path.to_owned()], Limits::default())?;
    Ok((parsed.rows, parsed.stats))
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
