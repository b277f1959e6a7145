//! Incident records: made once, summed when they repeat.

use super::{
    aggregate::{Admit, Aggregator, Repeats},
    member::Member,
    table::{Process, Table},
    users::Users,
};
use crate::outbox::Outbox;
use rampart_model::{
    GroupName, LogBody, LogLevel, Mechanism, Timestamp, Verdict,
    event::{Incident, Subject, WorkloadRef},
};

/// What happened, before it is known whether it is the first of its kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    pub(crate) name: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) why: String,
    pub(crate) group: GroupName,
    pub(crate) rule: String,
    pub(crate) verdict: Verdict,
    pub(crate) mechanism: Option<Mechanism>,
    pub(crate) process: Subject,
    pub(crate) parent: Subject,
    pub(crate) file_path: String,
    pub(crate) operation: &'static str,
}

/// A record waiting in a window, with what it needs to be written later.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    finding: Finding,
    workload: Option<WorkloadRef>,
}

#[derive(Default)]
pub(crate) struct Incidents {
    windows: Aggregator<Waiting>,
}

impl Incidents {
    /// Writes the first record of its kind at once; counts the others.
    pub(crate) fn found(&mut self, out: &Outbox, member: Option<&Member>, finding: Finding) {
        let label = member.map_or(0, |m| m.label);
        let workload = member.map(|m| m.reference());
        let key = (
            (finding.name, finding.verdict, finding.operation),
            (
                &finding.process.path,
                &finding.process.name,
                &finding.process.user,
            ),
            (&finding.parent.path, &finding.file_path, &finding.rule),
        );
        let waiting = || Waiting {
            finding: finding.clone(),
            workload: workload.clone(),
        };
        if self.windows.admit(&key, label, finding.at, waiting) == Admit::Now {
            let at = finding.at;
            write(out, Waiting { finding, workload }, 1, at, false);
        }
    }

    pub(crate) fn close(&mut self, out: &Outbox, now: Timestamp) {
        for repeats in self.windows.close(now) {
            write_repeats(out, repeats);
        }
    }

    pub(crate) fn close_all(&mut self, out: &Outbox, now: Timestamp) {
        for repeats in self.windows.close_all(now) {
            write_repeats(out, repeats);
        }
    }
}

fn write_repeats(out: &Outbox, repeats: Repeats<Waiting>) {
    write(
        out,
        repeats.last,
        repeats.count,
        repeats.from,
        repeats.flood,
    );
}

fn write(out: &Outbox, waiting: Waiting, count: u32, from: Timestamp, flood: bool) {
    let Waiting { finding, workload } = waiting;
    let mut message = message(&finding);
    if flood {
        message =
            format!("{count} more incidents of this container within seconds; the last: {message}");
    }
    let level = level(&finding);
    let (at, name) = (finding.at, finding.name);
    let incident = Incident {
        group: finding.group,
        rule_id: finding.rule,
        action: match finding.verdict {
            Verdict::Deny => "deny".to_owned(),
            Verdict::Violate => "violate".to_owned(),
            Verdict::Allow | Verdict::Learn => String::new(),
        },
        verdict: finding.verdict,
        mechanism: finding.mechanism,
        process: finding.process,
        parent: finding.parent,
        file_path: finding.file_path,
        operation: finding.operation.to_owned(),
        aggregation_from: from,
        count,
        remote: None,
    };
    out.record(
        at,
        level,
        name,
        message,
        workload,
        LogBody::Incident(Box::new(incident)),
    );
}

fn level(finding: &Finding) -> LogLevel {
    let grave = finding.name.ends_with("Privilege.Escalation")
        || finding.name.ends_with("Suspicious.Process")
        || finding.verdict == Verdict::Deny;
    match () {
        () if grave => LogLevel::Critical,
        () if finding.name.ends_with("Package.Updated") => LogLevel::Notice,
        () => LogLevel::Warning,
    }
}

fn message(finding: &Finding) -> String {
    let what = if finding.file_path.is_empty() || finding.operation == "exec" {
        &finding.process.path
    } else {
        &finding.file_path
    };
    let done = match (finding.verdict, finding.mechanism) {
        (Verdict::Deny, Some(Mechanism::Kill | Mechanism::KillAtExec)) => "killed",
        (Verdict::Deny, _) => "denied",
        _ => "detected",
    };
    format!("{done} {} of {what}: {}", finding.operation, finding.why)
}

/// A process of the table, as a record shows it.
pub(crate) fn subject(process: &Process, users: &Users, table: &Table) -> Subject {
    let line = table.ancestors(process.pid);
    let names = line.iter().map(|p| p.image.name.clone());
    let ancestors = names.filter(|name| !name.is_empty()).collect();
    Subject {
        pid: process.pid,
        name: process.image.name.clone(),
        path: process.image.path.clone(),
        cmdline: process.image.cmdline.clone(),
        truncated: process.image.truncated,
        cwd: process.image.cwd.clone(),
        user: users.name(process.uid),
        uid: process.uid,
        euid: process.euid,
        tty: process.tty,
        ancestors,
    }
}
