//! Copies a local input into the state folder, so that it can be fallen back to: a file as it is, a
//! directory as one packed archive of the files its feed wants.

use crate::{feed::Feed, state::FileMeta};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

const LEVEL: i32 = 3;
const DEPTH: usize = 16;

/// `at` tells several inputs of one feed apart.
pub(crate) fn copy(feed: &Feed, path: &Path, folder: &Path, at: usize) -> io::Result<FileMeta> {
    let base = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = if path.is_dir() {
        format!("{at}-folder.tar.zst")
    } else if at == 0 {
        base
    } else {
        format!("{at}-{base}")
    };
    let target = folder.join(&name);
    let _ = fs::remove_file(&target);
    if path.is_dir() {
        pack(feed, path, &target)?;
    } else {
        fs::copy(path, &target)?;
    }
    File::open(&target)?.sync_all()?;
    Ok(FileMeta {
        file: name,
        url: path.display().to_string(),
        bytes: fs::metadata(&target)?.len(),
        ..FileMeta::default()
    })
}

fn pack(feed: &Feed, path: &Path, target: &Path) -> io::Result<()> {
    let parser = (feed.parser)();
    let encoder = zstd::Encoder::new(File::create(target)?, LEVEL)?;
    let mut archive = tar::Builder::new(encoder);
    let mut folders: Vec<(PathBuf, String, usize)> = vec![(path.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let mut entries: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let base = entry.file_name().to_string_lossy().into_owned();
            if base.starts_with('.') {
                continue;
            }
            let name = if prefix.is_empty() {
                base
            } else {
                format!("{prefix}/{base}")
            };
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < DEPTH {
                folders.push((entry.path(), name, depth + 1));
            } else if kind.is_file() && wanted(parser.as_ref(), &name) {
                archive.append_path_with_name(entry.path(), &name)?;
            }
        }
    }
    archive.into_inner()?.finish()?.sync_all()
}

/// A packed file is wanted for what is in it.
fn wanted(parser: &dyn crate::feed::Parser, name: &str) -> bool {
    const PACKED: &[&str] = &[".gz", ".xz", ".zst", ".bz2", ".zip", ".tar", ".tgz"];
    parser.wants(name) || PACKED.iter().any(|ending| name.ends_with(ending))
}
