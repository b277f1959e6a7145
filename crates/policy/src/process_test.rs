//! Tables of process rules and verdicts.

use super::*;
use rampart_model::{Baseline::*, Mode::*, Verdict::*};

fn rule(text: &str) -> ProcessRule {
    let mut words = text.split_whitespace();
    let mut rule = ProcessRule {
        name: words.next().unwrap().into(),
        path: words.next().unwrap_or("-").replace('-', ""),
        ..ProcessRule::default()
    };
    for word in words {
        match word {
            "deny" => rule.action = Action::Deny,
            "update" => rule.allow_update = true,
            user => rule.user = user.into(),
        }
    }
    rule.uuid = format!("uuid of {text}");
    rule
}

#[test]
fn rules_match() {
    let check = |text: &str, name: &str, path: &str, expected: bool| {
        let ask = ProcessAsk {
            name,
            path,
            user: "root",
            ..ProcessAsk::default()
        };
        assert_eq!(
            matches(&rule(text), &ask),
            expected,
            "{text} against {name} {path}"
        );
    };
    check("* *", "x", "/x", true);
    check("* /*", "x", "/a/x", true);
    check("* -", "x", "/x", false);
    check("nginx -", "nginx", "/usr/sbin/nginx", true);
    check("nginx *", "other", "/usr/sbin/nginx", true);
    check("nginx /usr/sbin/nginx", "nginx", "/usr/sbin/nginx", true);
    check("nginx /usr/sbin/nginx", "nginx", "/tmp/nginx", false);
    check("nginx /usr/sbin/nginx", "worker", "/usr/sbin/nginx", false);
    check("nginx /usr/*", "nginx", "/usr/sbin/nginx", true);
    check("nginx /usr/*", "nginx", "/opt/nginx", false);
    check("worker /usr/*", "worker", "/usr/sbin/nginx", true);
    check("* /usr/bin/*", "x", "/usr/bin/x", true);
    check("* /usr/bin/*", "x", "/usr/bin/y/z/x", true);
    check("* /usr/bin/*", "x", "/usr/binevil/x", false);
    check("* /usr/bin/x", "anything", "/usr/bin/x", true);
    check("* /usr/bin/x", "anything", "/usr/bin/y", false);
    check("nginx /usr/*/nginx", "nginx", "/usr/local/sbin/nginx", true);
    check("nginx /usr/*/nginx", "nginx", "/opt/sbin/nginx", false);
    check("nginx /usr/*/nginx", "sh", "/usr/local/sbin/nginx", false);
    // busybox: one file, many names.
    check("sh /bin/busybox", "sh", "/bin/busybox", true);
    check("sh /bin/busybox", "nc", "/bin/busybox", false);
    check("sh -", "sh", "/bin/busybox", true);
    check("busybox /bin/busybox", "sh", "/bin/busybox", false);
    // No path at all matches nothing but everything.
    check("x x", "x", "x", false);
    check("* *", "x", "", true);
    // Names cut by the kernel.
    check(
        "docker-entrypoint.sh /bin/dash",
        "docker-entrypoi",
        "/bin/dash",
        true,
    );
    check(
        "docker-entry /bin/dash",
        "docker-entrypoi",
        "/bin/dash",
        false,
    );
    check("id * root", "id", "/usr/bin/id", true);
    check("id * www", "id", "/usr/bin/id", false);
}

struct Case<'a> {
    rules: &'a [&'a str],
    mode: Mode,
    baseline: Baseline,
    ask: ProcessAsk<'a>,
}

impl Case<'_> {
    fn check(&self, verdict: Verdict, reason: Reason, id: &str) {
        let rules: Vec<ProcessRule> = self.rules.iter().map(|r| rule(r)).collect();
        let got = judge(&rules, self.mode, self.baseline, &self.ask);
        assert_eq!(
            (got.verdict, got.reason),
            (verdict, reason),
            "{:?} {:?} {:?}",
            self.rules,
            self.mode,
            self.ask
        );
        let expected = if id.starts_with('0') || id.is_empty() {
            id.to_owned()
        } else {
            format!("uuid of {id}")
        };
        assert_eq!(got.rule, expected);
    }
}

