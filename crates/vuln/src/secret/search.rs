//! Searches one text as it streams by.
//!
//! The text is kept in blocks of [`BLOCK`] bytes with [`OVERLAP`] bytes of the next, so that what
//! stands across a border is found whole, once. A literal calls for its rules; each runs its
//! pattern from [`BEFORE`] the literal to its reach behind it. Rules with a text of their own come
//! before named values, those before the general ones, and a place is told once.

use super::{
    MAX_FINDINGS, MAX_TEXT_BYTES, MAX_WORK_BYTES, allow,
    allow::AllowList,
    check,
    gitleaks::{LoadedRule, RuleFile},
    mask,
    prefilter::Prefilter,
    rule::{Find, Rule},
};
use crate::analyze::{FileFacts, Sink};
use aho_corasick::AhoCorasick;
use rampart_model::scan::{Secret, Severity};
use regex::bytes::{Regex, RegexBuilder};
use std::sync::{Arc, OnceLock};

const BLOCK: usize = 64 << 10;
/// No secret that is told whole is longer: a private key's first lines.
const OVERLAP: usize = 4 << 10;
const BEFORE: usize = 96;
const REACH: usize = 1 << 10;
/// Of `name = value` on a line.
const LINE: usize = 400;
/// Kept of what was searched, for word borders and the head of a line.
const BEHIND: usize = 512;

/// Literals of names that secrets are given: each stands in whole families of names.
const NAMES: &[&str] = &[
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "assw",
    "ASSW",
    "_key",
    "_KEY",
    "-key",
    "iKey",
    "ikey",
    "IKEY",
    "sKey",
    "skey",
    "SKEY",
    "eKey",
    "tKey",
    "nKey",
    "_pwd",
    "_PWD",
    "redential",
    "REDENTIAL",
    "pass=",
    "PASS=",
    "_pass",
    "_PASS",
];

/// Rules made ready: literals sorted, patterns compiled when first needed.
pub struct Scanner {
    prefilter: Prefilter,
    tokens: Vec<Token>,
    named: Vec<Named>,
    loaded: Option<Loaded>,
    allow: AllowList,
    allow_rules: Vec<AllowList>,
}

struct Token {
    rule: &'static Rule,
    pattern: OnceLock<Option<Regex>>,
}

struct Named {
    rule: &'static Rule,
    names: &'static [&'static str],
    value: OnceLock<Option<Regex>>,
}

/// Rules of a file, and the words that call for them.
struct Loaded {
    rules: Vec<LoadedRule>,
    words: Option<AhoCorasick>,
    /// For each word the rules it calls for.
    calls: Vec<Vec<usize>>,
    /// Rules without words are always asked.
    always: Vec<usize>,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner")
            .field("rules", &(self.tokens.len() + self.named.len()))
            .field("loaded", &self.loaded.as_ref().map_or(0, |l| l.rules.len()))
            .finish_non_exhaustive()
    }
}

impl Scanner {
    /// With our own rules only.
    pub fn builtin() -> Self {
        Self::with(RuleFile::default(), true)
    }

    /// With a file's rules, beside our own or instead of them.
    pub fn with(file: RuleFile, builtin: bool) -> Self {
        let ours: Vec<&'static Rule> = super::rules().filter(|_| builtin).collect();
        let mut tokens = Vec::new();
        let mut named = Vec::new();
        let mut literals: Vec<(&str, u16)> = Vec::new();
        for rule in ours {
            match rule.find {
                Find::Token { keywords, .. } => {
                    let number = u16::try_from(tokens.len()).unwrap_or(u16::MAX);
                    literals.extend(keywords.iter().map(|keyword| (*keyword, number)));
                    tokens.push(Token {
                        rule,
                        pattern: OnceLock::new(),
                    });
                }
                Find::Named { names, .. } => named.push(Named {
                    rule,
                    names,
                    value: OnceLock::new(),
                }),
            }
        }
        if !named.is_empty() {
            literals.extend(NAMES.iter().map(|name| (*name, u16::MAX)));
        }
        Self {
            prefilter: Prefilter::new(&literals),
            tokens,
            named,
            loaded: Loaded::new(file.rules),
            allow: AllowList::default(),
            allow_rules: file.allow,
        }
    }

