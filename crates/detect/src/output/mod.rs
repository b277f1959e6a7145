//! What a match says: output formats and alerts.

pub mod alert;
pub(crate) mod format;

pub use alert::Alert;
