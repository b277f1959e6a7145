//! Whole reports as artifacts: JSON, compressed, named by the digest of what is stored.
//!
//! Limit: a report of more than [`MAX_REPORT_BYTES`] as JSON is refused.

use crate::{App, AppError};
use rampart_model::ScanReport;
use std::io::{Read, Write};

pub(crate) const MAX_REPORT_BYTES: u64 = 512 << 20;
const LEVEL: i32 = 3;

fn encode(report: &ScanReport) -> Result<Vec<u8>, AppError> {
    let failed = |error: String| AppError::Unavailable {
        what: format!("writing a report ({error})"),
    };
    let mut out =
        zstd::stream::Encoder::new(Vec::new(), LEVEL).map_err(|e| failed(e.to_string()))?;
    {
        let mut buffered = std::io::BufWriter::with_capacity(1 << 16, &mut out);
        serde_json::to_writer(&mut buffered, report).map_err(|e| failed(e.to_string()))?;
        buffered.flush().map_err(|e| failed(e.to_string()))?;
    }
    out.finish().map_err(|e| failed(e.to_string()))
}

/// Reads what was compressed so, here or by a scanner.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, AppError> {
    let bad = |error: String| AppError::invalid(format!("the report cannot be read: {error}"));
    let reader = zstd::stream::Decoder::new(bytes).map_err(|e| bad(e.to_string()))?;
    let reader = std::io::BufReader::new(reader.take(MAX_REPORT_BYTES));
    serde_json::from_reader(reader).map_err(|e| bad(e.to_string()))
}

pub(super) fn name(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Work that may take long is kept off the threads that serve.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AppError> + Send + 'static,
) -> Result<T, AppError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(AppError::Unavailable {
            what: "the report".into(),
        })
    })
}

impl App {
    pub(super) async fn keep_artifact(&self, report: &ScanReport) -> Result<String, AppError> {
        let report = report.clone();
        let bytes = aside(move || encode(&report)).await?;
        let name = name(&bytes);
        self.0.scanning.artifacts.put(&name, bytes).await?;
        Ok(name)
    }

    /// `None` if it was deleted meanwhile.
    pub(crate) async fn artifact(&self, name: &str) -> Result<Option<ScanReport>, AppError> {
        match self.0.scanning.artifacts.get(name).await? {
            Some(bytes) => aside(move || decode(&bytes)).await.map(Some),
            None => Ok(None),
        }
    }

    fn artifact_used(&self, name: &str) -> bool {
        self.scans(|scans| scans.results.values().any(|s| s.artifact == name))
    }

    pub(super) async fn drop_artifact_unless_used(&self, name: &str) {
        if name.is_empty() || self.artifact_used(name) {
            return;
        }
        if let Err(error) = self.0.scanning.artifacts.delete(name).await {
            tracing::warn!(%error, "an old report could not be deleted");
        }
    }

    /// Deletes reports no result refers to, which a crash between two steps leaves. Only while
    /// nobody writes one: two sweeps apart, so that one just written is not taken for a leftover.
    pub(crate) async fn sweep_artifacts(&self) -> Result<usize, AppError> {
        let names = self.0.scanning.artifacts.names().await?;
        let unused: std::collections::HashSet<String> = self.scans(|scans| {
            let used: std::collections::HashSet<&str> = scans
                .results
                .values()
                .map(|s| s.artifact.as_str())
                .collect();
            names
                .into_iter()
                .filter(|name| !used.contains(name.as_str()))
                .collect()
        });
        let before = std::mem::replace(
            &mut *super::super::lock(&self.0.scanning.unused),
            unused.clone(),
        );
        let mut swept = 0;
        for name in unused.intersection(&before) {
            if !self.artifact_used(name) {
                self.0.scanning.artifacts.delete(name).await?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}
