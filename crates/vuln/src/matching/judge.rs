//! Whether rows make a version vulnerable, and which row decides when several speak of one flaw.

use super::package::{ModuleFit, arch_fits, module_fits};
use crate::version::{InvalidVersion, Scheme, compare, is_affected};
use crate::{
    advisory::{End, Interval},
    db::{EndAt, Group, Id, Strings},
};
use rampart_model::{
    Package,
    scan::{FixStatus, Severity},
};
use std::cmp::Ordering;

/// What a group of rows says of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Speaks of other architectures or modules.
    Elsewhere,
    /// Not vulnerable: before the flaw came, or after it went.
    Outside,
    /// The feed says so of this version.
    NotAffected,
    /// Which of its intervals holds the version; none if a named version or the lack of any did.
    Affected(Option<usize>),
    /// Speaks of a module stream, and the package hides its own.
    UnknownModule,
}

/// A package as a scheme sees it.
pub(crate) struct Subject<'a> {
    pub(crate) package: &'a Package,
    pub(crate) version: &'a str,
    pub(crate) scheme: Scheme,
    pub(crate) without_epochs: bool,
}

impl Subject<'_> {
    /// The version to compare with a row's: without its epoch where the vendor's advisories have none.
    fn version_for(&self, row_has_epoch: bool) -> &str {
        match self.version.split_once(':') {
            Some((_, rest)) if self.without_epochs && !row_has_epoch => rest,
            _ => self.version,
        }
    }

    fn holds(&self, interval: &Interval) -> Result<bool, InvalidVersion> {
        let end = match &interval.end {
            End::Open => "",
            End::Fixed(version) | End::LastAffected(version) => version,
        };
        let epoch = interval.introduced.contains(':') || end.contains(':');
        is_affected(self.scheme, interval, self.version_for(epoch))
    }

    pub(crate) fn order(&self, other: &str) -> Option<Ordering> {
        compare(self.scheme, self.version_for(other.contains(':')), other).ok()
    }
}

/// `scratch` spares an allocation for each interval. `outside_counts`: it matters to the caller
/// whether a row that does not hold the version spoke of the package at all.
pub(crate) fn judge(
    subject: &Subject<'_>,
    group: &Group<'_>,
    strings: &Strings,
    scratch: &mut Interval,
    outside_counts: bool,
) -> Result<Verdict, InvalidVersion> {
    if !arch_fits(
        &subject.package.arch,
        group.arches.iter().map(|at| strings.get(at)),
    ) {
        return Ok(Verdict::Elsewhere);
    }
    let module = group.module.map_or("", |at| strings.get(at));
    let within = within(subject, group, strings, scratch);
    // Nearly all rows are about versions long gone: whether they are a module's is not looked into.
    if module.is_empty() && !outside_counts && matches!(within, Ok(None)) {
        return Ok(Verdict::Outside);
    }
    let modular = group.intervals.iter().any(|(_, end)| match end {
        EndAt::Fixed(at) => strings.get(*at).contains(".module"),
        _ => false,
    });
    match module_fits(subject.package, module, modular) {
        ModuleFit::Fits => {}
        ModuleFit::Not => return Ok(Verdict::Elsewhere),
        ModuleFit::Unknown => return Ok(Verdict::UnknownModule),
    }
    let within = within?;
    Ok(match (within, group.status) {
        (None, _) => Verdict::Outside,
        (Some(_), FixStatus::NotAffected) => Verdict::NotAffected,
        (Some(at), _) => Verdict::Affected(at),
    })
}

fn within(
    subject: &Subject<'_>,
    group: &Group<'_>,
    strings: &Strings,
    scratch: &mut Interval,
) -> Result<Option<Option<usize>>, InvalidVersion> {
    if group.intervals.is_empty() && group.versions.is_empty() {
        return Ok(Some(None));
    }
    let mut failed = None;
    for at in 0..group.intervals.len() {
        fill(scratch, group, at, strings);
        match subject.holds(scratch) {
            Ok(true) => return Ok(Some(Some(at))),
            Ok(false) => {}
            // The other intervals may still be comparable.
            Err(error) => failed = Some(error),
        }
    }
    let named = |at| {
        let version = strings.get(at);
        version == subject.version || subject.order(version) == Some(Ordering::Equal)
    };
    if group
        .versions
        .iter()
        .any(|at| strings.get(at) == subject.version)
        || group.versions.iter().any(named)
    {
        return Ok(Some(None));
    }
    failed.map_or(Ok(None), Err)
}

