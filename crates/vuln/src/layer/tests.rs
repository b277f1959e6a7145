//! Layers made here, byte by byte, given in pieces of every size.

use super::{Collected, Collector, Glob, LateLink, Limits, Selection, TarPush};
use crate::analyze::{Analyzer, FileFacts, FileMeta, Sink, Whole, path_hash};
use rampart_model::package::{Package, PackageKind};
use std::sync::Arc;

/// Takes files named `pkg` whole, and tells their content as a package's version.
struct Named;

impl Analyzer for Named {
    fn name(&self) -> &'static str {
        "named"
    }

    fn wants(&self, file: &FileMeta) -> bool {
        file.file_name() == "pkg" || file.file_name() == "alias"
    }

    fn open(&self, file: &FileMeta, head: &[u8]) -> Option<Box<dyn Sink>> {
        if head.starts_with(b"#no") {
            return None;
        }
        Some(Whole::sink(
            file,
            1 << 20,
            |meta: &FileMeta, bytes: &[u8], out: &mut FileFacts| {
                let version = String::from_utf8_lossy(bytes).into_owned();
                let mut package = Package::new(PackageKind::Deb, "p", version);
                package.path = meta.path.clone();
                out.packages.push(package);
            },
        ))
    }
}

#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn header(&mut self, name: &[u8], kind: u8, size: u64, link: &[u8], mode: u32) {
        let mut block = [0u8; 512];
        block[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        block[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
        block[108..115].copy_from_slice(b"0001750");
        block[116..123].copy_from_slice(b"0001750");
        // Eight GiB and more need the twelfth digit, where otherwise the field's end is.
        let digits = format!("{size:011o}");
        block[124..124 + digits.len().min(12)]
            .copy_from_slice(&digits.as_bytes()[..digits.len().min(12)]);
        block[136..147].copy_from_slice(b"00000000000");
        block[156] = kind;
        block[157..157 + link.len()].copy_from_slice(link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        seal(&mut block);
        self.0.extend_from_slice(&block);
    }

    fn content(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        self.header(name.as_bytes(), b'0', bytes.len() as u64, b"", 0o644);
        self.content(bytes);
        self
    }

    fn mode(mut self, name: &str, mode: u32) -> Self {
        self.header(name.as_bytes(), b'0', 0, b"", mode);
        self
    }

    fn entry(mut self, name: &str, kind: u8, link: &str) -> Self {
        self.header(name.as_bytes(), kind, 0, link.as_bytes(), 0o755);
        self
    }

    fn meta(mut self, kind: u8, bytes: &[u8]) -> Self {
        self.header(b"././@LongLink", kind, bytes.len() as u64, b"", 0o644);
        self.content(bytes);
        self
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            text.push_str(&format!("{length} {key}={value}\n"));
        }
        self.meta(b'x', text.as_bytes())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn seal(block: &mut [u8; 512]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
}

fn selection() -> Arc<Selection> {
    Arc::new(Selection::of(&[&Named]))
}

fn read_in(bytes: &[u8], piece: usize, collector: Collector) -> Collected {
    let mut tar = TarPush::new(collector);
    bytes.chunks(piece).for_each(|piece| tar.push(piece));
    tar.finish(false)
}

/// Whatever the pieces, the same comes out.
fn read(bytes: &[u8]) -> Collected {
    let whole = read_in(bytes, bytes.len().max(1), Collector::new(selection()));
    for piece in [1, 7, 511, 512, 513, 4096] {
        let other = read_in(bytes, piece, Collector::new(selection()));
        assert_eq!(other.facts, whole.facts, "pieces of {piece}");
        assert_eq!(
            (other.damage, &other.late),
            (whole.damage.clone(), &whole.late),
            "pieces of {piece}"
        );
    }
    whole
}

fn packages(read: &Collected) -> Vec<String> {
    let files = read.facts.files.iter().flat_map(|file| &file.packages);
    files
        .map(|package| format!("{} {}", package.path, package.version))
        .collect()
}

fn has_entry(read: &Collected, path: &str) -> bool {
    read.facts.entries.binary_search(&path_hash(path)).is_ok()
}

#[test]
fn files_whiteouts_and_links() {
    let layer = Tar::default()
        .entry("./", b'5', "")
        .entry("usr/", b'5', "")
        .file("./usr/pkg", b"1.0")
        .file("usr/other", &[7; 3000])
        .file("usr/.wh.gone", b"")
        .entry("usr/.wh..wh..opq", b'0', "")
        .entry(".wh..wh.plnk", b'5', "")
        .entry("usr/link", b'2', "/etc/passwd")
        .entry("dev/null", b'3', "")
        .entry("usr/share/pkg", b'1', "./usr/pkg")
        .end();
    let read = read(&layer);
    assert_eq!(read.damage, None);
    assert_eq!(packages(&read), ["usr/pkg 1.0", "usr/share/pkg 1.0"]);
    assert_eq!(read.facts.whiteouts, ["usr/gone"]);
    assert_eq!(read.facts.opaques, ["usr"]);
    assert_eq!(read.facts.file_count, 2);
    for path in [
        "usr/pkg",
        "usr/other",
        "usr/link",
        "dev/null",
        "usr/share/pkg",
        "usr/",
    ] {
        assert!(has_entry(&read, path), "{path}");
    }
    assert!(!has_entry(&read, "usr/.wh.gone") && !has_entry(&read, "usr"));
}

#[test]
fn names_as_archives_write_them() {
    let long = format!("{}/pkg", "d/".repeat(120).trim_end_matches('/'));
    let layer = Tar::default()
        .file("/../../etc/./pkg", b"1")
        .meta(b'L', format!("{long}\0").as_bytes())
        .file("short", b"2")
        .pax(&[("path", "pax/pkg"), ("comment", "x")])
        .file("other", b"3")
        .pax(&[("path", "cut\0/pkg")])
        .file("x", b"4")
        .end();
    let read = read(&layer);
    assert_eq!(
        packages(&read),
        [
            "etc/pkg 1".to_owned(),
            format!("{long} 2"),
            "pax/pkg 3".to_owned()
        ]
    );
    assert_eq!(read.facts.problems.len(), 1);
    assert_eq!(read.facts.problems[0].path, "cut");
}

#[test]
fn a_file_that_comes_twice_counts_as_its_last() {
    let layer = Tar::default()
        .file("pkg", b"1")
        .file("a/pkg", b"x")
        .file("pkg", b"2")
        .entry("a/pkg", b'2', "b")
        .end();
    assert_eq!(packages(&read(&layer)), ["pkg 2"]);
}

#[test]
fn pax_size_overrides_the_header() {
    let mut layer = Tar::default().pax(&[("size", "3")]);
    layer.header(b"pkg", b'0', 0, b"", 0o644);
    layer.content(b"1.2");
    let layer = layer.file("b/pkg", b"2").end();
    assert_eq!(packages(&read(&layer)), ["pkg 1.2", "b/pkg 2"]);
}

/// An analysed name that is a hard link to a file of a name nobody wanted: a second reading.
#[test]
fn hard_link_to_a_file_nobody_wanted() {
    let layer = Tar::default()
        .file("data", b"9.9")
        .entry("lib/pkg", b'1', "data")
        .end();
    let first = read(&layer);
    assert_eq!(packages(&first), [""; 0]);
    assert_eq!(
        first.late,
        [LateLink {
            path: "lib/pkg".into(),
            target: "data".into()
        }]
    );
    let again = read_in(&layer, 100, Collector::again(selection(), first.late));
    assert_eq!(packages(&again), ["lib/pkg 9.9"]);
    assert!(again.facts.entries.is_empty());
}

#[test]
fn privileged_files_and_their_links() {
    let layer = Tar::default()
        .mode("bin/su", 0o4755)
        .mode("bin/ls", 0o755)
        .entry("bin/sudo", b'1', "bin/su")
        .end();
    let read = read(&layer);
    let found: Vec<_> = read
        .facts
        .files
        .iter()
        .filter_map(|file| file.privileged.as_ref())
        .map(|p| (p.path.as_str(), p.mode, p.uid))
        .collect();
    assert_eq!(
        found,
        [("bin/su", 0o4755, 1000), ("bin/sudo", 0o4755, 1000)]
    );
}

#[test]
fn sparse_files() {
    // GNU 1.0: the map lies before the data.
    let mut map = b"2\n2\n1\n6\n2\n".to_vec();
    map.resize(512, 0);
    map.extend_from_slice(b"abc");
    let mut tar = Tar::default().pax(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "one/pkg"),
        ("GNU.sparse.realsize", "10"),
    ]);
    tar.header(b"GNUSparseFile.0/pkg", b'0', map.len() as u64, b"", 0o644);
    tar.content(&map);
    // 0.1: the map is in a record.
    let mut tar = tar.pax(&[("GNU.sparse.map", "1,2"), ("GNU.sparse.size", "4")]);
    tar.header(b"two/pkg", b'0', 2, b"", 0o644);
    tar.content(b"xy");
    let read = read(&tar.end());
    assert_eq!(
        packages(&read),
        ["one/pkg \0\0a\0\0\0bc\0\0", "two/pkg \0xy\0"]
    );
}

