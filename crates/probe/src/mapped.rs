//! A file seen as memory, read-only: how the vulnerability database is opened.
//!
//! Limits: only regular files; an empty file is an error. The bytes are hostile until checked by
//! whoever parses them.

use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    ptr::NonNull,
};

/// A private, read-only mapping of a whole file. Cheap to open whatever the size; its pages are
/// shared with every process that maps the same file.
#[derive(Debug)]
pub struct MappedFile {
    start: NonNull<u8>,
    length: usize,
    path: PathBuf,
    inode: u64,
}

// SAFETY: the mapping is read-only and private for its whole life, so shared references to it
// from any thread read the same memory that nobody writes.
unsafe impl Send for MappedFile {}
// SAFETY: as above; no method takes `&self` and writes.
unsafe impl Sync for MappedFile {}

impl MappedFile {
    /// # Errors
    /// When the file cannot be opened, is not regular, is empty, or cannot be mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let length = usize::try_from(metadata.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "too large to map"))?;
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is empty",
            ));
        }
        use std::os::fd::AsRawFd;
        // SAFETY: a fresh mapping chosen by the kernel of a file opened for reading; no existing
        // memory is replaced. The result is checked before use.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(address.cast::<u8>())
            .ok_or_else(|| io::Error::other("the kernel mapped the file at address zero"))?;
        Ok(Self {
            start,
            length,
            path: path.to_owned(),
            inode: metadata.ino(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path` now names another file: a newer database was put in its place.
    pub fn is_replaced(&self) -> bool {
        std::fs::metadata(&self.path).map_or(true, |metadata| metadata.ino() != self.inode)
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `start` is valid for `length` bytes until drop. A file that is truncated in
        // place would fault on access; databases are only ever replaced by rename, never written
        // in place, and a foreign writer needs the rights of the data folder's owner.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: exactly the range that `mmap` returned, unmapped once.
        unsafe {
            libc::munmap(self.start.as_ptr().cast(), self.length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_file_holds_and_sees_a_replacement() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(&path, b"first").unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        assert_eq!(mapped.as_ref(), b"first");
        assert!(!mapped.is_replaced());
        let next = folder.path().join("b.db");
        std::fs::write(&next, b"second").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert!(mapped.is_replaced());
        assert_eq!(
            mapped.as_ref(),
            b"first",
            "a running scan keeps its own database"
        );
    }

    #[test]
    fn says_why_it_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, b"").unwrap();
        for (path, kind) in [
            (empty.as_path(), io::ErrorKind::UnexpectedEof),
            (folder.path(), io::ErrorKind::InvalidInput),
            (Path::new("/nonexistent/file"), io::ErrorKind::NotFound),
        ] {
            assert_eq!(
                MappedFile::open(path).unwrap_err().kind(),
                kind,
                "{}",
                path.display()
            );
        }
    }
}
