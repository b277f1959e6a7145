//! The service and domain of a container, from which its learned group `nv.<service>.<domain>` is
//! named.
//!
//! In Kubernetes the service is the pod's owner (the Deployment, not the ReplicaSet) and the domain
//! its namespace. Elsewhere they come from Compose or Swarm labels, a label of the user's, the
//! container's name if a human gave it, or the image's name.

use rampart_model::{Workload, workload::Pod};
use std::collections::BTreeMap;

/// What names the learned group of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub service: String,
    /// Namespace, project or stack; empty where there is none.
    pub domain: String,
}

const SERVICE_LABELS: [&str; 5] = [
    "com.docker.compose.service",
    "io.podman.compose.service",
    "com.docker.swarm.service.name",
    "rampart.service",
    "app",
];
const DOMAIN_LABELS: [&str; 4] = [
    "com.docker.compose.project",
    "io.podman.compose.project",
    "com.docker.stack.namespace",
    "rampart.domain",
];
/// Letters Kubernetes makes random name suffixes of.
const RANDOM: &str = "bcdfghjklmnpqrstvwxz2456789";
const MAX_NAME: usize = 128;

/// The identity of a workload whose other facts are complete.
pub fn identity(workload: &Workload) -> Identity {
    match &workload.pod {
        Some(pod) if !pod.name.is_empty() => Identity {
            service: clean(&owner(pod, &workload.labels, &workload.node_name)),
            domain: clean(&pod.namespace),
        },
        _ => Identity {
            service: clean(&standalone_service(workload)),
            domain: clean(first_label(&workload.labels, &DOMAIN_LABELS).unwrap_or("")),
        },
    }
}

fn standalone_service(workload: &Workload) -> String {
    if let Some(service) = first_label(&workload.labels, &SERVICE_LABELS) {
        // Swarm writes the stack's name before the service's.
        let stack = workload.labels.get("com.docker.stack.namespace");
        return stack
            .and_then(|s| service.strip_prefix(s.as_str())?.strip_prefix('_'))
            .unwrap_or(service)
            .to_owned();
    }
    let name = workload.name.as_str();
    let image = image_base(&workload.image);
    if (is_generated(name) || name == workload.id.as_str())
        && !image.is_empty()
        && !is_word_id(workload)
    {
        return image.to_owned();
    }
    if name.is_empty() {
        workload.id.short().to_owned()
    } else {
        name.to_owned()
    }
}

/// Plain runc has no names: its ids are words that a human chose.
fn is_word_id(workload: &Workload) -> bool {
    workload.name == workload.id.as_str() && !is_hex_id(&workload.name)
}

fn first_label<'a>(labels: &'a BTreeMap<String, String>, keys: &[&str]) -> Option<&'a str> {
    keys.iter()
        .find_map(|k| labels.get(*k))
        .map(String::as_str)
        .filter(|v| !v.is_empty())
}

/// The pod's owner: by the hash labels controllers set, else by the shape of the name.
fn owner(pod: &Pod, labels: &BTreeMap<String, String>, node_name: &str) -> String {
    let name = pod.name.as_str();
    for label in ["batch.kubernetes.io/job-name", "job-name"] {
        if let Some(job) = labels.get(label) {
            return strip_schedule(job).to_owned();
        }
    }
    if let Some(hash) = labels.get("pod-template-hash")
        && let Some((head, _)) = name.rsplit_once('-')
        && let Some(owner) = head
            .strip_suffix(hash.as_str())
            .and_then(|o| o.strip_suffix('-'))
    {
        return owner.to_owned();
    }
    if labels.contains_key("statefulset.kubernetes.io/pod-name")
        && let Some((owner, _)) = name.rsplit_once('-')
    {
        return owner.to_owned();
    }
    // A static pod has its node's name behind its own.
    if let Some(owner) = name
        .strip_suffix(node_name)
        .and_then(|o| o.strip_suffix('-'))
        && !node_name.is_empty()
    {
        return owner.to_owned();
    }
    strip_by_shape(name).to_owned()
}

fn strip_by_shape(name: &str) -> &str {
    let Some((head, last)) = name.rsplit_once('-') else {
        return name;
    };
    if last.bytes().all(|b| b.is_ascii_digit()) && last.len() <= 4 && !last.is_empty() {
        return head;
    }
    if !is_random(last, 5..=5) {
        return name;
    }
    match head.rsplit_once('-') {
        // Deployment: `name-<template hash>-<random>`.
        Some((owner, hash))
            if is_random(hash, 8..=10) && hash.bytes().any(|b| b.is_ascii_digit()) =>
        {
            owner
        }
        Some(_) => strip_schedule(head),
        None => head,
    }
}

/// A CronJob's job has its minute, or its second, behind the name.
fn strip_schedule(job: &str) -> &str {
    match job.rsplit_once('-') {
        Some((owner, at)) if at.len() >= 8 && at.bytes().all(|b| b.is_ascii_digit()) => owner,
        _ => job,
    }
}

