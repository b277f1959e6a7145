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
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Up(args) => up::run(*args),
            Command::Demo(args) => commands::demo::run(args),
            Command::Doctor(args) => commands::doctor::run(&args),
            Command::Login(args) => commands::login::login(args),
            Command::Logout(args) => commands::login::logout(args),
            Command::Status(args) => commands::status::run(args),
            Command::Workload(args) => commands::workload::run(args),
            Command::Group(args) => commands::group::run(args),
            Command::Rule(args) => commands::rule::run(args),
            Command::Conversation(args) => commands::conversation::run(args),
            Command::Event(args) => commands::event::run(args),
            Command::Node(args) => commands::node::run(args),
        }
    }
}
