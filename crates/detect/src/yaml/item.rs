//! The items of a rule file, as they are collected: later ones add to, replace, or change earlier.

use super::tree::Spot;
use std::fmt;

/// How bad it is; Falco's scale. `INFO` is short for informational.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Informational,
    Debug,
}

impl Priority {
    pub const ALL: &[(Self, &str)] = &[
        (Self::Emergency, "Emergency"),
        (Self::Alert, "Alert"),
        (Self::Critical, "Critical"),
        (Self::Error, "Error"),
        (Self::Warning, "Warning"),
        (Self::Notice, "Notice"),
        (Self::Informational, "Informational"),
        (Self::Debug, "Debug"),
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(priority, _)| *priority == self)
            .map_or("", |(_, name)| name)
    }

    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("info") {
            return Some(Self::Informational);
        }
        Self::ALL
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(priority, _)| *priority)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which file, and where in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct At {
    pub(crate) file: usize,
    pub(crate) spot: Spot,
}

/// A text that may have been put together from several places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    parts: Vec<(At, String)>,
    joined: String,
}

impl Text {
    pub(crate) fn new(at: At, text: String) -> Self {
        Self {
            joined: text.clone(),
            parts: vec![(at, text)],
        }
    }

    pub(crate) fn append(&mut self, more: Self) {
        if !self.joined.is_empty() {
            self.joined.push(' ');
        }
        self.joined.push_str(&more.joined);
        self.parts.extend(more.parts);
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.joined
    }

    /// The part a byte is in, and the byte of that part.
    pub(crate) fn part(&self, offset: usize) -> Option<(At, &str, usize)> {
        let mut start = 0;
        for (index, (at, text)) in self.parts.iter().enumerate() {
            let last = index + 1 == self.parts.len();
            if offset <= start + text.len() || last {
                return Some((*at, text, offset.saturating_sub(start)));
            }
            start += text.len() + 1;
        }
        None
    }
}

#[derive(Clone, Debug)]
pub(crate) struct RuleItem {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) desc: String,
    pub(crate) condition: Text,
    pub(crate) output: Text,
    pub(crate) priority: Priority,
    pub(crate) source: String,
    pub(crate) tags: Vec<String>,
    pub(crate) enabled: bool,
    pub(crate) warn_evttypes: bool,
    pub(crate) skip_unknown: bool,
    pub(crate) capture: bool,
    pub(crate) capture_duration_ms: Option<u64>,
    pub(crate) exceptions: Vec<Exception>,
}

#[derive(Clone, Debug)]
pub(crate) struct MacroItem {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) condition: Text,
}

#[derive(Clone, Debug)]
pub(crate) struct ListItem {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) items: Vec<String>,
}

/// What a rule does not mean: fields, how each is compared, and with what.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) at: At,
    pub(crate) name: String,
    /// One field may be written without a list: then the values are one list.
    pub(crate) single: bool,
    pub(crate) fields: Vec<String>,
    pub(crate) comps: Vec<String>,
    pub(crate) values: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: At,
    pub(crate) kind: EntryKind,
}

#[derive(Clone, Debug)]
pub(crate) enum EntryKind {
    Text(String),
    List(Vec<Entry>),
}

impl Entry {
    /// Every text in it.
    pub(crate) fn texts<'a>(&'a self, found: &mut rustc_hash::FxHashSet<&'a str>) {
        match &self.kind {
            EntryKind::Text(text) => {
                found.insert(text);
            }
            EntryKind::List(all) => all.iter().for_each(|entry| entry.texts(found)),
        }
    }
}
