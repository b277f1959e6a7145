//! Go: what the toolchain writes into programs, and `go.mod`.
//!
//! Since Go 1.18 the build information holds its strings inline, at a multiple of 16 bytes. Older
//! ones hold pointers: the module list is then found by the marks the linker puts around it, and
//! the toolchain's version by following the pointers through the program headers. Limits:
//! [`MODULES_LIMIT`] bytes of module list, one list a program.
//!
//! Source: Go's `debug/buildinfo` and `runtime/debug`; the `go.mod` reference.

mod gomod;
mod modules;
mod pointers;

pub use gomod::{GoMod, GoModError, read_go_mod};
pub use modules::{ModulesError, read_modules};

use super::{FileFacts, window::Window};
use pointers::Pointers;
use rampart_model::package::{Package, PackageKind};

pub(super) const BUILD_INFO_MAGIC: &[u8] = b"\xff Go buildinf:";
/// The linker's marks around the module list, 16 bytes each.
pub(super) const MODULES_START: &[u8] =
    b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const MODULES_END: &[u8] = b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
const MODULES_LIMIT: usize = 4 << 20;
const VERSION_LIMIT: usize = 200;
const HEADER_BYTES: usize = 32;

/// Finds build information in a program that streams by.
pub(super) struct GoFinder {
    inline: Option<Follow>,
    marked: Option<Follow>,
    pointers: Pointers,
}

/// Bytes gathered from a place in the stream on.
struct Follow {
    bytes: Vec<u8>,
    /// Position of the next byte to take.
    at: u64,
    step: fn(&[u8]) -> Step,
    end: Option<Step>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Needs this many bytes in all.
    More(usize),
    Done,
    Bad(&'static str),
}

impl Follow {
    fn new(at: u64, step: fn(&[u8]) -> Step) -> Self {
        Self {
            bytes: Vec::new(),
            at,
            step,
            end: None,
        }
    }

    /// A piece of the stream that begins at `start`; what was taken before is skipped.
    fn feed(&mut self, start: u64, piece: &[u8]) {
        while self.end.is_none() {
            match (self.step)(&self.bytes) {
                Step::More(want) => {
                    let Some(skip) = self.at.checked_sub(start) else {
                        return;
                    };
                    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                    let rest = piece.get(skip..).unwrap_or_default();
                    let rest = &rest[..rest.len().min(want.saturating_sub(self.bytes.len()))];
                    if rest.is_empty() {
                        return;
                    }
                    self.bytes.extend_from_slice(rest);
                    self.at += rest.len() as u64;
                }
                end => self.end = Some(end),
            }
        }
    }
}

impl GoFinder {
    pub(super) fn new(head: &[u8]) -> Self {
        Self {
            inline: None,
            marked: None,
            pointers: Pointers::new(head),
        }
    }

    /// At the magic of build information, or of a program that looks for it in others.
    pub(super) fn build_info(&mut self, window: &Window<'_>, at: usize) {
        let place = window.base + at as u64;
        let header = &window.bytes[at..];
        if !place.is_multiple_of(16) || header.len() < HEADER_BYTES {
            return;
        }
        if header[15] & 2 == 0 {
            self.pointers.header(header, window);
        } else if self.inline.is_none() && inline_version(header).is_some() {
            let mut follow = Follow::new(place, inline_step);
            follow.feed(window.base, window.bytes);
            self.inline = Some(follow);
        }
    }

    pub(super) fn modules(&mut self, window: &Window<'_>, at: usize) {
        // A program that looks for the marks holds them as constants, with no list between.
        let after = window.bytes.get(at + 16..).unwrap_or_default();
        if self.marked.is_none() && (after.starts_with(b"path\t") || after.starts_with(b"mod\t")) {
            let mut follow = Follow::new(window.base + at as u64, marked_step);
            follow.feed(window.base, window.bytes);
            self.marked = Some(follow);
        }
    }

    pub(super) fn version(&mut self, window: &Window<'_>, at: usize) {
        self.pointers.version(window, at);
    }

    pub(super) fn follow(&mut self, start: u64, chunk: &[u8]) {
        let follows = [self.inline.as_mut(), self.marked.as_mut()];
        for follow in follows.into_iter().flatten() {
            follow.feed(start, chunk);
        }
        self.pointers.follow(start, chunk);
    }

