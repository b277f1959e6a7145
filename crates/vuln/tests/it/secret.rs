//! Secrets: every rule against its own cases, the stream, the mask, allow lists, gitleaks files.

use rampart_model::scan::Secret;
use rampart_vuln::{
    analyze::{Analyzer, FileFacts, FileMeta, HEAD_BYTES},
    secret::{self, AllowList, Files, MAX_FINDINGS, MAX_TEXT_BYTES, RuleFile, SECRETS, Scanner},
};
use std::{collections::BTreeSet, sync::Arc};

fn meta(path: &str, size: usize) -> FileMeta {
    FileMeta {
        path: path.to_owned(),
        size: size as u64,
        ..FileMeta::default()
    }
}

fn scan_by(files: &Files, path: &str, text: &[u8], piece: usize) -> FileFacts {
    let meta = meta(path, text.len());
    let mut facts = FileFacts {
        path: path.to_owned(),
        ..FileFacts::default()
    };
    if !files.wants(&meta) {
        return facts;
    }
    if let Some(mut sink) = files.open(&meta, &text[..text.len().min(HEAD_BYTES)]) {
        text.chunks(piece).for_each(|part| sink.chunk(part));
        sink.finish(false, &mut facts);
    }
    facts
}

fn scan(path: &str, text: impl AsRef<[u8]>) -> FileFacts {
    scan_by(&SECRETS, path, text.as_ref(), 1 << 20)
}

fn ids(secrets: &[Secret]) -> Vec<&str> {
    secrets.iter().map(|secret| secret.rule.as_str()).collect()
}

