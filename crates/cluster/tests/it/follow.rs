//! Starts a discovery and waits for what it tells.

use rampart_cluster::{Change, Config, Discovery, RuntimeKind, Socket, Stats};
use rampart_model::Workload;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Follower {
    pub(crate) discovery: Discovery,
    receiver: mpsc::Receiver<Change>,
}

/// Explicit sockets only, so that tests do not see each other's daemons.
pub(crate) fn config(sockets: &[(RuntimeKind, &Path)]) -> Config {
    let sockets = sockets.iter().map(|(runtime, path)| Socket {
        runtime: *runtime,
        path: (*path).to_owned(),
    });
    Config {
        sockets: Some(sockets.collect()),
        poll: Duration::from_millis(500),
        scan_namespaces: false,
        ..Config::new("node-1".into(), "node")
    }
}

impl Follower {
    pub(crate) fn start(config: Config) -> Self {
        let (discovery, receiver) = Discovery::start(config).expect("discovery");
        Self {
            discovery,
            receiver,
        }
    }

    /// The first change for which `pick` gives something.
    pub(crate) async fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&Change) -> Option<T>,
    ) -> T {
        let mut seen = Vec::new();
        let found = timeout(DEADLINE, async {
            while let Some(change) = self.receiver.recv().await {
                if let Some(found) = pick(&change) {
                    return Some(found);
                }
                seen.push(summary(&change));
            }
            None
        });
        match found.await {
            Ok(Some(found)) => found,
            _ => panic!("{what} never came; {:?}; came: {seen:#?}", self.state()),
        }
    }

    /// What the discovery believes; nothing if it hangs.
    fn state(&self) -> Option<(Stats, Vec<String>)> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let discovery = self.discovery.clone();
        std::thread::spawn(move || {
            let running = discovery.workloads();
            let running = running.iter().map(|w| format!("{} pid={}", w.name, w.pid));
            let _ = sender.send((discovery.stats(), running.collect()));
        });
        receiver.recv_timeout(Duration::from_secs(2)).ok()
    }

    /// The container named so, once it satisfies `complete`.
    pub(crate) async fn container(
        &mut self,
        name: &str,
        complete: impl Fn(&Workload) -> bool,
    ) -> Workload {
        self.wait(&format!("container {name}"), |change| match change {
            Change::Added(w) | Change::Updated(w) if w.name == name && complete(w) => {
                Some(w.as_ref().clone())
            }
            _ => None,
        })
        .await
    }

    /// The exit code of a container, once it is removed.
    pub(crate) async fn removed(&mut self, id: &str) -> i32 {
        self.wait(&format!("removal of {id}"), |change| match change {
            Change::Removed {
                id: removed,
                exit_code,
                ..
            } if removed.as_str() == id => Some(*exit_code),
            _ => None,
        })
        .await
    }

    pub(crate) async fn found(&mut self, kind: RuntimeKind) -> String {
        self.wait(&format!("runtime {kind}"), |change| match change {
            Change::RuntimeFound {
                runtime, version, ..
            } if *runtime == kind => Some(version.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn lost(&mut self, kind: RuntimeKind) -> String {
        self.wait(&format!("loss of {kind}"), |change| match change {
            Change::RuntimeLost { runtime, error, .. } if *runtime == kind => Some(error.clone()),
            _ => None,
        })
        .await
    }
}

fn summary(change: &Change) -> String {
    match change {
        Change::Added(w) | Change::Updated(w) => format!(
            "{} {} runtime={} image={} pid={} pod={:?}",
            w.id.short(),
            w.name,
            w.runtime,
            w.image,
            w.pid,
            w.pod
        ),
        other => format!("{other:?}"),
    }
}

/// Where cgroup v2 is mounted, read independently of the code under test.
pub(crate) fn cgroup_mount() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("mounts");
    let fields = mounts.lines().map(|l| l.split(' ').collect::<Vec<_>>());
    let found = fields
        .into_iter()
        .find(|f| f.get(2) == Some(&"cgroup2"))
        .expect("cgroup2");
    PathBuf::from(found[1])
}

/// The inode of a workload's cgroup folder.
pub(crate) fn cgroup_inode(workload: &Workload) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let folder = cgroup_mount().join(workload.cgroup_path.trim_start_matches('/'));
    std::fs::metadata(folder).map_or(0, |m| m.ino())
}
