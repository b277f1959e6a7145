//! What is known to be wrong with the packages found: the join of a list of packages with the
//! database.
//!
//! A package is looked up where its ecosystem's advisories stand (`distro`, `package`), each row
//! judges its version by the ecosystem's own order (`judge`), and of several rows about one flaw
//! the most specific decides. What could not be judged is never left out in silence: it is a
//! problem of the report.

mod distro;
mod explain;
mod judge;
mod package;
mod severity;

pub use explain::{Reason, explain};

use crate::{
    advisory::{Interval, Record},
    db::{Database, DbError, Strings, Text, TextPage},
    version::Scheme,
};
use distro::{Judges, Naming, problem};
use judge::{Decided, OwnId, Said, Subject, Verdict};
use package::Lookup;
use rampart_model::{
    Distro, Package,
    scan::{Epss, FixStatus, ScanProblem, Severity, Suppression, Vulnerability},
};
use std::{cmp::Ordering, collections::BTreeMap};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchOptions {
    /// Channels the machine is subscribed to (`esm-apps`, `eus-9.2`): their advisories replace the
    /// release's own. Those of Ubuntu are also taken for packages that came from them.
    pub channels: Vec<String>,
    /// Language packages that the distribution installed are judged by both; else by it alone.
    pub comprehensive: bool,
    /// Fill in titles, descriptions and references.
    pub details: bool,
    /// Findings of these statuses are left out.
    pub ignore_statuses: Vec<FixStatus>,
    /// `uname -r` of a host: findings in other kernels do not count.
    pub running_kernel: Option<String>,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            channels: Vec::new(),
            comprehensive: false,
            details: true,
            ignore_statuses: Vec::new(),
            running_kernel: None,
        }
    }
}

/// Findings, and what could not be judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// By package, then worst first, then by id.
    pub vulnerabilities: Vec<Vulnerability>,
    pub problems: Vec<ScanProblem>,
}

/// The findings alone. A report wants [`find`], which also says what was not judged.
pub fn match_packages(
    db: &Database,
    distro: Option<&Distro>,
    packages: &[Package],
    options: &MatchOptions,
) -> Result<Vec<Vulnerability>, DbError> {
    Ok(find(db, distro, packages, options)?.vulnerabilities)
}

pub fn find(
    db: &Database,
    distro: Option<&Distro>,
    packages: &[Package],
    options: &MatchOptions,
) -> Result<Matches, DbError> {
    let mut search = Search::new(db, distro, packages, options);
    for (index, package) in packages.iter().enumerate() {
        search.package(index, package)?;
    }
    search.finish()
}

/// Where and as what a package is looked up.
#[derive(Debug)]
struct Place {
    bucket: String,
    /// How much it is the package's own: a channel before the release, its name before its source's.
    rank: u8,
    lookup: Lookup,
}

/// A package's own answer to "where are you looked up".
enum Plan {
    Places(Vec<Place>),
    /// Not judged, and this is why it is no problem.
    OwnedByOs,
    /// Not judged, to be told.
    Foreign(String),
    NoAdvisories,
}

struct Search<'a> {
    db: &'a Database,
    options: &'a MatchOptions,
    packages: &'a [Package],
    judges: Option<Judges>,
    running_kernel: Option<&'a str>,
    strings: Strings,
    scratch: Interval,
    found: Vec<(OwnId, Vulnerability)>,
    problems: Vec<ScanProblem>,
    /// Maker → packages.
    foreign: BTreeMap<String, Vec<usize>>,
    unlabelled: Vec<usize>,
}

