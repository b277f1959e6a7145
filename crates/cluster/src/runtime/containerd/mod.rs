//! containerd itself, in all its namespaces: `default` of ctr and nerdctl, `moby` of Docker,
//! `k8s.io` of Kubernetes.
//!
//! API: containerd/containerd, `api/services/*/v1`. Events tell of a container when it is created,
//! before its first exec.

mod message;

use super::{
    Link, Source, SourceError,
    grpc::{Empty, Grpc},
};
use crate::{
    json,
    local::{engine, kubernetes, oci},
};
use message::{
    Container, ContainerEvent, Envelope, GetContainerRequest, GetContainerResponse,
    GetImageRequest, GetImageResponse, ListContainersResponse, ListNamespacesResponse,
    ListTasksResponse, SubscribeRequest, TaskCreate, TaskExit, TaskStart, VersionResponse,
};
use prost::Message;
use rampart_model::{Timestamp, Workload, WorkloadId};
use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
};
use tokio::{sync::mpsc, task::JoinSet};

const VERSION: &str = "/containerd.services.version.v1.Version/Version";
const NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";
const CONTAINERS: &str = "/containerd.services.containers.v1.Containers/List";
const CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";
const TASKS: &str = "/containerd.services.tasks.v1.Tasks/List";
const IMAGE: &str = "/containerd.services.images.v1.Images/Get";
const EVENTS: &str = "/containerd.services.events.v1.Events/Subscribe";
const FILTERS: [&str; 2] = [r#"topic~="^/tasks/""#, r#"topic~="^/containers/""#];
/// Docker's containers: their names and images are Docker's to tell.
const MOBY: &str = "moby";
/// Events that may wait; containerd keeps the rest.
const WAITING: usize = 1024;
const MAX_NAMESPACES: usize = 256;
const MAX_IMAGES: usize = 1024;
const MAX_KNOWN: usize = 16_384;

pub(crate) struct Containerd;

impl Source for Containerd {
    async fn session(&self, link: &Link) -> Result<Infallible, SourceError> {
        let grpc = Grpc::connect(link.path.clone()).await?;
        let version: VersionResponse = grpc.call(VERSION, "", Empty {}).await?;
        // Before the listing, so that nothing falls between the two.
        let mut pump = JoinSet::new();
        let (sender, mut events) = mpsc::channel(WAITING);
        pump.spawn(forward(grpc.clone(), sender));
        link.found(version.version);
        let mut session = Session {
            link,
            grpc,
            known: HashMap::new(),
            digests: HashMap::new(),
        };
        let mut listing = tokio::time::interval(link.poll);
        listing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => session.take(event.ok_or(SourceError::Ended)??).await?,
                _ = listing.tick() => session.list().await?,
            }
        }
    }
}

/// Hands events on until the stream breaks. A task of its own, because containerd does not answer
/// the subscription at all before the first event.
async fn forward(grpc: Grpc, sender: mpsc::Sender<Result<Envelope, SourceError>>) {
    let filters = FILTERS.map(str::to_owned).to_vec();
    let mut stream = match grpc.stream(EVENTS, SubscribeRequest { filters }).await {
        Ok(stream) => stream,
        Err(error) => return drop(sender.send(Err(error)).await),
    };
    loop {
        let event = match stream.message().await {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(SourceError::Ended),
            Err(status) => Err(SourceError::Rpc(Box::new(status))),
        };
        let ended = event.is_err();
        if sender.send(event).await.is_err() || ended {
            return;
        }
    }
}

/// Decodes answers and events, as a session does; see [`crate::fuzz`].
pub(crate) fn read_answers(bytes: &[u8]) {
    if let Ok(answer) = ListContainersResponse::decode(bytes) {
        for container in answer.containers {
            let spec = container.spec.unwrap_or_default().value;
            if let Ok(spec) = serde_json::from_slice(&spec) {
                oci::apply(&spec, &mut Workload::default());
            }
        }
    }
    let _ = ListTasksResponse::decode(bytes)
        .map(|a| a.tasks.iter().filter(|t| t.has_process()).count());
    let _ = GetImageResponse::decode(bytes);
    if let Ok(envelope) = Envelope::decode(bytes) {
        let body = envelope.event.unwrap_or_default().value;
        let _ = TaskExit::decode(&*body).map(|e| e.exited_at.map(|t| t.to_model()));
        let _ = TaskCreate::decode(&*body);
        let _ = TaskStart::decode(&*body);
        let _ = ContainerEvent::decode(&*body);
    }
}

