//! Makes a database of advisories and records: the same bytes for the same input in any order.
//!
//! Limits: rows that cannot be keyed (an empty name or id, a NUL or a `/` in a bucket's part) are
//! refused and counted; strings of a row are at most [`MAX_STRING`] bytes long.

use super::{
    BucketInfo, BuildMeta, BuildStats, Info,
    alias::{Aliases, Resolved, is_cve, is_flaw},
    header,
    record::{self, bound, merge, write_epss, write_head, write_text},
    row::{self, Body},
    table::{Cut, Page, TableWriter},
};
use crate::{
    advisory::{Advisory, Bucket, Record},
    version::normalise_name,
};
use indexmap::IndexSet;
use rampart_model::{Timestamp, scan::Epss};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

const MAX_STRING: usize = 4096;

const ROWS: Cut = Cut {
    least: 4 << 10,
    one_in: 48,
    most: 32 << 10,
    compressed: false,
};
const HEADS: Cut = Cut {
    least: 4 << 10,
    one_in: 48,
    most: 32 << 10,
    compressed: false,
};
const TEXTS: Cut = Cut {
    least: 12 << 10,
    one_in: 6,
    most: 32 << 10,
    compressed: true,
};
const ALIASES: Cut = Cut {
    least: 4 << 10,
    one_in: 128,
    most: 32 << 10,
    compressed: false,
};
const EPSS: Cut = Cut {
    least: 4 << 10,
    one_in: 256,
    most: 32 << 10,
    compressed: false,
};

/// Feeds that speak for the CVE list: an id they withdraw is withdrawn for all.
const AUTHORITY: &[&str] = &["nvd", "cve"];

/// A row with everything interned.
struct Row {
    bucket: u32,
    package: u32,
    id: u32,
    body: u32,
    /// Its other ids, for taking back what was withdrawn.
    aliases: u32,
}

pub struct Builder {
    meta: BuildMeta,
    expires_at: Timestamp,
    buckets: IndexSet<String>,
    strings: IndexSet<String>,
    bodies: IndexSet<Body>,
    alias_lists: IndexSet<Vec<u32>>,
    rows: Vec<Row>,
    records: Vec<Record>,
    epss: HashMap<String, Epss>,
    aliases: Aliases,
    refused: u64,
}

impl Builder {
    pub fn new(meta: BuildMeta) -> Self {
        Self {
            meta,
            expires_at: Timestamp::UNKNOWN,
            buckets: IndexSet::new(),
            strings: IndexSet::new(),
            bodies: IndexSet::new(),
            alias_lists: IndexSet::new(),
            rows: Vec::new(),
            records: Vec::new(),
            epss: HashMap::new(),
            aliases: Aliases::default(),
            refused: 0,
        }
    }

    /// From when on the database should no longer be trusted to be current.
    pub fn expires_at(&mut self, at: Timestamp) -> &mut Self {
        self.expires_at = at;
        self
    }

    pub fn advisory(&mut self, advisory: Advisory) -> &mut Self {
        if !is_sound(&advisory) {
            self.refused += 1;
            return self;
        }
        let mut errata = BTreeSet::new();
        let mut others = BTreeSet::new();
        for alias in &advisory.aliases {
            self.aliases.join(&advisory.id, alias);
            others.insert(intern(&mut self.strings, alias));
            if !is_flaw(alias) {
                errata.insert(alias.clone());
            }
        }
        if !is_flaw(&advisory.id) && advisory.aliases.iter().any(|alias| is_cve(alias)) {
            errata.insert(advisory.id.clone());
        }
        let bucket = index(self.buckets.insert_full(advisory.bucket.to_string()).0);
        let package = match advisory.bucket {
            Bucket::Language(kind) => normalise_name(kind, &advisory.package).into_owned(),
            Bucket::Os { .. } => advisory.package,
        };
        let body = Body {
            feed: advisory.feed,
            status: advisory.status,
            severity: advisory.severity,
            intervals: sorted(advisory.intervals),
            versions: sorted(advisory.versions),
            // Their order is the version order, which only the feed knows.
            fixed_versions: advisory.fixed_versions,
            arches: sorted(advisory.arches),
            module: advisory.module,
            errata: errata.into_iter().collect(),
        };
        let body = match self.bodies.get_index_of(&body) {
            Some(at) => at,
            None => self.bodies.insert_full(body).0,
        };
        let row = Row {
            bucket,
            package: intern(&mut self.strings, &package),
            id: intern(&mut self.strings, &advisory.id),
            body: index(body),
            aliases: index(self.alias_lists.insert_full(others.into_iter().collect()).0),
        };
        self.rows.push(row);
        self
    }

