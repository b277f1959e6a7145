//! Which rule comes before which, and which numbers a rule may have.
//!
//! Network rules are matched federal first, then those from Kubernetes resources, then the user's
//! and the learned ones; the last two share one list that only the user orders, with learned rules
//! appended at its end. Numbers tell the source: see [`RuleId::source`].

use rampart_model::{ConfigSource, NetworkRule, RuleId};

/// First and last number of a source.
pub fn id_range(source: ConfigSource) -> (u32, u32) {
    match source {
        ConfigSource::User | ConfigSource::System => (1, RuleId::FIRST_LEARNED.0 - 1),
        ConfigSource::Learned => (RuleId::FIRST_LEARNED.0, RuleId::FIRST_FEDERAL.0 - 1),
        ConfigSource::Federal => (RuleId::FIRST_FEDERAL.0, RuleId::FIRST_CRD.0 - 1),
        ConfigSource::Crd => (RuleId::FIRST_CRD.0, RuleId::END_CRD.0 - 1),
    }
}

/// The lowest number of the source that is free; `None` when all are taken.
pub fn free_id(source: ConfigSource, used: impl Fn(RuleId) -> bool) -> Option<RuleId> {
    let (low, high) = id_range(source);
    (low..=high).map(RuleId).find(|id| !used(*id))
}

/// Position in the list of sources: federal, CRD, then everything a user may move.
pub fn block(source: ConfigSource) -> u8 {
    match source {
        ConfigSource::Federal => 0,
        ConfigSource::Crd => 1,
        ConfigSource::User | ConfigSource::System | ConfigSource::Learned => 2,
    }
}

/// The first and one past the last index a rule of this source may take in an ordered list.
pub fn bounds<R: AsRef<NetworkRule>>(rules: &[R], source: ConfigSource) -> (usize, usize) {
    let own = block(source);
    let of = |rule: &R| block(rule.as_ref().id.source());
    let start = rules.iter().filter(|r| of(r) < own).count();
    let end = start + rules.iter().filter(|r| of(r) == own).count();
    (start, end)
}

/// Where a rule goes that is to come `after` another: `Some(0)` is the head of its block, `None`
/// the end of the rules of its source there, so that a user's rule comes before the learned ones
/// unless the user moved those. `Err` if there is no such rule or it is of another block.
pub fn position<R: AsRef<NetworkRule>>(
    rules: &[R],
    source: ConfigSource,
    after: Option<u32>,
) -> Result<usize, String> {
    let (start, end) = bounds(rules, source);
    match after {
        Some(0) => Ok(start),
        None if source == ConfigSource::Learned => Ok(end),
        None => {
            let own = rules.get(start..end).unwrap_or_default();
            let last = own.iter().rposition(|r| r.as_ref().id.source() == source);
            Ok(last.map_or(start, |last| start + last + 1))
        }
        Some(id) => {
            let at = rules
                .iter()
                .position(|r| r.as_ref().id.0 == id)
                .ok_or_else(|| format!("rule {id} to come after does not exist"))?;
            // After the last federal or CRD rule is before the first of the next block.
            if (start..end).contains(&at) || at + 1 == start {
                Ok(at + 1)
            } else {
                Err(format!(
                    "a rule cannot be moved to after rule {id}, which is of another source"
                ))
            }
        }
    }
}

/// Sorts by source, keeping the order inside each.
pub fn sort<R: AsRef<NetworkRule>>(rules: &mut [R]) {
    rules.sort_by_key(|r| block(r.as_ref().id.source()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn list(ids: &[u32]) -> Vec<Arc<NetworkRule>> {
        ids.iter()
            .map(|id| {
                Arc::new(NetworkRule {
                    id: RuleId(*id),
                    ..NetworkRule::default()
                })
            })
            .collect()
    }

    #[test]
    fn positions() {
        let rules = list(&[100_000, 110_000, 110_001, 5, 10_000, 7]);
        let check = |source, after, expected: Option<usize>| {
            assert_eq!(
                position(&rules, source, after).ok(),
                expected,
                "{source} {after:?}"
            );
        };
        check(ConfigSource::User, Some(0), Some(3));
        check(ConfigSource::User, None, Some(6));
        check(ConfigSource::Learned, None, Some(6));
        check(ConfigSource::User, Some(5), Some(4));
        check(ConfigSource::User, Some(10_000), Some(5));
        check(ConfigSource::User, Some(110_001), Some(3));
        check(ConfigSource::User, Some(110_000), None);
        check(ConfigSource::User, Some(99), None);
        check(ConfigSource::Crd, Some(0), Some(1));
        check(ConfigSource::Federal, None, Some(1));
        check(ConfigSource::Federal, Some(5), None);
        assert_eq!(position(&list(&[]), ConfigSource::User, None), Ok(0));
        let learned_last = list(&[110_000, 5, 10_000, 10_001]);
        assert_eq!(position(&learned_last, ConfigSource::User, None), Ok(2));
        assert_eq!(
            position(&list(&[110_000, 10_000]), ConfigSource::User, None),
            Ok(1)
        );
    }

    #[test]
    fn numbers() {
        assert_eq!(free_id(ConfigSource::User, |id| id.0 < 4), Some(RuleId(4)));
        assert_eq!(
            free_id(ConfigSource::Learned, |_| false),
            Some(RuleId(10_000))
        );
        assert_eq!(free_id(ConfigSource::Crd, |_| true), None);
        for source in [
            ConfigSource::User,
            ConfigSource::Learned,
            ConfigSource::Federal,
            ConfigSource::Crd,
        ] {
            let (low, high) = id_range(source);
            assert_eq!(
                (RuleId(low).source(), RuleId(high).source()),
                (source, source)
            );
        }
        let mut rules = list(&[5, 110_000, 10_000, 100_000]);
        sort(&mut rules);
        assert_eq!(
            rules.iter().map(|r| r.id.0).collect::<Vec<_>>(),
            [100_000, 110_000, 5, 10_000]
        );
    }
}
