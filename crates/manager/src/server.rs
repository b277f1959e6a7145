//! Listens, accepts, and stops cleanly.
//!
//! Limits: [`Config::max_connections`] at a time; 10 s for the TLS handshake and for each
//! request's head; HTTP/2: 128 streams a connection, 64 KiB of headers.

use crate::{Config, ServeError, router::Router, tls, upstream::Upstream};
use axum::body::Body;
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Time given to answers under way once told to stop; event streams never end by themselves.
const DRAIN: Duration = Duration::from_secs(2);

/// A manager that holds its port.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    router: Router,
    slots: Arc<Semaphore>,
}

/// Listens and serves until `shutdown` resolves.
///
/// # Errors
/// [`ServeError`] when the port, a certificate or the controller's address cannot be used.
pub async fn serve(config: Config, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    bind(config).await?.run(shutdown).await;
    Ok(())
}

/// Checks the configuration and takes the port.
///
/// # Errors
/// As [`serve`].
pub async fn bind(config: Config) -> Result<Server, ServeError> {
    let listen = |source| ServeError::Listen {
        addr: config.listen,
        source,
    };
    let listener = std::net::TcpListener::bind(config.listen).map_err(listen)?;
    bind_on(config, listener)
}

/// The same on a port that is held already. Must be called in a tokio runtime.
///
/// # Errors
/// As [`serve`].
pub fn bind_on(config: Config, listener: std::net::TcpListener) -> Result<Server, ServeError> {
    let tls = tls::server(&config.tls_cert_pem, &config.tls_key_pem)?;
    let upstream = Upstream::new(
        &config.controller_url,
        &config.controller_ca_pem,
        config.controller_name.as_deref(),
    )?;
    let listen = |source| ServeError::Listen {
        addr: config.listen,
        source,
    };
    listener.set_nonblocking(true).map_err(listen)?;
    let listener = TcpListener::from_std(listener).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    Ok(Server {
        listener,
        address,
        acceptor: TlsAcceptor::from(Arc::new(tls)),
        router: Router {
            upstream,
            assets: config.assets,
        },
        slots: Arc::new(Semaphore::new(config.max_connections.max(1))),
    })
}

impl Server {
    /// Where it listens; the port is the real one when port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` resolves, then lets answers under way end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                accepted = self.accept() => accepted,
                () = &mut shutdown => break,
            };
            let Some((tcp, peer, slot)) = accepted else {
                continue;
            };
            let acceptor = self.acceptor.clone();
            let router = self.router.clone();
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let _slot = slot;
                connection(acceptor, router, watcher, tcp, peer).await;
            });
        }
        drop(self.listener);
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::debug!("connections still open were cut");
        }
    }

    /// The next connection, once there is a slot for it.
    async fn accept(&self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        match self.listener.accept().await {
            Ok((tcp, peer)) => Some((tcp, peer, slot)),
            Err(error) => {
                // Out of descriptors, most likely: a pause lets some close.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                None
            }
        }
    }
}

async fn connection(
    acceptor: TlsAcceptor,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    tcp: TcpStream,
    peer: SocketAddr,
) {
    let _ = tcp.set_nodelay(true);
    let stream = match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(tcp)).await {
        Ok(Ok(stream)) => stream,
        // Port scans and browsers that do not trust the certificate yet: nothing to act on.
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "no TLS handshake"),
        Err(_) => return tracing::debug!(%peer, "TLS handshake too slow"),
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.route(peer, request.map(Body::new)).await) }
    });
    let builder = http();
    let served = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(served.into_owned()).await {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

/// HTTP/1.1 and HTTP/2 with every limit set.
fn http() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}
