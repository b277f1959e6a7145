//! The Kubernetes Container Runtime Interface v1, as containerd and CRI-O serve it.
//!
//! API: kubernetes/cri-api, `runtime.v1.RuntimeService`. It has no events on the versions in use,
//! so it is listed every [`LISTING`] at the longest; state folders and containerd's own events tell
//! of a container before that, and what the listing adds is the pod's labels.

mod message;

use super::{
    Link, Source, SourceError,
    grpc::{Empty, Grpc},
};
use crate::{json, local::oci, time};
use message::{
    Container, ContainerStatus, ContainerStatusResponse, ImageSpec, ListContainersResponse,
    ListPodSandboxResponse, PodSandbox, PodSandboxStatusResponse, StatusRequest, VersionResponse,
};
use rampart_model::{
    Workload, WorkloadId,
    workload::{Mount, Pod},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    convert::Infallible,
    time::Duration,
};

const VERSION: &str = "/runtime.v1.RuntimeService/Version";
const SANDBOXES: &str = "/runtime.v1.RuntimeService/ListPodSandbox";
const SANDBOX: &str = "/runtime.v1.RuntimeService/PodSandboxStatus";
const CONTAINERS: &str = "/runtime.v1.RuntimeService/ListContainers";
const CONTAINER: &str = "/runtime.v1.RuntimeService/ContainerStatus";
const LISTING: Duration = Duration::from_secs(1);
const CREATED: i32 = 0;
const RUNNING: i32 = 1;
const EXITED: i32 = 2;

pub(crate) struct Cri;

impl Source for Cri {
    async fn session(&self, link: &Link) -> Result<Infallible, SourceError> {
        let grpc = Grpc::connect(link.path.clone()).await?;
        let version: VersionResponse = grpc.call(VERSION, "", Empty {}).await?;
        link.found(format!(
            "{} {}",
            version.runtime_name, version.runtime_version
        ));
        let mut session = Session {
            link,
            grpc,
            runtime: version.runtime_name,
            states: HashMap::new(),
        };
        let mut listing = tokio::time::interval(LISTING.min(link.poll));
        listing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            listing.tick().await;
            session.list().await?;
        }
    }
}

struct Session<'a> {
    link: &'a Link,
    grpc: Grpc,
    /// `containerd` or `cri-o`.
    runtime: String,
    /// State of what was told, by id.
    states: HashMap<String, i32>,
}

impl Session<'_> {
    async fn list(&mut self) -> Result<(), SourceError> {
        let sandboxes: ListPodSandboxResponse = self.grpc.call(SANDBOXES, "", Empty {}).await?;
        let containers: ListContainersResponse = self.grpc.call(CONTAINERS, "", Empty {}).await?;
        let mut pods = HashMap::new();
        let (mut ids, mut states) = (HashSet::new(), HashMap::new());
        for sandbox in sandboxes.items {
            if sandbox.state == 0 {
                ids.insert(WorkloadId::from(sandbox.id.clone()));
                states.insert(sandbox.id.clone(), RUNNING);
                if self.is_news(&sandbox.id, RUNNING) {
                    self.tell_sandbox(&sandbox).await?;
                }
            }
            pods.insert(sandbox.id.clone(), sandbox);
        }
        for container in containers.containers {
            let (id, state) = (container.id.clone(), container.state);
            states.insert(id.clone(), state);
            if matches!(state, CREATED | RUNNING) {
                ids.insert(WorkloadId::from(id.clone()));
            }
            if self.is_news(&id, state) {
                self.tell(&container, pods.get(&container.pod_sandbox_id))
                    .await?;
            }
        }
        self.states = states;
        self.link.listed(ids);
        Ok(())
    }

    fn is_news(&self, id: &str, state: i32) -> bool {
        let told = self.states.get(id) == Some(&state);
        match state {
            EXITED => !told,
            _ => !told || !self.link.has_told(id),
        }
    }

    async fn tell_sandbox(&self, sandbox: &PodSandbox) -> Result<(), SourceError> {
        let request = StatusRequest {
            id: sandbox.id.clone(),
            verbose: true,
        };
        let answer: PodSandboxStatusResponse = match self.grpc.call(SANDBOX, "", request).await {
            Err(error) if error.is_not_found() => return Ok(()),
            answer => answer?,
        };
        let mut out = self.begin(&sandbox.id, &answer.info);
        out.sandbox = true;
        out.running = true;
        out.created_at = time::nanos(sandbox.created_at);
        out.labels.extend(clipped(&sandbox.labels));
        let pod = pod_of(sandbox);
        out.name.clone_from(&pod.name);
        out.pod = Some(pod);
        self.link.seen(out);
        Ok(())
    }

    async fn tell(
        &self,
        container: &Container,
        sandbox: Option<&PodSandbox>,
    ) -> Result<(), SourceError> {
        let request = StatusRequest {
            id: container.id.clone(),
            verbose: true,
        };
        let answer: ContainerStatusResponse = match self.grpc.call(CONTAINER, "", request).await {
            Err(error) if error.is_not_found() => return Ok(()),
            answer => answer?,
        };
        let status = answer.status.unwrap_or_default();
        if container.state == EXITED {
            let at = time::nanos(status.finished_at);
            self.link.gone(&container.id, at, status.exit_code);
            return Ok(());
        }
        let mut out = self.begin(&container.id, &answer.info);
        out.running = container.state == RUNNING;
        if let Some(sandbox) = sandbox {
            // A container's own labels are Kubernetes' bookkeeping; the user's are the pod's.
            out.labels.extend(clipped(&sandbox.labels));
            out.pod = Some(pod_of(sandbox));
        }
        out.labels.extend(clipped(&container.labels));
        apply_status(container, &status, &mut out);
        self.link.seen(out);
        Ok(())
    }

    /// What the verbose part of a status tells: the process and the specification.
    fn begin(&self, id: &str, info: &HashMap<String, String>) -> Workload {
        let mut out = Workload {
            id: id.into(),
            runtime: self.runtime.clone(),
            ..Workload::default()
        };
        let Some(text) = info.get("info") else {
            return out;
        };
        match serde_json::from_str::<Value>(text) {
            Ok(info) => {
                out.pid = json::pid(&info, "/pid");
                if let Some(spec) = info.pointer("/runtimeSpec").filter(|s| s.is_object()) {
                    oci::apply(spec, &mut out);
                }
            }
            Err(error) => self
                .link
                .skip("container's information", &SourceError::Json(error)),
        }
        out
    }
}

