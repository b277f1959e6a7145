//! Reading files that others write: bounded, and never blocking on something that is no file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// `config.json`, `state.json`, `config.v2.json`: tens of kilobytes in practice.
pub(crate) const CONFIG_LIMIT: u64 = 4 << 20;
/// Files of procfs, such as a container's routing table.
pub(crate) const PROC_LIMIT: u64 = 1 << 20;

/// The whole file, or an error if it is larger than `limit` bytes or not a regular file.
pub(crate) fn bytes(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut out = Vec::new();
    file.take(limit + 1).read_to_end(&mut out)?;
    if out.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {limit} bytes"),
        ));
    }
    Ok(out)
}

/// The first `limit` bytes of a file of procfs, as text.
pub(crate) fn proc_text(path: &Path) -> io::Result<String> {
    let mut out = Vec::new();
    open(path)?.take(PROC_LIMIT).read_to_end(&mut out)?;
    Ok(lossy(out))
}

pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// A FIFO or device put in place of a file must not hang us.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}
