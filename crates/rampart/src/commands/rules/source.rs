//! Which rules: files, folders of files, or those that come with the program.

use anyhow::{Context, Result, bail};
use clap::Args;
use rampart_detect::{
    CONTAINER_OUTPUT, Diagnostic, Options, Priority, RuleFile, Rules, builtin, yaml::MAX_FILE_BYTES,
};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Args, Debug)]
pub(super) struct SourceArgs {
    /// A file of rules, a folder of *.yaml, or `builtin` for those that come with Rampart; given
    /// again, later ones change earlier ones
    #[arg(long = "rules", short = 'r', value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Rules less severe than this are off
    #[arg(long, value_name = "PRIORITY", default_value = "debug")]
    priority: String,
}

/// What was loaded, and what was wrong.
pub(crate) struct Loaded {
    pub(crate) rules: Rules,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl SourceArgs {
    pub(super) fn load(&self) -> Result<Loaded> {
        self.load_with(CONTAINER_OUTPUT)
    }

    pub(super) fn load_with(&self, append_output: &str) -> Result<Loaded> {
        let Some(least) = Priority::named(&self.priority) else {
            let names: Vec<_> = Priority::ALL.iter().map(|(_, name)| *name).collect();
            bail!(
                "'{}' is no priority: use one of {}",
                self.priority,
                names.join(", ")
            );
        };
        let builtin = Path::new(BUILTIN).to_owned();
        let mut files = self.files.clone();
        if files.is_empty() {
            files.insert(0, builtin);
        }
        let options = Options {
            least,
            append_output: append_output.to_owned(),
        };
        load_files(&files, &options)
    }
}

/// The word for the rules that come with the program.
const BUILTIN: &str = "builtin";

/// Loads files, folders and our own rules, with every default.
pub(crate) fn load(files: &[PathBuf]) -> Result<Loaded> {
    load_files(files, &Options::default())
}

fn load_files(paths: &[PathBuf], options: &Options) -> Result<Loaded> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in paths {
        if path.as_os_str() == BUILTIN && !path.exists() {
            let own = builtin::ALL.iter();
            texts.extend(own.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
            continue;
        }
        for path in files_of(path)? {
            texts.push((path.display().to_string(), read(&path)?));
        }
    }
    let files: Vec<_> = texts
        .iter()
        .map(|(name, text)| RuleFile { name, text })
        .collect();
    let (rules, diagnostics) = Rules::load(&files, options);
    Ok(Loaded { rules, diagnostics })
}

impl Loaded {
    /// Prints what is wrong, where it does not mix with answers.
    pub(super) fn tell(&self) {
        for diagnostic in &self.diagnostics {
            eprintln!("{}", super::print::printable(&diagnostic.to_string()));
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.diagnostics.iter().any(Diagnostic::is_error)))
    }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))? {
        let path = entry?.path();
        let yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if yaml && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("no *.yaml in {}", path.display());
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut text = String::new();
    file.take(MAX_FILE_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {} as text", path.display()))?;
    Ok(text)
}
