//! Taking fields out of JSON that others wrote.
//!
//! A field that is missing or of another type is the same as an empty one, so that one odd field
//! never loses a whole container. Counts and lengths are bounded.

use serde_json::Value;
use std::collections::BTreeMap;

const MAX_ENTRIES: usize = 1024;
const MAX_TEXT: usize = 16 << 10;

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(clip)
        .unwrap_or_default()
}

pub(crate) fn uint(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

pub(crate) fn int(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub(crate) fn flag(value: &Value, pointer: &str) -> bool {
    value
        .pointer(pointer)
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// A pid, or 0 where there is none.
pub(crate) fn pid(value: &Value, pointer: &str) -> u32 {
    u32::try_from(int(value, pointer)).unwrap_or(0)
}

pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(MAX_ENTRIES)
}

pub(crate) fn texts(value: &Value, pointer: &str) -> Vec<String> {
    list(value, pointer)
        .filter_map(Value::as_str)
        .map(clip)
        .collect()
}

pub(crate) fn map(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    entries(value, pointer)
        .filter_map(|(k, v)| Some((clip(k), clip(v.as_str()?))))
        .collect()
}

pub(crate) fn entries<'a>(
    value: &'a Value,
    pointer: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value
        .pointer(pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .take(MAX_ENTRIES)
}

/// At most 16 KiB, cut at a character.
pub(crate) fn clip(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or(text)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn odd_types_are_empty() {
        let v =
            json!({"a": 5, "b": {"c": "x"}, "l": ["y", 3, "z"], "m": {"k": "v", "n": 1}, "p": -3});
        assert_eq!(text(&v, "/a"), "");
        assert_eq!(text(&v, "/b/c"), "x");
        assert_eq!(uint(&v, "/b"), 0);
        assert_eq!(texts(&v, "/l"), ["y", "z"]);
        assert_eq!(map(&v, "/m").len(), 1);
        assert_eq!(pid(&v, "/p"), 0);
        assert_eq!(clip(&"é".repeat(MAX_TEXT)).len(), MAX_TEXT);
    }
}
