//! NeuVector's vulnerability profiles: what a team has accepted, where, and for how long.

use rampart_model::{
    Timestamp,
    scan::{FixStatus, Suppression, Vulnerability},
};

/// Names of entries that speak of every vulnerability that was published a short while ago: the
/// time a team is given to update, and the same only where there is no fix.
pub const RECENT: &str = "_RecentVuln";
pub const RECENT_WITHOUT_FIX: &str = "_RecentVulnWithoutFix";

const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub entries: Vec<ProfileEntry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileEntry {
    pub id: u32,
    /// A vulnerability's id, [`RECENT`] or [`RECENT_WITHOUT_FIX`].
    pub name: String,
    pub comment: String,
    /// For the recent ones: how many days since publication. For a named one: how many days after
    /// `added_at` the entry ends; 0 for never.
    pub days: u32,
    /// Namespaces, with `*`; empty for all.
    pub domains: Vec<String>,
    /// Image names, with `*`; empty for all.
    pub images: Vec<String>,
    /// When it was made; unknown for entries from elsewhere, which then do not end.
    pub added_at: Timestamp,
}

/// Where a finding stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// The workload's namespace; empty for an image in a registry and for a node.
    pub domain: &'a str,
    /// As `registry/repository:tag`.
    pub image: &'a str,
}

impl ProfileEntry {
    /// From when on it is not applied.
    pub fn ends(&self) -> Option<Timestamp> {
        let named = self.name != RECENT && self.name != RECENT_WITHOUT_FIX;
        (named && self.days > 0 && self.added_at.is_known()).then(|| {
            Timestamp(
                self.added_at
                    .ms()
                    .saturating_add(i64::from(self.days) * DAY_MS),
            )
        })
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.ends().is_some_and(|end| now >= end)
    }

    pub fn fits(&self, vulnerability: &Vulnerability, scope: Scope<'_>, now: Timestamp) -> bool {
        let within = |patterns: &[String], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| wildcard(pattern, name))
        };
        if !within(&self.domains, scope.domain) || !within(&self.images, scope.image) {
            return false;
        }
        let named = |id: &String| id.eq_ignore_ascii_case(&self.name);
        match self.name.as_str() {
            RECENT => self.is_recent(vulnerability, now),
            RECENT_WITHOUT_FIX => {
                vulnerability.status != FixStatus::Fixed && self.is_recent(vulnerability, now)
            }
            _ => {
                !self.is_expired(now)
                    && (named(&vulnerability.id) || vulnerability.aliases.iter().any(named))
            }
        }
    }

    /// A vulnerability whose publication is not known is not recent: nothing is hidden by a guess.
    fn is_recent(&self, vulnerability: &Vulnerability, now: Timestamp) -> bool {
        let published = super::date(vulnerability.published.get(..10).unwrap_or_default());
        published.is_some_and(|day| now.since(day) < i64::from(self.days).saturating_mul(DAY_MS))
    }
}

impl Profile {
    /// Marks what the profile accepts.
    pub fn apply(&self, vulnerabilities: &mut [Vulnerability], scope: Scope<'_>, now: Timestamp) {
        for vulnerability in vulnerabilities
            .iter_mut()
            .filter(|v| v.suppressed.is_none())
        {
            let entry = self
                .entries
                .iter()
                .find(|entry| entry.fits(vulnerability, scope, now));
            vulnerability.suppressed = entry.map(|entry| Suppression {
                by: "profile".to_owned(),
                reason: entry.comment.clone(),
                source: format!("{}/{}", self.name, entry.id),
            });
        }
    }
}

/// `*` stands for any characters. Linear: after a star only the last one is ever gone back to.
fn wildcard(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p + 1, n));
                p += 1;
            }
            Some(byte) if Some(byte) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => match back {
                Some((after, from)) => {
                    back = Some((after, from + 1));
                    p = after;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|&byte| byte == b'*')
}
