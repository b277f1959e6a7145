//! Kubernetes facts that runtimes write on a container, as labels or annotations.

use rampart_model::{Workload, workload::Pod};
use std::collections::BTreeMap;

const POD_NAME: [&str; 3] = [
    "io.kubernetes.pod.name",
    "io.kubernetes.cri.sandbox-name",
    "io.kubernetes.cri-o.KubeName",
];
const POD_NAMESPACE: [&str; 3] = [
    "io.kubernetes.pod.namespace",
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.cri-o.Namespace",
];
const POD_UID: [&str; 2] = ["io.kubernetes.pod.uid", "io.kubernetes.cri.sandbox-uid"];
const SANDBOX_ID: [&str; 3] = [
    "io.kubernetes.sandbox.id",
    "io.kubernetes.cri.sandbox-id",
    "io.kubernetes.cri-o.SandboxID",
];
const CONTAINER_NAME: [&str; 3] = [
    "io.kubernetes.container.name",
    "io.kubernetes.cri.container-name",
    "io.kubernetes.cri-o.ContainerName",
];
/// Key and the value that marks a pod's pause container.
const SANDBOX: [(&str, &str); 4] = [
    ("io.kubernetes.cri.container-type", "sandbox"),
    ("io.kubernetes.cri-o.ContainerType", "sandbox"),
    ("io.cri-containerd.kind", "sandbox"),
    ("io.kubernetes.docker.type", "podsandbox"),
];
/// CRI-O writes the container's labels as JSON in an annotation.
const CRIO_LABELS: &str = "io.kubernetes.cri-o.Labels";

/// Takes pod, name and role from labels or annotations; nothing if they are not Kubernetes'.
pub(crate) fn apply(keys: &BTreeMap<String, String>, out: &mut Workload) {
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| keys.get(*n))
            .filter(|v| !v.is_empty())
            .cloned()
    };
    out.sandbox |= SANDBOX
        .iter()
        .any(|(k, v)| keys.get(*k).is_some_and(|value| value == v));
    if let Some(labels) = keys.get(CRIO_LABELS)
        && let Ok(value) = serde_json::from_str(labels)
    {
        out.labels.extend(crate::json::map(&value, ""));
    }
    let Some(name) = first(&POD_NAME) else { return };
    let pod = Pod {
        name,
        namespace: first(&POD_NAMESPACE).unwrap_or_default(),
        uid: first(&POD_UID).unwrap_or_default(),
        sandbox_id: first(&SANDBOX_ID)
            .or_else(|| out.sandbox.then(|| out.id.as_str().to_owned()))
            .unwrap_or_default(),
        ..Pod::default()
    };
    if let Some(container) = first(&CONTAINER_NAME) {
        out.name = container;
    } else if out.sandbox {
        out.name.clone_from(&pod.name);
    }
    out.pod = Some(pod);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects() {
        for (text, name, sandbox_id, sandbox) in [
            (
                "io.kubernetes.cri.container-type=container io.kubernetes.cri.sandbox-name=p \
                 io.kubernetes.cri.sandbox-namespace=ns io.kubernetes.cri.sandbox-uid=u \
                 io.kubernetes.cri.sandbox-id=s io.kubernetes.cri.container-name=c",
                "c",
                "s",
                false,
            ),
            (
                "io.kubernetes.cri.container-type=sandbox io.kubernetes.cri.sandbox-name=p \
                 io.kubernetes.cri.sandbox-namespace=ns io.kubernetes.pod.uid=u",
                "p",
                "me",
                true,
            ),
            (
                "io.kubernetes.cri-o.KubeName=p io.kubernetes.cri-o.Namespace=ns \
                 io.kubernetes.pod.uid=u io.kubernetes.cri-o.SandboxID=s io.kubernetes.container.name=c",
                "c",
                "s",
                false,
            ),
            (
                "io.kubernetes.docker.type=container io.kubernetes.pod.name=p \
                 io.kubernetes.pod.namespace=ns io.kubernetes.pod.uid=u io.kubernetes.sandbox.id=s \
                 io.kubernetes.container.name=c",
                "c",
                "s",
                false,
            ),
        ] {
            let pairs = text.split_whitespace().filter_map(|p| p.split_once('='));
            let keys = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            let mut out = Workload {
                id: "me".into(),
                ..Workload::default()
            };
            apply(&keys, &mut out);
            let pod = out.pod.expect("pod");
            assert_eq!(
                (pod.name.as_str(), pod.namespace.as_str(), pod.uid.as_str()),
                ("p", "ns", "u")
            );
            assert_eq!(
                (out.name.as_str(), pod.sandbox_id.as_str(), out.sandbox),
                (name, sandbox_id, sandbox)
            );
        }
    }

    #[test]
    fn crio_labels_and_their_corruption() {
        for (value, count) in [(r#"{"app":"web"}"#, 1), ("{", 0), ("[]", 0)] {
            let mut out = Workload::default();
            apply(
                &BTreeMap::from([(CRIO_LABELS.to_owned(), value.to_owned())]),
                &mut out,
            );
            assert_eq!(out.labels.len(), count, "{value}");
        }
    }
}
