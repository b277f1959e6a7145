//! Root gained outside the ways the profile allows, and what the host's own processes do.

use super::{
    Runtime,
    incident::{Finding, subject},
    member::Member,
    plan::ExecFacts,
    table::Process,
};
use crate::outbox::now;
use rampart_model::{LogLevel, Mechanism, Mode, Report, Timestamp, Verdict};
use rampart_policy::{ProcessVerdict, process::reserved};
use rampart_probe::{Cred, CredCause, Exec, procfs};
use std::collections::HashMap;

/// Names of host programs learned per run; a build machine has no end of them.
const MAX_HOST_LEARNED: u32 = 2048;

/// How long an exec may take to tell of itself, and how many are waited for.
const EXEC_MS: i64 = 300;
const MAX_ROOTS: usize = 4096;

/// Processes whose effective id became root a moment ago: the earlier id, and when.
#[derive(Debug, Default)]
pub(super) struct Roots(HashMap<u32, (u32, Timestamp)>);

impl Roots {
    fn note(&mut self, pid: u32, before: u32, at: Timestamp) {
        if self.0.len() < MAX_ROOTS {
            self.0.insert(pid, (before, at));
        }
    }

    fn take(&mut self, pid: u32) -> Option<u32> {
        self.0.remove(&pid).map(|(before, _)| before)
    }

    fn take_older(&mut self, now: Timestamp) -> Vec<(u32, Timestamp)> {
        let mut old = Vec::new();
        self.0.retain(|pid, (_, at)| {
            let waits = now.since(*at) < EXEC_MS;
            if !waits {
                old.push((*pid, *at));
            }
            waits
        });
        old
    }
}

impl Runtime {
    /// An exec of a setuid-root file by a user who is not root. True if it was killed.
    pub(super) fn exec_gained(
        &self,
        member: &Member,
        exec: &Exec,
        process: &Process,
        verdict: &ProcessVerdict,
    ) -> bool {
        let noted = self.lock().roots.take(process.pid);
        let before = noted.unwrap_or(exec.prev_euid);
        let became_root = (exec.gained || noted.is_some()) && before != 0 && exec.task.euid == 0;
        if !became_root {
            return false;
        }
        let listed = matches!(verdict.verdict, Verdict::Allow | Verdict::Learn);
        if listed && !exec.upper && !exec.unlinked {
            if let Some(known) = self.lock().table.live_mut(process.pid) {
                known.elevated = true;
            }
            return false;
        }
        self.escalated(member, process, exec.at, "setuid-exec")
    }

    pub(super) fn credentials(&self, cred: &Cred) {
        let task = &cred.task;
        let became_root =
            cred.old_uid != 0 && cred.old_euid != 0 && (task.uid == 0 || task.euid == 0);
        if cred.cause != CredCause::Changed {
            return;
        }
        if !became_root {
            if let Some(process) = self.lock().table.live_mut(task.pid) {
                (process.uid, process.euid) = (task.uid, task.euid);
            }
        } else if task.uid != 0 {
            // The exec of a setuid file changes the effective id only, and tells of itself next.
            self.lock().roots.note(task.pid, cred.old_euid, cred.at);
        } else {
            self.gained_root(task.pid, task.label, cred.at);
        }
    }

    /// Effective root that no exec explained.
    pub(super) fn flush_roots(&self) {
        let waited = self.lock().roots.take_older(now());
        for (pid, at) in waited {
            let label = self.lock().table.live(pid).map(|p| p.label);
            if let Some(label) = label {
                self.gained_root(pid, label, at);
            }
        }
    }

    fn gained_root(&self, pid: u32, label: u32, at: Timestamp) {
        // Overlay file systems act with the ids of whoever mounted them for a moment. What /proc
        // shows are the process's own.
        let Ok(status) = procfs::Status::read(pid) else {
            return;
        };
        if status.uid != 0 && status.euid != 0 {
            return;
        }
        let process = self.caller(pid, label);
        if let Some(known) = self.lock().table.live_mut(pid) {
            (known.uid, known.euid) = (status.uid, status.euid);
        }
        if process.elevated {
            return;
        }
        match self.member(label) {
            Some(member) => {
                self.escalated(&member, &process, at, "setuid");
            }
            None => self.host_escalated(&process, at),
        }
    }

