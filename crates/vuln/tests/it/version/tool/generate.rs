//! Pairs of versions out of a fixed seed: mostly two that differ in one place, so that every rule
//! decides some of them.

use rampart_vuln::version::range::Dialect;

#[derive(Clone, Copy, Debug)]
pub(super) enum Grammar {
    Deb,
    Apk,
    Rpm,
    Semver,
    Pep440,
    Gem,
    Composer,
    /// As Composer takes them: four numbers at most, one stage.
    Packagist,
    Alpm,
    Maven,
}

/// Xorshift: the same pairs on every run and machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const NUMBERS: &[&str] = &[
    "0", "1", "2", "3", "9", "10", "11", "01", "007", "20240101", "100",
];

/// Beyond 32 and 64 bits, and zeros in front of them: for tools that compute with such.
const HUGE: &[&str] = &[
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "00000000000000000000000018446744073709551616",
    "340282366920938463463374607431768211457",
    "000000000000000000000000000000000000000001",
];

/// Another number gives other pairs: `RAMPART_VERSION_SEED`.
fn seed() -> u64 {
    let text = super::setting("RAMPART_VERSION_SEED").unwrap_or_default();
    text.parse::<u64>()
        .unwrap_or_default()
        .wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn number(random: &mut Random, huge: bool) -> &'static str {
    if huge && random.one_in(12) {
        return random.pick(HUGE);
    }
    random.pick(NUMBERS)
}

pub(super) fn pairs(grammar: Grammar, count: usize) -> Vec<(String, String)> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed() ^ grammar as u64);
    let mut pairs = Vec::with_capacity(count);
    while pairs.len() < count {
        let a = parts(grammar, &mut random);
        let b = if random.one_in(4) {
            parts(grammar, &mut random)
        } else {
            altered(grammar, &a, &mut random)
        };
        let (a, b) = (join(grammar, &a), join(grammar, &b));
        if !a.is_empty() && !b.is_empty() {
            pairs.push((a, b));
        }
    }
    pairs
}

fn join(grammar: Grammar, parts: &[String]) -> String {
    let text = parts.concat();
    match grammar {
        Grammar::Deb if text.ends_with(':') => text + "1",
        // The tools want a number there.
        Grammar::Deb | Grammar::Gem | Grammar::Composer | Grammar::Maven
            if !text.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            format!("1{text}")
        }
        _ => text,
    }
}

fn altered(grammar: Grammar, parts: &[String], random: &mut Random) -> Vec<String> {
    let mut changed = parts.to_vec();
    let fresh = self::parts(grammar, random);
    let at = random.below(changed.len().max(1));
    match random.below(4) {
        0 if changed.len() > 1 => {
            changed.remove(at);
        }
        1 => changed.insert(at, fresh[random.below(fresh.len())].clone()),
        2 if at < fresh.len() && at < changed.len() => changed[at] = fresh[at].clone(),
        _ => {
            if let Some(last) = changed.last_mut() {
                last.push_str(random.pick(&["0", "1", "a", ".0", ".1"]));
            }
        }
    }
    changed
}

fn parts(grammar: Grammar, random: &mut Random) -> Vec<String> {
    match grammar {
        Grammar::Semver => semver(random),
        Grammar::Apk => apk(random),
        Grammar::Pep440 => pep440(random),
        Grammar::Packagist => packagist(random),
        Grammar::Deb => mixed(
            random,
            &[".", ".", ".", "-", "~", "+", ""],
            &[
                "a", "b", "rc", "deb", "ubuntu", "git", "dfsg", "nmu", "u", "Z",
            ],
            true,
            false,
        ),
        Grammar::Rpm => mixed(
            random,
            &[
                ".", ".", ".", "-", "~", "^", "+", "_", "", "..", "~~", "^^", "~^", ".~", "é",
            ],
            &[
                "a", "b", "rc", "el", "fc", "git", "module", "P", "beta", "É",
            ],
            true,
            true,
        ),
        Grammar::Alpm => mixed(
            random,
            &[".", ".", ".", "_", "+", "", ".."],
            &["a", "b", "rc", "beta", "pre", "r", "git"],
            true,
            true,
        ),
        Grammar::Gem => mixed(
            random,
            &[".", ".", ".", ".", "-", ""],
            &["a", "b", "rc", "beta", "pre", "alpha", "RC", "x"],
            false,
            true,
        ),
        // Lower case only but for RC: others are unknown to PHP's function, and known to us.
        Grammar::Composer => mixed(
            random,
            &[".", ".", ".", "-", "+", "_", ""],
            &[
                "a", "b", "rc", "RC", "beta", "alpha", "dev", "p", "pl", "patch", "foo",
            ],
            false,
            false,
        ),
        Grammar::Maven => mixed(
            random,
            &[".", ".", ".", "-", "-", ""],
            &[
                "a",
                "b",
                "m",
                "alpha",
                "beta",
                "milestone",
                "rc",
                "cr",
                "SNAPSHOT",
                "ga",
                "Final",
                "release",
                "sp",
                "SP",
                "CR",
                "GA",
                "pfd",
                "alpha-1",
                "M1",
                "x",
                "jre",
                "foo",
                "Foo",
            ],
            false,
            true,
        ),
    }
}

