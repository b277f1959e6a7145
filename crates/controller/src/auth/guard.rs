//! Counts failed sign-ins, so that guessing is slow and cheap to refuse.
//!
//! Limits: [`MAX_NAMES`] names and [`MAX_ADDRESSES`] addresses are remembered; when full, the one
//! whose last failure is oldest makes room. Names nobody has are counted like any other, or the
//! difference would tell them apart.

use super::PasswordProfile;
use rampart_model::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub const MAX_NAMES: usize = 4096;
pub const MAX_ADDRESSES: usize = 4096;
/// Failures of one address within a minute, over all names, before it is refused unheard.
pub const ADDRESS_FAILURES: u32 = 60;
const ADDRESS_WINDOW_MS: i64 = 60_000;

#[derive(Default)]
pub struct Guard {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashMap<String, Failures>,
    addresses: HashMap<String, Window>,
}

#[derive(Default)]
struct Failures {
    count: u32,
    last: Timestamp,
    blocked_until: Timestamp,
}

#[derive(Default)]
struct Window {
    count: u32,
    since: Timestamp,
}

/// Whether an attempt may go on to the hasher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// The name is blocked.
    Blocked,
    /// The address failed too often.
    Busy,
}

impl Guard {
    pub fn gate(&self, name: &str, address: &str, now: Timestamp) -> Gate {
        let state = self.state();
        if state.names.get(name).is_some_and(|f| f.blocked_until > now) {
            return Gate::Blocked;
        }
        let busy =
            |w: &Window| now.since(w.since) < ADDRESS_WINDOW_MS && w.count >= ADDRESS_FAILURES;
        if state.addresses.get(address).is_some_and(busy) {
            Gate::Busy
        } else {
            Gate::Open
        }
    }

    /// Notes a failure. The answer is the end of the block, if this failure began one.
    pub fn failed(
        &self,
        name: &str,
        address: &str,
        now: Timestamp,
        profile: &PasswordProfile,
    ) -> Option<Timestamp> {
        let mut state = self.state();
        make_room(&mut state.addresses, address, MAX_ADDRESSES, |w| w.since);
        let window = state.addresses.entry(address.to_owned()).or_default();
        if now.since(window.since) >= ADDRESS_WINDOW_MS {
            *window = Window {
                count: 0,
                since: now,
            };
        }
        window.count = window.count.saturating_add(1);

        make_room(&mut state.names, name, MAX_NAMES, |f| f.last);
        let failures = state.names.entry(name.to_owned()).or_default();
        if failures.blocked_until.is_known() && failures.blocked_until <= now {
            *failures = Failures::default();
        }
        failures.last = now;
        failures.count = failures.count.saturating_add(1);
        if !profile.enable_block_after_failed_login
            || failures.count < profile.block_after_failed_login_count
        {
            return None;
        }
        failures.blocked_until = Timestamp(
            now.ms()
                .saturating_add(i64::from(profile.block_minutes) * 60_000),
        );
        Some(failures.blocked_until)
    }

    /// Forgets the failures of a name: it signed in, or was unblocked.
    pub fn clear(&self, name: &str) {
        self.state().names.remove(name);
    }

    /// What the store remembers of a block.
    pub fn restore(&self, name: &str, blocked_until: Timestamp) {
        if blocked_until.is_known() {
            let failures = Failures {
                count: 0,
                last: blocked_until,
                blocked_until,
            };
            self.state().names.insert(name.to_owned(), failures);
        }
    }

    pub fn is_blocked(&self, name: &str, now: Timestamp) -> bool {
        self.state()
            .names
            .get(name)
            .is_some_and(|f| f.blocked_until > now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A full table loses its oldest entry before a new one comes.
fn make_room<V>(
    table: &mut HashMap<String, V>,
    key: &str,
    max: usize,
    age: impl Fn(&V) -> Timestamp,
) {
    if table.len() < max || table.contains_key(key) {
        return;
    }
    if let Some(oldest) = table
        .iter()
        .min_by_key(|(_, v)| age(v))
        .map(|(k, _)| k.clone())
    {
        table.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_blocked_for_an_hour_and_then_free() {
        let (guard, profile) = (Guard::default(), PasswordProfile::default());
        let at = |minutes: i64| Timestamp(1_000_000 + minutes * 60_000);
        for n in 0..4 {
            assert_eq!(guard.failed("eve", "10.0.0.1", at(n), &profile), None);
        }
        assert_eq!(guard.gate("eve", "10.0.0.1", at(4)), Gate::Open);
        assert_eq!(
            guard.failed("eve", "10.0.0.1", at(4), &profile),
            Some(at(64))
        );
        assert_eq!(guard.gate("eve", "10.0.0.2", at(63)), Gate::Blocked);
        assert_eq!(guard.gate("eve", "10.0.0.2", at(64)), Gate::Open);
        assert_eq!(
            guard.failed("eve", "10.0.0.1", at(65), &profile),
            None,
            "counting starts anew"
        );
        guard.clear("eve");
        assert!(!guard.is_blocked("eve", at(65)));
    }

    #[test]
    fn an_address_has_sixty_failures_a_minute_over_all_names() {
        let (guard, profile) = (Guard::default(), PasswordProfile::default());
        let now = Timestamp(5_000_000);
        for n in 0..ADDRESS_FAILURES {
            assert_eq!(guard.gate(&format!("u{n}"), "10.0.0.1", now), Gate::Open);
            guard.failed(&format!("u{n}"), "10.0.0.1", now, &profile);
        }
        assert_eq!(guard.gate("other", "10.0.0.1", now), Gate::Busy);
        assert_eq!(guard.gate("other", "10.0.0.2", now), Gate::Open);
        assert_eq!(
            guard.gate("other", "10.0.0.1", Timestamp(5_060_000)),
            Gate::Open
        );
    }

    #[test]
    fn memory_is_bounded() {
        let (guard, profile) = (Guard::default(), PasswordProfile::default());
        for n in 0..i64::try_from(MAX_NAMES).unwrap() + 100 {
            guard.failed(
                &format!("u{n}"),
                &format!("a{n}"),
                Timestamp(n + 1),
                &profile,
            );
        }
        let state = guard.state();
        assert_eq!(
            (state.names.len(), state.addresses.len()),
            (MAX_NAMES, MAX_ADDRESSES)
        );
        assert!(!state.names.contains_key("u0") && state.names.contains_key("u4195"));
    }
}
