//! Response rules: what may be written, and which of them a record matches.
//!
//! Conditions compare as NeuVector's do: `name` without regard to case (with the event's name, or
//! with the first word of one of its items), `level` and `process` as they are, `cve-name` with
//! each vulnerability of the report, and the numbers as "at least". There are no patterns. Limits:
//! [`MAX_CONDITIONS`] conditions of [`MAX_VALUE_BYTES`] each, [`MAX_COMMENT_BYTES`] of comment. A
//! scan's record names its critical and high vulnerabilities only, so `cve-name` finds no others.

use rampart_model::{
    Condition, ConditionKind as Kind, ConfigSource, GroupName, LogBody, LogLevel, LogRecord,
    ResponseAction as Action, ResponseEvent as Event, ResponseRule, RuleId,
};

pub const MAX_CONDITIONS: usize = 32;
pub const MAX_VALUE_BYTES: usize = 1024;
pub const MAX_COMMENT_BYTES: usize = 1024;

/// Events that happen here.
pub const EVENTS: &[Event] = &[Event::SecurityEvent, Event::Event, Event::CveReport];

/// Conditions that an event can be asked for; none where the event does not happen here.
pub fn conditions(event: Event) -> &'static [Kind] {
    match event {
        Event::SecurityEvent => &[Kind::Name, Kind::Level, Kind::Process],
        Event::Event => &[Kind::Name, Kind::Level],
        Event::CveReport => &[
            Kind::Name,
            Kind::Level,
            Kind::CveName,
            Kind::CveCritical,
            Kind::CveHigh,
            Kind::CveHighOnly,
            Kind::CveMedium,
        ],
        Event::Compliance | Event::AdmissionControl | Event::Serverless => &[],
    }
}

/// Where a rule came from, by its number.
pub fn source(id: RuleId) -> ConfigSource {
    match id.0 {
        0..100_000 => ConfigSource::User,
        100_000..110_000 => ConfigSource::Federal,
        _ => ConfigSource::Crd,
    }
}

/// Federal rules first, then those of Kubernetes resources, then the user's.
pub fn block(source: ConfigSource) -> u8 {
    source.rank().min(ConfigSource::User.rank())
}

/// Says what is wrong with a rule, and what would be right.
pub fn check(rule: &ResponseRule) -> Result<(), String> {
    if !EVENTS.contains(&rule.event) {
        return Err(format!(
            "events of the kind `{}` do not happen here yet; there are {}",
            rule.event,
            list(EVENTS.iter().map(|e| e.name()))
        ));
    }
    if rule.comment.len() > MAX_COMMENT_BYTES {
        return Err(format!("a comment has at most {MAX_COMMENT_BYTES} bytes"));
    }
    if rule.conditions.len() > MAX_CONDITIONS {
        return Err(format!("a rule has at most {MAX_CONDITIONS} conditions"));
    }
    for condition in &rule.conditions {
        check_condition(rule.event, condition)?;
    }
    if rule.actions.is_empty() {
        return Err("a rule needs an action: quarantine or suppress-log".to_owned());
    }
    for action in &rule.actions {
        check_action(*action)?;
    }
    Ok(())
}

fn check_action(action: Action) -> Result<(), String> {
    let why = match action {
        Action::Quarantine | Action::SuppressLog => return Ok(()),
        Action::Webhook => "Rampart sends no webhooks yet",
        Action::Kill => "enforcers end processes by their own policy only",
    };
    Err(format!(
        "the action `{action}` is not there: {why}; use quarantine or suppress-log"
    ))
}

fn check_condition(event: Event, condition: &Condition) -> Result<(), String> {
    let Condition { kind, value } = condition;
    if matches!(kind, Kind::CveCriticalWithFix | Kind::CveHighWithFix) {
        return Err(format!(
            "`{kind}` is not there yet: a scan's record does not say which vulnerabilities have a fix"
        ));
    }
    if !conditions(event).contains(kind) {
        return Err(format!(
            "`{kind}` is no condition of `{event}`; it has {}",
            list(conditions(event).iter().map(|k| k.name()))
        ));
    }
    if value.is_empty() || value.len() > MAX_VALUE_BYTES {
        return Err(format!(
            "the value of `{kind}` has 1 to {MAX_VALUE_BYTES} bytes"
        ));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("the value of `{kind}` holds control characters"));
    }
    match kind {
        Kind::Level if LogLevel::parse(value).is_none() => Err(format!(
            "`level` is one of {}",
            list(LogLevel::ALL.iter().map(|l| l.name()))
        )),
        Kind::CveCritical | Kind::CveHigh | Kind::CveHighOnly | Kind::CveMedium
            if value.parse::<u32>().is_err() =>
        {
            Err(format!(
                "the value of `{kind}` is a number: at least so many"
            ))
        }
        _ => Ok(()),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// What conditions look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub event: Event,
    pub name: &'a str,
    pub level: LogLevel,
    /// Name of the process; empty where there is none.
    pub process: &'a str,
    /// Vulnerabilities of a report, or results of a check.
    pub items: &'a [String],
    pub critical: u32,
    pub high: u32,
    pub medium: u32,
}

