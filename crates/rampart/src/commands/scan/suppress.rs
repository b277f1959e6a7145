//! What takes findings out of the count: VEX documents and ignore files.

use super::args::CommonArgs;
use anyhow::{Context, Result};
use rampart_model::scan::ScanReport;
use rampart_vuln::{
    ignore::{self, IgnoreFile},
    vex::{self, Document},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Read by themselves from the working directory, if they are there.
const USUAL: &[&str] = &[
    ".rampartignore",
    ".rampartignore.yaml",
    ".trivyignore",
    ".trivyignore.yaml",
];
/// Longest file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// Read before the scan, so that a wrong file is told of at once.
#[derive(Default)]
pub(super) struct Suppressions {
    documents: Vec<(String, Document)>,
    files: Vec<IgnoreFile>,
}

impl Suppressions {
    pub(super) fn read(common: &CommonArgs) -> Result<Self> {
        let mut all = Self::default();
        for path in &common.vex {
            let document = vex::parse(&bytes(path)?)
                .with_context(|| format!("{} is no VEX document", path.display()))?;
            say(common, path, &document.diagnostics);
            all.documents.push((path.display().to_string(), document));
        }
        for path in ignore_files(common) {
            let (file, diagnostics) = ignore::parse(&path.display().to_string(), &bytes(&path)?);
            let diagnostics: Vec<String> = diagnostics
                .iter()
                .map(|diagnostic| format!("line {}: {}", diagnostic.line, diagnostic.reason))
                .collect();
            say(common, &path, &diagnostics);
            all.files.push(file);
        }
        Ok(all)
    }

    /// Marks vulnerabilities; takes out secrets and configuration issues that are ignored. Gives
    /// what the reader should know.
    pub(super) fn apply(&self, report: &mut ScanReport) -> Vec<String> {
        let sources: Vec<vex::Source<'_>> = self
            .documents
            .iter()
            .map(|(name, document)| vex::Source { name, document })
            .collect();
        vex::apply(
            &sources,
            &mut report.vulnerabilities,
            &report.packages,
            report.distro.as_ref(),
            &report.target,
        );
        let now = report.scanned_at;
        let notes = ignore::apply(
            &self.files,
            &mut report.vulnerabilities,
            &report.packages,
            report.distro.as_ref(),
            now,
        );
        report.secrets.retain(|secret| {
            ignore::ignores_secret(&self.files, &secret.rule, &secret.path, now).is_none()
        });
        let name = report.target.name.clone();
        report
            .config_issues
            .retain(|issue| ignore::ignores_config(&self.files, &issue.id, &name, now).is_none());
        let packages = &report.packages;
        report.licenses.retain(|found| {
            let package = usize::try_from(found.package).ok();
            let path = package
                .and_then(|at| packages.get(at))
                .map_or("", |package| package.path.as_str());
            ignore::ignores_license(&self.files, &found.license, path, now).is_none()
        });
        notes
    }
}

fn ignore_files(common: &CommonArgs) -> Vec<PathBuf> {
    match &common.ignorefile {
        Some(path) => vec![path.clone()],
        None => {
            let usual = USUAL.iter().map(PathBuf::from);
            usual.filter(|path| path.is_file()).collect()
        }
    }
}

pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let length = fs::metadata(path).with_context(cannot)?.len();
    anyhow::ensure!(
        length <= MAX_BYTES,
        "{}: longer than {MAX_BYTES} bytes",
        path.display()
    );
    fs::read(path).with_context(cannot)
}

fn say(common: &CommonArgs, path: &Path, diagnostics: &[String]) {
    if !common.quiet {
        for diagnostic in diagnostics {
            eprintln!("rampart: {}: {diagnostic}", path.display());
        }
    }
}
