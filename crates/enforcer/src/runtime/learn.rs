//! What Discover adds to a group's policy: told once a minute at most, and only so much of it.

use super::{Runtime, member::Member, table::Process};
use crate::outbox::now;
use rampart_model::{Act, FileBehavior, LogLevel, Mode, Report};

impl Runtime {
    pub(super) fn learn_process(&self, member: &Member, process: &Process) {
        let user = member.users.load().name(process.uid);
        self.learn(
            member,
            || Report::LearnedProcess {
                group: member.plan.load().group.clone(),
                name: process.image.name.clone(),
                path: process.image.path.clone(),
                user: user.clone(),
            },
            &("process", &process.image.name, &process.image.path, &user),
        );
    }

    /// A script is learned for every user: its verdict is asked for before the user is certain.
    pub(super) fn learn_script(&self, member: &Member, script: &Process) {
        self.learn(
            member,
            || Report::LearnedProcess {
                group: member.plan.load().group.clone(),
                name: script.image.name.clone(),
                path: script.image.path.clone(),
                user: String::new(),
            },
            &("script", &script.image.path),
        );
    }

    pub(super) fn learn_file(
        &self,
        member: &Member,
        filter: &str,
        behavior: FileBehavior,
        application: &str,
    ) {
        self.learn(
            member,
            || Report::LearnedFile {
                group: member.plan.load().group.clone(),
                filter: filter.to_owned(),
                behavior,
                application: application.to_owned(),
            },
            &("file", filter, application),
        );
    }

    pub(super) fn learn_act(&self, member: &Member, act: Act) {
        self.learn(
            member,
            || Report::LearnedAct {
                group: member.plan.load().group.clone(),
                act,
            },
            &("act", act),
        );
    }

    /// A policy is in force: what it leaves to us is told, and that its acts are looked at.
    pub(crate) fn enforced(&self, member: &Member) {
        if !self.kernel().is_some_and(|kernel| kernel.guards()) {
            return;
        }
        let plan = member.plan.load();
        match plan.process_mode {
            Mode::Discover if !plan.policy.acts.contains(&Act::Watched) => {
                self.learn_act(member, Act::Watched);
            }
            Mode::Protect => self.tell_left(member),
            _ => {}
        }
    }

    /// Rules that hold only while we run.
    fn tell_left(&self, member: &Member) {
        const SHOWN: usize = 20;
        let plan = member.plan.load();
        let users = member.users.load();
        let compiled =
            super::kernel_profile::compile(&plan.policy.process, plan.policy.baseline, &users);
        if compiled.left.is_empty() {
            return;
        }
        let fact = ("left", &plan.group, &compiled.left);
        if !self.lock().seen.first(&fact, now()) {
            return;
        }
        let left = compiled.left.iter().take(SHOWN);
        let rules: Vec<String> = left.map(|l| format!("{} ({})", l.rule, l.why)).collect();
        let more = compiled.left.len().saturating_sub(SHOWN);
        let more = if more == 0 {
            String::new()
        } else {
            format!("; and {more} more")
        };
        self.out.activity(
            LogLevel::Info,
            "Agent.Profile.Partial",
            format!(
                "{}: the kernel holds {} of {} process rules by itself; decided by the agent: {}{more}",
                plan.group,
                plan.policy.process.len().saturating_sub(compiled.left.len()),
                plan.policy.process.len(),
                rules.join("; "),
            ),
        );
    }

    fn learn(&self, member: &Member, report: impl FnOnce() -> Report, fact: &impl std::hash::Hash) {
        let fact = (member.label, fact);
        if !self.lock().seen.first(&fact, now()) {
            return;
        }
        match member.may_learn() {
            Ok(true) => {
                if !self.out.routine(&report()) {
                    self.lock().seen.forget(&fact);
                }
            }
            Ok(false) => {}
            Err(limit) => self.tell_limit(member, limit.0),
        }
    }

    fn tell_limit(&self, member: &Member, limit: u32) {
        let workload = member.reference();
        self.out.activity(
            LogLevel::Warning,
            "Agent.Learning.Limit",
            format!(
                "{} ({}) showed more than {limit} new behaviours; no more are learned until it restarts",
                workload.name,
                workload.id.short()
            ),
        );
    }
}
