//! State folders of low-level runtimes: one folder per container, there before its first exec.
//!
//! `runc` keeps `state.json`, `crun` keeps `status`; containerd's shim keeps the bundle itself.

use crate::{diagnostics::Diagnostics, json, read, time};
use rampart_model::{Workload, workload::Mount};
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// More folders than containers fit on a node.
const MAX_FOLDERS: usize = 20_000;

/// A folder in which a runtime keeps one folder per container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateRoot {
    pub(crate) path: PathBuf,
    /// Containers are grouped by containerd namespace: `ROOT/NAMESPACE/ID`.
    pub(crate) namespaced: bool,
    /// The runtime above, a value for `Workload::runtime`.
    pub(crate) runtime: &'static str,
}

/// One container's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateDir {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    pub(crate) runtime: &'static str,
}

/// Where state is kept unless someone says otherwise; `run` is `/run`, or the host's.
pub(crate) fn default_roots(run: &Path) -> Vec<StateRoot> {
    let root = |path: &str, namespaced, runtime| StateRoot {
        path: run.join(path),
        namespaced,
        runtime,
    };
    vec![
        root("docker/runtime-runc", true, "docker"),
        root("containerd/runc", true, "containerd"),
        root("containerd/runsc", true, "containerd"),
        root("runc", false, "runc"),
        root("crun", false, "runc"),
        root(
            "containerd/io.containerd.runtime.v2.task",
            true,
            "containerd",
        ),
        root(
            "docker/containerd/daemon/io.containerd.runtime.v2.task",
            true,
            "docker",
        ),
        root(
            "k3s/containerd/io.containerd.runtime.v2.task",
            true,
            "containerd",
        ),
    ]
}

impl StateRoot {
    /// The folder of one container, if it is here.
    pub(crate) fn find(&self, id: &str) -> Option<StateDir> {
        // An id comes from a cgroup's name; it must stay one component below the root.
        if id.is_empty() || id.contains('/') || id == "." || id == ".." {
            return None;
        }
        if !self.namespaced {
            return self.at(self.path.join(id), id);
        }
        let namespaces = fs::read_dir(&self.path).ok()?;
        namespaces
            .flatten()
            .take(MAX_FOLDERS)
            .find_map(|ns| self.at(ns.path().join(id), id))
    }

    /// Every container's folder.
    pub(crate) fn list(&self) -> Vec<StateDir> {
        let folders = if self.namespaced {
            subfolders(&self.path)
                .into_iter()
                .flat_map(|ns| subfolders(&ns))
                .collect()
        } else {
            subfolders(&self.path)
        };
        folders
            .into_iter()
            .take(MAX_FOLDERS)
            .filter_map(|path| {
                let id = path.file_name()?.to_str()?.to_owned();
                self.at(path, &id)
            })
            .collect()
    }

    /// The container of one folder, if there is one.
    pub(crate) fn at(&self, path: PathBuf, id: &str) -> Option<StateDir> {
        let known = ["state.json", "status", "config.json"];
        known
            .iter()
            .any(|file| path.join(file).exists())
            .then(|| StateDir {
                id: id.to_owned(),
                runtime: self.runtime_of(&path),
                path,
            })
    }

    /// Docker's containers are in the namespace `moby` of whichever containerd it uses.
    fn runtime_of(&self, path: &Path) -> &'static str {
        let moby = path.parent().is_some_and(|p| p.ends_with("moby"));
        if self.namespaced && moby {
            "docker"
        } else {
            self.runtime
        }
    }
}

