//! `rampart rules test`: events in, alerts out, and whether they are those that were expected.

use super::source::{Loaded, SourceArgs};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use rampart_detect::{
    Alert, CONTAINER_OUTPUT, State,
    field::named::{MAX_LINE_BYTES, NamedEvent},
};
use serde_json::Value;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Args, Debug)]
#[command(
    after_help = "A line is one event: {\"evt.type\": \"openat\", \"fd.name\": \"/etc/shadow\", \"evt.is_open_read\": true, …}.\n\
                  Its key \"expect\" is no field but the names of the rules it must raise, and no others:\n\
                  \"expect\": [] says none. What does not come true is told, and the exit code is 1.\n\
                  Examples:\n  \
                  rampart rules test --rules falco_rules.yaml --events events.jsonl\n  \
                  rampart rules test --rules falco_rules.yaml --rules mine.yaml --events - --matching first\n  \
                  rampart rules test --events mine.events.jsonl --format text"
)]
pub(super) struct TestArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// One JSON event a line; `-` for standard input
    #[arg(long, short, value_name = "FILE", required = true)]
    events: Vec<PathBuf>,
    /// Every rule that matches, or the first one only, as Falco does by default
    #[arg(long, value_enum, default_value = "all")]
    matching: Matching,
    /// Alerts as JSON lines, or as lines of text
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
    /// Do not add container and pod to outputs
    #[arg(long)]
    no_container_output: bool,
    /// Name of the host in alerts; that of this machine by default
    #[arg(long)]
    hostname: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Matching {
    All,
    First,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

pub(super) fn run(args: &TestArgs) -> Result<ExitCode> {
    let more = if args.no_container_output {
        ""
    } else {
        CONTAINER_OUTPUT
    };
    let loaded = args.source.load_with(more)?;
    loaded.tell();
    let hostname = args.hostname.clone().unwrap_or_else(hostname);
    let mut run = Run {
        args,
        state: loaded.rules.state(),
        loaded: &loaded,
        hostname,
        out: BufWriter::new(io::stdout().lock()),
        number: 0,
        wrong: loaded.diagnostics.iter().filter(|d| d.is_error()).count(),
    };
    for path in &args.events {
        if path.as_os_str() == "-" {
            run.lines("-", io::stdin().lock())?;
        } else {
            let file =
                File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            run.lines(&path.display().to_string(), BufReader::new(file))?;
        }
    }
    run.out.flush().context("cannot write alerts")?;
    Ok(ExitCode::from(u8::from(run.wrong > 0)))
}

struct Run<'a> {
    args: &'a TestArgs,
    loaded: &'a Loaded,
    state: State,
    hostname: String,
    out: BufWriter<io::StdoutLock<'a>>,
    number: u64,
    /// Rules, events and expectations.
    wrong: usize,
}

impl Run<'_> {
    fn lines(&mut self, name: &str, mut reader: impl BufRead) -> Result<()> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let limit = MAX_LINE_BYTES as u64 + 2;
            let read = reader
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut line)
                .with_context(|| format!("cannot read {name}"))?;
            if read == 0 {
                break;
            }
            let whole = line.ends_with(b"\n") || (read as u64) < limit;
            if !whole {
                skip_line(&mut reader).with_context(|| format!("cannot read {name}"))?;
            }
            let text = line.trim_ascii();
            if !text.is_empty() {
                self.event(&format!("{name}:{number}"), text)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, place: &str, line: &[u8]) -> Result<()> {
        self.number += 1;
        let (event, expected) = match parse(line) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.complain(place, &format!("{error:#}"));
                return Ok(());
            }
        };
        for unknown in event.unknown() {
            self.complain(place, &unknown.to_string());
        }
        let Self {
            loaded,
            state,
            hostname,
            args,
            ..
        } = self;
        let mut alerts: Vec<Alert> = Vec::new();
        let host = event.hostname().unwrap_or(hostname).to_owned();
        let now = jiff::Timestamp::now().as_nanosecond();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        event.visit(self.number, now, |event| match args.matching {
            Matching::First => {
                let first = loaded.rules.first_match(event, state);
                alerts.extend(first.map(|rule| rule.alert(event, &host)));
            }
            Matching::All => loaded.rules.matches(event, state, |rule| {
                alerts.push(rule.alert(event, &host));
            }),
        });
        for alert in &alerts {
            match self.args.format {
                Format::Json => serde_json::to_writer(&mut self.out, &alert.to_json())?,
                Format::Text => self.out.write_all(alert.text().as_bytes())?,
            }
            self.out.write_all(b"\n").context("cannot write alerts")?;
        }
        if let Some(expected) = expected {
            self.compare(place, &expected, &alerts);
        }
        Ok(())
    }

    fn compare(&mut self, place: &str, expected: &[String], alerts: &[Alert]) {
        for name in expected {
            if !alerts.iter().any(|alert| alert.rule == *name) {
                self.complain(
                    place,
                    &format!("rule '{name}' was expected and does not match"),
                );
            }
        }
        for alert in alerts {
            if !expected.contains(&alert.rule) {
                self.complain(
                    place,
                    &format!("rule '{}' matches and was not expected", alert.rule),
                );
            }
        }
    }

    fn complain(&mut self, place: &str, what: &str) {
        self.wrong += 1;
        // Before what follows from later events.
        let _ = self.out.flush();
        eprintln!("{place}: error: {}", super::print::printable(what));
    }
}

/// The event of a line, and the rules it is to raise.
fn parse(line: &[u8]) -> Result<(NamedEvent, Option<Vec<String>>)> {
    if line.len() > MAX_LINE_BYTES {
        anyhow::bail!("line is longer than 1 MiB");
    }
    let value: Value = serde_json::from_slice(line).context("line is no JSON")?;
    let Value::Object(mut fields) = value else {
        anyhow::bail!("line is no JSON object with the names of fields as keys");
    };
    let expected = match fields.shift_remove("expect") {
        None => None,
        Some(Value::String(name)) => Some(vec![name]),
        Some(Value::Array(names)) => Some(
            names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        ),
        Some(_) => anyhow::bail!("'expect' is neither a rule's name nor a list of them"),
    };
    Ok((NamedEvent::from_fields(&fields)?, expected))
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        match buffer.iter().position(|b| *b == b'\n') {
            Some(end) => {
                reader.consume(end + 1);
                return Ok(());
            }
            None => {
                let length = buffer.len();
                reader.consume(length);
            }
        }
    }
}

fn hostname() -> String {
    std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname"))
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}
