//! Licences of packages against a policy: which class each belongs to, and how bad that is.
//!
//! A licence is an id of the SPDX list, an expression of those, or a name of its own. Of an
//! expression's alternatives (`OR`) the mildest counts, of what applies together (`AND`) the
//! strictest. An exception (`WITH`) is part of its licence: the policy may name both, or the licence
//! alone. Names compare without case. Expressions longer than [`MAX_BYTES`] are taken as names.

mod category;

pub use category::default_category;

use rampart_model::scan::{LicenseCategory, LicenseFinding, ScanReport};
use spdx::{
    Expression,
    expression::{ExprNode, Operator},
};
use std::collections::BTreeMap;

/// The longest expression that is taken apart.
pub const MAX_BYTES: usize = 4_096;

/// What the user says of licences. What it does not name is in its usual class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// In lower case; a `*` at the end stands for any rest.
    named: Vec<(String, LicenseCategory)>,
    /// Not empty: everything else is forbidden.
    allowed: Vec<String>,
    ignored: Vec<String>,
}

impl Policy {
    /// These licences are of this class, whatever they usually are.
    #[must_use]
    pub fn with(mut self, category: LicenseCategory, licenses: &[String]) -> Self {
        let rows = licenses.iter().map(|name| (folded(name), category));
        self.named.extend(rows);
        self
    }

    /// Only these may be used.
    #[must_use]
    pub fn allow(mut self, licenses: &[String]) -> Self {
        self.allowed
            .extend(licenses.iter().map(|name| folded(name)));
        self
    }

    /// Nothing is said of these.
    #[must_use]
    pub fn ignore(mut self, licenses: &[String]) -> Self {
        self.ignored
            .extend(licenses.iter().map(|name| folded(name)));
        self
    }

    /// The class of one licence or expression; none if it is to be ignored.
    pub fn judge(&self, license: &str) -> Option<LicenseCategory> {
        if let Some(category) = self.named(license) {
            return category;
        }
        if license.len() <= MAX_BYTES
            && let Ok(expression) = Expression::parse(license)
        {
            return self.expression(&expression);
        }
        self.usual(license)
    }

    /// What the policy says of exactly this text.
    fn named(&self, license: &str) -> Option<Option<LicenseCategory>> {
        let name = folded(license);
        if self.ignored.iter().any(|pattern| fits(pattern, &name)) {
            return Some(None);
        }
        let said = self
            .named
            .iter()
            .filter(|(pattern, _)| fits(pattern, &name));
        if let Some(category) = said.map(|(_, category)| *category).max() {
            return Some(Some(category));
        }
        let allowed = self.allowed.iter().any(|pattern| fits(pattern, &name));
        allowed.then_some(Some(LicenseCategory::Permissive))
    }

    fn usual(&self, license: &str) -> Option<LicenseCategory> {
        Some(if self.allowed.is_empty() {
            default_category(license)
        } else {
            LicenseCategory::Forbidden
        })
    }

    fn one(&self, license: &str, exception: Option<&str>) -> Option<LicenseCategory> {
        let whole = exception.map(|exception| format!("{license} WITH {exception}"));
        whole
            .as_deref()
            .and_then(|whole| self.named(whole))
            .or_else(|| self.named(license))
            .unwrap_or_else(|| self.usual(whole.as_deref().unwrap_or(license)))
    }

    /// Operators follow their operands. What is ignored weighs nothing beside another.
    fn expression(&self, expression: &Expression) -> Option<LicenseCategory> {
        let mut stack: Vec<Option<LicenseCategory>> = Vec::new();
        for node in expression.iter() {
            let value = match node {
                ExprNode::Req(required) => {
                    let exception = required.req.addition.as_ref().map(ToString::to_string);
                    self.one(&required.req.license.to_string(), exception.as_deref())
                }
                ExprNode::Op(operator) => {
                    let (right, left) = (stack.pop().flatten(), stack.pop().flatten());
                    match operator {
                        Operator::And => left.max(right),
                        // An ignored alternative may be chosen.
                        Operator::Or => left.min(right),
                    }
                }
            };
            stack.push(value);
        }
        stack.pop().flatten()
    }
}

fn folded(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// Every licence of every package, strictest first. A package listed in several files is said once.
pub fn findings(report: &ScanReport, policy: &Policy) -> Vec<LicenseFinding> {
    let mut judged: BTreeMap<&str, Option<LicenseCategory>> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, package) in report.packages.iter().enumerate() {
        let Ok(index) = u32::try_from(index) else {
            break;
        };
        for license in &package.licenses {
            let category = *judged
                .entry(license)
                .or_insert_with(|| policy.judge(license));
            if let Some(category) = category {
                found.push(LicenseFinding {
                    license: license.clone(),
                    category,
                    severity: category.severity(),
                    package: index,
                });
            }
        }
    }
    found.sort_by(|a, b| {
        b.category
            .cmp(&a.category)
            .then_with(|| a.license.cmp(&b.license))
            .then(a.package.cmp(&b.package))
    });
    found
}
