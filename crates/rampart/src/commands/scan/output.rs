//! Where a report goes, and in which format.

use super::args::{CommonArgs, Format};
use anyhow::{Context, Result};
use rampart_api::{convert, rest::scan::ScanResultFile};
use rampart_model::scan::ScanReport;
use rampart_vuln::{
    report::{self, Shown},
    sbom::{self, cyclonedx, spdx},
    vex,
};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn write(report: &ScanReport, shown: &Shown, common: &CommonArgs) -> Result<()> {
    let mut out: Box<dyn Write> = match &common.output {
        Some(path) => {
            let file =
                File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(io::BufWriter::new(file))
        }
        None => Box::new(io::BufWriter::new(io::stdout().lock())),
    };
    let written = match common.format {
        Format::Table => report::table::write(report, shown, &mut out),
        Format::Json => report::json::write(report, &mut out),
        format => out.write_all(text(report, shown, format).as_bytes()),
    };
    written
        .and_then(|()| out.flush())
        .context("cannot write the report")
}

fn text(report: &ScanReport, shown: &Shown, format: Format) -> String {
    let sbom = sbom::Options {
        tool_version: VERSION.to_owned(),
        created: report.scanned_at,
        author: String::new(),
    };
    match format {
        Format::Sarif => report::sarif::write(report, shown, VERSION),
        Format::Junit => report::junit::write(report, shown),
        Format::Html => report::html::write(report, shown, VERSION),
        Format::TrivyJson => report::trivy::write(report, shown, &created_at(report)),
        Format::Neuvector => neuvector(report, shown),
        Format::Cyclonedx => cyclonedx::write(report, &sbom, cyclonedx::Version::V1_6, true),
        Format::Cyclonedx15 => cyclonedx::write(report, &sbom, cyclonedx::Version::V1_5, true),
        Format::SpdxJson => spdx::write_json(report, &sbom),
        Format::Spdx => spdx::write_tag_value(report, &sbom),
        Format::Openvex => vex::write_openvex(
            report,
            &vex::Writing {
                author: "Rampart",
                now: report.scanned_at,
            },
        ),
        Format::Table | Format::Json => String::new(),
    }
}

/// The report in the words of the REST API, as NeuVector's stand-alone scanner leaves it.
fn neuvector(report: &ScanReport, shown: &Shown) -> String {
    let report = convert::repository_report(report, true, shown.suppressed);
    neuvector_file(&ScanResultFile {
        error_message: String::new(),
        report: Some(report),
    })
}

fn neuvector_file(file: &ScanResultFile) -> String {
    let mut text = serde_json::to_string_pretty(file).unwrap_or_default();
    text.push('\n');
    text
}

/// Pipelines that read NeuVector's file find there why there is no report, too.
pub(super) fn write_failure(path: &Path, error: &anyhow::Error) {
    let file = neuvector_file(&ScanResultFile {
        error_message: format!("{error:#}"),
        report: None,
    });
    if let Err(error) = std::fs::write(path, file) {
        eprintln!("rampart: cannot write {}: {error}", path.display());
    }
}

/// RFC 3339, from the report's own time.
fn created_at(report: &ScanReport) -> String {
    jiff::Timestamp::from_millisecond(report.scanned_at.ms())
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_model::{
        Package, PackageKind, Severity, Vulnerability,
        scan::{Layer, ScanTarget, Suppression},
    };

    fn report() -> ScanReport {
        let found = |id: &str, severity| Vulnerability {
            id: id.into(),
            severity,
            fixed_versions: vec!["3.0.2".into()],
            ..Vulnerability::default()
        };
        let accepted = Vulnerability {
            suppressed: Some(Suppression::default()),
            ..found("CVE-2", Severity::Low)
        };
        ScanReport {
            target: ScanTarget {
                repository: "shop/web".into(),
                tag: "1".into(),
                layers: vec![Layer::default()],
                ..ScanTarget::default()
            },
            packages: vec![Package::new(PackageKind::Deb, "openssl", "3.0.1")],
            vulnerabilities: vec![found("CVE-1", Severity::High), accepted],
            ..ScanReport::default()
        }
    }

    #[test]
    fn neuvectors_file_is_the_answer_of_the_api_beside_an_error() {
        let report = report();
        let text = text(&report, &Shown::default(), Format::Neuvector);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let answer = convert::repository_report(&report, true, false);
        assert_eq!(value["report"], serde_json::to_value(answer).unwrap());
        assert_eq!(value["error_message"], "");
        for (pointer, expected) in [
            ("/report/vulnerabilities/0/name", "CVE-1"),
            ("/report/vulnerabilities/0/severity", "High"),
            ("/report/vulnerabilities/0/package_name", "openssl"),
            ("/report/layers/0/vulnerabilities/0/name", "CVE-1"),
            ("/report/modules/0/version", "3.0.1"),
            ("/report/repository", "shop/web"),
        ] {
            assert_eq!(value.pointer(pointer).unwrap(), expected, "{pointer}");
        }
        assert!(!text.contains("\"accepted\"") && value["report"]["vulnerabilities"][1].is_null());
    }

    #[test]
    fn a_scan_that_failed_leaves_the_reason_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scan_result.json");
        let error = anyhow::anyhow!("no such image").context("not scanned");
        write_failure(&path, &error);
        let value: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(value["error_message"], "not scanned: no such image");
        assert!(value["report"].is_null());
    }
}
