//! A workload's compiled policy, and what of it the kernel enforces by itself.

use super::{
    caller::{PendingExec, is_multi_call},
    judge::is_loader,
    table::Image,
};
use rampart_model::{Action, Baseline, FileBehavior, GroupName, Mode, ProcessRule};
use rampart_policy::{
    Direction, NetCell, NetPolicy, ProcessAsk, ProcessVerdict, WorkloadPolicy, file::WATCHED,
    process::Parent,
};
use rampart_probe::{Guard, GuardedPath, KernelPolicy, NetVerdict, ProtectedPath};
use std::{collections::BTreeSet, sync::Arc};

/// What a verdict on an exec depends on.
pub(crate) struct ExecFacts<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
    pub(crate) user: &'a str,
    pub(crate) parents: &'a [Arc<Image>],
    pub(crate) upper: bool,
    pub(crate) unlinked: bool,
    pub(crate) from_exec: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) policy: WorkloadPolicy,
    pub(crate) group: GroupName,
    pub(crate) process_mode: Mode,
    pub(crate) kernel: KernelPolicy,
    /// The profile speaks of parents, or of the family.
    pub(crate) needs_parents: bool,
    /// A listed file is listed whoever runs it.
    pub(crate) cacheable: bool,
    /// The profile allows dynamic loaders as programs.
    pub(crate) loaders_listed: bool,
}

impl Plan {
    pub(crate) fn new(policy: WorkloadPolicy) -> Self {
        let mut plan = Self {
            group: policy.group.clone(),
            process_mode: policy.profile_mode,
            needs_parents: policy.process.iter().any(|r| r.name.ends_with("/*")),
            cacheable: policy.baseline == Baseline::Basic
                && policy
                    .process
                    .iter()
                    .all(|r| r.user.is_empty() && !r.name.ends_with("/*")),
            loaders_listed: policy.process.iter().any(|r| {
                r.action == Action::Allow && (is_loader(&r.path) || allows_all(&r.name, &r.path))
            }),
            kernel: KernelPolicy {
                process_mode: policy.profile_mode,
                network_mode: policy.policy_mode,
                drift_code: false,
                drift_kill: policy.profile_mode == Mode::Protect,
                exec_allow: Vec::new(),
                exec_deny: Vec::new(),
                judge_exec: true,
                protected: protected(&policy),
                verdicts: verdicts(&policy.network),
                default_verdict: policy.network.default.verdict,
                quarantined: policy.quarantined,
                loopback: false,
                guard: guard(&policy),
            },
            policy: WorkloadPolicy::default(),
        };
        plan.policy = policy;
        plan
    }

    pub(crate) fn judge(&self, facts: &ExecFacts<'_>) -> ProcessVerdict {
        judge(&self.policy, facts)
    }

    /// The same for its workload, though it may be of a later revision.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (a, b) = (&self.policy, &other.policy);
        self.kernel == other.kernel
            && (a.profile_mode, a.policy_mode, a.baseline)
                == (b.profile_mode, b.policy_mode, b.baseline)
            && (&a.groups, &a.process, &a.files, &a.acts)
                == (&b.groups, &b.process, &b.files, &b.acts)
    }

    /// Whether a multi-call binary may be the interpreter of the script that is called: the
    /// profile lists both, the script by its own name.
    pub(crate) fn interprets(&self, path: &str, call: &PendingExec) -> bool {
        let allowed = || {
            self.policy
                .process
                .iter()
                .filter(|r| r.action == Action::Allow)
        };
        let is_script = |rule: &ProcessRule, name: &str| {
            rule.name == name && rule.path.starts_with('/') && !is_multi_call(&rule.path)
        };
        call.called()
            .is_some_and(|name| allowed().any(|rule| is_script(rule, name)))
            && allowed().any(|rule| rule.path == path)
    }
}