fn is_random(part: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&part.len()) && part.chars().all(|c| RANDOM.contains(c))
}

/// The last part of an image reference: no registry, no tag, no digest.
fn image_base(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    if image.starts_with("sha256:") || is_hex_id(image) {
        return "";
    }
    let last = image
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(image);
    last.split(':').next().unwrap_or(last)
}

/// Names nobody chose: Docker's and Podman's `adjective_surname`, or an id.
fn is_generated(name: &str) -> bool {
    if name.is_empty() || is_hex_id(name) {
        return true;
    }
    let Some((left, right)) = name.split_once('_') else {
        return false;
    };
    let word = |w: &str| w.len() >= 3 && w.bytes().all(|b| b.is_ascii_lowercase());
    word(left) && word(right.trim_end_matches(|c: char| c.is_ascii_digit()))
}

fn is_hex_id(name: &str) -> bool {
    matches!(name.len(), 12 | 64) && name.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Group names travel in URLs: what is not a letter, digit, `.`, `_` or `-` becomes `-`, and `/`
/// becomes `:`.
fn clean(name: &str) -> String {
    let keep = |c: char| match c {
        '/' => ':',
        c if c.is_ascii_alphanumeric() || ".-_:".contains(c) => c,
        _ => '-',
    };
    name.trim().chars().take(MAX_NAME).map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> BTreeMap<String, String> {
        let pairs = text.split(' ').filter_map(|p| p.split_once('='));
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    #[test]
    fn pods() {
        for (name, label_text, service) in [
            (
                "web-6d4cf56db6-x7k2p",
                "pod-template-hash=6d4cf56db6",
                "web",
            ),
            ("web-6d4cf56db6-x7k2p", "", "web"),
            ("a-b-c-7f89bd8c9d-zz5vw", "", "a-b-c"),
            ("db-0", "statefulset.kubernetes.io/pod-name=db-0", "db"),
            ("db-12", "", "db"),
            ("agent-x7k2p", "controller-revision-hash=5d4f", "agent"),
            ("kube-proxy-x7k2p", "", "kube-proxy"),
            ("backup-28501440-x7k2p", "", "backup"),
            (
                "backup-28501440-x7k2p",
                "job-name=backup-28501440",
                "backup",
            ),
            (
                "migrate-x7k2p",
                "batch.kubernetes.io/job-name=migrate",
                "migrate",
            ),
            ("etcd-node1", "", "etcd"),
            ("toolbox", "", "toolbox"),
            ("my-shell", "", "my-shell"),
            ("data-loader", "", "data-loader"),
        ] {
            let workload = Workload {
                pod: Some(Pod {
                    name: name.into(),
                    namespace: "shop".into(),
                    ..Pod::default()
                }),
                labels: labels(label_text),
                node_name: "node1".into(),
                ..Workload::default()
            };
            let expected = Identity {
                service: service.into(),
                domain: "shop".into(),
            };
            assert_eq!(identity(&workload), expected, "{name} {label_text}");
        }
    }

    #[test]
    fn containers_outside_kubernetes() {
        const ID: &str = "3f1c0a9be4d5726883920acf1b2d3e4f5061728394a5b6c7d8e9f00112233445";
        for (name, image, label_text, service, domain) in [
            (
                "shop-web-1",
                "nginx:1.25",
                "com.docker.compose.service=web com.docker.compose.project=shop",
                "web",
                "shop",
            ),
            (
                "shop_web.1.abc",
                "nginx",
                "com.docker.swarm.service.name=shop_web com.docker.stack.namespace=shop",
                "web",
                "shop",
            ),
            ("x", "nginx", "rampart.service=front", "front", ""),
            ("x", "nginx", "app=front rampart.domain=dev", "front", "dev"),
            ("web", "nginx", "", "web", ""),
            (
                "quirky_hopper",
                "registry.example:5000/team/api:2.1",
                "",
                "api",
                "",
            ),
            ("quirky_hopper3", "team/api@sha256:00", "", "api", ""),
            (ID, "docker.io/library/busybox:latest", "", "busybox", ""),
            (ID, "", "", ID, ""),
            (ID, "sha256:1234", "", ID, ""),
            ("my_Web", "nginx", "", "my_Web", ""),
            ("a/b c", "", "", "a:b-c", ""),
        ] {
            let workload = Workload {
                id: ID.into(),
                name: name.into(),
                image: image.into(),
                labels: labels(label_text),
                ..Workload::default()
            };
            let expected = Identity {
                service: service.into(),
                domain: domain.into(),
            };
            assert_eq!(identity(&workload), expected, "{name} {image} {label_text}");
        }
    }

    #[test]
    fn plain_runc_is_named_by_its_id() {
        let workload = Workload {
            id: "shop-web".into(),
            name: "shop-web".into(),
            image: "/srv/rootfs".into(),
            ..Workload::default()
        };
        assert_eq!(identity(&workload).service, "shop-web");
    }
}
