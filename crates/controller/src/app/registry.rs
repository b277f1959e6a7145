//! Registries: configured, listed, scanned.
//!
//! Credentials lie sealed in the store ([`super::SECRET_KEYS`]). They go to scanners and to nobody
//! else; answers and logs never hold them.
//!
//! Limits: [`MAX_REGISTRIES`]; [`MAX_IMAGES`] images of one, more are left out with an error that
//! says so.

use super::scan::{JOB, LISTING, REGISTRY, RESULT, ScanDraft, Scans};
use super::{App, RegistryView, scan::Asked};
use crate::AppError;
use rampart_model::{
    Registry, Timestamp,
    registry::RegistryListing,
    scan_job::{JobTarget, Listed, Priority, RegistryAccess, ScanStatus},
};
use std::{collections::HashSet, sync::Arc};

pub(crate) const MAX_REGISTRIES: usize = 1000;
pub(crate) const MAX_IMAGES: usize = 10_000;
const MAX_FILTERS: usize = 256;
const MAX_TEXT: usize = 4096;
/// Seconds between two listings that may be asked for: five minutes to a week.
pub(crate) const INTERVALS: std::ops::RangeInclusive<u32> = 300..=7 * 86_400;
/// How often a registry whose images are scanned by themselves is listed.
pub(crate) const AUTO_INTERVAL_SECS: u32 = 300;

pub(crate) fn access(registry: &Registry) -> RegistryAccess {
    RegistryAccess {
        kind: registry.kind,
        url: registry.url.clone(),
        auth: registry.auth.clone(),
        ignore_proxy: registry.ignore_proxy,
    }
}

/// What a scanner listed, bounded.
pub(crate) fn listing(
    registry: &Registry,
    listed: &Listed,
    started_at: Timestamp,
    now: Timestamp,
) -> RegistryListing {
    let mut images: Vec<_> = listed
        .images
        .iter()
        .filter(|image| {
            let texts = [&image.repository, &image.tag, &image.digest];
            texts.iter().all(|text| text.len() <= 450) && !image.digest.is_empty()
        })
        .cloned()
        .collect();
    images.sort();
    images.dedup();
    let mut errors = listed.problems.clone();
    errors.truncate(16);
    if images.len() > MAX_IMAGES {
        errors.push(format!(
            "{} images match; the first {MAX_IMAGES} are taken: narrow the filters of {}",
            images.len(),
            registry.name
        ));
        images.truncate(MAX_IMAGES);
    }
    RegistryListing {
        images,
        started_at,
        listed_at: now,
        error: super::cut(&errors.join("; "), MAX_TEXT).to_owned(),
    }
}

/// Scans of listed images that have no result, or a failed one.
pub(crate) fn unscanned(
    scans: &Scans,
    registry: &Registry,
    listing: &RegistryListing,
) -> Vec<Asked> {
    let mut seen = HashSet::new();
    let open = |digest: &str| {
        scans
            .by_digest(digest)
            .is_none_or(|(_, result)| result.status == ScanStatus::Failed)
    };
    listing
        .images
        .iter()
        .filter(|image| seen.insert(image.digest.as_str()) && open(&image.digest))
        .map(|image| {
            let target = JobTarget::Image {
                registry: registry.name.clone(),
                image: image.clone(),
            };
            Asked::new(target, Priority::Routine)
        })
        .collect()
}

fn belongs(target: &JobTarget, name: &str) -> bool {
    matches!(target, JobTarget::Image { registry, .. } | JobTarget::Listing { registry } if registry == name)
}

/// Takes a registry's jobs out of the queue.
fn stop(scans: &Scans, draft: &mut ScanDraft, name: &str) {
    for (key, _) in scans
        .jobs
        .iter()
        .filter(|(_, job)| belongs(&job.target, name))
    {
        draft.delete(JOB, key);
    }
}

