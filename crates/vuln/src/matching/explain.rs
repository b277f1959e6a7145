//! Why a package has a finding, or has not: every row about it, and what it made of the version.

use super::{MatchOptions, Plan, Search, judge::Verdict};
use crate::{
    advisory::{End, Interval},
    db::{Database, DbError},
};
use rampart_model::{Distro, Package, scan::FixStatus};

/// One row's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Where the row stands, and the name it was found under; empty if no row was asked.
    pub bucket: String,
    pub name: String,
    /// The version that was compared, and by whose order.
    pub version: String,
    pub scheme: String,
    pub feed: String,
    /// The id the row gives, and the advisories that say so.
    pub id: String,
    pub advisories: Vec<String>,
    pub status: FixStatus,
    /// The intervals, such as `[2.0, 2.3)`, or the number of versions it names.
    pub range: String,
    pub affected: bool,
    /// In words.
    pub verdict: String,
}

/// All rows about `id` (any of its names) in the package's places, in the order they are asked.
pub fn explain(
    db: &Database,
    distro: Option<&Distro>,
    package: &Package,
    id: &str,
    options: &MatchOptions,
) -> Result<Vec<Reason>, DbError> {
    let mut names = db.resolve(id)?;
    names.push(id.to_owned());
    let packages = std::slice::from_ref(package);
    let mut search = Search::new(db, distro, packages, options);
    let places = match search.plan(package) {
        Plan::Places(places) => places,
        Plan::OwnedByOs => {
            return Ok(vec![unasked(
                package,
                id,
                "belongs to a system package, whose advisories decide",
            )]);
        }
        Plan::Foreign(maker) => {
            return Ok(vec![unasked(
                package,
                id,
                &format!("made by {maker}: not judged by the distribution's advisories"),
            )]);
        }
        Plan::NoAdvisories => {
            let why = search
                .problems
                .first()
                .map_or("no advisories", |problem| problem.reason.as_str());
            return Ok(vec![unasked(package, id, why)]);
        }
    };
    let mut reasons = Vec::new();
    for place in &places {
        let groups = db.rows_of(&place.bucket, &place.lookup.name, &mut search.strings)?;
        for group in &groups {
            let mut ids = Vec::new();
            group
                .each_id(&search.strings, |id| ids.push(id.to_string()))
                .map_err(|_| DbError::corrupt("rows of a package"))?;
            let subject = search.subject(package, &place.lookup.version);
            let verdict = super::judge::judge(
                &subject,
                group,
                &search.strings,
                &mut Interval::default(),
                true,
            );
            let intervals: Vec<Interval> = (0..group.intervals.len())
                .map(|at| group.interval(at, &search.strings))
                .collect();
            let (affected, words) = match &verdict {
                Ok(verdict) => in_words(verdict, &intervals),
                Err(error) => (false, error.to_string()),
            };
            for id in ids.into_iter().filter(|id| names.contains(id)) {
                reasons.push(Reason {
                    bucket: place.bucket.clone(),
                    name: place.lookup.name.clone(),
                    version: place.lookup.version.clone(),
                    scheme: subject.scheme.to_string(),
                    feed: db.feed_name(group.feed).to_owned(),
                    id,
                    advisories: search.strings.list(group.errata),
                    status: group.status,
                    range: range(&intervals, group.versions.len()),
                    affected,
                    verdict: words.clone(),
                });
            }
        }
    }
    Ok(reasons)
}

fn unasked(package: &Package, id: &str, why: &str) -> Reason {
    Reason {
        bucket: String::new(),
        name: package.name.clone(),
        version: package.version.clone(),
        scheme: String::new(),
        feed: String::new(),
        id: id.to_owned(),
        advisories: Vec::new(),
        status: FixStatus::UnderInvestigation,
        range: String::new(),
        affected: false,
        verdict: why.to_owned(),
    }
}

fn in_words(verdict: &Verdict, intervals: &[Interval]) -> (bool, String) {
    match verdict {
        Verdict::Elsewhere => (
            false,
            "speaks of another architecture or module stream".to_owned(),
        ),
        Verdict::UnknownModule => (
            false,
            "speaks of a module stream, and the package does not name its own".to_owned(),
        ),
        Verdict::Outside => (false, "the version lies outside".to_owned()),
        Verdict::NotAffected => (false, "the feed says it is not affected".to_owned()),
        Verdict::Affected(Some(at)) => {
            let interval = intervals.get(*at).map(show).unwrap_or_default();
            (true, format!("the version lies in {interval}"))
        }
        Verdict::Affected(None) => (true, "the version is named, or all are affected".to_owned()),
    }
}

fn range(intervals: &[Interval], versions: usize) -> String {
    let mut parts: Vec<String> = intervals.iter().map(show).collect();
    if versions > 0 {
        parts.push(format!("{versions} named versions"));
    }
    if parts.is_empty() {
        parts.push("all versions".to_owned());
    }
    parts.join(", ")
}

fn show(interval: &Interval) -> String {
    let start = match interval.introduced.as_str() {
        "" | "0" => "(".to_owned(),
        version => format!("[{version}"),
    };
    match &interval.end {
        End::Open => format!("{start}, )"),
        End::Fixed(version) => format!("{start}, {version})"),
        End::LastAffected(version) => format!("{start}, {version}]"),
    }
}
