//! Collects the items of several files, in order.
//!
//! A later macro, list or rule of a name takes the place of the earlier one; with `append` or
//! `override` it changes it. What is wrong is left out and told.
//!
//! Limits: 20,000 rules.

use super::{
    exception,
    item::{At, Exception, ListItem, MacroItem, Priority, RuleItem, Text},
    reader::{Keys, Report},
    tree::{self, Node, NodeKind},
    version,
};
use crate::{
    condition::parser::is_identifier,
    diagnostic::{Code, Place, Severity},
};
use rustc_hash::FxHashMap;

/// A file's name, for messages, and its text.
#[derive(Clone, Copy, Debug)]
pub struct RuleFile<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

#[derive(Debug, Default)]
pub(crate) struct Collection {
    pub(crate) report: Report,
    pub(crate) rules: Vec<RuleItem>,
    pub(crate) macros: Vec<MacroItem>,
    pub(crate) lists: Vec<ListItem>,
    rule_ids: FxHashMap<String, usize>,
    pub(crate) macro_ids: FxHashMap<String, usize>,
    pub(crate) list_ids: FxHashMap<String, usize>,
}

const MAX_RULES: usize = 20_000;

const RULE_KEYS: &[&str] = &[
    "rule",
    "desc",
    "condition",
    "output",
    "priority",
    "source",
    "enabled",
    "tags",
    "exceptions",
    "append",
    "override",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
];
const MACRO_KEYS: &[&str] = &["macro", "condition", "append", "override"];
const LIST_KEYS: &[&str] = &["list", "items", "append", "override"];

/// Keys of a rule that `override` may append to, and those it may replace.
const APPENDABLE: &[&str] = &["condition", "output", "desc", "tags", "exceptions"];
const REPLACEABLE: &[&str] = &[
    "condition",
    "output",
    "desc",
    "tags",
    "exceptions",
    "priority",
    "enabled",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "capture",
    "capture_duration",
];

impl Collection {
    pub(crate) fn add(&mut self, file: RuleFile<'_>) {
        let index = self.report.files.len();
        self.report
            .files
            .push((file.name.to_owned(), file.text.to_owned()));
        let documents = match tree::read(file.text) {
            Ok(documents) => documents,
            Err(wrong) => {
                let code = if wrong.limit {
                    Code::Limit
                } else {
                    Code::YamlParse
                };
                let place = Place {
                    file: file.name.to_owned(),
                    line: wrong.line,
                    column: wrong.column,
                };
                self.report.add(
                    Severity::Error,
                    code,
                    place,
                    "",
                    wrong.message,
                    "YAML within the limits",
                );
                return;
            }
        };
        for document in &documents {
            match &document.kind {
                NodeKind::Sequence(items) => items.iter().for_each(|item| self.item(index, item)),
                _ if document.is_null() => {}
                _ => {
                    let at = At {
                        file: index,
                        spot: document.spot,
                    };
                    let message = format!("file is {}", document.what());
                    let expected = "a list of rules, macros and lists, each starting with '- '";
                    self.report
                        .error(Code::YamlValidate, at, "", message, expected);
                }
            }
        }
    }

