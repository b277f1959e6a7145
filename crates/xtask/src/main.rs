//! `cargo xtask <task>`: the repository's own checks.
//!
//! `tidy` holds the tree against the rules of CONTRIBUTING.md: which crate may depend on which,
//! what each file opens with, how long files and functions are, and that every skipped
//! conformance case says why.

mod tidy;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

const HELP: &str = "\
Usage: cargo xtask <task>

Tasks:
  tidy    check arrows between crates, file headers, sizes, skip reasons, stray paths
";

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("tidy") => run(tidy::run),
        Some("--help" | "-h" | "help") => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("xtask: unknown task {other:?}\n\n{HELP}");
            ExitCode::from(2)
        }
        None => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}

fn run(task: fn(&Path) -> anyhow::Result<()>) -> ExitCode {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().unwrap_or(root);
    match task(&root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
