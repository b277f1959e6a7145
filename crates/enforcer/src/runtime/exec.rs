//! What follows an exec: the table, the verdict by the kernel's own facts, learning, the kill.

use super::{
    Runtime, State,
    caller::{base_name, command_name},
    details::Origin,
    incident::{Finding, subject},
    judge::is_loader,
    member::Member,
    plan::ExecFacts,
    table::{Image, Process, same_start},
};
use rampart_model::{Action, Mechanism, Verdict};
use rampart_policy::{ProcessVerdict, process::reserved};
use rampart_probe::{Exec, KillReason, Killed};
use std::sync::Arc;

/// Result of an exec that was not let run.
const REFUSED: i64 = -1;

impl Runtime {
    pub(super) fn exec(&self, exec: &Exec) {
        self.entered(exec, false);
    }

    /// The first exec of a container, held before its first instruction. False: it was killed.
    pub(crate) fn first_exec(&self, exec: &Exec) -> bool {
        self.entered(exec, true)
    }

    /// The first exec of a container that was not held: it runs already.
    pub(crate) fn late_exec(&self, exec: &Exec) {
        self.entered(exec, false);
    }

    /// Whether this is the container runtime on its way into the container.
    pub(crate) fn is_runtime_helper(&self, exec: &Exec) -> bool {
        exec.task.mount_ns != 0 && self.host_mount_ns.contains(&exec.task.mount_ns)
    }

    fn entered(&self, exec: &Exec, held: bool) -> bool {
        let member = self.member(exec.task.label);
        let mut state = self.lock();
        let chain = state.pending.take(exec.task.pid, &exec.path);
        let process = state.enter(exec, member.as_deref());
        state.table.insert(process.clone());
        // The runtime on its way into the container is none of the container's.
        let inside = member.as_deref().filter(|_| !self.is_runtime_helper(exec));
        self.detect_exec(exec, &process, inside, &state, 0);
        let Some(member) = member else {
            drop(state);
            self.host_exec(exec, &process);
            return true;
        };
        if self.is_runtime_helper(exec) {
            return true;
        }
        let parents = state.parents(&process);
        drop(state);
        self.scripts(&member, &process, &parents, &chain);
        let verdict = self.verdict(&member, exec, &process, &parents);
        let stopped = self.carry_out(&member, exec, &process, &verdict, held);
        let escalated = !stopped && self.exec_gained(&member, exec, &process, &verdict);
        !stopped && !escalated
    }

    fn verdict(
        &self,
        member: &Member,
        exec: &Exec,
        process: &Process,
        parents: &[Arc<Image>],
    ) -> ProcessVerdict {
        member.plan.load().judge(&ExecFacts {
            name: &process.image.name,
            path: &process.image.path,
            user: &member.users.load().name(process.uid),
            parents,
            upper: exec.upper || exec.foreign,
            unlinked: exec.unlinked,
            from_exec: process.from_exec,
        })
    }

    /// True if the process is stopped.
    fn carry_out(
        &self,
        member: &Member,
        exec: &Exec,
        process: &Process,
        verdict: &ProcessVerdict,
        held: bool,
    ) -> bool {
        match verdict.verdict {
            Verdict::Allow => return false,
            Verdict::Learn => {
                self.learn_process(member, process);
                return false;
            }
            Verdict::Violate | Verdict::Deny => {}
        }
        if let Some(known) = self.lock().table.live_mut(process.pid) {
            known.action = Action::Deny;
        }
        let deny = verdict.verdict == Verdict::Deny;
        let killed = deny && self.kernel().is_some_and(|k| k.kill(process.pid));
        let mechanism = if held {
            Mechanism::KillAtExec
        } else {
            Mechanism::Kill
        };
        let mut finding = self.exec_finding(member, exec, process, verdict);
        // Gone before the signal came is not "denied": the act took place.
        finding.verdict = if killed {
            Verdict::Deny
        } else {
            Verdict::Violate
        };
        finding.mechanism = killed.then_some(mechanism);
        self.report(Some(member), finding);
        killed
    }

    fn exec_finding(
        &self,
        member: &Member,
        exec: &Exec,
        process: &Process,
        verdict: &ProcessVerdict,
    ) -> Finding {
        let plan = member.plan.load();
        let users = member.users.load();
        let state = self.lock();
        Finding {
            name: verdict.incident_name(false),
            at: exec.at,
            why: verdict.reason.message().to_owned(),
            group: if verdict.group.is_empty() {
                plan.group.clone()
            } else {
                verdict.group.clone()
            },
            rule: verdict.rule.clone(),
            verdict: verdict.verdict,
            mechanism: None,
            process: subject(process, &users, &state.table),
            parent: state
                .table
                .live(process.ppid)
                .map(|p| subject(p, &users, &state.table))
                .unwrap_or_default(),
            file_path: process.image.path.clone(),
            operation: "exec",
        }
    }

