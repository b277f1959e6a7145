//! Settings of `rampart up`, each declared once: flag, environment variable, default and help.

use clap::{Args, ValueEnum};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Where root keeps things when nothing else is said.
pub(crate) const DEFAULT_DATA: &str = "/var/lib/rampart";

#[derive(Args, Clone, Debug)]
pub(crate) struct UpArgs {
    /// Folder for the store, certificates and spool; made if it is not there
    /// [default: /var/lib/rampart for root, ~/.local/share/rampart for others]
    #[arg(long, env = "RAMPART_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// Address of the REST API (HTTPS)
    #[arg(
        long,
        env = "RAMPART_REST",
        value_name = "ADDR",
        default_value = "127.0.0.1:10443"
    )]
    pub(crate) rest: SocketAddr,

    /// Address of the web console (HTTPS)
    #[arg(
        long,
        env = "RAMPART_CONSOLE",
        value_name = "ADDR",
        default_value = "127.0.0.1:8443"
    )]
    pub(crate) console: SocketAddr,

    /// Do not serve the console
    #[arg(long, env = "RAMPART_NO_CONSOLE")]
    pub(crate) no_console: bool,

    /// Evaluate execs and connections with detection rules in Falco's language: a file, a folder
    /// of *.yaml, or `builtin` for the rules that come with Rampart; given again, later ones
    /// change earlier ones
    #[arg(
        long,
        env = "RAMPART_RULES",
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub(crate) rules: Vec<PathBuf>,

    /// Do not watch or enforce on this machine: controller and console only
    #[arg(long, env = "RAMPART_NO_ENFORCER")]
    pub(crate) no_enforcer: bool,

    /// First password of `admin`, for automation; without it a random one is printed once and
    /// must be changed at first login
    #[arg(
        long,
        env = "RAMPART_BOOTSTRAP_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub(crate) bootstrap_password: Option<String>,

    /// Extra names and addresses for the server certificate, such as the host's public name
    #[arg(
        long,
        env = "RAMPART_TLS_NAMES",
        value_name = "NAME,…",
        value_delimiter = ','
    )]
    pub(crate) tls_names: Vec<String>,

    /// Sockets of container runtimes, such as docker=/run/docker.sock; found by themselves when
    /// not given
    #[arg(
        long,
        env = "RAMPART_RUNTIME_SOCKETS",
        value_name = "KIND=PATH,…",
        value_delimiter = ','
    )]
    pub(crate) runtime_sockets: Vec<String>,

    /// Hold a new container's first process until its policy is in force
    #[arg(long, env = "RAMPART_HOLD", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) hold: bool,

    /// Keep policies in force when this program is stopped, killed or upgraded, where the kernel has
    /// BPF-LSM; `rampart uninstall` ends it
    #[arg(long, env = "RAMPART_PERSIST", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) persist: bool,

    /// How long a held process or a permission question may wait, in milliseconds
    #[arg(
        long,
        env = "RAMPART_HOLD_DEADLINE_MS",
        value_name = "MS",
        default_value_t = 2000
    )]
    pub(crate) hold_deadline_ms: u64,

    /// What happens to an act that could not be judged in time
    #[arg(long, env = "RAMPART_FAIL_MODE", value_enum, default_value_t = FailMode::Open)]
    pub(crate) fail_mode: FailMode,

    /// Size of the kernel event ring, in MiB (a power of two)
    #[arg(
        long,
        env = "RAMPART_RING_MIB",
        value_name = "MIB",
        default_value_t = 16
    )]
    pub(crate) ring_mib: u32,

    /// Do not bring the vulnerability database up to date
    #[arg(long, env = "RAMPART_NO_UPDATER")]
    pub(crate) no_updater: bool,

    #[command(flatten)]
    pub(crate) schedule: crate::commands::updater::ScheduleArgs,
    /// Do not scan here: no vulnerabilities of this machine's containers, no registries
    #[arg(long, env = "RAMPART_NO_SCANNER")]
    pub(crate) no_scanner: bool,

    /// At the first start: scan new containers and nodes without being asked, once there is a
    /// database
    #[arg(long, env = "RAMPART_AUTO_SCAN", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) auto_scan: bool,

    #[command(flatten)]
    pub(crate) scanning: ScanningArgs,

    /// What to log: a level, or `target=level,…`
    #[arg(
        long,
        env = "RAMPART_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub(crate) log: String,

    /// How to log
    #[arg(long, env = "RAMPART_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

