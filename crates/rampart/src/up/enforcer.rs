//! The enforcer of this machine, and the words that say what it can do.

use super::uplink::{LocalAgents, LocalUplink};
use crate::settings::{FailMode, UpArgs};
use anyhow::{Context, Result, bail};
use rampart_cluster::{RuntimeKind, Socket, node_facts};
use rampart_controller::App;
use rampart_detect::Rules;
use rampart_enforcer::Enforcer;
use rampart_model::{NodeId, Tier, Timestamp};
use std::{path::Path, path::PathBuf, sync::Arc, time::SystemTime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Starts it and says in one line how the node is watched.
pub(super) fn start(
    parts: &mut JoinSet<(&'static str, Result<()>)>,
    args: &UpArgs,
    data: &Path,
    app: App,
    agents: &LocalAgents,
    stop: &CancellationToken,
) -> Result<(String, NodeId)> {
    let found = rampart_probe::detect();
    let config = configure(args, data)?;
    let node = config.node.id.clone();
    let id = node.clone();
    let uplink = LocalUplink {
        app: app.clone(),
        node: node.clone(),
    };
    let enforcer = Enforcer::open(config, Arc::new(uplink)).context("cannot start the enforcer")?;
    agents.put(node.clone(), enforcer.handle());
    app.agent_connected(&node);
    let stop = stop.clone();
    parts.spawn(async move {
        let ended = enforcer.run(stop).await;
        app.agent_lost(&node);
        ("enforcer", ended.context("the enforcer stopped"))
    });
    Ok((describe(found.tier, &found.reasons), id))
}

fn configure(args: &UpArgs, data: &Path) -> Result<rampart_enforcer::Config> {
    let mut node = node_facts();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    env!("CARGO_PKG_VERSION").clone_into(&mut node.version);
    node.joined_at = Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
    let mut config = rampart_enforcer::Config::new(node, data.join("enforcer"));
    config.probe.hold = args.hold;
    if !args.persist {
        config.probe.pin_dir = None;
    }
    config.probe.hold_deadline = args.hold_deadline();
    config.probe.judge_deadline = args.hold_deadline();
    // This program, also when its file was replaced meanwhile.
    config.probe.watchdog = Some(vec!["/proc/self/exe".into(), "watchdog".into()]);
    config.probe.fail_closed = args.fail_mode == FailMode::Closed;
    config.probe.ring_bytes = args
        .ring_mib
        .checked_mul(1 << 20)
        .filter(|bytes| bytes.is_power_of_two())
        .context("--ring-mib must be a power of two, at most 2048")?;
    config.rules = rules(&args.rules)?;
    if !args.runtime_sockets.is_empty() {
        config.discovery.sockets = Some(
            args.runtime_sockets
                .iter()
                .map(|word| socket(word))
                .collect::<Result<_>>()?,
        );
    }
    Ok(config)
}

/// `docker=/run/docker.sock`.
fn socket(word: &str) -> Result<Socket> {
    let names = || RuntimeKind::ALL.map(RuntimeKind::name).join(", ");
    let Some((kind, path)) = word.split_once('=') else {
        bail!(
            "--runtime-sockets: {word:?} is not KIND=PATH, with one of {} as the kind",
            names()
        );
    };
    let Some(runtime) = RuntimeKind::ALL
        .into_iter()
        .find(|known| known.name() == kind)
    else {
        bail!(
            "--runtime-sockets: {kind:?} is no runtime; known are {}",
            names()
        );
    };
    Ok(Socket {
        runtime,
        path: PathBuf::from(path),
    })
}

fn describe(tier: Tier, reasons: &[String]) -> String {
    let works = match tier {
        Tier::Lsm => "blocking in the kernel (BPF-LSM)",
        Tier::Fanotify => "blocking (fanotify, cgroup programs, kill at exec)",
        Tier::Detect => "seeing, not blocking",
        Tier::None => {
            "not watched: containers are listed, console and API work, nothing is seen or blocked"
        }
    };
    let mut text = format!("tier {tier}: {works}");
    for reason in reasons {
        text.push_str("\n            missing: ");
        text.push_str(reason);
    }
    text
}

/// Rules with an error do not keep the enforcer from starting: the others are evaluated.
fn rules(files: &[PathBuf]) -> Result<Option<Arc<Rules>>> {
    if files.is_empty() {
        return Ok(None);
    }
    let loaded = crate::commands::rules::load(files)?;
    for diagnostic in &loaded.diagnostics {
        match diagnostic.is_error() {
            true => tracing::error!("{diagnostic}"),
            false => tracing::warn!("{diagnostic}"),
        }
    }
    let on = loaded
        .rules
        .rules()
        .iter()
        .filter(|rule| rule.enabled)
        .count();
    if on == 0 {
        bail!("--rules: no rule could be loaded: 'rampart rules check' says why");
    }
    tracing::info!(rules = on, "detection rules are evaluated");
    Ok(Some(Arc::new(loaded.rules)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_by_word() {
        let found = socket("docker=/run/docker.sock").unwrap();
        assert_eq!(
            (found.runtime, found.path),
            (RuntimeKind::Docker, PathBuf::from("/run/docker.sock"))
        );
        assert!(
            socket("/run/docker.sock")
                .unwrap_err()
                .to_string()
                .contains("KIND=PATH")
        );
        assert!(socket("lxc=/x").unwrap_err().to_string().contains("podman"));
    }
}
