//! How large and how fast the vulnerability database is: `cargo bench -p rampart-vuln --bench db`.
//!
//! Rows are made up in the proportions of real feeds (a distribution's errata name many packages
//! and CVEs at once), or read with `-- --rows FILE --records FILE`, one JSON object a line. Sizes
//! are ratios to the same rows as JSON lines; a cold open is one of a fresh [`Database`], whose
//! pages are all still to be checked. Times are processor time of one thread. `--keep FILE` writes
//! the database, `--db FILE --packages REPORT` matches a report's packages with a real one,
//! `--rounds N` says how often each is timed.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use ed25519_dalek::SigningKey;
use rampart_model::{
    Distro, Package, PackageKind, Timestamp,
    scan::{Cvss, FixStatus, KnownExploited},
};
use rampart_vuln::{
    advisory::{Advisory, Bucket, End, Interval, Record},
    db::{BuildMeta, Builder, Bytes, Database, delta, sign},
    matching::{MatchOptions, find},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    sync::Arc,
    time::Duration,
};

const ROWS: usize = 354_000;
const ROUNDS: u32 = 100;
const PACKAGES: usize = 1000;

fn main() {
    let mut args = std::env::args().skip(1);
    let (mut rows, mut records, mut keep, mut rounds) = (None, None, None, ROUNDS);
    let (mut real, mut installed) = (None, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--rows" => rows = args.next(),
            "--records" => records = args.next(),
            "--keep" => keep = args.next(),
            "--db" => real = args.next(),
            "--packages" => installed = args.next(),
            "--rounds" => rounds = args.next().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS),
            _ => {}
        }
    }
    if let (Some(db), Some(packages)) = (real, installed) {
        let bytes: Bytes = Arc::new(std::fs::read(db).unwrap());
        let open = || Database::open_unsigned(bytes.clone()).unwrap();
        let (distro, packages) = report(&packages);
        return matches(&open, &distro, &packages, rounds);
    }
    let advisories = rows.map_or_else(made_up, |path| read(&path, advisory));
    let records = records.map_or_else(|| texts_for(&advisories), |path| read(&path, record));
    let json: usize = advisories
        .iter()
        .map(|row| line(row).to_string().len() + 1)
        .sum();
    println!(
        "{} rows, {} records; as JSON lines {:.1} MB",
        advisories.len(),
        records.len(),
        mb(json)
    );

    let plain = build(&advisories, &[]);
    println!(
        "rows alone: {:.2} MB, 1/{:.1} of JSON; zstd-19 of it {:.2} MB",
        mb(plain.len()),
        json as f64 / plain.len() as f64,
        mb(zstd::bulk::compress(&plain, 19).unwrap().len())
    );
    let start = cpu();
    let mut file = build(&advisories, &records);
    println!("build: {:.2} s", (cpu() - start).as_secs_f64());
    println!(
        "with records: {:.2} MB; zstd-19 of it {:.2} MB",
        mb(file.len()),
        mb(zstd::bulk::compress(&file, 19).unwrap().len())
    );
    let key = SigningKey::from_bytes(&[7; 32]);
    sign(&mut file, &key).unwrap();
    if let Some(path) = keep {
        std::fs::write(path, &file).unwrap();
    }

    day(&file, &advisories, &records);
    let bytes: Bytes = Arc::new(file);
    let keys = [key.verifying_key()];
    let open = || Database::open(bytes.clone(), &keys).unwrap();
    println!(
        "open, signature checked: {:.3} ms",
        ms(mean_of(rounds, || drop(open())))
    );
    println!(
        "check of every page: {:.1} ms",
        ms(mean_of(rounds, || open().verify_all().unwrap()))
    );
    lookups(&open, &advisories, rounds);
}

/// What a day changes: one row in a thousand is new, as are some texts.
fn day(file: &[u8], advisories: &[Advisory], records: &[Record]) {
    let (mut rows, mut texts) = (advisories.to_vec(), records.to_vec());
    for (n, row) in advisories.iter().step_by(1000).enumerate() {
        let id = format!("CVE-2031-{:04}", n / 3 + 1);
        texts.push(Record {
            id: id.clone(),
            title: format!("Flaw {n}"),
            description: format!("A flaw in {}, found by reading it.", row.package),
            ..Record::default()
        });
        rows.push(Advisory { id, ..row.clone() });
    }
    let old = Database::open_unsigned(Arc::new(file.to_vec())).unwrap();
    let file = build(&rows, &texts);
    let new = Database::open_unsigned(Arc::new(file.clone())).unwrap();
    let delta = delta::diff(&old, &new).unwrap();
    println!(
        "a day's delta, {} new rows: {:.1} kB, {:.2} % of the file; applied in {:.0} ms",
        rows.len() - advisories.len(),
        delta.len() as f64 / 1e3,
        delta.len() as f64 * 100.0 / file.len() as f64,
        ms(mean_of(3, || assert!(
            delta::apply(&old, &delta, None).unwrap() == file
        )))
    );
}

