//! `rampart demo`: starts the demo's containers and a Rampart of its own, learns them, attacks
//! them in Monitor and in Protect, and shows for each attack what became of it and what was kept.

mod script;
mod server;
mod table;

use crate::{client::Client, settings::ServerArgs};
use anyhow::{Context, Result, bail};
use clap::Args;
use rampart_model::Mode;
use script::{Outcome, Scripts};
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

#[derive(Args, Debug)]
#[command(
    after_help = "Needs root, and docker, podman or runc from Debian; no registry and no network.\n\
    Exit codes: 0 every attack was seen in Monitor and stopped in Protect, 1 one was not.\n\n\
    Examples:\n  sudo rampart demo\n  sudo rampart demo --keep                 leave the shop and the console running\n  \
    sudo rampart demo --output json          one JSON line an attack\n  RAMPART_DEMO_ENGINE=runc sudo -E rampart demo"
)]
pub(crate) struct DemoArgs {
    /// Folder of the demo's scripts
    #[arg(long, value_name = "DIR", default_value = "demo")]
    scripts: PathBuf,
    /// Leave containers and console running at the end, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Log filter of the Rampart under the demo
    #[arg(long, env = "RAMPART_LOG", default_value = "warn")]
    log: String,
    /// How to print
    #[arg(long, short, value_enum, default_value_t = crate::settings::Output::Table)]
    output: crate::settings::Output,
}

const DEADLINE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(250);
/// Services that are attacked; the traffic generator stays in Discover.
const PROTECTED: &[&str] = &["web", "api", "db"];
/// A profile that has not grown for this long is taken as learned.
const QUIET: Duration = Duration::from_secs(6);

pub(crate) fn run(args: DemoArgs) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(show(args))
}