    fn item(&mut self, file: usize, node: &Node) {
        let NodeKind::Mapping(pairs) = &node.kind else {
            let at = At {
                file,
                spot: node.spot,
            };
            if !node.is_null() {
                let message = format!("item is {}", node.what());
                self.report.error(
                    Code::YamlValidate,
                    at,
                    "",
                    message,
                    "'- rule:', '- macro:' or '- list:'",
                );
            }
            return;
        };
        let mut keys = Keys::new(file, node.spot, pairs);
        for (kind, take) in [
            ("rule", Self::rule as fn(&mut Self, &Keys<'_>, String)),
            ("macro", Self::macro_),
            ("list", Self::list),
        ] {
            if keys.has(kind) {
                if let Some(name) = keys.required(kind, &mut self.report) {
                    let name = name.as_str().trim().to_owned();
                    keys.item = format!("{kind} {name}");
                    take(self, &keys, name);
                }
                return;
            }
        }
        if let Some(node) = keys.node("required_engine_version") {
            self.engine_version(&keys, node);
        } else if let Some(node) = keys.node("required_plugin_versions") {
            self.plugin_versions(&keys, node);
        } else {
            let names: Vec<_> = keys.names().map(|(name, _)| name).take(5).collect();
            let message = format!("unknown item with the keys {}", names.join(", "));
            self.report.warn(
                Code::UnknownItem,
                keys.at,
                "",
                message,
                "rule, macro, list, required_engine_version or required_plugin_versions",
            );
        }
    }

    fn engine_version(&mut self, keys: &Keys<'_>, node: &Node) {
        let text = node.text().unwrap_or_default();
        let have = version::shown(version::ENGINE_VERSION);
        match version::parse(text) {
            Some(wanted) if version::satisfies(version::ENGINE_VERSION, wanted) => {}
            Some(_) => {
                let message = format!("rules require engine version {text}, and this is {have}");
                let expected = format!("at most {have}");
                self.report
                    .error(Code::EngineVersion, keys.at(node), "", message, &expected);
            }
            None => {
                let message = format!("'{text}' is no version");
                self.report
                    .error(Code::EngineVersion, keys.at(node), "", message, "as 0.57.0");
            }
        }
    }

    fn plugin_versions(&mut self, keys: &Keys<'_>, node: &Node) {
        let items = match &node.kind {
            NodeKind::Sequence(items) => items.as_slice(),
            _ => {
                let message = format!("'required_plugin_versions' is {}", node.what());
                self.report
                    .error(Code::YamlValidate, keys.at(node), "", message, "a list");
                return;
            }
        };
        for item in items {
            let found = plugins(item);
            let unmet = match &found {
                Some(all) => !all.iter().any(|(name, wanted)| {
                    version::PLUGINS
                        .iter()
                        .any(|(known, have)| known == name && version::satisfies(*have, *wanted))
                }),
                None => true,
            };
            if unmet {
                let name = found
                    .and_then(|all| all.into_iter().next())
                    .map_or("?".to_owned(), |(name, wanted)| {
                        format!("{name} {}", version::shown(wanted))
                    });
                let known: Vec<_> = version::PLUGINS
                    .iter()
                    .map(|(name, have)| format!("{name} {}", version::shown(*have)))
                    .collect();
                let expected = format!("one that is built in: {}", known.join(", "));
                let message = format!("required plugin is not there: {name}");
                self.report
                    .error(Code::PluginVersion, keys.at(item), "", message, &expected);
            }
        }
    }

    fn list(&mut self, keys: &Keys<'_>, name: String) {
        keys.check(LIST_KEYS, &mut self.report);
        if !keys.has("items") {
            let message = "key 'items' is missing";
            self.report
                .error(Code::Validate, keys.at, &keys.item, message, "'items: […]'");
            return;
        }
        let items = keys.texts("items", &mut self.report);
        let Some(change) = self.change(keys, &["items"], &["items"]) else {
            return;
        };
        let before = self.list_ids.get(&name).copied();
        if change.changes() && before.is_none() {
            self.not_there(keys, "list");
            return;
        }
        let at = keys.at;
        match before {
            Some(id) if change.appends("items") => self.lists[id].items.extend(items),
            Some(id) => self.lists[id] = ListItem { at, name, items },
            None => {
                self.list_ids.insert(name.clone(), self.lists.len());
                self.lists.push(ListItem { at, name, items });
            }
        }
    }

    fn macro_(&mut self, keys: &Keys<'_>, name: String) {
        keys.check(MACRO_KEYS, &mut self.report);
        if !is_identifier(&name) {
            let message = format!("'{name}' cannot be used in a condition");
            let expected = "letters, digits and _, a letter first";
            self.report
                .error(Code::Validate, keys.at, &keys.item, message, expected);
            return;
        }
        let Some(condition) = keys.required("condition", &mut self.report) else {
            return;
        };
        let Some(change) = self.change(keys, &["condition"], &["condition"]) else {
            return;
        };
        let before = self.macro_ids.get(&name).copied();
        if change.changes() && before.is_none() {
            self.not_there(keys, "macro");
            return;
        }
        let at = keys.at;
        match before {
            Some(id) if change.appends("condition") => {
                self.macros[id].condition.append(condition);
            }
            Some(id) => {
                self.macros[id] = MacroItem {
                    at,
                    name,
                    condition,
                }
            }
            None => {
                self.macro_ids.insert(name.clone(), self.macros.len());
                self.macros.push(MacroItem {
                    at,
                    name,
                    condition,
                });
            }
        }
    }

    fn rule(&mut self, keys: &Keys<'_>, name: String) {
        keys.check(RULE_KEYS, &mut self.report);
        let before = self.rule_ids.get(&name).copied();
        let Some(change) = self.change(keys, APPENDABLE, REPLACEABLE) else {
            return;
        };
        match (before, &change) {
            (None, Change::Append | Change::Override(_)) => self.not_there(keys, "rule"),
            (Some(id), Change::Append) => self.append(keys, id),
            (Some(id), Change::Override(changes)) => self.override_(keys, id, changes),
            (Some(id), Change::None) if is_switch(keys) => {
                self.rules[id].enabled = keys.boolean("enabled", true, &mut self.report);
                self.deprecated(keys, "'enabled' alone", "'override: {enabled: replace}'");
            }
            (before, Change::None) => {
                if let Some(rule) = self.new_rule(keys, name.clone()) {
                    match before {
                        Some(id) => self.rules[id] = rule,
                        None if self.rules.len() >= MAX_RULES => {
                            let message = "more than 20000 rules";
                            self.report
                                .error(Code::Limit, keys.at, &keys.item, message, "fewer");
                        }
                        None => {
                            self.rule_ids.insert(name, self.rules.len());
                            self.rules.push(rule);
                        }
                    }
                }
            }
        }
    }

    fn new_rule(&mut self, keys: &Keys<'_>, name: String) -> Option<RuleItem> {
        let report = &mut self.report;
        let condition = keys.required("condition", report);
        let output = keys.required("output", report);
        let desc = keys.required("desc", report);
        let priority = priority(keys, report);
        let exceptions = match keys.node("exceptions") {
            Some(node) => exception::read(keys, node, &[], report),
            None => Vec::new(),
        };
        let mut names: Vec<_> = exceptions.iter().map(|e| &e.name).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|w| w[0] == w[1]) {
            let message = format!("exception '{}' is there twice", twice[0]);
            report.error(Code::Validate, keys.at, &keys.item, message, "unique names");
        }
        Some(RuleItem {
            at: keys.at,
            name,
            desc: desc?.as_str().trim().to_owned(),
            condition: condition?,
            output: output?,
            priority: priority?,
            source: keys
                .node("source")
                .and_then(Node::text)
                .filter(|source| !source.is_empty())
                .unwrap_or("syscall")
                .to_owned(),
            tags: keys.texts("tags", report),
            enabled: keys.boolean("enabled", true, report),
            warn_evttypes: keys.boolean("warn_evttypes", true, report),
            skip_unknown: keys.boolean("skip-if-unknown-filter", false, report),
            capture: keys.boolean("capture", false, report),
            capture_duration_ms: duration(keys, report),
            exceptions,
        })
    }

    /// `append: true`: more condition, more exceptions.
    fn append(&mut self, keys: &Keys<'_>, id: usize) {
        if !keys.has("condition") && !keys.has("exceptions") {
            let message = "appends neither a condition nor exceptions";
            self.report.error(
                Code::Validate,
                keys.at,
                &keys.item,
                message,
                "one of the two",
            );
            return;
        }
        if keys.has("condition")
            && let Some(more) = keys.required("condition", &mut self.report)
        {
            self.rules[id].condition.append(more);
        }
        self.add_exceptions(keys, id, false);
    }

    fn add_exceptions(&mut self, keys: &Keys<'_>, id: usize, replace: bool) {
        let Some(node) = keys.node("exceptions") else {
            return;
        };
        let known = if replace {
            &[][..]
        } else {
            &self.rules[id].exceptions
        };
        let more = exception::read(keys, node, known, &mut self.report);
        let all = &mut self.rules[id].exceptions;
        if replace {
            *all = more;
            return;
        }
        for exception in more {
            match all.iter_mut().find(|known| known.name == exception.name) {
                Some(known) => known.values.extend(exception.values),
                None => all.push(exception),
            }
        }
    }

    fn override_(&mut self, keys: &Keys<'_>, id: usize, changes: &[(String, bool)]) {
        for (key, appends) in changes {
            if !keys.has(key) {
                let message = format!("'override' names '{key}', which is not there");
                self.report.error(
                    Code::Validate,
                    keys.at,
                    &keys.item,
                    message,
                    &format!("'{key}: …'"),
                );
                return;
            }
            let report = &mut self.report;
            let rule = &mut self.rules[id];
            let text = |report: &mut Report| keys.required(key, report);
            match key.as_str() {
                "condition" => merge(&mut rule.condition, text(report), *appends),
                "output" => merge(&mut rule.output, text(report), *appends),
                "desc" => match (text(report), appends) {
                    (Some(more), true) => {
                        rule.desc = format!("{} {}", rule.desc, more.as_str().trim());
                    }
                    (Some(other), false) => other.as_str().trim().clone_into(&mut rule.desc),
                    (None, _) => {}
                },
                "tags" if *appends => rule.tags.extend(keys.texts("tags", report)),
                "tags" => rule.tags = keys.texts("tags", report),
                "priority" => rule.priority = priority(keys, report).unwrap_or(rule.priority),
                "enabled" => rule.enabled = keys.boolean("enabled", rule.enabled, report),
                "warn_evttypes" => {
                    rule.warn_evttypes = keys.boolean(key, rule.warn_evttypes, report);
                }
                "skip-if-unknown-filter" => {
                    rule.skip_unknown = keys.boolean(key, rule.skip_unknown, report);
                }
                "capture" => rule.capture = keys.boolean(key, rule.capture, report),
                "capture_duration" => rule.capture_duration_ms = duration(keys, report),
                _ => self.add_exceptions(keys, id, !appends),
            }
        }
    }

    /// How the item relates to an earlier one. `None`: it is wrong, and was told.
    fn change(
        &mut self,
        keys: &Keys<'_>,
        appendable: &[&str],
        replaceable: &[&str],
    ) -> Option<Change> {
        let append = keys.boolean("append", false, &mut self.report);
        let Some(node) = keys.node("override") else {
            if append {
                let key = if appendable.contains(&"items") {
                    "items"
                } else {
                    "condition"
                };
                let instead = format!("'override: {{{key}: append}}'");
                self.deprecated(keys, "'append'", &instead);
                return Some(Change::Append);
            }
            return Some(Change::None);
        };
        if keys.has("append") {
            let message = "'append' and 'override' are both there";
            self.report.error(
                Code::Validate,
                keys.at(node),
                &keys.item,
                message,
                "one of the two",
            );
            return None;
        }
        let NodeKind::Mapping(pairs) = &node.kind else {
            let message = format!("'override' is {}", node.what());
            let expected = "a mapping, as {condition: append}";
            self.report.error(
                Code::YamlValidate,
                keys.at(node),
                &keys.item,
                message,
                expected,
            );
            return None;
        };
        let mut changes = Vec::new();
        for (name, how) in pairs {
            let (name, how) = (
                name.text().unwrap_or_default(),
                how.text().unwrap_or_default(),
            );
            let allowed = match how {
                "append" => appendable,
                "replace" => replaceable,
                _ => &[],
            };
            if !allowed.contains(&name) {
                let message = format!("'{name}' cannot be overridden with '{how}'");
                let expected = format!(
                    "append of {}; replace of {}",
                    appendable.join(", "),
                    replaceable.join(", ")
                );
                self.report.error(
                    Code::Validate,
                    keys.at(node),
                    &keys.item,
                    message,
                    &expected,
                );
                return None;
            }
            changes.push((name.to_owned(), how == "append"));
        }
        self.only_overridden(keys, &changes)
            .then_some(Change::Override(changes))
    }

    fn only_overridden(&mut self, keys: &Keys<'_>, changes: &[(String, bool)]) -> bool {
        for (name, node) in keys.names() {
            let fine = matches!(name, "rule" | "macro" | "list" | "override" | "append")
                || changes.iter().any(|(key, _)| key == name)
                || !REPLACEABLE.contains(&name) && name != "items";
            if !fine {
                let message = format!("'{name}' is there, but not in 'override'");
                let expected = format!("'{name}: append' or '{name}: replace' under 'override'");
                self.report.error(
                    Code::Validate,
                    keys.at(node),
                    &keys.item,
                    message,
                    &expected,
                );
                return false;
            }
        }
        true
    }

    fn deprecated(&mut self, keys: &Keys<'_>, what: &str, instead: &str) {
        let message = format!("{what} is an older way to change an item");
        self.report
            .warn(Code::DeprecatedItem, keys.at, &keys.item, message, instead);
    }

    fn not_there(&mut self, keys: &Keys<'_>, kind: &str) {
        let message = format!("changes a {kind} that is not there");
        let expected = format!("a {kind} of that name in this or an earlier file");
        self.report
            .error(Code::Validate, keys.at, &keys.item, message, &expected);
    }

    /// Everything in a rule's exceptions, for what the compiler needs to know of it.
    pub(crate) fn exceptions(&self, rule: usize) -> &[Exception] {
        &self.rules[rule].exceptions
    }
}

enum Change {
    None,
    Append,
    /// Keys, and whether each appends.
    Override(Vec<(String, bool)>),
}

impl Change {
    fn changes(&self) -> bool {
        !matches!(self, Self::None)
    }