fn ask(path: &str) -> ProcessAsk<'_> {
    ProcessAsk {
        name: base(path),
        path,
        user: "root",
        family: true,
        ..ProcessAsk::default()
    }
}

#[test]
fn basic_profile() {
    let case = |rules, mode, path| Case {
        rules,
        mode,
        baseline: Basic,
        ask: ask(path),
    };
    case(&[], Discover, "/bin/ls").check(Learn, Reason::NotListed, reserved::NOT_LISTED);
    case(&[], Monitor, "/bin/ls").check(Violate, Reason::NotListed, reserved::NOT_LISTED);
    case(&[], Protect, "/bin/ls").check(Deny, Reason::NotListed, reserved::NOT_LISTED);
    case(&["ls /bin/ls"], Protect, "/bin/ls").check(Allow, Reason::Listed, "ls /bin/ls");
    case(&["ls /bin/ls deny"], Discover, "/bin/ls").check(
        Violate,
        Reason::Denied,
        "ls /bin/ls deny",
    );
    case(&["ls /bin/ls deny"], Protect, "/bin/ls").check(Deny, Reason::Denied, "ls /bin/ls deny");
    // The first match decides.
    case(&["ls - deny", "* *"], Protect, "/bin/ls").check(Deny, Reason::Denied, "ls - deny");
    case(&["* *", "ls - deny"], Protect, "/bin/ls").check(Allow, Reason::Listed, "* *");
}

#[test]
fn suspicious_names() {
    let case = |rules, mode, path| Case {
        rules,
        mode,
        baseline: Basic,
        ask: ask(path),
    };
    case(&[], Discover, "/usr/bin/nmap").check(Violate, Reason::Suspicious, reserved::SUSPICIOUS);
    case(&["sh /bin/sh"], Monitor, "/bin/nc").check(
        Violate,
        Reason::Suspicious,
        reserved::SUSPICIOUS,
    );
    case(&[], Protect, "/bin/nc").check(Deny, Reason::Suspicious, reserved::SUSPICIOUS);
    case(&["nc -"], Protect, "/bin/nc").check(Allow, Reason::Listed, "nc -");
    // The profile names the tool, though elsewhere: it is a matter of the profile.
    case(&["ssh /usr/bin/ssh"], Monitor, "/tmp/ssh").check(
        Violate,
        Reason::NotListed,
        reserved::NOT_LISTED,
    );
    let busybox = ProcessAsk {
        name: "nc",
        ..ask("/bin/busybox")
    };
    Case {
        rules: &["sh /bin/busybox"],
        mode: Discover,
        baseline: Basic,
        ask: busybox,
    }
    .check(Violate, Reason::Suspicious, reserved::SUSPICIOUS);
}

#[test]
fn parents_allow_children() {
    let parents = [
        Parent {
            name: "sh",
            path: "/bin/dash",
        },
        Parent {
            name: "cron",
            path: "/usr/sbin/cron",
        },
    ];
    let case = |rules, path| Case {
        rules,
        mode: Protect,
        baseline: Basic,
        ask: ProcessAsk {
            parents: &parents,
            ..ask(path)
        },
    };
    case(&["cron/* *"], "/bin/ls").check(Allow, Reason::Parent, "cron/* *");
    case(&["cron/* /usr/sbin/cron"], "/bin/ls").check(
        Allow,
        Reason::Parent,
        "cron/* /usr/sbin/cron",
    );
    case(&["cron/* /usr/*"], "/bin/ls").check(Allow, Reason::Parent, "cron/* /usr/*");
    case(&["cron/* /opt/*"], "/bin/ls").check(Deny, Reason::NotListed, reserved::NOT_LISTED);
    case(&["crond/* *"], "/bin/ls").check(Deny, Reason::NotListed, reserved::NOT_LISTED);
    case(&["ls/* *"], "/bin/ls").check(Allow, Reason::Parent, "ls/* *");
    // A deny rule for the child comes first.
    case(&["cron/* *", "ls - deny"], "/bin/ls").check(Deny, Reason::Denied, "ls - deny");
}