impl App {
    pub fn registry(&self, name: &str) -> Result<Arc<Registry>, AppError> {
        self.scans(|scans| scans.registries.get(name).cloned())
            .ok_or_else(|| AppError::not_found("registry", name))
    }

    pub async fn create_registry(&self, mut registry: Registry) -> Result<(), AppError> {
        check(&mut registry)?;
        let now = self.now();
        registry.created_at = now;
        registry.updated_at = now;
        self.change_scans(|scans, draft| {
            if scans.registries.contains_key(&registry.name) {
                return Err(AppError::exists("registry", registry.name.clone()));
            }
            if scans.registries.len() >= MAX_REGISTRIES {
                return Err(AppError::TooMany { what: "registries" });
            }
            draft.put(REGISTRY, &registry.name, &registry)
        })
        .await
    }

    /// Changes a registry in place. What it held stays listed until it is listed again.
    pub async fn update_registry(
        &self,
        name: &str,
        change: impl Fn(&mut Registry) + Send + Sync,
    ) -> Result<(), AppError> {
        let now = self.now();
        self.change_scans(|scans, draft| {
            let known = scans
                .registries
                .get(name)
                .ok_or_else(|| AppError::not_found("registry", name))?;
            let mut registry = Registry::clone(known);
            change(&mut registry);
            registry.name.clone_from(&known.name);
            registry.kind = known.kind;
            registry.updated_at = now;
            check(&mut registry)?;
            draft.put(REGISTRY, name, &registry)
        })
        .await
    }

    /// Forgets a registry, its queue, and results nothing else uses.
    pub async fn delete_registry(&self, name: &str) -> Result<(), AppError> {
        let running = self.digests_in_use();
        self.change_scans(|scans, draft| {
            if !scans.registries.contains_key(name) {
                return Err(AppError::not_found("registry", name));
            }
            draft.delete(REGISTRY, name);
            stop(scans, draft, name);
            if let Some(listing) = scans.listings.get(name) {
                draft.delete(LISTING, name);
                for key in orphans(scans, name, listing, &running) {
                    draft.delete(RESULT, &key);
                }
            }
            Ok(())
        })
        .await
    }

    /// Lists a registry and scans what is new there.
    pub async fn scan_registry(&self, name: &str) -> Result<(), AppError> {
        self.registry(name)?;
        self.ask_scan(JobTarget::Listing {
            registry: name.to_owned(),
        })
        .await
    }

    /// Takes what waits out of the queue; a scanner that works on an image of it loses its lease.
    pub async fn stop_registry(&self, name: &str) -> Result<(), AppError> {
        self.registry(name)?;
        self.change_scans(|scans, draft| {
            stop(scans, draft, name);
            Ok(())
        })
        .await
    }

    pub fn registries(&self) -> Vec<RegistryView> {
        self.scans(|scans| scans.registries.values().map(|r| view(scans, r)).collect())
    }

    pub fn registry_view(&self, name: &str) -> Result<RegistryView, AppError> {
        let registry = self.registry(name)?;
        Ok(self.scans(|scans| view(scans, &registry)))
    }

    pub fn registry_images(&self, name: &str) -> Result<Vec<super::ImageRow>, AppError> {
        let registry = self.registry(name)?;
        Ok(self.viewing(|viewer| {
            let listing = viewer.scans.listings.get(name);
            let images = listing.iter().flat_map(|listing| &listing.images);
            images
                .map(|image| super::ImageRow {
                    image: image.clone(),
                    scan: viewer.image(&registry, image),
                })
                .collect()
        }))
    }
}

