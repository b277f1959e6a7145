//! Loads rule files in the format of gitleaks (TOML).
//!
//! Taken: `id`, `description`, `regex`, `secretGroup`, `entropy`, `path`, `keywords`, allowlists
//! of a rule and of all (`paths`, `regexes`, `regexTarget`, `stopwords`, `condition`,
//! `targetRules`), `extend` (`useDefault`, `path`, `disabledRules`). Commits mean nothing in an
//! image. Patterns are Go's (RE2): what this engine writes otherwise is rewritten, what it cannot
//! do is told and costs that rule. Limits: [`MAX_RULES`] rules, patterns of [`MAX_PATTERN`] bytes
//! and [`PATTERN_MEMORY`] bytes when compiled.

use super::{allow::AllowList, check};
use crate::analyze::document::{self, Limits, Node};
use regex::bytes::{Captures, Regex, RegexBuilder};

const MAX_RULES: usize = 2_000;
const MAX_PATTERN: usize = 16 << 10;
const PATTERN_MEMORY: usize = 8 << 20;

/// A part of the file that is not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule's id, or the section.
    pub place: String,
    pub reason: String,
}

/// A rule file, read.
#[derive(Debug, Default)]
pub struct RuleFile {
    pub(super) rules: Vec<LoadedRule>,
    pub(super) allow: Vec<AllowList>,
    /// Our own rules are wanted beside it.
    pub use_default: bool,
    /// Another file it builds on; to be read by whoever reads files, see [`RuleFile::upon`].
    pub extends: Option<String>,
    disabled: Vec<String>,
}

#[derive(Debug)]
pub(super) struct LoadedRule {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) pattern: Option<Regex>,
    pub(super) path: Option<Regex>,
    group: usize,
    entropy: f32,
    /// In lower case.
    pub(super) keywords: Vec<String>,
    pub(super) allow: Vec<AllowList>,
}

impl LoadedRule {
    /// The group that is named, else the first that matched, else the whole match.
    pub(super) fn secret(&self, captures: &Captures<'_>) -> std::ops::Range<usize> {
        let chosen = match self.group {
            0 => {
                (1..captures.len()).find_map(|group| captures.get(group).filter(|m| !m.is_empty()))
            }
            group => captures.get(group),
        };
        chosen
            .or_else(|| captures.get(0))
            .map_or(0..0, |found| found.range())
    }

    pub(super) fn is_random(&self, secret: &str) -> bool {
        check::entropy(secret) > self.entropy || self.entropy <= 0.0
    }
}

impl RuleFile {
    /// Reads what is readable; the rest is told.
    pub fn load(text: &[u8]) -> (Self, Vec<Diagnostic>) {
        let mut told = Vec::new();
        let document = match document::toml(text, Limits::PROJECT) {
            Ok(document) => document,
            Err(error) => {
                told.push(diagnostic("file", error));
                return (Self::default(), told);
            }
        };
        let extend = document.get("extend");
        let mut file = Self {
            use_default: extend.flag_of("useDefault"),
            extends: extend.text_of("path").map(str::to_owned),
            disabled: owned(extend.get("disabledRules").names()),
            ..Self::default()
        };
        if !extend.get("url").is_null() {
            told.push(diagnostic(
                "extend",
                "rules are not fetched from an address",
            ));
        }
        let rules = document.get("rules").list();
        if rules.len() > MAX_RULES {
            told.push(diagnostic(
                "rules",
                format!("rules past the first {MAX_RULES} are left out"),
            ));
        }
        for entry in rules.iter().take(MAX_RULES) {
            file.rules.extend(rule(entry, &mut told));
        }
        for entry in allowlists(&document) {
            file.shared(entry, &mut told);
        }
        (file, told)
    }

    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// With the rules of the file it extends, except those it disables or has itself.
    #[must_use]
    pub fn upon(mut self, base: Self) -> Self {
        for rule in base.rules {
            let known = self.rules.iter().any(|own| own.id == rule.id);
            if !known && !self.disabled.contains(&rule.id) {
                self.rules.push(rule);
            }
        }
        self.allow.extend(base.allow);
        self.use_default |= base.use_default;
        self
    }

