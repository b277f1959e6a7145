//! The condition language: a recursive descent over bytes.
//!
//! ```text
//! or      = and ("or" and)*            and = not ("and" not)*          not = "not"* primary
//! primary = "(" or ")" | macro | operand "exists" | operand operator right
//! operand = field ["[" argument "]"] | transformer "(" … ")"
//! right   = value | "(" value, … ")" | list | transformer "(" … ")"
//!         | ("oneof" | "anyof" | "allof") ("(" value, … ")" | list)
//! ```
//! `and`, `or` and `not` are followed by a blank or a parenthesis. The grammar is Falco's.
//!
//! Limits: 1 MiB of text, nesting of [`MAX_DEPTH`].

use super::{
    ast::{Expr, ExprKind, Literal, Operand, OperandKind, Values},
    operator::{self, MODIFIERS, Modifier, Operator, OperatorInfo, Right},
    transform::{self, Shape, Transform, TransformInfo},
};

pub const MAX_DEPTH: usize = 100;
pub const MAX_BYTES: usize = 1 << 20;

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Byte of the text.
    pub at: usize,
    pub message: String,
    pub expected: String,
}

type Parsed<T> = Result<T, ParseError>;

/// Parses a whole condition.
///
/// # Errors
/// The text is none; the error says where and what was expected.
pub fn parse(text: &str) -> Parsed<Expr> {
    let mut parser = Parser::new(text)?;
    let expr = parser.or()?;
    parser.end("'and' or 'or'")?;
    Ok(expr)
}

/// Parses what may stand on the left of a comparison, and nothing else.
///
/// # Errors
/// As [`parse`].
pub fn parse_operand(text: &str) -> Parsed<Operand> {
    let mut parser = Parser::new(text)?;
    parser.blank();
    let Some(operand) = parser.operand()? else {
        return Err(parser.error("no field here", "a field or a transformer"));
    };
    parser.end("nothing more")?;
    Ok(operand)
}

/// A list's item, as it would be read inside parentheses: quoted or bare.
///
/// # Errors
/// A quoted text with a wrong escape.
pub(crate) fn parse_item(text: &str) -> Parsed<Literal> {
    let quoted = text.starts_with(['"', '\'']);
    if quoted {
        let mut parser = Parser::new(text)?;
        if let Some(literal) = parser.quoted()?
            && parser.at == text.len()
        {
            return Ok(literal);
        }
    }
    Ok(Literal {
        at: 0,
        bytes: text.as_bytes().to_vec(),
        quoted: text.contains(' '),
    })
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x08' | b'\r' | b'\n')
}