    /// What the user allows beyond our own list.
    #[must_use]
    pub fn allowing(mut self, allow: AllowList) -> Self {
        self.allow = allow;
        self
    }

    pub(super) fn allow(&self) -> &AllowList {
        &self.allow
    }
}

fn compiled<'r>(cell: &'r OnceLock<Option<Regex>>, pattern: &str) -> Option<&'r Regex> {
    let built = cell.get_or_init(|| {
        RegexBuilder::new(pattern)
            .unicode(false)
            .size_limit(4 << 20)
            .build()
            .ok()
    });
    built.as_ref()
}

impl Loaded {
    fn new(rules: Vec<LoadedRule>) -> Option<Self> {
        if rules.is_empty() {
            return None;
        }
        let mut words: Vec<&str> = Vec::new();
        let mut calls: Vec<Vec<usize>> = Vec::new();
        let mut always = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            if rule.keywords.is_empty() {
                always.push(at);
            }
            for keyword in &rule.keywords {
                if let Some(known) = words.iter().position(|word| word == keyword) {
                    calls[known].push(at);
                } else {
                    words.push(keyword);
                    calls.push(vec![at]);
                }
            }
        }
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&words)
            .ok();
        Some(Self {
            rules,
            words,
            calls,
            always,
        })
    }

    /// Rules that this text calls for.
    fn called(&self, text: &[u8]) -> Vec<usize> {
        let mut called = vec![false; self.rules.len()];
        for at in &self.always {
            called[*at] = true;
        }
        if let Some(words) = &self.words {
            for found in words.find_overlapping_iter(text) {
                for at in &self.calls[found.pattern().as_usize()] {
                    called[*at] = true;
                }
            }
        }
        (0..called.len()).filter(|at| called[*at]).collect()
    }
}

/// A find within the kept text.
struct Candidate<'r> {
    id: &'r str,
    title: &'r str,
    severity: Severity,
    start: usize,
    end: usize,
}

/// The state of one text.
pub(super) struct Search {
    scanner: Arc<Scanner>,
    path: String,
    /// In a program's source an unquoted value is a name.
    in_source: bool,
    text: Vec<u8>,
    /// Everything before it was searched.
    fresh: usize,
    /// Line of the first kept byte, counted from 1.
    line: u32,
    read: u64,
    work: usize,
    secrets: Vec<Secret>,
    /// Places told, in the kept text.
    told: Vec<(usize, usize)>,
    more: usize,
}

impl Search {
    pub(super) fn new(scanner: Arc<Scanner>, path: &str) -> Self {
        Self {
            scanner,
            path: path.to_owned(),
            in_source: is_source(path),
            text: Vec::new(),
            fresh: 0,
            line: 1,
            read: 0,
            work: 0,
            secrets: Vec::new(),
            told: Vec::new(),
            more: 0,
        }
    }

    fn search(&mut self, last: bool) {
        let end = if last {
            self.text.len()
        } else {
            self.text.len().saturating_sub(OVERLAP)
        };
        let scanner = Arc::clone(&self.scanner);
        let mut found = Vec::new();
        let (ranges, names) = self.calls(&scanner, end);
        for (number, from, to) in ranges {
            self.token(&scanner.tokens[number], from, to, &mut found);
        }
        for at in names {
            self.named(&scanner, at, end, &mut found);
        }
        if let Some(loaded) = &scanner.loaded {
            self.loaded(loaded, end, &mut found);
        }
        self.tell(&scanner, found);
        self.drop_searched(end);
    }

