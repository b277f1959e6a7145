//! Instants as clients read them.

use rampart_model::Timestamp;

/// RFC 3339 in UTC to the second; empty for the unknown time and for times outside year 9999.
pub fn rfc3339(at: Timestamp) -> String {
    if !at.is_known() {
        return String::new();
    }
    match jiff::Timestamp::from_millisecond(at.ms()) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => String::new(),
    }
}

/// Seconds since the epoch of an RFC 3339 time or a date; 0 if it is neither.
pub fn secs_of(text: &str) -> i64 {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return at.as_second();
    }
    let midnight = format!("{}T00:00:00Z", text.get(..10).unwrap_or_default());
    midnight
        .parse::<jiff::Timestamp>()
        .map_or(0, |at| at.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_in_utc_or_nothing() {
        for (ms, text) in [
            (0, ""),
            (1_700_000_000_999, "2023-11-14T22:13:20Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (i64::MAX, ""),
            (i64::MIN, ""),
        ] {
            assert_eq!(rfc3339(Timestamp(ms)), text, "{ms}");
        }
    }

    #[test]
    fn seconds_of_times_and_dates() {
        for (text, secs) in [
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2023-11-14T22:13:20.5Z", 1_700_000_000),
            ("2023-11-14", 1_699_920_000),
            ("2023-11-14 22:13", 1_699_920_000),
            ("", 0),
            ("soon", 0),
        ] {
            assert_eq!(secs_of(text), secs, "{text}");
        }
    }
}
