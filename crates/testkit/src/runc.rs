//! Real containers by `runc`, with no daemon.

use crate::{
    bundle::{BundleSpec, DEFAULT_CAPABILITIES, Network},
    command::{command, output, run},
    rootfs::Rootfs,
    unique::unique_name,
    wait::{wait_for, wait_until},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(20);

/// Describes a container; [`RuncBuilder::run`] starts it.
#[derive(Clone, Debug)]
pub struct RuncBuilder {
    id: String,
    spec: BundleSpec,
    overlay: bool,
    scratch: Option<PathBuf>,
    state_root: Option<PathBuf>,
}

/// A container that is killed and deleted, its files removed, when it is dropped.
#[derive(Debug)]
pub struct RuncContainer {
    id: String,
    pid: u32,
    state_root: Option<PathBuf>,
    merged: Option<PathBuf>,
    folder: TempDir,
}

impl RuncBuilder {
    /// The container's id; unique if not set.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Default: `sleep 3600`.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.spec.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Runs `script` by `/bin/sh -c`.
    pub fn shell(self, script: &str) -> Self {
        self.args(["/bin/sh", "-c", script])
    }

    pub fn env(mut self, variable: &str) -> Self {
        self.spec.env.push(variable.to_owned());
        self
    }

    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        (self.spec.uid, self.spec.gid) = (uid, gid);
        self
    }

    pub fn mount(mut self, host: impl Into<PathBuf>, inside: &str, read_only: bool) -> Self {
        self.spec
            .mounts
            .push((host.into(), inside.to_owned(), read_only));
        self
    }

    pub fn tmpfs(mut self, inside: &str) -> Self {
        self.spec.tmpfs.push(inside.to_owned());
        self
    }

    /// Joins an existing network namespace, such as [`crate::NetNs::path`].
    pub fn netns(mut self, path: impl Into<PathBuf>) -> Self {
        self.spec.network = Network::Path(path.into());
        self
    }

    pub fn host_network(mut self) -> Self {
        self.spec.network = Network::Host;
        self
    }

    /// An annotation; plain runc has no other labels.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.spec
            .annotations
            .insert(key.to_owned(), value.to_owned());
        self
    }

    pub fn cgroup_path(mut self, path: &str) -> Self {
        self.spec.cgroup_path = Some(path.to_owned());
        self
    }

    /// Adds a capability to Docker's default set.
    pub fn capability(mut self, name: &str) -> Self {
        self.spec.capabilities.push(name.to_owned());
        self
    }

    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.spec.memory_limit_bytes = Some(bytes);
        self
    }

    /// Runs on an overlay over the root file system, as every image-based runtime does: what the
    /// container writes goes to an upper layer and the root file system stays as it was.
    pub fn overlay(mut self) -> Self {
        self.overlay = true;
        self
    }

    /// Keeps the container's own files, upper layer included, below `dir`: another file system
    /// than the root file system's, when that is this machine's `/`.
    pub fn scratch(mut self, dir: impl Into<PathBuf>) -> Self {
        self.scratch = Some(dir.into());
        self
    }

    /// As `docker run --privileged`: every capability and device, nothing masked or read-only.
    pub fn privileged(mut self) -> Self {
        self.spec.privileged = true;
        self
    }

    /// `runc --root`; the default is runc's own, `/run/runc`.
    pub fn state_root(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_root = Some(path.into());
        self
    }

    /// Creates the container and starts its process.
    pub fn run(self) -> io::Result<RuncContainer> {
        let container = self.create()?;
        container.start()?;
        Ok(container)
    }

    /// Creates it only: namespaces, cgroup and runc's init wait for [`RuncContainer::start`].
    pub fn create(mut self) -> io::Result<RuncContainer> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("rampart-runc-");
        let folder = match &self.scratch {
            Some(dir) => folder.tempdir_in(dir)?,
            None => folder.tempdir()?,
        };
        let mut container = RuncContainer {
            id: self.id,
            pid: 0,
            state_root: self.state_root,
            merged: None,
            folder,
        };
        if self.overlay {
            let merged = mount_overlay(container.folder.path(), &self.spec.rootfs)?;
            self.spec.rootfs.clone_from(&merged);
            container.merged = Some(merged);
        }
        let bundle = container.folder.path();
        fs::write(bundle.join("config.json"), self.spec.to_json().to_string())?;
        container.runc_create()?;
        container.pid = fs::read_to_string(container.folder.path().join("pid"))?
            .trim()
            .parse()
            .map_err(io::Error::other)?;
        Ok(container)
    }
}