    /// Reports it; in Protect the process is killed. True if it was.
    fn escalated(
        &self,
        member: &Member,
        process: &Process,
        at: Timestamp,
        operation: &'static str,
    ) -> bool {
        let protect = member.plan.load().process_mode == Mode::Protect;
        let killed = protect && self.kernel().is_some_and(|k| k.kill(process.pid));
        let users = member.users.load();
        let mut finding = self.escalation(
            process,
            at,
            operation,
            "Container.Privilege.Escalation",
            &users,
        );
        finding.group = member.plan.load().group.clone();
        if killed {
            (finding.verdict, finding.mechanism) = (Verdict::Deny, Some(Mechanism::Kill));
        }
        self.report(Some(member), finding);
        killed
    }

    fn escalation(
        &self,
        process: &Process,
        at: Timestamp,
        operation: &'static str,
        name: &'static str,
        users: &super::Users,
    ) -> Finding {
        let state = self.lock();
        let parent = state
            .table
            .live(process.ppid)
            .map(|p| subject(p, users, &state.table));
        Finding {
            name,
            at,
            why: "root was gained by a way the profile does not allow".to_owned(),
            rule: reserved::ESCALATION.to_owned(),
            verdict: Verdict::Violate,
            process: subject(process, users, &state.table),
            parent: parent.unwrap_or_default(),
            operation,
            ..Finding::default()
        }
    }

    fn host_escalated(&self, process: &Process, at: Timestamp) {
        let host = self.host.load();
        if matches!(host.mode, None | Some(Mode::Discover)) {
            return;
        }
        let mut finding = self.escalation(
            process,
            at,
            "setuid",
            "Host.Privilege.Escalation",
            &self.host_users,
        );
        finding.group = host.policy.group.clone();
        self.report(None, finding);
    }

    /// A program of the host: learned or reported when `nodes` has a mode, never stopped.
    pub(super) fn host_exec(&self, exec: &Exec, process: &Process) {
        let host = self.host.load();
        if host.mode.is_none() || exec.task.label != 0 {
            return;
        }
        let user = self.host_users.name(process.uid);
        let parents = self.lock().parents(process);
        let verdict = host.judge(&ExecFacts {
            name: &process.image.name,
            path: &process.image.path,
            user: &user,
            parents: &parents,
            upper: false,
            unlinked: exec.unlinked,
            from_exec: false,
        });
        match verdict.verdict {
            Verdict::Allow => {}
            Verdict::Learn => self.learn_host(process, user),
            Verdict::Violate | Verdict::Deny => self.report_host(exec, process, &verdict),
        }
    }

    fn report_host(&self, exec: &Exec, process: &Process, verdict: &ProcessVerdict) {
        let finding = {
            let state = self.lock();
            let parent = state.table.live(process.ppid);
            Finding {
                name: verdict.incident_name(true),
                at: exec.at,
                why: verdict.reason.message().to_owned(),
                group: self.host.load().policy.group.clone(),
                rule: verdict.rule.clone(),
                verdict: Verdict::Violate,
                process: subject(process, &self.host_users, &state.table),
                parent: parent
                    .map(|p| subject(p, &self.host_users, &state.table))
                    .unwrap_or_default(),
                file_path: process.image.path.clone(),
                operation: "exec",
                ..Finding::default()
            }
        };
        self.report(None, finding);
    }

    fn learn_host(&self, process: &Process, user: String) {
        use std::sync::atomic::Ordering;
        let fact = ("host", &process.image.name, &process.image.path);
        if !self.lock().seen.first(&fact, process.started_at) {
            return;
        }
        match self.host_learned.fetch_add(1, Ordering::Relaxed) {
            n if n < MAX_HOST_LEARNED => {
                let report = Report::LearnedProcess {
                    group: self.host.load().policy.group.clone(),
                    name: process.image.name.clone(),
                    path: process.image.path.clone(),
                    user,
                };
                if !self.out.routine(&report) {
                    self.lock().seen.forget(&fact);
                }
            }
            MAX_HOST_LEARNED => {
                let text = format!(
                    "more than {MAX_HOST_LEARNED} host programs seen; no more are learned until restart"
                );
                self.out
                    .activity(LogLevel::Warning, "Agent.Learning.Limit", text);
            }
            _ => {
                self.host_learned.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}
