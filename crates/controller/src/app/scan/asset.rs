//! Vulnerabilities across everything: each with the workloads, nodes, images and platforms it is in.
//!
//! The list is made when it is first asked for and kept until a result, the profile or the
//! workloads change.

use super::{
    Scans,
    accept::{Acceptance, Place},
    view::of_workload,
};
use crate::{
    App, AppError,
    app::{WorkloadView, lock},
};
use rampart_model::{
    Severity, Vulnerability,
    scan_job::{Finding, ScanSummary},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Something a vulnerability is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VulnerabilityWhere {
    pub id: String,
    pub name: String,
    /// Of a workload; empty for the rest.
    pub domain: String,
    pub policy_mode: String,
    /// Its packages with it: name, version, fixed version.
    pub packages: Vec<(String, String, String)>,
    pub in_use: bool,
    pub accepted: bool,
}

/// One vulnerability, wherever it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VulnerabilityAsset {
    pub id: String,
    pub severity: Severity,
    pub score_tenths: u8,
    pub score_v2_tenths: u8,
    pub exploited: bool,
    pub epss_ppm: u32,
    pub published_secs: i64,
    /// Some place has a version without it.
    pub fixable: bool,
    pub in_use: bool,
    /// Package to pairs of version and fixed version.
    pub packages: BTreeMap<String, BTreeSet<(String, String)>>,
    pub workloads: Vec<VulnerabilityWhere>,
    pub nodes: Vec<VulnerabilityWhere>,
    pub images: Vec<VulnerabilityWhere>,
    pub platforms: Vec<VulnerabilityWhere>,
    /// A result that has it, for its description.
    pub example: String,
}

impl VulnerabilityAsset {
    pub fn places(&self) -> impl Iterator<Item = &VulnerabilityWhere> {
        self.workloads
            .iter()
            .chain(&self.nodes)
            .chain(&self.images)
            .chain(&self.platforms)
    }

    /// Accepted wherever it is.
    pub fn accepted(&self) -> bool {
        self.places().all(|place| place.accepted)
    }
}

/// What of them.
#[derive(Clone, Debug, Default)]
pub struct AssetFilter {
    /// Domains the caller may see; `None` is all, and nodes, images and platforms too.
    pub domains: Option<Vec<String>>,
}

#[derive(Default)]
pub(crate) struct Cache {
    /// Of the scans, of the workloads, and the minute: an acceptance may end.
    made_of: (u64, u64, i64),
    assets: Option<Arc<Vec<VulnerabilityAsset>>>,
}

enum Kind {
    Workload,
    Node,
    Image,
    Platform,
}

#[derive(Default)]
struct Maker {
    assets: BTreeMap<String, VulnerabilityAsset>,
}

impl Maker {
    fn add(
        &mut self,
        kind: &Kind,
        place: &VulnerabilityWhere,
        key: &str,
        summary: &ScanSummary,
        accepted: impl Fn(&Finding) -> bool,
    ) {
        let mut here: BTreeMap<&str, VulnerabilityWhere> = BTreeMap::new();
        for finding in &summary.findings {
            let at = here
                .entry(&finding.id)
                .or_insert_with(|| VulnerabilityWhere {
                    accepted: finding.suppressed || accepted(finding),
                    ..place.clone()
                });
            at.in_use |= finding.in_use;
            at.packages.push((
                finding.package.clone(),
                finding.version.clone(),
                finding.fixed.clone(),
            ));
            self.asset(finding, key);
        }
        for (id, at) in here {
            let Some(asset) = self.assets.get_mut(id) else {
                continue;
            };
            match kind {
                Kind::Workload => asset.workloads.push(at),
                Kind::Node => asset.nodes.push(at),
                Kind::Image => asset.images.push(at),
                Kind::Platform => asset.platforms.push(at),
            }
        }
    }

    fn asset(&mut self, finding: &Finding, key: &str) {
        let asset = self
            .assets
            .entry(finding.id.clone())
            .or_insert_with(|| VulnerabilityAsset {
                id: finding.id.clone(),
                example: key.to_owned(),
                ..VulnerabilityAsset::default()
            });
        asset.severity = asset.severity.max(finding.severity);
        asset.score_tenths = asset.score_tenths.max(finding.score_tenths);
        asset.score_v2_tenths = asset.score_v2_tenths.max(finding.score_v2_tenths);
        asset.exploited |= finding.exploited;
        asset.epss_ppm = asset.epss_ppm.max(finding.epss_ppm);
        asset.published_secs = asset.published_secs.max(finding.published_secs);
        asset.fixable |= !finding.fixed.is_empty();
        asset.in_use |= finding.in_use;
        asset
            .packages
            .entry(finding.package.clone())
            .or_default()
            .insert((finding.version.clone(), finding.fixed.clone()));
    }
}