    /// Scripts that led to this exec: learned and reported like programs.
    fn scripts(
        &self,
        member: &Member,
        process: &Process,
        parents: &[Arc<Image>],
        chain: &[String],
    ) {
        for path in chain.iter().filter(|path| !is_loader(path)) {
            let script = Process {
                image: Arc::new(Image {
                    name: base_name(path).to_owned(),
                    path: path.clone(),
                    cmdline: process.image.cmdline.clone(),
                    truncated: process.image.truncated,
                    cwd: process.image.cwd.clone(),
                    ..Image::default()
                }),
                ..process.clone()
            };
            let verdict = member.plan.load().judge(&ExecFacts {
                name: &script.image.name,
                path,
                user: &member.users.load().name(process.uid),
                parents,
                upper: false,
                unlinked: false,
                from_exec: process.from_exec,
            });
            match verdict.verdict {
                Verdict::Allow | Verdict::Deny => {}
                Verdict::Learn => self.learn_script(member, &script),
                Verdict::Violate => {
                    let exec = Exec {
                        at: process.started_at,
                        ..Exec::default()
                    };
                    let finding = self.exec_finding(member, &exec, &script, &verdict);
                    self.report(Some(member), finding);
                }
            }
        }
    }

    /// The kernel stopped it; what remains is to tell.
    pub(super) fn killed(&self, killed: &Killed) {
        let exec = &killed.exec;
        let Some(member) = self.member(exec.task.label) else {
            return;
        };
        let process = {
            let mut state = self.lock();
            state.pending.forget(exec.task.pid);
            let process = state.enter(exec, Some(&member));
            self.detect_exec(exec, &process, Some(&member), &state, REFUSED);
            process
        };
        let verdict = self.verdict(&member, exec, &process, &[]);
        let mut finding = self.exec_finding(&member, exec, &process, &verdict);
        finding.verdict = Verdict::Deny;
        finding.mechanism = Some(Mechanism::KillAtExec);
        finding.name = "Process.Profile.Violation";
        if killed.reason != KillReason::Denied {
            finding.rule = reserved::DRIFT.to_owned();
            finding.why = drift(killed.reason).to_owned();
        }
        self.report(Some(&member), finding);
    }
}

fn drift(reason: KillReason) -> &'static str {
    match reason {
        KillReason::Fileless => "executable has no file: it was run from memory or deleted",
        KillReason::Dropped => "executable was written after the container started",
        KillReason::Tmpfs => "executable is on a temporary file system",
        KillReason::Denied => "executable is denied",
    }
}

impl State {
    /// The process an exec makes of a task, with what is known of it from before.
    fn enter(&self, exec: &Exec, member: Option<&Member>) -> Process {
        let task = &exec.task;
        let known = self
            .table
            .live(task.pid)
            .filter(|p| p.label == task.label && same_start(p.start_ns, task.start_ns));
        let from_exec = match (known, member) {
            (Some(process), _) => process.from_exec,
            (None, Some(member)) => {
                match self.table.live(task.ppid).filter(|p| p.label == task.label) {
                    Some(parent) => parent.from_exec,
                    None => {
                        !self.table.is_empty_label(task.label)
                            && member.workload.load().pid != task.pid
                    }
                }
            }
            (None, None) => false,
        };
        Process {
            pid: task.pid,
            ppid: task.ppid,
            start_ns: task.start_ns,
            label: task.label,
            image: self.table.image(Image {
                name: command_name(&exec.path, &exec.argv).to_owned(),
                comm: exec.task.comm.clone(),
                path: exec.path.clone(),
                cmdline: exec.argv.join(" "),
                truncated: exec.argv_truncated,
                cwd: exec.cwd.clone(),
                origin: Origin::of(exec),
                caps: Some(task.caps),
                details: self.details(task.pid, task.ppid),
                ..Image::default()
            }),
            uid: task.uid,
            euid: task.euid,
            tty: exec.tty != 0,
            started_at: exec.at,
            from_exec,
            elevated: false,
            action: Action::Allow,
        }
    }

    /// Images of the parents inside the same container, nearest first.
    pub(super) fn parents(&self, process: &Process) -> Vec<Arc<Image>> {
        self.table
            .ancestors(process.pid)
            .into_iter()
            .take_while(|p| p.label == process.label)
            .map(|p| p.image.clone())
            .collect()
    }
}
