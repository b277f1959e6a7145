//! What events the rules can match at all, so that others need not be made: which paths of files
//! that are opened for reading, whether failed calls, whether processes outside of containers.
//!
//! Conditions are walked without an event. What is not understood is taken to hold, so that the
//! answer errs towards too many events and never towards too few. Paths are absolute and clean, as
//! the kernel resolves them.

use super::{
    check::{Check, IntCheck},
    operator::{Modifier, Operator},
    program::{NodeId, NodeKind, Program, TestKey, TestKind},
    source::Source,
};
use crate::field::{Argument, Event, EventType, Field, FieldRef, extract};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// Paths are in it if any of the three says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathNeed {
    /// What the path starts with.
    pub prefixes: BTreeSet<String>,
    /// Last components, whole.
    pub names: BTreeSet<String>,
    /// Components anywhere, whole.
    pub components: BTreeSet<String>,
}

impl PathNeed {
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.names.contains(name)
            || path.split('/').any(|part| self.components.contains(part))
            || self.prefixes.iter().any(|start| path.starts_with(start))
    }

    fn join(&mut self, other: Self) {
        self.prefixes.extend(other.prefixes);
        self.names.extend(other.names);
        self.components.extend(other.components);
    }

    /// How much it lets through, at a guess: of two conditions that both must hold, the one that
    /// lets less through is asked.
    fn weight(&self) -> usize {
        let prefix = |start: &String| match start.len() {
            0..=1 => 100_000,
            // Of `/etc/`, `/proc/` or `/usr/` there is a lot.
            2..=6 => 500,
            _ => 10,
        };
        self.names.len()
            + 2 * self.components.len()
            + self.prefixes.iter().map(prefix).sum::<usize>()
    }
}

/// For which events a condition can hold.
#[derive(Clone, Debug)]
enum May {
    Never,
    Paths(PathNeed),
    Always,
}

impl May {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, other) | (other, Self::Always) => other,
            (Self::Paths(a), Self::Paths(b)) => {
                Self::Paths(if b.weight() < a.weight() { b } else { a })
            }
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, other) | (other, Self::Never) => other,
            (Self::Paths(mut a), Self::Paths(b)) => {
                a.join(b);
                Self::Paths(a)
            }
        }
    }

    fn decided(truth: bool) -> Self {
        if truth { Self::Always } else { Self::Never }
    }
}

/// What is known of the event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// An open that neither writes nor creates.
    Read,
    /// A call that failed; of an open there is no descriptor.
    Failed { open: bool },
    /// Of no container.
    Host,
    /// Without the data that was read or sent.
    NoData,
}

/// Nodes that several conditions share are looked at once.
type Done = FxHashMap<(NodeId, bool), May>;

/// Opens by path. Those by handle are few.
const OPENS: [&str; 3] = ["open", "openat", "openat2"];

impl Program {
    /// Files that a rule may match when they are opened for reading; `None` for all.
    pub(crate) fn reads(&self) -> Option<PathNeed> {
        let mut all = PathNeed::default();
        for name in OPENS {
            match self.any_rule(EventType::named(name), Known::Read) {
                May::Never => {}
                May::Paths(paths) => all.join(paths),
                May::Always => return None,
            }
        }
        let all_paths = |start: &String| start.len() <= 1;
        (!all.prefixes.iter().any(all_paths)).then_some(all)
    }

    /// Whether a rule may match a call of that type that failed.
    pub(crate) fn wants_failed(&self, kind: EventType) -> bool {
        let open = kind.is_open();
        !matches!(self.any_rule(kind, Known::Failed { open }), May::Never)
    }

    /// Whether a rule may match an event of that type outside of containers.
    pub(crate) fn wants_host(&self, kind: EventType) -> bool {
        !matches!(self.any_rule(kind, Known::Host), May::Never)
    }

    /// Whether a rule may match an event of that type that holds no data.
    pub(crate) fn wants_without_data(&self, kind: EventType) -> bool {
        !matches!(self.any_rule(kind, Known::NoData), May::Never)
    }

    fn any_rule(&self, kind: EventType, known: Known) -> May {
        let Some(class) = self.class_of.get(kind.index()) else {
            return May::Never;
        };
        let mut done = Done::default();
        self.classes[*class as usize]
            .rules
            .iter()
            .fold(May::Never, |all, (_, root)| {
                all.or(self.may(*root, true, known, &mut done))
            })
    }

