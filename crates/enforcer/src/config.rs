//! How an enforcer is set up.

use crate::link::SpoolLimits;
use rampart_model::Node;
use std::{path::PathBuf, sync::Arc, time::Duration};

#[derive(Clone, Debug)]
pub struct Config {
    /// The machine: see [`rampart_cluster::node_facts`]. Version and times are the caller's.
    pub node: Node,
    /// Folder for the spool and the kept policy.
    pub data: PathBuf,
    pub spool: SpoolLimits,
    pub discovery: rampart_cluster::Config,
    pub probe: rampart_probe::Config,
    /// Detection rules that live events are evaluated with.
    pub rules: Option<Arc<rampart_detect::Rules>>,
    /// How often traffic is collected.
    pub flow_interval: Duration,
    pub stats_interval: Duration,
}

impl Config {
    /// Everything at its usual value. Containers are held at their first exec.
    pub fn new(node: Node, data: impl Into<PathBuf>) -> Self {
        let data = data.into();
        let discovery = rampart_cluster::Config::new(node.id.clone(), node.name.clone());
        let probe = rampart_probe::Config {
            hold: true,
            state_dir: Some(data.join("probe")),
            pin_dir: Some(rampart_probe::PIN_DIR.into()),
            ..rampart_probe::Config::default()
        };
        Self {
            node,
            data,
            spool: SpoolLimits::default(),
            discovery,
            probe,
            rules: None,
            flow_interval: Duration::from_secs(1),
            stats_interval: Duration::from_secs(5),
        }
    }
}
