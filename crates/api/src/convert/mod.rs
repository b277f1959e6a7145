//! Between domain types and wire types. What the wire may get wrong gives a [`Mistake`] that says
//! what would be right.

mod log;
mod names;
mod node;
mod policy;
mod profile;
mod registry;
mod response;
mod scan;
mod time;

pub use log::{audit, event, incident, threat, violation, workload_header};
pub use names::{baseline, baseline_of, cfg_type, criteria_of, criterion, mode_of};
pub use node::{addresses, process, protection};
pub use policy::{ports, ports_of, rule, rule_of};
pub use profile::{file_filter, file_rule_of, process_entry, process_rule_of};
pub use registry::{apply_registry, registry_kind_of, registry_of, registry_summary};
pub use response::{response, response_of};
pub use scan::{
    base_os, database_time, database_version, layers, probability, report, repository_report,
    score, severity, submitted, vulnerability,
};
pub use time::{rfc3339, secs_of};

/// A value a client sent that means nothing here.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
#[error("`{field}` is `{value}`; it should be {expected}")]
pub struct Mistake {
    pub field: &'static str,
    pub value: String,
    pub expected: &'static str,
}

impl Mistake {
    pub fn new(field: &'static str, value: &str, expected: &'static str) -> Self {
        Self {
            field,
            value: value.chars().take(128).collect(),
            expected,
        }
    }
}
