//! Executables and libraries: one pass over their bytes for everything a program tells of itself.
//!
//! ELF, PE and Mach-O by their first bytes. Go build information, Rust dependency lists, and
//! fingerprints of known applications are looked for together, in overlapping windows, so that a
//! program of any size takes a few kilobytes. Libraries of the distribution are left out unless
//! a fingerprint asks for them by name: their package says more than their bytes.

use super::{
    Analyzer, FileFacts, FileMeta, Scope, Sink,
    fingerprint::{self, Prints},
    golang::GoFinder,
    rust::RustFinder,
    window::{Window, Windows},
};
use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

/// What is looked for in every program, by name of the finder that takes it.
#[derive(Clone, Copy)]
enum Mark {
    GoBuildInfo,
    GoModules,
    GoVersion,
    Print(fingerprint::Mark),
}

const MARKS: &[(&[u8], Mark)] = &[
    (super::golang::BUILD_INFO_MAGIC, Mark::GoBuildInfo),
    (super::golang::MODULES_START, Mark::GoModules),
    (b"go1.", Mark::GoVersion),
    (b"OpenSSL ", Mark::Print(fingerprint::Mark::OpenSsl)),
    (b"libcrypto.", Mark::Print(fingerprint::Mark::LinksOpenSsl)),
    (b"flate 1.", Mark::Print(fingerprint::Mark::Zlib)),
    (b"BusyBox v", Mark::Print(fingerprint::Mark::BusyBox)),
];
const LONGEST_MARK: usize = 16;

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(MARKS.iter().map(|(pattern, _)| pattern))
        .ok()
});

pub struct Executables;

impl Analyzer for Executables {
    fn name(&self) -> &'static str {
        "executable"
    }

    fn scope(&self) -> Scope {
        Scope::Both
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.size >= 64 && !is_debug_file(&file.path)
    }

    fn open(&self, file: &FileMeta, head: &[u8]) -> Option<Box<dyn Sink>> {
        let kind = Kind::of(head)?;
        let prints = Prints::of(file.file_name());
        let everything = !(kind == Kind::Elf && is_distribution_library(&file.path));
        if !everything && prints.is_empty() {
            return None;
        }
        Some(Box::new(Program {
            end: 0,
            windows: Windows::default(),
            finders: Finders {
                everything,
                go: GoFinder::new(head),
                rust: RustFinder::default(),
                prints,
            },
        }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Elf,
    Pe,
    MachO,
}

impl Kind {
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            // Programs and shared objects; not object files, kernel modules or core dumps.
            [0x7f, b'E', b'L', b'F', _, 1, ..] => matches!(head.get(16), Some(2 | 3)),
            [0x7f, b'E', b'L', b'F', _, 2, ..] => matches!(head.get(17), Some(2 | 3)),
            [b'M', b'Z', ..] => return Some(Self::Pe),
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            // A fat binary has few architectures; a Java class has a version there.
            | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=20, ..] => return Some(Self::MachO),
            _ => false,
        }
        .then_some(Self::Elf)
    }
}

fn is_debug_file(path: &str) -> bool {
    path.starts_with("usr/lib/debug/") || path.ends_with(".debug") || path.ends_with(".ko")
}

/// A library where distributions put them; those of applications and language packages may have
/// other programs' code inside.
fn is_distribution_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if !(name.ends_with(".so") || name.contains(".so.")) {
        return false;
    }
    let place = path.strip_prefix("usr/").unwrap_or(path);
    (place.starts_with("lib/")
        || place.starts_with("lib64/")
        || place.starts_with("lib32/")
        || place.starts_with("libexec/"))
        && !["/site-packages/", "/node_modules/", "/vendor/"]
            .iter()
            .any(|part| path.contains(part))
}

struct Program {
    end: u64,
    windows: Windows,
    finders: Finders,
}

struct Finders {
    everything: bool,
    go: GoFinder,
    rust: RustFinder,
    prints: Prints,
}

impl Finders {
    fn look(&mut self, window: &Window<'_>) {
        if self.everything {
            self.marks(window);
            self.rust.look(window);
        }
        self.prints.look(window);
    }

    fn marks(&mut self, window: &Window<'_>) {
        let Some(search) = SEARCH.as_ref() else {
            return;
        };
        let end = window.bytes.len().min(window.to + LONGEST_MARK);
        let mut from = window.from;
        // Finds may overlap each other's context but not each other.
        while let Some(found) = search.find(&window.bytes[from..end]) {
            let at = from + found.start();
            if at >= window.to {
                break;
            }
            from += found.end();
            match MARKS[found.pattern().as_usize()].1 {
                Mark::GoBuildInfo => self.go.build_info(window, at),
                Mark::GoModules => self.go.modules(window, at),
                Mark::GoVersion => self.go.version(window, at),
                Mark::Print(mark) => self.prints.mark(mark, window, at),
            }
        }
    }
}

impl Sink for Program {
    fn chunk(&mut self, bytes: &[u8]) {
        let finders = &mut self.finders;
        self.windows.push(bytes, |window| finders.look(window));
        self.finders.go.follow(self.end, bytes);
        self.finders.rust.follow(self.end, bytes);
        self.end += bytes.len() as u64;
    }

    fn finish(mut self: Box<Self>, truncated: bool, out: &mut FileFacts) {
        let finders = &mut self.finders;
        self.windows.finish(|window| finders.look(window));
        if truncated {
            out.problem("cut short: what the rest of the program tells is not known");
        }
        self.finders.go.finish(out);
        self.finders.rust.finish(out);
        self.finders.prints.finish(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_by_first_bytes() {
        let elf = |class, data, at: usize, kind| {
            let mut head = vec![0; 64];
            head[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
            head[at] = kind;
            Kind::of(&head).is_some()
        };
        assert!(elf(2, 1, 16, 2) && elf(2, 1, 16, 3) && elf(1, 2, 17, 2));
        assert!(!elf(2, 1, 16, 1), "an object file");
        assert!(!elf(2, 1, 16, 4), "a core dump");
        assert!(Kind::of(b"MZ\x90\0").is_some());
        assert!(Kind::of(b"\xca\xfe\xba\xbe\0\0\0\x02").is_some());
        assert!(Kind::of(b"\xca\xfe\xba\xbe\0\0\0\x41").is_none(), "a class");
        assert!(Kind::of(b"#!/bin/sh").is_none() && Kind::of(b"").is_none());
    }

    #[test]
    fn libraries_of_the_distribution() {
        for (path, expected) in [
            ("usr/lib/x86_64-linux-gnu/libfoo.so.1", true),
            ("lib64/libfoo.so", true),
            ("usr/bin/tool", false),
            ("usr/local/lib/libfoo.so", false),
            ("usr/lib/python3.9/site-packages/a/_rust.abi3.so", false),
            ("opt/app/libfoo.so", false),
            ("usr/lib/git-core/git", false),
        ] {
            assert_eq!(is_distribution_library(path), expected, "{path}");
        }
    }
}
