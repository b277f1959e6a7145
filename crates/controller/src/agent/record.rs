//! Records as enforcers send them: taken over, with what the controller knows better.

use crate::{App, app::workload_ref};
use rampart_model::{LogBody, LogRecord, NodeId};
use rampart_policy::group::learned_group_of;
use rampart_store::facet::MAX_UID_BYTES;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A uid the event log takes: itself if it fits, else one made from it. The same text gives the
/// same uid.
pub(crate) fn uid(text: &str) -> String {
    if (1..=MAX_UID_BYTES).contains(&text.len()) {
        return text.to_owned();
    }
    digest(text)
}

fn digest(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{}~{:016x}", crate::app::cut(text, 64), hasher.finish())
}

impl App {
    /// Puts the node that really sent a record into it, and the workload's names if it has none.
    pub(super) fn adopt(&self, node: &NodeId, mut record: LogRecord) -> LogRecord {
        record.uid = if record.uid.is_empty() {
            // Without one it is told from others by all it says.
            let said = serde_json::to_string(&record).unwrap_or_else(|_| record.message.clone());
            digest(&said)
        } else {
            uid(&record.uid)
        };
        record.node = node.clone();
        if !record.at.is_known() {
            record.at = self.now();
        }
        self.read(|state| {
            if record.node_name.is_empty()
                && let Some(entry) = state.nodes.get(node)
            {
                record.node_name.clone_from(&entry.node.name);
            }
            if let Some(reference) = &mut record.workload
                && reference.name.is_empty()
                && let Some(workload) = state.workloads.get(&reference.id)
            {
                *reference = workload_ref(workload, &learned_group_of(workload));
            }
        });
        record
    }

    /// What records tell about groups and about the map.
    pub(super) fn note_records(&self, records: &[LogRecord]) {
        let now = self.now();
        let mut groups = Vec::new();
        {
            let mut all = self.talk();
            for record in records {
                match &record.body {
                    LogBody::Incident(incident) => groups.push(&incident.group),
                    LogBody::Violation(v) => all.mark(&v.client.id, &v.server.id, record.level),
                    LogBody::Threat(t) => all.mark(&t.client.id, &t.server.id, t.severity),
                    LogBody::Event(_) | LogBody::Audit(_) => {}
                }
            }
        }
        if groups.is_empty() {
            return;
        }
        self.write(|state| {
            for group in groups {
                if state.groups.contains_key(group) {
                    state.touch(group).profile_act = now;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_fit_and_stay_the_same() {
        assert_eq!(uid("a"), "a");
        let long = "x".repeat(1000);
        assert_eq!(uid(&long), uid(&long));
        assert!(uid(&long).len() <= MAX_UID_BYTES);
        assert_ne!(uid(&long), uid(&"x".repeat(1001)));
        assert!(!uid("").is_empty());
    }
}
