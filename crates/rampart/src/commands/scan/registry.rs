//! `rampart scan registry`: every image of a registry, one after the other.

use super::{
    IN_PART, Run,
    args::{CommonArgs, Format, RegistryArgs},
    exit_code, shown,
};
use anyhow::{Context, Result, bail};
use rampart_model::scan::{ScanReport, Severity};
use rampart_vuln::layer::Glob;
use std::{
    fs::File,
    io::{self, Write},
    process::ExitCode,
};

pub(super) fn scan(run: &mut Run, args: &RegistryArgs) -> Result<ExitCode> {
    if !matches!(run.common.format, Format::Table | Format::Json) {
        bail!("a registry's report is a table or JSON: one line, or one report, for each image");
    }
    if run.common.offline {
        bail!("a registry is in the network, which is not asked with --offline");
    }
    let mut tally = Tally::default();
    let names = names(run, args, &mut tally)?;
    let shown = shown(&run.common);
    let mut list = List::open(&run.common)?;
    for (at, name) in names.iter().enumerate() {
        if run.options.stop.reason().is_some() {
            let left = names.len() - at;
            tally.fail(&format!("{left} images were not scanned: --timeout"));
            break;
        }
        let platform = run.common.platform.clone();
        let source = run
            .registries
            .image(name, platform.as_ref(), &run.login, &run.options);
        let found = source
            .and_then(|source| run.inspect(source))
            .and_then(|found| run.finish(found));
        match found {
            Ok(inspected) => {
                let report = shown.apply(inspected.report);
                tally.count(exit_code(&report, inspected.incomplete, &run.common));
                list.add(&report)?;
            }
            Err(error) => tally.fail(&format!("{name}: {error:#}")),
        }
    }
    list.end()?;
    tally.code()
}

/// What came of it all.
#[derive(Default)]
struct Tally {
    scanned: usize,
    failed: usize,
    /// Of the first image with findings that count.
    findings: Option<ExitCode>,
    incomplete: bool,
}

impl Tally {
    fn count(&mut self, code: ExitCode) {
        self.scanned += 1;
        if code == ExitCode::from(IN_PART) {
            self.incomplete = true;
        } else if code != ExitCode::SUCCESS {
            self.findings.get_or_insert(code);
        }
    }

    /// What fails is told of, and stops nothing else.
    fn fail(&mut self, why: &str) {
        self.failed += 1;
        eprintln!("rampart: {why}");
    }

    /// Findings first: who asked for their exit code has to act on them.
    fn code(self) -> Result<ExitCode> {
        if self.scanned == 0 && self.failed > 0 {
            bail!("no image could be scanned");
        }
        let part = if self.incomplete || self.failed > 0 {
            ExitCode::from(IN_PART)
        } else {
            ExitCode::SUCCESS
        };
        Ok(self.findings.unwrap_or(part))
    }
}

/// References of the images to scan, by repository and tag.
fn names(run: &mut Run, args: &RegistryArgs, tally: &mut Tally) -> Result<Vec<String>> {
    let globs = |patterns: &[String]| patterns.iter().map(|p| Glob::new(p)).collect::<Vec<_>>();
    let (repositories, tags) = (globs(&args.repositories), globs(&args.tags));
    let wanted =
        |globs: &[Glob], name: &str| globs.is_empty() || globs.iter().any(|g| g.matches(name));
    let exact = args
        .repositories
        .iter()
        .all(|name| !name.contains(['*', '?']));
    let (runtime, client) = run.registries.get(&run.login, &run.options)?;
    let all = if exact && !args.repositories.is_empty() {
        args.repositories.clone()
    } else {
        runtime
            .block_on(client.catalog(&args.registry))
            .context("the registry does not list its repositories: name them by --repo")?
    };
    let mut names = Vec::new();
    for repository in all.iter().filter(|name| wanted(&repositories, name)) {
        let found = match runtime.block_on(client.tags(&args.registry, repository)) {
            Ok(found) => found,
            Err(error) => {
                let error = anyhow::Error::from(error);
                tally.fail(&format!(
                    "{repository}: its tags cannot be listed: {error:#}"
                ));
                continue;
            }
        };
        let found = found.iter().filter(|tag| wanted(&tags, tag));
        names.extend(found.map(|tag| format!("{}/{repository}:{tag}", args.registry)));
        if names.len() > args.limit {
            names.truncate(args.limit);
            eprintln!("rampart: only the first {} images: --limit", args.limit);
            break;
        }
    }
    Ok(names)
}

/// Written as images are scanned, so that a long list costs no memory: a line each, or an array of
/// reports.
struct List {
    out: Box<dyn Write>,
    json: bool,
    count: usize,
}

impl List {
    fn open(common: &CommonArgs) -> Result<Self> {
        let mut out: Box<dyn Write> = match &common.output {
            Some(path) => Box::new(
                File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
            ),
            None => Box::new(io::stdout()),
        };
        let json = common.format == Format::Json;
        if json {
            write!(out, "[")?;
        } else {
            let heads = ["PACKAGES", "CRITICAL", "HIGH", "MEDIUM", "LOW", "SECRETS"];
            row(&mut out, "IMAGE", &heads.map(str::to_owned))?;
        }
        Ok(Self {
            out,
            json,
            count: 0,
        })
    }

    fn add(&mut self, report: &ScanReport) -> Result<()> {
        if self.json {
            let between = if self.count == 0 { "\n" } else { ",\n" };
            write!(self.out, "{between}")?;
            serde_json::to_writer_pretty(&mut self.out, report)?;
        } else {
            let count = |severity| report.count(severity).to_string();
            let cells = [
                report.packages.len().to_string(),
                count(Severity::Critical),
                count(Severity::High),
                count(Severity::Medium),
                count(Severity::Low),
                report.secrets.len().to_string(),
            ];
            row(&mut self.out, &report.target.name, &cells)?;
        }
        self.count += 1;
        Ok(self.out.flush()?)
    }

    fn end(mut self) -> Result<()> {
        if self.json {
            writeln!(self.out, "\n]")?;
        }
        Ok(self.out.flush()?)
    }
}

fn row(out: &mut dyn Write, name: &str, cells: &[String; 6]) -> io::Result<()> {
    let [packages, critical, high, medium, low, secrets] = cells;
    writeln!(
        out,
        "{name:<60} {packages:>9} {critical:>9} {high:>6} {medium:>7} {low:>5} {secrets:>8}"
    )
}
