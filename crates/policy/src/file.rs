//! File rules: which paths are watched, and who may change them.
//!
//! A block rule comes before a recursive one, that before a plain one, and all before what is
//! always watched. Of what is always watched, the guarded files (accounts, keys, package
//! databases) may in Protect be changed only by programs that did so in Discover; the rest is
//! reported and never denied, since asking before each open of a program would cost every exec.
//! A rule an operator made is enforced in Protect.

use rampart_model::{ConfigSource, FileBehavior, FileRule, Mode, Verdict};

/// A path that is always watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// `*` stands for one path component.
    pub filter: &'static str,
    pub recursive: bool,
    /// The package database: its change is an installation.
    pub packages: bool,
    /// Denied in Protect to programs that were not seen to change it.
    pub guarded: bool,
}

const fn plain(filter: &'static str) -> Watched {
    Watched {
        filter,
        recursive: false,
        packages: false,
        guarded: false,
    }
}

const fn tree(filter: &'static str) -> Watched {
    Watched {
        filter,
        recursive: true,
        packages: false,
        guarded: false,
    }
}

const fn guarded(filter: &'static str) -> Watched {
    Watched {
        guarded: true,
        ..plain(filter)
    }
}

const fn packages(filter: &'static str) -> Watched {
    Watched {
        packages: true,
        ..guarded(filter)
    }
}

/// What NeuVector watches in every container and on every host.
pub const WATCHED: &[Watched] = &[
    packages("/var/lib/dpkg/status"),
    packages("/var/lib/rpm/Packages"),
    packages("/var/lib/rpm/Packages.db"),
    packages("/var/lib/rpm/rpmdb.sqlite"),
    packages("/lib/apk/db/installed"),
    plain("/etc/hosts"),
    guarded("/etc/passwd"),
    guarded("/etc/shadow"),
    plain("/etc/resolv.conf"),
    guarded("/home/*/.ssh/*"),
    guarded("/root/.ssh/*"),
    plain("/lib/ld-linux*"),
    plain("/lib/libc.*"),
    plain("/lib/libpthread*"),
    plain("/lib64/ld-linux*"),
    plain("/lib64/libc.*"),
    plain("/lib64/libpthread*"),
    tree("/bin"),
    tree("/sbin"),
    tree("/usr/bin"),
    tree("/usr/sbin"),
    tree("/usr/local/bin"),
    tree("/usr/local/sbin"),
];

/// An access to a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileAsk<'a> {
    /// Absolute, inside the container.
    pub path: &'a str,
    /// `None` when it cannot be told whether the file may be changed through this access.
    pub write: Option<bool>,
    /// Path of the executable that asks.
    pub application: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVerdict {
    pub verdict: Verdict,
    /// Filter of the rule that decided; empty if none did.
    pub filter: String,
    pub behavior: FileBehavior,
    /// Always watched, not by an operator's rule.
    pub predefined: bool,
    /// The package database.
    pub packages: bool,
}

impl FileVerdict {
    fn none() -> Self {
        Self {
            verdict: Verdict::Allow,
            filter: String::new(),
            behavior: FileBehavior::MonitorChange,
            predefined: false,
            packages: false,
        }
    }

    /// Whether something is to be reported.
    pub fn is_violation(&self) -> bool {
        matches!(self.verdict, Verdict::Violate | Verdict::Deny)
    }

    /// NeuVector's name for the event, of a container or of a host.
    pub fn incident_name(&self, host: bool) -> &'static str {
        match (self.packages, host) {
            (true, true) => "Host.Package.Updated",
            (true, false) => "Container.Package.Updated",
            (false, true) => "Host.FileAccess.Violation",
            (false, false) => "Container.FileAccess.Violation",
        }
    }
}

/// Judges an access by the rules in force.
pub fn judge(rules: &[FileRule], mode: Mode, ask: &FileAsk<'_>) -> FileVerdict {
    match strongest(rules, ask.path) {
        Some(rule) => FileVerdict {
            verdict: match rule.behavior {
                FileBehavior::BlockAccess => blocked(rule, mode, ask),
                FileBehavior::MonitorChange => monitored(rule, mode, ask),
            },
            filter: rule.filter.clone(),
            behavior: rule.behavior,
            predefined: false,
            packages: WATCHED
                .iter()
                .any(|w| w.packages && covers(w.filter, w.recursive, ask.path)),
        },
        None => predefined(mode, ask),
    }
}

fn blocked(rule: &FileRule, mode: Mode, ask: &FileAsk<'_>) -> Verdict {
    if allowed(rule, ask.application) {
        return Verdict::Allow;
    }
    match mode {
        Mode::Discover => Verdict::Learn,
        Mode::Monitor => Verdict::Violate,
        Mode::Protect => Verdict::Deny,
    }
}

