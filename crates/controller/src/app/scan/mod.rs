//! Scanning as a service: registries, the queue of jobs, results, accepted vulnerabilities.
//!
//! All of it lies in the store under `scan/` and is kept here as a read model. A change is drafted,
//! committed on condition that nobody changed the same keys meanwhile, and then applied; changes of
//! other controllers are followed. Whole reports are artifacts, named by the digest of their
//! content; what lists and counts need is in each result's summary.
//!
//! Limits: [`queue::MAX_JOBS`] jobs, [`MAX_FINDINGS`] findings in a summary (the report has them
//! all), [`crate::app::registry::MAX_REGISTRIES`] registries.

pub(crate) mod accept;
mod asset;
mod config;
mod profile;
mod queue;
mod report;
mod repository;
mod result;
mod scanner;
mod trial;
mod view;

pub use accept::Place;
pub use asset::{AssetFilter, VulnerabilityAsset, VulnerabilityWhere};
pub use profile::ProfileEdit;
pub use queue::{Asked, MAX_ATTEMPTS};
pub(crate) use report::decode as decode_message;
pub use repository::Requested;
pub use trial::{MAX_TRIALS, Trial};
pub use view::{Counts, ImageRow, RegistryView, ScanProgress, ScanTotals, ScanView};

pub(crate) use view::of_workload;

use super::{App, key, state::Stored};
use crate::AppError;
use futures::StreamExt;
use rampart_model::{
    Registry,
    registry::RegistryListing,
    scan::DatabaseInfo,
    scan_job::{ScanConfig, ScanJob, ScanSummary, VulnerabilityProfile},
};
use rampart_store::{Artifacts, Change, Entry, Revision, StoreError, Txn};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tokio::sync::{MutexGuard, watch};

pub(crate) const PREFIX: &str = "scan/";
pub(crate) const REGISTRY: &str = "scan/registry/";
pub(crate) const LISTING: &str = "scan/listing/";
pub(crate) const JOB: &str = "scan/job/";
pub(crate) const RESULT: &str = "scan/result/";
pub(crate) const PROFILE: &str = "scan/profile";
pub(crate) const CONFIG: &str = "scan/config";
pub(crate) const DATABASE: &str = "scan/database";

/// Findings a summary keeps; what is more is said in its error text and is in the report.
pub(crate) const MAX_FINDINGS: usize = 40_000;
/// Times a change is tried again that another controller came before.
const ATTEMPTS: usize = 5;

/// The read model of everything under `scan/`.
#[derive(Default)]
pub(crate) struct Scans {
    pub(crate) loaded: Revision,
    revisions: HashMap<String, Revision>,
    /// When keys were deleted, until the followed changes are past it.
    gone: HashMap<String, Revision>,
    pub(crate) config: Stored<ScanConfig>,
    pub(crate) database: Stored<DatabaseInfo>,
    pub(crate) profile: Stored<VulnerabilityProfile>,
    pub(crate) registries: BTreeMap<String, Arc<Registry>>,
    pub(crate) listings: BTreeMap<String, Arc<RegistryListing>>,
    /// By what they are about: [`rampart_model::scan_job::JobTarget::key`].
    pub(crate) jobs: BTreeMap<String, Arc<ScanJob>>,
    pub(crate) results: BTreeMap<String, Arc<ScanSummary>>,
    /// Digests and image ids to results.
    aliases: HashMap<String, String>,
}

impl Scans {
    pub(crate) async fn load(store: &dyn rampart_store::Store) -> Result<Self, AppError> {
        let listing = store.list(PREFIX).await?;
        let mut scans = Self {
            loaded: listing.revision,
            ..Self::default()
        };
        for entry in &listing.entries {
            scans.put(entry)?;
        }
        Ok(scans)
    }

    fn put(&mut self, entry: &Entry) -> Result<(), AppError> {
        let name = |prefix: &str| key::name(entry, prefix).to_owned();
        let revision = entry.revision;
        match entry.key.as_str() {
            CONFIG => self.config = stored(entry)?,
            DATABASE => self.database = stored(entry)?,
            PROFILE => self.profile = stored(entry)?,
            k if k.starts_with(REGISTRY) => {
                self.registries
                    .insert(name(REGISTRY), Arc::new(key::decode(entry)?));
            }
            k if k.starts_with(LISTING) => {
                self.listings
                    .insert(name(LISTING), Arc::new(key::decode(entry)?));
            }
            k if k.starts_with(JOB) => {
                self.jobs.insert(name(JOB), Arc::new(key::decode(entry)?));
            }
            k if k.starts_with(RESULT) => {
                self.put_result(name(RESULT), Arc::new(key::decode(entry)?));
            }
            // Written by a newer Rampart: left alone.
            _ => {}
        }
        self.gone.remove(&entry.key);
        self.revisions.insert(entry.key.clone(), revision);
        Ok(())
    }

