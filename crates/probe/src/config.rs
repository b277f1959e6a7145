//! How the probe is set up. Every field has a default that suits a node.

use std::{ffi::OsString, path::PathBuf, time::Duration};

#[derive(Clone, Debug)]
pub struct Config {
    /// Size of the ring for ordinary events; a power of two of pages.
    pub ring_bytes: u32,
    /// Size of the reserved ring for critical events.
    pub critical_ring_bytes: u32,
    /// Report fork, exec and exit of processes outside containers too.
    pub host_events: bool,
    /// Stop the first processes of a container whose label is not known yet, until it is.
    pub hold: bool,
    /// How long a process may stay stopped before the fail mode decides.
    pub hold_deadline: Duration,
    /// What happens when nobody answers in time: true kills or denies, false lets it run.
    pub fail_closed: bool,
    /// Threads that answer permission events; at least 2.
    pub fanotify_threads: usize,
    /// How long a permission event may wait for the judge before the fail mode decides.
    pub judge_deadline: Duration,
    /// Program and arguments of a process that runs [`crate::run_watchdog`] with what is added to
    /// them: it answers when this process is stopped, hangs or dies. None: nobody does then.
    pub watchdog: Option<Vec<OsString>>,
    /// Ordinary events are delivered at least this often, however few there are.
    pub flush_interval: Duration,
    /// Flows the kernel keeps at the same time; the least used are forgotten first.
    pub max_flows: u32,
    /// Network rules the kernel keeps, over all labels.
    pub max_network_rules: u32,
    /// Folder for what must survive a crash: the pids that are held. None keeps nothing.
    pub state_dir: Option<PathBuf>,
    /// Directory of the cgroup v2 mount; found when not given.
    pub cgroup2: Option<PathBuf>,
    /// Use BPF-LSM where the kernel has it.
    pub lsm: bool,
    /// Folder in a BPF file system where LSM and network programs stay when this process is gone,
    /// until [`crate::uninstall`]. None, or a kernel without BPF-LSM: they go with it.
    pub pin_dir: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ring_bytes: 16 << 20,
            critical_ring_bytes: 4 << 20,
            host_events: true,
            hold: false,
            hold_deadline: Duration::from_secs(2),
            fail_closed: false,
            fanotify_threads: 2,
            judge_deadline: Duration::from_secs(1),
            watchdog: None,
            flush_interval: Duration::from_millis(50),
            max_flows: 65_536,
            max_network_rules: 262_144,
            state_dir: None,
            cgroup2: None,
            lsm: true,
            pin_dir: None,
        }
    }
}
