//! Build information of Go programs: inline, by pointers, and damaged.

use super::{PIECES, elf, noise};
use crate::streaming::{analyze, analyze_part, lines, reasons};

const MAGIC: &[u8] = b"\xff Go buildinf:";
const START: &[u8] = b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const END: &[u8] = b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
const LIST: &str = "path\tex.test/tool/cmd\nmod\tex.test/tool\tv1.2.3\th1:a=\n\
    dep\ta.test/one\tv1.0.0\th1:b=\ndep\tb.test/two\tv2.0.0\n=>\tc.test/three\tv3.0.0\th1:c=\n\
    build\t-compiler=gc\n";
const PACKAGES: &[&str] = &[
    "golang stdlib v1.22.3",
    "golang ex.test/tool v1.2.3",
    "golang a.test/one v1.0.0",
    "golang c.test/three v3.0.0",
];

fn string(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(text);
    bytes
}

fn marked(list: &str) -> Vec<u8> {
    [START, list.as_bytes(), END].concat()
}

/// As the linker of Go 1.18 and later writes it.
fn inline(version: &str, list: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([8, 2]);
    bytes.resize(32, 0);
    bytes.extend(string(version.as_bytes()));
    bytes.extend(string(list));
    bytes
}

fn program(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = elf();
    for part in parts {
        bytes.extend(noise(3000));
        bytes.resize(bytes.len().next_multiple_of(16), 0);
        bytes.extend_from_slice(part);
    }
    bytes.extend(noise(2000));
    bytes
}

#[test]
fn inline_build_information_in_pieces_of_any_size() {
    let bytes = program(&[&inline("go1.22.3", &marked(LIST))]);
    for &size in PIECES {
        let facts = analyze("usr/bin/tool", &bytes, size);
        assert_eq!(lines(&facts), PACKAGES, "pieces of {size}");
        assert!(facts.problems.is_empty());
        assert!(facts.packages.iter().all(|p| p.path == "usr/bin/tool"));
    }
}

#[test]
fn long_lists_cross_many_pieces() {
    let deps = (0..5000).map(|n| format!("dep\ta.test/mod{n}\tv1.0.{n}\th1:0123456789=\n"));
    let list = deps.collect::<String>();
    let bytes = program(&[&inline("go1.21", &marked(&list))]);
    for size in [100, 4096, 100_000] {
        let facts = analyze("tool", &bytes, size);
        assert_eq!(facts.packages.len(), 5001);
        assert_eq!(facts.packages[5000].version, "v1.0.4999");
    }
}

#[test]
fn the_magic_in_a_program_that_looks_for_it_is_no_build_information() {
    let decoy = [MAGIC, b"unexpected end of file; not a Go executable"].concat();
    let other = [START, END, b"path: mod: "].concat();
    let real = inline("go1.22.3", &marked(LIST));
    let bytes = program(&[&decoy, &other, &real]);
    assert_eq!(lines(&analyze("tool", &bytes, 4096)), PACKAGES);
    let facts = analyze("tool", &program(&[&decoy, &other]), 4096);
    assert!(facts.is_empty(), "{facts:?}");
}

/// 1.13 to 1.17: pointers to string headers in the data that follow, strings in what came before.
#[test]
fn pointers_of_old_toolchains() {
    for (wide, big_endian) in [(true, false), (true, true), (false, false)] {
        let bytes = old_program(wide, big_endian, "go1.17.5");
        for &size in PIECES {
            let facts = analyze("tool", &bytes, size);
            let mut expected = PACKAGES.to_vec();
            expected[0] = "golang stdlib v1.17.5";
            assert_eq!(lines(&facts), expected, "{wide} {big_endian} {size}");
            assert!(facts.problems.is_empty(), "{:?}", facts.problems);
        }
    }
}

