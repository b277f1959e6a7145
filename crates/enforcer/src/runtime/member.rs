//! A workload that has a label: who it is and the policy that is in force for it.

use super::{plan::Plan, users::Users};
use arc_swap::ArcSwap;
use rampart_model::{Workload, event::WorkloadRef};
use rampart_probe::FileId;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

/// Facts learned of one workload per run; more is not a profile but an attack on it.
const MAX_LEARNED: u32 = 4096;
/// Files of the writable layer that the profile allows, per workload.
const MAX_DROPPED: usize = 1024;

pub(crate) struct Member {
    pub(crate) label: u32,
    pub(crate) workload: ArcSwap<Workload>,
    pub(crate) plan: ArcSwap<Plan>,
    pub(crate) users: ArcSwap<Users>,
    /// Dynamic loaders of the image: run as programs they would load what is denied.
    pub(crate) loaders: Vec<FileId>,
    dropped_but_allowed: Mutex<BTreeSet<FileId>>,
    learned: AtomicU32,
    applying: Mutex<()>,
    enforced: AtomicBool,
}

impl Member {
    pub(crate) fn new(label: u32, workload: Workload, plan: Plan) -> Self {
        Self {
            label,
            workload: ArcSwap::from_pointee(workload),
            plan: ArcSwap::from_pointee(plan),
            users: ArcSwap::from_pointee(Users::default()),
            loaders: Vec::new(),
            dropped_but_allowed: Mutex::default(),
            learned: AtomicU32::new(0),
            applying: Mutex::default(),
            enforced: AtomicBool::new(false),
        }
    }

    pub(crate) fn reference(&self) -> WorkloadRef {
        let workload = self.workload.load();
        WorkloadRef {
            id: workload.id.clone(),
            name: workload.display_name().to_owned(),
            domain: workload.domain.clone(),
            service: workload.service.clone(),
            image: workload.image.clone(),
            group: self.plan.load().group.clone(),
        }
    }

    /// Whether the kernel took the present plan or an earlier one.
    pub(crate) fn is_enforced(&self) -> bool {
        self.enforced.load(Ordering::Relaxed)
    }

    pub(crate) fn set_enforced(&self, enforced: bool) {
        self.enforced.store(enforced, Ordering::Relaxed);
    }

    /// Held while the plan is put in force, so that an older one never overwrites a newer one.
    pub(crate) fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more fact may be learned; `Err` once, when the limit is reached.
    pub(crate) fn may_learn(&self) -> Result<bool, LearnLimit> {
        match self.learned.fetch_add(1, Ordering::Relaxed) {
            n if n < MAX_LEARNED => Ok(true),
            MAX_LEARNED => Err(LearnLimit(MAX_LEARNED)),
            _ => {
                self.learned.fetch_sub(1, Ordering::Relaxed);
                Ok(false)
            }
        }
    }

    /// Remembers a file of the writable layer that the profile allows. True if it is new.
    pub(crate) fn allow_dropped(&self, file: FileId) -> bool {
        let mut files = self
            .dropped_but_allowed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        files.len() < MAX_DROPPED && files.insert(file)
    }

    pub(crate) fn allowed_dropped(&self) -> Vec<FileId> {
        let files = self
            .dropped_but_allowed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        files.iter().copied().collect()
    }
}

/// A workload whose behaviour does not settle.
#[derive(Debug)]
pub(crate) struct LearnLimit(pub(crate) u32);

pub(crate) type MemberRef = Arc<Member>;
