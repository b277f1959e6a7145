//! Promotion by quiet time: Discover → Monitor → Protect when nothing new is seen.

use rampart_model::{Mode, Timestamp, settings::Settings};

/// What is known about a group when promotion is considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    pub mode: Mode,
    /// When the group entered its mode.
    pub since: Timestamp,
    /// When it last learned (Discover) or violated (Monitor); unknown if never in this mode.
    pub last_act: Timestamp,
    /// Time its members have run in this mode; a group nobody ran has proven nothing.
    pub has_members: bool,
}

/// The mode to promote to now, if any.
pub fn decide(quiet: Quiet, settings: &Settings, now: Timestamp) -> Option<Mode> {
    let (after_secs, next) = match quiet.mode {
        Mode::Discover => (settings.auto_monitor_after_secs, Mode::Monitor),
        Mode::Monitor => (settings.auto_protect_after_secs, Mode::Protect),
        Mode::Protect => return None,
    };
    if after_secs == 0 || !quiet.has_members {
        return None;
    }
    let from = quiet.since.max(quiet.last_act);
    let needed = i64::try_from(after_secs)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000);
    (from.is_known() && now.since(from) >= needed).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotes_after_quiet_time_only() {
        let settings = Settings {
            auto_monitor_after_secs: 60,
            auto_protect_after_secs: 120,
            ..Settings::default()
        };
        let check = |mode, since, last_act, has_members, now, expected| {
            let quiet = Quiet {
                mode,
                since: Timestamp(since),
                last_act: Timestamp(last_act),
                has_members,
            };
            assert_eq!(
                decide(quiet, &settings, Timestamp(now)),
                expected,
                "{quiet:?} at {now}"
            );
        };
        check(Mode::Discover, 1000, 0, true, 61_000, Some(Mode::Monitor));
        check(Mode::Discover, 1000, 0, true, 60_999, None);
        check(Mode::Discover, 1000, 30_000, true, 61_000, None);
        check(
            Mode::Discover,
            1000,
            30_000,
            true,
            90_000,
            Some(Mode::Monitor),
        );
        check(Mode::Discover, 1000, 0, false, 900_000, None);
        check(Mode::Monitor, 1000, 0, true, 120_999, None);
        check(Mode::Monitor, 1000, 0, true, 121_000, Some(Mode::Protect));
        check(Mode::Protect, 1000, 0, true, i64::MAX, None);
        check(Mode::Discover, 0, 0, true, 900_000, None);
        // A clock that went back promotes nothing.
        check(Mode::Monitor, 500_000, 0, true, 1000, None);
        let off = Settings::default();
        let quiet = Quiet {
            mode: Mode::Discover,
            since: Timestamp(1),
            last_act: Timestamp(0),
            has_members: true,
        };
        assert_eq!(decide(quiet, &off, Timestamp(i64::MAX)), None);
    }
}
