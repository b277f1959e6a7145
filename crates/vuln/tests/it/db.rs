//! The database file: what goes in comes out, the same input gives the same bytes, and no damage
//! goes unnoticed.

use ed25519_dalek::SigningKey;
use rampart_model::{
    PackageKind, Severity, Timestamp,
    scan::{Cvss, Epss, FixStatus, KnownExploited},
};
use rampart_vuln::{
    advisory::{Advisory, Bucket, End, Interval, Record},
    db::{BuildMeta, Builder, Database, DbError, FORMAT, FeedState, delta, sign},
};
use std::sync::Arc;

pub(crate) fn fixed(
    bucket: Bucket,
    package: &str,
    id: &str,
    version: &str,
    feed: &str,
) -> Advisory {
    Advisory {
        status: FixStatus::Fixed,
        intervals: vec![Interval {
            introduced: String::new(),
            end: End::Fixed(version.to_owned()),
        }],
        ..Advisory::new(bucket, package, id, feed)
    }
}

pub(crate) fn build(advisories: &[Advisory], records: &[Record]) -> Vec<u8> {
    let mut builder = Builder::new(BuildMeta {
        version: 7,
        built_at: Timestamp(1_700_000_000_000),
        feeds: vec![FeedState {
            name: "debian".into(),
            source: "here".into(),
            rows: 3,
            fetched_at: Timestamp(5),
            modified: "yesterday".into(),
            digest: "d".into(),
            stale: true,
            error: "timed out".into(),
        }],
    });
    advisories
        .iter()
        .for_each(|advisory| _ = builder.advisory(advisory.clone()));
    records
        .iter()
        .for_each(|record| _ = builder.record(record.clone()));
    builder.finish()
}

