//! Conditions as one graph without repetition, and what is left of it for each type of event.
//!
//! Equal parts of all rules are one node, so a macro that forty rules use is evaluated once an
//! event. For each type of event the comparisons of `evt.type` are decided beforehand: rules that
//! cannot match it are not looked at, and the others have only the rest of their condition left.

use super::{
    check::{Check, Symbols},
    operator::{Modifier, Operator},
    source::Source,
};
use crate::field::{Arity, EventType, Field, event_type};
use rustc_hash::FxHashMap;

pub(crate) type NodeId = u32;

/// The deepest graph: evaluation recurses as deep.
pub(crate) const MAX_GRAPH_DEPTH: u32 = 400;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NodeKind {
    Constant(bool),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    Test(u32),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) depth: u32,
    /// Whether `evt.type` occurs in it.
    typed: bool,
    pub(crate) users: u32,
}

/// One comparison.
#[derive(Debug)]
pub(crate) struct Test {
    /// Into [`Program::sources`].
    pub(crate) source: u32,
    pub(crate) what: TestKind,
}

#[derive(Debug)]
pub(crate) enum TestKind {
    Check(Check),
    /// Of a list: all its members satisfy it.
    Every(Check),
    /// Several comparisons, counted.
    Counted(Modifier, Vec<Check>),
    /// With another source.
    Compare(Operator, u32),
}

/// What makes two tests equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TestKey {
    pub(crate) source: u32,
    pub(crate) operator: Operator,
    pub(crate) modifier: Option<Modifier>,
    pub(crate) literals: Vec<Vec<u8>>,
    pub(crate) right: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct SourceInfo {
    pub(crate) source: Source,
    pub(crate) arity: Arity,
    /// A plain text field with one value: its symbol is kept for the event.
    pub(crate) symbol: bool,
    /// The same with any number of values.
    pub(crate) symbols: bool,
}

/// What is left of the rules for some types of event.
#[derive(Debug, Default)]
pub(crate) struct Class {
    pub(crate) rules: Vec<(u32, NodeId)>,
}

#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tests: Vec<Test>,
    pub(crate) sources: Vec<SourceInfo>,
    pub(crate) symbols: Symbols,
    pub(crate) classes: Vec<Class>,
    /// By type; the last is for types that are not in the table.
    pub(crate) class_of: Vec<u32>,
    node_ids: FxHashMap<NodeKind, NodeId>,
    pub(crate) test_ids: FxHashMap<TestKey, u32>,
    /// Of each test, once all is compiled.
    pub(crate) keys: Vec<TestKey>,
    source_ids: FxHashMap<Source, u32>,
}

impl Program {
    pub(crate) fn source(&mut self, source: Source) -> u32 {
        if let Some(known) = self.source_ids.get(&source) {
            return *known;
        }
        let id = index(self.sources.len());
        let arity = source.arity();
        let plain = matches!(&source, Source::Field(field)
            if matches!(field.field.info().kind, crate::field::Kind::Text));
        self.sources.push(SourceInfo {
            arity,
            symbol: plain && arity == Arity::One,
            symbols: plain && arity == Arity::Any,
            source: source.clone(),
        });
        self.source_ids.insert(source, id);
        id
    }

    pub(crate) fn constant(&mut self, truth: bool) -> NodeId {
        self.node(NodeKind::Constant(truth))
    }

    pub(crate) fn test(&mut self, id: u32) -> NodeId {
        self.node(NodeKind::Test(id))
    }

    pub(crate) fn not(&mut self, inner: NodeId) -> NodeId {
        match self.nodes[inner as usize].kind {
            NodeKind::Constant(truth) => self.constant(!truth),
            NodeKind::Not(twice) => twice,
            _ => self.node(NodeKind::Not(inner)),
        }
    }

    pub(crate) fn all(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.joined(parts, true)
    }

    pub(crate) fn any(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.joined(parts, false)
    }

