//! Times as documents write them, and ids that come of the content.

use rampart_model::Timestamp;
use sha2::{Digest, Sha256};

/// `2026-11-24T12:00:00Z`; the epoch where the time is before it.
pub(super) fn rfc3339(time: Timestamp) -> String {
    let seconds = time.secs().max(0);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month and day of the days since 1970-01-01, in the Gregorian calendar. Years begin in
/// March here, so that the leap day is a year's last; 146,097 days are 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Whether a text has the form of a time with its date, time and zone.
pub(super) fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let signs = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let zone = text.get(19..).unwrap_or_default();
    let zone = zone.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    [0..4, 5..7, 8..10, 11..13, 14..16, 17..19]
        .into_iter()
        .all(digits)
        && signs
            .iter()
            .all(|(at, sign)| bytes.get(*at).is_some_and(|b| b.eq_ignore_ascii_case(sign)))
        && (zone.eq_ignore_ascii_case("z") || (zone.len() == 6 && zone.starts_with(['+', '-'])))
}

/// A day or a time as a time; none for anything else.
pub(super) fn as_time(text: &str) -> Option<String> {
    if is_time(text) {
        return Some(text.to_owned());
    }
    let day = format!("{text}T00:00:00Z");
    (text.len() == 10 && is_time(&day)).then_some(day)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A UUID of version 8 that stands for the content.
pub(super) fn uuid(content: &[u8]) -> String {
    let mut id = [0_u8; 16];
    id.copy_from_slice(&Sha256::digest(content)[..16]);
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    let text = hex(&id);
    format!(
        "{}-{}-{}-{}-{}",
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..]
    )
}

/// Sixteen hexadecimal digits that stand for the content.
pub(super) fn fingerprint(content: &str) -> String {
    hex(&Sha256::digest(content.as_bytes())[..8])
}

pub(super) fn is_uuid_urn(text: &str) -> bool {
    let Some(id) = text.strip_prefix("urn:uuid:") else {
        return false;
    };
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_known() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_799, "2024-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_ms(seconds * 1_000)), text);
            assert!(is_time(text));
        }
        assert!(is_time("2024-01-01T00:00:00.123+02:00"));
        assert!(!is_time("2024-01-01"));
        assert!(!is_time("yesterday"));
        assert_eq!(
            as_time("2024-01-01").as_deref(),
            Some("2024-01-01T00:00:00Z")
        );
        assert_eq!(as_time("2024"), None);
        assert!(is_uuid_urn(&format!("urn:uuid:{}", uuid(b"x"))));
        assert_eq!(uuid(b"x"), uuid(b"x"));
    }
}
