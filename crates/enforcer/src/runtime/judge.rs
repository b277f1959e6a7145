//! Answers while a task waits in the kernel: exec and open, denied with EPERM.
//!
//! Nothing here waits for another task or opens a file of the workload.

use super::{
    Runtime,
    caller::{PendingExec, base_name, command_name, is_multi_call, pending_exec},
    incident::{Finding, subject},
    member::Member,
    plan::ExecFacts,
    table::{Image, Process},
};
use crate::outbox::now;
use rampart_model::{Mechanism, Mode, Verdict, event::Subject};
use rampart_policy::{ProcessVerdict, process::Reason};
use rampart_probe::{Ask, AskKind, Decision, FileId, Judge};
use std::sync::Arc;

/// Arguments kept in the record of a denied exec.
const DENIED_ARGS: usize = 32;

impl Judge for Runtime {
    fn judge(&self, ask: &Ask) -> Decision {
        let Some(member) = self.member(ask.label) else {
            return Decision::Allow;
        };
        match ask.kind {
            AskKind::Exec => self.judge_exec(&member, ask),
            AskKind::Open { write } => self.judge_open(&member, ask, write),
        }
    }
}

/// Whether the kernel opens this file itself to load others. As the program of an exec it is
/// killed by its file id; see [`Runtime::enforce`].
pub(super) fn is_loader(path: &str) -> bool {
    let in_lib = [
        "/lib/",
        "/lib64/",
        "/lib32/",
        "/libx32/",
        "/usr/lib/",
        "/usr/lib64/",
        "/usr/lib32/",
    ]
    .iter()
    .any(|dir| path.starts_with(dir));
    let name = base_name(path);
    in_lib
        && ((name.starts_with("ld-linux") && name.contains(".so"))
            || (name.starts_with("ld-musl-") && name.ends_with(".so.1"))
            || (name.starts_with("ld-2.") && name.ends_with(".so"))
            || (name == "libc.so" || name.starts_with("ld64.so")))
}

impl Runtime {
    fn judge_exec(&self, member: &Member, ask: &Ask) -> Decision {
        let path = ask.path.to_string_lossy();
        if is_loader(&path) {
            return Decision::Allow;
        }
        let plan = member.plan.load();
        let multi = is_multi_call(&path);
        if multi && plan.process_mode != Mode::Protect && !plan.policy.quarantined {
            // The exec event names the applet, and a multi-call binary is no script.
            return Decision::AllowCached;
        }
        let call = if multi {
            pending_exec(ask.tid, 2)
        } else {
            None
        }
        .unwrap_or_default();
        let process = self.waiting(ask, &path, &call);
        let parents = if plan.needs_parents {
            self.lock().parents(&process)
        } else {
            Vec::new()
        };
        let verdict = plan.judge(&ExecFacts {
            name: &process.image.name,
            path: &path,
            user: &member.users.load().name(process.uid),
            parents: &parents,
            upper: ask.upper == Some(true) || ask.foreign,
            unlinked: ask.unlinked,
            from_exec: process.from_exec,
        });
        // The exec event has the interpreter's own name, by which it is judged again.
        let interpreter = multi && plan.interprets(&path, &call);
        if verdict.verdict == Verdict::Deny && interpreter && !plan.policy.quarantined {
            return Decision::Allow;
        }
        self.answer(member, ask, &process, &verdict, plan.cacheable && !multi)
    }

    /// `by_file`: the verdict is the same for whoever runs this file.
    fn answer(
        &self,
        member: &Member,
        ask: &Ask,
        process: &Process,
        verdict: &ProcessVerdict,
        by_file: bool,
    ) -> Decision {
        match verdict.verdict {
            Verdict::Deny => {
                self.report(
                    Some(member),
                    self.denied_exec(member, ask, process, verdict),
                );
                Decision::Deny
            }
            Verdict::Learn | Verdict::Violate => {
                self.lock().pending.asked(ask.pid, &process.image.path);
                Decision::Allow
            }
            Verdict::Allow => {
                self.let_dropped_run(member, ask);
                let cacheable = by_file && verdict.reason == Reason::Listed;
                if cacheable {
                    Decision::AllowCached
                } else {
                    Decision::Allow
                }
            }
        }
    }

    /// The kernel would kill a file of the writable layer at exec, whatever the profile says.
    fn let_dropped_run(&self, member: &Member, ask: &Ask) {
        let dropped = ask.upper == Some(true) || ask.foreign;
        let file = FileId {
            dev: ask.dev,
            ino: ask.ino,
        };
        if dropped
            && member.plan.load().kernel.drift_kill
            && member.allow_dropped(file)
            && let Err(error) = self.enforce(member)
        {
            tracing::warn!(%error, path = %ask.path.display(), "an allowed file may be killed");
        }
    }

    /// The process that waits, as it will be.
    fn waiting(&self, ask: &Ask, path: &str, call: &PendingExec) -> Process {
        let mut process = self.caller(ask.pid, ask.label);
        process.image = Arc::new(Image {
            name: command_name(path, &call.argv).to_owned(),
            path: path.to_owned(),
            cwd: process.image.cwd.clone(),
            ..Image::default()
        });
        process
    }

    /// The program behind a pid: from the table, else from /proc.
    pub(super) fn caller(&self, pid: u32, label: u32) -> Process {
        let known = self
            .lock()
            .table
            .live(pid)
            .filter(|p| p.label == label)
            .cloned();
        known.unwrap_or_else(|| super::seed::from_proc(pid, label))
    }

    fn denied_exec(
        &self,
        member: &Member,
        ask: &Ask,
        process: &Process,
        verdict: &ProcessVerdict,
    ) -> Finding {
        let plan = member.plan.load();
        let users = member.users.load();
        let caller = self.caller(ask.pid, ask.label);
        let state = self.lock();
        let parent = subject(&caller, &users, &state.table);
        let mut ancestors = vec![caller.image.name.clone()];
        ancestors.extend(parent.ancestors.iter().cloned());
        Finding {
            name: verdict.incident_name(false),
            at: now(),
            why: verdict.reason.message().to_owned(),
            group: if verdict.group.is_empty() {
                plan.group.clone()
            } else {
                verdict.group.clone()
            },
            rule: verdict.rule.clone(),
            verdict: Verdict::Deny,
            mechanism: Some(Mechanism::Fanotify),
            process: Subject {
                ancestors,
                cmdline: pending_exec(ask.tid, DENIED_ARGS)
                    .unwrap_or_default()
                    .argv
                    .join(" "),
                ..subject(process, &users, &state.table)
            },
            parent,
            file_path: process.image.path.clone(),
            operation: "exec",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_loader;

    #[test]
    fn loaders() {
        for path in [
            "/lib64/ld-linux-x86-64.so.2",
            "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
            "/lib/ld-musl-x86_64.so.1",
            "/lib/x86_64-linux-gnu/ld-2.31.so",
        ] {
            assert!(is_loader(path), "{path}");
        }
        for path in [
            "/tmp/ld-linux-x86-64.so.2",
            "/usr/bin/ld",
            "/lib/evil",
            "/lib64x/ld-linux.so.2",
        ] {
            assert!(!is_loader(path), "{path}");
        }
    }
}