fn judge(policy: &WorkloadPolicy, facts: &ExecFacts<'_>) -> ProcessVerdict {
    let parents: Vec<Parent<'_>> = facts
        .parents
        .iter()
        .map(|p| Parent {
            name: &p.name,
            path: &p.path,
        })
        .collect();
    policy.judge_process(&ProcessAsk {
        name: facts.name,
        path: facts.path,
        user: facts.user,
        parents: &parents,
        upper_layer: facts.upper,
        memfd: facts.unlinked,
        from_runtime_exec: facts.from_exec,
        family: !facts.from_exec,
    })
}

fn allows_all(name: &str, path: &str) -> bool {
    name == "*" && matches!(path, "*" | "/*")
}

/// Paths whose changes are told; asked about are those where a rule may deny, or learn from reads.
fn protected(policy: &WorkloadPolicy) -> Vec<ProtectedPath> {
    let protect_mode = policy.profile_mode == Mode::Protect;
    let watched = WATCHED
        .iter()
        .map(|w| protect(w.filter, w.recursive, protect_mode && w.guarded));
    let rules = policy.files.iter().map(|rule| {
        let ask = protect_mode || rule.behavior == FileBehavior::BlockAccess;
        protect(&rule.filter, rule.recursive, ask)
    });
    let paths: BTreeSet<ProtectedPath> = watched.chain(rules).collect();
    // The same path, asked about, covers the one that is only watched.
    let covered = |path: &ProtectedPath| {
        !path.ask
            && paths.contains(&ProtectedPath {
                ask: true,
                ..path.clone()
            })
    };
    paths
        .iter()
        .filter(|path| !covered(path))
        .cloned()
        .collect()
}

/// What the kernel refuses by itself where it can, whether or not we run: the rules that deny
/// whoever asks, by file. [`super::kernel_profile`] adds the profile, once the users are known.
fn guard(policy: &WorkloadPolicy) -> Guard {
    if policy.profile_mode != Mode::Protect {
        return Guard::default();
    }
    let blocked = policy
        .files
        .iter()
        .filter(|rule| rule.behavior == FileBehavior::BlockAccess && is_fixed(&rule.filter))
        .map(|rule| GuardedPath {
            path: rule.filter.clone().into(),
            recursive: rule.recursive,
            deny_read: true,
            deny_write: true,
            deny_exec: false,
            programs: rule.applications.iter().map(Into::into).collect(),
        });
    let allowed = |path: &str| {
        policy
            .process
            .iter()
            .any(|r| r.action == Action::Allow && r.path == path)
    };
    let denied = policy
        .process
        .iter()
        .filter(|r| r.action == Action::Deny && r.user.is_empty())
        .filter(|r| is_fixed(&r.path) && !r.path.contains('*') && !r.name.ends_with("/*"))
        .filter(|r| !is_multi_call(&r.path) && !is_loader(&r.path) && !allowed(&r.path))
        .map(|r| GuardedPath {
            path: r.path.clone().into(),
            deny_exec: true,
            ..GuardedPath::default()
        });
    Guard {
        files: denied.chain(blocked).collect(),
        module: true,
        ..Guard::default()
    }
}

/// An absolute path with at most a last component of stars.
fn is_fixed(path: &str) -> bool {
    let parent = path.rsplit_once('/').map_or("*", |(parent, _)| parent);
    path.starts_with('/') && path.len() > 1 && !parent.contains('*')
}

/// A star before the last component is watched as everything below; the verdict tells apart.
fn protect(filter: &str, recursive: bool, ask: bool) -> ProtectedPath {
    let parent = filter.rsplit_once('/').map_or("", |(parent, _)| parent);
    match parent.split_once('*') {
        Some((head, _)) => {
            let dir = head.rsplit_once('/').map_or("/", |(dir, _)| dir);
            let path = if dir.is_empty() { "/" } else { dir };
            ProtectedPath {
                path: path.into(),
                recursive: true,
                ask,
            }
        }
        None => ProtectedPath {
            path: filter.into(),
            recursive,
            ask,
        },
    }
}

