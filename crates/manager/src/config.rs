//! What the manager is told by whoever starts it.

use crate::Assets;
use std::net::SocketAddr;

/// Everything the manager needs; it keeps nothing.
#[derive(Clone)]
pub struct Config {
    /// Where the console listens, such as `127.0.0.1:8443`.
    pub listen: SocketAddr,
    /// The controller's REST address, such as `https://127.0.0.1:10443`. Only `https`.
    pub controller_url: String,
    /// Certificates (PEM) to trust for the controller: its authority's, or its own when it signed
    /// itself.
    pub controller_ca_pem: Vec<u8>,
    /// Name the controller's certificate carries, where it differs from the host in the URL.
    pub controller_name: Option<String>,
    /// Certificate chain (PEM) of the console.
    pub tls_cert_pem: Vec<u8>,
    /// Its private key (PEM).
    pub tls_key_pem: Vec<u8>,
    /// Connections served at a time; more wait in the listen queue.
    pub max_connections: usize,
    /// The console's files.
    pub assets: Assets,
}

impl Config {
    /// A configuration with the embedded console and the default limits.
    pub fn new(listen: SocketAddr, controller_url: impl Into<String>) -> Self {
        Self {
            listen,
            controller_url: controller_url.into(),
            controller_ca_pem: Vec::new(),
            controller_name: None,
            tls_cert_pem: Vec::new(),
            tls_key_pem: Vec::new(),
            max_connections: 1024,
            assets: Assets::embedded(),
        }
    }
}
