//! Lists of crates inside Rust programs: of every compression, damaged, and bombs.

use super::{PIECES, elf, noise};
use crate::streaming::{analyze, analyze_part, lines, reasons};
use flate2::{Compression, write::ZlibEncoder};
use std::io::Write;

const LIST: &str = r#"{"packages":[
    {"name":"app","version":"0.4.2","source":"local","dependencies":[1,2],"root":true},
    {"name":"smallvec","version":"1.6.0","source":"crates.io","dependencies":[3]},
    {"name":"cc","version":"1.0.1","source":"crates.io","kind":"build"},
    {"name":"memchr","version":"2.7.1","source":"git"}]}"#;

fn zlib(text: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn program(list: &[u8]) -> Vec<u8> {
    let mut bytes = elf();
    bytes.extend(noise(70_001));
    // Other zlib streams, as programs with pictures or pages inside have them.
    bytes.extend(zlib(b"<html>not a list, and long enough</html>", 6));
    bytes.extend(noise(777));
    bytes.extend_from_slice(list);
    bytes.extend(noise(9_000));
    bytes
}

#[test]
fn lists_of_every_compression_in_pieces_of_any_size() {
    for level in [0, 1, 6, 9] {
        let bytes = program(&zlib(LIST.as_bytes(), level));
        for &size in PIECES {
            let facts = analyze("usr/bin/app", &bytes, size);
            assert_eq!(
                lines(&facts),
                [
                    "cargo app 0.4.2",
                    "cargo smallvec 1.6.0",
                    "cargo cc 1.0.1",
                    "cargo memchr 2.7.1"
                ],
                "level {level}, pieces of {size}"
            );
            let flags: Vec<_> = facts.packages.iter().map(|p| (p.direct, p.dev)).collect();
            assert_eq!(
                flags,
                [(true, false), (true, false), (true, true), (false, false)]
            );
            assert_eq!(facts.packages[1].depends_on, ["memchr@2.7.1"]);
            assert!(facts.problems.is_empty());
        }
    }
}

#[test]
fn damage_is_told() {
    let list = zlib(LIST.as_bytes(), 6);
    let mut cut = program(&list);
    let whole = cut.len();
    cut.truncate(whole - 9_000 - 20);
    let facts = analyze_part("app", &cut, whole, 4096);
    assert!(facts.packages.is_empty());
    assert_eq!(
        reasons(&facts)[1],
        "Rust dependency list: the file ends inside it"
    );

    let mut broken = list.clone();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert_eq!(
        reasons(&analyze("app", &program(&broken), 4096)),
        ["Rust dependency list: its zlib stream is damaged"]
    );

    let facts = analyze("app", &program(&zlib(b"{\"packages\":[{}]}", 6)), 4096);
    assert!(reasons(&facts)[0].starts_with("Rust dependency list: missing field `name`"));
}

#[test]
fn a_bomb_is_told_and_not_kept() {
    let mut text = b"{\"packages\":[".to_vec();
    text.resize(9 << 20, b' ');
    let facts = analyze("app", &program(&zlib(&text, 1)), 4096);
    assert_eq!(
        reasons(&facts),
        ["Rust dependency list: longer than the 8 MiB that are read of it"]
    );
}