    /// An allowlist of the whole file: of every rule, or of those it names.
    fn shared(&mut self, entry: &Node, told: &mut Vec<Diagnostic>) {
        let list = allowlist("allowlist", entry, told);
        let targets = entry.get("targetRules").names();
        if targets.is_empty() {
            return self.allow.push(list);
        }
        for rule in self
            .rules
            .iter_mut()
            .filter(|rule| targets.contains(&rule.id.as_str()))
        {
            rule.allow.push(list.clone());
        }
    }
}

fn diagnostic(place: &str, reason: impl std::fmt::Display) -> Diagnostic {
    Diagnostic {
        place: place.chars().take(100).collect(),
        reason: reason
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect(),
    }
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// `[allowlist]` of old, `[[allowlists]]` of now.
fn allowlists(node: &Node) -> impl Iterator<Item = &Node> {
    let old = Some(node.get("allowlist")).filter(|old| old.is_map());
    old.into_iter()
        .chain(node.get("allowlists").list())
        .chain(node.get("allowlist").list())
}

fn rule(entry: &Node, told: &mut Vec<Diagnostic>) -> Option<LoadedRule> {
    let Some(id) = entry.text_of("id").filter(|id| !id.is_empty()) else {
        told.push(diagnostic("rules", "a rule without an id"));
        return None;
    };
    let regex = entry.text_of("regex").map(pattern).transpose();
    let path = entry.text_of("path").map(pattern).transpose();
    let (pattern, path) = match (regex, path) {
        (Ok(pattern), Ok(path)) => (pattern, path),
        (Err(error), _) | (_, Err(error)) => {
            told.push(diagnostic(id, error));
            return None;
        }
    };
    if pattern.is_none() {
        told.push(diagnostic(
            id,
            "a rule without a regex finds nothing in a text",
        ));
        return None;
    }
    let group = entry
        .text_of("secretGroup")
        .and_then(|group| group.parse().ok())
        .unwrap_or(0);
    if pattern
        .as_ref()
        .is_some_and(|pattern| group >= pattern.captures_len())
    {
        told.push(diagnostic(id, format!("its regex has no group {group}")));
        return None;
    }
    Some(LoadedRule {
        id: id.to_owned(),
        title: entry.text_of("description").unwrap_or(id).to_owned(),
        pattern,
        path,
        group,
        entropy: entry
            .text_of("entropy")
            .and_then(|bits| bits.parse().ok())
            .unwrap_or(0.0),
        keywords: entry
            .get("keywords")
            .names()
            .iter()
            .filter(|word| !word.is_empty())
            .map(|word| word.to_ascii_lowercase())
            .collect(),
        allow: allowlists(entry)
            .map(|list| allowlist(id, list, told))
            .collect(),
    })
}

fn allowlist(place: &str, entry: &Node, told: &mut Vec<Diagnostic>) -> AllowList {
    let mut patterns = |key: &str| -> Vec<Regex> {
        let all = entry.get(key).names();
        all.into_iter()
            .filter_map(|one| {
                pattern(one)
                    .map_err(|error| told.push(diagnostic(place, error)))
                    .ok()
            })
            .collect()
    };
    let (paths, regexes) = (patterns("paths"), patterns("regexes"));
    let mut list = AllowList {
        paths,
        stopwords: entry
            .get("stopwords")
            .names()
            .iter()
            .map(|word| word.to_ascii_lowercase())
            .collect(),
        all: entry
            .text_of("condition")
            .is_some_and(|condition| condition.eq_ignore_ascii_case("and") || condition == "&&"),
        ..AllowList::default()
    };
    match entry.text_of("regexTarget") {
        Some("match") => list.matches = regexes,
        Some("line") => list.lines = regexes,
        None | Some("secret" | "") => list.secrets = regexes,
        Some(other) => {
            told.push(diagnostic(place, format!("unknown regexTarget '{other}'")));
        }
    }
    list
}

/// Compiles a pattern of Go.
fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > MAX_PATTERN {
        return Err(format!("a regex longer than {MAX_PATTERN} bytes"));
    }
    let text = translated(text);
    let build = |unicode: bool| {
        RegexBuilder::new(&text)
            .unicode(unicode)
            .size_limit(PATTERN_MEMORY)
            .nest_limit(100)
            .build()
    };
    // Go's `\w` and `\b` are ASCII's; a class of letters beyond needs Unicode.
    build(false).or_else(|_| build(true)).map_err(|error| {
        let message = error.to_string();
        let last = message
            .lines()
            .rev()
            .find(|line| line.starts_with("error:"));
        format!("unsupported regex: {}", last.unwrap_or(&message))
    })
}

