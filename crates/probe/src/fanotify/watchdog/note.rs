//! What the watchdog leaves for the next listener when the present one ends without a word.

use rampart_model::Timestamp;
use std::{
    fs, io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// In the state folder.
const FILE: &str = "watchdog";

/// How a predecessor ended: killed or crashed, as its watchdog saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastEnd {
    pub at: Timestamp,
    /// The fail mode that ended what waited.
    pub fail_closed: bool,
    /// Permission events that were answered so.
    pub questions: u64,
    /// Held programs that were let go or killed.
    pub held: u64,
}

impl LastEnd {
    pub(super) fn new(fail_closed: bool, questions: u64, held: u64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let ms = i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX);
        Self {
            at: Timestamp::from_ms(ms),
            fail_closed,
            questions,
            held,
        }
    }

    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let closed = u8::from(self.fail_closed);
        let (at, questions, held) = (self.at.ms(), self.questions, self.held);
        let text = format!("{at} {closed} {questions} {held}\n");
        fs::write(dir.join(FILE), text)
    }

    /// Reads the note, and removes it. A damaged one still says that there was an end.
    pub(crate) fn take(dir: &Path) -> Option<Self> {
        let file = dir.join(FILE);
        let text = fs::read_to_string(&file).ok()?;
        let _ = fs::remove_file(&file);
        Some(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut words = text.split_ascii_whitespace();
        let mut number = || {
            words
                .next()
                .and_then(|w| w.parse::<u64>().ok())
                .unwrap_or(0)
        };
        Self {
            at: Timestamp::from_ms(i64::try_from(number()).unwrap_or(0)),
            fail_closed: number() != 0,
            questions: number(),
            held: number(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let end = LastEnd::new(true, 12, 3);
        end.write(dir.path()).unwrap();
        assert_eq!(LastEnd::take(dir.path()), Some(end));
        assert_eq!(LastEnd::take(dir.path()), None);
        for damaged in ["", "x y", "-1 2 3", "99999999999999999999 1"] {
            let _ = LastEnd::parse(damaged);
        }
    }
}
