//! `rampart up`: controller, manager and enforcer in one process, on one data folder.

mod certs;
pub(crate) mod data;
pub(crate) mod database;
mod enforcer;
mod ports;
pub(crate) mod scanner;
mod updater;
mod uplink;

use crate::settings::{LogFormat, UpArgs};
use anyhow::{Context, Result};
use rampart_controller::{
    app::{App, ControllerInfo, Deps, SystemClock},
    auth::{Auth, AuthConfig, Bootstrap},
    rest::{self, RestConfig},
};
use rampart_model::Timestamp;
use rampart_store::{artifact::Folder, sqlite::Sqlite};
use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::SystemTime};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

pub(crate) const HELP: &str = "\
Examples:
  sudo rampart up
  sudo rampart up --data /srv/rampart --console 0.0.0.0:8443 --tls-names rampart.example
  RAMPART_BOOTSTRAP_PASSWORD=… rampart up        first password for automation
  rampart up --no-enforcer                       controller and console, without root

Stop with Ctrl-C or SIGTERM. Exit codes: 0 stopped, 1 could not start or a part failed.";

pub(crate) fn run(args: UpArgs) -> Result<ExitCode> {
    start_log(&args.log, args.log_format);
    // Fails only when a provider is there already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("rampart")
        .build()?;
    let outcome = runtime.block_on(serve(args));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    outcome
}

