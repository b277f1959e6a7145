//! `rampart db build` and `rampart db update`.

use super::{
    NOT_CURRENT,
    feeds::{NetworkArgs, inputs},
    progress::Line,
};
use crate::{commands::print, database::DatabaseArgs, settings::Output};
use anyhow::{Context, Result, bail};
use clap::Args;
use rampart_model::Timestamp;
use rampart_updater::{
    build::{Built, Plan},
    collect::FeedResult,
    fetch::Fetcher,
    key, publish,
    publish::{InstallOptions, Installed},
    service,
};
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode, time::Duration};

#[derive(Args, Debug)]
#[command(
    after_help = "The same inputs give the same bytes: version and date are those of the newest input, unless given.\n\
    Examples:\n  \
    rampart db build --feed alma=almalinux-osv.tar.xz --feed kev=kev.json -o vuln.db --key signing.key\n  \
    rampart db build --feed osv=npm/all.zip --feed osv=PyPI/all.zip -o vuln.db\n  \
    rampart db build --feed debian --feed epss --state ./feeds -o vuln.db --key signing.key\n  \
    rampart db build --feed debian-list=./security-tracker/data --built-at 2026-01-01T00:00:00Z -o vuln.db"
)]
pub(crate) struct BuildArgs {
    /// A feed and where it is: a folder, a file, an archive (.tar.gz .tar.xz .tar.zst .zip) or an
    /// address; without a place, the feed's own address. `rampart db feeds` lists the names
    #[arg(long, short, value_name = "NAME[=WHERE]", required = true)]
    feed: Vec<String>,

    /// File to write
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,

    /// Secret key to sign with (`rampart db keygen` makes one); unsigned without it
    #[arg(long, env = "RAMPART_DB_SIGNING_KEY", value_name = "FILE")]
    key: Option<PathBuf>,

    /// Version of the database: readers refuse to go back [default: the date of the newest feed]
    #[arg(long, value_name = "NUMBER")]
    db_version: Option<u64>,

    /// Date of the database (RFC 3339) [default: that of the newest feed]
    #[arg(long, value_name = "TIME")]
    built_at: Option<String>,

    /// Days after which readers warn that the database is out of date
    #[arg(long, value_name = "DAYS")]
    valid_days: Option<u32>,

    /// Folder of last good copies: needed for addresses, and for falling back
    #[arg(long, env = "RAMPART_FEED_STATE", value_name = "DIR")]
    state: Option<PathBuf>,

    #[command(flatten)]
    network: NetworkArgs,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,

