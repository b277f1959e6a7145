//! Scan reports in the formats people and programs read, one file each.

pub mod html;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod table;
pub mod trivy;

use rampart_model::scan::{ScanReport, Severity, Vulnerability};

/// What of a report is shown and counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Empty: all.
    pub severities: Vec<Severity>,
    pub ignore_unfixed: bool,
    /// Packages without findings too.
    pub all_packages: bool,
    /// Findings that do not count, with the reason.
    pub suppressed: bool,
}

impl Shown {
    pub fn severity(&self, severity: Severity) -> bool {
        self.severities.is_empty() || self.severities.contains(&severity)
    }

    pub fn vulnerability(&self, found: &Vulnerability) -> bool {
        self.severity(found.severity)
            && !(self.ignore_unfixed && found.fixed_versions.is_empty())
            && (self.suppressed || found.suppressed.is_none())
    }

    /// The report with what is not shown left out.
    pub fn apply(&self, mut report: ScanReport) -> ScanReport {
        report
            .vulnerabilities
            .retain(|found| self.vulnerability(found));
        report.secrets.retain(|found| self.severity(found.severity));
        report
            .config_issues
            .retain(|found| self.severity(found.severity));
        report
            .licenses
            .retain(|found| self.severity(found.severity));
        report
    }
}