    pub(super) fn finish(self, out: &mut FileFacts) {
        if let Some(inline) = self.inline {
            match inline.end {
                Some(Step::Done) => match split_inline(&inline.bytes) {
                    Some((version, modules)) => report(Some(version), modules, out),
                    None => out.problem("Go build information: not text"),
                },
                Some(Step::Bad(why)) => out.problem(format!("Go build information: {why}")),
                _ => out.problem("Go build information: the file ends inside it"),
            }
        } else if let Some(marked) = self.marked {
            let version = self.pointers.resolve();
            match marked.end {
                Some(Step::Done) => report(version.as_deref(), between_marks(&marked.bytes), out),
                Some(Step::Bad(why)) => out.problem(format!("Go module list: {why}")),
                _ => out.problem("Go module list: the file ends inside it"),
            }
        } else if let Some(version) = self.pointers.resolve() {
            report(Some(&version), b"", out);
        }
    }
}

fn report(version: Option<&str>, modules: &[u8], out: &mut FileFacts) {
    let path = out.path.clone();
    match version {
        Some(version) => {
            // Advisories keep the go command's own flaws apart from the library's.
            let tool = modules.starts_with(b"path\tcmd/");
            let names = ["stdlib", "toolchain"];
            out.packages
                .extend(names[..1 + usize::from(tool)].iter().map(|name| Package {
                    path: path.clone(),
                    direct: true,
                    ..Package::new(PackageKind::Golang, *name, stdlib_version(version))
                }));
        }
        None => out.problem("Go build information: the toolchain's version is not to be found"),
    }
    match read_modules(modules, &path) {
        Ok(packages) => out.packages.extend(packages),
        Err(error) => out.problem(format!("Go module list: {error}")),
    }
}

/// `go1.22.3 X:boringcrypto` is `v1.22.3`, `go1.22rc1` is `v1.22.0-rc.1`, as module versions go.
fn stdlib_version(text: &str) -> String {
    let devel = text.starts_with("devel");
    let text = text.strip_prefix("devel ").unwrap_or(text);
    let text = text.strip_prefix("go").unwrap_or(text);
    let text = text
        .split([' ', '-', '+'])
        .next()
        .unwrap_or_default()
        .trim();
    if devel {
        return match text.starts_with("1.") {
            true => format!("v{text}.0-devel"),
            false => String::new(),
        };
    }
    for word in ["rc", "beta"] {
        if let Some((release, number)) = text.split_once(word) {
            return format!("v{release}.0-{word}.{number}");
        }
    }
    format!("v{text}")
}

/// The string of the header, if it is one that Go writes.
fn inline_version(header: &[u8]) -> Option<(&str, usize)> {
    let (length, used) = uvarint(header.get(HEADER_BYTES..)?)?;
    let start = HEADER_BYTES + used;
    if length > VERSION_LIMIT {
        return None;
    }
    let text = std::str::from_utf8(header.get(start..start + length)?).ok()?;
    (text.starts_with("go") || text.starts_with("devel")).then_some((text, start + length))
}

fn inline_step(bytes: &[u8]) -> Step {
    let Some((_, end)) = inline_version(bytes) else {
        return match bytes.len() {
            0..256 => Step::More(256),
            _ => Step::Bad("no Go version where one belongs"),
        };
    };
    let rest = bytes.get(end..).unwrap_or_default();
    match uvarint(rest) {
        Some((length, _)) if length > MODULES_LIMIT => {
            Step::Bad("a module list longer than the 4 MiB that are read of it")
        }
        Some((length, used)) if rest.len() < used + length => Step::More(end + used + length),
        Some(_) => Step::Done,
        None if rest.len() < 10 => Step::More(end + 10),
        None => Step::Bad("a length that is none"),
    }
}

fn split_inline(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (version, end) = inline_version(bytes)?;
    let rest = bytes.get(end..)?;
    let (length, used) = uvarint(rest)?;
    let modules = rest.get(used..used + length)?;
    // Marks are around a list, and nothing at all where there is none.
    let inner = modules
        .get(16..modules.len().saturating_sub(16))
        .unwrap_or_default();
    Some((version, inner))
}

fn marked_step(bytes: &[u8]) -> Step {
    // Only what the last step brought, and a mark's length before it.
    const STEP: usize = 16 << 10;
    let from = bytes.len().saturating_sub(STEP + MODULES_END.len());
    if memchr::memmem::find(&bytes[from..], MODULES_END).is_some() {
        Step::Done
    } else if bytes.len() >= MODULES_LIMIT {
        Step::Bad("longer than the 4 MiB that are read of it")
    } else {
        Step::More(bytes.len() + STEP)
    }
}

fn between_marks(bytes: &[u8]) -> &[u8] {
    let list = bytes.get(MODULES_START.len()..).unwrap_or_default();
    let end = memchr::memmem::find(list, MODULES_END).unwrap_or(list.len());
    &list[..end]
}

/// Base 128, low bits first; at most five bytes, since lengths here are small.
fn uvarint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchain_versions() {
        for (text, expected) in [
            ("go1.26.8", "v1.26.8"),
            ("go1.20", "v1.20"),
            ("go1.22rc1", "v1.22.0-rc.1"),
            ("go1.4beta1", "v1.4.0-beta.1"),
            ("go1.22.3 X:boringcrypto", "v1.22.3"),
            ("go1.21.4-custom", "v1.21.4"),
            ("devel go1.23-0a5b33a883 Tue Mar 5", "v1.23.0-devel"),
            ("devel +b7a85e0003 Tue", ""),
        ] {
            assert_eq!(stdlib_version(text), expected, "{text}");
        }
    }

    #[test]
    fn lengths() {
        assert_eq!(uvarint(&[0x08]), Some((8, 1)));
        assert_eq!(uvarint(&[0xac, 0x02, 0xff]), Some((300, 2)));
        assert_eq!(uvarint(&[0x80]), None);
        assert_eq!(uvarint(&[0xff; 9]), None);
    }
}
