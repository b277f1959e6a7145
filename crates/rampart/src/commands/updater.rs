//! `rampart updater`: keeps a data folder's vulnerability database current, and nothing else.

use super::db::{NetworkArgs, duration, inputs};
use crate::{database::DatabaseArgs, settings::LogFormat};
use anyhow::Result;
use clap::Args;
use rampart_updater::service::{Config, Service, clock};
use std::{process::ExitCode, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args, Debug)]
#[command(
    after_help = "Updates at once and then on its timer; scans use the new file from then on. Stop with Ctrl-C or SIGTERM.\n\
    Exit codes: 0 stopped, or with --once up to date; 1 failed, the installed database stays; 2 wrong usage;\n\
    5 with --once: a feed is not current, the database has its last good state.\n\
    Examples:\n  \
    rampart updater\n  \
    rampart updater --once                                  as a job of cron or of Kubernetes\n  \
    rampart updater --interval 1h --db-source https://mirror.example/vuln.db --db-key publisher.pub"
)]
pub(crate) struct UpdaterArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    #[command(flatten)]
    schedule: ScheduleArgs,

    #[command(flatten)]
    network: NetworkArgs,

    /// Update once and end
    #[arg(long, env = "RAMPART_DB_ONCE")]
    once: bool,

    /// What to log: a level, or `target=level,…`
    #[arg(
        long,
        env = "RAMPART_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    log: String,

    /// How to log
    #[arg(long, env = "RAMPART_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

/// When and from where the database is brought up to date.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScheduleArgs {
    /// Address of a published database; without it, it is built from feeds
    #[arg(long, env = "RAMPART_DB_SOURCE", value_name = "URL")]
    pub(crate) db_source: Option<String>,

    /// Feeds to build from; the default ones when none is given
    #[arg(
        long,
        env = "RAMPART_FEEDS",
        value_name = "NAME[=WHERE],…",
        value_delimiter = ','
    )]
    pub(crate) feed: Vec<String>,

    /// Time between updates; a tenth more or less is added by chance
    #[arg(long = "interval", env = "RAMPART_DB_INTERVAL", value_name = "TIME", default_value = "6h", value_parser = duration)]
    pub(crate) interval: Duration,
}

pub(crate) fn run(args: UpdaterArgs) -> Result<ExitCode> {
    crate::up::start_log(&args.log, args.log_format);
    let mut config = Config::new(args.database.folder());
    config.source = args.schedule.db_source.clone();
    config.feeds = inputs(&args.schedule.feed)?;
    config.interval = args.schedule.interval;
    config.fetch = args.network.fetch()?;
    config.collect = args
        .network
        .collect(Some(args.database.folder().join("feeds")));
    config.keys = args.database.named_keys()?;
    super::db::runtime()?.block_on(async {
        let (mut interrupt, mut terminate) = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let service = Service::new(config);
        if args.once {
            return Ok(once(&service, stop).await);
        }
        service.run(stop).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// One update, unless it is stopped: what is installed stays as it is then.
async fn once(service: &Service, stop: impl Future<Output = ()>) -> ExitCode {
    let status = tokio::select! {
        status = service.once() => status,
        () = stop => {
            eprintln!("rampart: stopped before the update was done");
            return ExitCode::FAILURE;
        }
    };
    if !status.error.is_empty() {
        eprintln!("rampart: {}", status.error);
        return ExitCode::FAILURE;
    }
    println!("{}", status.summary(clock()));
    if status.feeds_stale() > 0 {
        ExitCode::from(super::db::NOT_CURRENT)
    } else {
        ExitCode::SUCCESS
    }
}