    /// `and` (neutral: true) or `or` (neutral: false). No part has an effect, so their order is
    /// free: here one that makes equal nodes equal, and at the end the one that costs least.
    fn joined(&mut self, mut parts: Vec<NodeId>, neutral: bool) -> NodeId {
        let decided = NodeKind::Constant(!neutral);
        if parts
            .iter()
            .any(|id| self.nodes[*id as usize].kind == decided)
        {
            return self.constant(!neutral);
        }
        let skipped = NodeKind::Constant(neutral);
        parts.retain(|id| self.nodes[*id as usize].kind != skipped);
        let mut seen = rustc_hash::FxHashSet::default();
        parts.retain(|id| seen.insert(*id));
        parts.sort_unstable();
        match parts.as_slice() {
            [] => self.constant(neutral),
            [only] => *only,
            _ if neutral => self.node(NodeKind::And(parts.into())),
            _ => self.node(NodeKind::Or(parts.into())),
        }
    }

    fn node(&mut self, kind: NodeKind) -> NodeId {
        if let Some(known) = self.node_ids.get(&kind) {
            return *known;
        }
        let of = |id: &NodeId| &self.nodes[*id as usize];
        let (depth, typed) = match &kind {
            NodeKind::Constant(_) => (0, false),
            NodeKind::Test(id) => (0, self.is_static(*id)),
            NodeKind::Not(inner) => (of(inner).depth + 1, of(inner).typed),
            NodeKind::And(all) | NodeKind::Or(all) => (
                all.iter().map(|id| of(id).depth).max().unwrap_or(0) + 1,
                all.iter().any(|id| of(id).typed),
            ),
        };
        let id = index(self.nodes.len());
        self.nodes.push(Node {
            kind: kind.clone(),
            depth,
            typed,
            users: 0,
        });
        self.node_ids.insert(kind, id);
        id
    }

    /// Whether the type of the event alone decides the test.
    fn is_static(&self, id: u32) -> bool {
        let test = &self.tests[id as usize];
        let source = &self.sources[test.source as usize].source;
        let of_type = matches!(source, Source::Field(field)
            if matches!(field.field, Field::EvtType | Field::SyscallType));
        of_type && !matches!(test.what, TestKind::Compare(..))
    }

    fn decide(&self, test: u32, kind: &[u8]) -> bool {
        let value = crate::field::Value::Text(kind);
        match &self.tests[test as usize].what {
            TestKind::Check(check) | TestKind::Every(check) => check.holds(value, &self.symbols),
            TestKind::Counted(modifier, all) => {
                let held = all.iter().filter(|c| c.holds(value, &self.symbols)).count();
                counted(*modifier, held, all.len())
            }
            TestKind::Compare(..) => false,
        }
    }

    /// Builds the classes from the rules' conditions, in the order of the rules.
    pub(crate) fn finish(&mut self, roots: &[(u32, NodeId)]) {
        let statics: Vec<u32> = (0..index(self.tests.len()))
            .filter(|id| self.is_static(*id))
            .collect();
        let mut known: FxHashMap<Vec<bool>, u32> = FxHashMap::default();
        self.class_of = Vec::with_capacity(event_type::ALL.len() + 1);
        for kind in EventType::all() {
            let name = kind.name().as_bytes();
            let decided: Vec<bool> = statics.iter().map(|id| self.decide(*id, name)).collect();
            let class = match known.get(&decided) {
                Some(class) => *class,
                None => {
                    let class = self.specialise(roots, &statics, &decided);
                    let id = index(self.classes.len());
                    self.classes.push(class);
                    known.insert(decided, id);
                    id
                }
            };
            self.class_of.push(class);
        }
        self.class_of.push(index(self.classes.len()));
        self.classes.push(Class {
            rules: roots.to_vec(),
        });
        self.count_users();
        self.order();
        self.node_ids = FxHashMap::default();
        self.source_ids = FxHashMap::default();
        let mut keys: Vec<_> = std::mem::take(&mut self.test_ids).into_iter().collect();
        keys.sort_unstable_by_key(|(_, id)| *id);
        self.keys = keys.into_iter().map(|(key, _)| key).collect();
    }

