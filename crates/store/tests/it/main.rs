//! Tests of the store's implementations.

mod conformance;
mod crash;
mod file;
mod property;
