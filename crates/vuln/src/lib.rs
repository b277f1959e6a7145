//! The scanner's engine: what is installed, what is known of it, and what follows.
//!
//! Pure: bytes and facts in, findings out. It reads no file, opens no socket and asks no clock.
//! `analyze` reads packages out of files as they stream by, `layer` walks a layer, `merge` lays
//! layers over each other, `version` knows each ecosystem's order, `db` is the advisory database,
//! `matching` joins the two, `sbom` and `report` write what came of it.

pub mod advisory;
pub mod analyze;
pub mod cvss;
pub mod db;
pub mod eol;
pub mod ignore;
pub mod image_config;
pub mod in_use;
pub mod layer;
pub mod license;
pub mod matching;
pub mod merge;
pub mod purl;
pub mod report;
pub mod sbom;
pub mod secret;
pub mod version;
pub mod vex;
