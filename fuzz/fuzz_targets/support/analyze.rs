//! Feeds one file to the analyzers, whole and in pieces.

use rampart_vuln::analyze::{ALL, FileFacts, FileMeta, HEAD_BYTES};

/// The first byte chooses the file's name, the second the size of a piece; the rest is the file.
///
/// Holds: no panic; the same facts however the bytes are cut; names and problems are printable;
/// no more packages than bytes.
pub fn feed(paths: &[&str], data: &[u8]) {
    let [choice, piece, content @ ..] = data else {
        return;
    };
    let path = paths[usize::from(*choice) % paths.len()];
    let whole = facts(path, content, usize::MAX);
    assert_eq!(whole, facts(path, content, usize::from(*piece) + 1));
    assert!(whole.packages.len() <= content.len() + 1);
    for package in &whole.packages {
        assert!(!package.name.is_empty() && !package.name.chars().any(char::is_control));
        assert!(!package.version.is_empty() && !package.version.chars().any(char::is_control));
        assert_eq!(package.path, path);
    }
    for problem in &whole.problems {
        assert!(problem.path == path && !problem.reason.chars().any(char::is_control));
    }
}

fn facts(path: &str, content: &[u8], piece: usize) -> FileFacts {
    let meta = FileMeta {
        path: path.to_owned(),
        size: content.len() as u64,
        mode: 0o644,
        ..FileMeta::default()
    };
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    let head = &content[..content.len().min(HEAD_BYTES)];
    let wanting = ALL.iter().filter(|analyzer| analyzer.wants(&meta));
    for mut sink in wanting.filter_map(|analyzer| analyzer.open(&meta, head)) {
        content
            .chunks(piece.min(content.len().max(1)))
            .for_each(|part| sink.chunk(part));
        sink.finish(false, &mut facts);
    }
    facts
}
