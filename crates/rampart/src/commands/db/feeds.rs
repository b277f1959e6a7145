//! `rampart db feeds`, and the flags that say which feeds and how they are reached.

use crate::{commands::print, settings::Output};
use anyhow::{Context, Result, bail};
use clap::Args;
use rampart_updater::{
    collect::{CollectConfig, FeedInput, Given},
    feed,
    fetch::FetchConfig,
    gate::Gate,
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode, time::Duration};

#[derive(Args, Debug)]
pub(crate) struct FeedsArgs {
    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(crate) fn list(args: &FeedsArgs) -> Result<ExitCode> {
    let rows: Vec<_> = feed::ALL
        .iter()
        .map(|feed| {
            json!({
                "name": feed.name,
                "title": feed.title,
                "format": feed.format,
                "licence": feed.licence,
                "buckets": feed.families,
                "default": feed.default,
                "refresh_hours": feed.refresh_hours,
                "addresses": (feed.remotes)().iter().flat_map(|remote| remote.mirrors.clone()).collect::<Vec<_>>(),
            })
        })
        .collect();
    print::rows(
        args.output,
        &rows,
        &[
            ("NAME", "name"),
            ("TITLE", "title"),
            ("BUCKETS", "buckets"),
            ("FORMAT", "format"),
            ("LICENCE", "licence"),
            ("BY DEFAULT", "default"),
        ],
    );
    Ok(ExitCode::SUCCESS)
}

/// `NAME=WHERE` texts as inputs; the same name again adds to its feed.
pub(crate) fn inputs(texts: &[String]) -> Result<Vec<FeedInput>> {
    let mut inputs: Vec<FeedInput> = Vec::new();
    for text in texts {
        let (name, place) = text.split_once('=').unwrap_or((text, "default"));
        let Some(feed) = feed::by_name(name) else {
            let names: Vec<_> = feed::ALL.iter().map(|feed| feed.name).collect();
            bail!("there is no feed '{name}': use one of {}", names.join(", "));
        };
        let given = Given::parse(place);
        match inputs.iter_mut().find(|input| input.feed.name == name) {
            Some(input) => input.given.push(given),
            None => inputs.push(FeedInput {
                feed,
                given: vec![given],
            }),
        }
    }
    Ok(inputs)
}

/// How feeds are reached, and when they are believed.
#[derive(Args, Clone, Debug)]
pub(crate) struct NetworkArgs {
    /// Proxy for every request, such as http://proxy:3128; HTTP_PROXY, HTTPS_PROXY and NO_PROXY are
    /// heeded without it
    #[arg(long, env = "RAMPART_PROXY", value_name = "URL")]
    proxy: Option<String>,

    /// Hosts the proxy is not for
    #[arg(long, env = "RAMPART_NO_PROXY", value_name = "HOST,…")]
    no_proxy: Option<String>,

    /// More certificate authorities to trust (PEM)
    #[arg(long, env = "RAMPART_FEED_CA", value_name = "FILE")]
    feed_ca: Vec<PathBuf>,

    /// Longest time without a byte, in seconds
    #[arg(
        long,
        env = "RAMPART_FEED_TIMEOUT_S",
        value_name = "S",
        default_value_t = 30
    )]
    feed_timeout_s: u64,

    /// Longest file that is fetched, in MiB
    #[arg(
        long,
        env = "RAMPART_FEED_MAX_MIB",
        value_name = "MIB",
        default_value_t = 8192
    )]
    feed_max_mib: u64,

    /// Most rows a feed may lose at once, in percent; a feed that loses more keeps its last good state
    #[arg(
        long,
        env = "RAMPART_FEED_MAX_LOSS",
        value_name = "PERCENT",
        default_value_t = 5.0
    )]
    max_loss: f64,

    /// Most entries of a feed that may be unreadable, in percent
    #[arg(
        long,
        env = "RAMPART_FEED_MAX_ERRORS",
        value_name = "PERCENT",
        default_value_t = 2.0
    )]
    max_errors: f64,

    /// Accept that this feed shrank, this time
    #[arg(long, value_name = "NAME")]
    accept: Vec<String>,
}

impl NetworkArgs {
    pub(crate) fn fetch(&self) -> Result<FetchConfig> {
        let mut ca_pem = Vec::new();
        for path in &self.feed_ca {
            let pem = std::fs::read(path)
                .with_context(|| format!("cannot read the authority {}", path.display()))?;
            ca_pem.push(pem);
        }
        Ok(FetchConfig {
            proxy: self.proxy.clone(),
            no_proxy: self.no_proxy.clone(),
            ca_pem,
            read_timeout: Duration::from_secs(self.feed_timeout_s),
            max_bytes: self.feed_max_mib.saturating_mul(1 << 20),
            ..FetchConfig::default()
        })
    }

    pub(crate) fn collect(&self, state: Option<PathBuf>) -> CollectConfig {
        CollectConfig {
            state,
            gate: Gate {
                max_loss_percent: self.max_loss,
                max_error_percent: self.max_errors,
            },
            accept: self.accept.clone(),
            ..CollectConfig::default()
        }
    }
}
