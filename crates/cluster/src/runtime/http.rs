//! HTTP/1 over a unix socket, as Docker and Podman speak it: one connection for each request.
//!
//! Bounds: [`MAX_ANSWER`] bytes an answer, [`MAX_LINE`] bytes an event, [`TIMEOUT`] for everything
//! but waiting for the next event.

use super::SourceError;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{path::PathBuf, time::Duration};
use tokio::{net::UnixStream, time::timeout};

const MAX_ANSWER: usize = 32 << 20;
const MAX_LINE: usize = 1 << 20;
const MAX_MESSAGE: usize = 512;
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(crate) struct UnixHttp {
    pub(crate) socket: PathBuf,
}

impl UnixHttp {
    /// The JSON answer of a GET.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, SourceError> {
        within(async {
            let bytes = collect(self.open(path).await?).await?;
            serde_json::from_slice(&bytes).map_err(SourceError::Json)
        })
        .await
    }

    /// An answer that never ends: one JSON object after the other.
    pub(crate) async fn stream(&self, path: &str) -> Result<JsonStream, SourceError> {
        let answer = within(self.open(path)).await?;
        Ok(JsonStream {
            body: answer.into_body(),
            buffer: BytesMut::new(),
        })
    }

    async fn open(&self, path: &str) -> Result<Response<Incoming>, SourceError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(SourceError::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(SourceError::Http)?;
        // Ends by itself: when the answer is read, or when its body is dropped.
        tokio::spawn(connection);
        let request = Request::get(path)
            .header("host", "localhost")
            .body(Empty::<Bytes>::new())
            .map_err(|e| SourceError::Request(e.to_string()))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(SourceError::Http)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = collect(answer).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&body[..body.len().min(MAX_MESSAGE)])
            .trim()
            .to_owned();
        Err(SourceError::Status {
            status: status.as_u16(),
            message: text,
        })
    }
}

async fn within<T>(work: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    timeout(TIMEOUT, work)
        .await
        .unwrap_or(Err(SourceError::Timeout(TIMEOUT)))
}

async fn collect(answer: Response<Incoming>) -> Result<Bytes, SourceError> {
    match Limited::new(answer.into_body(), MAX_ANSWER).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(broken) => SourceError::Http(*broken),
            Err(_) => SourceError::TooLarge(MAX_ANSWER),
        }),
    }
}

/// JSON objects, one a line.
#[derive(Debug)]
pub(crate) struct JsonStream {
    body: Incoming,
    buffer: BytesMut,
}

impl JsonStream {
    /// The next object; a line that is no JSON is an `Err` of its own and the stream goes on.
    /// `None` when it has ended. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Option<Result<Value, SourceError>>, SourceError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Ok(Some(
                    serde_json::from_slice(&line).map_err(SourceError::Json),
                ));
            }
            if self.buffer.len() > MAX_LINE {
                return Err(SourceError::TooLarge(MAX_LINE));
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame.map_err(SourceError::Http)?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
