//! The event log: what happened, kept before it is acknowledged.

use super::{Actor, App, RestCall};
use crate::AppError;
use rampart_model::{
    GroupName, LogBody, LogKind, LogLevel, LogRecord, Workload,
    event::{Activity, WorkloadRef},
};
use rampart_store::{LogPage, LogQuery, log::MAX_APPEND};

/// Names of the events the controller itself makes.
pub(crate) mod name {
    pub(crate) const CONTROLLER_START: &str = "Controller.Start";
    pub(crate) const CONTAINER_START: &str = "Container.Start";
    pub(crate) const CONTAINER_STOP: &str = "Container.Stop";
    pub(crate) const CONTAINER_REMOVE: &str = "Container.Remove";
    pub(crate) const CONTAINER_SECURED: &str = "Container.Secured";
    pub(crate) const QUARANTINED: &str = "Container.Quarantined";
    pub(crate) const UNQUARANTINED: &str = "Container.Unquarantined";
    pub(crate) const ENFORCER_JOIN: &str = "Enforcer.Join";
    pub(crate) const ENFORCER_CONNECT: &str = "Enforcer.Connect";
    pub(crate) const ENFORCER_DISCONNECT: &str = "Enforcer.Disconnect";
    pub(crate) const ENFORCER_STOP: &str = "Enforcer.Stop";
    /// Not among NeuVector's.
    pub(crate) const REPORT_REFUSED: &str = "Enforcer.Report.Refused";
    /// Not among NeuVector's.
    pub(crate) const RESPONSE_SUPPRESSED: &str = "Response.Log.Suppressed";
    /// Not among NeuVector's.
    pub(crate) const RESPONSE_FAILED: &str = "Response.Action.Failed";
    pub(crate) const GROUP_REMOVE: &str = "Group.Auto.Remove";
    pub(crate) const GROUP_PROMOTE: &str = "Group.Auto.Promote";
    /// Not among NeuVector's: it tells of a mode change by its REST call only.
    pub(crate) const GROUP_MODE: &str = "Group.Mode.Changed";
    /// Not among NeuVector's.
    pub(crate) const GROUP_PROFILE_FULL: &str = "Group.Profile.Full";
    pub(crate) const SCANNER_JOIN: &str = "Scanner.Join";
    pub(crate) const SCANNER_UPDATE: &str = "Scanner.Update";
    pub(crate) const SCANNER_LEAVE: &str = "Scanner.Leave";
    /// Not among NeuVector's: it tells of it by the REST call only.
    pub(crate) const VULNERABILITY_PROFILE: &str = "Vulnerability.Profile.Changed";
}

/// A record of something the system did, with a new uid.
pub(crate) fn activity(
    app: &App,
    name: &str,
    category: &str,
    level: LogLevel,
    message: String,
) -> LogRecord {
    LogRecord {
        uid: uuid::Uuid::now_v7().to_string(),
        at: app.now(),
        level,
        name: name.to_owned(),
        message,
        node: Default::default(),
        node_name: String::new(),
        workload: None,
        body: LogBody::Event(Activity {
            category: category.to_owned(),
            ..Activity::default()
        }),
    }
}

pub(crate) fn workload_ref(workload: &Workload, group: &GroupName) -> WorkloadRef {
    WorkloadRef {
        id: workload.id.clone(),
        name: workload.display_name().to_owned(),
        domain: workload.domain.clone(),
        service: rampart_policy::group::service_of_group(group)
            .unwrap_or_default()
            .to_owned(),
        image: workload.image.clone(),
        group: group.clone(),
    }
}

impl App {
    pub async fn log(&self, query: &LogQuery) -> Result<LogPage, AppError> {
        Ok(self.events().query(query).await?)
    }

    pub async fn log_record(&self, uid: &str) -> Result<LogRecord, AppError> {
        self.events()
            .get(uid)
            .await?
            .ok_or_else(|| AppError::not_found("event", uid))
    }

    /// Puts records to the response rules and keeps what these leave; it is durable when this
    /// returns. What the rules ask for is done soon after.
    pub async fn record(&self, records: Vec<LogRecord>) -> Result<(), AppError> {
        let answered = self.answer(records).await?;
        self.keep(answered.keep).await?;
        self.carry_out_soon(answered.quarantine);
        Ok(())
    }

    /// The same for what nodes report: what the rules ask for is done before the report is kept
    /// and acknowledged, so that a crash in between brings both again.
    pub(crate) async fn record_and_respond(&self, records: Vec<LogRecord>) -> Result<(), AppError> {
        let answered = self.answer(records).await?;
        self.carry_out(answered.quarantine).await?;
        self.keep(answered.keep).await
    }

    /// Keeps records; they are durable when this returns. Listeners are told if any is new.
    pub(crate) async fn keep(&self, records: Vec<LogRecord>) -> Result<(), AppError> {
        let mut kinds: Vec<LogKind> = records.iter().map(|r| r.body.kind()).collect();
        kinds.sort();
        kinds.dedup();
        let mut new = 0;
        let mut rest = records.into_iter();
        loop {
            let batch: Vec<LogRecord> = rest.by_ref().take(MAX_APPEND).collect();
            if batch.is_empty() {
                break;
            }
            new += self.events().append(batch).await?;
        }
        if new > 0 {
            for kind in kinds {
                self.live("log", kind.name());
            }
        }
        Ok(())
    }

    /// Keeps what a user did. `rest` must hold no secrets.
    pub async fn record_activity(
        &self,
        actor: &Actor,
        name: &str,
        category: &str,
        level: LogLevel,
        message: String,
        rest: Option<RestCall>,
    ) -> Result<(), AppError> {
        let rest = rest.unwrap_or_default();
        let mut record = activity(self, name, category, level, message);
        record.body = LogBody::Event(Activity {
            category: category.to_owned(),
            user: actor.user.clone(),
            user_roles: actor.roles.clone(),
            user_addr: actor.addr.clone(),
            user_session: actor.session.clone(),
            rest_method: rest.method,
            rest_request: rest.path,
            rest_body: rest.body,
        });
        self.record(vec![record]).await
    }
}
