//! CSAF 2.0 documents, advisories and VEX: the product tree, and the status of each product.
//!
//! A product of a status list is a package in a platform: the tree's relationships say which. The
//! platform's CPE names the bucket. Used by Red Hat and SUSE, who write trees differently.

use super::{
    common::{nullable, tenths},
    platform::{bucket_of_cpe, bucket_of_suse},
    rpm,
};
use crate::output::Output;
use rampart_model::scan::{Cvss, FixStatus, Severity};
use rampart_vuln::advisory::{Advisory, Bucket, End, Interval, Record};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    str::FromStr,
};

/// Deepest nesting of branches that is read.
const MAX_DEPTH: usize = 16;

#[derive(Deserialize)]
pub(super) struct Csaf {
    pub(super) document: Meta,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default, deserialize_with = "nullable")]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
pub(super) struct Meta {
    #[serde(default, deserialize_with = "nullable")]
    title: String,
    #[serde(default, deserialize_with = "nullable")]
    aggregate_severity: Aggregate,
    tracking: Tracking,
}

#[derive(Default, Deserialize)]
struct Aggregate {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    initial_release_date: String,
    #[serde(default, deserialize_with = "nullable")]
    current_release_date: String,
    #[serde(default, deserialize_with = "nullable")]
    status: String,
}

#[derive(Default, Deserialize)]
struct Tree {
    #[serde(default, deserialize_with = "nullable")]
    branches: Vec<Branch>,
    #[serde(default, deserialize_with = "nullable")]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default, deserialize_with = "nullable")]
    branches: Vec<Branch>,
    product: Option<Product>,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    #[serde(default, deserialize_with = "nullable")]
    product_identification_helper: Helper,
}

#[derive(Default, Deserialize)]
struct Helper {
    cpe: Option<String>,
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default, deserialize_with = "nullable")]
    cve: String,
    #[serde(default, deserialize_with = "nullable")]
    title: String,
    cwe: Option<Cwe>,
    #[serde(default, deserialize_with = "nullable")]
    notes: Vec<Note>,
    #[serde(default, deserialize_with = "nullable")]
    product_status: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "nullable")]
    remediations: Vec<Remediation>,
    #[serde(default, deserialize_with = "nullable")]
    threats: Vec<Threat>,
    #[serde(default, deserialize_with = "nullable")]
    scores: Vec<Score>,
    #[serde(default, deserialize_with = "nullable")]
    references: Vec<Reference>,
    #[serde(default, deserialize_with = "nullable")]
    release_date: String,
}

#[derive(Deserialize)]
struct Cwe {
    id: String,
}

#[derive(Deserialize)]
struct Note {
    #[serde(default, deserialize_with = "nullable")]
    category: String,
    #[serde(default, deserialize_with = "nullable")]
    text: String,
}

#[derive(Deserialize)]
struct Remediation {
    #[serde(default, deserialize_with = "nullable")]
    category: String,
    #[serde(default, deserialize_with = "nullable")]
    details: String,
    #[serde(default, deserialize_with = "nullable")]
    product_ids: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    url: String,
}

