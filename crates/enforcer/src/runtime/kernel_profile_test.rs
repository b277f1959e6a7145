//! Rules as the kernel gets them, and which are left to the agent.

use super::*;
use rampart_policy::WorkloadPolicy;

fn rule(action: Action, name: &str, path: &str, user: &str) -> ProcessRule {
    ProcessRule {
        name: name.to_owned(),
        path: path.to_owned(),
        user: user.to_owned(),
        action,
        ..ProcessRule::default()
    }
}

fn users() -> Users {
    Users::parse(b"root:x:0:0::/:\nwww:x:33:33::/:\n")
}

fn below(dir: &str, name: Option<&str>) -> Programs {
    Programs::Below(dir.into(), name.map(str::to_owned))
}

#[test]
fn each_rule_becomes_programs_users_and_a_tier() {
    use Action::{Allow, Deny};
    let file = |path: &str| Some(Programs::File(path.into()));
    let name = |name: &str| Some(Programs::Name(name.to_owned()));
    for (rule, want, uids, left) in [
        (
            rule(Allow, "app", "/bin/app", ""),
            file("/bin/app"),
            vec![],
            None,
        ),
        (
            rule(Allow, "app", "/bin/app", "www"),
            file("/bin/app"),
            vec![33],
            None,
        ),
        (
            rule(Allow, "app", "/bin/app", "7"),
            file("/bin/app"),
            vec![7],
            None,
        ),
        (
            rule(Allow, "app", "/bin/app", "nobody"),
            file("/bin/app"),
            vec![],
            Some(USER),
        ),
        (
            rule(Deny, "app", "/bin/app", "nobody"),
            None,
            vec![],
            Some(USER),
        ),
        (rule(Allow, "*", "*", ""), Some(Programs::Any), vec![], None),
        (rule(Deny, "*", "/*", ""), Some(Programs::Any), vec![], None),
        (
            rule(Allow, "app", "*", ""),
            name("app"),
            vec![],
            Some(APPLET),
        ),
        (rule(Deny, "nc", "", ""), name("nc"), vec![], Some(APPLET)),
        (
            rule(Allow, "*", "/opt/*", ""),
            Some(below("/opt", None)),
            vec![],
            None,
        ),
        (
            rule(Allow, "x", "/usr/*/x", ""),
            Some(below("/usr", Some("x"))),
            vec![],
            Some(APPLET),
        ),
        (
            rule(Allow, "sh", "/bin/busybox", ""),
            file("/bin/busybox"),
            vec![],
            Some(APPLET),
        ),
        (
            rule(Deny, "nc", "/bin/busybox", ""),
            None,
            vec![],
            Some(APPLET),
        ),
        (
            rule(Allow, "init/*", "/sbin/init", ""),
            file("/sbin/init"),
            vec![],
            None,
        ),
        (rule(Deny, "init/*", "/sbin/init", ""), None, vec![], None),
    ] {
        let found = compile(std::slice::from_ref(&rule), Baseline::Basic, &users());
        let first = found.profile.rules.first();
        assert_eq!(first.map(|r| r.programs.clone()), want, "{rule:?}");
        assert_eq!(first.map_or(vec![], |r| r.uids.clone()), uids, "{rule:?}");
        assert_eq!(found.left.first().map(|l| l.why), left, "{rule:?}");
        assert_eq!(found.origin.len(), found.profile.rules.len());
        if let Some(first) = first {
            assert_eq!(first.parent, rule.name.ends_with("/*"), "{rule:?}");
        }
    }
}

/// An applet may be meant: the binary runs, and the agent asks for the name.
#[test]
fn names_let_multi_call_binaries_run() {
    let found = compile(
        &[rule(Action::Allow, "ls", "", "")],
        Baseline::Basic,
        &users(),
    );
    let names: Vec<_> = found.profile.rules.iter().map(|r| &r.programs).collect();
    assert!(names.contains(&&Programs::Name("busybox".to_owned())));
    let denied = compile(
        &[rule(Action::Deny, "ls", "", "")],
        Baseline::Basic,
        &users(),
    );
    assert_eq!(denied.profile.rules.len(), 1);
}

fn plan(mode: Mode, baseline: Baseline, acts: &[Act]) -> Plan {
    Plan::new(WorkloadPolicy {
        profile_mode: mode,
        baseline,
        acts: acts.iter().copied().collect(),
        ..WorkloadPolicy::default()
    })
}

#[test]
fn acts_are_refused_only_where_somebody_looked_and_none_was_seen() {
    let filled = |plan: &Plan, privileged| {
        let mut guard = Guard::default();
        fill(&mut guard, plan, &users(), privileged);
        guard
    };
    let learned = plan(Mode::Protect, Baseline::Basic, &[Act::Watched, Act::Mount]);
    let guard = filled(&learned, false);
    assert!(!guard.mount && guard.ptrace && guard.capset && guard.setuid && guard.module);
    assert_eq!(guard.watch, Watch::default());
    let guard = filled(&learned, true);
    assert!(!guard.ptrace && !guard.module && guard.profile.is_some());
    let unwatched = filled(&plan(Mode::Protect, Baseline::Basic, &[]), false);
    assert!(!unwatched.mount && !unwatched.setuid && unwatched.module);
    let discover = filled(&plan(Mode::Discover, Baseline::Basic, &[Act::Mount]), false);
    assert!(discover.profile.is_none() && !discover.watch.mount && discover.watch.bpf);
}

#[test]
fn libraries_are_held_to_zero_drift_unless_some_were_seen() {
    use Act::{DriftCode, Watched};
    use Baseline::{Basic, ZeroDrift};
    for (baseline, acts, privileged, want) in [
        (ZeroDrift, &[Watched][..], false, true),
        (ZeroDrift, &[Watched, DriftCode], false, false),
        (ZeroDrift, &[], false, false),
        (ZeroDrift, &[Watched], true, false),
        (Basic, &[Watched], false, false),
    ] {
        let plan = plan(Mode::Protect, baseline, acts);
        assert_eq!(drift_code(&plan, privileged), want, "{baseline:?} {acts:?}");
    }
}
