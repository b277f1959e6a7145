//! Joins feeds into one database. The same rows, version and date give the same bytes.

use crate::collect::FeedResult;
use rampart_model::Timestamp;
use rampart_vuln::db::{BuildMeta, BuildStats, Builder};

/// What the builder is told besides rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// `None`: the date of the newest feed, in seconds.
    pub version: Option<u64>,
    /// `None`: the date of the newest feed, so that the same inputs give the same file.
    pub built_at: Option<Timestamp>,
    /// How long it may be used; `None`: for ever.
    pub valid_for_ms: Option<i64>,
}

#[derive(Debug)]
pub struct Built {
    /// Not signed yet.
    pub bytes: Vec<u8>,
    pub stats: BuildStats,
    pub version: u64,
    pub built_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("no feed gave a single row: there is nothing to build of")]
    NoRows,
}

/// Takes the rows out of the results; their states stay for showing.
pub fn build(results: &mut [FeedResult], plan: Plan) -> Result<Built, BuildError> {
    if results
        .iter()
        .all(|result| result.rows.advisories.is_empty())
    {
        return Err(BuildError::NoRows);
    }
    let newest = results
        .iter()
        .map(|result| result.state.fetched_at)
        .max()
        .unwrap_or_default();
    let built_at = plan.built_at.unwrap_or(newest);
    let version = plan
        .version
        .unwrap_or_else(|| u64::try_from(newest.max(built_at).secs()).unwrap_or(0));
    let mut feeds: Vec<_> = results.iter().map(|result| result.state.clone()).collect();
    if let Some(built_at) = plan.built_at {
        // A fixed date is asked for: when a file was unpacked must not show either.
        for feed in feeds.iter_mut().filter(|feed| feed.fetched_at.is_known()) {
            feed.fetched_at = feed.fetched_at.min(built_at);
        }
    }
    let mut builder = Builder::new(BuildMeta {
        version,
        built_at,
        feeds,
    });
    if let Some(valid) = plan.valid_for_ms {
        builder.expires_at(Timestamp::from_ms(built_at.ms().saturating_add(valid)));
    }
    for result in results {
        let rows = std::mem::take(&mut result.rows);
        for advisory in rows.advisories {
            builder.advisory(advisory);
        }
        for record in rows.records {
            builder.record(record);
        }
    }
    let (bytes, stats) = builder.finish_with_stats();
    Ok(Built {
        bytes,
        stats,
        version,
        built_at,
    })
}
