//! A fake controller, a manager in front of it, and a small HTTPS client.

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
    response::IntoResponse,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rampart_manager::{Assets, Config, bind};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, oneshot},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

pub(crate) const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl";
pub(crate) const PASSWORD: &str = "correct horse";
/// Longest any step of a test may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// What the fake controller saw.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Clone)]
pub(crate) struct Controller {
    seen: Arc<Mutex<Vec<Seen>>>,
    events: broadcast::Sender<String>,
}

impl Controller {
    fn new() -> Self {
        Self {
            seen: Arc::default(),
            events: broadcast::channel(16).0,
        }
    }

    /// Sends one event to every open stream.
    pub(crate) fn emit(&self, data: &str) {
        self.events
            .send(format!("event: change\ndata: {data}\n\n"))
            .expect("no stream is open");
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.seen.lock().expect("lock").clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.requests()
            .pop()
            .expect("the controller got no request")
    }
}

async fn controller(State(state): State<Controller>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("body").to_bytes();
    let path = parts
        .uri
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    state.seen.lock().expect("lock").push(Seen {
        method: parts.method.clone(),
        path: path.clone(),
        headers: parts.headers.clone(),
        body: body.clone(),
    });
    if parts.method == Method::POST && path == "/v1/auth" {
        return sign_in(&body);
    }
    if parts.headers.get("x-auth-token").is_none_or(|t| t != TOKEN) {
        return failure(StatusCode::UNAUTHORIZED, 3, "Authentication failed");
    }
    if path == "/v1/live" {
        return live(state.events.subscribe());
    }
    let mut response = Json(json!({ "path": path, "body": body.len() })).into_response();
    let headers = response.headers_mut();
    headers.insert("x-auth-token", HeaderValue::from_static("leak"));
    headers.insert(header::SET_COOKIE, HeaderValue::from_static("leak=1"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("x-hop"));
    headers.insert("x-hop", HeaderValue::from_static("1"));
    headers.insert("x-total", HeaderValue::from_static("7"));
    response
}

fn sign_in(body: &[u8]) -> Response<Body> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let given = value["password"]["password"].as_str().unwrap_or_default();
    match given {
        PASSWORD => Json(json!({
            "token": { "token": TOKEN, "username": "admin", "role": "admin" },
            "need_to_reset_password": false,
        }))
        .into_response(),
        "one-time" => Json(json!({ "need_to_reset_password": true })).into_response(),
        "broken" => Json(json!({ "token": { "token": "a\r\nb" } })).into_response(),
        "garbage" => "<html>".into_response(),
        _ => failure(StatusCode::UNAUTHORIZED, 3, "Authentication failed"),
    }
}

fn failure(status: StatusCode, code: u16, error: &str) -> Response<Body> {
    (
        status,
        Json(json!({ "code": code, "error": error, "message": error })),
    )
        .into_response()
}

fn live(events: broadcast::Receiver<String>) -> Response<Body> {
    let open = futures::stream::once(async { Ok::<_, std::io::Error>(": open\n\n".to_owned()) });
    let events = tokio_stream::wrappers::BroadcastStream::new(events)
        .filter_map(|event| async { event.ok().map(Ok) });
    let mut response = Response::new(Body::from_stream(open.chain(events)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    response
}

/// A certificate for the loopback address, signed by itself.
pub(crate) struct Identity {
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
    cert: rustls::pki_types::CertificateDer<'static>,
    key: Vec<u8>,
}

pub(crate) fn identity() -> Identity {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()])
        .expect("certificate");
    Identity {
        cert_pem: made.cert.pem(),
        key_pem: made.signing_key.serialize_pem(),
        cert: made.cert.der().clone(),
        key: made.signing_key.serialize_der(),
    }
}

