//! `rampart scan registry`: every image of a registry, one after the other.

use super::{Run, args::RegistryArgs, exit_code, output, shown};
use crate::commands::scan::{IN_PART, args::Format};
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
    let names = names(run, args)?;
    let shown = shown(&run.common);
    let (mut reports, mut failures) = (Vec::new(), Vec::new());
    for name in &names {
        let platform = run.common.platform.clone();
        let source = run
            .registries
            .image(name, platform.as_ref(), &run.login, &run.options);
        let found = source
            .and_then(|source| run.inspect(source))
            .and_then(|found| run.finish(found));
        match found {
            Ok(inspected) => reports.push((shown.apply(inspected.report), inspected.incomplete)),
            Err(error) => failures.push(format!("{name}: {error:#}")),
        }
    }
    write(run, &reports)?;
    for failure in &failures {
        eprintln!("rampart: {failure}");
    }
    if reports.is_empty() && !failures.is_empty() {
        bail!("no image could be scanned");
    }
    let worst = reports
        .iter()
        .map(|(report, incomplete)| (report, exit_code(report, *incomplete, &run.common)))
        .find(|(_, code)| *code != ExitCode::SUCCESS);
    let part = if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(IN_PART)
    };
    Ok(worst.map_or(part, |(_, code)| code))
}

/// References of the images to scan, by repository and tag.
fn names(run: &mut Run, args: &RegistryArgs) -> Result<Vec<String>> {
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
        let found = runtime.block_on(client.tags(&args.registry, repository))?;
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

fn write(run: &Run, reports: &[(ScanReport, bool)]) -> Result<()> {
    if let [(report, _)] = reports {
        return output::write(report, &shown(&run.common), &run.common);
    }
    let mut out: Box<dyn Write> = match &run.common.output {
        Some(path) => Box::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        ),
        None => Box::new(io::stdout().lock()),
    };
    if run.common.format == Format::Json {
        let all: Vec<&ScanReport> = reports.iter().map(|(report, _)| report).collect();
        serde_json::to_writer_pretty(&mut out, &all)?;
        return Ok(writeln!(out)?);
    }
    writeln!(
        out,
        "{:<60} {:>9} {:>9} {:>6} {:>7} {:>5} {:>8}",
        "IMAGE", "PACKAGES", "CRITICAL", "HIGH", "MEDIUM", "LOW", "SECRETS"
    )?;
    for (report, _) in reports {
        writeln!(
            out,
            "{:<60} {:>9} {:>9} {:>6} {:>7} {:>5} {:>8}",
            report.target.name,
            report.packages.len(),
            report.count(Severity::Critical),
            report.count(Severity::High),
            report.count(Severity::Medium),
            report.count(Severity::Low),
            report.secrets.len(),
        )?;
    }
    Ok(())
}