/// Numbers and words with separators between them, and an epoch at times.
fn mixed(
    random: &mut Random,
    separators: &[&str],
    words: &[&str],
    epoch: bool,
    huge: bool,
) -> Vec<String> {
    let mut parts = Vec::new();
    if epoch && random.one_in(12) {
        parts.push(format!("{}:", random.pick(&["0", "1", "2", "10"])));
    }
    parts.push(number(random, huge).to_owned());
    for _ in 0..random.below(6) {
        let piece = if random.one_in(3) {
            random.pick(words)
        } else {
            number(random, huge)
        };
        parts.push(format!("{}{piece}", random.pick(separators)));
    }
    if epoch && random.one_in(3) {
        parts.push(format!("-{}", number(random, huge)));
    }
    parts
}

fn apk(random: &mut Random) -> Vec<String> {
    const SUFFIXES: &[&str] = &[
        "_alpha", "_beta", "_pre", "_rc", "_cvs", "_svn", "_git", "_hg", "_p",
    ];
    let mut parts = vec![number(random, true).to_owned()];
    for _ in 0..random.below(4) {
        parts.push(format!(".{}", number(random, true)));
    }
    if random.one_in(4) {
        parts.push(random.pick(&["a", "b", "z"]).to_owned());
    }
    for _ in 0..random.below(6).saturating_sub(3) {
        let number = if random.one_in(4) {
            ""
        } else {
            number(random, true)
        };
        parts.push(format!("{}{number}", random.pick(SUFFIXES)));
    }
    if random.one_in(2) {
        parts.push(format!("-r{}", number(random, true)));
    }
    parts
}

fn semver(random: &mut Random) -> Vec<String> {
    const PLAIN: &[&str] = &["0", "1", "2", "9", "10", "11", "100"];
    const WORDS: &[&str] = &[
        "alpha", "beta", "rc", "a", "B", "x-y", "0a", "1", "2", "10", "0",
    ];
    let mut parts = vec![random.pick(&["", "", "", "v", "="]).to_owned()];
    for separator in ["", ".", "."] {
        parts.push(format!("{separator}{}", random.pick(PLAIN)));
    }
    if random.one_in(2) {
        parts.push(format!("-{}", random.pick(WORDS)));
        for _ in 0..random.below(3) {
            parts.push(format!(".{}", random.pick(WORDS)));
        }
    }
    if random.one_in(5) {
        parts.push(format!("+{}", random.pick(WORDS)));
    }
    parts
}

fn packagist(random: &mut Random) -> Vec<String> {
    let mut parts = vec![random.pick(&["", "", "", "v"]).to_owned()];
    parts.push(random.pick(&["0", "1", "2", "10", "2024"]).to_owned());
    for _ in 0..random.below(4) {
        parts.push(format!(
            ".{}",
            random.pick(&["0", "1", "2", "9", "10", "01"])
        ));
    }
    if random.one_in(2) {
        let stage = random.pick(&["alpha", "a", "beta", "b", "rc", "RC", "patch", "pl", "p"]);
        let number = random.pick(&["", "1", "2", "10", ".1", "-3"]);
        parts.push(format!(
            "{}{stage}{number}",
            random.pick(&["-", "", ".", "_"])
        ));
    }
    if random.one_in(6) {
        parts.push(random.pick(&["-dev", "+build.5"]).to_owned());
    }
    parts
}

fn pep440(random: &mut Random) -> Vec<String> {
    const SEPARATORS: &[&str] = &["", "", ".", "-", "_"];
    const PRE: &[&str] = &["a", "b", "rc", "c", "alpha", "Beta", "pre", "preview", "RC"];
    let mut parts = vec![
        random
            .pick(&["", "", "", "", "v", "V", " ", "1!", "0!"])
            .to_owned(),
    ];
    parts.push(number(random, true).to_owned());
    for _ in 0..random.below(4) {
        parts.push(format!(".{}", number(random, true)));
    }
    let labelled = |random: &mut Random, words: &[&str]| {
        let number = if random.one_in(4) {
            ""
        } else {
            number(random, true)
        };
        let before = random.pick(SEPARATORS);
        let after = if number.is_empty() {
            ""
        } else {
            random.pick(SEPARATORS)
        };
        format!("{before}{}{after}{number}", random.pick(words))
    };
    if random.one_in(3) {
        parts.push(labelled(random, PRE));
    }
    if random.one_in(4) {
        parts.push(if random.one_in(3) {
            format!("-{}", number(random, true))
        } else {
            labelled(random, &["post", "rev", "r", "Post"])
        });
    }
    if random.one_in(4) {
        parts.push(labelled(random, &["dev", "DEV"]));
    }
    if random.one_in(5) {
        parts.push(format!(
            "+{}",
            random.pick(&[
                "1", "a", "abc.1", "1.a", "A-2", "10", "0", "a_1", "1.A", "007"
            ])
        ));
    }
    parts
}