fn apply_status(container: &Container, status: &ContainerStatus, out: &mut Workload) {
    if let Some(metadata) = &container.metadata {
        out.name = json::clip(&metadata.name);
    }
    let image = image_name(status.image.as_ref().or(container.image.as_ref()));
    if !image.is_empty() {
        out.image = image;
    }
    let reference = if status.image_ref.is_empty() {
        &container.image_ref
    } else {
        &status.image_ref
    };
    let digest = reference.rsplit('@').next().unwrap_or(reference);
    out.image_digest = if digest.contains(':') {
        json::clip(digest)
    } else {
        String::new()
    };
    out.created_at = time::nanos(container.created_at);
    out.started_at = time::nanos(status.started_at);
    if !status.mounts.is_empty() {
        out.mounts = status
            .mounts
            .iter()
            .map(|m| Mount {
                source: json::clip(&m.host_path),
                destination: json::clip(&m.container_path),
                read_only: m.readonly,
            })
            .collect();
    }
}

/// Decodes answers and reads what they tell, as a session does; see [`crate::fuzz`].
pub(crate) fn read_answers(bytes: &[u8]) -> Option<Workload> {
    use prost::Message;
    let sandboxes = ListPodSandboxResponse::decode(bytes).unwrap_or_default();
    let status = ContainerStatusResponse::decode(bytes).unwrap_or_default();
    let mut out = Workload::default();
    if let Some(text) = status.info.get("info")
        && let Ok(info) = serde_json::from_str::<Value>(text)
    {
        oci::apply(info.pointer("/runtimeSpec")?, &mut out);
    }
    out.pod = sandboxes.items.first().map(pod_of);
    let container = ListContainersResponse::decode(bytes)
        .ok()?
        .containers
        .into_iter()
        .next()?;
    out.labels.extend(clipped(&container.labels));
    apply_status(&container, &status.status.unwrap_or_default(), &mut out);
    Some(out)
}

/// As the user wrote it; what the runtime resolved it to, if that is no bare id.
fn image_name(image: Option<&ImageSpec>) -> String {
    let Some(image) = image else {
        return String::new();
    };
    let named = [&image.user_specified_image, &image.image];
    let usable = named
        .into_iter()
        .find(|n| !n.is_empty() && !n.starts_with("sha256:"));
    usable.map(|n| json::clip(n)).unwrap_or_default()
}

fn pod_of(sandbox: &PodSandbox) -> Pod {
    let metadata = sandbox.metadata.clone().unwrap_or_default();
    Pod {
        uid: json::clip(&metadata.uid),
        name: json::clip(&metadata.name),
        namespace: json::clip(&metadata.namespace),
        sandbox_id: sandbox.id.clone(),
        namespace_labels: BTreeMap::new(),
    }
}

fn clipped(labels: &HashMap<String, String>) -> impl Iterator<Item = (String, String)> + '_ {
    labels.iter().map(|(k, v)| (json::clip(k), json::clip(v)))
}
