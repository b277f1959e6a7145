//! An image by the bill of materials attached to it: its layers are not read.

use super::{Inspected, Options, judge_configuration, now};
use crate::source::{Image, attached::Attachment};
use rampart_model::scan::{ScanProblem, ScanReport};
use rampart_vuln::sbom::{self, SbomError};

/// Packages are the document's; the configuration is the image's own. Secrets and setuid files
/// are in layers, and so are not looked for.
///
/// # Errors
/// When the document is in no format that is read.
pub fn inspect_attached(
    image: &Image,
    attached: &Attachment,
    options: &Options,
) -> Result<Inspected, SbomError> {
    let read = sbom::read(&attached.document)?;
    let mut target = image.target.clone();
    let mut problems = read.problems;
    match image.described() {
        Ok(described) => target = described,
        Err(error) => problems.push(error.to_string()),
    }
    let problem = |reason| ScanProblem {
        path: format!("SBOM {}", attached.digest),
        reason,
        layer: None,
    };
    let report = ScanReport {
        target,
        distro: read.distro,
        packages: read.packages,
        problems: problems.into_iter().map(problem).collect(),
        scanned_at: now(),
        ..ScanReport::default()
    };
    let mut inspected = Inspected {
        report,
        ..Inspected::default()
    };
    judge_configuration(&mut inspected, &image.config, options);
    Ok(inspected)
}
