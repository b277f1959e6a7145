//! A report a person can read without a network: one HTML page with its own style, no script.
//!
//! Every value is escaped; links are made of `https` and `http` references only.

use super::{Shown, junit::escape};
use rampart_model::{
    package::Package,
    scan::{ScanReport, Severity, Vulnerability},
};
use std::fmt::Write;

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--muted:#777}
body{font:14px/1.5 system-ui,sans-serif;max-width:1200px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.25rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;overflow-wrap:anywhere}
dt{color:var(--muted)}dd{margin:0}
.cards{display:flex;gap:.75rem;flex-wrap:wrap}.cards div{border:1px solid var(--line);border-radius:8px;padding:.5rem 1rem;min-width:6rem}
.cards b{display:block;font-size:1.5rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600;position:sticky;top:0;background:Canvas}
.s{font-weight:600;white-space:nowrap}.critical{color:#c2185b}.high{color:#d9480f}.medium{color:#b8860b}.low{color:#2f74c0}.negligible,.unknown{color:var(--muted)}
small{color:var(--muted)}code{font-size:.95em}tr.off{opacity:.6}
@media print{th{position:static}a{color:inherit}}
";

/// The report as one page.
pub fn write(report: &ScanReport, shown: &Shown, version: &str) -> String {
    let mut page = String::with_capacity(64 * 1024);
    let target = &report.target;
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{0}: scan report</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n",
        escape(&target.name)
    );
    head(&mut page, report, version);
    cards(&mut page, report, shown);
    vulnerabilities(&mut page, report, shown);
    secrets(&mut page, report, shown);
    licenses(&mut page, report, shown);
    configuration(&mut page, report, shown);
    if shown.all_packages {
        packages(&mut page, report);
    }
    privileged(&mut page, report);
    layers(&mut page, report);
    problems(&mut page, report);
    page.push_str("</body></html>\n");
    page
}

fn head(page: &mut String, report: &ScanReport, version: &str) {
    let target = &report.target;
    let distro = report.distro.as_ref().map_or_else(String::new, |d| {
        let end = match (d.end_of_life, d.end_of_life_date.as_str()) {
            (true, "") => " (out of security support)".to_owned(),
            (true, date) => format!(" (out of security support since {date})"),
            _ => String::new(),
        };
        format!("{} {}{end}", d.id, d.full_version)
    });
    let platform = [&target.os, &target.arch, &target.variant]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("/");
    let rows = [
        ("Digest", target.digest.clone()),
        ("Image id", target.image_id.clone()),
        ("Platform", platform),
        ("Distribution", distro),
        ("Packages", report.packages.len().to_string()),
        ("Scanned by", format!("Rampart {version}")),
        (
            "Database",
            report.database.as_ref().map_or_else(
                || "none: vulnerabilities were not looked up".to_owned(),
                |db| format!("version {}", db.version),
            ),
        ),
    ];
    page.push_str("<dl>");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(page, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    }
    page.push_str("</dl>\n");
}

fn cards(page: &mut String, report: &ScanReport, shown: &Shown) {
    page.push_str("<div class=\"cards\">");
    for severity in Severity::ALL.iter().rev() {
        let count = report
            .vulnerabilities
            .iter()
            .filter(|v| v.severity == *severity && v.suppressed.is_none() && shown.vulnerability(v))
            .count();
        let name = severity.name();
        let _ = write!(page, "<div><b class=\"{name}\">{count}</b>{name}</div>");
    }
    page.push_str("</div>\n");
}

fn vulnerabilities(page: &mut String, report: &ScanReport, shown: &Shown) {
    let rows: Vec<(&Vulnerability, &Package)> = report
        .vulnerabilities
        .iter()
        .filter(|v| shown.vulnerability(v))
        .filter_map(|v| Some((v, report.package_of(v)?)))
        .collect();
    let _ = writeln!(page, "<h2>Vulnerabilities ({})</h2>", rows.len());
    if rows.is_empty() {
        page.push_str("<p>None found.</p>\n");
        return;
    }
    page.push_str("<table><thead><tr><th>Severity</th><th>Id</th><th>Package</th><th>Installed</th><th>Fixed in</th><th>What</th></tr></thead><tbody>\n");
    for (found, package) in rows {
        let off = if found.suppressed.is_some() {
            " class=\"off\""
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "<tr{off}><td class=\"s {0}\">{0}</td><td>{1}</td><td>{2}<br><small>{3}</small></td><td><code>{4}</code></td><td>{5}</td><td>{6}</td></tr>",
            found.severity.name(),
            identity(found),
            escape(&package.name),
            escape(&package.path),
            escape(&package.version),
            fixed(found),
            what(found),
        );
    }
    page.push_str("</tbody></table>\n");
}

fn identity(found: &Vulnerability) -> String {
    let id = escape(&found.id);
    let link = found
        .references
        .iter()
        .find(|r| r.starts_with("https://") || r.starts_with("http://"));
    let mut text = match link {
        Some(link) => format!("<a href=\"{}\" rel=\"noreferrer\">{id}</a>", escape(link)),
        None => id,
    };
    if found.known_exploited.is_some() {
        text.push_str("<br><small>known exploited</small>");
    }
    if let Some(epss) = found.epss {
        let _ = write!(
            text,
            "<br><small>EPSS {}.{:02} %</small>",
            epss.probability_ppm / 10_000,
            epss.probability_ppm % 10_000 / 100
        );
    }
    text
}

fn fixed(found: &Vulnerability) -> String {
    if found.fixed_versions.is_empty() {
        return format!("<small>{}</small>", found.status.name().replace('_', " "));
    }
    format!("<code>{}</code>", escape(&found.fixed_versions.join(", ")))
}

