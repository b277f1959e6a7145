//! A file that is being fetched: `NAME.part`, and beside it whose it is.

use crate::state::FileMeta;
use reqwest::header::{CONTENT_RANGE, HeaderMap};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

#[derive(Default, Serialize, Deserialize)]
struct Owner {
    url: String,
    etag: String,
    last_modified: String,
}

pub(super) struct Part {
    path: PathBuf,
    owner_path: PathBuf,
    done: PathBuf,
    name: String,
    file: File,
    length: u64,
    owner: Owner,
}

impl Part {
    /// What an earlier attempt left is taken up if it was the same address.
    pub(super) fn open(folder: &Path, name: &str, url: &str) -> io::Result<Self> {
        let path = folder.join(format!("{name}.part"));
        let owner_path = folder.join(format!("{name}.part.json"));
        let owner: Owner = fs::read(&owner_path)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        let mut part = Self {
            length: file.metadata()?.len(),
            path,
            owner_path,
            done: folder.join(name),
            name: name.to_owned(),
            file,
            owner,
        };
        if part.owner.url != url || part.validator().is_none() {
            part.forget()?;
            url.clone_into(&mut part.owner.url);
        }
        Ok(part)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Only a validator that stands for the very bytes is good for resuming.
    fn validator(&self) -> Option<&str> {
        if !self.owner.etag.is_empty() && !self.owner.etag.starts_with("W/") {
            return Some(&self.owner.etag);
        }
        (!self.owner.last_modified.is_empty()).then_some(self.owner.last_modified.as_str())
    }

    /// Range and validator to ask with, if there is something to resume.
    pub(super) fn resume(&self) -> Option<(String, String)> {
        let validator = self.validator()?;
        (self.length > 0).then(|| (format!("bytes={}-", self.length), validator.to_owned()))
    }

    /// Whether the answer begins where we stand.
    pub(super) fn continues(&self, headers: &HeaderMap) -> bool {
        headers
            .get(CONTENT_RANGE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("bytes "))
            .and_then(|value| value.split('-').next())
            .and_then(|start| start.trim().parse::<u64>().ok())
            == Some(self.length)
    }

    /// The whole file comes: from its first byte.
    pub(super) fn restart(&mut self, etag: &str, last_modified: &str) -> io::Result<()> {
        self.forget()?;
        etag.clone_into(&mut self.owner.etag);
        last_modified.clone_into(&mut self.owner.last_modified);
        let owner = serde_json::to_vec(&self.owner).map_err(io::Error::other)?;
        fs::write(&self.owner_path, owner)
    }

    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.length = 0;
        self.owner.etag.clear();
        self.owner.last_modified.clear();
        Ok(())
    }

    pub(super) fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(chunk)?;
        self.length += chunk.len() as u64;
        Ok(())
    }

    /// All of it is there: it gets its name.
    pub(super) fn finish(&mut self, url: &str) -> io::Result<FileMeta> {
        self.file.sync_all()?;
        let sha256 = digest(&self.path)?;
        fs::rename(&self.path, &self.done)?;
        let _ = fs::remove_file(&self.owner_path);
        Ok(FileMeta {
            file: self.name.clone(),
            url: url.to_owned(),
            etag: self.owner.etag.clone(),
            last_modified: self.owner.last_modified.clone(),
            sha256,
            bytes: self.length,
        })
    }
}

/// SHA-256 of a file, hex.
fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}
