//! Loaded detection rules as the controller is told of them: which can match here, and what did.
//! The built-in detectors are listed after them.
//!
//! Limits: 32 types of events, 64 tags and 8 KiB of each text of a rule are told.

use super::{
    Runtime,
    burst::{self, Detector},
    detected_file::CHANGES,
    detection::Detection,
};
use rampart_detect::{EventType, Rule};
use rampart_model::{DetectionRule, DetectionStats, RuleState, detection::MAX_RULES};
use std::sync::PoisonError;

/// Types of events that do not come from system calls.
const LIVE: &[&str] = &["execve", "setuid", "connect", "accept", "listen"];
/// Fields that nothing fills in on a node, and why.
const EMPTY: &[(&str, &str)] = &[
    ("evt.buffer", "data that is sent or read is not seen"),
    ("sip.name", "names of addresses are not known"),
    ("cip.name", "names of addresses are not known"),
    ("fd.types", "other descriptors of a process are not known"),
];

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
        let rules = detection.rules.rules().iter();
        let rules = rules.map(|rule| described(rule, detection, seen));
        let detectors = burst::ALL.iter();
        let detectors = detectors.map(|detector| built_in(detector, detection, seen));
        rules.chain(detectors).take(MAX_RULES).collect()
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
            kinds: live
                .kinds
                .iter()
                .map(|(kind, count)| ((*kind).to_owned(), *count))
                .collect(),
            ..DetectionStats::default()
        };
        let rules = detection.rules.rules().iter();
        let rules = rules.map(|rule| (rule.name.as_str(), rule.priority));
        let detectors = burst::ALL.iter();
        let detectors = detectors.map(|detector| (detector.name, detector.priority));
        for (name, priority) in rules.chain(detectors) {
            if let Some(hits) = live.hits.get(name) {
                let matched = stats.matched.entry(priority.name().to_owned());
                *matched.or_default() += hits.count;
                stats.hits.insert(name.to_owned(), *hits);
            }
        }
        stats
    }
}

fn described(rule: &Rule, detection: &Detection, seen: bool) -> DetectionRule {
    let (state, reason) = state(rule, detection, seen);
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

fn built_in(detector: &Detector, detection: &Detection, seen: bool) -> DetectionRule {
    let told = |name: &&str| LIVE.contains(name) || detection.sees_calls();
    let (state, reason) = match (seen, detector.events.iter().any(told)) {
        (false, _) => (RuleState::Silent, UNSEEN.to_owned()),
        (true, true) => (RuleState::Live, String::new()),
        (true, false) => (RuleState::Silent, untold(detection)),
    };
    DetectionRule {
        name: detector.name.to_owned(),
        description: detector.about.to_owned(),
        priority: detector.priority.name().to_owned(),
        tags: detector.tags.iter().map(|&tag| tag.to_owned()).collect(),
        condition: "built in: it counts, which a condition cannot".to_owned(),
        events: detector.events.iter().map(|&e| e.to_owned()).collect(),
        state,
        reason,
        ..DetectionRule::default()
    }
}

const UNSEEN: &str = "nothing is seen on this node; its capabilities say why";

/// Why system calls are not told.
fn untold(detection: &Detection) -> String {
    match detection.watched.get() {
        Some(Err(why)) => format!("system calls are not told on this node: {why}"),
        _ => "system calls are not told on this node".to_owned(),
    }
}

fn state(rule: &Rule, detection: &Detection, seen: bool) -> (RuleState, String) {
    if !rule.enabled {
        let why = "it is turned off where it is written";
        return (RuleState::Off, why.to_owned());
    }
    if !seen {
        return (RuleState::Silent, UNSEEN.to_owned());
    }
    let told = |name: &str| detection.sees_calls() && detection.filter.calls.contains(name);
    if names(rule).any(|name| LIVE.contains(&name) || told(name)) {
        let empty = EMPTY
            .iter()
            .find(|(field, _)| rule.condition.contains(field));
        let why = empty.map(|(field, why)| format!("{field} has no value: {why}"));
        return (RuleState::Live, why.unwrap_or_default());
    }
    if names(rule).any(|name| CHANGES.contains(&name)) {
        let why = format!(
            "it sees only writes, removals and renames of files that file rules watch: {}",
            untold(detection)
        );
        return (RuleState::Live, why);
    }
    let awaited: Vec<_> = names(rule).take(NAMED).collect();
    let more = names(rule).count().saturating_sub(NAMED);
    let awaited = match (awaited.is_empty(), more) {
        (true, _) => "no type of event that exists".to_owned(),
        (false, 0) => awaited.join(", "),
        (false, more) => format!("{} and {more} more", awaited.join(", ")),
    };
    let unseen = match detection.sees_calls() {
        true => "which is not seen here".to_owned(),
        false => untold(detection),
    };
    let why = format!(
        "it waits for {awaited}: {unseen}. 'rampart rules test' evaluates it on recorded events"
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
