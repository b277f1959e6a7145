//! The controller without any outside format.
pub mod port;
pub mod view;

pub use port::{AgentError, Agents, Clock, SystemClock};
pub use view::*;

use crate::AppError;
use rampart_model::*;
use rampart_model::settings::Settings;
use rampart_model::event::LogLevel;
use rampart_store::{EventLog, LogPage, LogQuery, Store};
use std::sync::Arc;
use tokio::sync::broadcast;

/// What the controller is given from outside.
pub struct Deps {
    pub store: Arc<dyn Store>,
    pub events: Arc<dyn EventLog>,
    pub agents: Arc<dyn Agents>,
    pub clock: Arc<dyn Clock>,
    pub controller: ControllerInfo,
}

#[derive(Clone)]
pub struct App(Arc<Inner>);
struct Inner { deps: Deps }

#[allow(unused_variables, clippy::unused_async)]
impl App {
    pub async fn open(deps: Deps) -> Result<App, AppError> { unimplemented!() }
    pub fn now(&self) -> Timestamp { self.0.deps.clock.now() }
    pub fn store(&self) -> &Arc<dyn Store> { &self.0.deps.store }
    pub fn events(&self) -> &Arc<dyn EventLog> { &self.0.deps.events }
    pub fn controller(&self) -> &ControllerInfo { &self.0.deps.controller }
    pub fn subscribe(&self) -> broadcast::Receiver<Live> { unimplemented!() }
    /// Saves what is kept in memory between intervals (conversations, last-seen times).
    pub async fn flush(&self) -> Result<(), AppError> { unimplemented!() }

    pub fn workloads(&self) -> List<WorkloadView> { unimplemented!() }
    pub fn workload(&self, id: &str) -> Result<Arc<WorkloadView>, AppError> { unimplemented!() }
    pub async fn quarantine(&self, id: &str, on: bool, reason: &str) -> Result<(), AppError> { unimplemented!() }
    pub async fn processes(&self, id: &str, history: bool) -> Result<Vec<ProcessInfo>, AppError> { unimplemented!() }
    pub fn workload_profile(&self, id: &str) -> Result<EffectiveProfile, AppError> { unimplemented!() }

    pub fn groups(&self) -> List<GroupView> { unimplemented!() }
    pub fn group(&self, name: &str) -> Result<Arc<GroupView>, AppError> { unimplemented!() }
    pub async fn create_group(&self, group: Group) -> Result<(), AppError> { unimplemented!() }
    pub async fn update_group(&self, name: &str, patch: GroupPatch) -> Result<(), AppError> { unimplemented!() }
    pub async fn delete_group(&self, name: &str) -> Result<(), AppError> { unimplemented!() }
    pub async fn patch_profile(&self, group: &str, patch: ProfilePatch) -> Result<(), AppError> { unimplemented!() }
    pub async fn patch_files(&self, group: &str, patch: FilePatch) -> Result<(), AppError> { unimplemented!() }
    pub fn process_rule(&self, uuid: &str) -> Vec<(GroupName, ProcessRule)> { unimplemented!() }

    pub fn services(&self) -> List<ServiceView> { unimplemented!() }
    pub fn service(&self, name: &str) -> Result<Arc<ServiceView>, AppError> { unimplemented!() }
    /// Modes default to those for new services.
    pub async fn create_service(&self, name: &str, domain: &str, comment: &str, change: ServiceChange) -> Result<(), AppError> { unimplemented!() }
    /// No names: every service and the group `nodes`.
    pub async fn configure_services(&self, names: &[String], change: ServiceChange) -> Result<(), AppError> { unimplemented!() }

    pub fn rules(&self) -> List<NetworkRule> { unimplemented!() }
    pub fn rule(&self, id: RuleId) -> Result<Arc<NetworkRule>, AppError> { unimplemented!() }
    pub async fn edit_rules(&self, edit: RuleEdit) -> Result<(), AppError> { unimplemented!() }

    pub fn conversations(&self, filter: &ConversationFilter) -> ConversationGraph { unimplemented!() }
    pub fn conversation(&self, from: &str, to: &str) -> Result<Vec<MapEntry>, AppError> { unimplemented!() }
    /// `None` is any: both `None` forgets all.
    pub async fn delete_conversation(&self, from: Option<&str>, to: Option<&str>) -> Result<(), AppError> { unimplemented!() }
    pub fn conversation_endpoints(&self) -> Vec<MapNode> { unimplemented!() }
    pub async fn rename_endpoint(&self, id: &str, name: &str) -> Result<(), AppError> { unimplemented!() }
    pub async fn delete_endpoint(&self, id: &str) -> Result<(), AppError> { unimplemented!() }

    pub fn nodes(&self) -> Vec<NodeView> { unimplemented!() }
    pub fn node(&self, id: &str) -> Result<NodeView, AppError> { unimplemented!() }
    pub fn domains(&self) -> Vec<DomainView> { unimplemented!() }
    pub async fn tag_domain(&self, name: &str, tags: Vec<String>) -> Result<(), AppError> { unimplemented!() }
    pub fn settings(&self) -> Settings { unimplemented!() }
    pub async fn update_settings(&self, change: impl FnOnce(&mut Settings) + Send) -> Result<(), AppError> { unimplemented!() }
    pub fn summary(&self) -> Summary { unimplemented!() }

    pub async fn log(&self, query: &LogQuery) -> Result<LogPage, AppError> { unimplemented!() }
    pub async fn log_record(&self, uid: &str) -> Result<LogRecord, AppError> { unimplemented!() }
    pub async fn record(&self, records: Vec<LogRecord>) -> Result<(), AppError> { unimplemented!() }
    pub async fn record_activity(&self, actor: &Actor, name: &str, category: &str, level: LogLevel, message: String, rest: Option<RestCall>) -> Result<(), AppError> { unimplemented!() }
}
