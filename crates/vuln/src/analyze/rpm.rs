//! rpm's databases of installed packages, in all three formats it has had.
//!
//! `Packages` (Berkeley DB hash), `Packages.db` (NDB), `rpmdb.sqlite` (SQLite); each holds one
//! header a package. The files are read from memory by own readers that follow only what they need
//! and no page twice. Limits: 256 MiB a file, 200,000 packages, 4 million owned paths; a header's
//! bytes count once, so that work never exceeds the file. What cannot be read is told, and the
//! rest counts. Changes that still lie in SQLite's write-ahead log are not read: told too.

mod bdb;
mod header;
mod manifest;
mod ndb;
mod sqlite;

use super::{Analyzer, FileMeta, MOST_OWNED_PATHS, MOST_PACKAGES, Owner, Sink, Whole};
use rampart_model::package::Package;

pub use header::parse as parse_header;
pub use manifest::{RpmManifest, parse as parse_manifest};

const LIMIT: usize = 256 << 20;
const FOLDERS: [&str; 3] = ["var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"];
const FILES: [&str; 3] = ["Packages", "Packages.db", "rpmdb.sqlite"];
const LOG: &str = "rpmdb.sqlite-wal";

pub struct Rpm;

impl Analyzer for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        let name = FOLDERS
            .iter()
            .find_map(|folder| file.path.strip_prefix(folder));
        name.is_some_and(|name| FILES.contains(&name) || (name == LOG && file.size > 0))
    }

    fn open(&self, file: &FileMeta, _head: &[u8]) -> Option<Box<dyn Sink>> {
        if file.file_name() == LOG {
            return Some(Box::new(Log));
        }
        Some(Whole::sink(file, LIMIT, |file, bytes, out| {
            let database = parse(bytes);
            out.packages = database.packages;
            for package in &mut out.packages {
                package.path.clone_from(&file.path);
            }
            out.owned_paths = database.owned_paths;
            out.owners = database.owners;
            if database.broken > 0 {
                let (count, first) = (database.broken, database.first_error);
                out.problem(format!(
                    "{count} parts could not be read, the first: {first}"
                ));
            }
            if let Some(error) = database.fatal {
                out.problem(format!("not read to its end: {error}"));
            }
        }))
    }
}

/// The write-ahead log is not read, and that is said.
struct Log;

impl Sink for Log {
    fn chunk(&mut self, _bytes: &[u8]) {}

    fn finish(self: Box<Self>, _truncated: bool, out: &mut super::FileFacts) {
        out.problem("changes not yet written back into rpmdb.sqlite are not read");
    }
}

/// What a database holds, and what of it could not be read.
#[derive(Debug, Default)]
pub struct Database {
    pub packages: Vec<Package>,
    /// Sorted.
    pub owned_paths: Vec<u64>,
    pub owners: Vec<Owner>,
    /// Headers and pages left out, and why the first.
    pub broken: usize,
    pub first_error: String,
    /// Why reading stopped before the end.
    pub fatal: Option<DatabaseError>,
}

/// Whoever wrote the database can fix it: `rpm --rebuilddb`.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DatabaseError {
    #[error("the file is empty")]
    Empty,
    #[error("not a Berkeley DB, NDB or SQLite database")]
    UnknownFormat,
    #[error("{0} is not supported")]
    Unsupported(&'static str),
    #[error("{0} is cut short")]
    Truncated(&'static str),
    #[error("{what} is out of range: {value}")]
    OutOfRange { what: &'static str, value: u64 },
    #[error("page {0} lies outside the file")]
    NoSuchPage(u64),
    #[error("page {0} is used twice")]
    PageUsedTwice(u64),
    #[error("page {0} is not of the kind expected there")]
    WrongPage(u64),
    #[error("there is no table of packages")]
    NoTable,
    #[error("a header without name or version")]
    NoName,
    #[error("headers overlap, together they are longer than the file")]
    OverBudget,
    #[error("more than {0} packages")]
    TooManyPackages(usize),
    #[error("more than {0} owned paths")]
    TooManyPaths(usize),
}

/// Reads a whole database, whichever format it has.
pub fn parse(bytes: &[u8]) -> Database {
    let mut found = Found {
        database: Database::default(),
        budget: bytes.len(),
    };
    let read = if bytes.is_empty() {
        Err(DatabaseError::Empty)
    } else if sqlite::is(bytes) {
        sqlite::read(bytes, &mut found)
    } else if ndb::is(bytes) {
        ndb::read(bytes, &mut found)
    } else if bdb::is(bytes) {
        bdb::read(bytes, &mut found)
    } else {
        Err(DatabaseError::UnknownFormat)
    };
    let mut database = found.database;
    database.fatal = read.err();
    database.owned_paths.sort_unstable();
    database
}

/// Takes what a format's reader finds.
struct Found {
    database: Database,
    /// Bytes of headers that may still come.
    budget: usize,
}

impl Found {
    /// Fails when nothing more may come.
    fn header(&mut self, blob: &[u8]) -> Result<(), DatabaseError> {
        self.budget = self
            .budget
            .checked_sub(blob.len())
            .ok_or(DatabaseError::OverBudget)?;
        match header::parse(blob) {
            Ok(header) if header.is_key() => {}
            Ok(header) => {
                if self.database.packages.len() >= MOST_PACKAGES {
                    return Err(DatabaseError::TooManyPackages(MOST_PACKAGES));
                }
                header.owned(&mut self.database)?;
                self.database.packages.push(header.package);
            }
            Err(error) => self.broken(&error),
        }
        Ok(())
    }

    fn broken(&mut self, error: &DatabaseError) {
        if self.database.broken == 0 {
            self.database.first_error = error.to_string();
        }
        self.database.broken += 1;
    }
}

/// Pages already used: none may be used twice, so no chain is endless.
struct Pages {
    seen: Vec<u64>,
    count: u64,
}

impl Pages {
    fn new(count: u64) -> Self {
        let words = usize::try_from(count / 64 + 1).unwrap_or(0);
        Self {
            seen: vec![0; words],
            count,
        }
    }

    fn take(&mut self, page: u64) -> Result<(), DatabaseError> {
        let word = usize::try_from(page / 64).ok();
        let word = word.and_then(|word| self.seen.get_mut(word));
        let word = word
            .filter(|_| page < self.count)
            .ok_or(DatabaseError::NoSuchPage(page))?;
        let bit = 1_u64 << (page % 64);
        if *word & bit != 0 {
            return Err(DatabaseError::PageUsedTwice(page));
        }
        *word |= bit;
        Ok(())
    }
}

/// `N` bytes at an offset, if they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