impl StateDir {
    /// When the state was last written; `None` if it is gone.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        let known = ["state.json", "status", "config.json"];
        known
            .iter()
            .find_map(|f| fs::metadata(self.path.join(f)).ok()?.modified().ok())
    }

    /// Paths that end with the container's cgroup, if the state names them.
    pub(crate) fn cgroups(&self, diagnostics: &Diagnostics) -> Vec<String> {
        if let Some(state) = load(&self.path.join("state.json"), diagnostics) {
            return json::map(&state, "/cgroup_paths").into_values().collect();
        }
        let status = load(&self.path.join("status"), diagnostics);
        let path = status
            .map(|s| json::text(&s, "/cgroup-path"))
            .unwrap_or_default();
        if path.is_empty() {
            Vec::new()
        } else {
            vec![path]
        }
    }

    /// What the folder and its bundle tell. Nothing if it vanished while being read.
    pub(crate) fn describe(&self, diagnostics: &Diagnostics) -> Option<Described> {
        let mut out = Described::new(&self.id, self.runtime);
        if let Some(state) = load(&self.path.join("state.json"), diagnostics) {
            apply_runc(&state, &mut out);
        } else if let Some(status) = load(&self.path.join("status"), diagnostics) {
            apply_crun(&status, &mut out);
        } else {
            out.bundle = Some(self.path.clone());
            let pid = fs::read_to_string(self.path.join("init.pid")).unwrap_or_default();
            out.workload.pid = pid.trim().parse().unwrap_or(0);
        }
        let spec = out
            .bundle
            .as_ref()
            .and_then(|b| load(&b.join("config.json"), diagnostics));
        match spec {
            Some(spec) => super::oci::apply(&spec, &mut out.workload),
            None if out.workload.pid == 0 => return None,
            None => {}
        }
        Some(out)
    }
}

/// A container as its state folder shows it.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) workload: Workload,
    pub(crate) bundle: Option<PathBuf>,
    pub(crate) cgroup_path: String,
    /// Start of its first process in clock ticks after boot: tells it from a later process that
    /// was given the same number. 0 if the state does not have it.
    pub(crate) start_ticks: i64,
}

impl Described {
    fn new(id: &str, runtime: &str) -> Self {
        let workload = Workload {
            id: id.into(),
            runtime: runtime.to_owned(),
            ..Workload::default()
        };
        Self {
            workload,
            bundle: None,
            cgroup_path: String::new(),
            start_ticks: 0,
        }
    }
}

/// JSON of a file of a runtime: absent is nothing, malformed or oversized is counted.
pub(crate) fn load(path: &Path, diagnostics: &Diagnostics) -> Option<Value> {
    let bytes = match read::bytes(path, read::CONFIG_LIMIT) {
        Ok(bytes) => bytes,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                diagnostics.skip(path.display(), error);
            }
            return None;
        }
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| diagnostics.skip(path.display(), error))
        .ok()
}

/// runc's own serialisation of its configuration, for when the bundle is gone.
fn apply_runc(state: &Value, out: &mut Described) {
    let w = &mut out.workload;
    w.pid = json::pid(state, "/init_process_pid");
    w.created_at = time::rfc3339(&json::text(state, "/created"));
    w.image = json::text(state, "/config/rootfs");
    w.memory_limit_bytes = u64::try_from(json::int(state, "/config/cgroups/memory")).unwrap_or(0);
    w.mounts = json::list(state, "/config/mounts")
        .filter_map(runc_mount)
        .collect();
    for label in json::texts(state, "/config/labels") {
        match label.split_once('=') {
            Some(("bundle", path)) => out.bundle = Some(PathBuf::from(path)),
            Some((key, value)) => {
                w.labels.insert(key.to_owned(), value.to_owned());
            }
            None => {}
        }
    }
    out.cgroup_path = json::text(state, "/config/cgroups/path");
    out.start_ticks = json::int(state, "/init_process_start");
}

fn runc_mount(entry: &Value) -> Option<Mount> {
    let source = json::text(entry, "/source");
    (json::text(entry, "/device") == "bind" && !source.is_empty()).then(|| Mount {
        source,
        destination: json::text(entry, "/destination"),
        read_only: json::uint(entry, "/flags") & 1 != 0,
    })
}

