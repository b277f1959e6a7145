//! NeuVector's REST API, and what Rampart adds to it, over HTTPS.
//!
//! [`ENDPOINTS`] is the whole surface: method, path, who may, what goes in and comes out. The
//! router, the authorisation, the OpenAPI document and the authorisation test are made from it.
//!
//! Limits: bodies of 2 MiB, queries of 8 KiB, 1,024 connections, 64 live streams, 30 seconds a
//! request, ten for a TLS handshake and for the head of a request.

mod activity;
mod answer;
mod api_key;
mod auth;
mod call;
mod config;
mod conversation;
mod detection;
mod domain;
mod endpoint;
mod error;
mod eula;
mod group;
mod guard;
mod layer;
mod live;
mod log;
mod metrics;
mod misc;
mod node;
mod openapi;
mod password;
mod policy;
mod profile;
mod redact;
mod registry;
mod response;
mod role;
mod router;
mod sbom;
mod scan;
mod scanner;
mod server;
mod service;
mod system;
mod user;
mod view;
mod vulnerability;
mod what_if;
mod workload;

pub use endpoint::{Endpoint, Need, Verb};
pub use error::RestError;
pub use openapi::document;
pub use router::{ENDPOINTS, router};
pub use server::{RestConfig, serve};

use crate::{App, auth::Auth};
use std::sync::Arc;

/// A shorter token for scanners is none.
const MIN_TOKEN: usize = 16;

/// What every handler has.
#[derive(Clone)]
pub struct Rest(Arc<Inner>);

struct Inner {
    app: App,
    auth: Auth,
    metrics: metrics::Metrics,
    openapi: axum::body::Bytes,
    /// Places for live streams.
    streams: Arc<tokio::sync::Semaphore>,
    /// What a scanner elsewhere must show; none may come without one.
    scanner_token: Option<String>,
    /// Ends every live stream when the server stops.
    stopping: tokio_util::sync::CancellationToken,
}

impl Rest {
    pub fn new(app: App, auth: Auth) -> Self {
        Self::with_scanners(app, auth, None)
    }

    /// Scanners that run elsewhere may come with this token.
    pub fn with_scanners(app: App, auth: Auth, scanner_token: Option<String>) -> Self {
        Self(Arc::new(Inner {
            metrics: metrics::Metrics::new(&app, &auth),
            openapi: document().into(),
            streams: Arc::new(tokio::sync::Semaphore::new(live::MAX_STREAMS)),
            stopping: tokio_util::sync::CancellationToken::new(),
            scanner_token: scanner_token.filter(|token| token.len() >= MIN_TOKEN),
            app,
            auth,
        }))
    }

    fn app(&self) -> &App {
        &self.0.app
    }

    fn auth(&self) -> &Auth {
        &self.0.auth
    }
}
