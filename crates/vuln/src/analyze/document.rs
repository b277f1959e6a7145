//! JSON, TOML and YAML read into one small tree that forgives odd types.
//!
//! A lock file with `"resolved": false` is still a lock file: every accessor answers "not there"
//! for a value of another type, and the entry's reader decides what that means. Only broken
//! syntax, or one of the limits here, loses a whole document. Limits: [`MAX_DEPTH`] levels
//! ([`MAX_YAML_DEPTH`] of YAML), and
//! as many values as the caller allows, 32 bytes each and their text.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, cell::Cell, fmt};

/// Levels of nesting; serde_json and toml have about the same limit of their own.
pub(crate) const MAX_DEPTH: usize = 96;

/// The YAML reader's frames are large: more would not fit a worker's stack. Real lock files have
/// seven levels.
const MAX_YAML_DEPTH: usize = 24;

/// One value. Numbers are kept as their text; a map keeps its order, and the last of equal keys
/// counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<(Box<str>, Node)>),
}

static ABSENT: Node = Node::Null;

impl Node {
    /// The value under `key`; [`Node::Null`] if there is none or this is no map.
    pub(crate) fn get(&self, key: &str) -> &Node {
        match self {
            Self::Map(entries) => entries
                .iter()
                .rev()
                .find(|(name, _)| &**name == key)
                .map_or(&ABSENT, |(_, value)| value),
            _ => &ABSENT,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).text()
    }

    pub(crate) fn flag_of(&self, key: &str) -> bool {
        *self.get(key) == Self::Bool(true)
    }

    pub(crate) fn list(&self) -> &[Node] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn map(&self) -> &[(Box<str>, Node)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    /// The keys of a map, or the texts of a list.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Map(entries) => entries.iter().map(|(key, _)| &**key).collect(),
            Self::List(items) => items.iter().filter_map(Node::text).collect(),
            _ => Vec::new(),
        }
    }

    /// What this is, for a message.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a table",
        }
    }
}

/// What may be read of one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) values: usize,
    /// Keys whose values are passed over: long lists nobody here reads.
    pub(crate) skip: &'static [&'static str],
}

impl Limits {
    /// A project's lock file: about 64 MB at the worst, before texts.
    pub(crate) const PROJECT: Self = Self {
        values: 2_000_000,
        skip: &[],
    };
    /// Metadata in an image, of which there may be many.
    pub(crate) const INSTALLED: Self = Self {
        values: 250_000,
        skip: &["files", "paths_data", "autoload", "exports", "scripts"],
    };
}

/// Why a document gives nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("not readable as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("not readable as TOML: {0}")]
    Toml(String),
    #[error("not readable as YAML: {0}")]
    Yaml(String),
}

pub(crate) fn json(bytes: &[u8], limits: Limits) -> Result<Node, DocumentError> {
    let text = decode(bytes);
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let budget = Budget::new(limits);
    let node = budget.seed(0).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(node)
}

/// JSON with comments and trailing commas.
pub(crate) fn jsonc(bytes: &[u8], limits: Limits) -> Result<Node, DocumentError> {
    json(plain_json(&decode(bytes)).as_bytes(), limits)
}

pub(crate) fn toml(bytes: &[u8], limits: Limits) -> Result<Node, DocumentError> {
    let text = decode(bytes);
    let budget = Budget::new(limits);
    toml::Deserializer::parse(&text)
        .and_then(|deserializer| budget.seed(0).deserialize(deserializer))
        .map_err(|error| DocumentError::Toml(first_line(&error.to_string())))
}

pub(crate) fn yaml(bytes: &[u8], limits: Limits) -> Result<Node, DocumentError> {
    let text = decode(bytes);
    let budget = Budget::new(limits);
    let yaml_budget = serde_saphyr::budget! {
        max_events: limits.values.saturating_mul(3),
        max_nodes: limits.values.saturating_mul(2),
        max_depth: MAX_YAML_DEPTH,
        flow_nesting_limit: MAX_YAML_DEPTH,
        max_documents: 4,
    };
    let options = serde_saphyr::options! {
        budget: yaml_budget,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        strict_booleans: true,
    };
    serde_saphyr::with_deserializer_from_str_with_options(&text, options, |deserializer| {
        budget.seed(0).deserialize(deserializer)
    })
    .map_err(|error| DocumentError::Yaml(first_line(&error.to_string())))
}

/// UTF-8, or UTF-16 with a byte order mark as some shells write; what is neither is replaced.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.get(2..).unwrap_or_default().as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| from(*pair)).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn first_line(message: &str) -> String {
    message
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(160)
        .collect()
}

