//! Headers and databases of rpm, made from the facts of their formats.
// What is made here is small.
#![allow(clippy::cast_possible_truncation)]

const INT16: u32 = 3;
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;

/// A header: entries and their data.
#[derive(Clone, Default)]
pub(crate) struct HeaderBuilder {
    index: Vec<u8>,
    data: Vec<u8>,
    count: u32,
}

impl HeaderBuilder {
    pub(crate) fn of(name: &str, version: &str, release: &str) -> Self {
        Self::default()
            .string(1000, name)
            .string(1001, version)
            .string(1002, release)
            .string(1022, "x86_64")
    }

    pub(crate) fn entry(mut self, tag: u32, kind: u32, count: u32, data: &[u8]) -> Self {
        let align = match kind {
            INT16 => 2,
            INT32 => 4,
            _ => 1,
        };
        while !self.data.len().is_multiple_of(align) {
            self.data.push(0);
        }
        for word in [tag, kind, self.data.len() as u32, count] {
            self.index.extend(word.to_be_bytes());
        }
        self.data.extend(data);
        self.count += 1;
        self
    }

    pub(crate) fn string(self, tag: u32, text: &str) -> Self {
        self.entry(tag, STRING, 1, format!("{text}\0").as_bytes())
    }

    pub(crate) fn strings(self, tag: u32, all: &[&str]) -> Self {
        let data: String = all.iter().map(|text| format!("{text}\0")).collect();
        self.entry(tag, STRING_ARRAY, all.len() as u32, data.as_bytes())
    }

    pub(crate) fn words(self, tag: u32, all: &[u32]) -> Self {
        let data: Vec<u8> = all.iter().flat_map(|word| word.to_be_bytes()).collect();
        self.entry(tag, INT32, all.len() as u32, &data)
    }

    pub(crate) fn build(self) -> Vec<u8> {
        let mut blob = self.count.to_be_bytes().to_vec();
        blob.extend((self.data.len() as u32).to_be_bytes());
        blob.extend(self.index);
        blob.extend(self.data);
        blob
    }
}

/// Headers of growing size, so that short ones lie in a page and long ones in chains.
pub(crate) fn headers(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| {
            HeaderBuilder::of(&format!("package{number}"), "1.0", &format!("{number}.el9"))
                .string(1004, &"x".repeat(number * 211))
                .build()
        })
        .collect()
}

