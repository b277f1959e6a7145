//! A Kubernetes pod, made through the CRI of a containerd of our own.
//!
//! The pod uses the host's network, so that no network plugin has to be set up. There is no
//! command-line client of CRI in Debian: the few requests needed are written out here.

use crate::{
    containerd::import,
    daemon::{Daemon, Parents, try_run},
    follow::{Follower, cgroup_inode, config},
};
use hyper_util::rt::TokioIo;
use rampart_cluster::RuntimeKind::{Containerd, Cri};
use rampart_testkit::{require, unique_name};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};
use tonic::{codegen::http::uri::PathAndQuery, transport::Endpoint};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
}

/// `LinuxSandboxSecurityContext` with `NamespaceOption` inside: network 2 is the node's.
#[derive(Clone, PartialEq, prost::Message)]
struct NamespaceOption {
    #[prost(int32, tag = "1")]
    network: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SecurityContext {
    #[prost(message, optional, tag = "1")]
    namespace_options: Option<NamespaceOption>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LinuxSandbox {
    #[prost(string, tag = "1")]
    cgroup_parent: String,
    #[prost(message, optional, tag = "2")]
    security_context: Option<SecurityContext>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SandboxConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(map = "string, string", tag = "6")]
    labels: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<LinuxSandbox>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RunPodSandbox {
    #[prost(message, optional, tag = "1")]
    config: Option<SandboxConfig>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerName {
    #[prost(string, tag = "1")]
    name: String,
}

/// `LinuxContainerConfig` with the same namespace option, three messages down.
#[derive(Clone, PartialEq, prost::Message)]
struct ContainerSecurity {
    #[prost(message, optional, tag = "3")]
    namespace_options: Option<NamespaceOption>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LinuxContainer {
    #[prost(message, optional, tag = "2")]
    security_context: Option<ContainerSecurity>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ContainerName>,
    #[prost(message, optional, tag = "2")]
    image: Option<ContainerName>,
    #[prost(string, repeated, tag = "3")]
    command: Vec<String>,
    #[prost(map = "string, string", tag = "9")]
    labels: HashMap<String, String>,
    #[prost(message, optional, tag = "15")]
    linux: Option<LinuxContainer>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    pod_sandbox_id: String,
    #[prost(message, optional, tag = "2")]
    config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    sandbox_config: Option<SandboxConfig>,
}

/// Requests and answers that are nothing but an id.
#[derive(Clone, PartialEq, prost::Message)]
struct Id {
    #[prost(string, tag = "1")]
    id: String,
}

struct Client(tonic::client::Grpc<tonic::transport::Channel>);

impl Client {
    async fn connect(socket: PathBuf) -> Self {
        let dial = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move {
                tokio::net::UnixStream::connect(socket)
                    .await
                    .map(TokioIo::new)
            }
        });
        let channel = Endpoint::from_static("http://localhost");
        let channel = channel
            .connect_with_connector(dial)
            .await
            .expect("connection");
        Self(tonic::client::Grpc::new(channel))
    }

    async fn call<Q: prost::Message + Send + Sync + 'static>(
        &mut self,
        name: &str,
        request: Q,
    ) -> String {
        self.0.ready().await.expect("ready");
        let path: PathAndQuery = format!("/runtime.v1.RuntimeService/{name}")
            .parse()
            .expect("path");
        let codec = ProstCodec::<Q, Id>::default();
        let answer = self
            .0
            .unary(tonic::Request::new(request), path, codec)
            .await;
        answer
            .unwrap_or_else(|status| panic!("{name}: {status:?}"))
            .into_inner()
            .id
    }
}

struct Setup {
    // Dropped first, while its folders are there.
    _daemon: Daemon,
    socket: PathBuf,
    dir: tempfile::TempDir,
    /// Of the pod, as the kubelet would make it.
    parent: String,
    _parents: Parents,
}

impl Setup {
    fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("rampart-cri-")
            .tempdir()
            .expect("folder");
        let at = |sub: &str| dir.path().join(sub).to_string_lossy().into_owned();
        let socket = dir.path().join("containerd.sock");
        let config = format!(
            "version = 2\nroot = \"{}\"\nstate = \"{}\"\n\
             [grpc]\n  address = \"{}\"\n[ttrpc]\n  address = \"{}\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = \"docker.io/library/tiny:1\"\n\
             restrict_oom_score_adj = true\n  disable_tcp_service = true\n\
             [plugins.\"io.containerd.grpc.v1.cri\".cni]\n  conf_dir = \"{}\"\n",
            at("root"),
            at("state"),
            socket.display(),
            at("ttrpc"),
            at("cni"),
        );
        fs::write(dir.path().join("config.toml"), config).expect("file");
        let args = ["--config", &at("config.toml")];
        let daemon = Daemon::start(dir.path(), &socket, "containerd", &args);
        let parent = unique_name("kubepods");
        Self {
            dir,
            socket,
            _daemon: daemon,
            _parents: Parents::of(&parent),
            parent: format!("/{parent}"),
        }
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        let socket = self.socket.to_string_lossy().into_owned();
        let ctr = |args: &[&str]| {
            let all = [
                &["--address", socket.as_str(), "--namespace", "k8s.io"],
                args,
            ]
            .concat();
            try_run(self.dir.path(), "ctr", &all)
        };
        let tasks = ctr(&["tasks", "list", "--quiet"]).stdout;
        for task in String::from_utf8_lossy(&tasks).lines() {
            ctr(&["tasks", "delete", "--force", task]);
        }
    }
}

fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn sandbox(pod: &str, cgroup_parent: &Path) -> SandboxConfig {
    let host = NamespaceOption { network: 2 };
    SandboxConfig {
        metadata: Some(Metadata {
            name: pod.to_owned(),
            uid: "uid-1".to_owned(),
            namespace: "shop".to_owned(),
        }),
        labels: map(&[
            ("pod-template-hash", "6d4cf56db6"),
            ("tier", "front"),
            ("io.kubernetes.pod.name", pod),
            ("io.kubernetes.pod.namespace", "shop"),
            ("io.kubernetes.pod.uid", "uid-1"),
        ]),
        linux: Some(LinuxSandbox {
            cgroup_parent: cgroup_parent.to_string_lossy().into_owned(),
            security_context: Some(SecurityContext {
                namespace_options: Some(host),
            }),
        }),
    }
}

fn container() -> ContainerConfig {
    let host = NamespaceOption { network: 2 };
    ContainerConfig {
        metadata: Some(ContainerName {
            name: "nginx".to_owned(),
        }),
        image: Some(ContainerName {
            name: "docker.io/library/tiny:1".to_owned(),
        }),
        command: ["/bin/sleep", "3600"].map(str::to_owned).to_vec(),
        labels: map(&[
            ("io.kubernetes.container.name", "nginx"),
            ("io.kubernetes.pod.name", "web-6d4cf56db6-x7k2p"),
            ("io.kubernetes.pod.namespace", "shop"),
            ("io.kubernetes.pod.uid", "uid-1"),
        ]),
        linux: Some(LinuxContainer {
            security_context: Some(ContainerSecurity {
                namespace_options: Some(host),
            }),
        }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_of_kubernetes() {
    if !require(
        "a_pod_of_kubernetes",
        &["containerd", "ctr", "runc", "busybox"],
    ) {
        return;
    }
    let setup = Setup::start();
    import(
        setup.dir.path(),
        &setup.socket,
        "k8s.io",
        "docker.io/library/tiny:1",
    );
    let sockets: [(_, &Path); 2] = [(Containerd, &setup.socket), (Cri, &setup.socket)];
    let mut follower = Follower::start(config(&sockets));
    assert!(follower.found(Cri).await.starts_with("containerd"));

    let parent = setup.parent.as_str();
    let pod = sandbox("web-6d4cf56db6-x7k2p", Path::new(parent));
    let mut client = Client::connect(setup.socket.clone()).await;
    let sandbox_id = client
        .call(
            "RunPodSandbox",
            RunPodSandbox {
                config: Some(pod.clone()),
            },
        )
        .await;
    let create = CreateContainer {
        pod_sandbox_id: sandbox_id.clone(),
        config: Some(container()),
        sandbox_config: Some(pod),
    };
    let id = client.call("CreateContainer", create).await;
    client.call("StartContainer", Id { id: id.clone() }).await;

    // The pod's labels come with CRI's own word.
    let w = follower
        .container("nginx", |w| w.running && w.labels.contains_key("tier"))
        .await;
    assert_eq!(
        (w.id.as_str(), w.runtime.as_str()),
        (id.as_str(), "containerd")
    );
    assert_eq!((w.service.as_str(), w.domain.as_str()), ("web", "shop"));
    assert_eq!(w.image, "docker.io/library/tiny:1");
    assert!(w.image_digest.starts_with("sha256:"), "{w:?}");
    let facts = w.pod.as_ref().expect("pod");
    assert_eq!(
        (facts.name.as_str(), facts.namespace.as_str()),
        ("web-6d4cf56db6-x7k2p", "shop")
    );
    assert_eq!(
        (facts.uid.as_str(), facts.sandbox_id.as_str()),
        ("uid-1", sandbox_id.as_str())
    );
    assert_eq!(w.cgroup_path, format!("{parent}/{id}"));
    assert!(w.cgroup_id != 0 && w.cgroup_id == cgroup_inode(&w));
    assert!(w.host_network && !w.sandbox && w.interfaces.is_empty());
    let pause = follower
        .discovery
        .workload(&sandbox_id.as_str().into())
        .expect("sandbox");
    assert!(pause.sandbox && pause.service == "web" && pause.domain == "shop");

    client
        .call(
            "StopPodSandbox",
            Id {
                id: sandbox_id.clone(),
            },
        )
        .await;
    assert_eq!(follower.removed(&id).await, 137);
    client.call("RemovePodSandbox", Id { id: sandbox_id }).await;
}