    /// For which events the node may have that truth.
    fn may(&self, id: NodeId, truth: bool, known: Known, done: &mut Done) -> May {
        if let Some(may) = done.get(&(id, truth)) {
            return may.clone();
        }
        let (all, every) = match &self.nodes[id as usize].kind {
            NodeKind::Constant(constant) => return May::decided(*constant == truth),
            NodeKind::Not(inner) => return self.may(*inner, !truth, known, done),
            NodeKind::Test(test) => return self.test_may(*test, truth, known),
            NodeKind::And(all) => (all, truth),
            NodeKind::Or(all) => (all, !truth),
        };
        let parts = all.iter().map(|id| self.may(*id, truth, known, done));
        let may = match every {
            true => parts.fold(May::Always, May::and),
            false => parts.fold(May::Never, May::or),
        };
        done.insert((id, truth), may.clone());
        may
    }

    fn test_may(&self, test: u32, truth: bool, known: Known) -> May {
        let info = &self.tests[test as usize];
        let Source::Field(field) = &self.sources[info.source as usize].source else {
            return May::Always;
        };
        let decided = match (&info.what, known) {
            (TestKind::Check(check), Known::Host) => self.host(field, check),
            (TestKind::Check(check), Known::Failed { open }) => failed(field, check, open),
            (TestKind::Check(check), Known::Read) => read(field, check),
            // Whatever is asked of a value that is not there is false.
            (_, Known::NoData) => {
                matches!(field.field, Field::EvtBuffer | Field::EvtBuflen).then_some(false)
            }
            _ => None,
        };
        if let Some(held) = decided {
            return May::decided(held == truth);
        }
        if known == Known::Read
            && field.field == Field::EvtArg
            && reads_not(field, &self.keys, test)
        {
            return May::decided(!truth);
        }
        match (known, truth, self.keys.get(test as usize)) {
            (Known::Read, true, Some(key)) => paths(field, key),
            _ => May::Always,
        }
    }

    /// What an event of the host has to say about its container is known beforehand.
    fn host(&self, field: &FieldRef, check: &Check) -> Option<bool> {
        if (field.field as u16) < Field::ContainerId as u16 {
            return None;
        }
        let (event, mut scratch) = (Event::default(), Vec::new());
        let value = extract::value(&event, field, &mut scratch);
        Some(check.holds(value, &self.symbols))
    }

    /// Fields that what is evaluated reads, those inside of transformers included.
    pub(crate) fn fields(&self) -> FxHashSet<Field> {
        let mut fields = FxHashSet::default();
        let mut seen = vec![false; self.nodes.len()];
        let mut open: Vec<NodeId> = self
            .classes
            .iter()
            .flat_map(|class| class.rules.iter().map(|(_, root)| *root))
            .collect();
        while let Some(id) = open.pop() {
            if std::mem::replace(&mut seen[id as usize], true) {
                continue;
            }
            match &self.nodes[id as usize].kind {
                NodeKind::And(all) | NodeKind::Or(all) => open.extend(all.iter()),
                NodeKind::Not(inner) => open.push(*inner),
                NodeKind::Constant(_) => {}
                NodeKind::Test(test) => {
                    let test = &self.tests[*test as usize];
                    self.sources[test.source as usize]
                        .source
                        .fields(&mut fields);
                    if let TestKind::Compare(_, right) = &test.what {
                        self.sources[*right as usize].source.fields(&mut fields);
                    }
                }
            }
        }
        fields
    }
}

fn failed(field: &FieldRef, check: &Check, open: bool) -> Option<bool> {
    let below_zero = |check: &Check| match check {
        Check::Int(IntCheck::Less(limit)) if *limit >= 0 => Some(true),
        Check::Int(IntCheck::LessEqual(limit)) if *limit >= -1 => Some(true),
        Check::Int(IntCheck::Greater(limit)) if *limit >= -1 => Some(false),
        Check::Int(IntCheck::GreaterEqual(limit)) if *limit >= 0 => Some(false),
        Check::Int(IntCheck::NotEqual(limit)) if *limit >= 0 => Some(true),
        Check::Int(IntCheck::In(all)) if all.iter().all(|n| *n >= 0) => Some(false),
        _ => None,
    };
    match (field.field, check) {
        (Field::EvtRawres, check) => below_zero(check),
        (Field::FdNum, check) if open => below_zero(check),
        (Field::EvtFailed, Check::Bool { equal, to }) => Some(*equal == *to),
        _ => None,
    }
}

/// What an open for reading has to say about its flags.
fn read(field: &FieldRef, check: &Check) -> Option<bool> {
    let Check::Bool { equal, to } = check else {
        return None;
    };
    let value = match field.field {
        Field::EvtIsOpenRead => true,
        Field::EvtIsOpenWrite | Field::EvtIsOpenCreate | Field::EvtIsOpenExec => false,
        _ => return None,
    };
    Some((value == *to) == *equal)
}