impl RuncContainer {
    pub fn builder(rootfs: &Rootfs) -> RuncBuilder {
        let spec = BundleSpec {
            args: vec!["/bin/sleep".to_owned(), "3600".to_owned()],
            env: vec![
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                "HOME=/root".to_owned(),
            ],
            cwd: "/".to_owned(),
            uid: 0,
            gid: 0,
            hostname: "container".to_owned(),
            rootfs: rootfs.path().to_owned(),
            read_only: false,
            mounts: Vec::new(),
            tmpfs: Vec::new(),
            network: Network::Private,
            annotations: BTreeMap::new(),
            cgroup_path: None,
            capabilities: DEFAULT_CAPABILITIES.map(str::to_owned).to_vec(),
            no_new_privileges: false,
            memory_limit_bytes: None,
            privileged: false,
        };
        RuncBuilder {
            id: unique_name("rampart-test"),
            spec,
            overlay: false,
            scratch: None,
            state_root: None,
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// First process, in the host's pid namespace.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where runc's `config.json` and the container's output are.
    pub fn bundle(&self) -> &Path {
        self.folder.path()
    }

    /// A path of the container as the host sees it, while its first process lives.
    pub fn host_path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/root/{}",
            self.pid,
            inside.trim_start_matches('/')
        ))
    }

    /// Lets a created container's process run, and waits until it has left runc's init or ended.
    pub fn start(&self) -> io::Result<()> {
        run("runc", &self.runc_args(&["start", &self.id]))?;
        let exe = format!("/proc/{}/exe", self.pid);
        let left_init = wait_until(DEADLINE, || {
            fs::read_link(&exe).map_or(true, |exe| !exe.to_string_lossy().contains("runc"))
        });
        if left_init {
            Ok(())
        } else {
            Err(io::Error::other("container's process did not start"))
        }
    }

    /// Runs a program in the container to its end. 128 + n, or 255, tells of a signal or a refusal
    /// by runc; the output has runc's own words.
    pub fn exec(&self, args: &[&str]) -> io::Result<Output> {
        let mut all = vec!["exec", self.id.as_str()];
        all.extend_from_slice(args);
        Ok(output("runc", &self.runc_args(&all))?)
    }

    /// `exec` of a shell script.
    pub fn shell(&self, script: &str) -> io::Result<Output> {
        self.exec(&["/bin/sh", "-c", script])
    }

    /// Starts a program in the container and leaves it running: end it through the child.
    pub fn spawn(&self, args: &[&str]) -> io::Result<Child> {
        let mut all = vec!["exec", self.id.as_str()];
        all.extend_from_slice(args);
        command("runc")
            .args(self.runc_args(&all))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// What the container's process has written so far, standard output and error together.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// runc's word for its state: `created`, `running`, `stopped`; `None` if it is gone.
    pub fn status(&self) -> Option<String> {
        let text = run("runc", &self.runc_args(&["state", &self.id])).ok()?;
        let state: Value = serde_json::from_str(&text).ok()?;
        Some(state["status"].as_str()?.to_owned())
    }

    pub fn kill(&self, signal: &str) -> io::Result<()> {
        run("runc", &self.runc_args(&["kill", &self.id, signal]))?;
        Ok(())
    }

    /// True once the container's process has ended.
    pub fn wait_stopped(&self, deadline: Duration) -> bool {
        wait_until(deadline, || self.status().is_none_or(|s| s == "stopped"))
    }

    /// Kills and deletes it now, before the drop.
    pub fn remove(&self) -> io::Result<()> {
        run("runc", &self.runc_args(&["delete", "--force", &self.id]))?;
        Ok(())
    }

    fn runc_args(&self, args: &[&str]) -> Vec<String> {
        let root = self
            .state_root
            .iter()
            .map(|r| format!("--root={}", r.display()));
        root.chain(args.iter().map(|&a| a.to_owned())).collect()
    }

    /// The container keeps its log file open; a pipe would end with this process.
    fn runc_create(&self) -> io::Result<()> {
        let folder = self.folder.path();
        let log = File::create(folder.join("log"))?;
        let bundle = format!("--bundle={}", folder.display());
        let pid_file = format!("--pid-file={}", folder.join("pid").display());
        let status = command("runc")
            .args(self.runc_args(&["create", &bundle, &pid_file, &self.id]))
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "runc create {}: {}",
            self.id,
            self.log().trim()
        )))
    }
}

impl Drop for RuncContainer {
    fn drop(&mut self) {
        let _ = self.remove();
        if let Some(merged) = &self.merged {
            let path = merged.to_string_lossy().into_owned();
            // The last of the container's mounts may go a moment after the delete.
            let _ = wait_for(Duration::from_secs(2), || {
                run("umount", &[path.as_str()]).ok()
            });
        }
    }
}

fn mount_overlay(folder: &Path, lower: &Path) -> io::Result<PathBuf> {
    let [upper, work, merged] = ["upper", "work", "merged"].map(|name| folder.join(name));
    for dir in [&upper, &work, &merged] {
        fs::create_dir(dir)?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let target = merged.to_string_lossy().into_owned();
    run(
        "mount",
        &["-t", "overlay", "overlay", "-o", &options, &target],
    )?;
    Ok(merged)
}