#[derive(Deserialize)]
struct Threat {
    #[serde(default, deserialize_with = "nullable")]
    category: String,
    #[serde(default, deserialize_with = "nullable")]
    details: String,
    #[serde(default, deserialize_with = "nullable")]
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Score {
    cvss_v3: Option<Vector>,
    cvss_v2: Option<Vector>,
    cvss_v4: Option<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    version: String,
    vector_string: String,
    base_score: f64,
}

#[derive(Deserialize)]
struct Reference {
    url: String,
}

/// A platform or a package of the tree.
#[derive(Clone, Default)]
struct Item {
    cpe: Option<String>,
    purl: Option<String>,
}

/// Ids of the tree and what they stand for.
struct Products {
    items: HashMap<String, Item>,
    /// Product of a status list → package, platform.
    parts: HashMap<String, (String, String)>,
}

pub(super) fn file(bytes: &[u8], out: &mut Output<'_>) {
    let csaf: Csaf = match serde_json::from_slice(bytes) {
        Ok(csaf) => csaf,
        Err(error) => {
            out.error(error);
            return;
        }
    };
    out.entry_read();
    let products = products(csaf.product_tree, out);
    if csaf.document.tracking.status == "draft" {
        out.skip("draft");
        return;
    }
    for vulnerability in csaf.vulnerabilities {
        if vulnerability.cve.is_empty() {
            out.skip("a flaw without a CVE");
            continue;
        }
        rows(&csaf.document, &vulnerability, &products, out);
        let record = record(&csaf.document, vulnerability, out.feed());
        out.record(record);
    }
}

fn products(tree: Tree, out: &mut Output<'_>) -> Products {
    let mut products = Products {
        items: HashMap::new(),
        parts: HashMap::new(),
    };
    for branch in tree.branches {
        walk(branch, 0, &mut products.items, out);
    }
    for relation in tree.relationships {
        products.parts.insert(
            relation.full_product_name.product_id,
            (
                relation.product_reference,
                relation.relates_to_product_reference,
            ),
        );
    }
    products
}

fn walk(branch: Branch, depth: usize, items: &mut HashMap<String, Item>, out: &mut Output<'_>) {
    if depth > MAX_DEPTH {
        out.error(format!("a product tree more than {MAX_DEPTH} deep"));
        return;
    }
    if let Some(product) = branch.product {
        items.insert(
            product.product_id,
            Item {
                cpe: product.product_identification_helper.cpe,
                purl: product.product_identification_helper.purl,
            },
        );
    }
    for below in branch.branches {
        walk(below, depth + 1, items, out);
    }
}

/// A product of a status list, resolved.
struct Resolved {
    bucket: Bucket,
    name: String,
    evr: String,
    arch: String,
    module: String,
}

impl Products {
    /// `None`: the platform is none of ours.
    fn resolve(&self, id: &str) -> Option<Resolved> {
        let (package, platform) = match self.parts.get(id) {
            Some((package, platform)) => (package.as_str(), platform.as_str()),
            None => id
                .rsplit_once(':')
                .map(|(platform, package)| (package, platform))?,
        };
        // A package of a module belongs to the module, which belongs to the platform.
        let (platform, through) = match self.parts.get(platform) {
            Some((module, platform)) => (platform.as_str(), Some(module.as_str())),
            None => (platform, None),
        };
        let item = self.items.get(platform);
        let bucket = item
            .and_then(|item| item.cpe.as_deref())
            .and_then(bucket_of_cpe)
            .or_else(|| bucket_of_suse(platform))?;
        let package_item = self.items.get(package);
        let purl = package_item.and_then(|item| item.purl.as_deref());
        let mut resolved = match purl.and_then(of_purl) {
            Some((name, evr, arch, module)) => Resolved {
                bucket,
                name,
                evr,
                arch,
                module,
            },
            None => of_name(bucket, package)?,
        };
        if resolved.module.is_empty() {
            resolved.module = through
                .and_then(stream_of)
                .or_else(|| stream_of(package))
                .unwrap_or_default();
        }
        Some(resolved)
    }
}

/// `nodejs:18` of `nodejs:18:8060020230306:ad008a3a` or `nodejs:18/nodejs`.
fn stream_of(id: &str) -> Option<String> {
    if let Some((module, _)) = id.split_once('/') {
        return module.contains(':').then(|| module.to_owned());
    }
    let parts: Vec<&str> = id.split(':').collect();
    match parts.as_slice() {
        [name, stream, version, ..] if version.len() > 8 => Some(format!("{name}:{stream}")),
        _ => None,
    }
}

/// Name, version, architecture and module of `pkg:rpm/redhat/kernel@5.14-1?arch=x86_64&epoch=1`.
fn of_purl(purl: &str) -> Option<(String, String, String, String)> {
    let rest = purl.strip_prefix("pkg:rpm/")?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (path, version) = path.split_once('@').unwrap_or((path, ""));
    let name = percent_decoded(path.rsplit('/').next()?);
    let mut version = percent_decoded(version);
    let (mut arch, mut module) = (String::new(), String::new());
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("arch", value)) => value.clone_into(&mut arch),
            Some(("epoch", value)) if value != "0" && !version.is_empty() => {
                version = format!("{value}:{version}");
            }
            Some(("rpmmod", value)) => {
                let value = percent_decoded(value);
                module = value.split(':').take(2).collect::<Vec<_>>().join(":");
            }
            _ => {}
        }
    }
    (!name.is_empty()).then_some((name, version, arch, module))
}

/// A package told by its id alone: `kernel-default-5.14.21-150400.1.x86_64`, or only its name.
fn of_name(bucket: Bucket, package: &str) -> Option<Resolved> {
    let package = package.rsplit_once('/').map_or(package, |(_, name)| name);
    let resolved = match rpm::nevra(package) {
        Some(nevra) => Resolved {
            bucket,
            name: nevra.name,
            evr: nevra.evr,
            arch: nevra.arch,
            module: String::new(),
        },
        None => Resolved {
            bucket,
            name: package.to_owned(),
            evr: String::new(),
            arch: String::new(),
            module: String::new(),
        },
    };
    (!resolved.name.is_empty()).then_some(resolved)
}

fn percent_decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status_of(list: &str) -> Option<FixStatus> {
    Some(match list {
        "fixed" | "first_fixed" | "recommended" => FixStatus::Fixed,
        "known_affected" | "first_affected" | "last_affected" => FixStatus::Affected,
        "known_not_affected" => FixStatus::NotAffected,
        "under_investigation" => FixStatus::UnderInvestigation,
        _ => return None,
    })
}