fn check_drift(rules: &[&str], mode: Mode, ask: ProcessAsk<'_>, expected: (Verdict, Reason, &str)) {
    let case = Case {
        rules,
        mode,
        baseline: ZeroDrift,
        ask,
    };
    case.check(expected.0, expected.1, expected.2);
}

#[test]
fn zero_drift_takes_what_the_image_shipped() {
    let shipped = ask("/bin/ls");
    let unlisted = (Reason::NotListedZeroDrift, reserved::NOT_LISTED_ZERO_DRIFT);
    check_drift(&[], Discover, shipped, (Learn, unlisted.0, unlisted.1));
    check_drift(&[], Monitor, shipped, (Allow, Reason::Image, ""));
    check_drift(&[], Protect, shipped, (Deny, unlisted.0, unlisted.1));
    check_drift(
        &["ls /bin/ls"],
        Protect,
        shipped,
        (Allow, Reason::Listed, "ls /bin/ls"),
    );
}

#[test]
fn zero_drift_refuses_what_it_did_not() {
    let dropped = ProcessAsk {
        upper_layer: true,
        ..ask("/tmp/x")
    };
    let memfd = ProcessAsk {
        memfd: true,
        ..ask("/memfd:x (deleted)")
    };
    let drift = |verdict| (verdict, Reason::Drift, reserved::DRIFT);
    check_drift(&[], Discover, dropped, drift(Learn));
    check_drift(&[], Monitor, dropped, drift(Violate));
    check_drift(&[], Protect, dropped, drift(Deny));
    check_drift(&[], Protect, memfd, drift(Deny));
    // Listed is not enough for a file that was changed, unless it may change.
    check_drift(&["x /tmp/x"], Protect, dropped, drift(Deny));
    let update = "x /tmp/x update";
    check_drift(&[update], Protect, dropped, (Allow, Reason::Listed, update));
}

#[test]
fn zero_drift_asks_for_the_family() {
    let exec = ProcessAsk {
        from_runtime_exec: true,
        family: false,
        ..ask("/bin/sh")
    };
    let family = |verdict| (verdict, Reason::Family, reserved::FAMILY);
    check_drift(&[], Discover, exec, family(Learn));
    check_drift(&[], Monitor, exec, family(Violate));
    check_drift(&[], Protect, exec, family(Deny));
    check_drift(
        &["sh /bin/sh"],
        Protect,
        exec,
        (Allow, Reason::Listed, "sh /bin/sh"),
    );
}

#[test]
fn what_has_no_file_is_never_learned() {
    let memfd = ProcessAsk {
        memfd: true,
        ..ask("/memfd:x (deleted)")
    };
    let judge = |mode, baseline| {
        let got = judge(&[], mode, baseline, &memfd);
        (got.verdict, got.reason)
    };
    for baseline in [Basic, ZeroDrift] {
        assert_eq!(judge(Discover, baseline), (Violate, Reason::Drift));
        assert_eq!(judge(Monitor, baseline), (Violate, Reason::Drift));
        assert_eq!(judge(Protect, baseline), (Deny, Reason::Drift));
    }
}

#[test]
fn rules_are_validated() {
    for good in ["nginx -", "* *", "cron/* *", "x /usr/*/x"] {
        assert_eq!(validate(&rule(good)), Ok(()), "{good}");
    }
    for bad in ["* -", "a/b -", "x relative"] {
        assert!(validate(&rule(bad)).is_err(), "{bad}");
    }
    assert!(validate(&ProcessRule::default()).is_err());
}

#[test]
fn incident_names() {
    let of = |path| judge(&[], Monitor, Basic, &ask(path));
    assert_eq!(
        of("/bin/nc").incident_name(false),
        "Container.Suspicious.Process"
    );
    assert_eq!(of("/bin/nc").incident_name(true), "Host.Suspicious.Process");
    assert_eq!(
        of("/bin/ls").incident_name(false),
        "Process.Profile.Violation"
    );
    assert_eq!(of("/bin/ls").incident_name(true), "Host.Process.Violation");
}
