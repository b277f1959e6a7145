//! Licence names as SPDX writes them, where the name leaves no doubt; else as they were found.
//!
//! Knows the short names of Debian's machine-readable copyright files, of older Fedora and Alpine
//! packages, and SPDX's own in any case. Source of the ids: the SPDX licence list, 3.x.

mod wording;

/// Longest expression worked out, in bytes.
const EXPRESSION_LIMIT: usize = 4096;
/// Longest other text kept, in characters.
const LIMIT: usize = 256;

/// Names in lower case, and their SPDX ids. Versioned GNU names are worked out, not listed.
const NAMES: &[(&str, &str)] = &[
    ("0bsd", "0BSD"),
    ("afl-2.1", "AFL-2.1"),
    ("apache-1.1", "Apache-1.1"),
    ("apache-2", "Apache-2.0"),
    ("apache-2.0", "Apache-2.0"),
    ("artistic 2.0", "Artistic-2.0"),
    ("artistic-1.0", "Artistic-1.0"),
    ("artistic-1.0-perl", "Artistic-1.0-Perl"),
    ("artistic-2", "Artistic-2.0"),
    ("artistic-2.0", "Artistic-2.0"),
    ("asl 2.0", "Apache-2.0"),
    ("blueoak-1.0.0", "BlueOak-1.0.0"),
    ("boost", "BSL-1.0"),
    ("bsd-1-clause", "BSD-1-Clause"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("bsd-4-clause", "BSD-4-Clause"),
    ("bsd-4-clause-uc", "BSD-4-Clause-UC"),
    ("bsl-1.0", "BSL-1.0"),
    ("bzip2-1.0.6", "bzip2-1.0.6"),
    ("cc-by-3.0", "CC-BY-3.0"),
    ("cc-by-4.0", "CC-BY-4.0"),
    ("cc-by-sa-3.0", "CC-BY-SA-3.0"),
    ("cc-by-sa-4.0", "CC-BY-SA-4.0"),
    ("cc0", "CC0-1.0"),
    ("cc0-1.0", "CC0-1.0"),
    ("cddl-1.0", "CDDL-1.0"),
    ("curl", "curl"),
    ("epl-1.0", "EPL-1.0"),
    ("epl-2.0", "EPL-2.0"),
    ("expat", "MIT"),
    ("fsfap", "FSFAP"),
    ("fsful", "FSFUL"),
    ("fsfullr", "FSFULLR"),
    ("ftl", "FTL"),
    ("gpl-1.0-only", "GPL-1.0-only"),
    ("icu", "ICU"),
    ("ijg", "IJG"),
    ("isc", "ISC"),
    ("libpng", "Libpng"),
    ("libpng-2.0", "libpng-2.0"),
    ("libtiff", "libtiff"),
    ("mit", "MIT"),
    ("mit-0", "MIT-0"),
    ("mpl-1.0", "MPL-1.0"),
    ("mpl-1.1", "MPL-1.1"),
    ("mpl-2.0", "MPL-2.0"),
    ("mplv1.1", "MPL-1.1"),
    ("mplv2.0", "MPL-2.0"),
    ("ncsa", "NCSA"),
    ("ntp", "NTP"),
    ("ofl-1.1", "OFL-1.1"),
    ("oldap-2.8", "OLDAP-2.8"),
    ("openldap-2.8", "OLDAP-2.8"),
    ("openssl", "OpenSSL"),
    ("php-3.01", "PHP-3.01"),
    ("postgresql", "PostgreSQL"),
    ("psf-2.0", "PSF-2.0"),
    ("python-2.0", "Python-2.0"),
    ("ruby", "Ruby"),
    ("tcl", "TCL"),
    ("unicode-dfs-2016", "Unicode-DFS-2016"),
    ("unlicense", "Unlicense"),
    ("vim", "Vim"),
    ("w3c", "W3C"),
    ("wtfpl", "WTFPL"),
    ("x11", "X11"),
    ("zlib", "Zlib"),
    ("zpl-2.1", "ZPL-2.1"),
];

const EXCEPTIONS: &[&str] = &[
    "Autoconf-exception-2.0",
    "Autoconf-exception-3.0",
    "Bison-exception-2.2",
    "Classpath-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "Linux-syscall-note",
    "LLVM-exception",
    "OpenSSL-exception",
];

/// An SPDX expression if every name in it is certain; else the text, trimmed and shortened.
pub fn normalise(text: &str) -> String {
    let text = text.trim();
    if let Some(id) = wording::id(text) {
        return id.to_owned();
    }
    if text.len() <= EXPRESSION_LIMIT
        && let Some(expression) = expression(text)
    {
        return expression;
    }
    shorten(text)
}

/// Whether it is an id of the SPDX list.
pub fn is_listed(text: &str) -> bool {
    spdx::license_id(text).is_some()
}

/// A text that was cut ends in dots: it must not look like a shorter expression.
fn shorten(text: &str) -> String {
    let kept: String = text.chars().take(8 * LIMIT).collect();
    let kept = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = kept.chars().take(LIMIT).collect();
    if short.len() < kept.len() || text.chars().nth(8 * LIMIT).is_some() {
        short.truncate(short.trim_end().len());
        short.push('…');
    }
    short
}

fn expression(text: &str) -> Option<String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut out: Vec<String> = Vec::new();
    let mut term: Vec<&str> = Vec::new();
    let (mut depth, mut names) = (0_i32, 0);
    let mut exception = false;
    for word in spaced.split_whitespace().chain([""]) {
        let operator = match word.to_ascii_lowercase().as_str() {
            "and" => "AND",
            "or" => "OR",
            "with" => "WITH",
            "(" => "(",
            ")" => ")",
            "" => "",
            _ => {
                term.push(word);
                continue;
            }
        };
        if !term.is_empty() {
            let name = term.join(" ");
            let known = if exception {
                EXCEPTIONS
                    .iter()
                    .find(|e| e.eq_ignore_ascii_case(&name))
                    .map(|e| (*e).to_owned())
            } else {
                names += 1;
                id(&name)
            };
            out.push(known?);
            term.clear();
        } else if matches!(operator, "AND" | "OR" | "WITH" | "") && out.last()? != ")" {
            return None;
        }
        exception = operator == "WITH";
        depth += match operator {
            "(" => 1,
            ")" => -1,
            _ => 0,
        };
        if !(0..=16).contains(&depth) {
            return None;
        }
        if !operator.is_empty() {
            out.push(operator.to_owned());
        }
    }
    (depth == 0 && names > 0).then(|| out.join(" ").replace("( ", "(").replace(" )", ")"))
}

