//! What if: recorded acts judged again by a changed policy.
//!
//! The same engines judge as on a node, so the answer differs from what would happen only where the
//! record says less than the kernel knew: under zero-drift a file counts as the image's, and a
//! process as the container's own, unless its record says otherwise.

use crate::{
    Direction, Engine, FileAsk, Peer, ProcessAsk, WorkloadPolicy,
    process::{Parent, ProcessVerdict},
};
use rampart_model::{
    Baseline, FileRule, Group, GroupName, Mode, NetworkRule, PolicySnapshot, ProcessRule, Protocol,
    RuleId, Verdict, Workload,
};
use std::net::IpAddr;

/// A change of one group's policy. `None` and empty leave as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub group: GroupName,
    pub policy_mode: Option<Mode>,
    pub profile_mode: Option<Mode>,
    pub baseline: Option<Baseline>,
    /// Put in place of the rule with the same name, path and user, else first.
    pub processes: Vec<ProcessRule>,
    pub drop_processes: Vec<ProcessRule>,
    /// Put in place of the rule with the same filter.
    pub files: Vec<FileRule>,
    pub drop_files: Vec<FileRule>,
    /// First in the list, in this order.
    pub rules: Vec<NetworkRule>,
    pub drop_rules: Vec<RuleId>,
}

/// Something a container did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    Process {
        name: String,
        path: String,
        user: String,
        /// Names and paths, nearest first.
        parents: Vec<(String, String)>,
        from_exec: bool,
        /// Not of the image.
        drift: bool,
    },
    File {
        path: String,
        write: bool,
        application: String,
    },
    Connection {
        ingress: bool,
        protocol: Protocol,
        port: u16,
        /// Empty where nobody looked.
        application: String,
        peer: IpAddr,
        /// Of a peer that is a known container; else its address tells.
        peer_groups: Vec<GroupName>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    pub reason: &'static str,
    /// UUID of a process rule, filter of a file rule, number of a network rule.
    pub rule: String,
}

/// The policy after a change.
pub fn changed(snapshot: &PolicySnapshot, change: &Change) -> Result<PolicySnapshot, String> {
    let mut next = snapshot.clone();
    let group = next.groups.iter_mut().find(|g| g.name == change.group);
    let group = group.ok_or_else(|| format!("group {} does not exist", change.group))?;
    change_group(group, change)?;
    let overridden = next.settings.network_mode_override;
    if let (Some(wanted), Some(forced)) = (change.policy_mode, overridden)
        && wanted != forced
    {
        return Err("the network mode of every group is set by the settings".to_owned());
    }
    for id in &change.drop_rules {
        if !next.rules.iter().any(|rule| rule.id == *id) {
            return Err(format!("network rule {id} does not exist"));
        }
    }
    next.rules
        .retain(|rule| !change.drop_rules.contains(&rule.id));
    let known: Vec<GroupName> = next.groups.iter().map(|g| g.name.clone()).collect();
    for rule in &change.rules {
        crate::network::validate(rule)?;
        if let Some(unknown) = [&rule.from, &rule.to]
            .into_iter()
            .find(|g| !known.contains(g))
        {
            return Err(format!("group {unknown} does not exist"));
        }
    }
    next.rules.splice(0..0, change.rules.iter().cloned());
    Ok(next)
}

fn change_group(group: &mut Group, change: &Change) -> Result<(), String> {
    let modeless = change.policy_mode.is_some() && group.policy_mode.is_none()
        || change.profile_mode.is_some() && group.profile_mode.is_none();
    if modeless {
        return Err(format!(
            "group {} has no mode of its own: its members have those of their learned groups",
            group.name
        ));
    }
    group.policy_mode = change.policy_mode.or(group.policy_mode);
    group.profile_mode = change.profile_mode.or(group.profile_mode);
    let profile = &mut group.profile;
    profile.baseline = change.baseline.unwrap_or(profile.baseline);
    let same = |a: &ProcessRule, b: &ProcessRule| {
        a.name == b.name && a.path == b.path && (a.user.is_empty() || a.user == b.user)
    };
    for gone in &change.drop_processes {
        let before = profile.rules.len();
        profile.rules.retain(|rule| !same(gone, rule));
        if profile.rules.len() == before {
            return Err(format!(
                "there is no process rule {} {}",
                gone.name, gone.path
            ));
        }
    }
    for rule in change.processes.iter().rev() {
        crate::process::validate(rule)?;
        profile.rules.retain(|known| !same(rule, known));
        profile.rules.insert(0, rule.clone());
    }
    for gone in &change.drop_files {
        group.files.retain(|rule| rule.filter != gone.filter);
    }
    for rule in &change.files {
        crate::file::validate(rule)?;
        group.files.retain(|known| known.filter != rule.filter);
        group.files.push(rule.clone());
    }
    Ok(())
}

