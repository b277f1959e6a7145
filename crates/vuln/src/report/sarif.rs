//! SARIF 2.1.0, for code scanning dashboards.
//!
//! One rule a vulnerability, secret rule or configuration check; one result a finding. Artifact
//! locations are relative to the scanned root, with the line where there is one.

use super::Shown;
use rampart_model::{
    package::Package,
    scan::{ConfigIssue, LicenseFinding, ScanReport, Secret, Severity, Vulnerability},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as SARIF; `version` is the program's.
pub fn write(report: &ScanReport, shown: &Shown, version: &str) -> String {
    let mut log = Log::default();
    for found in report
        .vulnerabilities
        .iter()
        .filter(|v| shown.vulnerability(v))
    {
        if let Some(package) = report.package_of(found) {
            log.vulnerability(found, package, report);
        }
    }
    for secret in report.secrets.iter().filter(|s| shown.severity(s.severity)) {
        log.secret(secret);
    }
    for issue in report
        .config_issues
        .iter()
        .filter(|i| shown.severity(i.severity))
    {
        log.config(issue, report);
    }
    for found in report
        .licenses
        .iter()
        .filter(|l| shown.severity(l.severity))
    {
        log.license(found, report);
    }
    let document = log.document(report, version);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

#[derive(Default)]
struct Log {
    rules: Vec<Value>,
    index: BTreeMap<String, usize>,
    results: Vec<Value>,
}

impl Log {
    fn rule(&mut self, id: &str, make: impl FnOnce() -> Value) -> usize {
        if let Some(index) = self.index.get(id) {
            return *index;
        }
        let index = self.rules.len();
        self.rules.push(make());
        self.index.insert(id.to_owned(), index);
        index
    }

    fn vulnerability(&mut self, found: &Vulnerability, package: &Package, report: &ScanReport) {
        let index = self.rule(&found.id, || vulnerability_rule(found));
        let fixed = match found.fixed_versions.as_slice() {
            [] => "no fixed version yet".to_owned(),
            versions => format!("fixed in {}", versions.join(", ")),
        };
        let text = format!(
            "{} {} has {} ({}): {}",
            package.name, package.version, found.id, found.severity, fixed
        );
        let path = if package.path.is_empty() {
            &report.target.name
        } else {
            &package.path
        };
        let mut result = result(&found.id, index, found.severity, &text, path, 1);
        result["partialFingerprints"] = json!({
            "rampart/v1": format!("{}:{}:{}:{}", found.id, package.name, package.version, path)
        });
        if let Some(suppressed) = &found.suppressed {
            result["suppressions"] = json!([{
                "kind": "external",
                "justification": format!("{}: {}", suppressed.by, suppressed.reason),
            }]);
        }
        self.results.push(result);
    }

    fn secret(&mut self, secret: &Secret) {
        let index = self.rule(&secret.rule, || {
            rule(
                &secret.rule,
                &secret.title,
                &secret.title,
                secret.severity,
                "secret",
                None,
            )
        });
        let text = format!("{}: {}", secret.title, secret.excerpt);
        let line = secret.line.max(1);
        let result = result(
            &secret.rule,
            index,
            secret.severity,
            &text,
            &secret.path,
            line,
        );
        self.results.push(result);
    }

    fn license(&mut self, found: &LicenseFinding, report: &ScanReport) {
        let at = usize::try_from(found.package).ok();
        let Some(package) = at.and_then(|at| report.packages.get(at)) else {
            return;
        };
        let id = format!("license:{}", found.license);
        let title = format!("{} licence {}", found.category.name(), found.license);
        let index = self.rule(&id, || {
            rule(&id, &title, &title, found.severity, "license", None)
        });
        let text = format!("{} {}: {title}", package.name, package.version);
        let path = if package.path.is_empty() {
            &report.target.name
        } else {
            &package.path
        };
        self.results
            .push(result(&id, index, found.severity, &text, path, 1));
    }

    fn config(&mut self, issue: &ConfigIssue, report: &ScanReport) {
        let index = self.rule(&issue.id, || {
            rule(
                &issue.id,
                &issue.title,
                &issue.remediation,
                issue.severity,
                "misconfiguration",
                None,
            )
        });
        let text = format!("{}: {}", issue.title, issue.detail);
        let result = result(
            &issue.id,
            index,
            issue.severity,
            &text,
            &report.target.name,
            1,
        );
        self.results.push(result);
    }

    fn document(self, report: &ScanReport, version: &str) -> Value {
        let mut run = Map::new();
        run.insert(
            "tool".into(),
            json!({"driver": {
                "name": "Rampart",
                "fullName": "Rampart container security scanner",
                "version": version,
                "rules": self.rules,
            }}),
        );
        run.insert("columnKind".into(), json!("utf16CodeUnits"));
        run.insert(
            "originalUriBaseIds".into(),
            json!({"ROOTPATH": {"uri": "file:///"}}),
        );
        run.insert(
            "properties".into(),
            json!({
                "target": report.target.name,
                "digest": report.target.digest,
                "imageId": report.target.image_id,
            }),
        );
        run.insert("results".into(), Value::Array(self.results));
        let notes: Vec<Value> = report
            .problems
            .iter()
            .map(|problem| {
                json!({
                    "level": "warning",
                    "message": {"text": format!("{}: {}", problem.path, problem.reason)},
                })
            })
            .collect();
        if !notes.is_empty() {
            let invocation = json!({
                "executionSuccessful": true,
                "toolExecutionNotifications": notes,
            });
            run.insert("invocations".into(), json!([invocation]));
        }
        json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})
    }
}

fn vulnerability_rule(found: &Vulnerability) -> Value {
    let title = if found.title.is_empty() {
        &found.id
    } else {
        &found.title
    };
    let full = if found.description.is_empty() {
        title
    } else {
        &found.description
    };
    let help = found.references.first().map(String::as_str);
    let mut rule = rule(
        &found.id,
        title,
        full,
        found.severity,
        "vulnerability",
        help,
    );
    if let Some(best) = found.cvss.iter().map(|c| c.score_tenths).max() {
        let score = format!("{}.{}", best / 10, best % 10);
        rule["properties"]["security-severity"] = json!(score);
    }
    rule
}

fn rule(
    id: &str,
    short: &str,
    full: &str,
    severity: Severity,
    tag: &str,
    help: Option<&str>,
) -> Value {
    let mut rule = json!({
        "id": id,
        "name": id,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "defaultConfiguration": {"level": level(severity)},
        "properties": {
            "precision": "very-high",
            "security-severity": default_score(severity),
            "tags": [tag, "security", severity.name().to_uppercase()],
        },
    });
    if let Some(uri) = help {
        rule["helpUri"] = json!(uri);
    }
    rule
}

fn result(id: &str, index: usize, severity: Severity, text: &str, path: &str, line: u32) -> Value {
    json!({
        "ruleId": id,
        "ruleIndex": index,
        "level": level(severity),
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(path), "uriBaseId": "ROOTPATH"},
                "region": {"startLine": line, "startColumn": 1},
            },
            "message": {"text": text},
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        _ => "note",
    }
}

/// What dashboards sort by when nobody gave a score.
fn default_score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Negligible | Severity::Unknown => "0.0",
    }
}

/// A relative URI: what is not unreserved, a slash or a common path character is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.trim_start_matches('/').bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'~'
            | b'/'
            | b'@'
            | b'+' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
