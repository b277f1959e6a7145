//! Saves what is kept in memory between intervals. A crash loses at most one interval of it:
//! traffic sums, rule hit counters, and times groups were last used. Nothing acknowledged.

use crate::{
    App, AppError,
    app::{Activity, key},
};
use rampart_model::{GroupName, RuleId};
use rampart_store::Txn;
use std::collections::BTreeMap;

impl App {
    /// Saves conversations that changed, rule hits and group activity.
    pub async fn flush(&self) -> Result<(), AppError> {
        self.save_conversations().await?;
        let (activity, hits) = self.read(|state| {
            let activity: BTreeMap<GroupName, Activity> = state
                .activity
                .iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect();
            let hits: BTreeMap<RuleId, _> = state.hits.iter().map(|(k, v)| (*k, *v)).collect();
            (key::encode(&activity), key::encode(&hits))
        });
        let (activity, hits) = (activity?, hits?);
        let mut txn = Txn::new();
        for (key, value) in [(key::ACTIVITY, activity), (key::RULE_HITS, hits)] {
            let known = self.store().get(key).await?;
            if known.is_none_or(|known| known.value != value) {
                txn = txn.put(key, value);
            }
        }
        if !txn.puts.is_empty() {
            self.store().commit(txn).await?;
        }
        Ok(())
    }
}
