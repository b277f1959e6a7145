//! The real data, whole, through a server of our own: counts are facts of it.

use crate::{
    server::{Server, file},
    support::reference,
};
use rampart_model::Timestamp;
use rampart_updater::{
    build::{Plan, build},
    collect::{FeedInput, FeedResult, Given},
    feed,
    fetch::Fetcher,
    service::{Config, collect},
};
use rampart_vuln::db::Database;
use std::{collections::HashMap, path::PathBuf, sync::Arc};

/// Feed, input, advisories in it, and the fewest rows that must come of them.
const INPUTS: &[(&str, &str, u64, u64)] = &[
    ("alma", "almalinux-osv.tar.xz", 5_680, 250_000),
    ("go", "go-vulndb-osv.tar.xz", 4_291, 6_000),
    ("pypa", "pypa-osv.tar.xz", 2_661, 2_651),
    ("rustsec", "rustsec.tar.xz", 1_205, 726),
    ("alpine", "alpine-secdb.tar.xz", 12_028, 11_800),
    ("debian-list", "debian/DSA-list", 8_940, 23_000),
    ("debian-list", "debian/DLA-list", 8_940, 23_000),
    ("debian-changelog", "deb11_changelog_adv.json", 969, 969),
    ("kev", "kev.json", 1_404, 0),
];

async fn fetch_all(state: PathBuf, wanted: fn(&str) -> bool) -> Option<Vec<FeedResult>> {
    let mut files = HashMap::new();
    let mut feeds: Vec<FeedInput> = Vec::new();
    for (_, input, _, _) in INPUTS {
        files.insert(format!("/{input}"), std::fs::read(reference(input)?).ok()?);
    }
    let server = Server::start(move |request, _| {
        let body = files
            .get(&request.target)
            .map(Vec::as_slice)
            .unwrap_or_default();
        file(request, body, "\"v1\"")
    })
    .await;
    for (name, input, _, _) in INPUTS.iter().filter(|(name, ..)| wanted(name)) {
        let given = Given::Url(server.url(&format!("/{input}")));
        match feeds.iter_mut().find(|input| input.feed.name == *name) {
            Some(input) => input.given.push(given),
            None => feeds.push(FeedInput {
                feed: feed::by_name(name)?,
                given: vec![given],
            }),
        }
    }
    let mut config = Config::new(state);
    config.feeds = feeds;
    let fetcher = Fetcher::new(config.fetch.clone()).ok()?;
    let now = Timestamp(1_790_000_000_000);
    Some(collect(&config, &fetcher, now, &|_| {}).await.unwrap())
}

#[tokio::test]
async fn every_advisory_of_the_reference_data_is_in_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let started = std::time::Instant::now();
    let Some(mut results) = fetch_all(folder.path().to_owned(), |_| true).await else {
        return;
    };
    println!("fetched and read in {:?}", started.elapsed());
    for result in &results {
        let (stats, name) = (&result.stats, result.feed.name);
        println!(
            "{name}: {} files, {} entries, {} rows, {} records, {} errors, skipped {:?}, newest {}",
            stats.files,
            stats.entries,
            stats.rows,
            stats.records,
            stats.errors,
            stats.skipped,
            stats.newest,
        );
        assert_eq!(result.alarm(), None, "{name}");
        assert_eq!(stats.diagnostics, [], "{name}");
        let (_, _, entries, rows) = INPUTS.iter().find(|(feed, ..)| *feed == name).unwrap();
        assert_eq!(stats.entries, *entries, "{name}");
        assert!(stats.rows >= *rows, "{name}: {} rows", stats.rows);
    }
    let built = build(&mut results, Plan::default()).unwrap();
    println!(
        "{:?}, {} bytes, in {:?}",
        built.stats,
        built.bytes.len(),
        started.elapsed()
    );
    let database = Database::open_unsigned(Arc::new(built.bytes.clone())).unwrap();
    database.verify_all().unwrap();
    check_contents(&database);

    // Twice the same, once fetched and once kept: same bytes.
    let small = |feed: &str| matches!(feed, "rustsec" | "go" | "kev" | "debian-list");
    let again = tempfile::tempdir().unwrap();
    let mut results = fetch_all(again.path().to_owned(), small).await.unwrap();
    for result in &mut results {
        // The servers' ports differ.
        result.state.source.clear();
    }
    let plan = Plan {
        version: Some(1),
        ..Plan::default()
    };
    let first = build(&mut results, plan).unwrap();
    let mut results = fetch_all(folder.path().to_owned(), small).await.unwrap();
    for result in &mut results {
        result.state.source.clear();
    }
    let second = build(&mut results, plan).unwrap();
    assert!(first.bytes == second.bytes);
}

/// Some things that are known of the data.
fn check_contents(database: &Database) {
    let info = database.info();
    let rows = |name: &str| {
        info.buckets
            .iter()
            .find(|bucket| bucket.name == name)
            .map_or(0, |bucket| bucket.rows)
    };
    assert!(rows("os/almalinux/9") > 50_000);
    assert!(rows("os/debian/11") > 1_500, "{}", rows("os/debian/11"));
    assert!(rows("os/alpine/3.11") > 1_000);
    assert!(rows("golang") > 6_000 && rows("pypi") > 2_500);
    let found = database.search("CVE-2023-45289").unwrap();
    assert_eq!(found.vulnerabilities, ["CVE-2023-45289"]);
    let record = database.record("GO-2024-2600").unwrap().unwrap();
    assert_eq!(record.id, "CVE-2023-45289");
    let exploited = database.record("CVE-2021-3156").unwrap().unwrap();
    assert!(
        exploited.known_exploited.is_some(),
        "sudo, in Debian's list and the catalogue"
    );
}
