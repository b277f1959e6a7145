//! Java: archives, and what build tools leave in source trees.
//!
//! Archives are walked as they stream by, nested ones inside their outer ones, so that memory
//! depends on depth only. Limits, each told with the file's name when met: [`INFLATED_LIMIT`]
//! bytes inflated for one file, [`RATIO_LIMIT`] times what the file has, [`ENTRIES_LIMIT`]
//! entries, [`PACKAGES_LIMIT`] packages, [`PROBLEMS_LIMIT`] problems.

mod coordinates;
mod gradle;
mod jar;
mod known;
mod pom;
mod zip;

pub use coordinates::{Manifest, read_manifest, read_pom_properties};
pub use gradle::{GradleLock, SbtLock, read_gradle_lock, read_sbt_lock};
pub use pom::{PomError, PomXml, read_pom};

use super::{Analyzer, FileFacts, FileMeta, Scope, Sink, Whole};
use jar::Jar;
use rampart_model::package::{Package, PackageKind};

const INFLATED_LIMIT: u64 = 4 << 30;
const RATIO_LIMIT: u64 = 200;
/// The ratio counts from here on: small files of zeros are no danger.
const RATIO_FLOOR: u64 = 32 << 20;
const ENTRIES_LIMIT: u64 = 2_000_000;
const PACKAGES_LIMIT: usize = 100_000;
const PROBLEMS_LIMIT: usize = 200;
const PROPERTIES_LIMIT: usize = 64 << 10;
/// Of a place inside a file, in a problem.
const PLACE_BYTES: usize = 400;

pub struct Archives;

impl Analyzer for Archives {
    fn name(&self) -> &'static str {
        "java-archive"
    }

    fn scope(&self) -> Scope {
        Scope::Both
    }

    fn wants(&self, file: &FileMeta) -> bool {
        jar::is_archive(file.file_name())
    }

    fn open(&self, file: &FileMeta, head: &[u8]) -> Option<Box<dyn Sink>> {
        // Lists of patterns, and placeholders, have such names too.
        if head.is_empty() {
            return None;
        }
        Some(Box::new(ArchiveSink {
            jar: Jar::new(file.file_name(), "", 0),
            shared: Shared {
                path: file.path.clone(),
                ..Shared::default()
            },
        }))
    }
}

struct ArchiveSink {
    jar: Jar,
    shared: Shared,
}

impl Sink for ArchiveSink {
    fn chunk(&mut self, bytes: &[u8]) {
        // In pieces, so that the ratio is taken of what was read until then.
        for piece in bytes.chunks(64 << 10) {
            self.shared.fed += piece.len() as u64;
            self.jar.push(piece, &mut self.shared);
        }
    }

    fn finish(mut self: Box<Self>, truncated: bool, out: &mut FileFacts) {
        if truncated {
            self.shared
                .problem("", "cut short: the source ended inside the file");
        }
        self.jar.finish(&mut self.shared);
        let shared = self.shared;
        out.packages.extend(shared.packages);
        for reason in shared.problems {
            out.problem(reason);
        }
        if shared.untold > 0 {
            out.problem(format!("{} more problems like these", shared.untold));
        }
    }
}

/// One file's budget, and what its archives tell.
#[derive(Default)]
struct Shared {
    path: String,
    fed: u64,
    inflated: u64,
    entries: u64,
    stopped: bool,
    packages: Vec<Package>,
    problems: Vec<String>,
    untold: usize,
}

impl Shared {
    fn path(&self) -> &str {
        &self.path
    }

    fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn problem(&mut self, place: &str, reason: &str) {
        if self.problems.len() >= PROBLEMS_LIMIT {
            self.untold += 1;
            return;
        }
        let mut end = place.len().min(PLACE_BYTES);
        while !place.is_char_boundary(end) {
            end -= 1;
        }
        self.problems.push(match &place[..end] {
            "" => reason.to_owned(),
            short if short.len() < place.len() => format!("{short}…: {reason}"),
            place => format!("{place}: {reason}"),
        });
    }

    fn stop(&mut self, place: &str, reason: &str) {
        if !self.stopped {
            self.problem(place, reason);
            self.stopped = true;
        }
    }

    fn count(&mut self, inflated: usize, place: &str) {
        self.inflated += inflated as u64;
        if self.inflated > INFLATED_LIMIT {
            self.stop(place, "inflates to more than 4 GiB: the rest is not read");
        } else if self.inflated > RATIO_FLOOR && self.inflated / RATIO_LIMIT > self.fed {
            let reason = "inflates to more than 200 times its length: the rest is not read";
            self.stop(place, reason);
        }
    }

    fn count_entry(&mut self, place: &str) {
        self.entries += 1;
        if self.entries > ENTRIES_LIMIT {
            self.stop(place, "more than 2000000 entries: the rest is not read");
        }
    }

    fn package(&mut self, package: Package) {
        if self.packages.len() >= PACKAGES_LIMIT {
            self.stop("", "more than 100000 packages: the rest is not read");
            return;
        }
        self.packages.push(package);
    }
}

/// `META-INF/maven/GROUP/ARTIFACT/pom.properties` of an archive that was unpacked.
pub struct PomProperties;

impl Analyzer for PomProperties {
    fn name(&self) -> &'static str {
        "pom-properties"
    }

    fn scope(&self) -> Scope {
        Scope::Both
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.file_name() == "pom.properties" && file.path.contains("META-INF/maven/")
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        Some(Whole::sink(
            file,
            PROPERTIES_LIMIT,
            |_, bytes, out| match read_pom_properties(&String::from_utf8_lossy(bytes)) {
                Some(found) => out.packages.push(Package {
                    path: out.path.clone(),
                    ..Package::new(PackageKind::Maven, found.name(), found.version)
                }),
                None => out.problem("pom.properties: no coordinates where they belong"),
            },
        ))
    }
}
