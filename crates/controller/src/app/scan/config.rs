//! What is scanned without being asked for, and the bounds of the number of scanners.

use super::{CONFIG, ScanDraft};
use crate::{App, AppError};
use rampart_model::scan_job::{ScaleStrategy, ScanConfig};

const MAX_SCANNERS: u32 = 1000;

impl App {
    pub fn scan_config(&self) -> ScanConfig {
        self.scans(|scans| scans.config.value.clone())
    }

    /// Changes it in place.
    pub async fn update_scan_config(
        &self,
        change: impl FnOnce(&mut ScanConfig) + Send,
    ) -> Result<(), AppError> {
        let writer = self.scan_writer().await;
        let before = self.scan_config();
        let mut config = before.clone();
        change(&mut config);
        check(&config)?;
        if config == before {
            return Ok(());
        }
        let mut draft = ScanDraft::default();
        draft.put(CONFIG, "", &config)?;
        writer.commit(draft).await
    }

    /// Sets what is scanned by itself where nobody ever decided.
    pub async fn default_scan_config(&self, auto: bool) -> Result<(), AppError> {
        let writer = self.scan_writer().await;
        if self.scans(|scans| scans.config.revision) != 0 {
            return Ok(());
        }
        let mut draft = ScanDraft::default();
        let config = ScanConfig {
            auto_workloads: auto,
            auto_hosts: auto,
            ..ScanConfig::default()
        };
        draft.put(CONFIG, "", &config)?;
        writer.commit(draft).await
    }
}

fn check(config: &ScanConfig) -> Result<(), AppError> {
    let scale = &config.autoscale;
    if scale.strategy == ScaleStrategy::Off {
        return Ok(());
    }
    if scale.min == 0 || scale.min > scale.max || scale.max > MAX_SCANNERS {
        return Err(AppError::invalid(format!(
            "scanners are scaled between a minimum of 1 or more and a maximum of up to {MAX_SCANNERS}"
        )));
    }
    Ok(())
}
