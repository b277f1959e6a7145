//! Detection rules of the nodes.

use super::{
    Rest,
    answer::{Answer, pick},
    call::{Ask, Name, Who},
};
use crate::{
    app::{RuleOnNode, RuleView},
    auth::Permission,
};
use axum::{Json, extract::State};
use rampart_api::{
    convert::{self, rfc3339},
    rest::detection::*,
};
use rampart_model::{LogBody, RuleState};

fn node_wire(on: &RuleOnNode) -> DetectionRuleNode {
    DetectionRuleNode {
        id: on.node.to_string(),
        name: on.name.clone(),
        state: on.state.to_string(),
        reason: on.reason.clone(),
        hits: on.hits,
    }
}

fn wire(view: &RuleView) -> DetectionRule {
    let rule = &view.rule;
    DetectionRule {
        name: rule.name.clone(),
        priority: rule.priority.clone(),
        tags: rule.tags.clone(),
        techniques: rule
            .tags
            .iter()
            .filter(|t| is_technique(t))
            .cloned()
            .collect(),
        file: rule.file.clone(),
        line: rule.line,
        events: rule.events.clone(),
        enabled: rule.state != RuleState::Off,
        state: rule.state.to_string(),
        reason: rule.reason.clone(),
        hits: view.hits,
        incidents: view.incidents,
        last_seen_at: match view.last.is_known() {
            true => rfc3339(view.last),
            false => String::new(),
        },
        last_seen_timestamp: view.last.secs().max(0),
        nodes: view.nodes.iter().map(node_wire).collect(),
    }
}

/// `T1059` or `T1059.004`.
fn is_technique(tag: &str) -> bool {
    let digits = |text: &str, n| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    let Some(number) = tag.strip_prefix('T') else {
        return false;
    };
    match number.split_once('.') {
        Some((technique, part)) => digits(technique, 4) && digits(part, 3),
        None => digits(number, 4),
    }
}

pub(super) async fn list(State(rest): State<Rest>, Ask(query): Ask) -> Answer<DetectionRulesData> {
    let all = rest.app().detection_rules().await?;
    Ok(Json(DetectionRulesData {
        rules: pick(all.iter().map(wire).collect(), &query)?,
    }))
}

pub(super) async fn show(
    State(rest): State<Rest>,
    who: Who,
    Name(name): Name,
) -> Answer<DetectionRuleData> {
    let view = rest.app().detection_rule(&name).await?;
    let domains = who.access().readable(Permission::SecurityEvents);
    let records = rest.app().detection_incidents(&name, domains).await?;
    let cluster = rest.app().settings().cluster_name;
    let incident = |record| match record {
        &rampart_model::LogRecord {
            body: LogBody::Incident(ref body),
            ..
        } => Some(convert::incident(record, body, &cluster)),
        _ => None,
    };
    Ok(Json(DetectionRuleData {
        rule: DetectionRuleDetail {
            rule: wire(&view),
            description: view.rule.description.clone(),
            condition: view.rule.condition.clone(),
            output: view.rule.output.clone(),
            recent: records.iter().filter_map(incident).collect(),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::is_technique;

    #[test]
    fn techniques_among_tags() {
        for (tag, is) in [
            ("T1059", true),
            ("T1059.004", true),
            ("T105", false),
            ("T1059.4", false),
            ("mitre_execution", false),
            ("TOOLS", false),
            ("", false),
        ] {
            assert_eq!(is_technique(tag), is, "{tag}");
        }
    }
}
