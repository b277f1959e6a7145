//! Language analyzers: each sample with the packages and problems it must give.
//!
//! `check` shows facts as text, one package or problem a line, so that a case is its own
//! documentation: `kind name version (marks) <licences> [hashes] -> dependencies`.

mod dotnet;
mod hostile;
mod node;
mod others;
mod php;
mod python;
mod real;
mod ruby;

use rampart_model::scan::TargetKind;
use rampart_vuln::analyze::{ALL, FileFacts, FileMeta, HEAD_BYTES, Scope};
use std::fmt::Write;

/// What all analyzers together say of one file, fed in pieces of `piece` bytes.
fn facts_by(path: &str, content: &[u8], piece: usize) -> FileFacts {
    let meta = FileMeta {
        path: path.to_owned(),
        size: content.len() as u64,
        mode: 0o644,
        uid: 0,
        gid: 0,
    };
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    let head = &content[..content.len().min(HEAD_BYTES)];
    for analyzer in ALL.iter().filter(|analyzer| analyzer.wants(&meta)) {
        if let Some(mut sink) = analyzer.open(&meta, head) {
            for part in content.chunks(piece) {
                sink.chunk(part);
            }
            sink.finish(false, &mut facts);
        }
    }
    facts
}

fn facts(path: &str, content: impl AsRef<[u8]>) -> FileFacts {
    facts_by(path, content.as_ref(), 1 << 16)
}

fn show(facts: &FileFacts) -> String {
    let mut text = String::new();
    for package in &facts.packages {
        let kind = package.kind;
        write!(text, "{kind} {} {}", package.name, package.version).unwrap();
        if !package.arch.is_empty() {
            write!(text, " {}", package.arch).unwrap();
        }
        let marks: Vec<&str> = [("dev", package.dev), ("direct", package.direct)]
            .into_iter()
            .filter_map(|(mark, is)| is.then_some(mark))
            .collect();
        if !marks.is_empty() {
            write!(text, " ({})", marks.join(" ")).unwrap();
        }
        if !package.licenses.is_empty() {
            write!(text, " <{}>", package.licenses.join("; ")).unwrap();
        }
        if !package.supplier.is_empty() {
            write!(text, " by {}", package.supplier).unwrap();
        }
        if !package.hashes.is_empty() {
            let hashes: Vec<&str> = package
                .hashes
                .iter()
                .map(|h| &h[..h.len().min(16)])
                .collect();
            write!(text, " [{}]", hashes.join(" ")).unwrap();
        }
        if !package.depends_on.is_empty() {
            write!(text, " -> {}", package.depends_on.join(" ")).unwrap();
        }
        text.push('\n');
    }
    for problem in &facts.problems {
        writeln!(text, "! {}", problem.reason).unwrap();
    }
    text
}

/// Both whole and byte by byte.
#[track_caller]
fn check(path: &str, content: &str, want: &str) {
    let got = show(&facts(path, content));
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    assert_eq!(lines(&got), lines(want), "{path}:\n{got}");
    assert_eq!(
        show(&facts_by(path, content.as_bytes(), 1)),
        got,
        "{path} byte by byte"
    );
}

#[test]
fn names_are_unique_and_each_scope_has_its_targets() {
    let mut names: Vec<&str> = ALL.iter().map(|analyzer| analyzer.name()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(Scope::Project.applies_to(TargetKind::Filesystem));
    assert!(!Scope::Installed.applies_to(TargetKind::Filesystem));
    for target in [
        TargetKind::Image,
        TargetKind::Rootfs,
        TargetKind::Host,
        TargetKind::Container,
    ] {
        assert!(Scope::Installed.applies_to(target) && !Scope::Project.applies_to(target));
        assert!(Scope::Both.applies_to(target));
    }
}
