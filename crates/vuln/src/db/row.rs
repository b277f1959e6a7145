//! What stands under one package of one bucket: groups of ids that share everything else.
//!
//! Advisories of distributions say the same of many CVEs at once, so a package's rows are grouped
//! by what they say; versions are written once a package, sorted, without their common beginnings.
//! CVE ids are numbers, ascending, as differences. Nothing points outside the entry, except feed
//! names, which the header lists.
//!
//! Limits: reading is total; a package's strings come to at most [`MAX_STRINGS`] bytes.

use super::code::{Malformed, Reader, put_bytes, put_len, put_u64};
use crate::advisory::{End, Interval};
use rampart_model::scan::{FixStatus, Severity};
use std::collections::BTreeMap;

pub(crate) const MAX_STRINGS: usize = 32 << 20;

/// All that a row says besides its package and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Body {
    pub(crate) feed: String,
    pub(crate) status: FixStatus,
    pub(crate) severity: Option<Severity>,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) versions: Vec<String>,
    pub(crate) fixed_versions: Vec<String>,
    pub(crate) arches: Vec<String>,
    pub(crate) module: String,
    /// The advisories that say so, where they speak of more than this id.
    pub(crate) errata: Vec<String>,
}

const HAS_VERSIONS: u8 = 1;
const HAS_FIXED: u8 = 2;
const HAS_ARCHES: u8 = 4;
const HAS_MODULE: u8 = 8;
const HAS_ERRATA: u8 = 16;

/// One interval from the first version to a fix: nearly all rows of distributions.
const SIMPLE: u8 = 0x40;
const EXTRAS: u8 = 0x80;

/// `CVE-2024-12345` as a number that orders like it; only if it is written back the same.
pub(crate) fn cve_number(id: &str) -> Option<u64> {
    let (year, number) = id.strip_prefix("CVE-")?.split_once('-')?;
    let well_formed = year.len() == 4
        && (number.len() == 4 || (5..=7).contains(&number.len()) && !number.starts_with('0'))
        && year
            .bytes()
            .chain(number.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !well_formed {
        return None;
    }
    let year = year.parse::<u64>().ok()?.checked_sub(1990)?;
    Some((year << 24) | number.parse::<u64>().ok()?)
}

pub(crate) fn cve_id(number: u64) -> String {
    format!("CVE-{:04}-{:04}", (number >> 24) + 1990, number & 0xff_ffff)
}

/// Strings of one entry, each with its place in the sorted list.
struct Pool<'a> {
    index: BTreeMap<&'a str, u64>,
}

impl<'a> Pool<'a> {
    fn new(strings: impl Iterator<Item = &'a str>) -> Self {
        let mut index: BTreeMap<&str, u64> = strings.map(|text| (text, 0)).collect();
        for (place, value) in index.values_mut().enumerate() {
            *value = place as u64;
        }
        Self { index }
    }

    fn of(&self, text: &str) -> u64 {
        self.index.get(text).copied().unwrap_or_default()
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_len(out, self.index.len());
        let mut before: &[u8] = b"";
        for text in self.index.keys() {
            let shared = super::table::common_prefix(before, text.as_bytes());
            put_len(out, shared);
            put_bytes(out, text.as_bytes().get(shared..).unwrap_or_default());
            before = text.as_bytes();
        }
    }
}

/// A package's groups, as written. The groups and the ids in them must be sorted.
pub(crate) fn write(groups: &[(&Body, Vec<&str>)], feed: impl Fn(&str) -> u64) -> Vec<u8> {
    let mut out = Vec::new();
    let pool = Pool::new(groups.iter().flat_map(|(body, ids)| {
        let others = ids.iter().copied().filter(|id| cve_number(id).is_none());
        strings_of(body).chain(others)
    }));
    pool.write(&mut out);
    put_len(&mut out, groups.len());
    for (body, ids) in groups {
        write_body(&mut out, body, &pool, feed(&body.feed));
        write_ids(&mut out, ids, &pool);
    }
    out
}

fn strings_of(body: &Body) -> impl Iterator<Item = &str> {
    let ends = body.intervals.iter().flat_map(|interval| {
        let end = match &interval.end {
            End::Open => None,
            End::Fixed(version) | End::LastAffected(version) => Some(version.as_str()),
        };
        end.into_iter()
            .chain(Some(interval.introduced.as_str()).filter(|text| !text.is_empty()))
    });
    let lists = [
        &body.versions,
        &body.fixed_versions,
        &body.arches,
        &body.errata,
    ];
    let lists = lists.into_iter().flatten().map(String::as_str);
    ends.chain(lists)
        .chain(Some(body.module.as_str()).filter(|text| !text.is_empty()))
}

