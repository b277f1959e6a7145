//! A node: inventory, learning, verdicts and enforcement.

pub mod link;
pub mod runtime;
