//! Paths as archives write them, brought to one form.
//!
//! Limits: purely by text; a directory that is a symbolic link is not followed, as the layer
//! below may hold it.

use std::borrow::Cow;

/// From the root, no leading slash, `.` and `..` resolved and never above the root; lossy where
/// not UTF-8. Empty for the root itself.
pub fn normalise(raw: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(raw);
    if is_normal(&text) {
        return text;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    Cow::Owned(parts.join("/"))
}

fn is_normal(text: &str) -> bool {
    text.is_empty() || text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Each directory above `path`, outermost first, and `path` itself.
pub(crate) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .map(|(end, _)| &path[..end])
        .chain(std::iter::once(path))
}

/// Directory and last name of a normal path.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form() {
        for (raw, expected) in [
            ("usr/lib", "usr/lib"),
            ("./usr/lib/", "usr/lib"),
            ("/etc//passwd", "etc/passwd"),
            ("../../etc/./x/../passwd", "etc/passwd"),
            ("./", ""),
            ("", ""),
        ] {
            assert_eq!(normalise(raw.as_bytes()), expected, "{raw}");
        }
        assert_eq!(normalise(b"a\xff"), "a\u{fffd}");
        assert_eq!(prefixes("a/b/c").collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
    }
}
