//! Which ids mean the same flaw.
//!
//! Feeds name one flaw by several ids (CVE, GHSA, PYSEC, GO, RUSTSEC) and tell of each other's.
//! Those are joined by union-find, and the CVE stands for all. Two things must not happen: an
//! erratum (`DSA-…`, `RHSA-…`) that fixes twenty flaws must not make them one, and an id that
//! stands for two CVEs must not make one of two. So errata are never joined, and only CVE-less
//! ids are: a set of them that touches several CVEs stands for each of those.

use super::row::cve_number;
use std::collections::{BTreeMap, BTreeSet};

/// Beginnings of ids that name one flaw. All others name an advisory, which may name many.
const FLAW: &[&str] = &[
    "GHSA-",
    "PYSEC-",
    "GO-",
    "RUSTSEC-",
    "OSV-",
    "MAL-",
    "GSD-",
    "HSEC-",
    "RSEC-",
    "OSEC-",
    "JLSEC-",
    "EEF-",
    "BIT-",
    "CGA-",
    "ECHO-",
    "MINI-",
    "AZL-",
    "TEMP-",
    "CAN-",
    "DEBIAN-CVE-",
    "UBUNTU-CVE-",
    "ALPINE-CVE-",
    "SNYK-",
    "NSWG-",
    "NPM-",
    "GMS-",
    "V8-",
    "DRUPAL-",
    "CURL-CVE-",
];

pub(crate) fn is_cve(id: &str) -> bool {
    cve_number(id).is_some()
}

/// Whether the id names one flaw, and no more.
pub(crate) fn is_flaw(id: &str) -> bool {
    is_cve(id) || FLAW.iter().any(|prefix| id.starts_with(prefix))
}

/// Pairs as feeds give them, then the answer to "what is this id's name here".
#[derive(Default)]
pub(crate) struct Aliases {
    pairs: BTreeSet<(String, String)>,
}

impl Aliases {
    /// Notes that `a` and `b` name the same, if both name flaws and not both are CVEs.
    pub(crate) fn join(&mut self, a: &str, b: &str) {
        if a != b && is_flaw(a) && is_flaw(b) && !(is_cve(a) && is_cve(b)) {
            let (a, b) = if a < b { (a, b) } else { (b, a) };
            if !self.pairs.contains(&(a.to_owned(), b.to_owned())) {
                self.pairs.insert((a.to_owned(), b.to_owned()));
            }
        }
    }

    pub(crate) fn resolve(&self) -> Resolved {
        let mut sets = Sets::default();
        let mut cves: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (a, b) in &self.pairs {
            match (is_cve(a), is_cve(b)) {
                (false, false) => sets.union(a, b),
                (true, _) => _ = cves.entry(b).or_default().insert(a),
                (_, true) => _ = cves.entry(a).or_default().insert(b),
            }
        }
        let mut classes: BTreeMap<usize, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
        let ids: BTreeSet<&str> = self
            .pairs
            .iter()
            .flat_map(|(a, b)| [a.as_str(), b])
            .filter(|id| !is_cve(id))
            .collect();
        for &id in &ids {
            let class = classes.entry(sets.root(id)).or_default();
            class.0.insert(id);
            class.1.extend(cves.get(id).into_iter().flatten());
        }
        let mut resolved = Resolved::default();
        for (members, named) in classes.values() {
            for &id in members {
                let own = cves.get(id).filter(|own| !own.is_empty()).unwrap_or(named);
                resolved.add(id, own, members);
            }
        }
        resolved
    }
}

/// Union-find over strings, by path halving.
#[derive(Default)]
struct Sets<'a> {
    index: BTreeMap<&'a str, usize>,
    parent: Vec<usize>,
}

impl<'a> Sets<'a> {
    fn root(&mut self, id: &'a str) -> usize {
        let next = self.parent.len();
        let mut at = *self.index.entry(id).or_insert(next);
        if at == next {
            self.parent.push(next);
        }
        while self.parent[at] != at {
            self.parent[at] = self.parent[self.parent[at]];
            at = self.parent[at];
        }
        at
    }

    fn union(&mut self, a: &'a str, b: &'a str) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.parent[high] = low;
    }
}