    /// For each rule, the types of event it may match.
    pub(crate) fn types(&mut self, roots: &[(u32, NodeId)]) -> Vec<Vec<EventType>> {
        let statics: Vec<u32> = (0..index(self.tests.len()))
            .filter(|id| self.is_static(*id))
            .collect();
        let mut known: FxHashMap<Vec<bool>, Vec<bool>> = FxHashMap::default();
        let mut types = vec![Vec::new(); roots.len()];
        for kind in EventType::all() {
            let name = kind.name().as_bytes();
            let decided: Vec<bool> = statics.iter().map(|id| self.decide(*id, name)).collect();
            if !known.contains_key(&decided) {
                let mut done = FxHashMap::default();
                let mut may = Vec::with_capacity(roots.len());
                for (_, root) in roots {
                    let node = self.simplify(*root, &statics, &decided, &mut done);
                    may.push(self.nodes[node as usize].kind != NodeKind::Constant(false));
                }
                known.insert(decided.clone(), may);
            }
            for (rule, may) in known[&decided].iter().enumerate() {
                if *may {
                    types[rule].push(kind);
                }
            }
        }
        types
    }

    pub(crate) fn wants(&self, kind: EventType) -> bool {
        self.class_of
            .get(kind.index())
            .is_some_and(|class| !self.classes[*class as usize].rules.is_empty())
    }

    fn specialise(&mut self, roots: &[(u32, NodeId)], statics: &[u32], decided: &[bool]) -> Class {
        let mut done = FxHashMap::default();
        let mut class = Class::default();
        for (rule, root) in roots {
            let node = self.simplify(*root, statics, decided, &mut done);
            if self.nodes[node as usize].kind != NodeKind::Constant(false) {
                class.rules.push((*rule, node));
            }
        }
        class
    }

    fn simplify(
        &mut self,
        id: NodeId,
        statics: &[u32],
        decided: &[bool],
        done: &mut FxHashMap<NodeId, NodeId>,
    ) -> NodeId {
        if !self.nodes[id as usize].typed {
            return id;
        }
        if let Some(simple) = done.get(&id) {
            return *simple;
        }
        let simple = match self.nodes[id as usize].kind.clone() {
            NodeKind::Test(test) => {
                let truth = statics.binary_search(&test).is_ok_and(|at| decided[at]);
                self.constant(truth)
            }
            NodeKind::Not(inner) => {
                let inner = self.simplify(inner, statics, decided, done);
                self.not(inner)
            }
            NodeKind::And(all) => {
                let all = all
                    .iter()
                    .map(|id| self.simplify(*id, statics, decided, done));
                let all = all.collect();
                self.all(all)
            }
            NodeKind::Or(all) => {
                let all = all
                    .iter()
                    .map(|id| self.simplify(*id, statics, decided, done));
                let all = all.collect();
                self.any(all)
            }
            NodeKind::Constant(_) => id,
        };
        done.insert(id, simple);
        simple
    }

