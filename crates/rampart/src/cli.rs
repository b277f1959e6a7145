//! The command line: one variant a command, each in its own file under `commands/` or `up/`.

use crate::{commands, settings, up};
use clap::{
    ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand, builder::BoolishValueParser,
};
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
    /// A changed policy, tried out on what was recorded
    Policy(commands::policy::PolicyArgs),
    /// Response rules: what is done by itself about an event
    Response(commands::response::ResponseArgs),
    /// Detection rules in Falco's language: check, list, explain, test
    Rules(Box<commands::rules::RulesArgs>),
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
    /// What `up` starts beside itself: answers permission events when it is stopped or hangs
    #[command(hide = true)]
    Watchdog(commands::watchdog::WatchdogArgs),
    /// Keys that seal secrets in the store: names, rotation
    Key(commands::key::KeyArgs),
}

/// Switches that the environment sets are taken as people write them: `1`, `yes`, `on`, `true`.
fn with_boolish_switches(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| match arg.get_action() {
            ArgAction::SetTrue if arg.get_env().is_some() => {
                arg.value_parser(BoolishValueParser::new())
            }
            _ => arg,
        })
        .mut_subcommands(with_boolish_switches)
}

impl Cli {
    /// Reads the command line, or ends the program with what is wrong with it.
    pub(crate) fn read() -> Self {
        let matches = with_boolish_switches(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

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
            Command::Policy(args) => commands::policy::run(args),
            Command::Response(args) => commands::response::run(args),
            Command::Rules(args) => commands::rules::run(*args),
            Command::Conversation(args) => commands::conversation::run(args),
            Command::Event(args) => commands::event::run(args),
            Command::Node(args) => commands::node::run(args),
            Command::Registry(args) => commands::registry::run(args),
            Command::Vulnerability(args) => commands::vulnerability::run(args),
            Command::Scanner(args) => commands::scanner::run(*args),
            Command::Watchdog(args) => commands::watchdog::run(&args),
            Command::Key(args) => commands::key::run(args),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        with_boolish_switches(Cli::command()).debug_assert();
    }

    /// `RAMPART_DB_UNSIGNED=1` was refused: only `true` and `false` were known.
    #[test]
    fn switches_in_the_environment_are_read_as_people_write_them() {
        let mut command = with_boolish_switches(Cli::command());
        let switches = switches(&mut command);
        assert!(
            switches.contains(&"allow_unsigned".to_owned()),
            "{switches:?}"
        );
    }

    /// Every switch with a variable, and that it takes `1`.
    fn switches(command: &mut clap::Command) -> Vec<String> {
        let mut all = Vec::new();
        for arg in command.get_arguments() {
            let switch = matches!(arg.get_action(), ArgAction::SetTrue) && arg.get_env().is_some();
            if !switch {
                continue;
            }
            let parser = arg.get_value_parser();
            let mut known = parser.possible_values().into_iter().flatten();
            assert!(
                known.any(|value| value.matches("1", false)),
                "{}",
                arg.get_id()
            );
            all.push(arg.get_id().to_string());
        }
        for sub in command.get_subcommands_mut() {
            all.extend(switches(sub));
        }
        all
    }
}