#[derive(Default)]
pub(crate) struct Resolved {
    /// Id that is not a CVE → the names that stand for it.
    names: BTreeMap<String, Vec<String>>,
    /// Name → other ids of it.
    others: BTreeMap<String, BTreeSet<String>>,
}

impl Resolved {
    fn add(&mut self, id: &str, cves: &BTreeSet<&str>, members: &BTreeSet<&str>) {
        let names: Vec<String> = if cves.is_empty() {
            preferred(members).into_iter().map(str::to_owned).collect()
        } else {
            cves.iter().map(|&cve| cve.to_owned()).collect()
        };
        for name in names.iter().filter(|name| *name != id) {
            self.others
                .entry(name.clone())
                .or_default()
                .insert(id.to_owned());
        }
        self.names.insert(id.to_owned(), names);
    }

    /// The names an id goes by in the database: itself for a CVE and for what has no other.
    pub(crate) fn names<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.names.get(id);
        let own = names.is_none().then_some(id);
        names.into_iter().flatten().map(String::as_str).chain(own)
    }

    pub(crate) fn others(&self, name: &str) -> impl Iterator<Item = &str> {
        self.others
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

/// The member whose kind stands first in [`FLAW`].
fn preferred<'a>(members: &BTreeSet<&'a str>) -> Option<&'a str> {
    let rank = |id: &str| FLAW.iter().position(|prefix| id.starts_with(prefix));
    members
        .iter()
        .copied()
        .min_by_key(|id| (rank(id).unwrap_or(FLAW.len()), *id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Resolved {
        let mut aliases = Aliases::default();
        pairs.iter().for_each(|(a, b)| aliases.join(a, b));
        aliases.resolve()
    }

    fn names(resolved: &Resolved, id: &str) -> Vec<String> {
        resolved.names(id).map(str::to_owned).collect()
    }

    #[test]
    fn a_chain_of_ids_is_one_flaw() {
        let resolved = resolve(&[
            ("PYSEC-1", "GHSA-1"),
            ("GHSA-1", "CVE-2024-0001"),
            ("GO-1", "PYSEC-1"),
        ]);
        for id in ["PYSEC-1", "GHSA-1", "GO-1", "CVE-2024-0001"] {
            assert_eq!(names(&resolved, id), ["CVE-2024-0001"], "{id}");
        }
        let others: Vec<_> = resolved.others("CVE-2024-0001").collect();
        assert_eq!(others, ["GHSA-1", "GO-1", "PYSEC-1"]);
    }

    #[test]
    fn without_a_cve_the_best_known_id_stands() {
        let resolved = resolve(&[("RUSTSEC-1", "GHSA-1"), ("RUSTSEC-2", "GHSA-1")]);
        assert_eq!(names(&resolved, "RUSTSEC-2"), ["GHSA-1"]);
        assert_eq!(names(&resolved, "GHSA-1"), ["GHSA-1"]);
        assert_eq!(names(&resolved, "GHSA-9"), ["GHSA-9"]);
    }

    #[test]
    fn two_cves_are_never_one() {
        let resolved = resolve(&[
            ("GO-1", "CVE-2024-0001"),
            ("GO-1", "CVE-2024-0002"),
            ("CVE-2024-0001", "CVE-2024-0002"),
            ("GHSA-1", "CVE-2024-0002"),
            ("GHSA-1", "GO-1"),
            ("PYSEC-1", "GO-1"),
        ]);
        assert_eq!(names(&resolved, "CVE-2024-0001"), ["CVE-2024-0001"]);
        assert_eq!(names(&resolved, "GO-1"), ["CVE-2024-0001", "CVE-2024-0002"]);
        assert_eq!(names(&resolved, "GHSA-1"), ["CVE-2024-0002"]);
        assert_eq!(
            names(&resolved, "PYSEC-1"),
            ["CVE-2024-0001", "CVE-2024-0002"]
        );
    }

    #[test]
    fn an_erratum_joins_nothing() {
        let resolved = resolve(&[
            ("DSA-1", "CVE-2024-0001"),
            ("DSA-1", "GHSA-2"),
            ("ALSA-2024:1", "CVE-2024-0002"),
        ]);
        assert_eq!(names(&resolved, "DSA-1"), ["DSA-1"]);
        assert_eq!(names(&resolved, "GHSA-2"), ["GHSA-2"]);
    }
}
