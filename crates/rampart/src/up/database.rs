//! The vulnerability database file a scanner judges by: mapped when first needed, and again when
//! another file has taken its place.

use crate::settings::ScanningArgs;
use anyhow::Result;
use rampart_probe::mapped::MappedFile;
use rampart_scanner::service::engine::DatabaseSource;
use rampart_vuln::db::{Bytes, Database};
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// Which file it was: an update is another inode, moved into the place.
type Identity = (u64, u64, Option<SystemTime>);

pub(crate) struct Databases {
    path: PathBuf,
    data: PathBuf,
    named_keys: Vec<String>,
    open: Mutex<Option<(Identity, Arc<Database>)>>,
}

impl Databases {
    pub(crate) fn new(args: &ScanningArgs, data: &Path) -> Result<Self> {
        let (installed, _) = crate::database::of_data(data, &args.db_key)?;
        Ok(Self {
            path: args.db.clone().unwrap_or(installed),
            data: data.to_owned(),
            named_keys: args.db_key.clone(),
            open: Mutex::new(None),
        })
    }

    /// The keys are read anew: the updater makes its own when it first builds a database.
    fn opened(&self) -> Result<Database, String> {
        let (_, keys) = crate::database::of_data(&self.data, &self.named_keys)
            .map_err(|error| format!("{error:#}"))?;
        let bytes: Bytes =
            Arc::new(MappedFile::open(&self.path).map_err(|error| error.to_string())?);
        Database::open(bytes, &keys).map_err(|error| rampart_scanner::scan::chain(&error))
    }
}

impl DatabaseSource for Databases {
    fn database(&self) -> Result<Arc<Database>, String> {
        let path = self.path.display();
        let found = std::fs::metadata(&self.path).map_err(|_| {
            format!("there is no vulnerability database at {path}: build or fetch one with `rampart db`, or name one with --db")
        })?;
        let identity = (found.ino(), found.len(), found.modified().ok());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, database)) = &*open
            && *known == identity
        {
            return Ok(database.clone());
        }
        match (self.opened(), &*open) {
            (Ok(database), _) => {
                let database = Arc::new(database);
                *open = Some((identity, database.clone()));
                Ok(database)
            }
            // The one before is still mapped and still good.
            (Err(error), Some((_, database))) => {
                tracing::error!(%error, %path, "the new vulnerability database is of no use");
                Ok(database.clone())
            }
            (Err(error), None) => Err(format!("the vulnerability database {path}: {error}")),
        }
    }
}
