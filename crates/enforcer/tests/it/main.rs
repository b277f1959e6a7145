//! The enforcer as a whole: with a kernel of the test's own, and on real containers.

mod fake;
mod files;
mod first_exec;
mod hostile;
mod network;
mod process;
mod real;
mod uplink;