impl<'a> Search<'a> {
    fn new(
        db: &'a Database,
        distro: Option<&Distro>,
        packages: &'a [Package],
        options: &'a MatchOptions,
    ) -> Self {
        let mut problems = Vec::new();
        let system = packages
            .iter()
            .filter(|package| package.kind.is_os())
            .count();
        let judges = match distro {
            _ if system == 0 => None,
            Some(distro) => distro::judges(db, distro, &mut problems),
            None => {
                problems.push(problem(format!(
                    "the distribution is not known: {system} system packages were not judged"
                )));
                None
            }
        };
        if let Some(distro) = distro.filter(|distro| distro.end_of_life) {
            let since = match distro.end_of_life_date.as_str() {
                "" => String::new(),
                date => format!(" since {date}"),
            };
            problems.push(problem(format!("{} {} is past its end of security support{since}: newer flaws stay unfixed and may be unknown", distro.id, distro.version)));
        }
        let running_kernel = options.running_kernel.as_deref().filter(|running| {
            let known = packages
                .iter()
                .any(|package| package::kernel_of(package).as_deref() == Some(running));
            if !known
                && packages
                    .iter()
                    .any(|package| package::kernel_of(package).is_some())
            {
                problems.push(problem(format!(
                    "the running kernel {running} is none of the installed ones: all of them count"
                )));
            }
            known
        });
        Self {
            db,
            options,
            packages,
            judges,
            running_kernel,
            strings: Strings::default(),
            scratch: Interval::default(),
            found: Vec::new(),
            problems,
            foreign: BTreeMap::new(),
            unlabelled: Vec::new(),
        }
    }

    fn plan(&self, package: &Package) -> Plan {
        if !package.kind.is_os() {
            if package.owned_by_os && !self.options.comprehensive {
                return Plan::OwnedByOs;
            }
            return Plan::Places(vec![Place {
                bucket: package.kind.to_string(),
                rank: 0,
                lookup: package::of_language(package),
            }]);
        }
        let Some(judges) = &self.judges else {
            return Plan::NoAdvisories;
        };
        if let Some(maker) = package::foreign_maker(package, judges.family) {
            return Plan::Foreign(maker);
        }
        let mut places = Vec::new();
        for (own, lookup) in package::of_os(package, judges.family, &judges.by)
            .into_iter()
            .enumerate()
        {
            let own = u8::from(own > 0);
            for channel in self.channels_of(package) {
                let bucket = judges.channel(channel);
                if self.db.has_bucket(&bucket) {
                    places.push(Place {
                        bucket,
                        rank: 2 + own,
                        lookup: lookup.clone(),
                    });
                }
            }
            places.push(Place {
                bucket: judges.base.clone(),
                rank: own,
                lookup,
            });
        }
        Plan::Places(places)
    }

    fn channels_of(&self, package: &Package) -> Vec<&str> {
        let mut channels: Vec<&str> = self.options.channels.iter().map(String::as_str).collect();
        if package.version.contains("esm") {
            channels.extend(["esm-infra", "esm-apps"]);
            channels.sort_unstable();
            channels.dedup();
        }
        channels
    }

    fn package(&mut self, index: usize, package: &Package) -> Result<(), DbError> {
        let places = match self.plan(package) {
            Plan::Places(places) => places,
            Plan::Foreign(maker) => {
                self.foreign.entry(maker).or_default().push(index);
                return Ok(());
            }
            Plan::OwnedByOs | Plan::NoAdvisories => return Ok(()),
        };
        let mut all: Vec<Said> = Vec::new();
        let mut about: Vec<(OwnId, usize)> = Vec::new();
        for place in &places {
            self.ask(place, index, package, &mut all, &mut about)?;
        }
        about.sort();
        let Some(place) = places.first() else {
            return Ok(());
        };
        let subject = self.subject(package, &place.lookup.version);
        let mut decided = Vec::new();
        for same in about.chunk_by(|a, b| a.0 == b.0) {
            let said: Vec<&Said> = same.iter().filter_map(|(_, at)| all.get(*at)).collect();
            if let (Some((id, _)), Some(outcome)) = (same.first(), judge::decide(&subject, &said)) {
                decided.push((id.clone(), outcome));
            }
        }
        let by_source = self
            .judges
            .as_ref()
            .is_some_and(|judges| judges.family.naming != Naming::Binary);
        let excuse = package::kernel_excuse(package, self.running_kernel, by_source);
        for (id, outcome) in decided {
            self.keep(index, id, outcome, excuse.as_deref());
        }
        Ok(())
    }

