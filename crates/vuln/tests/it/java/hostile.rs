//! Each is told, with the place inside; the rest of the archive stays told.

use super::{
    Shape, Zip,
    build::{self, jar, properties},
};
use crate::streaming::{analyze, analyze_part, lines, reasons};

#[test]
fn a_hundred_archives_inside_each_other() {
    for shape in [Shape::Stored, Shape::Deflated, Shape::Described] {
        let mut bytes = jar("g.x", "bottom", "1.0");
        for level in 0..100 {
            let mut outer = Zip::new(shape);
            let (name, text) = properties("g.x", &format!("level{level}"), "1.0");
            outer.add(&name, text.as_bytes());
            outer.add("lib/inner.jar", &bytes);
            bytes = outer.finish();
        }
        let facts = analyze("app/level99-1.0.jar", &bytes, 4096);
        assert_eq!(facts.packages.len(), 16);
        let [reason] = reasons(&facts)[..] else {
            panic!("{:?}", facts.problems)
        };
        assert!(reason.ends_with("nested deeper than 16 archives: not read"));
        assert!(reason.starts_with("lib/inner.jar!/lib/inner.jar!/"));
        assert_eq!(facts.problems[0].path, "app/level99-1.0.jar");
    }
}

#[test]
fn bombs() {
    // A nested archive of zeros: the inflated bytes are nothing, and far too many.
    let (name, text) = properties("g.x", "before", "1.0");
    let mut zip = Zip::new(Shape::Deflated);
    zip.add(&name, text.as_bytes());
    zip.add("lib/zeros.jar", &vec![0; 96 << 20]);
    let facts = analyze("before-1.0.jar", &zip.finish(), 4096);
    assert_eq!(lines(&facts), ["maven g.x:before 1.0"]);
    assert_eq!(
        reasons(&facts),
        [
            "lib/zeros.jar: not a zip archive: the rest of the archive is not read",
            "inflates to more than 200 times its length: the rest is not read"
        ]
    );
    // A manifest of zeros is dropped when it is longer than manifests are.
    let mut zip = Zip::new(Shape::Deflated);
    zip.add("META-INF/MANIFEST.MF", &vec![b' '; 2 << 20]);
    zip.add(&name, text.as_bytes());
    let facts = analyze("before-1.0.jar", &zip.finish(), 4096);
    assert_eq!(lines(&facts), ["maven g.x:before 1.0"]);
    assert_eq!(
        reasons(&facts),
        ["META-INF/MANIFEST.MF: longer than 1048576 bytes: not read"]
    );
    // What nobody wants is not inflated, and so is no bomb.
    let mut zip = Zip::new(Shape::Described);
    zip.add("zeros.bin", &vec![0; 96 << 20]);
    zip.add(&name, text.as_bytes());
    let facts = analyze("before-1.0.jar", &zip.finish(), 4096);
    assert_eq!(lines(&facts), ["maven g.x:before 1.0"]);
    assert!(facts.problems.is_empty());
}

#[test]
fn truncated_anywhere() {
    for shape in Shape::ALL {
        let mut zip = Zip::new(*shape);
        zip.add("a.class", &build::noise(300));
        zip.add("lib/inner-1.0.jar", &jar("g.x", "inner", "1.0"));
        let bytes = zip.finish();
        // The record at the very end, of 22 bytes, only repeats what came before.
        for length in 1..bytes.len() - 22 {
            let facts = analyze_part("app.jar", &bytes[..length], bytes.len(), 4096);
            let whole = "cut short: the source ended inside the file";
            assert!(reasons(&facts).contains(&whole), "{shape:?} at {length}");
            assert!(facts.packages.len() <= 1);
        }
        // And without the archive being told of it.
        let facts = analyze("app.jar", &bytes[..bytes.len() - 120], 4096);
        assert!(!facts.problems.is_empty(), "{shape:?}");
    }
}

#[test]
fn damaged_and_encrypted_entries() {
    let (name, text) = properties("g.x", "after", "1.0");
    let mut zip = Zip::new(Shape::Deflated);
    zip.add("META-INF/MANIFEST.MF", &build::noise(500));
    let middle = zip.bytes.len() - 250;
    zip.bytes[middle..middle + 100].fill(0xff);
    // The first block's kind: one there is not.
    let start = zip
        .bytes
        .windows(11)
        .position(|w| w == b"MANIFEST.MF")
        .unwrap()
        + 11;
    zip.bytes[start] = 0x07;
    zip.add_flagged("lib/secret-1.0.jar", b"whatever it is", 1);
    zip.add(&name, text.as_bytes());
    let facts = analyze("after-1.0.jar", &zip.finish(), 4096);
    assert_eq!(lines(&facts), ["maven g.x:after 1.0"]);
    assert_eq!(
        reasons(&facts),
        [
            "META-INF/MANIFEST.MF: its compressed data are damaged",
            "lib/secret-1.0.jar: encrypted: not read"
        ]
    );
}

#[test]
fn overlapping_and_hidden_entries_are_told() {
    let mut zip = Zip::new(Shape::Stored);
    let inner = jar("g.x", "hidden", "1.0");
    // The directory points into the data of an entry that looks harmless.
    zip.add("picture.png", &inner);
    zip.directory_entry_for("lib/hidden-1.0.jar", 41);
    zip.directory_entry_for("lib/again-1.0.jar", 41);
    let facts = analyze("app.jar", &zip.finish(), 4096);
    assert_eq!(
        reasons(&facts),
        ["2 entries of the directory overlap others or hide between them: not read"]
    );
}

#[test]
fn what_is_no_archive_is_told() {
    for bytes in [
        &b"<html>not found</html>"[..],
        b"PK",
        b"PK\x03\x04",
        b"\0\0\0\0\0\0",
    ] {
        let facts = analyze("app.jar", bytes, 4096);
        assert!(facts.packages.is_empty());
        assert_eq!(facts.problems.len(), 1, "{bytes:?}: {:?}", facts.problems);
    }
    assert!(analyze("empty.jar", &Zip::new(Shape::Stored).finish(), 4096).is_empty());
    assert!(analyze("placeholder.jar", b"", 4096).is_empty());
}

/// The end of a directory behind a script was taken for an empty archive if a piece began with it.
#[test]
fn a_script_with_the_end_of_an_archive_only() {
    let bytes = b"#!/bin/sh\n\0PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for size in [1, 4, 11, 4096] {
        let facts = analyze("tool.war", bytes, size);
        assert_eq!(facts.problems.len(), 1, "pieces of {size}");
    }
}

#[test]
fn a_thousand_broken_archives_are_told_briefly() {
    let mut zip = Zip::new(Shape::Stored);
    for number in 0..1000 {
        zip.add(&format!("lib/{number}.jar"), b"not an archive");
    }
    let facts = analyze("app.jar", &zip.finish(), 4096);
    assert_eq!(facts.problems.len(), 201);
    assert_eq!(facts.problems[200].reason, "800 more problems like these");
}
