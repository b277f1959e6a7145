//! Loaded detection rules as the controller is told of them: which can match here, and what did.
//!
//! Limits: 32 types of events, 64 tags and 8 KiB of each text of a rule are told.

use super::{Runtime, detected_file::CHANGES};
use rampart_detect::{EventType, Rule};
use rampart_model::{DetectionRule, DetectionStats, RuleState, detection::MAX_RULES};
use std::sync::PoisonError;

/// Types of events that are made of what the kernel tells; rules about others stay silent.
pub(super) const LIVE: &[&str] = &["execve", "setuid", "connect", "accept", "listen"];

const MAX_EVENTS: usize = 32;
const MAX_TAGS: usize = 64;
const MAX_TEXT: usize = 8192;
/// Types of events named in a reason.
const NAMED: usize = 4;

impl Runtime {
    /// Every loaded rule, in the order of definition. `seen` is whether this node sees anything.
    pub(crate) fn detection_rules(&self, seen: bool) -> Vec<DetectionRule> {
        let Some(detection) = self.detection.get() else {
            return Vec::new();
        };
        let all = detection.rules.rules().iter().take(MAX_RULES);
        all.map(|rule| described(rule, seen)).collect()
    }

    pub(crate) fn detection_stats(&self) -> DetectionStats {
        let Some(detection) = self.detection.get() else {
            return DetectionStats::default();
        };
        let live = detection
            .live
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut stats = DetectionStats {
            events: live.number,
            ..DetectionStats::default()
        };
        for rule in detection.rules.rules() {
            if let Some(hits) = live.hits.get(&rule.name) {
                *stats
                    .matched
                    .entry(rule.priority.name().to_owned())
                    .or_default() += hits.count;
                stats.hits.insert(rule.name.clone(), *hits);
            }
        }
        stats
    }
}

fn described(rule: &Rule, seen: bool) -> DetectionRule {
    let (state, reason) = state(rule, seen);
    DetectionRule {
        name: rule.name.clone(),
        description: cut(&rule.desc),
        priority: rule.priority.name().to_owned(),
        tags: rule.tags.iter().take(MAX_TAGS).map(|t| cut(t)).collect(),
        condition: cut(&rule.condition),
        output: cut(&rule.output),
        file: cut(&rule.file),
        line: u32::try_from(rule.line).unwrap_or(u32::MAX),
        events: names(rule).take(MAX_EVENTS).map(str::to_owned).collect(),
        state,
        reason,
    }
}

fn state(rule: &Rule, seen: bool) -> (RuleState, String) {
    if !rule.enabled {
        let why = "it is turned off where it is written";
        return (RuleState::Off, why.to_owned());
    }
    if !seen {
        let why = "nothing is seen on this node; its capabilities say why";
        return (RuleState::Silent, why.to_owned());
    }
    if names(rule).any(|name| LIVE.contains(&name)) {
        return (RuleState::Live, String::new());
    }
    if names(rule).any(|name| CHANGES.contains(&name)) {
        let why = "it sees only writes, removals and renames of files that file rules watch";
        return (RuleState::Live, why.to_owned());
    }
    let awaited: Vec<_> = names(rule).take(NAMED).collect();
    let more = names(rule).count().saturating_sub(NAMED);
    let awaited = match (awaited.is_empty(), more) {
        (true, _) => "no type of event that exists".to_owned(),
        (false, 0) => awaited.join(", "),
        (false, more) => format!("{} and {more} more", awaited.join(", ")),
    };
    let why = format!(
        "it waits for {awaited}; seen here are {} and changes of watched files. 'rampart rules test' evaluates it on recorded events",
        LIVE.join(", ")
    );
    (RuleState::Silent, why)
}

fn names(rule: &Rule) -> impl Iterator<Item = &'static str> {
    rule.types
        .iter()
        .map(|kind: &EventType| kind.name())
        .filter(|name| !name.is_empty())
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}
