//! One rule: what it finds, and what a find must pass.

use rampart_model::scan::Severity;

/// Where a rule looks.
#[derive(Clone, Copy, Debug)]
pub enum Find {
    /// The secret has a text of its own. `keywords` are searched as they are; around each, the
    /// pattern decides. Group 1 is the secret, or the whole match.
    Token {
        keywords: &'static [&'static str],
        pattern: &'static str,
    },
    /// `name = value`: the name holds one of `names` (lower case, any separators), and the whole
    /// value matches the pattern.
    Named {
        names: &'static [&'static str],
        value: &'static str,
    },
}

/// A rule of our own, with cases that prove it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable: shown in reports and used by ignore files.
    pub id: &'static str,
    pub title: &'static str,
    pub severity: Severity,
    pub find: Find,
    /// Least Shannon entropy of the secret, in bits a character.
    pub entropy: f32,
    pub check: fn(&str) -> bool,
    /// Texts in which it must find a secret, and texts in which it must not.
    pub positive: &'static [&'static str],
    pub negative: &'static [&'static str],
}

pub(super) const fn token(
    id: &'static str,
    title: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
    positive: &'static [&'static str],
    negative: &'static [&'static str],
) -> Rule {
    Rule {
        id,
        title,
        severity: Severity::High,
        find: Find::Token { keywords, pattern },
        entropy: 2.5,
        check: |_| true,
        positive,
        negative,
    }
}

pub(super) const fn named(
    id: &'static str,
    title: &'static str,
    names: &'static [&'static str],
    value: &'static str,
    positive: &'static [&'static str],
    negative: &'static [&'static str],
) -> Rule {
    Rule {
        id,
        title,
        severity: Severity::High,
        find: Find::Named { names, value },
        entropy: 3.0,
        check: |_| true,
        positive,
        negative,
    }
}

impl Rule {
    pub(super) const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(super) const fn entropy(mut self, bits: f32) -> Self {
        self.entropy = bits;
        self
    }

    pub(super) const fn check(mut self, check: fn(&str) -> bool) -> Self {
        self.check = check;
        self
    }
}
