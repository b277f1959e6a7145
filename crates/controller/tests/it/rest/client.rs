//! A small HTTPS client that trusts the test's certificate and nothing else.

use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, body::Bytes, client::conn::http1::SendRequest, header::HeaderMap,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use std::{net::SocketAddr, sync::Arc};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

#[derive(Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    /// Sent as `X-Auth-Token` unless empty.
    pub(crate) token: String,
    /// Sent as `X-Auth-Apikey` unless empty.
    pub(crate) key: String,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", text()))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        let body = self.json();
        assert_eq!(self.status, 200, "{body:#}");
        body
    }

    #[track_caller]
    pub(crate) fn token(&self) -> String {
        self.ok()["token"]["token"].as_str().unwrap().to_owned()
    }

    /// Status and NeuVector's code.
    pub(crate) fn code(&self) -> (u16, u64) {
        (self.status.as_u16(), self.json()["code"].as_u64().unwrap())
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, ca: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            address,
            tls: Arc::new(tls),
            token: String::new(),
            key: String::new(),
        }
    }

    pub(crate) async fn tls(&self) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(self.tls.clone())
            .connect(name, socket)
            .await
            .unwrap()
    }

    /// A connection for many requests.
    pub(crate) async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.tls().await))
                .await
                .unwrap();
        tokio::spawn(connection);
        sender
    }

    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if !self.token.is_empty() {
            request = request.header("X-Auth-Token", &self.token);
        }
        if !self.key.is_empty() {
            request = request.header("X-Auth-Apikey", &self.key);
        }
        request
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let mut connection = self.connect().await;
        read(connection.send_request(request).await.unwrap()).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(self.request(method, path, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::PATCH, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, &Value::Null).await
    }
}

/// One of many requests on a connection.
pub(crate) async fn ask(
    connection: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Reply {
    connection.ready().await.unwrap();
    read(connection.send_request(request).await.unwrap()).await
}

async fn read(response: hyper::Response<hyper::body::Incoming>) -> Reply {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}