/// `evt.arg.flags contains O_CREAT`, and others that an open for reading does not have.
fn reads_not(field: &FieldRef, keys: &[TestKey], test: u32) -> bool {
    let flags = matches!(&field.argument, Argument::Key(key) if &**key == b"flags");
    let key = keys
        .get(test as usize)
        .filter(|key| flags && key.operator == Operator::Contains && key.modifier.is_none());
    key.is_some_and(|key| {
        let word = key.literals.first().map_or(&b""[..], Vec::as_slice);
        matches!(
            word,
            b"O_CREAT" | b"O_WRONLY" | b"O_RDWR" | b"O_EXCL" | b"O_TMPFILE"
        )
    })
}

/// The paths for which a comparison may hold.
fn paths(field: &FieldRef, key: &TestKey) -> May {
    if field.argument != Argument::None {
        return May::Always;
    }
    let of = match field.field {
        Field::FdName | Field::FsPathName | Field::EvtAbspath => name,
        Field::FdDirectory => directory,
        Field::FdFilename => filename,
        _ => return May::Always,
    };
    let each = key
        .literals
        .iter()
        .map(|literal| match std::str::from_utf8(literal) {
            Ok(text) => of(key.operator, text).map_or(May::Always, May::Paths),
            Err(_) => May::Always,
        });
    match (key.modifier, key.right) {
        (_, Some(_)) => May::Always,
        (None | Some(Modifier::AnyOf | Modifier::OneOf), _) if !key.literals.is_empty() => {
            each.fold(May::Never, May::or)
        }
        (Some(Modifier::AllOf), _) => each.fold(May::Always, May::and),
        _ => May::Always,
    }
}

fn name(operator: Operator, text: &str) -> Option<PathNeed> {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects | Operator::StartsWith => {
            prefix(text)
        }
        Operator::PMatch => pattern_below(text),
        Operator::Glob => glob(text),
        Operator::EndsWith => match text.rsplit_once('/') {
            Some((_, last)) => one_name(last),
            None => None,
        },
        Operator::Contains => inner(text),
        _ => None,
    }
}

fn directory(operator: Operator, text: &str) -> Option<PathNeed> {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects | Operator::StartsWith => {
            prefix(text)
        }
        Operator::PMatch => pattern_below(text),
        Operator::Contains => inner(text),
        _ => None,
    }
}

fn filename(operator: Operator, text: &str) -> Option<PathNeed> {
    match operator {
        Operator::Equal | Operator::In | Operator::Intersects => one_name(text),
        _ => None,
    }
}

fn prefix(text: &str) -> Option<PathNeed> {
    let mut need = PathNeed::default();
    // Absolute paths start with a slash, so that another prefix can never be one.
    if text.starts_with('/') || text.is_empty() {
        need.prefixes.insert(text.to_owned());
        return Some(need);
    }
    None
}

fn one_name(text: &str) -> Option<PathNeed> {
    let mut need = PathNeed::default();
    need.names.insert(text.to_owned());
    (!text.is_empty() && !text.contains('/')).then_some(need)
}

fn one_component(text: &str) -> Option<PathNeed> {
    let mut need = PathNeed::default();
    need.components.insert(text.to_owned());
    (!text.is_empty()).then_some(need)
}

/// A text in the middle of a path: what is between two of its slashes is a whole component.
fn inner(text: &str) -> Option<PathNeed> {
    let mut parts: Vec<&str> = text.split('/').collect();
    parts.pop();
    let whole = parts.into_iter().skip(1).filter(|part| !part.is_empty());
    one_component(whole.max_by_key(|part| part.len())?)
}

fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?', '[', '\\'])
}

/// `pmatch`: the literal components a path must begin with.
fn pattern_below(text: &str) -> Option<PathNeed> {
    let parts = text.split('/').filter(|part| !part.is_empty());
    // A `\` is an ordinary byte of a component without patterns.
    let plain: Vec<_> = parts.take_while(|part| is_plain(part)).collect();
    prefix(&format!("/{}", plain.join("/")))
}

fn glob(text: &str) -> Option<PathNeed> {
    let head = &text[..text.find(['*', '?', '[', '\\']).unwrap_or(text.len())];
    // A set or an escape may hold a slash.
    if text.contains(['[', '\\']) {
        return prefix(head);
    }
    let parts: Vec<&str> = text.split('/').collect();
    let (last, before) = parts.split_last()?;
    if is_plain(last) && !before.is_empty() {
        return one_name(last);
    }
    let whole = before
        .iter()
        .skip(1)
        .filter(|part| is_plain(part) && !part.is_empty());
    match whole.max_by_key(|part| part.len()) {
        // Below a long path there is less than in all folders of one name.
        Some(part) if head.len() < 7 => one_component(part),
        _ => prefix(head),
    }
}