pub(crate) fn open(advisories: &[Advisory], records: &[Record]) -> Database {
    Database::open_unsigned(Arc::new(build(advisories, records))).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// Many packages, so that tables have many pages.
fn many() -> Vec<Advisory> {
    let mut all = Vec::new();
    for n in 0..3000_u32 {
        let bucket = Bucket::os("debian", if n % 3 == 0 { "11" } else { "12" });
        let package = format!("package-{:04}", n / 2);
        all.push(fixed(
            bucket,
            &package,
            &format!("CVE-20{:02}-{:04}", n % 20, n),
            &format!("1.{n}-1"),
            "debian",
        ));
    }
    all
}

fn records() -> Vec<Record> {
    (0..3000_u32)
        .map(|n| Record {
            id: format!("CVE-20{:02}-{:04}", n % 20, n),
            title: format!("Flaw {n}"),
            description: format!(
                "Flaw number {n} lets a remote attacker do what flaw {} does.",
                n / 7
            ),
            references: vec![format!("https://example.org/{n}")],
            feed: "nvd".into(),
            epss: Some(Epss {
                probability_ppm: n,
                percentile_ppm: n * 2,
            }),
            ..Record::default()
        })
        .collect()
}

#[test]
fn what_goes_in_comes_out() {
    let full = Advisory {
        aliases: vec!["ALSA-2024:1".into(), "GHSA-aaaa".into()],
        intervals: vec![
            Interval {
                introduced: "0".into(),
                end: End::LastAffected("1.5".into()),
            },
            Interval {
                introduced: "2".into(),
                end: End::Open,
            },
        ],
        versions: vec!["1.1".into(), "1.2".into()],
        fixed_versions: vec!["1.6".into()],
        severity: Some(Severity::Medium),
        arches: vec!["aarch64".into(), "x86_64".into()],
        module: "nodejs:18".into(),
        status: FixStatus::WillNotFix,
        ..Advisory::new(
            Bucket::Os {
                family: "rhel".into(),
                release: "9".into(),
                channel: "eus-9.2".into(),
            },
            "npm",
            "CVE-2024-0001",
            "redhat",
        )
    };
    let record = Record {
        id: "CVE-2024-0001".into(),
        aliases: vec!["GHSA-aaaa".into()],
        title: "Title".into(),
        description: "Description".into(),
        severities: vec![("nvd".into(), Severity::High)],
        cvss: vec![Cvss {
            source: "nvd".into(),
            version: "3.1".into(),
            vector: "CVSS:3.1/AV:N".into(),
            score_tenths: 75,
        }],
        cwes: vec!["CWE-79".into()],
        references: vec!["https://example.org".into()],
        published: "2024-01-01T00:00:00Z".into(),
        modified: "2024-01-02T00:00:00Z".into(),
        known_exploited: Some(KnownExploited {
            added: "2024-01-05".into(),
            due: "2024-02-05".into(),
            ransomware: false,
        }),
        epss: Some(Epss {
            probability_ppm: 900_000,
            percentile_ppm: 990_000,
        }),
        feed: "nvd".into(),
        ..Record::default()
    };
    let db = open(std::slice::from_ref(&full), std::slice::from_ref(&record));
    let expected = Advisory {
        aliases: vec!["ALSA-2024:1".into()],
        ..full
    };
    assert_eq!(
        db.advisories(&expected.bucket, "npm").unwrap(),
        std::slice::from_ref(&expected)
    );
    assert_eq!(db.record("CVE-2024-0001").unwrap(), Some(record.clone()));
    assert_eq!(db.record("GHSA-aaaa").unwrap(), Some(record));
    assert_eq!(db.record("GHSA-bbbb").unwrap(), None);
    assert_eq!(db.advisories(&Bucket::os("rhel", "9"), "npm").unwrap(), []);

    let info = db.info();
    assert_eq!((info.version, info.rows, info.vulnerabilities), (7, 1, 1));
    assert_eq!(info.feeds[0].error, "timed out");
    assert_eq!(
        (info.buckets[0].name.as_str(), info.buckets[0].rows),
        ("os/rhel/9/eus-9.2", 1)
    );

    let found = db.search("alsa-2024:1").unwrap();
    assert_eq!(found.vulnerabilities, ["CVE-2024-0001"]);
    let found = db.search("npm").unwrap();
    assert_eq!(
        found.packages,
        [(expected.bucket.clone(), "npm".to_owned(), 1)]
    );
    assert_eq!(db.rows_about("GHSA-aaaa").unwrap(), [expected]);
}

#[test]
fn order_of_input_does_not_matter() {
    let (mut advisories, mut recs) = (many(), records());
    advisories.push(Advisory {
        aliases: vec!["GHSA-x".into(), "DSA-1".into()],
        ..fixed(
            Bucket::Language(PackageKind::Npm),
            "a",
            "CVE-2000-0000",
            "2",
            "ghsa",
        )
    });
    recs.push(Record {
        id: "GHSA-x".into(),
        title: "Other".into(),
        feed: "ghsa".into(),
        ..Record::default()
    });
    let one = build(&advisories, &recs);
    advisories.reverse();
    recs.reverse();
    advisories.extend_from_within(..100);
    assert!(
        one == build(&advisories, &recs),
        "the same rows in another order, some twice, gave other bytes"
    );
}

#[test]
fn all_rows_and_records_of_a_large_database_are_found() {
    let (advisories, recs) = (many(), records());
    let db = open(&advisories, &recs);
    db.verify_all().unwrap();
    for advisory in &advisories {
        let found = db.advisories(&advisory.bucket, &advisory.package).unwrap();
        assert!(found.contains(advisory), "{advisory:?} not in {found:?}");
    }
    for record in &recs {
        assert_eq!(db.record(&record.id).unwrap().as_ref(), Some(record));
    }
    let mut count = 0;
    db.each_row(|_| count += 1).unwrap();
    assert_eq!(count, 3000);
    assert_eq!(db.info().rows, 3000);
}

#[test]
fn the_signature_decides() {
    let mut file = build(&many(), &records());
    let keys = [key(1).verifying_key(), key(2).verifying_key()];
    let open =
        |file: &Vec<u8>, keys: &[_]| Database::open(Arc::new(file.clone()), keys).map(|_| ());
    assert_eq!(open(&file, &keys), Err(DbError::Unsigned));
    assert!(Database::open_unsigned(Arc::new(file.clone())).is_ok());
    sign(&mut file, &key(2)).unwrap();
    assert_eq!(open(&file, &keys), Ok(()));
    assert_eq!(open(&file, &keys[..1]), Err(DbError::WrongSignature));
    assert_eq!(open(&file, &[]), Err(DbError::WrongSignature));
    sign(&mut file, &key(1)).unwrap();
    assert_eq!(open(&file, &keys[..1]), Ok(()));
    let again = Database::open(Arc::new(file.clone()), &keys)
        .unwrap()
        .info()
        .digest
        .clone();
    sign(&mut file, &key(2)).unwrap();
    assert_eq!(
        again,
        Database::open(Arc::new(file), &keys).unwrap().info().digest
    );
}

#[test]
fn formats_and_ends_are_checked() {
    let file = build(&many(), &records());
    let open = |file: Vec<u8>| Database::open_unsigned(Arc::new(file)).map(|_| ());
    assert_eq!(open(Vec::new()), Err(DbError::NotADatabase));
    assert_eq!(
        open(b"SQLite format 3\0".to_vec()),
        Err(DbError::NotADatabase)
    );
    let mut newer = file.clone();
    newer[8] = 9;
    assert_eq!(
        open(newer),
        Err(DbError::NewerFormat {
            found: 9,
            supported: FORMAT
        })
    );
    for length in [1, 8, 12, 15, 79, 80, 200, file.len() / 2, file.len() - 1] {
        let error = open(file[..length].to_vec()).unwrap_err();
        assert!(
            matches!(error, DbError::Truncated { .. }),
            "{length}: {error}"
        );
    }
    let mut longer = file;
    longer.push(0);
    assert!(matches!(open(longer), Err(DbError::Corrupt { .. })));
}

/// Every byte is vouched for: flip one anywhere, and either opening or the full check says so.
#[test]
fn no_flipped_bit_goes_unnoticed() {
    let mut file = build(&many()[..300], &records()[..300]);
    sign(&mut file, &key(1)).unwrap();
    let keys = [key(1).verifying_key()];
    for at in (0..file.len()).step_by(97).chain(0..80) {
        let mut bad = file.clone();
        bad[at] ^= 1 << (at % 8);
        let result = Database::open(Arc::new(bad), &keys).and_then(|db| db.verify_all());
        assert!(result.is_err(), "byte {at} of {}", file.len());
    }
}

#[test]
fn a_damaged_page_fails_where_it_is_needed_and_only_there() {
    let mut file = build(&many(), &records());
    let db = Database::open_unsigned(Arc::new(file.clone())).unwrap();
    let good = db
        .advisories(&Bucket::os("debian", "11"), "package-0000")
        .unwrap();
    assert!(!good.is_empty());
    let last = file.len() - 1;
    file[last] ^= 1;
    let db = Database::open_unsigned(Arc::new(file)).unwrap();
    assert_eq!(
        db.advisories(&Bucket::os("debian", "11"), "package-0000")
            .unwrap(),
        good
    );
    assert!(matches!(db.verify_all(), Err(DbError::Corrupt { .. })));
}

#[test]
fn aliases_meet_under_the_cve() {
    let npm = Bucket::Language(PackageKind::Npm);
    let row = |id: &str, aliases: &[&str], feed: &str| Advisory {
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        ..fixed(npm.clone(), "a", id, "2", feed)
    };
    let db = open(
        &[
            row("GHSA-1", &[], "ghsa"),
            row("PYSEC-1", &["CVE-2024-0001"], "pypa"),
            row("DSA-1", &["CVE-2024-0002", "CVE-2024-0003"], "debian"),
            row("OSV-9", &[], "osv"),
        ],
        &[Record {
            id: "GHSA-1".into(),
            aliases: vec!["PYSEC-1".into()],
            title: "From GHSA".into(),
            feed: "ghsa".into(),
            ..Record::default()
        }],
    );
    let mut ids: Vec<_> = db
        .advisories(&npm, "a")
        .unwrap()
        .into_iter()
        .map(|row| (row.id, row.aliases.join(" "), row.feed))
        .collect();
    ids.sort();
    let ids: Vec<_> = ids
        .iter()
        .map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str()))
        .collect();
    assert_eq!(
        ids,
        [
            ("CVE-2024-0001", "", "ghsa"),
            ("CVE-2024-0001", "", "pypa"),
            ("CVE-2024-0002", "DSA-1", "debian"),
            ("CVE-2024-0003", "DSA-1", "debian"),
            ("OSV-9", "", "osv"),
        ]
    );
    let record = db.record("PYSEC-1").unwrap().unwrap();
    assert_eq!(
        (record.id.as_str(), record.title.as_str()),
        ("CVE-2024-0001", "From GHSA")
    );
    assert_eq!(record.aliases, ["GHSA-1", "PYSEC-1"]);
    assert_eq!(
        db.search("DSA-1").unwrap().vulnerabilities,
        ["CVE-2024-0002", "CVE-2024-0003"]
    );
}

