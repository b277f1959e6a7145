//! What a request must show before it is passed on: an honest path and, to change anything, that
//! it comes from the console itself.

use crate::error::Refusal;
use axum::http::{HeaderMap, Method, Uri, header, uri::PathAndQuery};

/// The header a page of another site cannot set without asking first.
pub(crate) const CONSOLE_HEADER: &str = "x-rampart-console";

/// The controller's path of an `/api/...` request.
///
/// Only `/v1` and `/v2` pass, and no dot segment, plain or encoded, so that nothing climbs out of
/// them; an encoded slash stays encoded and is one segment to the controller.
pub(crate) fn controller_path(uri: &Uri) -> Result<PathAndQuery, Refusal> {
    let path = uri.path().strip_prefix("/api").ok_or(Refusal::NotFound)?;
    if !(path.starts_with("/v1/") || path.starts_with("/v2/")) {
        return Err(Refusal::NotFound);
    }
    if path.bytes().any(|b| b == b'\\' || b < 0x21 || b == 0x7f) || path.split('/').any(is_dots) {
        return Err(Refusal::BadPath);
    }
    let full = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    full.parse().map_err(|_| Refusal::BadPath)
}

fn is_dots(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

/// Refuses a change that another site could have made the browser send.
pub(crate) fn same_site(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let marked = headers.get(CONSOLE_HEADER).is_some_and(|v| v == "1");
    let own = own_origin(uri, headers);
    let origin = headers.get(header::ORIGIN).and_then(|v| v.to_str().ok());
    let fetch_site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
    let site_ok = fetch_site.is_none_or(|site| site == "same-origin");
    match (marked, own, origin) {
        (true, Some(own), Some(origin)) if site_ok && own.eq_ignore_ascii_case(origin) => Ok(()),
        _ => Err(Refusal::CrossSite),
    }
}

/// The origin the browser sees this server under: `:authority` in HTTP/2, `Host` in HTTP/1.1.
fn own_origin(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    Some(format!(
        "https://{}",
        host.strip_suffix(":443").unwrap_or(host)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_the_api_below_its_versions_passes() {
        let cases = [
            (
                "/api/v1/group?start=0&limit=5",
                Ok("/v1/group?start=0&limit=5"),
            ),
            ("/api/v2/workload", Ok("/v2/workload")),
            ("/api/v1/group/a%2Fb", Ok("/v1/group/a%2Fb")),
            ("/api/v1/file/..x", Ok("/v1/file/..x")),
            ("/api/v3/x", Err(Refusal::NotFound)),
            ("/api/metrics", Err(Refusal::NotFound)),
            ("/apiv1/x", Err(Refusal::NotFound)),
            ("/api/v1/../metrics", Err(Refusal::BadPath)),
            ("/api/v1/%2e%2E/metrics", Err(Refusal::BadPath)),
            ("/api/v1/.%2e/metrics", Err(Refusal::BadPath)),
            ("/api/v1/x/./y", Err(Refusal::BadPath)),
        ];
        for (path, want) in cases {
            let got = controller_path(&path.parse().unwrap());
            assert_eq!(
                got.as_ref().map(|p| p.as_str()),
                want.as_ref().copied(),
                "{path}"
            );
        }
    }

    #[test]
    fn changes_need_the_mark_and_the_own_origin() {
        let check = |method: Method, list: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in list {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            same_site(&method, &"/api/v1/x".parse().unwrap(), &headers)
        };
        let mark = (CONSOLE_HEADER, "1");
        let host = ("host", "console:8443");
        let own = ("origin", "https://console:8443");
        assert_eq!(check(Method::GET, &[]), Ok(()));
        assert_eq!(check(Method::POST, &[mark, host, own]), Ok(()));
        let refused: &[&[_]] = &[
            &[],
            &[mark, host],
            &[host, own],
            &[(CONSOLE_HEADER, "0"), host, own],
            &[mark, host, ("origin", "https://evil")],
            &[mark, host, ("origin", "http://console:8443")],
            &[mark, host, ("origin", "null")],
            &[mark, host, own, ("sec-fetch-site", "cross-site")],
            &[mark, host, own, ("sec-fetch-site", "same-site")],
        ];
        for headers in refused {
            for method in [Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
                assert_eq!(
                    check(method, headers),
                    Err(Refusal::CrossSite),
                    "{headers:?}"
                );
            }
        }
    }
}
