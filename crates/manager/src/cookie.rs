//! The session cookie.

use axum::http::{HeaderMap, HeaderValue, header};

/// `__Host-` makes browsers refuse it without `Secure`, with a `Domain` or from another path.
pub(crate) const NAME: &str = "__Host-rampart_session";

/// Longest token taken from the controller; browsers keep 4,096 bytes of a cookie.
const MAX_TOKEN: usize = 3800;

/// The controller's token in the request's cookies.
pub(crate) fn token(headers: &HeaderMap) -> Option<HeaderValue> {
    let value = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == NAME).then_some(value))?;
    is_token(value).then(|| HeaderValue::from_str(value).ok())?
}

/// A cookie that starts a session; `None` when the token has bytes a cookie cannot carry.
pub(crate) fn start(token: &str) -> Option<HeaderValue> {
    if !is_token(token) {
        return None;
    }
    HeaderValue::from_str(&format!(
        "{NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"
    ))
    .ok()
}

/// A cookie that ends the session.
pub(crate) fn end() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-rampart_session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict",
    )
}

/// The bytes RFC 6265 allows in a cookie value.
fn is_token(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= MAX_TOKEN
        && value
            .bytes()
            .all(|b| matches!(b, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    #[test]
    fn reads_only_its_own_cookie() {
        let cases = [
            ("__Host-rampart_session=abc", Some("abc")),
            ("a=b; __Host-rampart_session=a.b-c_d=", Some("a.b-c_d=")),
            ("rampart_session=abc", None),
            ("x__Host-rampart_session=abc", None),
            ("__Host-rampart_session=", None),
            ("__Host-rampart_session=a b", None),
            ("__Host-rampart_session=\"abc\"", None),
        ];
        for (cookie, want) in cases {
            let got = token(&headers(cookie));
            assert_eq!(got.as_ref().and_then(|v| v.to_str().ok()), want, "{cookie}");
        }
    }

    #[test]
    fn never_writes_a_token_that_could_add_attributes() {
        for bad in [
            "",
            "a;b",
            "a b",
            "a\r\nb",
            "a,b",
            "\"",
            &"x".repeat(MAX_TOKEN + 1),
        ] {
            assert_eq!(start(bad), None, "{bad:?}");
        }
        assert!(start("eyJ.x-y_z=").is_some());
    }
}
