//! The last policy heard, on disk, so that enforcement starts before the controller answers.
//!
//! Limits: a file over 256 MiB, a wrong checksum or an unknown shape is reported and not used.

use rampart_model::PolicySnapshot;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

const MAX_BYTES: u64 = 256 << 20;
const MAGIC: &[u8; 8] = b"RMPPOL01";

#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("cannot access the kept policy {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("the kept policy {path} is damaged ({why}); waiting for the controller's")]
    Damaged { path: PathBuf, why: &'static str },
}

/// One snapshot in one file, replaced whole.
#[derive(Clone, Debug)]
pub struct PolicyCache {
    path: PathBuf,
}

impl PolicyCache {
    pub fn new(dir: &Path) -> Self {
        Self {
            path: dir.join("policy.snapshot"),
        }
    }

    /// `Ok(None)` if none was ever kept.
    pub fn load(&self) -> Result<Option<PolicySnapshot>, CacheError> {
        let mut bytes = Vec::new();
        match File::open(&self.path) {
            Ok(file) => file.take(MAX_BYTES + 1).read_to_end(&mut bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => Err(e),
        }
        .map_err(|source| self.io(source))?;
        let damaged = |why| CacheError::Damaged {
            path: self.path.clone(),
            why,
        };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(damaged("too long"));
        }
        let body = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| damaged("unknown format"))?;
        let (crc, json) = body
            .split_first_chunk::<4>()
            .ok_or_else(|| damaged("cut short"))?;
        if crc32fast::hash(json) != u32::from_le_bytes(*crc) {
            return Err(damaged("wrong checksum"));
        }
        serde_json::from_slice(json)
            .map(Some)
            .map_err(|_| damaged("unknown shape"))
    }

    /// Durable when it returns.
    pub fn persist(&self, snapshot: &PolicySnapshot) -> Result<(), CacheError> {
        let json = serde_json::to_vec(snapshot).map_err(|e| self.io(e.into()))?;
        self.replace(&json).map_err(|source| self.io(source))
    }

    fn replace(&self, json: &[u8]) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(MAGIC)?;
        file.write_all(&crc32fast::hash(json).to_le_bytes())?;
        file.write_all(json)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    }

    fn io(&self, source: io::Error) -> CacheError {
        CacheError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_policy_comes_back_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let cache = PolicyCache::new(dir.path());
        assert!(cache.load().unwrap().is_none());
        cache
            .persist(&PolicySnapshot {
                revision: 7,
                ..Default::default()
            })
            .unwrap();
        assert_eq!(cache.load().unwrap().unwrap().revision, 7);

        let good = fs::read(&cache.path).unwrap();
        for (hurt, why) in [
            (good[..3].to_vec(), "unknown format"),
            (good[..10].to_vec(), "cut short"),
            (good[..good.len() - 1].to_vec(), "wrong checksum"),
        ] {
            fs::write(&cache.path, hurt).unwrap();
            match cache.load() {
                Err(CacheError::Damaged { why: told, .. }) => assert_eq!(told, why),
                other => panic!("{why}: {other:?}"),
            }
        }
    }
}