/// The same advisory may name other CVEs for another package.
#[test]
fn an_advisorys_rows_are_about_what_each_names() {
    let deb = Bucket::os("debian", "12");
    let row = |package: &str, cves: &[&str]| Advisory {
        aliases: cves.iter().map(|&cve| cve.to_owned()).collect(),
        ..fixed(deb.clone(), package, "DSA-1", "2", "debian")
    };
    let rows = [
        row("a", &["CVE-2024-0001"]),
        row("b", &["CVE-2024-0002"]),
        row("c", &[]),
    ];
    let db = open(&rows, &[]);
    let id = |package: &str| db.advisories(&deb, package).unwrap()[0].id.clone();
    assert_eq!(
        [id("a"), id("b"), id("c")],
        ["CVE-2024-0001", "CVE-2024-0002", "DSA-1"]
    );
    let reversed: Vec<_> = rows.iter().rev().cloned().collect();
    assert!(build(&rows, &[]) == build(&reversed, &[]));
}

#[test]
fn names_are_those_of_the_ecosystem() {
    let db = open(
        &[fixed(
            Bucket::Language(PackageKind::Pypi),
            "Flask_Login",
            "CVE-2024-0001",
            "2",
            "pypa",
        )],
        &[],
    );
    let found = rampart_vuln::matching::match_packages(
        &db,
        None,
        &[rampart_model::Package::new(
            PackageKind::Pypi,
            "flask.login",
            "1",
        )],
        &Default::default(),
    );
    assert_eq!(found.unwrap().len(), 1);
}

