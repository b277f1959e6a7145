//! The controller without any outside format.
//!
//! What the store holds is kept in memory as a read model. Every change is committed to the store
//! first, if nobody changed it meanwhile, and then applied. Reads never wait for the store.

pub mod port;
pub mod view;

mod change;
mod conversation;
mod detection;
mod domain;
mod graph;
pub(crate) mod group;
pub(crate) mod key;
mod log;
mod node;
mod policy;
mod profile;
pub(crate) mod registry;
mod response;
mod rule;
pub(crate) mod scan;
mod service;
mod settings;
mod state;
mod what_if;
mod workload;

pub use detection::{RuleOnNode, RuleView};
pub use key::SECRET as SECRET_KEYS;
pub use port::{AgentError, Agents, Clock, SystemClock};
pub use response::{ResponseEdit, ResponseTotals, ResponseView};
pub use scan::{
    Asked, AssetFilter, Counts, ImageRow, MAX_ATTEMPTS, MAX_TRIALS, Place, ProfileEdit,
    RegistryView, Requested, ScanProgress, ScanTotals, ScanView, Trial, VulnerabilityAsset,
    VulnerabilityWhere,
};
pub use view::*;
pub use what_if::{WhatIf, WhatIfAct};

pub(crate) use change::Draft;
pub(crate) use conversation::{Added, Conversations, Pair, cut};
pub(crate) use log::{activity, name, workload_ref};
pub(crate) use policy::Policies;
pub(crate) use scan::decode_message;
pub(crate) use state::{Activity, State};

use crate::AppError;
use rampart_model::{LogLevel, Timestamp};
use rampart_store::{Artifacts, EventLog, Store};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::broadcast;

/// Changes a slow listener may fall behind before it is told to read all again.
const LIVE_BACKLOG: usize = 1024;

/// What the controller is given from outside.
pub struct Deps {
    pub store: Arc<dyn Store>,
    pub events: Arc<dyn EventLog>,
    /// Whole reports of scans.
    pub artifacts: Arc<dyn Artifacts>,
    pub agents: Arc<dyn Agents>,
    pub clock: Arc<dyn Clock>,
    pub controller: ControllerInfo,
}

/// The controller. Cheap to clone; every clone is the same one.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) deps: Deps,
    state: RwLock<State>,
    conversations: Mutex<Conversations>,
    views: Mutex<workload::Views>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
    live: broadcast::Sender<Live>,
    pub(crate) policies: Policies,
    pub(crate) scanning: scan::Scanning,
    pub(crate) responses: Mutex<response::Responses>,
}

impl App {
    /// Reads everything from the store, and makes what always exists: the reserved groups and the
    /// settings.
    pub async fn open(deps: Deps) -> Result<App, AppError> {
        let state = State::load(deps.store.as_ref()).await?;
        let conversations = Conversations::load(deps.store.as_ref()).await?;
        let policies = Policies::load(deps.store.as_ref()).await?;
        let scans = scan::Scans::load(deps.store.as_ref()).await?;
        let mut inner = Inner {
            state: RwLock::new(state),
            conversations: Mutex::new(conversations),
            views: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            live: broadcast::Sender::new(LIVE_BACKLOG),
            policies,
            scanning: scan::Scanning::new(scans, deps.artifacts.clone()),
            responses: Mutex::default(),
            deps,
        };
        let applications = lock(&inner.conversations).applications();
        let state = inner
            .state
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        state.applications = applications;
        let now = inner.deps.clock.now();
        for node in state.nodes.values_mut() {
            node.lost_at = now;
        }
        let app = App(Arc::new(inner));
        app.make_reserved().await?;
        app.publish_policy().await?;
        app.spawn_publisher();
        app.record_start().await?;
        Ok(app)
    }

    async fn record_start(&self) -> Result<(), AppError> {
        let controller = self.controller();
        let message = format!(
            "controller {} {} started",
            controller.name, controller.version
        );
        let mut record = activity(
            self,
            name::CONTROLLER_START,
            "CONTROLLER",
            LogLevel::Info,
            message,
        );
        record.node_name.clone_from(&controller.host_name);
        self.record(vec![record]).await
    }

    async fn make_reserved(&self) -> Result<(), AppError> {
        let writer = self.writer().await;
        let now = self.now();
        let draft = self.read(|state| {
            let mut draft = Draft::default();
            for group in rampart_policy::group::reserved(now) {
                if state.group(&group.name).is_none() {
                    draft.put_group(group);
                }
            }
            if state.settings.revision == 0 {
                draft.settings = Some(state.settings.value.clone());
            }
            draft
        });
        match writer.commit(draft).await {
            // Another controller made them at the same time.
            Err(AppError::Conflict) => Ok(()),
            other => other,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.0.deps.clock.now()
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.deps.store
    }

    pub fn events(&self) -> &Arc<dyn EventLog> {
        &self.0.deps.events
    }

    pub fn controller(&self) -> &ControllerInfo {
        &self.0.deps.controller
    }

    /// Changes from now on. A listener that lags is told so by the channel and reads all again.
    pub fn subscribe(&self) -> broadcast::Receiver<Live> {
        self.0.live.subscribe()
    }

    pub(crate) fn live(&self, kind: &'static str, id: impl Into<String>) {
        // Nobody listening is fine.
        let _ = self.0.live.send(Live {
            kind,
            id: id.into(),
        });
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn talk(&self) -> MutexGuard<'_, Conversations> {
        lock(&self.0.conversations)
    }

    /// Tells listeners what a change is about.
    pub(crate) fn note_changes(&self, draft: &Draft) {
        for name in draft.groups.keys() {
            self.live("group", name.as_str());
        }
        if draft.rules.is_some() || draft.responses.is_some() {
            self.live("policy", "");
        }
        if draft.settings.is_some() || !draft.domains.is_empty() {
            self.live("system", "");
        }
        for id in draft.workloads.keys().chain(draft.quarantined.keys()) {
            self.live("workload", id.as_str());
        }
        for id in draft.nodes.keys() {
            self.live("node", id.as_str());
        }
        if !draft.endpoints.is_empty() {
            self.live("conversation", "");
        }
    }
}

/// A panic elsewhere leaves data that was whole when the lock was taken.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
