//! What of a profile the kernel decides by itself, and what is left to the agent.
//!
//! The kernel knows a program by its file, its file's name and folder, its user and its parents. It
//! never refuses what the agent would let run: where a rule speaks of more (the applet of a
//! multi-call binary, a user the container's `/etc/passwd` does not have), an allow rule lets the
//! file run and the agent judges the rest, and a deny rule is the agent's alone.

use super::{
    Users,
    caller::{MULTI_CALL, is_multi_call},
    plan::Plan,
};
use rampart_model::{Act, Action, Baseline, Mode, ProcessRule};
use rampart_probe::{Guard, Profile, ProgramRule, Programs, Watch};
use std::collections::BTreeSet;

/// A rule the agent must be running for, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) rule: String,
    pub(crate) why: &'static str,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compiled {
    pub(crate) profile: Profile,
    /// Of each rule of the profile, the place of the policy's rule it is made from.
    pub(crate) origin: Vec<usize>,
    pub(crate) left: Vec<Left>,
}

const APPLET: &str = "an applet is told by the name it is called by";
const USER: &str = "the container has no such user";

pub(crate) fn compile(rules: &[ProcessRule], baseline: Baseline, users: &Users) -> Compiled {
    let mut compiled = Compiled::default();
    compiled.profile.zero_drift = baseline == Baseline::ZeroDrift;
    for (place, rule) in rules.iter().enumerate() {
        compiled.rule(place, rule, users);
    }
    compiled
}

impl Compiled {
    fn rule(&mut self, place: usize, rule: &ProcessRule, users: &Users) {
        let deny = rule.action == Action::Deny;
        let parent = rule.name.strip_suffix("/*");
        if deny && parent.is_some() {
            // Only what is allowed can be allowed by its parent.
            return;
        }
        let uids = users.ids(&rule.user);
        if !rule.user.is_empty() && uids.is_empty() {
            self.leave(rule, USER);
            if deny {
                return;
            }
        }
        let programs = programs(parent.unwrap_or(&rule.name), &rule.path);
        let applets = applets(&programs);
        if !applets.is_empty() || names_applet(rule, &programs) {
            self.leave(rule, APPLET);
        }
        if deny && names_applet(rule, &programs) {
            return;
        }
        let applets = applets.into_iter().filter(|_| !deny);
        for programs in std::iter::once(programs).chain(applets) {
            self.origin.push(place);
            self.profile.rules.push(ProgramRule {
                programs,
                uids: uids.clone(),
                deny,
                may_change: rule.allow_update,
                parent: parent.is_some(),
            });
        }
    }

    fn leave(&mut self, rule: &ProcessRule, why: &'static str) {
        let rule = [&rule.name, &rule.path, &rule.user]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ");
        self.left.push(Left { rule, why });
    }
}

/// The files a rule may be about; see [`rampart_policy::process::matches`].
fn programs(name: &str, path: &str) -> Programs {
    let any_path = matches!(path, "" | "*" | "/*");
    let any_name = name == "*";
    if any_path {
        return if any_name {
            Programs::Any
        } else {
            Programs::Name(name.to_owned())
        };
    }
    let named = |name: &str| Some(name.to_owned()).filter(|_| !any_name);
    if let Some(top) = path.strip_suffix("/*") {
        return Programs::Below(top.into(), named(name));
    }
    match path.split_once("/*/") {
        Some((top, rest)) if !any_name => {
            let last = rest.rsplit('/').next().unwrap_or(rest);
            Programs::Below(top.into(), named(last))
        }
        _ => Programs::File(path.into()),
    }
}

/// Multi-call binaries that may be meant by one of their applets' names.
fn applets(programs: &Programs) -> Vec<Programs> {
    let each = |of: &dyn Fn(&str) -> Programs| MULTI_CALL.iter().map(|name| of(name)).collect();
    match programs {
        Programs::Name(name) if !is_multi_call(name) => {
            each(&|name| Programs::Name(name.to_owned()))
        }
        Programs::Below(dir, Some(name)) if !is_multi_call(name) => {
            each(&|name| Programs::Below(dir.clone(), Some(name.to_owned())))
        }
        _ => Vec::new(),
    }
}

/// One name of a binary that has many.
fn names_applet(rule: &ProcessRule, programs: &Programs) -> bool {
    match programs {
        Programs::File(path) => is_multi_call(&path.to_string_lossy()) && rule.name != "*",
        Programs::Name(name) => is_multi_call(name),
        _ => false,
    }
}

/// Fills the guard of a workload's policy with what needs its users, and what it may be kept from.
pub(crate) fn fill(guard: &mut Guard, plan: &Plan, users: &Users, privileged: bool) {
    let policy = &plan.policy;
    match plan.process_mode {
        Mode::Protect => {
            guard.profile = Some(compile(&policy.process, policy.baseline, users).profile);
            guard.module = !privileged;
            if !privileged {
                refuse_acts(guard, &policy.acts);
            }
        }
        Mode::Monitor if !privileged && policy.acts.contains(&Act::Watched) => {
            guard.watch = watch(&policy.acts);
        }
        Mode::Discover => guard.watch = watch(&policy.acts),
        Mode::Monitor => {}
    }
}

/// What was not done while somebody looked. A group that never was looked at keeps its freedom.
fn refuse_acts(guard: &mut Guard, acts: &BTreeSet<Act>) {
    if !acts.contains(&Act::Watched) {
        return;
    }
    let refused = watch(acts);
    guard.mount = refused.mount;
    guard.ptrace = refused.ptrace;
    guard.bpf = refused.bpf;
    guard.module = refused.module;
    guard.user_namespace = refused.user_namespace;
    guard.setuid = refused.setuid;
    guard.capset = refused.capset;
}

/// Everything that is not known yet.
fn watch(acts: &BTreeSet<Act>) -> Watch {
    let unknown = |act| !acts.contains(&act);
    Watch {
        mount: unknown(Act::Mount),
        ptrace: unknown(Act::Ptrace),
        bpf: unknown(Act::Bpf),
        module: unknown(Act::Module),
        user_namespace: unknown(Act::UserNamespace),
        setuid: unknown(Act::SetUid),
        capset: unknown(Act::CapSet),
        drift_code: unknown(Act::DriftCode),
    }
}

/// Whether libraries that the image did not ship are refused: under zero-drift, if none was seen
/// while the group learned. Java programs and their like, which unpack theirs, go on.
pub(crate) fn drift_code(plan: &Plan, privileged: bool) -> bool {
    let acts = &plan.policy.acts;
    plan.process_mode == Mode::Protect
        && plan.policy.baseline == Baseline::ZeroDrift
        && !privileged
        && acts.contains(&Act::Watched)
        && !acts.contains(&Act::DriftCode)
}

#[cfg(test)]
#[path = "kernel_profile_test.rs"]
mod tests;
