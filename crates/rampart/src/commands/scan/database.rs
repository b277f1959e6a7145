//! The vulnerability database of a scan: the one that was named, or the installed one.

use super::args::CommonArgs;
use crate::database::DatabaseArgs;
use anyhow::Result;
use rampart_vuln::db::Database;

/// Without one nothing is looked up, and the report says so.
pub(super) fn open(common: &CommonArgs, database: &DatabaseArgs) -> Result<Option<Database>> {
    if common.db.is_none() && !database.installed().exists() {
        return Ok(None);
    }
    database.open(common.db.as_deref()).map(Some)
}

/// What a report without a database says.
pub(super) fn missing(database: &DatabaseArgs) -> String {
    format!(
        "vulnerabilities were not looked up: no database at {}. `rampart db update` fetches one, --db FILE names one, --scanners secret,config goes without",
        database.installed().display()
    )
}
