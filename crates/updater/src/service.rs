//! Keeps one installation's database current: on a timer with jitter, from a publisher or from the
//! feeds themselves, and says how old and how complete it is.
//!
//! Folder: `vuln.db` (what scans map), `feeds/` (last good copies), `keys/*.pub` (who is trusted),
//! `signing.key` (this installation's own, for what it builds itself).

use crate::{
    build::{BuildError, Plan, build},
    collect::{CollectConfig, FeedInput, FeedResult, Given, chain, fetch},
    feed::{self, Remote},
    fetch::{FetchConfig, FetchError, Fetched, Fetcher, Progress},
    key::{self, KeyError},
    publish::{self, InstallOptions, Installed, PublishError},
};
use rampart_model::Timestamp;
use rampart_vuln::db::{FeedState, Info, SigningKey, VerifyingKey};
use serde::Serialize;
use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::{Mutex, watch};

/// Name of the installed database in the folder.
pub const FILE: &str = "vuln.db";

/// Feeds fetched at the same time.
const CONCURRENT: usize = 4;

#[derive(Clone, Debug)]
pub struct Config {
    /// See the module.
    pub folder: PathBuf,
    /// Address of a published database; without it, it is built from feeds.
    pub source: Option<String>,
    /// Feeds to build from; empty: the default ones.
    pub feeds: Vec<FeedInput>,
    pub fetch: FetchConfig,
    pub collect: CollectConfig,
    pub install: InstallOptions,
    /// Trusted besides those in the folder.
    pub keys: Vec<VerifyingKey>,
    pub interval: Duration,
    /// How long a database built here may be used.
    pub valid_for: Option<Duration>,
}

impl Config {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self {
            collect: CollectConfig {
                state: Some(folder.join("feeds")),
                ..CollectConfig::default()
            },
            folder,
            source: None,
            feeds: Vec::new(),
            fetch: FetchConfig::default(),
            install: InstallOptions::default(),
            keys: Vec::new(),
            interval: Duration::from_secs(6 * 3600),
            valid_for: None,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Everybody whose signature is taken.
    pub fn trusted(&self) -> Result<Vec<VerifyingKey>, KeyError> {
        let mut keys = key::trusted(&self.folder.join("keys"))?;
        keys.extend(self.keys.iter().copied());
        Ok(keys)
    }

    fn inputs(&self) -> Vec<FeedInput> {
        if !self.feeds.is_empty() {
            return self.feeds.clone();
        }
        feed::ALL
            .iter()
            .filter(|feed| feed.default)
            .map(|feed| FeedInput {
                feed,
                given: vec![Given::Default],
            })
            .collect()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error("the published database could not be fetched")]
    Fetch(#[from] FetchError),
    #[error("the database was not taken")]
    Publish(#[from] PublishError),
    #[error("no database was built")]
    Build(#[from] BuildError),
    #[error("keys")]
    Key(#[from] KeyError),
    #[error("cannot use the folder {path}")]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("no feed could be fetched anew, the installed database stays: {first}")]
    NothingNew { first: String },
    #[error("no feed gave a row: {first}")]
    NothingAtAll { first: String },
    #[error(
        "what the feeds give has {now} rows, the installed database {before}: it stays (most allowed to be lost: {most} %)"
    )]
    Shrunk { before: u64, now: u64, most: f64 },
    #[error("the update broke off inside: {0}")]
    Inside(String),
}

/// One feed as the last update left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedStatus {
    pub name: String,
    pub source: String,
    pub rows: u64,
    pub fetched_at_ms: i64,
    pub modified: String,
    pub stale: bool,
    pub error: String,
}

impl From<&FeedState> for FeedStatus {
    fn from(state: &FeedState) -> Self {
        Self {
            name: state.name.clone(),
            source: state.source.clone(),
            rows: state.rows,
            fetched_at_ms: state.fetched_at.ms(),
            modified: state.modified.clone(),
            stale: state.stale,
            error: state.error.clone(),
        }
    }
}

/// How things stand: shown, and counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    pub running: bool,
    pub runs: u64,
    pub failures: u64,
    /// 0: never.
    pub last_run_ms: i64,
    pub last_success_ms: i64,
    pub next_run_ms: i64,
    pub last_duration_ms: u64,
    /// Why the last run failed; empty if it did not.
    pub error: String,
    /// 0: there is no database.
    pub version: u64,
    pub built_at_ms: i64,
    pub expires_at_ms: i64,
    pub rows: u64,
    pub vulnerabilities: u64,
    pub digest: String,
    pub feeds: Vec<FeedStatus>,
}

impl Status {
    pub fn feeds_stale(&self) -> usize {
        self.feeds.iter().filter(|feed| feed.stale).count()
    }

