//! A runtime's socket: dialled, followed until it dies, reported, dialled again.

use super::RuntimeKind;
use crate::{
    discovery::Shared,
    inventory::{Change, Fact},
    time,
};
use rampart_model::{Timestamp, Workload, WorkloadId};
use std::{
    collections::HashSet,
    convert::Infallible,
    future::Future,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a socket that has never been there is looked for: a file's existence, no more.
const LOOK: Duration = Duration::from_secs(1);

/// Why a runtime cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("cannot connect: is the runtime running, and may this user use its socket?")]
    Connect(#[source] io::Error),
    #[error("no answer in {0:?}")]
    Timeout(Duration),
    #[error("the connection broke")]
    Http(#[source] hyper::Error),
    #[error("the runtime refused: {status} {message}")]
    Status { status: u16, message: String },
    #[error("answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("answer is not JSON")]
    Json(#[source] serde_json::Error),
    #[error("{0}")]
    Request(String),
    #[error("call failed: {}: {}", .0.code(), .0.message())]
    Rpc(#[source] Box<tonic::Status>),
    #[error("the event stream ended")]
    Ended,
}

impl SourceError {
    /// The thing asked for does not exist (any more); the runtime itself is well.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status == 404,
            Self::Rpc(status) => status.code() == tonic::Code::NotFound,
            _ => false,
        }
    }

    /// The cause behind the text, for an operator.
    fn describe(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        // A call's status has been told in the text.
        while let Some(inner) = cause.filter(|_| !matches!(self, Self::Rpc(_))) {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        text
    }
}

/// One kind of runtime.
pub(crate) trait Source: Send + Sync + 'static {
    /// Follows the runtime until its socket fails. Calls [`Link::found`] once it answers.
    fn session(&self, link: &Link) -> impl Future<Output = Result<Infallible, SourceError>> + Send;
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) shared: Arc<Shared>,
    pub(crate) runtime: RuntimeKind,
    pub(crate) path: PathBuf,
    pub(crate) poll: Duration,
    /// Someone named this socket: its absence is worth a word.
    required: bool,
    up: AtomicBool,
}

impl Link {
    pub(crate) fn new(
        shared: Arc<Shared>,
        runtime: RuntimeKind,
        path: PathBuf,
        poll: Duration,
        required: bool,
    ) -> Self {
        Self {
            shared,
            runtime,
            path,
            poll,
            required,
            up: AtomicBool::new(false),
        }
    }

    pub(crate) async fn follow<S: Source>(self, source: S) {
        let mut pause = FIRST_PAUSE;
        let mut reported = false;
        loop {
            // A socket that was named and is not there is reported once.
            if (reported || !self.required) && !self.path.exists() {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            let Err(error) = source.session(&self).await;
            let was_up = self.up.swap(false, Ordering::Relaxed);
            if was_up {
                pause = FIRST_PAUSE;
            }
            if was_up || !reported {
                reported = true;
                self.lost(&error);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    pub(crate) fn found(&self, version: String) {
        self.up.store(true, Ordering::Relaxed);
        tracing::info!(runtime = %self.runtime, socket = %self.path.display(), version, "runtime found");
        let socket = self.path.display().to_string();
        self.shared.note(Change::RuntimeFound {
            runtime: self.runtime,
            socket,
            version,
        });
    }

    fn lost(&self, error: &SourceError) {
        let error = error.describe();
        tracing::warn!(runtime = %self.runtime, socket = %self.path.display(), error, "runtime lost");
        let socket = self.path.display().to_string();
        self.shared.note(Change::RuntimeLost {
            runtime: self.runtime,
            socket,
            error,
        });
    }

    /// A container as the runtime shows it, with what the kernel adds.
    pub(crate) fn seen(&self, mut workload: Workload) {
        let told = std::mem::take(&mut workload.interfaces);
        self.shared.local.complete(&mut workload);
        if workload.interfaces.is_empty() && !workload.host_network {
            workload.interfaces = told;
        }
        self.shared
            .apply(self.runtime, Fact::Seen(Box::new(workload)));
    }

    /// Whether what this runtime said of a container is still taken for true.
    pub(crate) fn has_told(&self, id: &str) -> bool {
        self.shared.inventory(|i| i.has_fact(self.runtime, id))
    }

    pub(crate) fn gone(&self, id: &str, at: Timestamp, exit_code: i32) {
        let at = if at.is_known() { at } else { time::now() };
        self.shared.apply(
            self.runtime,
            Fact::Gone {
                id: id.into(),
                at,
                exit_code,
            },
        );
    }

    pub(crate) fn listed(&self, ids: HashSet<WorkloadId>) {
        self.shared.apply(self.runtime, Fact::listed(ids));
    }

    /// Counts an answer that could not be used.
    pub(crate) fn skip(&self, what: &str, error: &SourceError) {
        self.shared
            .diagnostics
            .skip(format_args!("{} {what}", self.runtime), error.describe());
    }
}
