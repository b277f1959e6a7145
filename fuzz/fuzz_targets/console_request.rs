//! What the manager reads of a browser's request before it trusts it: path, cookie, origin.
//!
//! The modules are private to the manager and are compiled here from its source, so that its
//! public surface stays as it is. Input: lines of path, cookie, host, origin, marker header.
//! Holds: no panic; a path that passes stays below `/v1` or `/v2` without a dot segment; a token
//! that passes can carry no attribute; and only the own origin with the marker may change things.

#![no_main]
#![allow(dead_code)]

#[path = "../../crates/manager/src/cookie.rs"]
mod cookie;
#[path = "../../crates/manager/src/error.rs"]
mod error;
#[path = "../../crates/manager/src/guard.rs"]
mod guard;

use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let Ok(uri) = Uri::try_from(next()) else {
        return;
    };
    let mut headers = HeaderMap::new();
    for name in ["cookie", "host", "origin", guard::CONSOLE_HEADER] {
        if let Ok(value) = HeaderValue::from_bytes(next()) {
            headers.append(name, value);
        }
    }
    if let Ok(path) = guard::controller_path(&uri) {
        let path = path.path().to_ascii_lowercase().replace("%2e", ".");
        assert!(
            path.starts_with("/v1/") || path.starts_with("/v2/"),
            "{path}"
        );
        assert!(
            path.split('/')
                .all(|segment| segment != "." && segment != ".."),
            "{path}"
        );
    }
    if let Some(token) = cookie::token(&headers) {
        let text = token.to_str().expect("printable ASCII");
        assert!(!text.contains([';', ',', '"', '\\', ' ']), "{text}");
        assert!(cookie::start(text).is_some());
    }
    if guard::same_site(&Method::POST, &uri, &headers).is_ok() {
        assert_eq!(
            headers
                .get(guard::CONSOLE_HEADER)
                .map(HeaderValue::as_bytes),
            Some(&b"1"[..])
        );
        assert!(headers.get("origin").is_some());
    }
});
