//! From written conditions to the graph: macros become shared nodes, lists their members.
//!
//! Limits: 100,000 members of a list with all lists in it, macros nested 100 deep, a graph 400
//! deep, 500 regular expressions. A macro that uses itself is an error.

use super::{
    ast::{Expr, ExprKind, Literal, Operand, Values},
    check::Check,
    operator::{Modifier, Operator},
    parser::{self, ParseError},
    program::{MAX_GRAPH_DEPTH, NodeId, Program, Test, TestKey, TestKind},
    source::{Source, SourceError},
};
use crate::{
    diagnostic::{Code, Severity},
    field::{Arity, EventType, Field, Kind, event_type, table::distance},
    yaml::{
        item::{At, Entry, EntryKind, Exception, Text},
        load::Collection,
    },
};
use rustc_hash::FxHashMap;
use std::rc::Rc;

const MAX_LIST: usize = 100_000;
const MAX_MACRO_DEPTH: usize = 100;
const MAX_REGEXES: usize = 500;
/// So many texts searched in one field are searched at once.
const MANY_TEXTS: usize = 4;

/// Why a rule is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It was told why.
    Error,
    /// It has a field nobody knows.
    UnknownField,
}

type Compiled<T> = Result<T, Refused>;

enum MacroState {
    Open,
    Done(Compiled<NodeId>),
}

pub(crate) struct Compiler<'a> {
    pub(crate) program: Program,
    collection: &'a mut Collection,
    macros: FxHashMap<String, MacroState>,
    lists: FxHashMap<String, Rc<[Literal]>>,
    /// Expressions that are open, through all macros.
    depth: u32,
    regexes: usize,
}

