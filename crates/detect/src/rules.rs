//! Rules, loaded and compiled: the engine.

use crate::{
    condition::{
        compile::{Compiler, Refused},
        eval::State,
        need::PathNeed,
        program::{NodeId, Program},
    },
    diagnostic::{Code, Diagnostic, Severity},
    field::{Event, EventType, Field, event_type},
    output::{Alert, format::Format},
    yaml::{
        Priority,
        item::{RuleItem, Text},
        load::{Collection, RuleFile},
    },
};
use rustc_hash::FxHashSet;

/// More event types than this make a rule slow, and are probably not meant.
const MANY_TYPES: usize = 100;

/// What to load, and what to add to outputs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rules less severe than this are off.
    pub least: Priority,
    /// Added to each output, as ` container_id=%container.id`; empty for nothing.
    pub append_output: String,
}

/// What is added to outputs by default: which container it was.
pub const CONTAINER_OUTPUT: &str = "container_id=%container.id container_name=%container.name \
    container_image_repository=%container.image.repository container_image_tag=%container.image.tag \
    k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

impl Default for Options {
    fn default() -> Self {
        Self {
            least: Priority::Debug,
            append_output: CONTAINER_OUTPUT.to_owned(),
        }
    }
}

/// One rule, as it was loaded.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub desc: String,
    pub priority: Priority,
    pub tags: Vec<String>,
    pub source: String,
    /// On in the file, and severe enough.
    pub enabled: bool,
    pub capture: bool,
    pub condition: String,
    pub output: String,
    pub file: String,
    pub line: usize,
    /// Types of event it may match.
    pub types: Vec<EventType>,
    pub exceptions: Vec<String>,
    format: Format,
}

impl Rule {
    /// Names of the fields in its output.
    pub fn output_fields(&self) -> impl Iterator<Item = &str> {
        self.format.fields()
    }
}

/// Loaded rules. Read-only: threads share it, each with a [`State`] of its own.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    program: Program,
    macros: Vec<(String, String)>,
    lists: Vec<(String, Vec<String>)>,
}

/// What a rule is made of, besides its own text: macros with their conditions, lists with their
/// items, each in the order of definition.
#[derive(Debug, Default)]
pub struct Parts<'r> {
    pub macros: Vec<(&'r str, &'r str)>,
    pub lists: Vec<(&'r str, &'r [String])>,
}

impl Rules {
    /// Loads files in order. What is wrong is left out and told; whatever is right works.
    #[must_use]
    pub fn load(files: &[RuleFile<'_>], options: &Options) -> (Self, Vec<Diagnostic>) {
        let mut collection = Collection::default();
        for file in files {
            collection.add(*file);
        }
        let mut compiler = Compiler::new(&mut collection);
        let mut rules = Vec::new();
        let mut roots: Vec<(u32, NodeId)> = Vec::new();
        let mut all_roots = Vec::new();
        for index in 0..compiler.collection().rules.len() {
            let Some((rule, node, item)) = compile(&mut compiler, index, options) else {
                continue;
            };
            let id = u32::try_from(rules.len()).unwrap_or(u32::MAX);
            if rule.enabled {
                roots.push((id, node));
            }
            all_roots.push((id, node, item));
            rules.push(rule);
        }
        compiler.rest_of_macros();
        let mut program = std::mem::take(&mut compiler.program);
        let compiled: Vec<_> = all_roots.iter().map(|(id, node, _)| (*id, *node)).collect();
        let types = program.types(&compiled);
        for ((_, _, item), (rule, types)) in all_roots.iter().zip(rules.iter_mut().zip(types)) {
            rule.types = types;
            warn_types(&mut collection, item, rule);
        }
        program.finish(&roots);
        unused(&mut collection);
        let loaded = Self {
            rules,
            program,
            macros: collection
                .macros
                .into_iter()
                .map(|item| (item.name, item.condition.as_str().to_owned()))
                .collect(),
            lists: collection
                .lists
                .into_iter()
                .map(|item| (item.name, item.items))
                .collect(),
        };
        (loaded, collection.report.diagnostics)
    }

    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    #[must_use]
    pub fn macro_count(&self) -> usize {
        self.macros.len()
    }

    #[must_use]
    pub fn list_count(&self) -> usize {
        self.lists.len()
    }

    /// Macros and lists that a rule uses, also by way of others.
    #[must_use]
    pub fn parts(&self, rule: &Rule) -> Parts<'_> {
        let mut words: FxHashSet<&str> = FxHashSet::default();
        let mut open: Vec<&str> = vec![&rule.condition];
        while let Some(text) = open.pop() {
            for word in text.split(|c| !is_word(c)) {
                if words.contains(word) {
                    continue;
                }
                if let Some((name, inner)) = self.macros.iter().find(|(name, _)| name == word) {
                    words.insert(name);
                    open.push(inner);
                }
                if let Some((name, items)) = self.lists.iter().find(|(name, _)| name == word) {
                    words.insert(name);
                    open.extend(items.iter().map(String::as_str));
                }
            }
        }
        let used = |name: &String| words.contains(name.as_str());
        let (macros, lists) = (self.macros.iter(), self.lists.iter());
        Parts {
            macros: macros
                .filter(|(name, _)| used(name))
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect(),
            lists: lists
                .filter(|(name, _)| used(name))
                .map(|(name, items)| (name.as_str(), items.as_slice()))
                .collect(),
        }
    }

