//! The all-in-one's updater: starts with the database that is there, and brings it up to date from
//! what it can reach.

use crate::{commands::db::inputs, settings::UpArgs};
use anyhow::{Context, Result};
use rampart_updater::service::{Config, Service, clock};
use std::path::Path;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Starts it, and says how old and how complete the database is.
pub(crate) fn start(
    parts: &mut JoinSet<(&'static str, Result<()>)>,
    args: &UpArgs,
    data: &Path,
    stop: &CancellationToken,
) -> Result<String> {
    let mut config = Config::new(data.join("vuln"));
    config.source = args.schedule.db_source.clone();
    config.feeds = inputs(&args.schedule.feed).context("--feed")?;
    config.interval = args.schedule.interval;
    let service = Service::new(config);
    let now = service.status().summary(clock());
    if args.no_updater {
        return Ok(format!("{now} (--no-updater)"));
    }
    let stop = stop.clone();
    parts.spawn(async move {
        service.run(stop.cancelled_owned()).await;
        ("updater", Ok(()))
    });
    Ok(format!("{now}; looking for a newer one"))
}
