//! Rules a password must meet, and how failures are punished.

use super::AuthError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The one set of rules. NeuVector's clients know it by this name.
pub const NAME: &str = "default";
/// Under which clients ask for it without knowing its name.
pub const ALIAS: &str = "nvsyspwdprofile";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PasswordProfile {
    pub comment: String,
    pub min_len: u32,
    pub min_uppercase_count: u32,
    pub min_lowercase_count: u32,
    pub min_digit_count: u32,
    pub min_special_count: u32,
    pub enable_password_expiration: bool,
    pub password_expire_after_days: u32,
    pub enable_password_history: bool,
    pub password_keep_history_count: u32,
    pub enable_block_after_failed_login: bool,
    pub block_after_failed_login_count: u32,
    pub block_minutes: u32,
    /// Idle seconds for users without a time of their own.
    pub session_timeout: u32,
}

impl Default for PasswordProfile {
    fn default() -> Self {
        Self {
            comment: "default password rules".to_owned(),
            min_len: 8,
            min_uppercase_count: 1,
            min_lowercase_count: 1,
            min_digit_count: 1,
            min_special_count: 0,
            enable_password_expiration: false,
            password_expire_after_days: 90,
            enable_password_history: false,
            password_keep_history_count: 5,
            enable_block_after_failed_login: true,
            block_after_failed_login_count: 5,
            block_minutes: 60,
            session_timeout: 300,
        }
    }
}

impl PasswordProfile {
    /// Refuses rules nobody could meet or that switch protection off by a number.
    pub fn check(&self) -> Result<(), AuthError> {
        let classes = [
            self.min_uppercase_count,
            self.min_lowercase_count,
            self.min_digit_count,
            self.min_special_count,
        ];
        let needed: u64 = classes.iter().map(|n| u64::from(*n)).sum();
        let checks = [
            ((8..=128).contains(&self.min_len), "min_len is 8 to 128"),
            (
                needed <= 128,
                "the counts of character classes are 128 together at the most",
            ),
            (
                (1..=3650).contains(&self.password_expire_after_days),
                "password_expire_after_days is 1 to 3650",
            ),
            (
                (1..=32).contains(&self.password_keep_history_count),
                "password_keep_history_count is 1 to 32",
            ),
            (
                (1..=100).contains(&self.block_after_failed_login_count),
                "block_after_failed_login_count is 1 to 100",
            ),
            (
                (1..=10_080).contains(&self.block_minutes),
                "block_minutes is 1 to 10080",
            ),
            (
                (30..=3600).contains(&self.session_timeout),
                "session_timeout is 30 to 3600 seconds",
            ),
            (
                self.comment.len() <= 256,
                "comment has 256 bytes at the most",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(AuthError::invalid(*what)),
            None => Ok(()),
        }
    }

    /// Refuses a password the rules do not allow.
    pub fn admit(self: &Arc<Self>, password: &str, user: &str) -> Result<(), AuthError> {
        let weak = |reason: String| {
            Err(AuthError::Weak {
                reason,
                profile: self.clone(),
            })
        };
        let count = |test: fn(&char) -> bool| password.chars().filter(test).count();
        let rules = [
            (password.chars().count(), self.min_len, "characters"),
            (
                count(|c| c.is_uppercase()),
                self.min_uppercase_count,
                "upper-case letters",
            ),
            (
                count(|c| c.is_lowercase()),
                self.min_lowercase_count,
                "lower-case letters",
            ),
            (count(char::is_ascii_digit), self.min_digit_count, "digits"),
            (
                count(|c| !c.is_alphanumeric() && !c.is_whitespace()),
                self.min_special_count,
                "special characters",
            ),
        ];
        for (has, needs, of) in rules {
            if has < usize::try_from(needs).unwrap_or(usize::MAX) {
                return weak(format!("the password needs {needs} {of} and has {has}"));
            }
        }
        if password.len() > super::password::MAX_PASSWORD_BYTES {
            return weak("the password is longer than 1024 bytes".to_owned());
        }
        if password.eq_ignore_ascii_case(user) {
            return weak("the password is the user's name".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_judged_by_the_rules() {
        let profile = Arc::new(PasswordProfile {
            min_special_count: 1,
            ..PasswordProfile::default()
        });
        for (password, reason) in [
            ("Correct1!", ""),
            ("Pässwörter1!", ""),
            ("Short1!", "the password needs 8 characters and has 7"),
            (
                "lowercase1!",
                "the password needs 1 upper-case letters and has 0",
            ),
            (
                "UPPERCASE1!",
                "the password needs 1 lower-case letters and has 0",
            ),
            ("NoDigits!!", "the password needs 1 digits and has 0"),
            (
                "NoSpecial1",
                "the password needs 1 special characters and has 0",
            ),
        ] {
            let got = profile
                .admit(password, "admin")
                .map_or_else(|e| e.to_string(), |()| String::new());
            assert_eq!(got, reason, "{password}");
        }
        assert!(profile.admit("Administrator1!", "administrator1!").is_err());
    }

    #[test]
    fn rules_that_protect_nothing_are_refused() {
        assert!(PasswordProfile::default().check().is_ok());
        let changes: [fn(&mut PasswordProfile); 5] = [
            |p| p.min_len = 4,
            |p| p.block_after_failed_login_count = 0,
            |p| p.block_minutes = 0,
            |p| p.session_timeout = 10,
            |p| p.min_digit_count = u32::MAX,
        ];
        for change in changes {
            let mut profile = PasswordProfile::default();
            change(&mut profile);
            assert!(profile.check().is_err(), "{profile:?}");
        }
    }
}
