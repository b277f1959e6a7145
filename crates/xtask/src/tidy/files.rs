//! Checks that read source files.

use super::Finding;
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const MAX_FILE_LINES: usize = 1000;
const MAX_FUNCTION_LINES: usize = 100;

/// Files git knows or would add, relative to the root.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .context("git ls-files failed: is git installed?")?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .filter(|path| root.join(path).is_file())
        .collect())
}

fn sources(root: &Path, extensions: &[&str]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for path in tracked(root)? {
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        if !extensions.contains(&extension) || is_generated(&path) {
            continue;
        }
        let text = fs::read_to_string(root.join(&path))
            .with_context(|| format!("cannot read {}", path.display()))?;
        found.push((path.display().to_string(), text));
    }
    Ok(found)
}

/// Generated code and tables are exempt from size rules.
fn is_generated(path: &Path) -> bool {
    let name = path.to_string_lossy();
    [
        "vmlinux.h",
        "ui/src/services/schema.ts",
        "package-lock.json",
        "/generated/",
    ]
    .iter()
    .any(|part| name.contains(part))
}

pub(crate) fn headers(root: &Path) -> Result<Vec<Finding>> {
    let findings = sources(root, &["rs"])?
        .into_iter()
        .filter(|(_, text)| !text.trim_start().starts_with("//!"))
        .map(|(place, _)| Finding {
            place,
            what: "must open with `//!` and its purpose".into(),
        })
        .collect();
    Ok(findings)
}

pub(crate) fn sizes(root: &Path) -> Result<Vec<Finding>> {
    let findings = sources(root, &["rs", "c", "h", "ts", "tsx"])?
        .into_iter()
        .filter_map(|(place, text)| {
            let lines = text.lines().count();
            (lines > MAX_FILE_LINES).then(|| Finding {
                place,
                what: format!(
                    "{lines} lines, at most {MAX_FILE_LINES}: cut it where it has two subjects"
                ),
            })
        })
        .collect();
    Ok(findings)
}

/// Length of each `fn`, from its line to the closing brace at the same indentation (rustfmt's
/// layout makes that exact). Benchmarks are tables of cases, which are exempt.
pub(crate) fn functions(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (place, text) in sources(root, &["rs"])? {
        if place.contains("/benches/") {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            if !is_function(line) {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let close = format!("{}}}", " ".repeat(indent));
            let end = lines[start..].iter().position(|l| l.trim_end() == close);
            if let Some(length) = end.filter(|length| *length > MAX_FUNCTION_LINES) {
                findings.push(Finding {
                    place: format!("{place}:{}", start + 1),
                    what: format!("function of {length} lines, at most {MAX_FUNCTION_LINES}"),
                });
            }
        }
    }
    Ok(findings)
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start();
    let signature = [
        "pub ",
        "pub(crate) ",
        "pub(super) ",
        "async ",
        "const ",
        "unsafe ",
        "extern \"C\" ",
    ]
    .iter()
    .fold(line, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    signature.starts_with("fn ") && !line.ends_with(';')
}

/// Every skipped outside case has a written reason.
pub(crate) fn skips(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for path in tracked(root)? {
        let name = path.display().to_string();
        if !name.starts_with("tests/conformance/") || !name.ends_with("skip.toml") {
            continue;
        }
        let text = fs::read_to_string(root.join(&path))?;
        for (index, line) in text.lines().enumerate() {
            if let Some((case, reason)) = line.split_once('=')
                && !case.trim_start().starts_with('#')
                && reason.trim().trim_matches('"').trim().len() < 8
            {
                findings.push(Finding {
                    place: format!("{name}:{}", index + 1),
                    what: "a skipped case needs a reason".into(),
                });
            }
        }
    }
    Ok(findings)
}

/// Folders every machine has, which the project may well name.
const COMMON: &[&str] = &[
    "/", "/tmp", "/var/tmp", "/root", "/home", "/opt", "/srv", "/usr/src",
];

/// Whether a line names the folder; one of the same name further down another path does not count.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}'))
    })
}

/// The folder the checkout lies in must not be named in the project.
pub(crate) fn stray_paths(root: &Path) -> Result<Vec<Finding>> {
    let parent = root.parent().and_then(Path::to_str);
    let Some(parent) = parent.filter(|parent| !COMMON.contains(parent)) else {
        return Ok(Vec::new());
    };
    let needle = format!("{parent}/");
    let mut findings = Vec::new();
    for path in tracked(root)? {
        let Ok(text) = fs::read_to_string(root.join(&path)) else {
            continue;
        };
        if let Some(line) = text.lines().position(|line| names(line, &needle)) {
            findings.push(Finding {
                place: format!("{}:{}", path.display(), line + 1),
                what: format!("names this machine's folder {needle}"),
            });
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_folder_of_the_root_is_not_one_further_down() {
        for (line, expected) in [
            ("see /build/main", true),
            ("path=\"/build/x\"", true),
            ("GET /v1/scan/build/{id}", false),
            ("target/build/x", false),
        ] {
            assert_eq!(names(line, "/build/"), expected, "{line}");
        }
    }
}