/// Where Go's syntax means text and ours means more: `[` and `&&`, `--`, `~~` in a class,
/// `\Q…\E`, `{` that opens no repetition, `\z`'s kin and escaped letters that are none.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut class = false;
    let mut first = false;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let mut used = c.len_utf8();
        match c {
            '\\' if after.starts_with('Q') => {
                let (quoted, tail) = after[1..].split_once("\\E").unwrap_or((&after[1..], ""));
                out.push_str(&regex::escape(quoted));
                rest = tail;
                continue;
            }
            '\\' => {
                let escaped = after.chars().next();
                match escaped {
                    // An escaped angle is a word border here and plain text there.
                    Some(angle @ ('<' | '>')) => out.push(angle),
                    // `\p{Greek}`, `\x{41}`: the braces are no repetition and no text.
                    Some('p' | 'P' | 'x') if after[1..].starts_with('{') => {
                        let end = after.find('}').map_or(after.len(), |at| at + 1);
                        out.push('\\');
                        out.push_str(&after[..end]);
                        rest = &after[end..];
                        first = false;
                        continue;
                    }
                    Some(other) => {
                        out.push('\\');
                        out.push(other);
                    }
                    None => out.push('\\'),
                }
                used += escaped.map_or(0, char::len_utf8);
                first = false;
            }
            '[' if !class => {
                class = true;
                out.push('[');
                if after.starts_with('^') {
                    out.push('^');
                    used += 1;
                }
                first = true;
                rest = &rest[used..];
                continue;
            }
            ']' if class && first => out.push_str("\\]"),
            ']' if class => {
                class = false;
                out.push(']');
            }
            '[' if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]").map_or(0, |at| at + 2);
                out.push('[');
                out.push_str(&after[..end]);
                used += end;
            }
            '[' => out.push_str("\\["),
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            '-' if class && after.starts_with('-') => out.push_str("\\-"),
            '{' if !class && !is_repetition(after) => out.push_str("\\{"),
            _ => out.push(c),
        }
        if c != '[' || class {
            first = false;
        }
        rest = &rest[used..];
    }
    out
}

/// `2}`, `2,}`, `2,5}`
fn is_repetition(after: &str) -> bool {
    let Some((inside, _)) = after.split_once('}') else {
        return false;
    };
    let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
    !low.is_empty()
        && low.bytes().all(|b| b.is_ascii_digit())
        && high.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_go() {
        for (go, text, want) in [
            (r"[[a]+", "[a", true),
            (r"[a&&b]", "&", true),
            (r"[]a]", "]", true),
            (r"[^]a]", "]", false),
            (r"a{,2}", "a{,2}", true),
            (r"a{1,2}", "aa", true),
            (r"\Qa.b\E+", "a.bb", true),
            (r"\<x\>", "<x>", true),
            (r"[[:alpha:]_]+", "_", true),
            (r"(?i)KEY\-x", "key-x", true),
            (r"['|\x60]", "`", true),
            (r"[\w--]", "-", true),
            (r"\p{Greek}", "λ", true),
        ] {
            let compiled = pattern(go).unwrap_or_else(|error| panic!("{go}: {error}"));
            assert_eq!(compiled.is_match(text.as_bytes()), want, "{go}");
        }
        assert!(
            pattern("(?=x)")
                .unwrap_err()
                .starts_with("unsupported regex")
        );
        assert!(pattern("(a{1000}){1000}").is_err());
        assert!(pattern(&"(".repeat(200)).is_err());
    }
}
