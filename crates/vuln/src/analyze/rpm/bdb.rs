//! `Packages`: a Berkeley DB hash table, as Red Hat's releases up to 8 and SUSE's up to 12 use it.
//!
//! Every hash page holds pairs of key and value; a value too long for its page stands in a chain of
//! overflow pages. All hash pages are walked in the file's order, so that a damaged bucket list
//! hides nothing. Either byte order. Encrypted and checksummed files, which rpm never writes, are
//! not read.

use super::{DatabaseError, Found, Pages, array};

const MAGIC: u32 = 0x0006_1561;
const HEADER: usize = 26;
const PAGE_UNSORTED_HASH: u8 = 2;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH: u8 = 13;
const ITEM_INLINE: u8 = 1;
const ITEM_OFF_PAGE: u8 = 3;
/// A header has two counts and at least one entry; the largest package number has four bytes.
const LEAST_HEADER: usize = 8 + 16;

pub(super) fn is(bytes: &[u8]) -> bool {
    byte_order(bytes).is_some()
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Little,
    Big,
}

fn byte_order(bytes: &[u8]) -> Option<Order> {
    let raw: [u8; 4] = array(bytes, 12)?;
    if u32::from_le_bytes(raw) == MAGIC {
        Some(Order::Little)
    } else if u32::from_be_bytes(raw) == MAGIC {
        Some(Order::Big)
    } else {
        None
    }
}

pub(super) fn read(bytes: &[u8], found: &mut Found) -> Result<(), DatabaseError> {
    let file = File::open(bytes)?;
    let mut pages = Pages::new(file.pages);
    for number in 1..file.pages {
        let Ok(page) = file.page(number) else {
            found.broken(&DatabaseError::NoSuchPage(number));
            break;
        };
        if matches!(page[25], PAGE_HASH | PAGE_UNSORTED_HASH) {
            file.hash_page(number, page, &mut pages, found)?;
        }
    }
    if file.last_page >= file.pages {
        return Err(DatabaseError::NoSuchPage(file.last_page));
    }
    Ok(())
}

struct File<'a> {
    bytes: &'a [u8],
    order: Order,
    page_bytes: usize,
    /// Whole pages in the file.
    pages: u64,
    /// The last page there should be.
    last_page: u64,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, DatabaseError> {
        let order = byte_order(bytes).ok_or(DatabaseError::UnknownFormat)?;
        let truncated = || DatabaseError::Truncated("the file's header");
        if bytes.len() < 72 {
            return Err(truncated());
        }
        let raw = word(bytes, 20, order).ok_or_else(truncated)?;
        let page_bytes = usize::try_from(raw).unwrap_or(0);
        if !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) {
            return Err(DatabaseError::OutOfRange {
                what: "the page size",
                value: u64::from(raw),
            });
        }
        if bytes[24] != 0 {
            return Err(DatabaseError::Unsupported("encryption"));
        }
        if bytes[26] & 1 != 0 {
            return Err(DatabaseError::Unsupported("a checksum in every page"));
        }
        Ok(Self {
            bytes,
            order,
            page_bytes,
            pages: (bytes.len() / page_bytes) as u64,
            last_page: u64::from(word(bytes, 32, order).ok_or_else(truncated)?),
        })
    }

    fn page(&self, number: u64) -> Result<&'a [u8], DatabaseError> {
        let missing = DatabaseError::NoSuchPage(number);
        let start = usize::try_from(number).ok();
        let start = start.and_then(|number| number.checked_mul(self.page_bytes));
        let start = start.ok_or_else(|| missing.clone())?;
        let end = start.checked_add(self.page_bytes);
        end.and_then(|end| self.bytes.get(start..end))
            .ok_or(missing)
    }

    fn half(&self, page: &[u8], at: usize) -> Option<usize> {
        let raw = array(page, at)?;
        Some(usize::from(match self.order {
            Order::Little => u16::from_le_bytes(raw),
            Order::Big => u16::from_be_bytes(raw),
        }))
    }

    /// Keys and values alternate; items grow from the page's end, so that each ends where the one
    /// before it starts.
    fn hash_page(
        &self,
        number: u64,
        page: &'a [u8],
        pages: &mut Pages,
        found: &mut Found,
    ) -> Result<(), DatabaseError> {
        let entries = self.half(page, 20).unwrap_or(0);
        let mut end = page.len();
        for index in 0..entries {
            let start = self.half(page, HEADER + index * 2);
            let Some(item) = start.and_then(|start| page.get(start..end)) else {
                found.broken(&DatabaseError::WrongPage(number));
                return Ok(());
            };
            end -= item.len();
            if index % 2 == 0 {
                continue;
            }
            match item.first().copied() {
                Some(ITEM_INLINE) if item.len() > LEAST_HEADER => found.header(&item[1..])?,
                Some(ITEM_OFF_PAGE) => match self.off_page(item, pages) {
                    Ok(blob) => found.header(&blob)?,
                    Err(error) => found.broken(&error),
                },
                // The record of the largest number, under key zero.
                Some(ITEM_INLINE) => {}
                _ => found.broken(&DatabaseError::WrongPage(number)),
            }
        }
        Ok(())
    }

    /// A value in overflow pages: the first page's number, and the whole length.
    fn off_page(&self, item: &[u8], pages: &mut Pages) -> Result<Vec<u8>, DatabaseError> {
        let truncated = || DatabaseError::Truncated("a value");
        let mut next = u64::from(word(item, 4, self.order).ok_or_else(truncated)?);
        let raw = word(item, 8, self.order).ok_or_else(truncated)?;
        let length = usize::try_from(raw).unwrap_or(usize::MAX);
        if length > self.bytes.len() {
            return Err(DatabaseError::OutOfRange {
                what: "a value's length",
                value: u64::from(raw),
            });
        }
        // Grows with the pages that are there, whatever the length says.
        let mut value = Vec::with_capacity(length.min(1 << 16));
        while value.len() < length {
            if next == 0 {
                return Err(truncated());
            }
            pages.take(next)?;
            let page = self.page(next)?;
            if page[25] != PAGE_OVERFLOW {
                return Err(DatabaseError::WrongPage(next));
            }
            let here = self.half(page, 22).unwrap_or(0);
            let content = page.get(HEADER..HEADER + here).ok_or_else(truncated)?;
            let take = content.len().min(length - value.len());
            value.extend_from_slice(&content[..take]);
            next = u64::from(word(page, 16, self.order).ok_or_else(truncated)?);
        }
        Ok(value)
    }
}

fn word(bytes: &[u8], at: usize, order: Order) -> Option<u32> {
    let raw = array(bytes, at)?;
    Some(match order {
        Order::Little => u32::from_le_bytes(raw),
        Order::Big => u32::from_be_bytes(raw),
    })
}
