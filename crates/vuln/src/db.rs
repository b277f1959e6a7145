//! The vulnerability database: one immutable file, made to be memory-mapped.
//!
//! [`Builder`] makes it, [`sign`] signs it, [`Database`] reads it. Opening touches the header and
//! the directory of pages; a page is checked against its hash when it is first touched, and nothing
//! unchecked is ever used. There is no lock and nothing to write: any number of threads and
//! processes share one mapping. The layout is told in `header` (file), `table` (pages), `row`
//! and `record` (entries).
//!
//! Limits: reading is total. Whatever the bytes, the answer is a value or a [`DbError`]; a length
//! is believed only if the bytes are there. The file must not change while it is mapped: replace
//! it by renaming a new one over it.

mod alias;
mod build;
mod code;
pub mod delta;
mod header;
mod record;
mod row;
mod search;
mod table;

pub use build::Builder;
pub use ed25519_dalek::{SigningKey, VerifyingKey};
pub use header::{FORMAT, sign};
pub use search::Found;

pub(crate) use code::{seconds_of, time_of};
pub(crate) use record::Text;
pub(crate) use row::{EndAt, Group, Id, Strings};

use crate::advisory::{Advisory, Bucket, Record};
use code::{Malformed, Reader};
use header::{Head, TableId};
use rampart_model::{
    Timestamp,
    scan::{DatabaseInfo, Epss},
};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use table::PageView;

/// A mapped file, or one read into memory.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// What is said of a database when it is built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildMeta {
    /// Grows with every publication: an older one is never taken for an update.
    pub version: u64,
    pub built_at: Timestamp,
    pub feeds: Vec<FeedState>,
}

/// One feed's part, and whether it is as fresh as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedState {
    pub name: String,
    /// Address or folder it came from.
    pub source: String,
    pub rows: u64,
    pub fetched_at: Timestamp,
    /// The source's own date, as it gives it.
    pub modified: String,
    /// SHA-256 of what was fetched, hex.
    pub digest: String,
    /// The last fetch failed, or was refused: these are the last good rows.
    pub stale: bool,
    /// Why, if so.
    pub error: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketInfo {
    /// As [`Bucket`] displays.
    pub name: String,
    pub packages: u64,
    pub rows: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    pub version: u64,
    pub built_at: Timestamp,
    /// Unknown (0): does not expire.
    pub expires_at: Timestamp,
    pub feeds: Vec<FeedState>,
    /// Sorted by name.
    pub buckets: Vec<BucketInfo>,
    pub rows: u64,
    /// Ids that rows speak of.
    pub vulnerabilities: u64,
    /// SHA-256 of the signed header, hex. The header vouches for every byte, so two files with the
    /// same digest say the same, whoever signed them.
    pub digest: String,
}

impl Info {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_known() && now >= self.expires_at
    }

    /// For a report: which database judged.
    pub fn summary(&self) -> DatabaseInfo {
        DatabaseInfo {
            version: self.version,
            built_at: self.built_at,
            digest: self.digest.clone(),
        }
    }
}

/// What a build did besides taking rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildStats {
    pub rows: u64,
    pub vulnerabilities: u64,
    /// Rows of vulnerabilities that were taken back.
    pub withdrawn: u64,
    /// Rows and records that could not be keyed.
    pub refused: u64,
    /// Records of ids that no row speaks of: left out.
    pub records_without_rows: u64,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DbError {
    #[error("not a vulnerability database: it begins with other bytes")]
    NotADatabase,
    #[error(
        "the database has format {found}, this program reads up to {supported}: update the program"
    )]
    NewerFormat { found: u32, supported: u32 },
    #[error("the database is cut short: {found} of {expected} bytes; fetch it again")]
    Truncated { expected: u64, found: u64 },
    #[error("the database is not signed: sign it, or allow unsigned ones explicitly")]
    Unsigned,
    #[error(
        "none of the trusted keys signed this database: fetch it from its publisher, or trust the publisher's key"
    )]
    WrongSignature,
    #[error("the database is damaged ({what}): fetch it again")]
    Corrupt { what: String },
    #[error("the delta does not fit: {0}")]
    Delta(&'static str),
}

impl DbError {
    pub(crate) fn corrupt(what: &str) -> Self {
        Self::Corrupt {
            what: what.to_owned(),
        }
    }
}

