//! The controller below its REST API: what enforcers report, and what becomes of it.

mod conversations;
mod groups;
mod ingest;
mod lifecycle;
mod policy;
mod rules;
mod scan;
mod scan_crash;
