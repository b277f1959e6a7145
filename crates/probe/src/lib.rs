//! The kernel side: BPF programs, fanotify, procfs. The only crate with unsafe code.
//!
//! [`detect`] says what this node can do. [`Probe::start`] loads the programs of `bpf/`, attaches
//! them and starts the threads; dropping it takes everything away again, and whatever a killed
//! process leaves behind goes with its file descriptors. [`Control`] is the handle the rest of
//! the enforcer holds.
//!
//! Order for a container: [`Control::attach_workload`], then [`Control::set_policy`], then
//! [`Control::release`] if it was held. Label 0 is the host. Loopback traffic is never judged;
//! a workload's own addresses are, so list them as allowed where they matter.

pub mod mapped;
pub mod procfs;

mod call;
mod config;
mod control;
mod decode;
mod detect;
mod error;
mod event;
mod fanotify;
mod flow;
#[doc(hidden)]
pub mod fuzz;
mod guard;
mod hold;
mod install;
mod intf;
mod judge;
mod kernel;
mod label;
mod netrule;
mod pin;
mod policy;
mod probe;
mod profile;
mod recheck;
mod ring;
mod verifier;

pub use call::{Address, Call, CallFd, CallFdKind, CallFilter, PathFilter, Via};
pub use config::Config;
pub use control::Control;
pub use detect::{Capabilities, detect};
pub use error::Error;
pub use event::{
    Cred, CredCause, Denied, DeniedOp, DenyReason, Direction, Event, Exec, Exit, FileAct, FileId,
    FileOp, FirstExec, Flow, Fork, KillReason, Killed, NetEvent, NetHook, Ring, Socket, SocketOp,
    Task,
};
pub use fanotify::{LastEnd, run_watchdog};
pub use judge::{AllowAll, Ask, AskKind, Decision, Judge};
pub use kernel::ProgramCost;
pub use pin::{PIN_DIR, uninstall};
pub use policy::{
    Attach, Guard, GuardedPath, KernelPolicy, NetVerdict, Profile, ProgramRule, Programs,
    ProtectedPath, Watch,
};
pub use probe::Probe;
