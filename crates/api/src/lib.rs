//! The REST contract: NeuVector-compatible wire types, their conversions, the query language and
//! the error table. Nothing here listens or decides; `rampart-controller` does.

pub mod convert;
pub mod error;
pub mod query;
pub mod rest;
