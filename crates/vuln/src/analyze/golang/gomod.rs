//! `go.mod`: what a module requires, after its replacements.
//!
//! Limits: [`LIMIT`] bytes. Since Go 1.17 the file names every module of the build; older ones
//! name the direct ones only, and that is what is told. `go.sum` is not read: it also lists what
//! was only looked at. The `go` line is a lower bound, so only `toolchain` tells of `stdlib`.

use super::modules::replace;
use crate::analyze::{Analyzer, FileMeta, Scope, Sink, Whole};
use rampart_model::package::{Package, PackageKind};

const LIMIT: usize = 4 << 20;
const ITEMS_LIMIT: usize = 100_000;

pub struct GoMod;

impl Analyzer for GoMod {
    fn name(&self) -> &'static str {
        "go-mod"
    }

    fn scope(&self) -> Scope {
        Scope::Project
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.file_name() == "go.mod"
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(
            file,
            LIMIT,
            |_, bytes, out| match read_go_mod(bytes, &out.path) {
                Ok(packages) => out.packages.extend(packages),
                Err(error) => out.problem(format!("go.mod: {error}")),
            },
        ))
    }
}

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum GoModError {
    #[error("not UTF-8")]
    NotText,
    #[error("line {0}: not a directive that is known")]
    Directive(usize),
    #[error("line {0}: too few words")]
    Words(usize),
    #[error("a block that is not closed")]
    OpenBlock,
    #[error("more than {ITEMS_LIMIT} requirements or replacements")]
    TooMany,
}

struct Replacement {
    old: String,
    /// Empty: every version.
    old_version: String,
    new: String,
    new_version: String,
}

pub fn read_go_mod(bytes: &[u8], path: &str) -> Result<Vec<Package>, GoModError> {
    let text = std::str::from_utf8(bytes).map_err(|_| GoModError::NotText)?;
    let mut packages: Vec<Package> = Vec::new();
    let mut replacements = Vec::new();
    let mut block: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words: Vec<&str> = code.split_whitespace().map(unquote).collect();
        let directive = match (&block, words.as_slice()) {
            (_, []) => continue,
            (Some(_), [")"]) => {
                block = None;
                continue;
            }
            (Some(directive), _) => directive.clone(),
            (None, [directive, "("]) => {
                block = Some((*directive).to_owned());
                continue;
            }
            (None, _) => words.remove(0).to_owned(),
        };
        match directive.as_str() {
            "require" => packages.push(required(&words, comment, path, number)?),
            "replace" => replacements.push(replacement(&words, number)?),
            "toolchain" => packages.extend(toolchain(&words, path)),
            "module" | "go" | "exclude" | "retract" | "godebug" | "tool" | "ignore" => {}
            _ => return Err(GoModError::Directive(number)),
        }
        if packages.len() + replacements.len() > ITEMS_LIMIT {
            return Err(GoModError::TooMany);
        }
    }
    if block.is_some() {
        return Err(GoModError::OpenBlock);
    }
    apply(&mut packages, &replacements);
    Ok(packages)
}

fn required(
    words: &[&str],
    comment: &str,
    path: &str,
    number: usize,
) -> Result<Package, GoModError> {
    let [name, version, ..] = words else {
        return Err(GoModError::Words(number));
    };
    let indirect = comment.trim_start().starts_with("indirect");
    Ok(Package {
        path: path.to_owned(),
        direct: !indirect,
        ..Package::new(PackageKind::Golang, *name, *version)
    })
}

fn replacement(words: &[&str], number: usize) -> Result<Replacement, GoModError> {
    let mut sides = words.split(|word| *word == "=>");
    let (Some([old, old_rest @ ..]), Some([new, new_rest @ ..])) = (sides.next(), sides.next())
    else {
        return Err(GoModError::Words(number));
    };
    let first = |words: &[&str]| words.first().copied().unwrap_or_default().to_owned();
    Ok(Replacement {
        old: (*old).to_owned(),
        old_version: first(old_rest),
        new: (*new).to_owned(),
        new_version: first(new_rest),
    })
}

fn toolchain(words: &[&str], path: &str) -> Option<Package> {
    let text = words.first()?;
    text.starts_with("go1").then(|| Package {
        path: path.to_owned(),
        direct: true,
        ..Package::new(PackageKind::Golang, "stdlib", super::stdlib_version(text))
    })
}

fn apply(packages: &mut [Package], replacements: &[Replacement]) {
    let mut by_name = std::collections::HashMap::new();
    for replacement in replacements {
        let key = (replacement.old.as_str(), replacement.old_version.as_str());
        by_name.insert(key, replacement);
    }
    for package in packages {
        let exact = by_name.get(&(package.name.as_str(), package.version.as_str()));
        if let Some(found) = exact.or_else(|| by_name.get(&(package.name.as_str(), ""))) {
            replace(package, &found.new, &found.new_version);
        }
    }
}

fn unquote(word: &str) -> &str {
    let inner = |quote| word.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('`')).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, bool)> {
        let packages = read_go_mod(text.as_bytes(), "app/go.mod").unwrap();
        let row = |p: Package| (p.name, p.version, p.direct);
        packages.into_iter().map(row).collect()
    }

    #[test]
    fn requirements_and_replacements() {
        let text = "module ex.test/app // the app\n\ngo 1.21\ntoolchain go1.22.3\n\
            require a.test/one v1.0.0\nrequire (\n\tb.test/two v2.0.0+incompatible // indirect\n\
            \t\"c.test/three\" v0.0.0-20200101000000-abcdefabcdef\n\td.test/four v1.4.0\n\n\
            \te.test/five v1.5.0 // indirect; kept for x\n)\n\
            replace b.test/two => f.test/six v6.0.0\n\
            replace (\n\td.test/four v1.4.0 => ../four\n\te.test/five v1.0.0 => g.test/no v9.0.0\n)\n\
            exclude x.test/y v1.0.0\nretract [v1.0.0, v1.2.0]\n";
        let row = |name: &str, version: &str, direct| (name.to_owned(), version.to_owned(), direct);
        assert_eq!(
            read(text),
            [
                row("stdlib", "v1.22.3", true),
                row("a.test/one", "v1.0.0", true),
                row("f.test/six", "v6.0.0", false),
                row("c.test/three", "v0.0.0-20200101000000-abcdefabcdef", true),
                row("d.test/four", "", true),
                row("e.test/five", "v1.5.0", false),
            ]
        );
    }

    #[test]
    fn malformed_files_are_told() {
        for (text, expected) in [
            ("require a.test/one\n", GoModError::Words(1)),
            ("module x\nreplace a => \n", GoModError::Words(2)),
            ("require (\na v1\n", GoModError::OpenBlock),
            ("<html>\n", GoModError::Directive(1)),
        ] {
            assert_eq!(read_go_mod(text.as_bytes(), ""), Err(expected), "{text}");
        }
        assert_eq!(read_go_mod(b"\xff\xfe", ""), Err(GoModError::NotText));
    }
}