/// Results only this registry's listing refers to.
fn orphans(
    scans: &Scans,
    name: &str,
    listing: &RegistryListing,
    running: &HashSet<String>,
) -> Vec<String> {
    let elsewhere: HashSet<&str> = scans
        .listings
        .iter()
        .filter(|(other, _)| other.as_str() != name)
        .flat_map(|(_, listing)| listing.images.iter().map(|image| image.digest.as_str()))
        .collect();
    let digests: HashSet<&str> = listing.images.iter().map(|i| i.digest.as_str()).collect();
    let mut keys: Vec<String> = digests
        .iter()
        .filter(|digest| !elsewhere.contains(*digest))
        .map(|digest| format!("image/{digest}"))
        .filter(|key| {
            scans.results.get(key).is_some_and(|s| {
                let known = [&s.asked_digest, &s.digest, &s.image_id];
                known.iter().all(|digest| !running.contains(*digest))
            })
        })
        .collect();
    keys.sort();
    keys
}

fn view(scans: &Scans, registry: &Arc<Registry>) -> RegistryView {
    let listing = scans
        .listings
        .get(&registry.name)
        .cloned()
        .unwrap_or_default();
    let jobs: Vec<_> = scans
        .jobs
        .values()
        .filter(|job| belongs(&job.target, &registry.name) && !job.rematch)
        .collect();
    let images = |job: &&&Arc<rampart_model::scan_job::ScanJob>| {
        matches!(job.target, JobTarget::Image { .. })
    };
    let scanning = jobs
        .iter()
        .filter(images)
        .filter(|j| j.lease.is_some())
        .count();
    let digests: HashSet<&str> = listing.images.iter().map(|i| i.digest.as_str()).collect();
    let results: Vec<_> = digests.iter().filter_map(|d| scans.by_digest(d)).collect();
    let failed = results
        .iter()
        .filter(|(_, s)| s.status == ScanStatus::Failed)
        .count();
    RegistryView {
        registry: registry.clone(),
        scheduled: jobs.iter().filter(images).count() - scanning,
        scanning,
        scanned: results.len() - failed,
        failed,
        busy: !jobs.is_empty(),
        database: scans.database.value.clone(),
        listing,
    }
}

fn check(registry: &mut Registry) -> Result<(), AppError> {
    let name = &registry.name;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if name.is_empty() || name.len() > 256 || !name.chars().all(plain) {
        return Err(AppError::invalid(
            "a registry's name has 1 to 256 letters, digits and -_.:",
        ));
    }
    registry.url = check_url(&registry.url)?;
    if registry.filters.len() > MAX_FILTERS
        || registry
            .filters
            .iter()
            .any(|f| f.is_empty() || f.len() > 1024)
    {
        return Err(AppError::invalid(format!(
            "a registry has at most {MAX_FILTERS} filters of 1 to 1024 bytes"
        )));
    }
    if registry.schedule == rampart_model::ScheduleKind::Periodical
        && !INTERVALS.contains(&registry.interval_secs)
    {
        return Err(AppError::invalid(
            "a registry is scanned every 300 seconds to every 604800",
        ));
    }
    let auth = &registry.auth;
    let texts = [
        auth.username.as_str(),
        auth.password.reveal(),
        auth.token.reveal(),
        auth.gitlab_external_url.as_str(),
        auth.gitlab_private_token.reveal(),
        auth.ibm_token_url.as_str(),
        auth.ibm_account.as_str(),
    ];
    if texts.iter().any(|text| text.len() > 16 * 1024)
        || auth.gcr_json_key.reveal().len() > 64 * 1024
    {
        return Err(AppError::invalid(
            "a user name, password or key is too long",
        ));
    }
    Ok(())
}

/// An address with a scheme and one slash at its end.
pub(crate) fn check_url(url: &str) -> Result<String, AppError> {
    let url = url.trim();
    let bad = || {
        AppError::invalid(
            "a registry's address is https://HOST[:PORT]/ or http://HOST[:PORT]/, without a user",
        )
    };
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or_else(bad)?;
    let host = rest.split('/').next().unwrap_or_default();
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if host.is_empty() || host.contains('@') || url.len() > 1024 || url.contains(odd) {
        return Err(bad());
    }
    Ok(format!("{}/", url.trim_end_matches('/')))
}
