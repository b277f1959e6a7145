//! Policy, REST API, users, and the agents that report to it.
//!
//! `app` is the controller without any outside format: a read model over the store, and every
//! change of it. `agent` takes what enforcers report. `rest` and `auth` put NeuVector's API on top.

pub mod agent;
pub mod app;
pub mod auth;
pub mod error;
pub mod reconcile;
pub mod rest;

pub use app::{App, Deps};
pub use error::AppError;