#[test]
fn what_is_withdrawn_is_gone_but_only_that() {
    let deb = Bucket::os("debian", "12");
    let npm = Bucket::Language(PackageKind::Npm);
    let withdrawn = |id: &str, aliases: &[&str], feed: &str| Record {
        id: id.into(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        withdrawn: true,
        feed: feed.into(),
        ..Record::default()
    };
    let alias = |mut row: Advisory, alias: &str| {
        row.aliases.push(alias.to_owned());
        row
    };
    let db = open(
        &[
            fixed(deb.clone(), "a", "CVE-2024-0001", "1", "debian"),
            alias(
                fixed(npm.clone(), "a", "CVE-2024-0001", "1", "ghsa"),
                "GHSA-1",
            ),
            alias(
                fixed(npm.clone(), "b", "CVE-2024-0001", "1", "ghsa"),
                "GHSA-2",
            ),
            fixed(deb.clone(), "a", "CVE-2024-0009", "1", "debian"),
        ],
        &[
            withdrawn("CVE-2024-0001", &["GHSA-1"], "ghsa"),
            withdrawn("CVE-2024-0009", &[], "nvd"),
        ],
    );
    let ids = |bucket: &Bucket, package: &str| -> Vec<String> {
        db.advisories(bucket, package)
            .unwrap()
            .into_iter()
            .map(|row| row.id)
            .collect()
    };
    assert_eq!(
        ids(&deb, "a"),
        ["CVE-2024-0001"],
        "another feed's withdrawal does not touch Debian's row; a rejected CVE goes"
    );
    assert_eq!(ids(&npm, "a"), [""; 0], "the withdrawn advisory's row goes");
    assert_eq!(
        ids(&npm, "b"),
        ["CVE-2024-0001"],
        "another advisory's of the same CVE stays"
    );
}

#[test]
fn rows_that_cannot_be_keyed_are_counted() {
    let mut builder = Builder::new(BuildMeta::default());
    builder.advisory(fixed(
        Bucket::os("debian", "12"),
        "",
        "CVE-2024-0001",
        "1",
        "x",
    ));
    builder.advisory(fixed(
        Bucket::os("debian", "12/13"),
        "a",
        "CVE-2024-0001",
        "1",
        "x",
    ));
    builder.advisory(fixed(
        Bucket::os("debian", "12"),
        "a\0b",
        "CVE-2024-0001",
        "1",
        "x",
    ));
    builder.advisory(fixed(
        Bucket::os("debian", "12"),
        "a",
        "CVE-2024-0001",
        &"1".repeat(5000),
        "x",
    ));
    builder.record(Record::default());
    builder.record(Record {
        id: "CVE-2024-0004".into(),
        title: "Nobody's".into(),
        ..Record::default()
    });
    let (file, stats) = builder.finish_with_stats();
    assert_eq!(
        (stats.refused, stats.rows, stats.records_without_rows),
        (5, 0, 1)
    );
    let db = Database::open_unsigned(Arc::new(file)).unwrap();
    assert_eq!(db.advisories(&Bucket::os("debian", "12"), "a").unwrap(), []);
    db.verify_all().unwrap();
}

/// A day's change: a few new rows and texts, and a new version of the database.
#[test]
fn a_delta_makes_the_new_file_of_the_old() {
    let (mut advisories, mut recs) = (many(), records());
    let mut old = build(&advisories, &recs);
    sign(&mut old, &key(1)).unwrap();
    for n in 0..5 {
        let id = format!("CVE-2026-{:04}", 1000 + n);
        advisories.push(fixed(
            Bucket::os("debian", "12"),
            &format!("package-{:04}", n * 100),
            &id,
            "9-1",
            "debian",
        ));
        recs.push(Record {
            id,
            title: "New".into(),
            ..Record::default()
        });
    }
    let mut new = build(&advisories, &recs);
    sign(&mut new, &key(1)).unwrap();
    let keys = [key(1).verifying_key()];
    let open = |file: &Vec<u8>| Database::open(Arc::new(file.clone()), &keys).unwrap();
    let (old, new_db) = (open(&old), open(&new));
    let delta = delta::diff(&old, &new_db).unwrap();
    assert!(
        delta.len() < new.len() / 10,
        "{} of {}",
        delta.len(),
        new.len()
    );
    assert!(delta::apply(&old, &delta, Some(&keys)).unwrap() == new);
    assert!(
        delta::apply(
            &new_db,
            &delta::diff(&new_db, &new_db).unwrap(),
            Some(&keys)
        )
        .unwrap()
            == new
    );

    assert_eq!(
        delta::apply(&new_db, &delta, Some(&keys)),
        Err(DbError::Delta(
            "it is for another database than the one here"
        ))
    );
    assert_eq!(
        delta::apply(&old, &delta, Some(&[key(2).verifying_key()])),
        Err(DbError::WrongSignature)
    );
    assert!(matches!(
        delta::apply(&old, b"nonsense", Some(&keys)),
        Err(DbError::Delta(_))
    ));
    for at in (0..delta.len()).step_by(41) {
        let mut bad = delta.clone();
        bad[at] ^= 0x10;
        // Some bits of a zstd frame mean nothing; what comes out is right or nothing.
        if let Ok(file) = delta::apply(&old, &bad, Some(&keys)) {
            assert!(file == new, "flipped byte {at}");
        }
        assert!(
            delta::apply(&old, &delta[..at], Some(&keys)).is_err(),
            "cut at {at}"
        );
    }
}