fn is_bare(byte: u8) -> bool {
    !matches!(byte, b'(' | b')' | b'"' | b'\'' | b'=' | b',')
        && !byte.is_ascii_whitespace()
        && byte != 0x0b
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parsed<Self> {
        let parser = Self {
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
        };
        match text.len() {
            0 => Err(parser.error("condition is empty", "a field check")),
            1..=MAX_BYTES => Ok(parser),
            _ => Err(parser.error("condition is too long", "at most 1 MiB")),
        }
    }

    fn error(&self, message: &str, expected: &str) -> ParseError {
        ParseError {
            at: self.at,
            message: message.to_owned(),
            expected: expected.to_owned(),
        }
    }

    fn end(&mut self, expected: &str) -> Parsed<()> {
        self.blank();
        match self.bytes.get(self.at) {
            None => Ok(()),
            Some(_) => Err(self.error(&format!("unexpected '{}'", self.shown()), expected)),
        }
    }

    /// The word at the cursor, for messages.
    fn shown(&self) -> String {
        let rest = &self.bytes[self.at..];
        let word = rest.iter().take(24).take_while(|b| !is_blank(**b)).count();
        String::from_utf8_lossy(&rest[..word.max(1).min(rest.len())]).into_owned()
    }

    fn deeper<T>(&mut self, what: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error("nested too deeply", "at most 100 levels"));
        }
        self.depth += 1;
        let result = what(self);
        self.depth -= 1;
        result
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blank(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        self.at > start
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.bytes[self.at..].starts_with(text.as_bytes());
        if found {
            self.at += text.len();
        }
        found
    }

    fn take_while(&mut self, of: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(&of) {
            self.at += 1;
        }
        &self.bytes[start..self.at]
    }

    fn or(&mut self) -> Parsed<Expr> {
        self.chain("or", Self::and, ExprKind::Or)
    }

    fn and(&mut self) -> Parsed<Expr> {
        self.chain("and", Self::not, ExprKind::And)
    }

    fn chain(
        &mut self,
        word: &str,
        next: fn(&mut Self) -> Parsed<Expr>,
        make: fn(Vec<Expr>) -> ExprKind,
    ) -> Parsed<Expr> {
        self.blank();
        let at = self.at;
        let first = next(self)?;
        self.blank();
        let mut all = vec![first];
        while self.take(word) {
            let child = if self.blank() {
                next(self)?
            } else if self.take("(") {
                self.closing()?
            } else {
                let message = format!("no blank after '{word}'");
                return Err(self.error(&message, "a blank or '('"));
            };
            all.push(child);
            self.blank();
        }
        match all.len() {
            1 => Ok(all.remove(0)),
            _ => Ok(Expr {
                at,
                kind: make(all),
            }),
        }
    }

    /// The rest of `( … )`.
    fn closing(&mut self) -> Parsed<Expr> {
        self.deeper(|this| {
            let inner = this.or()?;
            this.blank();
            if !this.take(")") {
                return Err(this.error("parenthesis is not closed", "')', 'and' or 'or'"));
            }
            Ok(inner)
        })
    }

    fn not(&mut self) -> Parsed<Expr> {
        self.blank();
        let at = self.at;
        let mut negated = false;
        while self.word("not") {
            self.blank();
            negated = !negated;
        }
        let child = if self.take("not(") {
            negated = !negated;
            self.closing()?
        } else {
            self.check()?
        };
        Ok(match negated {
            true => Expr {
                at,
                kind: ExprKind::Not(Box::new(child)),
            },
            false => child,
        })
    }

    /// A word and the blank after it: the blank is left.
    fn word(&mut self, word: &str) -> bool {
        let end = self.at + word.len();
        let found = self.bytes[self.at..].starts_with(word.as_bytes())
            && self.bytes.get(end).is_some_and(|b| is_blank(*b));
        if found {
            self.at = end;
        }
        found
    }

    fn check(&mut self) -> Parsed<Expr> {
        self.blank();
        let at = self.at;
        if self.take("(") {
            return self.closing();
        }
        if let Some(left) = self.operand()? {
            let kind = self.comparison(left)?;
            return Ok(Expr { at, kind });
        }
        match self.identifier() {
            Some(name) => Ok(Expr {
                at,
                kind: ExprKind::Macro(name),
            }),
            None => Err(self.error("no check here", "'(', a field, a transformer or a macro")),
        }
    }

    fn identifier(&mut self) -> Option<String> {
        if !self.peek()?.is_ascii_alphabetic() {
            return None;
        }
        let name = self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_');
        Some(String::from_utf8_lossy(name).into_owned())
    }

    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let at = self.at;
        if let Some(name) = self.field_name() {
            let kind = self.field(name)?;
            return Ok(Some(Operand { at, kind }));
        }
        match self.transformer() {
            Some(info) if info.transform == Transform::Val => {
                self.at = at;
                Err(self.error(
                    "val() stands on the right of a comparison only",
                    "a field or another transformer",
                ))
            }
            Some(info) => self.transformed(at, info).map(Some),
            None => Ok(None),
        }
    }

    /// Names with a dot; the longest that fits.
    fn field_name(&mut self) -> Option<String> {
        let start = self.at;
        let mut end = None;
        loop {
            if self.identifier().is_none() {
                break;
            }
            if end.is_some() || self.at > start {
                end = Some(self.at);
            }
            if self.peek() != Some(b'.') {
                break;
            }
            self.at += 1;
        }
        let end = end.unwrap_or(start);
        let name = &self.bytes[start..end];
        if name.contains(&b'.') {
            self.at = end;
            Some(String::from_utf8_lossy(name).into_owned())
        } else {
            self.at = start;
            None
        }
    }

    fn field(&mut self, name: String) -> Parsed<OperandKind> {
        let mut argument = None;
        if self.take("[") {
            let inner = match self.quoted()? {
                Some(literal) => literal.bytes,
                None => self
                    .take_while(|b| {
                        !matches!(b, b'[' | b']' | b'"' | b'\'') && !b.is_ascii_whitespace()
                    })
                    .to_vec(),
            };
            if inner.is_empty() && self.peek() != Some(b']') || self.bytes[self.at - 1] == b'[' {
                return Err(self.error("field has no valid argument", "a text or a number in []"));
            }
            if !self.take("]") {
                return Err(self.error("argument is not closed", "']'"));
            }
            argument = Some(inner);
        }
        Ok(OperandKind::Field { name, argument })
    }

    fn transformer(&mut self) -> Option<&'static TransformInfo> {
        let rest = &self.bytes[self.at..];
        let info = transform::ALL.iter().find(|info| {
            rest.starts_with(info.name.as_bytes()) && rest.get(info.name.len()) == Some(&b'(')
        })?;
        self.at += info.name.len() + 1;
        Some(info)
    }

    fn transformed(&mut self, at: usize, info: &TransformInfo) -> Parsed<Operand> {
        self.deeper(|this| {
            this.blank();
            let arguments = match info.shape {
                Shape::Field => vec![this.only_field()?],
                Shape::Operand => vec![this.inner("a field or a transformer")?],
                Shape::SeparatorAndList => this.separator_and_list()?,
                Shape::Operands => this.operands()?,
            };
            this.blank();
            if !this.take(")") {
                let message = format!("{}( is not closed", info.name);
                return Err(this.error(&message, "')'"));
            }
            Ok(Operand {
                at,
                kind: OperandKind::Transform {
                    transform: info.transform,
                    arguments,
                },
            })
        })
    }

    fn only_field(&mut self) -> Parsed<Operand> {
        let at = self.at;
        match self.field_name() {
            Some(name) => Ok(Operand {
                at,
                kind: self.field(name)?,
            }),
            None => Err(self.error("val() takes a field", "a field")),
        }
    }

    fn inner(&mut self, expected: &str) -> Parsed<Operand> {
        self.blank();
        match self.operand()? {
            Some(operand) => Ok(operand),
            None => Err(self.error(&format!("unexpected '{}'", self.shown()), expected)),
        }
    }

    /// A field, a transformer, a quoted text or a number.
    fn inner_or_literal(&mut self) -> Parsed<Operand> {
        self.blank();
        let at = self.at;
        let literal = match self.quoted()? {
            Some(literal) => Some(literal.bytes),
            None => self.number().map(<[u8]>::to_vec),
        };
        match literal {
            Some(bytes) => Ok(Operand {
                at,
                kind: OperandKind::Literal(bytes),
            }),
            None => self.inner("a field, a transformer, a quoted text or a number"),
        }
    }

    fn separator_and_list(&mut self) -> Parsed<Vec<Operand>> {
        let mut all = vec![self.inner_or_literal()?];
        self.blank();
        if !self.take(",") {
            return Err(self.error("join() has no list", "','"));
        }
        self.blank();
        if !self.take("(") {
            return Err(self.error("join() has no list", "'('"));
        }
        self.blank();
        if !self.take(")") {
            all.extend(self.operands()?);
            self.blank();
            if !self.take(")") {
                return Err(self.error("list is not closed", "',' or ')'"));
            }
        }
        Ok(all)
    }

    fn operands(&mut self) -> Parsed<Vec<Operand>> {
        let mut all = vec![self.inner_or_literal()?];
        self.blank();
        while self.take(",") {
            all.push(self.inner_or_literal()?);
            self.blank();
        }
        Ok(all)
    }

    fn comparison(&mut self, left: Operand) -> Parsed<ExprKind> {
        self.blank();
        let Some(info) = self.operator() else {
            let names: Vec<_> = operator::ALL.iter().map(|info| info.name).collect();
            let message = format!("no operator at '{}'", self.shown());
            return Err(self.error(&message, &format!("one of {}", names.join(" "))));
        };
        let mut modifier = None;
        let right = match info.right {
            Right::Nothing => return Ok(ExprKind::Exists(left)),
            Right::Number => self.number_value()?,
            Right::List => self.list_value()?,
            Right::Text => {
                let blank = self.blank();
                match self.modifier(blank) {
                    Some(found) => {
                        modifier = Some(found);
                        self.list_value()?
                    }
                    None => self.text_value()?,
                }
            }
        };
        Ok(ExprKind::Check {
            left,
            operator: info.operator,
            modifier,
            right,
        })
    }

    fn operator(&mut self) -> Option<&'static OperatorInfo> {
        let rest = &self.bytes[self.at..];
        let info = operator::ALL.iter().find(|info| {
            let after = rest.get(info.name.len());
            rest.starts_with(info.name.as_bytes())
                && (!info.word || after.is_some_and(|b| is_blank(*b)))
        })?;
        self.at += info.name.len();
        Some(info)
    }

    /// `oneof` and its like are modifiers before a list only; else they are a text.
    fn modifier(&mut self, after_blank: bool) -> Option<Modifier> {
        if !after_blank {
            return None;
        }
        let start = self.at;
        for (modifier, word) in MODIFIERS {
            if self.word(word) {
                self.blank();
                let list = self.at;
                let named = match self.identifier() {
                    Some(name) => name != "and" && name != "or",
                    None => self.peek() == Some(b'('),
                };
                self.at = if named { list } else { start };
                return named.then_some(*modifier);
            }
        }
        None
    }

    fn right_operand(&mut self) -> Parsed<Option<Values>> {
        let at = self.at;
        match self.transformer() {
            Some(info) => Ok(Some(Values::Operand(self.transformed(at, info)?))),
            None => Ok(None),
        }
    }

    fn number_value(&mut self) -> Parsed<Values> {
        self.blank();
        if let Some(operand) = self.right_operand()? {
            return Ok(operand);
        }
        let at = self.at;
        match self.number() {
            Some(bytes) => Ok(Values::One(Literal {
                at,
                bytes: bytes.to_vec(),
                quoted: false,
            })),
            None => Err(self.error("no number here", "a number or a transformer")),
        }
    }

    /// `0x…`, or digits with sign, fraction and exponent.
    fn number(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let rest = &self.bytes[start..];
        if rest.len() > 2
            && rest[0] == b'0'
            && matches!(rest[1], b'x' | b'X')
            && rest[2].is_ascii_alphanumeric()
        {
            self.at += 2;
            self.take_while(|b| b.is_ascii_alphanumeric());
            return Some(&self.bytes[start..self.at]);
        }
        if matches!(self.peek(), Some(b'+' | b'-')) {
            self.at += 1;
        }
        if self.take_while(|b| b.is_ascii_digit()).is_empty() {
            self.at = start;
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.take_while(|b| b.is_ascii_digit());
        }
        let exponent = self.at;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            let signed = matches!(self.peek(), Some(b'+' | b'-'));
            self.at += usize::from(signed);
            if !signed || self.take_while(|b| b.is_ascii_digit()).is_empty() {
                self.at = exponent;
            }
        }
        Some(&self.bytes[start..self.at])
    }

    fn text_value(&mut self) -> Parsed<Values> {
        self.blank();
        if let Some(operand) = self.right_operand()? {
            return Ok(operand);
        }
        match self.literal()? {
            Some(literal) => Ok(Values::One(literal)),
            None => Err(self.error("no value here", "a text or a transformer")),
        }
    }

    fn list_value(&mut self) -> Parsed<Values> {
        self.blank();
        if self.take("(") {
            return self.list_rest().map(Values::List);
        }
        if let Some(operand) = self.right_operand()? {
            return Ok(operand);
        }
        let at = self.at;
        match self.identifier() {
            Some(name) => Ok(Values::Named(Literal {
                at,
                bytes: name.into_bytes(),
                quoted: false,
            })),
            None => Err(self.error("no list here", "'(', the name of a list, or a transformer")),
        }
    }

    fn list_rest(&mut self) -> Parsed<Vec<Literal>> {
        let mut all = Vec::new();
        self.blank();
        if let Some(first) = self.literal()? {
            all.push(first);
            self.blank();
            while self.take(",") {
                self.blank();
                match self.literal()? {
                    Some(next) => all.push(next),
                    None => return Err(self.error("no value after ','", "a text")),
                }
                self.blank();
            }
        }
        match self.take(")") {
            true => Ok(all),
            false => Err(self.error("list is not closed", "',' or ')'")),
        }
    }

    fn literal(&mut self) -> Parsed<Option<Literal>> {
        if let Some(quoted) = self.quoted()? {
            return Ok(Some(quoted));
        }
        let at = self.at;
        let bytes = self.take_while(is_bare);
        Ok((!bytes.is_empty()).then(|| Literal {
            at,
            bytes: bytes.to_vec(),
            quoted: false,
        }))
    }

    /// A text in quotes. A quote that follows a backslash does not end it, even if the backslash
    /// is itself escaped: so does Falco read it, and rules rely on it.
    fn quoted(&mut self) -> Parsed<Option<Literal>> {
        let start = self.at;
        let Some(delimiter @ (b'"' | b'\'')) = self.peek() else {
            return Ok(None);
        };
        let mut end = start + 1;
        loop {
            match self.bytes.get(end) {
                None => return Err(self.error("text is not closed", "its closing quote")),
                Some(b) if *b == delimiter && self.bytes[end - 1] != b'\\' => break,
                Some(_) => end += 1,
            }
        }
        let bytes = self.unescaped(start + 1, end, delimiter)?;
        self.at = end + 1;
        Ok(Some(Literal {
            at: start,
            bytes,
            quoted: true,
        }))
    }

    fn unescaped(&mut self, start: usize, end: usize, delimiter: u8) -> Parsed<Vec<u8>> {
        let inner = &self.bytes[start..end];
        let mut text = Vec::with_capacity(inner.len());
        let mut rest = inner.iter().enumerate();
        while let Some((at, byte)) = rest.next() {
            if *byte != b'\\' {
                text.push(*byte);
                continue;
            }
            let escape = rest.next().map(|(_, b)| *b);
            text.push(match escape {
                Some(b'b') => b'\x08',
                Some(b'f') => b'\x0c',
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b' ' | b'\\') => b'\\',
                Some(b'/') => b'/',
                Some(b'x') => {
                    let digits = inner.get(at + 2..at + 4).and_then(hex_byte);
                    rest.nth(1);
                    match digits {
                        Some(byte) => byte,
                        None => return Err(self.escape_error(start + at, "two hex digits")),
                    }
                }
                Some(quote @ (b'"' | b'\'')) if quote == delimiter => quote,
                _ => {
                    return Err(self.escape_error(
                        start + at,
                        r"one of \b \f \n \r \t \\ \/ \xHH or the text's own quote",
                    ));
                }
            });
        }
        Ok(text)
    }

    fn escape_error(&mut self, at: usize, expected: &str) -> ParseError {
        self.at = at;
        self.error("wrong escape in a text", expected)
    }
}

pub(crate) fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    (digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit))
        .then(|| u8::from_str_radix(text, 16).ok())
        .flatten()
}

impl Expr {
    /// Names of the macros it uses.
    pub fn macros(&self, found: &mut Vec<String>) {
        match &self.kind {
            ExprKind::And(all) | ExprKind::Or(all) => {
                all.iter().for_each(|expr| expr.macros(found));
            }
            ExprKind::Not(inner) => inner.macros(found),
            ExprKind::Macro(name) => found.push(name.clone()),
            ExprKind::Exists(_) | ExprKind::Check { .. } => {}
        }
    }
}

/// Whether a word may be the name of a macro: others cannot be written in a condition.
#[must_use]
pub fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The operator of a name, as exceptions write it.
#[must_use]
pub fn operator_named(name: &str) -> Option<Operator> {
    operator::ALL
        .iter()
        .find(|info| info.name == name)
        .map(|info| info.operator)
}
