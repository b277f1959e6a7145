//! Keys that sign databases: Ed25519, one line of text each.
//!
//! The secret key's file is readable by its owner only and is refused otherwise. A public key is
//! trusted by lying in the data folder's `keys/`, or by being named on the command line.

use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const SECRET: &str = "rampart-db-secret-ed25519:";
const PUBLIC: &str = "rampart-db-public-ed25519:";
/// Longest key file that is read.
const MAX_FILE: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read or write the key {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{path} can be read by others (mode {mode:o}): `chmod 600` it, and make a new key if anybody did"
    )]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("{path} holds no {kind} database key")]
    NotAKey { path: PathBuf, kind: &'static str },
    #[error("no random numbers to be had: {0}")]
    Random(String),
}

/// Short name of a public key, for people.
pub fn fingerprint(key: &VerifyingKey) -> String {
    hex::encode(Sha256::digest(key.as_bytes()).get(..8).unwrap_or_default())
}

/// Makes a key pair: the secret at `path`, which must not be there yet, the public at `path.pub`.
pub fn generate(path: &Path) -> Result<VerifyingKey, KeyError> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| KeyError::Random(error.to_string()))?;
    let key = SigningKey::from_bytes(&seed);
    let public = key.verifying_key();
    write(path, 0o600, &format!("{SECRET}{}\n", hex::encode(seed)))?;
    write_public(&public_path(path), &public)?;
    Ok(public)
}

pub fn public_path(secret: &Path) -> PathBuf {
    let mut name = secret.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Writes a public key for [`public`] to read; what is there already stays.
pub fn write_public(path: &Path, key: &VerifyingKey) -> Result<(), KeyError> {
    if path.exists() {
        return Ok(());
    }
    let text = format!("{PUBLIC}{}\n", hex::encode(key.as_bytes()));
    write(path, 0o644, &text)
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), KeyError> {
    let io = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)
}

fn read(path: &Path) -> Result<String, KeyError> {
    let io = |source| KeyError::Io {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(io)?.len() > MAX_FILE {
        return Err(KeyError::NotAKey {
            path: path.to_owned(),
            kind: "",
        });
    }
    fs::read_to_string(path).map_err(io)
}

/// The 32 bytes after the mark, on whichever line they stand.
fn bytes_after(text: &str, mark: &str) -> Vec<[u8; 32]> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(mark))
        .filter_map(|word| hex::decode(word.split_whitespace().next()?).ok())
        .filter_map(|bytes| bytes.try_into().ok())
        .collect()
}

pub fn secret(path: &Path) -> Result<SigningKey, KeyError> {
    let text = read(path)?;
    let mode = fs::metadata(path)
        .map_err(|source| KeyError::Io {
            path: path.to_owned(),
            source,
        })?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    bytes_after(&text, SECRET)
        .first()
        .map(SigningKey::from_bytes)
        .ok_or(KeyError::NotAKey {
            path: path.to_owned(),
            kind: "secret",
        })
}

/// A public key by its 64 hex digits.
pub fn from_hex(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = hex::decode(text.trim()).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// All public keys of a file, one a line.
pub fn public(path: &Path) -> Result<Vec<VerifyingKey>, KeyError> {
    let keys: Vec<VerifyingKey> = bytes_after(&read(path)?, PUBLIC)
        .iter()
        .filter_map(|bytes| VerifyingKey::from_bytes(bytes).ok())
        .collect();
    if keys.is_empty() {
        return Err(KeyError::NotAKey {
            path: path.to_owned(),
            kind: "public",
        });
    }
    Ok(keys)
}

/// The keys of every `*.pub` in a folder; none if there is no folder.
pub fn trusted(folder: &Path) -> Result<Vec<VerifyingKey>, KeyError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(KeyError::Io {
                path: folder.to_owned(),
                source,
            });
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "pub"))
        .collect();
    paths.sort();
    let mut keys = Vec::new();
    for path in paths {
        keys.extend(public(&path)?);
    }
    Ok(keys)
}

/// The installation's own key pair, made at first use: the secret in `folder`, the public trusted.
pub fn own(folder: &Path) -> Result<SigningKey, KeyError> {
    let path = folder.join("signing.key");
    let io = |source| KeyError::Io {
        path: path.clone(),
        source,
    };
    if !path.exists() {
        fs::create_dir_all(folder.join("keys")).map_err(io)?;
        generate(&path)?;
        fs::rename(public_path(&path), folder.join("keys").join("own.pub")).map_err(io)?;
    }
    secret(&path)
}
