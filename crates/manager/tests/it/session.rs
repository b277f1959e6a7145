//! Sign-in, cookie, cross-site requests, sign-out, the proxy's headers.

use crate::fake::{PASSWORD, TOKEN, stand};
use axum::http::{Method, StatusCode};
use serde_json::Value;

#[tokio::test]
async fn the_token_goes_into_the_cookie_and_nowhere_else() {
    let stand = stand().await;
    let answer = stand.sign_in(PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("set-cookie"),
        format!("__Host-rampart_session={TOKEN}; Path=/; Secure; HttpOnly; SameSite=Strict")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(!String::from_utf8_lossy(&answer.body).contains(TOKEN));
    assert_eq!(answer.json()["token"]["username"], "admin");
    assert_eq!(answer.json()["token"].get("token"), None);
}

#[tokio::test]
async fn sign_ins_that_start_no_session_set_no_cookie() {
    let stand = stand().await;
    let cases = [
        ("one-time", StatusCode::OK),
        ("broken", StatusCode::BAD_GATEWAY),
        ("garbage", StatusCode::BAD_GATEWAY),
    ];
    for (password, status) in cases {
        let answer = stand.sign_in(password).await;
        assert_eq!(answer.status, status, "{password}");
        assert_eq!(answer.header("set-cookie"), "", "{password}");
    }
    assert_eq!(
        stand.sign_in("one-time").await.json()["need_to_reset_password"],
        true
    );
    let wrong = stand.sign_in("wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(!wrong.header("set-cookie").contains(TOKEN));
    assert_eq!(wrong.json()["code"], 3);
}

#[tokio::test]
async fn the_controller_gets_token_and_address_but_nothing_of_the_browser() {
    let stand = stand().await;
    let cookie = stand.session().await;
    let headers = [
        ("cookie", cookie.as_str()),
        ("x-auth-token", "forged"),
        ("x-auth-apikey", "forged"),
        ("authorization", "Basic forged"),
        ("x-forwarded-for", "203.0.113.9"),
        ("connection", "x-secret"),
        ("x-secret", "1"),
        ("accept", "application/json"),
    ];
    let answer = stand
        .get("/api/v1/group?start=0&limit=5&f_name=eq,a%20b", &headers)
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let seen = stand.controller.last();
    assert_eq!(seen.path, "/v1/group?start=0&limit=5&f_name=eq,a%20b");
    assert_eq!(seen.headers["x-auth-token"], TOKEN);
    assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(seen.headers["accept"], "application/json");
    for gone in [
        "cookie",
        "x-auth-apikey",
        "authorization",
        "x-secret",
        "origin",
    ] {
        assert!(!seen.headers.contains_key(gone), "{gone} was passed on");
    }
    for gone in ["set-cookie", "x-auth-token", "x-hop"] {
        assert_eq!(answer.header(gone), "", "{gone} came back");
    }
    assert_eq!(answer.header("x-total"), "7");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_sign_in_names_the_address_we_saw() {
    let stand = stand().await;
    let body = r#"{"client_ip":"203.0.113.9","password":{"username":"a","password":"b"}}"#;
    stand.change(Method::POST, "/api/v1/auth", "", body).await;
    let seen: Value = serde_json::from_slice(&stand.controller.last().body).unwrap();
    assert_eq!(seen["client_ip"], "127.0.0.1");
    assert_eq!(seen["password"]["username"], "a");
}

#[tokio::test]
async fn changes_from_elsewhere_never_reach_the_controller() {
    let stand = stand().await;
    let cookie = stand.session().await;
    let before = stand.controller.requests().len();
    let origin = stand.origin();
    let mark = ("x-rampart-console", "1");
    let cases: [&[(&str, &str)]; 5] = [
        &[],
        &[mark],
        &[("origin", &origin)],
        &[mark, ("origin", "https://evil.example")],
        &[mark, ("origin", &origin), ("sec-fetch-site", "cross-site")],
    ];
    for extra in cases {
        for method in [Method::POST, Method::PATCH, Method::DELETE] {
            let mut headers = vec![("cookie", cookie.as_str())];
            headers.extend_from_slice(extra);
            let answer = stand
                .send(method, "/api/v1/policy/rule", &headers, "{}")
                .await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{extra:?}");
            assert_eq!(answer.json()["code"], 25);
        }
    }
    assert_eq!(stand.controller.requests().len(), before);
    let good = stand
        .change(Method::PATCH, "/api/v1/policy/rule", &cookie, "{\"a\":1}")
        .await;
    assert_eq!(good.status, StatusCode::OK);
    assert_eq!(stand.controller.last().body, "{\"a\":1}");
    assert_eq!(stand.controller.last().method, Method::PATCH);
}

#[tokio::test]
async fn without_a_session_nothing_passes() {
    let stand = stand().await;
    for cookie in ["", "rampart_session=x", "__Host-rampart_session=a b"] {
        let answer = stand.get("/api/v1/workload", &[("cookie", cookie)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{cookie}");
        assert_eq!(answer.json()["code"], 3);
    }
    assert_eq!(stand.controller.requests().len(), 0);
}

#[tokio::test]
async fn a_session_the_controller_no_longer_knows_is_cleared() {
    let stand = stand().await;
    let answer = stand
        .get("/api/v1/group", &[("cookie", "__Host-rampart_session=old")])
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-rampart_session=;"), "{cookie}");
    assert!(cookie.contains("Max-Age=0"), "{cookie}");
}

#[tokio::test]
async fn signing_out_tells_the_controller_and_clears_the_cookie() {
    let stand = stand().await;
    let cookie = stand.session().await;
    let answer = stand
        .change(Method::DELETE, "/api/v1/auth", &cookie, "")
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    let seen = stand.controller.last();
    assert_eq!(
        (seen.method, seen.path.as_str()),
        (Method::DELETE, "/v1/auth")
    );
    assert_eq!(seen.headers["x-auth-token"], TOKEN);
}