fn old_program(wide: bool, big_endian: bool, version: &str) -> Vec<u8> {
    let word = |value: u64| match (wide, big_endian) {
        (true, true) => value.to_be_bytes().to_vec(),
        (true, false) => value.to_le_bytes().to_vec(),
        (false, true) => u32::try_from(value).unwrap().to_be_bytes().to_vec(),
        (false, false) => u32::try_from(value).unwrap().to_le_bytes().to_vec(),
    };
    let narrow = |value: u32| match big_endian {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let half = |value: u16| match big_endian {
        true => value.to_be_bytes(),
        false => value.to_le_bytes(),
    };
    let mut bytes = vec![0; 256];
    bytes[..4].copy_from_slice(b"\x7fELF");
    bytes[4] = if wide { 2 } else { 1 };
    bytes[5] = if big_endian { 2 } else { 1 };
    bytes[16..18].copy_from_slice(&half(2));
    let (table, size_at, entry) = if wide { (32, 54, 56) } else { (28, 42, 32) };
    let words = word(64);
    bytes[table..table + words.len()].copy_from_slice(&words);
    bytes[size_at..size_at + 2].copy_from_slice(&half(entry));
    bytes[size_at + 2..size_at + 4].copy_from_slice(&half(1));
    bytes[64..68].copy_from_slice(&narrow(1));
    let (place_at, address_at, length_at) = if wide { (8, 16, 32) } else { (4, 8, 16) };
    for (at, value) in [(place_at, 0), (address_at, 0x40_0000), (length_at, 1 << 20)] {
        let words = word(value);
        bytes[64 + at..64 + at + words.len()].copy_from_slice(&words);
    }
    // Other versions pass by too, and the right one has no end of its own.
    bytes.extend_from_slice(b"go1.9 go1.16.2");
    let version_at = bytes.len() as u64;
    bytes.extend_from_slice(format!("{version}1234go1.10").as_bytes());
    bytes.extend(noise(5000));
    bytes.extend(marked(LIST));
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    let header_at = bytes.len() as u64 + 4096;
    bytes.extend_from_slice(MAGIC);
    bytes.extend([if wide { 8 } else { 4 }, u8::from(big_endian)]);
    bytes.extend(word(0x40_0000 + header_at));
    bytes.resize(usize::try_from(header_at).unwrap(), 0);
    bytes.extend(word(0x40_0000 + version_at));
    bytes.extend(word(version.len() as u64));
    bytes.extend(noise(600));
    bytes
}

#[test]
fn programs_without_modules_still_have_a_toolchain() {
    let facts = analyze("tool", &program(&[&inline("go1.19.8", b"")]), 4096);
    assert_eq!(lines(&facts), ["golang stdlib v1.19.8"]);
    let tool = inline("go1.22.3", &marked("path\tcmd/go\nbuild\t-compiler=gc\n"));
    assert_eq!(
        lines(&analyze("go", &program(&[&tool]), 4096)),
        ["golang stdlib v1.22.3", "golang toolchain v1.22.3"]
    );
}

#[test]
fn damage_is_told() {
    let whole = inline("go1.22.3", &marked(LIST));
    let mut bytes = program(&[&whole]);
    let length = bytes.len();
    bytes.truncate(length - 2000 - 40);
    let facts = analyze_part("tool", &bytes, length, 4096);
    assert_eq!(
        reasons(&facts),
        [
            "cut short: what the rest of the program tells is not known",
            "Go build information: the file ends inside it"
        ]
    );
    let binary = inline("go1.22.3", &[START, b"dep\ta\xff\tv1\n", END].concat());
    let facts = analyze("tool", &program(&[&binary]), 4096);
    assert_eq!(lines(&facts), ["golang stdlib v1.22.3"]);
    assert_eq!(reasons(&facts), ["Go module list: not UTF-8"]);
    let mut long = inline("go1.22.3", b"");
    long.pop();
    long.extend([0xff, 0xff, 0xff, 0x7f]);
    let facts = analyze("tool", &program(&[&long]), 4096);
    assert_eq!(
        reasons(&facts),
        ["Go build information: a module list longer than the 4 MiB that are read of it"]
    );
}

#[test]
fn windows_and_macintosh_programs_too() {
    for head in [&b"MZ\x90\0"[..], b"\xcf\xfa\xed\xfe"] {
        let mut bytes = program(&[&inline("go1.22.3", &marked(LIST))]);
        bytes[..4].copy_from_slice(head);
        assert_eq!(lines(&analyze("tool.exe", &bytes, 4096)), PACKAGES);
    }
}