pub(crate) fn start_log(log: &str, format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_new(log).unwrap_or_else(|error| {
        eprintln!("rampart: --log {log:?} is not understood ({error}); logging at info");
        tracing_subscriber::EnvFilter::new("info")
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

async fn serve(args: UpArgs) -> Result<ExitCode> {
    let data = args.data();
    data::prepare(&data)?;
    let file = Arc::new(Sqlite::open(&data.join("rampart.db")).map_err(data::explain_store)?);
    let store = Arc::new(data::sealed(&data, file.clone()).await?);
    let rest_listener = ports::bind(args.rest, "--rest")?;
    let console_listener = (!args.no_console)
        .then(|| ports::bind(args.console, "--console"))
        .transpose()?;
    let certs = certs::load_or_make(&data, &names(&args))?;
    let agents = uplink::LocalAgents::default();
    let app = App::open(Deps {
        store: store.clone(),
        events: file.clone(),
        artifacts: Arc::new(Folder::open(data.join("reports")).map_err(data::explain_store)?),
        agents: Arc::new(agents.clone()),
        clock: Arc::new(SystemClock),
        controller: controller_info(&data, args.rest)?,
    })
    .await
    .context("cannot open the controller's state")?;
    let auth_config = AuthConfig {
        bootstrap_password: args.bootstrap_password.clone(),
    };
    let (auth, bootstrap) = Auth::open(store.clone(), Arc::new(SystemClock), auth_config)
        .await
        .context("cannot open users and sessions")?;

    let stop = CancellationToken::new();
    let mut parts: JoinSet<(&'static str, Result<()>)> = JoinSet::new();
    let rest_addr = rest_listener.local_addr()?;
    {
        let (app, auth, stop) = (app.clone(), auth.clone(), stop.clone());
        let config = RestConfig::new(certs.cert_pem.as_str(), certs.key_pem.as_str())
            .with_scanner_token(data::scanner_token(&data)?);
        parts.spawn(async move {
            let served =
                rest::serve(rest_listener, config, app, auth, stop.cancelled_owned()).await;
            ("REST API", served.context("the REST API stopped"))
        });
    }
    let console_addr = match console_listener {
        Some(listener) => Some(start_console(
            &mut parts, listener, rest_addr, &certs, &stop,
        )?),
        None => None,
    };
    let (node, node_id) = if args.no_enforcer {
        ("not watched (--no-enforcer)".to_owned(), None)
    } else {
        let (words, id) = enforcer::start(&mut parts, &args, &data, app.clone(), &agents, &stop)?;
        (words, Some(id))
    };
    let database = updater::start(&mut parts, &args, &data, &stop)?;
    if !args.no_scanner {
        app.default_scan_config(args.auto_scan)
            .await
            .context("cannot set up scans")?;
        let scanning = &args.scanning;
        scanner::start(&mut parts, scanning, &data, app.clone(), node_id, &stop)?;
    }
    let mut tasks = app.spawn_tasks();
    print_banner(
        &args,
        rest_addr,
        console_addr,
        &certs.ca_path.display().to_string(),
        &node,
        &database,
        bootstrap,
    );
    let failed = wait(&mut parts, &stop).await;
    tasks.shutdown().await;
    app.flush().await.context("cannot save the last state")?;
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn start_console(
    parts: &mut JoinSet<(&'static str, Result<()>)>,
    listener: std::net::TcpListener,
    rest: SocketAddr,
    certs: &certs::Certs,
    stop: &CancellationToken,
) -> Result<SocketAddr> {
    let address = listener.local_addr()?;
    let reach = if rest.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], rest.port()))
    } else {
        rest
    };
    let mut config = rampart_manager::Config::new(address, format!("https://{reach}"));
    config.controller_ca_pem = certs.ca_pem.clone().into_bytes();
    config.controller_name = Some("localhost".to_owned());
    config.tls_cert_pem = certs.cert_pem.clone().into_bytes();
    config.tls_key_pem = certs.key_pem.clone().into_bytes();
    let server = rampart_manager::bind_on(config, listener).context("cannot start the console")?;
    let stop = stop.clone();
    parts.spawn(async move {
        server.run(stop.cancelled_owned()).await;
        ("console", Ok(()))
    });
    Ok(address)
}

/// Until a signal, or until a part ends by itself. True when a part failed.
async fn wait(parts: &mut JoinSet<(&'static str, Result<()>)>, stop: &CancellationToken) -> bool {
    let (mut interrupt, mut terminate) = match (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        _ => {
            eprintln!("rampart: cannot listen for signals");
            return true;
        }
    };
    let mut failed = false;
    tokio::select! {
        _ = interrupt.recv() => eprintln!("rampart: stopping"),
        _ = terminate.recv() => eprintln!("rampart: stopping"),
        Some(ended) = parts.join_next() => failed = report(ended),
    }
    stop.cancel();
    while let Some(ended) = parts.join_next().await {
        failed |= report(ended);
    }
    failed
}

fn report(ended: Result<(&'static str, Result<()>), tokio::task::JoinError>) -> bool {
    match ended {
        Ok((_, Ok(()))) => false,
        Ok((part, Err(error))) => {
            eprintln!("rampart: {part}: {error:#}");
            true
        }
        Err(error) => {
            eprintln!("rampart: a part broke: {error}");
            true
        }
    }
}

/// Names the server certificate holds.
fn names(args: &UpArgs) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.push(data::host_name());
    for addr in [args.rest.ip(), args.console.ip()] {
        if !addr.is_unspecified() {
            names.push(addr.to_string());
        }
    }
    names.extend(args.tls_names.iter().cloned());
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !name.is_empty());
    names
}

fn controller_info(data: &std::path::Path, rest: SocketAddr) -> Result<ControllerInfo> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Ok(ControllerInfo {
        id: data::install_id(data)?,
        name: "rampart-controller".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host_name: data::host_name(),
        cluster_ip: rest.ip().to_string(),
        started_at: Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
    })
}

fn print_banner(
    args: &UpArgs,
    rest: SocketAddr,
    console: Option<SocketAddr>,
    ca: &str,
    node: &str,
    database: &str,
    bootstrap: Bootstrap,
) {
    println!("Rampart {} is up", env!("CARGO_PKG_VERSION"));
    if let Some(console) = console {
        println!("  Console   https://{console}/");
    }
    println!("  REST API  https://{rest}/v1/  (authority: {ca})");
    println!("  Data      {}", args.data().display());
    println!("  Node      {node}");
    println!("  CVEs      {database}");
    match bootstrap {
        Bootstrap::Generated(password) => {
            println!(
                "  Login     admin / {password}   (one time: you choose a new one at first login)"
            );
        }
        Bootstrap::Given => {
            println!("  Login     admin, with the password given in RAMPART_BOOTSTRAP_PASSWORD")
        }
        Bootstrap::Kept => println!("  Login     with the users kept in the data folder"),
    }
    println!("  Stop      Ctrl-C, or kill {}", std::process::id());
}