    fn subject<'p>(&self, package: &'p Package, version: &'p str) -> Subject<'p> {
        Subject {
            package,
            version,
            scheme: Scheme::of(package.kind),
            without_epochs: package.kind.is_os()
                && self
                    .judges
                    .as_ref()
                    .is_some_and(|judges| judges.family.without_epochs),
        }
    }

    /// Lets the rows of one place speak.
    fn ask(
        &mut self,
        place: &Place,
        index: usize,
        package: &Package,
        all: &mut Vec<Said>,
        about: &mut Vec<(OwnId, usize)>,
    ) -> Result<(), DbError> {
        let db = self.db;
        let groups = db.rows_of(&place.bucket, &place.lookup.name, &mut self.strings)?;
        let mut failed = None;
        let mut silent = 0;
        for group in &groups {
            let subject = self.subject(package, &place.lookup.version);
            // Where it is fixed in the more special place, the more general one is not asked.
            let outside_counts = place.rank > 0;
            let (strings, scratch) = (&self.strings, &mut self.scratch);
            let verdict = match judge::judge(&subject, group, strings, scratch, outside_counts) {
                Ok(verdict) => verdict,
                Err(error) => {
                    silent += 1;
                    failed = Some(error.to_string());
                    continue;
                }
            };
            match verdict {
                Verdict::Elsewhere => continue,
                Verdict::Outside if !outside_counts => continue,
                Verdict::UnknownModule => {
                    self.unlabelled.push(index);
                    continue;
                }
                Verdict::Outside | Verdict::NotAffected | Verdict::Affected(_) => {}
            }
            let subject = self.subject(package, &place.lookup.version);
            let at = all.len();
            all.push(judge::said(
                &subject,
                group,
                &self.strings,
                verdict,
                place.rank,
            ));
            group
                .each_id(&self.strings, |id| about.push((OwnId::from(id), at)))
                .map_err(|_| DbError::corrupt("rows of a package"))?;
        }
        if let Some(error) = failed {
            self.problems.push(ScanProblem {
                path: package.path.clone(),
                reason: format!(
                    "{} {}: {silent} of {} advisories were not judged: {error}",
                    package.name,
                    package.version,
                    groups.len()
                ),
                layer: package.layer,
            });
        }
        Ok(())
    }

    fn keep(&mut self, index: usize, id: OwnId, decided: Decided, excuse: Option<&str>) {
        if self.options.ignore_statuses.contains(&decided.status) {
            return;
        }
        let vulnerability = Vulnerability {
            id: id.to_string(),
            aliases: decided.errata,
            package: u32::try_from(index).unwrap_or(u32::MAX),
            fixed_versions: decided.fixed,
            status: decided.status,
            severity: decided.severity.unwrap_or_default(),
            feed: self.db.feed_name(decided.feed).to_owned(),
            suppressed: excuse.map(|reason| Suppression {
                by: "not-affected".to_owned(),
                reason: reason.to_owned(),
                source: "kernel".to_owned(),
            }),
            ..Vulnerability::default()
        };
        self.found.push((id, vulnerability));
    }

    fn finish(mut self) -> Result<Matches, DbError> {
        self.describe()?;
        self.tell_foreign();
        self.tell_unlabelled();
        // Findings are large: their places are sorted, and each moves once.
        let mut order: Vec<usize> = (0..self.found.len()).collect();
        order.sort_by(|&a, &b| match (self.found.get(a), self.found.get(b)) {
            (Some((a_id, a)), Some((b_id, b))) => a
                .package
                .cmp(&b.package)
                .then(b.severity.cmp(&a.severity))
                .then_with(|| a_id.cmp(b_id)),
            _ => Ordering::Equal,
        });
        let mut take = |at| {
            self.found
                .get_mut(at)
                .map(|(_, found)| std::mem::take(found))
        };
        Ok(Matches {
            vulnerabilities: order.into_iter().filter_map(&mut take).collect(),
            problems: self.problems,
        })
    }

