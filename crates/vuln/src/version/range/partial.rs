//! Semantic versions that may leave numbers out: `1`, `1.2`, `1.x`, `1.2.3-rc.1`.

use super::incremented;

/// Numbers given, as digits; a wildcard and what is left out is none.
#[derive(Clone, Debug)]
pub(super) struct Partial<'a> {
    pub(super) major: Option<&'a str>,
    pub(super) minor: Option<&'a str>,
    pub(super) patch: Option<&'a str>,
    /// With its hyphen; empty if there is none.
    pub(super) pre: String,
}

impl<'a> Partial<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['=', ' ']);
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text).trim_start();
        let text = text.split_once('+').map_or(text, |(text, _)| text);
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | 'x' | 'X' | '*')))
            .unwrap_or(text.len());
        let (numbers, rest) = text.split_at(end);
        let pre = match rest.strip_prefix('-').unwrap_or(rest) {
            "" => String::new(),
            pre if pre
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')) =>
            {
                format!("-{pre}")
            }
            _ => return None,
        };
        let mut given = numbers.split('.').map(|number| match number {
            "x" | "X" | "*" => Some(None),
            digits if super::super::part::is_number(digits.as_bytes()) => Some(Some(digits)),
            _ => None,
        });
        let major = given.next()??;
        let minor = given
            .next()
            .unwrap_or(Some(None))?
            .filter(|_| major.is_some());
        let patch = given
            .next()
            .unwrap_or(Some(None))?
            .filter(|_| minor.is_some());
        if given.next().is_some() {
            return None;
        }
        let pre = if patch.is_some() { pre } else { String::new() };
        Some(Self {
            major,
            minor,
            patch,
            pre,
        })
    }

    /// The lowest version it may stand for, without pre-releases unless it names one.
    pub(super) fn floor(&self) -> String {
        let number = |n: Option<&'a str>| n.unwrap_or("0");
        format!(
            "{}.{}.{}{}",
            number(self.major),
            number(self.minor),
            number(self.patch),
            self.pre
        )
    }

    pub(super) fn is_whole(&self) -> bool {
        self.patch.is_some()
    }

    /// The first version, pre-releases too, after all those it stands for; none for `*`.
    pub(super) fn after(&self) -> Option<String> {
        Some(match (self.major?, self.minor, self.patch) {
            (major, None, _) => after_major(major),
            (major, Some(minor), None) => after_minor(major, minor),
            (major, Some(minor), Some(patch)) => {
                format!("{major}.{minor}.{}-0", incremented(patch))
            }
        })
    }

    /// The end of `^`: the first number that is not zero stays as it is.
    pub(super) fn after_caret(&self) -> Option<String> {
        let zero = |n: &str| n.bytes().all(|b| b == b'0');
        Some(match (self.major?, self.minor, self.patch) {
            (major, Some(minor), Some(patch)) if zero(major) && zero(minor) => {
                format!("{major}.{minor}.{}-0", incremented(patch))
            }
            (major, Some(minor), _) if zero(major) => after_minor(major, minor),
            (major, ..) => after_major(major),
        })
    }

    /// The end of `~`: the minor number stays, or the major where it is alone.
    pub(super) fn after_tilde(&self) -> Option<String> {
        Some(match (self.major?, self.minor) {
            (major, Some(minor)) => after_minor(major, minor),
            (major, None) => after_major(major),
        })
    }
}

fn after_major(major: &str) -> String {
    format!("{}.0.0-0", incremented(major))
}

fn after_minor(major: &str, minor: &str) -> String {
    format!("{major}.{}.0-0", incremented(minor))
}
