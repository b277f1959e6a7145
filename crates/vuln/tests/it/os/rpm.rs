//! rpm's databases made here, whole and damaged.

use super::{
    layer::{LayerBuilder, analyze},
    rpmdb::{HeaderBuilder, bdb, headers, ndb, sqlite},
};
use rampart_vuln::{
    analyze::{path_hash, rpm},
    merge::merge,
};

type Make = fn(&[Vec<u8>]) -> Vec<u8>;

/// Where each format lies, and what makes it.
const FORMATS: &[(&str, Make)] = &[
    ("var/lib/rpm/rpmdb.sqlite", sqlite),
    ("usr/lib/sysimage/rpm/Packages.db", ndb),
    ("var/lib/rpm/Packages", |blobs| bdb(blobs, false)),
    ("usr/share/rpm/Packages", |blobs| bdb(blobs, true)),
];

#[test]
fn every_format_gives_every_package() {
    let blobs = headers(300);
    for (path, make) in FORMATS {
        let facts = analyze(path, 0o644, &make(&blobs));
        assert_eq!(facts.problems, [], "{path}");
        assert_eq!(facts.packages.len(), blobs.len(), "{path}");
        for (number, package) in facts.packages.iter().enumerate() {
            assert_eq!(package.name, format!("package{number}"), "{path}");
            assert_eq!(package.version, format!("1.0-{number}.el9"), "{path}");
        }
    }
}

#[test]
fn fields_of_a_header() {
    let blob = HeaderBuilder::of("perl-libs", "5.32.1", "481.module_el9")
        .words(1003, &[4])
        .string(1011, "AlmaLinux")
        .string(1014, "(GPL-2.0-only or Artistic-2.0) and MIT")
        .string(1044, "perl-5.32.1-481.module_el9.src.rpm")
        .string(5096, "perl:5.32:9000020:abc:x86_64")
        .words(1116, &[0, 1, 1, 7])
        .strings(1117, &["perl", "libperl.so.5.32", "gone.so", "nowhere"])
        .strings(1118, &["/usr/bin/", "/lib64/"])
        // The third is not installed.
        .entry(1029, 1, 4, &[0, 0, 1, 0])
        .build();
    let key = HeaderBuilder::of("gpg-pubkey", "8483c65d", "5ccc5b19").build();
    let database = rpm::parse(&ndb(&[blob, key]));
    assert_eq!((database.broken, &database.fatal), (0, &None));
    let [package] = &database.packages[..] else {
        panic!("one package: {:?}", database.packages);
    };
    assert_eq!(package.version, "4:5.32.1-481.module_el9");
    assert_eq!(package.supplier, "AlmaLinux");
    assert_eq!(package.licenses, ["(GPL-2.0-only OR Artistic-2.0) AND MIT"]);
    assert_eq!(package.module, "perl:5.32:9000020:abc:x86_64");
    let source = package.source.as_ref().unwrap();
    assert_eq!(
        (source.name.as_str(), source.version.as_str()),
        ("perl", "4:5.32.1-481.module_el9")
    );
    let mut want = [
        "usr/bin/perl",
        "lib64/libperl.so.5.32",
        "usr/lib64/libperl.so.5.32",
    ]
    .map(path_hash);
    want.sort_unstable();
    assert_eq!(database.owned_paths, want);
    assert_eq!(database.owners[0].paths, want);
}