impl<'a> Facts<'a> {
    /// `None` for a record no rule can be written for.
    pub fn of(record: &'a LogRecord) -> Option<Self> {
        let mut facts = Self {
            event: Event::SecurityEvent,
            name: &record.name,
            level: record.level,
            process: "",
            items: &[],
            critical: 0,
            high: 0,
            medium: 0,
        };
        match &record.body {
            LogBody::Event(_) => facts.event = Event::Event,
            LogBody::Incident(incident) => facts.process = &incident.process.name,
            LogBody::Violation(violation) => {
                facts.process = violation.process.as_ref().map_or("", |p| &p.name);
            }
            LogBody::Threat(_) => {}
            LogBody::Audit(audit) if record.name.ends_with(".Scan.Report") => {
                facts.event = Event::CveReport;
                facts.items = &audit.items;
                (facts.critical, facts.high, facts.medium) =
                    (audit.critical, audit.high, audit.medium);
            }
            LogBody::Audit(_) => return None,
        }
        Some(facts)
    }
}

/// Whether the rule is on and means the record; `groups` are those of the record's container.
pub fn matches(rule: &ResponseRule, facts: &Facts<'_>, groups: &[GroupName]) -> bool {
    !rule.disabled
        && rule.event == facts.event
        && (rule.group.is_empty() || groups.contains(&rule.group))
        && rule.conditions.iter().all(|c| holds(c, facts))
}

