//! Feeds files to the analyzers as a layer would, in pieces of any size.

use rampart_vuln::analyze::{ALL, FileFacts, FileMeta, HEAD_BYTES};

/// What all analyzers tell of a file that arrives in pieces of `size` bytes.
pub(crate) fn analyze(path: &str, bytes: &[u8], size: usize) -> FileFacts {
    analyze_part(path, bytes, bytes.len(), size)
}

/// The file should have `whole` bytes; what is missing is cut off.
pub(crate) fn analyze_part(path: &str, bytes: &[u8], whole: usize, size: usize) -> FileFacts {
    let file = FileMeta {
        path: path.to_owned(),
        size: whole as u64,
        mode: 0o755,
        ..FileMeta::default()
    };
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    for analyzer in ALL.iter().filter(|analyzer| analyzer.wants(&file)) {
        let Some(mut sink) = analyzer.open(&file, head) else {
            continue;
        };
        bytes.chunks(size).for_each(|chunk| sink.chunk(chunk));
        sink.finish(bytes.len() < whole, &mut facts);
    }
    facts
}

/// `kind name version [inner path]`, one line a package.
pub(crate) fn lines(facts: &FileFacts) -> Vec<String> {
    let line = |p: &rampart_model::package::Package| {
        let text = format!("{} {} {} {}", p.kind, p.name, p.version, p.inner_path);
        text.trim_end().to_owned()
    };
    facts.packages.iter().map(line).collect()
}

pub(crate) fn reasons(facts: &FileFacts) -> Vec<&str> {
    assert!(facts.problems.iter().all(|p| p.path == facts.path));
    facts.problems.iter().map(|p| p.reason.as_str()).collect()
}