fn write_body(out: &mut Vec<u8>, body: &Body, pool: &Pool<'_>, feed: u64) {
    let simple = match body.intervals.as_slice() {
        [
            Interval {
                introduced,
                end: End::Fixed(fixed),
            },
        ] if introduced.is_empty() => Some(fixed),
        _ => None,
    };
    let mut mask = 0;
    let lists = [
        (&body.versions, HAS_VERSIONS),
        (&body.fixed_versions, HAS_FIXED),
        (&body.arches, HAS_ARCHES),
        (&body.errata, HAS_ERRATA),
    ];
    for (list, bit) in lists {
        mask |= if list.is_empty() { 0 } else { bit };
    }
    mask |= if body.module.is_empty() {
        0
    } else {
        HAS_MODULE
    };
    let status = FixStatus::ALL
        .iter()
        .position(|&status| status == body.status)
        .unwrap_or(1);
    let severity = body
        .severity
        .and_then(|severity| Severity::ALL.iter().position(|&s| s == severity));
    let mut first = u8::try_from(status).unwrap_or(1);
    first |= u8::try_from(severity.map_or(0, |at| at + 1)).unwrap_or(0) << 3;
    first |= if simple.is_some() { SIMPLE } else { 0 };
    first |= if mask == 0 { 0 } else { EXTRAS };
    out.push(first);
    put_u64(out, feed);
    match simple {
        Some(fixed) => put_u64(out, pool.of(fixed)),
        None => write_intervals(out, &body.intervals, pool),
    }
    if mask != 0 {
        out.push(mask);
    }
    for (list, _) in lists.iter().filter(|(list, _)| !list.is_empty()) {
        put_len(out, list.len());
        list.iter().for_each(|text| put_u64(out, pool.of(text)));
    }
    if !body.module.is_empty() {
        put_u64(out, pool.of(&body.module));
    }
}

fn write_intervals(out: &mut Vec<u8>, intervals: &[Interval], pool: &Pool<'_>) {
    put_len(out, intervals.len());
    for interval in intervals {
        let introduced = &interval.introduced;
        put_u64(
            out,
            if introduced.is_empty() {
                0
            } else {
                pool.of(introduced) + 1
            },
        );
        match &interval.end {
            End::Open => put_u64(out, 0),
            End::Fixed(version) => put_u64(out, pool.of(version) * 2 + 1),
            End::LastAffected(version) => put_u64(out, pool.of(version) * 2 + 2),
        }
    }
}

/// With their length first: a group whose versions do not fit is stepped over.
fn write_ids(into: &mut Vec<u8>, ids: &[&str], pool: &Pool<'_>) {
    let mut out = Vec::new();
    let mut numbers: Vec<u64> = ids.iter().filter_map(|id| cve_number(id)).collect();
    numbers.sort_unstable();
    put_len(&mut out, numbers.len());
    let mut before = 0;
    for number in numbers {
        put_u64(&mut out, number - before);
        before = number;
    }
    let others = ids.iter().filter(|id| cve_number(id).is_none());
    put_len(&mut out, others.clone().count());
    others.for_each(|id| put_u64(&mut out, pool.of(id)));
    put_bytes(into, &out);
}

/// Strings of the entry that is being read; kept between entries to spare allocations.
#[derive(Default)]
pub(crate) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let mut text = std::mem::take(&mut self.text).into_bytes();
        text.clear();
        self.ends.clear();
        let mut start = 0;
        for _ in 0..reader.count(2)? {
            let shared = reader.index()?;
            let rest = reader.bytes()?;
            let end = text.len();
            let total = end
                .checked_add(shared)
                .and_then(|sum| sum.checked_add(rest.len()));
            if shared > end - start || total.is_none_or(|total| total > MAX_STRINGS) {
                return Err(Malformed);
            }
            text.extend_from_within(start..start + shared);
            text.extend_from_slice(rest);
            start = end;
            self.ends.push(text.len());
        }
        self.text = String::from_utf8(text).map_err(|_| Malformed)?;
        Ok(())
    }

    /// Empty for an index that does not exist, which reading a group has refused, and for a string
    /// that begins or ends inside a character.
    pub(crate) fn get(&self, index: u32) -> &str {
        let index = index as usize;
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(0),
        };
        let range = start.zip(self.ends.get(index).copied());
        range
            .and_then(|(start, end)| self.text.get(start..end))
            .unwrap_or_default()
    }

    pub(crate) fn list(&self, indices: Indices<'_>) -> Vec<String> {
        indices.iter().map(|at| self.get(at).to_owned()).collect()
    }

    fn index(&self, reader: &mut Reader<'_>) -> Result<u32, Malformed> {
        self.checked(reader.u64()?)
    }

    fn checked(&self, index: u64) -> Result<u32, Malformed> {
        if index >= self.ends.len() as u64 {
            return Err(Malformed);
        }
        u32::try_from(index).map_err(|_| Malformed)
    }

    /// Steps over a list, checking that each of it exists.
    fn indices<'a>(&self, reader: &mut Reader<'a>) -> Result<Indices<'a>, Malformed> {
        let count = reader.count(1)?;
        let packed = reader.rest();
        for _ in 0..count {
            self.index(reader)?;
        }
        Ok(Indices { packed, count })
    }
}

