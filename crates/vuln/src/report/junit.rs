//! JUnit XML, for build servers: one suite a kind of finding, one failed case a finding.

use super::Shown;
use rampart_model::scan::{ScanReport, Severity};
use std::fmt::Write;

/// The report as JUnit. A suite without findings holds one passed case, so that it is seen to run.
pub fn write(report: &ScanReport, shown: &Shown) -> String {
    let suites = [
        ("vulnerabilities", vulnerabilities(report, shown)),
        ("secrets", secrets(report, shown)),
        ("configuration", configuration(report, shown)),
        ("licences", licenses(report, shown)),
        ("not analysed", problems(report)),
    ];
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (name, cases) in suites {
        suite(&mut xml, &report.target.name, name, &cases);
    }
    xml.push_str("</testsuites>\n");
    xml
}

struct Case {
    class: String,
    name: String,
    kind: &'static str,
    message: String,
    text: String,
}

fn suite(xml: &mut String, target: &str, name: &str, cases: &[Case]) {
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{} ({name})\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\" time=\"0\">",
        escape(target),
        cases.len().max(1),
        cases.len()
    );
    if cases.is_empty() {
        let _ = writeln!(
            xml,
            "    <testcase classname=\"{name}\" name=\"nothing found\" time=\"0\"/>"
        );
    }
    for case in cases {
        let _ = writeln!(
            xml,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"0\">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
            escape(&case.class),
            escape(&case.name),
            case.kind,
            escape(&case.message),
            escape(&case.text)
        );
    }
    xml.push_str("  </testsuite>\n");
}

fn vulnerabilities(report: &ScanReport, shown: &Shown) -> Vec<Case> {
    let shown = report
        .vulnerabilities
        .iter()
        .filter(|v| shown.vulnerability(v));
    shown
        .filter_map(|found| {
            let package = report.package_of(found)?;
            let fixed = match found.fixed_versions.as_slice() {
                [] => String::from("none yet"),
                versions => versions.join(", "),
            };
            Some(Case {
                class: format!("{} {}", package.name, package.version),
                name: format!("[{}] {}", found.severity.name().to_uppercase(), found.id),
                kind: kind(found.severity),
                message: if found.title.is_empty() {
                    found.id.clone()
                } else {
                    found.title.clone()
                },
                text: format!("fixed in: {fixed}\n{}", found.description),
            })
        })
        .collect()
}

fn secrets(report: &ScanReport, shown: &Shown) -> Vec<Case> {
    let shown = report.secrets.iter().filter(|s| shown.severity(s.severity));
    shown
        .map(|secret| Case {
            class: secret.path.clone(),
            name: format!(
                "[{}] {}",
                secret.severity.name().to_uppercase(),
                secret.rule
            ),
            kind: kind(secret.severity),
            message: secret.title.clone(),
            text: format!("line {}: {}", secret.line, secret.excerpt),
        })
        .collect()
}

fn licenses(report: &ScanReport, shown: &Shown) -> Vec<Case> {
    let shown = report
        .licenses
        .iter()
        .filter(|l| shown.severity(l.severity));
    shown
        .filter_map(|found| {
            let package = report.packages.get(usize::try_from(found.package).ok()?)?;
            Some(Case {
                class: format!("{} {}", package.name, package.version),
                name: format!(
                    "[{}] {}",
                    found.severity.name().to_uppercase(),
                    found.license
                ),
                kind: kind(found.severity),
                message: format!("{} licence", found.category.name()),
                text: package.path.clone(),
            })
        })
        .collect()
}

fn configuration(report: &ScanReport, shown: &Shown) -> Vec<Case> {
    let shown = report
        .config_issues
        .iter()
        .filter(|i| shown.severity(i.severity));
    shown
        .map(|issue| Case {
            class: "image configuration".to_owned(),
            name: format!("[{}] {}", issue.severity.name().to_uppercase(), issue.id),
            kind: kind(issue.severity),
            message: issue.title.clone(),
            text: format!("{}\n{}", issue.detail, issue.remediation),
        })
        .collect()
}

fn problems(report: &ScanReport) -> Vec<Case> {
    let all = report.problems.iter();
    all.map(|problem| Case {
        class: problem.path.clone(),
        name: "could not be read".to_owned(),
        kind: "PROBLEM",
        message: problem.reason.clone(),
        text: String::new(),
    })
    .collect()
}

fn kind(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
        Severity::Negligible => "NEGLIGIBLE",
        Severity::Unknown => "UNKNOWN",
    }
}

/// For text and attribute values; characters XML does not allow are shown as U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
