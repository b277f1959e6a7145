//! Carries the spool to the controller: in order, again until acknowledged, with growing pauses.

use super::{Lost, Spool, Uplink};
use rampart_model::Report;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const LAST_TRY: Duration = Duration::from_secs(2);

/// What introduces the node on every new connection: the node and what runs on it.
pub type Introduction = Arc<dyn Fn() -> Vec<Report> + Send + Sync>;

pub struct Sender {
    pub uplink: Arc<dyn Uplink>,
    pub spool: Arc<Spool>,
    pub introduction: Introduction,
    pub latest: Arc<Latest>,
}

/// A report of which only the newest counts, such as statistics; never spooled.
#[derive(Default)]
pub struct Latest {
    report: Mutex<Option<Report>>,
    arrived: Notify,
}

impl Latest {
    pub fn put(&self, report: Report) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<Report> {
        self.report
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Sender {
    /// Runs until cancelled, then tries once more to leave nothing behind.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut introduced = false;
        let mut pause = FIRST_PAUSE;
        while !shutdown.is_cancelled() {
            match self.step(&mut introduced).await {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) => tokio::select! {
                    () = self.spool.arrived() => {}
                    () = self.latest.arrived.notified() => {}
                    () = shutdown.cancelled() => break,
                },
                Err(error) => {
                    introduced = false;
                    tracing::warn!(%error, pause_ms = pause.as_millis(), waiting = self.spool.waiting(), "reports wait");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = shutdown.cancelled() => break,
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        let rest = async { while let Ok(true) = self.step(&mut introduced).await {} };
        let _ = tokio::time::timeout(LAST_TRY, rest).await;
        self.spool.sync();
    }

    /// Sends one batch; whether there was one.
    async fn step(&self, introduced: &mut bool) -> Result<bool, super::LinkError> {
        if !*introduced {
            self.uplink.send((self.introduction)()).await?;
            *introduced = true;
        }
        let mut batch = self.spool.peek();
        let mut reports = std::mem::take(&mut batch.reports);
        reports.extend(self.latest.take());
        if reports.is_empty() {
            return Ok(false);
        }
        self.uplink.send(reports).await?;
        self.spool.acknowledge(&batch);
        Ok(true)
    }
}

impl Lost {
    /// For the event that tells of it.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        let mut count = |n: u64, what: &str| {
            if n > 0 {
                parts.push(format!("{n} {what}"));
            }
        };
        count(self.records, "security records");
        count(self.routine, "routine reports");
        count(self.damaged, "damaged stretches of the spool");
        if let Some(disk) = &self.disk {
            parts.push(format!("disk: {disk}"));
        }
        format!(
            "Reports were lost before the controller had them: {}",
            parts.join(", ")
        )
    }
}
