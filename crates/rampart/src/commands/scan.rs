//! `rampart scan`: what is in an image, a directory or this machine, and what is known of it.

mod args;
mod attach;
mod database;
mod image;
mod login;
mod output;
mod progress;
mod registry;
mod suppress;

pub(crate) use args::ScanArgs;
pub(crate) use login::environment;

use crate::database::DatabaseArgs;
use anyhow::{Context, Result};
use args::{Command, CommonArgs, Format, ImageArgs, LoginArgs, Scanner};
use rampart_model::scan::{ScanReport, Severity, TargetKind};
use rampart_scanner::{
    cache::LayerCache,
    scan::{self, Inspected, Options},
    source::{Source, filesystem::Tree},
    stop::Stop,
};
use rampart_vuln::{
    db::Database,
    layer::{Glob, Selection},
    license,
    matching::MatchOptions,
    report::Shown,
    secret,
};
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

const NOT_SCANNED: u8 = 4;
const IN_PART: u8 = 5;

pub(crate) fn run(args: ScanArgs) -> Result<ExitCode> {
    let result_file = (args.common.format == Format::Neuvector)
        .then(|| args.common.output.clone())
        .flatten();
    match scan(args) {
        Ok(code) => Ok(code),
        Err(error) => {
            if let Some(path) = result_file {
                output::write_failure(&path, &error);
            }
            eprintln!("rampart: {error:#}");
            Ok(ExitCode::from(NOT_SCANNED))
        }
    }
}

fn scan(args: ScanArgs) -> Result<ExitCode> {
    let mut run = Run::new(args.common, args.login, args.database, kind(&args.command))?;
    if let Command::Registry(args) = &args.command {
        return registry::scan(&mut run, args);
    }
    let mut attachment = None;
    let inspected = match args.command {
        Command::Sbom { path } => {
            let found = scan::inspect_sbom(&path.display().to_string(), &suppress::bytes(&path)?)
                .with_context(|| format!("{} cannot be read as an SBOM", path.display()))?;
            run.finish(found)?
        }
        Command::Image(args) => {
            let found = inspect_image(&args, &mut run)?;
            if let Some(format) = args.attach_sbom {
                attachment = Some(attach::Attachment::new(format, &found)?);
            }
            run.finish(found)?
        }
        command => {
            let found = run.inspect(source(command)?)?;
            run.finish(found)?
        }
    };
    let shown = shown(&run.common);
    let report = shown.apply(inspected.report);
    output::write(&report, &shown, &run.common)?;
    if let Some(attachment) = attachment {
        attachment.push(&mut run)?;
    }
    Ok(exit_code(&report, inspected.incomplete, &run.common))
}

/// By an SBOM attached to it, if that is asked for and there is one; else by its layers.
fn inspect_image(args: &ImageArgs, run: &mut Run) -> Result<Inspected> {
    let source = image::source(args, run)?;
    if !args.sbom_sources.is_empty()
        && let Some(found) = attach::by_sbom(&source, run)?
    {
        return Ok(found);
    }
    run.inspect(source)
}

/// One run of the command: how to scan, and what was set up for it.
struct Run {
    common: CommonArgs,
    login: LoginArgs,
    options: Options,
    database: Option<Database>,
    /// Why nothing is looked up, if it was asked for and cannot be.
    no_database: Option<String>,
    suppressions: suppress::Suppressions,
    matching: MatchOptions,
    registries: login::Registries,
}

impl Run {
    fn new(
        common: CommonArgs,
        login: LoginArgs,
        database: DatabaseArgs,
        kind: TargetKind,
    ) -> Result<Self> {
        let options = options(&common, kind)?;
        let wanted = common.scanners.contains(&Scanner::Vuln);
        let opened = match wanted {
            true => database::open(&common, &database)?,
            false => None,
        };
        let missing = wanted && opened.is_none() && !common.format.is_sbom();
        Ok(Self {
            no_database: missing.then(|| database::missing(&database)),
            suppressions: suppress::Suppressions::read(&common)?,
            common,
            login,
            options,
            database: opened,
            matching: scan::match_options(kind),
            registries: login::Registries::default(),
        })
    }

    fn inspect(&self, source: Source) -> Result<Inspected> {
        let progress = progress::Bars::new(self.common.quiet, self.common.no_progress);
        let inspected = scan::inspect(source, &self.options, &progress);
        progress.finish();
        Ok(inspected?)
    }

    /// Judges what was found, and takes out of the count what does not count.
    fn finish(&self, mut inspected: Inspected) -> Result<Inspected> {
        if let Some(database) = &self.database {
            scan::judge(&mut inspected.report, database, &self.matching)
                .context("the vulnerability database cannot be used")?;
        }
        if let Some(why) = &self.no_database {
            inspected.incomplete = true;
            // A table's cell has no room for what to do about it.
            if !self.common.quiet {
                eprintln!("rampart: {why}");
            }
            scan::leave_unjudged(&mut inspected.report, why.clone());
        }
        if self.common.scanners.contains(&Scanner::License) {
            let policy = self.common.license.policy();
            inspected.report.licenses = license::findings(&inspected.report, &policy);
        }
        let notes = self.suppressions.apply(&mut inspected.report);
        if !self.common.quiet {
            for note in notes {
                eprintln!("rampart: {note}");
            }
        }
        Ok(inspected)
    }
}

fn shown(common: &CommonArgs) -> Shown {
    Shown {
        severities: common.severity.clone(),
        ignore_unfixed: common.ignore_unfixed,
        all_packages: common.list_all_pkgs,
        suppressed: common.show_suppressed,
    }
}

