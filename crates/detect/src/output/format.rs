//! Output formats: text with `%field` in it.
//!
//! `%proc.aname[2]` names a field with its argument, `%toupper(proc.name)` a transformer, `%%` a
//! percent sign. A `*` at the start of the whole format, which Falco takes as "print even if
//! something is missing", changes nothing here: missing is always `<NA>`.

use crate::{
    condition::{
        parser,
        source::{Pool, Source, values, write},
        transform,
    },
    field::{Event, Field, FieldRef, Value},
};
use serde_json::Value as Json;

#[derive(Debug, Default)]
pub(crate) struct Format {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Field { name: String, source: Source },
}

/// Why a text is no format, and the byte it is about.
#[derive(Debug)]
pub(crate) struct FormatError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Stands for a value that is not there.
pub(crate) const MISSING: &str = "<NA>";

const CONTAINER_INFO: &str = "container_id=%container.id container_name=%container.name";

impl Format {
    pub(crate) fn parse(text: &str) -> Result<Self, FormatError> {
        // The short form that Falco expands by its `-p` option.
        if let Some(at) = text.find("%container.info") {
            let (head, tail) = text.split_at(at);
            let head = head.strip_suffix('*').unwrap_or(head);
            let tail = &tail["%container.info".len()..];
            return Self::parse(&format!("{head}{CONTAINER_INFO}{tail}"));
        }
        let mut format = Self::default();
        let mut literal = String::new();
        let start = usize::from(text.starts_with('*'));
        let mut at = start;
        while let Some(found) = text[at..].find('%') {
            literal.push_str(&text[at..at + found]);
            at += found + 1;
            if text[at..].starts_with('%') {
                literal.push('%');
                at += 1;
                continue;
            }
            let length = token(&text[at..]);
            if length == 0 {
                literal.push('%');
                continue;
            }
            let (name, source) =
                resolve(&text[at..at + length]).map_err(|message| FormatError { at, message })?;
            if !literal.is_empty() {
                format.parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            at += name.len();
            format.parts.push(Part::Field {
                name: name.to_owned(),
                source,
            });
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            format.parts.push(Part::Text(literal));
        }
        Ok(format)
    }

    /// The text, and the fields in it.
    pub(crate) fn render(
        &self,
        event: &Event<'_>,
        fields: &mut serde_json::Map<String, Json>,
    ) -> String {
        let mut pool = Pool::default();
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field { name, source } => {
                    let value = json(source, event, &mut pool);
                    out.push_str(&shown(&value));
                    fields.insert(name.clone(), value);
                }
            }
        }
        out
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }
}

/// How much of the text after a `%` may be a field.
fn token(text: &str) -> usize {
    let bytes = text.as_bytes();
    let word = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
            .count()
    };
    let name = word(0);
    match bytes.get(name) {
        Some(b'[') => text[name..].find(']').map_or(name, |end| name + end + 1),
        Some(b'(') if transform::ALL.iter().any(|info| info.name == &text[..name]) => {
            closing(&bytes[name..]).map_or(name, |end| name + end + 1)
        }
        _ => name,
    }
}

fn closing(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    bytes.iter().position(|b| {
        match b {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// The field of a token; a full stop or word after it may be of the sentence.
fn resolve(token: &str) -> Result<(&str, Source), String> {
    let mut name = token;
    loop {
        let found = match name.contains('(') {
            true => parser::parse_operand(name)
                .map_err(|wrong| wrong.to_string())
                .and_then(|operand| Source::resolve(&operand).map_err(|wrong| wrong.message)),
            false => FieldRef::parse(name)
                .map(Source::Field)
                .map_err(|wrong| wrong.to_string()),
        };
        match found {
            Ok(source) => return Ok((name, source)),
            Err(message) => match name.rfind('.') {
                Some(cut) if cut > 0 && !name.contains(['(', '[']) => name = &name[..cut],
                _ => {
                    // Told of the whole token, unless it was shortened to nothing known.
                    let told = FieldRef::parse(token).err().map(|wrong| wrong.to_string());
                    return Err(told.unwrap_or(message));
                }
            },
        }
    }
}

fn json(source: &Source, event: &Event<'_>, pool: &mut Pool) -> Json {
    let mut all = Vec::new();
    let raw_time = matches!(source, Source::Field(field) if field.field == Field::EvtTime);
    if raw_time && event.time_ns != 0 {
        return Json::from(event.time_ns);
    }
    values(source, event, pool, &mut |value, _| {
        all.push(match value {
            Value::Missing => Json::Null,
            Value::Int(number) => Json::from(number),
            Value::Bool(truth) => Json::from(truth),
            other => {
                let mut text = Vec::new();
                write(other, &mut text);
                Json::from(String::from_utf8_lossy(&text).into_owned())
            }
        });
        false
    });
    match all.len() {
        0 => Json::Null,
        1 => all.swap_remove(0),
        _ => Json::Array(all),
    }
}

/// A value as the text of an output has it; control characters cannot break a line.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => MISSING.to_owned(),
        Json::String(text) => text
            .chars()
            .flat_map(|c| {
                let hidden = c.is_control();
                let escaped = hidden.then(|| c.escape_default());
                let plain = (!hidden).then_some(c);
                escaped.into_iter().flatten().chain(plain)
            })
            .collect(),
        Json::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
