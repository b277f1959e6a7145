//! Settings of the whole cluster.

use super::{App, Draft};
use crate::AppError;
use rampart_model::settings::Settings;

/// Ten years.
const MAX_DAYS: u32 = 3650;

impl App {
    pub fn settings(&self) -> Settings {
        self.read(|state| state.settings.value.clone())
    }

    /// Changes settings in place; refuses values that make no sense.
    pub async fn update_settings(
        &self,
        change: impl FnOnce(&mut Settings) + Send,
    ) -> Result<(), AppError> {
        let writer = self.writer().await;
        let before = self.settings();
        let mut settings = before.clone();
        change(&mut settings);
        check(&settings)?;
        if settings == before {
            return Ok(());
        }
        writer
            .commit(Draft {
                settings: Some(settings),
                ..Draft::default()
            })
            .await
    }
}

fn check(settings: &Settings) -> Result<(), AppError> {
    if !(1..=MAX_DAYS).contains(&settings.event_retention_days) {
        return Err(AppError::invalid(format!(
            "events are kept 1 to {MAX_DAYS} days"
        )));
    }
    if settings.event_retention_max_records < 1000 {
        return Err(AppError::invalid("at least 1000 events are kept"));
    }
    if settings.cluster_name.is_empty() || settings.cluster_name.len() > 256 {
        return Err(AppError::invalid("a cluster name has 1 to 256 bytes"));
    }
    Ok(())
}
