//! Scans nobody asks for: registries by schedule, new containers and hosts, and the ageing of
//! results and scanners.

use crate::{
    App, AppError,
    app::{
        Asked,
        registry::AUTO_INTERVAL_SECS,
        scan::{JOB, RESULT, Scans, of_workload},
    },
};
use rampart_model::{
    Registry, ScheduleKind, Timestamp,
    scan_job::{JobTarget, Priority, ScanStatus},
};
use std::collections::HashSet;

/// A failed scan of something that is scanned by itself is tried again after so long.
const AGAIN_MS: i64 = 3_600_000;
/// Packages of a host change under it.
const HOST_MS: i64 = 24 * 3_600_000;
/// Results of images nobody lists or runs are kept so long.
const UNUSED_MS: i64 = 30 * 24 * 3_600_000;
/// A result somebody asked for by name has been fetched by then.
const DELIVERED_MS: i64 = 10 * 60_000;

impl App {
    /// Queues what is due.
    pub async fn schedule_scans(&self) -> Result<(), AppError> {
        self.age_scanners().await?;
        let mut wishes = self.due_registries();
        let config = self.scan_config();
        // Without a database, packages would be listed and nothing found in them.
        let able = self.scanners().iter().any(|s| s.database.is_some());
        if able && config.auto_workloads {
            wishes.extend(self.new_workloads());
        }
        if able && config.auto_hosts {
            wishes.extend(self.due_hosts());
        }
        if !wishes.is_empty() {
            self.enqueue_scans(wishes).await?;
        }
        Ok(())
    }

    fn due_registries(&self) -> Vec<Asked> {
        let now = self.now();
        self.scans(|scans| {
            let due = |registry: &&std::sync::Arc<Registry>| is_due(scans, registry, now);
            let due = scans.registries.values().filter(due);
            due.map(|registry| {
                let target = JobTarget::Listing {
                    registry: registry.name.clone(),
                };
                Asked::new(target, Priority::Routine)
            })
            .collect()
        })
    }

    /// Running containers without a result; one for each image.
    fn new_workloads(&self) -> Vec<Asked> {
        let now = self.now();
        let views = self.workloads();
        self.scans(|scans| {
            let mut taken: HashSet<&str> = HashSet::new();
            for view in &views {
                let id = &view.workload.id;
                if scans.jobs.contains_key(&format!("workload/{id}")) {
                    taken.insert(&view.workload.image_digest);
                }
            }
            let mut wishes = Vec::new();
            for view in &views {
                let it = &view.workload;
                if !it.running || it.sandbox || it.pid == 0 {
                    continue;
                }
                let known = of_workload(scans, &it.id, &it.image_digest);
                let settled = known.is_some_and(|(_, result)| {
                    result.status != ScanStatus::Failed || now.since(result.scanned_at) < AGAIN_MS
                });
                let digest = it.image_digest.as_str();
                if settled || (!digest.is_empty() && !taken.insert(digest)) {
                    continue;
                }
                let target = JobTarget::Workload {
                    workload: it.id.clone(),
                    node: it.node.clone(),
                };
                if !scans.jobs.contains_key(&target.key()) {
                    wishes.push(Asked::new(target, Priority::Runtime));
                }
            }
            wishes
        })
    }

    fn due_hosts(&self) -> Vec<Asked> {
        let now = self.now();
        let nodes = self.nodes();
        self.scans(|scans| {
            let due = |id: &str| {
                let wait = |status| {
                    if status == ScanStatus::Failed {
                        AGAIN_MS
                    } else {
                        HOST_MS
                    }
                };
                scans
                    .results
                    .get(&format!("host/{id}"))
                    .is_none_or(|s| now.since(s.scanned_at) >= wait(s.status))
            };
            let connected = nodes.iter().filter(|view| view.connected);
            connected
                .filter(|view| due(view.node.id.as_str()))
                .map(|view| {
                    let node = view.node.id.clone();
                    Asked::new(JobTarget::Host { node }, Priority::Routine)
                })
                .collect()
        })
    }

    /// Forgets results and jobs of what is gone.
    pub async fn age_scans(&self) -> Result<(), AppError> {
        let now = self.now();
        let used = self.digests_in_use();
        let workloads: HashSet<String> = self
            .workloads()
            .iter()
            .map(|view| view.workload.id.to_string())
            .collect();
        let nodes: HashSet<String> = self.nodes().iter().map(|v| v.node.id.to_string()).collect();
        self.change_scans(|scans, draft| {
            let listed: HashSet<&str> = scans
                .listings
                .values()
                .flat_map(|listing| listing.images.iter().map(|image| image.digest.as_str()))
                .collect();
            for (key, result) in &scans.results {
                let digests = [&result.asked_digest, &result.digest, &result.image_id];
                let runs = digests.iter().any(|digest| used.contains(*digest));
                let age = now.since(result.scanned_at);
                let gone = match key.split_once('/') {
                    Some(("workload", id)) => !workloads.contains(id) && !runs,
                    Some(("host", id)) => !nodes.contains(id),
                    Some(("image", digest)) => {
                        let known = listed.contains(digest)
                            || digests.iter().any(|d| listed.contains(d.as_str()));
                        !known && !runs && age > UNUSED_MS
                    }
                    Some(("repository", _)) => age > DELIVERED_MS,
                    _ => false,
                };
                if gone {
                    draft.delete(RESULT, key);
                }
            }
            for (key, job) in scans.jobs.iter().filter(|(_, job)| job.lease.is_none()) {
                let gone = match &job.target {
                    JobTarget::Workload { workload, .. } => !workloads.contains(workload.as_str()),
                    JobTarget::Host { node } => !nodes.contains(node.as_str()),
                    _ => false,
                };
                if gone {
                    draft.delete(JOB, key);
                }
            }
            Ok(())
        })
        .await?;
        self.sweep_artifacts().await.map(drop)
    }
}

fn is_due(scans: &Scans, registry: &Registry, now: Timestamp) -> bool {
    let secs = match registry.schedule {
        ScheduleKind::Manual => return false,
        ScheduleKind::Auto => AUTO_INTERVAL_SECS,
        ScheduleKind::Periodical => registry.interval_secs,
    };
    let waits = scans
        .jobs
        .contains_key(&format!("listing/{}", registry.name));
    let last = scans
        .listings
        .get(&registry.name)
        .map_or(Timestamp::UNKNOWN, |listing| listing.listed_at);
    !waits && now.since(last) >= i64::from(secs) * 1000
}