fn holds(condition: &Condition, facts: &Facts<'_>) -> bool {
    let value = condition.value.as_str();
    // A number that cannot be read was never accepted; it holds for nothing.
    let at_least = |count: u32| value.parse().is_ok_and(|wanted: u32| count >= wanted);
    match condition.kind {
        Kind::Name => {
            let first = |item: &String| item.split(' ').next() == Some(value);
            facts.name.eq_ignore_ascii_case(value) || facts.items.iter().any(first)
        }
        Kind::Level => facts.level.name().eq_ignore_ascii_case(value),
        Kind::Process => facts.process == value,
        Kind::CveName => facts.items.iter().any(|i| i.eq_ignore_ascii_case(value)),
        Kind::CveCritical => at_least(facts.critical),
        Kind::CveHigh => at_least(facts.critical.saturating_add(facts.high)),
        Kind::CveHighOnly => at_least(facts.high),
        Kind::CveMedium => at_least(facts.medium),
        Kind::CveCriticalWithFix | Kind::CveHighWithFix | Kind::Number => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_model::event::{Activity, Audit, Incident, Subject};

    fn record(name: &str, level: LogLevel, body: LogBody) -> LogRecord {
        LogRecord {
            uid: "u".into(),
            at: Default::default(),
            level,
            name: name.into(),
            message: String::new(),
            node: Default::default(),
            node_name: String::new(),
            workload: None,
            body,
        }
    }

    fn incident() -> LogRecord {
        let process = Subject {
            name: "ncat".into(),
            ..Subject::default()
        };
        let body = Incident {
            process,
            ..Incident::default()
        };
        record(
            "Container.Suspicious.Process",
            LogLevel::Critical,
            LogBody::Incident(Box::new(body)),
        )
    }

    fn scan() -> LogRecord {
        let body = Audit {
            items: vec!["CVE-2024-1".into()],
            critical: 1,
            high: 2,
            medium: 3,
            ..Audit::default()
        };
        record(
            "Container.Scan.Report",
            LogLevel::Warning,
            LogBody::Audit(body),
        )
    }

    fn rule(event: Event, conditions: &[(Kind, &str)]) -> ResponseRule {
        ResponseRule {
            event,
            conditions: conditions
                .iter()
                .map(|(kind, value)| Condition {
                    kind: *kind,
                    value: (*value).to_owned(),
                })
                .collect(),
            actions: vec![Action::Quarantine],
            ..ResponseRule::default()
        }
    }

    #[test]
    fn conditions_compare_as_the_field_does() {
        use Event::{CveReport, SecurityEvent};
        let activity = record("X", LogLevel::Info, LogBody::Event(Activity::default()));
        let check = |record: &LogRecord, event, conditions: &[(Kind, &str)], expected| {
            let rule = rule(event, conditions);
            assert_eq!(super::check(&rule), Ok(()), "{conditions:?}");
            let facts = Facts::of(record).unwrap();
            assert_eq!(matches(&rule, &facts, &[]), expected, "{conditions:?}");
        };
        let incident = incident();
        check(&incident, SecurityEvent, &[], true);
        check(&incident, Event::Event, &[], false);
        check(&activity, Event::Event, &[], true);
        check(&activity, SecurityEvent, &[], false);
        let name = (Kind::Name, "container.suspicious.process");
        check(&incident, SecurityEvent, &[name], true);
        check(
            &incident,
            SecurityEvent,
            &[(Kind::Name, "Container.*")],
            false,
        );
        check(
            &incident,
            SecurityEvent,
            &[name, (Kind::Level, "critical")],
            true,
        );
        check(
            &incident,
            SecurityEvent,
            &[name, (Kind::Level, "Warning")],
            false,
        );
        check(&incident, SecurityEvent, &[(Kind::Process, "ncat")], true);
        check(&incident, SecurityEvent, &[(Kind::Process, "NCAT")], false);
        let scan = scan();
        for (kind, value, expected) in [
            (Kind::CveCritical, "1", true),
            (Kind::CveCritical, "2", false),
            (Kind::CveHigh, "3", true),
            (Kind::CveHigh, "4", false),
            (Kind::CveHighOnly, "2", true),
            (Kind::CveHighOnly, "3", false),
            (Kind::CveMedium, "3", true),
            (Kind::CveName, "cve-2024-1", true),
            (Kind::CveName, "CVE-2024-10", false),
        ] {
            check(&scan, CveReport, &[(kind, value)], expected);
        }
    }

    #[test]
    fn a_group_and_the_switch_narrow_a_rule() {
        let mut rule = rule(Event::SecurityEvent, &[]);
        rule.group = "nv.web.shop".into();
        let record = incident();
        let facts = Facts::of(&record).unwrap();
        assert!(!matches(&rule, &facts, &["nv.db.shop".into()]));
        assert!(matches(
            &rule,
            &facts,
            &["front".into(), "nv.web.shop".into()]
        ));
        rule.disabled = true;
        assert!(!matches(&rule, &facts, &["nv.web.shop".into()]));
        let audit = record_of_admission();
        assert!(Facts::of(&audit).is_none());
    }

    fn record_of_admission() -> LogRecord {
        record(
            "Admission.Control.Denied",
            LogLevel::Warning,
            LogBody::Audit(Audit::default()),
        )
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_name() {
        let refused = |event, conditions: &[(Kind, &str)], actions: &[Action], text: &str| {
            let mut rule = rule(event, conditions);
            rule.actions = actions.to_vec();
            let error = check(&rule).unwrap_err();
            assert!(error.contains(text), "{error:?} does not say {text:?}");
        };
        let quarantine = &[Action::Quarantine][..];
        refused(Event::Compliance, &[], quarantine, "`compliance`");
        refused(
            Event::AdmissionControl,
            &[],
            quarantine,
            "`admission-control`",
        );
        refused(Event::Serverless, &[], quarantine, "`serverless`");
        refused(Event::Event, &[], &[], "needs an action");
        refused(Event::Event, &[], &[Action::Webhook], "`webhook`");
        refused(Event::Event, &[], &[Action::Kill], "`kill`");
        for (event, kind, value, text) in [
            (Event::Event, Kind::Process, "sh", "no condition of `event`"),
            (Event::Event, Kind::Level, "loud", "one of Debug"),
            (Event::Event, Kind::Name, "", "1 to 1024"),
            (Event::Event, Kind::Name, "a\nb", "control"),
            (Event::CveReport, Kind::CveHigh, "many", "a number"),
            (Event::CveReport, Kind::CveHigh, "-1", "a number"),
            (Event::CveReport, Kind::CveHighWithFix, "1/3", "have a fix"),
        ] {
            refused(event, &[(kind, value)], quarantine, text);
        }
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        refused(Event::Event, &[(Kind::Name, &long)], quarantine, "1 to");
        let many = vec![(Kind::Name, "x"); MAX_CONDITIONS + 1];
        refused(Event::Event, &many, quarantine, "at most 32");
    }
}
