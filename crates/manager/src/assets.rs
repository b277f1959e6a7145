//! The console's files, embedded in the program.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use rust_embed::RustEmbed;
use std::{borrow::Cow, collections::BTreeMap, io::Write, sync::Arc};

/// What a build without the console shows.
const MISSING: &str = include_str!("missing.html");

/// Placeholder in `index.html` for the nonce that allows the page's own styles.
const NONCE_MARK: &str = "__RAMPART_NONCE__";

/// Files under this folder carry a hash in their names and never change.
const HASHED: &str = "assets/";

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// The files of a built console, by path without a leading slash.
#[derive(Clone, Default)]
pub struct Assets(Arc<BTreeMap<String, Asset>>);

struct Asset {
    body: Bytes,
    gzip: Option<Bytes>,
    mime: String,
    etag: HeaderValue,
}

impl Assets {
    /// What was in `ui/dist` when the program was built (in a debug build, what is there now).
    pub fn embedded() -> Self {
        Self::from_files(Dist::iter().filter_map(|path| {
            let data = match Dist::get(&path)?.data {
                Cow::Borrowed(data) => Bytes::from_static(data),
                Cow::Owned(data) => Bytes::from(data),
            };
            Some((path.into_owned(), data))
        }))
    }

    /// Files given one by one.
    pub fn from_files(files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        Self(Arc::new(
            files
                .into_iter()
                .map(|(path, body)| {
                    let asset = Asset::new(&path, body);
                    (path, asset)
                })
                .collect(),
        ))
    }

    /// Whether there is a console to serve.
    pub fn is_empty(&self) -> bool {
        !self.0.contains_key("index.html")
    }

    /// The answer to a GET of `path`. Unknown paths without a file ending are pages of the
    /// console's own router.
    pub(crate) fn respond(&self, path: &str, headers: &HeaderMap, nonce: &str) -> Response<Body> {
        if self.is_empty() {
            return page(StatusCode::OK, Bytes::from_static(MISSING.as_bytes()));
        }
        let path = path.trim_start_matches('/');
        match self.0.get(path) {
            Some(asset) if path != "index.html" => asset.respond(path, headers),
            _ if path.starts_with(HASHED) || has_ending(path) && path != "index.html" => {
                page(StatusCode::NOT_FOUND, Bytes::from_static(b"no such file"))
            }
            _ => self.index(nonce),
        }
    }

    fn index(&self, nonce: &str) -> Response<Body> {
        let html = self
            .0
            .get("index.html")
            .map(|a| a.body.clone())
            .unwrap_or_default();
        let html = String::from_utf8_lossy(&html).replace(NONCE_MARK, nonce);
        page(StatusCode::OK, Bytes::from(html))
    }
}

impl Asset {
    fn new(path: &str, body: Bytes) -> Self {
        let mime = mime_guess::from_path(path).first_or_octet_stream();
        let is_text = mime.type_() == "text"
            || matches!(
                mime.subtype().as_str(),
                "javascript" | "json" | "wasm" | "manifest+json"
            )
            || mime.suffix().is_some_and(|s| s == "xml" || s == "json");
        let mime = match mime.type_() == mime_guess::mime::TEXT {
            true => format!("{mime}; charset=utf-8"),
            false => mime.to_string(),
        };
        let gzip = (is_text && body.len() > 1024)
            .then(|| compress(&body))
            .flatten();
        Self {
            etag: etag(&body),
            gzip,
            mime,
            body,
        }
    }

    fn respond(&self, path: &str, headers: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let out = response.headers_mut();
        out.insert(header::ETAG, self.etag.clone());
        out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        out.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(match path.starts_with(HASHED) {
                true => "public, max-age=31536000, immutable",
                false => "no-cache",
            }),
        );
        if headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .any(|v| names_tag(v, &self.etag))
        {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        if let Ok(mime) = HeaderValue::from_str(&self.mime) {
            out.insert(header::CONTENT_TYPE, mime);
        }
        let body = match &self.gzip {
            Some(gzip) if accepts_gzip(headers) => {
                out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip.clone()
            }
            _ => self.body.clone(),
        };
        *response.body_mut() = Body::from(body);
        response
    }
}

fn page(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn has_ending(path: &str) -> bool {
    // Names in the console's own paths, such as `nv.web.shop`, have dots too; only the endings the
    // console's files really have count.
    const ENDINGS: [&str; 9] = [
        ".js", ".css", ".map", ".svg", ".png", ".ico", ".woff2", ".json", ".txt",
    ];
    !path.contains('/') && ENDINGS.iter().any(|ending| path.ends_with(ending))
}

fn compress(body: &[u8]) -> Option<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(body).ok()?;
    let gzip = encoder.finish().ok()?;
    (gzip.len() < body.len()).then(|| gzip.into())
}

/// A strong tag: a 128-bit hash of the content.
fn etag(body: &[u8]) -> HeaderValue {
    let text = URL_SAFE_NO_PAD.encode(fnv_1a(body));
    HeaderValue::from_str(&format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"-\""))
}

/// FNV-1a: the files are our own, so nobody chooses colliding ones.
fn fnv_1a(body: &[u8]) -> [u8; 16] {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in body {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    hash.to_be_bytes()
}

fn names_tag(header: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(list), Ok(etag)) = (header.to_str(), etag.to_str()) else {
        return false;
    };
    list.split(',')
        .map(str::trim)
        .any(|t| t == "*" || t.trim_start_matches("W/") == etag)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next() == Some("gzip") && !parts.any(|p| matches!(p, "q=0" | "q=0.0"))
        })
}
