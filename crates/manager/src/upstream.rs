//! The pooled HTTPS client that calls the controller.

use crate::{ServeError, error::Refusal, tls};
use axum::body::Body;
use futures::future::BoxFuture;
use hyper::{
    Request, Response, Uri,
    body::Incoming,
    http::uri::{Authority, PathAndQuery, Scheme},
};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Time for a TCP connection and its TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time until the head of the answer; its body has no limit, because event streams do not end.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Upstream {
    client: Client<Connector, Body>,
    authority: Authority,
}

impl Upstream {
    pub(crate) fn new(url: &str, ca_pem: &[u8], name: Option<&str>) -> Result<Self, ServeError> {
        let bad = |reason| ServeError::ControllerUrl {
            url: url.to_owned(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|_| bad("not a URL"))?;
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(bad("only https is spoken"));
        }
        if !uri.path().trim_end_matches('/').is_empty() {
            return Err(bad("it must not have a path"));
        }
        let authority = uri.authority().ok_or_else(|| bad("no host"))?.clone();
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let server_name = ServerName::try_from(name.unwrap_or(host).to_owned())
            .map_err(|_| bad("the host cannot be checked against a certificate"))?;
        let connector = Connector {
            address: (host.to_owned(), authority.port_u16().unwrap_or(443)),
            name: server_name,
            tls: Arc::new(tls::client(ca_pem)?),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(32)
            .build(connector);
        Ok(Self { client, authority })
    }

    /// Sends a request whose URI is only path and query.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        path: PathAndQuery,
    ) -> Result<Response<Incoming>, Refusal> {
        *request.uri_mut() = Uri::builder()
            .scheme(Scheme::HTTPS)
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| Refusal::BadPath)?;
        match tokio::time::timeout(HEAD_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the controller cannot be reached");
                Err(Refusal::ControllerDown)
            }
            Err(_) => Err(Refusal::ControllerSlow),
        }
    }
}

/// An error with its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Dials the one controller, whatever the URI says.
#[derive(Clone)]
struct Connector {
    address: (String, u16),
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
}

impl Connector {
    async fn dial(self) -> io::Result<Stream> {
        let connect = async {
            let tcp = TcpStream::connect(&self.address).await?;
            tcp.set_nodelay(true)?;
            TlsConnector::from(self.tls).connect(self.name, tcp).await
        };
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connect)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 5 seconds"))??;
        Ok(Stream(TokioIo::new(stream)))
    }
}

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().dial())
    }
}

/// A TLS connection as the client wants it.
struct Stream(TokioIo<TlsStream<TcpStream>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