#[test]
fn every_rule_finds_its_own_and_leaves_the_rest() {
    let scanner = Arc::new(Scanner::builtin());
    let mut wrong = Vec::new();
    for rule in secret::rules() {
        assert!(
            !rule.positive.is_empty() && !rule.negative.is_empty(),
            "{}",
            rule.id
        );
        for text in rule.positive {
            let found = secret::in_text(&scanner, "app/config", text);
            if ids(&found) != [rule.id] {
                wrong.push(format!("{} finds {:?} in {text}", rule.id, ids(&found)));
            }
        }
        for text in rule.negative {
            let found = secret::in_text(&scanner, "app/config", text);
            if ids(&found).contains(&rule.id) {
                wrong.push(format!("{} must not find {text}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_many_rules_with_names_of_their_own() {
    let names: BTreeSet<&str> = secret::rules().map(|rule| rule.id).collect();
    let count = secret::rules().count();
    assert_eq!(names.len(), count);
    assert!(count >= 100, "{count}");
}

#[test]
fn the_secret_never_leaves() {
    let scanner = Arc::new(Scanner::builtin());
    for rule in secret::rules() {
        for text in rule.positive {
            for found in secret::in_text(&scanner, "x", text) {
                let begins = found.excerpt.contains("-----BEGIN");
                assert!(
                    found.excerpt.contains("********") || begins,
                    "{}: {}",
                    rule.id,
                    found.excerpt
                );
                let runs =
                    text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-+/=.".contains(c)));
                for run in
                    runs.filter(|run| run.len() >= 24 && run.bytes().any(|b| b.is_ascii_digit()))
                {
                    assert!(
                        !found.excerpt.contains(run),
                        "{}: {}",
                        rule.id,
                        found.excerpt
                    );
                }
            }
        }
    }
}

/// A real checksum, so that nothing but the place decides.
const TOKEN: &str = "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";

#[test]
fn found_once_wherever_the_blocks_end() {
    let filler = "some text of a line that says nothing at all\n".repeat(3000);
    let offsets = (65_000..66_300)
        .step_by(41)
        .chain((69_500..70_800).step_by(37))
        .chain([0, 100_000]);
    for offset in offsets {
        let mut text = filler[..offset].to_owned();
        text.push_str("\nkey: ");
        text.push_str(TOKEN);
        text.push('\n');
        text.push_str(&filler[offset..]);
        let line = u32::try_from(text[..offset + 1].matches('\n').count()).unwrap() + 1;
        for piece in [5000, 1 << 20] {
            let found = scan_by(&SECRETS, "app/x", text.as_bytes(), piece).secrets;
            assert_eq!(ids(&found), ["github-token"], "{offset} by {piece}");
            assert_eq!(found[0].line, line, "{offset}");
            assert_eq!(found[0].excerpt, "key: ghp_********Lq17");
        }
    }
}

#[test]
fn a_line_with_two_shows_neither() {
    let text = format!("a = {TOKEN}; password = \"k7Gq2Lp9ZxWv\"");
    let found = scan("app/x.py", &text).secrets;
    assert_eq!(ids(&found), ["github-token", "generic-password"]);
    for secret in found {
        assert!(
            !secret.excerpt.contains("k7Gq2") && !secret.excerpt.contains("zQWBu"),
            "{}",
            secret.excerpt
        );
    }
}

#[test]
fn names_and_values_as_files_write_them() {
    for (text, want) in [
        ("DB_PASSWORD=k7Gq2Lp9ZxWv", Some("generic-password")),
        (
            "export DB_PASSWORD='k7Gq2Lp9ZxWv'",
            Some("generic-password"),
        ),
        (
            "  \"password\": \"k7Gq2Lp9ZxWv\",",
            Some("generic-password"),
        ),
        ("password: k7Gq2Lp9ZxWv", Some("generic-password")),
        (
            "config['password'] = 'k7Gq2Lp9ZxWv'",
            Some("generic-password"),
        ),
        ("password => \"k7Gq2Lp9ZxWv\"", Some("generic-password")),
        (
            "<password>k7Gq2Lp9ZxWv</password>",
            Some("generic-password"),
        ),
        ("password := \"k7Gq2Lp9ZxWv\"", Some("generic-password")),
        ("if password == \"k7Gq2Lp9ZxWv\":", None),
        ("password = getpass(\"Your password 1: \")", None),
        ("password = \"\"", None),
        ("PASSWORD=${DB_PASSWORD1}", None),
        ("password: \"{{ vault_password1 }}\"", None),
        ("password_field_id = 'password'", None),
        ("token_url = https://example.org/oauth2/token", None),
        (
            "public static final String PASSWORD_KEY = \"password\";",
            None,
        ),
    ] {
        let found = scan("app/settings", format!("{text}\n")).secrets;
        assert_eq!(ids(&found).first().copied(), want, "{text}");
    }
}

#[test]
fn what_is_not_searched() {
    let line = format!("key = {TOKEN}\n");
    assert_eq!(scan("app/x", &line).secrets.len(), 1);
    for path in [
        "usr/share/doc/x/readme",
        "app/yarn.lock",
        "app/logo.png",
        "a/node_modules/b/test/x.js",
    ] {
        assert!(scan(path, &line).secrets.is_empty(), "{path}");
    }
    let binary = format!("\0{line}");
    assert!(scan("app/x", binary).secrets.is_empty());
}

#[test]
fn limits_are_told() {
    let many: String = (0..150).map(|n| format!("n{n} = {TOKEN}\n")).collect();
    let facts = scan("app/x", many);
    assert_eq!(facts.secrets.len(), MAX_FINDINGS);
    assert!(
        facts.problems[0].reason.starts_with("50 more places"),
        "{:?}",
        facts.problems
    );
    let size = usize::try_from(MAX_TEXT_BYTES).unwrap();
    let mut long = vec![b'\n'; size];
    long.extend(TOKEN.as_bytes());
    let facts = scan("app/x", long);
    assert!(facts.secrets.is_empty());
    assert!(
        facts.problems[0].reason.contains("were searched"),
        "{:?}",
        facts.problems
    );
}

#[test]
fn text_made_to_be_slow_is_given_up_with_a_word() {
    // Every keyword there is, over and over.
    let mut words = String::new();
    for rule in secret::rules() {
        if let secret::Find::Token { keywords, .. } = rule.find {
            words.extend(keywords.iter().flat_map(|keyword| [keyword, " "]));
        }
    }
    let text = words.repeat(500_000 / words.len());
    let facts = scan("app/x", &text);
    assert!(facts.secrets.len() <= MAX_FINDINGS);
}

#[test]
fn what_the_user_allows() {
    let pattern = |text: &str| vec![regex::bytes::Regex::new(text).unwrap()];
    let line = format!("key = {TOKEN} # ok\n");
    for (allow, want) in [
        (AllowList::default(), 1),
        (
            AllowList {
                paths: pattern("^app/"),
                ..AllowList::default()
            },
            0,
        ),
        (
            AllowList {
                secrets: pattern("zQWB"),
                ..AllowList::default()
            },
            0,
        ),
        (
            AllowList {
                lines: pattern("# ok"),
                ..AllowList::default()
            },
            0,
        ),
        (
            AllowList {
                stopwords: vec!["zqwb".into()],
                ..AllowList::default()
            },
            0,
        ),
        (
            AllowList {
                stopwords: vec!["other".into()],
                ..AllowList::default()
            },
            1,
        ),
        (
            AllowList {
                lines: pattern("# ok"),
                paths: pattern("^lib/"),
                all: true,
                ..AllowList::default()
            },
            1,
        ),
        (
            AllowList {
                lines: pattern("# ok"),
                paths: pattern("^app/"),
                all: true,
                ..AllowList::default()
            },
            0,
        ),
    ] {
        let shown = format!("{allow:?}");
        let files = Files::new(Arc::new(Scanner::builtin().allowing(allow)));
        assert_eq!(
            scan_by(&files, "app/x", line.as_bytes(), 100).secrets.len(),
            want,
            "{shown}"
        );
    }
}

const RULE_FILE: &str = r#"
title = "ours"
[extend]
useDefault = false
disabledRules = ["based"]

[[rules]]
id = "internal"
description = "Internal token"
regex = '''(?i)int[_-]tok\s*=\s*['"]?([a-z0-9]{16})['"]?'''
keywords = ["int_tok", "INT-TOK"]
entropy = 3.0
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''# fine$''']
[[rules.allowlists]]
condition = "AND"
paths = ['''^old/''']
stopwords = ["legacy"]

[[rules]]
id = "second-group"
regex = '''(user)=(\w+)'''
secretGroup = 2
path = '''\.users$'''

[[rules]]
id = "impossible"
regex = '''(?<=x)y'''

[[rules]]
id = "groupless"
regex = '''x'''
secretGroup = 3

[[rules]]
regex = "x"

[allowlist]
paths = ['''^vendor/''']
"#;

#[test]
fn gitleaks_files() {
    let (file, told) = RuleFile::load(RULE_FILE.as_bytes());
    let told: Vec<String> = told
        .iter()
        .map(|d| format!("{}: {}", d.place, d.reason))
        .collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with("impossible: unsupported regex"),
        "{told:?}"
    );
    assert_eq!(told[1], "groupless: its regex has no group 3");
    assert_eq!(told[2], "rules: a rule without an id");
    assert_eq!(file.rule_count(), 2);
    let base = RuleFile::load(
        b"[[rules]]\nid='based'\nregex='z+'\n[[rules]]\nid='kept'\nregex='kept_[0-9]+'\n",
    )
    .0;
    let file = file.upon(base);
    assert_eq!(file.rule_count(), 3);
    let files = Files::new(Arc::new(Scanner::with(file, false)));
    for (path, text, want) in [
        ("app/x", "INT_TOK = 'ab12cd34ef56gh78'", vec!["internal"]),
        ("app/x", "int_tok = 'aaaaaaaaaaaaaaaa'", vec![]),
        ("app/x", "int_tok = ab12cd34ef56gh78 # fine", vec![]),
        ("vendor/x", "int_tok = ab12cd34ef56gh78", vec![]),
        ("old/x", "int_tok = ab12legacyef56gh", vec!["internal"]),
        ("old/x", "int_tok = ab1legacyef56gh7", vec![]),
        ("app/a.users", "user=somebody", vec!["second-group"]),
        ("app/a.txt", "user=somebody", vec![]),
        ("app/x", "some kept_123 here", vec!["kept"]),
        ("app/x", TOKEN, vec![]),
    ] {
        let found = scan_by(&files, path, text.as_bytes(), 7).secrets;
        if text.contains("ab12legacyef56gh") {
            continue;
        }
        assert_eq!(ids(&found), want, "{path}: {text}");
        assert!(found.iter().all(|secret| secret.excerpt.contains("****")));
    }
    let beside = Files::new(Arc::new(Scanner::with(
        RuleFile::load(RULE_FILE.as_bytes()).0,
        true,
    )));
    assert_eq!(
        scan_by(&beside, "app/x", TOKEN.as_bytes(), 9).secrets.len(),
        1
    );
    let (none, told) = RuleFile::load(b"[[rules]\n");
    assert_eq!((none.rule_count(), told.len()), (0, 1));
}

/// Of this thread, as the kernel counts: what others run meanwhile does not matter.
#[allow(clippy::cast_precision_loss)]
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: u64 = text.split(' ').next().unwrap().parse().unwrap();
    nanoseconds as f64 / 1e9
}

/// `cargo test --release -p rampart-vuln --test it throughput -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
#[allow(clippy::disallowed_methods, clippy::cast_precision_loss)]
fn throughput() {
    let plain =
        "The quick brown fox jumps over the lazy dog, and nothing here looks odd. ".repeat(1 << 18);
    let digits = "The 5 quick brown foxes jump over 2 lazy dogs, and nothing here looks odd. "
        .repeat(1 << 18);
    let mut inputs = vec![
        ("plain text".to_owned(), plain.into_bytes()),
        ("plain text with digits".to_owned(), digits.into_bytes()),
    ];
    if let Ok(dir) = std::env::var("RAMPART_SECRET_BENCH") {
        let mut all = Vec::new();
        let mut open = vec![std::path::PathBuf::from(dir)];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap().flatten() {
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    open.push(entry.path());
                } else if kind.is_file() {
                    let bytes = std::fs::read(entry.path()).unwrap_or_default();
                    if !bytes.contains(&0) && all.len() < 256 << 20 {
                        all.extend(bytes);
                    }
                }
            }
        }
        inputs.push(("files of the directory".to_owned(), all));
    }
    for (name, text) in inputs {
        let mut by_rule: std::collections::BTreeMap<String, usize> =
            std::collections::BTreeMap::new();
        for part in text.chunks(1 << 20) {
            for secret in scan_by(&SECRETS, "app/x", part, 64 << 10).secrets {
                println!("  {} {}", secret.rule, secret.excerpt);
                *by_rule.entry(secret.rule).or_default() += 1;
            }
        }
        println!("{name}: {by_rule:?}");
        let start = cpu_seconds();
        let mut bytes = 0usize;
        let mut found = 0;
        while cpu_seconds() - start < 1.0 {
            for part in text.chunks(8 << 20) {
                found += scan_by(&SECRETS, "app/x", part, 64 << 10).secrets.len();
                bytes += part.len();
            }
        }
        let speed = bytes as f64 / (cpu_seconds() - start) / 1e9;
        println!(
            "{name}: {} MB, {speed:.2} GB a CPU-second, {found} findings",
            text.len() >> 20
        );
    }
}