/// A list of strings as it stands in the page: read again by those who want it, which few do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Indices<'a> {
    /// Begins with the list, which was checked to be whole.
    packed: &'a [u8],
    count: usize,
}

impl Indices<'_> {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        let mut reader = Reader::new(self.packed);
        (0..self.count).map_while(move |_| reader.u32().ok())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndAt {
    Open,
    Fixed(u32),
    LastAffected(u32),
}

/// Start, if it has one, and end.
pub(crate) type IntervalAt = (Option<u32>, EndAt);

/// Nearly all groups have one interval: those need no allocation.
#[derive(Clone, Debug)]
pub(crate) enum Intervals {
    One([IntervalAt; 1]),
    Many(Vec<IntervalAt>),
}

impl std::ops::Deref for Intervals {
    type Target = [IntervalAt];

    fn deref(&self) -> &[IntervalAt] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}

/// A group as read: numbers are indices into [`Strings`].
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    pub(crate) status: FixStatus,
    pub(crate) severity: Option<Severity>,
    pub(crate) feed: usize,
    pub(crate) intervals: Intervals,
    pub(crate) versions: Indices<'a>,
    pub(crate) fixed_versions: Indices<'a>,
    pub(crate) arches: Indices<'a>,
    pub(crate) errata: Indices<'a>,
    pub(crate) module: Option<u32>,
    ids: &'a [u8],
}

impl Group<'_> {
    pub(crate) fn interval(&self, at: usize, strings: &Strings) -> Interval {
        let Some(&(introduced, end)) = self.intervals.get(at) else {
            return Interval::default();
        };
        Interval {
            introduced: introduced
                .map(|at| strings.get(at).to_owned())
                .unwrap_or_default(),
            end: match end {
                EndAt::Open => End::Open,
                EndAt::Fixed(at) => End::Fixed(strings.get(at).to_owned()),
                EndAt::LastAffected(at) => End::LastAffected(strings.get(at).to_owned()),
            },
        }
    }

    /// Calls with each id; CVEs first, ascending.
    pub(crate) fn each_id(
        &self,
        strings: &Strings,
        mut with: impl FnMut(Id<'_>),
    ) -> Result<(), Malformed> {
        let mut reader = Reader::new(self.ids);
        let mut number = 0_u64;
        for _ in 0..reader.count(1)? {
            number = number.checked_add(reader.u64()?).ok_or(Malformed)?;
            if number >> 24 > 8009 {
                return Err(Malformed);
            }
            with(Id::Cve(number));
        }
        for _ in 0..reader.count(1)? {
            with(Id::Other(strings.get(strings.index(&mut reader)?)));
        }
        Ok(())
    }
}

/// An id, still a number if it is a CVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Id<'a> {
    Cve(u64),
    Other(&'a str),
}

impl std::fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cve(number) => f.write_str(&cve_id(*number)),
            Self::Other(id) => f.write_str(id),
        }
    }
}

/// Reads an entry's strings into `strings` and its groups into the result.
pub(crate) fn read<'a>(
    bytes: &'a [u8],
    strings: &mut Strings,
) -> Result<Vec<Group<'a>>, Malformed> {
    let mut reader = Reader::new(bytes);
    strings.read(&mut reader)?;
    let count = reader.count(4)?;
    (0..count)
        .map(|_| read_group(&mut reader, strings))
        .collect()
}

fn read_group<'a>(reader: &mut Reader<'a>, strings: &Strings) -> Result<Group<'a>, Malformed> {
    let first = reader.u8()?;
    let feed = reader.index()?;
    let status = *FixStatus::ALL
        .get(usize::from(first & 7))
        .ok_or(Malformed)?;
    let severity = match usize::from(first >> 3 & 7) {
        0 => None,
        at => Some(*Severity::ALL.get(at - 1).ok_or(Malformed)?),
    };
    let intervals = if first & SIMPLE == 0 {
        Intervals::Many(read_intervals(reader, strings)?)
    } else {
        Intervals::One([(None, EndAt::Fixed(strings.index(reader)?))])
    };
    let mask = if first & EXTRAS == 0 { 0 } else { reader.u8()? };
    let mut list = |bit: u8| match mask & bit {
        0 => Ok(Indices::default()),
        _ => strings.indices(reader),
    };
    let (versions, fixed_versions) = (list(HAS_VERSIONS)?, list(HAS_FIXED)?);
    let (arches, errata) = (list(HAS_ARCHES)?, list(HAS_ERRATA)?);
    let module = if mask & HAS_MODULE == 0 {
        None
    } else {
        Some(strings.index(reader)?)
    };
    Ok(Group {
        status,
        severity,
        feed,
        intervals,
        versions,
        fixed_versions,
        arches,
        errata,
        module,
        ids: reader.bytes()?,
    })
}

