//! Shows where a secret stands without showing it.

/// Characters of a line that are shown.
pub(super) const EXCERPT: usize = 160;
/// Shown before the secret, at most.
const BEFORE: usize = 60;

/// First and last characters, four of a long secret, two of a shorter one, none of a short one.
fn masked(secret: &str) -> String {
    // The first line of a key says only what follows.
    if let Some(rest) = secret.strip_prefix("-----BEGIN ")
        && let Some((kind, _)) = rest.split_once("-----")
    {
        return format!("-----BEGIN {kind}-----********");
    }
    let keep = match secret.chars().count() {
        32.. => 4,
        16..32 => 2,
        _ => 0,
    };
    let mut chars = secret.chars();
    let head: String = chars.by_ref().take(keep).collect();
    let tail: Vec<char> = chars.rev().take(keep).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}********{tail}")
}

/// The line with every span of it masked; other long runs that may be secrets nobody knows are
/// masked as well. `spans` are ordered and do not overlap; `at` is where the finding begins.
pub(super) fn excerpt(line: &[u8], spans: &[(usize, usize)], at: usize) -> String {
    let from = at.saturating_sub(BEFORE);
    // Not into the middle of a secret that stands before.
    let from = spans
        .iter()
        .find(|(start, end)| *start < from && from < *end)
        .map_or(from, |(_, end)| *end);
    let mut out = String::new();
    let mut position = from;
    for (start, end) in spans.iter().filter(|(_, end)| *end > from) {
        let (start, end) = ((*start).max(position), (*end).min(line.len()));
        out.push_str(&guarded(line.get(position..start).unwrap_or_default()));
        out.push_str(&masked(&String::from_utf8_lossy(
            line.get(start..end).unwrap_or_default(),
        )));
        position = end.max(position);
        if out.len() > EXCERPT {
            break;
        }
    }
    out.push_str(&guarded(line.get(position..).unwrap_or_default()));
    let printable = out
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c });
    printable.take(EXCERPT).collect()
}

/// Text around a secret, with runs masked that look like one.
fn guarded(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * EXCERPT)]);
    let mut out = String::new();
    let mut run = String::new();
    let close = |run: &mut String, out: &mut String| {
        let hides = run.len() >= 20 && run.bytes().any(|b| b.is_ascii_digit());
        out.push_str(if hides { "********" } else { run });
        run.clear();
    };
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '=' | '-') {
            run.push(c);
        } else {
            close(&mut run, &mut out);
            out.push(c);
        }
    }
    close(&mut run, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_leave() {
        assert_eq!(masked("short"), "********");
        assert_eq!(
            masked("-----BEGIN X KEY-----\\nabc"),
            "-----BEGIN X KEY-----********"
        );
        assert_eq!(masked("abcdefghijklmnop"), "ab********op");
        let line = b"a = 'hunter2hunter2xx', b = 'AKIAIOSFODNN7AAAAAAA' # 0123456789abcdef0123";
        let shown = excerpt(line, &[(5, 21), (29, 49)], 5);
        assert_eq!(shown, "a = 'hu********xx', b = 'AK********AA' # ********");
        // A long secret before what is shown is not cut open.
        let mut long = vec![b'x'; 200];
        long.extend(b" = 'abcdefghijklmnop'");
        let shown = excerpt(&long, &[(0, 200), (204, 220)], 204);
        assert_eq!(shown, "= 'ab********op'");
        assert!(excerpt(b"", &[(5, 9)], 7).len() < 20);
    }
}