    /// What evaluation needs to remember; one a thread.
    #[must_use]
    pub fn state(&self) -> State {
        State::new(&self.program)
    }

    /// Whether any rule may match an event of that type.
    #[must_use]
    pub fn wants(&self, kind: EventType) -> bool {
        self.program.wants(kind)
    }

    /// Files that a rule may match when they are opened for reading; `None` for all.
    #[must_use]
    pub fn reads(&self) -> Option<PathNeed> {
        self.program.reads()
    }

    /// Whether any rule may match a call of that type that failed.
    #[must_use]
    pub fn wants_failed(&self, kind: EventType) -> bool {
        self.program.wants_failed(kind)
    }

    /// Whether any rule may match an event of that type outside of containers.
    #[must_use]
    pub fn wants_host(&self, kind: EventType) -> bool {
        self.program.wants_host(kind)
    }

    /// Whether any rule may match an event of that type whose data is not known.
    #[must_use]
    pub fn wants_without_data(&self, kind: EventType) -> bool {
        self.program.wants_without_data(kind)
    }

    /// Fields that the conditions of rules that are on look at.
    #[must_use]
    pub fn fields(&self) -> FxHashSet<Field> {
        self.program.fields()
    }

    /// The first rule that matches, in the order of definition.
    #[must_use]
    pub fn first_match(&self, event: &Event<'_>, state: &mut State) -> Option<&Rule> {
        let mut found = None;
        self.program.run(event, state, |id| {
            found = self.rules.get(id as usize);
            true
        });
        found
    }

    /// Calls `matched` with every rule that matches.
    pub fn matches<'r>(
        &'r self,
        event: &Event<'_>,
        state: &mut State,
        mut matched: impl FnMut(&'r Rule),
    ) {
        self.program.run(event, state, |id| {
            if let Some(rule) = self.rules.get(id as usize) {
                matched(rule);
            }
            false
        });
    }
}

impl Rule {
    /// What to tell of an event that this rule matches.
    #[must_use]
    pub fn alert(&self, event: &Event<'_>, hostname: &str) -> Alert {
        let mut fields = serde_json::Map::new();
        let message = self.format.render(event, &mut fields);
        Alert {
            time_ns: event.time_ns,
            rule: self.name.clone(),
            priority: self.priority,
            source: self.source.clone(),
            tags: self.tags.clone(),
            message,
            fields,
            hostname: hostname.to_owned(),
        }
    }
}

