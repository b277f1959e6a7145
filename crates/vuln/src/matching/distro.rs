//! Whose advisories speak for a distribution, and which of them for a release.
//!
//! One row a distribution. Nobody is ever judged by another's data, except where the packages are
//! the other's own (CentOS and RHEL, a derivative that installs from Ubuntu's archive), and then
//! the report says so.

use crate::db::Database;
use rampart_model::{Distro, scan::ScanProblem};

/// How advisories name a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// `9` of `9.4`.
    Major,
    /// `3.19` of `3.19.1`.
    Minor,
    /// As the distribution writes it.
    Exact,
    /// There is only one, always current.
    Rolling,
}

/// What an advisory's package is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    Source,
    Binary,
    /// Either: what is said of the package itself replaces what is said of its source.
    SourceOrBinary,
}

/// What is to know of one distribution.
#[derive(Debug)]
pub(crate) struct Family {
    /// os-release ids.
    ids: &'static [&'static str],
    /// Whose advisories, best first.
    advisories: &'static [&'static str],
    release: Release,
    pub(crate) naming: Naming,
    /// What the vendor field of its own packages begins with, in lower case; empty: all are taken.
    pub(crate) vendors: &'static [&'static str],
    /// Its advisories leave epochs out.
    pub(crate) without_epochs: bool,
}

const fn family(
    ids: &'static [&'static str],
    advisories: &'static [&'static str],
    release: Release,
    naming: Naming,
    vendors: &'static [&'static str],
) -> Family {
    Family {
        ids,
        advisories,
        release,
        naming,
        vendors,
        without_epochs: false,
    }
}

use Naming::{Binary, Source, SourceOrBinary};
use Release::{Exact, Major, Minor, Rolling};

const RED_HAT: &[&str] = &["red hat", "centos", "fedora project"];
const SUSE: &[&str] = &["suse", "opensuse"];

#[rustfmt::skip]
pub(crate) const ALL: &[Family] = &[
    family(&["debian", "raspbian"], &["debian"], Major, Source, &[]),
    family(&["ubuntu"], &["ubuntu"], Exact, Source, &[]),
    family(&["alpine", "postmarketos-edge"], &["alpine"], Minor, SourceOrBinary, &[]),
    family(&["wolfi"], &["wolfi"], Rolling, SourceOrBinary, &[]),
    family(&["chainguard"], &["chainguard", "wolfi"], Rolling, SourceOrBinary, &[]),
    family(&["minimos"], &["minimos"], Rolling, SourceOrBinary, &[]),
    family(&["rhel", "redhat", "redhat-ubi"], &["rhel"], Major, SourceOrBinary, RED_HAT),
    family(&["centos"], &["centos", "rhel"], Major, SourceOrBinary, RED_HAT),
    family(&["almalinux", "alma"], &["almalinux", "alma"], Major, Binary, &["almalinux"]),
    family(&["rocky", "rockylinux"], &["rocky"], Major, Binary, &["rocky"]),
    family(&["ol", "oracle"], &["ol", "oracle"], Major, Binary, &["oracle"]),
    Family { without_epochs: true, ..family(&["amzn", "amazon"], &["amzn", "amazon"], Major, Binary, &["amazon"]) },
    family(&["sles", "sled", "sles_sap", "sle_hpc"], &["sles", "sled"], Exact, SourceOrBinary, SUSE),
    family(&["sl-micro", "sle-micro", "suse-microos"], &["sl-micro", "sle-micro"], Exact, SourceOrBinary, SUSE),
    family(&["opensuse-leap", "opensuse"], &["opensuse-leap", "opensuse"], Exact, SourceOrBinary, SUSE),
    family(&["opensuse-leap-micro"], &["opensuse-leap-micro"], Exact, SourceOrBinary, SUSE),
    family(&["opensuse-tumbleweed"], &["opensuse-tumbleweed"], Rolling, SourceOrBinary, SUSE),
    family(&["photon"], &["photon"], Exact, SourceOrBinary, &["vmware", "broadcom"]),
    family(&["azurelinux"], &["azurelinux"], Exact, SourceOrBinary, &["microsoft"]),
    family(&["mariner", "cbl-mariner"], &["mariner", "azurelinux"], Exact, SourceOrBinary, &["microsoft"]),
    family(&["fedora"], &["fedora"], Major, Binary, &["fedora"]),
    family(&["mageia"], &["mageia"], Major, Binary, &["mageia"]),
    family(&["openeuler"], &["openeuler"], Exact, SourceOrBinary, &[]),
    family(&["echo"], &["echo"], Rolling, SourceOrBinary, &[]),
    family(&["alpaquita"], &["alpaquita"], Rolling, SourceOrBinary, &[]),
    family(&["arch"], &["arch"], Rolling, Binary, &[]),
];

/// For a distribution not in the table: its own advisories, should the database have any.
const OTHER: Family = family(&[], &[], Exact, SourceOrBinary, &[]);

/// Code names, for derivatives and for releases that have no number yet.
#[rustfmt::skip]
const CODE_NAMES: &[(&str, &str, &str)] = &[
    ("debian", "stretch", "9"), ("debian", "buster", "10"), ("debian", "bullseye", "11"),
    ("debian", "bookworm", "12"), ("debian", "trixie", "13"), ("debian", "forky", "14"),
    ("debian", "sid", "sid"),
    ("ubuntu", "trusty", "14.04"), ("ubuntu", "xenial", "16.04"), ("ubuntu", "bionic", "18.04"),
    ("ubuntu", "focal", "20.04"), ("ubuntu", "jammy", "22.04"), ("ubuntu", "noble", "24.04"),
    ("ubuntu", "oracular", "24.10"), ("ubuntu", "plucky", "25.04"), ("ubuntu", "questing", "25.10"),
    ("ubuntu", "resolute", "26.04"),
];

