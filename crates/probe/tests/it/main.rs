//! The kernel side against the real kernel: needs root and BTF, and says so where they are missing.

mod container;
mod exec;
mod file;
mod network;
mod rig;
mod ring;