fn apply_crun(status: &Value, out: &mut Described) {
    let w = &mut out.workload;
    w.pid = json::pid(status, "/pid");
    w.created_at = time::rfc3339(&json::text(status, "/created"));
    w.image = json::text(status, "/rootfs");
    out.cgroup_path = json::text(status, "/cgroup-path");
    out.start_ticks = json::int(status, "/process-start-time");
    out.bundle = Some(PathBuf::from(json::text(status, "/bundle")));
}

fn subfolders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let is_dir = |e: &fs::DirEntry| e.file_type().is_ok_and(|t| t.is_dir());
    entries
        .flatten()
        .take(MAX_FOLDERS)
        .filter(is_dir)
        .map(|e| e.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write(path: PathBuf, value: &Value) {
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, value.to_string()).expect("file");
    }

    #[test]
    fn runc_crun_and_shim_folders() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let (run, bundle) = (dir.path().join("run"), dir.path().join("bundle"));
        write(
            bundle.join("config.json"),
            &json!({ "annotations": { "k": "v" }, "root": { "path": "/r" } }),
        );
        write(
            run.join("runc/web/state.json"),
            &json!({ "init_process_pid": 41, "created": "2026-11-24T19:40:00Z",
                     "config": { "labels": [format!("bundle={}", bundle.display())],
                                 "cgroups": { "path": "/web" } } }),
        );
        write(
            run.join("crun/db/status"),
            &json!({ "pid": 42, "bundle": bundle, "cgroup-path": "/db" }),
        );
        write(
            run.join("containerd/runc/moby/abc/state.json"),
            &json!({ "init_process_pid": 43, "config": { "rootfs": "/gone", "labels": ["bundle=/gone", "a=b"] } }),
        );
        write(
            run.join("containerd/io.containerd.runtime.v2.task/k8s.io/def/config.json"),
            &json!({}),
        );

        let diagnostics = Diagnostics::default();
        let roots = default_roots(&run);
        let mut all: Vec<_> = roots.iter().flat_map(StateRoot::list).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let shown: Vec<_> = all
            .iter()
            .map(|d| {
                let found = d.describe(&diagnostics).expect("described");
                let w = found.workload;
                (
                    d.id.as_str(),
                    w.runtime,
                    w.pid,
                    w.image,
                    w.labels.len(),
                    found.cgroup_path,
                )
            })
            .collect();
        let row = |id, runtime: &str, pid, image: &str, labels, cgroup: &str| {
            (
                id,
                runtime.to_owned(),
                pid,
                image.to_owned(),
                labels,
                cgroup.to_owned(),
            )
        };
        assert_eq!(
            shown,
            [
                row("abc", "docker", 43, "/gone", 1, ""),
                row("db", "runc", 42, "/r", 1, "/db"),
                row("def", "containerd", 0, "", 0, ""),
                row("web", "runc", 41, "/r", 1, "/web"),
            ]
        );
        assert_eq!(
            roots.iter().find_map(|r| r.find("web")),
            Some(all[3].clone())
        );
        assert!(
            roots
                .iter()
                .all(|r| r.find("../web").is_none() && r.find("").is_none())
        );
        assert_eq!(diagnostics.stats().skipped, 0);
    }

    #[test]
    fn malformed_state_is_counted_and_skipped() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let root = StateRoot {
            path: dir.path().to_owned(),
            namespaced: false,
            runtime: "runc",
        };
        fs::create_dir(dir.path().join("bad")).expect("folder");
        fs::write(dir.path().join("bad/state.json"), b"{\"id\": \xff").expect("file");
        fs::create_dir(dir.path().join("huge")).expect("folder");
        let file = fs::File::create(dir.path().join("huge/state.json")).expect("file");
        file.set_len(read::CONFIG_LIMIT + 1).expect("size");
        let diagnostics = Diagnostics::default();
        for found in root.list() {
            assert!(found.describe(&diagnostics).is_none(), "{found:?}");
        }
        assert_eq!(diagnostics.stats().skipped, 2);
    }
}
