//! Big things that are kept whole: scan reports, by the digest of their content.
//!
//! [`Folder`] keeps each as a file, written beside its place, made durable and moved there, so that
//! a crash leaves the old state or the new one. [`Memory`] is for tests.
//!
//! Limits: a name is 64 hexadecimal digits; an artifact has at most [`MAX_BYTES`].

use crate::StoreError;
use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Longest artifact, as it is stored.
pub const MAX_BYTES: usize = 256 << 20;
const NAME_LEN: usize = 64;
const UNFINISHED: &str = ".writing-";

#[async_trait]
pub trait Artifacts: Send + Sync + 'static {
    /// Keeps it; durable when this returns. Equal names are equal contents: the second is ignored.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError>;

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// It is fine if there is none.
    async fn delete(&self, name: &str) -> Result<(), StoreError>;

    async fn names(&self) -> Result<Vec<String>, StoreError>;
}

fn check(name: &str) -> Result<(), StoreError> {
    let fits = name.len() == NAME_LEN
        && name
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if fits {
        Ok(())
    } else {
        Err(StoreError::invalid(
            "an artifact's name is 64 hexadecimal digits",
        ))
    }
}

fn check_size(bytes: &[u8]) -> Result<(), StoreError> {
    if bytes.len() <= MAX_BYTES {
        return Ok(());
    }
    Err(StoreError::invalid(format!(
        "an artifact has at most {MAX_BYTES} bytes"
    )))
}

/// Files below one folder, by the first two digits of their names.
pub struct Folder {
    root: PathBuf,
    written: AtomicU64,
}

impl Folder {
    /// Makes the folder if it is not there, readable by its owner only, and removes what a crash
    /// left unfinished. One process uses it: whoever holds the store's lock.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let mut builder = fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
        builder
            .create(&root)
            .map_err(|e| error("make the folder of reports", e))?;
        let entries = fs::read_dir(&root).map_err(|e| error("read the folder of reports", e))?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path())
                    .map_err(|e| error("remove an unfinished report", e))?;
            }
        }
        Ok(Self {
            root,
            written: AtomicU64::new(0),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(&name[..2]).join(name)
    }
}

fn error(doing: &'static str, source: io::Error) -> StoreError {
    if matches!(
        source.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return StoreError::Full;
    }
    StoreError::io(doing, source)
}

fn write(root: &Path, temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(root);
    let made = !folder.is_dir();
    if made {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    File::open(folder)?.sync_all()?;
    if made {
        File::open(root)?.sync_all()?;
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|e| error(doing, e)),
        Err(_) => Err(StoreError::Unavailable {
            what: "it is shutting down",
        }),
    }
}

#[async_trait]
impl Artifacts for Folder {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        check(name)?;
        check_size(&bytes)?;
        let (root, path) = (self.root.clone(), self.path(name));
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = root.join(format!("{UNFINISHED}{number}"));
        blocking("write a report", move || {
            if path.is_file() {
                return Ok(());
            }
            let written = write(&root, &temporary, &path, &bytes);
            if written.is_err() {
                let _ = fs::remove_file(&temporary);
            }
            written
        })
        .await
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        check(name)?;
        let path = self.path(name);
        blocking("read a report", move || match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        })
        .await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        check(name)?;
        let path = self.path(name);
        blocking("delete a report", move || match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        })
        .await
    }

    async fn names(&self) -> Result<Vec<String>, StoreError> {
        let root = self.root.clone();
        blocking("list reports", move || {
            let mut names = Vec::new();
            for folder in fs::read_dir(&root)? {
                let folder = folder?;
                if !folder.file_type()?.is_dir() {
                    continue;
                }
                for file in fs::read_dir(folder.path())? {
                    let name = file?.file_name().to_string_lossy().into_owned();
                    if check(&name).is_ok() {
                        names.push(name);
                    }
                }
            }
            Ok(names)
        })
        .await
    }
}

/// Artifacts that do not outlive the value.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Artifacts for Memory {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        check(name)?;
        check_size(&bytes)?;
        self.kept().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.kept().get(name).cloned())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.kept().remove(name);
        Ok(())
    }

    async fn names(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.kept().keys().cloned().collect())
    }
}
