//! The demo's lines.

use super::script::{Outcome, title};
use crate::{commands::print::printable, settings::Output};
use rampart_model::Mode;
use serde_json::{Value, json};

pub(super) struct Row {
    pub(super) mode: Mode,
    pub(super) outcome: Outcome,
    pub(super) record: Option<Value>,
}

impl Row {
    /// Monitor sees it and lets it pass; Protect stops it; both keep a record.
    pub(super) fn as_expected(&self) -> bool {
        self.record.is_some() && self.outcome.stopped == (self.mode == Mode::Protect)
    }

    fn verdict(&self) -> &str {
        match (self.outcome.stopped, &self.record) {
            (true, _) => &self.outcome.outcome,
            (false, Some(_)) => "detected",
            (false, None) => "MISSED",
        }
    }

    fn field(&self, name: &str) -> &str {
        self.record
            .as_ref()
            .and_then(|record| record[name].as_str())
            .unwrap_or_default()
    }
}

pub(super) struct Printer(Output);

impl Printer {
    pub(super) fn new(output: Output) -> Self {
        Self(output)
    }

    pub(super) fn step(&self, text: &str) {
        match self.0 {
            Output::Table => println!("• {text}"),
            Output::Json => eprintln!("{text}"),
        }
    }

    pub(super) fn row(&self, row: &Row) {
        match self.0 {
            Output::Json => println!(
                "{}",
                json!({
                    "mode": row.mode.name(), "attack": row.outcome.attack, "target": row.outcome.target,
                    "verdict": row.verdict(), "stopped": row.outcome.stopped, "exit": row.outcome.exit,
                    "mechanism": row.field("mechanism"), "event": row.record, "as_expected": row.as_expected(),
                })
            ),
            Output::Table => {
                let mark = if row.as_expected() { "✓" } else { "✗" };
                println!(
                    "  {mark} {:<28} {:<9} {:<9} {:<13} event {}",
                    title(&row.outcome.attack),
                    row.outcome.target,
                    row.verdict(),
                    row.field("mechanism"),
                    event(row),
                );
                println!("      {}", printable(&row.outcome.detail));
            }
        }
    }

    pub(super) fn summary(&self, failed: u32) {
        match failed {
            0 => self.step("every attack was seen in Monitor and stopped in Protect"),
            n => self.step(&format!("{n} line(s) above are not as they should be")),
        }
    }
}

/// The kept record in a few words.
fn event(row: &Row) -> String {
    let Some(record) = &row.record else {
        return "none".to_owned();
    };
    let what = ["file_path", "proc_path"]
        .iter()
        .map(|name| row.field(name))
        .find(|text| !text.is_empty())
        .map_or_else(
            || {
                format!(
                    "to {} port {}",
                    row.field("server_name"),
                    record["server_port"]
                )
            },
            str::to_owned,
        );
    let name = match row.field("name") {
        "" => "Network.Violation",
        name => name,
    };
    printable(&format!("{name}: {what}"))
}
