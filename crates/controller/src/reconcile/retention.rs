//! Deletes events that are older than the settings keep them.

use crate::{App, AppError};
use rampart_model::Timestamp;
use rampart_store::Retention;

const DAY_MS: i64 = 86_400_000;

impl App {
    /// Returns how many events went.
    pub async fn retain_events(&self) -> Result<u64, AppError> {
        let settings = self.settings();
        let keep_ms = i64::from(settings.event_retention_days).saturating_mul(DAY_MS);
        let keep = Retention {
            not_before: Timestamp::from_ms(self.now().ms().saturating_sub(keep_ms)),
            max_records: settings.event_retention_max_records,
        };
        Ok(self.events().retain(&keep).await?)
    }
}
