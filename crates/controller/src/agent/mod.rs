//! What enforcers report, and what they are told.
//!
//! A batch is taken in order and acknowledged only when all of it is kept: what containers and
//! nodes are and what was learned in the store, records in the event log. A batch that comes twice
//! changes nothing the second time. Limits: a batch is worked off [`CHUNK`] reports at a time;
//! ids over 450 bytes are refused one by one, with a warning, so that one bad report does not
//! hold up the rest.

mod inventory;
mod learning;
mod record;
mod traffic;

pub(crate) use record::uid;

use crate::{
    App, AppError,
    app::{activity, key, name},
};
use rampart_model::{
    Conversation, DetectionRule, LogLevel, LogRecord, NodeId, NodeStats, PolicySnapshot, Report,
    Timestamp, detection::MAX_RULES,
};
use std::sync::Arc;
use tokio::sync::watch;

/// Reports worked off in one transaction.
const CHUNK: usize = 4096;
/// Times a change is tried again that another controller came before.
const ATTEMPTS: usize = 5;

/// Reports of one kind of treatment, in order.
#[derive(Default)]
struct Sorted {
    changes: Vec<Report>,
    conversations: Vec<Conversation>,
    records: Vec<LogRecord>,
    stats: Option<NodeStats>,
    rules: Option<Vec<DetectionRule>>,
}

impl App {
    /// Takes a batch in order. `Ok` acknowledges it: records are durable, learned rules stored.
    pub async fn ingest(&self, node: &NodeId, reports: Vec<Report>) -> Result<(), AppError> {
        check_node(node)?;
        let mut reports = reports.into_iter().peekable();
        while reports.peek().is_some() {
            let sorted = sort(reports.by_ref().take(CHUNK));
            self.ingest_chunk(node, sorted).await?;
        }
        Ok(())
    }

    async fn ingest_chunk(&self, node: &NodeId, sorted: Sorted) -> Result<(), AppError> {
        self.take_or_refuse(node, &sorted.changes).await?;
        if !sorted.conversations.is_empty() {
            self.take_conversations(node, &sorted.conversations).await?;
        }
        if let Some(stats) = sorted.stats {
            self.take_stats(node, stats);
        }
        if let Some(rules) = sorted.rules {
            self.take_rules(node, rules);
        }
        let records: Vec<LogRecord> = sorted
            .records
            .into_iter()
            .map(|record| self.adopt(node, record))
            .collect();
        self.note_records(&records);
        self.record_and_respond(records).await
    }