    fn database(&mut self, info: &Info) {
        self.version = info.version;
        self.built_at_ms = info.built_at.ms();
        self.expires_at_ms = info.expires_at.ms();
        self.rows = info.rows;
        self.vulnerabilities = info.vulnerabilities;
        self.digest.clone_from(&info.digest);
        self.feeds = info.feeds.iter().map(FeedStatus::from).collect();
    }

    /// How old and how complete, for people: one line.
    pub fn summary(&self, now: Timestamp) -> String {
        if self.version == 0 {
            let why = if self.error.is_empty() {
                "none was made yet"
            } else {
                self.error.as_str()
            };
            return format!("no vulnerability database: {why}");
        }
        let old = age(now.since(Timestamp::from_ms(self.built_at_ms)));
        let with_rows = self.feeds.iter().filter(|feed| feed.rows > 0).count();
        let mut text = format!(
            "vulnerability database {} from {old} ago, {} rows of {with_rows} feeds",
            self.version, self.rows
        );
        match self.feeds_stale() {
            0 => {}
            stale => text.push_str(&format!(
                ", {stale} of {} feeds not current",
                self.feeds.len()
            )),
        }
        if self.last_success_ms > self.built_at_ms {
            let since = age(now.since(Timestamp::from_ms(self.last_success_ms)));
            text.push_str(&format!(", found current {since} ago"));
        }
        if !self.error.is_empty() {
            text.push_str(&format!("; last update failed: {}", self.error));
        }
        text
    }
}

/// `3 days`, `5 hours`, `12 minutes`.
pub fn age(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    let (number, unit) = match minutes {
        0..=119 => (minutes, "minute"),
        120..=2_879 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

/// What one update did.
#[derive(Debug)]
pub struct Update {
    pub installed: Installed,
    /// Empty when a published database was taken.
    pub results: Vec<FeedResult>,
}

impl Update {
    /// Feeds that somebody should look at.
    pub fn alarms(&self) -> Vec<(String, String)> {
        self.installed
            .info()
            .feeds
            .iter()
            .filter(|feed| feed.stale)
            .map(|feed| (feed.name.clone(), feed.error.clone()))
            .collect()
    }
}

type Report<'r> = &'r (dyn Fn(&Progress) + Sync);

/// Fetches, builds where that is to be done, verifies and switches: once.
pub async fn update(
    config: &Config,
    now: Timestamp,
    report: Report<'_>,
) -> Result<Update, UpdateError> {
    std::fs::create_dir_all(&config.folder).map_err(|source| UpdateError::Folder {
        path: config.folder.clone(),
        source,
    })?;
    let fetcher = Fetcher::new(config.fetch.clone())?;
    match &config.source {
        Some(source) => published(config, &fetcher, source, now, report).await,
        None => from_feeds(config, &fetcher, now, report).await,
    }
}

async fn published(
    config: &Config,
    fetcher: &Fetcher,
    source: &str,
    now: Timestamp,
    report: Report<'_>,
) -> Result<Update, UpdateError> {
    let keys = config.trusted()?;
    let (path, fetched) = match Given::parse(source) {
        Given::Path(path) => (path, false),
        _ => {
            let folder = config.folder.join("published");
            std::fs::create_dir_all(&folder).map_err(|error| UpdateError::Folder {
                path: folder.clone(),
                source: error,
            })?;
            let mut remote = Remote::of_url(source, 0);
            "vuln.db".clone_into(&mut remote.file);
            let known = known(&folder);
            let got = fetcher
                .get("database", &remote, known.as_ref(), &folder, report)
                .await?;
            if let Fetched::New(meta) = got
                && let Ok(text) = serde_json::to_vec(&meta)
            {
                let _ = std::fs::write(folder.join("meta.json"), text);
            }
            (folder.join("vuln.db"), true)
        }
    };
    let (target, options) = (config.database(), config.install);
    let installed = blocking(move || {
        let bytes = publish::read(&path)?;
        let installed = publish::install(&path, bytes, &target, &keys, options, now);
        if installed.is_err() && fetched {
            // What was refused is fetched anew next time, not "unchanged".
            let _ = std::fs::remove_file(path.with_file_name("meta.json"));
        }
        installed
    })
    .await??;
    Ok(Update {
        installed,
        results: Vec::new(),
    })
}

fn known(folder: &Path) -> Option<crate::state::FileMeta> {
    let text = std::fs::read(folder.join("meta.json")).ok()?;
    folder
        .join("vuln.db")
        .exists()
        .then(|| serde_json::from_slice(&text).ok())
        .flatten()
}

async fn from_feeds(
    config: &Config,
    fetcher: &Fetcher,
    now: Timestamp,
    report: Report<'_>,
) -> Result<Update, UpdateError> {
    let key = key::own(&config.folder)?;
    let keys = config.trusted()?;
    let results = collect(config, fetcher, now, report).await?;
    let config = config.clone();
    blocking(move || build_and_install(&config, results, &key, &keys, now)).await?
}

fn build_and_install(
    config: &Config,
    mut results: Vec<FeedResult>,
    key: &SigningKey,
    keys: &[VerifyingKey],
    now: Timestamp,
) -> Result<Update, UpdateError> {
    let target = config.database();
    let before = publish::installed(&target, keys);
    let first = results
        .iter()
        .find_map(|result| Some(format!("{}: {}", result.state.name, result.alarm()?)))
        .unwrap_or_default();
    let mut plan = Plan {
        valid_for_ms: config
            .valid_for
            .and_then(|valid| i64::try_from(valid.as_millis()).ok()),
        ..Plan::default()
    };
    if let Some(before) = before {
        if results
            .iter()
            .all(|result| result.state.digest.is_empty() || result.state.stale)
        {
            return Err(UpdateError::NothingNew { first });
        }
        if says_the_same(&before, &results) {
            let installed = Installed::Same { info: before };
            return Ok(Update { installed, results });
        }
        not_shrunk(config, &before, &results)?;
        // Ours grows by one where the clock does not make it.
        let now = u64::try_from(now.secs()).unwrap_or(0);
        plan.version = Some(now.max(before.version.saturating_add(1)));
    }
    let mut built = build(&mut results, plan).map_err(|error| match error {
        BuildError::NoRows if !first.is_empty() => UpdateError::NothingAtAll { first },
        error => error.into(),
    })?;
    publish::sign(&mut built.bytes, key).map_err(|source| PublishError::Refused {
        path: target.clone(),
        source,
    })?;
    let installed = publish::install(&target, built.bytes, &target, keys, config.install, now)?;
    Ok(Update { installed, results })
}

/// Every feed as the installed database has it: a new file would only make everybody scan again.
fn says_the_same(before: &Info, results: &[FeedResult]) -> bool {
    before.feeds.len() == results.len()
        && results.iter().all(|result| {
            before.feeds.iter().any(|feed| {
                let now = &result.state;
                (&feed.name, &feed.digest, feed.stale, &feed.error)
                    == (&now.name, &now.digest, now.stale, &now.error)
            })
        })
}

/// A database that came from elsewhere is not replaced by the little that can be reached from here.
fn not_shrunk(config: &Config, before: &Info, results: &[FeedResult]) -> Result<(), UpdateError> {
    let most = config.collect.gate.max_loss_percent;
    let had: u64 = before.feeds.iter().map(|feed| feed.rows).sum();
    let now: u64 = results.iter().map(|result| result.state.rows).sum();
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let lost = had.saturating_sub(now) as f64 * 100.0 / had.max(1) as f64;
    if lost > most && config.collect.accept.is_empty() {
        return Err(UpdateError::Shrunk {
            before: had,
            now,
            most,
        });
    }
    Ok(())
}

/// All feeds: fetched a few at a time, read one after the other.
pub async fn collect(
    config: &Config,
    fetcher: &Fetcher,
    now: Timestamp,
    report: Report<'_>,
) -> Result<Vec<FeedResult>, UpdateError> {
    let inputs = config.inputs();
    let mut results = Vec::with_capacity(inputs.len());
    for group in inputs.chunks(CONCURRENT) {
        let fetching = group
            .iter()
            .map(|input| fetch(fetcher, &config.collect, input, report));
        let fetched = futures::future::join_all(fetching).await;
        let collect = config.collect.clone();
        let read = blocking(move || {
            fetched
                .into_iter()
                .map(|fetch| fetch.read(&collect, now))
                .collect::<Vec<_>>()
        })
        .await?;
        results.extend(read);
    }
    Ok(results)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, UpdateError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| UpdateError::Inside(error.to_string()))
}

/// The updater as a part of a running program.
pub struct Service {
    config: Config,
    status: watch::Sender<Status>,
    wake: tokio::sync::Notify,
    /// One update at a time.
    turn: Mutex<()>,
}

impl Service {
    /// Knows at once what is installed; nothing is fetched before [`Self::run`].
    pub fn new(config: Config) -> Arc<Self> {
        let mut status = Status::default();
        match config.trusted() {
            Ok(keys) => {
                if let Some(info) = publish::installed(&config.database(), &keys) {
                    status.database(&info);
                }
            }
            Err(error) => status.error = chain(&error),
        }
        Arc::new(Self {
            config,
            status: watch::Sender::new(status),
            wake: tokio::sync::Notify::new(),
            turn: Mutex::new(()),
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Changes as updates begin and end: whoever scans opens the file anew when the version grows.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Do not wait for the timer.
    pub fn update_now(&self) {
        self.wake.notify_one();
    }

    /// Updates until `stop`, first at once.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                status = self.once() => tracing::info!("{}", status.summary(clock())),
            }
            let wait = jittered(self.config.interval);
            let next = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            self.status.send_modify(|status| {
                status.next_run_ms = clock().ms().saturating_add(next);
            });
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// One update; its outcome is in the status too.
    pub async fn once(&self) -> Status {
        let _turn = self.turn.lock().await;
        let (began, timer) = (clock(), tokio::time::Instant::now());
        self.status.send_modify(|status| {
            status.running = true;
            status.runs += 1;
            status.last_run_ms = began.ms();
        });
        let outcome = update(&self.config, began, &|_| {}).await;
        self.status.send_modify(|status| {
            status.running = false;
            status.last_duration_ms =
                u64::try_from(timer.elapsed().as_millis()).unwrap_or(u64::MAX);
            match outcome {
                Ok(update) => {
                    status.error.clear();
                    status.last_success_ms = clock().ms();
                    status.database(update.installed.info());
                    for (feed, error) in update.alarms() {
                        tracing::warn!(feed, error, "feed is not current");
                    }
                }
                Err(error) => {
                    status.failures += 1;
                    status.error = chain(&error);
                    tracing::warn!(error = status.error, "no new vulnerability database");
                }
            }
        });
        self.status()
    }
}

/// Now, for what is written into files and shown.
pub fn clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Up to a tenth more or less, so that a fleet does not come all at once.
fn jittered(interval: Duration) -> Duration {
    let mut byte = [0_u8; 1];
    let random = match getrandom::fill(&mut byte) {
        Ok(()) => u32::from(byte[0]),
        Err(_) => 128,
    };
    interval * (231 + random * 50 / 255) / 256
}
