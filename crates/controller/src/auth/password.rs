//! Password hashing: Argon2id with 19 MiB, two passes, one lane, as OWASP's sheet recommends.
//!
//! Limits: [`PARALLEL`] hashes at a time, [`QUEUE`] callers waiting; the next one is turned away.
//! A password is 1 to [`MAX_PASSWORD_BYTES`] bytes.

use super::{AuthError, random};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

pub const MEMORY_KIB: u32 = 19 * 1024;
pub const PASSES: u32 = 2;
pub const LANES: u32 = 1;
pub const MAX_PASSWORD_BYTES: usize = 1024;
/// Hashes at a time.
pub const PARALLEL: usize = 2;
/// Callers that may wait for their turn.
pub const QUEUE: usize = 32;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// A stored hash that asks for more than this was not written by Rampart.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;

/// Hashes and verifies off the async threads, a few at a time.
pub struct Hasher {
    permits: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    count: AtomicU64,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(PARALLEL)),
            inside: Arc::default(),
            count: AtomicU64::new(0),
        }
    }
}

/// The right to hash once.
pub struct Turn {
    _permit: tokio::sync::OwnedSemaphorePermit,
    _place: Place,
}

struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Hasher {
    /// Waits for a turn, or is turned away when the queue is full.
    pub async fn turn(&self) -> Result<Turn, AuthError> {
        let inside = self.inside.fetch_add(1, Ordering::AcqRel);
        let place = Place(self.inside.clone());
        if inside >= PARALLEL + QUEUE {
            return Err(AuthError::Busy);
        }
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| AuthError::System {
            what: "the password hasher",
        })?;
        Ok(Turn {
            _permit: permit,
            _place: place,
        })
    }

    /// A PHC string with a fresh salt.
    pub async fn hash(&self, turn: Turn, password: &str) -> Result<String, AuthError> {
        check_length(password)?;
        let salt = random::bytes::<SALT_BYTES>()?;
        let hash = self.run(turn, password, salt.to_vec(), Cost::OURS).await?;
        Ok(Stored {
            cost: Cost::OURS,
            salt: salt.to_vec(),
            hash,
        }
        .to_phc())
    }

    /// Whether the password is the one hashed. Without a hash it takes as long and says no.
    pub async fn verify(
        &self,
        turn: Turn,
        password: &str,
        phc: Option<&str>,
    ) -> Result<bool, AuthError> {
        let known = phc.and_then(Stored::from_phc);
        let fits = check_length(password).is_ok();
        let password = if fits { password } else { "" };
        let (salt, cost) = match &known {
            Some(stored) => (stored.salt.clone(), stored.cost),
            None => (vec![0; SALT_BYTES], Cost::OURS),
        };
        let hash = self.run(turn, password, salt, cost).await?;
        let same = known.is_some_and(|stored| bool::from(stored.hash.ct_eq(&hash)));
        Ok(same && fits)
    }

    /// Hashes made since the start.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    async fn run(
        &self,
        turn: Turn,
        password: &str,
        salt: Vec<u8>,
        cost: Cost,
    ) -> Result<Vec<u8>, AuthError> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let password = zeroize::Zeroizing::new(password.as_bytes().to_vec());
        let failed = || AuthError::System {
            what: "the password hasher",
        };
        let work = move || {
            let _turn = turn;
            let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH_BYTES));
            let argon = Argon2::new(
                Algorithm::Argon2id,
                Version::V0x13,
                params.map_err(|_| failed())?,
            );
            let mut out = vec![0; HASH_BYTES];
            argon
                .hash_password_into(&password, &salt, &mut out)
                .map_err(|_| failed())?;
            Ok(out)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| failed())?
    }
}

fn check_length(password: &str) -> Result<(), AuthError> {
    if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
        return Err(AuthError::invalid(format!(
            "a password has 1 to {MAX_PASSWORD_BYTES} bytes"
        )));
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    const OURS: Self = Self {
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        lanes: LANES,
    };
}

/// A hash in parts. As text it is a PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
struct Stored {
    cost: Cost,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Stored {
    fn to_phc(&self) -> String {
        let Cost {
            memory_kib,
            passes,
            lanes,
        } = self.cost;
        let (salt, hash) = (
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(&self.hash),
        );
        format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
    }

    fn from_phc(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('$').collect();
        let ["", "argon2id", "v=19", cost, salt, hash] = parts[..] else {
            return None;
        };
        let mut numbers = cost
            .split(',')
            .zip(["m=", "t=", "p="])
            .map(|(part, name)| part.strip_prefix(name)?.parse().ok());
        let cost = Cost {
            memory_kib: numbers.next()??,
            passes: numbers.next()??,
            lanes: numbers.next()??,
        };
        let sane =
            cost.memory_kib <= MAX_MEMORY_KIB && cost.passes <= MAX_PASSES && cost.lanes <= 4;
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let hash = STANDARD_NO_PAD.decode(hash).ok()?;
        (sane && salt.len() >= 8 && hash.len() == HASH_BYTES).then_some(Self { cost, salt, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_knows_its_password_and_no_other() {
        let hasher = Hasher::default();
        let hash = hasher
            .hash(hasher.turn().await.unwrap(), "correct horse")
            .await
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        for (password, phc, expected) in [
            ("correct horse", Some(hash.as_str()), true),
            ("correct horsf", Some(hash.as_str()), false),
            ("correct horse", None, false),
            ("", Some(hash.as_str()), false),
            (
                "correct horse",
                Some("$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA"),
                false,
            ),
        ] {
            let turn = hasher.turn().await.unwrap();
            assert_eq!(
                hasher.verify(turn, password, phc).await.unwrap(),
                expected,
                "{password} {phc:?}"
            );
        }
        assert_eq!(hasher.count(), 6);
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let hasher = Arc::new(Hasher::default());
        let held = (hasher.turn().await.unwrap(), hasher.turn().await.unwrap());
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..QUEUE + 10 {
            let hasher = hasher.clone();
            waiting.spawn(async move { hasher.turn().await.map(drop).is_ok() });
        }
        let mut turned_away = 0;
        while turned_away < 10 {
            assert!(
                !waiting.join_next().await.unwrap().unwrap(),
                "nobody gets a turn while both are held"
            );
            turned_away += 1;
        }
        drop(held);
        while let Some(served) = waiting.join_next().await {
            assert!(served.unwrap());
        }
    }
}
