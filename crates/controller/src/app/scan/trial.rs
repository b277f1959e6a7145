//! Trying a registry out before it is kept: sign in, list, say what happens.
//!
//! Trials hold credentials nobody asked to keep, so they are in memory only: a restart ends them,
//! and the client begins anew. Limits: [`MAX_TRIALS`] at a time, [`LIFE_MS`] each.

use crate::{App, AppError, app::lock};
use rampart_model::{
    Timestamp,
    scan_job::{Order, Outcome, RegistryAccess, ScanFailure, ScannerInfo, TestStep, Work},
};
use std::collections::BTreeMap;

pub const MAX_TRIALS: usize = 16;
const LIFE_MS: i64 = 5 * 60_000;

#[derive(Default)]
pub(crate) struct Trials(BTreeMap<String, State>);

struct State {
    order: Order,
    taken: bool,
    begun: Timestamp,
    steps: Vec<TestStep>,
    done: bool,
}

/// How far a trial is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    pub steps: Vec<TestStep>,
    pub done: bool,
}

fn step(kind: &str, text: impl Into<String>) -> TestStep {
    TestStep {
        kind: kind.to_owned(),
        text: text.into(),
    }
}

impl App {
    /// Begins one and returns its id.
    pub fn start_trial(
        &self,
        access: RegistryAccess,
        filters: Vec<String>,
    ) -> Result<String, AppError> {
        let now = self.now();
        let id = format!("trial-{}", uuid::Uuid::new_v4());
        {
            let mut trials = lock(&self.0.scanning.trials);
            trials.0.retain(|_, trial| now.since(trial.begun) < LIFE_MS);
            if trials.0.len() >= MAX_TRIALS {
                return Err(AppError::TooMany {
                    what: "tests of registries at a time",
                });
            }
            trials.0.insert(
                id.clone(),
                State {
                    order: Order::Test { access, filters },
                    taken: false,
                    begun: now,
                    steps: Vec::new(),
                    done: false,
                },
            );
        }
        self.0.scanning.changed.send_modify(|count| *count += 1);
        Ok(id)
    }

    /// How far it is; one that is done is forgotten with this answer.
    pub fn trial(&self, id: &str) -> Result<Trial, AppError> {
        let now = self.now();
        let none = self.scanners().is_empty();
        let mut trials = lock(&self.0.scanning.trials);
        let state = trials
            .0
            .get(id)
            .ok_or_else(|| AppError::not_found("test", id))?;
        let mut trial = Trial {
            steps: state.steps.clone(),
            done: state.done,
        };
        if !trial.done && now.since(state.begun) >= LIFE_MS {
            trial
                .steps
                .push(step("error", "no scanner answered in time"));
            trial.done = true;
        } else if !trial.done && !state.taken && none {
            trial.steps.push(step(
                "error",
                "there is no scanner: start one with `rampart scanner`, or `rampart up`",
            ));
            trial.done = true;
        }
        if trial.done {
            trials.0.remove(id);
        }
        Ok(trial)
    }

    pub fn cancel_trial(&self, id: &str) {
        lock(&self.0.scanning.trials).0.remove(id);
    }

    pub(super) fn take_trial(&self, _scanner: &ScannerInfo) -> Option<Work> {
        let mut trials = lock(&self.0.scanning.trials);
        let (id, state) = trials.0.iter_mut().find(|(_, trial)| !trial.taken)?;
        state.taken = true;
        Some(Work {
            lease: id.clone(),
            order: state.order.clone(),
            lease_ms: super::queue::LEASE_MS,
        })
    }

    pub(super) fn has_trial(&self, lease: &str) -> bool {
        lock(&self.0.scanning.trials).0.contains_key(lease)
    }

    /// True if the lease is of a trial, or of one that was cancelled.
    pub(super) fn finish_trial(&self, lease: &str, outcome: &Outcome) -> bool {
        if !lease.starts_with("trial-") {
            return false;
        }
        if let (Some(state), Outcome::Tested(steps)) =
            (lock(&self.0.scanning.trials).0.get_mut(lease), outcome)
        {
            state.steps.extend(steps.iter().take(1000).cloned());
            state.done = true;
        }
        true
    }

    pub(super) fn fail_trial(&self, lease: &str, failure: &ScanFailure) -> bool {
        let steps = vec![step("error", failure.reason.clone())];
        self.finish_trial(lease, &Outcome::Tested(steps))
    }
}