    /// No progress line
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn build(args: BuildArgs) -> Result<ExitCode> {
    let inputs = inputs(&args.feed)?;
    let built_at = args.built_at.as_deref().map(time).transpose()?;
    let signing = args.key.as_deref().map(key::secret).transpose()?;
    let mut config = service::Config::new(PathBuf::new());
    config.feeds = inputs;
    config.fetch = args.network.fetch()?;
    config.collect = args.network.collect(args.state.clone());
    let line = Line::new(args.quiet);
    let mut results = runtime()?.block_on(async {
        let fetcher = Fetcher::new(config.fetch.clone())?;
        let now = service::clock();
        service::collect(&config, &fetcher, now, &|progress| line.draw(progress)).await
    })?;
    line.say("building");
    let plan = Plan {
        version: args.db_version,
        built_at,
        valid_for_ms: args.valid_days.map(|days| i64::from(days) * 86_400_000),
    };
    let built = rampart_updater::build::build(&mut results, plan);
    line.finish();
    let mut built = match built {
        Ok(built) => built,
        Err(error) => {
            print_feeds(&results);
            return Err(error.into());
        }
    };
    if let Some(key) = &signing {
        publish::sign(&mut built.bytes, key)?;
    }
    publish::write(&built.bytes, &args.out)?;
    if args.json {
        print::json(&built_json(&args, &built, &results, signing.is_some()));
    } else {
        print_feeds(&results);
        println!(
            "{}: version {}, {} rows, {} vulnerabilities, {} bytes, {}",
            args.out.display(),
            built.version,
            built.stats.rows,
            built.stats.vulnerabilities,
            built.bytes.len(),
            match &signing {
                Some(key) => format!("signed by {}", key::fingerprint(&key.verifying_key())),
                None => "not signed".to_owned(),
            }
        );
    }
    Ok(code(results.iter().any(|result| result.state.stale)))
}

fn code(alarm: bool) -> ExitCode {
    if alarm {
        ExitCode::from(NOT_CURRENT)
    } else {
        ExitCode::SUCCESS
    }
}

fn time(text: &str) -> Result<Timestamp> {
    let at: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("'{text}' is no time such as 2026-01-01T00:00:00Z"))?;
    Ok(Timestamp::from_ms(at.as_millisecond()))
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    // Fails only when a provider is there already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

fn built_json(args: &BuildArgs, built: &Built, results: &[FeedResult], signed: bool) -> Value {
    json!({
        "file": args.out,
        "version": built.version,
        "built_at": show_time(built.built_at),
        "signed": signed,
        "bytes": built.bytes.len(),
        "rows": built.stats.rows,
        "vulnerabilities": built.stats.vulnerabilities,
        "withdrawn_rows": built.stats.withdrawn,
        "refused_rows": built.stats.refused,
        "records_without_rows": built.stats.records_without_rows,
        "feeds": feeds_json(results),
    })
}

fn feeds_json(results: &[FeedResult]) -> Vec<Value> {
    results
        .iter()
        .map(|result| {
            json!({
                "name": result.state.name,
                "source": result.state.source,
                "state": if result.state.stale { "not current" } else { "current" },
                "error": result.state.error,
                "fetched_at": show_time(result.state.fetched_at),
                "modified": result.state.modified,
                "digest": result.state.digest,
                "entries": result.stats.entries,
                "rows": result.stats.rows,
                "records": result.stats.records,
                "skipped": result.stats.skipped,
                "errors": result.stats.errors,
                "diagnostics": result.stats.diagnostics,
            })
        })
        .collect()
}

/// Feeds as a table, and their alarms and first errors below.
fn print_feeds(results: &[FeedResult]) {
    print::rows(
        Output::Table,
        &feeds_json(results),
        &[
            ("FEED", "name"),
            ("STATE", "state"),
            ("ENTRIES", "entries"),
            ("ROWS", "rows"),
            ("RECORDS", "records"),
            ("ERRORS", "errors"),
            ("NEWEST", "modified"),
        ],
    );
    for result in results {
        if let Some(alarm) = result.alarm() {
            eprintln!("ALARM {}: {}", result.state.name, print::printable(alarm));
        }
        for diagnostic in result.stats.diagnostics.iter().take(5) {
            let text = diagnostic.to_string();
            eprintln!("{}: {}", result.state.name, print::printable(&text));
        }
    }
}

/// RFC 3339; empty for "never".
pub(super) fn show_time(at: Timestamp) -> String {
    if !at.is_known() {
        return String::new();
    }
    jiff::Timestamp::from_millisecond(at.ms())
        .map(|at| at.to_string())
        .unwrap_or_default()
}

#[derive(Args, Debug)]
#[command(after_help = "Whatever fails, the installed database stays in use.\n\
    Examples:\n  \
    rampart db update                                     feeds that can be reached, by default addresses\n  \
    rampart db update --source https://mirror.example/vuln.db --db-key publisher.pub\n  \
    rampart db update --feed debian --feed osv=https://mirror.example/npm.zip")]
pub(crate) struct UpdateArgs {
    /// A published database: address or file; without it, one is built from feeds
    #[arg(long, env = "RAMPART_DB_SOURCE", value_name = "URL")]
    source: Option<String>,

    /// Only these feeds
    #[arg(long, short, value_name = "NAME[=WHERE]", conflicts_with = "source")]
    feed: Vec<String>,

    /// Take an older version than the installed one
    #[arg(long)]
    allow_rollback: bool,

    #[command(flatten)]
    network: NetworkArgs,

    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,

    /// No progress line
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn update(args: UpdateArgs, database: &DatabaseArgs) -> Result<ExitCode> {
    let folder = database.folder();
    let mut config = service::Config::new(&folder);
    config.source = args.source;
    config.feeds = inputs(&args.feed)?;
    config.fetch = args.network.fetch()?;
    config.collect = args.network.collect(Some(folder.join("feeds")));
    config.install = InstallOptions {
        allow_rollback: args.allow_rollback,
        allow_expired: false,
    };
    config.keys = database.named_keys()?;
    if config.source.is_some() && config.trusted()?.is_empty() {
        bail!(
            "nobody is trusted to publish a database: give the publisher's public key with --db-key, or put it in {}",
            folder.join("keys").display()
        );
    }
    let line = Line::new(args.quiet);
    let outcome = runtime()?.block_on(service::update(&config, service::clock(), &|progress| {
        line.draw(progress);
    }));
    line.finish();
    let update = outcome?;
    let info = update.installed.info();
    let same = matches!(update.installed, Installed::Same { .. });
    if args.output == Output::Json {
        let mut value = super::show::info_json(info);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("changed".to_owned(), json!(!same));
            fields.insert("fetched".to_owned(), json!(feeds_json(&update.results)));
        }
        print::json(&value);
    } else {
        if update.results.is_empty() {
            super::show::print_feed_states(info);
        } else {
            print_feeds(&update.results);
        }
        println!(
            "{}: version {} of {}{}",
            config.database().display(),
            info.version,
            show_time(info.built_at),
            if same { ", as it was" } else { ", in place" }
        );
    }
    Ok(code(!update.alarms().is_empty()))
}

/// How long `6h`, `30m`, `90s`, `2d` are.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| format!("'{text}' is no duration such as 6h or 30m"))?;
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(format!("'{unit}' is no unit: use s, m, h or d")),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}
