//! What a test needs of the machine; what is missing is printed, never hidden.

use crate::command::output;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

const SEARCH: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// True if this process is root and every program is installed. Otherwise prints what is missing
/// and gives false: the test returns at once, and its output says that it was skipped.
pub fn require(test: &str, programs: &[&str]) -> bool {
    let mut missing: Vec<String> = programs
        .iter()
        .filter(|p| find_program(p).is_none())
        .map(|p| format!("no program {p}"))
        .collect();
    if !is_root() {
        missing.insert(0, "not root".to_owned());
    }
    if missing.is_empty() {
        return true;
    }
    skip(test, &missing.join(", "));
    false
}

/// Prints why a test did nothing. Written straight to the terminal, so that the harness's output
/// capture does not hide it.
pub fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

pub fn is_root() -> bool {
    output("id", &["-u"]).is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}

/// Where a program is, looked for in the standard folders.
pub fn find_program(name: &str) -> Option<PathBuf> {
    SEARCH
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|p| fs::metadata(p).is_ok())
}