/// One row for each bucket, package, module and status; versions of one row differ by architecture
/// only in odd cases, and then each is an interval of its own.
type Key = (Bucket, String, String, &'static str);

fn rows(document: &Meta, flaw: &Vulnerability, products: &Products, out: &mut Output<'_>) {
    let refusals = refusals(flaw);
    let severities = severities(flaw);
    let mut rows: BTreeMap<Key, Advisory> = BTreeMap::new();
    for (list, ids) in &flaw.product_status {
        let (Some(status), Some(ids)) = (status_of(list), ids.as_array()) else {
            out.error_at(&flaw.cve, format!("unknown product status '{list}'"));
            continue;
        };
        for id in ids.iter().filter_map(Value::as_str) {
            let Some(product) = products.resolve(id) else {
                out.skip("another product");
                continue;
            };
            // Whoever installs a package has its binary; the source goes with it.
            let source = matches!(product.arch.as_str(), "src" | "nosrc");
            if status == FixStatus::Fixed
                && (source || product.evr.is_empty() || rpm::is_special_build(&product.evr))
            {
                out.skip("a source package or a special build");
                continue;
            }
            let status = match status {
                FixStatus::Affected => refusals.get(id).copied().unwrap_or(status),
                status => status,
            };
            let key = (
                product.bucket.clone(),
                product.name.clone(),
                product.module.clone(),
                status.name(),
            );
            let row = rows.entry(key).or_insert_with(|| {
                let mut row = Advisory::new(
                    product.bucket.clone(),
                    product.name.as_str(),
                    flaw.cve.as_str(),
                    out.feed(),
                );
                row.status = status;
                row.module.clone_from(&product.module);
                if document.tracking.id != flaw.cve {
                    row.aliases.push(document.tracking.id.clone());
                }
                row
            });
            row.severity = row
                .severity
                .or_else(|| severities.get(id).copied())
                .or_else(|| overall(document));
            if status == FixStatus::Fixed {
                let interval = Interval {
                    introduced: String::new(),
                    end: End::Fixed(product.evr),
                };
                if !row.intervals.contains(&interval) {
                    row.intervals.push(interval);
                }
                if !product.arch.is_empty() {
                    row.arches.push(product.arch);
                }
            }
        }
    }
    for row in rows.into_values() {
        out.advisory(row);
    }
}

/// Why no fix comes, by product: the vendor says so in words.
fn refusals(flaw: &Vulnerability) -> HashMap<&str, FixStatus> {
    let mut refusals = HashMap::new();
    for remediation in &flaw.remediations {
        let details = remediation.details.to_ascii_lowercase();
        let status = match remediation.category.as_str() {
            "no_fix_planned" if details.contains("out of support") => FixStatus::EndOfLife,
            "no_fix_planned" => FixStatus::WillNotFix,
            "none_available" if details.contains("defer") => FixStatus::FixDeferred,
            _ => continue,
        };
        for id in &remediation.product_ids {
            refusals.insert(id.as_str(), status);
        }
    }
    refusals
}

fn severities(flaw: &Vulnerability) -> HashMap<&str, Severity> {
    let mut severities = HashMap::new();
    for threat in flaw
        .threats
        .iter()
        .filter(|threat| threat.category == "impact")
    {
        if let Ok(severity) = Severity::from_str(&threat.details) {
            for id in &threat.product_ids {
                severities.insert(id.as_str(), severity);
            }
        }
    }
    severities
}

fn overall(document: &Meta) -> Option<Severity> {
    Severity::from_str(&document.aggregate_severity.text)
        .ok()
        .filter(|severity| *severity != Severity::Unknown)
}

fn record(document: &Meta, flaw: Vulnerability, feed: &str) -> Record {
    let worst = severities(&flaw).into_values().max();
    let note = |category: &str| {
        flaw.notes
            .iter()
            .find(|note| note.category == category)
            .map(|note| note.text.clone())
    };
    let advisories = flaw
        .remediations
        .iter()
        .filter(|remediation| remediation.category == "vendor_fix")
        .map(|remediation| remediation.url.clone());
    let references = flaw
        .references
        .iter()
        .map(|reference| reference.url.clone());
    Record {
        id: flaw.cve.clone(),
        title: if flaw.title.is_empty() || flaw.title == flaw.cve {
            document.title.clone()
        } else {
            flaw.title.clone()
        },
        description: note("description")
            .or_else(|| note("general"))
            .unwrap_or_default(),
        severities: worst
            .or_else(|| overall(document))
            .map(|severity| (feed.to_owned(), severity))
            .into_iter()
            .collect(),
        cvss: scores(&flaw.scores, feed),
        cwes: flaw.cwe.iter().map(|cwe| cwe.id.clone()).collect(),
        references: references.chain(advisories).collect(),
        published: if flaw.release_date.is_empty() {
            document.tracking.initial_release_date.clone()
        } else {
            flaw.release_date.clone()
        },
        modified: document.tracking.current_release_date.clone(),
        feed: feed.to_owned(),
        ..Record::default()
    }
}

fn scores(scores: &[Score], feed: &str) -> Vec<Cvss> {
    let mut list: Vec<Cvss> = Vec::new();
    for vector in scores
        .iter()
        .flat_map(|score| [&score.cvss_v2, &score.cvss_v3, &score.cvss_v4])
        .flatten()
    {
        let Some(score_tenths) = tenths(vector.base_score) else {
            continue;
        };
        let cvss = Cvss {
            source: feed.to_owned(),
            version: vector.version.clone(),
            vector: vector.vector_string.clone(),
            score_tenths,
        };
        if !list.contains(&cvss) {
            list.push(cvss);
        }
    }
    list
}