    /// Takes changes. What can never be stored, such as a group grown over the store's limit, is
    /// found by halves and refused by itself, so that it does not hold up the rest for ever.
    async fn take_or_refuse(&self, node: &NodeId, reports: &[Report]) -> Result<(), AppError> {
        let mut waiting = vec![reports];
        while let Some(part) = waiting.pop() {
            if part.is_empty() {
                continue;
            }
            match self.take_changes(node, part).await {
                Err(AppError::Invalid { what }) if part.len() == 1 => {
                    self.refuse(node, &what).await?;
                }
                Err(AppError::Invalid { .. }) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Keeps that a report was refused, once an hour and reason.
    async fn refuse(&self, node: &NodeId, what: &str) -> Result<(), AppError> {
        tracing::error!(%node, what, "a report was refused");
        let message = format!("a report of the enforcer was refused: {what}");
        let mut record = activity(
            self,
            name::REPORT_REFUSED,
            "ENFORCER",
            LogLevel::Error,
            message,
        );
        let hour = self.now().secs() / 3600;
        record.uid = record::uid(&format!("refused:{node}:{hour}:{what}"));
        record.node = node.clone();
        self.record(vec![record]).await
    }

    /// Node, workload and learning reports: one transaction, tried again after a conflict. Events
    /// are kept before the change they tell of: after a crash in between, the batch comes again
    /// and its events are known by their uids, whereas the other way round they would be missing.
    async fn take_changes(&self, node: &NodeId, reports: &[Report]) -> Result<(), AppError> {
        for attempt in 1.. {
            let writer = self.writer().await;
            let now = self.now();
            let (draft, outcome) = self.read(|state| {
                let mut batch = inventory::Batch::new(state, node, now);
                for report in reports {
                    batch.take(report);
                }
                batch.finish()
            });
            let events = outcome
                .events
                .into_iter()
                .map(|event| event.into_record(self, node));
            self.record(events.collect()).await?;
            match writer.commit(draft).await {
                Err(AppError::Conflict) if attempt < ATTEMPTS => continue,
                Err(error) => return Err(error),
                Ok(()) => {}
            }
            self.note_learned(&outcome.learned, now);
            return Ok(());
        }
        Err(AppError::Conflict)
    }

    fn take_stats(&self, node: &NodeId, stats: NodeStats) {
        self.write(|state| {
            // Figures only: no view of the policy depends on them.
            if let Some(entry) = state.nodes.get_mut(node) {
                entry.stats = stats;
            }
        });
        self.live("node", node.as_str());
    }

    /// Kept in memory: the enforcer tells them again on each connection.
    fn take_rules(&self, node: &NodeId, mut rules: Vec<DetectionRule>) {
        if rules.len() > MAX_RULES {
            let told = rules.len();
            tracing::warn!(%node, told, kept = MAX_RULES, "a node has more detection rules than are shown");
            rules.truncate(MAX_RULES);
        }
        self.write(|state| {
            if let Some(entry) = state.nodes.get_mut(node) {
                entry.rules = Arc::new(rules);
            }
        });
        self.live("node", node.as_str());
    }

    /// The policy in force; every change is a new snapshot with a higher revision.
    pub fn policy(&self) -> watch::Receiver<Arc<PolicySnapshot>> {
        self.0.policies.subscribe()
    }

    /// An enforcer's stream is up.
    pub fn agent_connected(&self, node: &NodeId) {
        self.set_connected(node, true);
    }

    /// An enforcer's stream is gone.
    pub fn agent_lost(&self, node: &NodeId) {
        self.set_connected(node, false);
    }

    fn set_connected(&self, node: &NodeId, connected: bool) {
        if check_node(node).is_err() {
            return;
        }
        let now = self.now();
        let changed = self.write(|state| {
            let known = state.nodes.contains_key(node);
            let entry = state.nodes.entry(node.clone()).or_default();
            if entry.node.id.is_empty() {
                Arc::make_mut(&mut entry.node).id = node.clone();
            }
            let changed = entry.connected != connected;
            entry.connected = connected;
            if changed {
                entry.lost_at = if connected { Timestamp::UNKNOWN } else { now };
            }
            (changed && known).then(|| entry.node.name.clone())
        });
        self.live("node", node.as_str());
        let Some(node_name) = changed else { return };
        let (event, level) = if connected {
            (name::ENFORCER_CONNECT, LogLevel::Info)
        } else {
            (name::ENFORCER_DISCONNECT, LogLevel::Warning)
        };
        let verb = if connected {
            "connected"
        } else {
            "lost its connection"
        };
        let message = format!(
            "enforcer on {} {verb}",
            if node_name.is_empty() {
                node.as_str()
            } else {
                &node_name
            }
        );
        let mut record = activity(self, event, "ENFORCER", level, message);
        record.node = node.clone();
        record.node_name = node_name;
        self.record_soon(record);
    }

    /// Keeps a record from a place that cannot wait for it.
    fn record_soon(&self, record: LogRecord) {
        let app = self.clone();
        tokio::spawn(async move {
            if let Err(error) = app.record(vec![record]).await {
                tracing::error!(%error, "an event could not be kept");
            }
        });
    }
}

fn sort(reports: impl Iterator<Item = Report>) -> Sorted {
    let mut sorted = Sorted::default();
    for report in reports {
        match report {
            Report::Record(record) => sorted.records.push(*record),
            Report::Conversations(list) => sorted.conversations.extend(list),
            Report::Stats(stats) => sorted.stats = Some(stats),
            Report::DetectionRules(rules) => sorted.rules = Some(rules),
            change => sorted.changes.push(change),
        }
    }
    sorted
}

fn check_node(node: &NodeId) -> Result<(), AppError> {
    let fits = (1..=key::MAX_ID).contains(&node.as_str().len()) && !node.as_str().contains(':');
    if fits {
        Ok(())
    } else {
        Err(AppError::invalid(
            "a node's id has 1 to 450 bytes and no colon",
        ))
    }
}
