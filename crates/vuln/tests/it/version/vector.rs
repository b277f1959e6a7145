//! Recorded comparisons, a line each: `A < B`, `A = B`, `A > B`. They are reference data outside
//! this repository; without them these tests say so and pass.

use super::{sign, vectors};
use rampart_vuln::version::{Scheme, compare};
use std::{cmp::Ordering, fmt::Write as _};

const FILES: &[(&str, &[Scheme])] = &[
    ("alpine-versions", &[Scheme::Apk]),
    ("cran-versions", &[Scheme::Cran]),
    ("debian-versions", &[Scheme::Deb]),
    ("hackage-versions", &[Scheme::Hackage]),
    ("maven-versions", &[Scheme::Maven]),
    ("nuget-versions", &[Scheme::Nuget]),
    ("packagist-versions", &[Scheme::Composer]),
    ("pub-versions", &[Scheme::Pub]),
    ("pypi-versions", &[Scheme::Pep440]),
    ("redhat-versions", &[Scheme::Rpm]),
    ("rubygems-versions", &[Scheme::Gem]),
    (
        "semver-versions",
        &[Scheme::Semver, Scheme::Npm, Scheme::Hex, Scheme::Go],
    ),
];

/// Lines that are not followed, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "packagist-versions",
        "v1.9.0-ALPHA.1 = v1.9.0-BETA.1",
        "PHP's function knows stages in lower case only; Composer lowers them before it asks",
    ),
    (
        "packagist-versions",
        "v1.9.0-ALPHA.2 = v1.9.0-BETA.2",
        "the same",
    ),
];

struct Case<'a> {
    line: &'a str,
    a: &'a str,
    expected: Ordering,
    b: &'a str,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with("//") || line.starts_with("# ") {
            continue;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let [a, operator, b] = words[..] else {
            panic!("not a comparison: {line}");
        };
        let expected = sign(operator).unwrap_or_else(|| panic!("not an operator: {line}"));
        cases.push(Case {
            line,
            a,
            expected,
            b,
        });
    }
    cases
}

#[test]
fn recorded_vectors_come_out_right() {
    let Some(directory) = vectors() else {
        println!("skipped: no reference data (RAMPART_REFERENCE)");
        return;
    };
    let (mut wrong, mut total, mut used) = (String::new(), 0, Vec::new());
    for (file, schemes) in FILES {
        for suffix in ["", "-generated"] {
            let name = format!("{file}{suffix}.txt");
            let Ok(text) = std::fs::read_to_string(directory.join(&name)) else {
                assert_eq!(suffix, "-generated", "{name} is missing");
                continue;
            };
            let cases = cases(&text);
            println!("{name}: {} comparisons", cases.len());
            for scheme in *schemes {
                for case in &cases {
                    total += 1;
                    let got = compare(*scheme, case.a, case.b);
                    let back = compare(*scheme, case.b, case.a).map(Ordering::reverse);
                    if got == Ok(case.expected) && back == got {
                        continue;
                    }
                    if EXCEPTIONS
                        .iter()
                        .any(|(f, l, _)| f == file && *l == case.line)
                    {
                        used.push(case.line.to_owned());
                        continue;
                    }
                    writeln!(wrong, "{name} {scheme}: {} gave {got:?}", case.line).unwrap();
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {total} wrong:\n{wrong}",
        wrong.lines().count()
    );
    for (_, line, reason) in EXCEPTIONS {
        assert!(
            used.iter().any(|l| l == line),
            "needless exception '{line}': {reason}"
        );
    }
    println!("{total} comparisons right, {} exceptions", used.len());
}
