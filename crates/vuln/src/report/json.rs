//! The report as it is, as JSON: every field of [`ScanReport`], stable in order.

use rampart_model::scan::ScanReport;
use std::io::{self, Write};

/// # Errors
/// When `out` refuses the bytes.
pub fn write(report: &ScanReport, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report).map_err(io::Error::from)?;
    out.write_all(b"\n")
}