fn fill(scratch: &mut Interval, group: &Group<'_>, at: usize, strings: &Strings) {
    let Some(&(introduced, end)) = group.intervals.get(at) else {
        return;
    };
    scratch.introduced.clear();
    scratch
        .introduced
        .push_str(introduced.map_or("", |at| strings.get(at)));
    let mut text = match std::mem::take(&mut scratch.end) {
        End::Open => String::new(),
        End::Fixed(text) | End::LastAffected(text) => text,
    };
    text.clear();
    scratch.end = match end {
        EndAt::Open => End::Open,
        EndAt::Fixed(at) => {
            text.push_str(strings.get(at));
            End::Fixed(text)
        }
        EndAt::LastAffected(at) => {
            text.push_str(strings.get(at));
            End::LastAffected(text)
        }
    };
}

/// What one group says of a package, kept until all groups have spoken.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) verdict: Verdict,
    pub(crate) feed: usize,
    pub(crate) status: FixStatus,
    pub(crate) severity: Option<Severity>,
    /// Versions without the flaw that come after the installed one.
    pub(crate) fixed: Vec<String>,
    pub(crate) errata: Vec<String>,
    /// Of its place: the highest that speaks of a flaw replaces all lower ones.
    pub(crate) rank: u8,
}

pub(crate) fn said(
    subject: &Subject<'_>,
    group: &Group<'_>,
    strings: &Strings,
    verdict: Verdict,
    rank: u8,
) -> Said {
    let mut fixed: Vec<String> = strings.list(group.fixed_versions);
    for (_, end) in group.intervals.iter() {
        if let EndAt::Fixed(at) = end {
            fixed.push(strings.get(*at).to_owned());
        }
    }
    fixed.retain(|version| subject.order(version) != Some(Ordering::Greater));
    Said {
        verdict,
        feed: group.feed,
        status: group.status,
        severity: group.severity,
        fixed,
        errata: strings.list(group.errata),
        rank,
    }
}

/// An id that outlives the page it was read from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum OwnId {
    Cve(u64),
    Other(String),
}

impl From<Id<'_>> for OwnId {
    fn from(id: Id<'_>) -> Self {
        match id {
            Id::Cve(number) => Self::Cve(number),
            Id::Other(text) => Self::Other(text.to_owned()),
        }
    }
}

impl std::fmt::Display for OwnId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cve(number) => Id::Cve(*number).fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// What all rows together say of one flaw in one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) feed: usize,
    pub(crate) status: FixStatus,
    pub(crate) severity: Option<Severity>,
    pub(crate) fixed: Vec<String>,
    pub(crate) errata: Vec<String>,
}

/// "Not affected" from anyone who speaks of this package beats all; a more special place
/// replaces a more general one; of the rest, one that says affected is enough. The row that decides is the one with a fix.
pub(crate) fn decide(subject: &Subject<'_>, all: &[&Said]) -> Option<Decided> {
    if all.iter().any(|said| said.verdict == Verdict::NotAffected) {
        return None;
    }
    let rank = all.iter().map(|said| said.rank).max()?;
    let affected = all
        .iter()
        .filter(|said| said.rank == rank && matches!(said.verdict, Verdict::Affected(_)));
    let mut affected: Vec<&&Said> = affected.collect();
    affected.sort_by_key(|said| (said.fixed.is_empty(), definite(said.status), said.feed));
    let first = affected.first()?;
    let mut fixed: Vec<String> = affected
        .iter()
        .flat_map(|said| said.fixed.iter().cloned())
        .collect();
    fixed.sort_by(|a, b| {
        compare(subject.scheme, a, b)
            .unwrap_or_else(|_| a.cmp(b))
            .then_with(|| a.cmp(b))
    });
    fixed.dedup();
    let mut errata: Vec<String> = affected
        .iter()
        .flat_map(|said| said.errata.iter().cloned())
        .collect();
    errata.sort();
    errata.dedup();
    let status = match first.status {
        _ if !fixed.is_empty() => FixStatus::Fixed,
        FixStatus::Fixed => FixStatus::Affected,
        other => other,
    };
    let severity = affected.iter().find_map(|said| said.severity);
    Some(Decided {
        feed: first.feed,
        status,
        severity,
        fixed,
        errata,
    })
}

/// What a vendor has decided says more than that it has not.
fn definite(status: FixStatus) -> u8 {
    match status {
        FixStatus::Fixed | FixStatus::NotAffected => 0,
        FixStatus::EndOfLife | FixStatus::WillNotFix => 1,
        FixStatus::FixDeferred => 2,
        FixStatus::Affected => 3,
        FixStatus::UnderInvestigation => 4,
    }
}
