//! `rpmdb.sqlite`: the table `Packages(hnum INTEGER PRIMARY KEY, blob BLOB)`.
//!
//! Walks the table's B-tree from the schema down, with overflow pages. Free pages are never looked
//! at. Format: sqlite.org, "Database File Format". Every page is used once at most; a page or a
//! chain that cannot be followed is told, and the rest is read.

use super::{DatabaseError, Found, Pages, array};

const MAGIC: &[u8] = b"SQLite format 3\0";
const FILE_HEADER: usize = 100;
const TABLE_LEAF: u8 = 13;
const TABLE_INTERIOR: u8 = 5;
/// Longest schema row that is put together.
const SCHEMA_LIMIT: usize = 1 << 20;

pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(super) fn read(bytes: &[u8], found: &mut Found) -> Result<(), DatabaseError> {
    let file = File::open(bytes)?;
    let mut root = None;
    let mut errors = Errors::default();
    file.walk(1, SCHEMA_LIMIT, &mut errors, &mut |row| {
        if root.is_none() {
            root = packages_root(row);
        }
        Ok(())
    })?;
    let Some(root) = root else {
        return Err(errors.first.unwrap_or(DatabaseError::NoTable));
    };
    let mut errors = Errors::default();
    let walked = file.walk(
        root,
        bytes.len(),
        &mut errors,
        &mut |row| match column(row, 1) {
            Some(Value::Bytes(blob)) => found.header(blob),
            _ => {
                found.broken(&DatabaseError::Truncated("a row of the table of packages"));
                Ok(())
            }
        },
    );
    if let Some(first) = &errors.first {
        found.broken(first);
        found.database.broken += errors.count - 1;
    }
    walked
}

/// Counted, not kept: there may be as many as bytes.
#[derive(Default)]
struct Errors {
    count: usize,
    first: Option<DatabaseError>,
}

impl Errors {
    fn note(&mut self, error: DatabaseError) {
        self.count += 1;
        self.first.get_or_insert(error);
    }
}

/// The first page of the table of packages, if this row of the schema tells it.
fn packages_root(row: &[u8]) -> Option<u64> {
    let is = |index, want: &[u8]| matches!(column(row, index), Some(Value::Bytes(text)) if text.eq_ignore_ascii_case(want));
    if !is(0, b"table") || !is(1, b"Packages") {
        return None;
    }
    match column(row, 3) {
        Some(Value::Int(page)) => u64::try_from(page).ok(),
        _ => None,
    }
}

struct File<'a> {
    bytes: &'a [u8],
    page_bytes: usize,
    /// Without the bytes reserved at the end of each page.
    usable: usize,
    pages: u64,
}

type OnRow<'r> = &'r mut dyn FnMut(&[u8]) -> Result<(), DatabaseError>;

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, DatabaseError> {
        if bytes.len() < FILE_HEADER {
            return Err(DatabaseError::Truncated("the file's header"));
        }
        let raw = u16::from_be_bytes([bytes[16], bytes[17]]);
        let page_bytes = if raw == 1 { 65_536 } else { usize::from(raw) };
        let usable = page_bytes.saturating_sub(usize::from(bytes[20]));
        if !page_bytes.is_power_of_two() || page_bytes < 512 || usable < 480 {
            return Err(DatabaseError::OutOfRange {
                what: "the page size",
                value: u64::from(raw),
            });
        }
        Ok(Self {
            bytes,
            page_bytes,
            usable,
            pages: bytes.len().div_ceil(page_bytes) as u64,
        })
    }

    /// Pages are numbered from one. The last one may be cut short.
    fn page(&self, number: u64) -> Result<&'a [u8], DatabaseError> {
        let missing = DatabaseError::NoSuchPage(number);
        let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        let start = index.and_then(|index| index.checked_mul(self.page_bytes));
        let start = start.ok_or_else(|| missing.clone())?;
        let end = start.saturating_add(self.usable).min(self.bytes.len());
        self.bytes.get(start..end).ok_or(missing)
    }

    /// Gives every row's record of the table, in order. Broken parts go to `errors`.
    fn walk(
        &self,
        root: u64,
        row_limit: usize,
        errors: &mut Errors,
        on_row: OnRow<'_>,
    ) -> Result<(), DatabaseError> {
        let mut pages = Pages::new(self.pages + 1);
        pages.take(root)?;
        let mut todo = vec![root];
        while let Some(number) = todo.pop() {
            let page = self.page(number);
            let node = page.and_then(|page| Node::of(page, number));
            let node = match node {
                Ok(node) => node,
                Err(error) => {
                    errors.note(error);
                    continue;
                }
            };
            if node.kind == TABLE_INTERIOR {
                let children = todo.len();
                for child in node.children() {
                    match pages.take(child) {
                        Ok(()) => todo.push(child),
                        Err(error) => errors.note(error),
                    }
                }
                // The leftmost is taken first.
                todo[children..].reverse();
                continue;
            }
            for cell in node.cells() {
                match self.record(node.page, cell, row_limit, &mut pages) {
                    Ok(Record::Here(row)) => on_row(row)?,
                    Ok(Record::Joined(row)) => on_row(&row)?,
                    Err(error) => errors.note(error),
                }
            }
        }
        Ok(())
    }

    /// A leaf's cell: payload size, row id, payload, and the first overflow page if it spills.
    fn record(
        &self,
        page: &'a [u8],
        cell: usize,
        row_limit: usize,
        pages: &mut Pages,
    ) -> Result<Record<'a>, DatabaseError> {
        let truncated = || DatabaseError::Truncated("a row");
        let rest = page.get(cell..).ok_or_else(truncated)?;
        let (size, first) = varint(rest).ok_or_else(truncated)?;
        let (_, second) = varint(&rest[first..]).ok_or_else(truncated)?;
        let rest = &rest[first + second..];
        let payload = usize::try_from(size)
            .ok()
            .filter(|payload| *payload <= row_limit)
            .ok_or(DatabaseError::OutOfRange {
                what: "a row's size",
                value: size,
            })?;
        let local = self.local(payload);
        let here = rest.get(..local).ok_or_else(truncated)?;
        if local == payload {
            return Ok(Record::Here(here));
        }
        let mut next = array(rest, local).map_or(0, u32::from_be_bytes);
        // Grows with the pages that are there, whatever the size says.
        let mut row = Vec::with_capacity(payload.min(1 << 16));
        row.extend_from_slice(here);
        while row.len() < payload {
            pages.take(u64::from(next))?;
            let page = self.page(u64::from(next))?;
            let link = array(page, 0).ok_or_else(truncated)?;
            let content = &page[4..];
            let take = content.len().min(payload - row.len());
            row.extend_from_slice(&content[..take]);
            next = u32::from_be_bytes(link);
        }
        Ok(Record::Joined(row))
    }

    /// How much of a payload lies in the leaf itself.
    fn local(&self, payload: usize) -> usize {
        let most = self.usable - 35;
        if payload <= most {
            return payload;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = least + (payload - least) % (self.usable - 4);
        if local <= most { local } else { least }
    }
}

