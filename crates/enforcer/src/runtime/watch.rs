//! Which system calls the loaded rules need to be told of.

use super::Runtime;
use rampart_detect::{EventType, Rules};
use rampart_model::LogLevel;
use rampart_probe::{CallFilter, PathFilter};

/// Calls that become events. Execs are told by events of their own, and one that failed is none.
pub(super) fn calls() -> impl Iterator<Item = (&'static str, EventType)> {
    CallFilter::known()
        .map(|name| (name, EventType::named(name)))
        .filter(|(_, kind)| *kind != EventType::OTHER && !kind.is_exec())
}

/// Calls that the built-in detectors count, whatever the rules say.
const COUNTED: &[&str] = &[
    "sendto", "sendmsg", "sendmmsg", "kill", "tkill", "tgkill", "unlink", "unlinkat",
];

pub(super) fn filter(rules: &Rules) -> CallFilter {
    let wanted = || calls().filter(|(_, kind)| rules.wants_without_data(*kind));
    let mut calls: std::collections::BTreeSet<_> = wanted().map(|(name, _)| name).collect();
    if !rules.rules().is_empty() {
        calls.extend(COUNTED);
    }
    CallFilter {
        host: wanted().any(|(_, kind)| rules.wants_host(kind)),
        reads: rules.reads().map(|need| PathFilter {
            prefixes: need.prefixes,
            names: need.names,
            components: need.components,
        }),
        failed: wanted().any(|(_, kind)| rules.wants_failed(kind)),
        calls,
    }
}

impl Runtime {
    /// Asks the kernel for the calls. Once, when there is a kernel.
    pub(crate) fn watch_calls(&self) {
        let (Some(detection), Some(kernel)) = (self.detection.get(), self.kernel()) else {
            return;
        };
        if detection.filter.calls.is_empty() {
            return;
        }
        let watched = kernel.watch_calls(&detection.filter);
        if let Err(error) = &watched {
            let text = format!(
                "system calls are not told on this node, so rules about them stay silent: {error}"
            );
            self.out()
                .activity(LogLevel::Warning, "Agent.Enforcement.Degraded", text);
        }
        let watched = watched.map_err(|error| error.to_string());
        if detection.watched.set(watched).is_err() {
            tracing::error!("system calls were asked for twice");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_detect::{Options, RuleFile, builtin};

    fn load(text: &str) -> Rules {
        let file = RuleFile {
            name: "r.yaml",
            text,
        };
        Rules::load(&[file], &Options::default()).0
    }

    #[test]
    fn what_rules_need() {
        let rules = load(
            "- rule: a\n  desc: d\n  condition: evt.type in (openat, creat) and fd.name=/etc/shadow \
             and evt.is_open_read=true and container.id != host and fd.num >= 0\n  output: o\n  priority: INFO\n",
        );
        let found = filter(&rules);
        assert!(found.calls.contains("openat") && !found.calls.contains("ptrace"));
        assert!(!found.host && !found.failed);
        assert!(found.reads.unwrap().prefixes.contains("/etc/shadow"));
        let none = filter(&load(""));
        assert_eq!(
            none,
            CallFilter {
                reads: Some(PathFilter::default()),
                ..CallFilter::default()
            }
        );
    }

    #[test]
    fn our_own_rules_ask_for_acts_and_not_for_every_file() {
        let files: Vec<_> = builtin::ALL
            .iter()
            .map(|(name, text)| RuleFile { name, text })
            .collect();
        let found = filter(&Rules::load(&files, &Options::default()).0);
        assert!(!found.calls.contains("recvfrom"), "data is not seen");
        for call in [
            "openat",
            "ptrace",
            "mount",
            "unshare",
            "dup2",
            "chmod",
            "bpf",
            "init_module",
        ] {
            assert!(found.calls.contains(call), "{call}");
        }
        assert!(found.reads.is_some() && found.failed && found.host);
    }
}