fn read_intervals(
    reader: &mut Reader<'_>,
    strings: &Strings,
) -> Result<Vec<IntervalAt>, Malformed> {
    let count = reader.count(2)?;
    let mut intervals = Vec::with_capacity(count);
    for _ in 0..count {
        let introduced = match reader.u64()? {
            0 => None,
            at => Some(strings.checked(at - 1)?),
        };
        let end = match reader.u64()? {
            0 => EndAt::Open,
            at if at % 2 == 1 => EndAt::Fixed(strings.checked((at - 1) / 2)?),
            at => EndAt::LastAffected(strings.checked((at - 2) / 2)?),
        };
        intervals.push((introduced, end));
    }
    Ok(intervals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_numbers_are_exact_or_none() {
        for id in [
            "CVE-1999-0001",
            "CVE-2024-12345",
            "CVE-2024-1234567",
            "CVE-9998-9999",
        ] {
            assert_eq!(cve_number(id).map(cve_id).as_deref(), Some(id));
        }
        for id in [
            "CVE-1989-0001",
            "CVE-2024-123",
            "CVE-2024-012345",
            "CVE-2024-12345678",
            "cve-2024-1234",
            "GHSA-1",
            "CVE-20x4-1234",
            "CVE-+024-1234",
        ] {
            assert_eq!(cve_number(id), None, "{id}");
        }
        assert!(cve_number("CVE-2023-99999") < cve_number("CVE-2024-0001"));
    }

    #[test]
    fn a_full_body_comes_back() {
        let body = Body {
            feed: "alma".into(),
            status: FixStatus::WillNotFix,
            severity: Some(Severity::Critical),
            intervals: vec![
                Interval {
                    introduced: String::new(),
                    end: End::Fixed("1.2".into()),
                },
                Interval {
                    introduced: "2.0".into(),
                    end: End::LastAffected("2.4".into()),
                },
                Interval {
                    introduced: "3".into(),
                    end: End::Open,
                },
            ],
            versions: vec!["0.1".into(), "0.2".into()],
            fixed_versions: vec!["1.2".into()],
            arches: vec!["x86_64".into()],
            module: "nodejs:18".into(),
            errata: vec!["ALSA-2024:1".into()],
        };
        let simple = Body {
            intervals: vec![Interval {
                introduced: String::new(),
                end: End::Fixed("1.2".into()),
            }],
            versions: vec![],
            fixed_versions: vec![],
            arches: vec![],
            module: String::new(),
            errata: vec![],
            severity: None,
            status: FixStatus::Fixed,
            ..body.clone()
        };
        let ids = vec!["CVE-2024-0002", "CVE-2024-0009", "TEMP-1"];
        let bytes = write(&[(&body, ids.clone()), (&simple, ids.clone())], |_| 3);
        let mut strings = Strings::default();
        let groups = read(&bytes, &mut strings).unwrap();
        let [full, short] = groups.as_slice() else {
            panic!("{groups:?}")
        };
        assert_eq!(
            (full.feed, full.status, full.severity),
            (3, body.status, body.severity)
        );
        for (at, interval) in body.intervals.iter().enumerate() {
            assert_eq!(&full.interval(at, &strings), interval);
        }
        assert_eq!(strings.list(full.versions), body.versions);
        assert_eq!(strings.list(full.fixed_versions), body.fixed_versions);
        assert_eq!(strings.list(full.arches), body.arches);
        assert_eq!(strings.list(full.errata), body.errata);
        assert_eq!(full.module.map(|at| strings.get(at)), Some("nodejs:18"));
        assert_eq!(short.interval(0, &strings), simple.intervals[0]);
        for group in &groups {
            let mut seen = Vec::new();
            group
                .each_id(&strings, |id| seen.push(id.to_string()))
                .unwrap();
            assert_eq!(seen, ids);
        }
        for length in 0..bytes.len() {
            assert!(
                read(&bytes[..length], &mut strings).is_err(),
                "cut at {length}"
            );
        }
    }

    /// Each string may repeat the whole one before it: without a limit, a kilobyte makes gigabytes.
    #[test]
    fn shared_beginnings_do_not_explode() {
        let mut bytes = Vec::new();
        put_len(&mut bytes, 5000);
        put_len(&mut bytes, 0);
        put_bytes(&mut bytes, &vec![b'a'; 10_000]);
        for _ in 1..5000 {
            put_len(&mut bytes, 10_000);
            put_bytes(&mut bytes, b"");
        }
        assert_eq!(read(&bytes, &mut Strings::default()).err(), Some(Malformed));
    }
}