fn compile(
    compiler: &mut Compiler<'_>,
    index: usize,
    options: &Options,
) -> Option<(Rule, NodeId, RuleItem)> {
    let item = compiler.collection().rules[index].clone();
    let title = format!("rule {}", item.name);
    let report = |compiler: &mut Compiler<'_>, code, message: String, expected: &str| {
        compiler
            .collection()
            .report
            .warn(code, item.at, &title, message, expected);
    };
    if item.source != "syscall" {
        let message = format!(
            "source '{}' has no events here; the rule is left out",
            item.source
        );
        report(compiler, Code::UnknownSource, message, "syscall");
        return None;
    }
    let node = match compiler.rule(index) {
        Ok(node) => node,
        Err(Refused::UnknownField) => {
            let message = "a field is unknown; the rule is left out, as it asks".to_owned();
            report(compiler, Code::UnknownFilter, message, "");
            return None;
        }
        Err(Refused::Error) => return None,
    };
    let output = with_more(&item.output, &options.append_output);
    let format = match Format::parse(&output) {
        Ok(format) => format,
        Err(wrong) => {
            let report = &mut compiler.collection().report;
            let place = report.place_in(&item.output, wrong.at.saturating_sub(1));
            let expected = "fields that are known";
            report.add(
                Severity::Error,
                Code::CompileOutput,
                place,
                &title,
                wrong.message,
                expected,
            );
            return None;
        }
    };
    let place = compiler.collection().report.place(item.at);
    let rule = Rule {
        name: item.name.clone(),
        desc: item.desc.clone(),
        priority: item.priority,
        tags: item.tags.clone(),
        source: item.source.clone(),
        enabled: item.enabled && item.priority <= options.least,
        capture: item.capture,
        condition: item.condition.as_str().trim().to_owned(),
        output: item.output.as_str().trim().to_owned(),
        file: place.file,
        line: place.line,
        types: Vec::new(),
        exceptions: item.exceptions.iter().map(|e| e.name.clone()).collect(),
        format,
    };
    Some((rule, node, item))
}

/// The output as one line, and what is added to it unless it has it.
fn with_more(output: &Text, more: &str) -> String {
    let text = output.as_str().trim_end();
    let added: Vec<_> = more
        .split_whitespace()
        .filter(|part| {
            let field = part.split_once('%').map_or(*part, |(_, field)| field);
            !text.contains(&format!("%{field}"))
        })
        .collect();
    if added.is_empty() {
        text.to_owned()
    } else {
        format!("{text} {}", added.join(" "))
    }
}

fn warn_types(collection: &mut Collection, item: &RuleItem, rule: &Rule) {
    let title = format!("rule {}", rule.name);
    let (message, expected) = if rule.types.is_empty() {
        (
            "matches no type of event".to_owned(),
            "a type in evt.type that exists",
        )
    } else if rule.types.len() > MANY_TYPES && item.warn_evttypes {
        let all = match rule.types.len() == event_type::ALL.len() {
            true => "every type of event".to_owned(),
            false => format!("{} types of event", rule.types.len()),
        };
        (
            format!("matches {all}, which is slow"),
            "'evt.type in (…)' in the condition",
        )
    } else {
        return;
    };
    collection
        .report
        .warn(Code::NoEvttype, item.at, &title, message, expected);
}

/// Names of macros and lists are made of these.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn unused(collection: &mut Collection) {
    let rules = collection.rules.iter().map(|rule| rule.condition.as_str());
    let macros = collection.macros.iter().map(|item| item.condition.as_str());
    let items = collection
        .lists
        .iter()
        .flat_map(|list| list.items.iter().map(String::as_str));
    let values = collection
        .rules
        .iter()
        .flat_map(|rule| rule.exceptions.iter());
    let mut used: FxHashSet<&str> = rules
        .chain(macros)
        .chain(items)
        .flat_map(|text| text.split(|c| !is_word(c)))
        .collect();
    for exception in values {
        exception
            .values
            .iter()
            .for_each(|entry| entry.texts(&mut used));
    }
    let mut found = Vec::new();
    for item in collection
        .macros
        .iter()
        .filter(|m| !used.contains(m.name.as_str()))
    {
        found.push((Code::UnusedMacro, item.at, format!("macro {}", item.name)));
    }
    for item in collection
        .lists
        .iter()
        .filter(|l| !used.contains(l.name.as_str()))
    {
        found.push((Code::UnusedList, item.at, format!("list {}", item.name)));
    }
    for (code, at, title) in found {
        collection
            .report
            .warn(code, at, &title, "nothing uses it", "");
    }
}