async fn show(args: DemoArgs) -> Result<ExitCode> {
    let scripts = Scripts::find(&args.scripts)?;
    let output = table::Printer::new(args.output);
    let shown = attack_all(&args, &scripts, &output).await;
    if !args.keep || shown.is_err() {
        scripts.down()?;
    }
    let failed = shown?;
    output.summary(failed);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Lines that are not as they should be.
async fn attack_all(args: &DemoArgs, scripts: &Scripts, output: &table::Printer) -> Result<u32> {
    output.step("starting the shop: nginx, a Python API and Redis, as real containers");
    let shop = scripts.up()?;
    let server = server::Server::start(&args.log)?;
    output.step(&format!("Rampart is up, console at {}", server.console));
    let client = Client::anonymous(&server.args())?;
    let token = client.log_in("admin", &server.password, None).await?;
    let client = client.with_token(token);

    let services: Vec<String> = PROTECTED
        .iter()
        .map(|name| format!("{name}.{}", shop.project))
        .collect();
    learn(&client, &services, output).await?;
    let mut failed = 0;
    for mode in [Mode::Monitor, Mode::Protect] {
        switch(&client, &services, mode).await?;
        output.step(&format!("{mode}: the same attacks"));
        for attack in scripts.attacks()? {
            let row = attack_once(&client, scripts, &attack, mode).await?;
            failed += u32::from(!row.as_expected());
            output.row(&row);
        }
    }
    if args.keep {
        println!(
            "The shop runs on. Log in at {} as admin / {}",
            server.console, server.password
        );
        println!(
            "Ctrl-C ends Rampart; then run {} to remove the containers.",
            scripts.path("down.sh").display()
        );
        tokio::signal::ctrl_c().await?;
    }
    drop(client);
    // Not on this thread: the client's connections need it to say goodbye.
    tokio::task::spawn_blocking(move || drop(server)).await?;
    Ok(failed)
}

/// Waits until the shop's services are known, talk to each other, and bring nothing new.
async fn learn(client: &Client, services: &[String], output: &table::Printer) -> Result<()> {
    let begin = Instant::now();
    let mut known = (0, Instant::now());
    loop {
        let counts = learned(client, services).await?;
        let total: usize = counts
            .iter()
            .map(|(_, processes, rules)| processes + rules)
            .sum();
        if total != known.0 {
            known = (total, Instant::now());
        }
        let complete = counts
            .iter()
            .all(|(_, processes, rules)| *processes > 0 && *rules > 0);
        if complete && known.1.elapsed() >= QUIET {
            for (service, processes, rules) in counts {
                output.step(&format!(
                    "learned nv.{service}: {processes} process rules, {rules} network rules"
                ));
            }
            return Ok(());
        }
        if begin.elapsed() > DEADLINE {
            bail!(
                "the shop was not learned in {} s; so far {counts:?}",
                DEADLINE.as_secs()
            );
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Process rules and network rules of each service's group.
async fn learned(client: &Client, services: &[String]) -> Result<Vec<(String, usize, usize)>> {
    let rules = client.get("/v1/policy/rule").await?;
    let mut counts = Vec::new();
    for service in services {
        let group = format!("nv.{service}");
        let processes = match client.get(&format!("/v1/process_profile/{group}")).await {
            Ok(profile) => profile["process_profile"]["process_list"]
                .as_array()
                .map_or(0, Vec::len),
            Err(_) => 0,
        };
        let network = rules["rules"].as_array().map_or(0, |rules| {
            rules
                .iter()
                .filter(|r| r["from"] == json!(group) || r["to"] == json!(group))
                .count()
        });
        counts.push((service.clone(), processes, network));
    }
    Ok(counts)
}

/// Switches, and waits until the node enforces that revision.
async fn switch(client: &Client, services: &[String], mode: Mode) -> Result<()> {
    let config =
        json!({"services": services, "policy_mode": mode.name(), "profile_mode": mode.name()});
    client
        .patch("/v1/service/config", json!({"config": config}))
        .await?;
    wait_enforced(client).await
}

/// Until every node runs the policy the controller holds.
pub(crate) async fn wait_enforced(client: &Client) -> Result<()> {
    let begin = Instant::now();
    loop {
        if in_force(client).await? {
            return Ok(());
        }
        if begin.elapsed() > DEADLINE {
            bail!(
                "the node did not take the new policy in {} s",
                DEADLINE.as_secs()
            );
        }
        tokio::time::sleep(STEP).await;
    }
}

async fn in_force(client: &Client) -> Result<bool> {
    let nodes = client.get("/v1/enforcer").await?;
    let Some(nodes) = nodes["enforcers"]
        .as_array()
        .filter(|nodes| !nodes.is_empty())
    else {
        return Ok(false);
    };
    for id in nodes.iter().filter_map(|node| node["id"].as_str()) {
        let answer = client
            .get(&format!("/v1/enforcer/{id}/probe_summary"))
            .await?;
        if answer["summary"]["policy_in_force"] != json!(true) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn attack_once(
    client: &Client,
    scripts: &Scripts,
    attack: &str,
    mode: Mode,
) -> Result<table::Row> {
    let before = uids(&security(client).await?);
    let outcome = scripts.attack(attack)?;
    let record = find_record(client, &before, &outcome, mode).await?;
    Ok(table::Row {
        mode,
        outcome,
        record,
    })
}

async fn security(client: &Client) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for (path, list) in [("incident", "incidents"), ("violation", "violations")] {
        let answer = client
            .get(&format!("/v1/log/{path}?start=0&limit=200"))
            .await?;
        rows.extend(answer[list].as_array().cloned().unwrap_or_default());
    }
    Ok(rows)
}

fn uids(rows: &[Value]) -> Vec<String> {
    rows.iter()
        .filter_map(|row| row["id"].as_str().map(str::to_owned))
        .collect()
}

/// The record this attack left: new, of its target, and of what was tried.
async fn find_record(
    client: &Client,
    before: &[String],
    outcome: &Outcome,
    mode: Mode,
) -> Result<Option<Value>> {
    let begin = Instant::now();
    loop {
        let rows = security(client).await.context("cannot read the events")?;
        let found = rows
            .iter()
            .filter(|row| {
                row["id"]
                    .as_str()
                    .is_some_and(|id| !before.iter().any(|old| old == id))
            })
            .find(|row| script::tells_of(row, outcome, mode));
        if let Some(row) = found {
            return Ok(Some(row.clone()));
        }
        if begin.elapsed() > Duration::from_secs(15) {
            return Ok(None);
        }
        tokio::time::sleep(STEP).await;
    }
}

pub(crate) fn server_args(server: &str, ca: PathBuf) -> ServerArgs {
    ServerArgs {
        server: server.to_owned(),
        ca: Some(ca),
        insecure: false,
        user: None,
        password: None,
        output: crate::settings::Output::Table,
    }
}