    fn remove(&mut self, key: &str, revision: Revision) {
        if let Some(name) = key.strip_prefix(REGISTRY) {
            self.registries.remove(name);
        } else if let Some(name) = key.strip_prefix(LISTING) {
            self.listings.remove(name);
        } else if let Some(name) = key.strip_prefix(JOB) {
            self.jobs.remove(name);
        } else if let Some(name) = key.strip_prefix(RESULT) {
            self.results.remove(name);
            self.aliases.retain(|_, to| to != name);
        } else {
            match key {
                CONFIG => self.config = Stored::default(),
                DATABASE => self.database = Stored::default(),
                PROFILE => self.profile = Stored::default(),
                _ => {}
            }
        }
        self.revisions.remove(key);
        self.gone.insert(key.to_owned(), revision);
    }

    /// Applies a change that was read from the store, unless it is known already.
    fn follow(&mut self, change: &Change) -> Result<bool, AppError> {
        let revision = change.revision();
        let known = self
            .revisions
            .get(change.key())
            .or(self.gone.get(change.key()));
        let news = known.is_none_or(|known| revision > *known);
        if news {
            match change {
                Change::Put(entry) => self.put(entry)?,
                Change::Delete { key, revision } => self.remove(key, *revision),
            }
        }
        self.gone.retain(|_, at| *at > revision);
        Ok(news)
    }

    fn put_result(&mut self, name: String, summary: Arc<ScanSummary>) {
        for alias in [&summary.asked_digest, &summary.digest, &summary.image_id] {
            // A container's own result stands for its image only where the image has none.
            let weaker = name.starts_with("workload/")
                && self
                    .aliases
                    .get(alias)
                    .is_some_and(|known| known.starts_with("image/"));
            if !alias.is_empty() && !weaker && !name.starts_with("repository/") {
                self.aliases.insert(alias.clone(), name.clone());
            }
        }
        self.results.insert(name, summary);
    }

    fn revision(&self, key: &str) -> Revision {
        self.revisions.get(key).copied().unwrap_or_default()
    }

    /// The result known by a digest or an image id, with or without `sha256:`.
    pub(crate) fn by_digest(&self, digest: &str) -> Option<(&str, &Arc<ScanSummary>)> {
        let bare = digest.strip_prefix("sha256:").unwrap_or(digest);
        if bare.is_empty() {
            return None;
        }
        let name = self
            .aliases
            .get(digest)
            .or_else(|| self.aliases.get(&format!("sha256:{bare}")))
            .or_else(|| self.aliases.get(bare))?;
        let (name, summary) = self.results.get_key_value(name)?;
        Some((name, summary))
    }
}

fn stored<T: serde::de::DeserializeOwned>(entry: &Entry) -> Result<Stored<T>, AppError> {
    Ok(Stored {
        value: key::decode(entry)?,
        revision: entry.revision,
    })
}

/// What is to change; `None` deletes.
#[derive(Default)]
pub(crate) struct ScanDraft {
    changes: BTreeMap<String, Option<Vec<u8>>>,
}

impl ScanDraft {
    pub(crate) fn put<T: Serialize>(
        &mut self,
        prefix: &str,
        name: &str,
        value: &T,
    ) -> Result<(), AppError> {
        let value = key::encode(value)?;
        self.changes.insert(format!("{prefix}{name}"), Some(value));
        Ok(())
    }

    pub(crate) fn delete(&mut self, prefix: &str, name: &str) {
        self.changes.insert(format!("{prefix}{name}"), None);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// The part of the controller that scans.
pub(crate) struct Scanning {
    state: RwLock<Scans>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
    /// Counts changes, for those who wait for one.
    changed: watch::Sender<u64>,
    artifacts: Arc<dyn Artifacts>,
    scanners: Mutex<scanner::Scanners>,
    trials: Mutex<trial::Trials>,
    asset: Mutex<asset::Cache>,
    /// Artifacts the last sweep found unused.
    unused: Mutex<HashSet<String>>,
}

impl Scanning {
    pub(crate) fn new(scans: Scans, artifacts: Arc<dyn Artifacts>) -> Self {
        Self {
            state: RwLock::new(scans),
            turn: tokio::sync::Mutex::default(),
            changed: watch::Sender::new(0),
            artifacts,
            scanners: Mutex::default(),
            trials: Mutex::default(),
            asset: Mutex::default(),
            unused: Mutex::default(),
        }
    }
}

/// The right to change what is under `scan/`.
pub(crate) struct ScanWriter<'a> {
    app: &'a App,
    _turn: MutexGuard<'a, ()>,
}

impl App {
    pub(crate) fn scans<T>(&self, look: impl FnOnce(&Scans) -> T) -> T {
        let state = self.0.scanning.state.read();
        look(&state.unwrap_or_else(PoisonError::into_inner))
    }

