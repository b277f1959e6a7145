//! Comparisons between commas, all of which must hold: `>= 1.0, < 2.0`, `= 1.2.3`.

use super::{RangeError, Scheme, VersionSet, all_of, comparison, operator};

const SIGNS: [&str; 7] = ["<=", ">=", "==", "!=", "<", ">", "="];

pub(super) fn parse(scheme: Scheme, text: &str) -> Result<VersionSet, RangeError> {
    let text = text.trim();
    if text == "*" || text.eq_ignore_ascii_case("all") {
        return Ok(VersionSet::all(scheme));
    }
    all_of(scheme, text.split(','), |part| {
        let (sign, version) = operator(part, &SIGNS);
        if version.is_empty() {
            return Err(RangeError::at(text));
        }
        comparison(scheme, sign, version)
    })
}
