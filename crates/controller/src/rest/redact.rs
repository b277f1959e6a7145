//! Takes secrets out of a request body before it is kept in the activity log.
//!
//! Limit: [`MAX_BYTES`] are kept; the rest is cut with a mark.

use serde_json::Value;

pub(super) const MAX_BYTES: usize = 8 * 1024;
const MASK: &str = "***";
const CUT: &str = "… (cut)";
/// Parts of names whose values are secrets.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "private",
    "json_key",
    "api_key",
    "access_key",
    "credential",
    "authorization",
    "cert",
];

/// The body as it may be kept. What is not JSON is not kept: it cannot be looked through.
pub(super) fn redact(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return format!("({} bytes that are not JSON)", body.len());
    };
    mask(&mut value);
    let mut text = value.to_string();
    if text.len() > MAX_BYTES {
        text.truncate(text.floor_char_boundary(MAX_BYTES - CUT.len()));
        text.push_str(CUT);
    }
    text
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret(name, value) {
                    *value = Value::String(MASK.to_owned());
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

/// A flag or number under such a name is a setting. An object is masked inside; the envelope
/// `password` of a sign-in is one.
fn is_secret(name: &str, value: &Value) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(value, Value::String(_) | Value::Array(_))
        && SECRETS.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_at_any_depth() {
        for (body, kept) in [
            (
                r#"{"password":{"username":"a","password":"p","new_password":"q"}}"#,
                r#"{"password":{"username":"a","password":"***","new_password":"***"}}"#,
            ),
            (
                r#"{"config":[{"API_KEY":"x","name":"n","force_reset_password":true}]}"#,
                r#"{"config":[{"API_KEY":"***","name":"n","force_reset_password":true}]}"#,
            ),
            ("", ""),
            ("not json", "(8 bytes that are not JSON)"),
        ] {
            assert_eq!(redact(body.as_bytes()), kept);
        }
        let long = redact(format!(r#"{{"comment":"{}"}}"#, "ä".repeat(MAX_BYTES)).as_bytes());
        assert!(long.len() <= MAX_BYTES && long.ends_with(CUT));
    }
}