    pub fn record(&mut self, mut record: Record) -> &mut Self {
        if record.id.is_empty() || record.id.len() > 256 || record.id.contains('\0') {
            self.refused += 1;
            return self;
        }
        bound(&mut record);
        if let Some(epss) = record.epss.take() {
            let known = self.epss.entry(record.id.clone()).or_insert(epss);
            if (epss.probability_ppm, epss.percentile_ppm)
                > (known.probability_ppm, known.percentile_ppm)
            {
                *known = epss;
            }
        }
        for alias in &record.aliases {
            self.aliases.join(&record.id, alias);
        }
        let bare = Record {
            id: record.id.clone(),
            feed: record.feed.clone(),
            ..Record::default()
        };
        if record != bare {
            self.records.push(record);
        }
        self
    }

    pub fn finish(self) -> Vec<u8> {
        self.finish_with_stats().0
    }

    pub fn finish_with_stats(mut self) -> (Vec<u8>, BuildStats) {
        let resolved = std::mem::take(&mut self.aliases).resolve();
        let mut stats = BuildStats {
            refused: self.refused,
            ..BuildStats::default()
        };
        let withdrawn = Withdrawn::of(&self.records);
        let before = self.rows.len();
        let rows = std::mem::take(&mut self.rows);
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| !withdrawn.takes(&self, row))
            .collect();
        stats.withdrawn = (before - rows.len()) as u64;

        let (named, names) = self.named(&rows, &resolved);
        let (row_pages, buckets, feed_names) = self.write_rows(&named, &names);
        let ids: BTreeSet<&str> = named.iter().map(|row| names.at(row.id)).collect();
        let mut errata: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in &named {
            for erratum in self
                .body(row.body)
                .map(|body| &body.errata)
                .into_iter()
                .flatten()
            {
                errata.entry(erratum).or_default().insert(names.at(row.id));
            }
        }
        let (heads, texts, epss, known) = self.write_records(&ids, &resolved);
        let aliases = write_aliases(&ids, errata, &resolved);