fn monitored(rule: &FileRule, mode: Mode, ask: &FileAsk<'_>) -> Verdict {
    match (ask.write, mode) {
        (Some(false), _) => Verdict::Allow,
        _ if allowed(rule, ask.application) => Verdict::Allow,
        (_, Mode::Protect) => Verdict::Deny,
        (Some(true), Mode::Discover) if rule.source == ConfigSource::Learned => Verdict::Learn,
        (Some(true), _) => Verdict::Violate,
        // The change itself will be seen, if there is one.
        (None, _) => Verdict::Allow,
    }
}

fn predefined(mode: Mode, ask: &FileAsk<'_>) -> FileVerdict {
    let Some(watched) = WATCHED
        .iter()
        .find(|w| covers(w.filter, w.recursive, ask.path))
    else {
        return FileVerdict::none();
    };
    let verdict = match (ask.write, watched.guarded, mode) {
        (Some(false), _, _) => return FileVerdict::none(),
        (_, true, Mode::Protect) => Verdict::Deny,
        // The change itself will be seen, if there is one.
        (None, _, _) => return FileVerdict::none(),
        (Some(true), true, Mode::Discover) => Verdict::Learn,
        (Some(true), _, _) => Verdict::Violate,
    };
    FileVerdict {
        verdict,
        filter: watched.filter.to_owned(),
        behavior: FileBehavior::MonitorChange,
        predefined: true,
        packages: watched.packages,
    }
}

/// The rule that decides for a path: block, then recursive, then plain; the longest filter among
/// equals.
pub fn strongest<'a>(rules: &'a [FileRule], path: &str) -> Option<&'a FileRule> {
    rules
        .iter()
        .filter(|rule| covers(&rule.filter, rule.recursive, path))
        .max_by_key(|rule| {
            (
                rule.behavior == FileBehavior::BlockAccess,
                rule.recursive,
                rule.filter.len(),
            )
        })
}

fn allowed(rule: &FileRule, application: &str) -> bool {
    rule.applications.iter().any(|listed| {
        listed == application
            || (!listed.contains('/') && application.rsplit('/').next() == Some(listed.as_str()))
    })
}

