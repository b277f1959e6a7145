//! The scanner of this machine, and how one speaks to a controller in the same process.

use super::database::Databases;
use crate::settings::ScanningArgs;
use anyhow::{Context, Result};
use async_trait::async_trait;
use rampart_controller::{App, AppError};
use rampart_model::{
    NodeId,
    scan::TargetKind,
    scan_job::{Outcome, ScanFailure, ScannerInfo, Work},
};
use rampart_scanner::{
    cache::LayerCache,
    registry::Settings,
    scan::Options,
    service::{Jobs, JobsError, ServiceConfig, engine::Engine, serve},
};
use rampart_vuln::layer::Selection;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The controller in this process.
struct LocalJobs(App);

fn refused(error: AppError) -> JobsError {
    match error {
        AppError::Conflict => JobsError::Lost,
        AppError::Invalid { what } => JobsError::Refused(what),
        other => {
            let cause = std::error::Error::source(&other).map(|cause| format!(": {cause}"));
            JobsError::Unreachable(format!("{other}{}", cause.unwrap_or_default()))
        }
    }
}

#[async_trait]
impl Jobs for LocalJobs {
    async fn take(&self, scanner: ScannerInfo, wait: Duration) -> Result<Option<Work>, JobsError> {
        self.0.take_work(scanner, wait).await.map_err(refused)
    }

    async fn renew(&self, lease: &str) -> Result<(), JobsError> {
        self.0.renew_lease(lease).await.map_err(refused)
    }

    async fn finish(&self, lease: &str, scanner: &str, outcome: Outcome) -> Result<(), JobsError> {
        let done = self.0.finish_work(lease, scanner, outcome).await;
        done.map_err(refused)
    }

    async fn fail(
        &self,
        lease: &str,
        scanner: &str,
        failure: ScanFailure,
    ) -> Result<(), JobsError> {
        let told = self.0.fail_work(lease, scanner, failure).await;
        told.map_err(refused)
    }
}

/// Starts it beside the other parts. `node` is whose containers it can read.
pub(super) fn start(
    parts: &mut JoinSet<(&'static str, Result<()>)>,
    args: &ScanningArgs,
    data: &Path,
    app: App,
    node: Option<NodeId>,
    stop: &CancellationToken,
) -> Result<()> {
    let engine = Arc::new(engine(args, data)?);
    let name = super::data::host_name();
    let config = ServiceConfig {
        id: format!("local-{}", super::data::install_id(data)?),
        session: uuid::Uuid::new_v4().simple().to_string(),
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: node.unwrap_or_default(),
        capacity: args.scan_tasks,
        timeout: Duration::from_secs(args.scan_timeout_secs),
    };
    let stop = stop.clone();
    parts.spawn(async move {
        serve(config, Arc::new(LocalJobs(app)), engine, stop).await;
        ("scanner", Ok(()))
    });
    Ok(())
}

/// The engine with what this machine's settings say.
pub(crate) fn engine(args: &ScanningArgs, data: &Path) -> Result<Engine> {
    let selection = Arc::new(Selection::for_target(TargetKind::Image));
    let options = Options {
        selection: selection.clone(),
        ..Options::default()
    };
    let folder = data.join("layers");
    let stamp = crate::commands::scan::program_stamp();
    let limit = args.scan_cache_mib.saturating_mul(1 << 20);
    let cache = match LayerCache::open(&folder, &options.set_name(&stamp), limit) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(error) => {
            // It costs time, not the scan.
            tracing::warn!(%error, folder = %folder.display(), "layers are not cached");
            None
        }
    };
    let authorities = args
        .registry_ca
        .iter()
        .map(|path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display())))
        .collect::<Result<Vec<_>>>()?;
    Ok(Engine {
        database: Arc::new(Databases::new(args, data)?),
        selection,
        cache,
        registry: Settings {
            authorities,
            insecure: args.registry_insecure,
            environment: crate::commands::scan::environment(),
            ..Settings::default()
        },
        platform: None,
        concurrency: 2,
        counts: Default::default(),
    })
}