        stats.rows = named.len() as u64;
        stats.vulnerabilities = ids.len() as u64;
        stats.records_without_rows = known;
        let mut feeds = std::mem::take(&mut self.meta.feeds);
        feeds.sort_by(|a, b| a.name.cmp(&b.name));
        let info = Info {
            version: self.meta.version,
            built_at: self.meta.built_at,
            expires_at: self.expires_at,
            feeds,
            buckets,
            rows: stats.rows,
            vulnerabilities: stats.vulnerabilities,
            digest: String::new(),
        };
        let tables = [row_pages, heads, texts, aliases, epss];
        (header::write(&info, &feed_names, &tables), stats)
    }

    fn body(&self, at: u32) -> Option<&Body> {
        self.bodies.get_index(at as usize)
    }

    /// Rows under the names their ids go by, sorted, without doubles.
    fn named(&self, rows: &[Row], resolved: &Resolved) -> (Vec<Named>, Names) {
        let mut names = Names::default();
        let mut of: Vec<Option<Vec<u32>>> = vec![None; self.strings.len()];
        let mut named = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(slot) = of.get_mut(row.id as usize) else {
                continue;
            };
            // An advisory's id stands for what its row says, any other for the same everywhere.
            let own = self.cves_of(row, &mut names);
            let ids = match &own {
                Some(own) => own,
                None => slot.get_or_insert_with(|| self.names_of(row, resolved, &mut names)),
            };
            named.extend(ids.iter().map(|&id| Named {
                bucket: row.bucket,
                package: row.package,
                body: row.body,
                id,
            }));
        }
        let buckets = ranks(&self.buckets);
        let strings = ranks(&self.strings);
        let bodies = ranks(&self.bodies);
        let ids = ranks(&names.set);
        named.sort_unstable_by_key(|row| {
            (
                buckets[row.bucket as usize],
                strings[row.package as usize],
                bodies[row.body as usize],
                ids[row.id as usize],
            )
        });
        named.dedup();
        (named, names)
    }

    /// The CVEs that the row of an advisory names, if it has no id of its own flaw.
    fn cves_of(&self, row: &Row, names: &mut Names) -> Option<Vec<u32>> {
        let id = self.strings.get_index(row.id as usize)?;
        if is_flaw(id) {
            return None;
        }
        let aliases = self.alias_lists.get_index(row.aliases as usize)?;
        let aliases = aliases
            .iter()
            .filter_map(|&at| self.strings.get_index(at as usize));
        let cves: Vec<u32> = aliases
            .filter(|alias| is_cve(alias))
            .map(|cve| names.add(cve))
            .collect();
        (!cves.is_empty()).then_some(cves)
    }

    fn names_of(&self, row: &Row, resolved: &Resolved, names: &mut Names) -> Vec<u32> {
        let id = self.strings.get_index(row.id as usize);
        let all = id.into_iter().flat_map(|id| resolved.names(id));
        all.map(|name| names.add(name)).collect()
    }

    fn write_rows(
        &self,
        rows: &[Named],
        names: &Names,
    ) -> (Vec<Page>, Vec<BucketInfo>, Vec<String>) {
        let feeds: BTreeSet<&str> = rows
            .iter()
            .filter_map(|row| self.body(row.body))
            .map(|body| body.feed.as_str())
            .collect();
        let feeds: Vec<String> = feeds.into_iter().map(str::to_owned).collect();
        let feed = |name: &str| {
            feeds
                .binary_search_by(|feed| feed.as_str().cmp(name))
                .unwrap_or_default() as u64
        };
        let mut writer = TableWriter::new(ROWS);
        let mut buckets: Vec<BucketInfo> = Vec::new();
        for package in rows.chunk_by(|a, b| (a.bucket, a.package) == (b.bucket, b.package)) {
            let Some(head) = package.first() else {
                continue;
            };
            let (Some(bucket), Some(name)) = (
                self.buckets.get_index(head.bucket as usize),
                self.strings.get_index(head.package as usize),
            ) else {
                continue;
            };
            let groups: Vec<(&Body, Vec<&str>)> = package
                .chunk_by(|a, b| a.body == b.body)
                .filter_map(|group| {
                    let body = self.body(group.first()?.body)?;
                    Some((body, group.iter().map(|row| names.at(row.id)).collect()))
                })
                .collect();
            if buckets.last().is_none_or(|last| last.name != *bucket) {
                writer.end_page();
                buckets.push(BucketInfo {
                    name: bucket.clone(),
                    ..BucketInfo::default()
                });
            }
            if let Some(last) = buckets.last_mut() {
                last.packages += 1;
                last.rows += package.len() as u64;
            }
            writer.push(super::row_key(bucket, name), row::write(&groups, feed));
        }
        (writer.finish(), buckets, feeds)
    }

    /// Heads, texts and predictions of the ids that have rows; and how many records have none.
    fn write_records(
        &self,
        ids: &BTreeSet<&str>,
        resolved: &Resolved,
    ) -> (Vec<Page>, Vec<Page>, Vec<Page>, u64) {
        let mut of: HashMap<&str, Vec<&Record>> = HashMap::new();
        let mut unused = 0;
        for record in self.records.iter().filter(|record| !record.withdrawn) {
            let mut used = false;
            for name in resolved.names(&record.id) {
                if let Some(&name) = ids.get(name) {
                    of.entry(name).or_default().push(record);
                    used = true;
                }
            }
            unused += u64::from(!used);
        }
        let mut epss: HashMap<&str, (&str, Epss)> = HashMap::new();
        for (id, &value) in &self.epss {
            for name in resolved.names(id).filter_map(|name| ids.get(name)) {
                let best = epss.entry(name).or_insert((id, value));
                if id.as_str() < best.0 {
                    *best = (id, value);
                }
            }
        }
        let mut heads = TableWriter::new(HEADS);
        let mut texts = TableWriter::new(TEXTS);
        let mut predictions = TableWriter::new(EPSS);
        for &id in ids {
            let key = id.as_bytes().to_vec();
            let mut merged = merge(id, of.remove(id).unwrap_or_default());
            merged.aliases = resolved
                .others(id)
                .map(str::to_owned)
                .take(record::MAX_LIST)
                .collect();
            heads.push(key.clone(), write_head(&merged));
            if let Some(text) = write_text(&merged) {
                texts.push(key.clone(), text);
            }
            if let Some((_, value)) = epss.get(id) {
                predictions.push(key, write_epss(*value));
            }
        }
        (heads.finish(), texts.finish(), predictions.finish(), unused)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Named {
    bucket: u32,
    package: u32,
    body: u32,
    id: u32,
}

#[derive(Default)]
struct Names {
    set: IndexSet<String>,
}

impl Names {
    fn add(&mut self, name: &str) -> u32 {
        intern(&mut self.set, name)
    }

    fn at(&self, index: u32) -> &str {
        self.set
            .get_index(index as usize)
            .map_or("", String::as_str)
    }
}

/// Ids taken back, by whoever gave them.
struct Withdrawn {
    all: HashSet<String>,
    by_feed: HashSet<(String, String)>,
}

impl Withdrawn {
    fn of(records: &[Record]) -> Self {
        let mut withdrawn = Self {
            all: HashSet::new(),
            by_feed: HashSet::new(),
        };
        for record in records.iter().filter(|record| record.withdrawn) {
            if AUTHORITY.contains(&record.feed.as_str()) {
                withdrawn.all.insert(record.id.clone());
            }
            // The feed's own id, where it has one: the CVE may live on in its other advisories.
            let ids = std::iter::once(&record.id).chain(&record.aliases);
            let own: Vec<&String> = ids.filter(|id| !is_cve(id)).collect();
            let own = if own.is_empty() {
                vec![&record.id]
            } else {
                own
            };
            withdrawn
                .by_feed
                .extend(own.into_iter().map(|id| (record.feed.clone(), id.clone())));
        }
        withdrawn
    }

    fn takes(&self, builder: &Builder, row: &Row) -> bool {
        if self.by_feed.is_empty() {
            return false;
        }
        let Some((id, body)) = builder
            .strings
            .get_index(row.id as usize)
            .zip(builder.body(row.body))
        else {
            return false;
        };
        let by_feed = |id: &String| self.by_feed.contains(&(body.feed.clone(), id.clone()));
        let aliases = builder
            .alias_lists
            .get_index(row.aliases as usize)
            .into_iter()
            .flatten();
        let aliases = aliases.filter_map(|&at| builder.strings.get_index(at as usize));
        self.all.contains(id) || by_feed(id) || aliases.into_iter().any(by_feed)
    }
}

fn write_aliases(
    ids: &BTreeSet<&str>,
    errata: BTreeMap<&str, BTreeSet<&str>>,
    resolved: &Resolved,
) -> Vec<Page> {
    let mut names = errata;
    for &id in ids {
        for other in resolved.others(id) {
            names.entry(other).or_default().insert(id);
        }
    }
    let mut writer = TableWriter::new(ALIASES);
    for (alias, ids) in names {
        let mut value = Vec::new();
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        super::code::put_strings(&mut value, &ids);
        writer.push(alias.as_bytes().to_vec(), value);
    }
    writer.finish()
}

fn is_sound(advisory: &Advisory) -> bool {
    let part = |text: &str| !text.contains(['/', '\0']) && text.len() <= 256;
    let bucket = match &advisory.bucket {
        Bucket::Os {
            family,
            release,
            channel,
        } => !family.is_empty() && part(family) && part(release) && part(channel),
        Bucket::Language(_) => true,
    };
    let key = |text: &str| !text.is_empty() && text.len() <= 1024 && !text.contains('\0');
    let short = |list: &[String]| list.iter().all(|text| text.len() <= MAX_STRING);
    let versions = [
        &advisory.versions,
        &advisory.fixed_versions,
        &advisory.arches,
        &advisory.aliases,
    ];
    bucket
        && key(&advisory.package)
        && key(&advisory.id)
        && advisory.module.len() <= MAX_STRING
        && versions.into_iter().all(|list| short(list))
        && advisory.intervals.iter().all(|interval| {
            let end = match &interval.end {
                crate::advisory::End::Open => 0,
                crate::advisory::End::Fixed(version)
                | crate::advisory::End::LastAffected(version) => version.len(),
            };
            interval.introduced.len().max(end) <= MAX_STRING
        })
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list.dedup();
    list
}

fn intern(set: &mut IndexSet<String>, text: &str) -> u32 {
    index(match set.get_index_of(text) {
        Some(at) => at,
        None => set.insert_full(text.to_owned()).0,
    })
}

/// More than four thousand million rows do not fit in any memory this runs in.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Each item's place in sorted order.
fn ranks<T: Ord>(set: &IndexSet<T>) -> Vec<u32> {
    let mut order: Vec<usize> = (0..set.len()).collect();
    order.sort_unstable_by(|&a, &b| set.get_index(a).cmp(&set.get_index(b)));
    let mut ranks = vec![0; set.len()];
    for (rank, at) in order.into_iter().enumerate() {
        ranks[at] = index(rank);
    }
    ranks
}