    fn scans_mut<T>(&self, change: impl FnOnce(&mut Scans) -> T) -> T {
        let state = self.0.scanning.state.write();
        change(&mut state.unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn scan_writer(&self) -> ScanWriter<'_> {
        ScanWriter {
            app: self,
            _turn: self.0.scanning.turn.lock().await,
        }
    }

    /// Drafts and commits; again from the start when another controller was faster.
    pub(crate) async fn change_scans<T>(
        &self,
        draft: impl Fn(&Scans, &mut ScanDraft) -> Result<T, AppError> + Send + Sync,
    ) -> Result<T, AppError> {
        for _ in 1..ATTEMPTS {
            match self.change_scans_once(&draft).await {
                Err(AppError::Conflict) => {}
                other => return other,
            }
        }
        self.change_scans_once(&draft).await
    }

    async fn change_scans_once<T>(
        &self,
        make: &(impl Fn(&Scans, &mut ScanDraft) -> Result<T, AppError> + Send + Sync),
    ) -> Result<T, AppError> {
        let writer = self.scan_writer().await;
        let mut draft = ScanDraft::default();
        let value = self.scans(|scans| make(scans, &mut draft))?;
        writer.commit(draft).await?;
        Ok(value)
    }

    /// A receiver that wakes at every change under `scan/`.
    pub fn scan_changes(&self) -> watch::Receiver<u64> {
        self.0.scanning.changed.subscribe()
    }

    fn scans_changed(&self, draft: &BTreeMap<String, Option<Vec<u8>>>) {
        self.0.scanning.changed.send_modify(|count| *count += 1);
        let visible = |key: &String| !key.starts_with(JOB);
        if draft.keys().any(visible) {
            self.live("scan", "");
        }
    }

    /// Applies what other controllers change under `scan/`. Never returns.
    pub(crate) async fn follow_scans(&self) {
        loop {
            match self.follow_scans_once().await {
                Ok(()) | Err(AppError::Store(StoreError::Compacted { .. })) => {}
                Err(error) => tracing::warn!(%error, "changes of scans cannot be followed"),
            }
            // A store that is away must not be asked without end.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            if let Err(error) = self.scan_writer().await.reload().await {
                tracing::warn!(%error, "scans cannot be read again");
            }
        }
    }

    async fn follow_scans_once(&self) -> Result<(), AppError> {
        let after = self.scans(|scans| scans.loaded);
        let mut changes = self.store().watch(PREFIX, after).await?;
        while let Some(change) = changes.next().await {
            let change = change?;
            // Own changes are applied before the turn passes on.
            let _writer = self.scan_writer().await;
            if self.scans_mut(|scans| scans.follow(&change))? {
                self.0.scanning.changed.send_modify(|count| *count += 1);
            }
        }
        Ok(())
    }
}

impl ScanWriter<'_> {
    /// Commits and applies. On a conflict nothing is changed and everything is read again.
    pub(crate) async fn commit(&self, draft: ScanDraft) -> Result<(), AppError> {
        if draft.is_empty() {
            return Ok(());
        }
        let txn = self.app.scans(|scans| to_txn(scans, &draft));
        match self.app.store().commit(txn).await.map_err(AppError::from) {
            Ok(revision) => {
                self.app.scans_mut(|scans| apply(scans, &draft, revision))?;
                self.app.scans_changed(&draft.changes);
                Ok(())
            }
            Err(error) => {
                // Whether it was made is not known after most errors.
                self.reload().await?;
                Err(error)
            }
        }
    }

    pub(crate) async fn reload(&self) -> Result<(), AppError> {
        let fresh = Scans::load(self.app.store().as_ref()).await?;
        self.app.scans_mut(|scans| *scans = fresh);
        self.app.0.scanning.changed.send_modify(|count| *count += 1);
        Ok(())
    }
}

fn to_txn(scans: &Scans, draft: &ScanDraft) -> Txn {
    let mut txn = Txn::new();
    for (key, value) in &draft.changes {
        txn = match scans.revision(key) {
            0 => txn.require_absent(key),
            revision => txn.require_unchanged(key, revision),
        };
        txn = match value {
            Some(value) => txn.put(key, value.clone()),
            None => txn.delete(key),
        };
    }
    txn
}

fn apply(scans: &mut Scans, draft: &ScanDraft, revision: Revision) -> Result<(), AppError> {
    for (key, value) in &draft.changes {
        match value {
            Some(value) => scans.put(&Entry {
                key: key.clone(),
                value: value.clone(),
                revision,
            })?,
            None => scans.remove(key, revision),
        }
    }
    Ok(())
}