fn lookups(open: &dyn Fn() -> Database, advisories: &[Advisory], rounds: u32) {
    let mean = |run: &mut dyn FnMut()| mean_of(rounds, run);
    let (distro, packages) = image(advisories);
    matches(open, &distro, &packages, rounds);
    let buckets: Vec<(Bucket, &str)> = packages
        .iter()
        .map(|package| {
            (
                Bucket::os(&distro.id, &distro.version),
                package.name.as_str(),
            )
        })
        .collect();
    let db = open();
    let mut all = || {
        for (bucket, name) in &buckets {
            std::hint::black_box(db.advisories(bucket, name).unwrap());
        }
    };
    println!(
        "all rows of {} packages: {:.2} ms",
        buckets.len(),
        ms(mean(&mut all))
    );
}

fn matches(open: &dyn Fn() -> Database, distro: &Distro, packages: &[Package], rounds: u32) {
    let mean = |run: &mut dyn FnMut()| mean_of(rounds, run);
    let options = |details| MatchOptions {
        details,
        ..MatchOptions::default()
    };
    for (name, details) in [("without texts", false), ("with texts", true)] {
        let cold =
            mean(&mut || drop(find(&open(), Some(distro), packages, &options(details)).unwrap()));
        let db = open();
        let found = find(&db, Some(distro), packages, &options(details)).unwrap();
        let warm =
            mean(&mut || drop(find(&db, Some(distro), packages, &options(details)).unwrap()));
        println!(
            "match of {} packages {name}: {:.2} ms with a cold open, {:.2} ms warm, {} findings",
            packages.len(),
            ms(cold),
            ms(warm),
            found.vulnerabilities.len()
        );
    }
}

/// The packages of a report of `rampart scan --format json --list-all-pkgs`.
fn report(path: &str) -> (Distro, Vec<Package>) {
    let report: rampart_model::scan::ScanReport =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    (report.distro.unwrap_or_default(), report.packages)
}

/// A thousand packages of the largest bucket, each a little older than its newest fix: an image
/// that was not updated for a while.
fn image(advisories: &[Advisory]) -> (Distro, Vec<Package>) {
    let mut of: std::collections::BTreeMap<String, Vec<&Advisory>> =
        std::collections::BTreeMap::new();
    for advisory in advisories {
        of.entry(advisory.bucket.to_string())
            .or_default()
            .push(advisory);
    }
    let rows = of.into_values().max_by_key(Vec::len).unwrap();
    let Bucket::Os {
        family, release, ..
    } = rows[0].bucket.clone()
    else {
        panic!("no distribution")
    };
    let mut names: std::collections::BTreeMap<&str, Vec<&Advisory>> =
        std::collections::BTreeMap::new();
    for row in rows.iter().filter(|row| row.module.is_empty()) {
        names.entry(&row.package).or_default().push(row);
    }
    let step = (names.len() / PACKAGES).max(1);
    let packages = names
        .into_iter()
        .step_by(step)
        .take(PACKAGES)
        .map(|(name, rows)| {
            let version = rows
                .iter()
                .rev()
                .nth(rows.len() / 10)
                .and_then(|row| row.intervals.first())
                .map(|interval| match &interval.end {
                    End::Fixed(version) => version.clone(),
                    _ => "1".to_owned(),
                });
            Package::new(PackageKind::Rpm, name, version.unwrap_or_default())
        });
    (
        Distro {
            id: family,
            version: release,
            ..Distro::default()
        },
        packages.collect(),
    )
}

/// Errata of some packages and CVEs each, as distributions publish them.
fn made_up() -> Vec<Advisory> {
    let mut seed = 42_u64;
    let mut random = move |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut rows = Vec::with_capacity(ROWS);
    let mut erratum = 0;
    while rows.len() < ROWS {
        erratum += 1;
        let release = 8 + erratum % 3;
        let (family, packages, cves) = (random(900), 1 + random(25), 1 + random(8));
        let year = 2015 + random(11);
        let ids: Vec<String> = (0..cves)
            .map(|_| format!("CVE-{year}-{:04}", 1000 + random(30_000)))
            .collect();
        for package in 0..packages {
            let name = format!("source{family}-part{package}");
            let version = format!(
                "{}:{}.{}.{}-{}.el{release}_{}",
                random(2),
                family % 9,
                year - 2015,
                random(40),
                1 + random(300),
                random(10)
            );
            for id in &ids {
                rows.push(Advisory {
                    aliases: vec![format!("ELA-{year}:{erratum:04}")],
                    status: FixStatus::Fixed,
                    intervals: vec![Interval {
                        introduced: String::new(),
                        end: End::Fixed(version.clone()),
                    }],
                    ..Advisory::new(
                        Bucket::os("rhel", release.to_string()),
                        name.clone(),
                        id.clone(),
                        "redhat",
                    )
                });
            }
        }
    }
    rows
}

