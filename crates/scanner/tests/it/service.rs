//! The worker's loop with an engine and a controller that misbehave.

use async_trait::async_trait;
use rampart_model::scan_job::{Order, Outcome, ScanFailure, ScannerInfo, Work};
use rampart_scanner::{
    service::{EngineStatus, Jobs, JobsError, ScanEngine, ServiceConfig, serve},
    stop::Stop,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// A controller that hands out names and writes down what it hears.
#[derive(Default)]
struct Controller {
    work: Mutex<VecDeque<&'static str>>,
    heard: Mutex<Vec<String>>,
    /// Answers to reports, before it takes them.
    answers: Mutex<VecDeque<JobsError>>,
    /// Leases that are lost.
    lost: Mutex<bool>,
}

impl Controller {
    fn with(work: &[&'static str]) -> Arc<Self> {
        let controller = Self::default();
        controller.work.lock().unwrap().extend(work);
        Arc::new(controller)
    }

    fn hears(&self, text: String) {
        self.heard.lock().unwrap().push(text);
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl Jobs for Controller {
    async fn take(&self, _: ScannerInfo, wait: Duration) -> Result<Option<Work>, JobsError> {
        let next = self.work.lock().unwrap().pop_front();
        let Some(name) = next else {
            tokio::time::sleep(wait).await;
            return Ok(None);
        };
        if name == "away" {
            return Err(JobsError::Unreachable("no route".into()));
        }
        Ok(Some(Work {
            lease: name.into(),
            order: Order::Platform {
                name: name.into(),
                version: String::new(),
            },
            lease_ms: 30_000,
        }))
    }

    async fn renew(&self, lease: &str) -> Result<(), JobsError> {
        self.hears(format!("renew {lease}"));
        if *self.lost.lock().unwrap() {
            return Err(JobsError::Lost);
        }
        Ok(())
    }

    async fn finish(&self, lease: &str, scanner: &str, _: Outcome) -> Result<(), JobsError> {
        let answer = self.answers.lock().unwrap().pop_front();
        if let Some(error) = answer {
            self.hears(format!("finish {lease}: {error}"));
            return Err(error);
        }
        self.hears(format!("finish {lease} by {scanner}"));
        Ok(())
    }

    async fn fail(&self, lease: &str, _: &str, failure: ScanFailure) -> Result<(), JobsError> {
        let again = if failure.retry { "again" } else { "over" };
        self.hears(format!("fail {lease}: {} ({again})", failure.reason));
        Ok(())
    }
}

/// Does what the name of the work says.
struct Engine;

#[async_trait]
impl ScanEngine for Engine {
    async fn run(&self, order: Order, _: Stop) -> Result<Outcome, ScanFailure> {
        let Order::Platform { name, .. } = order else {
            unreachable!("{order:?}")
        };
        match name.as_str() {
            "panics" => panic!("a fault of the engine"),
            "fails" => Err(ScanFailure {
                reason: "no such image".into(),
                retry: false,
            }),
            "hangs" => {
                tokio::time::sleep(Duration::from_secs(86_400)).await;
                unreachable!()
            }
            "long" => {
                tokio::time::sleep(Duration::from_secs(35)).await;
                Ok(Outcome::Report(Box::default()))
            }
            _ => Ok(Outcome::Report(Box::default())),
        }
    }

    async fn status(&self) -> EngineStatus {
        EngineStatus::default()
    }
}

/// Serves for so long on a clock that jumps.
async fn serve_for(controller: &Arc<Controller>, secs: u64) {
    let config = ServiceConfig {
        id: "s1".into(),
        session: "p1".into(),
        name: "s1".into(),
        version: "1".into(),
        node: Default::default(),
        capacity: 1,
        timeout: Duration::from_secs(3600),
    };
    let stop = CancellationToken::new();
    let ending = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(secs)).await;
        ending.cancel();
    });
    serve(config, controller.clone(), Arc::new(Engine), stop).await;
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_engine_end_one_job_only() {
    let controller = Controller::with(&["panics", "fails", "good"]);
    serve_for(&controller, 10).await;
    assert_eq!(
        controller.heard(),
        [
            "fail panics: the scanner broke over it; its log says where (again)",
            "fail fails: no such image (over)",
            "finish good by s1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_scan_keeps_its_lease() {
    let controller = Controller::with(&["long"]);
    serve_for(&controller, 60).await;
    assert_eq!(
        controller.heard(),
        [
            "renew long",
            "renew long",
            "renew long",
            "finish long by s1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_the_scan_without_a_word() {
    let controller = Controller::with(&["hangs", "good"]);
    *controller.lost.lock().unwrap() = true;
    serve_for(&controller, 30).await;
    assert_eq!(controller.heard(), ["renew hangs", "finish good by s1"]);
}

#[tokio::test(start_paused = true)]
async fn a_report_is_repeated_until_it_arrives_or_is_refused() {
    let controller = Controller::with(&["away", "good", "odd"]);
    let away = || JobsError::Unreachable("no route".into());
    let answers = [
        away(),
        away(),
        JobsError::Lost,
        JobsError::Refused("too large".into()),
    ];
    controller.answers.lock().unwrap().extend(answers);
    serve_for(&controller, 300).await;
    assert_eq!(
        controller.heard(),
        [
            "finish good: the controller cannot be reached: no route",
            "finish good: the controller cannot be reached: no route",
            "finish good: the work was given to another scanner or taken back",
            "finish odd: the controller refuses: too large",
            "fail odd: the controller refused the report: too large (over)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_at_the_end_is_given_back() {
    let controller = Controller::with(&["hangs"]);
    serve_for(&controller, 5).await;
    assert_eq!(
        controller.heard(),
        ["fail hangs: the scanner was stopped (again)"]
    );
}