pub struct Database {
    bytes: Bytes,
    head: Head,
    /// A bit for each page that was found to be as the directory says.
    verified: Vec<AtomicU64>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("info", &self.head.info)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a database that one of `keys` signed.
    pub fn open(bytes: Bytes, keys: &[VerifyingKey]) -> Result<Self, DbError> {
        let file = (*bytes).as_ref();
        let end = header::header_end(file)?;
        header::verify(file, end, keys)?;
        Self::read(bytes, end)
    }

    /// Opens a database whoever made it: for one's own build, and where the caller has asked for it.
    /// Pages are still checked against the header.
    pub fn open_unsigned(bytes: Bytes) -> Result<Self, DbError> {
        let end = header::header_end((*bytes).as_ref())?;
        Self::read(bytes, end)
    }

    fn read(bytes: Bytes, end: usize) -> Result<Self, DbError> {
        let head = header::read((*bytes).as_ref(), end)?;
        let words = head.pages.len().div_ceil(64);
        Ok(Self {
            bytes,
            head,
            verified: (0..words).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    pub fn info(&self) -> &Info {
        &self.head.info
    }

    pub fn size_bytes(&self) -> usize {
        self.file().len()
    }

    fn file(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Everything before the pages.
    fn head_bytes(&self) -> &[u8] {
        self.file().get(..self.head.end()).unwrap_or_default()
    }

    /// A page's bytes, once they are known to be the right ones.
    fn page(&self, at: usize) -> Result<&[u8], DbError> {
        let page = self
            .head
            .pages
            .get(at)
            .ok_or_else(|| DbError::corrupt("directory"))?;
        let file = self.file();
        let bytes = file
            .get(page.offset..page.offset + page.length)
            .ok_or_else(|| DbError::corrupt("directory"))?;
        let (word, bit) = (self.verified.get(at / 64), 1_u64 << (at % 64));
        if word.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0) {
            return Ok(bytes);
        }
        // Fuzzing is after what lies behind the hashes.
        if !cfg!(fuzzing) && Sha256::digest(bytes).as_slice() != self.head.hash(file, page) {
            return Err(DbError::Corrupt {
                what: format!("page {at}"),
            });
        }
        if let Some(word) = word {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(bytes)
    }

    /// The page of a table in which a key stands if it stands anywhere.
    fn page_for(&self, table: TableId, key: &[u8]) -> Option<usize> {
        let range = self.head.table(table);
        let pages = self.head.pages.get(range.clone())?;
        let file = self.file();
        let after = pages.partition_point(|page| self.head.key(file, page) <= key);
        Some(range.start + after.checked_sub(1)?)
    }

    fn find(&self, table: TableId, key: &[u8]) -> Result<Option<&[u8]>, DbError> {
        let Some(at) = self.page_for(table, key) else {
            return Ok(None);
        };
        PageView::new(self.page(at)?)
            .and_then(|page| page.get(key))
            .map_err(malformed(at))
    }

    /// The rows of a package, still packed.
    pub(crate) fn rows_of<'a>(
        &'a self,
        bucket: &str,
        package: &str,
        strings: &mut Strings,
    ) -> Result<Vec<Group<'a>>, DbError> {
        match self.find(TableId::Rows, &row_key(bucket, package))? {
            Some(entry) => {
                row::read(entry, strings).map_err(|_| DbError::corrupt("rows of a package"))
            }
            None => Ok(Vec::new()),
        }
    }

    pub(crate) fn feed_name(&self, at: usize) -> &str {
        self.head.feed_names.get(at).map_or("", String::as_str)
    }

    /// Whether any row speaks of this bucket.
    pub fn has_bucket(&self, name: &str) -> bool {
        self.head
            .info
            .buckets
            .binary_search_by(|bucket| bucket.name.as_str().cmp(name))
            .is_ok()
    }

    /// All rows of a package in one bucket, in a fixed order.
    pub fn advisories(&self, bucket: &Bucket, package: &str) -> Result<Vec<Advisory>, DbError> {
        let mut strings = Strings::default();
        let mut all = Vec::new();
        for group in self.rows_of(&bucket.to_string(), package, &mut strings)? {
            self.expand(bucket, package, &group, &strings, &mut all)?;
        }
        Ok(all)
    }

    fn expand(
        &self,
        bucket: &Bucket,
        package: &str,
        group: &Group<'_>,
        strings: &Strings,
        into: &mut Vec<Advisory>,
    ) -> Result<(), DbError> {
        let each = |id: Id<'_>| {
            into.push(Advisory {
                bucket: bucket.clone(),
                package: package.to_owned(),
                id: id.to_string(),
                aliases: strings.list(group.errata),
                status: group.status,
                intervals: (0..group.intervals.len())
                    .map(|at| group.interval(at, strings))
                    .collect(),
                versions: strings.list(group.versions),
                fixed_versions: strings.list(group.fixed_versions),
                severity: group.severity,
                arches: strings.list(group.arches),
                module: group
                    .module
                    .map(|at| strings.get(at).to_owned())
                    .unwrap_or_default(),
                feed: self.feed_name(group.feed).to_owned(),
            });
        };
        group
            .each_id(strings, each)
            .map_err(|_| DbError::corrupt("rows of a package"))
    }

    /// What is known of a vulnerability, by any of its ids.
    pub fn record(&self, id: &str) -> Result<Option<Record>, DbError> {
        let name = match self.find(TableId::Heads, id.as_bytes())? {
            Some(_) => id.to_owned(),
            None => match self.resolve(id)?.into_iter().next() {
                Some(name) => name,
                None => return Ok(None),
            },
        };
        let Some(mut record) = self.head_of(&name)? else {
            return Ok(None);
        };
        record.epss = self.epss_of(&name)?;
        if let Some(text) = self.text_of(&name, &mut TextPage::default())? {
            (record.title, record.description, record.references) =
                (text.title, text.description, text.references);
        }
        Ok(Some(record))
    }

    /// The names under which an alias or an advisory stands in the database.
    pub fn resolve(&self, alias: &str) -> Result<Vec<String>, DbError> {
        match self.find(TableId::Aliases, alias.as_bytes())? {
            Some(value) => Reader::new(value)
                .strings()
                .map_err(|_| DbError::corrupt("aliases")),
            None => Ok(Vec::new()),
        }
    }

    pub(crate) fn head_of(&self, name: &str) -> Result<Option<Record>, DbError> {
        let Some(head) = self.find(TableId::Heads, name.as_bytes())? else {
            return Ok(None);
        };
        record::read_head(name.to_owned(), head)
            .map(Some)
            .map_err(|_| DbError::corrupt("record"))
    }

    pub(crate) fn epss_of(&self, name: &str) -> Result<Option<Epss>, DbError> {
        let value = self.find(TableId::Epss, name.as_bytes())?;
        value
            .map(record::read_epss)
            .transpose()
            .map_err(|_| DbError::corrupt("prediction"))
    }

    /// `last` keeps the page that was unpacked last: names asked for in order unpack each once.
    pub(crate) fn text_of(&self, name: &str, last: &mut TextPage) -> Result<Option<Text>, DbError> {
        let Some(at) = self.page_for(TableId::Texts, name.as_bytes()) else {
            return Ok(None);
        };
        if last.page != Some(at) {
            last.page = None;
            last.unpacker
                .unpack(self.page(at)?)
                .map_err(malformed(at))?;
            last.page = Some(at);
        }
        let value = PageView::new(last.unpacker.raw()).and_then(|page| page.get(name.as_bytes()));
        let text = value.and_then(|value| value.map(record::read_text).transpose());
        text.map_err(malformed(at))
    }

    /// Checks every page; not needed for using the database, only for knowing that all of it is right.
    pub fn verify_all(&self) -> Result<(), DbError> {
        (0..self.head.pages.len()).try_for_each(|at| self.page(at).map(|_| ()))
    }
}

/// The text page that is unpacked at the moment.
#[derive(Default)]
pub(crate) struct TextPage {
    page: Option<usize>,
    unpacker: table::Unpacker,
}

fn malformed(at: usize) -> impl Fn(Malformed) -> DbError {
    move |_| DbError::Corrupt {
        what: format!("page {at}"),
    }
}

fn row_key(bucket: &str, package: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(bucket.len() + 1 + package.len());
    key.extend_from_slice(bucket.as_bytes());
    key.push(0);
    key.extend_from_slice(package.as_bytes());
    key
}
