//! `rampart db info`, `verify`, `search` and `diff`.

use super::build::show_time;
use crate::{commands::print, database::DatabaseArgs, settings::Output};
use anyhow::{Context, Result};
use clap::Args;
use rampart_updater::service::{age, clock};
use rampart_vuln::{
    advisory::{Advisory, End},
    db::{Database, Info},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rampart db info\n  rampart db info vuln.db -o json")]
pub(crate) struct InfoArgs {
    /// Database file [default: the installed one]
    file: Option<PathBuf>,

    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(crate) fn info(args: &InfoArgs, database: &DatabaseArgs) -> Result<ExitCode> {
    let opened = database.open(args.file.as_deref())?;
    let info = opened.info();
    if args.output == Output::Json {
        let mut value = info_json(info);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("bytes".to_owned(), json!(opened.size_bytes()));
        }
        print::json(&value);
        return Ok(ExitCode::SUCCESS);
    }
    let now = clock();
    println!("Version          {}", info.version);
    let built = show_time(info.built_at);
    println!(
        "Built            {built} ({} ago)",
        age(now.since(info.built_at))
    );
    if info.expires_at.is_known() {
        let past = if info.is_expired(now) {
            ", which is past"
        } else {
            ""
        };
        println!("Valid until      {}{past}", show_time(info.expires_at));
    }
    println!("Rows             {}", info.rows);
    println!("Vulnerabilities  {}", info.vulnerabilities);
    println!("Size             {} bytes", opened.size_bytes());
    println!("Digest           {}\n", info.digest);
    print_feed_states(info);
    println!();
    let buckets: Vec<Value> = info
        .buckets
        .iter()
        .map(
            |bucket| json!({"name": bucket.name, "packages": bucket.packages, "rows": bucket.rows}),
        )
        .collect();
    let columns = [
        ("BUCKET", "name"),
        ("PACKAGES", "packages"),
        ("ROWS", "rows"),
    ];
    print::rows(Output::Table, &buckets, &columns);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_feed_states(info: &Info) {
    let now = clock();
    let rows: Vec<Value> = info
        .feeds
        .iter()
        .map(|feed| {
            let fetched = if feed.fetched_at.is_known() {
                format!("{} ago", age(now.since(feed.fetched_at)))
            } else {
                "never".to_owned()
            };
            json!({
                "name": feed.name,
                "rows": feed.rows,
                "state": if feed.stale { "not current" } else { "current" },
                "fetched": fetched,
                "modified": feed.modified,
                "error": feed.error,
            })
        })
        .collect();
    print::rows(
        Output::Table,
        &rows,
        &[
            ("FEED", "name"),
            ("ROWS", "rows"),
            ("STATE", "state"),
            ("FETCHED", "fetched"),
            ("NEWEST", "modified"),
            ("WHY", "error"),
        ],
    );
}

pub(super) fn info_json(info: &Info) -> Value {
    json!({
        "version": info.version,
        "built_at": show_time(info.built_at),
        "expires_at": show_time(info.expires_at),
        "digest": info.digest,
        "rows": info.rows,
        "vulnerabilities": info.vulnerabilities,
        "feeds": info.feeds.iter().map(|feed| json!({
            "name": feed.name,
            "source": feed.source,
            "rows": feed.rows,
            "fetched_at": show_time(feed.fetched_at),
            "modified": feed.modified,
            "digest": feed.digest,
            "stale": feed.stale,
            "error": feed.error,
        })).collect::<Vec<_>>(),
        "buckets": info.buckets.iter().map(|bucket| json!({
            "name": bucket.name,
            "packages": bucket.packages,
            "rows": bucket.rows,
        })).collect::<Vec<_>>(),
    })
}

#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 whole and signed by somebody trusted, 1 not.\nExample:\n  rampart db verify vuln.db --db-key publisher.pub"
)]
pub(crate) struct VerifyArgs {
    /// Database file [default: the installed one]
    file: Option<PathBuf>,
}

pub(crate) fn verify(args: &VerifyArgs, database: &DatabaseArgs) -> Result<ExitCode> {
    let opened = database.open(args.file.as_deref())?;
    opened.verify_all().context("the database is damaged")?;
    let info = opened.info();
    println!(
        "version {}: every page is as it was signed, {} rows",
        info.version, info.rows
    );
    if info.is_expired(clock()) {
        println!("but it is past its date, {}", show_time(info.expires_at));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rampart db search CVE-2021-44228\n  rampart db search GHSA-jfh8-c2jp-5v3q\n  rampart db search openssl -o json"
)]
pub(crate) struct SearchArgs {
    /// CVE, advisory or package name
    text: String,