fn what(found: &Vulnerability) -> String {
    let text = if found.title.is_empty() {
        &found.description
    } else {
        &found.title
    };
    let mut text: String = text.chars().take(300).collect();
    if let Some(why) = &found.suppressed {
        text = format!("{text} [not counted, {}: {}]", why.by, why.reason);
    }
    escape(&text)
}

fn secrets(page: &mut String, report: &ScanReport, shown: &Shown) {
    let rows: Vec<_> = report
        .secrets
        .iter()
        .filter(|s| shown.severity(s.severity))
        .collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>Secrets ({})</h2>", rows.len());
    page.push_str("<table><thead><tr><th>Severity</th><th>What</th><th>Where</th><th>Excerpt</th></tr></thead><tbody>\n");
    for secret in rows {
        let gone = if secret.deleted_later {
            "<br><small>deleted by a later layer, still in the image</small>"
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "<tr><td class=\"s {0}\">{0}</td><td>{1}</td><td>{2}:{3}{gone}</td><td><code>{4}</code></td></tr>",
            secret.severity.name(),
            escape(&secret.title),
            escape(&secret.path),
            secret.line,
            escape(&secret.excerpt)
        );
    }
    page.push_str("</tbody></table>\n");
}

fn configuration(page: &mut String, report: &ScanReport, shown: &Shown) {
    let rows: Vec<_> = report
        .config_issues
        .iter()
        .filter(|i| shown.severity(i.severity))
        .collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>Image configuration ({})</h2>", rows.len());
    page.push_str("<table><thead><tr><th>Severity</th><th>Check</th><th>Found</th><th>What to do</th></tr></thead><tbody>\n");
    for issue in rows {
        let _ = writeln!(
            page,
            "<tr><td class=\"s {0}\">{0}</td><td>{1}<br><small>{2}</small></td><td>{3}</td><td>{4}</td></tr>",
            issue.severity.name(),
            escape(&issue.title),
            escape(&issue.id),
            escape(&issue.detail),
            escape(&issue.remediation)
        );
    }
    page.push_str("</tbody></table>\n");
}

fn licenses(page: &mut String, report: &ScanReport, shown: &Shown) {
    let rows: Vec<_> = report
        .licenses
        .iter()
        .filter(|l| shown.severity(l.severity))
        .collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>Licences ({})</h2>", rows.len());
    page.push_str("<table><thead><tr><th>Severity</th><th>Licence</th><th>Class</th><th>Package</th></tr></thead><tbody>\n");
    for found in rows {
        let package = usize::try_from(found.package)
            .ok()
            .and_then(|index| report.packages.get(index));
        let _ = writeln!(
            page,
            "<tr><td class=\"s {0}\">{0}</td><td>{1}</td><td>{2}</td><td>{3}</td></tr>",
            found.severity.name(),
            escape(&found.license),
            found.category.name(),
            package.map_or_else(String::new, |p| escape(&format!(
                "{} {}",
                p.name, p.version
            )))
        );
    }
    page.push_str("</tbody></table>\n");
}

fn packages(page: &mut String, report: &ScanReport) {
    let _ = writeln!(page, "<h2>Packages ({})</h2>", report.packages.len());
    page.push_str("<table><thead><tr><th>Package</th><th>Version</th><th>Kind</th><th>Where</th></tr></thead><tbody>\n");
    for package in &report.packages {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(&package.name),
            escape(&package.version),
            package.kind,
            escape(&package.path),
        );
    }
    page.push_str("</tbody></table>\n");
}

fn privileged(page: &mut String, report: &ScanReport) {
    if report.privileged.is_empty() {
        return;
    }
    let _ = writeln!(
        page,
        "<h2>Setuid and setgid files ({})</h2>",
        report.privileged.len()
    );
    page.push_str(
        "<table><thead><tr><th>File</th><th>Mode</th><th>Owner</th></tr></thead><tbody>\n",
    );
    for file in &report.privileged {
        let _ = writeln!(
            page,
            "<tr><td><code>{}</code></td><td>{:04o}</td><td>{}:{}</td></tr>",
            escape(&file.path),
            file.mode & 0o7777,
            file.uid,
            file.gid
        );
    }
    page.push_str("</tbody></table>\n");
}

fn layers(page: &mut String, report: &ScanReport) {
    if report.target.layers.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>Layers ({})</h2>", report.target.layers.len());
    page.push_str("<table><thead><tr><th>#</th><th>Command</th><th>Digest</th><th>Findings</th></tr></thead><tbody>\n");
    for (number, layer) in report.target.layers.iter().enumerate() {
        let findings = report
            .vulnerabilities
            .iter()
            .filter(|v| v.suppressed.is_none())
            .filter_map(|v| report.package_of(v))
            .filter(|p| p.layer.and_then(|l| usize::try_from(l).ok()) == Some(number))
            .count();
        let digest = if layer.digest.is_empty() {
            &layer.diff_id
        } else {
            &layer.digest
        };
        let _ = writeln!(
            page,
            "<tr><td>{number}</td><td><code>{}</code></td><td><small>{}</small></td><td>{findings}</td></tr>",
            escape(&layer.created_by.chars().take(300).collect::<String>()),
            escape(digest)
        );
    }
    page.push_str("</tbody></table>\n");
}

fn problems(page: &mut String, report: &ScanReport) {
    if report.problems.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>Not analysed ({})</h2>", report.problems.len());
    page.push_str("<table><thead><tr><th>File</th><th>Why</th></tr></thead><tbody>\n");
    for problem in &report.problems {
        let _ = writeln!(
            page,
            "<tr><td><code>{}</code></td><td>{}</td></tr>",
            escape(&problem.path),
            escape(&problem.reason)
        );
    }
    page.push_str("</tbody></table>\n");
}
