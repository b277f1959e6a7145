//! Licences: ids and expressions of SPDX against names that only people understand.

use super::stamp::fingerprint;

/// An id of the SPDX list, as the list spells it.
pub(super) fn is_id(text: &str) -> bool {
    spdx::license_id(text).is_some_and(|id| id.name == text)
}

/// An expression whose every part is on the list, or refers to a text of its own.
pub(super) fn is_expression(text: &str) -> bool {
    text.len() <= 4_096
        && !text.contains(char::is_control)
        && text.trim() == text
        && spdx::Expression::parse(text).is_ok()
}

/// Whether it also stands without any text beside it.
fn is_listed_expression(text: &str) -> bool {
    is_expression(text) && !text.contains("Ref-")
}

/// An expression over all of these, and what the references in it mean: id and name.
pub(super) fn declared(licences: &[String]) -> (String, Vec<(String, String)>) {
    let mut references = Vec::new();
    let mut parts = Vec::new();
    for licence in licences {
        let part = if is_listed_expression(licence) {
            if licences.len() > 1 && licence.contains(' ') {
                format!("({licence})")
            } else {
                licence.clone()
            }
        } else {
            let id = format!("LicenseRef-{}", fingerprint(licence));
            references.push((id.clone(), licence.clone()));
            id
        };
        parts.push(part);
    }
    if parts.is_empty() {
        return ("NOASSERTION".to_owned(), references);
    }
    (parts.join(" AND "), references)
}

/// Whether the expression alone tells what the licences were.
pub(super) fn tells_all(licences: &[String]) -> bool {
    match licences {
        [] => true,
        [one] => is_listed_expression(one) && !matches!(one.as_str(), "NONE" | "NOASSERTION"),
        _ => false,
    }
}