fn place_of(id: &str, name: &str) -> VulnerabilityWhere {
    VulnerabilityWhere {
        id: id.to_owned(),
        name: name.to_owned(),
        domain: String::new(),
        policy_mode: String::new(),
        packages: Vec::new(),
        in_use: false,
        accepted: false,
    }
}

fn make(
    scans: &Scans,
    workloads: &[Arc<WorkloadView>],
    accepted: &Acceptance<'_>,
) -> Vec<VulnerabilityAsset> {
    let mut maker = Maker::default();
    for view in workloads
        .iter()
        .filter(|v| v.workload.running && !v.workload.sandbox)
    {
        let it = &view.workload;
        let Some((key, summary)) = of_workload(scans, &it.id, &it.image_digest) else {
            continue;
        };
        let place = VulnerabilityWhere {
            domain: it.domain.clone(),
            policy_mode: view.policy_mode.to_string(),
            ..place_of(it.id.as_str(), it.display_name())
        };
        let at = Place {
            domain: &it.domain,
            image: &it.image,
        };
        maker.add(&Kind::Workload, &place, &key, summary, |f| {
            accepted.of(f, at).is_some()
        });
    }
    for (key, summary) in &scans.results {
        let kind = match key.split_once('/') {
            Some(("image", _)) => Kind::Image,
            Some(("host", _)) => Kind::Node,
            Some(("platform", _)) => Kind::Platform,
            _ => continue,
        };
        let id = match kind {
            Kind::Image => &summary.asked_digest,
            _ => key,
        };
        let id = id.strip_prefix("host/").unwrap_or(id);
        let place = place_of(
            if id.is_empty() { &summary.digest } else { id },
            &summary.name,
        );
        let at = Place {
            domain: "",
            image: &summary.name,
        };
        maker.add(&kind, &place, key, summary, |f| {
            accepted.of(f, at).is_some()
        });
    }
    let mut assets: Vec<_> = maker.assets.into_values().collect();
    assets.sort_by(|a, b| {
        let rank = |v: &VulnerabilityAsset| (v.severity, v.exploited, v.score_tenths, v.epss_ppm);
        rank(b).cmp(&rank(a)).then_with(|| a.id.cmp(&b.id))
    });
    assets
}

impl App {
    /// The worst first.
    pub fn vulnerabilities(&self, filter: &AssetFilter) -> Arc<Vec<VulnerabilityAsset>> {
        let all = self.all_vulnerabilities();
        let Some(domains) = &filter.domains else {
            return all;
        };
        let seen = |asset: &VulnerabilityAsset| {
            let workloads: Vec<_> = asset
                .workloads
                .iter()
                .filter(|place| domains.contains(&place.domain))
                .cloned()
                .collect();
            (!workloads.is_empty()).then(|| VulnerabilityAsset {
                workloads,
                nodes: Vec::new(),
                images: Vec::new(),
                platforms: Vec::new(),
                ..asset.clone()
            })
        };
        Arc::new(all.iter().filter_map(seen).collect())
    }

    fn all_vulnerabilities(&self) -> Arc<Vec<VulnerabilityAsset>> {
        let now = self.now();
        let made_of = (
            *self.0.scanning.changed.borrow(),
            self.read(|state| state.version),
            now.secs() / 60,
        );
        let mut cache = lock(&self.0.scanning.asset);
        if cache.made_of == made_of
            && let Some(assets) = &cache.assets
        {
            return assets.clone();
        }
        let workloads = self.workloads();
        let assets = Arc::new(self.scans(|scans| {
            let accepted = Acceptance::new(&scans.profile.value, now);
            make(scans, &workloads, &accepted)
        }));
        *cache = Cache {
            made_of,
            assets: Some(assets.clone()),
        };
        assets
    }

    /// What the feeds say of it, from a report that has it.
    pub async fn vulnerability_text(
        &self,
        asset: &VulnerabilityAsset,
    ) -> Result<Option<Vulnerability>, AppError> {
        let known = self.scans(|scans| scans.results.get(&asset.example).cloned());
        let Some(summary) = known.filter(|summary| !summary.artifact.is_empty()) else {
            return Ok(None);
        };
        let report = self.artifact(&summary.artifact).await?;
        Ok(report.and_then(|r| r.vulnerabilities.into_iter().find(|v| v.id == asset.id)))
    }
}