/// `1.rc`, `1.rc2`.
pub(super) fn qualifier_after_dot(version: &str) -> bool {
    version
        .as_bytes()
        .windows(2)
        .any(|pair| pair[0] == b'.' && pair[1].is_ascii_alphabetic())
}

/// A part of a Maven version, between hyphens and changes from digits to letters, of zeros and
/// release words only.
pub(super) fn level_that_does_not_count(version: &str) -> bool {
    let lower = version.to_lowercase();
    let mut levels = vec![String::new()];
    let mut last = ' ';
    for c in lower.chars() {
        let turned = last.is_ascii_digit() != c.is_ascii_digit() && last != '.' && c != '.';
        if c == '-' || (turned && last != '-' && last != ' ') {
            levels.push(String::new());
        }
        if let (true, Some(level)) = (c != '-', levels.last_mut()) {
            level.push(c);
        }
        last = c;
    }
    levels.iter().skip(1).any(|level| {
        level.split('.').all(|item| {
            matches!(item, "ga" | "final" | "release") || item.bytes().all(|b| b == b'0')
        })
    })
}

/// Requirements of a dialect, and versions near what they speak of.
pub(super) fn requirements(dialect: Dialect, count: usize) -> Vec<(String, String)> {
    let mut random = Random(0x5851_f42d_4c95_7f2d ^ dialect as u64);
    let (signs, and): (&[&str], &str) = match dialect {
        Dialect::Npm => (&["", "=", "^", "~", "<", "<=", ">", ">=", ">= "], " "),
        Dialect::Pep440 => (&["==", "!=", "<", "<=", ">", ">=", "~="], ","),
        _ => (&["", "=", "~> ", "<", "<=", "> ", ">=", "!="], ","),
    };
    let mut pairs = Vec::with_capacity(count);
    while pairs.len() < count {
        let mut text = String::new();
        for at in 0..=random.below(3) {
            if at > 0 {
                text.push_str(match dialect {
                    Dialect::Npm if random.one_in(2) => " || ",
                    _ => and,
                });
            }
            text.push_str(random.pick(signs));
            text.push_str(&bound(dialect, &mut random));
        }
        if matches!(dialect, Dialect::Npm) && random.one_in(12) {
            text = format!(
                "{} - {}",
                bound(dialect, &mut random),
                bound(dialect, &mut random)
            );
        }
        pairs.push((text, near(dialect, &mut random)));
    }
    pairs
}

fn small(random: &mut Random, numbers: usize) -> String {
    let parts: Vec<&str> = (0..numbers)
        .map(|_| random.pick(&["0", "1", "2", "3"]))
        .collect();
    parts.join(".")
}

fn bound(dialect: Dialect, random: &mut Random) -> String {
    let numbers = 1 + random.below(3);
    let mut text = small(random, numbers);
    match dialect {
        Dialect::Npm if numbers < 3 && random.one_in(3) => {
            text.push_str(random.pick(&[".x", ".*"]))
        }
        Dialect::Npm if numbers == 3 && random.one_in(3) => {
            text.push_str(random.pick(&["-0", "-rc.1", "-beta", "+build"]));
        }
        Dialect::Pep440 if random.one_in(5) => text.push_str(".*"),
        Dialect::Gem if random.one_in(4) => text.push_str(random.pick(&[".pre", ".rc1", ".0"])),
        _ => {}
    }
    text
}

fn near(dialect: Dialect, random: &mut Random) -> String {
    let numbers = if matches!(dialect, Dialect::Npm) {
        3
    } else {
        1 + random.below(4)
    };
    let mut text = small(random, numbers);
    if random.one_in(3) {
        text.push_str(match dialect {
            Dialect::Npm => random.pick(&["-0", "-rc.1", "-beta", "-rc.2", "+build"]),
            Dialect::Pep440 => random.pick(&["a1", "rc2", ".post1", ".dev3", "+local", "+1.a"]),
            _ => random.pick(&[".pre", ".rc1", ".a", ".0", ".rc.2"]),
        });
    }
    text
}
