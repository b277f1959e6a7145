//! Reading one item's keys: what is missing, what has the wrong shape, what nobody knows.

use super::{
    item::{At, Text},
    tree::{Node, NodeKind, Spot},
};
use crate::{
    diagnostic::{Code, Diagnostic, Place, Severity},
    field::table::distance,
};

/// A file, and what is wrong in it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) files: Vec<(String, String)>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// So many diagnostics tell enough: a hostile file gets no more memory.
const MAX_DIAGNOSTICS: usize = 10_000;

impl Report {
    pub(crate) fn place(&self, at: At) -> Place {
        Place {
            file: self
                .files
                .get(at.file)
                .map(|(name, _)| name.clone())
                .unwrap_or_default(),
            line: at.spot.line,
            column: at.spot.column,
        }
    }

    /// The place of a byte of a text.
    pub(crate) fn place_in(&self, text: &Text, offset: usize) -> Place {
        match text.part(offset) {
            Some((at, part, offset)) => match self.files.get(at.file) {
                Some((name, source)) => at.spot.locate(name, source, part, offset),
                None => Place::default(),
            },
            None => Place::default(),
        }
    }

    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: Code,
        place: Place,
        item: &str,
        message: impl Into<String>,
        expected: &str,
    ) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(Diagnostic {
                severity,
                code,
                place,
                item: item.to_owned(),
                message: message.into(),
                expected: expected.to_owned(),
            });
        }
    }

    pub(crate) fn error(
        &mut self,
        code: Code,
        at: At,
        item: &str,
        message: impl Into<String>,
        expected: &str,
    ) {
        let place = self.place(at);
        self.add(Severity::Error, code, place, item, message, expected);
    }

    pub(crate) fn warn(
        &mut self,
        code: Code,
        at: At,
        item: &str,
        message: impl Into<String>,
        expected: &str,
    ) {
        let place = self.place(at);
        self.add(Severity::Warning, code, place, item, message, expected);
    }
}

/// The keys of one mapping.
pub(crate) struct Keys<'n> {
    pub(crate) at: At,
    pub(crate) item: String,
    pairs: &'n [(Node, Node)],
}

impl<'n> Keys<'n> {
    pub(crate) fn new(file: usize, spot: Spot, pairs: &'n [(Node, Node)]) -> Self {
        Self {
            at: At { file, spot },
            item: String::new(),
            pairs,
        }
    }

    pub(crate) fn at(&self, node: &Node) -> At {
        At {
            file: self.at.file,
            spot: node.spot,
        }
    }

    pub(crate) fn node(&self, key: &str) -> Option<&'n Node> {
        self.pairs
            .iter()
            .find(|(name, _)| name.text() == Some(key))
            .map(|(_, value)| value)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.node(key).is_some()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (&'n str, &'n Node)> {
        self.pairs
            .iter()
            .filter_map(|(name, _)| Some((name.text()?, name)))
    }

    /// Warns of keys that are not in the table, and of keys that are there twice.
    pub(crate) fn check(&self, known: &[&str], report: &mut Report) {
        let mut seen = Vec::new();
        for (name, node) in self.names() {
            if seen.contains(&name) {
                let message = format!("key '{name}' is there twice; the first one counts");
                report.warn(Code::DuplicateKey, self.at(node), &self.item, message, "");
            } else if !known.contains(&name) {
                let near = known
                    .iter()
                    .map(|known| (distance(known.as_bytes(), name.as_bytes()), *known))
                    .min()
                    .filter(|(distance, _)| name.len() < 64 && *distance <= 2)
                    .map(|(_, known)| format!(": did you mean '{known}'?"))
                    .unwrap_or_default();
                let message = format!("unknown key '{name}'{near}");
                report.warn(
                    Code::UnknownKey,
                    self.at(node),
                    &self.item,
                    message,
                    &format!("one of {}", known.join(", ")),
                );
            }
            seen.push(name);
        }
    }

    /// A text that is there and not empty.
    pub(crate) fn required(&self, key: &str, report: &mut Report) -> Option<Text> {
        let Some(node) = self.node(key) else {
            let message = format!("key '{key}' is missing");
            report.error(
                Code::Validate,
                self.at,
                &self.item,
                message,
                &format!("'{key}: …'"),
            );
            return None;
        };
        match node.text() {
            Some(text) if !text.trim().is_empty() && !node.is_null() => {
                Some(Text::new(self.at(node), text.to_owned()))
            }
            _ => {
                let message = format!("'{key}' is {}", empty_or(node));
                report.error(Code::Validate, self.at(node), &self.item, message, "a text");
                None
            }
        }
    }

    pub(crate) fn boolean(&self, key: &str, default: bool, report: &mut Report) -> bool {
        let Some(node) = self.node(key) else {
            return default;
        };
        match node.text().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "yes" | "on") => true,
            Some("false" | "no" | "off") => false,
            _ => {
                let message = format!("'{key}' is {}", node.text().unwrap_or(node.what()));
                let at = self.at(node);
                report.error(Code::YamlValidate, at, &self.item, message, "true or false");
                default
            }
        }
    }

    /// A list of texts; one text counts as a list of one.
    pub(crate) fn texts(&self, key: &str, report: &mut Report) -> Vec<String> {
        match self.node(key) {
            None => Vec::new(),
            Some(node) => self.texts_of(node, key, report),
        }
    }

    pub(crate) fn texts_of(&self, node: &Node, key: &str, report: &mut Report) -> Vec<String> {
        match &node.kind {
            NodeKind::Scalar(_) if node.is_null() => Vec::new(),
            NodeKind::Scalar(text) => vec![text.clone()],
            NodeKind::Sequence(items) => {
                let mut texts = Vec::with_capacity(items.len());
                for item in items {
                    match item.text() {
                        Some(text) => texts.push(text.to_owned()),
                        None => {
                            let message = format!("'{key}' has {} in it", item.what());
                            let at = self.at(item);
                            report.error(Code::YamlValidate, at, &self.item, message, "texts");
                        }
                    }
                }
                texts
            }
            NodeKind::Mapping(_) => {
                let message = format!("'{key}' is {}", node.what());
                let at = self.at(node);
                report.error(
                    Code::YamlValidate,
                    at,
                    &self.item,
                    message,
                    "a list of texts",
                );
                Vec::new()
            }
        }
    }
}

fn empty_or(node: &Node) -> &'static str {
    match node.text() {
        Some(_) => "empty",
        None => node.what(),
    }
}
