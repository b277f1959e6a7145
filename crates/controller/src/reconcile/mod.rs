//! Work that repeats. Each task is one function that can be called by itself; the loops around
//! them are here. A task that fails says so and is tried again at its next turn.

mod ageing;
mod flush;
mod follow;
mod promotion;
mod retention;
mod scan;

use crate::{App, AppError};
use std::{future::Future, time::Duration};
use tokio::{task::JoinSet, time::MissedTickBehavior};

const FLUSH: Duration = Duration::from_secs(15);
const RETENTION: Duration = Duration::from_secs(60);
const AGEING: Duration = Duration::from_secs(60);
const PROMOTION: Duration = Duration::from_secs(10);
const SCANS: Duration = Duration::from_secs(5);
const SCAN_AGEING: Duration = Duration::from_secs(600);

impl App {
    /// Starts the periodic work. Dropping the set ends it; [`App::flush`] once more after that.
    pub fn spawn_tasks(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        self.every(
            &mut tasks,
            "saving conversations",
            FLUSH,
            |app| async move { app.flush().await },
        );
        self.every(&mut tasks, "event retention", RETENTION, |app| async move {
            app.retain_events().await.map(drop)
        });
        self.every(&mut tasks, "ageing", AGEING, |app| async move {
            app.age().await
        });
        self.every(&mut tasks, "promotion", PROMOTION, |app| async move {
            app.promote().await
        });
        self.every(&mut tasks, "scan schedules", SCANS, |app| async move {
            app.schedule_scans().await
        });
        self.every(
            &mut tasks,
            "ageing of scans",
            SCAN_AGEING,
            |app| async move { app.age_scans().await },
        );
        let app = self.clone();
        tasks.spawn(async move { app.follow_store().await });
        let app = self.clone();
        tasks.spawn(async move { app.follow_scans().await });
        tasks
    }

    fn every<F>(
        &self,
        tasks: &mut JoinSet<()>,
        task: &'static str,
        period: Duration,
        work: impl Fn(App) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<(), AppError>> + Send + 'static,
    {
        let app = self.clone();
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Err(error) = work(app.clone()).await {
                    tracing::warn!(task, %error, cause = ?std::error::Error::source(&error), "a periodic task failed");
                }
            }
        });
    }
}
