//! File accesses: the answer before an open, and the report of changes.

use super::{
    Runtime,
    caller::base_name,
    incident::{Finding, subject},
    member::Member,
    table::Process,
    users::Users,
};
use crate::outbox::now;
use rampart_model::{Mechanism, Timestamp, Verdict};
use rampart_policy::{FileAsk, FileVerdict};
use rampart_probe::{Ask, Decision, FileAct, FileOp};
use std::sync::Arc;

impl Runtime {
    pub(super) fn judge_open(&self, member: &Member, ask: &Ask, write: Option<bool>) -> Decision {
        let path = ask.path.to_string_lossy();
        let caller = self.caller(ask.pid, ask.label);
        let plan = member.plan.load();
        let verdict = plan.policy.judge_file(&FileAsk {
            path: &path,
            write,
            application: &caller.image.path,
        });
        match verdict.verdict {
            Verdict::Allow => return Decision::Allow,
            Verdict::Learn => {
                self.learn_file(
                    member,
                    &verdict.filter,
                    verdict.behavior,
                    &caller.image.path,
                );
                return Decision::Allow;
            }
            Verdict::Violate | Verdict::Deny => {}
        }
        let deny = verdict.verdict == Verdict::Deny;
        let operation = if write == Some(false) {
            "open-read"
        } else {
            "open-write"
        };
        self.lock().opened.note(member.label, &path, now());
        let mechanism = deny.then_some(Mechanism::Fanotify);
        self.file_finding(
            member,
            &caller,
            &verdict,
            &path,
            operation,
            mechanism,
            now(),
        );
        if deny {
            Decision::Deny
        } else {
            Decision::Allow
        }
    }

    /// A change that took place.
    pub(super) fn file_changed(&self, act: &FileAct) {
        let Some(member) = self.member(act.label) else {
            return;
        };
        let by_host = act.actor_label != act.label;
        if by_host && is_managed_by_runtime(&act.path) {
            return;
        }
        if act.path == "/etc/passwd" || act.new_path.as_deref() == Some("/etc/passwd") {
            member
                .users
                .store(Arc::new(Users::of(member.workload.load().pid)));
        }
        let caller = self.caller(act.pid, act.actor_label);
        if !by_host {
            self.detect_file(act, &caller, &member);
        }
        let paths = std::iter::once(&act.path).chain(&act.new_path);
        for path in paths {
            let verdict = member.plan.load().policy.judge_file(&FileAsk {
                path,
                write: Some(true),
                application: &caller.image.path,
            });
            if verdict.verdict == Verdict::Learn {
                self.learn_file(
                    &member,
                    &verdict.filter,
                    verdict.behavior,
                    &caller.image.path,
                );
            }
            if !verdict.is_violation() || self.follows_from_open(&member, act, path) {
                continue;
            }
            // It happened: whatever the policy says, it was not denied.
            let verdict = FileVerdict {
                verdict: Verdict::Violate,
                ..verdict
            };
            let operation = act.ops.first().map_or("modify", |op| op.name());
            self.file_finding(&member, &caller, &verdict, path, operation, None, act.at);
        }
    }

    /// Writes through an open that was reported already.
    fn follows_from_open(&self, member: &Member, act: &FileAct, path: &str) -> bool {
        let writes = |op: &FileOp| matches!(op, FileOp::Modify | FileOp::CloseWrite);
        act.ops.iter().all(writes) && self.lock().opened.covers(member.label, path, act.at)
    }

    #[allow(clippy::too_many_arguments)]
    fn file_finding(
        &self,
        member: &Member,
        caller: &Process,
        verdict: &FileVerdict,
        path: &str,
        operation: &'static str,
        mechanism: Option<Mechanism>,
        at: Timestamp,
    ) {
        let users = member.users.load();
        let finding = {
            let state = self.lock();
            Finding {
                name: verdict.incident_name(false),
                at,
                why: if verdict.packages {
                    "the package database changed".to_owned()
                } else {
                    format!("{} is watched by {}", path, verdict.filter)
                },
                group: member.plan.load().group.clone(),
                rule: verdict.filter.clone(),
                verdict: verdict.verdict,
                mechanism,
                process: subject(caller, &users, &state.table),
                parent: state
                    .table
                    .live(caller.ppid)
                    .map(|p| subject(p, &users, &state.table))
                    .unwrap_or_default(),
                file_path: path.to_owned(),
                operation,
            }
        };
        self.report(Some(member), finding);
    }
}

/// Container runtimes write these from outside while a container starts or changes networks.
fn is_managed_by_runtime(path: &str) -> bool {
    path.starts_with("/etc/") && matches!(base_name(path), "hosts" | "resolv.conf" | "hostname")
}
