//! What Discover adds to a policy. Merging is idempotent: the same behaviour seen twice changes
//! nothing the second time. Every list is bounded, so a workload that makes up names cannot fill
//! the store.

use crate::file::WATCHED;
use crate::{
    application,
    process::{self, ProcessAsk},
};
use rampart_model::{
    Action, ConfigSource, FileBehavior, FileRule, GroupName, NetworkRule, PortRange,
    ProcessProfile, ProcessRule, Protocol, RuleId, Timestamp,
};

/// Learned process rules of one group.
pub const MAX_PROCESS_RULES: usize = 4096;
/// Bytes of names and paths in one profile, beyond which nothing is learned: a group is one value
/// of the store and must stay well below what that takes, however it is escaped.
pub const MAX_PROFILE_BYTES: usize = 1 << 20;
/// Longest path that is learned.
pub const MAX_PATH_BYTES: usize = 1024;
/// Learned applications of one file rule.
pub const MAX_APPLICATIONS: usize = 256;
/// Ports of a protocol between two groups; more are learned as every port.
pub const MAX_PORTS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The policy had it already.
    Known,
    Added,
    /// The list is full: what was seen will be a violation.
    Full,
}

/// Adds a process to a profile unless a rule covers it. The rule holds for every user.
pub fn process(
    profile: &mut ProcessProfile,
    name: &str,
    path: &str,
    uuid: impl FnOnce() -> String,
    now: Timestamp,
) -> Learned {
    if knows_process(profile, name, path) {
        return Learned::Known;
    }
    let rule = ProcessRule {
        name: name.to_owned(),
        path: path.to_owned(),
        action: Action::Allow,
        source: ConfigSource::Learned,
        uuid: uuid(),
        created_at: now,
        updated_at: now,
        ..ProcessRule::default()
    };
    if !has_room(profile, name, path) || process::validate(&rule).is_err() {
        return Learned::Full;
    }
    profile.rules.push(rule);
    Learned::Added
}

/// Whether a profile takes one more learned rule for this process.
pub fn has_room(profile: &ProcessProfile, name: &str, path: &str) -> bool {
    let learned = |rule: &&ProcessRule| rule.source == ConfigSource::Learned;
    let bytes: usize = profile
        .rules
        .iter()
        .map(|r| r.name.len() + r.path.len())
        .sum();
    profile.rules.iter().filter(learned).count() < MAX_PROCESS_RULES
        && bytes + name.len() + path.len() <= MAX_PROFILE_BYTES
        && path.len() <= MAX_PATH_BYTES
}

/// Whether a rule of the profile covers a process already.
pub fn knows_process(profile: &ProcessProfile, name: &str, path: &str) -> bool {
    let ask = ProcessAsk {
        name,
        path,
        ..ProcessAsk::default()
    };
    profile.rules.iter().any(|rule| {
        process::matches(rule, &ask)
            || (rule.name == name && rule.path == path && rule.user.is_empty())
    })
}

/// Adds an application to the block rule with this filter.
pub fn file(
    rules: &mut Vec<FileRule>,
    filter: &str,
    behavior: FileBehavior,
    application: &str,
    now: Timestamp,
) -> Learned {
    if application.is_empty() || application.len() > 4096 {
        return Learned::Full;
    }
    let place = rules
        .iter()
        .position(|r| r.filter == filter && r.behavior == behavior);
    let guarded = || WATCHED.iter().find(|w| w.guarded && w.filter == filter);
    let place = match (place, guarded()) {
        (Some(place), _) => place,
        // The first program seen to change what is always guarded.
        (None, Some(watched)) if behavior == FileBehavior::MonitorChange => {
            rules.push(FileRule {
                filter: filter.to_owned(),
                recursive: watched.recursive,
                behavior,
                source: ConfigSource::Learned,
                created_at: now,
                ..FileRule::default()
            });
            rules.len() - 1
        }
        // The rule was deleted meanwhile; there is nothing to add to.
        _ => return Learned::Known,
    };
    let Some(rule) = rules.get_mut(place) else {
        return Learned::Known;
    };
    if rule.applications.iter().any(|known| known == application) {
        return Learned::Known;
    }
    if rule.applications.len() >= MAX_APPLICATIONS {
        return Learned::Full;
    }
    rule.applications.push(application.to_owned());
    rule.updated_at = now;
    Learned::Added
}

/// A new learned rule between two groups, without ports.
pub fn network_rule(id: RuleId, from: &GroupName, to: &GroupName, now: Timestamp) -> NetworkRule {
    NetworkRule {
        id,
        from: from.clone(),
        to: to.clone(),
        action: Action::Allow,
        source: ConfigSource::Learned,
        created_at: now,
        updated_at: now,
        ..NetworkRule::default()
    }
}

/// Adds a port to a learned rule, with the application that is known by it. Where one port has no
/// known application the rule holds for any.
pub fn network(rule: &mut NetworkRule, protocol: Protocol, port: u16, now: Timestamp) -> Learned {
    if rule
        .ports
        .iter()
        .any(|range| range.contains(protocol, port))
    {
        return Learned::Known;
    }
    if protocol == Protocol::Icmp {
        rule.ports.push(every(protocol));
    } else {
        rule.ports.push(PortRange::one(protocol, port));
        let of_protocol = rule
            .ports
            .iter()
            .filter(|r| r.protocol == Some(protocol))
            .count();
        if of_protocol > MAX_PORTS {
            rule.ports.retain(|r| r.protocol != Some(protocol));
            rule.ports.push(every(protocol));
        }
    }
    rule.ports.sort();
    rule.applications = applications(&rule.ports);
    rule.updated_at = now;
    Learned::Added
}

