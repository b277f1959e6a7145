//! The way in for scanners that run elsewhere: take work, keep it, report, give up.
//!
//! A scanner shows its token in `X-Scanner-Token`; it gets credentials of registries with the work,
//! so that the token is as secret as they are. Bodies are the model's link messages; a report is
//! compressed. Limit: [`MAX_REPORT_BYTES`] compressed.

use super::{
    Rest,
    answer::{Answer, done},
    call::{Body, Name},
    error::Failure,
};
use axum::{
    Json,
    extract::{Request, State},
};
use rampart_api::{
    error::ErrorKind,
    rest::{Empty, scan::ScannerMessage},
};
use rampart_model::scan_job::{Finished, GaveUp, TakeRequest, Taken};
use std::time::Duration;

pub(super) const TOKEN: &str = "x-scanner-token";
const MAX_REPORT_BYTES: usize = 64 << 20;

fn message<T: serde::de::DeserializeOwned>(message: ScannerMessage) -> Result<T, Failure> {
    serde_json::from_value(message.0)
        .map_err(|error| Failure::invalid(format!("the message is not the one expected: {error}")))
}

pub(super) async fn take(
    State(rest): State<Rest>,
    Body(body): Body<ScannerMessage>,
) -> Answer<ScannerMessage> {
    let request: TakeRequest = message(body)?;
    let wait = Duration::from_millis(request.wait_ms);
    let work = rest.app().take_work(request.scanner, wait).await?;
    let taken = serde_json::to_value(Taken { work })
        .map_err(|_| Failure::new(ErrorKind::Internal, "the work could not be written"))?;
    Ok(Json(ScannerMessage(taken)))
}

pub(super) async fn renew(State(rest): State<Rest>, Name(lease): Name) -> Answer<Empty> {
    rest.app().renew_lease(&lease).await?;
    done()
}

pub(super) async fn finish(
    State(rest): State<Rest>,
    Name(lease): Name,
    request: Request,
) -> Answer<Empty> {
    let bytes = axum::body::to_bytes(request.into_body(), MAX_REPORT_BYTES)
        .await
        .map_err(|_| {
            Failure::new(
                ErrorKind::BodyTooLarge,
                "a report has 64 MiB at the most, or it did not arrive whole",
            )
        })?;
    let finished: Finished =
        tokio::task::spawn_blocking(move || crate::app::decode_message(&bytes))
            .await
            .map_err(|_| Failure::new(ErrorKind::Internal, "the report could not be read"))??;
    rest.app()
        .finish_work(&lease, &finished.scanner, finished.outcome)
        .await?;
    done()
}

pub(super) async fn give_up(
    State(rest): State<Rest>,
    Name(lease): Name,
    Body(body): Body<ScannerMessage>,
) -> Answer<Empty> {
    let gave_up: GaveUp = message(body)?;
    rest.app()
        .fail_work(&lease, &gave_up.scanner, gave_up.failure)
        .await?;
    done()
}
