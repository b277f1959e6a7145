//! A registry on the loopback interface that logs what it is asked and fails as it is told.

use crate::build::ImageBuilder;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use rampart_scanner::digest::sha256;
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::oneshot};

#[derive(Clone, Default, PartialEq)]
pub(crate) enum Auth {
    #[default]
    None,
    Basic,
    /// Tokens from `/token` of this server, for anybody or for the user.
    Bearer {
        anonymous: bool,
    },
}

pub(crate) const USER: &str = "alice";
pub(crate) const PASSWORD: &str = "s3cret:with colon";

/// What goes wrong, and how often still.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    pub(crate) too_many: u32,
    pub(crate) retry_after: String,
    pub(crate) server_errors: u32,
    /// Blob answers that break off after a third of what was asked for.
    pub(crate) cuts: u32,
    /// Ranges are not understood.
    pub(crate) no_ranges: bool,
    /// A byte of each layer is another.
    pub(crate) wrong_layers: bool,
    pub(crate) wrong_manifest_digest: bool,
    pub(crate) no_referrers: bool,
    /// Uploads whose connection breaks before the answer; every other one was kept all the same.
    pub(crate) upload_cuts: u32,
    /// Tokens are for pulling, whatever is asked for.
    pub(crate) no_push_tokens: bool,
    /// Pushing is refused to everybody.
    pub(crate) read_only: bool,
    /// The address uploads go to is absolute, with the wrong scheme.
    pub(crate) wrong_scheme: bool,
}

#[derive(Default)]
pub(crate) struct Content {
    pub(crate) auth: Auth,
    pub(crate) blobs: HashMap<String, Vec<u8>>,
    /// `repository:reference` to a document.
    pub(crate) manifests: HashMap<String, Vec<u8>>,
    pub(crate) tags: BTreeMap<String, Vec<String>>,
    pub(crate) layers: Vec<String>,
    pub(crate) other: HashMap<String, Vec<u8>>,
}

impl Content {
    pub(crate) fn add(&mut self, repository: &str, tag: &str, image: &ImageBuilder) {
        let manifest = image.manifest();
        self.blobs.extend(image.blobs());
        self.layers
            .extend(image.descriptors().into_iter().map(|layer| layer.digest));
        self.add_document(repository, &sha256(&manifest), &manifest);
        self.add_document(repository, tag, &manifest);
        self.tags
            .entry(repository.into())
            .or_default()
            .push(tag.into());
    }

    pub(crate) fn add_document(&mut self, repository: &str, reference: &str, bytes: &[u8]) {
        self.manifests
            .insert(format!("{repository}:{reference}"), bytes.to_vec());
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) range: String,
    pub(crate) authorization: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// What was pushed.
#[derive(Default)]
struct Pushed {
    blobs: HashMap<String, Vec<u8>>,
    manifests: HashMap<String, Vec<u8>>,
}

struct Shared {
    content: Content,
    pushed: Mutex<Pushed>,
    faults: Mutex<Faults>,
    seen: Mutex<Vec<Seen>>,
    origin: String,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// PEM of the authority that signed its certificate, if it speaks TLS.
    pub(crate) authority: Vec<u8>,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn plain(content: Content, faults: Faults) -> Self {
        Self::start(content, faults, false)
    }

    pub(crate) fn tls(content: Content, faults: Faults) -> Self {
        Self::start(content, faults, true)
    }

    fn start(content: Content, faults: Faults, tls: bool) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (authority, acceptor) = if tls { tls_parts() } else { (Vec::new(), None) };
        let scheme = if tls { "https" } else { "http" };
        let shared = Arc::new(Shared {
            content,
            pushed: Mutex::default(),
            faults: Mutex::new(faults),
            seen: Mutex::default(),
            origin: format!("{scheme}://{address}"),
        });
        let (stop, stopped) = oneshot::channel();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(
                TcpListener::from_std,
                listener,
                acceptor,
                router,
                stopped,
            ));
        });
        Self {
            address,
            authority,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Names of what was pushed: blobs, and manifests as `repository:reference`.
    pub(crate) fn pushed(&self) -> Vec<String> {
        let pushed = self.shared.pushed.lock().unwrap();
        let mut names: Vec<String> = pushed.blobs.keys().cloned().collect();
        names.extend(pushed.manifests.keys().cloned());
        names.sort();
        names
    }

    pub(crate) fn pushed_manifest(&self, name: &str) -> serde_json::Value {
        let pushed = self.shared.pushed.lock().unwrap();
        serde_json::from_slice(&pushed.manifests[name]).unwrap()
    }

    pub(crate) fn pushed_blob(&self, digest: &str) -> Vec<u8> {
        self.shared.pushed.lock().unwrap().blobs[digest].clone()
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    convert: fn(std::net::TcpListener) -> std::io::Result<TcpListener>,
    listener: std::net::TcpListener,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    router: Router,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = convert(listener).unwrap();
    loop {
        let stream = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            match acceptor {
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = builder
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    }
                }
                None => {
                    let _ = builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                }
            }
        });
    }
}

