//! The web console: static files, session, proxy to the controller.
//!
//! The browser never holds the controller's token: it lives in an `HttpOnly` cookie that only
//! this server reads. Everything below `/api/` is passed to the controller with the token put
//! back; everything else is the console's files.
//!
//! Limits: [`Config::max_connections`] at a time, 10 s for a request's head, 2 MiB for a request's
//! body, 30 s for the controller to begin its answer. Answers, event streams among them, pass
//! through piece by piece and are never held.

mod assets;
mod config;
mod cookie;
mod error;
mod guard;
mod login;
mod proxy;
mod router;
mod server;
mod tls;
mod upstream;

pub use assets::Assets;
pub use config::Config;
pub use error::ServeError;
pub use server::{Server, bind, bind_on, serve};
