//! Domains (namespaces) and the figures of the whole.

use super::{App, DomainView, Draft, Summary};
use crate::AppError;
use rampart_model::Workload;
use rampart_policy::group::service_of_group;
use std::collections::{BTreeMap, HashSet};

const MAX_TAGS: usize = 64;

impl App {
    /// Every domain a workload or a group was seen in, by name.
    pub fn domains(&self) -> Vec<DomainView> {
        let mut domains: BTreeMap<String, DomainView> = BTreeMap::new();
        let mut pods: HashSet<String> = HashSet::new();
        for view in self.workloads() {
            let workload = &view.workload;
            let domain = entry(&mut domains, &workload.domain);
            domain.workloads += 1;
            domain.running_workloads += usize::from(workload.running);
            if let Some(pod) = running_pod(workload)
                && pods.insert(pod)
            {
                domain.running_pods += 1;
            }
            if let Some(pod) = &workload.pod {
                domain.labels.clone_from(&pod.namespace_labels);
            }
        }
        for group in self.groups() {
            if service_of_group(&group.group.name).is_some() {
                entry(&mut domains, &group.group.domain).services += 1;
            }
        }
        let tags = self.read(|state| state.domains.clone());
        for (name, tags) in tags {
            entry(&mut domains, &name).tags = tags;
        }
        domains
            .into_values()
            .filter(|domain| !domain.name.is_empty())
            .collect()
    }

    /// Puts tags on a domain in place of those it has.
    pub async fn tag_domain(&self, name: &str, tags: Vec<String>) -> Result<(), AppError> {
        if !self.domains().iter().any(|domain| domain.name == name) {
            return Err(AppError::not_found("domain", name));
        }
        if tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.is_empty() || tag.len() > 256) {
            return Err(AppError::invalid(format!(
                "a domain has at most {MAX_TAGS} tags of 1 to 256 bytes"
            )));
        }
        let mut draft = Draft::default();
        draft
            .domains
            .insert(name.to_owned(), (!tags.is_empty()).then_some(tags));
        self.writer().await.commit(draft).await
    }

    pub fn summary(&self) -> Summary {
        let workloads = self.workloads();
        let running = || workloads.iter().filter(|view| view.workload.running);
        let pods: HashSet<String> = running()
            .filter_map(|view| running_pod(&view.workload))
            .collect();
        let groups = self.groups();
        let nodes = self.nodes();
        Summary {
            hosts: nodes.len(),
            controllers: 1,
            enforcers: nodes.iter().filter(|node| node.connected).count(),
            disconnected_enforcers: nodes.iter().filter(|node| !node.connected).count(),
            workloads: workloads.len(),
            running_workloads: running().count(),
            running_pods: pods.len(),
            services: groups
                .iter()
                .filter(|g| service_of_group(&g.group.name).is_some())
                .count(),
            groups: groups.len(),
            policy_rules: self.read(|state| state.rules.len()),
            domains: self.domains().len(),
            platform: platform(running().map(|view| &view.workload)),
            policy_revision: self.0.policies.current().revision,
        }
    }
}

fn entry<'a>(domains: &'a mut BTreeMap<String, DomainView>, name: &str) -> &'a mut DomainView {
    domains
        .entry(name.to_owned())
        .or_insert_with(|| DomainView {
            name: name.to_owned(),
            ..DomainView::default()
        })
}

fn running_pod(workload: &Workload) -> Option<String> {
    let pod = workload.pod.as_ref().filter(|_| workload.running)?;
    let id = if pod.uid.is_empty() {
        &pod.name
    } else {
        &pod.uid
    };
    (!id.is_empty()).then(|| format!("{}/{id}", pod.namespace))
}

fn platform<'a>(workloads: impl Iterator<Item = &'a Workload>) -> String {
    let mut runtimes: BTreeMap<&str, usize> = BTreeMap::new();
    for workload in workloads {
        if workload
            .pod
            .as_ref()
            .is_some_and(|pod| !pod.namespace.is_empty())
        {
            return "Kubernetes".to_owned();
        }
        *runtimes.entry(workload.runtime.as_str()).or_default() += 1;
    }
    let most = runtimes.into_iter().max_by_key(|(_, count)| *count);
    match most.map(|(runtime, _)| runtime) {
        Some("docker") => "Docker".to_owned(),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}