#[test]
fn whole_paths_of_old_headers() {
    let blob = HeaderBuilder::of("old", "1", "1")
        .strings(1027, &["/bin/old", "/etc/old.conf"])
        .build();
    let database = rpm::parse(&bdb(&[blob], false));
    let mut want = ["bin/old", "usr/bin/old", "etc/old.conf"].map(path_hash);
    want.sort_unstable();
    assert_eq!(database.owned_paths, want);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_counts() {
    let mut blobs = headers(30);
    blobs[7] = vec![0xff; 100];
    blobs[20] = HeaderBuilder::default().string(1000, "no-version").build();
    for (path, make) in FORMATS {
        let facts = analyze(path, 0o644, &make(&blobs));
        assert_eq!(facts.packages.len(), 28, "{path}");
        assert_eq!(facts.problems.len(), 1, "{path}");
        let reason = &facts.problems[0].reason;
        assert!(
            reason.starts_with("2 parts could not be read"),
            "{path}: {reason}"
        );
    }
    for (bytes, want) in [
        (&b""[..], "the file is empty"),
        (
            b"not a database at all",
            "not a Berkeley DB, NDB or SQLite database",
        ),
        (b"SQLite format 3\0", "the file's header is cut short"),
        (b"RpmP", "the file's header is cut short"),
    ] {
        let facts = analyze("var/lib/rpm/Packages", 0o644, bytes);
        assert_eq!(facts.packages, []);
        assert_eq!(
            facts.problems[0].reason,
            format!("not read to its end: {want}")
        );
    }
}

/// Cut anywhere: what is whole counts, and it is never silent.
#[test]
fn truncated_databases_are_told() {
    let blobs = headers(60);
    for (path, make) in FORMATS {
        let whole = make(&blobs);
        for cut in (1..whole.len()).step_by(whole.len() / 97) {
            let facts = analyze(path, 0o644, &whole[..cut]);
            let told = !facts.problems.is_empty();
            assert!(facts.packages.len() <= blobs.len(), "{path} cut at {cut}");
            assert!(
                told || facts.packages.len() == blobs.len(),
                "{path} cut at {cut}"
            );
        }
    }
}

/// Bytes changed at random places: any answer, but an answer, and never more than there was room for.
#[test]
fn damaged_databases_give_an_answer() {
    let blobs = headers(40);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for (_, make) in FORMATS {
        let whole = make(&blobs);
        for _ in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..=random(8) {
                // Most structure lies at the start of pages.
                let page = random(bytes.len() / 4096) * 4096;
                let at = page + random(64);
                bytes[at] = u8::try_from(random(256)).unwrap();
            }
            let database = rpm::parse(&bytes);
            assert!(database.packages.len() <= 4 * blobs.len());
        }
    }
}

/// Chains and trees that lead back to themselves, and counts beyond anything.
#[test]
fn cycles_and_huge_counts_end() {
    let blobs = vec![headers(100).pop().unwrap()];

    // SQLite: the first overflow page names itself as the next.
    let mut bytes = sqlite(&blobs);
    bytes[3 * 4096..3 * 4096 + 4].copy_from_slice(&4_u32.to_be_bytes());
    assert_told(&bytes, "page 4 is used twice");
    // The inner page names itself as its rightmost child, then the schema as it.
    for child in [2_u32, 1] {
        let mut bytes = sqlite(&blobs);
        bytes[4096 + 8..4096 + 12].copy_from_slice(&child.to_be_bytes());
        let database = rpm::parse(&bytes);
        assert!(database.packages.is_empty() && database.broken > 0);
    }
    // A leaf whose 65,535 cells are all the same one.
    let mut bytes = sqlite(&headers(1));
    let cell: [u8; 2] = bytes[2 * 4096 + 8..2 * 4096 + 10].try_into().unwrap();
    bytes[2 * 4096 + 3..2 * 4096 + 5].copy_from_slice(&[0xff, 0xff]);
    for at in (2 * 4096 + 8..2 * 4096 + 3000).step_by(2) {
        bytes[at..at + 2].copy_from_slice(&cell);
    }
    let database = rpm::parse(&bytes);
    assert_eq!(database.fatal, Some(rpm::DatabaseError::OverBudget));

    // Berkeley DB: an overflow page that names itself.
    let mut bytes = bdb(&blobs, false);
    bytes[2 * 4096 + 16..2 * 4096 + 20].copy_from_slice(&2_u32.to_le_bytes());
    assert_told(&bytes, "page 2 is used twice");
    // A value of four gigabytes.
    let mut bytes = bdb(&blobs, false);
    let value = 2 * 4096 - 5 - 12;
    bytes[value + 8..value + 12].copy_from_slice(&[0xff; 4]);
    assert_told(&bytes, "a value's length is out of range");

    // NDB: a million pages of slots; all slots the same blob.
    let mut bytes = ndb(&blobs);
    bytes[12..16].copy_from_slice(&[0xff; 4]);
    let database = rpm::parse(&bytes);
    assert!(matches!(
        database.fatal,
        Some(rpm::DatabaseError::OutOfRange { .. })
    ));
    let mut bytes = ndb(&blobs);
    let slot: [u8; 16] = bytes[32..48].try_into().unwrap();
    for at in (48..4096).step_by(16) {
        bytes[at..at + 16].copy_from_slice(&slot);
    }
    assert_eq!(
        rpm::parse(&bytes).fatal,
        Some(rpm::DatabaseError::OverBudget)
    );

    // A header of four billion entries.
    let mut blob = headers(1).remove(0);
    blob[..4].copy_from_slice(&[0xff; 4]);
    assert_told(
        &ndb(&[blob]),
        "a header's number of entries is out of range",
    );
    // File names that say they are four billion, and stand nowhere.
    let blob = HeaderBuilder::of("a", "1", "1")
        .entry(1117, 8, u32::MAX, b"")
        .entry(1116, 4, u32::MAX, b"")
        .entry(1118, 8, u32::MAX, b"/\0")
        .build();
    let database = rpm::parse(&ndb(&[blob]));
    assert_eq!(database.packages.len(), 1);
}

