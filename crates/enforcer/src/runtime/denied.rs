//! Acts the kernel refused by itself: told like every other denial.

use super::{
    Runtime, Users,
    caller::base_name,
    incident::{Finding, subject},
    kernel_profile::compile,
    member::Member,
    plan::{ExecFacts, Plan},
};
use crate::outbox::now;
use rampart_model::{Act, Baseline, Mechanism, Mode, Verdict};
use rampart_policy::process::{Reason, SUSPICIOUS, reserved};
use rampart_probe::{Denied, DeniedOp, DenyReason, KillReason};

impl Runtime {
    pub(super) fn denied(&self, denied: &Denied) {
        let Some(member) = self.member(denied.task.label) else {
            return;
        };
        self.detect_denied(denied, &member);
        let finding = self.denied_finding(&member, denied);
        if denied.watched {
            self.watched(&member, denied, finding);
            return;
        }
        self.report(Some(&member), finding);
        if denied.reason == DenyReason::Profile && denied.rule == 0 {
            self.renew(&member, denied);
        }
    }

    /// The profile allows this path, but other files are there than when it was put in force, as
    /// after a folder was replaced: so it is put in force anew.
    fn renew(&self, member: &Member, denied: &Denied) {
        let plan = member.plan.load();
        let process = self.caller(denied.task.pid, denied.task.label);
        let parents = self.lock().parents(&process);
        let verdict = plan.judge(&ExecFacts {
            name: base_name(&denied.path),
            path: &denied.path,
            user: &member.users.load().name(denied.task.uid),
            parents: &parents,
            upper: false,
            unlinked: false,
            from_exec: process.from_exec,
        });
        let fact = ("renewed", member.label, &denied.path);
        if verdict.verdict != Verdict::Allow || !self.lock().seen.first(&fact, now()) {
            return;
        }
        if let Err(error) = self.enforce(member) {
            tracing::warn!(%error, path = denied.path, "a program the profile allows is refused");
        }
    }

    /// It took place: learned in Discover, and in Monitor told as what Protect would refuse.
    fn watched(&self, member: &Member, denied: &Denied, finding: Finding) {
        let Some(act) = act(denied.op) else {
            return;
        };
        match member.plan.load().process_mode {
            Mode::Discover => self.learn_act(member, act),
            Mode::Monitor | Mode::Protect => self.report(
                Some(member),
                Finding {
                    verdict: Verdict::Violate,
                    mechanism: None,
                    ..finding
                },
            ),
        }
    }

    fn denied_finding(&self, member: &Member, denied: &Denied) -> Finding {
        let plan = member.plan.load();
        let users = member.users.load();
        let caller = self.caller(denied.task.pid, denied.task.label);
        let state = self.lock();
        let (rule, why) = match denied.reason {
            DenyReason::Profile => profile_reason(denied, &plan, &users),
            _ => reason(denied, &plan.kernel.guard),
        };
        Finding {
            name: incident_name(denied),
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

fn incident_name(denied: &Denied) -> &'static str {
    match denied.op {
        DeniedOp::Exec if SUSPICIOUS.contains(&base_name(&denied.path)) => {
            "Container.Suspicious.Process"
        }
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

fn act(op: DeniedOp) -> Option<Act> {
    Some(match op {
        DeniedOp::Mount => Act::Mount,
        DeniedOp::Ptrace => Act::Ptrace,
        DeniedOp::Bpf => Act::Bpf,
        DeniedOp::Module => Act::Module,
        DeniedOp::UserNamespace => Act::UserNamespace,
        DeniedOp::SetUid => Act::SetUid,
        DeniedOp::CapSet => Act::CapSet,
        DeniedOp::MapExec => Act::DriftCode,
        _ => return None,
    })
}

/// The rule of the profile that denies, or that none allows it.
fn profile_reason(denied: &Denied, plan: &Plan, users: &Users) -> (String, String) {
    let policy = &plan.policy;
    let place = usize::try_from(denied.rule).unwrap_or(0).checked_sub(1);
    let decided = place.and_then(|at| {
        let origin = compile(&policy.process, policy.baseline, users).origin;
        policy.process.get(*origin.get(at)?)
    });
    match decided {
        Some(rule) => (rule.uuid.clone(), Reason::Denied.message().to_owned()),
        None => {
            let rule = match policy.baseline {
                Baseline::Basic => reserved::NOT_LISTED,
                Baseline::ZeroDrift => reserved::NOT_LISTED_ZERO_DRIFT,
            };
            (rule.to_owned(), Reason::NotListed.message().to_owned())
        }
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
        DenyReason::Profile | DenyReason::Anonymous => (
            String::new(),
            "code in memory that holds no file".to_owned(),
        ),
    }
}
