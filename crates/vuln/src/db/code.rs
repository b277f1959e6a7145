//! The database's primitive encoding: little-endian base-128 integers and strings with a length.
//!
//! Limits: reading is total. A length is believed only if the bytes are there, and a count only
//! as far as so many items could still fit; nothing is allocated from a number alone.

/// Bytes ended early, or mean nothing: whoever asked knows what they were reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

pub(crate) fn put_len(out: &mut Vec<u8>, value: usize) {
    put_u64(out, value as u64);
}

/// Small numbers of either sign: zig-zag.
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    let sign = if value < 0 { u64::MAX } else { 0 };
    put_u64(out, (value.cast_unsigned() << 1) ^ sign);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

pub(crate) fn put_str(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

pub(crate) fn put_strings(out: &mut Vec<u8>, list: &[String]) {
    put_len(out, list.len());
    for text in list {
        put_str(out, text);
    }
}

/// Takes values off the front of a slice.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Malformed);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.u64()?).map_err(|_| Malformed)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        let value = self.u64()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn index(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.u64()?).map_err(|_| Malformed)
    }

    /// A count of items of at least `smallest` bytes each.
    pub(crate) fn count(&mut self, smallest: usize) -> Result<usize, Malformed> {
        let count = self.index()?;
        if count > self.rest.len() / smallest.max(1) {
            return Err(Malformed);
        }
        Ok(count)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.index()?;
        self.take(length)
    }

    pub(crate) fn str(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    pub(crate) fn string(&mut self) -> Result<String, Malformed> {
        self.str().map(str::to_owned)
    }

    pub(crate) fn strings(&mut self) -> Result<Vec<String>, Malformed> {
        (0..self.count(1)?).map(|_| self.string()).collect()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ` as a number; anything else as it stands.
pub(crate) fn put_time(out: &mut Vec<u8>, text: &str) {
    match seconds_of(text).filter(|&seconds| time_of(seconds) == text) {
        Some(seconds) => put_u64(out, seconds + 1),
        None => {
            put_u64(out, 0);
            put_str(out, text);
        }
    }
}

pub(crate) fn read_time(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    match reader.u64()? {
        0 => reader.string(),
        seconds => Ok(time_of(seconds - 1)),
    }
}

/// Seconds since 1970 of `YYYY-MM-DDTHH:MM:SSZ`; days beyond a month's end run on into the next.
pub(crate) fn seconds_of(text: &str) -> Option<u64> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    if text.len() != 20 || !text.is_ascii() {
        return None;
    }
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days from civil, after Howard Hinnant's `chrono`-compatible algorithms: years begin in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (y / 400, y % 400);
    let of_year = (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + part(11, 13)? * 3600 + part(14, 16)? * 60 + part(17, 19)?)
}

pub(crate) fn time_of(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year, month + 3)
    } else {
        (year + 1, month - 9)
    };
    format!(
        "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        year + era * 400,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_u64(&mut out, value);
            assert_eq!(Reader::new(&out).u64(), Ok(value));
        }
        for value in [0, -1, 1, 63, -64, i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            put_i64(&mut out, value);
            assert_eq!(Reader::new(&out).i64(), Ok(value));
        }
        assert_eq!(Reader::new(&[0xff; 10]).u64(), Err(Malformed));
        assert_eq!(Reader::new(&[0x80]).u64(), Err(Malformed));
    }

    #[test]
    fn a_count_is_not_believed_without_bytes() {
        let mut out = Vec::new();
        put_u64(&mut out, 1 << 40);
        assert_eq!(Reader::new(&out).strings(), Err(Malformed));
        assert_eq!(Reader::new(&out).bytes(), Err(Malformed));
    }

    #[test]
    fn times_come_back_whatever_they_are() {
        for text in [
            "2024-02-29T23:59:59Z",
            "1970-01-01T00:00:00Z",
            "2000-12-31T12:00:00Z",
            "9999-12-31T23:59:59Z",
            "2024-02-30T00:00:00Z",
            "2024-01-01",
            "2024-01-01T00:00:61Z",
            "1969-12-31T23:59:59Z",
            "",
            "yesterday",
            "2024-01-01T00:00:00é",
        ] {
            let mut out = Vec::new();
            put_time(&mut out, text);
            assert_eq!(read_time(&mut Reader::new(&out)).as_deref(), Ok(text));
        }
        let mut out = Vec::new();
        put_time(&mut out, "2024-02-29T23:59:59Z");
        assert_eq!(Reader::new(&out).u64(), Ok(1_709_251_199 + 1));
    }
}
