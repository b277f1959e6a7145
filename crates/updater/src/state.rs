//! The state folder: for each feed its last good copy, and what is being fetched.
//!
//! ```text
//! <folder>/<feed>/good/…        files of the last good state, with meta.json
//! <folder>/<feed>/new/…         being fetched: files, *.part, *.part.json
//! ```
//!
//! A new state takes the place of the good one by renaming whole folders, once it has been read and
//! believed. Whatever breaks before that leaves the good one as it is.

use crate::{gate::Before, output::Stats};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

const META: &str = "meta.json";
/// Longest meta file that is read.
const MAX_META: u64 = 4 << 20;

/// What is known of a fetched file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeta {
    /// Name in the folder.
    pub file: String,
    pub url: String,
    #[serde(default)]
    pub etag: String,
    #[serde(default)]
    pub last_modified: String,
    /// SHA-256, hex.
    pub sha256: String,
    pub bytes: u64,
}

/// A feed's good state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedMeta {
    pub source: String,
    pub fetched_at_ms: i64,
    pub modified: String,
    pub digest: String,
    pub files: Vec<FileMeta>,
    pub stats: Stats,
}

impl FeedMeta {
    pub fn before(&self) -> Before {
        Before {
            rows: self.stats.rows,
            records: self.stats.records,
        }
    }
}

/// One feed's folder.
#[derive(Clone, Debug)]
pub struct FeedFolder {
    root: PathBuf,
}

impl FeedFolder {
    pub fn new(state: &Path, feed: &str) -> Self {
        Self {
            root: state.join(feed),
        }
    }

    pub fn good(&self) -> PathBuf {
        self.root.join("good")
    }

    pub fn new_state(&self) -> PathBuf {
        self.root.join("new")
    }

    /// The good state's meta; `None` if there is none that can be read.
    pub fn meta(&self) -> Option<FeedMeta> {
        let path = self.good().join(META);
        if fs::metadata(&path).ok()?.len() > MAX_META {
            return None;
        }
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Files of the good state, by the meta's order.
    pub fn good_files(&self, meta: &FeedMeta) -> Vec<PathBuf> {
        meta.files
            .iter()
            .filter(|file| is_plain_name(&file.file))
            .map(|file| self.good().join(&file.file))
            .collect()
    }

    /// Makes the folder for what comes; partly fetched files stay for resuming.
    pub fn prepare(&self) -> io::Result<PathBuf> {
        let new = self.new_state();
        fs::create_dir_all(&new)?;
        Ok(new)
    }

    /// A file that did not change goes along into the new state.
    pub fn keep(&self, file: &str) -> io::Result<()> {
        let (from, to) = (self.good().join(file), self.new_state().join(file));
        match fs::remove_file(&to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(|_| ()))
    }

    /// The new state is the good one from here on.
    pub fn promote(&self, meta: &FeedMeta) -> io::Result<()> {
        let (good, new) = (self.good(), self.new_state());
        let old = self.root.join("old");
        let text = serde_json::to_vec_pretty(meta).map_err(io::Error::other)?;
        write_synced(&new.join(META), &text)?;
        self.clear_strays(meta)?;
        remove(&old)?;
        match fs::rename(&good, &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&new, &good)?;
        sync_folder(&self.root);
        remove(&old)
    }

    /// A crash between the two renames leaves the good state under another name.
    pub fn recover(&self) -> io::Result<()> {
        let old = self.root.join("old");
        if !old.exists() {
            return Ok(());
        }
        if self.good().exists() {
            remove(&old)
        } else {
            fs::rename(&old, self.good())
        }
    }

    /// Files of an earlier, abandoned attempt do not become part of the state.
    fn clear_strays(&self, meta: &FeedMeta) -> io::Result<()> {
        for entry in fs::read_dir(self.new_state())? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != META && !meta.files.iter().any(|file| file.file == name) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// No separators, no dots only: what may be joined to a folder's path.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != ".."
}

fn remove(path: &Path) -> io::Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(kind) if kind.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Written and on disk, or an error.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a rename last over a power cut, where the file system can.
pub(crate) fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(path) {
        let _ = folder.sync_all();
    }
}