async fn start_controller(state: Controller, identity: &Identity) -> SocketAddr {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.clone()));
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.clone()], key)
        .expect("server certificate");
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let address = listener.local_addr().expect("address");
    let app = Router::new().fallback(controller).with_state(state);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, app) = (acceptor.clone(), app.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(tcp).await else {
                    return;
                };
                let service = TowerToHyperService::new(app);
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

/// A manager in front of a fake controller; both stop when it is dropped.
pub(crate) struct Stand {
    pub(crate) controller: Controller,
    pub(crate) address: SocketAddr,
    tls: Arc<ClientConfig>,
    stop: Option<oneshot::Sender<()>>,
    stopped: Option<oneshot::Receiver<()>>,
}

pub(crate) fn console() -> Assets {
    let script = format!("console.log({:?});", "x".repeat(4000));
    Assets::from_files([
        (
            "index.html".into(),
            "<!doctype html><meta content=\"__RAMPART_NONCE__\">".into(),
        ),
        ("assets/app-1a2b.js".into(), script.into()),
        (
            "logo.svg".into(),
            "<svg xmlns=\"http://www.w3.org/2000/svg\"/>".into(),
        ),
    ])
}

pub(crate) async fn stand() -> Stand {
    stand_with(|_| ()).await
}

pub(crate) async fn stand_with(change: impl FnOnce(&mut Config)) -> Stand {
    let controller = Controller::new();
    let theirs = identity();
    let upstream = start_controller(controller.clone(), &theirs).await;
    let ours = identity();
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), format!("https://{upstream}"));
    config.controller_ca_pem = theirs.cert_pem.into_bytes();
    config.tls_cert_pem = ours.cert_pem.into_bytes();
    config.tls_key_pem = ours.key_pem.into_bytes();
    config.assets = console();
    change(&mut config);
    let server = bind(config).await.expect("bind");
    let address = server.local_addr();
    let (stop, wait) = oneshot::channel::<()>();
    let (done, stopped) = oneshot::channel();
    tokio::spawn(async move {
        server.run(async { wait.await.unwrap_or(()) }).await;
        let _ = done.send(());
    });
    let mut roots = RootCertStore::empty();
    roots.add(ours.cert).expect("root");
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Stand {
        controller,
        address,
        tls: Arc::new(tls),
        stop: Some(stop),
        stopped: Some(stopped),
    }
}

/// An answer with its body read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |v| v.to_str().expect("text"))
    }
}

impl Stand {
    pub(crate) fn origin(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_with(&[]).await
    }

    /// Connects and offers these protocols.
    pub(crate) async fn connect_with(&self, alpn: &[&str]) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(self.address).await.expect("connect");
        let name = ServerName::try_from("127.0.0.1").expect("name");
        let mut tls = ClientConfig::clone(&self.tls);
        tls.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(tls))
            .connect(name, tcp)
            .await
            .expect("handshake")
    }

    /// Sends a request; the body of the answer is still to be read.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> hyper::Response<Incoming> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.connect().await))
            .await
            .expect("http");
        tokio::spawn(connection);
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("request");
        timeout(DEADLINE, sender.send_request(request))
            .await
            .expect("in time")
            .expect("answer")
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let response = self.open(method, path, headers, body).await;
        let (parts, body) = response.into_parts();
        let body = timeout(DEADLINE, body.collect())
            .await
            .expect("in time")
            .expect("body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        }
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, "").await
    }

    /// A change as the console sends it.
    pub(crate) async fn change(
        &self,
        method: Method,
        path: &str,
        cookie: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let origin = self.origin();
        let headers = [
            ("x-rampart-console", "1"),
            ("origin", origin.as_str()),
            ("cookie", cookie),
            ("content-type", "application/json"),
        ];
        self.send(method, path, &headers, body).await
    }

    pub(crate) async fn sign_in(&self, password: &str) -> Answer {
        let body = json!({ "password": { "username": "admin", "password": password } });
        self.change(Method::POST, "/api/v1/auth", "", body.to_string())
            .await
    }

    /// The cookie of a fresh session, as the browser sends it back.
    pub(crate) async fn session(&self) -> String {
        let answer = self.sign_in(PASSWORD).await;
        answer
            .header("set-cookie")
            .split(';')
            .next()
            .expect("cookie")
            .to_owned()
    }

    pub(crate) async fn stop(&mut self) {
        self.stop
            .take()
            .expect("running")
            .send(())
            .expect("running");
        let stopped = self.stopped.take().expect("running");
        timeout(DEADLINE, stopped)
            .await
            .expect("stops in time")
            .expect("stops");
    }
}

/// The next piece of a body.
pub(crate) async fn piece(
    body: &mut (impl Stream<Item = Result<Bytes, hyper::Error>> + Unpin),
) -> String {
    let piece = timeout(DEADLINE, body.next())
        .await
        .expect("in time")
        .expect("a piece");
    String::from_utf8(piece.expect("body").to_vec()).expect("text")
}