/// Blanks out comments and commas before a closing bracket, outside strings.
fn plain_json(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut comma: Option<usize> = None;
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                comma = None;
                let end = string_end(rest);
                out.push(byte);
                out.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
            }
            b'/' if after.first() == Some(&b'/') => {
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                rest = &rest[end..];
            }
            b'/' if after.first() == Some(&b'*') => {
                let end = memchr::memmem::find(&rest[1..], b"*/").map_or(rest.len(), |at| at + 3);
                rest = &rest[end..];
            }
            b']' | b'}' => {
                if let Some(at) = comma.take() {
                    out[at] = b' ';
                }
                out.push(byte);
            }
            b',' => {
                comma = Some(out.len());
                out.push(byte);
            }
            _ => {
                if !byte.is_ascii_whitespace() {
                    comma = None;
                }
                out.push(byte);
            }
        }
    }
    // Only ASCII was taken out or replaced.
    String::from_utf8(out).unwrap_or_default()
}

/// Length of a string's rest with its closing quote.
fn string_end(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

struct Budget {
    left: Cell<usize>,
    limits: Limits,
}

impl Budget {
    fn new(limits: Limits) -> Self {
        Self {
            left: Cell::new(limits.values),
            limits,
        }
    }

    fn seed(&self, depth: usize) -> Seed<'_> {
        Seed {
            budget: self,
            depth,
        }
    }
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl Seed<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }

    fn pay<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.budget.left.get();
        if left == 0 {
            return Err(E::custom(format_args!(
                "more than {} values",
                self.budget.limits.values
            )));
        }
        self.budget.left.set(left - 1);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.pay()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string().into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        // `1.0` stays `1.0`: a version that lost its quotes.
        Ok(Node::Text(format!("{value:?}").into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let seed = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(seed)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let seed = self.deeper()?;
        let mut map = Vec::new();
        // As text whatever it looks like: `n` and `1.10` are names, not a truth and a number.
        while let Some(key) = entries.next_key::<String>()? {
            let key: Box<str> = key.into();
            if self.budget.limits.skip.contains(&&*key) {
                entries.next_value::<IgnoredAny>()?;
            } else {
                map.push((key, entries.next_value_seed(seed)?));
            }
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_taken_out_only_outside_strings() {
        let node = jsonc(
            b"{ // a\n \"a,]\": [1, 2, /* , */ ], \"b//\": \"x\\\"/*y*/\", }",
            Limits::PROJECT,
        )
        .unwrap();
        assert_eq!(node.get("a,]").list().len(), 2);
        assert_eq!(node.text_of("b//"), Some("x\"/*y*/"));
        for broken in ["\"", "\"\\", "/*", "/", "{,", "[1,/*"] {
            assert!(
                jsonc(broken.as_bytes(), Limits::PROJECT).is_err(),
                "{broken}"
            );
        }
    }

    #[test]
    fn limits_are_errors_that_say_so() {
        let few = Limits {
            values: 3,
            skip: &["files"],
        };
        let error = json(b"[1,2,3]", few).unwrap_err().to_string();
        assert!(error.contains("more than 3 values"), "{error}");
        assert!(json(br#"{"files":[1,2,3,4,5]}"#, few).is_ok());
        let deep = "[".repeat(200);
        assert!(json(deep.as_bytes(), Limits::PROJECT).is_err());
        assert!(yaml(deep.as_bytes(), Limits::PROJECT).is_err());
        assert!(toml(format!("a = {deep}").as_bytes(), Limits::PROJECT).is_err());
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
            c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n\
            e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
        let small = Limits {
            values: 10_000,
            skip: &[],
        };
        assert!(yaml(bomb.as_bytes(), small).is_err());
    }

    #[test]
    fn the_same_document_in_three_formats() {
        let want = json(br#"{"a":{"b":["1.2.3",true]},"n":7}"#, Limits::PROJECT).unwrap();
        let from_toml = toml(b"n = 7\n[a]\nb = [\"1.2.3\", true]\n", Limits::PROJECT).unwrap();
        assert_eq!(from_toml.get("a"), want.get("a"));
        assert_eq!(from_toml.text_of("n"), Some("7"));
        assert_eq!(
            yaml(b"a:\n  b: [1.2.3, true]\nn: 7\n", Limits::PROJECT).unwrap(),
            want
        );
    }

    #[test]
    fn byte_order_marks() {
        let wide: Vec<u8> = "\u{feff}a==1"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(decode(&wide), "a==1");
        assert_eq!(decode(b"\xEF\xBB\xBFx"), "x");
        assert_eq!(decode(b"\xFE\xFF\0x\0"), "x");
    }
}