fn verdicts(network: &NetPolicy) -> Vec<NetVerdict> {
    // A block of length 0 means both families to the kernel, so one of the two cells is enough.
    let both = |cell: &&NetCell| cell.prefix.prefix_len() > 0 || cell.prefix.addr().is_ipv4();
    network
        .cells
        .iter()
        .filter(both)
        .map(|cell| {
            let (port_low, port_high) = cell.ports.unwrap_or((0, u16::MAX));
            NetVerdict {
                direction: match cell.direction {
                    Direction::Ingress => rampart_probe::Direction::Ingress,
                    Direction::Egress => rampart_probe::Direction::Egress,
                },
                protocol: cell.protocol,
                port_low,
                port_high,
                peer: cell.prefix.addr(),
                prefix: cell.prefix.prefix_len(),
                verdict: cell.verdict.verdict,
                rule: cell.verdict.rule.0,
            }
        })
        .collect()
}

/// The policy of the node's own processes, which is never enforced here.
#[derive(Debug, Default)]
pub(crate) struct HostPlan {
    pub(crate) policy: WorkloadPolicy,
    /// The group `nodes` has a mode.
    pub(crate) mode: Option<Mode>,
}

impl HostPlan {
    pub(crate) fn judge(&self, facts: &ExecFacts<'_>) -> ProcessVerdict {
        judge(&self.policy, facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_model::FileRule;

    #[test]
    fn stars_before_the_last_component_widen_the_watch() {
        for (filter, recursive, path, deep) in [
            ("/etc/passwd", false, "/etc/passwd", false),
            ("/etc/*.conf", false, "/etc/*.conf", false),
            ("/bin", true, "/bin", true),
            ("/home/*/.ssh/*", false, "/home", true),
            ("/a/b*/c", false, "/a", true),
            ("/*/x", false, "/", true),
        ] {
            let want = ProtectedPath {
                path: path.into(),
                recursive: deep,
                ask: true,
            };
            assert_eq!(protect(filter, recursive, true), want, "{filter}");
        }
    }

    fn rule(action: Action, path: &str) -> ProcessRule {
        ProcessRule {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path: path.to_owned(),
            action,
            ..ProcessRule::default()
        }
    }

    /// The kernel refuses by itself what is refused whoever asks, and nothing else.
    #[test]
    fn rules_without_conditions_become_the_kernels() {
        let block = |filter: &str, applications: &[&str]| FileRule {
            filter: filter.to_owned(),
            recursive: true,
            behavior: FileBehavior::BlockAccess,
            applications: applications.iter().map(|a| (*a).to_owned()).collect(),
            ..FileRule::default()
        };
        let mut policy = WorkloadPolicy {
            profile_mode: Mode::Protect,
            process: vec![
                rule(Action::Deny, "/usr/bin/nc"),
                rule(Action::Deny, "/bin/busybox"),
                rule(Action::Deny, "*"),
                rule(Action::Allow, "/bin/app"),
                ProcessRule {
                    user: "root".to_owned(),
                    ..rule(Action::Deny, "/bin/su")
                },
            ],
            files: vec![
                block("/etc/app", &["/bin/app"]),
                block("/home/*/x", &[]),
                FileRule {
                    behavior: FileBehavior::MonitorChange,
                    ..block("/etc/passwd", &[])
                },
            ],
            ..WorkloadPolicy::default()
        };
        let found = guard(&policy);
        let told: Vec<_> = found
            .files
            .iter()
            .map(|f| (f.path.to_str().unwrap(), f.deny_exec, f.programs.len()))
            .collect();
        assert_eq!(told, [("/usr/bin/nc", true, 0), ("/etc/app", false, 1)]);
        assert!(found.module);
        policy.profile_mode = Mode::Monitor;
        assert_eq!(guard(&policy), Guard::default());
    }
}