    /// Puts the parts of each `and` and `or` into the order that decides soonest for least: by cost
    /// over the chance to decide. Chances are guesses of what events usually hold.
    fn order(&mut self) {
        // Parts have lower numbers than what is made of them.
        let mut known: Vec<(f32, f32)> = Vec::with_capacity(self.nodes.len());
        for id in 0..self.nodes.len() {
            let (estimate, ordered) = match &self.nodes[id].kind {
                NodeKind::Constant(truth) => ((0.0, f32::from(u8::from(*truth))), None),
                NodeKind::Test(test) => (self.estimate(*test), None),
                NodeKind::Not(inner) => {
                    let (cost, chance) = known[*inner as usize];
                    ((cost, 1.0 - chance), None)
                }
                NodeKind::And(all) => {
                    let (estimate, all) = self.ordered(all, &known, |chance| 1.0 - chance);
                    ((estimate.0, 1.0 - estimate.1), Some(NodeKind::And(all)))
                }
                NodeKind::Or(all) => {
                    let (estimate, all) = self.ordered(all, &known, |chance| chance);
                    (estimate, Some(NodeKind::Or(all)))
                }
            };
            if let Some(kind) = ordered {
                self.nodes[id].kind = kind;
            }
            // What is remembered is paid for once, by whoever comes first.
            let users = self.nodes[id].users.max(1);
            let shared = 1.0 + estimate.0 / f32::from(u16::try_from(users).unwrap_or(u16::MAX));
            known.push((estimate.0.min(shared), estimate.1));
        }
    }

    /// The parts in order; what they cost, and how likely one of them decides.
    fn ordered(
        &self,
        parts: &[NodeId],
        known: &[(f32, f32)],
        decides: impl Fn(f32) -> f32,
    ) -> ((f32, f32), Box<[NodeId]>) {
        let of = |id: &NodeId| {
            let (cost, chance) = known[*id as usize];
            (cost, decides(chance).clamp(0.001, 0.999))
        };
        let mut ordered = parts.to_vec();
        ordered.sort_by(|a, b| {
            let ((cost_a, chance_a), (cost_b, chance_b)) = (of(a), of(b));
            (cost_a * chance_b).total_cmp(&(cost_b * chance_a))
        });
        let (mut cost, mut open) = (0.0, 1.0);
        for id in &ordered {
            let (part, chance) = of(id);
            cost += open * part;
            open *= 1.0 - chance;
        }
        ((cost, 1.0 - open), ordered.into())
    }

    /// What a test costs, in about ten nanoseconds, and how likely it holds.
    fn estimate(&self, id: u32) -> (f32, f32) {
        let test = &self.tests[id as usize];
        let source = self.sources[test.source as usize].source.cost();
        let (cost, chance) = match &test.what {
            TestKind::Check(check) | TestKind::Every(check) => (check.cost(), check.chance()),
            TestKind::Counted(_, all) => (all.iter().map(Check::cost).sum(), 0.2),
            TestKind::Compare(..) => (40, 0.1),
        };
        let cost = u16::try_from(source + cost).unwrap_or(u16::MAX);
        (f32::from(cost), chance)
    }

    /// How often each node is used by what is evaluated: only what is used twice is remembered.
    fn count_users(&mut self) {
        for node in &mut self.nodes {
            node.users = 0;
        }
        let mut reached = vec![false; self.nodes.len()];
        let mut open: Vec<NodeId> = Vec::new();
        for class in &self.classes {
            // Per class, what is used in one class only once needs no memory.
            reached.fill(false);
            let mut users = FxHashMap::<NodeId, u32>::default();
            open.extend(class.rules.iter().map(|(_, root)| *root));
            while let Some(id) = open.pop() {
                *users.entry(id).or_default() += 1;
                if std::mem::replace(&mut reached[id as usize], true) {
                    continue;
                }
                match &self.nodes[id as usize].kind {
                    NodeKind::And(all) | NodeKind::Or(all) => open.extend(all.iter()),
                    NodeKind::Not(inner) => open.push(*inner),
                    NodeKind::Constant(_) | NodeKind::Test(_) => {}
                }
            }
            for (id, count) in users {
                let node = &mut self.nodes[id as usize];
                node.users = node.users.max(count);
            }
        }
    }
}

pub(crate) fn counted(modifier: Modifier, held: usize, of: usize) -> bool {
    match modifier {
        Modifier::OneOf => held == 1,
        Modifier::AnyOf => held > 0,
        Modifier::AllOf => held == of && of > 0,
    }
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