fn kind(command: &Command) -> TargetKind {
    match command {
        Command::Image(_) | Command::Registry(_) => TargetKind::Image,
        Command::Fs { .. } => TargetKind::Filesystem,
        Command::Rootfs { path: Some(_), .. } => TargetKind::Rootfs,
        Command::Rootfs { .. } => TargetKind::Container,
        Command::Sbom { .. } => TargetKind::Sbom,
        Command::Host { .. } => TargetKind::Host,
    }
}

fn exit_code(report: &ScanReport, incomplete: bool, common: &CommonArgs) -> ExitCode {
    let severities = report
        .vulnerabilities
        .iter()
        .filter(|found| found.suppressed.is_none())
        .map(|found| found.severity)
        .chain(report.secrets.iter().map(|found| found.severity))
        .chain(report.config_issues.iter().map(|found| found.severity))
        .chain(report.licenses.iter().map(|found| found.severity));
    let worst: Option<Severity> = severities.max();
    if let (Some(limit), Some(worst)) = (common.fail_on, worst)
        && worst >= limit
    {
        return ExitCode::from(if common.exit_code == 0 {
            1
        } else {
            common.exit_code
        });
    }
    if common.fail_on.is_none() && worst.is_some() && common.exit_code != 0 {
        return ExitCode::from(common.exit_code);
    }
    ExitCode::from(if incomplete { IN_PART } else { 0 })
}

fn options(common: &CommonArgs, kind: TargetKind) -> Result<Options> {
    let globs = |patterns: &[String]| patterns.iter().map(|text| Glob::new(text)).collect();
    let mut selection = Selection::for_target(kind);
    selection.skip_dirs = globs(&common.skip_dirs);
    selection.skip_files = globs(&common.skip_files);
    let own_rules = secret_rules(common)?;
    if own_rules.is_some() || !common.scanners.contains(&Scanner::Secret) {
        selection
            .analyzers
            .retain(|analyzer| analyzer.name() != "secret");
    }
    if let Some(rules) = own_rules
        .clone()
        .filter(|_| common.scanners.contains(&Scanner::Secret))
    {
        // Once a run: analyzers live as long as the program.
        selection
            .analyzers
            .push(Box::leak(Box::new(secret::Files::new(rules))));
    }
    let configuration = common
        .scanners
        .contains(&Scanner::Config)
        .then(|| own_rules.unwrap_or_else(|| Arc::new(secret::Scanner::builtin())));
    let mut options = Options {
        selection: Arc::new(selection),
        configuration,
        concurrency: common.parallel.into(),
        stop: Stop::after(common.timeout),
        ..Options::default()
    };
    if !common.no_cache {
        options.cache = cache(common, &options);
    }
    Ok(options)
}

/// Our rules for secrets with those of `--secret-config`, if there is one.
fn secret_rules(common: &CommonArgs) -> Result<Option<Arc<secret::Scanner>>> {
    let Some(path) = &common.secret_config else {
        return Ok(None);
    };
    let (file, diagnostics) = secret::RuleFile::load(&suppress::bytes(path)?);
    for diagnostic in &diagnostics {
        eprintln!(
            "rampart: {}: {}: {}",
            path.display(),
            diagnostic.place,
            diagnostic.reason
        );
    }
    anyhow::ensure!(
        file.rule_count() > 0 || diagnostics.is_empty(),
        "{}: no rule could be read",
        path.display()
    );
    Ok(Some(Arc::new(secret::Scanner::with(file, true))))
}

/// A cache that cannot be used costs time, not the scan.
fn cache(common: &CommonArgs, options: &Options) -> Option<Arc<LayerCache>> {
    let folder = common.cache_dir.clone().or_else(default_cache)?;
    let limit = common.cache_limit_mib.saturating_mul(1 << 20);
    let mut stamp = program_stamp();
    if let Some(path) = &common.secret_config {
        let rules = std::fs::read_to_string(path).unwrap_or_default();
        stamp = format!("{stamp}\n{rules}");
    }
    match LayerCache::open(&folder, &options.set_name(&stamp), limit) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(error) => {
            if !common.quiet {
                eprintln!("rampart: no cache: {}: {error}", folder.display());
            }
            None
        }
    }
}

fn default_cache() -> Option<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_CACHE_HOME")
        .or_else(|| Some(set("HOME")?.join(".cache")))
        .map(|dir| dir.join("rampart"))
}

/// Another build of this program may find other things in a layer.
pub(crate) fn program_stamp() -> String {
    let own = std::fs::metadata("/proc/self/exe");
    let own = own
        .map(|own| (own.len(), own.mtime(), own.mtime_nsec()))
        .unwrap_or_default();
    format!("{} {own:?}", env!("CARGO_PKG_VERSION"))
}

fn source(command: Command) -> Result<Source> {
    let tree = |path: &Path, kind| Source::Tree(Tree::new(path, kind));
    Ok(match command {
        Command::Fs { path } => tree(&path, TargetKind::Filesystem),
        Command::Rootfs {
            path: Some(path), ..
        } => tree(&path, TargetKind::Rootfs),
        Command::Rootfs { pid, .. } => Source::Tree(Tree::of_process(pid.unwrap_or(1))),
        Command::Host { root } => Source::Tree(Tree {
            root,
            ..Tree::host()
        }),
        Command::Image(_) | Command::Sbom { .. } | Command::Registry(_) => {
            anyhow::bail!("an image, an SBOM or a registry is no directory")
        }
    })
}
