//! YAML as a tree that knows where everything stands.
//!
//! Limits: files of 16 MiB, nesting of 64, half a million nodes; an anchor and each alias count
//! as all they stand for, so nested ones reach the limit and not the memory.

use crate::diagnostic::Place;
use granit_parser::{Event, Options, Parser, ScalarStyle, Span};
use std::collections::HashMap;

pub const MAX_FILE_BYTES: usize = 16 << 20;
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 500_000;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) spot: Spot,
    pub(crate) kind: NodeKind,
    nodes: usize,
    depth: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// Where a node stands in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) column: usize,
    start: usize,
    end: usize,
    block: bool,
    quoted: bool,
}

/// Why a file is no YAML.
#[derive(Clone, Debug)]
pub(crate) struct TreeError {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) message: String,
    pub(crate) limit: bool,
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// Nothing, as after a key without a value.
    pub(crate) fn is_null(&self) -> bool {
        !self.spot.quoted && matches!(self.text(), Some("" | "~" | "null"))
    }

    pub(crate) fn what(&self) -> &'static str {
        match self.kind {
            NodeKind::Scalar(_) => "a text",
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        }
    }
}

impl Spot {
    /// The place of a byte of the text that stands here. Folding changes blanks only, so the
    /// place is found by counting what is not blank.
    pub(crate) fn locate(&self, file: &str, source: &str, text: &str, offset: usize) -> Place {
        let mut place = Place {
            file: file.to_owned(),
            line: self.line,
            column: self.column,
        };
        let before = text
            .as_bytes()
            .iter()
            .take(offset)
            .filter(|b| !b.is_ascii_whitespace())
            .count();
        let Some(raw) = source.get(self.start..self.end) else {
            return place;
        };
        // A block's text starts below its header; a quoted one after its quote.
        let skipped = match (self.block, self.quoted) {
            (true, _) if raw.starts_with(['>', '|']) => raw.find('\n').map_or(0, |at| at + 1),
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 0,
        };
        let mut left = before;
        let mut at = self.start + skipped.min(raw.len());
        for (offset, c) in raw.char_indices().filter(|(offset, _)| *offset >= skipped) {
            at = self.start + offset;
            if c.is_ascii_whitespace() {
                continue;
            }
            if left == 0 {
                break;
            }
            left = left.saturating_sub(c.len_utf8());
        }
        let head = &source[..at];
        place.line = head.matches('\n').count() + 1;
        place.column = head.chars().rev().take_while(|c| *c != '\n').count() + 1;
        place
    }
}

/// Reads every document of a file.
pub(crate) fn read(source: &str) -> Result<Vec<Node>, TreeError> {
    if source.len() > MAX_FILE_BYTES {
        return Err(TreeError {
            line: 1,
            column: 1,
            message: format!("file has {} bytes; at most 16 MiB are read", source.len()),
            limit: true,
        });
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(source, options) {
        let (event, span) = event.map_err(|wrong| TreeError {
            line: wrong.marker().line(),
            column: wrong.marker().col() + 1,
            message: wrong.info(),
            limit: false,
        })?;
        builder.take(event, &span)?;
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<(Node, usize, Option<Node>)>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), TreeError> {
        let spot = spot(span);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let spot = Spot {
                    block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded),
                    quoted: matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted),
                    ..spot
                };
                let node = leaf(spot, NodeKind::Scalar(text.into_owned()));
                self.place(node, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.enter(leaf(spot, NodeKind::Sequence(Vec::new())), anchor)
            }
            Event::MappingStart(_, anchor, _) => {
                self.enter(leaf(spot, NodeKind::Mapping(Vec::new())), anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((node, anchor, _)) => self.place(node, anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.place(node, 0),
                None => Err(error(spot, "alias to what is not finished", false)),
            },
            _ => Ok(()),
        }
    }

    fn enter(&mut self, node: Node, anchor: usize) -> Result<(), TreeError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(error(node.spot, "nested deeper than 64 levels", true));
        }
        self.open.push((node, anchor, None));
        Ok(())
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), TreeError> {
        // What is anchored is kept twice.
        let copies = if anchor == 0 { 1 } else { 2 };
        self.nodes += node.nodes * copies;
        if self.nodes > MAX_NODES {
            return Err(error(node.spot, "more than 500000 nodes", true));
        }
        if self.open.len() + node.depth > MAX_DEPTH {
            return Err(error(node.spot, "nested deeper than 64 levels", true));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some((parent, _, key)) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        parent.nodes += node.nodes;
        parent.depth = parent.depth.max(node.depth + 1);
        match &mut parent.kind {
            NodeKind::Sequence(items) => items.push(node),
            NodeKind::Mapping(pairs) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => *key = Some(node),
            },
            NodeKind::Scalar(_) => {}
        }
        Ok(())
    }
}

fn leaf(spot: Spot, kind: NodeKind) -> Node {
    Node {
        spot,
        kind,
        nodes: 1,
        depth: 1,
    }
}

fn error(spot: Spot, message: &str, limit: bool) -> TreeError {
    TreeError {
        line: spot.line,
        column: spot.column,
        message: message.to_owned(),
        limit,
    }
}

fn spot(span: &Span) -> Spot {
    Spot {
        line: span.start.line(),
        column: span.start.col() + 1,
        start: span.start.byte_offset().unwrap_or(0),
        end: span.end.byte_offset().unwrap_or(0),
        block: false,
        quoted: false,
    }
}