fn tls_parts() -> (Vec<u8>, Option<tokio_rustls::TlsAcceptor>) {
    let signed =
        rcgen::generate_simple_self_signed(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (
        signed.cert.pem().into_bytes(),
        Some(tokio_rustls::TlsAcceptor::from(Arc::new(config))),
    )
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20)
        .await
        .unwrap_or_default();
    let text = |name| {
        parts
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        range: text(header::RANGE),
        authorization: text(header::AUTHORIZATION),
        content_type: text(header::CONTENT_TYPE),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    shared.seen.lock().unwrap().push(seen.clone());
    if seen.path == "/token" || seen.path == "/oauth2/token" {
        return token(&shared, &seen);
    }
    if let Some(body) = shared.content.other.get(&seen.path) {
        return body.clone().into_response();
    }
    if let Some(refused) = refuse(&shared, &seen).or_else(|| fail(&shared)) {
        return refused;
    }
    let path = seen
        .path
        .strip_prefix("/v2/")
        .unwrap_or_default()
        .to_owned();
    if seen.method == "PUT" || seen.method == "POST" {
        return write(&shared, &seen, &path, &body);
    }
    if let Some((repository, reference)) = path.split_once("/manifests/") {
        return manifest(&shared, repository, reference);
    }
    if let Some((_, digest)) = path.split_once("/blobs/") {
        return blob(&shared, digest, &parts.headers);
    }
    listing(&shared, &seen, &path)
}

/// Uploads of blobs and manifests.
fn write(shared: &Shared, seen: &Seen, path: &str, body: &[u8]) -> Response<Body> {
    let mut faults = shared.faults.lock().unwrap();
    if faults.read_only {
        let body = json!({"errors": [{"code": "DENIED", "message": "pushing is not for you"}]});
        return (StatusCode::FORBIDDEN, body.to_string()).into_response();
    }
    let mut pushed = shared.pushed.lock().unwrap();
    if path.ends_with("/blobs/uploads/") {
        let path = format!("/v2/{path}session?state=1%2F2");
        let to = match faults.wrong_scheme {
            true => format!("{}{path}", shared.origin.replace("https:", "http:")),
            false => path,
        };
        return (StatusCode::ACCEPTED, [(header::LOCATION, to)]).into_response();
    }
    if path.ends_with("/blobs/uploads/session") {
        assert!(
            seen.query.starts_with("state=1%2F2&digest=sha256%3A"),
            "{}",
            seen.query
        );
        let name = sha256(body);
        assert!(
            seen.query.ends_with(&name.replace(':', "%3A")),
            "{}",
            seen.query
        );
        let cut = faults.upload_cuts > 0;
        faults.upload_cuts = faults.upload_cuts.saturating_sub(1);
        if !cut || faults.upload_cuts.is_multiple_of(2) {
            pushed.blobs.insert(name, body.to_vec());
        }
        drop((faults, pushed));
        if cut {
            // Ends the connection, and says nothing on the standard error.
            std::panic::resume_unwind(Box::new("cut"));
        }
        return StatusCode::CREATED.into_response();
    }
    let (repository, reference) = path.split_once("/manifests/").unwrap();
    let value: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(value["mediaType"], seen.content_type.as_str());
    pushed
        .manifests
        .insert(format!("{repository}:{reference}"), body.to_vec());
    let Some(subject) = value["subject"]["digest"]
        .as_str()
        .filter(|_| !faults.no_referrers)
    else {
        return StatusCode::CREATED.into_response();
    };
    let entry = json!({"mediaType": seen.content_type, "digest": sha256(body), "size": body.len(),
        "artifactType": value["artifactType"], "annotations": value["annotations"]});
    let list = format!("{repository}:{}", subject.replace(':', "-"));
    let known = pushed.manifests.get(&list);
    let mut index = known.map_or_else(
        || json!({"schemaVersion": 2, "manifests": []}),
        |bytes| serde_json::from_slice(bytes).unwrap(),
    );
    index["manifests"].as_array_mut().unwrap().push(entry);
    let index = index.to_string().into_bytes();
    pushed.manifests.insert(list, index);
    (StatusCode::CREATED, [("oci-subject", subject)]).into_response()
}

fn basic() -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")))
}

