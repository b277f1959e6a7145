//! Acts the kernel refused by itself: told like every other denial.

use super::{
    Runtime,
    incident::{Finding, subject},
    member::Member,
};
use rampart_model::{Mechanism, Verdict};
use rampart_policy::process::reserved;
use rampart_probe::{Denied, DeniedOp, DenyReason, KillReason};

impl Runtime {
    pub(super) fn denied(&self, denied: &Denied) {
        let Some(member) = self.member(denied.task.label) else {
            return;
        };
        self.detect_denied(denied, &member);
        let finding = self.denied_finding(&member, denied);
        self.report(Some(&member), finding);
    }

    fn denied_finding(&self, member: &Member, denied: &Denied) -> Finding {
        let plan = member.plan.load();
        let users = member.users.load();
        let caller = self.caller(denied.task.pid, denied.task.label);
        let state = self.lock();
        let (rule, why) = reason(denied, &plan.kernel.guard);
        Finding {
            name: incident_name(denied.op),
            at: denied.at,
            why,
            group: plan.group.clone(),
            rule,
            verdict: Verdict::Deny,
            mechanism: Some(Mechanism::Lsm),
            process: subject(&caller, &users, &state.table),
            parent: state
                .table
                .live(caller.ppid)
                .map(|p| subject(p, &users, &state.table))
                .unwrap_or_default(),
            file_path: denied.path.clone(),
            operation: denied.op.name(),
        }
    }
}

fn incident_name(op: DeniedOp) -> &'static str {
    match op {
        DeniedOp::OpenRead
        | DeniedOp::OpenWrite
        | DeniedOp::Truncate
        | DeniedOp::Unlink
        | DeniedOp::Rename
        | DeniedOp::Link
        | DeniedOp::Create
        | DeniedOp::Attrib
        | DeniedOp::Mount
        | DeniedOp::Unmount => "Container.FileAccess.Violation",
        DeniedOp::SetUid => "Container.Privilege.Escalation",
        _ => "Process.Profile.Violation",
    }
}

/// The rule that decided, and what to tell.
fn reason(denied: &Denied, guard: &rampart_probe::Guard) -> (String, String) {
    let rule = usize::try_from(denied.rule).unwrap_or(0).checked_sub(1);
    let path = rule
        .and_then(|at| guard.files.get(at))
        .map(|guarded| guarded.path.display().to_string())
        .unwrap_or_default();
    match denied.reason {
        DenyReason::Exec(KillReason::Denied) => (String::new(), "executable is denied".to_owned()),
        DenyReason::Exec(reason) => (
            reserved::DRIFT.to_owned(),
            format!("{}: not of the image", reason.name()),
        ),
        DenyReason::Protected => {
            let why = format!("{} is guarded by {path}", denied.path);
            (path, why)
        }
        DenyReason::Guard => (
            String::new(),
            format!(
                "{} is not for this workload ({})",
                denied.op.name(),
                denied.detail
            ),
        ),
        DenyReason::Anonymous => (
            String::new(),
            "code in memory that holds no file".to_owned(),
        ),
    }
}