    /// Ranges to run each called rule over, and places of names.
    fn calls(&self, scanner: &Scanner, end: usize) -> (Vec<(usize, usize, usize)>, Vec<usize>) {
        let mut ranges: Vec<(usize, usize, usize)> = Vec::new();
        let mut latest: Vec<Option<usize>> = vec![None; scanner.tokens.len()];
        let mut names = Vec::new();
        let length = self.text.len();
        scanner
            .prefilter
            .search(&self.text, self.fresh, end, |at, call| {
                if call == u16::MAX {
                    names.push(at);
                    return;
                }
                let number = usize::from(call);
                let reach = match scanner.tokens.get(number).map(|token| token.rule.id) {
                    Some(id) if id.ends_with("private-key") => OVERLAP,
                    _ => REACH,
                };
                let (from, to) = (at.saturating_sub(BEFORE), (at + reach).min(length));
                match latest[number].and_then(|at| ranges.get_mut(at)) {
                    Some((_, _, until)) if from <= *until => *until = to.max(*until),
                    _ => {
                        latest[number] = Some(ranges.len());
                        ranges.push((number, from, to));
                    }
                }
            });
        // In the tables' order: the first to find a place tells it.
        ranges.sort_unstable();
        names.sort_unstable();
        (ranges, names)
    }

    /// Whether so much may still run under patterns.
    fn pay(&mut self, bytes: usize) -> bool {
        self.work = self.work.saturating_add(bytes + 64);
        self.work <= MAX_WORK_BYTES
    }

