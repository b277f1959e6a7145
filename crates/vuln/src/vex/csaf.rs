//! CSAF 2.0 documents (OASIS), the VEX profile above all: a tree of products, and of each
//! vulnerability which of them it does and does not affect.

use super::{Document, Draft, Format, Product, Statement, Status, list, text};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

const MAX_DEPTH: usize = 64;

pub(super) fn read(value: &Value) -> Document {
    let document = &value["document"];
    let tracking = &document["tracking"];
    let mut draft = Draft::new(
        Format::Csaf,
        &tracking["id"],
        &document["publisher"]["name"],
    );
    let tree = Tree::read(&value["product_tree"]);
    let date = text(&tracking["current_release_date"]);
    for vulnerability in list(&value["vulnerabilities"]) {
        read_vulnerability(&mut draft, vulnerability, &tree, &date);
    }
    draft.document
}

#[derive(Default)]
struct Tree<'a> {
    products: HashMap<&'a str, Product>,
    groups: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Tree<'a> {
    fn read(value: &'a Value) -> Self {
        let mut tree = Self::default();
        tree.branches(&value["branches"], 0);
        for product in list(&value["full_product_names"]) {
            tree.product(product);
        }
        for relationship in list(&value["relationships"]) {
            tree.relationship(relationship);
        }
        for group in list(&value["product_groups"]) {
            if let Some(id) = group["group_id"].as_str() {
                tree.groups.insert(
                    id,
                    list(&group["product_ids"])
                        .iter()
                        .filter_map(Value::as_str)
                        .collect(),
                );
            }
        }
        tree
    }

    fn branches(&mut self, value: &'a Value, depth: usize) {
        for branch in list(value) {
            self.product(&branch["product"]);
            if depth < MAX_DEPTH {
                self.branches(&branch["branches"], depth + 1);
            }
        }
    }

    fn product(&mut self, value: &'a Value) {
        if let Some(id) = value["product_id"].as_str() {
            let product = identified(value);
            self.products.insert(id, product);
        }
    }

    /// `curl as a component of Red Hat Enterprise Linux 9`: the whole is asked for only where it can
    /// be told apart, that is, where it has a package URL or a digest of its own.
    fn relationship(&mut self, value: &'a Value) {
        let full = &value["full_product_name"];
        let Some(id) = full["product_id"].as_str() else {
            return;
        };
        let part = value["product_reference"]
            .as_str()
            .and_then(|id| self.products.get(id))
            .cloned();
        let whole = value["relates_to_product_reference"]
            .as_str()
            .and_then(|id| self.products.get(id));
        let own = identified(full);
        let product = match (part, whole) {
            _ if own.purl.is_some() => own,
            (Some(part), Some(whole)) if whole.purl.is_some() || !whole.digests.is_empty() => {
                Product {
                    parts: vec![part],
                    ..whole.clone()
                }
            }
            (Some(part), _) => part,
            (None, _) => own,
        };
        self.products.insert(id, product);
    }
}

fn identified(value: &Value) -> Product {
    let helper = &value["product_identification_helper"];
    let purl = helper["purl"]
        .as_str()
        .or_else(|| list(&helper["purls"]).first().and_then(Value::as_str));
    let digests = list(&helper["hashes"])
        .iter()
        .flat_map(|hash| list(&hash["file_hashes"]))
        .filter_map(|hash| {
            let algorithm = hash["algorithm"]
                .as_str()?
                .to_ascii_lowercase()
                .replace('-', "");
            Some(format!(
                "{algorithm}:{}",
                hash["value"].as_str()?.to_ascii_lowercase()
            ))
        });
    Product {
        id: text(&value["product_id"]),
        purl: purl.and_then(|text| crate::purl::parse(text).ok()),
        digests: digests.collect(),
        parts: Vec::new(),
    }
}

const STATUSES: &[(&str, Status)] = &[
    ("known_not_affected", Status::NotAffected),
    ("fixed", Status::Fixed),
    ("first_fixed", Status::Fixed),
    ("known_affected", Status::Affected),
    ("first_affected", Status::Affected),
    ("last_affected", Status::Affected),
    ("under_investigation", Status::UnderInvestigation),
];

fn read_vulnerability(draft: &mut Draft, value: &Value, tree: &Tree<'_>, date: &str) {
    let aliases: Vec<String> = list(&value["ids"])
        .iter()
        .filter_map(|id| id["text"].as_str())
        .map(str::to_owned)
        .collect();
    let id = value["cve"]
        .as_str()
        .map(str::to_owned)
        .or_else(|| aliases.first().cloned());
    let Some(id) = id else {
        draft.note("a vulnerability without an id is not applied");
        return;
    };
    let flags: Vec<(&str, HashSet<&str>)> = list(&value["flags"])
        .iter()
        .map(|flag| {
            (
                flag["label"].as_str().unwrap_or_default(),
                members(flag, tree),
            )
        })
        .collect();
    let impacts = list(&value["threats"])
        .iter()
        .filter(|threat| threat["category"] == "impact");
    let impacts: Vec<(&str, HashSet<&str>)> = impacts
        .map(|threat| {
            (
                threat["details"].as_str().unwrap_or_default(),
                members(threat, tree),
            )
        })
        .collect();
    let mut unknown = 0;
    for (key, status) in STATUSES {
        // Products that share justification and words share a statement.
        let mut same: HashMap<(&str, &str), Vec<u32>> = HashMap::new();
        for name in list(&value["product_status"][*key])
            .iter()
            .filter_map(Value::as_str)
        {
            let Some(product) = tree.products.get(name) else {
                unknown += 1;
                continue;
            };
            let of = |all: &[(&str, HashSet<&str>)]| -> Option<usize> {
                all.iter().position(|(_, members)| members.contains(name))
            };
            let flag = of(&flags)
                .and_then(|at| flags.get(at))
                .map_or("", |(label, _)| label);
            let impact = of(&impacts)
                .and_then(|at| impacts.get(at))
                .map_or("", |(detail, _)| detail);
            let at = draft.product(product.clone());
            same.entry((flag, impact)).or_default().push(at);
        }
        let mut same: Vec<_> = same.into_iter().collect();
        same.sort();
        draft
            .document
            .statements
            .extend(
                same.into_iter()
                    .map(|((flag, impact), products)| Statement {
                        vulnerability: id.clone(),
                        aliases: aliases.clone(),
                        products,
                        status: *status,
                        justification: flag.to_owned(),
                        detail: impact.to_owned(),
                        timestamp: date.to_owned(),
                    }),
            );
    }
    if unknown > 0 {
        draft.note(format!(
            "{id}: {unknown} products are named and not defined"
        ));
    }
}

fn members<'a>(value: &'a Value, tree: &Tree<'a>) -> HashSet<&'a str> {
    let own = list(&value["product_ids"]).iter().filter_map(Value::as_str);
    let groups = list(&value["group_ids"]).iter().filter_map(Value::as_str);
    own.chain(
        groups
            .filter_map(|id| tree.groups.get(id))
            .flatten()
            .copied(),
    )
    .collect()
}
