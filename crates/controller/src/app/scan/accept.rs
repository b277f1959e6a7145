//! Which findings a vulnerability profile accepts. Pure: `now` is an argument.
//!
//! An entry names a CVE, or all recently published ones, or those of them that nobody fixed yet;
//! it may be bound to domains and images, and end at a time.

use rampart_model::{
    Timestamp,
    scan_job::{AcceptedVulnerability, Finding, VulnerabilityProfile},
};
use std::collections::HashMap;

const DAY_SECS: i64 = 86_400;

/// Where a finding is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// Of the container; empty for images, hosts and the platform.
    pub domain: &'a str,
    /// As the container or the registry names it; empty for hosts and the platform.
    pub image: &'a str,
}

/// A profile made ready for many lookups.
pub(crate) struct Acceptance<'a> {
    by_name: HashMap<String, Vec<&'a AcceptedVulnerability>>,
    recent: Vec<&'a AcceptedVulnerability>,
    now: Timestamp,
}

impl<'a> Acceptance<'a> {
    pub(crate) fn new(profile: &'a VulnerabilityProfile, now: Timestamp) -> Self {
        let mut acceptance = Self {
            by_name: HashMap::new(),
            recent: Vec::new(),
            now,
        };
        let in_force = |e: &&AcceptedVulnerability| !e.expires_at.is_known() || e.expires_at > now;
        for entry in profile.entries.iter().filter(in_force) {
            match entry.name.as_str() {
                AcceptedVulnerability::RECENT | AcceptedVulnerability::RECENT_WITHOUT_FIX => {
                    acceptance.recent.push(entry);
                }
                name => acceptance
                    .by_name
                    .entry(name.to_ascii_uppercase())
                    .or_default()
                    .push(entry),
            }
        }
        acceptance
    }

    fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.recent.is_empty()
    }

    /// The entry that accepts it, if one does.
    pub(crate) fn of(
        &self,
        finding: &Finding,
        place: Place<'_>,
    ) -> Option<&'a AcceptedVulnerability> {
        if self.is_empty() {
            return None;
        }
        let named = self
            .by_name
            .get(finding.id.to_ascii_uppercase().as_str())
            .into_iter()
            .flatten();
        if let Some(entry) = named.copied().find(|entry| holds_at(entry, place)) {
            return Some(entry);
        }
        self.recent
            .iter()
            .copied()
            .filter(|entry| self.is_recent(entry, finding))
            .find(|entry| holds_at(entry, place))
    }

    fn is_recent(&self, entry: &AcceptedVulnerability, finding: &Finding) -> bool {
        let age = self.now.secs().saturating_sub(finding.published_secs);
        let young = finding.published_secs > 0 && age <= i64::from(entry.days) * DAY_SECS;
        let open = finding.fixed.is_empty();
        young && (entry.name == AcceptedVulnerability::RECENT || open)
    }
}

fn holds_at(entry: &AcceptedVulnerability, place: Place<'_>) -> bool {
    let any = |patterns: &[String], text: &str| {
        patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, text))
    };
    any(&entry.domains, place.domain) && any(&entry.images, place.image)
}

/// Whether a text fits a pattern in which `*` stands for anything.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("shop", "shop", true),
            ("shop", "shop2", false),
            ("*", "", true),
            ("sh*", "shop", true),
            ("*op", "shop", true),
            ("s*o*p", "shoop", true),
            ("s*x*p", "shop", false),
            ("ab*ba", "aba", false),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn entries_hold_by_name_place_age_and_until_they_end() {
        let now = Timestamp(1_767_225_600_000);
        let day = |n: i64| now.secs() - n * DAY_SECS;
        let check = |entry: AcceptedVulnerability, finding: Finding, place: Place<'_>| {
            let profile = VulnerabilityProfile {
                name: "default".into(),
                entries: vec![entry],
            };
            Acceptance::new(&profile, now).of(&finding, place).is_some()
        };
        let entry = |name: &str| AcceptedVulnerability {
            name: name.into(),
            days: 7,
            ..Default::default()
        };
        let finding = |fixed: &str, days: i64| Finding {
            id: "CVE-2026-1".into(),
            fixed: fixed.into(),
            published_secs: day(days),
            ..Finding::default()
        };
        let shop = Place {
            domain: "shop",
            image: "web:1",
        };
        assert!(check(entry("cve-2026-1"), finding("", 90), shop));
        assert!(!check(entry("CVE-2026-2"), finding("", 90), shop));
        let mut bound = entry("CVE-2026-1");
        bound.domains = vec!["sh*".into()];
        assert!(check(bound.clone(), finding("", 90), shop));
        assert!(!check(bound, finding("", 90), Place::default()));
        let mut ended = entry("CVE-2026-1");
        ended.expires_at = Timestamp(now.ms() - 1);
        assert!(!check(ended.clone(), finding("", 90), shop));
        ended.expires_at = Timestamp(now.ms() + 1);
        assert!(check(ended, finding("", 90), shop));
        let recent = AcceptedVulnerability::RECENT;
        let open = AcceptedVulnerability::RECENT_WITHOUT_FIX;
        assert!(check(entry(recent), finding("2.0", 6), shop));
        assert!(!check(entry(recent), finding("2.0", 8), shop));
        assert!(check(entry(open), finding("", 6), shop));
        assert!(!check(entry(open), finding("2.0", 6), shop));
    }
}
