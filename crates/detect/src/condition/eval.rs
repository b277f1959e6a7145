//! Evaluation: one walk of what is left of the rules for the event's type.
//!
//! No part has an effect, nothing is allocated once [`State`] is warm, and a node that several
//! rules share is computed once an event.

use super::{
    check::{Check, IntCheck, MISSING, compare},
    program::{NodeId, NodeKind, Program, SourceInfo, Test, TestKind, counted},
    source::{Pool, Source, values, write},
};
use crate::field::{Arity, Event, Value, extract};

/// What evaluation remembers within an event, and the buffers it uses again. One a thread.
#[derive(Debug, Default)]
pub struct State {
    /// The event's number here: what has another is of an earlier event.
    turn: u32,
    memo: Vec<(u32, bool)>,
    symbols: Vec<(u32, u32)>,
    many: Vec<(u32, Vec<u32>)>,
    pool: Pool,
    scratch: Vec<u8>,
}

impl State {
    pub(crate) fn new(program: &Program) -> Self {
        let mut state = Self::default();
        state.fit(program);
        state
    }

    fn fit(&mut self, program: &Program) {
        self.turn = 0;
        self.memo = vec![(0, false); program.nodes.len()];
        self.symbols = vec![(0, MISSING); program.sources.len()];
        self.many = vec![(0, Vec::new()); program.sources.len()];
    }

    fn next(&mut self, program: &Program) {
        let fits =
            self.memo.len() == program.nodes.len() && self.symbols.len() == program.sources.len();
        if !fits || self.turn == u32::MAX {
            self.fit(program);
        }
        self.turn += 1;
    }
}

impl Program {
    /// Calls `matched` with each rule that matches, in order, until it says stop.
    pub(crate) fn run(
        &self,
        event: &Event<'_>,
        state: &mut State,
        mut matched: impl FnMut(u32) -> bool,
    ) {
        let class = &self.classes[self.class_of[event.kind.index()] as usize];
        if class.rules.is_empty() {
            return;
        }
        state.next(self);
        for (rule, root) in &class.rules {
            if self.holds(*root, event, state) && matched(*rule) {
                return;
            }
        }
    }

    fn holds(&self, id: NodeId, event: &Event<'_>, state: &mut State) -> bool {
        let node = &self.nodes[id as usize];
        let shared = node.users > 1;
        if shared {
            let (turn, known) = state.memo[id as usize];
            if turn == state.turn {
                return known;
            }
        }
        let truth = match &node.kind {
            NodeKind::Constant(truth) => *truth,
            NodeKind::And(all) => all.iter().all(|id| self.holds(*id, event, state)),
            NodeKind::Or(all) => all.iter().any(|id| self.holds(*id, event, state)),
            NodeKind::Not(inner) => !self.holds(*inner, event, state),
            NodeKind::Test(test) => self.test_holds(&self.tests[*test as usize], event, state),
        };
        if shared {
            state.memo[id as usize] = (state.turn, truth);
        }
        truth
    }

    fn test_holds(&self, test: &Test, event: &Event<'_>, state: &mut State) -> bool {
        match &test.what {
            TestKind::Check(check) => self.check_holds(check, test.source, event, state),
            TestKind::Every(check) => self.several(
                check,
                &self.sources[test.source as usize],
                true,
                event,
                state,
            ),
            TestKind::Counted(modifier, all) => {
                let held = all
                    .iter()
                    .filter(|check| self.check_holds(check, test.source, event, state))
                    .count();
                counted(*modifier, held, all.len())
            }
            TestKind::Compare(operator, right) => {
                let left = &self.sources[test.source as usize];
                let right = &self.sources[*right as usize];
                let State { pool, .. } = state;
                let mut text = pool.take();
                let mut truth = false;
                values(&left.source, event, pool, &mut |left, pool| {
                    text.clear();
                    let kept = keep(left, &mut text);
                    values(&right.source, event, pool, &mut |right, _| {
                        truth = compare(*operator, kept.of(&text), right);
                        truth
                    });
                    truth
                });
                pool.give(text);
                truth
            }
        }
    }