#[test]
fn old_gnu_sparse_file() {
    let mut block = [0u8; 512];
    block[..3].copy_from_slice(b"pkg");
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(b"00000000002");
    block[156] = b'S';
    block[257..265].copy_from_slice(b"ustar  \0");
    block[386..397].copy_from_slice(b"00000000003");
    block[398..409].copy_from_slice(b"00000000002");
    block[483..494].copy_from_slice(b"00000000006");
    seal(&mut block);
    let mut tar = Tar(block.to_vec());
    tar.content(b"hi");
    assert_eq!(
        packages(&read(&tar.file("b/pkg", b"2").end())),
        ["pkg \0\0\0hi\0", "b/pkg 2"]
    );
}

/// A terabyte of holes is not written out.
#[test]
fn holes_are_bounded() {
    let mut tar = Tar::default().pax(&[
        ("GNU.sparse.map", "1099511627775,1"),
        ("GNU.sparse.size", "1099511627776"),
    ]);
    tar.header(b"pkg", b'0', 1, b"", 0o644);
    tar.content(b"x");
    let read = read_in(
        &tar.file("b/pkg", b"2").end(),
        512,
        Collector::new(selection()),
    );
    assert_eq!(packages(&read), ["b/pkg 2"]);
    assert!(
        read.facts
            .problems
            .iter()
            .any(|p| p.path == "pkg" && p.reason.contains("holes"))
    );
}

