//! Network rules and their ports.

use super::{Mistake, cfg_type};
use crate::rest::policy;
use rampart_model::{Action, ConfigSource, GroupName, NetworkRule, PortRange, Protocol, RuleId};

const MAX_RANGES: usize = 256;
const MAX_APPLICATIONS: usize = 64;
const MAX_COMMENT_BYTES: usize = 1024;
const PORTS: &str = "`any`, or a list such as tcp/80,udp/53-60,icmp of 256 ranges at the most";

/// `any`, or `tcp/80,udp/53-60,icmp`.
pub fn ports(ranges: &[PortRange]) -> String {
    if ranges.is_empty() || ranges.contains(&PortRange::ANY) {
        return "any".to_owned();
    }
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

fn range(range: &PortRange) -> String {
    let all = range.low == 0 && range.high == u16::MAX;
    let numbers = match (all, range.low == range.high) {
        (true, _) => "any".to_owned(),
        (_, true) => range.low.to_string(),
        _ => format!("{}-{}", range.low, range.high),
    };
    match range.protocol {
        Some(Protocol::Icmp) => "icmp".to_owned(),
        Some(protocol) => format!("{protocol}/{numbers}"),
        None => format!("any/{numbers}"),
    }
}

/// The ranges of a list; `any` and the empty text are none, which is every port.
pub fn ports_of(text: &str) -> Result<Vec<PortRange>, Mistake> {
    let wrong = || Mistake::new("ports", text, PORTS);
    let mut ranges = Vec::new();
    for part in text.split(',').map(str::trim) {
        if ranges.len() >= MAX_RANGES {
            return Err(wrong());
        }
        match part.to_ascii_lowercase().as_str() {
            "any" => return Ok(Vec::new()),
            "" if text.trim().is_empty() => return Ok(Vec::new()),
            part => ranges.push(range_of(part).ok_or_else(wrong)?),
        }
    }
    Ok(ranges)
}

fn range_of(part: &str) -> Option<PortRange> {
    if part == "icmp" {
        return Some(PortRange {
            protocol: Some(Protocol::Icmp),
            low: 0,
            high: u16::MAX,
        });
    }
    let (protocol, numbers) = match part.split_once('/') {
        Some(("any", numbers)) => (None, numbers),
        Some((protocol, numbers)) => (Some(Protocol::parse(protocol)?), numbers),
        None => (None, part),
    };
    let (low, high) = match numbers.split_once('-') {
        _ if numbers == "any" => (0, u16::MAX),
        Some((low, high)) => (low.parse().ok()?, high.parse().ok()?),
        None => (numbers.parse().ok()?, numbers.parse().ok()?),
    };
    (low <= high).then_some(PortRange {
        protocol,
        low,
        high,
    })
}

pub fn rule(rule: &NetworkRule) -> policy::PolicyRule {
    let any = || vec!["any".to_owned()];
    policy::PolicyRule {
        id: rule.id.0,
        comment: rule.comment.clone(),
        from: rule.from.to_string(),
        to: rule.to.to_string(),
        ports: ports(&rule.ports),
        action: rule.action.to_string(),
        applications: if rule.applications.is_empty() {
            any()
        } else {
            rule.applications.clone()
        },
        learned: rule.source == ConfigSource::Learned,
        disable: rule.disabled,
        created_timestamp: rule.created_at.secs(),
        last_modified_timestamp: rule.updated_at.secs(),
        cfg_type: cfg_type(rule.source),
        priority: rule.priority,
        match_counter: rule.match_count,
        last_match_timestamp: rule.last_match_at.secs(),
    }
}

/// `base` with what the client gave; the base of a new rule is the default one.
pub fn rule_of(
    config: &policy::PolicyRuleConfig,
    base: &NetworkRule,
) -> Result<NetworkRule, Mistake> {
    let mut rule = NetworkRule {
        id: RuleId(config.id),
        ..base.clone()
    };
    if let Some(comment) = &config.comment {
        if comment.len() > MAX_COMMENT_BYTES {
            return Err(Mistake::new("comment", comment, "1024 bytes at the most"));
        }
        rule.comment.clone_from(comment);
    }
    if let Some(from) = &config.from {
        rule.from = GroupName::new(from.as_str());
    }
    if let Some(to) = &config.to {
        rule.to = GroupName::new(to.as_str());
    }
    if let Some(text) = &config.ports {
        rule.ports = ports_of(text)?;
    }
    if let Some(action) = &config.action {
        rule.action =
            Action::parse(action).ok_or_else(|| Mistake::new("action", action, "allow or deny"))?;
    }
    if let Some(applications) = &config.applications {
        rule.applications = applications_of(applications)?;
    }
    rule.disabled = config.disable.unwrap_or(rule.disabled);
    rule.priority = config.priority.unwrap_or(rule.priority);
    Ok(rule)
}

fn applications_of(names: &[String]) -> Result<Vec<String>, Mistake> {
    if names.len() > MAX_APPLICATIONS {
        return Err(Mistake::new(
            "applications",
            &names.len().to_string(),
            "64 at the most",
        ));
    }
    if names.iter().any(|name| name.eq_ignore_ascii_case("any")) {
        return Ok(Vec::new());
    }
    names.iter().map(|name| application_of(name)).collect()
}

fn application_of(name: &str) -> Result<String, Mistake> {
    crate::rest::list::APPLICATIONS
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .map(|known| (*known).to_owned())
        .ok_or_else(|| Mistake::new("applications", name, "a name from /v1/list/application"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses and prints again; `!` marks what is refused.
    fn check(text: &str, expected: &str) {
        let got = ports_of(text).map_or_else(|_| "!".to_owned(), |ranges| ports(&ranges));
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn port_lists_round_trip() {
        check("any", "any");
        check("", "any");
        check("tcp/80", "tcp/80");
        check(" tcp/80, UDP/53-60 ,icmp", "tcp/80,udp/53-60,icmp");
        check("tcp/any", "tcp/any");
        check("8080", "any/8080");
        check("80-90", "any/80-90");
        check("tcp/80,any", "any");
        check("tcp/90-80", "!");
        check("tcp/65536", "!");
        check("tcp/", "!");
        check("gopher/70", "!");
        check("tcp/80,,", "!");
        check(&"tcp/1,".repeat(300), "!");
    }

    #[test]
    fn unknown_words_are_refused_with_what_would_be_right() {
        let mut config = policy::PolicyRuleConfig {
            action: Some("drop".into()),
            ..Default::default()
        };
        let error = rule_of(&config, &NetworkRule::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`action` is `drop`; it should be allow or deny"
        );
        config.action = None;
        config.applications = Some(vec!["redis".into()]);
        assert_eq!(
            rule_of(&config, &NetworkRule::default())
                .unwrap()
                .applications,
            ["Redis"]
        );
        config.applications = Some(vec!["Telepathy".into()]);
        assert!(rule_of(&config, &NetworkRule::default()).is_err());
    }

    proptest! {
        #[test]
        fn no_port_list_panics(text in "[a-z0-9/,-]{0,64}") {
            if let Ok(ranges) = ports_of(&text) {
                prop_assert_eq!(ports_of(&ports(&ranges)).map(|r| ports(&r)), Ok(ports(&ranges)));
            }
        }
    }
}