    fn token<'r>(
        &mut self,
        token: &'r Token,
        from: usize,
        to: usize,
        found: &mut Vec<Candidate<'r>>,
    ) {
        let Find::Token { pattern, .. } = token.rule.find else {
            return;
        };
        let Some(pattern) = compiled(&token.pattern, pattern) else {
            return;
        };
        let mut at = from;
        while at < to && found.len() < 2 * MAX_FINDINGS && self.pay(to - at) {
            let Some(captures) = pattern.captures_at(&self.text[..to], at) else {
                return;
            };
            let whole = captures.get(0).map_or(to..to, |found| found.range());
            let secret = captures.get(1).map_or(whole.clone(), |found| found.range());
            at = whole.end.max(at + 1);
            if let Some(text) = self.utf8(secret.clone())
                && !allow::is_sample_token(text)
                && passes(token.rule, text)
            {
                found.push(candidate(token.rule, secret));
            }
        }
    }

    fn utf8(&self, range: std::ops::Range<usize>) -> Option<&str> {
        std::str::from_utf8(self.text.get(range)?).ok()
    }

    fn named<'r>(
        &mut self,
        scanner: &'r Scanner,
        at: usize,
        end: usize,
        found: &mut Vec<Candidate<'r>>,
    ) {
        let Some((name, value)) = assignment(&self.text, at) else {
            return;
        };
        if value.start >= end + LINE || found.last().is_some_and(|last| last.start == value.start) {
            return;
        }
        if !self.pay(name.len() + value.len()) {
            return;
        }
        let (Some(name), Some(text)) = (self.utf8(name), self.utf8(value.clone())) else {
            return;
        };
        let unquoted =
            value.start > 0 && !matches!(self.text[value.start - 1], b'"' | b'\'' | b'`');
        let no_value = text.contains("://") || unquoted && (self.in_source || is_expression(text));
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        if allow::is_placeholder(text) {
            return;
        }
        let fits = scanner.named.iter().find(|named| {
            let Find::Named { value, .. } = named.rule.find else {
                return false;
            };
            !(no_value && named.rule.id.starts_with("generic-"))
                && named.names.iter().any(|word| name.contains(word))
                && compiled(&named.value, value)
                    .is_some_and(|value| value.is_match(text.as_bytes()))
                && passes(named.rule, text)
        });
        if let Some(named) = fits {
            found.push(candidate(named.rule, value));
        }
    }

    fn loaded<'r>(&mut self, loaded: &'r Loaded, end: usize, found: &mut Vec<Candidate<'r>>) {
        let from = self.fresh.saturating_sub(BEHIND);
        for number in loaded.called(&self.text[from..]) {
            let rule = &loaded.rules[number];
            if rule
                .path
                .as_ref()
                .is_some_and(|path| !path.is_match(self.path.as_bytes()))
            {
                continue;
            }
            let Some(pattern) = &rule.pattern else {
                continue;
            };
            let mut at = from;
            while at < self.text.len() && found.len() < 2 * MAX_FINDINGS {
                if !self.pay(self.text.len() - at) {
                    return;
                }
                let Some(captures) = pattern.captures_at(&self.text, at) else {
                    break;
                };
                let whole = captures.get(0).map_or(0..0, |found| found.range());
                at = whole.end.max(at + 1);
                let secret = rule.secret(&captures);
                if secret.start >= self.fresh && secret.start < end {
                    let bytes = &self.text[secret.clone()];
                    let line = line_of(&self.text, secret.start);
                    let allowed = rule
                        .allow
                        .iter()
                        .chain(&self.scanner.allow_rules)
                        .any(|allow| {
                            allow.allows(
                                &self.path,
                                bytes,
                                &self.text[whole.clone()],
                                &self.text[line.clone()],
                            )
                        });
                    if !allowed && rule.is_random(&String::from_utf8_lossy(bytes)) {
                        found.push(Candidate {
                            id: &rule.id,
                            title: &rule.title,
                            severity: Severity::High,
                            start: secret.start,
                            end: secret.end,
                        });
                    }
                }
            }
        }
    }

    /// Notes what was found, each place once, in order.
    fn tell(&mut self, scanner: &Scanner, found: Vec<Candidate<'_>>) {
        let mut new: Vec<Candidate<'_>> = Vec::new();
        for candidate in found {
            let (start, end) = (candidate.start, candidate.end);
            let meets = |(from, to): &(usize, usize)| start < *to && *from < end;
            if start == end || self.told.iter().any(meets) {
                continue;
            }
            let line = line_of(&self.text, start);
            let bytes = &self.text[start..end];
            if scanner
                .allow
                .allows(&self.path, bytes, bytes, &self.text[line])
            {
                continue;
            }
            if self.secrets.len() + new.len() >= MAX_FINDINGS {
                self.more += 1;
                continue;
            }
            self.told.push((start, end));
            new.push(candidate);
        }
        new.sort_by_key(|candidate| candidate.start);
        self.told.sort_unstable();
        let mut counted = (0, self.line);
        for candidate in new {
            let line = line_of(&self.text, candidate.start);
            let breaks = memchr::memchr_iter(b'\n', &self.text[counted.0..line.start]).count();
            counted = (
                line.start,
                counted
                    .1
                    .saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX)),
            );
            let near: Vec<(usize, usize)> = self
                .told
                .iter()
                .filter(|(start, end)| *end > line.start && *start < line.end)
                .map(|(start, end)| {
                    (
                        start.saturating_sub(line.start),
                        end.min(&line.end) - line.start,
                    )
                })
                .collect();
            self.secrets.push(Secret {
                rule: candidate.id.to_owned(),
                title: candidate.title.to_owned(),
                severity: candidate.severity,
                path: self.path.clone(),
                line: counted.1,
                excerpt: mask::excerpt(
                    &self.text[line.clone()],
                    &near,
                    candidate.start - line.start,
                ),
                layer: None,
                deleted_later: false,
            });
        }
    }

    fn drop_searched(&mut self, end: usize) {
        let dropped = end.saturating_sub(BEHIND);
        let breaks = memchr::memchr_iter(b'\n', &self.text[..dropped]).count();
        self.line = self
            .line
            .saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.text.drain(..dropped);
        self.fresh = end - dropped;
        self.told.retain(|(_, end)| *end > dropped);
        for (start, end) in &mut self.told {
            *start = start.saturating_sub(dropped);
            *end -= dropped;
        }
    }
}

fn passes(rule: &Rule, text: &str) -> bool {
    check::entropy(text) >= rule.entropy && (rule.check)(text)
}

fn candidate(rule: &Rule, secret: std::ops::Range<usize>) -> Candidate<'static> {
    Candidate {
        id: rule.id,
        title: rule.title,
        severity: rule.severity,
        start: secret.start,
        end: secret.end,
    }
}