pub(crate) fn ndb(blobs: &[Vec<u8>]) -> Vec<u8> {
    const PAGE: usize = 4096;
    let pages = (blobs.len() + 2).div_ceil(PAGE / 16);
    let mut file = vec![0; pages * PAGE];
    file[..4].copy_from_slice(b"RpmP");
    file[12..16].copy_from_slice(&(pages as u32).to_le_bytes());
    for slot in file[32..].chunks_exact_mut(16) {
        slot[..4].copy_from_slice(b"Slot");
    }
    for (number, blob) in (1_u32..).zip(blobs) {
        let offset = file.len() / 16;
        let blocks = (16 + blob.len() + 12).div_ceil(16);
        let end = file.len() + blocks * 16;
        file.extend(b"BlbS");
        for word in [number, 1, blob.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(blob);
        file.resize(end - 12, 0);
        file.extend(0_u32.to_le_bytes());
        file.extend((blob.len() as u32).to_le_bytes());
        file.extend(b"BlbE");
        let slot = 16 * (number as usize + 1);
        for (word, at) in [(number, 4), (offset as u32, 8), (blocks as u32, 12)] {
            file[slot + at..slot + at + 4].copy_from_slice(&word.to_le_bytes());
        }
    }
    file
}

/// A hash file with one pair a page; long values in overflow pages.
pub(crate) fn bdb(blobs: &[Vec<u8>], big_endian: bool) -> Vec<u8> {
    const PAGE: usize = 4096;
    const ROOM: usize = PAGE - 26;
    let word = |value: u32| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let half = |value: usize| {
        let value = value as u16;
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut pages: Vec<Vec<u8>> = vec![vec![0; PAGE]];
    for (key, blob) in (1_u32..).zip(blobs) {
        let number = pages.len() as u32;
        let chunks: Vec<&[u8]> = blob.chunks(ROOM).collect();
        let inline = blob.len() < 1000;
        let mut value = vec![if inline { 1 } else { 3 }];
        if inline {
            value.extend(blob);
        } else {
            value.extend([0; 3]);
            value.extend(word(number + 1));
            value.extend(word(blob.len() as u32));
        }
        let mut page = vec![0; PAGE];
        let key_at = PAGE - 5;
        page[key_at] = 1;
        page[key_at + 1..].copy_from_slice(&key.to_le_bytes());
        let value_at = key_at - value.len();
        page[value_at..key_at].copy_from_slice(&value);
        page[20..22].copy_from_slice(&half(2));
        page[25] = 13;
        page[26..28].copy_from_slice(&half(key_at));
        page[28..30].copy_from_slice(&half(value_at));
        pages.push(page);
        if inline {
            continue;
        }
        for (index, chunk) in chunks.iter().enumerate() {
            let mut page = vec![0; PAGE];
            if index + 1 < chunks.len() {
                let next = number + 2 + index as u32;
                page[16..20].copy_from_slice(&word(next));
            }
            page[22..24].copy_from_slice(&half(chunk.len()));
            page[25] = 7;
            page[26..26 + chunk.len()].copy_from_slice(chunk);
            pages.push(page);
        }
    }
    let last = pages.len() as u32 - 1;
    for (at, value) in [(12, 0x0006_1561), (20, PAGE as u32), (32, last)] {
        pages[0][at..at + 4].copy_from_slice(&word(value));
    }
    pages[0][25] = 8;
    pages.concat()
}

/// A SQLite file with the table of packages alone: the schema in page one, an interior page in
/// page two, a leaf for each row, long rows in overflow pages.
pub(crate) fn sqlite(blobs: &[Vec<u8>]) -> Vec<u8> {
    const PAGE: usize = 4096;
    let mut pages: Vec<Vec<u8>> = vec![vec![0; PAGE], vec![0; PAGE]];
    let mut leaves = Vec::new();
    for (row, blob) in (1_u64..).zip(blobs) {
        let mut types = vec![0];
        types.extend(varint(blob.len() as u64 * 2 + 12));
        let mut record = vec![types.len() as u8 + 1];
        record.extend(types);
        record.extend(blob);
        let local = local(record.len(), PAGE);
        let mut cell = varint(record.len() as u64);
        cell.extend(varint(row));
        cell.extend(&record[..local]);
        let leaf = pages.len() as u32 + 1;
        leaves.push(leaf);
        let chunks: Vec<&[u8]> = record[local..].chunks(PAGE - 4).collect();
        if !chunks.is_empty() {
            cell.extend((leaf + 1).to_be_bytes());
        }
        pages.push(page(PAGE, 0, &[13], &[cell]));
        for (index, chunk) in chunks.iter().enumerate() {
            let last = index + 1 == chunks.len();
            let next = if last { 0 } else { leaf + 2 + index as u32 };
            let mut page = next.to_be_bytes().to_vec();
            page.extend(*chunk);
            page.resize(PAGE, 0);
            pages.push(page);
        }
    }
    let (rightmost, others) = leaves.split_last().expect("a row");
    let cells: Vec<Vec<u8>> = others
        .iter()
        .zip(1_u64..)
        .map(|(leaf, key)| [leaf.to_be_bytes().to_vec(), varint(key)].concat())
        .collect();
    let head = [&[5, 0, 0, 0, 0, 0, 0, 0], &rightmost.to_be_bytes()[..]].concat();
    pages[1] = page(PAGE, 0, &head, &cells);
    let sql = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)";
    let text = |text: &str| text.len() as u8 * 2 + 13;
    let mut record = vec![7, text("table"), text("Packages"), text("Packages"), 1];
    record.extend(varint(sql.len() as u64 * 2 + 13));
    record[0] = record.len() as u8;
    record.extend(b"tablePackagesPackages\x02");
    record.extend(sql.as_bytes());
    let cell = [varint(record.len() as u64), varint(1), record].concat();
    pages[0] = page(PAGE, 100, &[13], &[cell]);
    pages[0][..16].copy_from_slice(b"SQLite format 3\0");
    pages[0][16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    pages.concat()
}

fn page(size: usize, start: usize, head: &[u8], cells: &[Vec<u8>]) -> Vec<u8> {
    let mut page = vec![0; size];
    page[start..start + head.len()].copy_from_slice(head);
    page[start + 3..start + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
    let mut list = start + if head[0] == 5 { 12 } else { 8 };
    let mut end = size;
    for cell in cells {
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(cell);
        page[list..list + 2].copy_from_slice(&(end as u16).to_be_bytes());
        list += 2;
    }
    page
}

fn local(payload: usize, usable: usize) -> usize {
    let most = usable - 35;
    if payload <= most {
        return payload;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let local = least + (payload - least) % (usable - 4);
    if local <= most { local } else { least }
}

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = vec![(value & 0x7f) as u8];
    let mut rest = value >> 7;
    while rest > 0 {
        bytes.insert(0, (rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes
}
