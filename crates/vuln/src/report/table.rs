//! The report for a terminal: findings worst first, then what else was found, then a summary.
//!
//! Text from the image never reaches the terminal as control characters.

use super::Shown;
use rampart_model::scan::{LicenseFinding, ScanReport, Severity, Vulnerability};
use std::{
    collections::BTreeSet,
    io::{self, Write},
};

/// Longest cell; the JSON report has the whole text.
const CELL: usize = 60;

/// # Errors
/// When `out` refuses the bytes.
pub fn write(report: &ScanReport, shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
    head(report, out)?;
    vulnerabilities(report, shown, out)?;
    secrets(report, out)?;
    config(report, out)?;
    licenses(report, out)?;
    if shown.all_packages {
        packages(report, out)?;
    }
    problems(report, out)?;
    summary(report, out)
}

fn head(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let target = &report.target;
    write!(out, "{}", printable(&target.name))?;
    if !target.digest.is_empty() {
        write!(out, "  {}", printable(&target.digest))?;
    }
    if !target.arch.is_empty() {
        write!(
            out,
            "  {}/{}",
            printable(&target.os),
            printable(&target.arch)
        )?;
    }
    writeln!(out)?;
    if let Some(distro) = &report.distro {
        let full = if distro.full_version.is_empty() {
            &distro.version
        } else {
            &distro.full_version
        };
        write!(out, "{} {}", printable(&distro.id), printable(full))?;
        if distro.end_of_life {
            write!(
                out,
                "  past its end of life {}",
                printable(&distro.end_of_life_date)
            )?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn vulnerabilities(report: &ScanReport, shown: &Shown, out: &mut dyn Write) -> io::Result<()> {
    let mut found: Vec<&Vulnerability> = report
        .vulnerabilities
        .iter()
        .filter(|v| shown.vulnerability(v))
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    let name = |v: &Vulnerability| report.package_of(v).map_or("", |p| p.name.as_str());
    found.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| name(a).cmp(name(b)))
            .then_with(|| a.id.cmp(&b.id))
    });
    let rows = found.iter().map(|v| {
        let package = report.package_of(v);
        let fixed = match (&v.fixed_versions[..], &v.suppressed) {
            (_, Some(suppression)) => format!("({}: {})", suppression.by, suppression.reason),
            ([], None) => v.status.name().replace('_', " "),
            (fixed, None) => fixed.join(", "),
        };
        vec![
            v.severity.name().to_uppercase(),
            v.id.clone(),
            package.map(|p| p.name.clone()).unwrap_or_default(),
            package.map(|p| p.version.clone()).unwrap_or_default(),
            fixed,
            v.title.clone(),
        ]
    });
    table(
        &["SEVERITY", "ID", "PACKAGE", "VERSION", "FIXED IN", "TITLE"],
        rows,
        out,
    )
}

fn secrets(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report.secrets.iter().map(|s| {
        let place = if s.line == 0 {
            s.path.clone()
        } else {
            format!("{}:{}", s.path, s.line)
        };
        vec![
            s.severity.name().to_uppercase(),
            s.rule.clone(),
            place,
            s.excerpt.clone(),
        ]
    });
    table(&["SEVERITY", "SECRET", "WHERE", "TEXT"], rows, out)
}

fn config(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report.config_issues.iter().map(|issue| {
        vec![
            issue.severity.name().to_uppercase(),
            issue.id.clone(),
            issue.title.clone(),
            issue.remediation.clone(),
        ]
    });
    table(&["SEVERITY", "CHECK", "CONFIGURATION", "REMEDY"], rows, out)
}

/// A row a licence, strictest first: by the package they would fill screens.
fn licenses(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let groups = report
        .licenses
        .chunk_by(|a, b| (a.category, &a.license) == (b.category, &b.license));
    let rows = groups.map(|group| {
        let names: BTreeSet<&str> = group
            .iter()
            .filter_map(|found| report.packages.get(usize::try_from(found.package).ok()?))
            .map(|package| package.name.as_str())
            .collect();
        let (license, category, severity) = group.first().map_or(("", "", ""), |found| {
            (
                found.license.as_str(),
                found.category.name(),
                found.severity.name(),
            )
        });
        let count = names.len();
        vec![
            severity.to_uppercase(),
            license.to_owned(),
            category.to_owned(),
            count.to_string(),
            names.into_iter().collect::<Vec<_>>().join(", "),
        ]
    });
    table(
        &["SEVERITY", "LICENCE", "CLASS", "N", "PACKAGES"],
        rows,
        out,
    )
}

fn packages(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report.packages.iter().map(|package| {
        vec![
            package.kind.to_string(),
            package.name.clone(),
            package.version.clone(),
            package.licenses.join(", "),
            package.path.clone(),
        ]
    });
    table(
        &["KIND", "PACKAGE", "VERSION", "LICENCES", "FROM"],
        rows,
        out,
    )
}

fn problems(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let rows = report
        .problems
        .iter()
        .map(|p| vec![p.path.clone(), p.reason.clone()]);
    table(&["NOT ANALYSED", "WHY"], rows, out)
}

fn summary(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    let counts: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .map(|severity| format!("{} {severity}", report.count(*severity)))
        .collect();
    write!(out, "{} packages", report.packages.len())?;
    match &report.database {
        Some(_) => write!(out, "; vulnerabilities: {}", counts.join(", "))?,
        None => write!(out, "; not matched against a vulnerability database")?,
    }
    if !report.secrets.is_empty() {
        write!(out, "; {} secrets", report.secrets.len())?;
    }
    if !report.licenses.is_empty() {
        let severe = |found: &&LicenseFinding| found.severity >= Severity::High;
        write!(
            out,
            "; licences: {} of {} restricted or forbidden",
            report.licenses.iter().filter(severe).count(),
            report.licenses.len()
        )?;
    }
    if !report.problems.is_empty() {
        write!(
            out,
            "; {} things could not be analysed",
            report.problems.len()
        )?;
    }
    writeln!(out)
}

fn table(
    heads: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let rows: Vec<Vec<String>> = rows
        .map(|row| row.iter().map(|cell| shortened(&printable(cell))).collect())
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain(std::iter::once(&heads));
        cells
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    for row in std::iter::once(&heads).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= CELL {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(CELL - 1).collect();
    short.push('…');
    short
}

/// Control and direction characters become visible.
fn printable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || direction {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}
