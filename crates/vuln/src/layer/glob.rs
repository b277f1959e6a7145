//! Patterns of paths: `*` within a name, `**` over directories, `?` for one character.
//!
//! Limits: matching is linear in the pattern times the path (greedy with one level of back-up for
//! each kind of star), so a hostile path costs no more.

/// A pattern from the root, without a leading slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<String>,
}

impl Glob {
    pub fn new(pattern: &str) -> Self {
        let parts = pattern
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .map(str::to_owned)
            .collect();
        Self { parts }
    }

    /// `path` is from the root, without a leading slash.
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let (mut part, mut name) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        while name < names.len() {
            match self.parts.get(part) {
                Some(pattern) if pattern == "**" => {
                    back = Some((part + 1, name));
                    part += 1;
                }
                Some(pattern) if name_matches(pattern, names[name]) => {
                    part += 1;
                    name += 1;
                }
                _ => match back {
                    Some((after, from)) => {
                        back = Some((after, from + 1));
                        part = after;
                        name = from + 1;
                    }
                    None => return false,
                },
            }
        }
        self.parts[part..].iter().all(|pattern| pattern == "**")
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                back = Some((p + 1, n));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match back {
                Some((after, from)) => {
                    back = Some((after, from + 1));
                    p = after;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("usr/lib", "usr/lib", true),
            ("/usr/lib/", "usr/lib", true),
            ("usr/lib", "usr/lib/x", false),
            ("usr/*", "usr/lib", true),
            ("usr/*", "usr/lib/x", false),
            ("**/node_modules", "a/b/node_modules", true),
            ("**/node_modules", "node_modules", true),
            ("**/*.pem", "a/b.pem", true),
            ("**/*.pem", "a/b.pem/c", false),
            ("a/**", "a/b/c", true),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "a", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(
                Glob::new(pattern).matches(path),
                expected,
                "{pattern} on {path}"
            );
        }
    }
}
