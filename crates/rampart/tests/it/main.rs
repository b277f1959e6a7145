//! The whole product, as a user runs it: the real binary, real containers, real kernel.
//!
//! Tests of the node need root and kernel BTF and say so when they skip. They run one at a time:
//! each starts a `rampart up` that watches the whole machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

mod attacks;
mod browser;
mod corpus;
mod crash;
mod demo;
mod harness;
mod registry;
mod rules;
mod scan;
mod scanner;
mod start;