struct Session<'a> {
    link: &'a Link,
    grpc: Grpc,
    /// Containers as they were created; a task's events come with an id and a pid only.
    known: HashMap<String, Workload>,
    /// Digest by namespace and image name.
    digests: HashMap<(String, String), String>,
}

impl Session<'_> {
    async fn list(&mut self) -> Result<(), SourceError> {
        let answer: ListNamespacesResponse = self.grpc.call(NAMESPACES, "", Empty {}).await?;
        let (mut ids, mut all) = (HashSet::new(), HashSet::new());
        for namespace in answer.namespaces.into_iter().take(MAX_NAMESPACES) {
            let ns = namespace.name;
            let containers: ListContainersResponse =
                self.grpc.call(CONTAINERS, &ns, Empty {}).await?;
            let tasks: ListTasksResponse = self.grpc.call(TASKS, &ns, Empty {}).await?;
            let pids: HashMap<&str, u32> = tasks
                .tasks
                .iter()
                .filter(|t| t.has_process())
                .map(|t| (t.container(), t.pid))
                .collect();
            for container in containers.containers {
                let id = container.id.clone();
                all.insert(id.clone());
                let pid = pids.get(id.as_str()).copied().unwrap_or(0);
                if pid != 0 {
                    ids.insert(WorkloadId::from(id.clone()));
                }
                let told = self.known.get(&id).is_some_and(|w| w.pid == pid);
                if !(told && self.link.has_told(&id)) {
                    self.learn(&ns, container, pid).await?;
                }
            }
        }
        self.known.retain(|id, _| all.contains(id));
        self.link.listed(ids);
        Ok(())
    }

    async fn take(&mut self, envelope: Envelope) -> Result<(), SourceError> {
        let ns = envelope.namespace;
        let body = envelope.event.unwrap_or_default().value;
        match envelope.topic.as_str() {
            "/containers/create" | "/containers/update" => {
                if let Some(event) = self.decode::<ContainerEvent>(&body) {
                    let pid = self.known.get(&event.id).map_or(0, |w| w.pid);
                    self.fetch(&ns, &event.id, pid).await?;
                }
            }
            "/tasks/create" => {
                if let Some(event) = self.decode::<TaskCreate>(&body) {
                    self.started(&ns, &event.container_id, event.pid).await?;
                }
            }
            "/tasks/start" => {
                if let Some(event) = self.decode::<TaskStart>(&body) {
                    self.started(&ns, &event.container_id, event.pid).await?;
                }
            }
            "/tasks/exit" => {
                if let Some(event) = self.decode::<TaskExit>(&body)
                    && (event.id.is_empty() || event.id == event.container_id)
                {
                    self.exited(&event);
                }
            }
            "/containers/delete" => {
                if let Some(event) = self.decode::<ContainerEvent>(&body) {
                    self.known.remove(&event.id);
                    self.link
                        .gone(&event.id, Timestamp::UNKNOWN, crate::EXIT_UNKNOWN);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn exited(&mut self, event: &TaskExit) {
        if let Some(known) = self.known.get_mut(&event.container_id) {
            known.pid = 0;
            known.running = false;
        }
        let at = event.exited_at.map_or(Timestamp::UNKNOWN, |t| t.to_model());
        let code = i32::try_from(event.exit_status).unwrap_or(crate::EXIT_UNKNOWN);
        self.link.gone(&event.container_id, at, code);
    }

    fn decode<M: Message + Default>(&self, body: &[u8]) -> Option<M> {
        M::decode(body)
            .map_err(|e| {
                self.link
                    .skip("event", &SourceError::Request(e.to_string()))
            })
            .ok()
    }

    async fn started(&mut self, ns: &str, id: &str, pid: u32) -> Result<(), SourceError> {
        match self.known.get_mut(id) {
            Some(known) if known.pid == pid => Ok(()),
            Some(known) => {
                (known.pid, known.running) = (pid, pid != 0);
                self.link.seen(known.clone());
                Ok(())
            }
            None => self.fetch(ns, id, pid).await,
        }
    }

    async fn fetch(&mut self, ns: &str, id: &str, pid: u32) -> Result<(), SourceError> {
        let request = GetContainerRequest { id: id.to_owned() };
        match self
            .grpc
            .call::<_, GetContainerResponse>(CONTAINER, ns, request)
            .await
        {
            Ok(GetContainerResponse {
                container: Some(container),
            }) => self.learn(ns, container, pid).await,
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn learn(&mut self, ns: &str, container: Container, pid: u32) -> Result<(), SourceError> {
        let image_name = container.image.clone();
        let Some(mut workload) = self.convert(ns, container, pid) else {
            return Ok(());
        };
        let digest = self.digest(ns, image_name).await?;
        if !digest.is_empty() {
            workload.image_digest = digest;
        }
        if self.known.len() < MAX_KNOWN {
            self.known
                .insert(workload.id.as_str().to_owned(), workload.clone());
        }
        self.link.seen(workload);
        Ok(())
    }

    fn convert(&self, ns: &str, container: Container, pid: u32) -> Option<Workload> {
        if container.id.is_empty() {
            self.link
                .skip("container", &SourceError::Request("has no id".to_owned()));
            return None;
        }
        let mut out = Workload {
            id: container.id.into(),
            runtime: if ns == MOBY { "docker" } else { "containerd" }.to_owned(),
            image: json::clip(&container.image),
            pid,
            running: pid != 0,
            created_at: container
                .created_at
                .map_or(Timestamp::UNKNOWN, |t| t.to_model()),
            ..Workload::default()
        };
        let spec = container.spec.unwrap_or_default().value;
        match serde_json::from_slice(&spec) {
            Ok(spec) => oci::apply(&spec, &mut out),
            Err(error) => self
                .link
                .skip("container's specification", &SourceError::Json(error)),
        }
        if !container.image.is_empty() {
            out.image = json::clip(&container.image);
        } else if ns == MOBY {
            out.image.clear();
        }
        let labels = container
            .labels
            .into_iter()
            .map(|(k, v)| (json::clip(&k), json::clip(&v)));
        out.labels.extend(labels);
        kubernetes::apply(&out.labels.clone(), &mut out);
        if ns == MOBY {
            // Its name and labels are Docker's: without them it would be told of under its id.
            let local = &self.link.shared.local;
            engine::apply_docker(&local.docker_roots, &local.diagnostics, &mut out);
        }
        if let Some(name) = out.labels.get("nerdctl/name") {
            out.name.clone_from(name);
        }
        Some(out)
    }

    async fn digest(&mut self, ns: &str, name: String) -> Result<String, SourceError> {
        if name.is_empty() {
            return Ok(String::new());
        }
        let key = (ns.to_owned(), name);
        if let Some(known) = self.digests.get(&key) {
            return Ok(known.clone());
        }
        let request = GetImageRequest {
            name: key.1.clone(),
        };
        let answer = self
            .grpc
            .call::<_, GetImageResponse>(IMAGE, ns, request)
            .await;
        let digest = match answer {
            Ok(answer) => {
                answer
                    .image
                    .and_then(|i| i.target)
                    .unwrap_or_default()
                    .digest
            }
            // The image may be removed while its containers run.
            Err(error) if error.is_not_found() => String::new(),
            Err(error) => return Err(error),
        };
        if self.digests.len() >= MAX_IMAGES {
            self.digests.clear();
        }
        self.digests.insert(key, digest.clone());
        Ok(digest)
    }
}
