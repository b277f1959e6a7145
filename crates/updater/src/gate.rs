//! Whether a feed's new state is believable. A feed that lost its rows, or that cannot be read any
//! more, is refused: its last good state stays, and the refusal is an alarm.

use crate::output::Stats;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// Most rows a feed may lose at once, in percent of what it had.
    pub max_loss_percent: f64,
    /// Most entries that may be unreadable, in percent of all.
    pub max_error_percent: f64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            max_loss_percent: 5.0,
            max_error_percent: 2.0,
        }
    }
}

/// What a feed held when it was last good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    pub rows: u64,
    pub records: u64,
}

/// Why a feed was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("nothing of it could be read: {first}")]
    Unreadable { first: String },
    #[error("there is nothing in it")]
    Empty,
    #[error(
        "{percent:.1} % of its entries cannot be read (most allowed: {most} %); the first: {first}"
    )]
    Errors {
        percent: f64,
        most: f64,
        first: String,
    },
    #[error(
        "it lost {percent:.1} % of its {what}, from {before} to {now} (most allowed: {most} %)"
    )]
    Shrunk {
        what: &'static str,
        before: u64,
        now: u64,
        percent: f64,
        most: f64,
    },
}

impl Gate {
    pub fn check(&self, stats: &Stats, before: Option<Before>) -> Result<(), Refusal> {
        let first = || {
            stats
                .diagnostics
                .first()
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        if stats.entries == 0 && stats.errors > 0 {
            return Err(Refusal::Unreadable { first: first() });
        }
        if stats.entries == 0 {
            return Err(Refusal::Empty);
        }
        let percent = stats.error_percent();
        if percent > self.max_error_percent {
            return Err(Refusal::Errors {
                percent,
                most: self.max_error_percent,
                first: first(),
            });
        }
        let before = before.unwrap_or_default();
        self.shrunk("rows", before.rows, stats.rows)?;
        self.shrunk("records", before.records, stats.records)
    }

    fn shrunk(&self, what: &'static str, before: u64, now: u64) -> Result<(), Refusal> {
        if now >= before {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let percent = (before - now) as f64 * 100.0 / before as f64;
        if percent <= self.max_loss_percent {
            return Ok(());
        }
        Err(Refusal::Shrunk {
            what,
            before,
            now,
            percent,
            most: self.max_loss_percent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Diagnostic;

    fn stats(entries: u64, rows: u64, errors: u64) -> Stats {
        let diagnostic = Diagnostic {
            entry: "a.json".to_owned(),
            reason: "no id".to_owned(),
        };
        Stats {
            entries,
            rows,
            errors,
            diagnostics: vec![diagnostic; usize::from(errors > 0)],
            ..Stats::default()
        }
    }

    #[test]
    fn what_passes() {
        let before = |rows| Some(Before { rows, records: 0 });
        for (stats, before, expected) in [
            (stats(100, 100, 0), None, ""),
            (stats(100, 95, 0), before(100), ""),
            (
                stats(100, 94, 0),
                before(100),
                "it lost 6.0 % of its rows, from 100 to 94 (most allowed: 5 %)",
            ),
            (stats(100, 200, 0), before(100), ""),
            (stats(98, 98, 2), before(100), ""),
            (
                stats(90, 98, 10),
                before(100),
                "10.0 % of its entries cannot be read (most allowed: 2 %); the first: a.json: no id",
            ),
            (stats(0, 0, 0), None, "there is nothing in it"),
            (
                stats(0, 0, 1),
                None,
                "nothing of it could be read: a.json: no id",
            ),
        ] {
            let said = match Gate::default().check(&stats, before) {
                Ok(()) => String::new(),
                Err(refusal) => refusal.to_string(),
            };
            assert_eq!(said, expected);
        }
    }
}