    /// Adds what is known of each vulnerability, each looked up once and in the database's order.
    fn describe(&mut self) -> Result<(), DbError> {
        let mut order: Vec<(String, usize)> = self
            .found
            .iter_mut()
            .enumerate()
            .map(|(at, (_, found))| (std::mem::take(&mut found.id), at))
            .collect();
        order.sort_unstable();
        let mut page = TextPage::default();
        for same in order.chunk_by_mut(|a, b| a.0 == b.0) {
            let Some((id, _)) = same.first() else {
                continue;
            };
            let mut known = Known::of(self.db, id, self.options.details, &mut page)?;
            let last = same.len() - 1;
            for (nth, (id, at)) in same.iter_mut().enumerate() {
                let Some((_, found)) = self.found.get_mut(*at) else {
                    continue;
                };
                found.id = std::mem::take(id);
                if nth == last {
                    std::mem::take(&mut known).fill(found);
                } else {
                    known.clone().fill(found);
                }
            }
        }
        Ok(())
    }

    fn tell_foreign(&mut self) {
        for (maker, indices) in std::mem::take(&mut self.foreign) {
            let names = self.names(&indices);
            self.problems.push(ScanProblem {
                path: String::new(),
                reason: format!("{} packages of another maker ({maker}) are not judged by the distribution's advisories: {names}", indices.len()),
                layer: None,
            });
        }
    }

    fn tell_unlabelled(&mut self) {
        self.unlabelled.dedup();
        if self.unlabelled.is_empty() {
            return;
        }
        let names = self.names(&self.unlabelled);
        self.problems.push(ScanProblem {
            path: String::new(),
            reason: format!("{} packages come from a module, but do not say which stream: advisories of modules were not judged: {names}", self.unlabelled.len()),
            layer: None,
        });
    }

    fn names(&self, indices: &[usize]) -> String {
        const SHOWN: usize = 20;
        let mut names: Vec<&str> = indices
            .iter()
            .filter_map(|&at| self.packages.get(at))
            .map(|package| package.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        let rest = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let more = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        format!("{}{more}", names.join(", "))
    }
}

/// What the database knows of one vulnerability, whatever the package.
#[derive(Clone, Default)]
struct Known {
    record: Option<Record>,
    epss: Option<Epss>,
    text: Text,
}

impl Known {
    fn of(db: &Database, id: &str, details: bool, page: &mut TextPage) -> Result<Self, DbError> {
        let text = if details { db.text_of(id, page)? } else { None };
        Ok(Self {
            record: db.head_of(id)?,
            epss: db.epss_of(id)?,
            text: text.unwrap_or_default(),
        })
    }

    fn fill(self, found: &mut Vulnerability) {
        let vendor = Some(found.severity).filter(|&severity| severity != Severity::Unknown);
        (found.severity, found.severity_source) =
            severity::of(vendor, &found.feed, self.record.as_ref());
        found.epss = self.epss;
        found.title = self.text.title;
        found.description = self.text.description;
        found.references = self.text.references;
        let Some(mut record) = self.record else {
            return;
        };
        record.aliases.append(&mut found.aliases);
        found.aliases = record.aliases;
        found.cvss = record.cvss;
        found.known_exploited = record.known_exploited;
        found.cwes = record.cwes;
        found.published = record.published;
        found.modified = record.modified;
    }
}

/// Worst first by what an attacker is likely to do with it: known to be exploited, then severity,
/// then the odds of exploitation.
pub fn sort_by_risk(vulnerabilities: &mut [Vulnerability]) {
    vulnerabilities.sort_by(|a, b| {
        let key = |v: &Vulnerability| {
            (
                v.known_exploited.is_some(),
                v.severity,
                v.epss.map_or(0, |epss| epss.probability_ppm),
            )
        };
        key(b)
            .cmp(&key(a))
            .then_with(|| a.id.cmp(&b.id))
            .then(a.package.cmp(&b.package))
    });
}