impl Sink for Search {
    fn chunk(&mut self, bytes: &[u8]) {
        let room = usize::try_from(MAX_TEXT_BYTES.saturating_sub(self.read)).unwrap_or(usize::MAX);
        self.read += bytes.len() as u64;
        let mut rest = &bytes[..bytes.len().min(room)];
        while !rest.is_empty() {
            let room = (BLOCK + OVERLAP + BEHIND).saturating_sub(self.text.len());
            let (now, later) = rest.split_at(rest.len().min(room));
            self.text.extend_from_slice(now);
            rest = later;
            if self.text.len() >= BLOCK + OVERLAP + BEHIND {
                self.search(false);
            }
        }
    }

    fn finish(mut self: Box<Self>, truncated: bool, out: &mut FileFacts) {
        self.search(true);
        out.secrets.append(&mut self.secrets);
        if self.read > MAX_TEXT_BYTES {
            out.problem(format!(
                "only the first {MAX_TEXT_BYTES} bytes were searched for secrets"
            ));
        }
        if self.more > 0 {
            let more = self.more;
            out.problem(format!(
                "{more} more places look like secrets past the first {MAX_FINDINGS}"
            ));
        }
        if self.work > MAX_WORK_BYTES {
            out.problem("the search for secrets was given up: too much text looks like some");
        }
        if truncated && self.read > 0 {
            out.problem("cut short: the rest was not searched for secrets");
        }
    }
}

fn is_source(path: &str) -> bool {
    const SOURCES: &[&str] = &[
        "py", "js", "mjs", "cjs", "ts", "jsx", "tsx", "go", "rs", "rb", "java", "kt", "scala", "c",
        "h", "cc", "cpp", "hpp", "cs", "php", "pl", "pm", "swift", "m", "lua", "ex", "exs", "erl",
        "hs", "dart", "vue", "html", "css", "md", "rst", "r", "jl",
    ];
    let ending = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'));
    ending.is_some_and(|(_, ending)| SOURCES.contains(&ending))
}

/// `name[0]`, `call(…`, `some.path.to_it`, `a::b`, `a->b`: no value but where it comes from.
fn is_expression(value: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    value.contains(['[', '('])
        || value.contains("::")
        || value.contains("->")
        || (value.contains('.') && value.split('.').all(is_word))
}

fn line_of(text: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |before| before + 1);
    let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |after| at + after);
    start..end
}

/// `name = value` around a literal of a name: `A_TOKEN=x`, `"token": "x"`, `token => 'x'`,
/// `token := x`, `<token>x</token>`. Returns the whole name and the value without its quotes.
fn assignment(text: &[u8], at: usize) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let low = at.saturating_sub(80);
    let start = at
        - text[low..at]
            .iter()
            .rev()
            .take_while(|b| is_name(b))
            .count();
    let rest = &text[at..text.len().min(at + LINE)];
    let mut end = rest.iter().take_while(|b| is_name(b)).count();
    let name = start..at + end;
    if rest
        .get(end)
        .is_some_and(|b| matches!(b, b'"' | b'\'' | b'`' | b']'))
    {
        end += 1;
        if rest.get(end) == Some(&b']') {
            end += 1;
        }
    }
    end += blanks(&rest[end.min(rest.len())..]);
    let after = operator(rest.get(end..)?)?;
    end += after;
    end += blanks(rest.get(end..)?);
    let quote = rest
        .get(end)
        .copied()
        .filter(|b| matches!(b, b'"' | b'\'' | b'`'));
    end += usize::from(quote.is_some());
    let value = rest.get(end..)?;
    let length = match quote {
        Some(quote) => value.iter().position(|b| *b == quote || *b == b'\n')?,
        None => value
            .iter()
            .position(|b| {
                b.is_ascii_whitespace()
                    || matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'&' | b')')
            })
            .unwrap_or(value.len()),
    };
    (length >= 8).then(|| (name, at + end..at + end + length))
}

fn blanks(text: &[u8]) -> usize {
    text.iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count()
}

/// Length of an assigning operator; a comparison is none.
fn operator(text: &[u8]) -> Option<usize> {
    match text {
        [b'=', b'=' | b'~', ..] => None,
        [b'=', b'>', ..] | [b':', b'=', ..] => Some(2),
        [b':', b':', ..] => None,
        [b'=' | b':' | b'>', ..] => Some(1),
        _ => None,
    }
}