/// Judges acts of one container, each on its own.
pub fn judge(engine: &Engine, workload: &Workload, acts: &[Act]) -> Vec<Outcome> {
    let policy = engine.compile(workload);
    acts.iter()
        .map(|act| match act {
            Act::Process { .. } => judge_process(&policy, act),
            Act::File {
                path,
                write,
                application,
            } => judge_file(&policy, path, *write, application),
            Act::Connection { .. } => judge_connection(engine, &policy, workload, act),
        })
        .collect()
}

fn judge_process(policy: &WorkloadPolicy, act: &Act) -> Outcome {
    let Act::Process {
        name,
        path,
        user,
        parents,
        from_exec,
        drift,
    } = act
    else {
        return Outcome::ALLOWED;
    };
    let parents: Vec<Parent<'_>> = parents
        .iter()
        .map(|(name, path)| Parent { name, path })
        .collect();
    let ProcessVerdict {
        verdict,
        rule,
        reason,
        ..
    } = policy.judge_process(&ProcessAsk {
        name,
        path,
        user,
        parents: &parents,
        upper_layer: *drift,
        memfd: false,
        from_runtime_exec: *from_exec,
        family: !from_exec,
    });
    Outcome {
        verdict,
        reason: reason.message(),
        rule,
    }
}

fn judge_file(policy: &WorkloadPolicy, path: &str, write: bool, application: &str) -> Outcome {
    let verdict = policy.judge_file(&FileAsk {
        path,
        write: Some(write),
        application,
    });
    let reason = match (verdict.is_violation(), verdict.predefined) {
        (false, _) => "the access is allowed",
        (true, true) => "the path is always watched",
        (true, false) => "a file rule does not allow the program",
    };
    Outcome {
        verdict: verdict.verdict,
        reason,
        rule: verdict.filter,
    }
}

fn judge_connection(
    engine: &Engine,
    policy: &WorkloadPolicy,
    workload: &Workload,
    act: &Act,
) -> Outcome {
    let Act::Connection {
        ingress,
        protocol,
        port,
        application,
        peer,
        peer_groups,
    } = act
    else {
        return Outcome::ALLOWED;
    };
    if engine.snapshot().settings.network_policy_disabled {
        return Outcome::ALLOWED;
    }
    let peer = match peer_groups.first() {
        None => engine.peer(&workload.node, *peer),
        Some(learned) => {
            let mut groups = peer_groups.clone();
            groups.sort();
            Peer {
                mode: Some(engine.network_mode(engine.group(learned))),
                groups,
                node: false,
            }
        }
    };
    let direction = if *ingress {
        Direction::Ingress
    } else {
        Direction::Egress
    };
    let application = Some(application.as_str()).filter(|name| !name.is_empty());
    let verdict = engine.judge_conversation(
        policy,
        direction,
        &peer,
        Some(*protocol),
        *port,
        application,
    );
    let implicit = verdict.rule == RuleId::IMPLICIT;
    let reason = match (verdict.is_violation(), implicit) {
        (false, _) => "the connection is allowed",
        (true, true) => "no rule allows the connection",
        (true, false) => "a rule denies the connection",
    };
    Outcome {
        verdict: verdict.verdict,
        reason,
        rule: if implicit {
            String::new()
        } else {
            verdict.rule.to_string()
        },
    }
}

