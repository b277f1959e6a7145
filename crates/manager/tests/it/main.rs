//! The manager against a fake controller over TLS.

mod fake;
mod files;
mod limits;
mod session;
mod stream;
