//! Instants, from the forms runtimes write them in.

use rampart_model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// RFC 3339. Unknown for the year 1 that Go writes for "never", and for what is no time.
pub(crate) fn rfc3339(text: &str) -> Timestamp {
    match text.trim().parse::<jiff::Timestamp>() {
        Ok(t) if t.as_millisecond() > 0 => Timestamp::from_ms(t.as_millisecond()),
        _ => Timestamp::UNKNOWN,
    }
}

/// Nanoseconds since the epoch; unknown if not positive.
pub(crate) fn nanos(ns: i64) -> Timestamp {
    Timestamp::from_ms(if ns > 0 { ns / 1_000_000 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, ms) in [
            ("2026-11-24T19:40:00Z", 1_795_549_200_000),
            ("2026-11-24T19:40:00.123456789Z", 1_795_549_200_123),
            ("2026-11-24T20:40:00.5+01:00", 1_795_549_200_500),
            ("0001-01-01T00:00:00Z", 0),
            ("", 0),
            ("yesterday", 0),
        ] {
            assert_eq!(rfc3339(text).ms(), ms, "{text}");
        }
        assert_eq!(nanos(1_500_000).ms(), 1);
        assert_eq!(nanos(-5).ms(), 0);
    }
}
