//! The scanners there are, the database they have, and how many there should be.
//!
//! Scanners say who they are each time they ask for work; that is kept in memory, since after a
//! restart they say it again within seconds. The newest database version is in the store.
//!
//! Limits: [`MAX_SCANNERS`]; one that is not heard of for [`LOST_MS`] is forgotten.

use super::{DATABASE, Scans, queue::Asked};
use crate::{
    App, AppError,
    app::{activity, lock, name},
};
use rampart_model::{
    LogLevel, Timestamp,
    scan_job::{
        Autoscale, JobTarget, Priority, ScaleStrategy, ScanJob, ScanKind, ScanSummary, ScannerInfo,
    },
};
use std::collections::{BTreeMap, HashSet, VecDeque};

const MAX_SCANNERS: usize = 1000;
const LOST_MS: i64 = 3 * 60_000;
/// Leases that ended, remembered so that a repeated report is acknowledged.
const MAX_DONE: usize = 4096;
/// With the delayed strategy: pressure, or the lack of it, must last so long.
const UP_AFTER_MS: i64 = 90_000;
const DOWN_AFTER_MS: i64 = 180_000;

#[derive(Default)]
pub(crate) struct Scanners {
    known: BTreeMap<String, ScannerInfo>,
    done: VecDeque<String>,
    scale: Scale,
}

/// Since when more or fewer scanners are wanted than there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Scale {
    more_since: Timestamp,
    fewer_since: Timestamp,
}

/// What scaling is decided by.
#[derive(Clone, Copy, Debug)]
struct Load {
    jobs: usize,
    scanners: usize,
    /// Jobs one scanner works on at a time.
    capacity: u32,
}

fn decide(rule: &Autoscale, load: Load, scale: &mut Scale, now: Timestamp) -> u32 {
    let clamp = |n: usize| {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        n.clamp(rule.min, rule.max.max(rule.min))
    };
    let capacity = usize::try_from(load.capacity.max(1)).unwrap_or(1);
    let wanted = clamp(load.jobs.div_ceil(capacity));
    let current = clamp(load.scanners);
    let since = |since: &mut Timestamp, holds: bool| {
        *since = match (holds, since.is_known()) {
            (true, true) => *since,
            (true, false) => now,
            (false, _) => Timestamp::UNKNOWN,
        };
        if holds { now.since(*since) } else { 0 }
    };
    let more = since(&mut scale.more_since, wanted > current);
    let fewer = since(&mut scale.fewer_since, wanted < current);
    match rule.strategy {
        ScaleStrategy::Off => u32::try_from(load.scanners).unwrap_or(u32::MAX),
        ScaleStrategy::Immediate if wanted > current => wanted,
        ScaleStrategy::Delayed if wanted > current && more >= UP_AFTER_MS => wanted,
        ScaleStrategy::Immediate | ScaleStrategy::Delayed
            if wanted < current && fewer >= DOWN_AFTER_MS =>
        {
            wanted
        }
        _ => current,
    }
}

impl App {
    /// Scanners heard of lately, by id.
    pub fn scanners(&self) -> Vec<ScannerInfo> {
        lock(&self.0.scanning.scanners)
            .known
            .values()
            .cloned()
            .collect()
    }

    pub(super) fn scanner(&self, id: &str) -> Option<ScannerInfo> {
        lock(&self.0.scanning.scanners).known.get(id).cloned()
    }

    /// How many scanners there should be for what is queued.
    pub fn desired_scanners(&self) -> u32 {
        let (rule, jobs) =
            self.scans(|scans| (scans.config.value.autoscale.clone(), scans.jobs.len()));
        let now = self.now();
        let mut scanners = lock(&self.0.scanning.scanners);
        let load = Load {
            jobs,
            scanners: scanners.known.len(),
            capacity: scanners
                .known
                .values()
                .map(|s| s.capacity)
                .max()
                .unwrap_or(1),
        };
        decide(&rule, load, &mut scanners.scale, now)
    }

    /// Takes in what a scanner says of itself.
    pub(super) async fn note_scanner(&self, said: &ScannerInfo) -> Result<(), AppError> {
        check(said)?;
        let now = self.now();
        let joined = {
            let mut scanners = lock(&self.0.scanning.scanners);
            if !scanners.known.contains_key(&said.id) && scanners.known.len() >= MAX_SCANNERS {
                return Err(AppError::TooMany { what: "scanners" });
            }
            let before = scanners.known.get(&said.id);
            let info = ScannerInfo {
                joined_at: before.map_or(now, |b| b.joined_at),
                last_seen: now,
                scanned: before.map(|b| b.scanned.clone()).unwrap_or_default(),
                failed: before.map_or(0, |b| b.failed),
                ..said.clone()
            };
            scanners.known.insert(said.id.clone(), info).is_none()
        };
        if joined {
            let text = format!("scanner {} {} joined", said.name, said.version);
            let record = activity(self, name::SCANNER_JOIN, "SCANNER", LogLevel::Info, text);
            self.record(vec![record]).await?;
            self.live("scan", "");
        }
        self.note_database(said).await
    }

