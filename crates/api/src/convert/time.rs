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
}
