//! Processes: the table of live ones, verdicts on what they do, learning and incident records.

mod aggregate;
mod seen;
mod table;
