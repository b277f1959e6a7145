//! VEX: what makers and teams say of vulnerabilities in their products, in and out.
//!
//! Reads OpenVEX, CycloneDX with `vulnerabilities` and CSAF VEX; writes OpenVEX and CycloneDX. A
//! statement that a product is not affected, or fixed, takes the finding out of the count; a later
//! one that it is affected puts it back.
//!
//! Limits: a document is at most [`MAX_BYTES`] long and nests at most as deep as `serde_json` lets
//! it; statements refer to one list of products, so a document is never larger in memory than a
//! small multiple of its bytes. What a document names and does not define is a diagnostic.

mod csaf;
mod cyclonedx;
mod openvex;
pub(crate) mod product;
mod write;

pub use product::Product;
pub use write::{Writing, cyclonedx as write_cyclonedx, openvex as write_openvex};

use product::Found;
use rampart_model::{
    Distro, Package,
    scan::{ScanTarget, Suppression, Vulnerability},
};
use serde_json::Value;
use std::collections::HashMap;

pub const MAX_BYTES: usize = 64 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    NotAffected,
    Affected,
    Fixed,
    UnderInvestigation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    OpenVex,
    CycloneDx,
    Csaf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub vulnerability: String,
    pub aliases: Vec<String>,
    /// Indices into [`Document::products`].
    pub products: Vec<u32>,
    pub status: Status,
    /// `vulnerable_code_not_present`, …
    pub justification: String,
    /// In words.
    pub detail: String,
    /// RFC 3339; orders statements that contradict each other.
    pub timestamp: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub format: Format,
    pub id: String,
    pub author: String,
    pub products: Vec<Product>,
    pub statements: Vec<Statement>,
    /// What was not understood.
    pub diagnostics: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum VexError {
    #[error("longer than the {MAX_BYTES} bytes that are read of a VEX document")]
    TooLong,
    #[error("not readable as JSON")]
    Json(#[from] serde_json::Error),
    #[error("neither an OpenVEX, a CycloneDX nor a CSAF document")]
    Unknown,
}

/// Reads a document of any of the formats.
pub fn parse(bytes: &[u8]) -> Result<Document, VexError> {
    if bytes.len() > MAX_BYTES {
        return Err(VexError::TooLong);
    }
    let value: Value = serde_json::from_slice(bytes)?;
    let context = match &value["@context"] {
        Value::Array(list) => list
            .iter()
            .filter_map(Value::as_str)
            .any(|text| text.contains("openvex")),
        Value::String(text) => text.contains("openvex"),
        _ => false,
    };
    if context {
        Ok(openvex::read(&value))
    } else if value["bomFormat"] == "CycloneDX" {
        Ok(cyclonedx::read(&value))
    } else if value["document"].is_object() && value["document"]["csaf_version"].is_string() {
        Ok(csaf::read(&value))
    } else {
        Err(VexError::Unknown)
    }
}

/// Collects what a reader finds.
struct Draft {
    document: Document,
    index: HashMap<Product, u32>,
}

impl Draft {
    fn new(format: Format, id: &Value, author: &Value) -> Self {
        Self {
            document: Document {
                format,
                id: text(id),
                author: text(author),
                products: Vec::new(),
                statements: Vec::new(),
                diagnostics: Vec::new(),
            },
            index: HashMap::new(),
        }
    }

    fn product(&mut self, product: Product) -> u32 {
        let next = u32::try_from(self.document.products.len()).unwrap_or(u32::MAX);
        if let Some(&at) = self.index.get(&product) {
            return at;
        }
        self.index.insert(product.clone(), next);
        self.document.products.push(product);
        next
    }

    fn note(&mut self, text: impl Into<String>) {
        const MOST: usize = 100;
        if self.document.diagnostics.len() < MOST {
            self.document.diagnostics.push(text.into());
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A document, and the name it is shown by: its file's.
pub struct Source<'a> {
    pub name: &'a str,
    pub document: &'a Document,
}

/// Marks the findings that the documents take out of the count.
pub fn apply(
    sources: &[Source<'_>],
    vulnerabilities: &mut [Vulnerability],
    packages: &[Package],
    distro: Option<&Distro>,
    target: &ScanTarget,
) {
    let mut about: HashMap<String, Vec<(usize, &Statement)>> = HashMap::new();
    for (at, source) in sources.iter().enumerate() {
        for statement in &source.document.statements {
            for id in std::iter::once(&statement.vulnerability).chain(&statement.aliases) {
                about
                    .entry(id.to_ascii_uppercase())
                    .or_default()
                    .push((at, statement));
            }
        }
    }
    for vulnerability in vulnerabilities
        .iter_mut()
        .filter(|v| v.suppressed.is_none())
    {
        let Some(package) = packages.get(vulnerability.package as usize) else {
            continue;
        };
        let ids = std::iter::once(&vulnerability.id).chain(&vulnerability.aliases);
        let statements: Vec<_> = ids
            .filter_map(|id| about.get(&id.to_ascii_uppercase()))
            .flatten()
            .collect();
        if statements.is_empty() {
            continue;
        }
        let found = Found::new(package, distro, target);
        let covers = |(at, statement): &&&(usize, &Statement)| {
            let products = sources
                .get(*at)
                .map_or(&[][..], |source| &source.document.products);
            let mut products = statement
                .products
                .iter()
                .filter_map(|&at| products.get(at as usize));
            products.any(|product| product.covers(&found))
        };
        // Of the same instant, the document given last.
        let last = statements
            .iter()
            .filter(covers)
            .max_by_key(|(at, statement)| (statement.timestamp.as_str(), *at));
        if let Some((at, statement)) = last {
            vulnerability.suppressed = sources
                .get(*at)
                .and_then(|source| suppression(source, statement));
        }
    }
}

fn suppression(source: &Source<'_>, statement: &Statement) -> Option<Suppression> {
    let reason = match statement.status {
        Status::NotAffected if !statement.justification.is_empty() => {
            statement.justification.clone()
        }
        Status::NotAffected if statement.detail.is_empty() => "not affected".to_owned(),
        Status::NotAffected => statement.detail.clone(),
        Status::Fixed => "fixed".to_owned(),
        Status::Affected | Status::UnderInvestigation => return None,
    };
    let name = if source.name.is_empty() {
        &source.document.id
    } else {
        source.name
    };
    Some(Suppression {
        by: "vex".to_owned(),
        reason,
        source: name.to_owned(),
    })
}
