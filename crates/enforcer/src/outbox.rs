//! Where everything that leaves the node goes: stamped with who we are, then spooled.

use crate::link::{Priority, Spool};
use rampart_model::{
    LogBody, LogLevel, LogRecord, NodeId, Report, Timestamp,
    event::{Activity, WorkloadRef},
};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Milliseconds since 1970, from the system's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) spool: Arc<Spool>,
    pub(crate) node: NodeId,
    pub(crate) node_name: String,
}

impl Outbox {
    /// A learned fact, a conversation, a change of inventory. False when there was no room.
    pub(crate) fn routine(&self, report: &Report) -> bool {
        self.spool.append(report, Priority::Routine)
    }

    /// Workloads that come and go: as worthy as records, since records refer to them.
    pub(crate) fn inventory(&self, report: &Report) -> bool {
        self.spool.append(report, Priority::Record)
    }

    pub(crate) fn record(
        &self,
        at: Timestamp,
        level: LogLevel,
        name: &str,
        message: String,
        workload: Option<WorkloadRef>,
        body: LogBody,
    ) -> bool {
        self.append(
            self.stamp(at, level, name, message, workload, body),
            Priority::Record,
        )
    }

    /// Something about the agent itself.
    pub(crate) fn activity(&self, level: LogLevel, name: &str, message: String) -> bool {
        self.append(self.own(level, name, message), Priority::Record)
    }

    /// Tells of a loss, using the room kept for that.
    pub(crate) fn alarm(&self, level: LogLevel, name: &str, message: String) -> bool {
        self.append(self.own(level, name, message), Priority::Alarm)
    }

    fn own(&self, level: LogLevel, name: &str, message: String) -> LogRecord {
        let category = "Agent".to_owned();
        let body = LogBody::Event(Activity {
            category,
            ..Activity::default()
        });
        self.stamp(now(), level, name, message, None, body)
    }

    fn append(&self, record: LogRecord, priority: Priority) -> bool {
        self.spool
            .append(&Report::Record(Box::new(record)), priority)
    }

    fn stamp(
        &self,
        at: Timestamp,
        level: LogLevel,
        name: &str,
        message: String,
        workload: Option<WorkloadRef>,
        body: LogBody,
    ) -> LogRecord {
        LogRecord {
            uid: uuid::Uuid::now_v7().to_string(),
            at,
            level,
            name: name.to_owned(),
            message,
            node: self.node.clone(),
            node_name: self.node_name.clone(),
            workload,
            body,
        }
    }
}
