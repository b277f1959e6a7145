//! The keys values are sealed with, and the file they lie in.
//!
//! The file is text: a line of 64 hexadecimal digits a key, the newest last, lines that begin with
//! `#` left out. It is readable by its owner only; a wider mode is narrowed. The newest key seals;
//! all open, so that a backup from before a rotation stays readable. A key is named by the first 8
//! bytes of its SHA-256. Limit: [`MAX_KEYS`] keys.

use crate::StoreError;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub const MAX_KEYS: usize = 16;
pub(crate) const ID_BYTES: usize = 8;
pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// Longest key file that is read.
const MAX_FILE_BYTES: u64 = 64 << 10;
const HEAD: &str = "# Keys of sealed values in Rampart's store, the newest last. Back it up with the store, and keep\n\
                    # it secret: without it the credentials of registries are lost.\n";

/// Keys, the newest last; never none.
pub struct Keyring {
    keys: Vec<Key>,
}

struct Key {
    id: [u8; ID_BYTES],
    cipher: LessSafeKey,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|error| StoreError::io("draw a random key", error))?;
    Ok(bytes)
}

fn unusable(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::KeyFile {
        path: path.to_owned(),
        detail: detail.into(),
    }
}

impl Key {
    fn new(secret: &[u8; KEY_BYTES]) -> Option<Self> {
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(digest(&SHA256, secret).as_ref().get(..ID_BYTES)?);
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, secret).ok()?);
        Some(Self { id, cipher })
    }
}

impl Keyring {
    /// The keys of a file, which is made with a first one if it is not there.
    ///
    /// # Errors
    /// [`StoreError::KeyFile`] if the file cannot be read or written, or holds something else.
    pub fn load_or_make(path: &Path) -> Result<Self, StoreError> {
        match Self::load(path)? {
            Some(ring) => Ok(ring),
            None => {
                write(path, &[random()?])?;
                Self::load(path)?.ok_or_else(|| unusable(path, "it was removed meanwhile"))
            }
        }
    }

    /// The keys of a file; `None` if there is no file.
    ///
    /// # Errors
    /// As [`Self::load_or_make`].
    pub fn load(path: &Path) -> Result<Option<Self>, StoreError> {
        let Some(secrets) = read(path)? else {
            return Ok(None);
        };
        let keys: Option<Vec<Key>> = secrets.iter().map(Key::new).collect();
        let keys = keys.ok_or_else(|| unusable(path, "its keys cannot be used"))?;
        Ok(Some(Self { keys }))
    }

    /// Adds a key to the file, which is the newest from then on, and gives its name. A store that
    /// is open goes on with the one it has; the next start seals everything anew.
    ///
    /// # Errors
    /// As [`Self::load_or_make`]; with [`MAX_KEYS`] keys, the oldest must be taken out by hand.
    pub fn rotate(path: &Path) -> Result<String, StoreError> {
        let mut secrets = read(path)?.unwrap_or_default();
        if secrets.len() >= MAX_KEYS {
            return Err(unusable(
                path,
                format!("it holds {MAX_KEYS} keys: take out the oldest that no backup needs"),
            ));
        }
        secrets.push(random()?);
        write(path, &secrets)?;
        let ring = Self::load(path)?;
        let names = ring.map(|ring| ring.names()).unwrap_or_default();
        Ok(names.last().cloned().unwrap_or_default())
    }

    /// Names of the keys, the newest last.
    pub fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| hex(&key.id)).collect()
    }

    pub(crate) fn newest_id(&self) -> &[u8] {
        self.keys.last().map_or(&[], |key| &key.id)
    }

    fn key(&self, id: &[u8]) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    pub(crate) fn has(&self, id: &[u8]) -> bool {
        self.key(id).is_some()
    }

    pub(crate) fn encrypt(
        &self,
        about: &[u8],
        plain: &[u8],
    ) -> Result<([u8; NONCE_BYTES], Vec<u8>), StoreError> {
        let failed = || StoreError::invalid("a value could not be sealed");
        let key = self.keys.last().ok_or_else(failed)?;
        let nonce: [u8; NONCE_BYTES] = random()?;
        let mut body = plain.to_vec();
        key.cipher
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(about),
                &mut body,
            )
            .map_err(|_| failed())?;
        Ok((nonce, body))
    }

    pub(crate) fn decrypt(
        &self,
        id: &[u8],
        nonce: &[u8],
        about: &[u8],
        body: &[u8],
    ) -> Option<Vec<u8>> {
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = body.to_vec();
        let cipher = &self.key(id)?.cipher;
        let length = cipher
            .open_in_place(nonce, Aad::from(about), &mut body)
            .ok()?
            .len();
        body.truncate(length);
        Some(body)
    }
}

fn read(path: &Path) -> Result<Option<Vec<[u8; KEY_BYTES]>>, StoreError> {
    let cannot = |error: io::Error| unusable(path, format!("it cannot be read: {error}"));
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    if found.len() > MAX_FILE_BYTES {
        return Err(unusable(path, "it is too long to be one"));
    }
    if found.permissions().mode() & 0o077 != 0 {
        // A volume's group rights are put on every file of it: no reason not to start.
        tracing::warn!(path = %path.display(), "the key file could be read by others: narrowed");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(cannot)?;
    }
    let text = fs::read_to_string(path).map_err(cannot)?;
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let secrets = lines
        .map(|line| from_hex(line).ok_or_else(|| unusable(path, "a line of it is no key")))
        .collect::<Result<Vec<_>, _>>()?;
    if secrets.is_empty() || secrets.len() > MAX_KEYS {
        return Err(unusable(
            path,
            format!("it holds {} keys, not 1 to {MAX_KEYS}", secrets.len()),
        ));
    }
    Ok(Some(secrets))
}

fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut bytes = [0; KEY_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}

/// Whole or not at all, and durable before a value is sealed with it.
fn write(path: &Path, secrets: &[[u8; KEY_BYTES]]) -> Result<(), StoreError> {
    let cannot = |error: io::Error| unusable(path, format!("it cannot be written: {error}"));
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    // One that a crash left may have another mode.
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(cannot)?;
    let mut text = HEAD.to_owned();
    for secret in secrets {
        text.push_str(&hex(secret));
        text.push('\n');
    }
    file.write_all(text.as_bytes()).map_err(cannot)?;
    file.sync_all().map_err(cannot)?;
    fs::rename(&beside, path).map_err(cannot)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(cannot)
}
