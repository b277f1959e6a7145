//! The HTTPS listener: TLS 1.2 and 1.3 by rustls with aws-lc, HTTP/1.1 and HTTP/2.
//!
//! Limits: [`MAX_CONNECTIONS`]; ten seconds for a handshake and for the head of a request; 16 KiB
//! of head; 128 streams of HTTP/2.

use super::{Rest, RestError, call::Peer, router};
use crate::{App, auth::Auth};
use axum::{Router, extract::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

const MAX_CONNECTIONS: usize = 1024;
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
const HEAD_TIME: Duration = Duration::from_secs(10);
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Requests being answered when the server stops may finish for so long.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the rim decides.
#[derive(Clone)]
pub struct RestConfig {
    cert_pem: String,
    key_pem: String,
    scanner_token: Option<String>,
}

impl RestConfig {
    /// A chain of certificates, the server's first, and its key.
    pub fn new(cert_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        Self {
            cert_pem: cert_pem.into(),
            key_pem: key_pem.into(),
            scanner_token: None,
        }
    }

    /// Scanners that run elsewhere may take work if they show this, of 16 bytes or more.
    #[must_use]
    pub fn with_scanner_token(mut self, token: impl Into<String>) -> Self {
        self.scanner_token = Some(token.into());
        self
    }
}

/// Serves the API on a bound listener until `shutdown` resolves, then lets requests finish.
pub async fn serve(
    listener: std::net::TcpListener,
    config: RestConfig,
    app: App,
    auth: Auth,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RestError> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(&config)?));
    listener
        .set_nonblocking(true)
        .map_err(RestError::Listener)?;
    let listener = TcpListener::from_std(listener).map_err(RestError::Listener)?;
    let rest = Rest::with_scanners(app, auth, config.scanner_token.clone());
    let stopping = rest.0.stopping.clone();
    let router = router(rest);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let (socket, peer, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let connection = Connection {
            acceptor: acceptor.clone(),
            router: router.clone(),
            peer,
            place,
        };
        tokio::spawn(connection.serve(socket, graceful.watcher()));
    }
    drop(listener);
    stopping.cancel();
    if tokio::time::timeout(FAREWELL, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests were still running when the API stopped");
    }
    Ok(())
}

/// Waits for a place first: what is over the limit queues in the kernel, unaccepted.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => return (socket, peer, place),
            Err(error) => {
                // Out of files, most likely: others must end before it can go on.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

struct Connection {
    acceptor: TlsAcceptor,
    router: Router,
    peer: SocketAddr,
    place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    async fn serve(self, socket: TcpStream, watcher: hyper_util::server::graceful::Watcher) {
        let Self {
            acceptor,
            router,
            peer,
            place,
        } = self;
        let _ = socket.set_nodelay(true);
        let stream = match tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, %peer, "no TLS handshake"),
            Err(_) => return tracing::debug!(%peer, "the TLS handshake took too long"),
        };
        let service = router.map_request(move |mut request: Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request.map(axum::body::Body::new)
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(MAX_HEAD_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(128)
            .max_header_list_size(16 * 1024)
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .keep_alive_timeout(Duration::from_secs(20));
        let connection =
            builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(%error, %peer, "a connection ended early");
        }
        drop(place);
    }
}

fn tls(config: &RestConfig) -> Result<ServerConfig, RestError> {
    let wrong = |error: &dyn std::fmt::Display| RestError::Certificate(error.to_string());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(config.cert_pem.as_bytes()).collect();
    let chain = chain.map_err(|error| wrong(&error))?;
    let key =
        PrivateKeyDer::from_pem_slice(config.key_pem.as_bytes()).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| wrong(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&error))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}
