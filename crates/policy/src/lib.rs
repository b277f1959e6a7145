//! Group membership, modes, rule order, learning and compilation; pure.
//!
//! Facts and a [`PolicySnapshot`](rampart_model::PolicySnapshot) go in, verdicts come out: no I/O,
//! no clock, no randomness. The controller and every enforcer run the same code on the same
//! snapshot, so a container the controller has not heard of yet is judged as it will be later.
//! The semantics are NeuVector's; where it cannot be told from the outside, the module says so.
//!
//! Start at [`Engine`]: it indexes a snapshot once and compiles a [`WorkloadPolicy`] for each
//! container.

pub mod application;
pub mod compile;
pub mod file;
pub mod group;
pub mod learn;
pub mod network;
pub mod order;
pub mod process;
pub mod promotion;
pub mod response;
pub mod selector;
pub mod what_if;

pub use compile::{Engine, Identity, Peer, WorkloadPolicy, compile};
pub use file::{FileAsk, FileVerdict};
pub use network::{Direction, NetCell, NetPolicy, NetVerdict};
pub use process::{ProcessAsk, ProcessVerdict, Reason};