/// Whether a filter covers a path. `*` in a component stands for any part of that component; a
/// recursive filter also covers everything below what it names, and `dir/*` everything below `dir`.
pub fn covers(filter: &str, recursive: bool, path: &str) -> bool {
    let mut want = components(filter);
    let mut have = components(path);
    loop {
        match (want.next(), have.next()) {
            (None, None) => return true,
            (None, Some(_)) => return recursive,
            (Some(_), None) => return false,
            (Some(pattern), Some(name)) if !glob(pattern, name) => return false,
            _ => {}
        }
    }
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// `*` is any run of characters. Linear in the name for each star.
fn glob(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut rest) = name.strip_prefix(head) else {
        return false;
    };
    let mut parts = tail.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// Says what is wrong with a rule before it is stored.
pub fn validate(rule: &FileRule) -> Result<(), &'static str> {
    if !rule.filter.starts_with('/') || rule.filter.len() > 4096 {
        return Err("a file filter is an absolute path of at most 4096 bytes");
    }
    if components(&rule.filter).any(|part| part == "." || part == "..") {
        return Err("a file filter holds no `.` or `..`");
    }
    if components(&rule.filter).all(|part| part == "*") {
        return Err("a file filter names at least one directory");
    }
    if rule.applications.len() > 256
        || rule
            .applications
            .iter()
            .any(|a| a.is_empty() || a.len() > 4096)
    {
        return Err("a file rule has at most 256 applications, each of 1 to 4096 bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::*;
    use Verdict::*;

    #[test]
    fn filters_cover() {
        let check = |filter: &str, recursive, path: &str, expected| {
            assert_eq!(
                covers(filter, recursive, path),
                expected,
                "{filter} {recursive} {path}"
            );
        };
        check("/etc/passwd", false, "/etc/passwd", true);
        check("/etc/passwd", false, "/etc/passwd-", false);
        check("/etc", false, "/etc/passwd", false);
        check("/etc", true, "/etc/ssl/certs/x", true);
        check("/etc", true, "/etcetera/x", false);
        check("/etc/", true, "/etc/x", true);
        check("/etc/*", false, "/etc/x", true);
        check("/etc/*", false, "/etc/x/y", false);
        check("/etc/*", true, "/etc/x/y", true);
        check("/home/*/.ssh/*", false, "/home/a/.ssh/id", true);
        check("/home/*/.ssh/*", false, "/home/a/b/.ssh/id", false);
        check("/lib/ld-linux*", false, "/lib/ld-linux-x86-64.so.2", true);
        check("/var/*.log", false, "/var/a.log", true);
        check("/var/*.log", false, "/var/a.log.1", false);
        check("/var/a*b*c", false, "/var/aXbYc", true);
        check("/var/a*b*c", false, "/var/aXcYb", false);
        check("/var/ab*b", false, "/var/ab", false);
    }

    /// `block|watch[+r] filter apps` rules.
    fn rules(texts: &[&str]) -> Vec<FileRule> {
        texts
            .iter()
            .map(|text| {
                let mut words = text.split_whitespace();
                let kind = words.next().unwrap();
                FileRule {
                    behavior: if kind.starts_with("block") {
                        FileBehavior::BlockAccess
                    } else {
                        FileBehavior::MonitorChange
                    },
                    recursive: kind.ends_with("+r"),
                    filter: words.next().unwrap().into(),
                    applications: words.map(Into::into).collect(),
                    ..FileRule::default()
                }
            })
            .collect()
    }

    #[test]
    fn accesses_are_judged() {
        let check = |texts: &[&str], mode, write, path: &str, expected, filter: &str| {
            let ask = FileAsk {
                path,
                write,
                application: "/bin/app",
            };
            let got = judge(&rules(texts), mode, &ask);
            assert_eq!(
                (got.verdict, got.filter.as_str()),
                (expected, filter),
                "{texts:?} {mode} {ask:?}"
            );
        };
        let (read, write, unknown) = (Some(false), Some(true), None);
        // Always watched: reported, and denied where it is guarded.
        for mode in [Discover, Monitor, Protect] {
            check(&[], mode, write, "/etc/hosts", Violate, "/etc/hosts");
            check(&[], mode, unknown, "/etc/hosts", Allow, "");
            check(&[], mode, read, "/etc/passwd", Allow, "");
        }
        check(&[], Discover, write, "/etc/passwd", Learn, "/etc/passwd");
        check(&[], Monitor, write, "/etc/passwd", Violate, "/etc/passwd");
        check(&[], Monitor, unknown, "/etc/passwd", Allow, "");
        check(&[], Protect, write, "/etc/passwd", Deny, "/etc/passwd");
        check(&[], Protect, unknown, "/etc/passwd", Deny, "/etc/passwd");
        check(&[], Protect, write, "/root/.ssh/id", Deny, "/root/.ssh/*");
        check(&[], Protect, write, "/usr/bin/x/y", Violate, "/usr/bin");
        check(&[], Protect, write, "/data/x", Allow, "");
        // A monitor rule is enforced in Protect.
        let watch = &["watch /etc/passwd"];
        check(watch, Monitor, write, "/etc/passwd", Violate, "/etc/passwd");
        check(watch, Protect, write, "/etc/passwd", Deny, "/etc/passwd");
        check(watch, Protect, unknown, "/etc/passwd", Deny, "/etc/passwd");
        check(watch, Protect, read, "/etc/passwd", Allow, "/etc/passwd");
        check(watch, Monitor, unknown, "/etc/passwd", Allow, "/etc/passwd");
        check(
            &["watch /etc/passwd /bin/app"],
            Protect,
            write,
            "/etc/passwd",
            Allow,
            "/etc/passwd",
        );
        check(
            &["watch /etc/passwd app"],
            Protect,
            write,
            "/etc/passwd",
            Allow,
            "/etc/passwd",
        );
        check(
            &["watch /etc/passwd /x/app"],
            Protect,
            write,
            "/etc/passwd",
            Deny,
            "/etc/passwd",
        );
        // A block rule answers reads too.
        let block = &["block+r /secret"];
        check(block, Discover, read, "/secret/a", Learn, "/secret");
        check(block, Monitor, read, "/secret/a", Violate, "/secret");
        check(block, Protect, read, "/secret/a", Deny, "/secret");
        check(
            &["block+r /secret /bin/app"],
            Protect,
            write,
            "/secret/a",
            Allow,
            "/secret",
        );
        // Precedence.
        let all = &["watch /d/f /bin/app", "watch+r /d", "block /d/*"];
        check(all, Protect, read, "/d/f", Deny, "/d/*");
        check(&all[..2], Protect, write, "/d/f", Deny, "/d");
        check(&all[..1], Protect, write, "/d/f", Allow, "/d/f");
    }

    #[test]
    fn names_of_incidents() {
        let of = |path| {
            judge(
                &[],
                Monitor,
                &FileAsk {
                    path,
                    write: Some(true),
                    application: "",
                },
            )
        };
        assert_eq!(
            of("/etc/passwd").incident_name(false),
            "Container.FileAccess.Violation"
        );
        assert_eq!(
            of("/var/lib/dpkg/status").incident_name(false),
            "Container.Package.Updated"
        );
        assert_eq!(
            of("/lib/apk/db/installed").incident_name(true),
            "Host.Package.Updated"
        );
    }

    #[test]
    fn rules_are_validated() {
        for good in ["watch /etc/passwd", "block /a/*"] {
            assert_eq!(validate(&rules(&[good])[0]), Ok(()));
        }
        for bad in ["watch etc", "watch /", "watch /*", "watch /a/../b"] {
            assert!(validate(&rules(&[bad])[0]).is_err(), "{bad}");
        }
    }
}
