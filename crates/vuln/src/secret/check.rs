//! What tells a secret from a text that only looks like one.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// Shannon entropy in bits a character.
pub(super) fn entropy(text: &str) -> f32 {
    let mut counts = [0u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    #[allow(clippy::cast_precision_loss)]
    let length = text.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            #[allow(clippy::cast_precision_loss)]
            let share = *count as f32 / length;
            -share * share.log2()
        })
        .sum()
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `prefix_` and 36 characters, the last six a CRC-32 of the thirty before: GitHub and npm.
pub(super) fn crc_token(token: &str) -> bool {
    let Some((_, body)) = token.split_once('_') else {
        return false;
    };
    let (Some(random), Some(sum)) = (body.get(..30), body.get(30..36)) else {
        return false;
    };
    let mut crc = crc32fast::hash(random.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(crc % 62).unwrap_or(0)];
        crc /= 62;
    }
    digits == sum.as_bytes()
}

/// `glsa_`, 32 characters, and the CRC-32 of both in little-endian hex.
pub(super) fn grafana_token(token: &str) -> bool {
    let Some((head, sum)) = token.rsplit_once('_') else {
        return false;
    };
    hex::encode(crc32fast::hash(head.as_bytes()).to_le_bytes()) == sum
}

/// The id's letters are base 32, and the sample ids of manuals end in a word.
pub(super) fn aws_id(id: &str) -> bool {
    id.len() >= 20
        && id[4..]
            .bytes()
            .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))
        && !id.ends_with("EXAMPLE")
}

/// Letters of both cases and digits: no hash, no path, no word.
pub(super) fn mixed(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_lowercase())
        && text.bytes().any(|b| b.is_ascii_uppercase())
        && text.bytes().any(|b| b.is_ascii_digit())
}

/// A digit and a letter at least.
pub(super) fn letters_and_digits(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Header and payload are base64 of JSON objects, and the header names an algorithm.
pub(super) fn jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let mut object = || -> Option<serde_json::Value> {
        let bytes = URL_SAFE_NO_PAD
            .decode(parts.next()?.trim_end_matches('='))
            .ok()?;
        serde_json::from_slice(&bytes)
            .ok()
            .filter(serde_json::Value::is_object)
    };
    object().is_some_and(|header| header.get("alg").is_some()) && object().is_some()
}

/// A PEM block whose body is base64 of DER or of an OpenSSH key.
pub(super) fn pem(block: &str) -> bool {
    // In sources and environments the line ends may be written out.
    let block = block.replace("\\r", "").replace("\\n", "\n");
    let lines = block.lines().skip(1);
    let body: String = lines
        .map(|line| line.trim().trim_matches(['"', '\'', '+', ',', ' ']))
        .take_while(|line| !line.starts_with("-----"))
        // Headers of an encrypted key: `Proc-Type: …`.
        .filter(|line| !line.contains(':'))
        .collect();
    let head: String = body
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/'))
        .take(64)
        .collect();
    head.len() == 64 && STANDARD_NO_PAD.decode(&head).is_ok()
}

/// As [`pem`], and the structure is a private key's: a DER sequence or OpenSSH's magic.
pub(super) fn private_key(block: &str) -> bool {
    // `MI…` begins every DER sequence of such a length, `b3BlbnNzaC1rZXktdjE` OpenSSH's.
    let encrypted = block.contains("ENCRYPTED");
    pem(block)
        && (encrypted
            || [
                b"MI".as_slice(),
                b"MC4C",
                b"MHc",
                b"MHQ",
                b"MGg",
                b"MFM",
                b"b3BlbnNza",
            ]
            .iter()
            .any(|start| memchr::memmem::find(block.as_bytes(), start).is_some()))
}

/// Base64 of `user:password`.
pub(super) fn basic_auth(text: &str) -> bool {
    let decoded = STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text.trim_end_matches('=')));
    decoded
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .is_some_and(|pair| {
            pair.split_once(':').is_some_and(|(user, password)| {
                !user.is_empty() && password.len() >= 4 && pair.chars().all(|c| !c.is_control())
            })
        })
}

/// Base64 of a PEM block: `client-key-data` of a kubeconfig.
pub(super) fn base64_of_private_key(text: &str) -> bool {
    let start = text
        .get(..56)
        .and_then(|start| STANDARD_NO_PAD.decode(start).ok());
    start.is_some_and(|bytes| {
        bytes.starts_with(b"-----BEGIN") && memchr::memmem::find(&bytes, b"PRIVATE").is_some()
    })
}

/// A macaroon of the Python index names it in its first bytes.
pub(super) fn pypi_token(token: &str) -> bool {
    let body = token.strip_prefix("pypi-").unwrap_or(token);
    let start = body
        .get(..24)
        .and_then(|start| URL_SAFE_NO_PAD.decode(start).ok());
    start.is_some_and(|bytes| {
        memchr::memmem::find(&bytes, b"pypi.org").is_some()
            || memchr::memmem::find(&bytes, b"test.pypi").is_some()
    })
}

/// 32 bytes in base64: a WireGuard key.
pub(super) fn bytes_32(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

const BECH32: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// Bech32 (BIP 173) with its checksum, in upper case: an age identity.
pub(super) fn bech32(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let Some((human, data)) = lower.rsplit_once('1') else {
        return false;
    };
    let mut sum: u32 = 1;
    let mut step = |value: u32| {
        let top = sum >> 25;
        sum = ((sum & 0x1ff_ffff) << 5) ^ value;
        let generators = [
            0x3b6a_57b2u32,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ];
        for (bit, generator) in generators.iter().enumerate() {
            if (top >> bit) & 1 == 1 {
                sum ^= generator;
            }
        }
    };
    human.bytes().for_each(|b| step(u32::from(b) >> 5));
    step(0);
    human.bytes().for_each(|b| step(u32::from(b) & 31));
    for c in data.chars() {
        let Some(value) = BECH32.find(c).and_then(|at| u32::try_from(at).ok()) else {
            return false;
        };
        step(value);
    }
    sum == 1
}

/// A password in a URL that is no placeholder and no variable.
pub(super) fn url_password(password: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    let trivial = [
        "password", "passwd", "pass", "pwd", "secret", "user", "root", "admin", "test", "guest",
        "postgres", "mysql", "redis", "foo", "bar", "token", "xxx",
    ];
    password.len() >= 4
        && !trivial.contains(&lower.as_str())
        && !password.contains(['$', '{', '}', '<', '>', '(', '%', '*', '[', ' '])
        && !super::allow::is_placeholder(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums() {
        assert!(crc_token("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"));
        assert!(!crc_token("ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"));
        assert!(!crc_token("ghp_short") && !crc_token("none"));
        assert!(grafana_token(
            "glsa_yscW25imSKJIuav8zF37RZmnbiDvB05G_fcaaf58a"
        ));
        assert!(!grafana_token(
            "glsa_yscW25imSKJIuav8zF37RZmnbiDvB05G_fcaaf58b"
        ));
        assert!(bech32("A12UEL5L"));
        assert!(!bech32("A12UEL5M") && !bech32("none"));
    }

    #[test]
    fn entropies() {
        assert!(entropy("aaaaaaaa") < 0.1);
        assert!((entropy("abcdefgh") - 3.0).abs() < 0.01);
        assert!(entropy("") < 0.1);
    }
}