    /// Database file [default: the installed one]
    #[arg(long, env = "RAMPART_DB", value_name = "FILE")]
    db: Option<PathBuf>,

    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(crate) fn search(args: &SearchArgs, database: &DatabaseArgs) -> Result<ExitCode> {
    let opened = database.open(args.db.as_deref())?;
    let found = opened.search(&args.text)?;
    let mut records = Vec::new();
    let mut rows = Vec::new();
    for id in &found.vulnerabilities {
        records.extend(opened.record(id)?);
        rows.extend(opened.rows_about(id)?);
    }
    for (bucket, package, _) in &found.packages {
        rows.extend(opened.advisories(bucket, package)?);
    }
    let rows: Vec<Value> = rows.iter().map(row_json).collect();
    if args.output == Output::Json {
        let records: Vec<Value> = records.iter().map(record_json).collect();
        print::json(&json!({"vulnerabilities": records, "rows": rows}));
    } else {
        for record in &records {
            print_record(record);
        }
        print::rows(
            Output::Table,
            &rows,
            &[
                ("BUCKET", "bucket"),
                ("PACKAGE", "package"),
                ("ID", "id"),
                ("STATUS", "status"),
                ("AFFECTED", "affected"),
                ("SEVERITY", "severity"),
                ("FEED", "feed"),
            ],
        );
    }
    Ok(if rows.is_empty() && records.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn print_record(record: &rampart_vuln::advisory::Record) {
    println!("{}  {}", record.id, print::printable(&record.title));
    if !record.aliases.is_empty() {
        println!("  also     {}", record.aliases.join(" "));
    }
    for cvss in &record.cvss {
        let (whole, tenth) = (cvss.score_tenths / 10, cvss.score_tenths % 10);
        println!(
            "  cvss     {whole}.{tenth}  {}  ({})",
            cvss.vector, cvss.source
        );
    }
    for (source, severity) in &record.severities {
        println!("  severity {severity} ({source})");
    }
    if let Some(epss) = record.epss {
        println!(
            "  epss     {:.2} %",
            f64::from(epss.probability_ppm) / 10_000.0
        );
    }
    if let Some(known) = &record.known_exploited {
        println!("  known to be exploited since {}", known.added);
    }
    println!();
}

fn record_json(record: &rampart_vuln::advisory::Record) -> Value {
    json!({
        "id": record.id,
        "aliases": record.aliases,
        "title": record.title,
        "description": record.description,
        "severities": record.severities.iter().map(|(source, severity)| json!({"source": source, "severity": severity})).collect::<Vec<_>>(),
        "cvss": record.cvss,
        "cwes": record.cwes,
        "epss": record.epss,
        "known_exploited": record.known_exploited,
        "references": record.references,
        "published": record.published,
        "modified": record.modified,
    })
}

fn row_json(row: &Advisory) -> Value {
    json!({
        "bucket": row.bucket.to_string(),
        "package": row.package,
        "id": row.id,
        "aliases": row.aliases,
        "status": row.status.name(),
        "affected": affected(row),
        "severity": row.severity.map(|severity| severity.name()).unwrap_or_default(),
        "fixed_versions": row.fixed_versions,
        "arches": row.arches,
        "module": row.module,
        "feed": row.feed,
    })
}

/// `>=1.0 <1.2, =1.5`; `all` for every version.
fn affected(row: &Advisory) -> String {
    let mut parts: Vec<String> = row
        .intervals
        .iter()
        .map(|interval| {
            let from = match interval.introduced.as_str() {
                "" => String::new(),
                version => format!(">={version} "),
            };
            match &interval.end {
                End::Open if from.is_empty() => "all".to_owned(),
                End::Open => from.trim_end().to_owned(),
                End::Fixed(version) => format!("{from}<{version}"),
                End::LastAffected(version) => format!("{from}<={version}"),
            }
        })
        .collect();
    match row.versions.len() {
        0 => {}
        1..=5 => parts.extend(row.versions.iter().map(|version| format!("={version}"))),
        many => parts.push(format!("{many} versions by name")),
    }
    if parts.is_empty() {
        parts.push("all".to_owned());
    }
    parts.join(", ")
}

#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 the same rows, 1 not.\nExample:\n  rampart db diff yesterday.db today.db"
)]
pub(crate) struct DiffArgs {
    old: PathBuf,
    new: PathBuf,

    /// Most rows to show of each kind
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(crate) fn diff(args: &DiffArgs, database: &DatabaseArgs) -> Result<ExitCode> {
    let old = database.open(Some(&args.old))?;
    let new = database.open(Some(&args.new))?;
    let (before, after) = (hashes(&old)?, hashes(&new)?);
    let added = only_in(&new, &before, args.limit)?;
    let removed = only_in(&old, &after, args.limit)?;
    if args.output == Output::Json {
        print::json(&json!({
            "added": added.0, "removed": removed.0,
            "added_rows": added.1, "removed_rows": removed.1,
        }));
    } else {
        let columns = [
            ("BUCKET", "bucket"),
            ("PACKAGE", "package"),
            ("ID", "id"),
            ("STATUS", "status"),
            ("AFFECTED", "affected"),
        ];
        println!("{} rows added", added.0);
        print::rows(Output::Table, &added.1, &columns);
        println!("{} rows removed", removed.0);
        print::rows(Output::Table, &removed.1, &columns);
    }
    Ok(if added.0 + removed.0 == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How often each row is there, by a hash of all it says: eight bytes a row, however long it is.
fn hashes(database: &Database) -> Result<BTreeMap<u64, u32>> {
    let mut counts = BTreeMap::new();
    database.each_row(|row| *counts.entry(hash(&row)).or_default() += 1)?;
    Ok(counts)
}

fn hash(row: &Advisory) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (&row.bucket, &row.package, &row.id, &row.aliases).hash(&mut hasher);
    (row.status.name(), &row.intervals, &row.versions).hash(&mut hasher);
    (&row.fixed_versions, row.severity, &row.arches).hash(&mut hasher);
    (&row.module, &row.feed).hash(&mut hasher);
    hasher.finish()
}

fn only_in(
    database: &Database,
    other: &BTreeMap<u64, u32>,
    limit: usize,
) -> Result<(u64, Vec<Value>)> {
    let mut left = other.clone();
    let (mut count, mut shown) = (0, Vec::new());
    database.each_row(|row| match left.get_mut(&hash(&row)) {
        Some(times) if *times > 0 => *times -= 1,
        _ => {
            count += 1;
            if shown.len() < limit {
                shown.push(row_json(&row));
            }
        }
    })?;
    Ok((count, shown))
}
