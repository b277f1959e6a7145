//! Event streams pass through piece by piece, and end when the manager stops.

use crate::fake::{piece, stand};
use axum::http::Method;
use http_body_util::BodyExt;

#[tokio::test]
async fn events_arrive_one_by_one() {
    let mut stand = stand().await;
    let cookie = stand.session().await;
    let response = stand
        .open(Method::GET, "/api/v1/live", &[("cookie", &cookie)], "")
        .await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    assert_eq!(piece(&mut body).await, ": open\n\n");
    for kind in ["workload", "log"] {
        stand.controller.emit(&format!("{{\"kind\":\"{kind}\"}}"));
        assert_eq!(
            piece(&mut body).await,
            format!("event: change\ndata: {{\"kind\":\"{kind}\"}}\n\n")
        );
    }
    // An open stream does not keep the manager from stopping.
    stand.stop().await;
}