/// The text being compiled, for places in messages.
struct Context<'t> {
    item: &'t str,
    text: &'t Text,
    /// Unknown fields are no errors here.
    lenient: bool,
    depth: usize,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(collection: &'a mut Collection) -> Self {
        Self {
            program: Program::default(),
            collection,
            macros: FxHashMap::default(),
            lists: FxHashMap::default(),
            depth: 0,
            regexes: 0,
        }
    }

    pub(crate) fn collection(&mut self) -> &mut Collection {
        self.collection
    }

    /// Compiles the macros that no rule used, so that their errors are told too.
    pub(crate) fn rest_of_macros(&mut self) {
        let names: Vec<_> = self
            .collection
            .macros
            .iter()
            .map(|m| m.name.clone())
            .collect();
        for name in names {
            if !self.macros.contains_key(&name) {
                let _ = self.macro_node(&name, 0);
            }
        }
    }

    pub(crate) fn rule(&mut self, index: usize) -> Compiled<NodeId> {
        let rule = self.collection.rules[index].clone();
        let item = format!("rule {}", rule.name);
        let context = Context {
            item: &item,
            text: &rule.condition,
            lenient: rule.skip_unknown,
            depth: 0,
        };
        let node = self.text(&context)?;
        let exceptions = self.exceptions(index, &context)?;
        let node = match exceptions {
            Some(exceptions) => {
                let not = self.program.not(exceptions);
                self.program.all(vec![node, not])
            }
            None => node,
        };
        if self.program.nodes[node as usize].depth > MAX_GRAPH_DEPTH {
            return Err(self.refuse(&context, 0, Code::Limit, "macros are nested too deeply", ""));
        }
        Ok(node)
    }

    fn text(&mut self, context: &Context<'_>) -> Compiled<NodeId> {
        match parser::parse(context.text.as_str()) {
            Ok(expr) => self.expr(&expr, context),
            Err(ParseError {
                at,
                message,
                expected,
            }) => Err(self.refuse(context, at, Code::CompileCondition, &message, &expected)),
        }
    }

    fn refuse(
        &mut self,
        context: &Context<'_>,
        offset: usize,
        code: Code,
        message: &str,
        expected: &str,
    ) -> Refused {
        let report = &mut self.collection.report;
        let place = report.place_in(context.text, offset);
        report.add(
            Severity::Error,
            code,
            place,
            context.item,
            message,
            expected,
        );
        Refused::Error
    }

    fn warn(
        &mut self,
        context: &Context<'_>,
        offset: usize,
        code: Code,
        message: &str,
        expected: &str,
    ) {
        let report = &mut self.collection.report;
        let place = report.place_in(context.text, offset);
        report.add(
            Severity::Warning,
            code,
            place,
            context.item,
            message,
            expected,
        );
    }

    fn expr(&mut self, expr: &Expr, context: &Context<'_>) -> Compiled<NodeId> {
        if self.depth >= MAX_GRAPH_DEPTH {
            let message = "condition with its macros is nested too deeply";
            let expected = "at most 400 levels";
            return Err(self.refuse(context, expr.at, Code::Limit, message, expected));
        }
        self.depth += 1;
        let node = self.deeper(expr, context);
        self.depth -= 1;
        node
    }

    fn deeper(&mut self, expr: &Expr, context: &Context<'_>) -> Compiled<NodeId> {
        match &expr.kind {
            ExprKind::And(all) => {
                let all = self.exprs(all.iter(), context)?;
                Ok(self.program.all(all))
            }
            ExprKind::Or(all) => self.or(all, context),
            ExprKind::Not(inner) => {
                let inner = self.expr(inner, context)?;
                Ok(self.program.not(inner))
            }
            ExprKind::Macro(name) => {
                if !self.collection.macro_ids.contains_key(name) {
                    let message = format!("no macro '{name}'");
                    let expected = "a macro that is defined, or a comparison";
                    let code = Code::CompileCondition;
                    return Err(self.refuse(context, expr.at, code, &message, expected));
                }
                match self.macro_node(name, context.depth + 1) {
                    Err(Refused::UnknownField) if !context.lenient => {
                        let message = format!("macro '{name}' has an unknown field");
                        let code = Code::CompileCondition;
                        Err(self.refuse(context, expr.at, code, &message, "fields that are known"))
                    }
                    Err(Refused::Error) => {
                        let message = format!("macro '{name}' has an error");
                        let code = Code::CompileCondition;
                        Err(self.refuse(context, expr.at, code, &message, "a macro without"))
                    }
                    other => other,
                }
            }
            ExprKind::Exists(operand) => self.check(
                expr.at,
                operand,
                Operator::Exists,
                None,
                &Values::List(Vec::new()),
                context,
            ),
            ExprKind::Check {
                left,
                operator,
                modifier,
                right,
            } => self.check(expr.at, left, *operator, *modifier, right, context),
        }
    }

    fn exprs<'e>(
        &mut self,
        all: impl Iterator<Item = &'e Expr>,
        context: &Context<'_>,
    ) -> Compiled<Vec<NodeId>> {
        all.map(|expr| self.expr(expr, context)).collect()
    }

    /// Many `f contains …` of one field are searched together.
    fn or(&mut self, all: &[Expr], context: &Context<'_>) -> Compiled<NodeId> {
        let mut groups: Vec<(&Operand, Vec<Literal>)> = Vec::new();
        for expr in all {
            if let Some((left, literal)) = searched(expr) {
                match groups.iter_mut().find(|(known, _)| known.kind == left.kind) {
                    Some((_, literals)) => literals.push(literal.clone()),
                    None => groups.push((left, vec![literal.clone()])),
                }
            }
        }
        groups.retain(|(_, literals)| literals.len() >= MANY_TEXTS);
        let grouped = |expr: &&Expr| {
            searched(expr)
                .is_some_and(|(left, _)| groups.iter().any(|(known, _)| known.kind == left.kind))
        };
        let mut nodes = self.exprs(all.iter().filter(|expr| !grouped(expr)), context)?;
        for (left, literals) in &groups {
            let (any, values) = (Some(Modifier::AnyOf), Values::List(literals.clone()));
            nodes.push(self.check(left.at, left, Operator::Contains, any, &values, context)?);
        }
        Ok(self.program.any(nodes))
    }

    fn macro_node(&mut self, name: &str, depth: usize) -> Compiled<NodeId> {
        match self.macros.get(name) {
            Some(MacroState::Done(node)) => return *node,
            Some(MacroState::Open) => return self.macro_loop(name, "uses itself"),
            None if depth > MAX_MACRO_DEPTH => {
                return self.macro_loop(name, "is nested more than 100 macros deep");
            }
            None => {}
        }
        let item = &self.collection.macros[self.collection.macro_ids[name]];
        let (text, title) = (item.condition.clone(), format!("macro {name}"));
        self.macros.insert(name.to_owned(), MacroState::Open);
        let context = Context {
            item: &title,
            text: &text,
            lenient: true,
            depth,
        };
        let node = self.text(&context);
        self.macros.insert(name.to_owned(), MacroState::Done(node));
        node
    }

    fn macro_loop(&mut self, name: &str, what: &str) -> Compiled<NodeId> {
        let at = self.collection.macros[self.collection.macro_ids[name]].at;
        let title = format!("macro {name}");
        self.collection
            .report
            .error(Code::CompileCondition, at, &title, what, "macros that end");
        Err(Refused::Error)
    }

    fn source(&mut self, operand: &Operand, context: &Context<'_>) -> Compiled<u32> {
        match Source::resolve(operand) {
            Ok(source) => Ok(self.program.source(source)),
            Err(SourceError {
                unknown_field: true,
                ..
            }) if context.lenient && context.item.starts_with("rule ") => {
                Err(Refused::UnknownField)
            }
            Err(SourceError {
                at,
                message,
                unknown_field,
            }) => {
                if unknown_field && context.lenient {
                    self.warn(
                        context,
                        at,
                        Code::UnknownFilter,
                        &message,
                        "a field of the list",
                    );
                    return Err(Refused::UnknownField);
                }
                let code = Code::CompileCondition;
                Err(self.refuse(
                    context,
                    at,
                    code,
                    &message,
                    "a field of 'rampart rules fields'",
                ))
            }
        }
    }

    fn check(
        &mut self,
        at: usize,
        left: &Operand,
        operator: Operator,
        modifier: Option<Modifier>,
        right: &Values,
        context: &Context<'_>,
    ) -> Compiled<NodeId> {
        let source = self.source(left, context)?;
        let literals = match right {
            Values::Operand(operand) => {
                let other = self.source(operand, context)?;
                return self.comparison(at, source, operator, other, context);
            }
            Values::One(literal) => vec![literal.clone()],
            Values::List(list) => self.expanded(list, context)?,
            Values::Named(name) => self.expanded(std::slice::from_ref(name), context)?,
        };
        self.hints(source, operator, &literals, context, at);
        let key = TestKey {
            source,
            operator,
            modifier,
            literals: literals.iter().map(|l| l.bytes.clone()).collect(),
            right: None,
        };
        if let Some(known) = self.program.test_ids.get(&key) {
            let known = *known;
            return Ok(self.program.test(known));
        }
        let what = self.test(source, operator, modifier, &literals);
        match what {
            Ok(what) => Ok(self.new_test(key, Test { source, what })),
            Err(wrong) => {
                let code = Code::CompileCondition;
                Err(self.refuse(context, at, code, &wrong.message, &wrong.expected))
            }
        }
    }

    fn new_test(&mut self, key: TestKey, test: Test) -> NodeId {
        let id = u32::try_from(self.program.tests.len()).unwrap_or(u32::MAX);
        self.program.tests.push(test);
        self.program.test_ids.insert(key, id);
        self.program.test(id)
    }

    fn test(
        &mut self,
        source: u32,
        operator: Operator,
        modifier: Option<Modifier>,
        literals: &[Literal],
    ) -> Result<TestKind, super::check::CheckError> {
        if operator == Operator::Regex {
            self.regexes += literals.len();
            if self.regexes > MAX_REGEXES {
                return Err(super::check::CheckError {
                    message: "too many regular expressions".to_owned(),
                    expected: "at most 500 in all rules".to_owned(),
                });
            }
        }
        let info = &self.program.sources[source as usize];
        let (kind, arity) = (info.source.kind(), info.arity);
        let what = describe(&info.source);
        let symbols = &mut self.program.symbols;
        let Some(modifier) = modifier else {
            let check = Check::new(kind, arity, operator, literals, &what, symbols)?;
            return Ok(match (arity, operator) {
                (Arity::List, Operator::In) => TestKind::Every(check),
                _ => TestKind::Check(check),
            });
        };
        let together = operator == Operator::Contains
            && modifier == Modifier::AnyOf
            && kind == Kind::Text
            && literals.len() >= MANY_TEXTS;
        if together {
            let needles: Vec<_> = literals.iter().map(|l| l.bytes.as_slice()).collect();
            let automaton = super::check::automaton(&needles, false)?;
            return Ok(TestKind::Check(Check::Text(
                super::check::TextCheck::ContainsAny(automaton),
            )));
        }
        let mut checks = Vec::with_capacity(literals.len());
        for literal in literals {
            let one = std::slice::from_ref(literal);
            checks.push(Check::new(kind, arity, operator, one, &what, symbols)?);
        }
        Ok(TestKind::Counted(modifier, checks))
    }

    fn comparison(
        &mut self,
        at: usize,
        left: u32,
        operator: Operator,
        right: u32,
        context: &Context<'_>,
    ) -> Compiled<NodeId> {
        let kind = |id: u32| self.program.sources[id as usize].source.kind();
        let (a, b) = (kind(left), kind(right));
        let same = a == b || a == Kind::Dynamic || b == Kind::Dynamic;
        let possible = same && operator != Operator::Regex;
        if !possible {
            let message = match same {
                true => format!("'{}' needs a text on its right", operator.name()),
                false => format!("compares a {} with a {}", a.name(), b.name()),
            };
            let code = Code::CompileCondition;
            return Err(self.refuse(context, at, code, &message, "values of one kind"));
        }
        let key = TestKey {
            source: left,
            operator,
            modifier: None,
            literals: Vec::new(),
            right: Some(right),
        };
        let what = TestKind::Compare(operator, right);
        match self.program.test_ids.get(&key) {
            Some(known) => {
                let known = *known;
                Ok(self.program.test(known))
            }
            None => Ok(self.new_test(key, Test { source: left, what })),
        }
    }

    /// Names of lists among the literals become the lists' members.
    fn expanded(&mut self, literals: &[Literal], context: &Context<'_>) -> Compiled<Vec<Literal>> {
        let mut all = Vec::with_capacity(literals.len());
        for literal in literals {
            match self.list_named(literal) {
                Some(name) => match self.list(&name, 0) {
                    Ok(members) => all.extend(members.iter().cloned()),
                    Err((code, message)) => {
                        let expected = "lists that end, of at most 100000 members";
                        return Err(self.refuse(context, literal.at, code, &message, expected));
                    }
                },
                None => all.push(literal.clone()),
            }
        }
        Ok(all)
    }

    fn list_named(&self, literal: &Literal) -> Option<String> {
        if literal.quoted {
            return None;
        }
        let name = std::str::from_utf8(&literal.bytes).ok()?;
        self.collection
            .list_ids
            .contains_key(name)
            .then(|| name.to_owned())
    }

    fn list(&mut self, name: &str, depth: usize) -> Result<Rc<[Literal]>, (Code, String)> {
        if let Some(known) = self.lists.get(name) {
            return Ok(known.clone());
        }
        if depth > MAX_MACRO_DEPTH {
            let message = format!("list '{name}' is in itself, or 100 lists deep");
            return Err((Code::CompileCondition, message));
        }
        let items = self.collection.lists[self.collection.list_ids[name]]
            .items
            .clone();
        let mut all = Vec::with_capacity(items.len());
        for item in &items {
            let literal = parser::parse_item(item).map_err(|wrong| {
                let message = format!("list '{name}': {wrong} in {item}");
                (Code::CompileCondition, message)
            })?;
            match self.list_named(&literal) {
                Some(inner) => all.extend(self.list(&inner, depth + 1)?.iter().cloned()),
                None => all.push(literal),
            }
            if all.len() > MAX_LIST {
                return Err((Code::Limit, format!("list '{name}' has too many members")));
            }
        }
        let all: Rc<[Literal]> = all.into();
        self.lists.insert(name.to_owned(), all.clone());
        Ok(all)
    }

    /// What is allowed, and probably not meant.
    fn hints(
        &mut self,
        source: u32,
        operator: Operator,
        literals: &[Literal],
        context: &Context<'_>,
        at: usize,
    ) {
        let equality = matches!(
            operator,
            Operator::Equal | Operator::NotEqual | Operator::In
        );
        let of_type = matches!(&self.program.sources[source as usize].source,
            Source::Field(field) if field.field == Field::EvtType);
        for literal in literals.iter().filter(|_| equality) {
            let text = String::from_utf8_lossy(&literal.bytes).into_owned();
            if of_type && EventType::named(&text) == EventType::OTHER {
                let near = event_type::ALL
                    .iter()
                    .map(|known| (distance(known.as_bytes(), text.as_bytes()), *known))
                    .min()
                    .filter(|(distance, _)| text.len() < 64 && *distance <= 2)
                    .map(|(_, known)| format!(": did you mean '{known}'?"))
                    .unwrap_or_default();
                let message = format!("unknown event type '{text}'{near}");
                self.warn(
                    context,
                    at,
                    Code::UnknownEventType,
                    &message,
                    "a system call",
                );
            }
            if operator != Operator::In && literal.bytes == b"<NA>" {
                let message = "a missing field is not '<NA>': the comparison never holds";
                self.warn(
                    context,
                    at,
                    Code::UnsafeNaCheck,
                    message,
                    "'exists' or 'not … exists'",
                );
            }
        }
    }

    /// All exceptions of a rule as one node.
    fn exceptions(&mut self, rule: usize, context: &Context<'_>) -> Compiled<Option<NodeId>> {
        let exceptions = self.collection.exceptions(rule).to_vec();
        let mut nodes = Vec::new();
        for exception in &exceptions {
            if exception.single {
                nodes.extend(self.single(exception, context)?);
                continue;
            }
            for row in &exception.values {
                nodes.push(self.row(exception, row, context)?);
            }
        }
        Ok((!nodes.is_empty()).then(|| self.program.any(nodes)))
    }

    fn single(&mut self, exception: &Exception, context: &Context<'_>) -> Compiled<Vec<NodeId>> {
        let mut flat = Vec::new();
        exception
            .values
            .iter()
            .for_each(|entry| flatten(entry, &mut flat));
        if flat.is_empty() {
            return Ok(Vec::new());
        }
        let (field, comp) = (&exception.fields[0], &exception.comps[0]);
        let lists = takes_list(comp);
        if lists {
            return Ok(vec![self.cell(
                exception.at,
                field,
                comp,
                &flat,
                context,
            )?]);
        }
        flat.into_iter()
            .map(|text| self.cell(exception.at, field, comp, &[text], context))
            .collect()
    }

    fn row(
        &mut self,
        exception: &Exception,
        row: &Entry,
        context: &Context<'_>,
    ) -> Compiled<NodeId> {
        let cells = match &row.kind {
            EntryKind::List(cells) => cells.as_slice(),
            EntryKind::Text(_) => std::slice::from_ref(row),
        };
        let mut nodes = Vec::new();
        for ((field, comp), cell) in exception.fields.iter().zip(&exception.comps).zip(cells) {
            let mut texts = Vec::new();
            flatten(cell, &mut texts);
            if !takes_list(comp) && !matches!(cell.kind, EntryKind::Text(_)) {
                let message = format!("exception '{}' has a list for '{comp}'", exception.name);
                let report = &mut self.collection.report;
                report.error(Code::Validate, cell.at, context.item, message, "one value");
                return Err(Refused::Error);
            }
            nodes.push(self.cell(cell.at, field, comp, &texts, context)?);
        }
        Ok(self.program.all(nodes))
    }

    fn cell(
        &mut self,
        at: At,
        field: &str,
        comp: &str,
        texts: &[String],
        context: &Context<'_>,
    ) -> Compiled<NodeId> {
        // Errors in an exception are about its own place.
        let own = Text::new(at, field.to_owned());
        let context = Context {
            item: context.item,
            text: &own,
            lenient: context.lenient,
            depth: 0,
        };
        let mut literals = Vec::with_capacity(texts.len());
        for text in texts {
            match parser::parse_item(text) {
                Ok(literal) => literals.push(literal),
                Err(wrong) => {
                    let code = Code::CompileCondition;
                    return Err(self.refuse(&context, 0, code, &wrong.message, &wrong.expected));
                }
            }
        }
        let operand = match parser::parse_operand(field) {
            Ok(operand) => operand,
            Err(wrong) => {
                let code = Code::CompileCondition;
                return Err(self.refuse(&context, 0, code, &wrong.message, &wrong.expected));
            }
        };
        let operator = parser::operator_named(comp).unwrap_or(Operator::Equal);
        let values = match takes_list(comp) {
            true => Values::List(literals),
            false => match literals.pop() {
                Some(literal) => Values::One(literal),
                None => Values::List(Vec::new()),
            },
        };
        self.check(0, &operand, operator, None, &values, &context)
    }
}

/// `f contains text`, plainly.
fn searched(expr: &Expr) -> Option<(&Operand, &Literal)> {
    match &expr.kind {
        ExprKind::Check {
            left,
            operator: Operator::Contains,
            modifier: None,
            right: Values::One(literal),
        } if !literal.bytes.is_empty() => Some((left, literal)),
        _ => None,
    }
}

fn takes_list(comp: &str) -> bool {
    matches!(comp, "in" | "intersects" | "pmatch")
}

fn flatten(entry: &Entry, texts: &mut Vec<String>) {
    match &entry.kind {
        EntryKind::Text(text) => texts.push(text.clone()),
        EntryKind::List(all) => all.iter().for_each(|entry| flatten(entry, texts)),
    }
}

fn describe(source: &Source) -> String {
    match source {
        Source::Field(field) => field.to_string(),
        Source::Literal(_) => "a text".to_owned(),
        Source::Transform(transform, _) => format!("{}(…)", transform.name()),
    }
}
