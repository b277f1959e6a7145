//! The command line: one variant a command, each in its own file under `commands/` or `up/`.

use crate::{commands, settings, up};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser, Debug)]
#[command(
    name = "rampart",
    version,
    about = "Container security: discover, learn, alert and block, on one host or a whole cluster",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not allowed or not logged in.\n\
                  Examples:\n  \
                  sudo rampart up                          start everything on this machine\n  \
                  rampart login                            keep a session for the commands below\n  \
                  rampart workload list                    what runs, and how it is protected\n  \
                  rampart group mode nv.web.shop protect   block what is not in the profile\n  \
                  rampart event list --kind incident -o json"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Start controller, console and enforcer on this machine
    #[command(after_help = up::HELP)]
    Up(Box<settings::UpArgs>),
    /// Attack real demo containers and show what is stopped
    Demo(commands::demo::DemoArgs),
    /// Say what this machine can see and block, and what is missing
    Doctor(commands::doctor::DoctorArgs),
    /// End enforcement that outlives the agent: remove its kernel programs
    Uninstall(commands::uninstall::UninstallArgs),
    /// Find packages, vulnerabilities and secrets in images, file systems and hosts
    Scan(Box<commands::scan::ScanArgs>),
    /// The vulnerability database: build, update, look into it
    Db(Box<commands::db::DbArgs>),
    /// Keep the vulnerability database current, and nothing else
    Updater(Box<commands::updater::UpdaterArgs>),
    /// Log in and keep the session
    Login(commands::login::LoginArgs),
    /// End the kept session
    Logout(commands::login::LogoutArgs),
    /// Counts of everything at a glance
    Status(commands::status::StatusArgs),
    /// Containers: list, show, processes
    Workload(commands::workload::WorkloadArgs),
    /// Groups: list, show, switch modes
    Group(commands::group::GroupArgs),
    /// Network rules
    Rule(commands::rule::RuleArgs),
    /// Conversations between groups
    Conversation(commands::conversation::ConversationArgs),
    /// Events: security, activity, audit
    Event(commands::event::EventArgs),
    /// Nodes, their tier and counters
    Node(commands::node::NodeArgs),
    /// Registries whose images are scanned
    Registry(commands::registry::RegistryArgs),
    /// Vulnerabilities of everything that was scanned
    Vulnerability(commands::vulnerability::VulnerabilityArgs),
    /// Work as a scanner for a controller elsewhere
    #[command(after_help = commands::scanner::HELP)]
    Scanner(Box<settings::ScannerArgs>),
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Up(args) => up::run(*args),
            Command::Demo(args) => commands::demo::run(args),
            Command::Doctor(args) => commands::doctor::run(&args),
            Command::Uninstall(args) => commands::uninstall::run(&args),
            Command::Scan(args) => commands::scan::run(*args),
            Command::Db(args) => commands::db::run(*args),
            Command::Updater(args) => commands::updater::run(*args),
            Command::Login(args) => commands::login::login(args),
            Command::Logout(args) => commands::login::logout(args),
            Command::Status(args) => commands::status::run(args),
            Command::Workload(args) => commands::workload::run(args),
            Command::Group(args) => commands::group::run(args),
            Command::Rule(args) => commands::rule::run(args),
            Command::Conversation(args) => commands::conversation::run(args),
            Command::Event(args) => commands::event::run(args),
            Command::Node(args) => commands::node::run(args),
            Command::Registry(args) => commands::registry::run(args),
            Command::Vulnerability(args) => commands::vulnerability::run(args),
            Command::Scanner(args) => commands::scanner::run(*args),
        }
    }
}