fn token(shared: &Shared, seen: &Seen) -> Response<Body> {
    let anonymous = shared.content.auth == Auth::Bearer { anonymous: true };
    let by_token = seen.body.contains("refresh_token=refresh-me");
    if !anonymous && seen.authorization != basic() && !by_token {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let push = seen.query.contains("push") && !shared.faults.lock().unwrap().no_push_tokens;
    let token = if push { "push-t0ken" } else { "t0ken" };
    json!({"token": token, "expires_in": 300})
        .to_string()
        .into_response()
}

/// Access is asked for as the distribution specification says.
fn refuse(shared: &Shared, seen: &Seen) -> Option<Response<Body>> {
    let writes = seen.method == "PUT" || seen.method == "POST";
    let (expected, challenge) = match shared.content.auth {
        Auth::None => return None,
        Auth::Basic => (basic(), "Basic realm=\"here\"".to_owned()),
        Auth::Bearer { .. } => {
            let realm = format!("Bearer realm=\"{}/token\",service=\"here\"", shared.origin);
            let rest = seen.path.strip_prefix("/v2/").unwrap_or_default();
            match rest
                .split_once("/blobs/")
                .or(rest.split_once("/manifests/"))
            {
                Some((repository, _)) if writes => (
                    "Bearer push-t0ken".to_owned(),
                    format!("{realm},scope=\"repository:{repository}:pull,push\""),
                ),
                _ => ("Bearer t0ken".to_owned(), realm),
            }
        }
    };
    let more = seen.authorization == "Bearer push-t0ken";
    if seen.authorization == expected || more && expected.starts_with("Bearer") {
        return None;
    }
    let body = json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]});
    Some(
        (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, challenge)],
            body.to_string(),
        )
            .into_response(),
    )
}

fn fail(shared: &Shared) -> Option<Response<Body>> {
    let mut faults = shared.faults.lock().unwrap();
    if faults.too_many > 0 {
        faults.too_many -= 1;
        let after = [(header::RETRY_AFTER, faults.retry_after.clone())];
        let body = json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "pull rate limit"}]});
        return Some((StatusCode::TOO_MANY_REQUESTS, after, body.to_string()).into_response());
    }
    if faults.server_errors > 0 {
        faults.server_errors -= 1;
        return Some(StatusCode::BAD_GATEWAY.into_response());
    }
    None
}

fn manifest(shared: &Shared, repository: &str, reference: &str) -> Response<Body> {
    let name = format!("{repository}:{reference}");
    let pushed = shared.pushed.lock().unwrap();
    let known = pushed.manifests.get(&name);
    let Some(bytes) = known.or(shared.content.manifests.get(&name)) else {
        let body = json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]});
        return (StatusCode::NOT_FOUND, body.to_string()).into_response();
    };
    let wrong = shared.faults.lock().unwrap().wrong_manifest_digest;
    let digest = if wrong {
        sha256(b"other")
    } else {
        sha256(bytes)
    };
    ([("docker-content-digest", digest)], bytes.clone()).into_response()
}

fn blob(shared: &Shared, digest: &str, headers: &HeaderMap) -> Response<Body> {
    let pushed = shared.pushed.lock().unwrap();
    let known = pushed.blobs.get(digest);
    let Some(bytes) = known.or(shared.content.blobs.get(digest)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut bytes = bytes.clone();
    let mut faults = shared.faults.lock().unwrap();
    let layer = shared.content.layers.iter().any(|known| known == digest);
    if faults.wrong_layers && layer {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    }
    let range = headers
        .get(header::RANGE)
        .and_then(|v| v.to_str().ok())
        .filter(|_| !faults.no_ranges);
    let from: usize = range
        .and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .unwrap_or(0);
    let total = bytes.len();
    let rest = Bytes::from(bytes).slice(from..);
    let mut response = Response::builder();
    if range.is_some() {
        let content_range = format!("bytes {from}-{}/{total}", total - 1);
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, content_range);
    }
    if faults.cuts > 0 && layer {
        faults.cuts -= 1;
        let part = rest.slice(..rest.len() / 3);
        return response
            .header(header::CONTENT_LENGTH, rest.len())
            .body(cut(part))
            .unwrap();
    }
    response.body(Body::from(rest)).unwrap()
}

/// Gives some bytes, lets them out, and breaks.
fn cut(part: Bytes) -> Body {
    let steps = futures::stream::unfold(0, move |step| {
        let part = part.clone();
        async move {
            match step {
                0 => Some((Ok(part), 1)),
                1..20 => {
                    tokio::task::yield_now().await;
                    Some((Ok(Bytes::new()), step + 1))
                }
                _ => Some((Err(std::io::Error::other("cut")), step)),
            }
        }
    });
    Body::from_stream(steps)
}

fn listing(shared: &Shared, seen: &Seen, path: &str) -> Response<Body> {
    let page = |all: Vec<String>, key: &str| {
        let last = seen
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix("last="));
        let start = last
            .and_then(|last| all.iter().position(|name| name == last))
            .map_or(0, |at| at + 1);
        let end = (start + 2).min(all.len());
        let body = json!({key: &all[start..end]}).to_string();
        if end < all.len() {
            let link = format!("</v2/{path}?n=2&last={}>; rel=\"next\"", all[end - 1]);
            return ([(header::LINK, link)], body).into_response();
        }
        body.into_response()
    };
    if path == "_catalog" {
        return page(
            shared.content.tags.keys().cloned().collect(),
            "repositories",
        );
    }
    if let Some(repository) = path.strip_suffix("/tags/list") {
        return match shared.content.tags.get(repository) {
            Some(tags) => page(tags.clone(), "tags"),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    if let Some((repository, digest)) = path.split_once("/referrers/")
        && !shared.faults.lock().unwrap().no_referrers
    {
        return manifest(shared, repository, &digest.replace(':', "-"));
    }
    if path.is_empty() {
        "{}".into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}