#[test]
fn damage_is_told_and_what_came_before_stands() {
    let whole = Tar::default()
        .file("pkg", b"1")
        .file("b/pkg", &[b'x'; 2000])
        .end();
    let cut = read(&whole[..1024 + 512 + 700]);
    assert_eq!(packages(&cut), ["pkg 1"]);
    assert!(cut.damage.unwrap().contains("cut short"));
    let file = cut
        .facts
        .files
        .iter()
        .find(|file| file.path == "b/pkg")
        .unwrap();
    assert!(file.problems[0].reason.contains("cut short"));
    let mut bad = whole.clone();
    bad[1024 + 5] ^= 1;
    let broken = read(&bad);
    assert_eq!(packages(&broken), ["pkg 1"]);
    assert!(broken.damage.unwrap().contains("checksum"));
    let mut huge = Tar::default();
    huge.header(b"x", b'x', 1 << 33, b"", 0);
    assert!(read(&huge.0).damage.is_some());
    assert!(read(&[]).damage.is_none());
    assert!(read(b"not a tar").damage.is_some());
}

#[test]
fn limits_say_what_they_left_out() {
    let mut selection = Selection::of(&[&Named]);
    selection.limits = Limits {
        entries: 3,
        whiteouts: 1,
        facts_bytes: 1500,
        problems: 5,
        ..Limits::default()
    };
    let mut tar = Tar::default();
    for index in 0..10 {
        tar = tar
            .file(&format!("{index}/pkg"), b"1")
            .file(&format!("{index}/.wh.a"), b"");
    }
    let read = read_in(&tar.end(), 512, Collector::new(Arc::new(selection)));
    assert_eq!(
        (read.facts.entries.len(), read.facts.whiteouts.len()),
        (3, 1)
    );
    let reasons: Vec<&str> = read
        .facts
        .problems
        .iter()
        .map(|p| p.reason.as_str())
        .collect();
    for words in ["entries", "whiteouts", "findings"] {
        assert_eq!(
            reasons
                .iter()
                .filter(|reason| reason.contains(words))
                .count(),
            1,
            "{words}: {reasons:?}"
        );
    }
}

#[test]
fn skipped_paths() {
    let mut selection = Selection::of(&[&Named]);
    selection.skip_dirs = vec![Glob::new("**/node_modules"), Glob::new("tmp")];
    selection.skip_files = vec![Glob::new("**/secret/pkg")];
    let tar = Tar::default()
        .file("a/node_modules/b/pkg", b"1")
        .file("tmp/pkg", b"2")
        .file("x/secret/pkg", b"3")
        .file("tmp2/pkg", b"4")
        .end();
    let read = read_in(&tar, 512, Collector::new(Arc::new(selection)));
    assert_eq!(packages(&read), ["tmp2/pkg 4"]);
    assert_eq!(read.facts.file_count, 4);
}

/// What an analyzer leaves after the first bytes costs nothing more.
#[test]
fn a_file_that_is_left_after_its_head() {
    let mut collector = Collector::new(selection());
    let meta = FileMeta {
        path: "pkg".into(),
        size: 9000,
        ..FileMeta::default()
    };
    assert!(collector.begin(&meta));
    assert!(collector.is_reading());
    collector.content(b"#no");
    assert!(collector.is_reading());
    collector.content(&[b'x'; 4096]);
    assert!(!collector.is_reading());
    collector.end(false);
    assert!(collector.finish().facts.files.is_empty());
}

/// Found by fuzzing: an empty long name made a file of the root.
#[test]
fn a_file_without_a_name() {
    let layer = Tar::default()
        .meta(b'L', b"\0")
        .file("a/pkg", b"1")
        .file("..", b"2")
        .file("b/pkg", b"3")
        .end();
    let read = read(&layer);
    assert_eq!(packages(&read), ["a/pkg 1", "b/pkg 3"]);
    assert_eq!(read.facts.problems.len(), 1);
    assert_eq!(read.facts.problems[0].path, "..");
}
