//! Shell patterns over bytes: `*`, `?`, `[a-z]`, `[!a]` and `\` before any of them. A `*` takes
//! slashes too. Time is at most pattern × text; nothing is allocated.

/// Whether the whole text fits the pattern.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    run(pattern, text, false)
}

/// The same, ASCII letters of either case being equal.
#[must_use]
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    run(pattern, text, true)
}

fn run(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last `*`: it takes one byte more each time.
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            back = Some((p + 1, t));
            p += 1;
            continue;
        }
        match one(&pattern[p..], text[t], fold) {
            Some(taken) => {
                p += taken;
                t += 1;
            }
            None => match back.as_mut() {
                Some((after, from)) => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// How many bytes of the pattern the byte of text takes, if it fits.
fn one(pattern: &[u8], byte: u8, fold: bool) -> Option<usize> {
    let same = |a: u8, b: u8| a == b || fold && a.eq_ignore_ascii_case(&b);
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern, byte, fold) {
            Some((true, taken)) => Some(taken),
            Some((false, _)) => None,
            None => same(b'[', byte).then_some(1),
        },
        b'\\' if pattern.len() > 1 => same(pattern[1], byte).then_some(2),
        literal => same(literal, byte).then_some(1),
    }
}

/// `[…]`: whether the byte is in it, and its length; `None` if it is not closed.
fn set(pattern: &[u8], byte: u8, fold: bool) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = 1 + usize::from(negated);
    let close = (first + 1..pattern.len()).find(|at| pattern[*at] == b']')?;
    let inner = &pattern[first..close];
    let holds = |byte: u8| {
        let mut at = 0;
        while at < inner.len() {
            if inner.len() > at + 2 && inner[at + 1] == b'-' {
                if (inner[at]..=inner[at + 2]).contains(&byte) {
                    return true;
                }
                at += 3;
            } else {
                if inner[at] == byte {
                    return true;
                }
                at += 1;
            }
        }
        false
    };
    let mut found = holds(byte);
    if fold {
        found |= holds(byte.to_ascii_lowercase()) || holds(byte.to_ascii_uppercase());
    }
    Some((found != negated, close + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("/home/*/.ssh/*", "/home/a/b/.ssh/id", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("di[t]", "dir", false),
            ("[]x]", "]", true),
            ("[", "[", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("a**b", "axxb", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(matches_ignoring_case(b"MY*[A-C]", b"mybinb"));
    }
}