enum Record<'a> {
    Here(&'a [u8]),
    Joined(Vec<u8>),
}

/// A page of a table's B-tree.
struct Node<'a> {
    page: &'a [u8],
    kind: u8,
    /// Where the list of cells starts, and how many there are.
    list: usize,
    count: usize,
    rightmost: u32,
}

impl<'a> Node<'a> {
    fn of(page: &'a [u8], number: u64) -> Result<Self, DatabaseError> {
        let start = if number == 1 { FILE_HEADER } else { 0 };
        let truncated = || DatabaseError::Truncated("a page");
        let head: [u8; 8] = array(page, start).ok_or_else(truncated)?;
        let kind = head[0];
        let list = match kind {
            TABLE_LEAF => start + 8,
            TABLE_INTERIOR => start + 12,
            _ => return Err(DatabaseError::WrongPage(number)),
        };
        Ok(Self {
            page,
            kind,
            list,
            count: usize::from(u16::from_be_bytes([head[3], head[4]])),
            rightmost: array(page, start + 8).map_or(0, u32::from_be_bytes),
        })
    }

    fn cells(&self) -> impl Iterator<Item = usize> + use<'a> {
        let list = self.page.get(self.list..).unwrap_or_default();
        list.chunks_exact(2)
            .take(self.count)
            .map(|cell| usize::from(u16::from_be_bytes([cell[0], cell[1]])))
    }

    fn children(&self) -> impl Iterator<Item = u64> + use<'a> {
        let page = self.page;
        self.cells()
            .filter_map(move |cell| array(page, cell).map(u32::from_be_bytes))
            .chain([self.rightmost])
            .map(u64::from)
    }
}

enum Value<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Other,
}

/// A column of a record.
fn column(record: &[u8], index: usize) -> Option<Value<'_>> {
    let (header, mut at) = varint(record)?;
    let mut data = usize::try_from(header).ok()?;
    let header = record.get(..data)?;
    for number in 0..=index {
        let (kind, length) = varint(header.get(at..)?)?;
        at += length;
        let size = match kind {
            0 | 8..=11 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let value = record.get(data..data.checked_add(size)?)?;
        data += size;
        if number == index {
            return Some(match kind {
                1..=6 => Value::Int(integer(value)),
                8 | 9 => Value::Int(i64::from(kind == 9)),
                12.. => Value::Bytes(value),
                _ => Value::Other,
            });
        }
    }
    None
}

/// Big-endian, signed, of up to eight bytes.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    bytes
        .iter()
        .fold(if negative { -1 } else { 0 }, |value: i64, byte| {
            (value << 8) | i64::from(*byte)
        })
}

/// A number of one to nine bytes, and how many they are.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    let last = bytes.get(8)?;
    Some(((value << 8) | u64::from(*last), 9))
}