    fn appends(&self, key: &str) -> bool {
        match self {
            Self::None => false,
            Self::Append => true,
            Self::Override(all) => all.iter().any(|(name, append)| name == key && *append),
        }
    }
}

/// An item that only switches an earlier rule on or off.
fn is_switch(keys: &Keys<'_>) -> bool {
    keys.has("enabled")
        && keys
            .names()
            .all(|(name, _)| matches!(name, "rule" | "enabled"))
}

fn merge(text: &mut Text, change: Option<Text>, appends: bool) {
    match (change, appends) {
        (Some(more), true) => text.append(more),
        (Some(other), false) => *text = other,
        (None, _) => {}
    }
}

fn priority(keys: &Keys<'_>, report: &mut Report) -> Option<Priority> {
    let text = keys.required("priority", report)?;
    let found = Priority::named(text.as_str().trim());
    if found.is_none() {
        let names: Vec<_> = Priority::ALL.iter().map(|(_, name)| *name).collect();
        let at = keys.node("priority").map_or(keys.at, |node| keys.at(node));
        let message = format!("'{}' is no priority", text.as_str());
        report.error(
            Code::Validate,
            at,
            &keys.item,
            message,
            &format!("one of {}", names.join(", ")),
        );
    }
    found
}

fn duration(keys: &Keys<'_>, report: &mut Report) -> Option<u64> {
    let node = keys.node("capture_duration")?;
    let parsed = node.text().and_then(|text| text.parse().ok());
    if parsed.is_none() {
        let message = "'capture_duration' is no number";
        report.error(
            Code::YamlValidate,
            keys.at(node),
            &keys.item,
            message,
            "milliseconds",
        );
    }
    parsed
}

/// A required plugin and its alternatives.
fn plugins(item: &Node) -> Option<Vec<(String, version::Version)>> {
    let NodeKind::Mapping(pairs) = &item.kind else {
        return None;
    };
    let keys = Keys::new(0, item.spot, pairs);
    let name = keys.node("name")?.text()?.to_owned();
    let mut all = vec![(name, version::parse(keys.node("version")?.text()?)?)];
    if let Some(Node {
        kind: NodeKind::Sequence(others),
        ..
    }) = keys.node("alternatives")
    {
        for other in others {
            all.extend(plugins(other).unwrap_or_default().into_iter().take(1));
        }
    }
    Some(all)
}