/// The SPDX id of one name.
fn id(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if let Ok(index) = NAMES.binary_search_by(|(known, _)| (*known).cmp(&lower)) {
        return Some(NAMES[index].1.to_owned());
    }
    gnu(&lower)
}

/// `GPL-2+`, `GPLv2`, `LGPL-2.1-or-later`, `AGPL3`: family, version, and whether later ones too.
fn gnu(lower: &str) -> Option<String> {
    const FAMILIES: [(&str, &str, &[&str]); 4] = [
        ("agpl", "AGPL", &["1.0", "3.0"]),
        ("lgpl", "LGPL", &["2.0", "2.1", "3.0"]),
        ("gpl", "GPL", &["1.0", "2.0", "3.0"]),
        ("gfdl", "GFDL", &["1.1", "1.2", "1.3"]),
    ];
    let (rest, (_, family, versions)) = FAMILIES
        .iter()
        .find_map(|known| Some((lower.strip_prefix(known.0)?, known)))?;
    let rest = rest.strip_prefix("-v").unwrap_or(rest);
    let rest = rest.strip_prefix(['-', 'v', ' ']).unwrap_or(rest);
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (version, suffix) = rest.split_at(end);
    let later = match suffix {
        "" | "-only" => "only",
        "+" | "-or-later" => "or-later",
        _ => return None,
    };
    let version = versions
        .iter()
        .find(|known| **known == version || known.strip_suffix(".0") == Some(version))?;
    Some(format!("{family}-{version}-{later}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_no_doubt_become_spdx() {
        assert!(
            NAMES.is_sorted_by_key(|(name, _)| *name),
            "binary search needs order"
        );
        for (text, want) in [
            ("GPL-2+", "GPL-2.0-or-later"),
            ("GPLv2", "GPL-2.0-only"),
            ("GPLv3+", "GPL-3.0-or-later"),
            ("LGPL-2.1+", "LGPL-2.1-or-later"),
            ("LGPL-2", "LGPL-2.0-only"),
            ("gpl-2.0-or-later", "GPL-2.0-or-later"),
            ("AGPL-3.0", "AGPL-3.0-only"),
            ("Expat", "MIT"),
            ("MIT", "MIT"),
            ("ASL 2.0", "Apache-2.0"),
            ("GPLv2+ and MIT", "GPL-2.0-or-later AND MIT"),
            ("GPL-1+ or Artistic-2.0", "GPL-1.0-or-later OR Artistic-2.0"),
            (
                "(GPLv2+ or MIT) and ISC",
                "(GPL-2.0-or-later OR MIT) AND ISC",
            ),
            (
                "GPL-2.0-only WITH Classpath-exception-2.0",
                "GPL-2.0-only WITH Classpath-exception-2.0",
            ),
        ] {
            assert_eq!(normalise(text), want, "{text}");
        }
    }

    #[test]
    fn doubt_stays_as_found() {
        for text in [
            "GPL",
            "BSD",
            "GPL-4",
            "Artistic",
            "public-domain",
            "MIT and Public Domain",
            "GPL-2+ with Autoconf exception",
            "and MIT",
            "MIT or",
            "(MIT",
            "MIT)",
            ")(",
            "",
        ] {
            assert_eq!(normalise(text), text, "{text}");
        }
        let cut = normalise(&"é".repeat(1000));
        assert_eq!(cut.chars().count(), LIMIT + 1);
        assert_eq!(normalise(&cut), cut);
        let many = vec!["MIT"; 900].join(" and ") + " and what not";
        assert!(
            normalise(&many).ends_with('…'),
            "a cut text is no expression"
        );
    }
}
