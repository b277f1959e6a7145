//! What Discover adds to a group's policy: told once a minute at most, and only so much of it.

use super::{Runtime, member::Member, table::Process};
use crate::outbox::now;
use rampart_model::{FileBehavior, LogLevel, Report};

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
