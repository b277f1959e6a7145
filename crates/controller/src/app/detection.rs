//! Detection rules of all nodes as one list, and how often they matched.
//!
//! Limits: incidents are counted among the newest [`COUNTED`] of detection.

use super::{App, NodeView};
use crate::AppError;
use rampart_model::{
    DetectionRule, LogBody, LogKind, LogRecord, NodeId, RuleState, Timestamp, detection::RuleHits,
};
use rampart_store::{FieldFilter, FilterOp, LogQuery};
use std::collections::{BTreeMap, HashMap};

/// The name of what enforcers record of a match.
const MATCHED: &str = "Detection.Rule.Matched";
const COUNTED: u32 = 10_000;
const RECENT: u32 = 50;

/// A rule, and where it is loaded.
#[derive(Clone, Debug, Default)]
pub struct RuleView {
    /// As the node has it where most of it works.
    pub rule: DetectionRule,
    pub nodes: Vec<RuleOnNode>,
    /// Matches since the enforcers started.
    pub hits: u64,
    pub incidents: u64,
    pub last: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub struct RuleOnNode {
    pub node: NodeId,
    pub name: String,
    pub state: RuleState,
    pub reason: String,
    pub hits: u64,
}

impl App {
    /// Every rule that some node has loaded, by name.
    pub async fn detection_rules(&self) -> Result<Vec<RuleView>, AppError> {
        let nodes = self.nodes();
        if nodes.iter().all(|view| view.rules.is_empty()) {
            return Ok(Vec::new());
        }
        let kept = self.tally().await?;
        let mut rules = merge(&nodes);
        for view in &mut rules {
            if let Some(tally) = kept.get(&view.rule.name) {
                view.incidents = tally.count;
                view.last = view.last.max(tally.last);
            }
        }
        Ok(rules)
    }

    pub async fn detection_rule(&self, name: &str) -> Result<RuleView, AppError> {
        let found = self.detection_rules().await?.into_iter();
        let mut named = found.filter(|view| view.rule.name == name);
        named
            .next()
            .ok_or_else(|| AppError::not_found("detection rule", name))
    }

    /// The newest incidents of a rule in these domains; `None` is all of them.
    pub async fn detection_incidents(
        &self,
        rule: &str,
        domains: Option<Vec<String>>,
    ) -> Result<Vec<LogRecord>, AppError> {
        let query = LogQuery {
            filters: vec![FieldFilter {
                field: "rule_id".to_owned(),
                op: FilterOp::Eq,
                value: rule.to_owned(),
            }],
            domains,
            limit: RECENT,
            ..matched()
        };
        Ok(self.log(&query).await?.records)
    }

    /// Incidents by rule, and the newest of each.
    async fn tally(&self) -> Result<HashMap<String, RuleHits>, AppError> {
        let page = self.log(&matched()).await?;
        let mut tally: HashMap<String, RuleHits> = HashMap::new();
        for record in page.records {
            if let LogBody::Incident(incident) = record.body {
                let hits = tally.entry(incident.rule_id).or_default();
                hits.count += u64::from(incident.count.max(1));
                hits.last = hits.last.max(record.at);
            }
        }
        Ok(tally)
    }
}

fn matched() -> LogQuery {
    LogQuery {
        kinds: vec![LogKind::Incident],
        names: vec![MATCHED.to_owned()],
        limit: COUNTED,
        ..LogQuery::default()
    }
}

fn merge(nodes: &[NodeView]) -> Vec<RuleView> {
    let mut rules: BTreeMap<&str, RuleView> = BTreeMap::new();
    for view in nodes {
        for rule in view.rules.iter() {
            let stats = &view.stats.detection;
            let hits = stats.hits.get(&rule.name).copied().unwrap_or_default();
            let merged = rules.entry(&rule.name).or_default();
            if merged.nodes.is_empty() || rule.state > merged.rule.state {
                merged.rule = rule.clone();
            }
            merged.hits = merged.hits.saturating_add(hits.count);
            merged.last = merged.last.max(hits.last);
            merged.nodes.push(RuleOnNode {
                node: view.node.id.clone(),
                name: view.node.name.clone(),
                state: rule.state,
                reason: rule.reason.clone(),
                hits: hits.count,
            });
        }
    }
    rules.into_values().collect()
}
