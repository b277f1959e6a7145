//! One request: logged in when the registry asks for it, repeated when that can help.
//!
//! 429 and 503 are waited for as long as `Retry-After` says; other server errors and broken
//! connections for a pause that doubles. What changes a registry is named by its digest, so that
//! sending it twice changes nothing.

use super::{
    ATTEMPTS, Client, Endpoint, MAX_PAUSE, RegistryError,
    auth::{self, Authorization},
};
use reqwest::{RequestBuilder, Response, StatusCode, header};
use std::time::{Duration, SystemTime};

/// Of an error's body, for messages.
const REASON_BYTES: usize = 4096;
/// How long a silent registry is waited for before the clock is looked at.
const LOOK: Duration = Duration::from_millis(100);

impl Client {
    /// Sends until there is an answer that counts: one of the 200s.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        scope: &str,
        what: &str,
        request: RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let mut logged_in = 0;
        let mut attempt = 0;
        loop {
            let mut next = self.cloned(&request, endpoint)?;
            if let Some(authorization) = self.tokens.get(&endpoint.host, scope) {
                next = next.header(header::AUTHORIZATION, authorization.header_value());
            }
            let outcome = next.send().await;
            let pause = match outcome {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED && logged_in < 2 => {
                    logged_in += 1;
                    self.log_in(endpoint, scope, &answer, what).await?;
                    continue;
                }
                Ok(answer) => match self.pause_for(&answer, attempt) {
                    Some(pause) if attempt + 1 < ATTEMPTS && self.has_time(pause) => pause,
                    _ => return Err(refusal(endpoint, what, answer).await),
                },
                Err(source) => {
                    // A server without TLS may hang up as one that is overloaded does.
                    let elsewhere = source.is_connect() && self.has_other_scheme(endpoint);
                    let final_try = attempt + 1 >= ATTEMPTS || elsewhere || !is_passing(&source);
                    if final_try || !self.has_time(backoff(attempt)) {
                        let url = source
                            .url()
                            .map_or(endpoint.base.clone(), ToString::to_string);
                        return Err(RegistryError::Unreachable {
                            url,
                            source: source.without_url(),
                        });
                    }
                    backoff(attempt)
                }
            };
            attempt += 1;
            self.sleep(pause).await?;
        }
    }

    fn cloned(
        &self,
        request: &RequestBuilder,
        endpoint: &Endpoint,
    ) -> Result<RequestBuilder, RegistryError> {
        if self.stop.reason().is_some() {
            return Err(RegistryError::Stopped);
        }
        request.try_clone().ok_or_else(|| RegistryError::Answer {
            url: endpoint.base.clone(),
            reason: "the request cannot be repeated".into(),
        })
    }

    /// How long to wait before the same request may do better; none if it will not.
    fn pause_for(&self, answer: &Response, attempt: u32) -> Option<Duration> {
        let status = answer.status();
        if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
            return None;
        }
        let asked = answer
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        Some(
            asked
                .and_then(retry_after)
                .unwrap_or_else(|| backoff(attempt)),
        )
    }

    fn has_time(&self, pause: Duration) -> bool {
        let left = self
            .stop
            .deadline()
            .map(|end| end.saturating_duration_since(std::time::Instant::now()));
        pause <= MAX_PAUSE && left.is_none_or(|left| pause < left)
    }

    /// Ends with the scan, however silent the registry is.
    pub(super) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        tokio::pin!(work);
        loop {
            if self.stop.reason().is_some() {
                return Err(RegistryError::Stopped);
            }
            if let Ok(done) = tokio::time::timeout(LOOK, &mut work).await {
                return done;
            }
        }
    }

    /// Waits, and notices when the scan is stopped meanwhile.
    pub(super) async fn sleep(&self, pause: Duration) -> Result<(), RegistryError> {
        let end = tokio::time::Instant::now() + pause;
        while tokio::time::Instant::now() < end {
            if self.stop.reason().is_some() {
                return Err(RegistryError::Stopped);
            }
            let step = end.min(tokio::time::Instant::now() + Duration::from_millis(250));
            tokio::time::sleep_until(step).await;
        }
        Ok(())
    }

    async fn log_in(
        &self,
        endpoint: &Endpoint,
        scope: &str,
        answer: &Response,
        what: &str,
    ) -> Result<(), RegistryError> {
        let challenges = auth::challenges(answer.headers());
        let authorization = self.authorize(endpoint, scope, &challenges, what).await?;
        self.tokens.put(&endpoint.host, scope, authorization);
        Ok(())
    }
}

/// What the registry says about an answer that is none.
async fn refusal(endpoint: &Endpoint, what: &str, answer: Response) -> RegistryError {
    let status = answer.status();
    let url = answer.url().to_string();
    let url = url.split('?').next().unwrap_or_default().to_owned();
    let reason = reason(answer).await;
    let (registry, what) = (endpoint.host.clone(), what.to_owned());
    match status {
        StatusCode::NOT_FOUND => RegistryError::NotFound { what, registry },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::Denied {
            what,
            registry,
            reason,
        },
        StatusCode::TOO_MANY_REQUESTS => RegistryError::TooManyRequests { registry, reason },
        _ => RegistryError::Status {
            url,
            status,
            reason,
        },
    }
}

/// The messages of an error document, or its first words.
async fn reason(mut answer: Response) -> String {
    let fallback = answer
        .status()
        .canonical_reason()
        .unwrap_or("no reason given")
        .to_owned();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(REASON_BYTES - body.len())]);
        if body.len() >= REASON_BYTES {
            break;
        }
    }
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let messages: Vec<&str> = value["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|error| error["message"].as_str().or(error["code"].as_str()))
        .collect();
    if messages.is_empty() {
        fallback
    } else {
        messages.join("; ")
    }
}

/// Connections break and servers go away; certificates do not mend.
fn is_passing(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains("certificate")
            || text.contains("refused")
            || text.contains("corrupt message")
        {
            return false;
        }
        cause = error.source();
    }
    error.is_connect() || error.is_timeout() || error.is_request() || error.is_body()
}

/// 0.2 s, doubled with each attempt, up to 5 s.
pub(super) fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(200)
        .saturating_mul(1 << attempt.min(10))
        .min(Duration::from_secs(5))
}

/// Seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = http_date(text)?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<SystemTime> {
    let parts: Vec<&str> = text
        .split([' ', ':'])
        .filter(|part| !part.is_empty())
        .collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = parts[..] else {
        return None;
    };
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n < 10_000);
    let (year, day) = (number(year)?, number(day)?);
    // Days since 1970 of a proleptic Gregorian date, counting years from March.
    let shifted = if month > 2 {
        year
    } else {
        year.checked_sub(1)?
    };
    let from_march = (month + 9) % 12;
    let days = 365 * shifted + shifted / 4 - shifted / 100
        + shifted / 400
        + (153 * from_march + 2) / 5
        + day.checked_sub(1)?;
    let days = days.checked_sub(719_468)?;
    let seconds = days * 86_400 + number(hour)? * 3600 + number(minute)? * 60 + number(second)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

impl Authorization {
    pub(super) fn header_value(&self) -> String {
        match self {
            Self::Basic(encoded) => format!("Basic {encoded}"),
            Self::Bearer { token, .. } => format!("Bearer {token}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777))
        );
        assert_eq!(
            http_date("Thu, 29 Feb 2024 00:00:00 GMT"),
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_164_800))
        );
        assert_eq!(retry_after("soon"), None);
        assert_eq!(backoff(0), Duration::from_millis(200));
        assert_eq!(backoff(30), Duration::from_secs(5));
    }
}
