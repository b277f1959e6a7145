//! Process profiles: which executables a workload may run.
//!
//! Rules are tried in order and the first that fits decides. Two things differ from NeuVector on
//! purpose: `dir/*` ends at a path component (`/bin/*` does not cover `/binevil/x`), and a name
//! the kernel cut to 15 bytes fits the longer name of a rule.

use rampart_model::{Action, Baseline, GroupName, Mode, ProcessRule, Verdict};

/// Rule ids for decisions that no rule of a profile made.
pub mod reserved {
    /// Not in the profile.
    pub const NOT_LISTED: &str = "00000000-0000-0000-0000-000000000001";
    /// A tool of attackers, by its name.
    pub const SUSPICIOUS: &str = "00000000-0000-0000-0000-000000000002";
    /// A tunnel program.
    pub const TUNNEL: &str = "00000000-0000-0000-0000-000000000003";
    /// Root gained outside the ways that are known.
    pub const ESCALATION: &str = "00000000-0000-0000-0000-000000000004";
    /// Zero-drift: the image did not ship this file.
    pub const DRIFT: &str = "00000000-0000-0000-0000-000000000005";
    /// Zero-drift: not started by the container's own processes.
    pub const FAMILY: &str = "00000000-0000-0000-0000-000000000006";
    /// Zero-drift in Protect: shipped and in the family, but not in the profile.
    pub const NOT_LISTED_ZERO_DRIFT: &str = "00000000-0000-0000-0000-000000000007";
    /// The workload is quarantined: nothing new runs in it.
    pub const QUARANTINED: &str = "00000000-0000-0000-0000-000000000008";
}

/// Names that are reported unless the profile lists them.
pub const SUSPICIOUS: &[&str] = &[
    "nmap",
    "nc",
    "ncat",
    "netcat",
    "socat",
    "sshd",
    "ssh",
    "scp",
    "telnet",
    "in.telnetd",
    "iodine",
    "iodined",
    "dnscat",
    "dns2tcpc",
    "dns2tcpd",
];

/// Those of [`SUSPICIOUS`] that make tunnels.
pub const TUNNELS: &[&str] = &["iodine", "iodined", "dnscat", "dns2tcpc", "dns2tcpd"];

/// A parent of the process, in its own process group or session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parent<'a> {
    pub name: &'a str,
    pub path: &'a str,
}

/// A process about to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessAsk<'a> {
    /// What it calls itself: the base name of the executable, or of the applet or script.
    pub name: &'a str,
    /// Real path of the executable inside the container.
    pub path: &'a str,
    pub user: &'a str,
    /// Nearest first; those of its process group.
    pub parents: &'a [Parent<'a>],
    /// In the writable layer or on a file system the image did not bring.
    pub upper_layer: bool,
    /// Has no file name: memfd, or deleted.
    pub memfd: bool,
    /// Started by the runtime's `exec` rather than by the container's first process, or below
    /// such a process.
    pub from_runtime_exec: bool,
    /// Descends from the container's first process.
    pub family: bool,
}

/// Why a process was judged as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An allow rule lists it.
    Listed,
    /// A deny rule lists it.
    Denied,
    /// An `x/*` rule allows the children of its parent.
    Parent,
    /// Zero-drift: shipped by the image and started by the family.
    Image,
    NotListed,
    Suspicious,
    Drift,
    Family,
    NotListedZeroDrift,
    Quarantined,
}