    fn check_holds(&self, check: &Check, id: u32, event: &Event<'_>, state: &mut State) -> bool {
        let info = &self.sources[id as usize];
        if info.symbol {
            let symbolic = matches!(check, Check::Symbols(_) | Check::NotSymbol(_));
            if symbolic {
                let symbol = self.symbol(id, info, event, state);
                return check.by_symbol(symbol).unwrap_or(false);
            }
        } else if info.symbols && matches!(check, Check::Symbols(_) | Check::NotSymbol(_)) {
            self.fill(id, info, event, state);
            let (_, all) = &state.many[id as usize];
            return all
                .iter()
                .any(|symbol| check.by_symbol(*symbol) == Some(true));
        }
        match (&info.source, info.arity) {
            // The usual case: one field, one value.
            (Source::Field(field), Arity::One) => check.holds(
                extract::value(event, field, &mut state.scratch),
                &self.symbols,
            ),
            _ => self.several(check, info, differs(check, info.arity), event, state),
        }
    }

    fn several(
        &self,
        check: &Check,
        info: &SourceInfo,
        every: bool,
        event: &Event<'_>,
        state: &mut State,
    ) -> bool {
        let (mut any, mut all) = (false, true);
        values(&info.source, event, &mut state.pool, &mut |value, _| {
            let held = check.holds(value, &self.symbols);
            any |= held;
            all &= held;
            if every { !held } else { held }
        });
        match every {
            true => any && all,
            false => any,
        }
    }

    /// The number of a plain field's text, looked up once an event.
    fn symbol(&self, id: u32, info: &SourceInfo, event: &Event<'_>, state: &mut State) -> u32 {
        let (turn, known) = state.symbols[id as usize];
        if turn == state.turn {
            return known;
        }
        let mut found = MISSING;
        if let Source::Field(field) = &info.source {
            found = match extract::value(event, field, &mut state.scratch) {
                Value::Missing => MISSING,
                Value::Text(text) => self.symbols.find(text),
                other => {
                    let mut text = state.pool.take();
                    text.clear();
                    write(other, &mut text);
                    let found = self.symbols.find(&text);
                    state.pool.give(text);
                    found
                }
            };
        }
        state.symbols[id as usize] = (state.turn, found);
        found
    }

    fn fill(&self, id: u32, info: &SourceInfo, event: &Event<'_>, state: &mut State) {
        let turn = state.turn;
        let (known, all) = &mut state.many[id as usize];
        if *known == turn {
            return;
        }
        *known = turn;
        all.clear();
        let State { many, pool, .. } = state;
        let all = &mut many[id as usize].1;
        values(&info.source, event, pool, &mut |value, _| {
            if let Value::Text(text) = value {
                all.push(self.symbols.find(text));
            }
            false
        });
    }
}

/// `fd.ip != a` means that neither end is: one that differs is not enough.
fn differs(check: &Check, arity: Arity) -> bool {
    let negated = matches!(
        check,
        Check::Net { negated: true, .. } | Check::NotSymbol(_) | Check::Int(IntCheck::NotEqual(_))
    );
    arity == Arity::Ends && negated
}

/// A value without its borrow: text is in a buffer.
enum Kept {
    Text,
    Other(Value<'static>),
}

fn keep(value: Value<'_>, text: &mut Vec<u8>) -> Kept {
    match value {
        Value::Text(bytes) => {
            text.extend_from_slice(bytes);
            Kept::Text
        }
        Value::Int(number) => Kept::Other(Value::Int(number)),
        Value::Bool(truth) => Kept::Other(Value::Bool(truth)),
        Value::Ip(ip) => Kept::Other(Value::Ip(ip)),
        Value::Missing => Kept::Other(Value::Missing),
    }
}

impl Kept {
    fn of<'v>(&self, text: &'v [u8]) -> Value<'v> {
        match self {
            Self::Text => Value::Text(text),
            Self::Other(value) => *value,
        }
    }
}