#[track_caller]
fn assert_told(bytes: &[u8], want: &str) {
    let database = rpm::parse(bytes);
    assert!(
        database.first_error.contains(want),
        "{:?}",
        database.first_error
    );
}

/// A release that changed rpm's format and left the old file: rpm reads the new one alone.
#[test]
fn the_newest_format_decides_and_layers_go_through_the_change() {
    let old = headers(3);
    let new = [&old[..2], &[HeaderBuilder::of("added", "2", "1").build()]].concat();
    let layers = vec![
        LayerBuilder::default()
            .file("var/lib/rpm/Packages", bdb(&old, false))
            .build(),
        LayerBuilder::default()
            .file("var/lib/rpm/rpmdb.sqlite", sqlite(&new))
            .build(),
    ];
    let artifact = merge(layers);
    let told: Vec<_> = artifact
        .packages
        .iter()
        .map(|p| (p.name.as_str(), p.layer))
        .collect();
    assert_eq!(
        told,
        [
            ("added", Some(1)),
            ("package0", Some(0)),
            ("package1", Some(0))
        ]
    );
    assert_eq!(artifact.problems.len(), 1);
    assert!(artifact.problems[0].reason.contains("left out"));
}

#[test]
fn a_write_ahead_log_is_told_unless_it_is_empty() {
    let facts = analyze("var/lib/rpm/rpmdb.sqlite-wal", 0o644, b"\x37\x7f\x06\x82");
    assert_eq!(facts.problems.len(), 1);
    assert!(analyze("var/lib/rpm/rpmdb.sqlite-wal", 0o644, b"").is_empty());
}

#[test]
fn the_manifest_of_images_without_rpm() {
    let text = "mariner-release\t2.0-12.cm2\t1653816591\t1653753130\tMicrosoft Corporation\t(none)\t580\tnoarch\t0\tmariner-release-2.0-12.cm2.src.rpm\n\
        openssl\t1.1.1k-15.cm2\t1\t1\tMicrosoft Corporation\t2\t580\tx86_64\t2\topenssl-1.1.1k-15.cm2.src.rpm\n\
        short line\n";
    let facts = analyze(
        "var/lib/rpmmanifest/container-manifest-2",
        0o644,
        text.as_bytes(),
    );
    let told: Vec<_> = facts
        .packages
        .iter()
        .map(|p| (p.name.as_str(), p.version.as_str(), p.arch.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("mariner-release", "2.0-12.cm2", "noarch"),
            ("openssl", "2:1.1.1k-15.cm2", "x86_64"),
        ]
    );
    assert_eq!(facts.packages[1].source.as_ref().unwrap().name, "openssl");
    assert_eq!(facts.problems[0].reason, "1 lines do not have ten fields");
}