impl Reason {
    /// For the operator who reads the event.
    pub fn message(self) -> &'static str {
        match self {
            Self::Listed => "process is in the profile",
            Self::Denied => "process is denied by a rule of the profile",
            Self::Parent => "process is a child of an allowed parent",
            Self::Image => "process is part of the image",
            Self::NotListed | Self::NotListedZeroDrift => "process is not in the profile",
            Self::Suspicious => "process is a tool attackers use",
            Self::Drift => "executable is not part of the image",
            Self::Family => "process was not started by the container's first process",
            Self::Quarantined => "container is quarantined: nothing new runs in it",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessVerdict {
    pub verdict: Verdict,
    /// UUID of the rule that decided, or one of [`reserved`].
    pub rule: String,
    /// The group the rule is from; empty when no rule decided.
    pub group: GroupName,
    pub reason: Reason,
    /// The file may change without being a drift.
    pub allow_update: bool,
}

impl ProcessVerdict {
    fn by_rule(rule: &ProcessRule, verdict: Verdict, reason: Reason) -> Self {
        Self {
            verdict,
            rule: rule.uuid.clone(),
            group: rule.group.clone(),
            reason,
            allow_update: rule.allow_update,
        }
    }

    fn by_default(rule: &str, verdict: Verdict, reason: Reason) -> Self {
        Self {
            verdict,
            rule: rule.to_owned(),
            group: GroupName::default(),
            reason,
            allow_update: false,
        }
    }

    /// Whatever the profile and the mode say.
    pub(crate) fn quarantined() -> Self {
        Self::by_default(reserved::QUARANTINED, Verdict::Deny, Reason::Quarantined)
    }

    /// NeuVector's name for the event, of a container or of a host; ours for an exec in a
    /// quarantined container.
    pub fn incident_name(&self, host: bool) -> &'static str {
        match (self.reason, host) {
            (Reason::Quarantined, _) => "Container.Quarantine.Exec",
            (Reason::Suspicious, true) => "Host.Suspicious.Process",
            (Reason::Suspicious, false) => "Container.Suspicious.Process",
            (_, true) => "Host.Process.Violation",
            (_, false) => "Process.Profile.Violation",
        }
    }

    /// Whether something is to be reported.
    pub fn is_violation(&self) -> bool {
        matches!(self.verdict, Verdict::Violate | Verdict::Deny)
    }
}

/// Judges a process by the rules in force, in matching order.
pub fn judge(
    rules: &[ProcessRule],
    mode: Mode,
    baseline: Baseline,
    ask: &ProcessAsk<'_>,
) -> ProcessVerdict {
    if let Some(rule) = rules.iter().find(|rule| matches(rule, ask)) {
        return match rule.action {
            Action::Deny => ProcessVerdict::by_rule(rule, violation(mode), Reason::Denied),
            Action::Allow => listed(rule, mode, baseline, ask),
        };
    }
    if let Some(rule) = rules.iter().find(|rule| allows_children(rule, ask)) {
        return listed_parent(rule, mode, baseline, ask);
    }
    if is_suspicious(ask) && !rules.iter().any(|rule| lists_name(rule, ask)) {
        return ProcessVerdict::by_default(
            reserved::SUSPICIOUS,
            violation(mode),
            Reason::Suspicious,
        );
    }
    if ask.memfd {
        // Without a file there is nothing a profile could name, so it is never learned.
        return ProcessVerdict::by_default(reserved::DRIFT, violation(mode), Reason::Drift);
    }
    match baseline {
        Baseline::Basic => {
            ProcessVerdict::by_default(reserved::NOT_LISTED, unlisted(mode), Reason::NotListed)
        }
        Baseline::ZeroDrift => zero_drift(mode, ask),
    }
}

/// An allow rule fits; under zero-drift the file must still be the image's, unless it may change.
fn listed(
    rule: &ProcessRule,
    mode: Mode,
    baseline: Baseline,
    ask: &ProcessAsk<'_>,
) -> ProcessVerdict {
    if baseline == Baseline::ZeroDrift
        && drifted(ask)
        && !rule.allow_update
        && mode != Mode::Discover
    {
        return ProcessVerdict::by_default(reserved::DRIFT, violation(mode), Reason::Drift);
    }
    ProcessVerdict::by_rule(rule, Verdict::Allow, Reason::Listed)
}

fn listed_parent(
    rule: &ProcessRule,
    mode: Mode,
    baseline: Baseline,
    ask: &ProcessAsk<'_>,
) -> ProcessVerdict {
    let verdict = listed(rule, mode, baseline, ask);
    if verdict.reason == Reason::Listed {
        return ProcessVerdict {
            reason: Reason::Parent,
            ..verdict
        };
    }
    verdict
}

fn zero_drift(mode: Mode, ask: &ProcessAsk<'_>) -> ProcessVerdict {
    let (rule, reason) = if drifted(ask) {
        (reserved::DRIFT, Reason::Drift)
    } else if ask.from_runtime_exec || !ask.family {
        (reserved::FAMILY, Reason::Family)
    } else if mode == Mode::Monitor {
        return ProcessVerdict::by_default("", Verdict::Allow, Reason::Image);
    } else {
        (reserved::NOT_LISTED_ZERO_DRIFT, Reason::NotListedZeroDrift)
    };
    ProcessVerdict::by_default(rule, unlisted(mode), reason)
}

fn drifted(ask: &ProcessAsk<'_>) -> bool {
    ask.upper_layer || ask.memfd
}

/// What is not in the profile.
fn unlisted(mode: Mode) -> Verdict {
    match mode {
        Mode::Discover => Verdict::Learn,
        Mode::Monitor => Verdict::Violate,
        Mode::Protect => Verdict::Deny,
    }
}

/// What is wrong in any mode.
fn violation(mode: Mode) -> Verdict {
    if mode == Mode::Protect {
        Verdict::Deny
    } else {
        Verdict::Violate
    }
}

/// Whether one rule fits, by NeuVector's rules of matching.
pub fn matches(rule: &ProcessRule, ask: &ProcessAsk<'_>) -> bool {
    (rule.user.is_empty() || rule.user == ask.user) && matches_path(rule, ask)
}

fn matches_path(rule: &ProcessRule, ask: &ProcessAsk<'_>) -> bool {
    let any_path = matches!(rule.path.as_str(), "" | "*" | "/*");
    if rule.name == "*" && any_path && !rule.path.is_empty() {
        return true;
    }
    let Some((dir, base)) = ask.path.rsplit_once('/') else {
        return false;
    };
    let below = rule.path.strip_suffix("/*");
    if rule.name == "*" {
        return match below {
            Some(top) => is_below(dir, top),
            None => !rule.path.is_empty() && ask.path == rule.path,
        };
    }
    let called = same_name(&rule.name, ask.name);
    if any_path {
        return base == rule.name || called;
    }
    if let Some(top) = below {
        return is_below(dir, top) && (base == rule.name || called);
    }
    if let Some((top, _)) = rule.path.split_once("/*/") {
        let last = rule.path.rsplit('/').next().unwrap_or_default();
        return is_below(dir, top) && called && base == last;
    }
    ask.path == rule.path && called
}

/// `x/*`: the rule allows what a process named `x` starts, and `x` itself.
fn allows_children(rule: &ProcessRule, ask: &ProcessAsk<'_>) -> bool {
    let Some(name) = rule.name.strip_suffix("/*") else {
        return false;
    };
    if rule.action != Action::Allow || !(rule.user.is_empty() || rule.user == ask.user) {
        return false;
    }
    let own = Parent {
        name: ask.name,
        path: ask.path,
    };
    std::iter::once(&own).chain(ask.parents).any(|process| {
        same_name(name, process.name)
            && (matches!(rule.path.as_str(), "" | "*" | "/*")
                || rule.path == process.path
                || rule.path.strip_suffix("/*").is_some_and(|top| {
                    process
                        .path
                        .rsplit_once('/')
                        .is_some_and(|(dir, _)| is_below(dir, top))
                }))
    })
}

fn is_below(dir: &str, top: &str) -> bool {
    dir.strip_prefix(top)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The kernel keeps 15 bytes of a process name.
fn same_name(rule: &str, name: &str) -> bool {
    rule == name || (name.len() == 15 && rule.len() > 15 && rule.starts_with(name))
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether the process bears a name of [`SUSPICIOUS`], by its own account or its file's.
pub fn is_suspicious(ask: &ProcessAsk<'_>) -> bool {
    SUSPICIOUS.contains(&ask.name) || SUSPICIOUS.contains(&base(ask.path))
}

/// A profile that names a suspicious tool means it.
fn lists_name(rule: &ProcessRule, ask: &ProcessAsk<'_>) -> bool {
    (rule.name == "*" && matches!(rule.path.as_str(), "*" | "/*")) || rule.name == ask.name
}

/// Says what is wrong with a rule before it is stored.
pub fn validate(rule: &ProcessRule) -> Result<(), &'static str> {
    if rule.name.is_empty() {
        return Err("a process rule needs a name; `*` is any");
    }
    if rule.name.len() > 256 || rule.path.len() > 4096 || rule.user.len() > 256 {
        return Err("a process rule's name and user have at most 256 bytes, its path 4096");
    }
    if rule.name.contains('/') && !rule.name.ends_with("/*") {
        return Err("a process name holds no slash, except for the ending `/*` of a parent rule");
    }
    if !rule.path.is_empty() && rule.path != "*" && !rule.path.starts_with('/') {
        return Err("a process path is absolute, `*`, or empty for any");
    }
    if rule.name == "*" && rule.path.is_empty() {
        return Err("a rule for every name needs a path; `*` is any");
    }
    Ok(())
}

#[cfg(test)]
#[path = "process_test.rs"]
mod tests;