impl UpArgs {
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(default_data)
    }

    pub(crate) fn hold_deadline(&self) -> Duration {
        Duration::from_millis(self.hold_deadline_ms)
    }
}

/// How a scanner works, wherever it runs.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScanningArgs {
    /// Vulnerability database [default: the updater's, in the data folder]
    #[arg(long, env = "RAMPART_DB", value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,

    /// Public key to trust, besides those of the data folder: a file, or 64 hexadecimal digits
    #[arg(
        long,
        env = "RAMPART_DB_KEY",
        value_name = "FILE|HEX",
        value_delimiter = ','
    )]
    pub(crate) db_key: Vec<String>,

    /// Scans at the same time
    #[arg(long, env = "RAMPART_SCAN_TASKS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) scan_tasks: u32,

    /// The longest a scan may take, in seconds
    #[arg(
        long,
        env = "RAMPART_SCAN_TIMEOUT_SECS",
        value_name = "SECONDS",
        default_value_t = 1200
    )]
    pub(crate) scan_timeout_secs: u64,

    /// Cache of layers, in MiB
    #[arg(
        long,
        env = "RAMPART_SCAN_CACHE_MIB",
        value_name = "MIB",
        default_value_t = 1024
    )]
    pub(crate) scan_cache_mib: u64,

    /// Certificate authorities of registries (PEM), besides the system's; may be repeated
    #[arg(
        long,
        env = "RAMPART_REGISTRY_CA",
        value_name = "FILE",
        value_delimiter = ','
    )]
    pub(crate) registry_ca: Vec<PathBuf>,

    /// Accept any certificate of a registry
    #[arg(long, env = "RAMPART_REGISTRY_INSECURE")]
    pub(crate) registry_insecure: bool,
}

/// Settings of `rampart scanner`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScannerArgs {
    /// Controller's REST address
    #[arg(
        long,
        env = "RAMPART_CONTROLLER",
        value_name = "URL",
        default_value = "https://127.0.0.1:10443"
    )]
    pub(crate) controller: String,

    /// Certificate authority of the controller (PEM)
    #[arg(long, env = "RAMPART_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Token of scanners; the controller keeps it in its data folder
    #[arg(
        long,
        env = "RAMPART_SCANNER_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub(crate) token: Option<String>,

    /// File with that token
    #[arg(long, env = "RAMPART_SCANNER_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Folder for the cache of layers and the id of this scanner
    #[arg(long, env = "RAMPART_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) scanning: ScanningArgs,

    /// What to log: a level, or `target=level,…`
    #[arg(
        long,
        env = "RAMPART_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub(crate) log: String,

    /// How to log
    #[arg(long, env = "RAMPART_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// The data folder of whoever runs this.
pub(crate) fn default_data() -> PathBuf {
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    match std::env::var_os("HOME") {
        Some(home) if !root => PathBuf::from(home).join(".local/share/rampart"),
        _ => PathBuf::from(DEFAULT_DATA),
    }
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailMode {
    /// Let it pass, count it and raise an alarm
    Open,
    /// Refuse it
    Closed,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// How a client command reaches a controller.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerArgs {
    /// Controller's REST address
    #[arg(
        long,
        env = "RAMPART_SERVER",
        value_name = "URL",
        default_value = "https://127.0.0.1:10443",
        global = true
    )]
    pub(crate) server: String,

    /// Certificate authority to trust (PEM); the all-in-one's own by default
    #[arg(long, env = "RAMPART_CA", value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,

    /// Accept any server certificate
    #[arg(long, env = "RAMPART_INSECURE", global = true)]
    pub(crate) insecure: bool,

    /// User name, where no session was kept by `rampart login`
    #[arg(long, env = "RAMPART_USER", value_name = "NAME", global = true)]
    pub(crate) user: Option<String>,

    /// Password of that user
    #[arg(
        long,
        env = "RAMPART_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true,
        global = true
    )]
    pub(crate) password: Option<String>,

    /// How to print
    #[arg(long, short, value_enum, default_value_t = Output::Table, global = true)]
    pub(crate) output: Output,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Table,
    Json,
}