    /// A newer database: it is noted, and what an older one judged is queued to be matched again.
    async fn note_database(&self, scanner: &ScannerInfo) -> Result<(), AppError> {
        let Some(database) = &scanner.database else {
            return Ok(());
        };
        if self.scans(|scans| scans.database.value.version >= database.version) {
            return Ok(());
        }
        let text = format!(
            "vulnerability database {} is in use, built {} hours ago",
            database.version,
            self.now().since(database.built_at) / 3_600_000
        );
        let mut record = activity(self, name::SCANNER_UPDATE, "SCANNER", LogLevel::Info, text);
        record.uid = crate::agent::uid(&format!("database:{}", database.version));
        self.record(vec![record]).await?;
        let used = self.digests_in_use();
        let now = self.now();
        self.change_scans(|scans, draft| {
            if scans.database.value.version >= database.version {
                return Ok(());
            }
            draft.put(DATABASE, "", database)?;
            let wishes = rematches(scans, database.version, &used);
            match super::queue::enqueue(scans, draft, &wishes, now) {
                Err(AppError::TooMany { .. }) | Ok(_) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Digests of images that run.
    pub(crate) fn digests_in_use(&self) -> HashSet<String> {
        let views = self.workloads();
        let running = views.iter().filter(|v| v.workload.running);
        running
            .map(|v| v.workload.image_digest.clone())
            .filter(|digest| !digest.is_empty())
            .collect()
    }

    pub(super) fn note_done(&self, lease: &str, scanner: &str, job: &ScanJob) {
        let mut scanners = lock(&self.0.scanning.scanners);
        scanners.remember(lease);
        if let Some(info) = scanners.known.get_mut(scanner)
            && !matches!(job.target, JobTarget::Listing { .. })
        {
            *info.scanned.entry(job.target.kind()).or_default() += 1;
        }
    }

    pub(super) fn note_failed(&self, lease: &str, scanner: &str) {
        let mut scanners = lock(&self.0.scanning.scanners);
        scanners.remember(lease);
        if let Some(info) = scanners.known.get_mut(scanner) {
            info.failed += 1;
        }
    }

    pub(super) fn note_seen(&self, scanner: &str) {
        let now = self.now();
        if let Some(info) = lock(&self.0.scanning.scanners).known.get_mut(scanner) {
            info.last_seen = now;
        }
    }

    /// Whether a lease ended with an outcome: in this process, or before a restart.
    pub(super) fn is_done(&self, lease: &str) -> bool {
        let job = lease.split('.').next().unwrap_or_default();
        let kept = || self.scans(|scans| scans.results.values().any(|s| s.job == job));
        let recent = |done: &VecDeque<String>| done.iter().any(|known| known == lease);
        recent(&lock(&self.0.scanning.scanners).done) || (!job.is_empty() && kept())
    }

    /// Forgets scanners that are gone.
    pub(crate) async fn age_scanners(&self) -> Result<(), AppError> {
        let now = self.now();
        let gone: Vec<ScannerInfo> = {
            let mut scanners = lock(&self.0.scanning.scanners);
            let lost = |s: &ScannerInfo| now.since(s.last_seen) > LOST_MS;
            let gone = scanners
                .known
                .values()
                .filter(|s| lost(s))
                .cloned()
                .collect();
            scanners.known.retain(|_, s| !lost(s));
            gone
        };
        for scanner in gone {
            let text = format!("scanner {} has left", scanner.name);
            let record = activity(
                self,
                name::SCANNER_LEAVE,
                "SCANNER",
                LogLevel::Warning,
                text,
            );
            self.record(vec![record]).await?;
            self.live("scan", "");
        }
        Ok(())
    }
}

impl Scanners {
    pub(crate) fn count(&self) -> usize {
        self.known.len()
    }

    fn remember(&mut self, lease: &str) {
        if self.done.len() >= MAX_DONE {
            self.done.pop_front();
        }
        self.done.push_back(lease.to_owned());
    }
}

fn check(said: &ScannerInfo) -> Result<(), AppError> {
    let sane = |text: &str, max: usize| text.len() <= max && !text.chars().any(char::is_control);
    let fits = !said.id.is_empty()
        && sane(&said.id, 128)
        && sane(&said.name, 256)
        && sane(&said.version, 64)
        && sane(&said.session, 128)
        && said.database_error.len() <= 4096
        && said.cache.layers.len() <= 10_000;
    if fits {
        Ok(())
    } else {
        Err(AppError::invalid(
            "a scanner has an id of 1 to 128 bytes, a name and a version",
        ))
    }
}

/// Results an older database judged and that are to follow it: of registries that ask for it, of
/// what runs and is scanned by itself, and whatever was scanned without any database.
fn rematches(scans: &Scans, version: u64, used: &HashSet<String>) -> Vec<Asked> {
    let listed: HashSet<&str> = scans
        .registries
        .values()
        .filter(|registry| registry.rescan_after_db_update)
        .filter_map(|registry| scans.listings.get(&registry.name))
        .flat_map(|listing| listing.images.iter().map(|image| image.digest.as_str()))
        .collect();
    let config = &scans.config.value;
    let follows = |summary: &ScanSummary| match (&summary.database, summary.kind) {
        (None, _) => true,
        (Some(database), _) if database.version >= version => false,
        (Some(_), ScanKind::Image | ScanKind::Repository) => {
            listed.contains(summary.asked_digest.as_str())
                || (config.auto_workloads
                    && [&summary.asked_digest, &summary.digest, &summary.image_id]
                        .into_iter()
                        .any(|digest| used.contains(digest)))
        }
        (Some(_), ScanKind::Workload) => config.auto_workloads,
        (Some(_), ScanKind::Host | ScanKind::Platform) => config.auto_hosts,
    };
    let old = scans
        .results
        .iter()
        .filter(|(key, s)| !key.starts_with("repository/") && !s.artifact.is_empty())
        .filter(|(_, summary)| follows(summary));
    old.filter_map(|(key, summary)| {
        Some(Asked {
            target: target_of(key, summary)?,
            priority: Priority::Rematch,
            rematch: true,
        })
    })
    .collect()
}

/// The target a result is of. It names what a rematch needs; a scan needs more.
fn target_of(key: &str, summary: &ScanSummary) -> Option<JobTarget> {
    let (kind, id) = key.split_once('/')?;
    Some(match kind {
        "image" => JobTarget::Image {
            registry: summary.registry.clone(),
            image: rampart_model::RegistryImage {
                repository: summary.repository.clone(),
                tag: summary.tag.clone(),
                digest: id.to_owned(),
            },
        },
        "workload" => JobTarget::Workload {
            workload: id.into(),
            node: Default::default(),
        },
        "host" => JobTarget::Host { node: id.into() },
        "platform" => JobTarget::Platform {
            name: summary.name.clone(),
            version: summary.tag.clone(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanners_are_added_at_once_or_after_a_while_and_taken_away_late() {
        let rule = |strategy| Autoscale {
            strategy,
            min: 1,
            max: 4,
        };
        let load = |jobs, scanners| Load {
            jobs,
            scanners,
            capacity: 2,
        };
        let at = |secs: i64| Timestamp(1_000_000 + secs * 1000);
        let mut scale = Scale::default();
        let immediate = rule(ScaleStrategy::Immediate);
        assert_eq!(decide(&immediate, load(5, 1), &mut scale, at(0)), 3);
        assert_eq!(
            decide(&immediate, load(50, 1), &mut scale, at(1)),
            4,
            "the most"
        );
        assert_eq!(
            decide(&immediate, load(0, 3), &mut scale, at(2)),
            3,
            "not yet fewer"
        );
        assert_eq!(
            decide(&immediate, load(0, 3), &mut scale, at(182)),
            1,
            "the least"
        );
        let delayed = rule(ScaleStrategy::Delayed);
        let mut scale = Scale::default();
        assert_eq!(decide(&delayed, load(8, 1), &mut scale, at(0)), 1);
        assert_eq!(
            decide(&delayed, load(1, 1), &mut scale, at(60)),
            1,
            "pressure ended"
        );
        assert_eq!(decide(&delayed, load(8, 1), &mut scale, at(70)), 1);
        assert_eq!(decide(&delayed, load(8, 1), &mut scale, at(160)), 4);
        let off = rule(ScaleStrategy::Off);
        assert_eq!(decide(&off, load(50, 7), &mut scale, at(0)), 7);
    }
}
