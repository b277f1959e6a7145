//! Secrets from the system's generator, and their fingerprints.

use super::AuthError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// 256 random bits in 43 URL-safe characters.
pub(super) fn token() -> Result<String, AuthError> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<32>()?))
}

pub(super) fn bytes<const N: usize>() -> Result<[u8; N], AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AuthError::System {
        what: "the random generator",
    })?;
    Ok(bytes)
}

/// SHA-256 in hex. Enough for secrets of 256 random bits, which nobody can guess from a list.
pub(super) fn fingerprint(secret: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
    digest
        .as_ref()
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            for digit in [byte >> 4, byte & 15] {
                hex.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
            hex
        })
}

/// A password a person can type: 20 characters of a 55-letter alphabet without look-alikes, over
/// 115 bits, with at least one of each class a strict profile asks for.
pub(super) fn password() -> Result<String, AuthError> {
    const ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ2345678";
    const CLASSES: [&[u8]; 4] = [
        b"abcdefghijkmnpqrstuvwxyz",
        b"ABCDEFGHJKLMNPQRSTUVWXYZ",
        b"2345678",
        b"-_.+",
    ];
    let mut out = String::with_capacity(24);
    for class in CLASSES {
        out.push(pick(class)?);
    }
    for _ in 0..20 {
        out.push(pick(ALPHABET)?);
    }
    Ok(out)
}

/// One of `from`, each as likely: bytes that would favour the first ones are thrown away.
fn pick(from: &[u8]) -> Result<char, AuthError> {
    let limit = 256 - 256 % from.len();
    loop {
        let [byte] = bytes::<1>()?;
        if usize::from(byte) < limit {
            return Ok(char::from(from[usize::from(byte) % from.len()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_have_their_shape() {
        let (a, b) = (token().unwrap(), token().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert_eq!(
            fingerprint("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let password = password().unwrap();
        assert_eq!(password.len(), 24);
        assert!(password.chars().any(|c| c.is_ascii_digit()));
        assert!(password.chars().any(|c| c.is_ascii_uppercase()));
        assert!(password.chars().any(|c| c.is_ascii_punctuation()));
    }
}