/// What is known of each flaw, of the length that NVD's texts have in the middle.
fn texts_for(advisories: &[Advisory]) -> Vec<Record> {
    let mut ids: Vec<&str> = advisories.iter().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let words = [
        "buffer",
        "length",
        "request",
        "allows",
        "remote",
        "attackers",
        "memory",
        "crafted",
        "parser",
        "checked",
    ];
    let made = ids.into_iter().enumerate().map(|(n, id)| {
        let word = |at: usize| words[(n * 7 + at * (n % 5 + 1)) % words.len()];
        let sentence: Vec<String> = (0..40)
            .map(|at| format!("{}{}", word(at), (n * at) % 97))
            .collect();
        Record {
            id: id.to_owned(),
            title: format!("{} {} in {}", word(1), word(2), n % 900),
            description: sentence.join(" "),
            references: (0..4)
                .map(|at| format!("https://example.org/{}/{n}-{at}", word(at)))
                .collect(),
            cvss: vec![Cvss {
                source: "nvd".into(),
                version: "3.1".into(),
                vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into(),
                score_tenths: 98,
            }],
            published: "2024-01-01T00:00:00Z".into(),
            modified: "2024-02-01T00:00:00Z".into(),
            feed: "nvd".into(),
            ..Record::default()
        }
    });
    made.collect()
}

fn build(advisories: &[Advisory], records: &[Record]) -> Vec<u8> {
    let mut builder = Builder::new(BuildMeta {
        version: 1,
        built_at: Timestamp(1),
        feeds: Vec::new(),
    });
    for advisory in advisories {
        builder.advisory(advisory.clone());
    }
    for record in records {
        builder.record(record.clone());
    }
    builder.finish()
}

fn read<T>(path: &str, parse: fn(&Value) -> T) -> Vec<T> {
    let file = BufReader::new(std::fs::File::open(path).unwrap());
    file.lines()
        .map(|line| parse(&serde_json::from_str(&line.unwrap()).unwrap()))
        .collect()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    value[key]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn advisory(value: &Value) -> Advisory {
    let bucket = text(value, "bucket");
    let mut parts = bucket.splitn(3, '/');
    let bucket = match (parts.next(), parts.next(), parts.next()) {
        (Some("os"), Some(family), Some(release)) => Bucket::os(family, release),
        _ => Bucket::Language(bucket.parse().unwrap()),
    };
    let intervals = value["intervals"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|interval| Interval {
            introduced: interval[0].as_str().unwrap_or_default().to_owned(),
            end: interval[1]
                .as_str()
                .map_or(End::Open, |version| End::Fixed(version.to_owned())),
        });
    Advisory {
        intervals: intervals.collect(),
        aliases: texts(value, "aliases"),
        versions: texts(value, "versions"),
        module: text(value, "module"),
        status: FixStatus::Fixed,
        ..Advisory::new(
            bucket,
            text(value, "package"),
            text(value, "id"),
            text(value, "feed"),
        )
    }
}

fn line(row: &Advisory) -> Value {
    let fixed: Vec<_> = row
        .intervals
        .iter()
        .map(|interval| match &interval.end {
            End::Fixed(version) => json!([interval.introduced, version]),
            _ => json!([interval.introduced]),
        })
        .collect();
    json!({"bucket": row.bucket.to_string(), "package": row.package, "id": row.id, "aliases": row.aliases, "module": row.module, "feed": row.feed, "intervals": fixed, "versions": row.versions})
}

fn record(value: &Value) -> Record {
    let vector = text(value, "cvss");
    let kev = value["kev"].as_array();
    Record {
        id: text(value, "id"),
        aliases: texts(value, "aliases"),
        title: text(value, "title"),
        description: text(value, "description"),
        references: texts(value, "references"),
        published: text(value, "published"),
        modified: text(value, "modified"),
        cvss: (!vector.is_empty())
            .then(|| Cvss {
                source: text(value, "feed"),
                version: "3.1".into(),
                vector,
                score_tenths: 75,
            })
            .into_iter()
            .collect(),
        known_exploited: kev.map(|kev| KnownExploited {
            added: kev[0].as_str().unwrap().into(),
            due: kev[1].as_str().unwrap().into(),
            ransomware: kev[2].as_bool().unwrap(),
        }),
        feed: text(value, "feed"),
        ..Record::default()
    }
}

/// Processor time of a run, on the average of some: what others do on the machine does not count,
/// and the kernel's count is coarser than one run.
fn mean_of(rounds: u32, mut run: impl FnMut()) -> Duration {
    let start = cpu();
    (0..rounds).for_each(|_| run());
    (cpu() - start) / rounds
}

/// Processor time of this thread, from the kernel's own count.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let spent = stat.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(spent.unwrap_or_default())
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