impl Outcome {
    const ALLOWED: Self = Self {
        verdict: Verdict::Allow,
        reason: "the act is not judged",
        rule: String::new(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_model::{Action, GroupKind, ProcessProfile};
    use std::sync::Arc;

    fn snapshot() -> PolicySnapshot {
        let group = |name: &str| Group {
            name: name.into(),
            kind: GroupKind::Container,
            policy_mode: Some(Mode::Discover),
            profile_mode: Some(Mode::Discover),
            profile: ProcessProfile {
                rules: vec![process("nginx", "/usr/sbin/nginx")],
                ..ProcessProfile::default()
            },
            ..Group::default()
        };
        PolicySnapshot {
            groups: vec![group("nv.web.shop"), group("nv.db.shop")],
            ..PolicySnapshot::default()
        }
    }

    fn process(name: &str, path: &str) -> ProcessRule {
        ProcessRule {
            name: name.into(),
            path: path.into(),
            ..ProcessRule::default()
        }
    }

    fn ran(name: &str, path: &str) -> Act {
        Act::Process {
            name: name.into(),
            path: path.into(),
            user: "root".into(),
            parents: Vec::new(),
            from_exec: false,
            drift: false,
        }
    }

    fn talked() -> Act {
        Act::Connection {
            ingress: false,
            protocol: Protocol::Tcp,
            port: 6379,
            application: String::new(),
            peer: IpAddr::from([10, 0, 0, 4]),
            peer_groups: vec!["nv.db.shop".into()],
        }
    }

    /// Verdicts of nginx, sh, a write to a watched file and a connection to the database.
    fn check(change: Change, expected: [Verdict; 4]) {
        let change = Change {
            group: "nv.web.shop".into(),
            ..change
        };
        let next = changed(&snapshot(), &change).unwrap();
        let workload = Workload {
            id: "w".into(),
            service: "web".into(),
            domain: "shop".into(),
            ..Workload::default()
        };
        let passwd = Act::File {
            path: "/etc/passwd".into(),
            write: true,
            application: "/bin/sh".into(),
        };
        let acts = [
            ran("nginx", "/usr/sbin/nginx"),
            ran("sh", "/bin/sh"),
            passwd,
            talked(),
        ];
        let engine = Engine::new(Arc::new(next));
        let got: Vec<Verdict> = judge(&engine, &workload, &acts)
            .into_iter()
            .map(|o| o.verdict)
            .collect();
        assert_eq!(got, expected, "{change:?}");
    }

    #[test]
    fn modes_and_rules_change_what_acts_become() {
        use Verdict::{Allow, Deny, Learn, Violate};
        check(Change::default(), [Allow, Learn, Learn, Learn]);
        let monitor = Change {
            profile_mode: Some(Mode::Monitor),
            policy_mode: Some(Mode::Monitor),
            ..Change::default()
        };
        // The other end is still learning, and the laxer of both modes holds.
        check(monitor, [Allow, Violate, Violate, Learn]);
        let protect = Change {
            profile_mode: Some(Mode::Protect),
            ..Change::default()
        };
        check(protect.clone(), [Allow, Deny, Deny, Learn]);
        let listed = Change {
            processes: vec![process("sh", "/bin/sh")],
            drop_processes: vec![process("nginx", "/usr/sbin/nginx")],
            rules: vec![NetworkRule {
                from: "nv.web.shop".into(),
                to: "nv.db.shop".into(),
                action: Action::Deny,
                ..NetworkRule::default()
            }],
            ..protect
        };
        check(listed, [Deny, Allow, Deny, Violate]);
    }

    #[test]
    fn a_change_that_cannot_be_is_refused() {
        let refused = |change: Change, text: &str| {
            let error = changed(&snapshot(), &change).unwrap_err();
            assert!(error.contains(text), "{error}");
        };
        let of = |name: &str| Change {
            group: name.into(),
            ..Change::default()
        };
        refused(of("nobody"), "does not exist");
        let web = of("nv.web.shop");
        refused(
            Change {
                drop_rules: vec![RuleId(9)],
                ..web.clone()
            },
            "network rule 9",
        );
        refused(
            Change {
                drop_processes: vec![process("x", "")],
                ..web.clone()
            },
            "no process rule",
        );
        refused(
            Change {
                rules: vec![NetworkRule {
                    from: "nobody".into(),
                    to: "nv.web.shop".into(),
                    ..NetworkRule::default()
                }],
                ..web
            },
            "nobody",
        );
    }
}