fn every(protocol: Protocol) -> PortRange {
    PortRange {
        protocol: Some(protocol),
        low: 0,
        high: u16::MAX,
    }
}

fn applications(ports: &[PortRange]) -> Vec<String> {
    let known: Option<Vec<&str>> = ports
        .iter()
        .map(|r| {
            r.protocol
                .filter(|_| r.low == r.high)
                .and_then(|p| application::by_port(p, r.low))
        })
        .collect();
    let mut names: Vec<String> = known
        .unwrap_or_default()
        .into_iter()
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(7);

    #[test]
    fn processes_are_learned_once() {
        let mut profile = ProcessProfile::default();
        let mut learn = |name: &str, path: &str| {
            process(&mut profile, name, path, || format!("uuid-{name}"), NOW)
        };
        assert_eq!(learn("nginx", "/usr/sbin/nginx"), Learned::Added);
        assert_eq!(learn("nginx", "/usr/sbin/nginx"), Learned::Known);
        assert_eq!(learn("nginx", "/tmp/nginx"), Learned::Added);
        assert_eq!(learn("sh", "/bin/busybox"), Learned::Added);
        assert_eq!(learn("nc", "/bin/busybox"), Learned::Added);
        assert_eq!(learn("", "/bin/x"), Learned::Full);
        assert_eq!(profile.rules.len(), 4);
        assert!(
            profile
                .rules
                .iter()
                .all(|r| r.source == ConfigSource::Learned && r.user.is_empty())
        );
    }

    #[test]
    fn profiles_are_bounded() {
        let mut profile = ProcessProfile::default();
        for i in 0..MAX_PROCESS_RULES + 10 {
            process(
                &mut profile,
                &format!("x{i}"),
                &format!("/tmp/x{i}"),
                String::new,
                NOW,
            );
        }
        assert_eq!(profile.rules.len(), MAX_PROCESS_RULES);
        assert_eq!(
            process(&mut profile, "y", "/tmp/y", String::new, NOW),
            Learned::Full
        );
    }

    #[test]
    fn long_paths_do_not_fill_the_store() {
        let mut profile = ProcessProfile::default();
        let mut learn = |i: usize, length: usize| {
            let path = format!("/{i}/{}", "p".repeat(length));
            process(&mut profile, &format!("x{i}"), &path, String::new, NOW)
        };
        assert_eq!(learn(0, 2000), Learned::Full);
        let added = (0..1100)
            .filter(|i| learn(*i, 1000) == Learned::Added)
            .count();
        assert!((1000..1080).contains(&added), "{added}");
    }

    #[test]
    fn applications_of_files_are_learned() {
        let mut rules = vec![FileRule {
            filter: "/secret".into(),
            behavior: FileBehavior::BlockAccess,
            ..FileRule::default()
        }];
        let block = FileBehavior::BlockAccess;
        assert_eq!(
            file(&mut rules, "/secret", block, "/bin/app", NOW),
            Learned::Added
        );
        assert_eq!(
            file(&mut rules, "/secret", block, "/bin/app", NOW),
            Learned::Known
        );
        assert_eq!(
            file(&mut rules, "/gone", block, "/bin/app", NOW),
            Learned::Known
        );
        assert_eq!(rules[0].applications, ["/bin/app"]);
    }

    #[test]
    fn what_may_change_guarded_files_is_learned() {
        let mut rules = Vec::new();
        let watch = FileBehavior::MonitorChange;
        let mut learn = |filter: &str, application: &str| {
            let learnt = file(&mut rules, filter, watch, application, NOW);
            (learnt, rules.len())
        };
        assert_eq!(learn("/etc/passwd", ""), (Learned::Full, 0));
        assert_eq!(
            learn("/etc/passwd", "/usr/sbin/useradd"),
            (Learned::Added, 1)
        );
        assert_eq!(
            learn("/etc/passwd", "/usr/sbin/usermod"),
            (Learned::Added, 1)
        );
        assert_eq!(
            learn("/etc/passwd", "/usr/sbin/useradd"),
            (Learned::Known, 1)
        );
        assert_eq!(learn("/srv/own", "/bin/app"), (Learned::Known, 1));
        assert_eq!(rules[0].source, ConfigSource::Learned);
        assert_eq!(rules[0].applications.len(), 2);
    }

    #[test]
    fn ports_are_learned() {
        let mut rule = network_rule(RuleId(10_000), &"a".into(), &"b".into(), NOW);
        let tcp = Protocol::Tcp;
        assert_eq!(network(&mut rule, tcp, 80, NOW), Learned::Added);
        assert_eq!(network(&mut rule, tcp, 80, NOW), Learned::Known);
        assert_eq!(network(&mut rule, tcp, 6379, NOW), Learned::Added);
        assert_eq!(rule.applications, ["HTTP", "Redis"]);
        assert_eq!(network(&mut rule, tcp, 4711, NOW), Learned::Added);
        assert_eq!(rule.applications, Vec::<String>::new());
        for port in 10_000..10_100 {
            network(&mut rule, tcp, port, NOW);
        }
        assert_eq!(rule.ports, [every(tcp)]);
        assert_eq!(network(&mut rule, tcp, 1, NOW), Learned::Known);
        assert_eq!(network(&mut rule, Protocol::Udp, 53, NOW), Learned::Added);
    }
}
