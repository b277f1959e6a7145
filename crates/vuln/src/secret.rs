//! Secrets: keys, tokens and passwords that must not lie in an image.
//!
//! A file is read once, as it streams by. A literal search over all bytes (`prefilter`) finds the
//! few places where a rule's own text stands; there, and only there, the rule's pattern, its
//! entropy threshold and its check (checksum, encoding, structure) decide (`search`). `rules` has
//! the tables, one file a group; `gitleaks` loads rule files in that format; `allow` says what is
//! never a secret. The secret itself never leaves this module: findings carry the masked line.
//!
//! Limits, each a problem that names the file when met: [`MAX_TEXT_BYTES`] of a file are
//! searched, [`MAX_FINDINGS`] findings and [`MAX_WORK_BYTES`] under patterns a file, lines shown
//! up to [`mask::EXCERPT`] characters. Binary files (by their head), UTF-16 text and the
//! distribution's own documentation and headers are not searched.

mod allow;
mod check;
mod gitleaks;
mod mask;
mod prefilter;
mod rule;
mod rules;
mod search;

use crate::analyze::{Analyzer, FileFacts, FileMeta, Scope, Sink};
use rampart_model::scan::Secret;
use std::sync::{Arc, OnceLock};

pub use allow::AllowList;
pub use gitleaks::{Diagnostic, RuleFile};
pub use rule::{Find, Rule};
pub use search::Scanner;

/// Text searched of one file.
pub const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Findings kept of one file.
pub const MAX_FINDINGS: usize = 100;
/// Bytes of one file that may run under patterns, each pattern counted.
pub const MAX_WORK_BYTES: usize = 64 << 20;

/// Every rule of our own.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    rules::ALL.iter().flat_map(|group| group.iter())
}

/// Searches files with our own rules.
pub static SECRETS: Files = Files {
    scanner: OnceLock::new(),
};

/// The analyzer: [`SECRETS`], or one with rules and allow lists of the user's.
pub struct Files {
    scanner: OnceLock<Arc<Scanner>>,
}

impl Files {
    pub fn new(scanner: Arc<Scanner>) -> Self {
        Self {
            scanner: OnceLock::from(scanner),
        }
    }

    fn scanner(&self) -> &Arc<Scanner> {
        self.scanner.get_or_init(|| Arc::new(Scanner::builtin()))
    }
}

impl Analyzer for Files {
    fn name(&self) -> &'static str {
        "secret"
    }

    fn scope(&self) -> Scope {
        Scope::Both
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.size >= 8 && !allow::is_passed_over(&file.path)
    }

    fn open(&self, file: &FileMeta, head: &[u8]) -> Option<Box<dyn Sink>> {
        if is_binary(head) || self.scanner().allow().path(&file.path) {
            return None;
        }
        Some(Box::new(search::Search::new(
            Arc::clone(self.scanner()),
            &file.path,
        )))
    }
}

/// No text begins with these, and no text holds a NUL.
fn is_binary(head: &[u8]) -> bool {
    const MAGIC: &[&[u8]] = &[
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"%PDF",
        b"BZh",
        b"\xfd7zXZ",
        b"\x28\xb5\x2f\xfd",
        b"\xff\xd8\xff",
        b"GIF8",
        b"wOFF",
        b"wOF2",
        b"!<arch>",
    ];
    MAGIC.iter().any(|magic| head.starts_with(magic)) || memchr::memchr(0, head).is_some()
}

/// Searches a text that is no file: an environment, a history line, a label.
pub fn in_text(scanner: &Arc<Scanner>, path: &str, text: &str) -> Vec<Secret> {
    let mut search: Box<dyn Sink> = Box::new(search::Search::new(Arc::clone(scanner), path));
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    search.chunk(text.as_bytes());
    search.finish(false, &mut facts);
    facts.secrets
}