/// The buckets that judge the packages of a distribution.
#[derive(Debug)]
pub(crate) struct Judges {
    pub(crate) family: &'static Family,
    /// Bucket of the release itself.
    pub(crate) base: String,
    /// Whose advisories they are.
    pub(crate) by: String,
}

impl Judges {
    pub(crate) fn channel(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }
}

/// Finds who judges, and what the reader of the report must know of it.
pub(crate) fn judges(
    db: &Database,
    distro: &Distro,
    problems: &mut Vec<ScanProblem>,
) -> Option<Judges> {
    let id = distro.id.as_str();
    let known = ALL.iter().find(|family| family.ids.contains(&id));
    if let Some(judges) = known.and_then(|family| of_family(db, family, family.advisories, distro))
    {
        if judges.by != id && !alike(judges.family, id, &judges.by) {
            problems.push(problem(format!(
                "{id} has no advisories of its own here: judged by {}'s",
                judges.base
            )));
        }
        return Some(judges);
    }
    if known.is_none() {
        if let Some(judges) = of_family(db, &OTHER, &[id], distro) {
            return Some(judges);
        }
        if let Some(judges) = of_derivative(db, distro) {
            problems.push(problem(format!(
                "{id} installs from another archive: judged by {}'s advisories",
                judges.base
            )));
            return Some(judges);
        }
    }
    let name = if distro.version.is_empty() {
        id.to_owned()
    } else {
        format!("{id} {}", distro.version)
    };
    let have = known
        .into_iter()
        .flat_map(|family| family.advisories)
        .any(|name| {
            let prefix = format!("os/{name}/");
            db.info()
                .buckets
                .iter()
                .any(|bucket| bucket.name.starts_with(&prefix))
        });
    problems.push(problem(match (known, have) {
        (None, _) => format!("{name} is not supported: its system packages were not judged"),
        (Some(_), true) => format!("the database has advisories of {id}, but none of {name}: its system packages were not judged"),
        (Some(_), false) => format!("the database has no advisories of {id}: its system packages were not judged"),
    }));
    None
}

/// Several ids of the same vendor, as `ol` and `oracle`.
fn alike(family: &Family, id: &str, by: &str) -> bool {
    family.ids.contains(&by)
        && family.ids.contains(&id)
        && !(id == "centos" || by == "centos")
        && id != "raspbian"
        || matches!(
            (id, by),
            ("redhat" | "redhat-ubi", "rhel") | ("sled" | "sles_sap" | "sle_hpc", "sles")
        )
}

fn of_family(
    db: &Database,
    family: &'static Family,
    names: &[&str],
    distro: &Distro,
) -> Option<Judges> {
    for &name in names {
        for release in releases(family, name, distro) {
            let base = format!("os/{name}/{release}");
            if db.has_bucket(&base) {
                return Some(Judges {
                    family,
                    base,
                    by: name.to_owned(),
                });
            }
        }
    }
    None
}

/// The release as advisories may name it, best first.
fn releases(family: &Family, name: &str, distro: &Distro) -> Vec<String> {
    let version = distro.version.as_str();
    let mut all = Vec::new();
    match family.release {
        Release::Rolling => all.push(String::new()),
        Release::Major => all.push(parts(version, 1)),
        Release::Minor if is_edge(distro) => all.push("edge".to_owned()),
        Release::Minor => all.push(parts(version, 2)),
        Release::Exact => {
            all.push(version.to_owned());
            all.push(parts(&distro.full_version, 2));
        }
    }
    if matches!(name, "amzn" | "amazon") && version.starts_with("201") {
        all = vec!["1".to_owned()];
    }
    if version.is_empty() {
        let code = CODE_NAMES
            .iter()
            .find(|(of, code, _)| *of == name && *code == distro.codename);
        all.extend(code.map(|(_, _, release)| (*release).to_owned()));
    }
    all.retain(|release| !release.is_empty() || family.release == Release::Rolling);
    all.dedup();
    all
}

fn is_edge(distro: &Distro) -> bool {
    let edge = |version: &str| version.contains("_alpha") || version.contains("edge");
    edge(&distro.version) || edge(&distro.full_version)
}

fn parts(version: &str, count: usize) -> String {
    version.split('.').take(count).collect::<Vec<_>>().join(".")
}

/// A derivative that says it is like Debian or Ubuntu, and by its code name which release of it.
fn of_derivative(db: &Database, distro: &Distro) -> Option<Judges> {
    let (of, _, release) = CODE_NAMES.iter().find(|(of, code, _)| {
        *code == distro.codename && distro.like.iter().any(|like| like == of)
    })?;
    let family = ALL.iter().find(|family| family.ids.contains(of))?;
    let base = format!("os/{of}/{release}");
    db.has_bucket(&base).then(|| Judges {
        family,
        base,
        by: (*of).to_owned(),
    })
}

pub(crate) fn problem(reason: String) -> ScanProblem {
    ScanProblem {
        path: "etc/os-release".to_owned(),
        reason,
        layer: None,
    }
}
