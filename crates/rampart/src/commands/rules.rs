//! `rampart rules`: detection rules in Falco's language; all but `live` without a controller.

mod explain;
mod live;
mod source;
mod test;

use super::print::{self, Column};
use crate::settings::Output;
use anyhow::Result;
use clap::{Args, Subcommand};
use rampart_detect::{
    Rule,
    field::{self, Parameter},
};
use serde_json::{Value, json};
use source::SourceArgs;
pub(crate) use source::{Loaded, load};
use std::process::ExitCode;

#[derive(Args, Debug)]
#[command(
    after_help = "Without --rules it is about the rules that come with Rampart.\n\
                  Exit codes: 0 done, 1 a rule, an event or an expectation is wrong, 2 wrong usage.\n\
                  Examples:\n  \
                  rampart rules check --rules falco_rules.yaml --rules mine.yaml\n  \
                  rampart rules list --tag T1611 -o json\n  \
                  rampart rules live --state silent\n  \
                  rampart rules explain 'Shell in a container with a terminal'\n  \
                  rampart rules test --rules falco_rules.yaml --events events.jsonl\n  \
                  echo '{\"evt.type\":\"execve\",\"proc.name\":\"nmap\",\"container.id\":\"c1\"}' | rampart rules test --events -"
)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Load rules and tell what is wrong with them: file, line, column, what was expected
    Check {
        #[command(flatten)]
        source: SourceArgs,
        /// Warnings count as errors
        #[arg(long)]
        strict: bool,
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
    },
    /// List rules
    List {
        #[command(flatten)]
        source: SourceArgs,
        /// Only rules with this tag, as `T1059` or `container`
        #[arg(long)]
        tag: Vec<String>,
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Show what a rule means: condition with its macros and lists, events, fields
    Explain {
        /// The rule's name
        rule: String,
        #[command(flatten)]
        source: SourceArgs,
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Rules that running enforcers have loaded, and built-in detectors: live or silent and why, hits; asks the controller
    Live(live::LiveArgs),
    /// Evaluate events, one JSON object a line with Falco's field names as keys
    Test(test::TestArgs),
    /// List the fields that conditions and outputs may use
    Fields {
        #[arg(short, long, value_enum, default_value = "table")]
        output: Output,
    },
}

pub(crate) fn run(args: RulesArgs) -> Result<ExitCode> {
    match args.command {
        Command::Check {
            source,
            strict,
            output,
        } => check(&source.load()?, strict, output),
        Command::List {
            source,
            tag,
            output,
        } => {
            let loaded = source.load()?;
            loaded.tell();
            list(&loaded, &tag, output);
            Ok(loaded.exit_code())
        }
        Command::Explain {
            rule,
            source,
            output,
        } => explain::run(&source.load()?, &rule, output),
        Command::Live(args) => live::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Fields { output } => {
            fields(output);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(loaded: &Loaded, strict: bool, output: Output) -> Result<ExitCode> {
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = loaded.diagnostics.len() - errors;
    let rules = loaded.rules.rules();
    match output {
        Output::Json => print::json(&json!({
            "rules": rules.len(),
            "enabled": rules.iter().filter(|rule| rule.enabled).count(),
            "macros": loaded.rules.macro_count(),
            "lists": loaded.rules.list_count(),
            "errors": errors,
            "warnings": warnings,
            "diagnostics": loaded.diagnostics.iter().map(|d| json!({
                "severity": if d.is_error() { "error" } else { "warning" },
                "code": d.code.name(),
                "file": d.place.file,
                "line": d.place.line,
                "column": d.place.column,
                "item": d.item,
                "message": d.message,
                "expected": d.expected,
            })).collect::<Vec<_>>(),
        })),
        Output::Table => {
            loaded.tell();
            println!(
                "{} rules ({} on), {} macros, {} lists: {errors} errors, {warnings} warnings",
                rules.len(),
                rules.iter().filter(|rule| rule.enabled).count(),
                loaded.rules.macro_count(),
                loaded.rules.list_count(),
            );
        }
    }
    Ok(ExitCode::from(u8::from(
        errors > 0 || strict && warnings > 0,
    )))
}

const COLUMNS: &[Column] = &[
    ("RULE", "rule"),
    ("PRIORITY", "priority"),
    ("ON", "enabled"),
    ("EVENTS", "events"),
    ("TAGS", "tags"),
];

fn list(loaded: &Loaded, tags: &[String], output: Output) {
    let wanted = |rule: &&Rule| tags.iter().all(|tag| rule.tags.contains(tag));
    let rows: Vec<Value> = loaded
        .rules
        .rules()
        .iter()
        .filter(wanted)
        .map(|rule| row(rule, output))
        .collect();
    print::rows(output, &rows, COLUMNS);
}

fn row(rule: &Rule, output: Output) -> Value {
    let types: Vec<_> = rule.types.iter().map(|kind| kind.name()).collect();
    let events = match output {
        Output::Json => Value::from(types),
        Output::Table if types.len() > 6 => Value::from(format!(
            "{} and {} more",
            types[..4].join(" "),
            types.len() - 4
        )),
        Output::Table => Value::from(types),
    };
    json!({
        "rule": rule.name,
        "priority": rule.priority.name(),
        "enabled": rule.enabled,
        "source": rule.source,
        "tags": rule.tags,
        "events": events,
        "desc": rule.desc,
        "file": rule.file,
        "line": rule.line,
    })
}

const FIELD_COLUMNS: &[Column] = &[
    ("FIELD", "field"),
    ("TYPE", "type"),
    ("ARGUMENT", "argument"),
];

fn fields(output: Output) {
    let rows: Vec<Value> = field::ALL
        .iter()
        .map(|info| {
            let argument = match info.parameter {
                Parameter::No => "",
                Parameter::MaybeIndex => "[number], optional",
                Parameter::Key => "[name]",
                Parameter::MaybeKey => "[name], optional",
            };
            json!({"field": info.name, "type": info.kind.name(), "argument": argument})
        })
        .collect();
    print::rows(output, &rows, FIELD_COLUMNS);
}
